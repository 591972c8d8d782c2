"""What the random networks found, each as the spec that showed it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from archspec import api
from archspec.analysis.requirements import size_requirements
from archspec.cli import main
from archspec.diagnostics import SpecError
from archspec.emit.torch import build, run_and_compare
from archspec.ops import lookup
from archspec.ops.base import Example
from tests.network import accepts
from tests.op_oracle import outcome_here, outcome_in_torch

HEAD = "archspec: 1\nname: found\ninput: [N, 2, 2, 3]\ngraph:\n"


@pytest.mark.parametrize("call", ["{op: view, shape: [-1, 5, 1]}", "{op: reshape, shape: [-1, 5]}"])
def test_a_size_with_a_number_is_no_unknown_one(call: str) -> None:
    """The axis that was halved came before the batch in the order of names, and was taken to be 1: nothing was left,
    which any number divides."""
    with pytest.raises(SpecError) as caught:
        api.loads(HEAD + "  half: {op: glu, dim: 2}\n" + f"  shaped: {call}\n")
    assert [found.code for found in caught.value.diagnostics] == ["not-divisible"]


@pytest.mark.parametrize("items", ['["...", "-12:", 1]', '["-12:"]'])
def test_what_is_counted_from_the_end_is_there(items: str) -> None:
    """12 of the end of an axis of unknown size are 12 only where there are as many."""
    text = f"archspec: 1\nname: found\ninput: [N, 12]\ngraph:\n  cut: {{op: getitem, index: {items}}}\n"
    graph = api.loads(text)
    assert not accepts(graph, {"N": 2})
    assert accepts(graph, {"N": 12})
    assert not run_and_compare(graph, build(graph), batch=13)


def test_a_batch_may_still_be_put_together() -> None:
    graph = api.loads(HEAD + "  half: {op: glu, dim: 2}\n  shaped: {op: reshape, shape: [-1, 2, 3]}\n")
    assert not run_and_compare(graph, build(graph))


@pytest.mark.parametrize("dtype", ["int32", "uint8", "int64", "float32"])
@pytest.mark.parametrize(
    "equation",
    ["nab->nb", "nab->nba", "nii->n", "nab,nac->nbc", "nab,nac->nc", "nab,nab->nab", "nab,nac,nad->nd", "nab,nab->n"],
)
def test_a_sum_of_integers_is_int64(equation: str, dtype: str) -> None:
    """Of several operands one that is summed alone is refused, as torch can go on with it only at times."""
    op = lookup("einsum")
    assert op is not None
    count = equation.count(",") + 1
    example = Example({"equation": equation}, ((2, 3, 3),) * count, (dtype,) * count)
    here, there = outcome_here(op, example), outcome_in_torch(op, example)
    assert here is not None and there is not None
    assert here == there or (here.startswith("refused") and there.startswith("refused"))


def test_an_axis_that_is_never_1_stays() -> None:
    """Padded it has two positions or more, whatever the input's size."""
    graph = api.loads(HEAD + "  padded: {op: ZeroPad2d, padding: [0, 0, 1, 1]}\n  cut: {op: squeeze, dim: 2}\n")
    assert not run_and_compare(graph, build(graph))
    assert accepts(graph, {"N": 2, "H": 1, "W": 3})


def test_what_is_wrong_where_a_node_is_called_again_says_where() -> None:
    text = "  cut: {op: Unflatten, dim: 1, unflattened_size: [1, 2]}\n  again: {reuse: cut}\n"
    with pytest.raises(SpecError) as caught:
        api.loads(HEAD + text)
    assert caught.value.diagnostics[0].notes == ("called again as `again` at <string>:6:10",)


@pytest.mark.parametrize("size", ["[]", "[1]", "[1, 1, 1]"])
def test_numbers_for_other_axes_are_told(size: str) -> None:
    with pytest.raises(SpecError) as caught:
        api.loads(HEAD + f"  up: {{op: Upsample, size: {size}}}\n")
    assert caught.value.diagnostics[0].message.startswith("`size` needs 2 numbers")


