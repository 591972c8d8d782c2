"""`archspec list`."""

from __future__ import annotations

import argparse
from textwrap import wrap

from archspec.cli.options import declared_variants
from archspec.library import Library, bundled

WIDTH = 120
HELP = "list the bundled specs and their variants"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(args: argparse.Namespace) -> int:
    library = Library()
    specs = {name: library.load(path) for name, path in bundled().items()}
    width = max(map(len, specs), default=0)
    margin = " " * (width + 2)
    for name, spec in specs.items():
        first_line = spec.doc.partition("\n")[0]
        print(_folded(f"{name:<{width}}  {first_line}", "", margin))
        variants = declared_variants(spec)
        if variants:
            print(_folded(f"variants: {', '.join(variants)}", margin, f"{margin}  "))
    return 0


def _folded(text: str, first: str, others: str) -> str:
    """The text in lines of at most WIDTH characters: the first one's indent, and the others'."""
    lines = wrap(text, WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)
    return "\n".join(lines)
