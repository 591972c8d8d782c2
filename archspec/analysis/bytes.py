"""How many bytes tensors take."""

from __future__ import annotations

import math
from typing import cast

from archspec.ops.base import State
from archspec.values import TensorType

BYTES = {
    "float64": 8, "int64": 8, "complex64": 8, "complex128": 16, "float32": 4, "int32": 4,
    "float16": 2, "bfloat16": 2, "int16": 2, "int8": 1, "uint8": 1, "bool": 1,
}  # fmt: skip
"""Bytes per element."""


def bytes_of(x: TensorType) -> int | None:
    """The bytes of a tensor; None where a size is not known."""
    try:
        return math.prod(cast("tuple[int, ...]", x.shape)) * BYTES[x.dtype]
    except TypeError:  # a Size has no operators
        return None


def state_bytes(state: State) -> int:
    """The bytes of a parameter or buffer."""
    return math.prod(state.shape) * BYTES[state.dtype]
