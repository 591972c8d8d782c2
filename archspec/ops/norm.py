"""Normalisation layers."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

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
    Reach,
    State,
    Wanted,
    as_tuple,
    constructor_arguments,
    elements,
)
from archspec.ops.guards import minimum_rank, narrow, positive, real
from archspec.ops.target import Code, Module, Target
from archspec.ops.work import NORMALISE, row_statistics
from archspec.values import TensorType

NEIGHBOURS = 5
"""Operations of a response normalisation besides the sums: the square, a factor, a sum, the power, the quotient."""


class _Norm(ModuleOp, abstract=True):
    """What normalisations share."""

    category: ClassVar[Category] = "normalization"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)


class _StatNorm(_Norm, abstract=True):
    """Normalisation with statistics of each channel (axis 1), which may be tracked."""

    ranks: ClassVar[tuple[int, ...]]
    layout: ClassVar[str]

    num_features: Inferred[int]
    eps: float = 1e-5
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True
    bias: bool = True

    @classmethod
    def check_rank(cls, need: Needs, x: TensorType) -> None:
        need.rank(x, *cls.ranks, op=cls.name, layout=cls.layout)

    @classmethod
    def inferred(cls, need: Needs, inputs: Inputs) -> Mapping[str, Any]:
        cls.check_rank(need, inputs[0])
        return {"num_features": need.integer(inputs[0].shape[1], "`num_features`", operand=0)}

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x, op = inputs[0], type(self).name
        self.check_rank(need, x)
        need.floating(x, op=op)
        positive(num_features=self.num_features)
        if self.affine or self.track_running_stats:
            narrow(x, op=op)
        return x.with_shape(x.shape)

    def state(self) -> tuple[State, ...]:
        features = (self.num_features,)
        weight = (State("weight", features),) if self.affine else ()
        bias = (State("bias", features),) if self.affine and self.bias else ()
        tracked = (
            State("running_mean", features, buffer=True, trainable=False),
            State("running_var", features, buffer=True, trainable=False),
            State("num_batches_tracked", (), "int64", buffer=True, trainable=False),
        )
        return (*weight, *bias, *(tracked if self.track_running_stats else ()))

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        """Tracked statistics make it one product and one sum for each element."""
        if self.track_running_stats:
            return dims.mul(elements(outputs[0]), 2)
        return dims.mul(elements(outputs[0]), NORMALISE + self.affine + (self.affine and self.bias))


class _BatchNorm(_StatNorm, abstract=True):
    """Statistics over the batch and all positions: Ioffe and Szegedy (2015), arXiv 1502.03167."""

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return (TensorType((self.num_features,)),) * 2

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        if not self.eps > 0:  # not a number either
            raise OpError("bad-argument", f"`eps` must be positive, got {self.eps}", argument="eps")
        output = super().infer(need, inputs)
        if not need.batch & dims.symbols(output.shape[0]):  # no batch, or one that is fixed
            need.at_least(
                dims.product((output.shape[0], *output.shape[2:])), 2,
                f"`{type(self).name}` needs more than one value of a channel in training, got {output}", operand=0,
            )  # fmt: skip
        return output


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of each channel: `[N, C]` or `[N, C, L]`, shape kept (arXiv 1502.03167).

    In training each channel needs more than one value: a batch of 2, or L above 1.
    """

    ranks: ClassVar[tuple[int, ...]] = (2, 3)
    layout: ClassVar[str] = "[N, C] or [N, C, L]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 4),)),
        Example({"affine": False, "momentum": None}, ((2, 4, 5),)),
    )


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of each channel: `[N, C, H, W]`, shape kept (arXiv 1502.03167).

    In training each channel needs more than one value: a batch of 2, or H * W above 1.
    """

    ranks: ClassVar[tuple[int, ...]] = (4,)
    layout: ClassVar[str] = "[N, C, H, W]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 4, 5, 6),)),
        Example({"eps": 1e-3, "momentum": 0.01, "track_running_stats": False}, ((2, 4, 5, 6),)),
        Example({"bias": False}, ((2, 4, 1, 1),)),
    )


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of each channel: `[N, C, D, H, W]`, shape kept (arXiv 1502.03167).

    In training each channel needs more than one value: a batch of 2, or D * H * W above 1.
    """

    ranks: ClassVar[tuple[int, ...]] = (5,)
    layout: ClassVar[str] = "[N, C, D, H, W]"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 4, 2, 3, 4),)),)


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation with statistics over all processes of the default group: `[N, C, *]`, shape kept."""

    layout: ClassVar[str] = "[N, C, *]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 4, 5, 6),)),
        Example({"momentum": None}, ((2, 4),)),
    )

    @classmethod
    def check_rank(cls, need: Needs, x: TensorType) -> None:
        minimum_rank(x, 2, op=cls.name, layout=cls.layout)


class _InstanceNorm(_StatNorm, abstract=True):
    """Statistics over the positions of each sample: Ulyanov et al. (2016), arXiv 1607.08022."""

    reach: ClassVar[Reach] = "global"

    affine: bool = False
    track_running_stats: bool = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        output = super().infer(need, inputs)
        need.at_least(
            dims.product(output.shape[2:]), 2,
            f"`{type(self).name}` needs more than one position to normalise over, got {output}", operand=0,
            help="normalise before the map is pooled to one position",
        )  # fmt: skip
        return output

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The statistics, and what torch repeats for each sample: the weight and the tracked statistics."""
        repeated = TensorType((dims.mul(inputs[0].shape[0], self.num_features),))
        return (repeated,) * (2 + self.affine + 2 * self.track_running_stats)


