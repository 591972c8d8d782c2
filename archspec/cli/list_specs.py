"""`archspec list`."""

from __future__ import annotations

import argparse
from textwrap import wrap

from archspec.cli.options import declared_variants
from archspec.cli.terminal import columns
from archspec.library import Library, bundled

WIDTH = 120  # where there is no terminal
HELP = "list the bundled specs and their variants"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(args: argparse.Namespace) -> int:
    library = Library()
    specs = {name: library.load(path) for name, path in bundled().items()}
    name_width, width = max(map(len, specs), default=0), columns() or WIDTH
    margin = " " * (name_width + 2)
    for name, spec in specs.items():
        first_line = spec.doc.partition("\n")[0]
        print(_folded(f"{name:<{name_width}}  {first_line}", width, "", margin))
        variants = declared_variants(spec)
        if variants:
            print(_folded(f"variants: {', '.join(variants)}", width, margin, f"{margin}  "))
    return 0


def _folded(text: str, width: int, first: str, others: str) -> str:
    """The text in lines of at most `width` characters: the first one's indent, and the others'."""
    lines = wrap(text, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)
    return "\n".join(lines)
