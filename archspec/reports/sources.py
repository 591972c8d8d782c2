"""The files that a network is written in, and the lines that each part of it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from archspec.diagnostics import Source
from archspec.ir import Graph, Origin
from archspec.render import lines_of


@dataclass(frozen=True, slots=True)
class File:
    """A file of the spec: a name that tells it from the others, and its lines."""

    name: str
    lines: tuple[str, ...]


Place = tuple[int, int]
"""A file, by number, and a line of it, from 1."""


class Sources:
    """The files of a graph, the one first that says what the network is made of."""

    def __init__(self, graph: Graph) -> None:
        origins = (graph.root.origin, *(scope.origin for scope in graph.root.walk()), *(n.origin for n in graph.nodes))
        found = dict.fromkeys(part.span.source for origin in origins for part in _chain(origin))
        names = short_names([source.name for source in found])
        self._numbers: dict[Source, int] = {source: number for number, source in enumerate(found)}
        self.files = [File(name, tuple(lines_of(source))) for name, source in zip(names, found, strict=True)]

    def places(self, origin: Origin) -> list[Place]:
        """Where something is written, then where the block that it is written in is used, outwards."""
        found = ((self._numbers[part.span.source], part.span.line) for part in _chain(origin))
        return [*dict.fromkeys(found)]


def _chain(origin: Origin) -> Iterator[Origin]:
    at: Origin | None = origin
    while at is not None:
        yield at
        at = at.used_at


def short_names(names: Iterable[str]) -> list[str]:
    """The ends of paths, as long as it takes to tell them apart: a page says nothing of the machine it is made on."""
    paths = [PurePath(name).parts or (name,) for name in names]
    found: list[str] = []
    for path in paths:
        longest = range(1, len(path))
        count = next((n for n in longest if sum(each[-n:] == path[-n:] for each in paths) == 1), len(path))
        found.append("/".join(path[-count:]))
    return found
