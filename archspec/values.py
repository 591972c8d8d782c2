"""What flows along an edge: tensor types, references to values, and sizes that are read at run time."""

from __future__ import annotations

from typing import NamedTuple

from archspec.dims import Dim, Size, closed_form, show
from archspec.objects import record


class Value(NamedTuple):
    """One tensor in a graph: result `part` of node `node`. Graph inputs count down from node -1."""

    node: int
    part: int = 0


@record
class TensorType:
    """Shape (`[N, C, H, W]`; axis 0 is the batch) and dtype (torch's name: `float32`, `int64`, `bool`).

    `constant`: a parameter, buffer or range, or made of these alone; the same for every sample, without a batch axis.
    """

    shape: tuple[Dim, ...]
    dtype: str = "float32"
    constant: bool = False

    @property
    def rank(self) -> int:
        return len(self.shape)

    def with_shape(self, shape: tuple[Dim, ...]) -> TensorType:
        """The same dtype with another shape; whether the result of an op is a constant is not for its rule to say."""
        return TensorType(shape, self.dtype)

    def __str__(self) -> str:
        return "[" + ", ".join(show(dim) for dim in self.shape) + "]"


@record
class Axis:
    """The size of one axis of a value, read from the tensor at run time.

    While an expression is evaluated `source` is the value itself; in a finished node it is a position in `Node.reads`.
    """

    source: Value | int
    axis: int


RuntimeCode = Axis | int | tuple[str, "RuntimeCode", "RuntimeCode"]
"""What the emitter writes for a run-time size: a leaf, a constant, or `(operator, left, right)` of `+ - * // %`."""


@record
class RuntimeSize:
    """A size that depends on the input's, in an argument of a call: `reshape: [-1, c, input.height, input.width]`.

    `dim` is what it comes to (used for inference); `code` is how the emitted program computes it.
    """

    dim: Size
    code: RuntimeCode

    def __str__(self) -> str:
        return show(self.dim)

    def __repr__(self) -> str:
        """What it is at every size, so that a list of arguments reads `(-1, 8, H // 4)`."""
        return closed_form(self.dim)


SizeArg = int | RuntimeSize


def dim_of(size: SizeArg) -> Dim:
    """The dimension an argument stands for."""
    return size.dim if isinstance(size, RuntimeSize) else size
