"""Examples changed a little: an op refuses them where torch does, and infers the right types where torch does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from pydantic_core import PydanticUndefined

from archspec.ops.base import INFERRED, Example, Op, is_marked
from tests.op_oracle import EXAMPLES, dtypes, outcome_here, outcome_in_torch
from tests.random_specs.changes import other_values, words

BATCH = "the batch axis is not to be touched"
POSITIVE = "torch's sizes happen to come out positive"
HINT = "a mask called causal is not looked at, whatever it is"
NUMBERS = "of numbers that are left as they are"

INTEGERS = "torch averages integers of 64 bits, on the CPU only"

STRICTER = {
    "AvgPool1d dtype": INTEGERS,
    "AvgPool2d dtype": INTEGERS,
    "AvgPool3d dtype": INTEGERS,
    "CircularPad1d padding": "around what is cropped to nothing torch wraps memory never written",
    "Conv2d padding": "a negative one reflects nothing",
    "CosineSimilarity dim": BATCH,
    "Dropout dtype": NUMBERS,
    "EmbeddingBag dtype": "booleans as indices",
    "Flatten start_dim": BATCH,
    "GLU dim": BATCH,
    "InstanceNorm3d dtype": "running statistics are float32",
    "LSTM dtype": "a state that torch converts on the CPU",
    "LSTMCell dtype": "a state that torch converts on the CPU",
    "LocalResponseNorm dtype": INTEGERS,
    "MaxPool1d dtype": "with `return_indices` only",
    "MaxUnpool1d padding": POSITIVE,
    "MaxUnpool2d kernel_size": POSITIVE,
    "MaxUnpool2d padding": POSITIVE,
    "MaxUnpool2d stride": POSITIVE,
    "MaxUnpool3d kernel_size": POSITIVE,
    "MaxUnpool3d padding": POSITIVE,
    "MultiheadAttention axis": HINT,
    "MultiheadAttention batch_first": HINT,
    "MultiheadAttention dropout": "ignored below 0 in some of torch's implementations",
    "MultiheadAttention dtype": HINT,
    "StochasticDepth dtype": NUMBERS,
    "Transformer axis": HINT,
    "Transformer dtype": HINT,
    "TransformerDecoderLayer axis": HINT,
    "TransformerDecoderLayer dtype": HINT,
    "Upsample size": "one number for two axes",
    "avg_pool2d dtype": INTEGERS,
    "crop axis": "more than there is",
    "crop size": "more than there is",
    "einsum dtype": "of one operand, which is not multiplied",
    "flip dims": "no axes",
    "index_select index": "counted from the end",
    "pad mode": "a `value` that has no use",
    "scaled_dot_product_attention dropout_p": "ignored below 0 in some of torch's implementations",
    "squeeze dim": "an axis of another size",
}
"""Refused here where torch runs, and why. So is any change of the number of axes: a value keeps its batch axis, which
meets no other. What torch refuses has no exceptions."""


@dataclass(frozen=True)
class Mutation:
    """A changed example, and what was changed: "axis", "rank" or "dtype" of an input, or an argument by its name."""

    what: str
    example: Example

    def __str__(self) -> str:
        return f"{self.what}: {dict(self.example.args)} of {list(dtypes(self.example))}"


def mutations(op: type[Op], example: Example) -> Iterator[Mutation]:
    """One size, number of axes or dtype of an input, or one argument, made another."""
    for number, (shape, dtype) in enumerate(dtypes(example)):
        for axis, size in enumerate(shape):
            for other in {size - 1, size + 1, 2 * size, 1} - {size, 0}:
                if axis or other > 1:  # not a batch of one
                    yield Mutation("axis", with_shape(example, number, (*shape[:axis], other, *shape[axis + 1 :])))
        for changed in (shape[:-1], (*shape, 2), (*shape[:1], 1, *shape[1:])):
            yield Mutation("rank", with_shape(example, number, changed))
        for kind in {"float64", "int64", "int32", "bool"} - {dtype}:
            kinds = [kind if n == number else old for n, (_, old) in enumerate(dtypes(example))]
            yield Mutation("dtype", replace(example, dtypes=tuple(kinds)))
    for name, info in op.model_fields.items():
        value = example.args.get(name, info.default)
        if value is not PydanticUndefined and not is_marked(info, INFERRED):
            for other in (*words(info.annotation), *other_values(value)):
                yield Mutation(name, replace(example, args={**example.args, name: other}))


def with_shape(example: Example, number: int, shape: tuple[int, ...]) -> Example:
    return replace(example, inputs=(*example.inputs[:number], shape, *example.inputs[number + 1 :]))


@pytest.mark.parametrize(("op", "example"), EXAMPLES)
def test_a_changed_example_is_judged_as_by_torch(op: type[Op], example: Example) -> None:
    differing: list[str] = []
    for mutation in mutations(op, example):
        here = outcome_here(op, mutation.example)
        there = outcome_in_torch(op, mutation.example) if here else None
        if not here or not there or here == there:
            continue
        refused = here.startswith("refused"), there.startswith("refused")
        excused = mutation.what == "rank" or f"{op.name} {mutation.what}" in STRICTER
        if refused == (True, True) or (refused == (True, False) and excused):
            continue
        differing.append(f"{op.name} {mutation}: {here}, in torch {there}")
    assert not differing, "\n".join(differing)
