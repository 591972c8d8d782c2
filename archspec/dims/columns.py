"""Forms evaluated at many values of their symbols at once; each atom is computed once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import NamedTuple

from archspec.dims.forms import Atom, Floor, Form, Held, Symbol
from archspec.objects import mutable


class Growth(NamedTuple):
    """On each residue class modulo `period` of its only symbol, a form is a polynomial of at most this degree, with
    integer coefficients."""

    period: int
    degree: int


@mutable
class Columns:
    """What forms come to at each point; `points` gives the values of every symbol."""

    points: Mapping[str, Sequence[int]]
    _done: dict[int, tuple[Atom, list[int]]] = field(default_factory=dict[int, tuple[Atom, list[int]]])

    def of(self, form: Form) -> list[int]:
        """One number a point. Raises ZeroDivisionError."""
        total = [form.constant] * len(next(iter(self.points.values())))
        for monomial, n in form.terms:
            column = self._atom(monomial[0])
            for atom in monomial[1:]:
                column = [a * b for a, b in zip(column, self._atom(atom), strict=True)]
            total = [sum_ + n * x for sum_, x in zip(total, column, strict=True)]
        return total

    def _atom(self, atom: Atom) -> list[int]:
        """By identity, which is enough, and cheap: a form meets its own parts many times over."""
        found = self._done.get(id(atom))
        if found is None:
            found = self._done[id(atom)] = (atom, self._compute(atom))
        return found[1]

    def _compute(self, atom: Atom) -> list[int]:
        match atom:
            case Symbol(text):
                return list(self.points[text])
            case Floor(_, numerator, int(divisor)):
                return [x // divisor for x in self.of(numerator)]
            case Floor(_, numerator, divisor):
                assert not isinstance(divisor, int)
                return [a // b for a, b in zip(self.of(numerator), self.of(divisor), strict=True)]
            case Held(_, form, factor):
                column = self.of(form)
                return column if factor == 1 else [math.floor(x * factor) for x in column]


def growth(form: Form) -> Growth | None:
    """Of a form in one symbol; None with an atom that is not understood: a division by a size, a rounded factor."""
    return _growth(form, {})


def _growth(form: Form, done: dict[int, Growth | None]) -> Growth | None:
    period, degree = 1, 0
    for monomial, _ in form.terms:
        total = 0
        for atom in monomial:
            if id(atom) not in done:
                done[id(atom)] = _atom_growth(atom, done)
            part = done[id(atom)]
            if part is None:
                return None
            period, total = math.lcm(period, part.period), total + part.degree
        degree = max(degree, total)
    return Growth(period, degree)


def _atom_growth(atom: Atom, done: dict[int, Growth | None]) -> Growth | None:
    match atom:
        case Symbol():
            return Growth(1, 1)
        case Floor(_, numerator, int(divisor)):
            inner = _growth(numerator, done)
            return inner and Growth(inner.period * divisor, inner.degree)
        case Held(_, form, 1):
            return _growth(form, done)
        case _:
            return None


def never_falls(form: Form) -> bool:
    """Whether a form in one symbol is proved never to fall, and to exceed every bound in the end."""
    return bool(form.terms) and all(n > 0 and len(atoms) == 1 and _never_falls(atoms[0]) for atoms, n in form.terms)


def _never_falls(atom: Atom) -> bool:
    match atom:
        case Symbol():
            return True
        case Floor(_, numerator, int()):
            return never_falls(numerator)
        case Floor():
            return False
        case Held(_, form, factor):
            return factor > 0 and never_falls(form)
