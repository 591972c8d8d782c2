"""Expressions: the arithmetic of a spec, `$name` in words, and the targets of loops and comma keys.

An expression is parsed once, by Python's `ast`, and compiled to closures of our own: nothing is given to Python to run.
The language is closed: numbers, text, lists, comprehensions, a fixed set of functions, and the shapes of nodes. Every
evaluation is bounded in steps, and every value in size.
"""

from archspec.expr.context import Budget, Names, NodeLike
from archspec.expr.errors import ExprError, show_value
from archspec.expr.operators import pin
from archspec.expr.parse import Expression, parse, split_for
from archspec.expr.targets import Targets, parse_targets
from archspec.expr.template import Template, has_interpolation, interpolate, parse_template

__all__ = [
    "Budget",
    "ExprError",
    "Expression",
    "Names",
    "NodeLike",
    "Targets",
    "Template",
    "has_interpolation",
    "interpolate",
    "parse",
    "parse_targets",
    "parse_template",
    "pin",
    "show_value",
    "split_for",
]
