"""Which parameters an op can have, whatever its arguments: found from its examples."""

from __future__ import annotations

from functools import cache

from archspec.ops.base import Inputs, Needs, Op
from archspec.values import TensorType


@cache
def possible_states(op: type[Op]) -> frozenset[str]:
    """The names of the parameters that the op has in any of its examples."""
    found: set[str] = set()
    for example in op.examples:
        dtypes = (*example.dtypes, *("float32",) * len(example.inputs))  # those that are not given
        types = tuple(TensorType(shape, dtype) for shape, dtype in zip(example.inputs, dtypes, strict=False))
        names = (*op.signature.required, *op.signature.optional)
        slots = example.operands or (*names, *names[-1:] * len(types))[: len(types)]
        inferred = op.inferred(Needs(), Inputs(types, slots))
        made = op.model_validate({**inferred, **example.args})
        found.update(state.name for state in made.state() if not state.buffer)
    return frozenset(found)
