"""An op's rules at given inputs, and torch's answer to the same: what the tests of the registry compare."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from archspec import dims
from archspec.dims import Dim
from archspec.ops import lookup, names
from archspec.ops.base import Example, Inputs, Needs, Op, typed
from archspec.ops.needs import OpError, Requirement
from archspec.ops.target import StateTensor
from archspec.values import TensorType
from tests.target_runner import TargetModule

warnings.filterwarnings("ignore", module="torch")

OPS = [op for op in [lookup(name) for name in names()] if op]
EXAMPLES = [pytest.param(op, example, id=f"{op.name}-{i}") for op in OPS for i, example in enumerate(op.examples)]


@dataclass(frozen=True)
class Run:
    """An op at the types of an example."""

    op: Op
    inputs: Inputs
    outputs: tuple[TensorType, ...]
    requirements: tuple[Requirement, ...]
    pinned: frozenset[str]


def dtypes(example: Example) -> Iterator[tuple[tuple[int, ...], str]]:
    """Shapes and dtypes of the inputs."""
    for position, shape in enumerate(example.inputs):
        yield shape, example.dtypes[position] if position < len(example.dtypes) else "float32"


def types(op: type[Op], example: Example, batch: int | None, symbolic: bool) -> Inputs:
    """The example's inputs; an axis 0 of size 2 is the batch N, of the nominal value `batch`."""

    def axis(number: int, position: int, size: int) -> Dim:
        if position == 0 and size == 2:
            return dims.symbol("N", batch)
        return dims.symbol(f"S{number}_{position}", size) if symbolic and size > 1 else size  # 1 may broadcast

    shapes = [tuple(axis(n, i, size) for i, size in enumerate(shape)) for n, (shape, _) in enumerate(dtypes(example))]
    kinds = [TensorType(shape, dtype) for shape, (_, dtype) in zip(shapes, dtypes(example), strict=True)]
    signature = op.signature
    slots = example.operands or (*signature.required, *signature.optional)
    if signature.variadic and not example.operands:
        slots = tuple(signature.required[min(i, len(signature.required) - 1)] for i in range(len(kinds)))
    return Inputs(tuple(kinds), tuple(slots[: len(kinds)]))


def elaborate(op: type[Op], args: Mapping[str, Any], inputs: Inputs) -> Run:
    """What the elaborator does with one node."""
    need = Needs()
    built = op.model_validate({**op.inferred(need, inputs), **args})
    result = typed(built, need, inputs)
    outputs = (result,) if isinstance(result, TensorType) else result
    pinned = frozenset(name for size in need.pins for name in dims.symbols(size))
    return Run(built, inputs, outputs, tuple(need.requirements), pinned)


def run_example(op: type[Op], example: Example, batch: int | None = 2, symbolic: bool = False) -> Run:
    return elaborate(op, example.args, types(op, example, batch, symbolic))


def sizes_at(x: TensorType, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """A shape where the symbols take these values."""
    found = tuple(dims.value(dims.substitute(dim, sizes)) for dim in x.shape)
    assert None not in found, f"{x} is left with symbols"
    return tuple(size for size in found if size is not None)


def tensors(run: Run, sizes: Mapping[str, int], device: str = "cpu") -> tuple[Tensor, ...]:
    """Inputs of the types of `run`; integers and booleans are 0, a valid index and a mask that hides nothing."""
    made: list[Tensor] = []
    for x in run.inputs:
        shape, dtype = sizes_at(x, sizes), getattr(torch, x.dtype)
        if dtype.is_floating_point:
            made.append(torch.rand(shape, dtype=dtype, device=device, requires_grad=True).clone())  # may be overwritten
        else:
            made.append(torch.zeros(shape, dtype=dtype, device=device))
    return tuple(made)


def module(run: Run, sizes: Mapping[str, int]) -> TargetModule:
    return TargetModule(run.op.target(run.inputs), run.op.state(), sizes)


def outcome_in_torch(op: type[Op], example: Example) -> str | None:
    """The types torch gives, or "refused" and why; None when the op cannot even be stated. A tensor without elements
    counts as refused: nothing here makes one."""
    inputs = types(op, example, 2, symbolic=False)
    try:
        run = Run(op.model_validate({**op.inferred(Needs(), inputs), **example.args}), inputs, (), (), frozenset())
        target = run.op.target(inputs)
        state = run.op.state() if isinstance(target, StateTensor) else ()
    except (OpError, ZeroDivisionError, IndexError):
        return None
    try:
        program = TargetModule(target, state)
        with sdpa_kernel(
            SDPBackend.MATH
        ):  # the fused kernel for CPUs corrupts memory where key and value differ in length
            found = [results_in_torch(program.train(training), run) for training in (True, False)]
    except Exception as error:
        return f"refused: {type(error).__name__} {str(error)[:120]}"
    return found[0] if found[0] == found[1] else "refused: not the same in training and evaluation"


def results_in_torch(program: TargetModule, run: Run) -> str:
    results = program(*tensors(run, {}))
    for x in results:
        if x.requires_grad and x.dtype.is_floating_point:
            x.sum().backward(retain_graph=True)
    if any(x.numel() == 0 for x in (*program.parameters(), *results)):
        raise ValueError("no elements")
    return str([(list(x.shape), str(x.dtype)) for x in results])


def outcome_here(op: type[Op], example: Example) -> str | None:
    """The types inferred, or "refused" and why; None where an argument is not of its type."""
    try:
        run = run_example(op, example)
    except ValidationError:
        return None
    except OpError as error:
        return f"refused: {error.code} {error.message}"
    return str([(list(sizes_at(x, {})), f"torch.{x.dtype}") for x in run.outputs])
