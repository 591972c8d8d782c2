"""What is asked for again is not compiled again, unless something that it follows from has changed."""

from __future__ import annotations

import copy
import gc
import json
import os
import pickle
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

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


FROZEN = """\
archspec: 1
params: {width: 8, widths: [4, [5, 6]], cut: {at: [1]}}
blocks: {Layer: {params: {sizes: list}, graph: [{op: Linear, out_features: "sizes[0]"}]}}
input: [N, 3]
graph:
  a: {op: Layer, sizes: $widths}
  b: {graph: [{op: Linear, out_features: "width + cut['at'][0]"}]}
expect: {output: [N, 9]}
"""
CHANGES: list[Callable[[archspec.Graph], object]] = [
    lambda g: cast("Any", g.params).update(width=9),
    lambda g: cast("Any", g.params).__setitem__("width", 9),
    lambda g: g.params["widths"].append(1),
    lambda g: g.params["widths"][1].__setitem__(0, 1),
    lambda g: g.params["cut"]["at"].sort(),
    lambda g: g.params["cut"].pop("at"),
    lambda g: cast("Any", g.scopes["a"].params).clear(),
    lambda g: g.scopes["a"].params["sizes"].clear(),
    lambda g: cast("Any", g.scopes["b"].params).setdefault("a", 1),
    lambda g: g.expect["output"].extend([1]),
    lambda g: cast("Any", g.expect).pop("output"),
    lambda g: cast("Any", g.positions).pop("a.0"),
    lambda g: cast("Any", g.scopes).pop("a"),
]


def reachable(graph: archspec.Graph) -> str:
    return repr((graph.params, graph.expect, graph.positions, graph.scopes))


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_kept_cannot_be_changed(tmp_path: Path, change: Callable[[archspec.Graph], object]) -> None:
    (tmp_path / "net.yaml").write_text(FROZEN)
    graph = archspec.load(tmp_path / "net.yaml")
    before = reachable(graph)
    with pytest.raises(TypeError, match="never changes"):
        change(graph)
    assert reachable(archspec.load(tmp_path / "net.yaml")) == before


def test_what_does_not_change_is_plain_data() -> None:
    graph = archspec.loads(FROZEN)
    params = {"width": 8, "widths": [4, [5, 6]], "cut": {"at": [1]}}
    assert graph.params == params and repr(graph.params) == repr(params)
    assert json.loads(json.dumps(graph.params)) == params
    assert archspec.loads(FROZEN, params=graph.params).params == params
    for again in (copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        assert (again.params, again.expect, again.summary().total) == (params, graph.expect, graph.summary().total)
        with pytest.raises(TypeError):
            again.params["widths"].append(1)
