"""Dropout layers: they change nothing in evaluation."""

from typing import ClassVar, Literal

from archspec.ops.base import Category, Example, Inputs, ModuleOp, Needs, Op, constructor_arguments
from archspec.ops.guards import minimum_rank, probability
from archspec.ops.target import Module, Target
from archspec.ops.work import dropout_mask
from archspec.values import TensorType


class _Dropout(ModuleOp, abstract=True):
    """What dropouts share. In evaluation torch returns the input itself, so the result counts as a view."""

    category: ClassVar[Category] = "dropout"
    is_view: ClassVar[bool] = True
    channels: ClassVar[bool] = False  # whether whole channels are dropped

    p: float = 0.5
    inplace: bool = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        need.floating(inputs[0], op=type(self).name)
        probability(p=self.p)
        return inputs[0].with_shape(inputs[0].shape)

    def passes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        return (0,) if self.p == 0 else ()

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        x = inputs[0]
        return dropout_mask(self.p, x, (*x.shape[:2], *(1,) * (x.rank - 2)) if self.channels else x.shape)


class Dropout(_Dropout):
    """Zeroes values with probability `p` and scales the rest by `1 / (1 - p)`: any shape, kept (arXiv 1207.0580)."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 8),)),
        Example({"p": 0.2, "inplace": True}, ((2, 4, 5, 6),)),
        Example({"p": 0}, ((2, 8),)),
    )


class Dropout1d(_Dropout):
    """Zeroes whole channels with probability `p`: `[N, C, L]`, shape kept (arXiv 1411.4280)."""

    channels: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (Example({"p": 0.2}, ((2, 4, 5),)),)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        need.rank(inputs[0], 3, op="Dropout1d", layout="[N, C, L]")
        return super().infer(need, inputs)


class Dropout2d(_Dropout):
    """Zeroes whole channels with probability `p`: `[N, C, H, W]` or `[N, C, L]`, shape kept (arXiv 1411.4280)."""

    channels: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 4, 5, 6),)),)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        need.rank(inputs[0], 3, 4, op="Dropout2d", layout="[N, C, H, W] or [N, C, L]")
        return super().infer(need, inputs)


class Dropout3d(_Dropout):
    """Zeroes whole channels with probability `p`: `[N, C, D, H, W]`, shape kept (arXiv 1411.4280)."""

    channels: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (Example({"inplace": True}, ((2, 4, 2, 3, 4),)),)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        need.rank(inputs[0], 5, op="Dropout3d", layout="[N, C, D, H, W]")
        return super().infer(need, inputs)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean and variance of `SELU` activations: any shape, kept (arXiv 1706.02515). torch ignores
    its `inplace`."""

    examples: ClassVar[tuple[Example, ...]] = (Example({"p": 0.3}, ((2, 8),)),)

    @property
    def inplace_on_input(self) -> bool:
        return False


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels: `[N, C, *]`, shape kept. torch ignores its `inplace`."""

    channels: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (Example({"p": 0.3}, ((2, 4, 5, 6),)),)

    @property
    def inplace_on_input(self) -> bool:
        return False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        minimum_rank(inputs[0], 2, op="FeatureAlphaDropout", layout="[N, C, *]")
        return super().infer(need, inputs)


STOCHASTIC_DEPTH = '''\
class StochasticDepth(nn.Module):
    """Drops a residual branch in training: for each sample ("row") or the whole batch ("batch").

    With probability `p` the branch becomes zero; otherwise it is scaled by `1 / (1 - p)`. See
    Huang et al., "Deep Networks with Stochastic Depth" (2016), https://arxiv.org/abs/1603.09382.
    """

    def __init__(self, p: float, mode: str = "row") -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0.0:
            return x
        shape = [1] * x.dim()
        if self.mode == "row":
            shape[0] = x.shape[0]
        survival = 1.0 - self.p
        kept = torch.empty(shape, dtype=x.dtype, device=x.device).bernoulli_(survival)
        return x * kept if survival == 0.0 else x * (kept / survival)

    def extra_repr(self) -> str:
        return f"p={self.p}, mode={self.mode}"
'''
"""The layer is torchvision's; exported files carry this one instead, which draws the same numbers from one seed."""


class StochasticDepth(Op):
    """Drops its input, a residual branch, with probability `p`: for each sample (`mode: row`) or for the whole batch
    (`mode: batch`). Any shape, kept (Huang et al., 2016, arXiv 1603.09382)."""

    category: ClassVar[Category] = "dropout"
    is_view: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"p": 0.2}, ((2, 4, 5, 6),)),
        Example({"p": 1.0, "mode": "batch"}, ((2, 8),)),
    )

    p: float
    mode: Literal["batch", "row"] = "row"

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        need.floating(inputs[0], op="StochasticDepth")
        probability(p=self.p)
        return inputs[0].with_shape(inputs[0].shape)

    def target(self, inputs: Inputs) -> Target:
        return Module("StochasticDepth", *constructor_arguments(self), support=STOCHASTIC_DEPTH)

    def passes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        return (0,) if self.p == 0 else ()

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        x = inputs[0]
        shape = (x.shape[0] if self.mode == "row" else 1, *(1,) * (x.rank - 1))
        return () if self.p == 0 else (x.with_shape(shape),)
