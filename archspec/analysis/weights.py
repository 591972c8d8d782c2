"""The bytes of a graph's parameters and buffers: where they are owned, where they are used, and what is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archspec.analysis.bytes import state_bytes
from archspec.ir import Graph, Node, full_name
from archspec.objects import record
from archspec.ops.base import State


@record
class Weights:
    """Of the whole network the bytes by dtype, and those of each parameter that is trained. Per node the bytes of all
    tensors that its op works with, whoever owns them; of those that it owns; and which of its parameters are trained,
    with their bytes."""

    graph: Graph
    by_dtype: Mapping[str, int]
    gradients: tuple[int, ...]
    used: tuple[int, ...]
    owned: tuple[int, ...]
    trained: tuple[frozenset[str], ...]
    trained_bytes: tuple[int, ...]
    shared: bool  # a module is called again, or parameters are tied

    @classmethod
    def of(cls, graph: Graph) -> Weights:
        """Those of a graph. Names are made only where tensors are shared, or some are frozen."""
        shared = any(node.ties or node.is_reuse for node in graph.nodes)
        names = _trained_names(graph) if shared or graph.frozen else None
        by_dtype: dict[str, int] = {}
        gradients: list[int] = []
        used, owned, trained_bytes = ([0] * len(graph.nodes) for _ in range(3))
        trained = [frozenset[str]()] * len(graph.nodes)
        sets: dict[tuple[str, ...], frozenset[str]] = {}  # most are one of a few
        for position, (node, states) in enumerate(zip(graph.nodes, graph.states, strict=True)):
            if not states:
                continue
            elsewhere = [x.name for x in states] if node.is_reuse else [name for name, _ in node.ties]
            parameters: list[str] = []
            for state in states:
                size = state_bytes(state)
                used[position] += size
                is_own = state.name not in elsewhere
                if is_own:
                    owned[position] += size
                    by_dtype[state.dtype] = by_dtype.get(state.dtype, 0) + size
                if _is_parameter(state) if names is None else owner_name(node, state) in names:
                    parameters.append(state.name)
                    trained_bytes[position] += size
                    if is_own:
                        gradients.append(size)
            if parameters:
                key = tuple(parameters)
                trained[position] = sets.get(key) or sets.setdefault(key, frozenset(key))
        return cls(
            graph, by_dtype, tuple(gradients), tuple(used), tuple(owned), tuple(trained), tuple(trained_bytes), shared
        )

    def gradients_of(self, position: int) -> Iterable[tuple[str, int]]:
        """The bytes of what is trained of a node, under the full names where it is owned; all of it together where
        nothing is shared."""
        node = self.graph.nodes[position]
        if not self.shared:
            return ((node.path, self.trained_bytes[position]),)
        states = (state for state in self.graph.states[position] if state.name in self.trained[position])
        return [(owner_name(node, state), state_bytes(state)) for state in states]


def owner_name(node: Node, state: State) -> str:
    """The full name of a tensor that a node works with, where it is owned."""
    own = full_name(node, state.name)
    return dict(node.ties).get(state.name, own) if node.ties else own


def _trained_names(graph: Graph) -> set[str]:
    return {name for _, name, state in graph.state() if _is_parameter(state)} - set(graph.frozen)


def _is_parameter(state: State) -> bool:
    return state.trainable and not state.buffer
