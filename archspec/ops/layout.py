"""Layers that rearrange values."""

import math
from typing import ClassVar

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.base import (
    Category,
    Example,
    Inputs,
    Ints,
    ModuleOp,
    Needs,
    OpError,
    Pair,
    Reach,
    Window,
    elements,
)
from archspec.ops.conv import window_sizes
from archspec.ops.guards import axis, minimum_rank, not_negative, positive
from archspec.ops.target import Module, Target
from archspec.values import TensorType


class _Layout(ModuleOp, abstract=True):
    """What rearrangements share."""

    category: ClassVar[Category] = "reshape"
    reach: ClassVar[Reach] = "reshape"


class Flatten(_Layout):
    """Merges the axes `start_dim` to `end_dim` into one: `[N, C, H, W]` to `[N, C * H * W]`."""

    is_view: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 4, 5, 6),)),
        Example({"start_dim": 2}, ((2, 4, 5, 6),)),
        Example({"start_dim": -3, "end_dim": 2}, ((2, 4, 5, 6),)),
        Example({}, ((2, 4),)),
    )

    start_dim: int = 1
    end_dim: int = -1

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        start, end = axis(x, self.start_dim, "start_dim"), axis(x, self.end_dim, "end_dim", batch=True)
        if end < start:
            raise OpError(
                "bad-axis", f"`end_dim` {self.end_dim} of {x} comes before `start_dim` {self.start_dim}",
                argument="end_dim" if "end_dim" in self.model_fields_set else "start_dim",
            )  # fmt: skip
        return x.with_shape((*x.shape[:start], dims.product(x.shape[start : end + 1]), *x.shape[end + 1 :]))

    def passes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        return (0,)


class Unflatten(_Layout):
    """Splits axis `dim` into several, of which one may be -1 (the rest): `[N, 12, L]` to `[N, 3, 4, L]`."""

    is_view: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1, "unflattened_size": [2, 2]}, ((2, 4, 5),)),
        Example({"dim": -1, "unflattened_size": [3, -1, 2]}, ((2, 4, 12),)),
    )

    dim: int
    unflattened_size: Ints

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        split = axis(x, self.dim, "dim")
        sizes = split_sizes(need, x.shape[split], self.unflattened_size)
        return x.with_shape((*x.shape[:split], *sizes, *x.shape[split + 1 :]))

    def target(self, inputs: Inputs) -> Target:
        return Module("torch.nn.Unflatten", (self.dim, self.unflattened_size))

    def passes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        return (0,)


def split_sizes(need: Needs, size: Dim, wanted: tuple[int, ...]) -> tuple[Dim, ...]:
    """The parts of an axis of `size`; a -1 takes what is left."""
    given = [part for part in wanted if part != -1]
    if len(wanted) - len(given) > 1 or not wanted or min(given, default=1) < 1:
        raise OpError(
            "bad-argument", f"`unflattened_size` needs positive sizes and at most one -1, got {list(wanted)}",
            argument="unflattened_size",
        )  # fmt: skip
    message = f"`unflattened_size` {list(wanted)} does not multiply up to {show(size)}"
    product = math.prod(given)
    if len(given) == len(wanted):
        need.equal(size, product, message, argument="unflattened_size")
        return wanted
    rest = need.divisible(size, product, message, argument="unflattened_size")
    return tuple(rest if part == -1 else part for part in wanted)


class _Columns(_Layout, abstract=True):
    """Windows of a map as the columns of a matrix."""

    def windows_of(
        self, kernel_size: tuple[int, ...], dilation: tuple[int, ...], padding: tuple[int, ...], stride: tuple[int, ...]
    ) -> tuple[Window, ...]:
        positive(kernel_size=kernel_size, dilation=dilation, stride=stride)
        not_negative(padding=padding)
        return tuple(Window(k, s, p, p, d) for k, s, p, d in zip(kernel_size, stride, padding, dilation, strict=True))


