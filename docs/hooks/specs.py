"""The bundled specs as pages of the site, and links to their files as links to these pages. For MkDocs, see mkdocs.yml.

Where the code is hosted the links lead to the files; a site has only what is in docs/.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_LINK = re.compile(r"(?<=\]\()(?:\.\./)+specs(?:/(\w+)\.yaml)?(?=\))")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Adds a page a spec, and one that lists them."""
    specs = sorted((Path(config.docs_dir).parent / "specs").glob("*.yaml"))
    listed = "".join(f"- [{path.name}]({path.stem}.md)\n" for path in specs)
    pages = {"index": f"# The specs\n\n{listed}"}
    pages |= {path.stem: f"# {path.name}\n\n```yaml\n{path.read_text(encoding='utf-8')}```\n" for path in specs}
    for name, text in pages.items():
        files.append(File.generated(config, f"specs/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leads links to a spec's file to its page."""
    folder = posixpath.dirname(page.file.src_uri)
    return _LINK.sub(lambda link: posixpath.relpath(f"specs/{link[1] or 'index'}.md", folder or "."), markdown)
