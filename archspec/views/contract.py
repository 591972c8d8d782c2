"""The contract of `archspec summary --json`: sizes are ints, or strings where symbolic; memory is in bytes.

What is left out of a node does not apply: `outputs` where there is one, `mode` where a node always runs. `blocks` are
the graph's scopes but for the whole, with the sums over what is in them; of `live_bytes`, the activations alive while a
node runs, the most. Bytes and intensity (MACs for each byte moved) are for `batch` samples, all else for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec import dims
from archspec.analysis.analyses import Analyses
from archspec.analysis.cost import Cost
from archspec.analysis.requirements import size_requirements
from archspec.dims import shown
from archspec.ir import Output, Scope, Tree
from archspec.values import TensorType, Value


def contract(analyses: Analyses) -> dict[str, Any]:
    """Everything that is known of a network."""
    graph = analyses.graph
    return {
        "name": graph.name,
        "inputs": {entry.name: _type(entry.type) for entry in graph.inputs},
        "outputs": {entry.name: _output(analyses, entry) for entry in graph.outputs.entries},
        "totals": _totals(analyses),
        "requirements": [fact.to_json() for fact in size_requirements(graph)],
        "blocks": [_block(analyses, scope) for scope in graph.root.walk() if scope is not graph.root],
        "nodes": _nodes(analyses),
    }


def _totals(analyses: Analyses) -> dict[str, Any]:
    total, memory, step = analyses.total, analyses.memory, analyses.training
    moved = analyses.moved(0, len(analyses.graph.nodes))
    return {
        "params": total.params,
        "trainable_params": total.trainable,
        "buffers": total.buffers,
        "macs": shown(total.macs),
        "flops": shown(dims.mul(total.macs, 2)),
        "ops": shown(total.ops),
        "ops_by_category": {kind: shown(ops) for kind, ops in analyses.costs.ops_by_category().items()},
        "batch": analyses.batch,
        "weight_bytes": memory.weight_bytes,
        "weight_bytes_by_dtype": dict(memory.weights),
        "activation_peak_bytes": memory.activation_peak_bytes,
        "activation_peak": memory.peak,
        "moved_bytes": moved,
        "intensity": _intensity(analyses, total, moved),
        "training": {
            "optimizer": analyses.optimizer,
            "gradient_bytes": step.gradients,
            "optimizer_bytes": step.optimizer_state,
            "saved_bytes": step.saved,
            "peak_bytes": step.peak_bytes,
            "peak": step.peak,
        },
    }


def _cost(analyses: Analyses, cost: Cost, moved: int | None, weights: int, live: int | None) -> dict[str, Any]:
    return {
        "params": cost.params,
        "trainable_params": cost.trainable,
        "buffers": cost.buffers,
        "macs": shown(cost.macs),
        "ops": shown(cost.ops),
        "weight_bytes": weights,
        "live_bytes": live,
        "moved_bytes": moved,
        "intensity": _intensity(analyses, cost, moved),
    }


def _intensity(analyses: Analyses, cost: Cost, moved: int | None) -> float | None:
    found = analyses.intensity(cost.macs, moved)
    return round(found, 4) if found else found


def _block(analyses: Analyses, scope: Scope) -> dict[str, Any]:
    start, end = scope.start, scope.end
    weights, live = analyses.weight_bytes(start, end), analyses.most_live(start, end)
    return {
        "path": scope.path,
        "block": scope.block,
        "outputs": [_type(analyses.graph.type_of(value)) for value in scope.outputs],
        "nodes": end - start,
        **_cost(analyses, analyses.costs.scope(scope), analyses.moved(start, end), weights, live),
    }


def _nodes(analyses: Analyses) -> list[dict[str, Any]]:
    graph, live, fields = analyses.graph, analyses.live, analyses.fields
    kinds, costs, modes = analyses.sample.kinds, analyses.costs.nodes, graph.modes
    around = {child: scope.path for scope in graph.root.walk() for child in scope.children if isinstance(child, int)}
    known: dict[tuple[int, int], dict[str, Any]] = {}  # parameters may be another node's, or frozen: costs differ, too
    found: list[dict[str, Any]] = []
    for position, node in enumerate(graph.nodes):
        key = (kinds[position], id(costs[position]))
        if key not in known:
            known[key] = _like(analyses, position)
        entry = known[key].copy()
        field, mode = fields[position], modes[position]
        entry["path"], entry["scope"] = node.path, around[position]
        entry["inputs"] = [graph.name_of(value) for value in node.inputs]
        entry["output"] = _type(node.outputs[0])
        entry["live_bytes"] = live[position] if live and mode != "training" else None
        entry["receptive_field"] = field.to_json() if field is not None else None
        if len(node.outputs) > 1:
            entry["outputs"] = [_type(x) for x in node.outputs]
        if mode != "always":
            entry["mode"] = mode
        found.append(entry)
    return found


def _like(analyses: Analyses, position: int) -> dict[str, Any]:
    """What a node's entry has in common with those like it; the rest, and what is no plain value, is None."""
    node, cost = analyses.graph.nodes[position], analyses.costs.nodes[position]
    return {
        "path": None,
        "op": node.op.name,
        "scope": None,
        "inputs": None,
        "output": None,
        **_cost(analyses, cost, analyses.traffic[position].moved, analyses.weights[position], None),
        "receptive_field": None,
    }


def _output(analyses: Analyses, entry: Output) -> Any:
    found = _tree(analyses, entry.value)
    if entry.mode != "always" and isinstance(found, dict):
        return {**found, "mode": entry.mode}
    return found


def _tree(analyses: Analyses, tree: Tree) -> Mapping[str, Any] | list[Any]:
    if isinstance(tree, Value):
        return _type(analyses.graph.type_of(tree))
    return [_tree(analyses, branch) for branch in tree]


def _type(x: TensorType) -> dict[str, Any]:
    return {"shape": [dim if isinstance(dim, int) else shown(dim) for dim in x.shape], "dtype": x.dtype}
