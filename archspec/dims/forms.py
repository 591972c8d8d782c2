"""What a size is made of, how it is written, and the symbols in it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from archspec.objects import record


class Symbol(NamedTuple):
    """An unknown integer >= 1, with its nominal value; `symbolic`: shown as itself although it has one."""

    text: str
    value: int | None
    symbolic: bool = False


class Floor(NamedTuple):
    """`numerator // divisor`; an integer divisor is at least 2."""

    text: str
    numerator: Form
    divisor: int | Form


@record(eq=False)
class Held:
    """`floor(form * factor)` in float64, which no proof looks into; with factor 1, a form too long to be spelled out.

    Made by `normal.held` alone, so that identity is equality: comparing and hashing must not walk into `form`.
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


def text_of(form: Form) -> str:
    """The form as Python would read it: `4 * ((H + 15) // 16) - 1`."""
    pieces = [(n, _term(monomial, abs(n))) for monomial, n in form.terms]
    if form.constant or not pieces:
        pieces.append((form.constant, str(abs(form.constant))))
    first = next((i for i, (n, _) in enumerate(pieces) if n > 0), 0)  # `3 - H` rather than `-H + 3`
    sign, head = pieces.pop(first)
    if sign < 0:
        floor_alone = sign == -1 and "//" in head and len(form.terms[0][0]) == 1
        head = f"-({head})" if floor_alone else f"-{head}"
    return head + "".join(f" {'-' if n < 0 else '+'} {text}" for n, text in pieces)


def _term(monomial: Monomial, coefficient: int) -> str:
    if len(monomial) == 1 and coefficient == 1:
        return monomial[0].text
    factors = [f"({atom.text})" if isinstance(atom, Floor) else atom.text for atom in monomial]
    return " * ".join(factors if coefficient == 1 else [str(coefficient), *factors])


def operand_text(form: Form) -> str:
    """The text of a form that is divided or divides."""
    match form:
        case Form((), constant) if constant >= 0:
            return str(constant)
        case Form((((Symbol() | Held() as atom,), 1),), 0):
            return atom.text
        case _:
            return f"({text_of(form)})"


@lru_cache(maxsize=1 << 12)  # a deep form meets its parts many times over
def symbols_of(form: Form) -> frozenset[Symbol]:
    return frozenset(symbol for monomial, _ in form.terms for atom in monomial for symbol in _symbols_of_atom(atom))


def _symbols_of_atom(atom: Atom) -> frozenset[Symbol]:
    match atom:
        case Symbol():
            return frozenset((atom,))
        case Floor(_, numerator, int()):
            return symbols_of(numerator)
        case Floor(_, numerator, divisor):
            return symbols_of(numerator) | symbols_of(divisor)
        case Held():
            return symbols_of(atom.form)


def names_of(form: Form) -> frozenset[str]:
    return frozenset(symbol.text for symbol in symbols_of(form))
