"""Pooling to a given size, whatever the input's."""

from typing import Annotated, ClassVar

from archspec.dims import Dim
from archspec.ops.base import Example, Inputs, Kept, Needs, Reach, Single, Target, Wanted, elements, tuple_of
from archspec.ops.guards import Integers, positive
from archspec.ops.pool import Pool, unpacked, with_indices, with_places
from archspec.ops.work import keeps_for_mean
from archspec.values import TensorType

Sizes2 = Annotated[tuple[int | None, int | None], tuple_of(2)]
Sizes3 = Annotated[tuple[int | None, int | None, int | None], tuple_of(3)]


class _AdaptivePool(Pool, abstract=True):
    """Windows that cover the input evenly; an `output_size` of None keeps that axis' size."""

    reach: ClassVar[Reach] = "global"
    integers: ClassVar[Integers] = "refuse"

    output_size: tuple[int | None, ...]

    def pooled(self, need: Needs, inputs: Inputs) -> TensorType:
        x = self.check(need, inputs[0])
        positive(output_size=tuple(size for size in self.output_size if size is not None) or 1)
        sizes: tuple[Dim, ...] = tuple(
            size if wanted is None else wanted for size, wanted in zip(x.shape[2:], self.output_size, strict=True)
        )
        return x.with_shape((*x.shape[:2], *sizes))

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        """One for each element of the input, as if no windows overlapped."""
        return elements(inputs[0])


class _AdaptiveAvgPool(_AdaptivePool, abstract=True):
    """The mean of each window."""

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        return self.pooled(need, inputs)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """A mean over the whole map needs nothing."""
        return keeps_for_mean(outputs[0].shape[2:])


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The means of `output_size` windows that cover the input evenly: `[N, C, L]` to `[N, C, output_size]`."""

    spatial: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (Example({"output_size": 3}, ((2, 4, 7),)),)
    output_size: Single  # pyright: ignore[reportIncompatibleVariableOverride]


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The means of windows that cover the input evenly: `[N, C, H, W]` to `[N, C, *output_size]`; null keeps a
    size."""

    spatial: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"output_size": 1}, ((2, 4, 7, 6),)),
        Example({"output_size": [None, 3]}, ((2, 4, 7, 6),)),
        Example({"output_size": [9, 4]}, ((2, 4, 7, 6),)),
    )
    output_size: Sizes2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The means of windows that cover the input evenly: `[N, C, D, H, W]` to `[N, C, *output_size]`; null keeps a
    size."""

    spatial: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (Example({"output_size": [None, 2, 3]}, ((2, 4, 5, 6, 7),)),)
    output_size: Sizes3


class _AdaptiveMaxPool(_AdaptivePool, abstract=True):
    """The largest value of each window; with `return_indices` also where it was."""

    results: ClassVar[tuple[str, ...]] = ("output", "indices")

    return_indices: bool = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType | tuple[TensorType, ...]:
        return with_indices(self.pooled(need, inputs), self.return_indices)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        return with_places(outputs)

    def by_products(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return with_places(outputs).made

    def target(self, inputs: Inputs) -> Target:
        return self.module_target(**unpacked(self.return_indices))


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The maxima of `output_size` windows that cover the input evenly: `[N, C, L]` to `[N, C, output_size]`."""

    spatial: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (Example({"output_size": 3, "return_indices": True}, ((2, 4, 7),)),)
    output_size: Single  # pyright: ignore[reportIncompatibleVariableOverride]


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The maxima of windows that cover the input evenly: `[N, C, H, W]` to `[N, C, *output_size]`; null keeps a
    size."""

    spatial: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"output_size": 2}, ((2, 4, 7, 6),)),
        Example({"output_size": [None, 3], "return_indices": True}, ((2, 4, 7, 6),)),
    )
    output_size: Sizes2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The maxima of windows that cover the input evenly: `[N, C, D, H, W]` to `[N, C, *output_size]`; null keeps a
    size."""

    spatial: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (Example({"output_size": [None, 2, 3]}, ((2, 4, 5, 6, 7),)),)
    output_size: Sizes3
