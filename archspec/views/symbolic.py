"""Sizes and costs that depend on unknown sizes, in a few letters: `~H/2` for `(H + 1) // 2`, and a legend of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from fractions import Fraction

from archspec import dims
from archspec.dims import Atom, Dim, Floor, Form, Held, Size, Symbol
from archspec.objects import mutable
from archspec.views.numbers import count, short_count

Powers = tuple[str, ...]  # the symbols of a product, sorted: ("H", "W")
_LONG = 6  # characters of a form that is abbreviated
_TERMS = 2  # of an estimate that are shown
_USUAL = 256  # what an unknown size counts as, where numbers are put in order


def estimate(dim: Dim) -> dict[Powers, Fraction] | None:
    """The polynomial that the size comes to where unknown sizes are large: roundings, and what is added inside them,
    are left out. None where one size divides by another."""
    if isinstance(dim, int):
        return {(): Fraction(dim)}
    try:
        plain = dims.at_nominal(dim)
        return {(): Fraction(plain)} if isinstance(plain, int) else _of_form(plain.form)
    except ZeroDivisionError:
        return None


def rank(dim: Dim) -> float:
    """A number to sort by."""
    found = estimate(dim) or {}
    return float(sum(factor * _USUAL ** len(powers) for powers, factor in found.items()))


def cost_texts(dim: Dim) -> tuple[str, str]:
    """A cost in full and short: `1,024` and `1.02k`; an estimate, `~2,352 HW`, where a size is unknown."""
    if isinstance(dim, int):
        return count(dim), short_count(dim)
    found = estimate(dim)
    if found is None:
        return "a form", "a form"
    terms = sorted(((p, f) for p, f in found.items() if f), key=lambda term: (-len(term[0]), term[0]))
    exact = _is_monomial(dim)
    more = " + .." if len(terms) > _TERMS else ""
    texts = (
        " + ".join(_term(show, powers, factor) for powers, factor in terms[:_TERMS]) + more
        for show in (_whole, short_count)
    )
    long, short = (text if exact else f"~{text}" for text in texts)
    return long, short


@mutable
class Legend:
    """Abbreviations of sizes, given as they are met."""

    forms: dict[str, str] = field(default_factory=dict[str, str])  # by closed form
    names: set[str] = field(default_factory=set[str])

    def shape(self, sizes: tuple[Dim, ...]) -> str:
        """`[N, 64, ~H/2, ~W/2]`."""
        return "[" + ", ".join(map(self.size, sizes)) + "]"

    def size(self, dim: Dim) -> str:
        """One size."""
        text = dims.show(dim)
        if isinstance(dim, int) or len(text) <= _LONG:
            return text
        if text not in self.forms:
            name = _name(dims.at_nominal(dim))
            while name in self.names:
                name += "'"
            self.names.add(name)
            self.forms[text] = name
        return self.forms[text]

    def lines(self) -> Mapping[str, str]:
        """What each abbreviation stands for."""
        return {name: form for form, name in self.forms.items()}


def _name(dim: Dim) -> str:
    found = {p: f for p, f in (estimate(dim) or {}).items() if p}
    if len(found) != 1:
        return "~" + "+".join(sorted(dims.symbols(dim)))
    ((powers, factor),) = found.items()
    if max(factor.numerator, factor.denominator) >= 1000:  # a scale factor that is no simple fraction
        return f"~{float(factor):.2g}{_product(powers)}"
    above = "" if factor.numerator == 1 else str(factor.numerator)
    below = "" if factor.denominator == 1 else f"/{factor.denominator}"
    return f"~{above}{_product(powers)}{below}"


def _of_form(form: Form) -> dict[Powers, Fraction]:
    found: dict[Powers, Fraction] = {(): Fraction(form.constant)}
    for monomial, factor in form.terms:
        powers: list[str] = []
        by = Fraction(factor)
        for atom in monomial:
            more, times = _leading(atom)
            powers.extend(more)
            by *= times
        key = tuple(sorted(powers))
        found[key] = found.get(key, Fraction(0)) + by
    return found


def _leading(atom: Atom) -> tuple[Powers, Fraction]:
    """The highest term; of several the first. Raises ZeroDivisionError where there is none."""
    match atom:
        case Symbol(text):
            return (text,), Fraction(1)
        case Floor(_, numerator, int(divisor)):
            powers, factor = _highest(numerator)
            return powers, factor / divisor
        case Held():
            powers, factor = _highest(atom.form)
            return powers, factor * Fraction(atom.factor).limit_denominator(1 << 16)
        case Floor():
            raise ZeroDivisionError


def _highest(form: Form) -> tuple[Powers, Fraction]:
    found = [(powers, factor) for powers, factor in _of_form(form).items() if factor]
    return max(found, key=lambda term: len(term[0]), default=((), Fraction(0)))


def _is_monomial(dim: Size) -> bool:
    plain = dims.at_nominal(dim)
    if isinstance(plain, int):
        return True
    return all(isinstance(atom, Symbol) for monomial, _ in plain.form.terms for atom in monomial)


def _term(show: Callable[[float], str], powers: Powers, factor: Fraction) -> str:
    if not powers:
        return show(float(factor))
    return _product(powers) if factor == 1 else f"{show(float(factor))} {_product(powers)}"


def _whole(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _product(powers: Powers) -> str:
    """`HW`, `H^2 W`."""
    counts = {name: powers.count(name) for name in powers}
    if all(n == 1 for n in counts.values()) and all(len(name) == 1 for name in counts):
        return "".join(counts)
    return " ".join(name if n == 1 else f"{name}^{n}" for name, n in counts.items())
