"""How hard a graph is to lay out: layout programs take minutes where many edges go by many boxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archspec.diagrams.picture import Edge

TANGLE, KNOT = 2_000, 40_000
"""Ranks that edges go by: from the one on an engine is asked for less, beyond the other a page does without."""

QUICK: Mapping[str, str] = {"nslimit": "1", "nslimit1": "1", "mclimit": "0.1", "splines": "line"}
"""What a tangle is laid out with: fewer rounds of improvement, and straight edges."""


def passed(boxes: Iterable[str], edges: Sequence[Edge]) -> int:
    """How many ranks edges go by, all told; the boxes in the order in which they run."""
    ranks = dict.fromkeys(boxes, 0)
    inner = [edge for edge in edges if edge.kind != "shape" and edge.source in ranks and edge.target in ranks]
    into: dict[str, list[str]] = {}
    for edge in inner:
        into.setdefault(edge.target, []).append(edge.source)
    for box in ranks:
        ranks[box] = max((ranks[source] + 1 for source in into.get(box, ())), default=0)
    per_rank = 2 if any(edge.label is not None for edge in inner) else 1  # a label takes a rank of its own
    return sum(per_rank * (ranks[edge.target] - ranks[edge.source]) - 1 for edge in inner)
