"""Functions that resize or pool feature maps; the pools are the layers of `torch.nn`, called without one."""

from typing import ClassVar

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.adaptive_pool import AdaptiveAvgPool2d
from archspec.ops.base import (
    Category,
    Example,
    Inputs,
    Kept,
    Needs,
    Op,
    OpError,
    Reach,
    RuntimeInt,
    RuntimeInts,
    Signature,
    Wanted,
    constructor_arguments,
)
from archspec.ops.framing import last_axes_of
from archspec.ops.guards import LAYOUT
from archspec.ops.layout import PixelShuffle, PixelUnshuffle
from archspec.ops.pool import AvgPool2d, MaxPool2d
from archspec.ops.target import Arg, Call, Code, Operand, Target
from archspec.ops.upsample import RANKS, Factors, Mode, keeps_for_resize, resize_work
from archspec.values import TensorType, dim_of


class Interpolate(Op):
    """Resizes the axes from 2 on to `size`, by `scale_factor`, or to the size of `like`: `[N, C, *]` to `[N, C, *]`.

    `linear`, `bilinear` and `bicubic`, `trilinear` are for 1, 2 and 3 of them, the other modes for any. With `like` or
    `size` it is left out where the sizes agree for every input.
    """

    name: ClassVar[str] = "interpolate"
    category: ClassVar[Category] = "resize"
    reach: ClassVar[Reach] = "resize"
    signature: ClassVar[Signature] = Signature(("input",), ("like",), shape_only=frozenset({"like"}))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 4, 5, 6), (2, 3, 9, 8)), operands=("input", "like")),
        Example({"scale_factor": 2, "mode": "bilinear", "align_corners": False}, ((2, 4, 5, 6),)),
        Example({"scale_factor": [1.5, 2], "mode": "bicubic"}, ((2, 4, 5, 6),)),
        Example({"size": [7, 9], "mode": "bilinear", "antialias": True}, ((2, 4, 5, 6),)),
        Example({"size": 4, "mode": "area"}, ((2, 4, 5),)),
        Example({"scale_factor": 1.7, "mode": "nearest-exact", "recompute_scale_factor": True}, ((2, 4, 5),)),
    )

    size: RuntimeInt | RuntimeInts | None = None
    scale_factor: float | Factors | None = None
    mode: Mode = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None
    antialias: bool = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        ranks = RANKS.get(self.mode, (3, 4, 5))
        layout = " or ".join(LAYOUT[rank] for rank in ranks)
        need.rank(x, *ranks, op=f"interpolate(mode={self.mode})", layout=layout)
        need.floating(x, op=self.name)
        self.check_flags()
        sizes = self.sizes(inputs)
        for axis, (old, new) in enumerate(zip(x.shape[2:], sizes, strict=True), 2):
            argument = "size" if self.size is not None else "scale_factor"
            need.at_least(
                new, 1, f"`interpolate` leaves nothing of axis {axis}, which has {show(old)}", argument=argument
            )
        return x.with_shape((*x.shape[:2], *sizes))

    def check_flags(self) -> None:
        """The flags fit the mode. Raises OpError."""
        if self.mode not in RANKS and self.align_corners is not None:
            raise OpError(
                "bad-argument", f"`align_corners` means nothing to the mode `{self.mode}`", argument="align_corners",
                help="leave it out, or choose a linear or cubic mode",
            )  # fmt: skip
        if self.antialias and self.mode not in ("bilinear", "bicubic"):
            raise OpError(
                "bad-argument", f"`antialias` needs a bilinear or bicubic mode, got {self.mode}", argument="antialias"
            )
        if self.recompute_scale_factor and self.scale_factor is None:
            message = "`recompute_scale_factor` needs a `scale_factor`"
            raise OpError("bad-argument", message, argument="recompute_scale_factor")

    def sizes(self, inputs: Inputs) -> tuple[Dim, ...]:
        """The result's axes from 2 on. Raises OpError."""
        x, like = inputs[0], inputs.get("like")
        given = [name for name in ("size", "scale_factor") if getattr(self, name) is not None]
        if like is not None:
            given.append("like")
        if len(given) != 1:
            found = " and ".join(f"`{name}`" for name in given) or "none"
            message = f"`interpolate` needs one of `size`, `scale_factor` and `like`, got {found}"
            raise OpError("bad-argument", message, argument=given[0] if given and given[0] != "like" else None)
        if like is not None:
            return last_axes_of(like, x, op=self.name)
        spatial = x.rank - 2
        value = self.size if self.size is not None else self.scale_factor
        if isinstance(value, tuple) and len(value) != spatial:
            message = f"`{given[0]}` needs {spatial} numbers for {x}, got {len(value)}"
            raise OpError("bad-argument", message, argument=given[0])
        if self.size is not None:
            return tuple(map(dim_of, self.size if isinstance(self.size, tuple) else (self.size,) * spatial))
        assert self.scale_factor is not None
        factors = self.scale_factor if isinstance(self.scale_factor, tuple) else (self.scale_factor,) * spatial
        return tuple(map(dims.scale, x.shape[2:], factors))

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return resize_work(self.mode, inputs, outputs)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        return keeps_for_resize(self.mode, outputs)

    def is_identity(self, inputs: Inputs) -> bool:
        return self.scale_factor is None and all(map(dims.proved_equal, inputs[0].shape[2:], self.sizes(inputs)))

    def target(self, inputs: Inputs) -> Target:
        kwargs: list[tuple[str, Arg]] = []
        if "like" in inputs.names:
            kwargs.append(("size", Code("{1}.shape[2:]")))
        kwargs += [
            (name, getattr(self, name))
            for name, info in type(self).model_fields.items()
            if getattr(self, name) != info.default
        ]
        return Call("torch.nn.functional.interpolate", (Operand(0),), tuple(kwargs))


