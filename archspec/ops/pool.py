"""Pooling over sliding windows."""

from typing import Any, ClassVar

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.base import (
    Category,
    Example,
    Inputs,
    Kept,
    ModuleOp,
    Needs,
    OpError,
    Pair,
    Reach,
    Single,
    Target,
    Triple,
    Wanted,
    Window,
)
from archspec.ops.guards import LAYOUT, Integers, not_negative, positive, real
from archspec.ops.work import window_work
from archspec.values import TensorType


class Pool(ModuleOp, abstract=True):
    """What all pools share."""

    category: ClassVar[Category] = "pooling"
    reach: ClassVar[Reach] = "window"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    spatial: ClassVar[int]
    integers: ClassVar[Integers] = "keep"

    def check(self, need: Needs, x: TensorType) -> TensorType:
        """The input's own type, with the dtype of the result."""
        op = type(self).name
        need.rank(x, self.spatial + 2, op=op, layout=LAYOUT[self.spatial + 2])
        return real(need, x, op=op, integers=self.integers, booleans=self.integers == "promote")


def pooled(need: Needs, op: str, x: TensorType, windows: tuple[Window, ...]) -> TensorType:
    """The type after pooling the last axes of `x`. With `ceil_mode` a window may overhang by less than a stride."""
    out: list[Dim] = []
    first = x.rank - len(windows)
    for axis, (size, w) in enumerate(zip(x.shape[first:], windows, strict=True), first):
        extent = w.dilation * (w.kernel - 1) + 1
        padded = dims.add(size, w.pad_before + w.pad_after)
        need.at_least(
            padded, extent - (w.stride - 1 if w.ceil_mode else 0),
            f"the window of `{op}` spans {extent}, but its padded input has only {show(padded)}", operand=0,
            label=f"axis {axis} of {x}", help="make the kernel smaller, or downsample less before this node",
        )  # fmt: skip
        out.append(dims.window_out(size, w.kernel, w.stride, w.pad_before, w.pad_after, w.dilation, w.ceil_mode))
    return x.with_shape((*x.shape[:first], *out))


def check_pool(kernel_size: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]) -> None:
    """The arguments of a pool with padding: at most half a window of it, so that each window meets the input."""
    positive(kernel_size=kernel_size, stride=stride)
    not_negative(padding=padding)
    for kernel, pad in zip(kernel_size, padding, strict=True):
        if pad > kernel // 2:
            raise OpError(
                "bad-argument", f"`padding` {pad} is more than half of `kernel_size` {kernel}", argument="padding",
                help=f"pad by at most {kernel // 2}, or put a padding layer before this node",
            )  # fmt: skip


class _MaxPool(Pool, abstract=True):
    """The largest value of each window; with `return_indices` also where it was."""

    results: ClassVar[tuple[str, ...]] = ("output", "indices")

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...] | None
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    return_indices: bool = False
    ceil_mode: bool = False

    def windows(self, inputs: Inputs) -> tuple[Window, ...]:
        return tuple(
            Window(kernel, stride, padding, padding, dilation, self.ceil_mode)
            for kernel, stride, padding, dilation in zip(
                self.kernel_size, self.stride or self.kernel_size, self.padding, self.dilation, strict=True
            )
        )

    def infer(self, need: Needs, inputs: Inputs) -> TensorType | tuple[TensorType, ...]:
        x = self.check(need, inputs[0])
        check_pool(self.kernel_size, self.stride or self.kernel_size, self.padding)
        positive(dilation=self.dilation)
        return with_indices(pooled(need, type(self).name, x, self.windows(inputs)), self.return_indices)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return window_work(self.kernel_size, outputs)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        return with_places(outputs)

    def by_products(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return with_places(outputs).made

    def target(self, inputs: Inputs) -> Target:
        return self.module_target(**unpacked(self.return_indices))


def with_indices(output: TensorType, return_indices: bool) -> TensorType | tuple[TensorType, TensorType]:
    """The results of a maximum that may also say where it was."""
    return (output, TensorType(output.shape, "int64")) if return_indices else output


def with_places(outputs: tuple[TensorType, ...]) -> Kept:
    """What a maximum keeps: its input, and where it was."""
    if len(outputs) == 1:
        return Kept((0,), made=(TensorType(outputs[0].shape, "int64"),))
    return Kept((0,), (1,))


def unpacked(return_indices: bool) -> dict[str, Any]:
    """How those results come back from torch."""
    return {"unpack": (0, 1)} if return_indices else {}


class MaxPool1d(_MaxPool):
    """The largest value of each window: `[N, C, L]` to `[N, C, L']`."""

    spatial: ClassVar[int] = 1
    integers: ClassVar[Integers] = "refuse"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 2}, ((2, 4, 9),)),
        Example({"kernel_size": 3, "stride": 1, "padding": 1, "dilation": 2, "return_indices": True}, ((2, 4, 9),)),
    )
    kernel_size: Single
    stride: Single | None = None
    padding: Single = (0,)
    dilation: Single = (1,)

    def by_products(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return ()  # its own kernel, where no gradient is wanted


class MaxPool2d(_MaxPool):
    """The largest value of each window: `[N, C, H, W]` to `[N, C, H', W']`."""

    spatial: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 3, "stride": 2, "padding": 1}, ((2, 4, 9, 8),)),
        Example({"kernel_size": [2, 3], "ceil_mode": True}, ((2, 4, 9, 8),)),
        Example({"kernel_size": 2, "stride": 2, "return_indices": True}, ((2, 4, 9, 8),)),
        Example({"kernel_size": 2, "dilation": [1, 3]}, ((2, 4, 9, 8),)),
    )
    kernel_size: Pair
    stride: Pair | None = None
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)


