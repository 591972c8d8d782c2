"""Compiled graphs, kept for whoever names the same spec again."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from archspec.ir import Graph
from archspec.library import Library

MOST_NODES = 10_000
"""Of all kept graphs together: some 60 MB."""

G = TypeVar("G", bound=Graph)


class GraphCache(Generic[G]):
    """The graphs that were asked for last, each for as long as the files it follows from say what they said."""

    def __init__(self) -> None:
        self._graphs: dict[Hashable, tuple[G, Library]] = {}  # the one asked for last stands last

    def get(self, key: Hashable) -> G | None:
        """The graph kept under a key, where nothing has changed since it was compiled."""
        found = self._graphs.pop(key, None)  # threads may ask at once: whoever misses it compiles
        if found is None or not found[1].is_current():
            return None
        self._graphs[key] = found
        return found[0]

    def put(self, key: Hashable, graph: G, library: Library) -> None:
        """Keeps a graph and the library that has read its files; lets go of what was asked for longest ago."""
        self._graphs[key] = graph, library
        kept = list(self._graphs.items())
        nodes = sum(len(each.nodes) for _, (each, _) in kept)
        for oldest, (each, _) in kept:
            if nodes <= MOST_NODES:
                break
            self._graphs.pop(oldest, None)
            nodes -= len(each.nodes)
