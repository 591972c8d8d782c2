"""Convolutions and transposed convolutions, 1-D to 3-D.

Output sizes: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), arXiv 1603.07285.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, Literal

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.base import (
    Category,
    Example,
    Inferred,
    Inputs,
    Kept,
    ModuleOp,
    Needs,
    OpError,
    Pair,
    Reach,
    Single,
    State,
    Triple,
    Wanted,
    Window,
    elements,
)
from archspec.ops.guards import like_weights
from archspec.values import TensorType

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]

LAYOUT = {1: "[N, C, L]", 2: "[N, C, H, W]", 3: "[N, C, D, H, W]"}


class _Convolution(ModuleOp, abstract=True):
    """What convolutions of both directions share: weights, groups, costs. Autograd keeps the input even where no
    weight is trained."""

    category: ClassVar[Category] = "convolution"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    spatial: ClassVar[int]

    in_channels: Inferred[int]
    out_channels: int
    groups: int
    bias: bool

    @classmethod
    def inferred(cls, need: Needs, inputs: Inputs) -> Mapping[str, Any]:
        need.rank(inputs[0], cls.spatial + 2, op=cls.name, layout=LAYOUT[cls.spatial])
        return {"in_channels": need.integer(inputs[0].shape[1], "`in_channels`", operand=0)}

    def check(self, need: Needs, x: TensorType, positive: Mapping[str, tuple[int, ...]]) -> None:
        """The guards that both directions share."""
        op = type(self).name
        need.rank(x, self.spatial + 2, op=op, layout=LAYOUT[self.spatial])
        like_weights(need, x, op=op)
        for argument, values in {"out_channels": (self.out_channels,), "groups": (self.groups,), **positive}.items():
            if min(values) < 1:
                raise OpError("bad-argument", f"`{argument}` must be positive, got {min(values)}", argument=argument)
        for what, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise OpError(
                    "not-divisible",
                    f"`groups` {self.groups} does not divide `{what}` {channels}",
                    argument="groups" if "groups" in self.model_fields_set else what,
                    help="choose `groups` so that it divides both numbers of channels",
                )

    def weights(self, weight: tuple[int, ...]) -> tuple[State, ...]:
        return (State("weight", weight), *([State("bias", (self.out_channels,))] if self.bias else []))


class _Conv(_Convolution, abstract=True):
    """Convolution over `spatial` axes."""

    reach: ClassVar[Reach] = "window"

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] | Literal["same", "valid"]
    dilation: tuple[int, ...]
    padding_mode: PaddingMode

    def windows(self, inputs: Inputs) -> tuple[Window, ...]:
        return _windows(self.kernel_size, self.stride, self.padding, self.dilation)

    def pads(self) -> tuple[tuple[int, int], ...]:
        """Padding before and after, per axis."""
        return _pads(self.kernel_size, self.padding, self.dilation)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        positive = {"kernel_size": self.kernel_size, "stride": self.stride, "dilation": self.dilation}
        self.check(need, x, positive)
        if self.padding == "same" and max(self.stride) > 1:
            raise OpError(
                "bad-argument",
                f"`padding: same` needs stride 1, got {max(self.stride)}",
                argument="padding",
                help="write the padding as a number: `padding: kernel_size // 2`",
            )
        if min(min(pair) for pair in self.pads()) < 0:
            raise OpError("bad-argument", f"`padding` must not be negative, got {self.padding}", argument="padding")
        sizes = x.shape[2:]
        self.check_padding_mode(need, sizes)
        return x.with_shape(
            (x.shape[0], self.out_channels, *window_sizes(need, type(self).name, sizes, self.windows(inputs)))
        )

    def check_padding_mode(self, need: Needs, sizes: tuple[Dim, ...]) -> None:
        """Reflection needs a pad smaller than the map, wrapping one no larger."""
        spare = {"reflect": 1, "circular": 0}.get(self.padding_mode)
        if spare is None:
            return
        for size, pair in zip(sizes, self.pads(), strict=True):
            need.at_least(
                size,
                max(pair) + spare,
                f"`padding_mode: {self.padding_mode}` cannot pad a map of {show(size)} by {max(pair)}",
                argument="padding",
            )

    def state(self) -> tuple[State, ...]:
        return self.weights((self.out_channels, self.in_channels // self.groups, *self.kernel_size))

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """Padding that the kernel of the convolution cannot do is done before, and its result kept."""
        if self.padding_mode != "zeros":
            extra = [before + after for before, after in self.pads()]
        else:
            extra = [after - before for before, after in self.pads()] if self.padding == "same" else []
            if not any(extra):
                return super().kept(inputs, outputs, wanted)
        x = inputs[0]
        padded = x.with_shape((*x.shape[:2], *map(dims.add, x.shape[2:], extra)))
        sources = (0,) if self.padding_mode in ("reflect", "replicate") and wanted.inputs[0] else ()
        return Kept(sources, made=(padded,))

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(outputs[0]), self.in_channels // self.groups * math.prod(self.kernel_size))


def window_sizes(need: Needs, op: str, sizes: tuple[Dim, ...], windows: tuple[Window, ...]) -> tuple[Dim, ...]:
    """Output sizes of sliding windows; each must have room for at least one."""
    out: list[Dim] = []
    for size, w in zip(sizes, windows, strict=True):
        extent = w.dilation * (w.kernel - 1) + 1
        padded = dims.add(size, w.pad_before + w.pad_after)
        if not dims.proved_at_least(padded, extent):
            need.at_least(
                padded,
                extent,
                f"the window of `{op}` spans {extent}, but its padded input has only {show(padded)}",
                operand=0,
                help="make the kernel smaller, pad more, or downsample less before this node",
            )
        out.append(dims.window_out(size, w.kernel, w.stride, w.pad_before, w.pad_after, w.dilation, w.ceil_mode))
    return tuple(out)


_Padding = tuple[int, ...] | Literal["same", "valid"]

# A network's convolutions have few kernels.


@lru_cache(maxsize=1 << 10)
def _pads(kernel_size: tuple[int, ...], padding: _Padding, dilation: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """`same` puts the odd one after, as torch does."""
    if padding == "valid":
        return ((0, 0),) * len(kernel_size)
    if padding == "same":
        spare = (d * (k - 1) for k, d in zip(kernel_size, dilation, strict=True))
        return tuple((total // 2, total - total // 2) for total in spare)
    return tuple((int(pad), int(pad)) for pad in padding)


@lru_cache(maxsize=1 << 10)
def _windows(
    kernel_size: tuple[int, ...], stride: tuple[int, ...], padding: _Padding, dilation: tuple[int, ...]
) -> tuple[Window, ...]:
    axes = zip(kernel_size, stride, _pads(kernel_size, padding, dilation), dilation, strict=True)
    return tuple(Window(k, s, before, after, d) for k, s, (before, after), d in axes)


class Conv1d(_Conv):
    """Convolution over one spatial axis: `[N, C, L]` to `[N, out_channels, L']`."""

    spatial: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_channels": 6, "kernel_size": 3}, ((2, 4, 9),)),
        Example({"out_channels": 4, "kernel_size": 4, "padding": "same", "dilation": 2, "groups": 2}, ((2, 4, 9),)),
    )
    in_channels: Inferred[int]
    out_channels: int
    kernel_size: Single
    stride: Single = (1,)
    padding: Single | Literal["same", "valid"] = (0,)
    dilation: Single = (1,)
    groups: int = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"


class Conv2d(_Conv):
    """Convolution over two spatial axes: `[N, C, H, W]` to `[N, out_channels, H', W']`."""

    spatial: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_channels": 6, "kernel_size": 3, "padding": 1, "bias": False}, ((2, 4, 9, 8),)),
        Example({"out_channels": 6, "kernel_size": [1, 5], "stride": [1, 2], "padding": [0, 2]}, ((2, 4, 9, 8),)),
        Example({"out_channels": 8, "kernel_size": 3, "padding": "same", "groups": 4, "dilation": 2}, ((2, 4, 9, 8),)),
        Example({"out_channels": 5, "kernel_size": 3, "padding": 2, "padding_mode": "reflect"}, ((2, 4, 9, 8),)),
    )
    in_channels: Inferred[int]
    out_channels: int
    kernel_size: Pair
    stride: Pair = (1, 1)
    padding: Pair | Literal["same", "valid"] = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"


class Conv3d(_Conv):
    """Convolution over three spatial axes: `[N, C, D, H, W]` to `[N, out_channels, D', H', W']`."""

    spatial: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_channels": 6, "kernel_size": 3, "stride": 2, "padding": 1}, ((2, 4, 5, 6, 7),)),
    )
    in_channels: Inferred[int]
    out_channels: int
    kernel_size: Triple
    stride: Triple = (1, 1, 1)
    padding: Triple | Literal["same", "valid"] = (0, 0, 0)
    dilation: Triple = (1, 1, 1)
    groups: int = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"


class _ConvTranspose(_Convolution, abstract=True):
    """The transpose of a convolution: its gradient with respect to the input."""

    reach: ClassVar[Reach] = "transposed"

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    output_padding: tuple[int, ...]
    dilation: tuple[int, ...]

    def windows(self, inputs: Inputs) -> tuple[Window, ...]:
        return tuple(
            Window(kernel, stride, padding, padding, dilation)
            for kernel, stride, padding, dilation in zip(
                self.kernel_size, self.stride, self.padding, self.dilation, strict=True
            )
        )

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x, op = inputs[0], type(self).name
        self.check(need, x, {"kernel_size": self.kernel_size, "stride": self.stride, "dilation": self.dilation})
        for argument, values in (("padding", self.padding), ("output_padding", self.output_padding)):
            if min(values) < 0:
                raise OpError(
                    "bad-argument", f"`{argument}` must not be negative, got {min(values)}", argument=argument
                )
        sizes: list[Dim] = []
        for axis, (size, kernel, stride, padding, extra, dilation) in enumerate(
            zip(
                x.shape[2:],
                self.kernel_size,
                self.stride,
                self.padding,
                self.output_padding,
                self.dilation,
                strict=True,
            )
        ):
            if extra >= max(stride, dilation):
                raise OpError(
                    "bad-argument",
                    f"`output_padding` {extra} must be smaller than the stride {stride} or the dilation {dilation}",
                    argument="output_padding",
                )
            out = dims.transposed_out(size, kernel, stride, padding, dilation, extra)
            need.at_least(out, 1, f"`{op}` leaves nothing of axis {axis + 2}: size {show(out)}", argument="padding")
            sizes.append(out)
        return x.with_shape((x.shape[0], self.out_channels, *sizes))

    def state(self) -> tuple[State, ...]:
        return self.weights((self.in_channels, self.out_channels // self.groups, *self.kernel_size))

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(inputs[0]), self.out_channels // self.groups * math.prod(self.kernel_size))


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution over one axis: `[N, C, L]` to `[N, out_channels, L']`."""

    spatial: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_channels": 6, "kernel_size": 3, "stride": 2, "output_padding": 1}, ((2, 4, 9),)),
    )
    in_channels: Inferred[int]
    out_channels: int
    kernel_size: Single
    stride: Single = (1,)
    padding: Single = (0,)
    output_padding: Single = (0,)
    groups: int = 1
    bias: bool = True
    dilation: Single = (1,)
    padding_mode: Literal["zeros"] = "zeros"


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution over two axes: `[N, C, H, W]` to `[N, out_channels, H', W']`."""

    spatial: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_channels": 6, "kernel_size": 2, "stride": 2}, ((2, 4, 9, 8),)),
        Example({"out_channels": 6, "kernel_size": 3, "padding": 1, "dilation": 2, "groups": 2}, ((2, 4, 9, 8),)),
    )
    in_channels: Inferred[int]
    out_channels: int
    kernel_size: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    output_padding: Pair = (0, 0)
    groups: int = 1
    bias: bool = True
    dilation: Pair = (1, 1)
    padding_mode: Literal["zeros"] = "zeros"


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution over three axes: `[N, C, D, H, W]` to `[N, out_channels, D', H', W']`."""

    spatial: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_channels": 6, "kernel_size": 3, "stride": 2, "padding": 1}, ((2, 4, 3, 4, 5),)),
    )
    in_channels: Inferred[int]
    out_channels: int
    kernel_size: Triple
    stride: Triple = (1, 1, 1)
    padding: Triple = (0, 0, 0)
    output_padding: Triple = (0, 0, 0)
    groups: int = 1
    bias: bool = True
    dilation: Triple = (1, 1, 1)
    padding_mode: Literal["zeros"] = "zeros"
