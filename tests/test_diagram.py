"""Diagrams: what is folded, what stands on boxes and edges, and pictures from any engine or none."""

from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import pytest

import archspec
from archspec import api
from archspec.analysis.analyses import Analyses
from archspec.cli import main
from archspec.diagnostics import SpecError
from archspec.diagrams import engine
from archspec.diagrams.choices import Direction
from archspec.diagrams.draw import Diagram, draw
from archspec.diagrams.labels import Labels
from archspec.diagrams.picture import FITS, Box, Cluster, Picture, picture
from archspec.diagrams.svg import STYLE
from archspec.diagrams.union import union
from archspec.reports.layout import text_width
from archspec.views.difference import Differences

DEEP = ["resnet152", "densenet121", "efficientnet_b7", "vit_l_16", "inception_v3", "unet", "googlenet"]


def boxes(found: Picture) -> dict[str, Box]:
    return {box.path: box for box in found.boxes()}


def clusters(found: Picture) -> dict[str, Cluster]:
    waiting, all_ = list(found.children), dict[str, Cluster]()
    while waiting:
        item = waiting.pop()
        if isinstance(item, Cluster):
            all_[item.path] = item
            waiting.extend(item.children)
    return all_


CHAIN = """\
blocks:
  Block:
    params: {rate: 0.0, width: 4}
    graph:
      conv: {op: Conv2d, out_channels: width, kernel_size: 3, padding: 1}
      drop: {op: Dropout, p: rate}
      add: {op: add, from: [input, drop]}
"""


def chain(graph: str) -> Picture:
    text = f"archspec: 1\nname: chain\ninput: [N, 4, 8, 8]\n{CHAIN}graph:\n{graph}"
    return picture(api.loads(text), depth=1)


def test_equal_blocks_that_follow_one_another_are_one_box() -> None:
    found = boxes(chain("  - {op: Block, repeat: 5}\n"))
    assert (found["0"].count, found["0"].last) == (5, "4")


def test_rates_of_dropout_may_differ() -> None:
    assert boxes(chain("  - for r in [0.0, 0.1, 0.2]: {op: Block, rate: r}\n"))["0"].count == 3


def test_other_arguments_may_not() -> None:
    text = CHAIN.replace("add: {op: add, from: [input, drop]}", "act: ReLU")
    graph = "  - for w in [4, 4, 6]: {op: Block, width: w}\n"
    found = picture(api.loads(f"archspec: 1\ninput: [N, 4, 8, 8]\n{text}graph:\n{graph}"), depth=1)
    assert [(box.path, box.count) for box in found.boxes() if box.kind == "block"] == [("0", 2), ("2", 1)]


def test_a_block_whose_value_is_read_elsewhere_ends_a_run() -> None:
    text = "  a: Block\n  b: Block\n  c: Block\n  d: {op: Block}\n  sum: {op: add, from: [b, d]}\n"
    counts = {box.path: box.count for box in chain(text).boxes() if box.kind == "block"}
    assert counts == {"a": 2, "c": 2}


def test_blocks_side_by_side_are_one_box_where_the_same_reads_them() -> None:
    text = "  a: {op: Block, from: input}\n  b: {op: Block, from: input}\n  sum: {op: add, from: [a, b]}\n"
    box = boxes(chain(text))["a"]
    assert (box.count, box.last, box.parallel) == (2, "b", True)


def test_blocks_side_by_side_that_go_on_apart_are_not() -> None:
    text = "  a: {op: Block, from: input}\n  b: {op: Block, from: input}\n  c: {op: ReLU, from: a}\n"
    text += "  sum: {op: add, from: [c, b]}\n"
    assert {box.path for box in chain(text).boxes() if box.kind == "block"} == {"a", "b"}


def test_members_of_an_ensemble_are_one_box() -> None:
    text = draw(api.load("ensemble"), depth=2).dot
    assert "x 3 in parallel" in text
    assert len([box for box in picture(api.load("ensemble"), depth=2).boxes() if box.kind == "block"]) == 1


def test_a_block_around_one_thing_has_no_frame() -> None:
    found = picture(api.load("densenet121"), depth=3)
    assert "features.denseblock1" not in clusters(found)
    box = boxes(found)["features.denseblock1.denselayer1"]
    assert (box.count, box.without) == (6, "features.denseblock1")
    assert "denseblock1.denselayer1..6" in draw(api.load("densenet121"), depth=3).dot


