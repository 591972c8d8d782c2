"""The same elements in other axes. Shapes are whole, the batch axis included, as torch's are."""

from typing import ClassVar

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.axes import Axes, axes_of, axis_of, expands, fixes, replace_axis
from archspec.ops.base import Category, Example, Inputs, Ints, Needs, Op, OpError, Reach, RuntimeInts
from archspec.ops.functional import Function, MethodFunction
from archspec.ops.target import Arg, Code, Index, Method, Target
from archspec.values import SizeArg, TensorType, dim_of


class _Reshape(Op, abstract=True):
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


class Flatten(Function, _Reshape):
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


class Reshape(_Reshape):
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


class Unflatten(MethodFunction, _Reshape):
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


class Permute(_Reshape):
    """The axes in another order: `dims: [0, 2, 3, 1]` makes `[N, C, H, W]` `[N, H, W, C]`."""

    name: ClassVar[str] = "permute"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dims": [0, 2, 3, 1]}, ((2, 4, 3, 5),)),
        Example({"dims": [2, 0, 3, 1, -1]}, ((2, 4, 3, 5, 6),)),
    )

    dims: Ints

    def order(self, x: TensorType) -> tuple[int, ...]:
        """The input's axes, in the result's order."""
        order = axes_of(x, self.dims, op=self.name, argument="dims")
        if len(order) != x.rank:
            raise OpError(
                "bad-axis", f"`permute` needs all {x.rank} axes of {x}, got {list(self.dims)}", argument="dims",
                help="the batch is axis 0: `dims: [0, ...]`",
            )  # fmt: skip
        return order

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        return x.with_shape(tuple(x.shape[axis] for axis in self.order(x)))

    def is_identity(self, inputs: Inputs) -> bool:
        return self.order(inputs[0]) == tuple(range(inputs[0].rank))

    def target(self, inputs: Inputs) -> Target:
        return Method("permute", self.dims)


class Transpose(MethodFunction, _Reshape):
    """Two axes swapped: `dim0: 1, dim1: 2` makes `[N, C, L]` `[N, L, C]`."""

    name: ClassVar[str] = "transpose"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim0": 1, "dim1": 2}, ((2, 4, 3),)),
        Example({"dim0": -2, "dim1": -1}, ((2, 4, 3, 5),)),
    )

    dim0: int
    dim1: int

    def axes(self, x: TensorType) -> tuple[int, int]:
        """The two axes, counted from the front."""
        return axis_of(x, self.dim0, op=self.name, argument="dim0"), axis_of(
            x, self.dim1, op=self.name, argument="dim1"
        )

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        first, second = self.axes(inputs[0])
        shape = list(inputs[0].shape)
        shape[first], shape[second] = shape[second], shape[first]
        return inputs[0].with_shape(tuple(shape))

    def is_identity(self, inputs: Inputs) -> bool:
        first, second = self.axes(inputs[0])
        return first == second


class MoveDim(_Reshape):
    """Axes moved to other places, the rest in their order: `source: 1, destination: -1` makes `[N, C, H, W]`
    `[N, H, W, C]`."""

    name: ClassVar[str] = "movedim"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"source": 1, "destination": -1}, ((2, 4, 3, 5),)),
        Example({"source": [1, 2], "destination": [2, 1]}, ((2, 4, 3, 5),)),
    )

    source: Axes
    destination: Axes

    def order(self, x: TensorType) -> tuple[int, ...]:
        """The input's axes, in the result's order."""
        source = axes_of(x, self.source, op=self.name, argument="source")
        destination = axes_of(x, self.destination, op=self.name, argument="destination")
        if len(source) != len(destination):
            message = f"`movedim` moves {len(source)} axes to {len(destination)} places"
            raise OpError("bad-argument", message, argument="destination")
        moved = dict(zip(destination, source, strict=True))
        rest = iter(axis for axis in range(x.rank) if axis not in source)
        return tuple(moved[axis] if axis in moved else next(rest) for axis in range(x.rank))

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        return x.with_shape(tuple(x.shape[axis] for axis in self.order(x)))

    def is_identity(self, inputs: Inputs) -> bool:
        return self.order(inputs[0]) == tuple(range(inputs[0].rank))

    def target(self, inputs: Inputs) -> Target:
        return Method("movedim", (alone(self.source), alone(self.destination)))


def alone(axes: int | tuple[int, ...]) -> int | tuple[int, ...]:
    """A list of one axis as that axis: torch wants both arguments of one kind."""
    return axes[0] if isinstance(axes, tuple) and len(axes) == 1 else axes


