"""Reductions over axes. The axes are always written: nothing is ever reduced over the batch by default."""

from typing import ClassVar

from archspec import dims
from archspec.dims import Dim
from archspec.ops.axes import Axes, axes_of, axis_of, reach_along
from archspec.ops.base import Category, Example, Inputs, Needs, Op, Reach, elements
from archspec.ops.dtypes import is_float, require_no_bool
from archspec.ops.functional import MethodFunction
from archspec.ops.target import Arg, Call, Method, Operand, Target
from archspec.values import TensorType

_OVER_MAP = Example({"dim": [2, 3]})
_KEPT = Example({"dim": [-2, -1], "keepdim": True})
_OVER_CHANNELS = Example({"dim": 1, "keepdim": True})


def reduced(x: TensorType, dim: int | tuple[int, ...], keepdim: bool, *, op: str) -> tuple[Dim, ...]:
    """The shape without these axes, or with size 1 there."""
    axes = axes_of(x, dim, op=op)
    if keepdim:
        return tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    return tuple(size for axis, size in enumerate(x.shape) if axis not in axes)


def keepdim_argument(keepdim: bool) -> tuple[tuple[str, Arg], ...]:
    """`keepdim=True` where it is wanted."""
    return (("keepdim", True),) if keepdim else ()


class _Work(Op, abstract=True):
    """What reductions share: `per_element` counts for each element of the input."""

    category: ClassVar[Category] = "reduction"
    per_element: ClassVar[int] = 1

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(inputs[0]), self.per_element)


class _Reduction(MethodFunction, _Work, abstract=True):
    """From `[N, C, H, W]` to `[N, C]` over axes 2 and 3, to `[N, C, 1, 1]` with `keepdim`."""

    dim: Axes
    keepdim: bool = False

    @property
    def reach(self) -> Reach:  # pyright: ignore[reportIncompatibleVariableOverride]
        return reach_along(self.dim, kept=self.keepdim)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        return TensorType(reduced(inputs[0], self.dim, self.keepdim, op=self.name), self.dtype(need, inputs[0]))

    def dtype(self, need: Needs, x: TensorType) -> str:
        """The result's dtype; by default only floats are taken."""
        need.floating(x, op=self.name)
        return x.dtype


class Mean(_Reduction):
    """The mean over axes: `[N, C, H, W]` to `[N, C]`, or `[N, C, 1, 1]` with `keepdim` (global average pooling)."""

    name: ClassVar[str] = "mean"
    examples: ClassVar[tuple[Example, ...]] = (_OVER_MAP, _KEPT, _OVER_CHANNELS)


class Sum(_Reduction):
    """The sum over axes; of integers and booleans as int64."""

    name: ClassVar[str] = "sum"
    examples: ClassVar[tuple[Example, ...]] = (_OVER_MAP, _OVER_CHANNELS)

    def dtype(self, need: Needs, x: TensorType) -> str:
        return x.dtype if is_float(x.dtype) else "int64"

    def passes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        return (0,)


class AMax(_Reduction):
    """The maximum over axes: `[N, C, H, W]` to `[N, C]` (global max pooling)."""

    name: ClassVar[str] = "amax"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    saves_output: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (_OVER_MAP, _KEPT)

    def dtype(self, need: Needs, x: TensorType) -> str:
        return x.dtype


class AMin(AMax):
    """The minimum over axes."""

    name: ClassVar[str] = "amin"


class LogSumExp(_Reduction):
    """`log(sum(exp(x)))` over axes, computed without overflow; of integers as float32."""

    name: ClassVar[str] = "logsumexp"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    per_element: ClassVar[int] = 4  # the largest, the difference, exp, the sum
    saves_output: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (_OVER_MAP, _OVER_CHANNELS)

    def dtype(self, need: Needs, x: TensorType) -> str:
        return x.dtype if is_float(x.dtype) else "float32"