SHARED = f"""archspec: 1
name: shared
input: [N, 4, 8, 8]
{CHAIN}graph:
  stem: {{op: Conv2d, out_channels: 4, kernel_size: 1}}
  inner: {{graph: {{once: Block, again: {{reuse: once}}}}}}
  other: {{reuse: inner, from: stem}}
  alone: {{reuse: stem}}
  tied: {{op: Conv2d, out_channels: 4, kernel_size: 1, tie: {{weight: stem.weight}}}}
  act: ReLU
  act2: {{reuse: act}}
  more: [{{reuse: stem, repeat: 2}}, {{reuse: inner.once, repeat: 2}}]
  bare: {{graph: [{{reuse: stem}}]}}
  framed: {{graph: [{{op: Conv2d, out_channels: 4, kernel_size: 1, tie: {{weight: stem.weight}}}}]}}
outputs: [framed, other, inner]
"""


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (1, {"other": "weights of inner", "alone": "weights of stem", "tied": "weight of stem"}),
        (2, {"inner.again": "weights of once", "other.once": "weights of inner", "more.0": "weights of stem",
             "more.2": "weights of inner.once", "bare.0": "weights of stem", "framed.0": "weight of stem"}),
        (3, {"inner.again": "weights of once", "other.once": "weights of inner"}),
    ],
)  # fmt: skip
def test_what_has_the_weights_of_another_says_so(depth: int, expected: dict[str, str]) -> None:
    graph = api.loads(SHARED)
    found, labels = picture(graph, depth), Labels(Analyses(graph))
    items = boxes(found) | clusters(found)
    said = {path: line for path, item in items.items() for line in labels.shared(item)}
    assert said.items() >= expected.items()
    assert not {"stem", "inner", "inner.once", "inner.once.conv", "other.once.conv", "act2"} & said.keys()
    dot = draw(graph, depth=depth).dot
    assert all(f">{line}</FONT>" in dot for line in expected.values())


def test_arguments_that_say_nothing_about_the_network_are_left_out() -> None:
    text = draw(api.load("resnet18")).dot
    assert "inplace" not in text and "stride=2" in text


def test_an_open_run_shows_its_first_block_and_no_way_back() -> None:
    found = picture(api.load("vit_b_16"), depth=5)
    block = clusters(found)["encoder.layers.encoder_layer_0"]
    assert block.count == 12
    inside = {box.id for box in block.boxes()}
    order = {box.id: at for at, box in enumerate(found.boxes())}
    assert all(order[edge.source] < order[edge.target] for edge in found.edges)
    leaving = [edge for edge in found.edges if edge.source in inside and edge.target not in inside]
    assert len(leaving) == 1


def test_skips_are_the_edges_that_a_longer_way_goes_around() -> None:
    found = picture(api.load("unet_256"), depth=1)
    names = {box.id: box.path for box in found.boxes()}
    skips = {(names[edge.source], names[edge.target]) for edge in found.edges if edge.kind == "skip"}
    assert {(f"enc{i}", f"join{i}") for i in range(4)} <= skips
    assert all(source.startswith("enc") for source, _ in skips)


def test_a_size_that_is_read_is_no_way_around() -> None:
    graph = api.loads(
        "archspec: 1\ninputs: {fine: [N, 4, 8, 8], coarse: [N, 4, 4, 4]}\ngraph:\n  lateral: {op: ReLU, from: fine}\n"
        "  up: {op: interpolate, from: coarse, like: lateral}\n  add: {op: add, from: [lateral, up]}\n"
    )
    assert [edge.kind for edge in picture(graph).edges if edge.kind != "data"] == ["shape"]


def test_shapes_stand_where_they_change_and_once() -> None:
    found = picture(api.load("googlenet"), depth=2)
    names = {box.id: box.path for box in found.boxes()}
    labels = [(names[edge.source], str(edge.label)) for edge in found.edges if edge.label is not None]
    assert labels.count(("maxpool2", "[N, 192, 28, 28]")) == 1
    assert not any(source == "conv3.1" for source, _ in labels)  # a normalisation changes nothing


def test_results_that_are_not_shown_are_counted() -> None:
    heads = "\n".join(f"  - {{op: Conv2d, from: input, out_channels: {width}, kernel_size: 1}}" for width in (1, 2, 3))
    text = f"archspec: 1\nname: heads\ninput: [N, 4, 8, 8]\ngraph:\n{heads}\noutputs: {{all: ['0', '1', '2']}}\n"
    graph = api.loads(text)
    *_, end = picture(graph).boxes()
    assert Labels(Analyses(graph)).lines(end) == ["[N, 1, 8, 8], [N, 2, 8, 8] and 1 more"]
    *_, end = compared(text, text.replace("channels: 3", "channels: 5")).boxes()
    assert end.edits == ("[N, 3, 8, 8] -> [N, 5, 8, 8]",)