class MaxPool3d(_MaxPool):
    """The largest value of each window: `[N, C, D, H, W]` to `[N, C, D', H', W']`."""

    spatial: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 2, "stride": [1, 2, 2], "ceil_mode": True}, ((2, 4, 5, 6, 7),)),
    )
    kernel_size: Triple
    stride: Triple | None = None
    padding: Triple = (0, 0, 0)
    dilation: Triple = (1, 1, 1)


class _AvgPool(Pool, abstract=True):
    """The mean of each window."""

    integers: ClassVar[Integers] = "refuse"  # torch averages those of 64 bits, on the CPU only

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...] | None
    padding: tuple[int, ...]
    ceil_mode: bool = False
    count_include_pad: bool = True

    def windows(self, inputs: Inputs) -> tuple[Window, ...]:
        return tuple(
            Window(kernel, stride, padding, padding, ceil_mode=self.ceil_mode)
            for kernel, stride, padding in zip(
                self.kernel_size, self.stride or self.kernel_size, self.padding, strict=True
            )
        )

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = self.check(need, inputs[0])
        check_pool(self.kernel_size, self.stride or self.kernel_size, self.padding)
        return pooled(need, type(self).name, x, self.windows(inputs))

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return window_work(self.kernel_size, outputs)


class AvgPool1d(_AvgPool):
    """The mean of each window: `[N, C, L]` to `[N, C, L']`."""

    spatial: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}, ((2, 4, 9),)),
        Example({"kernel_size": 4, "ceil_mode": True}, ((2, 4, 9),)),
    )
    kernel_size: Single
    stride: Single | None = None
    padding: Single = (0,)


def check_divisor(divisor: int | None) -> None:
    if divisor == 0:
        raise OpError("bad-argument", "`divisor_override` must not be 0", argument="divisor_override")


class AvgPool2d(_AvgPool):
    """The mean of each window: `[N, C, H, W]` to `[N, C, H', W']`."""

    spatial: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 2, "stride": 2}, ((2, 4, 9, 8),)),
        Example({"kernel_size": [3, 2], "padding": [1, 0], "divisor_override": 4}, ((2, 4, 9, 8),)),
        Example({"kernel_size": 3, "stride": 2, "ceil_mode": True, "count_include_pad": False}, ((2, 4, 8, 8),)),
    )
    kernel_size: Pair
    stride: Pair | None = None
    padding: Pair = (0, 0)
    divisor_override: int | None = None

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        check_divisor(self.divisor_override)
        return super().infer(need, inputs)


class AvgPool3d(_AvgPool):
    """The mean of each window: `[N, C, D, H, W]` to `[N, C, D', H', W']`."""

    spatial: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 2, "stride": [1, 2, 2], "ceil_mode": True}, ((2, 4, 5, 6, 7),)),
        Example({"kernel_size": 3, "padding": 1, "divisor_override": 9}, ((2, 4, 5, 6, 7),)),
    )
    kernel_size: Triple
    stride: Triple | None = None
    padding: Triple = (0, 0, 0)
    divisor_override: int | None = None

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        check_divisor(self.divisor_override)
        output = super().infer(need, inputs)
        holds_kernel(need, "AvgPool3d", inputs[0], self.kernel_size)
        return output


def holds_kernel(need: Needs, op: str, x: TensorType, kernel_size: tuple[int, ...]) -> None:
    """torch's 3-D average wants the input, unpadded, no smaller than the window."""
    for axis, (size, kernel) in enumerate(zip(x.shape[2:], kernel_size, strict=True), 2):
        need.at_least(
            size, kernel, f"the window of `{op}` spans {kernel}, but its input has only {show(size)}", operand=0,
            label=f"axis {axis} of {x}", help="make the kernel smaller, or downsample less before this node",
        )  # fmt: skip
