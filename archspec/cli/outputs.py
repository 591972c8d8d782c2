"""Paths of what a command writes."""

from __future__ import annotations

import argparse
from pathlib import Path


def place(text: str) -> Path:
    """A path on the command line; an empty one is a variable that is not set, and not the current folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(text)


def named(path: Path, suffix: str, example: str) -> str:
    """Help for a path without the suffix; one without a name is no example."""
    has_name = path.name and not path.name.startswith(".")
    return f"write `{path.with_suffix(suffix) if has_name else example + suffix}`"