def test_what_runs_in_training_only_is_dashed() -> None:
    text = draw(api.load("googlenet"), depth=1).dot
    assert re.search(r"aux1.*dashed", text)
    assert not re.search(r"inception3a.*dashed", text)


@pytest.mark.parametrize("name", DEEP)
def test_a_deep_network_fits_a_page(name: str) -> None:
    found = picture(api.load(name))
    smallest = len(list(picture(api.load(name), depth=1).boxes()))  # a U-Net has no blocks around its blocks
    assert 8 <= len(list(found.boxes())) <= max(FITS, smallest)


def test_expanding_opens_one_block() -> None:
    graph = api.load("resnet50")
    found = boxes(picture(graph, depth=1, expand=["layer2.0"]))
    assert {"layer2.0.conv1", "layer2.0.add", "layer2.1", "layer1"} <= found.keys()


def test_every_node_is_in_one_box() -> None:
    graph = api.load("unet_2015")
    for depth in (1, 2, 3, 9):
        spans = [range(box.start, box.end) for box in picture(graph, depth).boxes() if box.kind in ("node", "block")]
        covered = [position for span in spans for position in span]
        assert len(covered) == len(set(covered))
    assert sorted(covered) == list(range(len(graph.nodes)))


@pytest.mark.parametrize(
    ("options", "code"),
    [({"expand": ["layer9"]}, "unknown-name"), ({"show": ["colour"]}, "bad-call")],
)
def test_what_is_not_there_is_refused(options: dict[str, list[str]], code: str) -> None:
    with pytest.raises(SpecError) as caught:
        draw(api.load("resnet18"), **options)  # pyright: ignore[reportArgumentType]
    assert caught.value.diagnostics[0].code == code


# --- two networks ---


def compared(before: str, after: str, depth: int | None = None) -> Picture:
    pair = (Analyses(api.load(name) if name.isidentifier() else api.loads(name)) for name in (before, after))
    return union(Differences(*pair), depth)


def marks(found: Picture) -> dict[str, str]:
    return {box.path: box.change for box in found.boxes() if box.change != "same"}


def small(act: str = "ReLU", width: int = 4, more: str = "") -> str:
    return (
        f"archspec: 1\nname: small\ninput: [N, 4, 8, 8]\n{CHAIN}graph:\n  stem: Block\n"
        f"  act: {act}\n  conv: {{op: Conv2d, out_channels: {width}, kernel_size: 1}}\n{more}"
    )


def test_two_equal_networks_have_no_marks() -> None:
    found = compared("resnet50", "resnet50")
    assert marks(found) == {}
    assert {edge.change for edge in found.edges} == {"same"}


def test_what_is_added_is_marked_and_the_way_past_it_is_gone() -> None:
    found = compared(small(), small(more="  norm: BatchNorm2d\n"))
    assert marks(found) == {"norm": "added"}
    names = {box.id: box.path for box in found.boxes()}
    edges = {(names[edge.source], names[edge.target]): edge.change for edge in found.edges}
    assert edges["conv", "norm"] == edges["norm", "output"] == "added"
    assert edges["conv", "output"] == "removed"
    assert edges["act", "conv"] == "same"


def test_the_other_way_round_it_is_removed() -> None:
    assert marks(compared(small(more="  norm: BatchNorm2d\n"), small())) == {"norm": "removed"}


def test_what_is_changed_says_how() -> None:
    found = compared(small(), small("GELU", 6))
    assert marks(found) == {"act": "changed", "conv": "changed", "output": "changed"}
    assert boxes(found)["conv"].edits == ("out_channels: 4 -> 6",)
    assert boxes(found)["act"].edits == ("op: ReLU -> GELU",)
    assert boxes(found)["output"].edits == ("[N, 4, 8, 8] -> [N, 6, 8, 8]",)
    assert boxes(found)["stem"].kind == "block"


def test_an_input_that_is_only_renamed_says_no_more() -> None:
    old = "archspec: 1\ninputs: {y: [N, 4]}\ngraph: [ReLU]\n"
    found = compared(old, old.replace("y:", "x:"))
    assert [box.edits for box in found.boxes() if box.change == "changed"] == [("was y",)]


