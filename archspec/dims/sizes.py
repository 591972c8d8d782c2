"""`Size`: how one is made, read, computed with and evaluated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from archspec.dims.forms import Atom, Floor, Form, Held, Symbol, names_of, symbols_of, text_of
from archspec.dims.normal import atomic, floor_by, floor_by_form, held, plus, scaled, times

MAX_EXACT = 1 << 20  # numerator and denominator of a scale factor whose float product is exact for sizes below 2**33


@dataclass(frozen=True, slots=True, repr=False)
class Size:
    """A size that depends on the input's. Without operators on purpose: use the functions of this package."""

    form: Form
    value: int | None
    symbolic: bool = False  # shown as a form although it has a value
    _hash: int = field(init=False, repr=False, compare=False)  # asked for far more often than sizes are made

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.form, self.value, self.symbolic)))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type[Size], tuple[Form, int | None, bool]]:
        return Size, (self.form, self.value, self.symbolic)  # hashes of texts differ from process to process

    def __repr__(self) -> str:
        """As `show`, so that a shape reads `(N, 256, 56, 56)`."""
        return show(self)


Dim = int | Size


def symbol(name: str, value: int | None = None, *, symbolic: bool = False) -> Size:
    """A positive integer unknown; `value` is its nominal value, `symbolic` keeps it from being shown in its place."""
    return Size(atomic(Symbol(name, value, symbolic)), value, symbolic)


# Reading


def value(dim: Dim) -> int | None:
    """The size at the nominal input, None where a symbol has no nominal value."""
    return dim if isinstance(dim, int) else dim.value


def show(dim: Dim) -> str:
    """The number where there is one, else the closed form at what is known: `224`, `N`, `16 * N`, `(H + 31) // 32`.

    A size of symbols that are kept symbolic is a closed form, too.
    """
    found = shown(dim)
    return found if isinstance(found, str) else str(found)


def shown(dim: Dim) -> int | str:
    """As `show`, a number as such: what JSON holds."""
    if isinstance(dim, int):
        return dim
    if dim.value is not None and not dim.symbolic:
        return dim.value
    return _shown(dim.form)


@lru_cache(maxsize=1 << 12)
def _shown(form: Form) -> int | str:
    left = _at_nominal(form, True)
    return left if isinstance(left, int) else text_of(left.form)


def at_nominal(dim: Dim) -> Dim:
    """The size with its symbols of known value replaced by them, but for those that are kept symbolic."""
    return dim if isinstance(dim, int) else _at_nominal(dim.form, True)


def all_nominal(dim: Dim) -> Dim:
    """The size with every symbol of known value replaced by it."""
    return dim if isinstance(dim, int) else _at_nominal(dim.form, False)


@lru_cache(maxsize=1 << 12)
def _at_nominal(form: Form, keep_symbolic: bool) -> Dim:
    known = {
        symbol.text: symbol.value
        for symbol in symbols_of(form)
        if symbol.value is not None and not (keep_symbolic and symbol.symbolic)
    }
    return _substitute(form, known, {})


def closed_form(dim: Dim) -> str:
    """The size in its symbols, whatever their nominal values: `4 * ((H + 15) // 16)`."""
    return str(dim) if isinstance(dim, int) else text_of(dim.form)


def symbols(dim: Dim) -> frozenset[str]:
    """The names of the symbols the size depends on."""
    return frozenset[str]() if isinstance(dim, int) else names_of(dim.form)


def form_of(dim: Dim) -> Form:
    return Form((), dim) if isinstance(dim, int) else dim.form


def of_form(form: Form) -> Dim:
    """The size that a form is."""
    return _dim(form, None, True)


# Arithmetic


def add(a: Dim, b: Dim) -> Dim:
    if isinstance(a, int):
        return a + b if isinstance(b, int) else affine(b, 1, a, 1)
    return affine(a, 1, b, 1) if isinstance(b, int) else _add(a, b)


def sub(a: Dim, b: Dim) -> Dim:
    if isinstance(b, int):
        return a - b if isinstance(a, int) else affine(a, 1, -b, 1)
    return affine(b, -1, a, 1) if isinstance(a, int) else add(a, affine(b, -1, 0, 1))


