"""What has been computed of graphs, kept for whoever asks for the same again."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from archspec.ir import Graph

MOST_NODES = 10_000
"""Of all graphs in one cache: some 60 MB."""

T = TypeVar("T")


class GraphCache(Generic[T]):
    """What was asked for last, up to so many nodes. It holds graphs and what is known of them side by side, as neither
    can hold the other without a cycle, which would take a collector to free."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[Graph, T]] = {}  # what was asked for last stands last

    def get(self, key: Hashable) -> T | None:
        """What is kept under a key."""
        found = self._kept.pop(key, None)  # threads may ask at once: whoever misses it computes
        if found is None:
            return None
        self._kept[key] = found
        return found[1]

    def put(self, key: Hashable, graph: Graph, known: T) -> T:
        """Keeps what is known of a graph, and returns it; lets go of what was asked for longest ago."""
        self._kept[key] = graph, known
        kept = list(self._kept.items())
        nodes = sum(len(each.nodes) for _, (each, _) in kept)
        for oldest, (each, _) in kept:
            if nodes <= MOST_NODES:
                break
            self._kept.pop(oldest, None)
            nodes -= len(each.nodes)
        return known
