"""Compiling as if for the first time: `archspec.load` gives what it gave before while the spec's files are the same."""

from __future__ import annotations

import archspec
from archspec.library import Library
from archspec.loading import compiled, find


def compiled_anew(name: str) -> archspec.Graph:
    """A bundled network, its file read and compiled."""
    path, variant = find(name)
    library = Library()
    return compiled(library.load(path), library, variant)
