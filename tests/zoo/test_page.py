"""docs/zoo.md is what the specs say, and names them all."""

from __future__ import annotations

from pathlib import Path

from archspec.library import bundled
from tests.zoo.page import FAMILIES, page

DOCUMENT = Path(__file__).parents[2] / "docs" / "zoo.md"


def test_the_page_is_current() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == page()


def test_every_spec_is_on_the_page() -> None:
    named = {family for families in FAMILIES.values() for family in families}
    assert bundled().keys() - named == {"densenet121"}  # a variant of densenet as a file of its own