class InstanceNorm1d(_InstanceNorm):
    """Normalises each channel of each sample: `[N, C, L]`, shape kept (arXiv 1607.08022)."""

    ranks: ClassVar[tuple[int, ...]] = (3,)
    layout: ClassVar[str] = "[N, C, L]"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 4, 5),)),)


class InstanceNorm2d(_InstanceNorm):
    """Normalises each channel of each sample: `[N, C, H, W]`, shape kept (arXiv 1607.08022)."""

    ranks: ClassVar[tuple[int, ...]] = (4,)
    layout: ClassVar[str] = "[N, C, H, W]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"affine": True}, ((2, 4, 5, 6),)),
        Example({"affine": True, "track_running_stats": True}, ((2, 4, 5, 6),)),
    )


class InstanceNorm3d(_InstanceNorm):
    """Normalises each channel of each sample: `[N, C, D, H, W]`, shape kept (arXiv 1607.08022)."""

    ranks: ClassVar[tuple[int, ...]] = (5,)
    layout: ClassVar[str] = "[N, C, D, H, W]"
    examples: ClassVar[tuple[Example, ...]] = (Example({"track_running_stats": True}, ((2, 4, 2, 3, 4),)),)


class GroupNorm(_Norm):
    """Normalises groups of channels of each sample: `[N, C, *]`, shape kept (Wu and He, 2018, arXiv 1803.08494)."""

    reach: ClassVar[Reach] = "global"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_groups": 2}, ((2, 4, 5, 6),)),
        Example({"num_groups": 4, "eps": 1e-6, "affine": False}, ((2, 4),)),
        Example({"num_groups": 1, "bias": False}, ((2, 4, 5),)),
    )

    num_groups: int
    num_channels: Inferred[int]
    eps: float = 1e-5
    affine: bool = True
    bias: bool = True

    @classmethod
    def inferred(cls, need: Needs, inputs: Inputs) -> Mapping[str, Any]:
        minimum_rank(inputs[0], 2, op=cls.name, layout="[N, C, *]")
        return {"num_channels": need.integer(inputs[0].shape[1], "`num_channels`", operand=0)}

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        minimum_rank(x, 2, op="GroupNorm", layout="[N, C, *]")
        need.floating(x, op="GroupNorm")
        positive(num_groups=self.num_groups, num_channels=self.num_channels)
        if self.num_channels % self.num_groups:
            raise OpError(
                "not-divisible", f"`num_groups` {self.num_groups} does not divide `num_channels` {self.num_channels}",
                argument="num_groups", help="choose a number of groups that divides the channels",
            )  # fmt: skip
        if self.affine:
            narrow(x, op="GroupNorm")
        values = dims.product((self.num_channels // self.num_groups, x.shape[0], *x.shape[2:]))
        need.at_least(values, 2, f"`GroupNorm` needs more than one value in a group, got {x}", operand=0)
        return x.with_shape(x.shape)

    def state(self) -> tuple[State, ...]:
        weight = (State("weight", (self.num_channels,)),) if self.affine else ()
        bias = (State("bias", (self.num_channels,)),) if self.affine and self.bias else ()
        return (*weight, *bias)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(outputs[0]), NORMALISE + len(self.state()))

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return (TensorType((inputs[0].shape[0], self.num_groups)),) * 2

    def by_products(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return self.makes(inputs, outputs)


def _shape(value: object) -> object:
    return (value,) if type(value) is int else as_tuple(value)


class _TrailingNorm(_Norm, abstract=True):
    """Normalisation over the last axes of each sample."""

    accepts_written: ClassVar[frozenset[str]] = frozenset({"normalized_shape"})
    reach: ClassVar[Reach] = "global"  # its axes are the last ones, which in a map are positions

    normalized_shape: Inferred[Annotated[tuple[int, ...], BeforeValidator(_shape)]]

    @classmethod
    def inferred(cls, need: Needs, inputs: Inputs) -> Mapping[str, Any]:
        minimum_rank(inputs[0], 2, op=cls.name, layout="[N, *, C]")
        return {"normalized_shape": (need.integer(inputs[0].shape[-1], "`normalized_shape`", operand=0),)}

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x, op, shape = inputs[0], type(self).name, self.normalized_shape
        need.floating(x, op=op)
        if not shape:
            raise OpError("bad-argument", "`normalized_shape` needs at least one size", argument="normalized_shape")
        positive(normalized_shape=shape)
        if len(shape) >= x.rank:
            raise OpError(
                "bad-argument", f"`normalized_shape` of {len(shape)} sizes leaves no batch axis of {x}",
                argument="normalized_shape",
            )  # fmt: skip
        message = f"`{op}` normalises the last axes {list(shape)}, got {x}"
        for axis, (size, expected) in enumerate(zip(x.shape[-len(shape) :], shape, strict=True), x.rank - len(shape)):
            label = f"axis {axis} is {show(size)}, not {expected}"
            need.equal(size, expected, message, argument="normalized_shape", label=label)
        return x.with_shape(x.shape)

    def target(self, inputs: Inputs) -> Target:
        _, kwargs = constructor_arguments(self)
        shape = self.normalized_shape
        return Module(f"torch.nn.{type(self).name}", (shape[0] if len(shape) == 1 else shape,), kwargs)


class LayerNorm(_TrailingNorm):
    """Normalises the last axes of each position, the last one unless `normalized_shape` names more: `[N, *, C]`, shape
    kept (Ba et al., 2016, arXiv 1607.06450)."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 5, 8),)),
        Example({"normalized_shape": [4, 4], "eps": 1e-6, "bias": False}, ((2, 3, 4, 4),)),
        Example({"elementwise_affine": False}, ((2, 8),)),
    )

    eps: float = 1e-5
    elementwise_affine: bool = True
    bias: bool = True

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        if self.elementwise_affine:
            narrow(inputs[0], op="LayerNorm")
        return super().infer(need, inputs)

    def state(self) -> tuple[State, ...]:
        if not self.elementwise_affine:
            return ()
        bias = (State("bias", self.normalized_shape),) if self.bias else ()
        return (State("weight", self.normalized_shape), *bias)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(outputs[0]), NORMALISE + len(self.state()))

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return row_statistics(inputs[0], len(self.normalized_shape))

    def by_products(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return self.makes(inputs, outputs)


class RMSNorm(_TrailingNorm):
    """Divides by the root mean square of the last axes, the last one unless `normalized_shape` names more:
    `[N, *, C]`, shape kept (Zhang and Sennrich, 2019, arXiv 1910.07467)."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 5, 8),)),
        Example({"normalized_shape": 8, "eps": 1e-6}, ((2, 8),)),
        Example({"elementwise_affine": False}, ((2, 5, 8),)),
    )

    eps: float | None = None
    elementwise_affine: bool = True

    def state(self) -> tuple[State, ...]:
        return (State("weight", self.normalized_shape),) if self.elementwise_affine else ()

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(outputs[0]), 3 + self.elementwise_affine)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """Torch composes it: the input and its scale for one gradient, what the weight multiplies for the other."""
        scaled = inputs.types if "weight" in wanted.params else ()
        if not wanted.inputs[0]:
            return Kept(made=scaled)
        return Kept((0,), made=(*row_statistics(inputs[0], len(self.normalized_shape))[:1], *scaled))


