"""Axes of size 1 put in and taken out; values repeated."""

from typing import ClassVar

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.axes import Axes, axes_of, axis_of, expands, fixes
from archspec.ops.base import Example, Inputs, Needs, OpError, RuntimeInts
from archspec.ops.functional import MethodFunction
from archspec.ops.reshape import Rearranged
from archspec.ops.target import Method, Target
from archspec.values import TensorType, dim_of


class Squeeze(MethodFunction, Rearranged):
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


class Unsqueeze(MethodFunction, Rearranged):
    """A new axis of size 1 before axis `dim` of the result: `dim: 1` makes `[N, L]` `[N, 1, L]`."""

    name: ClassVar[str] = "unsqueeze"
    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 1}, ((2, 4, 3),)), Example({"dim": -1}, ((2, 4),)))

    dim: int

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        axis = axis_of(x, self.dim, op=self.name, new=1)
        return x.with_shape((*x.shape[:axis], 1, *x.shape[axis:]))


class Expand(Rearranged):
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


class Repeat(Rearranged):
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
