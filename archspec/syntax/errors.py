"""Mistakes of a file: collected, and put at their place."""

from __future__ import annotations

from dataclasses import field

from archspec.diagnostics import Diagnostic, Span, SpecError, spec_error
from archspec.expr import ExprError, Expression, Targets, parse, parse_targets
from archspec.limits import current
from archspec.objects import mutable
from archspec.yaml_source import Mapping, Node, Sequence


@mutable
class Errors:
    """Collects what is wrong, so that one pass reports every mistake."""

    found: list[Diagnostic] = field(default_factory=list[Diagnostic])

    def add(self, error: SpecError) -> None:
        self.found.extend(error.diagnostics)

    @property
    def are_enough(self) -> bool:
        """Whether there are more than are told; to look for others is of no use."""
        return len(self.found) > current().errors

    def check(self) -> None:
        """Raises SpecError with all that was found, in order of place, each once; the first of very many."""
        if self.found:
            unique = {(d.code, str(d.span), d.message): d for d in self.found}
            ordered, most = sorted(unique.values(), key=_place), current().errors
            if len(ordered) > most:
                ordered[most - 1] = ordered[most - 1].with_notes(["there are more mistakes: these come first"])
            raise SpecError(ordered[:most])


def _place(diagnostic: Diagnostic) -> tuple[str, int, int]:
    span = diagnostic.span
    return (span.source.name, span.line, span.column) if span else ("", 0, 0)


def located(error: ExprError, span: Span, offset: int = 0) -> SpecError:
    """An expression's error at its place; exact when the expression stands on one line as written."""
    column = span.column + offset + error.offset
    if span.line == span.end_line and column + max(error.length, 1) <= span.end_column:
        span = Span(span.source, span.line, column, span.line, column + max(error.length, 1))
    return spec_error(error.code, error.message, span, help=error.help)


def parse_expression(text: str, span: Span, offset: int = 0) -> Expression:
    """The expression, or SpecError at its place. `offset`: where it starts within `span`."""
    try:
        return parse(text)
    except ExprError as error:
        raise located(error, span, offset) from None


def parse_targets_at(text: str, span: Span, offset: int = 0) -> Targets:
    try:
        return parse_targets(text)
    except ExprError as error:
        raise located(error, span, offset) from None


def describe(node: Node) -> str:
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    return "nothing" if node.value is None else f"`{node.text}`"
