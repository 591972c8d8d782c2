"""What every input must come to."""

from __future__ import annotations

import ast
import resource
import time
from collections.abc import Callable
from pathlib import Path

from archspec import api, render
from archspec.diagnostics import SpecError
from archspec.library import BUNDLED

SECONDS = 1.0  # of CPU time
GROWTH = 300  # MB
LIMITS = "steps=60000,nodes=2000"
"""So that a hang is one, and not a large network."""


class Finding(Exception):
    """An input took too long, or too much memory."""


def check(text: str) -> str:
    """Compiles a text, emits what it describes, or renders its errors; says which. Raises whatever is not allowed."""
    try:
        graph = api.loads(text, folder=BUNDLED)
    except SpecError as error:
        assert error.diagnostics, "an error without a diagnostic"
        for each in error.diagnostics:
            assert each.message and each.code, each
            assert each.span is None or (each.span.line >= 1 and each.span.column >= 1), each.span
        assert len(render.to_text(error.diagnostics)) < 1_000_000, "a page without end"
        return error.diagnostics[0].code
    ast.parse(api.to_python(graph))
    return "ok"


def measured(work: Callable[[str], str], text: str) -> str:
    """Runs it on the text. Raises Finding where it takes long, or much."""
    before, start = peak(), time.process_time()
    result = work(text)
    taken, grown = time.process_time() - start, peak() - before
    if taken > SECONDS:
        raise Finding(f"{taken:.1f} s")
    if grown > GROWTH:
        raise Finding(f"{grown} MB")
    return result


def peak() -> int:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def seeds() -> list[Path]:
    """The bundled specs, the examples and the case files."""
    root = Path(__file__).parent.parent.parent
    folders = (BUNDLED, root / "examples", root / "tests" / "cases")
    return [path for folder in folders for path in sorted(folder.rglob("*.yaml"))]
