"""Conditions on several sizes at once, taken apart into conditions on one each where that is exact."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import NamedTuple

from archspec.dims.columns import Columns, growth
from archspec.dims.forms import Form, Monomial, names_of, text_of
from archspec.dims.normal import atomic, plus, scaled
from archspec.dims.proofs import independent
from archspec.dims.sets import EVERY, SizeSet
from archspec.dims.solve import Condition, least, solve

Allowed = Mapping[str, SizeSet]
"""What is known already to be asked of each symbol."""


class Equation(NamedTuple):
    """`left == right`, which says more than their difference: the two sides may be products."""

    left: Form
    right: Form

    @property
    def condition(self) -> Condition:
        return Condition("zero", difference(self.left, self.right))

    @property
    def text(self) -> str:
        """Products as such: `(H // 4 - 7) * (W // 4 - 7) = 1`; the condition's text where a side is none."""
        sides = factors(self.left), factors(self.right)
        if None in sides or all(len(side.by) < 2 for side in sides if side):
            return self.condition.plain().text
        by = math.gcd(*(side.number for side in sides if side)) or 1
        return " = ".join(_product_text(side.number // by, side.by) for side in sides if side)


class Factors(NamedTuple):
    """A form as `number` times a form in each of some symbols."""

    number: int
    by: Mapping[str, Form]


def difference(left: Form, right: Form) -> Form:
    """`left - right`."""
    return plus(left, scaled(right, -1))


def _product_text(number: int, by: Mapping[str, Form]) -> str:
    factors = [text_of(form) for _, form in sorted(by.items())]
    if number != 1 or not factors:
        factors = [str(number), *factors]
    return " * ".join(f"({text})" if " " in text and len(factors) > 1 else text for text in factors)


ALWAYS: tuple[Condition, ...] = ()


def separate(what: Condition | Equation, allowed: Allowed) -> tuple[Condition, ...] | None:
    """Conditions, each on one symbol, that together are the same as this one for all sizes that are `allowed`; none of
    them where it always holds. None where no such are found."""
    condition = what.condition if isinstance(what, Equation) else what
    count = len(names_of(condition.form))
    if count == 1:
        return (condition,)
    if not count:
        return ALWAYS if condition.holds_of(condition.form.constant) else None
    tries: list[Callable[[], tuple[Condition, ...] | None]] = []
    if isinstance(what, Equation):
        tries += [lambda: _equal_products(what, allowed), lambda: _least_product(what, allowed)]
    if condition.kind == "zero":
        tries.append(lambda: _zero_sum(condition.form, allowed))
    elif condition.kind == "not-negative":
        tries += [lambda: _positive_product(condition.form, allowed), lambda: _large_sum(condition.form, allowed)]
    return next((found for attempt in tries if (found := attempt()) is not None), None)


def factors(form: Form) -> Factors | None:
    """The form as a product of forms in one symbol each; None where it is not seen to be one."""
    names = sorted(names_of(form))
    if not names:
        return Factors(form.constant, {})
    content, form = _primitive(form)
    if len(names) == 1:
        return Factors(content, {names[0]: form})
    rows: dict[Monomial, dict[Monomial, int]] = {}
    for monomial, n in (*form.terms, *((((), form.constant),) if form.constant else ())):
        mine: Monomial = tuple(atom for atom in monomial if names_of(atomic(atom)) == frozenset(names[:1]))
        rest: Monomial = tuple(atom for atom in monomial if atom not in mine)
        if names[0] in names_of(Form(((rest, 1),), 0)):
            return None
        rows.setdefault(mine, {})[rest] = n
    parts = {mine: _primitive(_form(rest)) for mine, rest in rows.items()}
    others = {part for _, part in parts.values()}
    if len(others) > 1:
        return None
    inner = factors(others.pop())
    if inner is None:
        return None
    return Factors(content * inner.number, {names[0]: _form({m: n for m, (n, _) in parts.items()}), **inner.by})


def _form(terms: Mapping[Monomial, int]) -> Form:
    """The sum of these terms, in their normal order."""
    found = Form((), terms.get((), 0))
    for monomial, n in terms.items():
        if monomial:
            found = plus(found, Form(((monomial, n),), 0))
    return found


def _primitive(form: Form) -> tuple[int, Form]:
    """The greatest common divisor of the coefficients, with the sign of the first, and the form divided by it."""
    first = form.terms[0][1] if form.terms else form.constant
    by = math.gcd(form.constant, *(n for _, n in form.terms)) * (1 if first >= 0 else -1)
    if by in (0, 1):
        return 1, form
    return by, Form(tuple((monomial, n // by) for monomial, n in form.terms), form.constant // by)


def _equal_products(what: Equation, allowed: Allowed) -> tuple[Condition, ...] | None:
    """`4 * (H // 4) * 4 * (W // 4) == H * W`: no factor of one side exceeds its like on the other, so each is equal."""
    left, right = factors(what.left), factors(what.right)
    if left is None or right is None or not left.number or not right.number:
        return None
    names = [
        name
        for name in sorted({*left.by, *right.by})
        if not (name in left.by and left.by[name] == right.by.get(name) and _least(left.by[name], name, allowed, 1))
    ]
    if not names:
        return None  # they differ by a number, which all sizes leave as it is
    if len(names) == 1:
        sides = (scaled(side.by.get(names[0], Form((), 1)), side.number) for side in (left, right))
        return (Equation(*sides).condition,)
    pairs: list[tuple[str, Form, Form]] = []
    ratio = Fraction(right.number, left.number)
    for name in names:
        if name not in left.by or name not in right.by:
            return None
        a, b = _lead(left.by[name], name), _lead(right.by[name], name)
        if not a or not b:
            return None
        share = Fraction(b, a)  # left * share grows as right does
        ratio *= share
        pairs.append((name, scaled(left.by[name], share.numerator), scaled(right.by[name], share.denominator)))
    if ratio != 1:
        return None
    for swap in (False, True):
        small = [(name, b, a) if swap else (name, a, b) for name, a, b in pairs]
        if all(
            _least(low, name, allowed, 0)
            and _least(high, name, allowed, 1)
            and _least(difference(high, low), name, allowed, 0)
            for name, low, high in small
        ):
            return tuple(Equation(low, high).condition for _, low, high in small)
    return None


def _least_product(what: Equation, allowed: Allowed) -> tuple[Condition, ...] | None:
    """A product of parts that are positive is the product of their least values only where each has its least."""
    for left, right in ((what.left, what.right), (what.right, what.left)):
        product = factors(left) if not right.terms else None
        if product is None or not product.number:
            continue
        lowest = _least_values(product, allowed)
        if lowest and min(lowest.values()) >= 1 and product.number * math.prod(lowest.values()) == right.constant:
            return tuple(Equation(form, Form((), lowest[name])).condition for name, form in product.by.items())
    return None


def _least_values(product: Factors, allowed: Allowed) -> dict[str, int] | None:
    found: dict[str, int] = {}
    for name, form in product.by.items():
        lowest = least(form, allowed.get(name, EVERY))
        if lowest is None:
            return None
        found[name] = lowest
    return found


def _lead(form: Form, name: str) -> Fraction | None:
    """The coefficient of the highest power, where the form is nearly a polynomial; None where that is not known."""
    found = growth(form)
    if found is None:
        return None
    period, degree = found
    values = Columns({name: [1 + period * k for k in range(degree + 1)]}).of(form)
    highest = sum((-1) ** (degree - k) * math.comb(degree, k) * value for k, value in enumerate(values))
    return Fraction(highest, math.factorial(degree) * period**degree)


def _least(form: Form, name: str, allowed: Allowed, bound: int) -> bool:
    """Whether a form is never less than `bound` at an allowed size."""
    if not form.terms:
        return form.constant >= bound
    found = solve(Condition("not-negative", Form(form.terms, form.constant - bound)))
    return found is not None and allowed.get(name, EVERY) <= found


def _zero_sum(form: Form, allowed: Allowed) -> tuple[Condition, ...] | None:
    """A sum of parts in one symbol each, none of which exceeds 0 once its greatest value is taken from it."""
    for sign in (1, -1):
        parts = _least_parts(scaled(form, sign), allowed)
        if parts is None:
            continue
        total = sum(lowest for _, lowest in parts) + sign * form.constant
        if total == 0:
            return tuple(Condition("zero", Form(part.terms, -lowest)) for part, lowest in parts)
    return None


def _large_sum(form: Form, allowed: Allowed) -> tuple[Condition, ...] | None:
    parts = _least_parts(form, allowed)
    enough = parts is not None and sum(lowest for _, lowest in parts) + form.constant >= 0
    return ALWAYS if enough else None


def _least_parts(form: Form, allowed: Allowed) -> list[tuple[Form, int]] | None:
    """The parts of a sum that share no symbol, each with its least value; None where one of them has none."""
    found: list[tuple[Form, int]] = []
    for part in independent(form):
        name, *others = names_of(part)
        lowest = None if others else least(part, allowed.get(name, EVERY))
        if lowest is None:
            return None
        found.append((part, lowest))
    return found


def _positive_product(form: Form, allowed: Allowed) -> tuple[Condition, ...] | None:
    """A product of parts that are not negative is at least 1 where each of them is, and at least what the least of
    them come to."""
    product = factors(Form(form.terms, 0))
    if product is None or product.number <= 0:
        return None
    if not all(_least(part, name, allowed, 0) for name, part in product.by.items()):
        return None
    if form.constant >= 0:
        return ALWAYS
    if product.number >= -form.constant:
        return tuple(Condition("not-negative", Form(p.terms, p.constant - 1)) for p in product.by.values())
    lowest = _least_values(product, allowed)
    enough = lowest is not None and product.number * math.prod(lowest.values()) + form.constant >= 0
    return ALWAYS if enough else None
