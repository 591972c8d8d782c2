"""Activations, normalisation and dropout as functions: the lower-case forms of `torch.nn.functional`."""

from typing import ClassVar, Literal

from archspec.dims import show
from archspec.ops.axes import axis_of, reach_along, replace_axis
from archspec.ops.base import Category, Example, Inputs, Needs, OpError, Reach
from archspec.ops.functional import Elementwise
from archspec.ops.guards import refuse_falling_in_place
from archspec.ops.target import Call, Operand, Target
from archspec.ops.work import SOFTMAX
from archspec.values import TensorType

Domain = Literal["floating", "numbers", "all"]


_PLAIN = Example({})


_INPLACE = Example({"inplace": True})


class _Activation(Elementwise, abstract=True):
    """An activation function, element by element."""

    category: ClassVar[Category] = "activation"
    namespace: ClassVar[str] = "torch.nn.functional"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    per_element: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (_PLAIN,)


class _InPlace(_Activation, abstract=True):
    """An activation that may overwrite its input."""

    examples: ClassVar[tuple[Example, ...]] = (_PLAIN, _INPLACE)


class _SavesOverwritten(_InPlace, abstract=True):
    """An activation that may overwrite its input; its backward pass then reads the result."""

    @property
    def saves_output(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.inplace_on_input


class ReLU(_Activation):
    """`max(x, 0)`."""

    name: ClassVar[str] = "relu"
    domain: ClassVar[Domain] = "numbers"
    saves_output: ClassVar[bool] = True
    saves_inputs: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (_PLAIN, _INPLACE)

    inplace: bool = False


class ReLU6(_InPlace):
    """`min(max(x, 0), 6)`."""

    name: ClassVar[str] = "relu6"
    domain: ClassVar[Domain] = "numbers"

    inplace: bool = False


class LeakyReLU(_SavesOverwritten):
    """`x` where positive, `negative_slope * x` elsewhere."""

    name: ClassVar[str] = "leaky_relu"
    examples: ClassVar[tuple[Example, ...]] = (Example({"negative_slope": 0.1}), _INPLACE)

    negative_slope: float = 0.01
    inplace: bool = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        refuse_falling_in_place(self.inplace, negative_slope=self.negative_slope)
        return super().infer(need, inputs)


class ELU(_SavesOverwritten):
    """`x` where positive, `alpha * (exp(x) - 1)` elsewhere."""

    name: ClassVar[str] = "elu"
    examples: ClassVar[tuple[Example, ...]] = (Example({"alpha": 0.5}), _INPLACE)

    alpha: float = 1.0
    inplace: bool = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        refuse_falling_in_place(self.inplace, alpha=self.alpha)
        return super().infer(need, inputs)


class SELU(_SavesOverwritten):
    """A scaled ELU that keeps mean 0 and variance 1 (arXiv 1706.02515)."""

    name: ClassVar[str] = "selu"

    inplace: bool = False


class CELU(_SavesOverwritten):
    """`max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`: an ELU with a continuous slope."""

    name: ClassVar[str] = "celu"
    examples: ClassVar[tuple[Example, ...]] = (Example({"alpha": 0.5}), _INPLACE)

    alpha: float = 1.0
    inplace: bool = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        if self.alpha == 0:
            raise OpError("bad-argument", "`alpha` must not be 0", argument="alpha")
        refuse_falling_in_place(self.inplace, alpha=self.alpha)
        return super().infer(need, inputs)


class GELU(_Activation):
    """`x` times the normal distribution function of `x`; `approximate: tanh` for the cheaper form."""

    name: ClassVar[str] = "gelu"
    examples: ClassVar[tuple[Example, ...]] = (_PLAIN, Example({"approximate": "tanh"}))

    approximate: Literal["none", "tanh"] = "none"

    def target(self, inputs: Inputs) -> Target:
        kwargs = () if self.approximate == "none" else (("approximate", self.approximate),)
        return Call("torch.nn.functional.gelu", (Operand(0),), kwargs)


class SiLU(_InPlace):
    """`x * sigmoid(x)` (swish)."""

    name: ClassVar[str] = "silu"

    inplace: bool = False


class Mish(_InPlace):
    """`x * tanh(softplus(x))`."""

    name: ClassVar[str] = "mish"

    inplace: bool = False


class Sigmoid(_Activation):
    """`1 / (1 + exp(-x))`."""

    name: ClassVar[str] = "sigmoid"
    namespace: ClassVar[str] = "torch"
    domain: ClassVar[Domain] = "all"
    real: ClassVar[bool] = True
    saves_output: ClassVar[bool] = True
    saves_inputs: ClassVar[tuple[str, ...]] = ()


class Tanh(_Activation):
    """The hyperbolic tangent."""

    name: ClassVar[str] = "tanh"
    namespace: ClassVar[str] = "torch"
    domain: ClassVar[Domain] = "all"
    real: ClassVar[bool] = True
    saves_output: ClassVar[bool] = True
    saves_inputs: ClassVar[tuple[str, ...]] = ()


class HardSigmoid(_InPlace):
    """`min(max(x + 3, 0), 6) / 6`."""

    name: ClassVar[str] = "hardsigmoid"

    inplace: bool = False


class HardSwish(_InPlace):
    """`x * hardsigmoid(x)`."""

    name: ClassVar[str] = "hardswish"

    inplace: bool = False


class HardTanh(_InPlace):
    """`x` brought into `[min_val, max_val]`."""

    name: ClassVar[str] = "hardtanh"
    domain: ClassVar[Domain] = "numbers"
    examples: ClassVar[tuple[Example, ...]] = (Example({"min_val": -2.0, "max_val": 2.0}), _INPLACE)

    min_val: float = -1.0
    max_val: float = 1.0
    inplace: bool = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        if self.min_val > self.max_val:
            raise OpError(
                "bad-argument", f"`min_val` {self.min_val} must not exceed `max_val` {self.max_val}", argument="min_val"
            )
        return super().infer(need, inputs)


class Softplus(_Activation):
    """`log(1 + exp(beta * x)) / beta`, linear where `beta * x` exceeds `threshold`."""

    name: ClassVar[str] = "softplus"
    examples: ClassVar[tuple[Example, ...]] = (_PLAIN, Example({"beta": 2, "threshold": 10}))

    beta: float = 1.0
    threshold: float = 20.0


class Softsign(_Activation):
    """`x / (1 + abs(x))`."""

    name: ClassVar[str] = "softsign"
    domain: ClassVar[Domain] = "numbers"
    real: ClassVar[bool] = True

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return outputs  # the denominator


class LogSigmoid(_Activation):
    """`log(sigmoid(x))`."""

    name: ClassVar[str] = "logsigmoid"

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return outputs  # exp(-|x|)

    def by_products(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return self.makes(inputs, outputs)


class Softmax(_Activation):
    """Shares that sum to 1 along axis `dim`, which is 1 unless given: the classes of `[N, C]` or `[N, C, H, W]`."""

    name: ClassVar[str] = "softmax"
    per_element: ClassVar[int] = SOFTMAX
    namespace: ClassVar[str] = "torch"
    saves_output: ClassVar[bool] = True
    saves_inputs: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (_PLAIN, Example({"dim": -1}))

    dim: int = 1

    @property
    def reach(self) -> Reach:  # pyright: ignore[reportIncompatibleVariableOverride]
        return reach_along(self.dim)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        axis_of(inputs[0], self.dim, op=self.name)
        return super().infer(need, inputs)


class LogSoftmax(Softmax):
    """The logarithm of `softmax` along axis `dim`, which is 1 unless given."""

    name: ClassVar[str] = "log_softmax"
    namespace: ClassVar[str] = "torch.nn.functional"


class GLU(_Activation):
    """The first half of axis `dim` times the sigmoid of the second: `[N, *, 2 * C]` to `[N, *, C]`."""

    name: ClassVar[str] = "glu"
    per_element: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (_PLAIN, Example({"dim": 1}))

    dim: int = -1

    @property
    def reach(self) -> Reach:  # pyright: ignore[reportIncompatibleVariableOverride]
        return reach_along(self.dim)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        need.floating(x, op=self.name)
        axis = axis_of(x, self.dim, op=self.name)
        message = f"`glu` halves axis {axis} of {x}, and 2 does not divide {show(x.shape[axis])}"
        return x.with_shape(replace_axis(x.shape, axis, need.divisible(x.shape[axis], 2, message, operand=0)))
