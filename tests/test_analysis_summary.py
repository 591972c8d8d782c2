"""The summary: its JSON contract, its table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archspec import api
from archspec.analysis.summary import Summary, summarize

SPECS = Path(__file__).parent.parent / "specs"


@pytest.fixture(scope="module")
def densenet() -> Summary:
    return summarize(api.load(SPECS / "densenet.yaml", variant="densenet121"))


@pytest.fixture(scope="module")
def resnet() -> Summary:
    return summarize(api.load(SPECS / "resnet.yaml", variant="resnet50"))


def summary_of(nodes: str, shape: str = "[N, 3, 8, 8]", rest: str = "") -> Summary:
    body = "\n".join(f"  {line}" for line in nodes.strip().splitlines())
    return summarize(api.loads(f"archspec: 1\nname: net\ninput: {shape}\n{rest}\ngraph:\n{body}\n"))


def test_json_contract(densenet: Summary) -> None:
    found = densenet.to_json()
    assert json.loads(json.dumps(found)) == found
    nodes = found.pop("nodes")
    assert found == {
        "name": "densenet121",
        "inputs": {"input": {"shape": ["N", 3, 224, 224], "dtype": "float32"}},
        "outputs": {"output": {"shape": ["N", 1000], "dtype": "float32"}},
        "totals": {
            "params": 7978856, "trainable_params": 7978856, "buffers": 83769, "macs": 2834161664,
            "activation_peak_bytes": 8028160, "weight_bytes": 32250984,
        },
    }  # fmt: skip
    assert nodes[0] == {
        "path": "features.conv0",
        "op": "Conv2d",
        "scope": "features",
        "inputs": ["input"],
        "output": {"shape": ["N", 64, 112, 112], "dtype": "float32"},
        "params": 9408,
        "macs": 118013952,
        "receptive_field": {"kind": "affine", "size": [7, 7], "stride": [2, 2], "padding": [3, 3]},
    }
    local = {"kind": "affine", "size": [2071, 2071], "stride": [32, 32], "padding": [1021, 1021]}
    assert nodes[-1]["receptive_field"] == {"kind": "global", "size": [224, 224], "local": local}


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
    assert found["totals"]["activation_peak_bytes"] is None


def test_table_folds_blocks_and_runs(resnet: Summary) -> None:
    assert resnet.to_text(depth=2).splitlines()[2:16] == [
        "path         op                 output                params           MACs         field",
        "-----------------------------------------------------------------------------------------",
        "conv1        Conv2d             [N, 64, 112, 112]      9,408    118,013,952             7",
        "bn1          BatchNorm2d        [N, 64, 112, 112]        128              -             7",
        "relu         ReLU               [N, 64, 112, 112]          -              -             7",
        "maxpool      MaxPool2d          [N, 64, 56, 56]            -              -            11",
        "layer1.0     Bottleneck         [N, 256, 56, 56]      75,008    231,211,008            19",
        "layer1.1..2  Bottleneck x 2     [N, 256, 56, 56]     140,800    436,731,904            35",
        "layer2.0     Bottleneck         [N, 512, 28, 28]     379,392    372,506,624            43",
        "layer2.1..3  Bottleneck x 3     [N, 512, 28, 28]     840,192    655,097,856            91",
        "layer3.0     Bottleneck         [N, 1024, 14, 14]  1,512,448    372,506,624           107",
        "layer3.1..5  Bottleneck x 5     [N, 1024, 14, 14]  5,585,920  1,091,829,760           267",
        "layer4.0     Bottleneck         [N, 2048, 7, 7]    6,039,552    372,506,624           299",
        "layer4.1..2  Bottleneck x 2     [N, 2048, 7, 7]    8,925,184    436,731,904           427",
    ]


def test_totals_stand_below(resnet: Summary) -> None:
    assert resnet.to_text(depth=1).splitlines()[-5:] == [
        "params                  25,557,032  all trained",
        "buffers                     53,173",
        "MACs                 4,089,184,256  one sample, evaluation",
        "weights                  97.70 MiB  float32 97.69 MiB, int64 424 B",
        "peak of activations       9.95 MiB  at layer1.0.downsample.1",
    ]


@pytest.mark.parametrize("depth", [1, 2, 3, None])
def test_folding_changes_no_sum(densenet: Summary, depth: int | None) -> None:
    lines = densenet.lines(depth)
    assert sum(line.params for line in lines) == densenet.total.params
    assert sum(line.macs for line in lines if isinstance(line.macs, int)) == densenet.total.macs


@pytest.mark.parametrize("width", [72, 80, 100, 120, 200])
def test_table_fits_the_terminal(densenet: Summary, width: int) -> None:
    assert max(map(len, densenet.to_text(width=width).splitlines())) <= width


def test_wide_table_is_whole(densenet: Summary) -> None:
    text = densenet.to_text(width=200)
    assert "features.denseblock4.denselayer16.grown" in text
    assert "…" not in text


def test_training_only_blocks_say_so() -> None:
    lines = summary_of(
        "a: {op: Conv2d, out_channels: 4, kernel_size: 1}\nhead:\n  from: a\n  graph:\n    b: ReLU",
        rest="outputs: {main: a, aux: {from: head, only: training}}",
    ).lines(1)
    assert [line.kind for line in lines] == ["Conv2d", "1 node (training)"]


def test_html_escapes_and_shows_every_node(resnet: Summary) -> None:
    html = resnet._repr_html_()
    assert html.count("<tr>") == 1 + len(resnet.graph.nodes) + 5
    assert "resnet50: input [N, 3, 224, 224]" in html
