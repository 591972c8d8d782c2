"""`archspec list`."""

from __future__ import annotations

import argparse

from archspec.cli.options import declared_variants
from archspec.library import Library, bundled

HELP = "list the bundled specs and their variants"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(args: argparse.Namespace) -> int:
    library = Library()
    specs = {name: library.load(path) for name, path in bundled().items()}
    width = max(map(len, specs), default=0)
    for name, spec in specs.items():
        first_line = spec.doc.partition("\n")[0]
        print(f"{name:<{width}}  {first_line}".rstrip())
        variants = declared_variants(spec)
        if variants:
            print(f"{'':<{width}}  variants: {', '.join(variants)}")
    return 0
