"""Normalisation of each channel of each sample."""

from typing import ClassVar

from archspec import dims
from archspec.ops.base import (
    Example,
    Inputs,
    Needs,
    Reach,
)
from archspec.ops.batch_norm import StatNorm
from archspec.values import TensorType


class _InstanceNorm(StatNorm, abstract=True):
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
