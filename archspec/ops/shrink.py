"""Activations that cut off, shrink or squash."""

from typing import ClassVar

from archspec.ops.activation import MAP, Activation
from archspec.ops.base import Example, Inputs, OpError
from archspec.ops.guards import Integers
from archspec.values import TensorType


class Hardtanh(Activation):
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


class Threshold(Activation):
    """`x` where above `threshold`, else `value`: any shape, kept."""

    integers: ClassVar[Integers] = "keep"
    examples: ClassVar[tuple[Example, ...]] = (Example({"threshold": 0.1, "value": -1.0}, MAP),)

    threshold: float
    value: float
    inplace: bool = False


class Softplus(Activation):
    """`log(1 + exp(beta * x)) / beta`, linear above `threshold`: any shape, kept."""

    examples: ClassVar[tuple[Example, ...]] = (Example({"beta": 2.0, "threshold": 10}, MAP),)

    beta: float = 1.0
    threshold: float = 20.0


class Softsign(Activation):
    """`x / (1 + |x|)`: any shape, kept."""

    integers: ClassVar[Integers] = "promote"

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return outputs  # the denominator


class Hardshrink(Activation):
    """`x` outside of `-lambd`..`lambd`, else 0: any shape, kept."""

    examples: ClassVar[tuple[Example, ...]] = (Example({"lambd": 0.3}, MAP),)

    lambd: float = 0.5


class Softshrink(Activation):
    """`x` moved towards 0 by `lambd`: any shape, kept."""

    examples: ClassVar[tuple[Example, ...]] = (Example({"lambd": 0.3}, MAP),)

    lambd: float = 0.5

    def check(self) -> None:
        if self.lambd < 0:
            raise OpError("bad-argument", f"`lambd` must not be negative, got {self.lambd}", argument="lambd")


class Tanhshrink(Activation):
    """`x - tanh(x)`: any shape, kept."""

    integers: ClassVar[Integers] = "promote"
    saves_inputs: ClassVar[tuple[str, ...]] = ()

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return outputs  # the hyperbolic tangent


class LogSigmoid(Activation):
    """`log(sigmoid(x))`: any shape, kept."""

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return outputs  # exp(-|x|)

    def by_products(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return self.makes(inputs, outputs)
