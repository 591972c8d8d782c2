"""Words with `$name` or `$(expression)` inside them: `layer$(i + 1)`, `$act`."""

from __future__ import annotations

from functools import lru_cache

from archspec.dims import Size
from archspec.expr.compile import compile_text
from archspec.expr.compiler import Eval, Part
from archspec.expr.context import Budget, Frame, Names
from archspec.expr.errors import ExprError, Span
from archspec.expr.operators import limited_text
from archspec.expr.parse import evaluate
from archspec.expr.paths import joined
from archspec.expr.scan import computed_piece
from archspec.limits import current, more
from archspec.objects import record


def has_interpolation(text: str) -> bool:
    """Whether a word is more than its characters; `$$` counts."""
    return "$" in text


@record(eq=False)
class Template:
    """A parsed word."""

    text: str
    run: Eval
    cost: int
    lone: bool  # one `$name` or `$(expression)` and nothing else: it gives the value itself

    def evaluate(self, names: Names, limits: Budget | None = None, pins: list[Size] | None = None) -> object:
        """The value itself where the word is one `$name` or `$(expression)`, else text. Raises `ExprError`."""
        return evaluate(self.run, self.cost, len(self.text), names, limits, pins)


def interpolate(text: str, names: Names, limits: Budget | None = None, pins: list[Size] | None = None) -> object:
    """What a word comes to: `layer$(i + 1)` is text, `$act` the value of `act` whatever it is. Raises `ExprError`."""
    return parse_template(text).evaluate(names, limits, pins)


@lru_cache(maxsize=1 << 13)
def parse_template(text: str) -> Template:
    """Raises `ExprError`."""
    longest = current().text
    if len(text) > longest:
        message = f"a word of {len(text):,} characters is longer than {longest:,}"
        raise ExprError("limit", message, 0, len(text), more("text"))
    parts: list[Part] = []
    at = cost = 0
    while at < len(text):
        dollar = text.find("$", at)
        if dollar < 0:
            parts.append(text[at:])
            break
        if dollar > at:
            parts.append(text[at:dollar])
        if text.startswith("$$", dollar):
            parts.append("$")
            at = dollar + 2
            continue
        piece, at = computed_piece(text, dollar, 0)
        run, steps = compile_text(piece.text, piece.offset)
        parts.append((_suggesting(run, piece.text), Span(piece.offset, len(piece.text))))
        cost += steps
    match parts:
        case [(run, _)]:
            return Template(text, run, cost, True)
        case _:
            word = joined(parts)
            return Template(text, lambda frame: limited_text(word(frame), frame.budget), cost, False)


def _suggesting(run: Eval, written: str) -> Eval:
    """`enc$i_out` reads a variable `i_out`; where there is only `i`, the help says how to write it."""
    variable, _, rest = written.partition("_")
    if not written.isidentifier() or not rest:
        return run

    def suggest(frame: Frame) -> object:
        try:
            return run(frame)
        except ExprError as error:
            if error.code == "unknown-name" and variable in set(frame.names.known()):
                help = f"write `$({variable})_{rest}`"
                raise ExprError(error.code, error.message, error.offset, error.length, help) from None
            raise

    return suggest
