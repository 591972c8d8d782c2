"""Bytes moved and arithmetic intensity."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import api
from archspec.analysis.cost import costs
from archspec.analysis.sample import Sample
from archspec.analysis.traffic import Traffic, intensity, traffic

SPECS = Path(__file__).parent.parent / "specs"


def moves(nodes: str, shape: str = "[N, 4, 8]", batch: int = 1) -> tuple[Traffic, ...]:
    body = "\n".join(f"  {line}" for line in nodes.strip().splitlines())
    graph = api.loads(f"archspec: 1\nname: net\ninput: {shape}\ngraph:\n{body}\n")
    return traffic(graph, Sample.of(graph, batch))


def test_a_layer_reads_input_and_weights_and_writes_its_result() -> None:
    (found,) = moves("a: {op: Conv1d, out_channels: 6, kernel_size: 3}")
    assert found == Traffic(4 * 32, 4 * 36, 4 * (6 * 4 * 3 + 6))
    assert found.moved == 4 * (32 + 36 + 78)
    assert intensity(6 * 36 * 12, found.moved) == pytest.approx(6 * 36 * 12 / (4 * 146))


def test_weights_are_read_once_a_batch() -> None:
    one, two = (moves("a: {op: Linear, out_features: 3}", batch=batch)[0] for batch in (1, 2))
    assert one.read is not None and two.read == 2 * one.read
    assert two.weights == one.weights


def test_views_move_nothing() -> None:
    found = moves("a: {op: permute, dims: [0, 2, 1]}\nb: {op: chunk, chunks: 2}\nc: {op: Dropout, from: b.0}")
    assert found == (Traffic(0, 0, 0),) * 3
    assert intensity(0, found[0].moved) is None


def test_what_works_in_place_reads_and_writes() -> None:
    assert moves("a: {op: mul, other: 2}\nb: {op: ReLU, inplace: true}")[1] == Traffic(128, 128, 0)


def test_an_operand_given_twice_is_read_once() -> None:
    assert moves("a: {op: mul, from: [input, input]}")[0].read == 128


def test_copies_of_a_block_read_what_each_of_them_is_given() -> None:
    graph = api.loads("""
archspec: 1
input: [N, 4, 8]
blocks:
  Product:
    inputs: [a, b]
    graph:
      both: {op: mul, from: [a, b]}
graph:
  once: {op: Product, from: [input, input]}
  other: {op: ReLU, from: input}
  two: {op: Product, from: [input, other]}
  again: {op: Product, from: [other, other]}
  sum: {op: add, from: [once, two, again]}
""")
    sample = Sample.of(graph)
    assert sample.kinds == (0, 1, 2, 0, 4)
    assert [each.read for each in traffic(graph, sample)] == [128, 128, 256, 128, 384]


def test_a_lookup_reads_the_rows_it_takes() -> None:
    (found,) = moves("a: {op: Embedding, num_embeddings: 1000, embedding_dim: 16}", "{shape: [N, 5], dtype: int64}")
    assert found == Traffic(8 * 5, 4 * 5 * 16, 4 * 5 * 16)
    table, taken = moves(
        "t: {op: Parameter, shape: [1000, 16], value: 0}\na: {op: embedding, from: [input, t]}",
        "{shape: [N, 5], dtype: int64}",
    )
    assert table == Traffic(0, 0, 0)
    assert taken == Traffic(8 * 5 + 4 * 5 * 16, 4 * 5 * 16, 0)
    assert moves("a: {op: index_select, dim: 1, index: [2]}")[0].read == 32


def test_a_shape_alone_is_not_read() -> None:
    nodes = "a: {op: AvgPool1d, kernel_size: 2}\nb: {op: interpolate, like: input}"
    assert moves(nodes)[1] == Traffic(64, 128, 0)


def test_a_module_called_again_reads_its_weights_again() -> None:
    first, second = moves("a: {op: Linear, out_features: 8}\nb: {reuse: a}")
    assert first.weights == second.weights > 0


def test_an_unknown_size_is_unknown() -> None:
    (found,) = moves("a: {op: Conv1d, out_channels: 6, kernel_size: 3}", "[N, 4, L]")
    assert (found.read, found.written, found.moved, intensity(9, found.moved)) == (None, None, None, None)


def test_what_bounds_a_network() -> None:
    """The convolutions of VGG-16 do many products a byte; its first linear layer reads 400 MB for 100 million."""
    graph = api.load(SPECS / "vgg.yaml", variant="vgg16")
    found, cost = traffic(graph), costs(graph)
    by_path = {n.path: intensity(c.macs, t.moved) for n, t, c in zip(graph.nodes, found, cost.nodes, strict=True)}
    assert round(by_path["features.2"] or 0) == 72
    assert round(by_path["classifier.0"] or 0, 2) == 0.25
    assert sum(move.weights for move in found) == 4 * cost.total.params
