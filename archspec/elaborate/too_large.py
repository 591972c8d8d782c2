"""Tensors that nobody can build: of the network's values, and of its parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable

from archspec.diagnostics import Span, spec_error
from archspec.limits import more
from archspec.ops.base import State
from archspec.values import TensorType

MAX_AXES = 64  # more, and torch sums over none of them
MAX_NUMBERS = 2**60 - 1  # torch counts their bytes in 63 bits


def check_tensors(types: Iterable[TensorType], name: str, span: Span) -> None:
    """Raises SpecError for a value that torch cannot hold."""
    for x in types:
        if x.rank > MAX_AXES:
            message = f"`{name}` would have {x.rank:,} axes, more than {MAX_AXES}"
            raise spec_error("too-large", message, span, help="merge some of them: `flatten`, `reshape`")
        if (numbers := _numbers(x)) > MAX_NUMBERS:
            message = f"`{name}` would be a tensor of {numbers:,} numbers"
            raise spec_error("too-large", message, span, help="torch holds fewer than 2 ** 60: make its sizes smaller")


def fit(x: TensorType) -> bool:
    """Whether torch can hold a value, of one sample or at the nominal sizes."""
    return x.rank <= MAX_AXES and _numbers(x) <= MAX_NUMBERS


def _numbers(x: TensorType) -> int:
    return math.prod([dim if isinstance(dim, int) else dim.value or 1 for dim in x.shape])


def check_states(states: Iterable[State], name: str, span: Span, most: int) -> None:
    """Raises SpecError for a parameter or buffer of more than `most` numbers."""
    for state in states:
        if (numbers := math.prod(state.shape)) > most:
            message = f"`{name}` would hold a tensor of {numbers:,} numbers"
            raise spec_error("too-large", message, span, help=f"make the layer smaller, or {more('parameter')}")
