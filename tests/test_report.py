"""The page's data and text; what it does in a browser is in `browser/test_report.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archspec
from archspec import api
from archspec.analysis.analyses import Analyses
from archspec.analysis.region import region
from archspec.analysis.sample import Sample
from archspec.cli import main
from archspec.diagnostics import SpecError
from archspec.diagrams.engine import find_engine
from archspec.ir import Graph
from archspec.reports.data import Contents
from archspec.reports.fields import fields
from archspec.reports.levels import Level, levels
from archspec.reports.page import embedded
from archspec.reports.report import report
from archspec.reports.sources import short_names
from archspec.values import Value
from tests.test_random_graphs import share

NETWORKS = ["resnet50", "googlenet", "densenet121", "unet", "vit_b_16", "efficientnet_b0", "lenet5"]


def data(graph: Graph) -> dict[str, Any]:
    return Contents(Analyses(graph), find_engine("svg")).to_json()


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found:
            self.texts[self.found[-1][0]] = self.texts.get(self.found[-1][0], "") + data


# Levels


def level_of(found: list[Level], path: str) -> Level:
    return next(level for level in found if level.scope.path == path)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_node_is_in_one_box_of_its_level(name: str) -> None:
    graph = api.load(name)
    found = levels(graph)
    assert found[0].scope is graph.root
    for level in found:
        covered = [at for box in level.boxes if box.kind in ("node", "block") for at in range(box.start, box.end)]
        assert covered == list(range(level.scope.start, level.scope.end))


@pytest.mark.parametrize("name", NETWORKS)
def test_edges_join_boxes_and_enter_blocks_at_ports_that_are_there(name: str) -> None:
    found = levels(api.load(name))
    inside = {level.scope.path: level for level in found}
    for level in found:
        boxes = {box.id: box for box in level.boxes}
        for edge in level.edges:
            source, target = boxes[edge.source], boxes[edge.target]
            into, out = level.ports[edge.source, edge.target]
            for box, port, kind in ((target, into, "input"), (source, out, "output")):
                assert (port is not None) == (box.scope is not None)
                if box.scope is not None and port is not None:
                    ports = [each for each in inside[box.scope.path].boxes if each.kind == kind]
                    assert port < len(ports)


def test_equal_blocks_are_one_box() -> None:
    found = levels(api.load("resnet50"))
    counts = {box.path: box.count for box in level_of(found, "layer3").boxes if box.kind == "block"}
    assert counts == {"layer3.0": 1, "layer3.1": 5}
    assert not any(level.scope.path == "layer3.2" for level in found)


def test_a_frame_around_one_thing_is_left_out() -> None:
    text = "archspec: 1\ninput: [N, 3, 8, 8]\ngraph:\n  outer:\n    graph:\n      inner: ReLU\n  after: ReLU\n"
    found = levels(api.loads(text))
    assert [level.scope.path for level in found] == [""]
    assert [box.path for box in found[0].boxes if box.kind == "node"] == ["outer.inner", "after"]


def test_ports_are_named_as_the_block_declares_them() -> None:
    text = """\
archspec: 1
input: [N, 4, 8, 8]
blocks:
  Join:
    inputs: [big, small]
    graph:
      sum: {op: add, from: [big, small]}
      act: ReLU
graph:
  a: ReLU
  b: Sigmoid
  join: {op: Join, from: [b, a]}
"""
    found = level_of(levels(api.loads(text)), "join")
    assert [box.path for box in found.boxes if box.kind == "input"] == ["big", "small"]
    assert [box.path for box in found.boxes if box.kind == "output"] == ["join.act"]


def test_values_taken_from_inside_of_a_block_leave_it_at_a_port_of_their_own() -> None:
    text = """\
archspec: 1
input: [N, 4, 8, 8]
graph:
  stem:
    graph:
      early: ReLU
      late: Sigmoid
  sum: {op: add, from: [stem, stem.early]}
