"""A directive of Sphinx: `.. archspec:: specs/mine.yaml`, or with the spec as its content.

`extensions = ["archspec.integrations.sphinx"]` in conf.py.
"""

# docutils has no types:
# pyright: reportMissingTypeStubs=false, reportMissingModuleSource=false, reportUnknownMemberType=false

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from archspec.diagnostics import Source, SpecError
from archspec.integrations.cache import cache_in
from archspec.integrations.figure import Figure, Named, Written, line_of, make, source_of
from archspec.integrations.options import FLAGS, NAMES, Options, parse
from archspec.render import to_text


class ArchspecDirective(SphinxDirective):
    """A network's picture and table. Its argument is a file, seen from the page (with `/` from the source folder), or a
    bundled spec; without an argument its content is the spec."""

    has_content = True
    optional_arguments = 1
    option_spec: ClassVar[dict[str, Callable[[str], Any]] | None] = {
        name: directives.unchanged if name in FLAGS else directives.unchanged_required for name in NAMES
    }

    def run(self) -> list[nodes.Node]:
        page = os.path.relpath(self.get_source_info()[0])
        try:
            return self.shown(*self.asked(page))
        except SpecError as error:
            line = line_of(error.diagnostics[0], page) or self.lineno
            text = to_text(error.diagnostics)
            return [self.state.document.reporter.error(text, nodes.literal_block(text, text), line=line)]

    def asked(self, page: str) -> tuple[Written | Named, Options]:
        options = parse(self.options)
        if not self.arguments:
            text = "\n".join(self.content) + "\n"
            return Written(text, Source(page, self.placed(text, page)), Path(page).parent), options
        name: str = self.arguments[0]
        if name.startswith("/"):
            return Named(name.lstrip("/"), Path(self.env.srcdir)), options
        return Named(name, Path(page).parent), options

    def placed(self, text: str, page: str) -> str:
        """The content at the lines and columns that it has in the page's file."""
        lines = Path(page).read_text(encoding="utf-8").splitlines() if Path(page).is_file() else []
        at = self.content_offset
        indent = ""
        if at < len(lines) and lines[at].endswith(self.content[0]):
            indent = lines[at].removesuffix(self.content[0])
        return "\n" * at + (textwrap.indent(text, indent) if indent.isspace() else text)

    def shown(self, asked: Written | Named, options: Options) -> list[nodes.Node]:
        figure = make(asked, options, cache_in(Path(self.env.doctreedir) / "archspec"))
        for path in figure.files:
            self.env.note_dependency(str(path))
        found: list[nodes.Node] = []
        if options.source:
            text = source_of(asked)
            found.append(nodes.literal_block(text, text, language="yaml"))
        found.append(self.raw(figure))
        return found

    def raw(self, figure: Figure) -> nodes.Node:
        """The ids have the page's name in them: some builders make one page of all."""
        number = self.env.new_serialno("archspec") + 1
        prefix = nodes.make_id(f"archspec-{self.env.docname}-{number}") + "-"
        return nodes.raw("", figure.at(prefix), format="html")


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.add_directive("archspec", ArchspecDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
