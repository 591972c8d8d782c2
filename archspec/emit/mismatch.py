"""What is said of weights that do not fit: every tensor without a match, with the nearest one, and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile

from archspec.diagnostics import SpecError, spec_error

MOST = 8
"""So many changes of names, or patterns, are proposed at once."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file, or one that a network has; `dtype` as torch names it: "float32"."""

    shape: tuple[int, ...]
    dtype: str

    def fits(self, other: Stored) -> bool:
        """Whether its values can be copied into the other."""
        return self.shape == other.shape and _kind(self.dtype) == _kind(other.dtype)

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.shape))}]"


def _kind(dtype: str) -> str:
    return "float" if dtype.startswith(("float", "bfloat")) else "int" if "int" in dtype else dtype


def mismatch(
    network: str,
    source: str,
    missing: Mapping[str, Stored],
    unexpected: Mapping[str, Stored],
    differing: Mapping[str, tuple[Stored, Stored]],
    loaded: Iterable[str],
    help: str | None = None,
) -> SpecError:
    """The error. `missing`: the network's tensors that the file lacks; `unexpected`: the file's that the network lacks;
    `differing`: as they are in the file, and in the network; `loaded`: those that fit; `help`: the way out, where other
    names are none."""
    counts = (
        _count(len(missing), "missing"),
        _count(len(unexpected), "unexpected"),
        _count(len(differing), "of another shape" if _shapes_differ(differing) else "of another type"),
    )
    pairs = {name: _nearest(name, stored, unexpected) for name, stored in missing.items()}
    named = set(pairs.values())
    notes: list[str] = []
    for name, stored in missing.items():
        close = pairs[name]
        notes.append(f"missing `{name}` {stored}" + (f"; near: `{close}` {unexpected[close]}" if close else ""))
    for name, (there, here) in differing.items():
        a, b = (str(there), str(here)) if there.shape != here.shape else (there.dtype, here.dtype)
        notes.append(f"`{name}` is {a} in the file, {b} in the network")
    for name, stored in unexpected.items():
        close = None if name in named else _nearest(name, stored, missing)
        notes.append(f"unexpected `{name}` {stored}" + (f"; near: `{close}` {missing[close]}" if close else ""))
    what = ", ".join(filter(None, counts)) or "it has none of its tensors"
    wish = "to start as the spec initialises them" if missing or differing else "not to be loaded"
    message = f"{source} does not fit `{network}`: {what}"
    help = (
        _changes(missing, unexpected, pairs)
        or help
        or _patterns({*missing, *unexpected, *differing}, set(loaded), wish)
    )
    return spec_error("weights-mismatch", message, None, notes=notes, help=help)


def _count(number: int, what: str) -> str:
    return f"{number} tensor{'s' * (number != 1)} {what}" if number else ""


def _shapes_differ(differing: Mapping[str, tuple[Stored, Stored]]) -> bool:
    return any(there.shape != here.shape for there, here in differing.values())


def _nearest(name: str, stored: Stored, others: Mapping[str, Stored]) -> str | None:
    """The other tensor with the likest name: of the same shape, else with the same last part; None without such."""
    last = name.rpartition(".")[2]
    same = [other for other, its in others.items() if its.shape == stored.shape]
    pool = same or [other for other in others if other.rpartition(".")[2] == last]
    best = max((_shared(name, other) for other in pool), default=0)
    if best < (1 if same else 2):
        return None
    likest = [other for other in pool if _shared(name, other) == best]
    return max(likest[:MOST], key=lambda other: SequenceMatcher(None, name, other).ratio())


def _shared(name: str, other: str) -> int:
    """How many parts two names share, at their starts and ends."""
    a, b = name.split("."), other.split(".")
    before = _leading(a, b)
    return before + _leading(a[before:][::-1], b[before:][::-1])


def _leading(a: list[str], b: list[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def _changes(
    missing: Mapping[str, Stored], unexpected: Mapping[str, Stored], pairs: Mapping[str, str | None]
) -> str | None:
    """Help that renames parts of the file's names, where a few such changes make every tensor fit."""
    if not missing or len(missing) != len(unexpected):
        return None
    changes: dict[tuple[str, str], None] = {}
    for name, other in pairs.items():
        if other is None:
            return None
        changes[_difference(other, name)] = None
        if len(changes) > MOST:
            return None
    renamed = {_all_changed(name, changes): stored for name, stored in unexpected.items()}
    if (
        any(not old for old, _ in changes)
        or renamed.keys() != missing.keys()
        or any(not its.fits(missing[name]) for name, its in renamed.items())
    ):
        return None
    return "rename parts of its names: " + " ".join(f"`--rename {old}={new}`" for old, new in changes)


def changed(name: str, old: str, new: str) -> str:
    """A name with some of its parts, wherever they stand, replaced: `norm.1` by `norm1`, `model` by nothing."""
    return re.sub(rf"\.{re.escape(old)}(?=\.)", lambda _: f".{new}" if new else "", f".{name}.")[1:-1]


def _all_changed(name: str, changes: Iterable[tuple[str, str]]) -> str:
    for old, new in changes:
        name = changed(name, old, new)
    return name


def _difference(name: str, other: str) -> tuple[str, str]:
    """The parts of two names between those that they share, with one of these where the first has none of its own."""
    a, b = name.split("."), other.split(".")
    before = _leading(a, b)
    after = _leading(a[before:][::-1], b[before:][::-1])
    if before + after == len(a):
        before, after = (before - 1, after) if before else (before, after - 1)
    return ".".join(a[before : len(a) - after]), ".".join(b[before : len(b) - after])


def _patterns(odd: set[str], loaded: set[str], wish: str) -> str | None:
    """Help that skips the modules of which nothing fits, where these are few, if that is the wish: a new head, most
    often."""
    groups: dict[str, list[list[str]]] = {}
    for name in odd:
        groups.setdefault(name.partition(".")[0], []).append(name.split(".")[:-1])
    patterns: list[str] = []
    for paths in groups.values():
        common = [parts[0] for parts in takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False))]
        if not common or any(name.startswith(".".join((*common, ""))) for name in loaded):
            return None
        patterns.append(".".join((*common, "*")))
    if not loaded or len(patterns) > MOST:
        return None
    shown = " ".join(f"`--skip '{pattern}'`" for pattern in sorted(patterns))
    return f"if these are {wish}: {shown}"
