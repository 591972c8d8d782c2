"""The documents as a site: built with warnings as errors, and read without a network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_document_is_a_page(site: Path) -> None:
    for document in (ROOT / "docs").rglob("*.md"):
        assert (site / document.relative_to(ROOT / "docs").with_suffix(".html")).is_file()
    assert "archspec.build(" in re.sub(r"<[^>]*>", "", (site / "api.html").read_text(encoding="utf-8"))


def test_links_to_specs_lead_to_pages(site: Path) -> None:
    assert 'href="../specs/resnet.html"' in (site / "zoo" / "resnet.html").read_text(encoding="utf-8")
    assert 'href="specs/index.html"' in (site / "zoo.html").read_text(encoding="utf-8")
    assert (site / "specs" / "resnet.html").is_file()


def test_networks_are_drawn(site: Path) -> None:
    for page in sorted((ROOT / "docs" / "zoo").glob("*.md")):
        html = (site / "zoo" / f"{page.stem}.html").read_text(encoding="utf-8")
        assert '<figure class="archspec-figure">' in html, page


def test_nothing_is_fetched(site: Path) -> None:
    """Pages only link elsewhere; what they load is theirs."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:link|script|img|iframe)\b[^>]*(?:src|href)=\"(?:https?:)?//[^>]*>", text)
        assert loaded == [], page


def test_directives_of_tests_are_not_shown(site: Path) -> None:
    for page in site.rglob("*.html"):
        shown = re.sub(r"<code>.*?</code>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert "&lt;!--" not in shown, page
