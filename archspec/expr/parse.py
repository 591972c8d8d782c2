"""The expression, parsed once and evaluated often; and the header of a loop."""

from __future__ import annotations

import re
from functools import lru_cache

from archspec.dims import Size
from archspec.expr.compile import compile_text
from archspec.expr.compiler import Eval
from archspec.expr.context import Budget, Frame, Names
from archspec.expr.errors import ExprError, Fault, Span
from archspec.expr.operators import check_weight, is_sequence
from archspec.expr.scan import check_length
from archspec.expr.targets import Targets, parse_targets
from archspec.objects import record

FOR = re.compile(r"\s*for\b(?P<targets>.*?)\bin\b(?P<items>.*\S.*)", re.DOTALL)


@record(eq=False)
class Expression:
    """A parsed expression."""

    text: str
    run: Eval
    cost: int

    def evaluate(self, names: Names, limits: Budget | None = None, pins: list[Size] | None = None) -> object:
        """The value: a number, text, a boolean, None, a list or tuple, a `RuntimeSize`, or what a variable holds.

        Sizes whose numbers were needed are appended to `pins`, once each. Raises `ExprError`.
        """
        return evaluate(self.run, self.cost, len(self.text), names, limits, pins)


def evaluate(run: Eval, cost: int, length: int, names: Names, limits: Budget | None, pins: list[Size] | None) -> object:
    """Runs a closure compiled from a text of this length."""
    frame = Frame(names, Budget() if limits is None else limits, pins)
    try:
        frame.budget.spend(cost)
        value = run(frame)
        if is_sequence(value):
            check_weight(value, frame.budget)
    except Fault as fault:
        raise fault.at(Span(0, length)) from None
    return value


@lru_cache(maxsize=1 << 13)
def parse(text: str) -> Expression:
    """Raises `ExprError`."""
    run, cost = compile_text(text, 0)
    return Expression(text, run, cost)


@lru_cache(maxsize=1 << 12)
def split_for(header: str) -> tuple[Targets, Expression, int]:
    """`for i, n in enumerate(depths)`: its targets, its expression, and where in the header the expression starts.

    Raises `ExprError`. Offsets count from the start of the header in errors raised here and by `Targets.bind`; in those
    of `Expression.evaluate` from the start of the expression.
    """
    check_length(header, what="a header")
    found = FOR.fullmatch(header)
    if found is None:
        raise ExprError(
            "bad-expression", "a loop without a list to go through", 0, len(header), "write `for i in range(3)`"
        )
    offset = found.start("items")
    try:
        expression = parse(found["items"])
    except ExprError as error:
        raise error.shifted(offset) from None
    return parse_targets(found["targets"], offset=found.start("targets")), expression, offset