class Unfold(_Columns):
    """Lists the windows of a map: `[N, C, H, W]` to `[N, C * kernel_size**2, windows]`."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 3, "padding": 1, "stride": 2}, ((2, 4, 7, 8),)),
        Example({"kernel_size": [2, 3], "dilation": [1, 2]}, ((2, 4, 7, 8),)),
    )

    kernel_size: Pair
    dilation: Pair = (1, 1)
    padding: Pair = (0, 0)
    stride: Pair = (1, 1)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        need.rank(x, 4, op="Unfold", layout="[N, C, H, W]")
        check_columns(need, x, op="Unfold")
        windows = self.windows_of(self.kernel_size, self.dilation, self.padding, self.stride)
        count = dims.product(window_sizes(need, "Unfold", x.shape[2:], windows))
        return x.with_shape((x.shape[0], dims.mul(x.shape[1], dims.product(self.kernel_size)), count))


class Fold(_Columns):
    """Adds up windows to a map, the adjoint of `Unfold`: `[N, C * kernel_size**2, windows]` to
    `[N, C, *output_size]`."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"output_size": [7, 8], "kernel_size": 3, "padding": 1, "stride": 2}, ((2, 36, 16),)),
        Example({"output_size": 4, "kernel_size": [1, 2]}, ((2, 8, 12),)),
    )

    output_size: Pair
    kernel_size: Pair
    dilation: Pair = (1, 1)
    padding: Pair = (0, 0)
    stride: Pair = (1, 1)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        need.rank(x, 3, op="Fold", layout="[N, C * kernel_size**2, windows]")
        check_columns(need, x, op="Fold")
        positive(output_size=self.output_size)
        windows = self.windows_of(self.kernel_size, self.dilation, self.padding, self.stride)
        count = dims.product(window_sizes(need, "Fold", self.output_size, windows))
        need.equal(
            x.shape[2], count, f"`Fold` to {list(self.output_size)} needs {show(count)} windows, got {x}", operand=0,
            label=f"axis 2 is {show(x.shape[2])}, not {show(count)}",
        )  # fmt: skip
        patch = self.kernel_size[0] * self.kernel_size[1]
        message = f"`kernel_size` {list(self.kernel_size)} does not divide the {show(x.shape[1])} rows of {x}"
        return x.with_shape((x.shape[0], need.divisible(x.shape[1], patch, message, operand=0), *self.output_size))

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return elements(inputs[0])


def check_columns(need: Needs, x: TensorType, *, op: str) -> None:
    """torch moves windows of all but integers."""
    if x.dtype != "bool":
        need.floating(x, op=op)


class PixelShuffle(_Layout):
    """Turns channels into resolution: `[N, *, C * r**2, H, W]` to `[N, *, C, H * r, W * r]`, r being `upscale_factor`
    (Shi et al., 2016, arXiv 1609.05158)."""

    reach: ClassVar[Reach] = "transposed"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"upscale_factor": 2}, ((2, 8, 5, 6),)),
        Example({"upscale_factor": 3}, ((2, 3, 9, 2, 4),)),
    )

    upscale_factor: int

    def windows(self, inputs: Inputs) -> tuple[Window, ...]:
        return (Window(self.upscale_factor, self.upscale_factor),) * 2

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x, r = inputs[0], self.upscale_factor
        minimum_rank(x, 4, op="PixelShuffle", layout="[N, *, C, H, W]")
        positive(upscale_factor=r)
        *leading, channels, height, width = x.shape
        message = f"`upscale_factor` {r} needs a multiple of {r * r} channels, got {show(channels)}"
        kept = need.divisible(channels, r * r, message, argument="upscale_factor")
        return x.with_shape((*leading, kept, dims.mul(height, r), dims.mul(width, r)))


class PixelUnshuffle(_Layout):
    """Turns resolution into channels: `[N, *, C, H * r, W * r]` to `[N, *, C * r**2, H, W]`, r being
    `downscale_factor`."""

    reach: ClassVar[Reach] = "window"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"downscale_factor": 2}, ((2, 3, 4, 6),)),
        Example({"downscale_factor": 3}, ((2, 2, 3, 3, 6),)),
    )

    downscale_factor: int

    def windows(self, inputs: Inputs) -> tuple[Window, ...]:
        return (Window(self.downscale_factor, self.downscale_factor),) * 2

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x, r = inputs[0], self.downscale_factor
        minimum_rank(x, 4, op="PixelUnshuffle", layout="[N, *, C, H, W]")
        positive(downscale_factor=r)
        *leading, channels, height, width = x.shape
        height, width = (
            need.divisible(size, r, f"`downscale_factor` {r} does not divide a size of {show(size)}", operand=0)
            for size in (height, width)
        )
        return x.with_shape((*leading, dims.mul(channels, r * r), height, width))


class ChannelShuffle(_Layout):
    """Interleaves `groups` groups of channels: `[N, C, *]`, shape kept (Zhang et al., 2017, arXiv 1707.01083)."""

    reach: ClassVar[Reach] = "pointwise"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"groups": 2}, ((2, 4, 5, 6),)),
        Example({"groups": 3}, ((2, 6, 5),)),
    )

    groups: int

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        minimum_rank(x, 3, op="ChannelShuffle", layout="[N, C, *] with a map")
        positive(groups=self.groups)
        message = f"`groups` {self.groups} does not divide the {show(x.shape[1])} channels"
        need.divisible(x.shape[1], self.groups, message, argument="groups")
        return x.with_shape(x.shape)


class Identity(_Layout):
    """Returns its input: any shape, kept."""

    reach: ClassVar[Reach] = "pointwise"
    is_view: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 4, 5),)),)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        return inputs[0].with_shape(inputs[0].shape)

    def passes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        return (0,)