class _FunctionForm(Op, abstract=True):
    """A layer without state, called as a function with the same arguments."""

    def target(self, inputs: Inputs) -> Target:
        args, kwargs = constructor_arguments(self)
        return Call(f"torch.nn.functional.{self.name}", (Operand(0), *args), kwargs)


class PixelShuffleFunction(_FunctionForm, PixelShuffle):
    """`PixelShuffle` as a function: `[N, *, C * r**2, H, W]` to `[N, *, C, H * r, W * r]`, r being `upscale_factor`."""

    name: ClassVar[str] = "pixel_shuffle"


class PixelUnshuffleFunction(_FunctionForm, PixelUnshuffle):
    """`PixelUnshuffle` as a function: `[N, *, C, H * r, W * r]` to `[N, *, C * r**2, H, W]`, r being
    `downscale_factor`."""

    name: ClassVar[str] = "pixel_unshuffle"


class AvgPool2dFunction(_FunctionForm, AvgPool2d):
    """`AvgPool2d` as a function: the mean of each window, `[N, C, H, W]` to `[N, C, H', W']`."""

    name: ClassVar[str] = "avg_pool2d"


class MaxPool2dFunction(_FunctionForm, MaxPool2d):
    """`MaxPool2d` as a function: the largest value of each window, `[N, C, H, W]` to `[N, C, H', W']`."""

    name: ClassVar[str] = "max_pool2d"

    def target(self, inputs: Inputs) -> Target:
        args, kwargs = constructor_arguments(self)
        unpack = (0, 1) if self.return_indices else None
        return Call("torch.nn.functional.max_pool2d", (Operand(0), *args), kwargs, unpack)


class AdaptiveAvgPool2dFunction(AdaptiveAvgPool2d):
    """`AdaptiveAvgPool2d` as a function: the means of windows that cover the input evenly, `[N, C, H, W]` to
    `[N, C, *output_size]`; null keeps a size."""

    name: ClassVar[str] = "adaptive_avg_pool2d"

    def target(self, inputs: Inputs) -> Target:
        sizes = [Code(f"{{0}}.shape[{i}]") if n is None else n for i, n in enumerate(self.output_size, 2)]
        size = sizes[0] if sizes[0] == sizes[1] else tuple(sizes)
        return Call("torch.nn.functional.adaptive_avg_pool2d", (Operand(0), size))
