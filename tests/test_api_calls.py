"""Calls of the Python interface that are wrong say what is, as a wrong spec does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import nn

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


def refused(call: Callable[[], object]) -> tuple[str, str, str]:
    """The code, message and help of the one mistake."""
    with pytest.raises(SpecError) as caught:
        call()
    (found,) = caught.value.diagnostics
    return found.code, found.message, found.help or ""


TAKE_A_SPEC: list[Callable[[Any], object]] = [
    archspec.load, archspec.build, archspec.compare, lambda spec: archspec.compare("lenet5", spec), archspec.diagram,
    lambda spec: archspec.diagram("lenet5", diff=spec), archspec.report, archspec.optimize, archspec.to_python,
    lambda spec: archspec.diff("lenet5", spec),
]  # fmt: skip


@pytest.mark.parametrize("call", TAKE_A_SPEC)
def test_a_spec_is_a_path_or_a_name(call: Callable[[Any], object]) -> None:
    module = nn.Sequential(*(nn.Linear(4, 4) for _ in range(99)))  # its text is longer than a file's name may be
    for spec, text, way_out in (
        (module, "a spec is a path or a name, got a Sequential", "archspec.graph_of(module)"),
        (5, "got an int", "archspec list"),
        (["lenet5"], "got a list", "give one"),
    ):
        code, message, help = refused(lambda spec=spec: call(spec))
        assert code == "wrong-type" and text in message and way_out in help
    assert "`archspec.loads` compiles" in refused(lambda: call(TEXT))[2]
    assert refused(lambda: call("x" * 300))[0] == "file-not-found"
    assert refused(lambda: call("x" * 300 + ".yaml@wide"))[0] == "unreadable-file"


def test_load_takes_nothing_else() -> None:
    assert "got None" in refused(lambda: archspec.load(cast("Any", None)))[1]
    graph = archspec.loads(TEXT)
    assert "compiled already" in refused(lambda: archspec.load(cast("Any", graph)))[2]


def test_what_takes_a_graph_takes_a_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TEXT)
    graph = archspec.load(tmp_path / "mine.yaml")
    assert archspec.to_python(str(tmp_path / "mine.yaml")) == archspec.to_python(graph)
    assert repr(archspec.optimize(tmp_path / "mine.yaml")) == repr(archspec.optimize(graph))


@pytest.mark.parametrize(
    ("call", "text", "way_out"),
    [
        ({"dtype": "float16"}, "`dtype` is a `torch.dtype` of weights, got 'float16'", "give `torch.float16`"),
        ({"dtype": "half precision"}, "got 'half precision'", "`torch.bfloat16`"),
        ({"dtype": torch.int8}, "got torch.int8", "`torch.bfloat16`"),
        ({"device": "gpu"}, "`device` is a `torch.device` or its name, got 'gpu'", '`"cuda"`'),
        ({"device": 0.5}, "got 0.5", '`"cuda"`'),
        ({"weights": 5}, "`weights` is a file or a `state_dict`, got an int", ""),
        ({"weights": nn.Linear(4, 8)}, "got a Linear", "`state_dict()`"),
        ({"weights": {}, "rename": "a=b"}, "`rename` is new parts of names by old ones, got 'a=b'", '"norm1"'),
        ({"weights": {}, "skip": 5}, "`skip` is one name or a list of them, got 5", ""),
        ({"allow_ops": 5}, "`allow_ops` is one name", ""),
        ({"allow_paths": 5}, "`allow_paths` is one name", ""),
    ],
)
def test_build(call: dict[str, Any], text: str, way_out: str) -> None:
    code, message, help = refused(lambda: archspec.build("lenet5", **call))
    assert code == "wrong-type" and text in message and way_out in help


@pytest.mark.parametrize(
    ("call", "text", "way_out"),
    [
        ({"input": torch.zeros(1, 1, 32, 32)}, "got a Tensor", "`tuple(x.shape)`"),
        ({"params": {"padding": nn.ReLU}}, "a param is plain data, got type", '`"ReLU"`'),
        ({"params": {"padding": nn.ReLU()}}, "a param is plain data, got ReLU", '`"ReLU"`'),
        ({"params": {"padding": torch.tensor(2)}}, "a param is plain data, got Tensor", "`.tolist()`"),
    ],
)
def test_what_torch_makes_is_no_data(call: dict[str, Any], text: str, way_out: str) -> None:
    _, message, help = refused(lambda: archspec.load("lenet5", **call))
    assert text in message and way_out in help


def test_a_file_that_is_named_without_its_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(TEXT)
    assert refused(lambda: archspec.load("mine"))[2] == "did you mean `mine.yaml`?"


def test_precisions_of_weights() -> None:
    graph = archspec.loads(TEXT)
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        assert {p.dtype for p in archspec.build(graph, dtype=dtype).parameters()} == {dtype}


def test_building_is_silent_without_numpy(tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("raise ModuleNotFoundError('no numpy')\n")
    program = "import archspec; archspec.build('lenet5'); import numpy"
    paths = os.pathsep.join([str(tmp_path), str(Path(archspec.__file__).parents[1])])
    run = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert "Warning" not in run.stderr and run.stderr.endswith("no numpy\n")


GRAPH = archspec.loads(TEXT)
OTHER: list[tuple[Callable[[Any], object], object, str]] = [
    (lambda given: archspec.loads(TEXT, folder=given), 5, "`folder` is a folder's path, got 5"),
    (lambda given: archspec.loads(TEXT, name=given), 5, "`name` is what the text is called, got 5"),
    (lambda given: archspec.load("lenet5", allow_paths=given), [5], "`allow_paths` is one name or a list of them"),
    (lambda given: archspec.build(GRAPH, init=given), "no", "`init` is True or False, got 'no'"),
    (lambda given: archspec.build(GRAPH, weights={}, rename=given), {1: "a"}, "got {1: 'a'}"),
    (lambda given: archspec.compare(GRAPH, optimizer=given), ["sgd"], "`optimizer` is an optimizer's name"),
    (lambda given: archspec.diff(GRAPH, "lenet5", depth=given), "1", "`depth` is a number of levels, got '1'"),
    (lambda given: archspec.diagram(GRAPH, depth=given), "1", "`depth` is a number of levels, got '1'"),
    (lambda given: archspec.diagram(GRAPH, expand=given), [1], "`expand` is one name or a list of them, got [1]"),
    (lambda given: archspec.diagram(GRAPH, title=given), 5, "`title` is a text, got 5"),
    (lambda given: archspec.diagram(GRAPH, link=given), 5, "`link` is an address, got 5"),
    (lambda given: archspec.diagram(GRAPH).render(engine=given), 5, "`engine` is a program's name, got 5"),
    (lambda given: archspec.diagram(GRAPH).save(given), 5, "`path` is that of a file, got 5"),
    (lambda given: archspec.report(GRAPH).save(given), 5, "`path` is that of a file, got 5"),
    (lambda given: archspec.parameter_groups(given, {"*": {}}), "x", "`parameter_groups` takes a module, got str"),
    (
        lambda given: archspec.parameter_groups(nn.Linear(2, 2), {given: {}}),
        5,
        "`groups` is a mapping of patterns, which are texts, to options, got 5",
    ),
    (lambda given: GRAPH.summary().to_text(depth=given), "1", "`depth` is a number of levels, got '1'"),
    (lambda given: GRAPH.summary().to_text(given), "80", "`width` is a number of columns, got '80'"),
    (lambda given: GRAPH.receptive_field().to_text(given), "80", "`width` is a number of columns, got '80'"),
    (lambda given: archspec.compare(GRAPH, GRAPH).to_text(given), "80", "`width` is a number of columns, got '80'"),
    (lambda given: archspec.diff(GRAPH, "lenet5").to_text(given), "80", "`width` is a number of columns, got '80'"),
    (lambda given: archspec.sweep("lenet5", {}).to_text(given), "80", "`width` is a number of columns, got '80'"),
    (lambda given: archspec.sweep("lenet5", {}).top(given), "3", "`count` is a number of rows, got '3'"),
    (lambda given: archspec.sweep("lenet5", {}).arguments(given), "0", "`position` is a row's number, got '0'"),
    (lambda given: GRAPH.summary().to_text(sort=given), ["macs"], "`sort` is a column's name, got ['macs']"),
    (lambda given: GRAPH.summary().to_text(columns=given), 5, "`columns` is one name or a list of them, got 5"),
    (lambda given: GRAPH.summary().to_text(columns=given), [5], "`columns` is one name or a list of them, got 5"),
    (lambda given: GRAPH.receptive_field(given), 5, "`path` is that of a node or a block, got 5"),
    (lambda given: GRAPH.receptive_field(None, given), 5, "`at` is a number for each axis, got 5"),
    (lambda given: GRAPH.receptive_field(None, given), ("a",), "`at` is a number for each axis, got 'a'"),
    (lambda given: archspec.sweep("mine.yaml", {}, variant=given), 5, "`variant` is a variant's name, got 5"),
    (lambda given: archspec.sweep("mine.yaml", {}, allow_ops=given), 5, "`allow_ops` is one name or a list of them"),
    (lambda given: archspec.sweep("mine.yaml", {}, file=given), 5, "`file` is a .csv file's path, got 5"),
    (lambda given: archspec.sweep("mine.yaml", {}, progress=given), 5, "`progress` is a function of two numbers"),
]


@pytest.mark.parametrize(("call", "given", "text"), OTHER)
def test_an_argument_of_another_type(call: Callable[[Any], object], given: object, text: str) -> None:
    code, message, _ = refused(lambda: call(given))
    assert code == "wrong-type" and text in message


def test_arguments_of_other_values(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TEXT)
    assert "`direction` is TB or LR" in refused(lambda: archspec.diagram(GRAPH, direction=cast("Any", "left")))[1]
    assert refused(lambda: archspec.sweep(tmp_path / "mine.yaml", {"width": [4]}, file=""))[2] == "name a file"
    none = cast("Any", None)
    assert "`limit`" in refused(lambda: archspec.sweep(tmp_path / "mine.yaml", {"width": [4]}, limit=none))[1]


def test_graph_of_takes_a_module() -> None:
    for other in ("lenet5", archspec.loads(TEXT), nn.Linear(4, 8)):
        code, message, _ = refused(lambda other=other: archspec.graph_of(cast("Any", other)))
        assert code == "bad-call" and "was not built here" in message


def test_a_batch_is_a_number() -> None:
    graph = archspec.loads(TEXT)
    assert refused(lambda: graph.summary(batch=cast("Any", "8")))[:2] == (
        "wrong-type", "`batch` is a number of samples, got '8'"
    )  # fmt: skip


def test_names_in_one_text() -> None:
    summary = archspec.loads(TEXT).summary()
    assert summary.to_text(columns="path, params") == summary.to_text(columns=["path", "params"])
    assert summary.to_csv(columns="+dtype") == summary.to_csv(columns=["+dtype"])
    assert archspec.diagram("lenet5", show="params").dot == archspec.diagram("lenet5", show=["params"]).dot
    assert archspec.diagram("resnet18", expand="layer1").dot == archspec.diagram("resnet18", expand=["layer1"]).dot


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
