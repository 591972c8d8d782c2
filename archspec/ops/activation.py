"""Activation layers. All keep the shape but `GLU`, which halves an axis."""

from typing import ClassVar, Literal

from archspec.dims import show
from archspec.ops.base import Category, Example, Inputs, ModuleOp, Needs, OpError, Reach, State, Written
from archspec.ops.guards import Integers, axis, positive, real, refuse_falling_in_place
from archspec.ops.work import SOFTMAX
from archspec.values import TensorType

MAP = ((2, 4, 5, 6),)


class _Activation(ModuleOp, abstract=True):
    """What activations share; each says what becomes of integers and booleans."""

    category: ClassVar[Category] = "activation"
    integers: ClassVar[Integers] = "refuse"
    booleans: ClassVar[bool] = False
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    per_element: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (Example({}, MAP),)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        self.check()
        return real(need, inputs[0], op=type(self).name, integers=self.integers, booleans=self.booleans)

    def check(self) -> None:
        """Refuses arguments that torch refuses."""


class _Inplace(_Activation, abstract=True):
    """An activation whose one argument is whether to overwrite the input."""

    examples: ClassVar[tuple[Example, ...]] = (Example({}, MAP), Example({"inplace": True}, MAP))

    inplace: bool = False


class _SavesOverwritten(_Activation, abstract=True):
    """An activation whose backward pass reads the input, or the output once that has overwritten the input."""

    @property
    def saves_output(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.inplace_on_input


class ReLU(_Inplace):
    """`max(x, 0)`: any shape, kept."""

    integers: ClassVar[Integers] = "keep"
    saves_inputs: ClassVar[tuple[str, ...]] = ()
    saves_output: ClassVar[bool] = True


class ReLU6(_Inplace):
    """`min(max(x, 0), 6)`: any shape, kept."""

    integers: ClassVar[Integers] = "keep"


class LeakyReLU(_SavesOverwritten):
    """`x` where positive, else `negative_slope * x`: any shape, kept."""

    examples: ClassVar[tuple[Example, ...]] = (Example({"negative_slope": 0.2, "inplace": True}, MAP),)

    negative_slope: float = 0.01
    inplace: bool = False

    def check(self) -> None:
        refuse_falling_in_place(self.inplace, negative_slope=self.negative_slope)


class GELU(_Activation):
    """`x * Phi(x)`, Phi being the normal distribution (arXiv 1606.08415): any shape, kept."""

    examples: ClassVar[tuple[Example, ...]] = (Example({}, MAP), Example({"approximate": "tanh"}, MAP))

    approximate: Literal["none", "tanh"] = "none"


class SiLU(_Inplace):
    """`x * sigmoid(x)`, also called swish: any shape, kept."""


class Sigmoid(_Activation):
    """`1 / (1 + exp(-x))`: any shape, kept."""

    saves_inputs: ClassVar[tuple[str, ...]] = ()
    integers: ClassVar[Integers] = "promote"
    booleans: ClassVar[bool] = True
    saves_output: ClassVar[bool] = True


class Tanh(_Activation):
    """The hyperbolic tangent: any shape, kept."""

    saves_inputs: ClassVar[tuple[str, ...]] = ()
    integers: ClassVar[Integers] = "promote"
    booleans: ClassVar[bool] = True
    saves_output: ClassVar[bool] = True


class Hardsigmoid(_Inplace):
    """`min(max(x / 6 + 0.5, 0), 1)`: any shape, kept."""


class Hardswish(_Inplace):
    """`x * hardsigmoid(x)` (arXiv 1905.02244): any shape, kept."""


class Mish(_Inplace):
    """`x * tanh(softplus(x))` (arXiv 1908.08681): any shape, kept."""


class ELU(_SavesOverwritten):
    """`x` where positive, else `alpha * (exp(x) - 1)` (arXiv 1511.07289): any shape, kept."""

    examples: ClassVar[tuple[Example, ...]] = (Example({"alpha": 0.5}, MAP),)

    alpha: float = 1.0
    inplace: bool = False

    def check(self) -> None:
        refuse_falling_in_place(self.inplace, alpha=self.alpha)


class CELU(_SavesOverwritten):
    """`x` where positive, else `alpha * (exp(x / alpha) - 1)` (arXiv 1704.07483): any shape, kept."""

    examples: ClassVar[tuple[Example, ...]] = (Example({"alpha": 2.0, "inplace": True}, MAP),)

    alpha: float = 1.0
    inplace: bool = False

    def check(self) -> None:
        if self.alpha == 0:
            raise OpError("bad-argument", "`alpha` must not be 0", argument="alpha")
        refuse_falling_in_place(self.inplace, alpha=self.alpha)


class SELU(_SavesOverwritten):
    """An `ELU` scaled so that activations normalise themselves (arXiv 1706.02515): any shape, kept."""

    examples: ClassVar[tuple[Example, ...]] = (Example({}, MAP), Example({"inplace": True}, MAP))

    inplace: bool = False


class PReLU(_Activation):
    """`x` where positive, else `weight * x`, with one learnt weight or one a channel: `[N, C, *]`, shape kept (arXiv
    1502.01852)."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, MAP),
        Example({"num_parameters": 4, "init": 0.1}, MAP),
    )

    num_parameters: int = 1
    init: float = 0.25

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        positive(num_parameters=self.num_parameters)
        if self.num_parameters > 1:
            channels = x.shape[1] if x.rank > 1 else 1
            need.equal(
                channels, self.num_parameters,
                f"`num_parameters` {self.num_parameters} is not the number of channels {show(channels)}",
                argument="num_parameters", help="write 1, or one a channel: `num_parameters: input.channels`",
            )  # fmt: skip
        need.floating(x, op="PReLU")
        if x.dtype != "float32":
            raise OpError("wrong-dtype", f"`PReLU` has a float32 weight, got {x.dtype} input", operand=0)
        return x.with_shape(x.shape)

    def state(self) -> tuple[State, ...]:
        return (State("weight", (self.num_parameters,)),)


class RReLU(_SavesOverwritten):
    """`x` where positive, else `a * x`, `a` drawn between `lower` and `upper` in training and their mean in
    evaluation: any shape, kept."""

    examples: ClassVar[tuple[Example, ...]] = (Example({"lower": 0.1, "upper": 0.3}, MAP),)

    lower: float = 1 / 8
    upper: float = 1 / 3
    inplace: bool = False

    def check(self) -> None:
        if self.lower > self.upper:
            raise OpError("bad-argument", f"`lower` {self.lower} is above `upper` {self.upper}", argument="lower")

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return inputs.types  # the slopes drawn


class Hardtanh(_Activation):
    """`min(max(x, min_val), max_val)`: any shape, kept."""

    integers: ClassVar[Integers] = "keep"
    examples: ClassVar[tuple[Example, ...]] = (Example({"min_val": -2.0, "max_val": 0.5}, MAP),)

    min_val: float = -1.0
    max_val: float = 1.0
    inplace: bool = False

    def check(self) -> None:
        if self.min_val >= self.max_val:
            raise OpError(
                "bad-argument", f"`min_val` {self.min_val} must be below `max_val` {self.max_val}", argument="min_val"
            )


class Threshold(_Activation):
    """`x` where above `threshold`, else `value`: any shape, kept."""

    integers: ClassVar[Integers] = "keep"
    examples: ClassVar[tuple[Example, ...]] = (Example({"threshold": 0.1, "value": -1.0}, MAP),)

    threshold: float
    value: float
    inplace: bool = False


class Softplus(_Activation):
    """`log(1 + exp(beta * x)) / beta`, linear above `threshold`: any shape, kept."""

    examples: ClassVar[tuple[Example, ...]] = (Example({"beta": 2.0, "threshold": 10}, MAP),)

    beta: float = 1.0
    threshold: float = 20.0


class Softsign(_Activation):
    """`x / (1 + |x|)`: any shape, kept."""

    integers: ClassVar[Integers] = "promote"

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return outputs  # the denominator


class Hardshrink(_Activation):
    """`x` outside of `-lambd`..`lambd`, else 0: any shape, kept."""

    examples: ClassVar[tuple[Example, ...]] = (Example({"lambd": 0.3}, MAP),)

    lambd: float = 0.5


class Softshrink(_Activation):
    """`x` moved towards 0 by `lambd`: any shape, kept."""

    examples: ClassVar[tuple[Example, ...]] = (Example({"lambd": 0.3}, MAP),)

    lambd: float = 0.5

    def check(self) -> None:
        if self.lambd < 0:
            raise OpError("bad-argument", f"`lambd` must not be negative, got {self.lambd}", argument="lambd")


class Tanhshrink(_Activation):
    """`x - tanh(x)`: any shape, kept."""

    integers: ClassVar[Integers] = "promote"
    saves_inputs: ClassVar[tuple[str, ...]] = ()

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return outputs  # the hyperbolic tangent


class LogSigmoid(_Activation):
    """`log(sigmoid(x))`: any shape, kept."""

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return outputs  # exp(-|x|)

    def by_products(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return self.makes(inputs, outputs)


class _AlongAxis(_Activation, abstract=True):
    """An activation that mixes the values of one axis."""

    dim: int

    @property
    def reach(self) -> Reach:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "pointwise" if self.dim in (0, 1) else "global"

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        axis(inputs[0], self.dim, "dim", batch=True)
        return super().infer(need, inputs)


class _Softmax(_AlongAxis, abstract=True):
    """A softmax of some kind."""

    saves_output: ClassVar[bool] = True
    saves_inputs: ClassVar[tuple[str, ...]] = ()
    per_element: ClassVar[int] = SOFTMAX
    examples: ClassVar[tuple[Example, ...]] = (Example({}, MAP), Example({"dim": -1}, ((2, 3, 7),)))

    dim: Written[int] = 1


class Softmax(_Softmax):
    """`exp(x) / sum(exp(x))` along `dim`, 1 unless given (torch has no default): any shape, kept."""


class LogSoftmax(_Softmax):
    """The logarithm of the softmax along `dim`, 1 unless given (torch has no default): any shape, kept."""


class Softmin(_Softmax):
    """The softmax of `-x` along `dim`, 1 unless given (torch has no default): any shape, kept."""

    per_element: ClassVar[int] = SOFTMAX + 1


class Softmax2d(_Activation):
    """The softmax over the channels: `[N, C, H, W]`, shape kept."""

    saves_output: ClassVar[bool] = True
    saves_inputs: ClassVar[tuple[str, ...]] = ()
    per_element: ClassVar[int] = SOFTMAX

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        need.rank(inputs[0], 4, op="Softmax2d", layout="[N, C, H, W]")
        return super().infer(need, inputs)


class GLU(_AlongAxis):
    """`a * sigmoid(b)` of the halves a and b of axis `dim` (arXiv 1612.08083): any shape, that axis halved."""

    per_element: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 5, 8),)), Example({"dim": 1}, MAP))

    dim: int = -1

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = super().infer(need, inputs)
        halved = axis(inputs[0], self.dim, "dim")
        message = f"`GLU` halves axis {halved}, got an odd size {show(x.shape[halved])}"
        half = need.divisible(x.shape[halved], 2, message, operand=0)
        return x.with_shape((*x.shape[:halved], half, *x.shape[halved + 1 :]))
