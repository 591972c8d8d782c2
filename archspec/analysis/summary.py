"""Everything that can be said of a network without building it: the object behind `archspec summary`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archspec import dims
from archspec.analysis.cost import Cost, Costs, costs
from archspec.analysis.memory import Memory, memory
from archspec.analysis.receptive_field import ReceptiveField, receptive_fields
from archspec.analysis.sample import Sample
from archspec.analysis.table import Line, Totals, to_html, to_text
from archspec.dims import Dim, show
from archspec.ir import Graph, Output, Scope, Tree
from archspec.values import TensorType, Value


@dataclass(frozen=True)
class Summary:
    """The analyses of one graph. `nodes` of each are in the graph's order; costs are for one sample in evaluation."""

    graph: Graph
    costs: Costs
    memory: Memory
    fields: tuple[ReceptiveField | None, ...]

    @property
    def total(self) -> Cost:
        """Parameters, buffers and MACs of the whole network."""
        return self.costs.total

    def to_json(self) -> dict[str, Any]:
        """The contract of `archspec summary --json`: sizes are ints, or strings where symbolic.

        What is left out of a node does not apply; `mode` is there where a node does not always run.
        """
        graph, total = self.graph, self.total
        return {
            "name": graph.name,
            "inputs": {entry.name: _type(entry.type) for entry in graph.inputs},
            "outputs": {entry.name: self._output(entry) for entry in graph.outputs.entries},
            "totals": {
                "params": total.params,
                "trainable_params": total.trainable,
                "buffers": total.buffers,
                "macs": _size(total.macs),
                "activation_peak_bytes": self.memory.activation_peak_bytes,
                "weight_bytes": self.memory.weight_bytes,
            },
            "nodes": self._nodes(),
        }

    def to_text(self, width: int = 100, depth: int | None = None) -> str:
        """The table and the totals. `depth` folds what lies deeper: 1 leaves the top level."""
        return to_text(self._title(), self.lines(depth), self._totals(), width)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return to_html(self._title(), self.lines(None), self._totals())

    def lines(self, depth: int | None = None) -> list[Line]:
        """The rows of the table: nodes, and scopes in place of what is in them where `depth` folds them."""
        found: list[Line] = []
        self._collect(self.graph.root, 1, depth, found)
        return _runs(found) if depth is not None else found

    def _collect(self, scope: Scope, level: int, depth: int | None, found: list[Line]) -> None:
        for child in scope.children:
            if isinstance(child, int):
                found.append(self._node_line(child))
            elif depth is not None and level >= depth:
                found.append(self._scope_line(child))
            else:
                self._collect(child, level + 1, depth, found)

    def _node_line(self, position: int) -> Line:
        node, cost = self.graph.nodes[position], self.costs.nodes[position]
        mode = self.graph.modes[position]
        return Line(
            node.path, node.op.name + ("" if mode == "always" else f" ({mode})"), _shapes(node.outputs), cost.params,
            cost.macs, self.fields[position],
        )  # fmt: skip

    def _scope_line(self, scope: Scope) -> Line:
        cost, outputs = self.costs.scope(scope), scope.outputs
        count = scope.end - scope.start
        field = self.fields[outputs[0].node] if outputs and outputs[0].node >= 0 else None
        kind = scope.block or f"{count} node{'' if count == 1 else 's'}"
        modes = set(self.graph.modes[scope.start : scope.end])
        if modes == {"training"} or modes == {"eval"}:
            kind += f" ({modes.pop()})"
        types = tuple(self.graph.type_of(value) for value in outputs)
        return Line(scope.path, kind, _shapes(types), cost.params, cost.macs, field, foldable=True)

    def _title(self) -> str:
        inputs = ", ".join(f"{entry.name} {entry.type}" for entry in self.graph.inputs)
        return f"{self.graph.name}: {inputs}"

    def _totals(self) -> Totals:
        return Totals(self.total, self.memory)

    def _nodes(self) -> list[dict[str, Any]]:
        graph = self.graph
        around = {
            child: scope.path for scope in graph.root.walk() for child in scope.children if isinstance(child, int)
        }
        found: list[dict[str, Any]] = []
        for position, node in enumerate(graph.nodes):
            field, cost, mode = self.fields[position], self.costs.nodes[position], graph.modes[position]
            entry: dict[str, Any] = {
                "path": node.path,
                "op": node.op.name,
                "scope": around[position],
                "inputs": [graph.name_of(value) for value in node.inputs],
                "output": _type(node.outputs[0]),
                "params": cost.params,
                "macs": _size(cost.macs),
                "receptive_field": field.to_json() if field is not None else None,
            }
            if len(node.outputs) > 1:
                entry["outputs"] = [_type(x) for x in node.outputs]
            if mode != "always":
                entry["mode"] = mode
            found.append(entry)
        return found

    def _output(self, entry: Output) -> Any:
        found = self._tree(entry.value)
        if entry.mode != "always" and isinstance(found, dict):
            return {**found, "mode": entry.mode}
        return found

    def _tree(self, tree: Tree) -> Mapping[str, Any] | list[Any]:
        if isinstance(tree, Value):
            return _type(self.graph.type_of(tree))
        return [self._tree(branch) for branch in tree]


def summarize(graph: Graph) -> Summary:
    """Costs, memory and receptive fields of a graph."""
    sample = Sample.of(graph)
    return Summary(graph, costs(graph, sample), memory(graph, sample), receptive_fields(graph, sample))


def _type(x: TensorType) -> dict[str, Any]:
    return {"shape": [_size(dim) for dim in x.shape], "dtype": x.dtype}


def _size(dim: Dim) -> int | str:
    known = dims.value(dim)
    return show(dim) if known is None else known


def _shapes(types: tuple[TensorType, ...]) -> str:
    return ", ".join(map(str, types[:2])) + (f" and {len(types) - 2} more" if len(types) > 2 else "")


def _runs(lines: list[Line]) -> list[Line]:
    """Folded scopes that follow one another and are alike, as one line."""
    found: list[Line] = []
    for line in lines:
        last = found[-1] if found else None
        if last is not None and last.foldable and line.foldable and last.like(line):
            found[-1] = last.and_(line)
        else:
            found.append(line)
    return found
