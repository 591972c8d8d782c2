"""Pooling by a power mean."""

from typing import ClassVar

from archspec import dims
from archspec.dims import Dim
from archspec.ops.base import (
    Example,
    Inputs,
    Needs,
    OpError,
    Pair,
    Single,
    Triple,
    Window,
    elements,
)
from archspec.ops.guards import Integers, positive
from archspec.ops.pool import Pool, holds_kernel, pooled
from archspec.ops.work import window_work
from archspec.values import TensorType


class _LPPool(Pool, abstract=True):
    """The p-norm of each window."""

    integers: ClassVar[Integers] = "promote"

    norm_type: float
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...] | None
    ceil_mode: bool = False

    def windows(self, inputs: Inputs) -> tuple[Window, ...]:
        return tuple(
            Window(kernel, stride, ceil_mode=self.ceil_mode)
            for kernel, stride in zip(self.kernel_size, self.stride or self.kernel_size, strict=True)
        )

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = self.check(need, inputs[0])
        if self.norm_type == 0:
            raise OpError("bad-argument", "`norm_type` must not be 0", argument="norm_type")
        positive(kernel_size=self.kernel_size, stride=self.stride or self.kernel_size)
        return pooled(need, type(self).name, x, self.windows(inputs))

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        """A power for each element besides the sum, and a root for each window."""
        return dims.add(dims.mul(window_work(self.kernel_size, outputs), 2), elements(outputs[0]))

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The powers, their means, the absolute values and the positive part of these, and the sums."""
        return (outputs[0].with_shape(inputs[0].shape), *outputs * 4)


class LPPool1d(_LPPool):
    """The p-norm of each window, p being `norm_type`: `[N, C, L]` to `[N, C, L']`."""

    spatial: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"norm_type": 2, "kernel_size": 3, "stride": 2, "ceil_mode": True}, ((2, 4, 8),)),
    )
    kernel_size: Single
    stride: Single | None = None


class LPPool2d(_LPPool):
    """The p-norm of each window, p being `norm_type`: `[N, C, H, W]` to `[N, C, H', W']`."""

    spatial: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"norm_type": 2, "kernel_size": [3, 2], "stride": 2}, ((2, 4, 9, 8),)),
    )
    kernel_size: Pair
    stride: Pair | None = None


class LPPool3d(_LPPool):
    """The p-norm of each window, p being `norm_type`: `[N, C, D, H, W]` to `[N, C, D', H', W']`."""

    spatial: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (Example({"norm_type": 1.0, "kernel_size": 2}, ((2, 4, 5, 6, 7),)),)
    kernel_size: Triple
    stride: Triple | None = None

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        output = super().infer(need, inputs)
        holds_kernel(need, "LPPool3d", inputs[0], self.kernel_size)
        return output
