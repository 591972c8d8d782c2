"""Layers that resize a map to given sizes or by given factors."""

import math
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import BeforeValidator

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.base import (
    Category,
    Example,
    Inputs,
    Ints,
    Kept,
    ModuleOp,
    Needs,
    OpError,
    Pair,
    Reach,
    Wanted,
    as_tuple,
    elements,
    tuple_of,
)
from archspec.ops.guards import LAYOUT, positive
from archspec.ops.work import keeps_for_mean
from archspec.values import TensorType

Mode = Literal["nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"]
Factors = Annotated[tuple[float, ...], BeforeValidator(as_tuple)]
FactorPair = Annotated[tuple[float, float], tuple_of(2)]

RANKS: dict[Mode, tuple[int, ...]] = {"linear": (3,), "bilinear": (4,), "bicubic": (4,), "trilinear": (5,)}
"""How many axes an interpolating mode needs; the others take any map."""


Number = TypeVar("Number", int, float)


def per_axis(value: Number | tuple[Number, ...], x: TensorType, argument: str) -> tuple[Number, ...]:
    """One number for each spatial axis of `x`."""
    if not isinstance(value, tuple):
        return (value,) * (x.rank - 2)
    if len(value) != x.rank - 2:
        raise OpError(
            "bad-argument", f"`{argument}` needs {x.rank - 2} numbers for {x}, got {list(value)}", argument=argument
        )
    return value


def resized(
    need: Needs, x: TensorType, *, op: str,
    size: int | tuple[int, ...] | None, scale_factor: float | tuple[float, ...] | None,
) -> TensorType:  # fmt: skip
    """The type after resizing the spatial axes of `x`; exactly one of `size` and `scale_factor` is given."""
    if (size is None) == (scale_factor is None):
        found = "neither" if size is None else "both"
        raise OpError("bad-argument", f"`{op}` needs either `size` or `scale_factor`, got {found}")
    sizes: tuple[Dim, ...]
    if size is not None:
        positive(size=size)
        sizes = per_axis(size, x, "size")
    else:
        assert scale_factor is not None
        factors = per_axis(scale_factor, x, "scale_factor")
        if not all(0 < factor < math.inf for factor in factors):
            raise OpError(
                "bad-argument", f"`scale_factor` must be positive, got {scale_factor}", argument="scale_factor"
            )
        sizes = tuple(dims.scale(each, factor) for each, factor in zip(x.shape[2:], factors, strict=True))
        for axis, (old, new) in enumerate(zip(x.shape[2:], sizes, strict=True), 2):
            need.at_least(
                new, 1, f"`scale_factor` {scale_factor} leaves nothing of axis {axis}, which has {show(old)}",
                argument="scale_factor",
            )  # fmt: skip
    return x.with_shape((*x.shape[:2], *sizes))


TAPS: dict[Mode, int] = {"linear": 2, "bilinear": 4, "trilinear": 8, "bicubic": 16}
"""How many positions an element of the result is weighed from; in the other modes elements are copied."""


def resize_work(mode: Mode, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
    """An operation for each position that an element of the result is weighed from."""
    return elements(inputs[0]) if mode == "area" else dims.mul(elements(outputs[0]), TAPS.get(mode, 0))


def keeps_for_resize(mode: Mode, outputs: tuple[TensorType, ...]) -> Kept:
    """The mode `area` is an adaptive mean; the others need sizes alone."""
    return keeps_for_mean(outputs[0].shape[2:]) if mode == "area" else Kept()


class _Resize(ModuleOp, abstract=True):
    """What resizing layers share."""

    category: ClassVar[Category] = "resize"
    reach: ClassVar[Reach] = "resize"


class Upsample(_Resize):
    """Resizes the spatial axes to `size`, or by `scale_factor`: `[N, C, *]` to `[N, C, *]`.

    `linear`, `bilinear` and `bicubic`, `trilinear` are for 1, 2 and 3 spatial axes, the other modes for any.
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"scale_factor": 2}, ((2, 4, 5, 6),)),
        Example({"size": [7, 9], "mode": "bilinear", "align_corners": True}, ((2, 4, 5, 6),)),
        Example({"scale_factor": [1.5, 0.7], "mode": "bicubic"}, ((2, 4, 5, 6),)),
        Example({"size": 9, "mode": "linear"}, ((2, 4, 5),)),
        Example({"scale_factor": 1.7, "mode": "area", "recompute_scale_factor": True}, ((2, 4, 5),)),
        Example({"scale_factor": 2, "mode": "trilinear"}, ((2, 4, 2, 3, 4),)),
        Example({"size": 4, "mode": "nearest-exact"}, ((2, 4, 2, 3, 4),)),
    )

    size: int | Ints | None = None
    scale_factor: float | Factors | None = None
    mode: Mode = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        ranks = RANKS.get(self.mode, (3, 4, 5))
        layout = " or ".join(LAYOUT[rank] for rank in ranks)
        need.rank(x, *ranks, op=f"Upsample(mode={self.mode})", layout=layout)
        need.floating(x, op="Upsample")
        if self.mode not in RANKS and self.align_corners is not None:
            raise OpError(
                "bad-argument", f"`align_corners` means nothing to the mode `{self.mode}`", argument="align_corners",
                help="leave it out, or choose a linear or cubic mode",
            )  # fmt: skip
        if self.recompute_scale_factor and self.size is not None:
            raise OpError(
                "bad-argument", "`recompute_scale_factor` needs a `scale_factor`", argument="recompute_scale_factor"
            )
        return resized(need, x, op="Upsample", size=self.size, scale_factor=self.scale_factor)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return resize_work(self.mode, inputs, outputs)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        return keeps_for_resize(self.mode, outputs)


class _Upsampling2d(_Resize, abstract=True):
    """`Upsample` in one mode."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"scale_factor": 2}, ((2, 4, 5, 6),)),
        Example({"size": [7, 9]}, ((2, 4, 5, 6),)),
        Example({"scale_factor": [1.5, 2.5]}, ((2, 4, 5, 6),)),
    )

    size: Pair | None = None
    scale_factor: FactorPair | None = None

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x, op = inputs[0], type(self).name
        need.rank(x, 4, op=op, layout=LAYOUT[4])
        need.floating(x, op=op)
        return resized(need, x, op=op, size=self.size, scale_factor=self.scale_factor)


class UpsamplingNearest2d(_Upsampling2d):
    """Resizes by taking the nearest position: `[N, C, H, W]` to `[N, C, H', W']`."""


class UpsamplingBilinear2d(_Upsampling2d):
    """Resizes bilinearly, corners aligned: `[N, C, H, W]` to `[N, C, H', W']`."""

    per_element: ClassVar[int] = TAPS["bilinear"]
