"""What changes from one network to another: parts matched, changes folded, numbers by block, weights that fit."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given

import archspec
from archspec import api
from archspec.views.difference import Change
from archspec.views.difference_view import Difference
from archspec.views.folding import folded, pattern
from tests.random_specs.sketch import Sketch
from tests.strategies import specs
from tests.test_random_graphs import share


def of(before: str, after: str, **arguments: Any) -> Difference:
    return archspec.diff(before, api.load(after, **arguments))


def net(graph: str, rest: str = "", shape: str = "[N, 3, 8, 8]", name: str = "net") -> archspec.Graph:
    body = "\n".join(f"  {line}" for line in graph.strip().splitlines())
    return api.loads(f"archspec: 1\nname: {name}\ninput: {shape}\n{rest}\ngraph:\n{body}\n")


def conv(channels: int, *, kernel: int = 1) -> str:
    return f"{{op: Conv2d, out_channels: {channels}, kernel_size: {kernel}}}"


def shown(found: Difference) -> list[tuple[str, str, str, str]]:
    """Kind, path, op and details of what `structure` lists."""
    return [
        (fold.first.kind, fold.path, fold.what, fold.details)
        for fold in folded(change for change in found.changes if not change.only_shape)
    ]


# Published variants


def test_densenet_121_and_169() -> None:
    found = of("densenet121", "densenet169")
    assert shown(found) == [
        ("added", "features.denseblock3.denselayer25..32", "DenseLayer x 8", ""),
        ("added", "features.denseblock4.denselayer17..32", "DenseLayer x 16", ""),
        ("changed", "features.transition3.norm", "BatchNorm2d", "num_features 1024 -> 1280"),
        ("changed", "features.transition3.conv", "Conv2d", "in_channels 1024 -> 1280, out_channels 512 -> 640"),
        (
            "changed", "features.denseblock4.denselayer1..16.norm1", "BatchNorm2d x 16",
            "num_features 512..992 -> 640..1120",
        ),
        ("changed", "features.denseblock4.denselayer1..16.conv1", "Conv2d x 16", "in_channels 512..992 -> 640..1120"),
        ("changed", "features.norm5", "BatchNorm2d", "num_features 1024 -> 1664"),
        ("changed", "classifier", "Linear", "in_features 1024 -> 1664"),
    ]  # fmt: skip
    keys = found.keys
    assert (len(keys.fit), len(keys.reshaped), len(keys.added), keys.removed, keys.mistaken) == (637, 90, 288, (), ())
    assert found.to_text().endswith("weights: 637 of 1,015 keys fit, 90 reshaped, 288 added")


def test_a_batchnorm_put_in_moves_what_follows() -> None:
    found = of("vgg16", "vgg16_bn")
    assert shown(found) == [
        ("added", "features.*", "BatchNorm2d x 13", ""),
        ("moved", "features.1..30 -> features.2..43", "30 parts", ""),
    ]
    keys = found.keys
    assert keys.renamed["features.2.weight"] == "features.3.weight"
    assert (len(keys.fit), len(keys.renamed), len(keys.added), len(keys.removed)) == (8, 24, 65, 0)
    assert keys.mistaken, "a bias of the one is as long as that of a norm of the other"
    assert "careful" in found.to_text()


def test_deeper_resnets_have_more_blocks() -> None:
    found = of("resnet50", "resnet101")
    assert shown(found) == [("added", "layer3.6..22", "Bottleneck x 17", "")]
    assert len(found.keys.fit) == 320


def test_a_wider_head_changes_the_head_alone() -> None:
    found = of("resnet50", "resnet50", params={"num_classes": 10})
    assert shown(found) == [("changed", "fc", "Linear", "out_features 1000 -> 10")]
    assert found.keys.reshaped == ("fc.weight", "fc.bias")
    assert "2 reshaped (fc.weight, fc.bias)" in found.to_text()


def test_a_change_to_every_layer_is_one_line() -> None:
    found = of("densenet121", "densenet121", params={"growth": 48})
    what = {line[1]: (line[2], line[3]) for line in shown(found)}
    assert what["features.denseblock*.denselayer*.conv*"] == (
        "Conv2d x 115", "in_channels 96..992 -> 112..1484, out_channels 32..128 -> 48..192",
    )  # fmt: skip
    assert len(what) == 7


def test_another_block_in_the_same_place() -> None:
    lines = shown(of("resnet34", "resnet50"))
    assert ("changed", "layer*.*", "Bottleneck x 16", "block BasicBlock -> Bottleneck") in lines
    assert ("added", "layer*.*.conv3", "Conv2d x 16", "") in lines


def test_another_input_changes_shapes_and_no_weights() -> None:
    found = of("resnet50", "resnet50", input=(3, 256, 256))
    assert shown(found) == []
    text = found.to_text()
    assert "172 nodes differ in the shape of the result alone: conv1, [N, 64, 112, 112] -> [N, 64, 128, 128]" in text
    assert "weights of resnet50 fit as they are: 320 keys" in text
    assert found.keys.all_fit and not found.is_empty


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "unet", "vit_b_16"])
def test_no_difference(name: str) -> None:
    found = of(name, name)
    assert found.is_empty and found.to_text() == f"{name} -> {name} (2)\n\nno difference"
    assert found.to_json()["same"] and found.to_csv().count("\n") == 1
    assert "no difference" in found.to_markdown()


# How parts are matched


def test_what_is_put_between_does_not_rewire_its_neighbours() -> None:
    found = archspec.diff(net(f"a: {conv(4)}\nb: ReLU"), net(f"a: {conv(4)}\nn: BatchNorm2d\nb: ReLU"))
    assert shown(found) == [("added", "n", "BatchNorm2d", "")]


def test_other_inputs_are_a_change() -> None:
    nodes = f"a: {conv(4)}\nb: {conv(4)}\nc: {{op: ReLU, from: %s}}"
    found = archspec.diff(net(nodes % "b", "outputs: [b, c]"), net(nodes % "a", "outputs: [b, c]"))
    assert shown(found) == [("changed", "c", "ReLU", "inputs b -> a")]


def test_a_renamed_part_is_moved() -> None:
    found = archspec.diff(net(f"a: {conv(4)}\nb: ReLU"), net(f"stem: {conv(4)}\nb: ReLU"))
    assert shown(found) == [("moved", "a -> stem", "Conv2d", "")]
    assert found.keys.renamed == {"a.weight": "stem.weight", "a.bias": "stem.bias"}


def test_a_part_that_is_moved_into_a_block_is_moved() -> None:
    found = archspec.diff(
        net(f"a: {conv(4)}\nb: ReLU"), net(f"stem:\n  graph:\n    a: {conv(4)}\nb: ReLU")
    )  # fmt: skip
    assert shown(found) == [("added", "stem", "block", ""), ("moved", "a -> stem.a", "Conv2d", "")]
    assert found.keys.renamed == {"a.weight": "stem.a.weight", "a.bias": "stem.a.bias"}


def test_a_block_that_is_moved_is_moved_as_one() -> None:
    block = f"{{graph: {{a: {conv(4)}, b: ReLU}}}}"
    found = archspec.diff(net(f"x: {block}\ny: {{graph: [ReLU]}}"), net(f"y: {{graph: {{z: {block}, c: ReLU}}}}"))
    assert ("moved", "x -> y.z", "block", "") in shown(found)
    assert found.keys.renamed == {"x.a.weight": "y.z.a.weight", "x.a.bias": "y.z.a.bias"}


def test_another_op_in_the_same_place() -> None:
    found = archspec.diff(net(f"- {conv(4)}\n- ReLU\n- {conv(5)}"), net(f"- {conv(4)}\n- SiLU\n- {conv(5)}"))
    assert shown(found) == [("changed", "1", "SiLU", "op ReLU -> SiLU")]


def test_an_argument_that_is_no_longer_given_is_the_default() -> None:
    found = archspec.diff(
        net("a: {op: Conv2d, out_channels: 4, kernel_size: 3, padding: 1}"), net(f"a: {conv(4, kernel=3)}")
    )
    assert shown(found) == [("changed", "a", "Conv2d", "padding 1 -> 0")]


def test_sizes_that_are_read_are_shown_as_they_follow_from_the_input() -> None:
    read, fixed = (net(f"rows: {{op: reshape, shape: [-1, 3, {n}]}}") for n in ("input.height * input.width", "64"))
    assert shown(archspec.diff(read, fixed)) == [("changed", "rows", "reshape", "shape (-1, 3, H * W) -> (-1, 3, 64)")]
    read, fixed = (net(f"cut: {{op: narrow, dim: 2, start: 0, length: {size}}}") for size in ("input.width", "8"))
    assert shown(archspec.diff(read, fixed)) == [("changed", "cut", "narrow", "length W -> 8")]


def test_initialisation_freezing_and_modes_are_changes() -> None:
    plain = net(f"a: {conv(4)}")
    found = archspec.diff(plain, net(f"a: {conv(4)}", "freeze: ['a.weight']\ninit: {Conv2d: {bias: zeros_}}"))
    (change,) = found.changes
    assert {edit.name: edit.after for edit in change.edits}["frozen"] == "weight"
    assert "init" in {edit.name for edit in change.edits}
    aux = f"a: {conv(4)}\nb: {{op: ReLU, from: a}}"
    trained = archspec.diff(net(aux, "outputs: [a, b]"), net(aux, "outputs: {a: a, b: {from: b, only: training}}"))
    assert ("changed", "b", "ReLU", "runs always -> training") in shown(trained)


def test_weights_of_another_layer_are_not_said_to_fit() -> None:
    before = net(f"- {conv(3)}\n- ReLU\n- {conv(3, kernel=2)}")
    after = net(f"- {conv(3)}\n- {conv(3)}\n- {conv(3, kernel=2)}")
    keys = archspec.diff(before, after).keys
    assert keys.added == ("1.weight", "1.bias") and keys.removed == () and keys.mistaken == ()


@share(of=10)
@given(specs())
def test_any_network_is_no_different_from_itself(spec: Sketch) -> None:
    graph = api.loads(spec.text)
    found = archspec.diff(graph, api.loads(spec.text))
    assert found.is_empty, found.to_text()
    assert [*found.found.matching.nodes.items()] == [(i, i) for i in range(len(graph.nodes))]


@share(of=10)
@given(specs(), specs())
def test_any_two_networks_can_be_told_apart(one: Sketch, other: Sketch) -> None:
    """Every node is matched once, or added, or removed; every key has one fate."""
    before, after = api.loads(one.text), api.loads(other.text)
    found = archspec.diff(before, after)
    changes, matched = found.changes, found.found.matching.nodes
    gone = sum(change.nodes for change in changes if change.kind == "removed")
    new = sum(change.nodes for change in changes if change.kind == "added")
    assert (gone, new) == (len(before.nodes) - len(matched), len(after.nodes) - len(matched))
    assert len(set(matched.values())) == len(matched)
    keys = found.keys
    fates = [*keys.fit, *keys.added, *keys.reshaped, *keys.renamed.values()]
    assert len(fates) == len(set(fates))
    for width in (60, 100, None):
        assert found.to_text(width)
    assert json.loads(json.dumps(found.to_json())) == found.to_json()
    found.to_markdown(), found.to_csv(), found._repr_html_()


# Folding and formats


@pytest.mark.parametrize(
    ("paths", "text"),
    [
        (["a.b"], "a.b"),
        (["layer1.0.x", "layer1.1.x", "layer1.2.x"], "layer1.0..2.x"),
        (["layer1.0.x", "layer1.5.x"], "layer1.{0,5}.x"),
        (["layer1.0.x", "layer2.1.x"], "layer*.*.x"),
        (["f.1", "f.4", "f.8", "f.11"], "f.*"),
    ],
)
def test_paths_fold(paths: list[str], text: str) -> None:
    assert pattern(paths) == text


def test_what_is_alike_only_in_name_is_not_folded() -> None:
    changes = [Change("added", None, f"a.{i}", op) for i, op in enumerate(["Conv2d", "Conv2d", "ReLU"])]
    assert [fold.what for fold in folded(changes)] == ["Conv2d x 2", "ReLU"]


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize(
    "pair", [("densenet121", "densenet169"), ("vgg16", "vgg16_bn"), ("resnet34", "resnet50"), ("lenet5", "vgg11")]
)
def test_differences_fit_the_terminal(pair: tuple[str, str], width: int) -> None:
    assert max(map(len, of(*pair).to_text(width=width).splitlines())) <= width


def test_blocks_are_as_deep_as_asked() -> None:
    graphs = api.load("densenet121"), api.load("densenet169")
    shallow = [entry["path"] for entry in archspec.diff(*graphs, depth=1).to_json()["blocks"]]
    assert shallow == ["features", "classifier"]
    deep = archspec.diff(*graphs, depth=3).to_json()["blocks"]
    assert "features.denseblock4.denselayer32" in [entry["path"] for entry in deep]
    for depth in (1, 2, 3, 4):
        found = archspec.diff(*graphs, depth=depth).to_json()["blocks"]
        assert sum(b["params"][1] - b["params"][0] for b in found) == 14149480 - 7978856


def listed(count: int, kernel: int) -> archspec.Graph:
    op = f"{{op: Conv2d, out_channels: 3, kernel_size: {kernel}, padding: same}}"
    return net(f"- for i in range({count}):\n    - B", f"blocks: {{B: {{graph: {{c: {op}, r: ReLU}}}}}}")


def test_blocks_that_change_alike_are_one_row() -> None:
    found = archspec.diff(listed(4, 1), listed(4, 2))
    assert [entry["path"] for entry in found.to_json()["blocks"]] == ["0", "1", "2", "3"]
    row = next(line for line in found.to_text().splitlines() if line.startswith("0..3  "))
    assert row.split()[:3] == ["0..3", "48", "156"]


def test_lists_that_are_too_long_to_align_are_matched_place_by_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archspec.views.matching._LARGEST", 4)
    assert shown(archspec.diff(listed(5, 1), listed(4, 2))) == [
        ("changed", "0..3.c", "Conv2d x 4", "kernel_size 1 -> 2"),
        ("removed", "4", "B", ""),
    ]


def test_colours_mark_what_happens() -> None:
    text = of("resnet50", "resnet101").to_text(color=True)
    assert "\x1b[32m+  layer3.6..22" in text


def test_json_and_csv() -> None:
    found = of("densenet121", "densenet169")
    data = found.to_json()
    assert json.loads(json.dumps(data)) == data
    assert data["metrics"]["params"] == {"before": 7978856, "after": 14149480}
    change = next(change for change in data["changes"] if change["before"] == "classifier")
    assert change["edits"] == {"in_features": ["1024", "1664"]} and change["kind"] == "changed"
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert {row["what"] for row in rows} == {"metric", "added", "changed", "key"}
    fc = next(row for row in rows if row["path"] == "classifier")
    assert (fc["fact"], fc["before"], fc["after"]) == ("in_features", "1024", "1664")


def test_markdown_and_html() -> None:
    found = of("vgg16", "vgg16_bn")
    markdown = found.to_markdown()
    assert markdown.startswith("**vgg16** -> **vgg16_bn**\n\nin all:\n\n|")
    assert "| + | features.\\*" in " ".join(markdown.split())
    assert found._repr_html_().count("<table>") == 3
