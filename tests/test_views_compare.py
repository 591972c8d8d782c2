"""Networks side by side: what is compared, how differences are marked, in all formats and widths."""

from __future__ import annotations

import csv
import io
import json

import pytest

import archspec
from archspec import api
from archspec.analysis.depth import depth
from archspec.views.comparison import Comparison

MANY = ("lenet5", "alexnet", "vgg16", "resnet50", "densenet121")


@pytest.fixture(scope="module")
def two() -> Comparison:
    return archspec.compare("resnet50", "densenet121")


@pytest.fixture(scope="module")
def many() -> Comparison:
    return archspec.compare(*MANY)


@pytest.mark.parametrize(
    ("spec", "layers"),
    [("lenet5", 5), ("alexnet", 8), ("vgg16", 16), ("vgg19_bn", 19), ("resnet18", 18), ("resnet152", 152),
     ("densenet121", 121), ("densenet169", 169), ("googlenet", 22)],
)  # fmt: skip
def test_depth_is_what_authors_call_it(spec: str, layers: int) -> None:
    assert depth(api.load(spec)) == layers


def test_depth_counts_neither_training_nor_what_has_no_weights() -> None:
    graph = api.loads(
        "archspec: 1\ninput: [N, 4]\noutputs: {main: a, aux: {from: b2, only: training}}\n"
        "graph:\n  a: {op: Linear, out_features: 4}\n  b1: {op: Linear, out_features: 4, from: input}\n"
        "  b2: {op: Linear, out_features: 4}\n"
    )
    assert depth(graph) == 1
    assert depth(api.loads("archspec: 1\ninput: [N, 4]\ngraph: [ReLU, BatchNorm1d]\n")) == 0


def test_two_stand_beside_one_another(two: Comparison) -> None:
    others = ("ops", "peak", "training")
    assert [line for line in two.to_text(width=80).splitlines() if not line.startswith(others)] == [
        "                  resnet50       densenet121",
        "-----------------------------------------------------",
        "input     [N, 3, 224, 224]  [N, 3, 224, 224]",
        "output           [N, 1000]         [N, 1000]",
        "params          25,557,032         7,978,856   -68.8%",
        "MACs         4,089,184,256     2,834,161,664   -30.7%",
        "weights          97.70 MiB         30.76 MiB   -68.5%",
        "field         global (427)     global (2071)  differs",
        "depth                   50               121   x 2.42",
        "nodes                  175               427   x 2.44",
        "-----------------------------------------------------",
    ]


def test_many_stand_below_one_another(many: Comparison) -> None:
    lines = many.to_text(width=100).splitlines()
    assert lines[0].split()[:3] == ["network", "output", "params"]
    assert [line.split()[0] for line in lines[2:-1]] == [*MANY]


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_comparison_fits_the_terminal(many: Comparison, width: int, count: int) -> None:
    some = Comparison(many.networks[:count], many.names[:count])
    assert max(map(len, some.to_text(width=width).splitlines())) <= width


def test_equal_networks_have_no_marks() -> None:
    text = archspec.compare("lenet5", api.load("lenet5")).to_text()
    assert "lenet5 (2)" in text
    assert not any(mark in text for mark in ("%", " x ", "differs"))


def test_frozen_weights_have_a_row() -> None:
    frozen = api.loads(
        "archspec: 1\nname: frozen\ninput: [N, 4]\nfreeze: ['a.*']\ngraph: {a: {op: Linear, out_features: 2}}\n"
    )
    plain = api.loads("archspec: 1\nname: plain\ninput: [N, 4]\ngraph: {a: {op: Linear, out_features: 2}}\n")
    row = next(line for line in archspec.compare(plain, frozen).to_text().splitlines() if line.startswith("trained"))
    assert row.split() == ["trained", "10", "-", "gone"]


def test_unknown_sizes_compare_as_estimates() -> None:
    graphs = [api.load(name, input=(3, "H", "W")) for name in ("resnet18", "resnet34")]
    text = archspec.compare(*graphs).to_text(width=100)
    assert "~36,144 HW + 512,000" in text and "x 2." in text
    assert "peak" in text and "?" in text


def test_formats(two: Comparison, many: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(many.to_csv())))
    assert [row["name"] for row in rows] == [*MANY]
    assert (rows[1]["params"], rows[1]["macs"], rows[1]["depth"]) == ("61100840", "714188480", "8")
    found = many.to_json()
    assert json.loads(json.dumps(found)) == found
    assert found[3]["macs"] == 4089184256 and found[3]["flops"] == 2 * 4089184256
    assert found[3]["training_peak_bytes"] > found[3]["weight_bytes"]
    assert two.to_markdown().splitlines()[4].startswith("| params   |")
    assert many.to_markdown().splitlines()[2].startswith("| lenet5 ")
    assert two._repr_html_().count("<tr>") == 12
    assert str(two) == two.to_text()


def test_memory_is_for_the_batch() -> None:
    one, eight = (archspec.compare("resnet18", batch=batch, optimizer="sgd").to_json()[0] for batch in (1, 8))
    assert eight["activation_peak_bytes"] == 8 * one["activation_peak_bytes"]
    assert eight["macs"] == one["macs"]
