"""What goes to the terminal: diagnostics, and the progress of long steps."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import TextIO

from archspec import render
from archspec.diagnostics import Diagnostic


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


def size() -> os.terminal_size:
    """Columns and lines of the terminal; where the output goes elsewhere, room for long paths."""
    elsewhere = os.terminal_size((160, 40))
    return shutil.get_terminal_size(elsewhere) if sys.stdout.isatty() else elsewhere
