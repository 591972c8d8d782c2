"""A network's report, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

from archspec.analysis.analyses import Analyses, analyses_of
from archspec.artifacts import write_file
from archspec.diagnostics import check_type, spec_error
from archspec.diagrams.engine import Engine, find_engine
from archspec.ir import Graph
from archspec.reports.data import Contents
from archspec.reports.page import page


@dataclass(frozen=True)
class Report:
    """All that is known of a network, as a page for a browser: one file that loads nothing from elsewhere."""

    analyses: Analyses
    engine: Engine | None

    @cached_property
    def html(self) -> str:
        """The page. Raises SpecError where the layout program fails."""
        return page(Contents(self.analyses, self.engine))

    def save(self, path: str | Path) -> Path:
        """Writes the page. Raises SpecError where the file is no .html, or cannot be written."""
        check_type("path", path, str | PathLike, "that of a file")
        path = Path(path)
        if path.suffix != ".html":
            raise spec_error("bad-call", f"a report is .html, not `{path}`", help="give another ending")
        write_file(path, self.html)
        return path


def report(
    graph: Graph, *, engine: str | None = None, batch: int | None = None, optimizer: str | None = None
) -> Report:
    """The report of a graph.

    Args:
        engine: the program that lays the diagram out; None: the first that is there. Without any there is no diagram.
        batch, optimizer: what memory is computed for, as `Graph.summary` has it.

    Raises:
        SpecError: there is no such program or optimizer.
    """
    return Report(analyses_of(graph, batch, optimizer), find_engine("svg", engine))
