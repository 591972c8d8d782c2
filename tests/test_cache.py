"""What is asked for again is not compiled again, unless something that it follows from has changed."""

from __future__ import annotations

import gc
import os
import weakref
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec import cache, limits
from archspec.cache import GraphCache
from archspec.diagnostics import SpecError
from archspec.library import Library
from archspec.loading import compiled, find

FILES = {
    "mine.yaml": """\
archspec: 1
name: mine
extends: base.yaml
imports: {lib: parts/lib.yaml}
graph:
  last: {op: lib.Layer, width: 4}
""",
    "base.yaml": """\
archspec: 1
params: {width: 4}
variants: {wide: {width: 8}}
input: [N, 3]
graph:
  first: {op: Linear, out_features: $width}
  last: ReLU
""",
    "parts/lib.yaml": """\
archspec: 1
blocks:
  Layer:
    params: {width: int}
    graph: [{op: Linear, out_features: $width}]
""",
}


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A network of three files."""
    (tmp_path / "parts").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path / "mine.yaml"


def params(graph: archspec.Graph) -> int:
    return graph.summary().to_json()["totals"]["params"]


@pytest.mark.parametrize(
    "call",
    [{}, {"variant": "wide"}, {"params": {"width": 5}}, {"params": {"width": 6}}, {"input": (5,)}],
)
def test_each_question_has_its_answer(spec: Path, call: dict[str, Any]) -> None:
    plain = archspec.load(spec)
    asked = archspec.load(spec, **call)
    fresh = archspec.loads(FILES["mine.yaml"], folder=spec.parent, **call)
    assert params(asked) == params(fresh)
    assert (asked is plain) == (not call)
    assert archspec.load(spec, **call) is asked and archspec.load(spec) is plain


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_read(spec: Path, name: str) -> None:
    before = archspec.load(spec)
    file = spec.parent / name
    stat = file.stat()
    file.write_text(FILES[name].replace("width: 4", "width: 5").replace("$width}", "width + 1}"))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # which many an editor or archive does
    assert params(archspec.load(spec)) != params(before)
    file.write_text(FILES[name])
    assert params(archspec.load(spec)) == params(before)


def test_a_file_that_is_gone(spec: Path) -> None:
    archspec.load(spec)
    (spec.parent / "base.yaml").unlink()
    with pytest.raises(SpecError, match=r"no spec `base\.yaml`"):
        archspec.load(spec)
    spec.unlink()
    with pytest.raises(SpecError, match="no file"):
        archspec.load(spec)


def test_a_name_that_leads_elsewhere(tmp_path: Path) -> None:
    """A file of the spec's own folder comes before the bundled one of that name."""
    spec = tmp_path / "mine.yaml"
    spec.write_text("archspec: 1\nextends: lenet5.yaml\n")
    bundled = archspec.load(spec)
    (tmp_path / "lenet5.yaml").write_text("archspec: 1\ninput: [N, 3]\ngraph: [ReLU]\n")
    own = archspec.load(spec)
    assert (len(bundled.nodes) > 1, len(own.nodes)) == (True, 1)


def test_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, op in (("a", "ReLU"), ("b", "Tanh")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "net.yaml").write_text(f"archspec: 1\ninput: [N, 3]\ngraph: [{op}]\n")
    seen: list[str] = []
    for name in "aba":
        monkeypatch.chdir(tmp_path / name)
        seen.append(archspec.load("net.yaml").nodes[0].op.name)
    assert seen == ["ReLU", "Tanh", "ReLU"]


def test_limits_hold_for_what_is_known(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archspec.load(spec)
    monkeypatch.setenv(limits.VARIABLE, "nodes=1")
    with pytest.raises(SpecError, match="nodes"):
        archspec.load(spec)


def test_values_that_are_equal_but_not_the_same(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text("archspec: 1\nparams: {width: 1}\ninput: [N, 3]\ngraph: [{op: Linear, out_features: $width}]\n")
    assert archspec.load(spec, params={"width": 1}).nodes
    for wrong in (True, 1.0, "1"):
        with pytest.raises(SpecError):
            archspec.load(spec, params={"width": wrong})


def test_what_was_asked_for_longest_ago_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = archspec.loads("archspec: 1\ninput: [N, 3]\ngraph: [ReLU, ReLU]\n")
    monkeypatch.setattr(cache, "MOST_NODES", 4)
    held: GraphCache[str] = GraphCache()
    assert held.put("a", graph, "of a") == "of a"
    held.put("b", graph, "of b")
    assert held.get("a") == "of a"  # and so `b` has not been asked for longer
    held.put("c", graph, "of c")
    assert [held.get(key) is not None for key in "abc"] == [True, False, True]
    monkeypatch.setattr(cache, "MOST_NODES", 1)
    held.put("d", graph, "of d")  # more than may be kept at all
    assert [held.get(key) for key in "acd"] == [None, None, None]


def test_analyses_are_kept() -> None:
    graph = archspec.load("lenet5")
    first = graph.summary().analyses
    assert graph.summary(batch=1, optimizer="adam").analyses is first
    several = graph.summary(batch=8).analyses
    assert several is not first
    assert graph.summary().analyses is first
    assert several.memory.activation_peak_bytes == 8 * (first.memory.activation_peak_bytes or 0) > 0
    assert graph.summary(batch=8, optimizer="sgd").analyses.training.optimizer_state == 0


def test_graphs_are_freed_though_they_were_analysed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_NODES", 4)
    text = "archspec: 1\ninput: [N, 3]\ngraph: [ReLU, ReLU]\n"
    graph = archspec.loads(text)
    seen = weakref.ref(graph)
    graph.summary().to_json()
    gc.disable()
    try:
        del graph
        for _ in range(3):
            archspec.loads(text).summary().to_json()
        assert seen() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(("small", "large"), [("resnet18", "resnet152"), ("densenet121", "densenet201")])
def test_what_is_not_kept_is_freed_without_a_collector(small: str, large: str) -> None:
    """What refers to itself is as little for many nodes as for few, so that a sweep needs no collector."""

    def left(name: str) -> int:
        path, variant = find(name)
        gc.collect()
        gc.disable()
        try:
            library = Library()
            compiled(library.load(path), library, variant)
            del library
            return gc.collect()
        finally:
            gc.enable()

    for name in (small, large):
        left(name)  # what is kept in the process
    assert left(large) <= left(small) + 10 < 200
