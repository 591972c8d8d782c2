"""Patterns over the names of parameters, `layer4.*`: what `freeze:` and the parameter groups of an optimizer share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from itertools import accumulate

from archspec.diagnostics import nearest

SHOWN = 8
"""So many modules are listed where none is near."""


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that a pattern matches; `*` stands for anything, dots too."""
    match = re.compile(translate(pattern)).match
    return [name for name in names if match(name)]


def suggestion(pattern: str, names: Iterable[str]) -> str | None:
    """Help for a pattern that matches none of the names: the nearest, else where the names are."""
    known = list(names)
    modules = dict.fromkeys(path for name in known for path in enclosing(name))
    if pattern in modules:
        return f"write `{pattern}.*` for all that is in it"
    close = nearest(pattern, [*(f"{path}.*" for path in modules), *known])
    if close is not None:
        return f"did you mean `{close}`?"
    first = list(dict.fromkeys(name.partition(".")[0] for name in known))
    more = ", ..." if len(first) > SHOWN else ""
    return f"names start with {', '.join(f'`{part}`' for part in first[:SHOWN])}{more}" if first else None


def enclosing(name: str) -> list[str]:
    """The modules around a parameter, outermost first."""
    return list(accumulate(name.split(".")[:-1], "{}.{}".format))
