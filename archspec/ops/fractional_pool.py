"""Max-pooling with windows at random places: Graham, "Fractional Max-Pooling" (2014), arXiv 1412.6071."""

from typing import Annotated, ClassVar

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.base import Example, Inputs, Kept, Needs, OpError, Pair, Reach, Target, Triple, Wanted, tuple_of
from archspec.ops.guards import Integers, positive
from archspec.ops.pool import Pool, unpacked, with_indices, with_places
from archspec.ops.work import window_work
from archspec.values import TensorType

Ratios2 = Annotated[tuple[float, float], tuple_of(2)]
Ratios3 = Annotated[tuple[float, float, float], tuple_of(3)]


class _FractionalMaxPool(Pool, abstract=True):
    """The largest value of windows whose places are drawn at random, in evaluation too."""

    reach: ClassVar[Reach] = "global"
    draws_in_eval: ClassVar[bool] = True
    integers: ClassVar[Integers] = "refuse"
    results: ClassVar[tuple[str, ...]] = ("output", "indices")
    spare: ClassVar[int]  # what the windows must leave of the input

    kernel_size: tuple[int, ...]
    output_size: tuple[int, ...] | None = None
    output_ratio: tuple[float, ...] | None = None
    return_indices: bool = False

    def output_sizes(self, sizes: tuple[Dim, ...]) -> tuple[Dim, ...]:
        """The spatial sizes asked for, as numbers or as parts of the input's."""
        if self.output_size is not None and self.output_ratio is None:
            positive(output_size=self.output_size)
            return self.output_size
        if self.output_ratio is None or self.output_size is not None:
            both = "both are" if self.output_size is not None else "neither is"
            raise OpError(
                "bad-argument", f"`{type(self).name}` needs `output_size` or `output_ratio`, but {both} given"
            )
        for ratio in self.output_ratio:
            if not 0 < ratio < 1:
                raise OpError(
                    "bad-argument", f"`output_ratio` must lie between 0 and 1, got {ratio}", argument="output_ratio"
                )
        return tuple(dims.scale(size, ratio) for size, ratio in zip(sizes, self.output_ratio, strict=True))

    def infer(self, need: Needs, inputs: Inputs) -> TensorType | tuple[TensorType, ...]:
        x, op = self.check(need, inputs[0]), type(self).name
        positive(kernel_size=self.kernel_size)
        out = self.output_sizes(x.shape[2:])
        for axis, (size, kernel, result) in enumerate(zip(x.shape[2:], self.kernel_size, out, strict=True), 2):
            need.at_least(
                result, 1, f"`{op}` leaves nothing of axis {axis}: size {show(result)}", argument="output_ratio"
            )
            need.at_least(
                dims.sub(size, result), kernel - 1 + self.spare,
                f"`{op}` cannot place {show(result)} windows of {kernel} on {show(size)} positions", operand=0,
                label=f"axis {axis} of {x}", help="make the kernel or the output smaller",
            )  # fmt: skip
        return with_indices(x.with_shape((*x.shape[:2], *out)), self.return_indices)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return window_work(self.kernel_size, outputs)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        return with_places(outputs)

    def by_products(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return with_places(outputs).made

    def target(self, inputs: Inputs) -> Target:
        return self.module_target(**unpacked(self.return_indices))


class FractionalMaxPool2d(_FractionalMaxPool):
    """Max-pooling to about any size: `[N, C, H, W]` to `[N, C, *output_size]`, or `output_ratio` of H and W.
    Windows are placed at random (arXiv 1412.6071)."""

    spatial: ClassVar[int] = 2
    spare: ClassVar[int] = 0
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 2, "output_size": [5, 4], "return_indices": True}, ((2, 4, 9, 8),)),
        Example({"kernel_size": 3, "output_ratio": [0.5, 0.7]}, ((2, 4, 9, 8),)),
    )
    kernel_size: Pair
    output_size: Pair | None = None
    output_ratio: Ratios2 | None = None


class FractionalMaxPool3d(_FractionalMaxPool):
    """Max-pooling to about any size: `[N, C, D, H, W]` to `[N, C, *output_size]`, or `output_ratio` of D, H and W.
    Windows are placed at random (arXiv 1412.6071)."""

    spatial: ClassVar[int] = 3
    spare: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 2, "output_ratio": 0.5}, ((2, 4, 5, 6, 7),)),
        Example({"kernel_size": [1, 2, 2], "output_size": 3}, ((2, 4, 5, 6, 7),)),
    )
    kernel_size: Triple
    output_size: Triple | None = None
    output_ratio: Ratios3 | None = None
