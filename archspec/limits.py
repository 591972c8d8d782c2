"""How much a spec may ask for, in one place: one that asks for more is refused before it costs time or memory.

`ARCHSPEC_LIMITS` changes them: `ARCHSPEC_LIMITS=nodes=500000,steps=50000000`. They are read anew for every spec. What
bounds the depth of recursion is fixed, and stands where the recursion is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import field, fields
from functools import lru_cache
from typing import Any

from archspec.diagnostics import did_you_mean, spec_error
from archspec.objects import record

VARIABLE = "ARCHSPEC_LIMITS"

_SETTING = re.compile(r"\s*(\w+)\s*=\s*([0-9_]{1,20})\s*")


NODE_STEPS = 250
"""What a node of a network may take: a large one may take longer to compute than a loop that comes to nothing."""


def _limit(default: int, of: str) -> Any:
    return field(default=default, metadata={"of": of})


@record
class Limits:
    """What one spec may ask for; `of` says of what."""

    bytes: int = _limit(1_000_000, "bytes of a file, and of all files that a spec reads")
    values: int = _limit(100_000, "values in a file, each use of an alias counted in full")
    variants: int = _limit(1_000, "variants of a file")
    imports: int = _limit(1_000, "imports of a file")
    expression: int = _limit(2_000, "characters of an expression")
    text: int = _limit(10_000, "characters of a word or a computed text")
    items: int = _limit(100_000, "items of a list, of all lists in it, and of a node's parts")
    steps: int = _limit(3_000_000, f"steps of computing a network, and {NODE_STEPS} more for each of its nodes")
    nodes: int = _limit(20_000, "nodes of a network, and repeats of a node")
    parameter: int = _limit(2**40, "numbers in one parameter or buffer")
    errors: int = _limit(100, "mistakes that are reported")


DESCRIPTIONS: Mapping[str, str] = {each.name: each.metadata["of"] for each in fields(Limits)}
"""What each limit is a number of."""


def current() -> Limits:
    """The limits that hold now. Raises SpecError where `ARCHSPEC_LIMITS` says nothing that can be read."""
    return _read(os.environ.get(VARIABLE, ""))


def more(name: str) -> str:
    """How a limit is raised, for the help of the error that it raises."""
    return f"allow more with `{VARIABLE}={name}=...`"


@lru_cache(maxsize=16)
def _read(text: str) -> Limits:
    changed: dict[str, int] = {}
    for setting in text.split(",") if text.strip() else ():
        found = _SETTING.fullmatch(setting)
        try:
            name, number = (found[1], int(found[2])) if found else (setting, 0)
        except ValueError:  # underscores where Python has none
            name, number = setting, 0
        if found is None or number < 1:
            message = f"`{setting.strip()}` in `{VARIABLE}` is no limit"
            raise spec_error("bad-call", message, help=f"write `{VARIABLE}=nodes=500000,steps=50000000`, say")
        if name not in DESCRIPTIONS:
            message = f"`{VARIABLE}` has no limit `{name}`"
            raise spec_error("bad-call", message, help=did_you_mean(name, DESCRIPTIONS))
        changed[name] = number
    return Limits(**changed)
