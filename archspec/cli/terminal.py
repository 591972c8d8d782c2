"""What goes to the terminal: diagnostics, and the progress of long steps."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import TextIO

from archspec import render
from archspec.diagnostics import Diagnostic

_ELSEWHERE = 40


def print_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    """As text, on stderr."""
    print(render.to_text(diagnostics, color=wants_color(sys.stderr)), file=sys.stderr)


def wants_color(stream: TextIO) -> bool:
    """A terminal that shows colours, unless NO_COLOR (no-color.org) is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextmanager
def step(what: str) -> Generator[None]:
    """Shows on a terminal what is being done, for as long as it takes."""
    if not sys.stderr.isatty():
        yield
        return
    print(f"{what} ...", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def columns() -> int | None:
    """The columns of the terminal, or as COLUMNS says. None where the output goes elsewhere: as wide as need be."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal():
        return _size().columns
    return None


def lines() -> int:
    """The lines of the terminal, a few more than usual where the output goes elsewhere."""
    return _size().lines if sys.stdout.isatty() else _ELSEWHERE


def _size() -> os.terminal_size:
    import shutil  # with it come the formats of archives; most output goes elsewhere

    return shutil.get_terminal_size()
