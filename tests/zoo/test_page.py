"""docs/zoo.md is what the specs say, and names them all."""

from __future__ import annotations

from pathlib import Path

from archspec.cli.options import declared_variants
from archspec.library import Library, bundled
from tests.zoo.page import FAMILIES, page
from tests.zoo.test_references import REFERENCES
from tests.zoo.test_torchvision import LARGE, TWINS

DOCUMENT = Path(__file__).parents[2] / "docs" / "zoo.md"


def test_the_page_is_current() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == page()


def test_every_spec_is_on_the_page() -> None:
    named = {family for families in FAMILIES.values() for family in families}
    assert bundled().keys() - named == {"densenet121"}  # a variant of densenet as a file of its own


def test_every_network_is_compared_with_another_module() -> None:
    library = Library()
    networks = {name for file, path in bundled().items() for name in declared_variants(library.load(path)) or (file,)}
    compared = [twin.name for twin in [*TWINS, *LARGE, *REFERENCES]]
    assert len(compared) == len(set(compared))
    assert networks == {*compared, "edge_kernel"}  # the latter in a test of its own