"""
    found = levels(api.loads(text))
    assert [box.path for box in level_of(found, "stem").boxes if box.kind == "output"] == ["stem.late", "stem.early"]


# Fields


@pytest.mark.parametrize("name", ["lenet5", "resnet50", "unet", "efficientnet_b0", "vit_b_16", "googlenet"])
def test_tables_of_fields_are_what_the_analysis_says_of_each_unit(name: str) -> None:
    graph = api.load(name)
    sample = Sample.of(graph)
    found = fields(sample)
    for position in range(0, len(graph.nodes), max(1, len(graph.nodes) // 25)):
        value = Value(position)
        entries = found.of.get(value, [])
        centre = region(graph, value, None, sample)
        assert len(entries) == len(centre.inputs)
        shape = sample.outputs[position][0].shape
        last = [size - 1 for axis in centre.axes if isinstance(size := shape[axis], int)]
        for unit in ([0] * len(last), list(centre.at or ()), last):
            seen = region(graph, value, unit, sample).inputs
            for number, known in zip(entries, seen, strict=True):
                axes = found.entries[number]["axes"]
                places = dict(zip(centre.axes, unit, strict=True))
                for hull, name_ in ((known.hull, "all"), (known.local, "near")):
                    for axis, clipped in zip(axes, hull.clipped if hull else (), strict=bool(hull)):
                        table = found.tables[axis[name_]]
                        first = 0 if len(table) == 2 else 2 * places[axis["along"]]
                        if clipped is not None and clipped.size:
                            assert table[first : first + 2] == list(clipped)
                        else:
                            assert table[first] > table[first + 1]


# The data


@pytest.mark.parametrize("name", NETWORKS)
def test_items_are_all_nodes_and_blocks_with_the_sums_of_the_summary(name: str) -> None:
    graph = api.load(name)
    items = {item["path"]: item for item in data(graph)["items"]}
    assert items.keys() == graph.positions.keys() | graph.scopes.keys()
    contract = graph.summary().to_json()
    for entry in (*contract["nodes"], *contract["blocks"]):
        if entry.get("mode") != "training":  # such nodes have MACs of their own, but not in a sum
            assert items[entry["path"]]["cells"][:2] == [entry["params"], entry["macs"]]


def test_lines_of_the_spec() -> None:
    graph = api.load("efficientnet_b0")
    found = data(graph)
    assert [file["name"] for file in found["files"]] == ["efficientnet.yaml", "mbconv.yaml"]
    item = next(item for item in found["items"] if item["path"] == "features.1.0.block.0.0")
    lines = [found["files"][file]["lines"][line - 1] for file, line in item["places"]]
    assert "Conv2d" in lines[0] and "MBConv" in lines[-1]
    assert len(lines) == 3


def test_sites_of_facts_are_items() -> None:
    found = data(api.load("unet_2015"))
    assert [found["items"][site]["path"] for fact in found["facts"] for site in fact["sites"]] == ["dec2.2"] * 2


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["/home/me/specs/a.yaml"], ["a.yaml"]),
        (["/x/one/a.yaml", "/x/two/a.yaml", "b.yaml"], ["one/a.yaml", "two/a.yaml", "b.yaml"]),
        (["<string>"], ["<string>"]),
        (["a.yaml", "x/a.yaml"], ["a.yaml", "x/a.yaml"]),
        ([""], [""]),
    ],
)
def test_files_are_named_without_their_folders(names: list[str], expected: list[str]) -> None:
    assert short_names(names) == expected


def test_either_engine_places_every_box_and_edge(each_engine: str) -> None:
    graph = api.load("googlenet")
    for level in Contents(Analyses(graph), find_engine("svg", each_engine)).to_json()["levels"]:
        width, height = level["size"]
        for box in level["boxes"]:
            x, y, w, h = box["at"]
            assert w / 2 - 1 <= x <= width - w / 2 + 1 and h / 2 - 1 <= y <= height - h / 2 + 1
        assert all(len(edge["way"]) % 6 == 2 for edge in level["edges"])  # one point, then three for each curve


HEAD = "archspec: 1\ninput: [N, 3, 8, 8]\ngraph:\n"


def dense(count: int) -> Graph:
    """Layers of three channels that read all before them, without blocks around them."""
    layers = (
        f"  c{i}: {{op: cat, from: [{', '.join(f'r{j}' for j in range(i)) or 'input'}]}}\n"
        f"  r{i}: {{op: Conv2d, out_channels: 3, kernel_size: 1}}\n"
        for i in range(count)
    )
    return api.loads(HEAD + "".join(layers))


@pytest.mark.parametrize(
    "graph", [lambda: api.loads(HEAD + "".join(f"  n{i}: ReLU\n" for i in range(2100))), lambda: dense(60)]
)
def test_what_is_no_picture_is_not_drawn(graph: Callable[[], Graph]) -> None:
    found = data(graph())
    assert found["levels"] == []
    assert len(found["items"]) == len(graph().nodes) + 1
    assert "than a picture holds" in report(graph()).html


def test_a_tangle_is_drawn(each_engine: str) -> None:
    graph = dense(24)
    found = Contents(Analyses(graph), find_engine("svg", each_engine)).to_json()["levels"]
    assert len(found[0]["edges"]) == 24 * 23 // 2 + 24 + 2


# The page


@pytest.mark.parametrize("name", ["resnet50", "vit_b_16"])
def test_the_page_is_one_file_that_asks_for_nothing(name: str) -> None:
    html = archspec.report(name).html
    elements = Elements(html).found
    assert not any(
        tag in ("link", "iframe", "object", "embed") and "data:" not in str(attrs) for tag, attrs in elements
    )
    assert not any({"src", "srcset", "action", "background"} & attrs.keys() for _, attrs in elements)
    assert set(re.findall(r"https?://[^\s\"'<]+", html)) == {"http://www.w3.org/2000/svg"}  # a namespace
    assert "default-src 'none'" in html


@pytest.mark.parametrize("name", ["resnet152", "efficientnet_b7", "vit_l_16"])
def test_pages_of_deep_networks_are_small(name: str) -> None:
    assert len(archspec.report(name, engine="graphviz-pure").html) < 1_000_000


def test_the_same_network_gives_the_same_page() -> None:
    assert report(api.load("googlenet")).html == report(api.load("googlenet")).html


def test_both_engines_draw_the_same_boxes(system_dot: None) -> None:
    graph = api.load("resnet50")
    found = [
        Contents(Analyses(graph), find_engine("svg", name)).to_json()["levels"] for name in ("dot", "graphviz-pure")
    ]
    for one, other in zip(*found, strict=True):
        assert [box["at"][2:] for box in one["boxes"]] == [box["at"][2:] for box in other["boxes"]]


HOSTILE = st.lists(
    st.sampled_from(
        [*"<>&\"'`{}%\\/-!=;é\N{PILE OF POO}", "<!--", "</script>", "<script>", "</title>", "]]>", "{{", "{%"]
    ),
    min_size=1,
    max_size=12,
).map("".join)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@share(4)
@given(name=HOSTILE, doc=HOSTILE, comment=HOSTILE)
def test_whatever_a_spec_says_is_text(name: str, doc: str, comment: str) -> None:
    text = (
        f"archspec: 1\nname: {quoted(name)}\ndoc: {quoted(doc)}\ninput: [N, 3, 4, 4]\ngraph:\n  a: ReLU # {comment}\n"
    )
    usual = "archspec: 1\nname: n\ndoc: d\ninput: [N, 3, 4, 4]\ngraph:\n  a: ReLU # c\n"
    found = Elements(report(api.loads(text)).html)
    expected = Elements(report(api.loads(usual)).html).found
    assert [tag for tag, _ in found.found if tag != "code"] == [tag for tag, _ in expected if tag != "code"]
    assert json.loads(found.texts["script"].split("\n(() => {")[0].split("(() => {")[0])["name"] == name


@given(st.text())
def test_embedded_data_is_read_back_as_it_was(text: str) -> None:
    found = embedded({"text": text})
    assert json.loads(found) == {"text": text}
    assert found.isascii()
    assert not set("<>&") & set(found)


def test_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archspec.diagrams.engine._installed", lambda name: None)
    found = report(api.load("lenet5"))
    assert found.engine is None
    assert "pip install graphviz-pure" in found.html
    assert "Conv2d" in found.html


# Calls


def test_saving(tmp_path: Path) -> None:
    path = archspec.report("lenet5", batch=8, optimizer="sgd").save(tmp_path / "deep" / "lenet5.html")
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    with pytest.raises(SpecError, match=r"a report is \.html"):
        archspec.report("lenet5").save(tmp_path / "lenet5.pdf")
    with pytest.raises(SpecError, match="no optimizer"):
        archspec.report("lenet5", optimizer="lion")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", "lenet5", "-o", "page.html"]) == 0
    assert capsys.readouterr().out == "wrote page.html\n"
    assert main(["report", "lenet5", "-o", "page.txt"]) == 2
    assert "only to .html" in capsys.readouterr().err
    monkeypatch.setattr("archspec.diagrams.engine._installed", lambda name: None)
    assert main(["report", "lenet5", "-o", "page.html"]) == 0
    assert "without a diagram" in capsys.readouterr().out
    assert main(["report", "lenet5", "-o", "page.html", "--engine", "dot"]) == 2


def test_build_writes_the_diagram_and_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["build", "lenet5"]) == 0
    assert sorted(path.name for path in Path("build/lenet5").iterdir()) == [
        "diagram.svg", "model.py", "report.html", "summary.json",
    ]  # fmt: skip
    assert "wrote     build/lenet5/: model.py, summary.json, diagram.svg, report.html\n" in capsys.readouterr().out


def test_build_without_an_engine_writes_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("archspec.diagrams.engine._installed", lambda name: None)
    assert main(["build", "lenet5"]) == 0
    out = capsys.readouterr().out
    assert "model.py, summary.json, diagram.dot, report.html\n" in out
    assert "no picture: no program on this machine draws one" in out
    assert Path("build/lenet5/diagram.dot").read_text().startswith("digraph")


def test_a_build_is_not_lost_when_the_layout_program_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    broken = tmp_path / "dot"
    broken.write_text("#!/bin/sh\necho Segmentation fault >&2\nexit 139\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert main(["build", "lenet5"]) == 0
    assert "no picture: `dot` fails: segmentation fault" in capsys.readouterr().out
    assert Path("build/lenet5/model.py").is_file() and Path("build/lenet5/diagram.dot").is_file()
