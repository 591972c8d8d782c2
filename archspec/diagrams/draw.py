"""A graph's diagram, from the first step to the last."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from archspec.analysis.analyses import analyses_of
from archspec.artifacts import write_file
from archspec.diagnostics import check_type, spec_error
from archspec.diagrams.choices import FORMATS, SHOWN, TEXTS, Direction, how_to_draw
from archspec.diagrams.dot import to_dot
from archspec.diagrams.engine import find_engine
from archspec.diagrams.labels import Labels
from archspec.diagrams.picture import FITS, FITS_ACROSS, picture
from archspec.diagrams.svg import themed
from archspec.diagrams.union import union
from archspec.ir import Graph
from archspec.views.difference import Differences


@dataclass(frozen=True)
class Diagram:
    """A drawn network. `dot` is its DOT text; a notebook shows it as SVG."""

    dot: str

    def render(self, format: str = "svg", engine: str | None = None) -> bytes:
        """The picture as `svg`, `png` or `pdf`. Raises SpecError where no engine can write it."""
        found = find_engine(format, engine)
        if found is None:
            raise spec_error(
                "no-engine", f"no program on this machine writes {format}",
                help=f"{how_to_draw(format)}; or write a `.dot` file",
            )  # fmt: skip
        rendered = found.render(self.dot, format)
        return themed(rendered.decode()).encode() if format == "svg" else rendered

    def save(self, path: str | Path, engine: str | None = None) -> Path:
        """Writes the picture, or the text, as the ending of the path says: .svg, .png, .pdf, .dot.

        Raises:
            SpecError: where the ending is another, no engine can write it, or the file cannot be written.
        """
        check_type("path", path, str | PathLike, "that of a file")
        path = Path(path)
        format = path.suffix.removeprefix(".")
        if format not in (*FORMATS, *TEXTS):
            endings = ", ".join(f".{name}" for name in (*FORMATS, *TEXTS))
            raise spec_error("bad-call", f"cannot draw `{path}`: only {endings}", help="give another ending")
        write_file(path, self.dot if format in TEXTS else self.render(format, engine))
        return path

    def _repr_svg_(self) -> str:
        return self.render().decode()


def draw(
    graph: Graph,
    *,
    depth: int | None = None,
    expand: Collection[str] = (),
    show: Collection[str] = SHOWN,
    direction: Direction = "TB",
    title: str | None = None,
    legend: bool = True,
    diff: Graph | None = None,
    link: str = "",
) -> Diagram:
    """The diagram of a graph, or of what becomes of it in another.

    Args:
        depth: what lies deeper than this many levels is folded; None: as deep as fits a page.
        expand: paths of blocks that are opened all the same.
        show: what a box shows beside its op: `args`, `params`, `macs`, `field`, `shape`.
        direction: `TB`, from top to bottom, or `LR`, from left to right.
        title: the network's name where not given; empty for none.
        diff: a second network: what it adds, removes and changes is marked, what both have is folded.
        link: the address that a box leads to in SVG and PDF; `{file}` and `{line}` say where it is written.

    Raises:
        SpecError: where `expand` or `show` names nothing.
    """
    fits = FITS if direction == "TB" else FITS_ACROSS
    analyses = analyses_of(graph)
    labels = Labels(analyses, show)
    if diff is not None:
        differences = Differences(analyses, analyses_of(diff))
        heading = f"{graph.name} -> {diff.name}" if title is None else title
        shown = union(differences, depth, expand, 2 * fits)
        return Diagram(to_dot(
            shown, Labels(differences.after, show), direction=direction, title=heading, legend=legend, before=labels,
            link=link,
        ))  # fmt: skip
    heading = graph.name if title is None else title
    shown = picture(graph, depth, expand, fits)
    return Diagram(to_dot(shown, labels, direction=direction, title=heading, legend=legend, link=link))
