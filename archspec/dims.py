"""Sizes, and the only arithmetic on them.

A size is an `int`, or a `Size`: a closed form in symbols (`(H + 31) // 32`) with, where one is known, its value at the
nominal input. Forms are kept normal, so that most equal sizes look equal; what is left open is decided on one period of
the form. Symbols stand for integers of at least 1; division rounds down, as Python's; a result of zero or less is
returned as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from itertools import product as cartesian
from typing import NamedTuple
from zlib import crc32

MAX_TEXT = 480  # characters; a longer form is held as one atom
MAX_TERMS = 64  # of a product, before it is multiplied out
MAX_POINTS = 4096  # that one proof may evaluate
MAX_EXACT = 1 << 20  # numerator and denominator of a scale factor whose float product is exact for sizes below 2**33


class Symbol(NamedTuple):
    """An unknown integer >= 1, with its nominal value."""

    text: str
    value: int | None


class Floor(NamedTuple):
    """`numerator // divisor`; an integer divisor is at least 2."""

    text: str
    numerator: Form
    divisor: int | Form


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """`floor(form * factor)` in float64, which no proof looks into; with factor 1, a form too long to be spelled out.

    Made by `_held` alone, so that identity is equality: comparing and hashing must not walk into `form`.
    """

    text: str
    form: Form
    factor: float


Atom = Symbol | Floor | Held
Monomial = tuple[Atom, ...]


class Form(NamedTuple):
    """`constant` plus a sum of integer coefficients times products of atoms, sorted."""

    terms: tuple[tuple[Monomial, int], ...]
    constant: int


@dataclass(frozen=True, slots=True)
class Size:
    """A size that depends on the input's. Without operators on purpose: use the functions of this module."""

    form: Form
    value: int | None

    def __str__(self) -> str:
        return show(self)


Dim = int | Size


def symbol(name: str, value: int | None = None) -> Size:
    """A positive integer unknown; `value` is its nominal value."""
    return Size(_atomic(Symbol(name, value)), value)


opaque = symbol
"""A size without a closed form: nothing is known of it but its name."""


# Reading


def value(dim: Dim) -> int | None:
    """The size at the nominal input, None where a symbol has no nominal value."""
    return dim if isinstance(dim, int) else dim.value


def show(dim: Dim) -> str:
    """The value where there is one, else the closed form at what is known: `224`, `N`, `16 * N`, `(H + 31) // 32`."""
    known = value(dim)
    return closed_form(at_nominal(dim)) if known is None else str(known)


def at_nominal(dim: Dim) -> Dim:
    """The size with its symbols of known value replaced by them."""
    return dim if isinstance(dim, int) else _at_nominal(dim.form)


@lru_cache(maxsize=1 << 12)
def _at_nominal(form: Form) -> Dim:
    return _substitute(form, dict(_known_values(form)), {})


def closed_form(dim: Dim) -> str:
    """The size in its symbols, whatever their nominal values: `4 * ((H + 15) // 16)`."""
    return str(dim) if isinstance(dim, int) else _text(dim.form)


def symbols(dim: Dim) -> frozenset[str]:
    """The names of the symbols the size depends on."""
    return frozenset[str]() if isinstance(dim, int) else _names(dim.form)


def substitute(dim: Dim, sizes: Mapping[str, int]) -> Dim:
    """The size where some symbols, or all, take these values; the others keep their nominal ones."""
    return dim if isinstance(dim, int) else _substitute(dim.form, sizes, {})


# Arithmetic


def add(a: Dim, b: Dim) -> Dim:
    if isinstance(a, int):
        return a + b if isinstance(b, int) else _affine(b, 1, a, 1)
    return _affine(a, 1, b, 1) if isinstance(b, int) else _add(a, b)


def sub(a: Dim, b: Dim) -> Dim:
    if isinstance(b, int):
        return a - b if isinstance(a, int) else _affine(a, 1, -b, 1)
    return _affine(b, -1, a, 1) if isinstance(a, int) else add(a, _affine(b, -1, 0, 1))


