"""Changes that are alike as one: `features.denseblock*.denselayer*.conv2`, 58 times."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from archspec.objects import record
from archspec.views.difference import SHAPE, Change, Edit

_NUMBER = re.compile(r"\d+")
_DECIMAL = re.compile(r"\d+(\.\d+)?(e-?\d+)?")
_LONG_RUN = 3  # parts that follow one another, on average, are told apart by the block that they are in
_FEW = 3  # numbers that are listed


@record
class Fold:
    """Changes of one kind, to parts whose paths differ in numbers only."""

    changes: tuple[Change, ...]

    @property
    def first(self) -> Change:
        return self.changes[0]

    @property
    def path(self) -> str:
        """The paths as one; `a -> b` for parts that move."""
        olds = [change.before for change in self.changes if change.before is not None]
        news = [change.after for change in self.changes if change.after is not None]
        show = _from_to if self.first.kind == "moved" else pattern
        before, after = (show(paths) if paths else "" for paths in (olds, news))
        if not before or not after or olds == news:
            return after or before
        return f"{before} -> {after}"

    @property
    def what(self) -> str:
        """The op, or the block, and how many."""
        ops = list(dict.fromkeys(change.op for change in self.changes))
        count = len(self.changes)
        if len(ops) > 1:
            return f"{count} parts"
        return f"{ops[0]} x {count}" if count > 1 else ops[0]

    @property
    def details(self) -> str:
        """What is different: `out_channels 64 -> 128`; where it is not the same for all, from which to which."""
        names = [edit.name for edit in self.first.edits]
        told = [name for name in names if name != SHAPE] or names
        return ", ".join(_edits([_named(change, name) for change in self.changes]) for name in told)


def folded(changes: Iterable[Change]) -> list[Fold]:
    """The changes, those that are alike together, in the order of the first of each."""
    groups: dict[object, list[Change]] = {}
    for change in changes:
        groups.setdefault(_key(change), []).append(change)
    return [Fold(tuple(part)) for group in groups.values() for part in _split(group)]


def _key(change: Change) -> object:
    """What changes must share to be one."""
    paths = tuple(None if path is None else _NUMBER.sub("#", path) for path in (change.before, change.after))
    if change.kind == "moved" and _is_numbered(change):
        return change.kind, paths
    return change.kind, paths, change.op, tuple(edit.name for edit in change.edits)


def _is_numbered(change: Change) -> bool:
    """A part of a list, which is but further on in it."""
    before, after = ((path or "").rpartition(".") for path in (change.before, change.after))
    return before[0] == after[0] and before[2].isdecimal() and after[2].isdecimal()


def _split(group: list[Change]) -> list[list[Change]]:
    """What is added or removed, by the block that it is in, unless that would leave little together."""
    if group[0].kind not in ("added", "removed"):
        return [group]
    parts: dict[str, list[Change]] = {}
    for change in group:
        parts.setdefault((change.after or change.before or "").rpartition(".")[0], []).append(change)
    return [*parts.values()] if len(group) >= _LONG_RUN * len(parts) else [group]


def pattern(paths: Sequence[str]) -> str:
    """Paths that differ in numbers only, as one: `layer1.1..3` where one number runs, `*` for others that differ."""
    texts = _NUMBER.split(paths[0])
    columns = list(zip(*(map(int, _NUMBER.findall(path)) for path in paths), strict=True))
    varying = [i for i, column in enumerate(columns) if len(set(column)) > 1]
    shown = [texts[0]]
    for i, (column, text) in enumerate(zip(columns, texts[1:], strict=True)):
        shown += [str(column[0]) if i not in varying else _numbers(column) if len(varying) == 1 else "*", text]
    return "".join(shown)


def _numbers(column: Sequence[int]) -> str:
    if list(column) == [*range(column[0], column[0] + len(column))]:
        return f"{column[0]}..{column[-1]}"
    return "{" + ",".join(map(str, column)) + "}" if len(column) <= _FEW else "*"


def _from_to(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{paths[0]}..{paths[-1].rpartition('.')[2]}"


def _named(change: Change, name: str) -> Edit:
    return next(edit for edit in change.edits if edit.name == name)


def _edits(edits: Sequence[Edit]) -> str:
    before, after = _values([edit.before for edit in edits]), _values([edit.after for edit in edits])
    return f"{edits[0].name} {before} -> {after}"


def _values(texts: Sequence[str | None]) -> str:
    """One value; of several numbers the smallest and the largest; of several paths what they have in common."""
    different = list(dict.fromkeys("nothing" if text is None else _short(text) for text in texts))
    if len(different) == 1:
        return different[0]
    if all(_DECIMAL.fullmatch(text) for text in different):
        numbers = sorted(different, key=float)
        return f"{numbers[0]}..{numbers[-1]}"
    if len({_NUMBER.sub("#", text) for text in different}) == 1:
        return pattern(different)
    return f"{different[0]} etc."


def _short(text: str) -> str:
    """Four digits of a number that is no whole one."""
    return f"{float(text):.4g}" if _DECIMAL.fullmatch(text) and not text.isdecimal() else text