def test_blocks_that_change_are_open_the_others_folded() -> None:
    found = compared("resnet50", "resnet50_2015")
    assert boxes(found)["layer1"].kind == "block"
    assert "layer2.0" in clusters(found)
    assert marks(found)["layer2.0.conv1"] == marks(found)["layer2.0.conv2"] == "changed"
    assert boxes(found)["layer2.1"].count == 3
    folded = compared("resnet50", "resnet50_2015", depth=1)
    assert boxes(folded)["layer2"].edits == ("2 differences inside",)


def test_a_list_that_something_is_put_in_moves_nothing() -> None:
    found = compared("vgg11", "vgg11_bn", depth=5)
    assert set(marks(found).values()) == {"added"}
    assert len(marks(found)) == 8


@pytest.mark.parametrize(("before", "after"), [("resnet18", "resnet34"), ("vit_b_16", "lenet5"), ("unet", "googlenet")])
def test_every_node_of_both_is_drawn(before: str, after: str) -> None:
    found = compared(before, after, depth=1)
    known = {box.id for box in found.boxes()}
    assert all(edge.source in known and edge.target in known for edge in found.edges)
    reached = {end for edge in found.edges for end in (edge.source, edge.target)}
    assert known == reached


def test_differences_can_be_read_without_colour(each_engine: str) -> None:
    words = texts(draw(api.loads(small("ReLU")), diff=api.loads(small("GELU", 6, "  drop: Dropout\n"))).render("svg"))
    for text in ("~ GELU", "op: ReLU -> GELU", "+ Dropout", "+ added", "~ changed", "the same"):
        assert text in words


def test_the_text_of_a_comparison(update_goldens: bool) -> None:
    golden = Path(__file__).parent / "cases" / "diagrams" / "compared.dot.txt"
    text = draw(api.loads(small()), diff=api.loads(small("GELU", 6, "  norm: BatchNorm2d\n"))).dot
    if update_goldens:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_the_command_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagram", "resnet18", "--diff", "resnet34", "-o", "-"]) == 0
    assert "+ BasicBlock" in capsys.readouterr().out
    assert main(["diagram", "resnet18", "--set", "num_classes=10", "-o", "-", "--diff"]) == 0
    out = capsys.readouterr().out
    assert "out_features: 1000 -&gt; 10" in out
    assert "resnet18 -&gt; resnet18 (num_classes=10)" in out
    assert main(["diagram", "resnet18", "-o", "-", "--diff"]) == 2


def test_a_path_of_either_network_can_be_opened() -> None:
    before, after = api.load("resnet18"), api.load("resnet34")
    assert "layer4.2.conv1" not in draw(before, diff=after).dot
    with pytest.raises(SpecError):
        draw(before, diff=after, expand=["layer9"])


# --- pictures ---

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: bytes) -> str:
    return " ".join("".join(item.itertext()) for item in ET.fromstring(svg).iter(f"{SVG}text"))


Area = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def numbers(text: str) -> list[tuple[float, float]]:
    found = [float(number) for number in re.findall(r"-?\d+\.?\d*", text)]
    return list(zip(found[::2], found[1::2], strict=True))


def around(points: Sequence[tuple[float, float]]) -> Area:
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def area_of_text(item: ET.Element) -> Area:
    """Where a text stands, by the widths of Helvetica's letters."""
    x, y, size = (float(item.attrib[name]) for name in ("x", "y", "font-size"))
    width = text_width("".join(item.itertext()), size, bold=item.get("font-weight") == "bold")
    left = {"start": x, "middle": x - width / 2, "end": x - width}[item.get("text-anchor", "start")]
    return left, y - 0.75 * size, left + width, y + 0.2 * size


def overlap(a: Area, b: Area) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def parts(root: ET.Element, kind: str) -> dict[str, ET.Element]:
    """Nodes or edges, by what DOT calls them."""
    groups = (item for item in root.iter(f"{SVG}g") if item.attrib.get("class", "").split(" ")[0] == kind)
    return {item.findtext(f"{SVG}title", ""): item for item in groups}


def areas(root: ET.Element) -> dict[str, Area]:
    """Boxes, and headings of open blocks."""
    found: dict[str, Area] = {}
    for name, item in parts(root, "node").items():
        paths = [point for path in item.iter(f"{SVG}path") for point in numbers(path.attrib["d"])]
        corners = [area_of_text(text) for text in item.iter(f"{SVG}text")]
        found[name] = around(paths or [point for a in corners for point in (a[:2], a[2:])])
    return found


