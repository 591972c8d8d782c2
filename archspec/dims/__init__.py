"""Sizes, and the only arithmetic on them.

A size is an `int`, or a `Size`: a closed form in symbols (`(H + 31) // 32`) with, where one is known, its value at the
nominal input. Forms are kept normal, so that most equal sizes look equal; what is left open is decided on one period of
the form. Symbols stand for integers of at least 1; division rounds down, as Python's; a result of zero or less is
returned as it is.
"""

from archspec.dims.forms import Atom, Floor, Form, Held, Monomial, Symbol
from archspec.dims.normal import MAX_TERMS, MAX_TEXT
from archspec.dims.proofs import MAX_POINTS
from archspec.dims.questions import (
    can_agree,
    known_at_least,
    known_divisible,
    known_equal,
    proved_at_least,
    proved_divisible,
    proved_equal,
)
from archspec.dims.sizes import (
    MAX_EXACT,
    Dim,
    Size,
    add,
    at_nominal,
    ceil_div,
    closed_form,
    floor_div,
    mod,
    mul,
    product,
    scale,
    show,
    sub,
    substitute,
    symbol,
    symbols,
    total,
    value,
)
from archspec.dims.windows import transposed_out, window_out

__all__ = [
    "MAX_EXACT",
    "MAX_POINTS",
    "MAX_TERMS",
    "MAX_TEXT",
    "Atom",
    "Dim",
    "Floor",
    "Form",
    "Held",
    "Monomial",
    "Size",
    "Symbol",
    "add",
    "at_nominal",
    "can_agree",
    "ceil_div",
    "closed_form",
    "floor_div",
    "known_at_least",
    "known_divisible",
    "known_equal",
    "mod",
    "mul",
    "product",
    "proved_at_least",
    "proved_divisible",
    "proved_equal",
    "scale",
    "show",
    "sub",
    "substitute",
    "symbol",
    "symbols",
    "total",
    "transposed_out",
    "value",
    "window_out",
]