class Squeeze(MethodFunction, _Reshape):
    """Without the axes `dim` as far as their size is 1: `[N, C, 1, 1]` to `[N, C]`. Other numbers stay, as in torch; a
    size that differs from input to input is refused."""

    name: ClassVar[str] = "squeeze"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": [2, 3]}, ((2, 4, 1, 1),)),
        Example({"dim": -1}, ((2, 4, 3, 1),)),
    )

    dim: Axes

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        gone = {axis for axis in axes_of(x, self.dim, op=self.name) if not _stays(x.shape[axis])}
        for axis in gone:
            size = x.shape[axis]
            if not isinstance(size, int):
                message = f"`squeeze` needs size 1, axis {axis} of {x} is {show(size)}"
                if size.value is None:
                    raise OpError("bad-axis", message, argument="dim")
                need.equal(size, 1, message, code="bad-axis", argument="dim")
        return x.with_shape(tuple(n for axis, n in enumerate(x.shape) if axis not in gone))


def _stays(size: Dim) -> bool:
    """Whether an axis is never of size 1."""
    return size != 1 if isinstance(size, int) else dims.proved_at_least(size, 2)


class Unsqueeze(MethodFunction, _Reshape):
    """A new axis of size 1 before axis `dim` of the result: `dim: 1` makes `[N, L]` `[N, 1, L]`."""

    name: ClassVar[str] = "unsqueeze"
    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 1}, ((2, 4, 3),)), Example({"dim": -1}, ((2, 4),)))

    dim: int

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        axis = axis_of(x, self.dim, op=self.name, new=1)
        return x.with_shape((*x.shape[:axis], 1, *x.shape[axis:]))


class Expand(_Reshape):
    """Axes of size 1 repeated without a copy: `sizes: [-1, -1, 8, 8]` makes `[N, C, 1, 1]` `[N, C, 8, 8]`. -1 keeps a
    size; more sizes than axes add axes in front."""

    name: ClassVar[str] = "expand"
    overlaps: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"sizes": [-1, 4, 3, 5]}, ((2, 4, 1, 1),)),
        Example({"sizes": [3, -1, -1]}, ((2, 4),)),
    )

    sizes: RuntimeInts

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        new = len(self.sizes) - x.rank
        wanted = tuple(map(dim_of, self.sizes))
        if new < 0:
            message = f"`expand` needs a size for each axis of {x}, got {len(wanted)}"
            raise OpError("bad-argument", message, argument="sizes", help="-1 keeps a size")
        lowest = [-1 if axis >= new else 1 for axis in range(len(wanted))]
        for size, least in zip(wanted, lowest, strict=True):
            if isinstance(size, int) and (size < least or size == 0):
                raise OpError("bad-argument", f"`expand` cannot make a size of {size}", argument="sizes")
        shape = list(wanted)
        for axis, size in enumerate(x.shape, new):
            if shape[axis] == -1:
                shape[axis] = size
            elif not expands(need, size, shape[axis]):
                wrong = OpError(
                    "shape-mismatch", f"`expand` of {x} can only change axes of size 1", argument="sizes",
                    label=f"axis {axis - new} is {show(size)}, not {show(shape[axis])}", help="-1 keeps a size",
                )  # fmt: skip
                if fixes(size, shape[axis]):
                    raise wrong
                shape[axis] = need.equal(
                    size, shape[axis], wrong.message, argument="sizes", label=wrong.label, help=wrong.help
                )
        return x.with_shape(tuple(shape))

    def target(self, inputs: Inputs) -> Target:
        return Method("expand", self.sizes)

    def passes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        return ()  # what was repeated is summed


class Repeat(_Reshape):
    """Copies side by side, `repeats` along each axis: `[1, 1, 2, 2]` tiles a map four times. More numbers than axes add
    axes in front."""

    name: ClassVar[str] = "repeat"
    is_view: ClassVar[bool] = False
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"repeats": [1, 2, 1, 3]}, ((2, 4, 3, 5),)),
        Example({"repeats": [2, 1, 1]}, ((2, 4),)),
    )

    repeats: RuntimeInts

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        new = len(self.repeats) - x.rank
        if new < 0:
            message = f"`repeat` needs a number for each axis of {x}, got {len(self.repeats)}"
            raise OpError("bad-argument", message, argument="repeats", help="1 keeps a size")
        counts = tuple(map(dim_of, self.repeats))
        for count in counts:
            need.at_least(
                count, 1, f"`repeat` needs positive numbers, got {show(count)}", code="bad-argument", argument="repeats"
            )
        return x.with_shape(tuple(map(dims.mul, counts, (*(1,) * new, *x.shape))))

    def target(self, inputs: Inputs) -> Target:
        return Method("repeat", self.repeats)

    def passes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        return ()  # what was repeated is summed


class Contiguous(MethodFunction, _Reshape):
    """The same values, laid out in memory in the order of the axes."""

    name: ClassVar[str] = "contiguous"
    reach: ClassVar[Reach] = "pointwise"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 4, 3),)),)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        return inputs[0].with_shape(inputs[0].shape)

    def is_identity(self, inputs: Inputs) -> bool:
        return False  # the values are the same, their order in memory may not be


class Identity(_Reshape):
    """The input itself, under another name."""

    name: ClassVar[str] = "identity"
    reach: ClassVar[Reach] = "pointwise"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 4, 3),)),)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        return inputs[0].with_shape(inputs[0].shape)

    def target(self, inputs: Inputs) -> Target:
        return Index((slice(None),))