class _Spread(_Work, abstract=True):
    """Variance and standard deviation over axes; the sum of squares is divided by the count less `correction`."""

    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    per_element: ClassVar[int] = 4  # the sum, the difference, its square, their sum
    examples: ClassVar[tuple[Example, ...]] = (_OVER_MAP, Example({"dim": 1, "correction": 0, "keepdim": True}))

    dim: Axes
    correction: int = 1
    keepdim: bool = False

    @property
    def reach(self) -> Reach:  # pyright: ignore[reportIncompatibleVariableOverride]
        return reach_along(self.dim, kept=self.keepdim)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        need.floating(inputs[0], op=self.name)
        return inputs[0].with_shape(reduced(inputs[0], self.dim, self.keepdim, op=self.name))

    def target(self, inputs: Inputs) -> Target:
        correction = (("correction", self.correction),) if self.correction != 1 else ()
        return Method(self.name, (self.dim,), (*correction, *keepdim_argument(self.keepdim)))


class Var(_Spread):
    """The variance over axes: `[N, C, H, W]` to `[N, C]`; unbiased unless `correction: 0`."""

    name: ClassVar[str] = "var"


class Std(_Spread):
    """The standard deviation over axes: `[N, C, H, W]` to `[N, C]`; unbiased unless `correction: 0`."""

    name: ClassVar[str] = "std"
    saves_output: ClassVar[bool] = True


class Norm(_Work):
    """The length of the vectors along the axes `dim`: the p-th root of the sum of p-th powers. `p: inf` is a float in
    YAML: `.inf`."""

    name: ClassVar[str] = "norm"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    per_element: ClassVar[int] = 2  # the power, the sum
    saves_output: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (_OVER_CHANNELS, Example({"p": 1, "dim": [2, 3]}))

    p: float = 2.0
    dim: Axes
    keepdim: bool = False

    @property
    def reach(self) -> Reach:  # pyright: ignore[reportIncompatibleVariableOverride]
        return reach_along(self.dim, kept=self.keepdim)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        need.floating(inputs[0], op=self.name)
        return inputs[0].with_shape(reduced(inputs[0], self.dim, self.keepdim, op=self.name))

    def target(self, inputs: Inputs) -> Target:
        return Call("torch.linalg.vector_norm", (Operand(0), self.p, self.dim), keepdim_argument(self.keepdim))


class Prod(MethodFunction, _Work):
    """The product over one axis; of integers and booleans as int64."""

    name: ClassVar[str] = "prod"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    saves_output: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (_OVER_CHANNELS, Example({"dim": -1}))

    dim: int
    keepdim: bool = False

    @property
    def reach(self) -> Reach:  # pyright: ignore[reportIncompatibleVariableOverride]
        return reach_along(self.dim, kept=self.keepdim)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        return TensorType(reduced(x, self.dim, self.keepdim, op=self.name), x.dtype if is_float(x.dtype) else "int64")


class ArgMax(MethodFunction, _Work):
    """The index of the largest element along one axis: `[N, C, H, W]` to the class map `[N, H, W]`, int64."""

    name: ClassVar[str] = "argmax"
    differentiable: ClassVar[bool] = False
    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 1}), Example({"dim": -1, "keepdim": True}))

    dim: int
    keepdim: bool = False

    @property
    def reach(self) -> Reach:  # pyright: ignore[reportIncompatibleVariableOverride]
        return reach_along(self.dim, kept=self.keepdim)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        require_no_bool(inputs[0], op=self.name)
        return TensorType(reduced(inputs[0], self.dim, self.keepdim, op=self.name), "int64")


class CumSum(MethodFunction, _Work):
    """Running sums along one axis: `[N, L]` to `[N, L]`; of integers and booleans as int64."""

    name: ClassVar[str] = "cumsum"
    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 1}),)

    dim: int

    @property
    def reach(self) -> Reach:  # pyright: ignore[reportIncompatibleVariableOverride]
        return reach_along(self.dim)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        axis_of(x, self.dim, op=self.name)
        return TensorType(x.shape, x.dtype if is_float(x.dtype) else "int64")
