"""An extension of Python-Markdown: fenced blocks of `archspec` become pictures and tables.

`markdown.markdown(text, extensions=["archspec"])`, or in `markdown_extensions` of a tool that uses Python-Markdown.
For MkDocs there is `archspec.integrations.mkdocs`, which knows where pages are.
"""

# Python-Markdown has no types:
# pyright: reportMissingTypeStubs=false, reportMissingModuleSource=false, reportUnknownMemberType=false

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor

from archspec.diagnostics import Source, Span, SpecError
from archspec.integrations.cache import cache_in
from archspec.integrations.fences import Fence, fences
from archspec.integrations.figure import Named, PageError, Written, located, make, source_of
from archspec.integrations.options import Options, parse_line

_PRIORITY = 28  # after line breaks are normalised (30), before other extensions take fenced blocks (25)


@dataclass(slots=True)
class Page:
    """Where the text comes from: its name in errors, the folder that files are seen from, and how many lines of the
    file are before it. `files` are those that its figures were made from."""

    name: str = "<markdown>"
    folder: Path = field(default_factory=Path)
    skipped: int = 0
    files: set[Path] = field(default_factory=set[Path])


class ArchspecExtension(Extension):
    """Draws the networks that a page describes or names.

    Args:
        page: the name of the text in errors.
        folder: where files that it names are seen from.
        cache: a folder for figures, so that the next run need not draw them; empty for none.
    """

    def __init__(self, **options: Any) -> None:
        self.config = {
            "page": ["<markdown>", "the name of the text in errors"],
            "folder": [".", "where files that it names are seen from"],
            "cache": ["", "a folder for figures that were drawn; empty for none"],
        }
        super().__init__(**options)
        cache = str(self.getConfig("cache"))
        self.cache = cache_in(Path(cache) if cache else None)
        self.page = Page(str(self.getConfig("page")), Path(str(self.getConfig("folder"))))

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  # Python-Markdown's name
        md.preprocessors.register(_Figures(md, self), "archspec", _PRIORITY)

    def refuse(self, error: PageError) -> NoReturn:
        """What becomes of a page with mistakes."""
        raise error


class _Figures(Preprocessor):
    def __init__(self, md: Markdown, extension: ArchspecExtension) -> None:
        super().__init__(md)
        self.extension = extension

    def run(self, lines: list[str]) -> list[str]:
        """Every block is made, so that all mistakes are found, before the first is refused."""
        page = self.extension.page
        result, done, wrong = list[str](), 0, list[str]()
        for number, fence in enumerate(fences(lines), 1):
            result += lines[done : fence.start]
            done = fence.end
            try:
                result += self.shown(fence, lines, number)
            except SpecError as error:
                wrong.append(located(error, page.name, page.skipped + fence.start + 1))
        if wrong:
            self.extension.refuse(PageError(wrong))
        return result + lines[done:]

    def shown(self, fence: Fence, lines: list[str], number: int) -> list[str]:
        """The lines in place of a block."""
        page = self.extension.page
        options, asked = _options(fence, lines, page), self.asked(fence)
        figure = make(asked, options, self.extension.cache)
        page.files.update(figure.files)
        shown: list[str] = []
        if options.source:
            shown += ["```yaml", *source_of(asked).splitlines(), "```", ""]
        if figure.html:
            shown += [self.md.htmlStash.store(figure.at(f"archspec-{number}-")), ""]
        return ["", *(fence.indent + line if line else "" for line in shown)]

    def asked(self, fence: Fence) -> Written | Named:
        page = self.extension.page
        if fence.spec_name is not None:
            return Named(fence.spec_name, page.folder)
        above = "\n" * (page.skipped + fence.start + 1)
        return Written(fence.text, Source(page.name, above + "\n".join(fence.body) + "\n"), page.folder)


def _options(fence: Fence, lines: list[str], page: Page) -> Options:
    """What the first line says. Raises SpecError that shows the line."""
    try:
        return parse_line(fence.options)
    except SpecError as error:
        line = lines[fence.start]
        source = Source(page.name, "\n" * (page.skipped + fence.start) + line + "\n")
        number, end = page.skipped + fence.start + 1, len(line.rstrip()) + 1
        span = Span(source, number, end - len(fence.options.strip()), number, end)
        found = error.diagnostics[0]
        raise SpecError(type(found)(found.code, found.message, span, help=found.help)) from None


def makeExtension(**options: Any) -> ArchspecExtension:  # noqa: N802  # Python-Markdown's name
    """What Python-Markdown calls."""
    return ArchspecExtension(**options)
