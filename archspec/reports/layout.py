"""Where the boxes and edges of each level stand, in pixels: an engine lays all levels out in one go.

Sizes of boxes come from here, not from the engine, so that every engine makes the same page; text is measured by the
widths of Helvetica's letters, which the fonts of all browsers follow closely enough.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archspec.diagrams.engine import Engine
from archspec.diagrams.labels import Labels
from archspec.diagrams.picture import Box
from archspec.diagrams.tangle import KNOT, QUICK, TANGLE, passed
from archspec.reports.levels import Level

LARGE, SMALL = 12, 10  # sizes of letters
LINE, PAD = 13, 8  # height of a small line, space around the text
PORT = 8
MOST = 2000
"""Boxes of one level that are still laid out: more are no picture."""

_INCH = 72
_NARROW, _WIDE = frozenset("iljtfrI.,:;|!'`()[]/\\ "), frozenset("mwMW@%&—")


@dataclass(frozen=True, slots=True)
class Written:
    """A box's text: the heading, the small name beside it, and lines below."""

    title: str
    name: str
    lines: tuple[str, ...]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the box."""
        head = text_width(self.title, LARGE, bold=True) + (5 + text_width(self.name, SMALL) if self.name else 0)
        width = max(head, *(text_width(line, SMALL) for line in self.lines), 40)
        return round(width + 2 * PAD), LARGE + 2 * PAD - 4 + LINE * len(self.lines)


@dataclass(frozen=True, slots=True)
class Route:
    """An edge: the control points of cubic curves, first to last, and the middle of its label, if it has one."""

    points: tuple[tuple[float, float], ...]
    label: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Placed:
    """A level laid out: the centre of each box and the way of each edge, both in the level's order."""

    width: float
    height: float
    centres: tuple[tuple[float, float], ...]
    routes: tuple[Route, ...]


def written(box: Box, labels: Labels, *, port: bool) -> Written:
    """What stands in a box; a port has no more than a name."""
    return Written(labels.title(box), labels.name(box), () if port else tuple(labels.lines(box)))


def place(levels: Sequence[Level], sizes: Sequence[Sequence[tuple[float, float]]], engine: Engine) -> list[Placed]:
    """Lays levels out; `sizes` has width and height of each level's boxes. Raises SpecError where the engine fails."""
    source = "\n".join(_dot(level, each) for level, each in zip(levels, sizes, strict=True))
    graphs = [*_graphs(engine.render(source, "plain").decode())]
    return [_placed(level, lines) for level, lines in zip(levels, graphs, strict=True)]


def can_place(level: Level) -> bool:
    """Whether an engine lays a level out in seconds."""
    return len(level.boxes) <= MOST and _tangle(level) <= KNOT


def _tangle(level: Level) -> int:
    return passed((box.id for box in level.boxes), level.edges)


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a text is, in units of `size`."""
    return sum(map(_letter, text)) * size * (1.08 if bold else 1.0)


def _letter(letter: str) -> float:
    if letter in _NARROW:
        return 0.3
    if letter in _WIDE:
        return 0.87
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    return 0.7 if letter.isupper() else 0.55


def _dot(level: Level, sizes: Sequence[tuple[float, float]]) -> str:
    """Bare boxes of fixed sizes, by number: no text of the spec gets to the engine."""
    numbers = {box.id: f"b{number}" for number, box in enumerate(level.boxes)}
    ends = level.scope.path != ""
    quick = " ".join(f"{name}={value}" for name, value in QUICK.items()) if _tangle(level) > TANGLE else ""
    lines = [
        f"digraph {{ graph [nodesep=0.25 ranksep=0.32 {quick}]",
        'edge [dir=none]; node [shape=box fixedsize=true label=""]',
        *(
            f"{numbers[box.id]} [width={width / _INCH:.3f} height={height / _INCH:.3f}]"
            for box, (width, height) in zip(level.boxes, sizes, strict=True)
        ),
    ]
    for kind, rank in (("input", "source"), ("output", "sink")):
        same = [numbers[box.id] for box in level.boxes if box.kind == kind]
        if same and (ends or kind == "input"):
            lines.append(f"{{ rank={rank}; {' '.join(same)} }}")
    for edge in level.edges:
        options = "constraint=false" if edge.kind == "shape" else ""
        if edge.label is not None and edge.kind != "shape":
            width = text_width(str(edge.label), SMALL) + 8
            options = (
                f'label=<<TABLE BORDER="0" CELLBORDER="0" FIXEDSIZE="TRUE" WIDTH="{width:.0f}" HEIGHT="{LINE}">'
                "<TR><TD></TD></TR></TABLE>>"
            )
        lines.append(f"{numbers[edge.source]} -> {numbers[edge.target]} [{options}]")
    return "\n".join([*lines, "}"])


def _graphs(plain: str) -> Iterator[list[list[str]]]:
    """The words of each line, graph by graph."""
    lines: list[list[str]] = []
    for line in plain.splitlines():
        words = line.split(" ")
        if words[0] == "stop":
            yield lines
            lines = []
        else:
            lines.append(words)


def _placed(level: Level, lines: Sequence[Sequence[str]]) -> Placed:
    head = next(words for words in lines if words[0] == "graph")
    width, height = _pixels(head[2]), _pixels(head[3])

    def point(x: str, y: str) -> tuple[float, float]:
        return _pixels(x), round(height - _pixels(y), 1)

    centres: dict[str, tuple[float, float]] = {}
    routes: dict[tuple[str, str], Route] = {}
    for words in lines:
        match words:
            case ["node", name, x, y, *_]:
                centres[name] = point(x, y)
            case ["edge", tail, head_, count, *rest]:
                end = 2 * int(count)
                points = tuple(point(*rest[at : at + 2]) for at in range(0, end, 2))
                label = rest[end:-2]  # what follows is the style and the colour; a label ends with its place
                routes[tail, head_] = Route(points, point(label[-2], label[-1]) if label else None)
            case _:
                pass
    numbers = {box.id: f"b{number}" for number, box in enumerate(level.boxes)}
    return Placed(
        width, height, tuple(centres[f"b{number}"] for number in range(len(level.boxes))),
        tuple(routes[numbers[edge.source], numbers[edge.target]] for edge in level.edges),
    )  # fmt: skip


def _pixels(inches: str) -> float:
    return round(float(inches) * _INCH, 1)
