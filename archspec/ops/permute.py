"""Axes in another order."""

from typing import ClassVar

from archspec.ops.axes import Axes, axes_of, axis_of
from archspec.ops.base import Example, Inputs, Ints, Needs, OpError
from archspec.ops.functional import MethodFunction
from archspec.ops.reshape import Rearranged
from archspec.ops.target import Method, Target
from archspec.values import TensorType


class Permute(Rearranged):
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
            missing = [axis for axis in range(x.rank) if axis not in order]
            batch = "; the batch is axis 0" if 0 in missing else ""
            raise OpError(
                "bad-axis", f"`permute` needs all {x.rank} axes of {x}, got {list(self.dims)}", argument="dims",
                help=f"add {', '.join(map(str, missing))}{batch}",
            )  # fmt: skip
        return order

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        return x.with_shape(tuple(x.shape[axis] for axis in self.order(x)))

    def is_identity(self, inputs: Inputs) -> bool:
        return self.order(inputs[0]) == tuple(range(inputs[0].rank))

    def target(self, inputs: Inputs) -> Target:
        return Method("permute", self.dims)


class Transpose(MethodFunction, Rearranged):
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


class MoveDim(Rearranged):
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