@pytest.mark.parametrize("name", [*DEEP, "simple_yolo", "mbconv", "lenet5", "convnext_tiny"])
def test_every_label_is_in_the_picture_and_on_the_page(name: str, each_engine: str) -> None:
    graph = api.load(name)
    labels, shown = Labels(Analyses(graph)), picture(graph)
    root = ET.fromstring(draw(graph).render("svg", each_engine))
    words = [re.sub(r"\s+", " ", "".join(item.itertext())).strip() for item in root.iter(f"{SVG}text")]
    for box in shown.boxes():
        assert {labels.title(box), *filter(None, [labels.name(box)]), *labels.lines(box)} <= {*words}
    for path, cluster in clusters(shown).items():
        assert {labels.title(cluster), *labels.numbers(cluster.start, cluster.end)} <= {*words}, path
    for edge in shown.edges:
        assert edge.label is None or edge.kind == "shape" or str(edge.label) in words
    left, top, width, height = (float(number) for number in root.attrib["viewBox"].split())
    group = root.find(f"{SVG}g")
    assert group is not None
    ((dx, dy),) = re.findall(r"translate\((\S+?)[ ,]+(\S+?)\)", group.attrib["transform"])
    page = (left - float(dx), top - float(dy), left - float(dx) + width, top - float(dy) + height)
    for item in root.iter(f"{SVG}text"):
        x, y, right, bottom = area_of_text(item)
        assert page[0] <= x and page[1] <= y and right <= page[2] and bottom <= page[3], "".join(item.itertext())


@pytest.mark.parametrize(
    ("name", "diff", "depth"),
    [
        *((name, None, None) for name in DEEP),
        ("densenet121", None, 3), ("mbconv", None, 9), ("simple_yolo", None, 4),
        ("resnet18", "resnet34", 3), ("vgg11", "vgg11_bn", 3),
    ],
)  # fmt: skip
@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_nothing_overlaps(name: str, diff: str | None, depth: int | None, direction: Direction) -> None:
    """Boxes and headings are apart, and edges go around both."""
    other = None if diff is None else api.load(diff)
    found = draw(api.load(name), depth=depth, diff=other, direction=direction)
    root = ET.fromstring(found.render("svg", "graphviz-pure"))
    taken = areas(root)
    assert len(taken) > 10
    for (one, a), (two, b) in combinations(taken.items(), 2):
        assert not overlap(a, b), (one, two)
    for name, item in parts(root, "edge").items():
        ways = [numbers(path.attrib["d"]) for path in item.iter(f"{SVG}path")]
        points = [point for way in ways for point in curve(way)]
        for node, (left, top, right, bottom) in taken.items():
            if node not in name.split("->"):
                assert not any(left + 2 < x < right - 2 and top + 2 < y < bottom - 2 for x, y in points), (name, node)


