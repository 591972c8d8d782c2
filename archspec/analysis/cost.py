"""Parameters and multiply-accumulates, per node, per scope and in all.

MACs are those of convolutions, transposed convolutions, linear maps, matrix products and attention, for one sample in
evaluation: half of what `torch.utils.flop_counter.FlopCounterMode` counts on the meta device. Nothing else is mixed in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from archspec import dims
from archspec.analysis.sample import Sample
from archspec.dims import Dim
from archspec.ir import Graph, Scope


@dataclass(frozen=True, slots=True)
class Cost:
    """Numbers of elements, and MACs. A shared or tied tensor counts once, where it is owned."""

    params: int = 0
    trainable: int = 0
    buffers: int = 0
    macs: Dim = 0


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of a graph. `nodes` shows what each node costs when it runs; sums leave out the MACs of nodes that run
    in training only."""

    nodes: tuple[Cost, ...]
    runs: tuple[bool, ...]  # in evaluation

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
        macs = (cost.macs for cost, runs in zip(nodes, self.runs[start:end], strict=True) if runs)
        return Cost(
            sum(cost.params for cost in nodes),
            sum(cost.trainable for cost in nodes),
            sum(cost.buffers for cost in nodes),
            _sum(macs),
        )


def costs(graph: Graph, sample: Sample | None = None) -> Costs:
    """What every node of a graph costs, for one sample.

    A size that is not known leaves a closed form in `macs`.
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
    nodes = tuple(
        Cost(*owned.get(node.path, (0, 0, 0)), macs=node.op.macs(sample.inputs_of(node), outputs))
        for node, outputs in zip(graph.nodes, sample.outputs, strict=True)
    )
    return Costs(nodes, tuple(mode != "training" for mode in graph.modes))


def _sum(macs: Iterable[Dim]) -> Dim:
    whole, rest = 0, list[Dim]()
    for term in macs:
        if isinstance(term, int):
            whole += term
        else:
            rest.append(term)
    return dims.add(dims.total(rest), whole)
