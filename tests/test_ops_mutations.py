"""Examples changed a little: an op refuses them where torch does, and infers the right types where torch does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_origin

import pytest
import torch
from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from archspec.ops.base import EXTRA, INFERRED, Example, Needs, Op, is_marked
from archspec.ops.needs import OpError
from tests.test_ops_registry import EXAMPLES, Run, dtypes, module, run_example, sizes_at, tensors, types

STRICTER: Mapping[str, str] = {}
"""Ops that may refuse what torch accepts, and why. The other way round has no exceptions."""

Change = Literal["axis", "rank", "dtype", "argument"]


@dataclass(frozen=True)
class Mutation:
    kind: Change
    what: str
    example: Example


def mutations(op: type[Op], example: Example) -> Iterator[Mutation]:
    """One size, number of axes or dtype of an input, or one argument, made another."""
    for number, (shape, dtype) in enumerate(dtypes(example)):
        for axis, size in enumerate(shape):
            for other in {size - 1, size + 1, 2 * size, 1} - {size, 0}:
                if axis or other > 1:  # not a batch of one
                    yield Mutation("axis", f"{number}", with_shape(example, number, (*shape[:axis], other, *shape[axis + 1 :])))
        for other in (shape[:-1], (*shape, 2), (*shape[:1], 1, *shape[1:])):
            yield Mutation("rank", f"{number}", with_shape(example, number, other))
        for other in {"float64", "int64", "int32", "bool"} - {dtype}:
            kinds = [kind for _, kind in dtypes(example)]
            kinds[number] = other
            yield Mutation("dtype", f"{number}", replace(example, dtypes=tuple(kinds)))
    for name, info in op.model_fields.items():
        value = example.args.get(name, info.default)
        if value is PydanticUndefined or is_marked(info, INFERRED):
            continue
        for other in (*words(info.annotation), *other_values(value)):
            yield Mutation("argument", name, replace(example, args={**example.args, name: other}))


def with_shape(example: Example, number: int, shape: tuple[int, ...]) -> Example:
    return replace(example, inputs=(*example.inputs[:number], shape, *example.inputs[number + 1 :]))


def words(annotation: Any) -> Iterator[str]:
    """The words that an argument may be."""
    if get_origin(annotation) is Literal:
        yield from (word for word in get_args(annotation) if isinstance(word, str))
    for part in get_args(annotation):
        if not isinstance(part, str):
            yield from words(part)


def other_values(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from {value - 1, value + 1, 2 * value, 0, -1, -value} - {value}
    elif isinstance(value, float):
        yield from {value + 1, -value, 0.0} - {value}
    elif isinstance(value, list | tuple):
        yield [*value, 1]
        yield [*value[:-1]]
        for position, item in enumerate(value):
            for other in other_values(item):
                yield [*value[:position], other, *value[position + 1 :]]


def outcome_in_torch(op: type[Op], example: Example) -> str | None:
    """The types torch gives or why it refuses; None when the op cannot even be stated. A tensor without elements counts
    as refused: nothing here makes one."""
    inputs = types(op, example, 2, symbolic=False)
    try:
        run = Run(op.model_validate({**op.inferred(Needs(), inputs), **example.args}), inputs, (), (), frozenset())
        target = run.op.target(inputs)
        state = run.op.state()
    except (OpError, ZeroDivisionError, IndexError):
        return None
    try:
        from tests.target_runner import TargetModule
        program = TargetModule(target, state)
        if any(x.numel() == 0 for x in program.parameters()):
            return "refused: no elements"
        found = []
        for training in (True, False):
            results = program.train(training)(*tensors(run, {}))
            if any(x.numel() == 0 for x in results):
                return "refused: no elements"
            for x in results:
                if x.requires_grad and x.dtype.is_floating_point:
                    x.sum().backward(retain_graph=True)
            found.append([(list(x.shape), str(x.dtype)) for x in results])
    except Exception as error:
        return f"refused: {type(error).__name__} {str(error)[:120]}"
    assert found[0] == found[1]
    return str(found[0])


def outcome_here(op: type[Op], example: Example) -> str:
    try:
        run = run_example(op, example)
    except OpError as error:
        return f"refused: [{error.code}] {error.message}"
    return str([(list(sizes_at(x, {})), f"torch.{x.dtype}") for x in run.outputs])


@pytest.mark.parametrize(("op", "example"), EXAMPLES)
def test_mutations(op: type[Op], example: Example) -> None:
    differing = []
    for mutation in mutations(op, example):
        try:
            here = outcome_here(op, mutation.example)
        except ValidationError:
            continue
        there = outcome_in_torch(op, mutation.example)
        if there is None or here == there or here[:7] == there[:7] == "refused":
            continue
        if here[:7] != "refused" or op.name not in STRICTER:
            made = mutation.example
            differing.append(f"{op.name} {mutation.kind} {mutation.what}: {made.args} {list(dtypes(made))}: {here}, in torch {there}")
    assert not differing, "\n".join(differing)
