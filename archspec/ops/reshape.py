"""The same elements in other axes. Shapes are whole, the batch axis included, as torch's are."""

from typing import ClassVar

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.axes import axis_of, replace_axis
from archspec.ops.base import Category, Example, Inputs, Needs, Op, OpError, Reach, RuntimeInts
from archspec.ops.functional import Function, MethodFunction
from archspec.ops.target import Arg, Code, Index, Method, Target
from archspec.values import SizeArg, TensorType, dim_of


class Rearranged(Op, abstract=True):
    """Rearranges axes without computing."""

    category: ClassVar[Category] = "reshape"
    reach: ClassVar[Reach] = "reshape"
    is_view: ClassVar[bool] = True

    def is_identity(self, inputs: Inputs) -> bool:
        """Whether the shape stays as it is; right for ops that keep the elements in order."""
        out = self.infer(Needs(), inputs)
        assert isinstance(out, TensorType)
        return same_shape(inputs[0], out)

    def passes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        return (0,)


def same_shape(a: TensorType, b: TensorType) -> bool:
    """Whether two shapes agree for every input size."""
    return a.rank == b.rank and all(map(dims.proved_equal, a.shape, b.shape))


class Flatten(Function, Rearranged):
    """The axes `start_dim` to `end_dim` as one: `[N, C, H, W]` to `[N, C * H * W]`."""

    name: ClassVar[str] = "flatten"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 4, 3, 5),)), Example({"start_dim": 2}, ((2, 4, 3, 5),)))

    start_dim: int = 1
    end_dim: int = -1

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        start = axis_of(x, self.start_dim, op=self.name, argument="start_dim")
        end = axis_of(x, self.end_dim, op=self.name, argument="end_dim")
        if start > end:
            raise OpError("bad-axis", f"`flatten` from axis {start} to axis {end} is backwards", argument="end_dim")
        return x.with_shape((*x.shape[:start], dims.product(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def filled(need: Needs, op: str, size: Dim, sizes: tuple[SizeArg, ...], of: str, *, argument: str) -> tuple[Dim, ...]:
    """`sizes` for `size` elements, -1 (at most once) replaced by what is left. `of` names what is cut."""
    given = tuple(map(dim_of, sizes))
    wrong = next((n for n in given if n != -1 and dims.known_at_least(n, 1) is False), None)
    if wrong is not None:
        raise OpError("bad-argument", f"`{op}` needs positive sizes, or -1, got {show(wrong)}", argument=argument)
    if given.count(-1) > 1:
        raise OpError("bad-argument", f"`{op}` can infer one size, got -1 {given.count(-1)} times", argument=argument)
    known = dims.product(n for n in given if n != -1)
    text = "[" + ", ".join(map(show, given)) + "]"
    if -1 not in given:
        label = f"{show(known)} elements, not {show(size)}"
        need.equal(size, known, f"`{op}` cannot make {text} of {of}", argument=argument, label=label)
        return given
    whole, part = one_sample(size), dims.value(known)
    label = f"{show(known)} does not divide {show(size)}"
    if whole is not None and part is not None and whole % part:
        raise OpError("not-divisible", f"`{op}` cannot make {text} of {of}", argument=argument, label=label)
    quotient = dims.floor_div(size, known)
    message = f"`{op}` cannot make {text} of {of}"
    need.equal(dims.mul(quotient, known), size, message, code="not-divisible", argument=argument, label=label)
    return tuple(quotient if n == -1 else n for n in given)


def one_sample(size: Dim) -> int | None:
    """The size in a batch of one: at the nominal sizes, the symbol that has none being 1."""
    known = dims.value(size)
    if known is not None:
        return known
    unknown = {symbol.text for symbol in dims.symbols_of(dims.form_of(size)) if symbol.value is None}
    try:
        return dims.value(dims.substitute(size, dict.fromkeys(unknown, 1))) if len(unknown) == 1 else None
    except ZeroDivisionError:  # a size of 1 leaves nothing of an axis that something is divided by
        return None


class Reshape(Rearranged):
    """Another shape for the same elements, batch axis included: `shape: [-1, 3, 85, input.height, input.width]`.

    One size may be -1; where it stands for the batch, that is known. A batch must not be given as a number.
    """

    name: ClassVar[str] = "reshape"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"shape": [-1, 2, 4, 5]}, ((2, 8, 5),)),
        Example({"shape": [-1, 4, 10]}, ((2, 8, 5),)),
        Example({"shape": [-1, 5]}, ((2, 8, 5),)),
    )

    shape: RuntimeInts

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        if not self.shape or not x.rank:
            raise OpError(
                "bad-argument", f"`{self.name}` needs the sizes of all axes, got {x} to none", argument="shape"
            )
        size, batch, head = dims.product(x.shape), x.shape[0], self.shape[0]
        symbolic = not isinstance(batch, int) and not x.constant
        if head == -1 and self.keeps_batch(x):
            rest = filled(
                need, self.name, dims.product(x.shape[1:]), self.shape[1:], f"{x} without its batch", argument="shape"
            )
            return x.with_shape((batch, *rest))
        shape = filled(need, self.name, size, self.shape, str(x), argument="shape")
        if symbolic and isinstance(head, int) and head != -1 and not dims.proved_equal(dims.product(shape), size):
            raise OpError(
                "shape-mismatch", f"`{self.name}` would fix the batch of {x} to {head}", argument="shape",
                help="write -1 for the batch axis",
            )  # fmt: skip
        return x.with_shape(shape)

    def keeps_batch(self, x: TensorType) -> bool:
        """Whether a leading -1 comes to the size of the input's first axis."""
        rest, known = dims.product(x.shape[1:]), dims.product(map(dim_of, self.shape[1:]))
        if dims.proved_equal(rest, known):
            return True
        if dims.known_at_least(known, 1) is False:
            return False
        size = dims.product(x.shape)
        exact = dims.proved_equal(dims.mul(dims.floor_div(size, known), known), size)
        agree = dims.known_equal(rest, known)
        return not exact and (agree or (agree is None and dims.can_agree(rest, known)))

    def target(self, inputs: Inputs) -> Target:
        sizes: tuple[Arg, ...] = self.shape
        if self.shape[0] == -1 and self.keeps_batch(inputs[0]):
            sizes = (Code("{0}.shape[0]"), *self.shape[1:])
        return Method("reshape", sizes)