def curve(way: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Points on cubic curves."""
    for at in range(0, len(way) - 1, 3):
        for step in range(21):
            t = step / 20
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            yield tuple(sum(w * p[i] for w, p in zip(weights, way[at : at + 4], strict=True)) for i in (0, 1))  # pyright: ignore


@pytest.mark.parametrize("name", DEEP)
def test_the_picture_of_a_deep_network_can_be_read_on_a_page(name: str) -> None:
    """On a text block of 17 by 25 centimetres the smallest letters have four and a half points."""
    root = ET.fromstring(draw(api.load(name)).render("svg", "graphviz-pure"))
    _, _, width, height = (float(number) for number in root.attrib["viewBox"].split())
    points = 72 / 2.54
    assert min(1, 17 * points / width, 25 * points / height) * 9 >= 4.5


def test_a_u_net_is_a_u() -> None:
    """What a skip joins stands side by side, the way down to the left of the way up."""
    text = draw(api.load("unet")).dot
    rungs = re.findall(r"rank=same\n\t\t(\w+)\n\t\t(\w+)\n", text)
    assert len(rungs) == 4
    at = areas(ET.fromstring(Diagram(text).render("svg", "graphviz-pure")))
    for down, up in rungs:
        assert abs(at[down][1] + at[down][3] - at[up][1] - at[up][3]) < 2
        assert f"{down} -> {up} [class=skip" in text
    assert at["output0"][3] < at[rungs[0][1]][1]


@pytest.mark.parametrize("name", ["resnet152", "mbconv", "vit_b_16", "googlenet"])
@pytest.mark.parametrize("depth", [1, 3, 9])
def test_other_networks_go_down_all_the_way(name: str, depth: int) -> None:
    assert "dir=back" not in draw(api.load(name), depth=depth).dot


def test_png_starts_as_png(each_engine: str) -> None:
    assert draw(api.load("lenet5_conv32")).render("png", each_engine).startswith(b"\x89PNG")


def test_names_are_escaped() -> None:
    graph = api.loads('archspec: 1\nname: "<b>&\\\\N\\"x"\ninput: [N, 4]\ngraph:\n  relu: ReLU\n')
    assert "<b>&" in texts(Diagram(draw(graph).dot).render("svg", "graphviz-pure"))


def test_without_a_system_dot_the_one_from_pip_draws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = engine.find_engine("svg")
    assert found is not None and found.name == "graphviz-pure"
    assert engine.find_engine("pdf") is None
    assert main(["diagram", "lenet5", "-o", str(tmp_path / "lenet.svg")]) == 0
    assert "AvgPool2d" in texts((tmp_path / "lenet.svg").read_bytes())


def test_a_system_dot_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho '<svg></svg>'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert draw(api.load("lenet5")).render("svg").startswith(b"<svg class=")
    assert [name for name in ("svg", "png", "pdf") if (found := engine.find_engine(name)) and found.name == "dot"] == [
        "svg", "png", "pdf",
    ]  # fmt: skip


def test_headings_are_above_the_edges(each_engine: str) -> None:
    svg = draw(api.load("resnet152")).render("svg", each_engine).decode()
    assert svg.index('class="headings"') > svg.rindex('class="edge')
    assert "layer4" in texts(svg.encode())


def test_the_style_sheet_holds_for_the_picture_alone() -> None:
    rules = [line for line in STYLE.splitlines() if "{" in line and not line.startswith("@")]
    assert rules and all("archspec-diagram" in line for line in rules)


def test_boxes_lead_to_the_lines_they_are_written_on(each_engine: str) -> None:
    address = "https://example.org/{file}?view=1#L{line}"
    graph = api.loads(small(), name="nets/small net.yaml")
    svg = draw(graph, link=address, depth=2).render("svg", each_engine)
    links = {item.attrib["{http://www.w3.org/1999/xlink}href"] for item in ET.fromstring(svg).iter(f"{SVG}a")
             if "{http://www.w3.org/1999/xlink}href" in item.attrib}  # fmt: skip
    lines = {node.origin.span.line for node in graph.nodes}
    assert {f"https://example.org/nets/small%20net.yaml?view=1#L{line}" for line in lines} <= links


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(engine, "_installed", lambda name: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_an_engine_the_text_is_written(no_engine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagram", "lenet5_conv32", "-o", "lenet.svg"]) == 0
    assert not (no_engine / "lenet.svg").exists()
    assert (no_engine / "lenet.dot").read_text().startswith("digraph")
    assert "pip install graphviz-pure" in capsys.readouterr().out


def test_the_help_is_for_the_format(no_engine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagram", "lenet5_conv32", "-o", "lenet.pdf"]) == 0
    assert "\ninstall Graphviz; or give lenet.dot to any Graphviz\n" in capsys.readouterr().out


def test_a_missing_engine_that_is_asked_for_is_an_error(no_engine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagram", "lenet5_conv32", "-o", "lenet.svg", "--engine", "dot"]) == 2
    assert "no-engine" in capsys.readouterr().err
    assert list(no_engine.iterdir()) == []


@pytest.mark.parametrize("file", ["lenet.svg", "lenet.png", "lenet.dot"])
def test_the_command_writes_a_file(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["diagram", "lenet5_conv32", "-o", file, "--engine", "graphviz-pure"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == [file]


def test_the_command_refuses_other_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagram", "lenet5_conv32", "-o", str(tmp_path / "lenet.jpg")]) == 2
    assert "lenet.svg" in capsys.readouterr().err


def test_the_text_is_the_same_each_time() -> None:
    assert draw(api.load("resnet50")).dot == draw(api.load("resnet50")).dot


def test_a_notebook_shows_the_graph_of_a_module() -> None:
    model = archspec.build("lenet5_conv32")
    html = archspec.graph_of(model)._repr_html_()
    assert html.startswith("<img") and "data:image/svg+xml;base64," in html and "<table>" in html
    with pytest.raises(SpecError, match="was not built here"):
        archspec.graph_of(copy.deepcopy(model))


def test_without_an_engine_a_notebook_shows_the_table(no_engine: Path) -> None:
    assert "<img" not in api.load("lenet5_conv32")._repr_html_()
