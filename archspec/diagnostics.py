"""Errors as data: a diagnostic says what is wrong, where, why, and what to do about it.

Nothing here prints; `archspec.render` turns diagnostics into text, JSON or GitHub annotations.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from types import UnionType
from typing import Any

from archspec.objects import record
from archspec.synonyms import synonym


@record(eq=False)
class Source:
    """A spec's text and the name people know it by (a path, or `<string>`)."""

    name: str
    text: str = field(repr=False)


@record
class Span:
    """A stretch of a source. Lines and columns count from 1; the end is exclusive."""

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

    def __repr__(self) -> str:
        return f"Span({self})"


@record
class Label:
    """A further place that explains the error."""

    span: Span
    text: str


@record
class Diagnostic:
    """One mistake. `code` names the rule; every code has a section in docs/errors.md."""

    code: str
    message: str
    span: Span | None = None
    label: str = ""
    related: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    severity: str = field(default="error")

    def with_notes(self, notes: Iterable[str]) -> Diagnostic:
        return replace(self, notes=(*self.notes, *notes))


class SpecError(Exception):
    """The spec, or how it is called, is wrong. Carries every diagnostic that was found, in order."""

    def __init__(self, diagnostics: Diagnostic | Sequence[Diagnostic]) -> None:
        found = tuple(map(_brief, [diagnostics] if isinstance(diagnostics, Diagnostic) else diagnostics))
        super().__init__(found)
        self.diagnostics = found

    def __str__(self) -> str:
        from archspec.render import to_text  # only the text of an uncaught error needs the renderer

        return "\n" + to_text(self.diagnostics)


_MANY, _LONG = 2_000, 200  # names, and characters of one: comparing more takes seconds

_READABLE, _MOST = 400, 1_500  # characters of a text that is told whole, and of any
_QUOTED = re.compile(r"`([^`\n]*)`")


def _brief(diagnostic: Diagnostic) -> Diagnostic:
    """A diagnostic whose texts can be read, however long the names are that it tells."""
    texts = [diagnostic.message, diagnostic.label, diagnostic.help or "", *diagnostic.notes]
    if max(map(len, texts)) <= _READABLE:
        return diagnostic
    message, label, help, *notes = map(_shortened, texts)
    return replace(diagnostic, message=message, label=label, help=help or None, notes=tuple(notes))


def _shortened(text: str) -> str:
    if len(text) <= _READABLE:
        return text
    short = _QUOTED.sub(lambda found: f"`{found[1][:40]}...{found[1][-20:]}`" if len(found[1]) > 80 else found[0], text)
    return short if len(short) <= _MOST else f"{short[: _MOST - 3]}..."


class InternalError(Exception):
    """archspec itself is wrong; never the user's fault."""


def spec_error(
    code: str,
    message: str,
    span: Span | None = None,
    *,
    label: str = "",
    related: Sequence[Label] = (),
    notes: Sequence[str] = (),
    help: str | None = None,
) -> SpecError:
    """The usual way to raise: `raise spec_error("unknown-op", "no op `Conv2D`", span, help="write `Conv2d`")`."""
    return SpecError(Diagnostic(code, message, span, label, tuple(related), tuple(notes), help))


def check_type(name: str, given: object, kind: type[Any] | UnionType, what: str, *, help: str | None = None) -> None:
    """Raises SpecError for an argument of another type: callers of the Python interface need no type checker."""
    if not isinstance(given, kind):
        raise spec_error("wrong-type", f"`{name}` is {what}, got {given!r}", None, help=help)


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """The valid name closest to `word`, or what other tools call by it; None when none is close, or when there are too
    many to compare."""
    choices = list(valid)
    if len(choices) > _MANY or len(word) > _LONG:
        return None
    like = word[:1].isupper()  # `Dropout` and `dropout` are two
    folded = {name.lower(): name for name in sorted(choices, key=lambda name: name[:1].isupper() == like)}
    if word.lower() in folded:
        return folded[word.lower()]
    if (meant := synonym(word, choices)) is not None:
        return meant
    from difflib import get_close_matches  # of no use where nothing is wrong

    lower = word.lower()
    close = get_close_matches(lower, folded, n=1, cutoff=0.75)
    related = (name for name in get_close_matches(lower, folded, n=9, cutoff=0.6) if _related(lower, name))
    found = next(iter(close), None) or next(related, None)
    return folded[found] if found else None


def _related(word: str, name: str) -> bool:
    """Whether names that are less alike have their letters in another order, or one begins or ends with the other:
    letters in common alone make nobody write `activation` for `dilation`."""
    short, long = sorted((word, name), key=len)
    begins, ends = len(short) > 2 and long.startswith(short), len(short) > 3 and long.endswith(short)
    return begins or ends or sorted(word) == sorted(name)


def did_you_mean(word: str, valid: Iterable[str]) -> str | None:
    """Help text naming the closest valid name, else the valid names when they are few."""
    choices = sorted(set(valid))
    close = nearest(word, choices)
    if close is not None:
        return f"did you mean `{close}`?"
    if 0 < len(choices) <= 12:
        return "choose one of " + ", ".join(f"`{choice}`" for choice in choices)
    return None
