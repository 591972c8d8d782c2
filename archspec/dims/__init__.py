"""Sizes, and the only arithmetic on them.

A size is an `int`, or a `Size`: a closed form in symbols (`(H + 31) // 32`) with, where one is known, its value at the
nominal input. Forms are kept normal, so that most equal sizes look equal; what is left open is decided on one period of
the form. Symbols stand for integers of at least 1; division rounds down, as Python's; a result of zero or less is
returned as it is.
"""

from archspec.dims.forms import Atom, Floor, Form, Held, Monomial, Symbol, names_of, symbols_of
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
from archspec.dims.separate import Equation, difference, separate
from archspec.dims.sets import EVERY, SizeSet
from archspec.dims.sizes import (
    MAX_EXACT,
    Dim,
    Size,
    add,
    at_nominal,
    ceil_div,
    closed_form,
    floor_div,
    form_of,
    mod,
    mul,
    of_form,
    product,
    scale,
    show,
    shown,
    sub,
    substitute,
    symbol,
    symbols,
    total,
    value,
)
from archspec.dims.solve import Condition, solve
from archspec.dims.windows import transposed_out, window_out

__all__ = [
    "EVERY",
    "MAX_EXACT",
    "MAX_POINTS",
    "MAX_TERMS",
    "MAX_TEXT",
    "Atom",
    "Condition",
    "Dim",
    "Equation",
    "Floor",
    "Form",
    "Held",
    "Monomial",
    "Size",
    "SizeSet",
    "Symbol",
    "add",
    "at_nominal",
    "can_agree",
    "ceil_div",
    "closed_form",
    "difference",
    "floor_div",
    "form_of",
    "known_at_least",
    "known_divisible",
    "known_equal",
    "mod",
    "mul",
    "names_of",
    "of_form",
    "product",
    "proved_at_least",
    "proved_divisible",
    "proved_equal",
    "scale",
    "separate",
    "show",
    "shown",
    "solve",
    "sub",
    "substitute",
    "symbol",
    "symbols",
    "symbols_of",
    "total",
    "transposed_out",
    "value",
    "window_out",
]
