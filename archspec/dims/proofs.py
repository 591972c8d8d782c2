"""What holds of a form for every value of its symbols.

On every residue class of its symbols modulo a period, a form is a polynomial with integer coefficients: floor division
by a constant keeps that and multiplies the period. A polynomial of degree d that is constant (or constant modulo m) at
d + 1 consecutive points is constant, so a box of `period * (degree + 1)` values a symbol decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product as cartesian
from typing import NamedTuple

from archspec.dims.forms import Atom, Floor, Form, Held, Monomial, Symbol, names_of

MAX_POINTS = 4096  # that one proof may evaluate


@lru_cache(maxsize=1 << 12)
def residue(form: Form, modulus: int) -> int | None:
    """What the form is, modulo `modulus` (0: exactly), for every value of its symbols; None if it differs or is not
    known to be one."""
    result = form.constant
    for group in independent(form):
        if modulus and all(n % modulus == 0 for _, n in group.terms):
            continue
        growth = _growth(group)
        if growth is None:
            return None
        counts = {name: period * (growth.degree + 1) for name, period in growth.periods.items()}
        if math.prod(counts.values()) > MAX_POINTS:
            return None
        values = _values(group, counts)
        first = next(values)
        if any((other - first) % modulus if modulus else other != first for other in values):
            return None
        result += first
    return result % modulus if modulus else result


def can_vanish(form: Form) -> bool:
    """Whether the form is 0 on a whole residue class of its symbols; True where that is not decided."""
    growth = _growth(form)
    if growth is None or math.prod(growth.periods.values()) > MAX_POINTS:
        return True
    periods = dict(sorted(growth.periods.items()))
    return any(
        all(_at(form, _member(periods, residues, shift)) == 0 for shift in (7, 12, 20))
        for residues in cartesian(*map(range, periods.values()))
    )


def _member(periods: Mapping[str, int], residues: tuple[int, ...], shift: int) -> dict[str, int]:
    """A point of the residue class: every symbol is another multiple of its period away from its residue."""
    multiples = range(shift, shift + 3 * shift * len(periods), 3 * shift)
    steps = zip(periods.items(), residues, multiples, strict=True)
    return {name: residue + period * multiple for (name, period), residue, multiple in steps}


def at_least(form: Form, bound: int) -> bool:
    """Whether the form is proved never to be less."""
    lowest = _minimum(form)
    return lowest is not None and lowest >= bound


@lru_cache(maxsize=1 << 12)
def _minimum(form: Form) -> int | None:
    """A proved lower bound, the greatest one where the form is affine but for floors; None where there is none."""
    lowest = form.constant
    for group in independent(form):
        bound = _least(group)
        if bound is None:
            return None
        lowest += bound
    return lowest


def _least(group: Form) -> int | None:
    growth = _growth(group)
    if growth and growth.degree == 1 and math.prod(growth.periods.values()) <= MAX_POINTS:
        origin = dict.fromkeys(growth.periods, 1)
        start = _at(group, origin)
        falls = any(_at(group, origin | {name: 1 + period}) < start for name, period in growth.periods.items())
        return None if falls else min(_values(group, growth.periods))
    lowest = 0
    for monomial, n in group.terms:
        for atom in monomial:
            bound = _least_atom(atom)
            if n < 0 or bound is None or bound < 0:
                return None
            n *= bound
        lowest += n
    return lowest


def _least_atom(atom: Atom) -> int | None:
    match atom:
        case Symbol():
            return 1
        case Floor(_, numerator, divisor):
            lowest = _minimum(numerator)
            if lowest is None:
                return None
            if isinstance(divisor, int):
                return lowest // divisor
            return 0 if lowest >= 0 and at_least(divisor, 1) else None
        case Held():
            lowest = _minimum(atom.form)
            return None if lowest is None or atom.factor < 0 else math.floor(lowest * atom.factor)


def independent(form: Form) -> Iterator[Form]:
    """The terms in groups that share no symbol: a sum of them is constant, or least, where each group is."""
    groups: list[tuple[frozenset[str], list[tuple[Monomial, int]]]] = []
    for term in form.terms:
        names, members = names_of(Form((term,), 0)), [term]
        apart: list[tuple[frozenset[str], list[tuple[Monomial, int]]]] = []
        for others, theirs in groups:
            if names & others:
                names, members = names | others, theirs + members
            else:
                apart.append((others, theirs))
        groups = [*apart, (names, members)]
    return (Form(tuple(members), 0) for _, members in groups)


class _Growth(NamedTuple):
    periods: Mapping[str, int]
    degree: int


def _growth(form: Form) -> _Growth | None:
    """The period in each symbol and the total degree; None for a form with an atom that is not understood."""
    periods: dict[str, int] = {}
    degree = 0
    for monomial, _ in form.terms:
        parts = [_atom_growth(atom) for atom in monomial]
        for part in parts:
            if part is None:
                return None
            for name, period in part.periods.items():
                periods[name] = math.lcm(periods.get(name, 1), period)
        degree = max(degree, sum(part.degree for part in parts if part))
    return _Growth(periods, degree)


def _atom_growth(atom: Atom) -> _Growth | None:
    match atom:
        case Symbol(text):
            return _Growth({text: 1}, 1)
        case Floor(_, numerator, int(divisor)):
            inner = _growth(numerator)
            if inner is None:
                return None
            return _Growth({name: period * divisor for name, period in inner.periods.items()}, inner.degree)
        case _:
            return None


def _values(form: Form, counts: Mapping[str, int]) -> Iterator[int]:
    """The form at every point of the box 1..count."""
    for point in cartesian(*(range(1, count + 1) for count in counts.values())):
        yield _at(form, dict(zip(counts, point, strict=True)))


def _at(form: Form, point: Mapping[str, int]) -> int:
    """The form, whose growth is known, where its symbols take these values."""
    result = form.constant
    for monomial, n in form.terms:
        for atom in monomial:
            n *= _atom_at(atom, point)
        result += n
    return result


def _atom_at(atom: Atom, point: Mapping[str, int]) -> int:
    match atom:
        case Symbol(text):
            return point[text]
        case Floor(_, numerator, int(divisor)):
            return _at(numerator, point) // divisor
        case _:
            raise AssertionError(f"{atom.text} has no known growth")
