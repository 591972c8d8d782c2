"""The partial inverse of max-pooling."""

from typing import ClassVar

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.base import (
    Category,
    Example,
    Extra,
    Inputs,
    ModuleOp,
    Needs,
    OpError,
    Pair,
    Reach,
    RuntimeInts,
    Signature,
    Single,
    Target,
    Triple,
    Window,
)
from archspec.ops.guards import LAYOUT, not_negative, positive
from archspec.values import TensorType, dim_of


class _MaxUnpool(ModuleOp, abstract=True):
    """Puts values back where a max-pool took them from, zeros elsewhere."""

    category: ClassVar[Category] = "pooling"
    signature: ClassVar[Signature] = Signature(("input", "indices"))
    reach: ClassVar[Reach] = "transposed"
    saves_inputs: ClassVar[tuple[str, ...]] = ("indices",)
    spatial: ClassVar[int]

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...] | None
    padding: tuple[int, ...]
    output_size: Extra[RuntimeInts | None] = None

    def windows(self, inputs: Inputs) -> tuple[Window, ...]:
        return tuple(
            Window(kernel, stride, padding, padding)
            for kernel, stride, padding in zip(
                self.kernel_size, self.stride or self.kernel_size, self.padding, strict=True
            )
        )

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x, indices, op = inputs[0], inputs[1], type(self).name
        need.rank(x, self.spatial + 2, op=op, layout=LAYOUT[self.spatial + 2])
        need.floating(x, op=op)
        if indices.dtype != "int64":
            raise OpError(
                "wrong-dtype", f"the indices of `{op}` must be int64, got {indices.dtype}", operand=1,
                help="give it the second result of a max-pool with `return_indices: true`",
            )  # fmt: skip
        message = f"`{op}` needs an index for each value, got {x} and {indices}"
        need.rank(indices, x.rank, op=op, layout=f"indices like the input {x}", operand=1)
        for axis, (a, b) in enumerate(zip(x.shape, indices.shape, strict=True)):
            need.equal(a, b, message, label=f"axis {axis} differs: {show(a)} and {show(b)}")
        positive(kernel_size=self.kernel_size, stride=self.stride or self.kernel_size)
        not_negative(padding=self.padding)
        windows = self.windows(inputs)
        usual = tuple(
            dims.transposed_out(size, w.kernel, w.stride, w.pad_before, 1, 0)
            for size, w in zip(x.shape[2:], windows, strict=True)
        )
        sizes = self.wanted(need, usual, windows)
        for axis, size in enumerate(sizes, 2):
            need.at_least(size, 1, f"`{op}` leaves nothing of axis {axis}: size {show(size)}", argument="padding")
        return x.with_shape((*x.shape[:2], *sizes))

    def wanted(self, need: Needs, usual: tuple[Dim, ...], windows: tuple[Window, ...]) -> tuple[Dim, ...]:
        """The spatial part of `output_size`, less than a stride away from the `usual` sizes."""
        if self.output_size is None:
            return usual
        if len(self.output_size) not in (self.spatial, self.spatial + 2):
            raise OpError(
                "bad-argument", f"`output_size` needs {self.spatial} sizes, got {len(self.output_size)}",
                argument="output_size",
            )  # fmt: skip
        sizes = tuple(dim_of(size) for size in self.output_size[-self.spatial :])
        for size, default, w in zip(sizes, usual, windows, strict=True):
            spread = dims.sub(size, default)
            for distance in (spread, dims.sub(0, spread)):
                need.at_least(
                    distance, 1 - w.stride,
                    f"`output_size` {show(size)} must be less than a stride of {w.stride} away from {show(default)}",
                    argument="output_size",
                )  # fmt: skip
        return sizes

    def target(self, inputs: Inputs) -> Target:
        if self.output_size is None:
            return self.module_target()
        return self.module_target(call_kwargs=(("output_size", list(self.output_size)),))


class MaxUnpool1d(_MaxUnpool):
    """Undoes `MaxPool1d`, from its values and indices: `[N, C, L]` twice to `[N, C, L']`, zeros in between."""

    spatial: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 2}, ((2, 4, 5), (2, 4, 5)), ("float32", "int64")),
        Example({"kernel_size": 2, "output_size": [11]}, ((2, 4, 5), (2, 4, 5)), ("float32", "int64")),
    )
    kernel_size: Single
    stride: Single | None = None
    padding: Single = (0,)


class MaxUnpool2d(_MaxUnpool):
    """Undoes `MaxPool2d`, from its values and indices: `[N, C, H, W]` twice to `[N, C, H', W']`, zeros in between."""

    spatial: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 2, "stride": 2}, ((2, 4, 5, 4), (2, 4, 5, 4)), ("float32", "int64")),
        Example(
            {"kernel_size": [3, 2], "stride": 2, "padding": [1, 0], "output_size": [10, 9]},
            ((2, 4, 5, 4), (2, 4, 5, 4)),
            ("float32", "int64"),
        ),
    )
    kernel_size: Pair
    stride: Pair | None = None
    padding: Pair = (0, 0)


class MaxUnpool3d(_MaxUnpool):
    """Undoes `MaxPool3d`, from its values and indices: `[N, C, D, H, W]` twice to `[N, C, D', H', W']`."""

    spatial: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 2, "stride": [1, 2, 2]}, ((2, 4, 2, 3, 4), (2, 4, 2, 3, 4)), ("float32", "int64")),
    )
    kernel_size: Triple
    stride: Triple | None = None
    padding: Triple = (0, 0, 0)
