"""Activations along an axis."""

from typing import ClassVar

from archspec.dims import show
from archspec.ops.activation import MAP, Activation
from archspec.ops.base import Example, Inputs, Needs, Reach, Written
from archspec.ops.guards import axis
from archspec.ops.work import SOFTMAX
from archspec.values import TensorType


class _AlongAxis(Activation, abstract=True):
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


class Softmax2d(Activation):
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
