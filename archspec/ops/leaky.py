"""Activations with a slope, or a curve, below zero."""

from typing import ClassVar

from archspec.dims import show
from archspec.ops.activation import MAP, Activation
from archspec.ops.base import Example, Inputs, Needs, OpError, State
from archspec.ops.guards import positive, refuse_falling_in_place
from archspec.values import TensorType


class _SavesOverwritten(Activation, abstract=True):
    """An activation whose backward pass reads the input, or the output once that has overwritten the input."""

    @property
    def saves_output(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.inplace_on_input


class LeakyReLU(_SavesOverwritten):
    """`x` where positive, else `negative_slope * x`: any shape, kept."""

    examples: ClassVar[tuple[Example, ...]] = (Example({"negative_slope": 0.2, "inplace": True}, MAP),)

    negative_slope: float = 0.01
    inplace: bool = False

    def check(self) -> None:
        refuse_falling_in_place(self.inplace, negative_slope=self.negative_slope)


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


class PReLU(Activation):
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
