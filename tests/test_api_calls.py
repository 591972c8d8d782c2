"""Calls of the Python interface that are wrong say what is, as a wrong spec does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.diagnostics import SpecError

TEXT = "archspec: 1\nparams: {width: 8}\ninput: [N, 4]\ngraph: [{op: Linear, out_features: width}]\n"


@pytest.mark.parametrize(
    ("call", "code", "text"),
    [
        ({"variant": 5}, "wrong-type", "`variant` is a variant's name, got 5"),
        ({"variant": ["a"]}, "wrong-type", "got ['a']"),
        ({"variant": ""}, "unknown-variant", "no variant ``"),
        ({"params": [1]}, "wrong-type", "`params` are values by name, got [1]"),
        ({"params": "width=8"}, "wrong-type", "got 'width=8'"),
        ({"params": {1: 2}}, "wrong-type", "a param's name is text, got 1"),
        ({"params": {"width": object}}, "wrong-type", "plain data"),
        ({"input": 224}, "wrong-input-shape", "a tuple of sizes, or several by name, got 224"),
        ({"input": "3x224x224"}, "wrong-input-shape", "got '3x224x224'"),
        ({"input": {"input": 224}}, "wrong-input-shape", "got 224"),
        ({"input": {1: (4,)}}, "unknown-input", "`1`"),
        ({"input": (None,)}, "wrong-input-shape", "got None"),
    ],
)
def test_load(call: dict[str, Any], code: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TEXT)
    for compiled in (
        lambda: archspec.loads(TEXT, **call),
        lambda: archspec.load(tmp_path / "mine.yaml", **call),
        lambda: archspec.build(tmp_path / "mine.yaml", **call),
    ):
        with pytest.raises(SpecError) as caught:
            compiled()
        assert [found.code for found in caught.value.diagnostics] == [code]
        assert text in caught.value.diagnostics[0].message


@pytest.mark.parametrize("text", [None, b"archspec: 1", Path("mine.yaml")])
def test_loads_takes_a_text(text: Any) -> None:
    with pytest.raises(SpecError, match="`loads` takes a text"):
        archspec.loads(text)


@pytest.mark.parametrize("call", [{"params": {"width": 3}}, {"variant": "a"}, {"input": (4,)}])
def test_a_compiled_graph_is_built_as_it_is(call: dict[str, Any]) -> None:
    graph = archspec.loads(TEXT)
    with pytest.raises(SpecError, match="give them to `load`"):
        archspec.build(graph, **call)


def test_one_name_will_do_where_several_may_be_given(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "base/base.yaml").write_text(TEXT)
    (tmp_path / "mine/mine.yaml").write_text("archspec: 1\nextends: ../base/base.yaml\n")
    assert archspec.load(tmp_path / "mine/mine.yaml", allow_paths=tmp_path / "base").nodes
    text = "archspec: 1\ninput: [N, 4, 2, 2]\ngraph: [{op: torchvision.ops.FrozenBatchNorm2d, num_features: 4}]\n"
    assert archspec.loads(text, allow_ops="torchvision").nodes