@pytest.mark.parametrize(
    ("name", "there"), [("net", True), ("net.stem", True), ("net.side", False), ("net.side.0", False)]
)
def test_what_is_dropped_of_a_network_cannot_be_read(name: str, there: bool, tmp_path: Path) -> None:
    """A graph that the network's outputs do not need stood for no tensor at all."""
    net = "input: [N, 3]\ngraph: {stem: ReLU, side: {from: stem, graph: [Sigmoid, Tanh]}}\noutputs: stem\n"
    (tmp_path / "net.yaml").write_text(f"archspec: 1\n{net}")
    text = f"archspec: 1\nimports: {{net: net.yaml}}\ninput: [N, 3]\ngraph: {{net: net}}\noutputs: {{found: {name}}}\n"
    if there:
        assert len(api.loads(text, folder=tmp_path).outputs.entries) == 1
        return
    with pytest.raises(SpecError) as caught:
        api.loads(text, folder=tmp_path)
    assert [found.code for found in caught.value.diagnostics] == ["unknown-node"]


def test_a_network_used_for_nothing_is_told_though_dropped_nodes_read_its_result(tmp_path: Path) -> None:
    net = "input: [N, 3]\ngraph: {stem: ReLU, side: {from: stem, op: Tanh}}\noutputs: stem\n"
    (tmp_path / "net.yaml").write_text(f"archspec: 1\n{net}")
    text = "archspec: 1\nimports: {net: net.yaml}\ninput: [N, 3]\ngraph: {net: net, act: {op: ReLU, from: input}}\n"
    with pytest.raises(SpecError) as caught:
        api.loads(text, folder=tmp_path)
    assert [found.code for found in caught.value.diagnostics] == ["unread-node"]


@pytest.mark.parametrize("call", ["ELU(-0.5)", "CELU(-0.5)", "LeakyReLU(-0.5)"])
def test_what_falls_in_place_has_no_gradient(call: str) -> None:
    """Torch computes it, and raises in the backward pass."""
    name, _, value = call.rstrip(")").partition("(")
    layer = getattr(nn, name)(float(value), inplace=True)
    result = layer(torch.ones(2, 3, requires_grad=True) * 1)
    with pytest.raises(RuntimeError, match="not supported"):
        result.sum().backward()
    argument = "negative_slope" if name == "LeakyReLU" else "alpha"
    with pytest.raises(SpecError, match="must not be negative with `inplace: true`"):
        api.loads(HEAD + f"  stem: Sigmoid\n  act: {{op: {name}, {argument}: {value}, inplace: true}}\n")


