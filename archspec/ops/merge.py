"""Tensors joined along an axis, and taken apart again. The axis is 1 unless given: never the batch."""

from typing import ClassVar

from archspec import dims
from archspec.dims import Dim
from archspec.limits import current, more
from archspec.ops.axes import axis_of, equal_axis, replace_axis
from archspec.ops.base import Category, Example, Inputs, Ints, Needs, Op, OpError, Signature
from archspec.ops.dtypes import promote
from archspec.ops.needs import axes_text
from archspec.ops.target import Arg, Call, Code, Operand, Operands, Target
from archspec.values import TensorType


class _Merge(Op, abstract=True):
    """Two tensors or more, of the same shape but for what they are joined along."""

    category: ClassVar[Category] = "merge"
    signature: ClassVar[Signature] = Signature(("tensors",), variadic=True)

    dim: int = 1

    def passes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        """Of constants that were expanded the gradient is a sum."""
        return tuple(i for i, x in enumerate(inputs) if not x.constant)


class Cat(_Merge):
    """Tensors one after the other along axis `dim`: `[N, A, H, W]` and `[N, B, H, W]` to `[N, A + B, H, W]`.

    Axes of size 1 of a Parameter or Buffer expand to the others' size: a class token `[1, 1, D]` over the batch.
    """

    name: ClassVar[str] = "cat"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 4, 3, 5), (2, 1, 3, 5), (2, 2, 3, 5))),
        Example({"dim": -1}, ((2, 4, 3), (2, 4, 5))),
    )

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        axis = axis_of(inputs[0], self.dim, op=self.name)
        shape, wanted = list(inputs[0].shape), inputs[0]
        for operand, x in enumerate(inputs[1:], 1):
            if x.rank != wanted.rank:
                raise OpError(
                    "wrong-rank", f"`cat` needs as many axes in all inputs, got {wanted} and {x}", operand=operand,
                    label=f"{axes_text(x.rank)}, not {wanted.rank}",
                    help="add axes with `unsqueeze`, or `flatten` some",
                )  # fmt: skip
            for other, size in enumerate(x.shape):
                if other == axis:
                    shape[axis] = dims.add(shape[axis], size)
                elif size == shape[other] or (x.constant and size == 1):
                    continue
                elif wanted.constant and shape[other] == 1:
                    shape[other] = size
                else:
                    message = f"`cat` needs equal shapes but for axis {axis}, got {wanted} and {x}"
                    shape[other] = equal_axis(need, message, other, shape[other], size, operand=operand, rank=x.rank)
            if wanted.constant:
                wanted = x
        return TensorType(tuple(shape), promote(*inputs))

    def target(self, inputs: Inputs) -> Target:
        axis = axis_of(inputs[0], self.dim, op=self.name)
        return Call("torch.cat", (_expanded(inputs, axis), self.dim))


def _expanded(inputs: Inputs, axis: int) -> Arg:
    """The inputs as a tuple; constants expand at their axes of size 1, as far as another input is larger."""
    larger = [next((i for i, x in enumerate(inputs) if x.shape[a] != 1), None) for a in range(inputs[0].rank)]
    larger[axis] = None
    tensors: list[Arg] = []
    for i, x in enumerate(inputs):
        sizes = [_size(inputs, j, a) if j is not None and x.shape[a] == 1 else "-1" for a, j in enumerate(larger)]
        expands = x.constant and any(size != "-1" for size in sizes)
        tensors.append(Code(f"{{{i}}}.expand({', '.join(sizes)})") if expands else Operand(i))
    return tuple(tensors) if any(isinstance(tensor, Code) for tensor in tensors) else Operands()


def _size(inputs: Inputs, operand: int, axis: int) -> str:
    size = inputs[operand].shape[axis]
    return str(size) if isinstance(size, int) else f"{{{operand}}}.shape[{axis}]"


class Stack(_Merge):
    """Tensors of one shape along a new axis `dim`: two of `[N, C]` to `[N, 2, C]`."""

    name: ClassVar[str] = "stack"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 4, 3),) * 3), Example({"dim": -1}, ((2, 4, 3),) * 2))

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        axis = axis_of(inputs[0], self.dim, op=self.name, new=1)
        first = inputs[0]
        shape = list(first.shape)
        for operand, x in enumerate(inputs[1:], 1):
            message = f"`stack` needs equal shapes, got {first} and {x}"
            if x.rank != first.rank:
                raise OpError(
                    "wrong-rank", f"`stack` needs equal shapes, got {first} and {x}", operand=operand,
                    label=f"{axes_text(x.rank)}, not {first.rank}",
                )  # fmt: skip
            for other, size in enumerate(x.shape):
                shape[other] = equal_axis(need, message, other, shape[other], size, operand=operand, rank=x.rank)
        shape.insert(axis, len(inputs))
        return TensorType(tuple(shape), promote(*inputs))

    def target(self, inputs: Inputs) -> Target:
        return Call("torch.stack", (Operands(), self.dim))


