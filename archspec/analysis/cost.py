"""Parameters, multiply-accumulates and the work besides them, per node, per scope and in all.

MACs are those of convolutions, transposed convolutions, linear maps, matrix products and attention, for one sample in
evaluation: half of what `torch.utils.flop_counter.FlopCounterMode` counts on the meta device. Nothing else is mixed in:
what norms, activations, pools and sums do is counted apart, by the conventions of docs/costs.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from archspec import dims
from archspec.analysis.sample import Sample
from archspec.dims import Dim
from archspec.ir import Graph, Scope
from archspec.ops.base import Category


@dataclass(frozen=True, slots=True)
class Cost:
    """Numbers of elements, MACs, and the elementary operations outside of MACs. A shared or tied tensor counts once,
    where it is owned."""

    params: int = 0
    trainable: int = 0
    buffers: int = 0
    macs: Dim = 0
    ops: Dim = 0

    @property
    def frozen(self) -> int:
        """Parameters that are not trained."""
        return self.params - self.trainable


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of a graph. `nodes` shows what each node costs when it runs; sums leave out the work of nodes that run
    in training only."""

    nodes: tuple[Cost, ...]
    runs: tuple[bool, ...]  # in evaluation
    categories: tuple[Category, ...]

    @property
    def total(self) -> Cost:
        """The whole network."""
        return self.between(0, len(self.nodes))

    def scope(self, scope: Scope) -> Cost:
        """One scope with all below it."""
        return self.between(scope.start, scope.end)

    def between(self, start: int, end: int) -> Cost:
        """The nodes from `start` up to, not including, `end`."""
        nodes = self.nodes[start:end]
        run = [cost for cost, runs in zip(nodes, self.runs[start:end], strict=True) if runs]
        return Cost(
            sum(cost.params for cost in nodes),
            sum(cost.trainable for cost in nodes),
            sum(cost.buffers for cost in nodes),
            _sum(cost.macs for cost in run),
            _sum(cost.ops for cost in run),
        )

    def ops_by_category(self, start: int = 0, end: int | None = None) -> Mapping[Category, Dim]:
        """The operations outside of MACs of the nodes from `start` up to `end`, by the kind of op; kinds without any
        are left out."""
        found: dict[Category, list[Dim]] = {}
        for position in range(len(self.nodes))[start:end]:
            ops = self.nodes[position].ops
            if self.runs[position] and ops != 0:
                found.setdefault(self.categories[position], []).append(ops)
        return {category: _sum(each) for category, each in found.items()}


def costs(graph: Graph, sample: Sample | None = None) -> Costs:
    """What every node of a graph costs, for one sample.

    A size that is not known leaves a closed form in `macs` and `ops`.
    """
    sample = sample or Sample.of(graph)
    frozen = frozenset(graph.frozen)
    owned: dict[str, list[int]] = {}
    for node, name, state in graph.state():
        count = owned.setdefault(node.path, [0, 0, 0])
        elements = math.prod(state.shape)
        if state.buffer:
            count[2] += elements
        else:
            count[0] += elements
            count[1] += elements if state.trainable and name not in frozen else 0
    nodes: list[Cost] = []
    for node, outputs in zip(graph.nodes, sample.outputs, strict=True):
        inputs = sample.inputs_of(node)
        params, trainable, buffers = owned.get(node.path, (0, 0, 0))
        macs, ops = node.op.macs(inputs, outputs), node.op.operations(inputs, outputs)
        nodes.append(Cost(params, trainable, buffers, macs, ops))
    runs = tuple(mode != "training" for mode in graph.modes)
    return Costs(tuple(nodes), runs, tuple(node.op.category for node in graph.nodes))


def _sum(macs: Iterable[Dim]) -> Dim:
    whole, rest = 0, list[Dim]()
    for term in macs:
        if isinstance(term, int):
            whole += term
        else:
            rest.append(term)
    return dims.add(dims.total(rest), whole)