class View(Reshape):
    """`reshape`: shares memory with the input where it can and copies where it must, so that it never fails."""

    name: ClassVar[str] = "view"
    examples: ClassVar[tuple[Example, ...]] = (Example({"shape": [-1, 40]}, ((2, 8, 5),)),)


class Unflatten(MethodFunction, Rearranged):
    """One axis as several: `[N, C, L]` with `dim: 1, sizes: [heads, -1]` to `[N, heads, C / heads, L]`."""

    name: ClassVar[str] = "unflatten"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1, "sizes": [2, -1]}, ((2, 8, 5),)),
        Example({"dim": -1, "sizes": [3, 5]}, ((2, 8, 15),)),
    )

    dim: int
    sizes: RuntimeInts

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        axis = axis_of(x, self.dim, op=self.name)
        if not self.sizes:
            raise OpError("bad-argument", "`unflatten` needs at least one size, got none", argument="sizes")
        sizes = filled(need, self.name, x.shape[axis], self.sizes, f"axis {axis} of {x}", argument="sizes")
        return x.with_shape(replace_axis(x.shape, axis, *sizes))


class Contiguous(MethodFunction, Rearranged):
    """The same values, laid out in memory in the order of the axes."""

    name: ClassVar[str] = "contiguous"
    reach: ClassVar[Reach] = "pointwise"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 4, 3),)),)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        return inputs[0].with_shape(inputs[0].shape)

    def is_identity(self, inputs: Inputs) -> bool:
        return False  # the values are the same, their order in memory may not be


class Identity(Rearranged):
    """The input itself, under another name."""

    name: ClassVar[str] = "identity"
    reach: ClassVar[Reach] = "pointwise"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 4, 3),)),)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        return inputs[0].with_shape(inputs[0].shape)

    def target(self, inputs: Inputs) -> Target:
        return Index((slice(None),))