def test_check_compares_the_uses_of_a_module(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Functions in a graph that is called again are written once, with the sizes of the first call."""
    text = (
        "  first: {graph: {norm: layer_norm}}\n  flat: {op: flatten, start_dim: 2}\n"
        "  wide: {op: unsqueeze, dim: 3}\n  again: {reuse: first, from: wide}\n"
    )
    path = tmp_path / "found.yaml"
    path.write_text(HEAD + text)
    assert main(["check", str(path)]) == 1
    assert "error[bad-reuse]" in capsys.readouterr().err


@pytest.mark.parametrize("last", ["{op: split, split_size_or_sections: 3}", "{op: chunk, chunks: 1}"])
def test_a_part_that_ends_in_one_of_several_yields_a_tensor(last: str) -> None:
    """Torch gives a tuple of one."""
    for rest in ("", "  act: ReLU\n", "outputs: {found: part}\n"):
        graph = api.loads(f"{HEAD}  part: {{graph: [Tanh, {last}]}}\n{rest}")
        assert not run_and_compare(graph, build(graph))


@pytest.mark.parametrize("op", ["{op: mean, dim: [2, 0]}", "{op: sum, dim: [0, -1]}"])
def test_a_size_of_the_input_that_takes_the_place_of_the_batch(op: str) -> None:
    """The channels come first, of which there is one: too few for statistics in training."""
    text = f"archspec: 1\ninput: [N, 1, 5, 7]\ngraph:\n  a: {op}\n  b: BatchNorm1d\n"
    with pytest.raises(SpecError, match="more than one value of a channel"):
        api.loads(text)
    build(api.loads(text.replace("N, 1", "N, 2")))


def test_what_is_removed_has_one_value_to_stand_in_for_it() -> None:
    """Maxima and their places are two."""
    pool = "  pool: {op: MaxPool2d, kernel_size: 2, return_indices: true}\n"
    with pytest.raises(SpecError) as caught:
        api.loads(f"{HEAD}{pool}  act: {{op: Tanh, from: pool, when: false}}\n  flat: Flatten\n")
    assert [found.code for found in caught.value.diagnostics] == ["missing-else"]
    api.loads(f"{HEAD}{pool}  act: {{op: Tanh, from: pool.0, when: false}}\n  flat: Flatten\n")


@pytest.mark.parametrize(
    "reader",
    [
        "  made: {op: arange, end: 3, like: fc}\n  out: {op: mul, from: [relu, made]}\n",
        '  out: {op: reshape, shape: [-1, "fc.shape[1]"], from: relu}\n',
    ],
)
def test_what_is_overwritten_still_has_its_shape(reader: str) -> None:
    head = "archspec: 1\ninput: [N, 4, 5]\ngraph:\n  fc: {op: Linear, out_features: 3}\n"
    graph = api.loads(head + "  relu: {op: ReLU, inplace: true}\n" + reader)
    assert not run_and_compare(graph, build(graph))
    with pytest.raises(SpecError, match="which `sum` reads too"):
        api.loads(head + "  relu: {op: ReLU, inplace: true}\n  sum: {op: add, from: [relu, fc]}\n")


@pytest.mark.parametrize(
    "call",
    [
        "{op: add, from: [input, moved]}",
        '{op: einsum, equation: "...ij,...ij->...ij", from: [input, moved]}',
        '{op: einsum, equation: "nchw,nchw->nchw", from: [moved, input]}',
    ],
)
def test_an_axis_of_size_1_is_expanded_beside_the_batch(call: str) -> None:
    head = "archspec: 1\ninput: [N, 1, 5, 7]\ngraph:\n  moved: {op: movedim, source: 1, destination: 0}\n"
    graph = api.loads(f"{head}  out: {call}\n")
    assert not run_and_compare(graph, build(graph), batch=3)
    assert [fact.names for fact in size_requirements(graph)] == [("C",)]


def test_einsum_expands_a_size_that_is_1_by_chance() -> None:
    """So that the channels of the input must be 1, as they are."""
    text = "archspec: 1\ninput: [N, 1, 5, 7]\ngraph:\n  turned: {op: transpose, dim0: 1, dim1: 3}\n"
    graph = api.loads(text + '  out: {op: einsum, equation: "...ij,...kj->...ik", from: [turned, input]}\n')
    assert str(graph["out"].output) == "[N, 7, 5, 5]"
    assert not run_and_compare(graph, build(graph))


def test_einsum_knows_an_operand_by_the_axes_that_it_has() -> None:
    """The channels of `a`, which are 1 as it is given, are expanded: those of `b` are summed alone."""
    text = (
        "archspec: 1\ninputs: {a: {shape: [N, 1, 5], dtype: int32}, b: {shape: [N, 4, 5], dtype: int32}}\n"
        "graph:\n  out: {op: einsum, equation: 'nij,nij->nj', from: [a, b]}\n"
    )
    with pytest.raises(SpecError, match="sums axis 'i' alone"):
        api.loads(text)
    graph = api.loads(text.replace("nij->nj", "nij->nij"))
    assert not run_and_compare(graph, build(graph))