def mul(a: Dim, b: Dim) -> Dim:
    if isinstance(a, int):
        return a * b if isinstance(b, int) else _affine(b, a, 0, 1)
    return _affine(a, b, 0, 1) if isinstance(b, int) else _mul(a, b)


def floor_div(a: Dim, b: Dim) -> Dim:
    """`a // b`, rounded down. Raises ZeroDivisionError where `b` is 0, at the nominal sizes too."""
    if isinstance(b, int):
        if isinstance(a, int):
            return a // b
        return _affine(a, 1, 0, b) if b > 0 else _affine(a, -1, 0, -b)
    return _floor_div(a, b)


def ceil_div(a: Dim, b: Dim) -> Dim:
    """`a / b`, rounded up; `b` is positive."""
    return floor_div(add(a, sub(b, 1)), b)


def mod(a: Dim, b: Dim) -> Dim:
    """`a - b * (a // b)`: has the sign of `b`."""
    return sub(a, mul(b, floor_div(a, b)))


def product(dims: Iterable[Dim]) -> Dim:
    result: Dim = 1
    for dim in dims:
        result = mul(result, dim)
    return result


def total(dims: Iterable[Dim]) -> Dim:
    result: Dim = 0
    for dim in dims:
        result = add(result, dim)
    return result


def window_out(
    size: Dim, kernel: int, stride: int, pad_before: int, pad_after: int, dilation: int, ceil_mode: bool = False
) -> Dim:
    """How many windows of a convolution or a pooling fit one axis (the shape formula of torch.nn.MaxPool2d).

    With `ceil_mode` a last window may overhang, if it starts inside the input or the padding before it. Padding is at
    most the window's extent, as torch demands.
    """
    overhang = pad_after - dilation * (kernel - 1) - 1 + stride  # floor((size + pad_before + overhang) / stride)
    if ceil_mode:  # whichever of rounding up and that condition allows fewer: both are floors, so their minimum is
        overhang = min(overhang, 0) + stride - 1
    offset = pad_before + overhang
    return (size + offset) // stride if isinstance(size, int) else _affine(size, 1, offset, stride)


def transposed_out(size: Dim, kernel: int, stride: int, padding: int, dilation: int, output_padding: int) -> Dim:
    """The size of one axis after a transposed convolution (the shape formula of torch.nn.ConvTranspose2d)."""
    offset = dilation * (kernel - 1) + 1 + output_padding - 2 * padding - stride
    return stride * size + offset if isinstance(size, int) else _affine(size, stride, offset, 1)


def scale(size: Dim, factor: float) -> Dim:
    """`floor(size * factor)`, the product rounded to float64 first as torch.nn.functional.interpolate does."""
    if isinstance(size, int):
        return math.floor(size * factor)
    exact = Fraction(factor)
    if max(abs(exact.numerator), exact.denominator) <= MAX_EXACT:
        return _affine(size, exact.numerator, 0, exact.denominator)
    known = None if size.value is None else math.floor(size.value * factor)
    return Size(_atomic(_held(size.form, factor)), known)


# Questions. `known_*` ask at the nominal sizes and answer None where nobody can say; `proved_*` ask of every size.


def known_equal(a: Dim, b: Dim) -> bool | None:
    """Whether two sizes agree at the nominal input; None where that is unknown and not the same for every input."""
    left, right = value(a), value(b)
    if left is not None and right is not None:
        return left == right
    form = _form_of(sub(a, b))
    always = _residue(form, 0)
    if always is not None:
        return always == 0
    divisor = math.gcd(*(coefficient for _, coefficient in form.terms))
    never = form.constant % divisor != 0 or _at_least(form, 1) or _at_least(_scaled(form, -1), 1)
    return False if never else None