class LocalResponseNorm(_Norm):
    """Divides by the activity of `size` neighbouring channels: `[N, C, *]`, shape kept (Krizhevsky et al., 2012)."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"size": 3}, ((2, 4, 5, 6),)),
        Example({"size": 2, "alpha": 1e-3, "beta": 0.5, "k": 2}, ((2, 4, 5),)),
        Example({"size": 3}, ((2, 4, 2, 3, 5),)),
    )

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        minimum_rank(x, 3, op="LocalResponseNorm", layout="[N, C, *] with a map")
        positive(size=self.size)
        return real(need, x, op="LocalResponseNorm", integers="refuse")

    def target(self, inputs: Inputs) -> Target:
        if inputs[0].rank < 5:
            return self.module_target()
        return self.module_target(call_args=(Code("{0}.contiguous()"),))  # torch takes a view of it

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(outputs[0]), self.size + NEIGHBOURS)

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The squares, padded; the base of the power; the power."""
        batch, channels, *sizes = inputs[0].shape
        squares = inputs[0].with_shape((batch, dims.add(channels, self.size - 1), *sizes))
        return (squares, *outputs * 2)


class CrossMapLRN2d(_Norm):
    """Divides by the activity of `size` neighbouring channels, as Caffe does: `[N, C, H, W]`, shape kept. Neither
    scriptable nor exportable in torch; prefer `LocalResponseNorm`."""

    saves_output: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (Example({"size": 3}, ((2, 4, 5, 6),)),)

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        need.rank(x, 4, op="CrossMapLRN2d", layout="[N, C, H, W]")
        need.floating(x, op="CrossMapLRN2d")
        if self.size < 2:
            raise OpError("bad-argument", f"`size` must be at least 2, got {self.size}", argument="size")
        return x.with_shape(x.shape)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(outputs[0]), self.size + NEIGHBOURS)
