"""How a page wants a network shown: the same options in a fenced block's first line and below a directive."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from archspec.diagnostics import did_you_mean, spec_error
from archspec.diagrams.choices import SHOWN, Direction

FLAGS = ("no-diagram", "no-legend", "source", "summary")
"""Options that need no value; `summary` may have one."""

NAMES = ("columns", "depth", "direction", "expand", "no-diagram", "no-legend", "show", "source", "summary", "title",
         "variant")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """What is shown of a network, and how.

    source: the spec's text, too. summary: the table, too; its `summary_depth` is the picture's unless given.
    The others are those of `archspec.load`, `archspec.diagram` and `Summary.table`.
    """

    variant: str | None = None
    diagram: bool = True
    depth: int | None = None
    expand: tuple[str, ...] = ()
    show: tuple[str, ...] = SHOWN
    direction: Direction = "TB"
    title: str | None = None
    legend: bool = True
    summary: bool = False
    summary_depth: int | None = None
    columns: tuple[str, ...] | None = None
    source: bool = False


def parse_line(text: str) -> Options:
    """The options of a line, `depth=2 summary title="Two levels"`. Raises SpecError."""
    try:
        words = shlex.split(text)
    except ValueError:
        raise spec_error("bad-call", f"a quote is never closed: {text.strip()}") from None
    given: dict[str, str | None] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if name in given:
            raise spec_error("bad-call", f"`{name}` is given twice")
        given[name] = value if equals else None
    return parse(given)


def parse(given: Mapping[str, str | None]) -> Options:
    """Options by name, with their texts; None where there is none. Raises SpecError."""
    for name, value in given.items():
        if name not in NAMES:
            raise spec_error("bad-call", f"no option `{name}`", help=did_you_mean(name, NAMES))
        if not value and name not in FLAGS:
            raise spec_error("bad-call", f"`{name}` needs a value", help=f"write `{name}=...`")
        if value and name in FLAGS and name != "summary":
            raise spec_error("bad-call", f"`{name}` takes no value, got `{value}`", help=f"write `{name}`")
    depth, columns = _level(given, "depth"), given.get("columns")
    summary_depth = _level(given, "summary")
    return Options(
        variant=given.get("variant"),
        diagram="no-diagram" not in given,
        depth=depth,
        expand=_list(given.get("expand")),
        show=_list(given["show"]) if "show" in given else SHOWN,
        direction=_direction(given.get("direction")),
        title=given.get("title"),
        legend="no-legend" not in given,
        summary="summary" in given,
        summary_depth=depth if summary_depth is None else summary_depth,
        columns=_list(columns) if columns else None,
        source="source" in given,
    )


def _level(given: Mapping[str, str | None], name: str) -> int | None:
    text = given.get(name)
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise spec_error("bad-call", f"`{name}` is no depth: `{text}`", help="write 1 or more")
    return int(text)


def _direction(text: str | None) -> Direction:
    for direction in get_args(Direction):
        if text in (None, direction):
            return direction
    raise spec_error("bad-call", f"`direction` is `TB` or `LR`, got `{text}`")


def _list(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",")) if text else ()
