"""Names for the values of one `forward`.

A chain of values that are read once shares one name, so that no activation lives longer than it is needed: `x`, or
`out` where `x` is still read. A value that is read later, or by several, has the name of its node. What would stay
alive behind its last reader for two steps or more is marked to be deleted, unless it is small.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable
from functools import cached_property
from itertools import accumulate

from archspec import dims
from archspec.emit.expression import Expr, Local, Text, rewrite
from archspec.emit.literals import identifier
from archspec.emit.structure import Step, Unit, flatten
from archspec.ir import Graph, Scope
from archspec.values import Value

GENERIC = ("x", "out")
SMALL = 32
"""A value is small when something this many times as large is made while it would linger."""


class Labels:
    """What people call a value: after its node, or the scope that it is the result of."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.yielding: dict[Value, list[Scope]] = {}
        for scope in graph.root.walk():
            if len(scope.outputs) == 1:
                self.yielding.setdefault(scope.outputs[0], []).append(scope)

    def of(self, value: Value, within: str) -> str:
        """The label of a value that is made in the scope at path `within`."""
        if value.node < 0:
            return self.graph.inputs[-1 - value.node].name
        for scope in self.yielding.get(value, ()):
            if not within or scope.path.startswith(f"{within}."):
                return scope.path.rsplit(".", 1)[-1]
        node = self.graph.nodes[value.node]
        name = node.path.rsplit(".", 1)[-1]
        if len(node.outputs) == 1:
            return name
        if node.parts:
            return node.parts[value.part]
        parts = node.op.results
        return parts[value.part] if value.part < len(parts) else f"{name}_{value.part}"

    def size(self, value: Value) -> int:
        """Elements per sample, at the nominal input."""
        return dims.value(dims.product(dims.value(dim) or 1 for dim in self.graph.type_of(value).shape)) or 1


