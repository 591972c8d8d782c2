"""For which sizes a condition on one axis holds, exactly.

On each residue class of the axis modulo the period of a form, the form is a polynomial (see `proofs`). Its values at a
few points give its forward differences; where those are one number, a line is solved, else its sign changes are
searched between those of its first difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

from archspec.dims.columns import Columns, growth, never_falls
from archspec.dims.forms import Floor, Form, Held, Symbol, names_of, text_of
from archspec.dims.normal import scaled
from archspec.dims.sets import EVERY, NONE, Run, SizeSet, at_least, at_most, normal

MAX_VALUES = 1 << 13  # of a form, that one answer may take
_FAR = 1 << 62  # no size is larger

Kind = Literal["zero", "not-negative", "divisible"]


class Condition(NamedTuple):
    """A form is 0, is not negative, or is a multiple of `divisor`."""

    kind: Kind
    form: Form
    divisor: int = 0

    def holds_of(self, value: int) -> bool:
        """Whether it does where the form comes to `value`."""
        match self.kind:
            case "zero":
                return value == 0
            case "not-negative":
                return value >= 0
            case "divisible":
                return value % self.divisor == 0

    @property
    def text(self) -> str:
        """As people write it: `2 * (H // 2) = H`, `H * W >= 2`, `4 divides H * W`."""
        terms, constant = self.form
        if self.kind == "divisible":
            return f"{self.divisor} divides {text_of(self.form)}"
        left = [term for term in terms if term[1] > 0]
        right = [(monomial, -n) for monomial, n in terms if n < 0]
        on_left = constant if right and (constant > 0 or not left) else 0
        sides = (Form(tuple(left), on_left), Form(tuple(right), on_left - constant))
        return f" {'=' if self.kind == 'zero' else '>='} ".join(map(text_of, sides))

    def plain(self) -> Condition:
        """The same condition in smaller numbers, the first term of an equation not negative."""
        kind, (terms, constant), divisor = self
        if not terms:
            return self
        by = math.gcd(*(n for _, n in terms))
        if kind == "divisible":
            by = math.gcd(by, divisor)
        if kind == "zero" and terms[0][1] < 0:
            by = -by
        if by == 1 or (kind != "not-negative" and constant % by):
            return self
        form = Form(tuple((monomial, n // by) for monomial, n in terms), constant // by)
        return Condition(kind, form, divisor // by if divisor else 0)


@lru_cache(maxsize=1 << 10)
def solve(condition: Condition) -> SizeSet | None:
    """The values of the condition's only symbol for which it holds; None where that is not decided."""
    kind, form, divisor = condition
    (name,) = names_of(form)
    if kind == "not-negative":
        least = _inverse(form)
        if least is not None:
            return least
        for rising in (form, scaled(form, -1)):
            if never_falls(rising):
                return _monotone(name, form, rising is form)
    found = growth(form)
    if found is None:
        return None
    period, degree = found
    if kind == "divisible":
        if degree <= 1:
            first, last = Columns({name: (1, 1 + period)}).of(form)
            period *= divisor // math.gcd(divisor, last - first)
        else:
            period *= divisor
        degree = 0
    if period * (degree + 1) > MAX_VALUES:
        return None
    values = Columns({name: range(1, period * (degree + 1) + 1)}).of(form)
    runs = _solve_class(condition)
    classes: list[list[Run]] = [[] for _ in range(period)]
    for first in range(1, period + 1):
        classes[first % period] = [
            (first + low * period, None if high is None else first + high * period)
            for low, high in runs(_differences(values[first - 1 :: period]))
        ]
    return normal(period, classes)


def least(form: Form, within: SizeSet) -> int | None:
    """The least value of a form in one symbol over a set; None where there is none, or where that is not decided."""
    (name,) = names_of(form)
    found = growth(form)
    if found is None or found.degree > 1 or within == NONE:
        return None
    period = math.lcm(found.period, within.period)
    if 2 * period > MAX_VALUES:
        return None
    first, last = Columns({name: (1, 1 + found.period)}).of(form)
    if last < first and within.residues:
        return None
    ends = [
        end
        for residue in range(period)
        for first_, last_ in within.within(residue, period)
        for end in (first_, first_ if last_ is None else last_)
    ]
    return min(Columns({name: ends}).of(form))


