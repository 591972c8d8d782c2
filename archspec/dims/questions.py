"""What is known of sizes: `known_*` ask at the nominal sizes and answer None where nobody can say; `proved_*` ask of
every size."""

from __future__ import annotations

import math

from archspec.dims.normal import scaled
from archspec.dims.proofs import at_least, can_vanish, residue
from archspec.dims.sizes import Dim, all_nominal, form_of, sub, value


def known_equal(a: Dim, b: Dim) -> bool | None:
    """Whether two sizes agree at the nominal input; None where that is unknown and not the same for every input."""
    left, right = value(a), value(b)
    if left is not None and right is not None:
        return left == right
    form = form_of(sub(a, b))
    always = residue(form, 0)
    if always is not None:
        return always == 0
    divisor = math.gcd(*(coefficient for _, coefficient in form.terms))
    never = form.constant % divisor != 0 or at_least(form, 1) or at_least(scaled(form, -1), 1)
    return False if never else None


def can_agree(a: Dim, b: Dim) -> bool:
    """Whether two sizes agree on a whole residue class of their unknowns, the rest nominal; not at odd values only.

    `2 * (H // 2)` and `H` do, for every even H; `H` and `W`, or `H` and `(H + 1) // 2`, do not.
    """
    difference = all_nominal(sub(a, b))
    return difference == 0 if isinstance(difference, int) else can_vanish(difference.form)


def proved_equal(a: Dim, b: Dim) -> bool:
    """Whether two sizes agree for every value of the symbols."""
    return a == b or residue(form_of(sub(a, b)), 0) == 0


def known_at_least(a: Dim, bound: int) -> bool | None:
    known = value(a)
    if known is not None:
        return known >= bound
    form = form_of(a)
    if at_least(form, bound):
        return True
    return False if at_least(scaled(form, -1), 1 - bound) else None


def proved_at_least(a: Dim, bound: int) -> bool:
    return a >= bound if isinstance(a, int) else at_least(a.form, bound)


def known_divisible(a: Dim, by: int) -> bool | None:
    known = value(a)
    answer = residue(form_of(a), by) if known is None else known % by
    return None if answer is None else answer == 0


def proved_divisible(a: Dim, by: int) -> bool:
    return a % by == 0 if isinstance(a, int) else residue(a.form, by) == 0
