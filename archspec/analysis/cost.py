"""Parameters, multiply-accumulates and the work besides them, per node, per scope and in all.

MACs are those of convolutions, transposed convolutions, linear maps, matrix products and attention, for one sample in
evaluation: half of what `torch.utils.flop_counter.FlopCounterMode` counts on the meta device. Nothing else is mixed in:
what norms, activations, pools and sums do is counted apart, by the conventions of docs/costs.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

from archspec import dims
from archspec.analysis.sample import Nominal, Sample
from archspec.analysis.sums import Sums
from archspec.dims import Dim
from archspec.ir import Graph, Node, Scope, full_name
from archspec.objects import record
from archspec.ops.base import Category, State


@record
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


@dataclass(frozen=True)
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
        elements, work = self._elements, self._work
        return Cost(*[each.number(start, end) for each in elements], *[each.between(start, end) for each in work])

    @cached_property
    def _elements(self) -> tuple[Sums, ...]:
        """Parameters, those that are trained, and buffers."""
        return tuple(Sums.of(map(attrgetter(kind), self.nodes)) for kind in ("params", "trainable", "buffers"))

    @cached_property
    def _work(self) -> tuple[Sums, ...]:
        """MACs and other operations."""
        run = [cost if runs else Cost() for cost, runs in zip(self.nodes, self.runs, strict=True)]
        return tuple(Sums.of(map(attrgetter(kind), run)) for kind in ("macs", "ops"))

    def ops_by_category(self, start: int = 0, end: int | None = None) -> Mapping[Category, Dim]:
        """The operations outside of MACs of the nodes from `start` up to `end`, by the kind of op; kinds without any
        are left out."""
        found: dict[Category, Dim] = {}
        for position in range(len(self.nodes))[start:end]:
            ops, category = self.nodes[position].ops, self.categories[position]
            if self.runs[position] and ops != 0:
                found[category] = dims.add(found.get(category, 0), ops)
        return found


Known = dict[int, tuple[Node, Cost]]
"""What nodes cost, by the identity of their op: copies of a block have it in common. The node keeps it alive."""


def costs(graph: Graph, sample: Sample | None = None, known: Known | None = None) -> Costs:
    """What every node of a graph costs, for one sample.

    A size that is not known leaves a closed form in `macs` and `ops`. `sample` has the graph's types, where they are
    at hand; `known` is what is known already, and gets what is found.
    """
    nominal = Nominal(graph)
    known = known if known is not None else {}
    frozen = frozenset(graph.frozen)
    nodes: list[Cost] = []
    for position, node in enumerate(graph.nodes):
        twin = known.get(id(node.op))
        if twin is not None and twin[0].op is node.op and twin[0].outputs is node.outputs:
            cost = twin[1]
            if node.ties or node.is_reuse:
                cost = Cost(*_owned(node, graph.states[position], _NONE), cost.macs, cost.ops)
        else:
            inputs = sample.inputs_of(node) if sample is not None else nominal.inputs_of(node)
            outputs = sample.outputs[position] if sample is not None else nominal.outputs_of(node)
            macs, ops = node.op.macs(inputs, outputs), node.op.operations(inputs, outputs)
            cost = Cost(*_owned(node, node.op.state(), _NONE), macs, ops)
            if not node.ties and not node.is_reuse:
                known[id(node.op)] = (node, cost)
        if frozen:
            cost = Cost(*_owned(node, graph.states[position], frozen), cost.macs, cost.ops)
        nodes.append(cost)
    runs = tuple([mode != "training" for mode in graph.modes])
    return Costs(tuple(nodes), runs, tuple([node.op.category for node in graph.nodes]))


_NONE = frozenset[str]()


def _owned(node: Node, states: Sequence[State], frozen: frozenset[str]) -> tuple[int, int, int]:
    """The elements of the parameters that a node owns, of those that are trained, and of its buffers."""
    params = trained = buffers = 0
    if not states or node.is_reuse:
        return 0, 0, 0
    tied = [name for name, _ in node.ties]
    for state in states:
        if state.name in tied:
            continue
        elements = math.prod(state.shape)
        if state.buffer:
            buffers += elements
        else:
            params += elements
            trained += elements if state.trainable and not (frozen and full_name(node, state.name) in frozen) else 0
    return params, trained, buffers