def can_agree(a: Dim, b: Dim) -> bool:
    """Whether two sizes agree on a whole residue class of their symbols, not merely at odd values.

    `2 * (H // 2)` and `H` do, for every even H; `H` and `W`, or `H` and `(H + 1) // 2`, do not.
    """
    difference = sub(a, b)
    if isinstance(difference, int):
        return difference == 0
    growth = _growth(difference.form)
    names = sorted(symbols(difference))
    if growth is None or math.prod(growth.periods.get(name, 1) for name in names) > MAX_POINTS:
        return True  # not decided
    ranges = [range(growth.periods.get(name, 1)) for name in names]
    return any(
        all(_vanishes(difference, names, ranges, residues, shift) for shift in (7, 12, 20))
        for residues in cartesian(*ranges)
    )


def _vanishes(difference: Size, names: list[str], ranges: list[range], residues: tuple[int, ...], shift: int) -> bool:
    """Whether it is 0 where every symbol is of its residue, each with a multiple of its own."""
    multiples = (shift + 3 * position * shift for position in range(len(names)))
    sizes = {name: r + len(period) * m for name, r, period, m in zip(names, residues, ranges, multiples, strict=True)}
    return substitute(difference, sizes) == 0


def proved_equal(a: Dim, b: Dim) -> bool:
    """Whether two sizes agree for every value of the symbols."""
    return a == b or _residue(_form_of(sub(a, b)), 0) == 0


def known_at_least(a: Dim, bound: int) -> bool | None:
    known = value(a)
    if known is not None:
        return known >= bound
    form = _form_of(a)
    if _at_least(form, bound):
        return True
    return False if _at_least(_scaled(form, -1), 1 - bound) else None


def proved_at_least(a: Dim, bound: int) -> bool:
    return a >= bound if isinstance(a, int) else _at_least(a.form, bound)


def known_divisible(a: Dim, by: int) -> bool | None:
    known = value(a)
    residue = _residue(_form_of(a), by) if known is None else known % by
    return None if residue is None else residue == 0


def proved_divisible(a: Dim, by: int) -> bool:
    return a % by == 0 if isinstance(a, int) else _residue(a.form, by) == 0


# Forms


def _form_of(dim: Dim) -> Form:
    return Form((), dim) if isinstance(dim, int) else dim.form


def _atomic(atom: Atom) -> Form:
    return Form((((atom,), 1),), 0)


def _dim(form: Form, known: int | None) -> Dim:
    return Size(form, known) if form.terms else form.constant


def _order(term: tuple[Monomial, int]) -> tuple[int, list[str]]:
    """Higher degrees first, then by text. Multiplying two terms by a third keeps their order, so division ends."""
    return -len(term[0]), [atom.text for atom in term[0]]


def _normal(terms: Mapping[Monomial, int], constant: int) -> Form:
    kept = tuple(sorted(((monomial, n) for monomial, n in terms.items() if n), key=_order))
    form = Form(kept, constant)
    length = sum(len(atom.text) for monomial, _ in kept for atom in monomial)
    return _atomic(_held(form, 1)) if length > MAX_TEXT else form


def _scaled(form: Form, by: int, constant: int = 0) -> Form:
    """`form * by + constant`."""
    terms = form.terms if by == 1 else tuple((monomial, n * by) for monomial, n in form.terms) if by else ()
    return Form(terms, form.constant * by + constant)


def _sum(a: Form, b: Form) -> Form:
    terms = dict(a.terms)
    for monomial, n in b.terms:
        terms[monomial] = terms.get(monomial, 0) + n
    return _normal(terms, a.constant + b.constant)


def _times(a: Form, b: Form) -> Form:
    if len(a.terms) * len(b.terms) > MAX_TERMS:
        a, b = (_atomic(_held(form, 1)) if len(form.terms) > 1 else form for form in (a, b))
    terms: dict[Monomial, int] = {}
    for (left, n), (right, m) in cartesian((*a.terms, ((), a.constant)), (*b.terms, ((), b.constant))):
        monomial = tuple(sorted((*left, *right), key=lambda atom: atom.text))
        terms[monomial] = terms.get(monomial, 0) + n * m
    return _normal(terms, terms.pop((), 0))


def _floor(form: Form, divisor: int) -> Form:
    """`form // divisor`: whole multiples come out, common factors cancel, nested divisions become one."""
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
            quotient = _floor(_scaled(numerator, 1, nested * inside), nested * divisor)
        case _:
            quotient = _atomic(Floor(f"{_operand(inner)} // {divisor}", inner, divisor))
    return _sum(Form(tuple(whole.items()), outside), quotient)


