"""Normalisation with statistics of each channel over the batch, which are tracked."""

from collections.abc import Mapping
from typing import Any, ClassVar

from archspec import dims
from archspec.dims import Dim
from archspec.ops.base import (
    Category,
    Example,
    Inferred,
    Inputs,
    ModuleOp,
    Needs,
    OpError,
    State,
    elements,
)
from archspec.ops.guards import minimum_rank, narrow, positive
from archspec.ops.work import NORMALISE
from archspec.values import TensorType


class StatNorm(ModuleOp, abstract=True):
    """Normalisation with statistics of each channel (axis 1), which may be tracked."""

    category: ClassVar[Category] = "normalization"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
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


class _BatchNorm(StatNorm, abstract=True):
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
