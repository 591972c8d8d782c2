"""Activation layers. All keep the shape but `GLU`, which halves an axis."""

from typing import ClassVar, Literal

from archspec.ops.base import Category, Example, Inputs, ModuleOp, Needs
from archspec.ops.guards import Integers, real
from archspec.values import TensorType

MAP = ((2, 4, 5, 6),)


class Activation(ModuleOp, abstract=True):
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


class _Inplace(Activation, abstract=True):
    """An activation whose one argument is whether to overwrite the input."""

    examples: ClassVar[tuple[Example, ...]] = (Example({}, MAP), Example({"inplace": True}, MAP))

    inplace: bool = False


class ReLU(_Inplace):
    """`max(x, 0)`: any shape, kept."""

    integers: ClassVar[Integers] = "keep"
    saves_inputs: ClassVar[tuple[str, ...]] = ()
    saves_output: ClassVar[bool] = True


class ReLU6(_Inplace):
    """`min(max(x, 0), 6)`: any shape, kept."""

    integers: ClassVar[Integers] = "keep"


class GELU(Activation):
    """`x * Phi(x)`, Phi being the normal distribution (arXiv 1606.08415): any shape, kept."""

    examples: ClassVar[tuple[Example, ...]] = (Example({}, MAP), Example({"approximate": "tanh"}, MAP))

    approximate: Literal["none", "tanh"] = "none"


class SiLU(_Inplace):
    """`x * sigmoid(x)`, also called swish: any shape, kept."""


class Sigmoid(Activation):
    """`1 / (1 + exp(-x))`: any shape, kept."""

    saves_inputs: ClassVar[tuple[str, ...]] = ()
    integers: ClassVar[Integers] = "promote"
    booleans: ClassVar[bool] = True
    saves_output: ClassVar[bool] = True


class Tanh(Activation):
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