def _floor_by_form(form: Form, divisor: Form) -> Form:
    exact = _exact_quotient(form, divisor)
    return _atomic(Floor(f"{_operand(form)} // {_operand(divisor)}", form, divisor)) if exact is None else exact


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
        quotient, rest = _sum(quotient, step), _sum(rest, _scaled(_times(step, divisor), -1))
    return quotient if rest.constant == 0 else None


def _without(monomial: Monomial, divisor: Monomial) -> Monomial | None:
    remaining = list(monomial)
    for atom in divisor:
        if atom not in remaining:
            return None
        remaining.remove(atom)
    return tuple(remaining)


@cache
def _held(form: Form, factor: float) -> Held:
    if factor != 1:
        return Held(f"floor({_operand(form)} * {factor})", form, factor)
    text = _text(form)
    return Held(f"({text[:48]}... #{crc32(text.encode()):08x})", form, factor)  # the order of terms goes by text


# Networks repeat their arithmetic: everything that builds a form is cached.


@lru_cache(maxsize=1 << 14)
def _affine(size: Size, factor: int, offset: int, divisor: int) -> Dim:
    """`(size * factor + offset) // divisor`."""
    if divisor == 0:
        raise ZeroDivisionError(f"{size} // 0")
    known = None if size.value is None else (size.value * factor + offset) // divisor
    return _dim(_floor(_scaled(size.form, factor, offset), divisor), known)


@lru_cache(maxsize=1 << 14)
def _add(a: Size, b: Size) -> Dim:
    return _dim(_sum(a.form, b.form), None if a.value is None or b.value is None else a.value + b.value)


@lru_cache(maxsize=1 << 14)
def _mul(a: Size, b: Size) -> Dim:
    return _dim(_times(a.form, b.form), None if a.value is None or b.value is None else a.value * b.value)


@lru_cache(maxsize=1 << 14)
def _floor_div(a: Dim, b: Size) -> Dim:
    left = value(a)
    known = None if left is None or b.value is None else left // b.value
    return _dim(_floor_by_form(_form_of(a), b.form), known)


# Text


def _text(form: Form) -> str:
    pieces = [(n, _term(monomial, abs(n))) for monomial, n in form.terms]
    if form.constant or not pieces:
        pieces.append((form.constant, str(abs(form.constant))))
    first = next((i for i, (n, _) in enumerate(pieces) if n > 0), 0)  # `3 - H` rather than `-H + 3`
    sign, head = pieces.pop(first)
    if sign < 0:
        alone = len(form.terms[0][0]) == 1 and sign == -1
        head = f"-({head})" if alone and "//" in head else f"-{head}"
    return head + "".join(f" {'-' if n < 0 else '+'} {text}" for n, text in pieces)


def _term(monomial: Monomial, coefficient: int) -> str:
    if len(monomial) == 1 and coefficient == 1:
        return monomial[0].text
    factors = [f"({atom.text})" if isinstance(atom, Floor) else atom.text for atom in monomial]
    return " * ".join(factors if coefficient == 1 else [str(coefficient), *factors])


def _operand(form: Form) -> str:
    """The text of a form that is divided or divides."""
    match form:
        case Form((), constant) if constant >= 0:
            return str(constant)
        case Form((((Symbol() | Held() as atom,), 1),), 0):
            return atom.text
        case _:
            return f"({_text(form)})"


# Evaluation


def _known_values(form: Form) -> Iterator[tuple[str, int]]:
    """The symbols of known value, and it."""
    for monomial, _ in form.terms:
        for atom in monomial:
            match atom:
                case Symbol(text, nominal):
                    if nominal is not None:
                        yield text, nominal
                case Floor(_, numerator, divisor):
                    yield from _known_values(numerator)
                    if not isinstance(divisor, int):
                        yield from _known_values(divisor)
                case Held():
                    yield from _known_values(atom.form)


