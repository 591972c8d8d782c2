"""The summary: its JSON contract, its table in all formats and widths, its totals."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from archspec import api
from archspec.diagnostics import SpecError
from archspec.ir import Graph
from archspec.views.columns import COLUMNS, DEFAULT
from archspec.views.numbers import change, percent, short_bytes, short_count
from archspec.views.summary import Summary, summarize
from tests.random_specs.sketch import Sketch
from tests.strategies import specs
from tests.test_random_graphs import share

SPECS = Path(__file__).parent.parent / "specs"
UNET = "unet"


@pytest.fixture(scope="module")
def densenet() -> Summary:
    return summarize(api.load(SPECS / "densenet.yaml", variant="densenet121"))


@pytest.fixture(scope="module")
def resnet() -> Summary:
    return summarize(api.load(SPECS / "resnet.yaml", variant="resnet50"))


@pytest.fixture(scope="module")
def symbolic() -> Summary:
    return summarize(api.load("resnet50", input=(3, "H", "W")))


def summary_of(nodes: str, shape: str = "[N, 3, 8, 8]", rest: str = "") -> Summary:
    body = "\n".join(f"  {line}" for line in nodes.strip().splitlines())
    return summarize(api.loads(f"archspec: 1\nname: net\ninput: {shape}\n{rest}\ngraph:\n{body}\n"))


def records(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# JSON


def test_json_contract(densenet: Summary) -> None:
    found = densenet.to_json()
    assert json.loads(json.dumps(found)) == found
    nodes, blocks = found.pop("nodes"), found.pop("blocks")
    training, memory = found["totals"].pop("training"), densenet.analyses.memory
    assert found == {
        "name": "densenet121",
        "inputs": {"input": {"shape": ["N", 3, 224, 224], "dtype": "float32"}},
        "outputs": {"output": {"shape": ["N", 1000], "dtype": "float32"}},
        "totals": {
            "params": 7978856, "trainable_params": 7978856, "buffers": 83769, "macs": 2834161664, "flops": 5668323328,
            "ops": densenet.total.ops, "ops_by_category": found["totals"]["ops_by_category"], "batch": 1,
            "activation_peak_bytes": memory.activation_peak_bytes, "activation_peak": memory.peak,
            "weight_bytes": 32250984, "weight_bytes_by_dtype": {"float32": 32250016, "int64": 968},
            "moved_bytes": found["totals"]["moved_bytes"], "intensity": found["totals"]["intensity"],
        },
        "requirements": found["requirements"],
    }  # fmt: skip
    assert sum(found["totals"]["ops_by_category"].values()) == densenet.total.ops
    assert (training["optimizer"], training["gradient_bytes"]) == ("adam", 4 * 7978856)
    assert training["peak_bytes"] > training["saved_bytes"] + training["optimizer_bytes"]
    assert nodes[0] == {
        "path": "features.conv0",
        "op": "Conv2d",
        "scope": "features",
        "inputs": ["input"],
        "output": {"shape": ["N", 64, 112, 112], "dtype": "float32"},
        "params": 9408,
        "trainable_params": 9408,
        "buffers": 0,
        "macs": 118013952,
        "ops": 0,
        "weight_bytes": 4 * 9408,
        "live_bytes": 4 * (3 * 224 * 224 + 64 * 112 * 112),
        "moved_bytes": 4 * (3 * 224 * 224 + 64 * 112 * 112 + 9408),
        "intensity": 30.645,
        "receptive_field": {"kind": "affine", "size": [7, 7], "stride": [2, 2], "padding": [3, 3]},
    }
    local = {"kind": "affine", "size": [2071, 2071], "stride": [32, 32], "padding": [1021, 1021]}
    assert nodes[-1]["receptive_field"] == {"kind": "global", "size": [224, 224], "local": local}
    layer = next(block for block in blocks if block["path"] == "features.denseblock1.denselayer1")
    assert layer == {
        "path": "features.denseblock1.denselayer1", "block": "DenseLayer", "nodes": 7,
        "outputs": [{"shape": ["N", 96, 56, 56], "dtype": "float32"}],
        "params": 45440, "trainable_params": 45440, "buffers": 386, "macs": 141295616, "ops": layer["ops"],
        **{name: layer[name] for name in ("weight_bytes", "live_bytes", "moved_bytes", "intensity")},
    }  # fmt: skip


@pytest.mark.parametrize("batch", [1, 8])
def test_what_blocks_move_is_the_sum_of_their_nodes(batch: int) -> None:
    """In JSON as in the columns of folded blocks."""
    summary = summarize(api.load(SPECS / "resnet.yaml", variant="resnet18"), batch)
    found = summary.to_json()
    columns = ["path", "weights", "memory", "moved", "intensity"]
    rows = {row["path"]: row for row in records(summary.to_csv(columns=columns, tree=True))}
    for block in (*found["blocks"], {**found["totals"], "path": "", "live_bytes": None}):
        prefix = f"{block['path']}." if block["path"] else ""
        nodes = [node for node in found["nodes"] if node["path"].startswith(prefix)]
        for name in ("params", "trainable_params", "buffers", "macs", "ops", "weight_bytes", "moved_bytes"):
            assert block[name] == sum(node[name] for node in nodes)
        assert block["intensity"] == round(batch * block["macs"] / block["moved_bytes"], 4)
        if block["path"]:
            assert block["live_bytes"] == max(node["live_bytes"] for node in nodes)
            keys = "path", "weight_bytes", "live_bytes", "moved_bytes", "intensity"
            assert [rows[block["path"]][name] for name in columns] == [str(block[key]) for key in keys]


def test_json_of_what_is_not_there_always() -> None:
    found = summary_of(
        "a: {op: Conv2d, out_channels: 4, kernel_size: 1}\nb, c: {op: chunk, chunks: 2}\naux: {op: ReLU, from: b}",
        rest="outputs: {main: [b, c], aux: {from: aux, only: training}}",
    ).to_json()
    half = {"shape": ["N", 2, 8, 8], "dtype": "float32"}
    assert found["outputs"] == {"main": [half, half], "aux": {**half, "mode": "training"}}
    assert [node.get("mode") for node in found["nodes"]] == [None, None, "training"]
    assert found["nodes"][1]["outputs"] == [half, half]


def test_json_of_symbolic_sizes() -> None:
    found = summary_of("a: {op: Conv2d, out_channels: 4, kernel_size: 1, stride: 2}", "[N, 3, H, 8]").to_json()
    assert found["nodes"][0]["output"]["shape"] == ["N", 4, "(H + 1) // 2", 4]
    assert found["totals"]["macs"] == "48 * ((H + 1) // 2)"
    assert found["totals"]["flops"] == "96 * ((H + 1) // 2)"
    assert found["totals"]["activation_peak_bytes"] is None
    assert found["totals"]["training"]["peak_bytes"] is None


# The table


def test_table_folds_blocks_and_runs(resnet: Summary) -> None:
    assert resnet.to_text(width=103, depth=2).splitlines()[2:16] == [
        "path         op                 output                params      %           MACs      %         field",
        "-------------------------------------------------------------------------------------------------------",
        "conv1        Conv2d             [N, 64, 112, 112]      9,408  <0.1%    118,013,952   2.9%             7",
        "bn1          BatchNorm2d        [N, 64, 112, 112]        128  <0.1%              -      -             7",
        "relu         ReLU               [N, 64, 112, 112]          -      -              -      -             7",
        "maxpool      MaxPool2d          [N, 64, 56, 56]            -      -              -      -            11",
        "layer1.0     Bottleneck         [N, 256, 56, 56]      75,008   0.3%    231,211,008   5.7%            19",
        "layer1.1..2  Bottleneck x 2     [N, 256, 56, 56]     140,800   0.6%    436,731,904  10.7%            35",
        "layer2.0     Bottleneck         [N, 512, 28, 28]     379,392   1.5%    372,506,624   9.1%            43",
        "layer2.1..3  Bottleneck x 3     [N, 512, 28, 28]     840,192   3.3%    655,097,856  16.0%            91",
        "layer3.0     Bottleneck         [N, 1024, 14, 14]  1,512,448   5.9%    372,506,624   9.1%           107",
        "layer3.1..5  Bottleneck x 5     [N, 1024, 14, 14]  5,585,920  21.9%  1,091,829,760  26.7%           267",
        "layer4.0     Bottleneck         [N, 2048, 7, 7]    6,039,552  23.6%    372,506,624   9.1%           299",
        "layer4.1..2  Bottleneck x 2     [N, 2048, 7, 7]    8,925,184  34.9%    436,731,904  10.7%           427",
    ]


def test_a_tree_has_the_sums_above(resnet: Summary) -> None:
    assert resnet.to_text(width=80, depth=2, tree=True, columns=["path", "op", "params", "params%"]).splitlines()[
        2:12
    ] == [
        "path     op                     params      %",
        "---------------------------------------------",
        "conv1    Conv2d                  9,408  <0.1%",
        "bn1      BatchNorm2d               128  <0.1%",
        "relu     ReLU                        -      -",
        "maxpool  MaxPool2d                   -      -",
        "layer1   32 nodes              215,808   0.8%",
        "  0      Bottleneck             75,008   0.3%",
        "  1..2   Bottleneck x 2        140,800   0.6%",
        "layer2   42 nodes            1,219,584   4.8%",
    ]


def test_totals_stand_below(resnet: Summary) -> None:
    lines = resnet.to_text(depth=1).splitlines()[-6:]
    assert [line if line[0] in "pbMw" else line.split()[0] for line in lines] == [
        "params               25,557,032  all trained",
        "buffers                  53,173",
        "MACs              4,089,184,256  one sample, evaluation",
        "other",
        "weights               97.70 MiB  float32 97.69 MiB, int64 424 B",
        "activations",
    ]


def test_totals_of_training() -> None:
    graph = api.load("resnet50")
    text = summarize(graph, batch=32, optimizer="sgd").to_text()
    assert "MiB  32 samples, at the peak in layer1.0.downsample.1" in text
    assert "32 samples, sgd" in text and text.endswith("MiB gradients")
    assert "sgd" not in summarize(graph).to_text()
    with pytest.raises(SpecError, match="did you mean `adam`"):
        summarize(graph, optimizer="adm")
    with pytest.raises(SpecError, match="at least 1 sample, got 0"):
        summarize(graph, batch=0)


@pytest.mark.parametrize("tree", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 3, None])
def test_folding_changes_no_sum(densenet: Summary, depth: int | None, tree: bool) -> None:
    rows = [row for row in densenet.rows(depth=depth, tree=tree) if not row.is_sum]
    costs = [densenet.analyses.costs.between(row.start, row.end) for row in rows]
    total = densenet.total
    assert sum(cost.params for cost in costs) == total.params
    assert sum(cost.macs for cost in costs if isinstance(cost.macs, int)) == total.macs
    assert sum(cost.ops for cost in costs if isinstance(cost.ops, int)) == total.ops
    assert [position for row in rows for position in range(row.start, row.end)] == [*range(len(densenet.graph.nodes))]


@share(of=10)
@given(specs())
def test_rows_of_any_network_hold_every_node_once(spec: Sketch) -> None:
    summary = summarize(api.loads(spec.text))
    for depth in (1, 2, None):
        for tree in (False, True):
            rows = summary.rows(depth=depth, tree=tree)
            within = [position for row in rows if not row.is_sum for position in range(row.start, row.end)]
            assert within == [*range(len(summary.graph.nodes))]
    for width in (60, 100, 200, None):
        assert summary.to_text(width).startswith(summary.graph.name)
    for name in COLUMNS:
        rows = records(summary.to_csv(columns=["path", name], sort=name))
        assert len(rows) == len(summary.graph.nodes)
    assert json.loads(json.dumps(summary.to_json()))["nodes"]


def test_percents_of_a_table_are_those_of_the_network(resnet: Summary) -> None:
    rows = records(resnet.to_csv(columns=["params%", "macs%"], depth=1))
    for name in ("params%", "macs%"):
        assert sum(float(row[name]) for row in rows) == pytest.approx(100, abs=0.01)


# Width


@pytest.mark.parametrize("width", [72, 80, 100, 120, 200])
@pytest.mark.parametrize("spec", ["densenet121", "googlenet", "unet", "vit_b_16", "efficientnet_b0"])
def test_table_fits_the_terminal(spec: str, width: int) -> None:
    text = api.load(spec).summary(batch=8).to_text(width=width)
    assert max(map(len, text.splitlines())) <= width
    assert not any(line.startswith("…") for line in text.splitlines()) or width < 80, "paths become a tree first"


def test_wide_table_is_whole(densenet: Summary) -> None:
    lines = densenet.to_text(width=200).splitlines()
    assert any(line.startswith("features.denseblock4.denselayer16.grown") for line in lines)
    assert "out_channels=64, kernel_size=7, stride=2, padding=3, bias=False" in lines[4]
    assert "out_channels=64, kernel_size=7, stride=2, padding=3,…" in densenet.to_text(width=185).splitlines()[4]


def test_sorted_rows_keep_their_paths_flat(densenet: Summary) -> None:
    text = densenet.to_text(width=80, sort="macs")
    assert max(map(len, text.splitlines())) <= 80
    assert "…" in text


def test_without_a_width_nothing_is_cut(densenet: Summary) -> None:
    lines = densenet.to_text(width=None).splitlines()
    assert any(line.startswith("features.denseblock4.denselayer16.grown") for line in lines)
    assert "kernel_size" not in lines[4]


def test_training_only_blocks_say_so() -> None:
    rows = summary_of(
        "a: {op: Conv2d, out_channels: 4, kernel_size: 1}\nhead:\n  from: a\n  graph:\n    b: ReLU",
        rest="outputs: {main: a, aux: {from: head, only: training}}",
    )
    found = records(rows.to_csv(columns=["op", "mode"], depth=1))
    assert [row["op"] for row in found] == ["Conv2d", "1 node (training)"]
    assert [row["mode"] for row in found] == ["always", "training"]


# Sizes that are not known


def test_unknown_sizes_are_abbreviated_where_there_is_no_room(symbolic: Summary) -> None:
    lines = symbolic.to_text(width=80, depth=2).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[4].split() == ["conv1", "Conv2d", "[N,", "64,", "~H/2,", "~W/2]", "9.41k", "~2.35k", "HW"]
    assert "~H/2 = (H + 1) // 2, ~W/2 = (W + 1) // 2" in " ".join(lines)
    assert any(line.startswith("MACs = 9408 * ((H + 1) // 2) * ((W + 1) // 2) +") for line in lines)


def test_unknown_sizes_are_whole_where_there_is_room(symbolic: Summary) -> None:
    text = symbolic.to_text(width=200, depth=2)
    assert "[N, 64, (H + 1) // 2, (W + 1) // 2]" in text
    assert "~81,456 HW + 2,048,000" in text and "~H/2" not in text


def test_estimates_can_be_sorted_by(symbolic: Summary) -> None:
    rows = symbolic.rows(depth=2, sort="macs")
    assert [row.path for row in rows[:3]] == ["layer2.0", "layer3.0", "layer4.0"]
    assert rows[-1].path in ("flatten", "avgpool", "relu", "bn1", "maxpool")


def test_two_forms_of_one_slope_have_two_names() -> None:
    text = summary_of(
        "a: {op: Conv2d, out_channels: 4, kernel_size: 1, stride: 2}\n"
        "b: {op: MaxPool2d, from: input, kernel_size: 3, stride: 2}",
        "[N, 3, H, 8]", "outputs: [a, b]",
    ).to_text(width=60)  # fmt: skip
    assert "~H/2 = (H + 1) // 2, ~H/2' = (H + 1) // 2 - 1" in text


# Columns and order


def test_sort_by_numbers_and_by_words(resnet: Summary) -> None:
    by_params = [row.path for row in resnet.rows(depth=1, sort="params")]
    assert by_params[:4] == ["layer4", "layer3", "fc", "layer2"]
    by_op = [row.kind for row in resnet.rows(sort="op")]
    assert by_op == sorted(by_op)
    by_field = [row.path for row in resnet.rows(depth=1, sort="field")]
    assert by_field[:4] == ["avgpool", "flatten", "fc", "layer4"]


def test_what_rows_are_sorted_by_is_shown(resnet: Summary) -> None:
    for width in (40, 80, 200):
        text = resnet.to_text(width=width, depth=1, sort="memory")
        assert " memory" in text.splitlines()[2]
        assert width == 40 or max(map(len, text.splitlines())) <= width
        assert resnet.to_text(width=width, depth=1, sort="params").splitlines()[2].count("params") == 1
    assert "memory" not in resnet.to_text(depth=1, sort="memory", columns=["path", "params"])


def test_a_sorted_tree_is_sorted_in_each_block(resnet: Summary) -> None:
    rows = resnet.rows(depth=2, tree=True, sort="params")
    assert [row.path for row in rows[:6]] == ["layer4", "layer4.0", "layer4.1", "layer4.2", "layer3", "layer3.0"]


def test_memory_of_a_block_is_its_highest(resnet: Summary) -> None:
    rows = records(resnet.to_csv(columns=["path", "memory", "weights", "moved", "intensity"], depth=1))
    assert max(int(row["memory"]) for row in rows) == resnet.analyses.memory.activation_peak_bytes
    assert sum(int(row["weights"]) for row in rows) == resnet.analyses.memory.weight_bytes
    fc = rows[-1]
    assert float(fc["intensity"]) == pytest.approx(2_048_000 / int(fc["moved"]), abs=1e-4)


def test_columns_are_as_asked(resnet: Summary) -> None:
    assert resnet.to_csv(columns=["op", "path"], depth=1).splitlines()[:2] == ["op,path", "Conv2d,conv1"]
    usual = [name for name in DEFAULT if name != "arguments"]
    assert resnet.to_csv(columns=["+stride"], depth=1).splitlines()[0] == ",".join([*usual, "stride"])
    more = resnet.to_csv(columns=["+ops", "params", "memory"], depth=1).splitlines()[
        0
    ]  # `--columns +ops,params,memory`
    assert more == ",".join([*usual, "ops", "memory"])
    asked = resnet.to_text(width=60, columns=["path", "op", "params%", "macs%", "field"], depth=1)
    assert "global" in asked and "0.8%" in asked


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"columns": ["parms"]}, "no column `parms`.*did you mean `params`"),
        ({"sort": "size"}, "no column to sort by `size`"),
        ({"columns": ["zzz"]}, "choose from `path`, `op`"),
        ({"columns": ["+ops", "parms"]}, "no column `parms`"),
    ],
)
def test_columns_that_there_are_not(resnet: Summary, shape: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"(?s){message}"):
        resnet.to_text(**shape)


def test_the_document_lists_every_column() -> None:
    document = (Path(__file__).parent.parent / "docs" / "summary.md").read_text(encoding="utf-8")
    rows = [line for line in document.splitlines() if line.startswith("| `") and line.count("|") == 4]
    assert rows == [f"| `{column.name}` | {column.header} | {column.doc} |" for column in COLUMNS.values()]


def test_arguments_are_those_that_were_given() -> None:
    found = records(
        summary_of("a: {op: Conv2d, out_channels: 4, kernel_size: [1, 3], bias: false}\nb: {op: flatten}").to_csv(
            columns=["arguments", "inputs", "line"]
        )
    )
    assert found[0] == {
        "arguments": "out_channels=4, kernel_size=(1, 3), bias=False", "inputs": "input", "line": "<string>:6",
    }  # fmt: skip
    assert found[1]["inputs"] == "a"


# Formats


def test_markdown(resnet: Summary) -> None:
    lines = resnet.to_markdown(depth=1).splitlines()
    assert lines[0] == "**resnet50**: input [N, 3, 224, 224]"
    assert lines[2].startswith("| path    | op ") and lines[3].endswith("| -----------: |")
    assert len({line.count("|") for line in lines[2:15]}) == 1
    assert "\\<0.1%" in lines[4]
    assert "| params           |    25,557,032 | all trained" in "\n".join(lines)


def test_markdown_escapes_what_is_its_own() -> None:
    text = summary_of("_a_: {op: Conv2d, out_channels: 4, kernel_size: 1, stride: 2}", "[N, 3, H, H]").to_markdown()
    assert "\\_a\\_" in text and "\\~3 H^2" in text


def test_csv_has_plain_numbers(densenet: Summary) -> None:
    rows = records(densenet.to_csv())
    assert len(rows) == len(densenet.graph.nodes)
    assert sum(int(row["params"]) for row in rows) == 7978856
    assert rows[0]["output"] == "[N, 64, 112, 112]"


def test_html_escapes_and_shows_every_node(resnet: Summary) -> None:
    html = resnet._repr_html_()
    assert html.count("<tr>") == 1 + len(resnet.graph.nodes) + 6
    assert "resnet50: input [N, 3, 224, 224]" in html and "&lt;0.1%" in html


def test_graphs_show_themselves() -> None:
    graph = api.load("lenet5")
    assert isinstance(graph, Graph)
    assert str(graph.summary()).startswith("lenet5: input")
    assert "<table>" in graph._repr_html_()


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (short_count(999), "999"), (short_count(999_960), "1.00M"), (short_count(1_000), "1.00k"),
        (short_count(99_960), "100k"), (short_count(0), "-"), (short_bytes(1023), "1023"),
        (short_bytes(98 << 20), "98.0M"), (percent(1, 10_000), "<0.1%"), (percent(0, 5), "-"),
        (change(10, 12), "+20.0%"), (change(10, 25), "x 2.50"), (change(1000, 999.9), "-<0.1%"),
        (change(100, 8), "/ 12"), (change(0, 1), "new"), (change(1, 0), "gone"), (change(1, 1), "="),
    ],
)  # fmt: skip
def test_numbers_are_short(found: str, text: str) -> None:
    assert found == text
