"""The case files: each spec in `cases/ok` gives its goldens, each in `cases/bad` exactly the errors it names.

A case may say how it is loaded in a comment: `# call: {variant: small, params: {width: 8}}`. A bad case ends with one
comment an error, in order: `# error: unknown-op @ 7:11`, with the file's name before the line where it is another file,
and `-` for an error without a place. `pytest --update-goldens` writes the goldens of `cases/ok` anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from archspec import api
from archspec.diagnostics import Diagnostic, SpecError
from archspec.diagrams.draw import draw
from archspec.emit.python import to_python
from archspec.emit.torch import run_and_compare
from archspec.ir import Graph
from archspec.render import to_text as render
from tests.printer import to_text

CASES = Path(__file__).parent / "cases"
OK = sorted((CASES / "ok").glob("*.yaml"))
BAD = sorted((CASES / "bad").glob("*.yaml"))

_CALL = re.compile(r"^# call: (.+)$", re.MULTILINE)
_ERROR = re.compile(r"^# error: ([\w-]+) @ (\S+)$", re.MULTILINE)


def to_dot(graph: Graph) -> str:
    return draw(graph).dot


_GOLDENS = {".graph.txt": to_text, ".py.txt": to_python, ".dot.txt": to_dot}


def call_of(text: str) -> dict[str, Any]:
    found = _CALL.search(text)
    return yaml.safe_load(found[1]) if found else {}


def place(diagnostic: Diagnostic, case: Path) -> str:
    span = diagnostic.span
    if span is None:
        return "-"
    file = Path(span.source.name)
    if file.is_absolute() and file.is_relative_to(case.parent):
        file = file.relative_to(case.parent)
    at = f"{span.line}:{span.column}"
    return at if file.name == case.name else f"{file.as_posix()}:{at}"


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad(path: Path) -> None:
    text = path.read_text(encoding="utf-8-sig")
    expected = [f"{code} @ {where}" for code, where in _ERROR.findall(text)]
    assert expected, f"{path.name} names no error"
    with pytest.raises(SpecError) as caught:
        api.load(path, **call_of(text))
    found = [f"{diagnostic.code} @ {place(diagnostic, path)}" for diagnostic in caught.value.diagnostics]
    assert found == expected, render(caught.value.diagnostics)
    for diagnostic in caught.value.diagnostics:
        assert_house_style(diagnostic)


def assert_house_style(diagnostic: Diagnostic) -> None:
    """Lower case and no full stop; the text can be rendered."""
    for text in (diagnostic.message, diagnostic.label, diagnostic.help or "", *diagnostic.notes):
        assert not text.endswith("."), text
        assert not text[:1].isupper() or text[:2].isupper() or text[0] == "N", text
    assert diagnostic.message in render([diagnostic])


@pytest.mark.parametrize("kind", _GOLDENS)
@pytest.mark.parametrize("path", OK, ids=lambda path: path.stem)
def test_ok(path: Path, kind: str, update_goldens: bool) -> None:
    graph = api.load(path, **call_of(path.read_text(encoding="utf-8")))
    golden = path.with_suffix(kind)
    text = _GOLDENS[kind](graph)
    if update_goldens:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", OK, ids=lambda path: path.stem)
def test_ok_runs(path: Path) -> None:
    """Real forward passes have the inferred shapes, and the module the inferred state."""
    graph = api.load(path, **call_of(path.read_text(encoding="utf-8")))
    assert run_and_compare(graph, api.build(graph)) == []


def test_no_golden_without_its_case() -> None:
    cases = {path.stem for path in OK}
    strays = [path.name for path in (CASES / "ok").glob("*.txt") if path.name.split(".")[0] not in cases]
    assert strays == []


def test_there_are_cases() -> None:
    assert len(OK) >= 15
    assert len(BAD) >= 60
