"""A plugin of MkDocs: `plugins: [search, archspec]` makes `archspec` blocks pictures on every page.

It is the Markdown extension with what only MkDocs knows: which page is read, where its text begins in its file, which
files to watch, and how a build fails.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

from mkdocs.config import config_options
from mkdocs.config.base import Config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.plugins import BasePlugin, event_priority
from mkdocs.structure.pages import Page as SitePage

from archspec.integrations.figure import PageError
from archspec.integrations.markdown import ArchspecExtension, Page

_FIRST = 100  # before plugins that change a page's lines


class Settings(Config):
    """cache: the folder for figures that were drawn, beside mkdocs.yml."""

    cache = config_options.Type(str, default=".cache/archspec")


class ArchspecPlugin(BasePlugin[Settings]):
    """Draws the networks of every page."""

    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        """Adds the Markdown extension."""
        here = Path(config.config_file_path).parent
        self.extension = _Extension(cache=str(here / self.config.cache))
        self.files = set[Path]()
        config.markdown_extensions.append(self.extension)  # pyright: ignore[reportArgumentType]  # it takes both
        return config

    @event_priority(_FIRST)
    def on_page_markdown(self, markdown: str, *, page: SitePage, config: MkDocsConfig, files: object) -> None:
        """Says which page comes next."""
        path = Path(page.file.abs_src_path or Path(config.docs_dir) / page.file.src_uri)
        self.extension.page = Page(os.path.relpath(path), path.parent, _lines_before(markdown, path), self.files)

    def on_serve(self, server: LiveReloadServer, *, config: MkDocsConfig, builder: object) -> LiveReloadServer:
        """Builds anew when a spec changes."""
        for path in sorted(self.files):
            server.watch(str(path))
        return server


class _Extension(ArchspecExtension):
    def refuse(self, error: PageError) -> NoReturn:
        raise PluginError(str(error)) from None  # no traceback


def _lines_before(markdown: str, path: Path) -> int:
    """The lines of a file before its text: those that hold metadata."""
    if not path.is_file():
        return 0
    text = path.read_text(encoding="utf-8-sig")
    return text[: -len(markdown)].count("\n") if markdown and text.endswith(markdown) else 0
