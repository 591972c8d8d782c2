"""What families share of the rules for work and for what autograd keeps (docs/costs.md)."""

from __future__ import annotations

import math

from archspec import dims
from archspec.dims import Dim
from archspec.ops.axes import broadcast
from archspec.ops.base import Inputs, Kept, Needs, elements
from archspec.ops.dtypes import promote
from archspec.values import TensorType

SOFTMAX = 5
"""Elementary operations of a softmax for each element: the largest, the difference, exp, the sum, the quotient."""

SCORE = SOFTMAX + 1
"""Of attention, for each score: the scale and the softmax. A mask adds one."""

NORMALISE = 5
"""Of a normalisation, without weight and bias: the sum, the difference, its square, their sum, the product."""


def window_work(kernel: tuple[int, ...], outputs: tuple[TensorType, ...]) -> Dim:
    """One operation for each element of each window."""
    return dims.mul(elements(outputs[0]), math.prod(kernel))


def keeps_for_mean(sizes: tuple[Dim, ...]) -> Kept:
    """What an adaptive mean to these sizes keeps: to a single position, nothing."""
    return Kept() if all(size == 1 for size in sizes) else Kept((0,))


def row_statistics(x: TensorType, axes: int) -> tuple[TensorType, TensorType]:
    """The mean and the reciprocal deviation over the last `axes` of `x`."""
    rows = x.with_shape((*x.shape[: x.rank - axes], *(1,) * axes))
    return rows, rows


def dropout_mask(p: float, x: TensorType, shape: tuple[Dim, ...]) -> tuple[TensorType, ...]:
    """What is drawn to drop elements of `x`, in a tensor of `shape`; torch multiplies by a plain 0 where all go."""
    return () if p == 0 else (x.with_shape(() if p == 1 else shape),)


def expanded(inputs: Inputs) -> TensorType:
    """The type of operands brought to one shape."""
    return TensorType(broadcast(Needs(), "", inputs), promote(*inputs), all(x.constant for x in inputs))