def mul(a: Dim, b: Dim) -> Dim:
    if isinstance(a, int):
        return a * b if isinstance(b, int) else affine(b, a, 0, 1)
    return affine(a, b, 0, 1) if isinstance(b, int) else _mul(a, b)


def floor_div(a: Dim, b: Dim) -> Dim:
    """`a // b`, rounded down. Raises ZeroDivisionError where `b` is 0, at the nominal sizes too."""
    if isinstance(b, int):
        if isinstance(a, int):
            return a // b
        return affine(a, 1, 0, b) if b > 0 else affine(a, -1, 0, -b)
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


def scale(size: Dim, factor: float) -> Dim:
    """`floor(size * factor)`, the product rounded to float64 first as torch.nn.functional.interpolate does."""
    if isinstance(size, int):
        return math.floor(size * factor)
    exact = Fraction(factor)
    if max(abs(exact.numerator), exact.denominator) <= MAX_EXACT:
        return affine(size, exact.numerator, 0, exact.denominator)
    known = None if size.value is None else math.floor(size.value * factor)
    return Size(atomic(held(size.form, factor)), known, size.symbolic)


# Networks repeat their arithmetic: everything that builds a form is cached.


@lru_cache(maxsize=1 << 14)
def affine(size: Size, factor: int, offset: int, divisor: int) -> Dim:
    """`(size * factor + offset) // divisor`; the divisor is not negative. Raises ZeroDivisionError where it is 0."""
    if divisor == 0:
        raise ZeroDivisionError(f"{size} // 0")
    known = None if size.value is None else (size.value * factor + offset) // divisor
    return _dim(floor_by(scaled(size.form, factor, offset), divisor), known, size.symbolic)


@lru_cache(maxsize=1 << 14)
def _add(a: Size, b: Size) -> Dim:
    known = None if a.value is None or b.value is None else a.value + b.value
    return _dim(plus(a.form, b.form), known, a.symbolic or b.symbolic)


@lru_cache(maxsize=1 << 14)
def _mul(a: Size, b: Size) -> Dim:
    known = None if a.value is None or b.value is None else a.value * b.value
    return _dim(times(a.form, b.form), known, a.symbolic or b.symbolic)


@lru_cache(maxsize=1 << 14)
def _floor_div(a: Dim, b: Size) -> Dim:
    if b.value == 0:
        raise ZeroDivisionError(f"{a} // {b}")
    left = value(a)
    known = None if left is None or b.value is None else left // b.value
    symbolic = b.symbolic or (isinstance(a, Size) and a.symbolic)
    return _dim(floor_by_form(form_of(a), b.form), known, symbolic)


def _dim(form: Form, known: int | None, symbolic: bool) -> Dim:
    """`symbolic`: whether an operand was."""
    if not form.terms:
        return form.constant
    if known is None and all(symbol.value is not None for symbol in symbols_of(form)):  # the unknown one cancelled
        known = value(_at_nominal(form, False))
    return Size(form, known, symbolic and any(symbol.symbolic for symbol in symbols_of(form)))


# Evaluation


def substitute(dim: Dim, sizes: Mapping[str, int]) -> Dim:
    """The size where some symbols, or all, take these values; the others keep their nominal ones."""
    return dim if isinstance(dim, int) else _substitute(dim.form, sizes, {})


def _substitute(form: Form, sizes: Mapping[str, int], done: dict[Held, Dim]) -> Dim:
    """`done` remembers the atoms that may be deep."""
    result: Dim = form.constant
    for monomial, n in form.terms:
        term: Dim = n
        for atom in monomial:
            term = mul(term, _substitute_atom(atom, sizes, done))
        result = add(result, term)
    return result


def _substitute_atom(atom: Atom, sizes: Mapping[str, int], done: dict[Held, Dim]) -> Dim:
    match atom:
        case Symbol(text, nominal, symbolic):
            return sizes[text] if text in sizes else symbol(text, nominal, symbolic=symbolic)
        case Floor(_, numerator, divisor):
            by = divisor if isinstance(divisor, int) else _substitute(divisor, sizes, done)
            return floor_div(_substitute(numerator, sizes, done), by)
        case Held():
            if atom not in done:
                done[atom] = scale(_substitute(atom.form, sizes, done), atom.factor)
            return done[atom]
