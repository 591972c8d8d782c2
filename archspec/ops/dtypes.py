"""Which dtype a result has: torch's type promotion (the "Tensor Attributes" page of its documentation)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from archspec.ops.needs import OpError
from archspec.values import TensorType

DType = Literal["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
"""The dtypes a constant can have."""

_INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
_FLOATS = ("bfloat16", "float16", "float32", "float64")


def is_float(dtype: str) -> bool:
    """Real numbers, not integers or booleans."""
    return dtype in _FLOATS


def promote(*operands: TensorType | int | float) -> str:
    """The dtype torch computes `operands` in: tensors with axes count first, then those without, then numbers.

    A later kind matters only where its category (bool, integer, float) is higher.
    """
    tensors = [x for x in operands if isinstance(x, TensorType)]
    numbers = [x for x in operands if not isinstance(x, TensorType)]
    kinds: tuple[Iterable[str], ...] = (
        (x.dtype for x in tensors if x.rank),
        (x.dtype for x in tensors if not x.rank),
        ("int64" if isinstance(x, int) else "float32" for x in numbers),
    )
    result = ""
    for kind in kinds:
        found = ""
        for dtype in kind:
            found = _join(found, dtype)
        if _category(found) > _category(result):
            result = _join(result, found)
    return result


def require_no_bool(x: TensorType, *, op: str, operand: int | None = 0) -> None:
    """`x` holds numbers."""
    if x.dtype == "bool":
        raise OpError("wrong-dtype", f"`{op}` needs numbers, got bool", operand=operand)


def require_same(inputs: Iterable[TensorType], *, op: str) -> None:
    """All inputs have one dtype, which holds numbers."""
    first: TensorType | None = None
    for position, x in enumerate(inputs):
        require_no_bool(x, op=op, operand=position)
        first = first or x
        if x.dtype != first.dtype:
            raise OpError("wrong-dtype", f"`{op}` needs one dtype, got {first.dtype} and {x.dtype}", operand=position)


def _category(dtype: str) -> int:
    return 0 if not dtype else 1 if dtype == "bool" else 2 if dtype in _INTEGERS else 3


def _join(a: str, b: str) -> str:
    """The smallest dtype that holds both."""
    if a == b or not a or not b:
        return a or b
    if _category(a) != _category(b):
        return a if _category(a) > _category(b) else b
    match {a, b}:
        case pair if pair == {"uint8", "int8"}:
            return "int16"
        case pair if pair == {"float16", "bfloat16"}:
            return "float32"
        case _:
            order = _FLOATS if a in _FLOATS else _INTEGERS
            return max(a, b, key=order.index)