class _Parts(Op, abstract=True):
    """One tensor taken apart along axis `dim`; the node has as many values as there are parts."""

    category: ClassVar[Category] = "merge"
    is_view: ClassVar[bool] = True

    def call(self, inputs: Inputs, *arguments: Arg) -> Call:
        parts = self.infer(Needs(), inputs)
        assert isinstance(parts, tuple)
        return Call(f"torch.{self.name}", (Operand(0), *arguments), unpack=tuple(range(len(parts))))


class Chunk(_Parts):
    """`chunks` equal parts along axis `dim`, the last smaller where they do not divide it: `[N, C, *]` to as many of
    `[N, C / chunks, *]`. Like torch's, it may give fewer parts: 5 in 4 is 2, 2, 1."""

    name: ClassVar[str] = "chunk"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"chunks": 2}),
        Example({"chunks": 4, "dim": -1}, ((2, 3, 5),)),
    )

    chunks: int
    dim: int = 1

    def infer(self, need: Needs, inputs: Inputs) -> tuple[TensorType, ...]:
        x = inputs[0]
        axis = axis_of(x, self.dim, op=self.name)
        size = x.shape[axis]
        if self.chunks < 1:
            raise OpError("bad-argument", f"`chunks` must be positive, got {self.chunks}", argument="chunks")
        if dims.known_divisible(size, self.chunks) and not isinstance(size, int):
            _check_count(self.chunks, self.name)
            each = need.divisible(size, self.chunks, f"`chunk` cannot cut axis {axis} in {self.chunks}")
            sizes: tuple[Dim, ...] = (each,) * self.chunks
        else:
            whole = need.integer(size, f"`chunk` of axis {axis}", operand=0)
            sizes = cut(whole, -(-whole // self.chunks))
        return tuple(x.with_shape(replace_axis(x.shape, axis, part)) for part in sizes)

    def target(self, inputs: Inputs) -> Target:
        return self.call(inputs, self.chunks, self.dim)


def cut(size: int, step: int) -> tuple[int, ...]:
    """`size` in pieces of `step`, the last one what is left. Raises OpError where there are too many."""
    _check_count(-(-size // step), "split")
    return tuple(min(step, size - start) for start in range(0, size, step))


def _check_count(count: int, op: str) -> None:
    most = current().items
    if count > most:
        raise OpError("limit", f"`{op}` gives {count:,} parts, more than {most:,}", help=more("items"))


class Split(_Parts):
    """Parts of `split_size_or_sections` along axis `dim`: a number is the size of each (the last may be smaller), a
    list gives all of them."""

    name: ClassVar[str] = "split"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"split_size_or_sections": [1, 5, 2]}),
        Example({"split_size_or_sections": 4, "dim": 2}),
    )

    split_size_or_sections: int | Ints
    dim: int = 1

    def infer(self, need: Needs, inputs: Inputs) -> tuple[TensorType, ...]:
        x = inputs[0]
        axis = axis_of(x, self.dim, op=self.name)
        size, wanted = x.shape[axis], self.split_size_or_sections
        argument = "split_size_or_sections"
        if isinstance(wanted, int):
            if wanted < 1:
                raise OpError("bad-argument", f"`{argument}` must be positive, got {wanted}", argument=argument)
            sizes = cut(need.integer(size, f"`split` of axis {axis}", operand=0), wanted)
        else:
            if not wanted or min(wanted) < 1:
                raise OpError("bad-argument", f"`{argument}` must be positive, got {list(wanted)}", argument=argument)
            message = f"`split` needs sections that sum to {dims.show(size)}, got {list(wanted)} for axis {axis} of {x}"
            need.equal(size, sum(wanted), message, argument=argument, label=f"sum to {sum(wanted)}")
            sizes = wanted
        return tuple(x.with_shape(replace_axis(x.shape, axis, part)) for part in sizes)

    def target(self, inputs: Inputs) -> Target:
        return self.call(inputs, self.split_size_or_sections, self.dim)


class Unbind(_Parts):
    """One part for each index of axis `dim`, without that axis: `[N, 3, C]` to three of `[N, C]`."""

    name: ClassVar[str] = "unbind"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 3, 5),)), Example({"dim": -1}, ((2, 3, 5),)))

    dim: int = 1

    def infer(self, need: Needs, inputs: Inputs) -> tuple[TensorType, ...]:
        x = inputs[0]
        axis = axis_of(x, self.dim, op=self.name)
        count = need.integer(x.shape[axis], f"`unbind` of axis {axis}", operand=0)
        _check_count(count, self.name)
        return (x.with_shape(replace_axis(x.shape, axis)),) * count

    def target(self, inputs: Inputs) -> Target:
        return self.call(inputs, self.dim)
