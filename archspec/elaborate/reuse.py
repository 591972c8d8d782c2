"""Calling a module again: how it was made, and whether a second call of it is the same module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from archspec.elaborate.arguments import plans
from archspec.elaborate.place import Site
from archspec.ir import Node
from archspec.objects import record
from archspec.ops.base import Op
from archspec.values import RuntimeSize


@record(eq=False)
class Definition:
    """How a node was made, so that `reuse` can make it again."""

    site: Site
    start: int
    end: int


def same_structure(first: Sequence[Node], second: Sequence[Node]) -> bool:
    """Whether nodes have the parameters and code of others, one for one."""
    if len(first) != len(second):
        return False
    return all(
        type(a.op) is type(b.op) and a.module == b.module and (a.op == b.op or _same_call(a.op, b.op))
        for a, b in zip(first, second, strict=True)
    )


def _same_call(a: Op, b: Op) -> bool:
    """Whether two uses of a function are the same code: what follows from the sizes at hand may differ."""
    if not is_call(type(a)):
        return False
    inferred = {name for name, plan in plans(type(a)).items() if plan.inferred}
    return all(
        _code(getattr(a, name)) == _code(getattr(b, name)) for name in type(a).model_fields if name not in inferred
    )


def _code(value: Any) -> Any:
    """An argument as far as it can be compared here: a run-time size is code, which emission compares."""
    if isinstance(value, tuple):
        parts = cast("tuple[Any, ...]", value)
        return tuple(_code(part) for part in parts)
    return RuntimeSize if isinstance(value, RuntimeSize) else value


def is_call(op: type[Op]) -> bool:
    """Whether a use of the op leaves no submodule behind: functions have lower-case names."""
    return op.name[:1].islower()
