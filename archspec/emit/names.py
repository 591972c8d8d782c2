"""Names for the values of one `forward`.

A chain of values that are read once shares one name, so that no activation lives longer than it is needed: `x`, or `out`
where `x` is still read. A value that is read later, or by several, has the name of its node. What would stay alive behind
its last reader for two steps or more is marked to be deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archspec.emit.literals import identifier
from archspec.emit.structure import Results, Unit
from archspec.ir import Graph
from archspec.values import Value

GENERIC = ("x", "out")


def flatten(results: Results) -> Iterator[Value]:
    """The values a step makes, in order."""
    if isinstance(results, Value):
        yield results
    else:
        for part in results:
            yield from flatten(part)


class Names:
    """Binds values to names, step by step; `of` looks one up. `ends` are the values that the return statement reads."""

    def __init__(self, graph: Graph, unit: Unit, ends: Iterable[Value], arguments: tuple[str, ...]) -> None:
        self.graph = graph
        self.steps = unit.steps
        self.readers: dict[Value, list[int]] = {}
        for position, step in enumerate(unit.steps):
            for value in dict.fromkeys(step.reads):
                self.readers.setdefault(value, []).append(position)
        for value in dict.fromkeys(ends):
            self.readers.setdefault(value, []).append(len(unit.steps))
        self.of: dict[Value, str] = dict(unit.owned)
        self.holder: dict[str, Value] = {}
        self.made: dict[Value, int] = {}
        self.given = dict(zip(unit.received, arguments, strict=True))
        for value, name in self.given.items():
            self._bind(value, name, -1)
        for position in range(len(unit.steps)):
            self._bind_results(position)

    def is_used(self, value: Value) -> bool:
        """Whether anything here reads the value."""
        return value in self.readers

    def deleted_after(self) -> dict[int, list[str]]:
        """Names to delete, by step: their value is dead, and they are not soon assigned again."""
        assigned: dict[str, list[int]] = {}
        for value, position in self.made.items():
            assigned.setdefault(self.of[value], []).append(position)
        doomed: dict[int, list[str]] = {}
        for value, position in self.made.items():
            last = self._last(value)
            if value in self.given or self.steps[position].mode != "always":
                continue
            again = min((at for at in assigned[self.of[value]] if at >= last), default=len(self.steps))
            if min(again, len(self.steps) - 1) - last >= 2:
                doomed.setdefault(last, []).append(self.of[value])
        return doomed

    def natural(self, value: Value) -> str:
        """What people call the value: its node's name, or the part's."""
        if value.node < 0:
            return self.graph.inputs[-1 - value.node].name
        node = self.graph.nodes[value.node]
        name = node.path.rsplit(".", 1)[-1]
        if len(node.outputs) == 1:
            return name
        parts = node.op.results
        return parts[value.part] if value.part < len(parts) else f"{name}_{value.part}"

    def _bind(self, value: Value, name: str, position: int) -> None:
        self.of[value] = name
        self.holder[name] = value
        self.made[value] = position

    def _bind_results(self, position: int) -> None:
        step = self.steps[position]
        used = [value for value in flatten(step.results) if self.is_used(value)]
        chosen: list[str] = []
        for value in used:
            main = value == next(flatten(step.results))
            name = self._choose(value, position) if main else self._fresh(self.natural(value), position, chosen)
            chosen.append(name)
        for value, name in zip(used, chosen, strict=True):
            self._bind(value, name, position)

    def _choose(self, value: Value, position: int) -> str:
        readers = self._main_readers(value)
        if len(readers) > 1:
            generic = self._is_free("x", position) and not self._overlaps(value, position)
            return "x" if generic else self._fresh(self._semantic(value, position), position)
        for operand in self.steps[position].reads:
            name = self.of[operand]
            if name in GENERIC and operand not in self.given and self._is_free(name, position):
                return name
        reader = readers[0]
        alone = reader == len(self.steps) or len(set(self.steps[reader].reads)) == 1
        if alone and reader == self._following(position):
            free = next((name for name in GENERIC if self._is_free(name, position)), None)
            if free is not None:
                return free
        end, at = self._chain_end(value, position)
        return self._fresh(self._semantic(end, at), position)

    def _semantic(self, value: Value, position: int) -> str:
        """The name of the step that makes the value, when it makes only that one."""
        return self.steps[position].name if isinstance(self.steps[position].results, Value) else self.natural(value)

    def _chain_end(self, value: Value, position: int) -> tuple[Value, int]:
        """The last value of the chain of single readers that starts here, and the step that makes it."""
        while len(readers := self._main_readers(value)) == 1 and readers[0] < len(self.steps):
            step = self.steps[readers[0]]
            if len(set(step.reads)) > 1 or not isinstance(step.results, Value) or not self.is_used(step.results):
                break
            value, position = step.results, readers[0]
        return value, position

    def _fresh(self, name: str, position: int, taken: Iterable[str] = ()) -> str:
        live = {held for held in self.holder if not self._is_free(held, position)}
        return identifier(name, {*live, *taken})

    def _is_free(self, name: str, position: int) -> bool:
        value = self.holder.get(name)
        return value is None or self._last(value) <= position

    def _overlaps(self, value: Value, position: int) -> bool:
        """Whether another value with several readers is alive together with this one."""
        last = self._last(value)
        for other in self.readers:
            if other == value or len(self._main_readers(other)) < 2 or other in self._owned_values():
                continue
            start = self.made.get(other)
            if start is None:
                start = self._maker(other)
            if start < last and self._last(other) > position:
                return True
        return False

    def _owned_values(self) -> set[Value]:
        return {value for value, name in self.of.items() if value not in self.made and name}

    def _maker(self, value: Value) -> int:
        for position, step in enumerate(self.steps):
            if value in flatten(step.results):
                return position
        return -1

    def _last(self, value: Value) -> int:
        return self.readers[value][-1] if value in self.readers else -1

    def _main_readers(self, value: Value) -> list[int]:
        """The readers that matter for a name: those of every mode, unless there are none."""
        always = [at for at in self.readers[value] if at == len(self.steps) or self.steps[at].mode == "always"]
        return always or self.readers[value]

    def _following(self, position: int) -> int:
        """The next step, past those of one mode only."""
        following = position + 1
        if self.steps[position].mode == "always":
            while following < len(self.steps) and self.steps[following].mode != "always":
                following += 1
        return following
