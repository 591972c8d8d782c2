"""From what a page asks for to HTML: the picture, and the table where it is wanted."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

from archspec import __version__, api, loading
from archspec.diagnostics import Diagnostic, Source, SpecError
from archspec.diagrams.engine import find_engine
from archspec.elaborate import elaborate
from archspec.integrations import inline
from archspec.integrations.cache import Cache, Entry, digest, key_of
from archspec.integrations.options import Options
from archspec.ir import Graph
from archspec.library import Library
from archspec.render import to_text
from archspec.spec import Spec
from archspec.views.markup import to_html
from archspec.views.summary import summarize
from archspec.views.totals import totals_table
from archspec.yaml_source import read


@dataclass(frozen=True, slots=True)
class Written:
    """A spec that is written on a page. `page` has the text at its lines and columns, so that errors have the page's;
    its imports start in `folder`."""

    text: str
    page: Source
    folder: Path


@dataclass(frozen=True, slots=True)
class Named:
    """A spec that a page names: a file, seen from `folder`, or a bundled spec or variant."""

    name: str
    folder: Path

    @property
    def target(self) -> str:
        """As `archspec.load` takes it."""
        if "/" in self.name or ".yaml" in self.name or ".yml" in self.name:
            return self.name if Path(self.name).is_absolute() else os.path.relpath(self.folder / self.name)
        return self.name


@dataclass(frozen=True, slots=True)
class Figure:
    """What stands on the page, and the files it was made from."""

    html: str
    files: tuple[Path, ...]

    def at(self, prefix: str) -> str:
        """The HTML for one place, whose ids begin with `prefix`."""
        return inline.with_ids(self.html, prefix)


class PageError(Exception):
    """Mistakes on a page: the text of each begins with `page:line`."""

    def __init__(self, found: list[str]) -> None:
        super().__init__("\n\n".join(found))
        self.found = found


def make(asked: Written | Named, options: Options, cache: Cache) -> Figure:
    """The figure for what a page asks for. Raises SpecError, with every mistake found."""
    what = (asked.text, str(asked.folder)) if isinstance(asked, Written) else (asked.target, str(Path.cwd()))
    key = key_of(_state(), find_engine("svg"), type(asked).__name__, *what, options)
    entry = cache.get(key)
    if entry is None:
        library = Library()
        spec, variant = _opened(asked, library)
        graph = elaborate(spec, library, variant=options.variant or variant)
        entry = Entry(_html(graph, options), {str(path): digest(path) for path in library.files})
        cache.put(key, entry)
    return Figure(entry.html, tuple(map(Path, entry.files)))


def source_of(asked: Written | Named) -> str:
    """The spec's text. Raises SpecError where the file cannot be read."""
    return asked.text if isinstance(asked, Written) else read(loading.find(asked.target)[0]).text


def located(error: SpecError, page: str, line: int) -> str:
    """An error's text, after the page and the line to look at: that of the mistake, or of what asks for the spec."""
    return f"{page}:{line_of(error.diagnostics[0], page) or line}: {to_text(error.diagnostics)}"


def line_of(found: Diagnostic, page: str) -> int | None:
    """Where on the page a mistake is; None where it is elsewhere."""
    return found.span.line if found.span is not None and found.span.source.name == page else None


def _opened(asked: Written | Named, library: Library) -> tuple[Spec, str | None]:
    if isinstance(asked, Written):
        return library.load_text(asked.page, asked.folder), None
    path, variant = loading.find(asked.target)
    return library.load(path), variant


def _html(graph: Graph, options: Options) -> str:
    parts: list[str] = []
    if options.diagram:
        drawn = api.diagram(
            graph, depth=options.depth, expand=options.expand, show=options.show, direction=options.direction,
            title=options.title, legend=options.legend,
        )  # fmt: skip
        parts.append(inline.figure(drawn.render().decode()))
    if options.summary:
        summary = summarize(graph)
        table = summary.table(depth=options.summary_depth, columns=options.columns)
        totals = totals_table(summary.analyses, training=False)
        parts.append(inline.tables(to_html(table), to_html(totals)))
    return "\n".join(parts)


@functools.cache
def _state() -> tuple[str, int]:
    """Which archspec this is: a checkout changes more often than its version."""
    return __version__, max(path.stat().st_mtime_ns for path in Path(api.__file__).parent.rglob("*.py"))
