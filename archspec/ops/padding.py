"""Padding layers. `padding` lists pairs from the last axis backwards: left, right, top, bottom, front, back.

Negative padding crops, as in torch.
"""

from typing import Annotated, ClassVar

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.base import Category, Example, Inputs, ModuleOp, Needs, Pair, Reach, Window, tuple_of
from archspec.ops.guards import LAYOUT, real
from archspec.values import TensorType

Quad = Annotated[tuple[int, int, int, int], tuple_of(4)]
Six = Annotated[tuple[int, int, int, int, int, int], tuple_of(6)]

LINE, IMAGE, VOLUME = ((2, 4, 5),), ((2, 4, 5, 6),), ((2, 4, 3, 5, 6),)


class _Pad(ModuleOp, abstract=True):
    """What paddings share: a window of one position, with padding."""

    category: ClassVar[Category] = "padding"
    reach: ClassVar[Reach] = "window"
    spatial: ClassVar[int]
    booleans: ClassVar[bool] = True

    padding: tuple[int, ...]

    def windows(self, inputs: Inputs) -> tuple[Window, ...]:
        pairs = zip(self.padding[::2], self.padding[1::2], strict=True)
        return tuple(Window(1, 1, before, after) for before, after in pairs)[::-1]

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x, op = inputs[0], type(self).name
        need.rank(x, self.spatial + 2, op=op, layout=LAYOUT[self.spatial + 2])
        sizes: list[Dim] = []
        for axis, (size, w) in enumerate(zip(x.shape[2:], self.windows(inputs), strict=True), 2):
            padded = dims.add(size, w.pad_before + w.pad_after)
            need.at_least(padded, 1, f"`{op}` leaves nothing of axis {axis}: size {show(padded)}", argument="padding")
            self.check_axis(need, size, w.pad_before, w.pad_after)
            sizes.append(padded)
        return real(need, x, op=op, booleans=self.booleans).with_shape((*x.shape[:2], *sizes))

    def check_axis(self, need: Needs, size: Dim, before: int, after: int) -> None:
        """How much of an axis may be padded or cropped."""


class _FilledPad(_Pad, abstract=True):
    """Pads with one value; what is cropped must be there."""

    def check_axis(self, need: Needs, size: Dim, before: int, after: int) -> None:
        cropped = max(0, -before) + max(0, -after)
        need.at_least(size, cropped, f"`padding` crops {cropped} of a size of {show(size)}", argument="padding")


class _ReflectionPad(_Pad, abstract=True):
    """Mirrors the map at its border positions."""

    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    booleans: ClassVar[bool] = False

    def check_axis(self, need: Needs, size: Dim, before: int, after: int) -> None:
        pad = max(before, after)
        need.at_least(size, pad + 1, f"reflection cannot pad a size of {show(size)} by {pad}", argument="padding")


class _ReplicationPad(_Pad, abstract=True):
    """Repeats the map's border positions."""

    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    booleans: ClassVar[bool] = False


class _CircularPad(_Pad, abstract=True):
    """Wraps the map around."""

    def check_axis(self, need: Needs, size: Dim, before: int, after: int) -> None:
        pad, cropped = max(before, after), max(0, -before) + max(0, -after)
        need.at_least(size, pad, f"wrapping around cannot pad a size of {show(size)} by {pad}", argument="padding")
        need.at_least(size, cropped + 1, f"`padding` crops {cropped} of a size of {show(size)}", argument="padding")


class ZeroPad1d(_FilledPad):
    """Pads with zeros, `[left, right]`: `[N, C, L]` to `[N, C, L']`."""

    spatial: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (Example({"padding": [2, 1]}, LINE),)
    padding: Pair


class ZeroPad2d(_FilledPad):
    """Pads with zeros, `[left, right, top, bottom]`: `[N, C, H, W]` to `[N, C, H', W']`."""

    spatial: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"padding": 1}, IMAGE),
        Example({"padding": [0, 1, 2, -3]}, IMAGE),
    )
    padding: Quad


class ZeroPad3d(_FilledPad):
    """Pads with zeros, `[left, right, top, bottom, front, back]`: `[N, C, D, H, W]` to `[N, C, D', H', W']`."""

    spatial: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (Example({"padding": [0, 1, 2, 3, 4, 5]}, VOLUME),)
    padding: Six


class ConstantPad1d(_FilledPad):
    """Pads with `value`, `[left, right]`: `[N, C, L]` to `[N, C, L']`."""

    spatial: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (Example({"padding": [2, 1], "value": 0.5}, LINE),)
    padding: Pair
    value: float


class ConstantPad2d(_FilledPad):
    """Pads with `value`, `[left, right, top, bottom]`: `[N, C, H, W]` to `[N, C, H', W']`."""

    spatial: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (Example({"padding": [0, 1, 2, 3], "value": -1}, IMAGE),)
    padding: Quad
    value: float


class ConstantPad3d(_FilledPad):
    """Pads with `value`, `[left, right, top, bottom, front, back]`: `[N, C, D, H, W]` to `[N, C, D', H', W']`."""

    spatial: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (Example({"padding": 2, "value": 0.5}, VOLUME),)
    padding: Six
    value: float


class ReflectionPad1d(_ReflectionPad):
    """Mirrors the ends, `[left, right]` of them: `[N, C, L]` to `[N, C, L']`."""

    spatial: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (Example({"padding": [4, 1]}, LINE),)
    padding: Pair


class ReflectionPad2d(_ReflectionPad):
    """Mirrors the borders, `[left, right, top, bottom]` of them: `[N, C, H, W]` to `[N, C, H', W']`."""

    spatial: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (Example({"padding": [5, 1, 2, 4]}, IMAGE),)
    padding: Quad


class ReflectionPad3d(_ReflectionPad):
    """Mirrors the borders, `[left, right, top, bottom, front, back]` of them: `[N, C, D, H, W]` to
    `[N, C, D', H', W']`."""

    spatial: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (Example({"padding": 2}, VOLUME),)
    padding: Six


class ReplicationPad1d(_ReplicationPad):
    """Repeats the ends, `[left, right]` times: `[N, C, L]` to `[N, C, L']`."""

    spatial: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (Example({"padding": 7}, LINE),)
    padding: Pair


class ReplicationPad2d(_ReplicationPad):
    """Repeats the borders, `[left, right, top, bottom]` times: `[N, C, H, W]` to `[N, C, H', W']`."""

    spatial: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (Example({"padding": [0, 1, 2, 3]}, IMAGE),)
    padding: Quad


class ReplicationPad3d(_ReplicationPad):
    """Repeats the borders, `[left, right, top, bottom, front, back]` times: `[N, C, D, H, W]` to
    `[N, C, D', H', W']`."""

    spatial: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (Example({"padding": [0, 1, 2, 3, 1, 0]}, VOLUME),)
    padding: Six


class CircularPad1d(_CircularPad):
    """Wraps around, `[left, right]` positions: `[N, C, L]` to `[N, C, L']`."""

    spatial: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (Example({"padding": [5, 1]}, LINE),)
    padding: Pair


class CircularPad2d(_CircularPad):
    """Wraps around, `[left, right, top, bottom]` positions: `[N, C, H, W]` to `[N, C, H', W']`."""

    spatial: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (Example({"padding": [0, 1, 2, -3]}, IMAGE),)
    padding: Quad


class CircularPad3d(_CircularPad):
    """Wraps around, `[left, right, top, bottom, front, back]` positions: `[N, C, D, H, W]` to
    `[N, C, D', H', W']`."""

    spatial: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (Example({"padding": 3}, VOLUME),)
    padding: Six