def _inverse(form: Form) -> SizeSet | None:
    """Where a form is not negative: divisions of a multiple of a symbol undone one by one; None where it is a sum."""
    bound, falls = 0, False
    while len(form.terms) == 1:
        ((monomial, n),) = form.terms
        if len(monomial) != 1 or (n < 0 and falls):
            return None
        if n < 0:  # n * atom + c >= v, unless atom >= (c - v) // -n + 1
            bound, falls = (form.constant - bound) // -n + 1, True
        else:
            bound = -((form.constant - bound) // n)
        (atom,) = monomial
        match atom:
            case Symbol():
                return at_most(bound - 1) if falls else at_least(bound)
            case Floor(_, numerator, int(divisor)):
                form, bound = numerator, bound * divisor
            case Held(_, inner, 1):
                form = inner
            case _:
                return None
    return None


def _monotone(name: str, form: Form, rises: bool) -> SizeSet:
    """Where a form that never falls, or never rises, is not negative."""

    def holds(size: int) -> bool:
        return Columns({name: (size,)}).of(form)[0] >= 0

    if holds(1):
        if rises:
            return EVERY
    elif not rises:
        return NONE
    low = _last(holds, holds(1))
    return at_least(low + 1) if rises else at_most(low)


def _last(holds: Callable[[int], bool], as_now: bool) -> int:
    """The last number, from 1 on, at which the answer is `as_now`; it changes once."""
    low, high = 1, 2
    while holds(high) == as_now:
        low, high = high, 2 * high
        if high > _FAR:
            return low
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) == as_now else (low, middle)
    return low


# Polynomials, as forward differences at 0


def _differences(values: Sequence[int]) -> list[int]:
    found: list[int] = []
    while values:
        found.append(values[0])
        values = [b - a for a, b in pairwise(values)]
    while len(found) > 1 and not found[-1]:
        found.pop()
    return found


def _solve_class(condition: Condition) -> Callable[[list[int]], list[Run]]:
    if condition.kind == "divisible":
        return lambda differences: [(0, None)] if differences[0] % condition.divisor == 0 else []
    if condition.kind == "not-negative":
        return _not_negative
    return lambda f: list(_both(_not_negative(f), _not_negative([-d for d in f])))


def _both(a: list[Run], b: list[Run]) -> Iterator[Run]:
    for first, last in a:
        for other, end in b:
            low = max(first, other)
            high = end if last is None else last if end is None else min(last, end)
            if high is None or low <= high:
                yield low, high


def _not_negative(differences: list[int]) -> list[Run]:
    """The runs of k >= 0 where the polynomial is not negative."""
    start, *rest = differences
    if not rest:
        return [(0, None)] if start >= 0 else []
    if len(rest) == 1:
        (slope,) = rest
        if slope > 0:
            return [(max(0, -(start // slope)), None)]
        return [(0, start // -slope)] if start >= 0 else []
    found: list[Run] = []
    for first, last in _monotone_parts(rest):
        found.extend(_part(differences, first, last))
    return _fused(found)


def _monotone_parts(slope: list[int]) -> Iterator[tuple[int, int | None]]:
    """Ranges that cover k >= 0, each sharing its ends with its neighbours, on which the first difference, `slope`,
    keeps its sign."""
    at = 0
    for first, last in _not_negative(slope):
        if first > at:
            yield at, first
        yield first, None if last is None else last + 1
        if last is None:
            return
        at = last + 1
    yield at, None


def _part(differences: list[int], first: int, last: int | None) -> Iterator[Run]:
    """Where a polynomial that is monotone on a range is not negative there."""

    def value(k: int) -> int:
        return sum(d * math.comb(k, j) for j, d in enumerate(differences))

    now, end = value(first) >= 0, last
    if last is None:
        if (differences[-1] > 0) == now:
            yield from [(first, None)] if now else []
            return
        step = 1
        while (value(first + step) >= 0) == now:
            step *= 2
        last = first + step
    if (value(last) >= 0) == now:
        yield from [(first, last)] if now else []
        return
    low, high = first, last
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if (value(middle) >= 0) == now else (low, middle)
    yield (first, low) if now else (high, end)


def _fused(runs: list[Run]) -> list[Run]:
    """Runs that meet or overlap as one."""
    found: list[Run] = []
    for first, last in runs:
        if found and (found[-1][1] is None or first <= found[-1][1] + 1):
            before, end = found.pop()
            found.append((before, None if end is None or last is None else max(end, last)))
        else:
            found.append((first, last))
    return found
