"""Pictures with the shape of a U: a way down and a way up, joined by skips as by the rungs of a ladder.

Drawn so, a U-Net is less high, and looks as its readers know it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from archspec.diagrams.picture import Box, Edge, Picture

_FEWEST = 3  # rungs: fewer are a residual with a gate in it, say, which nobody draws so


@dataclass(frozen=True, slots=True)
class Ladder:
    """`rungs`: the skips, whose ends stand side by side. `climbing`: the ids of the boxes on the way up."""

    rungs: tuple[tuple[str, str], ...] = ()
    climbing: frozenset[str] = frozenset()

    def climbs(self, edge: Edge) -> bool:
        """Whether an edge is a part of the way up."""
        return edge.source in self.climbing and edge.target in self.climbing


def ladder(picture: Picture) -> Ladder:
    """The ladder of a picture, empty where it has none.

    It has one where no block is open, each skip is inside of another, and one edge alone leads from the way down to
    the way up. The turn is in the middle of what the innermost skip goes around.
    """
    if not all(isinstance(child, Box) for child in picture.children):
        return Ladder()
    order = [box.id for box in picture.boxes()]
    place = {id: position for position, id in enumerate(order)}
    rungs = sorted((place[edge.source], place[edge.target]) for edge in picture.edges if edge.kind == "skip")
    if len(rungs) < _FEWEST or not all(a < c and d < b for (a, b), (c, d) in pairwise(rungs)):
        return Ladder()
    climbing = frozenset(order[sum(rungs[-1]) // 2 + 1 :])
    turns = [edge for edge in picture.edges if edge.kind == "data" and edge.target in climbing]
    if sum(edge.source not in climbing for edge in turns) != 1:
        return Ladder()
    return Ladder(tuple((order[a], order[b]) for a, b in rungs), climbing)
