"""What the random networks found, each as the spec that showed it."""

from __future__ import annotations

import pytest

from archspec import api
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
