"""Sets of sizes that repeat: what the conditions on one axis come to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise, product, takewhile

from archspec.objects import record

Run = tuple[int, int | None]
"""First and last member, both of one residue class; no last member: it never ends."""

_MOST_NAMED = 8  # sizes, residues, or ranges of them, that a text gives one by one


@record
class SizeSet:
    """Sizes >= 1. Of each residue class modulo `period`, those in `runs[residue]`: in order, apart, never adjacent."""

    period: int
    runs: tuple[tuple[Run, ...], ...]

    def __contains__(self, size: int) -> bool:
        return size >= 1 and any(
            first <= size and (last is None or size <= last) for first, last in self.runs[size % self.period]
        )

    def __and__(self, other: SizeSet) -> SizeSet:
        """The sizes that are in both."""
        if self.is_minimum and other.is_minimum:
            return max(self, other, key=lambda sizes: sizes.runs[0][0][0])
        period = math.lcm(self.period, other.period)
        return normal(period, [_common(self.within(r, period), other.within(r, period)) for r in range(period)])

    def __le__(self, other: SizeSet) -> bool:
        """Whether every size of this set is one of the other's."""
        period = math.lcm(self.period, other.period)
        parts = ((self.within(r, period), other.within(r, period)) for r in range(period))
        return all(_common(mine, theirs) == mine for mine, theirs in parts)

    @property
    def is_minimum(self) -> bool:
        """Whether these are all sizes from one on."""
        return self.period == 1 and len(self.runs[0]) == 1 and self.runs[0][0][1] is None

    @property
    def residues(self) -> tuple[int, ...]:
        """What large members are modulo the period."""
        return tuple(r for r, runs in enumerate(self.runs) if runs and runs[-1][1] is None)

    @property
    def bound(self) -> int:
        """The least size from which on a size is a member where its residue is one of `residues`."""
        lowest = 1
        for runs in self.runs:
            if runs:
                first, last = runs[-1]
                lowest = max(lowest, first - self.period + 1 if last is None else last + 1)
        return lowest

    @property
    def single(self) -> int | None:
        """The only member, where there is just one."""
        found = [run for runs in self.runs for run in runs]
        return found[0][0] if len(found) == 1 and found[0][0] == found[0][1] else None

    def members(self, start: int, step: int) -> Iterator[int]:
        """The members from `start` on, upwards (`step` 1) or downwards (-1)."""
        at = start
        while (found := self._next(at, step)) is not None:
            yield found
            at = found + step

    def nearest(self, size: int) -> tuple[int, ...]:
        """The size itself where it is a member, else the next members below and above it, where there are any."""
        if size in self:
            return (size,)
        return tuple(found for step in (-1, 1) for found in islice(self.members(size, step), 1))

    def missed(self, size: int) -> str:
        """That a size is no member, and which are: `572 is not: nearest 560, 576`."""
        near = self.nearest(size)
        return f"{size} is not" + (f": nearest {', '.join(map(str, near))}" if near else "")

    def _next(self, size: int, step: int) -> int | None:
        found = (_nearest(run, size, step, self.period) for runs in self.runs for run in runs)
        return (max if step < 0 else min)((x for x in found if x is not None), default=None)

    def within(self, residue: int, period: int) -> list[Run]:
        """The members of a residue class of a multiple of the period."""
        found: list[Run] = []
        for first, last in self.runs[residue % self.period]:
            first += (residue - first) % period
            last = None if last is None else last - (last - residue) % period
            if last is None or first <= last:
                found.append((first, last))
        return found

    def irregular(self, most: int = 100) -> list[tuple[int, int]]:
        """The members below `bound`, as ranges; the first of them, where there are many."""
        found = islice(takewhile(lambda each: each[0] < self.bound, self.ranges()), most)
        return [(low, self.bound - 1 if high is None else min(high, self.bound - 1)) for low, high in found]

    def ranges(self) -> Iterator[tuple[int, int | None]]:
        """The members in order, as ranges; the last may have no end."""
        at = self._next(1, 1)
        while at is not None:
            gap = min(
                (x for x in map(self._missing, [at] * self.period, range(self.period)) if x is not None), default=None
            )
            yield at, None if gap is None else gap - 1
            at = None if gap is None else self._next(gap, 1)

    def _missing(self, start: int, residue: int) -> int | None:
        """The first size of a residue class, from `start` on, that is no member."""
        at = start + (residue - start) % self.period
        for first, last in self.runs[residue]:
            if first <= at and (last is None or at <= last):
                return None if last is None else last + self.period
        return at

    def text(self, name: str) -> str:
        """What a size has to be: `H >= 63`, `H = 0 (mod 16)`, `H = 224`, `H = 1 or 3 (mod 4), H >= 9`."""
        residues, bound = self.residues, self.bound
        below = self.irregular(_MOST_NAMED + 1)
        if not residues:
            return f"{name} {_choice(below)}" if below else f"no {name}"
        if len(residues) == self.period:
            rest = f"{name} >= {bound}" if bound > 1 else f"any {name}"
        else:
            least = next(self.members(bound, 1))
            rest = f"{name} {_choice(_ranges(residues))} (mod {self.period})"
            if below or least > min(r or self.period for r in residues):
                rest += f", {name} >= {least}"
        return f"{rest}, or {name} {_choice(below)}" if below else rest


