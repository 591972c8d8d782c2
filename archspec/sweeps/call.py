"""What a call gives, checked: callers need no type checker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import SupportsIndex, cast

from archspec.diagnostics import spec_error


def check(spec: object, params: object, jobs: object, limit: object) -> None:
    """Raises SpecError for what is not of its type."""
    if not isinstance(spec, str | Path):
        message = f"`sweep` takes a spec's name or path, got {spec!r}"
        raise spec_error("wrong-type", message, None, help="a compiled graph has no params: name what it is made from")
    if not isinstance(params, Mapping) or not all(isinstance(name, str) for name in params):  # pyright: ignore[reportUnknownVariableType]
        message = f"`params` are values by the name of a param, got {params!r}"
        raise spec_error("wrong-type", message, None, help='give `{"width": [8, 16]}`')
    for name, what, number in (("jobs", "processes", 1 if jobs is None else jobs), ("limit", "combinations", limit)):
        if not isinstance(number, SupportsIndex) or number.__index__() < 1:
            raise spec_error("bad-call", f"`{name}` is a number of {what}, got {number!r}", None)


def names(what: str, given: object) -> tuple[str, ...]:
    """Names: several, or a text with commas between them. Raises SpecError."""
    found: list[str] = []
    for text in cast("Iterable[object]", given) if _is_several(given) else (given,):
        if not isinstance(text, str):
            raise spec_error("wrong-type", f"`{what}` is a list of names, got {given!r}", None)
        found += map(str.strip, text.split(","))
    return tuple(found)


def _is_several(given: object) -> bool:
    return isinstance(given, Iterable) and not isinstance(given, str)
