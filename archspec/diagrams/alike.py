"""Which neighbouring blocks are one block, repeated: their ops and wiring are the same, one feeds the next; or all read
the same and are read by the same.

Inferred sizes may differ (a dense block grows), and so may rates of dropout (stochastic depth rises with depth).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from archspec.ir import Graph, Node, Scope, leaves
from archspec.ops.base import INFERRED, is_marked
from archspec.values import RuntimeSize, Value


class Alike:
    """Finds runs among the children of a graph's scopes."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._skeletons: dict[str, Hashable] = {}
        self._readers: dict[int, list[int]] = {}  # the positions of nodes; of outputs, those after the last node
        for position, node in enumerate(graph.nodes):
            for value in (*node.inputs, *node.reads):
                self._readers.setdefault(value.node, []).append(position)
        for end, entry in enumerate(graph.outputs.entries, len(graph.nodes)):
            for value in leaves(entry.value):
                self._readers.setdefault(value.node, []).append(end)

    def runs(self, children: Sequence[Scope | int]) -> list[tuple[Scope | int, ...]]:
        """The children in order, those that repeat together."""
        found: list[list[Scope | int]] = []
        for child in children:
            last = found[-1] if found else None
            if last is not None and self._continues(last, child):
                last.append(child)
            else:
                found.append([child])
        return [tuple(run) for run in found]

    def _continues(self, run: Sequence[Scope | int], child: Scope | int) -> bool:
        last = run[-1]
        if isinstance(last, int) or isinstance(child, int) or last.is_reuse != child.is_reuse:
            return False
        if self._skeleton(last) != self._skeleton(child) or last.start == last.end:
            return False
        before = run[-2] if len(run) > 1 else None
        if not isinstance(before, Scope):
            return self._chained(last, child) or self._parallel(last, child)
        if self._parallel(before, last):
            return self._parallel(last, child)
        return self._chained(last, child) and self._pattern(before, last) == self._pattern(last, child)

    def is_parallel(self, run: Sequence[Scope | int]) -> bool:
        """Whether the blocks of a run stand side by side."""
        scopes = [child for child in run[:2] if isinstance(child, Scope)]
        return len(scopes) == 2 and self._parallel(*scopes)

    def _parallel(self, first: Scope, second: Scope) -> bool:
        """Both read the same, and their values alone are read, by the same."""
        readers = self._outside(first)
        return readers is not None and first.inputs == second.inputs and readers == self._outside(second)

    def _outside(self, scope: Scope) -> tuple[tuple[int, ...], ...] | None:
        """Who reads each output; None where something else inside is read, too, or nothing is."""
        made = {value.node for value in scope.outputs}
        found: list[tuple[int, ...]] = []
        for position in range(scope.start, scope.end):
            later = tuple(reader for reader in self._readers.get(position, ()) if reader >= scope.end)
            if later and position not in made:
                return None
            if later:
                found.append(later)
        return tuple(found) or None

    def _chained(self, first: Scope, second: Scope) -> bool:
        """`second` alone reads what `first` makes, and besides that only what `first` reads, too."""
        inside = range(first.start, first.end)
        outer = {value for value in second.inputs if value.node not in inside}
        read = any(value.node in inside for value in second.inputs)
        later = (reader for position in inside for reader in self._readers.get(position, ()) if reader >= first.end)
        return read and outer <= set(first.inputs) and all(reader < second.end for reader in later)

    @staticmethod
    def _pattern(first: Scope, second: Scope) -> tuple[Hashable, ...]:
        """What the second reads: of the first, by offset, or from outside of both."""
        return tuple(
            (value.node - first.start, value.part) if value.node >= first.start else value for value in second.inputs
        )

    def _skeleton(self, scope: Scope) -> Hashable:
        found = self._skeletons.get(scope.path)
        if found is None:
            nodes = self._graph.nodes[scope.start : scope.end]
            outer = {value: index for index, value in enumerate(scope.inputs)}
            found = (
                scope.block,
                tuple(_call(node, scope.start, outer) for node in nodes),
                self._graph.modes[scope.start : scope.end],
                tuple((value.node - scope.start, value.part) for value in scope.outputs),
            )
            self._skeletons[scope.path] = found
        return found


def _call(node: Node, start: int, outer: dict[Value, int]) -> Hashable:
    wiring = tuple(
        (value.node - start, value.part) if value.node >= start else ("input", outer.get(value))
        for value in node.inputs
    )
    shared = node.is_reuse, tuple(name for name, _ in node.ties)
    return node.op.title, _arguments(node), node.slots, wiring, shared


def _arguments(node: Node) -> Hashable:
    if node.op.category == "dropout":
        return ()
    fields = type(node.op).model_fields
    return tuple(
        value if isinstance(value, Hashable) and not isinstance(value, RuntimeSize) else str(value)
        for name, value in node.op
        if not is_marked(fields[name], INFERRED)
    )