def normal(period: int, runs: Iterable[Iterable[Run]]) -> SizeSet:
    """The set, over the shortest period at which no class falls apart into more runs."""
    found = [_joined(each, period) for each in runs]
    factor = 2
    while factor <= period:
        shorter = _merged(found, period, factor) if period % factor == 0 else None
        if shorter is None:
            factor += 1
        else:
            found, period = shorter, period // factor
    return SizeSet(period, tuple(map(tuple, found)))


def at_least(size: int) -> SizeSet:
    """All sizes from this one on."""
    return SizeSet(1, (((max(size, 1), None),),))


def at_most(size: int) -> SizeSet:
    """All sizes up to this one."""
    return SizeSet(1, (((1, size),),)) if size >= 1 else NONE


EVERY = SizeSet(1, (((1, None),),))
NONE = SizeSet(1, ((),))


def _nearest(run: Run, size: int, step: int, period: int) -> int | None:
    """The member of a run that is next to `size`, itself included."""
    first, last = run
    if step > 0:
        found = max(first, size + (first - size) % period)
        return found if last is None or found <= last else None
    found = size - (size - first) % period
    found = found if last is None else min(found, last)
    return found if found >= first else None


def _common(a: list[Run], b: list[Run]) -> list[Run]:
    found: list[Run] = []
    for (first, last), (other, end) in product(a, b):
        low = max(first, other)
        high = end if last is None else last if end is None else min(last, end)
        if high is None or low <= high:
            found.append((low, high))
    return found


def _joined(runs: Iterable[Run], period: int) -> list[Run]:
    """The runs of one class in order, adjacent ones as one."""
    found: list[Run] = []
    for first, last in sorted(runs, key=lambda run: run[0]):
        if found and (found[-1][1] is None or first <= found[-1][1] + period):
            before, end = found.pop()
            found.append((before, None if end is None or last is None else max(end, last)))
        else:
            found.append((first, last))
    return found


def _merged(runs: list[list[Run]], period: int, factor: int) -> list[list[Run]] | None:
    """The classes modulo `period // factor`; None where one of them is not as many runs as its parts are."""
    short = period // factor
    found: list[list[Run]] = []
    for residue in range(short):
        parts = runs[residue::short]
        merged: list[Run] = []
        if len({len(part) for part in parts}) > 1:
            return None
        for same in zip(*parts, strict=True):
            firsts, lasts = sorted(first for first, _ in same), sorted(last for _, last in same if last is not None)
            if len(lasts) not in (0, factor) or not (_steps(firsts, short) and _steps(lasts, short)):
                return None
            merged.append((firsts[0], lasts[-1] if lasts else None))
        found.append(merged)
    return found


def _steps(numbers: list[int], step: int) -> bool:
    return all(b - a == step for a, b in pairwise(numbers))


def _ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number - 1 == found[-1][1]:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _choice(ranges: Sequence[tuple[int, int]]) -> str:
    """`= 4`, `= 1 or 3`, `= 0..7`, `<= 512`, `= 1, 3 or 8..12`; of many the first, and that there are others."""
    (low, high), *more = ranges
    if not more and low == 1 and high > 2:
        return f"<= {high}"
    words = [
        f"{low}" if low == high else f"{low} or {high}" if high == low + 1 else f"{low}..{high}" for low, high in ranges
    ]
    if len(words) > _MOST_NAMED:
        words = [*words[: _MOST_NAMED - 1], "others"]
    words = [word.replace(" or ", ", ") if len(words) > 1 else word for word in words]
    return "= " + " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