@lru_cache(maxsize=1 << 12)
def _names(form: Form) -> frozenset[str]:
    return frozenset(name for monomial, _ in form.terms for atom in monomial for name in _atom_names(atom))


def _atom_names(atom: Atom) -> Iterable[str]:
    match atom:
        case Symbol(text, _):
            return (text,)
        case Floor(_, numerator, int()):
            return _names(numerator)
        case Floor(_, numerator, divisor):
            return _names(numerator) | _names(divisor)
        case Held():
            return _names(atom.form)


def _substitute(form: Form, sizes: Mapping[str, int], held: dict[Held, Dim]) -> Dim:
    """`held` remembers the atoms that may be deep."""
    result: Dim = form.constant
    for monomial, n in form.terms:
        term: Dim = n
        for atom in monomial:
            term = mul(term, _substitute_atom(atom, sizes, held))
        result = add(result, term)
    return result


def _substitute_atom(atom: Atom, sizes: Mapping[str, int], held: dict[Held, Dim]) -> Dim:
    match atom:
        case Symbol(text, nominal):
            return sizes[text] if text in sizes else symbol(text, nominal)
        case Floor(_, numerator, divisor):
            by = divisor if isinstance(divisor, int) else _substitute(divisor, sizes, held)
            return floor_div(_substitute(numerator, sizes, held), by)
        case Held():
            if atom not in held:
                held[atom] = scale(_substitute(atom.form, sizes, held), atom.factor)
            return held[atom]


# Proofs. On every residue class of its symbols modulo a period, a form is a polynomial with integer coefficients: floor
# division by a constant keeps that and multiplies the period. A polynomial of degree d that is constant (or constant
# modulo m) at d + 1 consecutive points is constant, so a box of `period * (degree + 1)` values a symbol decides.


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
        case Symbol(text, _):
            return _Growth({text: 1}, 1)
        case Floor(_, numerator, int(divisor)):
            inner = _growth(numerator)
            if inner is None:
                return None
            return _Growth({name: period * divisor for name, period in inner.periods.items()}, inner.degree)
        case _:
            return None


def _independent(form: Form) -> Iterator[Form]:
    """The terms in groups that share no symbol: a sum of them is constant, or least, where each group is."""
    groups: list[tuple[frozenset[str], list[tuple[Monomial, int]]]] = []
    for term in form.terms:
        names, members = _names(Form((term,), 0)), [term]
        apart: list[tuple[frozenset[str], list[tuple[Monomial, int]]]] = []
        for others, theirs in groups:
            if names & others:
                names, members = names | others, theirs + members
            else:
                apart.append((others, theirs))
        groups = [*apart, (names, members)]
    return (Form(tuple(members), 0) for _, members in groups)


def _values(form: Form, counts: Mapping[str, int]) -> Iterator[int]:
    """The form at every point of the box 1..count."""
    for point in cartesian(*(range(1, count + 1) for count in counts.values())):
        yield _at(form, dict(zip(counts, point, strict=True)))


def _at(form: Form, point: Mapping[str, int]) -> int:
    result = _substitute(form, point, {})
    assert isinstance(result, int), f"{_text(form)} is left with symbols at {point}"
    return result


@lru_cache(maxsize=1 << 12)
def _residue(form: Form, modulus: int) -> int | None:
    """What the form is, modulo `modulus` (0: exactly), for every value of its symbols; None if it differs or is not
    known to be one."""
    result = form.constant
    for group in _independent(form):
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


def _at_least(form: Form, bound: int) -> bool:
    lowest = _minimum(form)
    return lowest is not None and lowest >= bound


@lru_cache(maxsize=1 << 12)
def _minimum(form: Form) -> int | None:
    """A proved lower bound, the greatest one where the form is affine but for floors; None where there is none."""
    lowest = form.constant
    for group in _independent(form):
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
            return 0 if lowest >= 0 and _at_least(divisor, 1) else None
        case Held():
            lowest = _minimum(atom.form)
            return None if lowest is None or atom.factor < 0 else math.floor(lowest * atom.factor)
