"""docs/ops.md says what the registry says, and every example works as a spec, from text to a running module."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import archspec.api as api
from archspec import dims
from archspec.ops import lookup
from archspec.ops.base import Example, Op
from archspec.ops.reference import AXIS_IN_TORCH, example_spec, to_markdown
from archspec.values import TensorType
from tests.op_oracle import EXAMPLES, OPS

PAGE = Path(__file__).parents[1] / "docs" / "ops.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == to_markdown(), "run `python -m archspec.ops.reference > docs/ops.md`"


def test_every_op_has_an_entry() -> None:
    headings = [line.removeprefix("### ") for line in to_markdown().splitlines() if line.startswith("### ")]
    assert sorted(headings) == sorted(op.name for op in OPS)


@pytest.mark.parametrize("name", AXIS_IN_TORCH)
def test_an_axis_default_that_is_not_torchs(name: str) -> None:
    op = lookup(name)
    assert op is not None
    assert op.model_fields[AXIS_IN_TORCH[name][0]].default == 1


def shape_at(x: TensorType, batch: int) -> list[int | None]:
    """The nominal shape, with `batch` for N."""
    return [dims.value(dims.substitute(size, {} if dims.value(size) else {"N": batch})) for size in x.shape]


def noise_or_zeros(x: TensorType, batch: int) -> Tensor:
    dtype = getattr(torch, x.dtype)
    make = torch.rand if dtype.is_floating_point else torch.zeros
    return make(shape_at(x, batch), dtype=dtype)


@pytest.mark.parametrize(("op", "example"), EXAMPLES)
def test_an_example_runs_as_a_spec(op: type[Op], example: Example) -> None:
    graph = api.loads(example_spec(op, example))
    model = api.build(graph)
    expected = [(shape_at(x, 2), f"torch.{x.dtype}") for x in graph.nodes[-1].outputs]
    for training in (True, False):
        results = model.train(training)(*(noise_or_zeros(x.type, 2) for x in graph.inputs))
        results = (results,) if isinstance(results, Tensor) else tuple(results)
        assert [(list(x.shape), str(x.dtype)) for x in results] == expected
