"""What an op comes to with given arguments on inputs of given types. Networks repeat themselves: it is remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from archspec.dims import Size
from archspec.elaborate.too_large import fit
from archspec.objects import mutable
from archspec.ops.base import Inputs, Op, State, typed
from archspec.ops.needs import Needs, Requirement
from archspec.values import TensorType

MOST = 64  # inputs, and values among arguments, of a node that is remembered: what is kept is bounded

Tagged = tuple[type[Any], Any]
"""A value with its class, and those in it with theirs: `1`, `1.0` and `true` are equal."""

_SMALL = frozenset((int, bool, type(None)))
_PLAIN = _SMALL | {str}
_NO_PARTS: Mapping[str, tuple[int, ...]] = {}


@mutable
class Made:
    """An op that can stand in a network, with all that follows from its arguments and the types it is given.

    `parts`: its results by name, where they are several. `identity`: it does nothing, whatever the sizes.
    `fits`: torch can hold its results.
    """

    op: Op
    outputs: tuple[TensorType, ...]
    parts: Mapping[str, tuple[int, ...]]
    requirements: tuple[Requirement, ...]
    pins: tuple[Size, ...]
    identity: bool
    fits: bool
    _states: tuple[State, ...] | None = None

    def states(self) -> tuple[State, ...]:
        """The op's parameters and buffers, made when they are asked for: there may be very many."""
        if self._states is None:
            self._states = self.op.state()
        return self._states


def make(op: type[Op], values: Mapping[str, Any], inputs: Inputs, batch: frozenset[str], items: int) -> Made:
    """An op with its arguments; `batch` is as in `Needs`, and `items` the limit of that name, which ops ask for.

    Raises ValidationError for arguments that are missing or of another kind, OpError for what else is wrong.
    """
    large = [_length(value) for value in values.values() if value.__class__ not in _SMALL]
    if len(inputs.types) > MOST or len(values) + sum(large) > MOST:
        return _with_results(op.model_validate(values), inputs, batch)
    arguments = tuple(
        [
            (name, (value.__class__, value) if value.__class__ in _SMALL else _tagged(value))
            for name, value in values.items()
        ]
    )
    return _make(op, arguments, inputs.types, inputs.names, batch, items)


@lru_cache(maxsize=1 << 12)
def _make(
    op: type[Op],
    arguments: tuple[tuple[str, Tagged], ...],
    types: tuple[TensorType, ...],
    names: tuple[str, ...],
    batch: frozenset[str],
    items: int,
) -> Made:
    values = {name: _value(tagged) for name, tagged in arguments}
    return _with_results(op.model_validate(values), Inputs(types, names), batch)


def _with_results(op: Op, inputs: Inputs, batch: frozenset[str]) -> Made:
    if op.is_identity(inputs):
        return Made(op, inputs.types[:1], _NO_PARTS, (), (), True, True)
    need = Needs(batch=batch)
    return complete(op, typed(op, need, inputs), need)


def complete(op: Op, result: TensorType | tuple[TensorType, ...], need: Needs) -> Made:
    """What is known of an op once its result is."""
    outputs, parts = (result, _parts(op, len(result))) if isinstance(result, tuple) else ((result,), _NO_PARTS)
    return Made(op, outputs, parts, tuple(need.requirements), tuple(need.pins), False, all(map(fit, outputs)))


def _parts(op: Op, count: int) -> Mapping[str, tuple[int, ...]]:
    names = op.results[:count] if count > 1 and op.results else map(str, range(count))
    return {name: (position,) for position, name in enumerate(names)}


def _length(value: Any) -> int:
    """How many values, or characters, there are in a value."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list | tuple):
        return 1 + sum(map(_length, cast("Sequence[Any]", value)))
    return 1 + sum(map(_length, cast("dict[str, Any]", value).values())) if isinstance(value, dict) else 1


def _tagged(value: Any) -> Tagged:
    kind: type[Any] = value.__class__
    if kind in _PLAIN:
        return kind, value
    if kind is float:
        return kind, repr(value)  # 0.0 equals -0.0
    if kind is list or kind is tuple:
        return kind, tuple([_tagged(item) for item in value])
    if kind is dict:
        return kind, tuple([(key, _tagged(item)) for key, item in cast("dict[str, Any]", value).items()])
    return kind, value


def _value(tagged: Tagged) -> Any:
    kind, value = tagged
    if kind is float:
        return float(value)
    if kind is list or kind is tuple:
        items = [_value(item) for item in value]
        return items if kind is list else tuple(items)
    return {key: _value(item) for key, item in value} if kind is dict else value
