"""Arithmetic that keeps forms normal: sums multiplied out and sorted, divisions cancelled and merged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from itertools import product as cartesian
from zlib import crc32

from archspec.dims.forms import Atom, Floor, Form, Held, Monomial, operand_text, text_of

MAX_TEXT = 480  # characters; a longer form is held as one atom
MAX_TERMS = 64  # of a product, before it is multiplied out


def atomic(atom: Atom) -> Form:
    return Form((((atom,), 1),), 0)


@cache
def held(form: Form, factor: float) -> Held:
    if factor != 1:
        return Held(f"floor({operand_text(form)} * {factor})", form, factor)
    text = text_of(form)
    return Held(f"({text[:48]}... #{crc32(text.encode()):08x})", form, factor)  # the order of terms goes by text


def scaled(form: Form, by: int, constant: int = 0) -> Form:
    """`form * by + constant`."""
    terms = form.terms if by == 1 else tuple((monomial, n * by) for monomial, n in form.terms) if by else ()
    return Form(terms, form.constant * by + constant)


def plus(a: Form, b: Form) -> Form:
    terms = dict(a.terms)
    for monomial, n in b.terms:
        terms[monomial] = terms.get(monomial, 0) + n
    return _normal(terms, a.constant + b.constant)


def times(a: Form, b: Form) -> Form:
    if len(a.terms) * len(b.terms) > MAX_TERMS:
        a, b = (atomic(held(form, 1)) if len(form.terms) > 1 else form for form in (a, b))
    terms: dict[Monomial, int] = {}
    for (left, n), (right, m) in cartesian((*a.terms, ((), a.constant)), (*b.terms, ((), b.constant))):
        monomial = tuple(sorted((*left, *right), key=lambda atom: atom.text))
        terms[monomial] = terms.get(monomial, 0) + n * m
    return _normal(terms, terms.pop((), 0))


def _normal(terms: Mapping[Monomial, int], constant: int) -> Form:
    kept = tuple(sorted(((monomial, n) for monomial, n in terms.items() if n), key=_order))
    form = Form(kept, constant)
    length = sum(len(atom.text) for monomial, _ in kept for atom in monomial)
    return atomic(held(form, 1)) if length > MAX_TEXT else form


def _order(term: tuple[Monomial, int]) -> tuple[int, list[str]]:
    """Higher degrees first, then by text. Multiplying two terms by a third keeps their order, so division ends."""
    return -len(term[0]), [atom.text for atom in term[0]]


def floor_by(form: Form, divisor: int) -> Form:
    """`form // divisor`, at least 1: whole multiples come out, common factors cancel, nested divisions become one."""
    if divisor == 1:
        return form
    whole = {monomial: n // divisor for monomial, n in form.terms if n % divisor == 0}
    rest = {monomial: n for monomial, n in form.terms if n % divisor}
    outside, inside = divmod(form.constant, divisor)
    if not rest:
        return _normal(whole, outside)
    common = math.gcd(divisor, *rest.values())
    divisor, inside = divisor // common, inside // common
    inner = Form(tuple((monomial, n // common) for monomial, n in rest.items()), inside)
    match inner.terms:
        case (((Floor(_, numerator, int(nested)),), 1),):
            quotient = floor_by(scaled(numerator, 1, nested * inside), nested * divisor)
        case _:
            quotient = atomic(Floor(f"{operand_text(inner)} // {divisor}", inner, divisor))
    return plus(Form(tuple(whole.items()), outside), quotient)


def floor_by_form(form: Form, divisor: Form) -> Form:
    """`form // divisor`, which is not a constant."""
    exact = _exact_quotient(form, divisor)
    if exact is not None:
        return exact
    return atomic(Floor(f"{operand_text(form)} // {operand_text(divisor)}", form, divisor))


def _exact_quotient(form: Form, divisor: Form) -> Form | None:
    """Long division of polynomials in the atoms; None where a remainder is left."""
    leading, coefficient = divisor.terms[0]
    quotient, rest = Form((), 0), form
    while rest.terms:
        first, n = rest.terms[0]
        factor = _without(first, leading)
        if factor is None or n % coefficient:
            return None
        step = Form(((factor, n // coefficient),), 0) if factor else Form((), n // coefficient)
        quotient, rest = plus(quotient, step), plus(rest, scaled(times(step, divisor), -1))
    return quotient if rest.constant == 0 else None


def _without(monomial: Monomial, divisor: Monomial) -> Monomial | None:
    remaining = list(monomial)
    for atom in divisor:
        if atom not in remaining:
            return None
        remaining.remove(atom)
    return tuple(remaining)