class Names:
    """Binds values to names, step by step; `of` looks one up. `ends` are the values that the return statement reads."""

    def __init__(self, labels: Labels, unit: Unit, ends: Iterable[Value], arguments: tuple[str, ...]) -> None:
        self.labels = labels
        self.path = unit.scope.path
        self.steps = unit.steps
        self.readers: dict[Value, list[int]] = {}
        for position, step in enumerate(unit.steps):
            for value in dict.fromkeys(step.reads):
                self.readers.setdefault(value, []).append(position)
        for value in dict.fromkeys(ends):
            self.readers.setdefault(value, []).append(len(unit.steps))
        self.of: dict[Value, str] = dict(unit.owned)
        self.holder: dict[str, Value] = {}
        self.given = frozenset(unit.received)
        self.made = {value: at for at, step in enumerate(unit.steps) for value in flatten(step.results)}
        self.made.update(dict.fromkeys(unit.received, -1))
        shared = (value for value in self.made if len(self._main_readers(value)) > 1)
        self.shared = _Shared((self.made[value], self._last(value), value) for value in shared)
        for value, name in zip(unit.received, arguments, strict=True):
            self._bind(value, name)
        for position, step in enumerate(unit.steps):
            self._bind_results(step, position)

    def is_used(self, value: Value) -> bool:
        """Whether anything here reads the value."""
        return value in self.readers

    def written(self, expr: Expr) -> Expr:
        """An expression with its values by name."""
        return rewrite(expr, lambda leaf: Text(self.of[leaf.value]) if isinstance(leaf, Local) else leaf)

    @cached_property
    def deleted(self) -> dict[int, list[str]]:
        """Names to delete, by step: their value is dead, large, and they are not soon assigned again."""
        assigned: dict[str, list[int]] = {}
        for value, position in self.made.items():
            if value in self.of and value not in self.given:
                assigned.setdefault(self.of[value], []).append(position)
        sizes = [max(map(self.labels.size, flatten(step.results)), default=0) for step in self.steps]
        rest = [*accumulate(reversed(sizes), max)][::-1]  # the largest from a step on
        doomed: dict[int, list[str]] = {}
        for value, position in self.made.items():
            if value in self.given or value not in self.readers or self.steps[position].mode != "always":
                continue
            last = self._last(value)
            times = assigned[self.of[value]]
            later = bisect_left(times, last)
            again = times[later] if later < len(times) else len(self.steps)
            if min(again + 1, len(self.steps)) - (last + 1) < 2:
                continue
            largest = rest[last + 1] if again == len(self.steps) else max(sizes[last + 1 : again + 1])
            if self.labels.size(value) * SMALL >= largest:
                doomed.setdefault(last, []).append(self.of[value])
        return doomed

    def _bind(self, value: Value, name: str) -> None:
        self.of[value] = name
        self.holder[name] = value

    def _bind_results(self, step: Step, position: int) -> None:
        used = [value for value in flatten(step.results) if self.is_used(value)]
        chosen: list[str] = []
        for value in used:
            is_main = value == next(flatten(step.results)) and (step.calls_scope or len(used) == 1)
            name = self._choose(value, position) if is_main else self._fresh(self._label(value, step), position, chosen)
            chosen.append(name)
        for value, name in zip(used, chosen, strict=True):
            self._bind(value, name)

    def _choose(self, value: Value, position: int) -> str:
        """The name of a step's main result."""
        readers = self._main_readers(value)
        if len(readers) > 1:
            generic = self.is_free("x", position) and not self._overlaps(value, position)
            return "x" if generic else self._fresh(self._label(value, self.steps[position]), position)
        for operand in self.steps[position].reads:
            name = self.of[operand]
            if name in GENERIC and operand not in self.given and self.is_free(name, position):
                return name
        if readers[0] == self._following(position):
            alone = readers[0] == len(self.steps) or self._reads_one(self.steps[readers[0]])
            for name in GENERIC if alone else GENERIC[:1]:
                if self.is_free(name, position) and (alone or self.holder.get(name) not in self.given):
                    return name
        end, at = self._chain_end(value, position)
        return self._fresh(self._label(end, self.steps[at]), position)

    def _label(self, value: Value, step: Step) -> str:
        """The name of the step that makes the value, when that is its main result."""
        first = next(flatten(step.results))
        if isinstance(step.results, Value) or (step.calls_scope and value == first):
            return step.name
        return self.labels.of(value, f"{self.path}.{step.name}" if self.path else step.name)

    def _chain_end(self, value: Value, position: int) -> tuple[Value, int]:
        """The last value of the chain of single readers that starts here, and the step that makes it."""
        while len(readers := self._main_readers(value)) == 1 and readers[0] < len(self.steps):
            step = self.steps[readers[0]]
            if not self._reads_one(step) or not isinstance(step.results, Value) or not self.is_used(step.results):
                break
            value, position = step.results, readers[0]
        return value, position

    def _reads_one(self, step: Step) -> bool:
        """Whether a step reads a single value, not counting parameters and buffers."""
        return len({value for value in step.reads if value in self.made}) == 1

    def _fresh(self, name: str, position: int, taken: Collection[str] = ()) -> str:
        return identifier(name, _Live(self, position, taken))

    def is_free(self, name: str, position: int) -> bool:
        """Whether nothing after step `position` reads what the name holds."""
        value = self.holder.get(name)
        return value is None or self._last(value) <= position

    def _overlaps(self, value: Value, position: int) -> bool:
        """Whether another value with several readers is alive together with this one."""
        return self.shared.last_before(self._last(value), value) > position

    def _last(self, value: Value) -> int:
        return self.readers[value][-1] if value in self.readers else -1

    def _main_readers(self, value: Value) -> list[int]:
        """The readers that matter for a name: those of every mode, unless there are none."""
        readers = self.readers.get(value, [])
        always = [at for at in readers if at == len(self.steps) or self.steps[at].mode == "always"]
        return always or readers

    def _following(self, position: int) -> int:
        """The next step, past those of one mode only."""
        following = position + 1
        if self.steps[position].mode == "always":
            while following < len(self.steps) and self.steps[following].mode != "always":
                following += 1
        return following


class _Live:
    """The names that hold something which is still read after a step, and others that are taken."""

    def __init__(self, names: Names, position: int, taken: Collection[str]) -> None:
        self.names, self.position, self.taken = names, position, taken

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self.taken or not self.names.is_free(name, self.position))


class _Shared:
    """Values with several readers, in the order in which they are made; each with the last step that reads any of it
    and those before, and the last but for the value of which that is."""

    def __init__(self, values: Iterable[tuple[int, int, Value]]) -> None:
        ordered = sorted(values, key=lambda each: each[0])
        self.made = [made for made, _, _ in ordered]
        self.latest: list[tuple[int, Value, int]] = []
        first, owner, second = -1, Value(0), -1
        for _, last, value in ordered:
            if last > first:
                first, owner, second = last, value, first
            else:
                second = max(second, last)
            self.latest.append((first, owner, second))

    def last_before(self, step: int, but: Value) -> int:
        """The last step that reads any of those made before a step, but for one of them; -1 where there are none."""
        count = bisect_left(self.made, step)
        if not count:
            return -1
        first, owner, second = self.latest[count - 1]
        return second if owner == but else first
