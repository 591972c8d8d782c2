"""Conditions on sizes: what is solved, and taken apart, is what trying every size gives."""

from __future__ import annotations

from itertools import product as cartesian

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archspec import dims
from archspec.dims import (
    EVERY,
    Condition,
    Dim,
    Equation,
    SizeSet,
    add,
    closed_form,
    floor_div,
    form_of,
    mul,
    scale,
    sub,
)
from archspec.dims.columns import Columns, growth
from archspec.dims.sets import at_least, at_most, normal
from archspec.dims.solve import MAX_VALUES
from tests.test_random_graphs import share

FAR = 400  # sizes that are tried
H, W = dims.symbol("H"), dims.symbol("W")


def at(dim: Dim, **sizes: int) -> int:
    found = dims.value(dims.substitute(dim, sizes))
    assert found is not None
    return found


def of(kind: str, dim: Dim, divisor: int = 0) -> Condition:
    return Condition(kind, form_of(dim), divisor)  # pyright: ignore[reportArgumentType]


def decided(condition: Condition) -> SizeSet:
    """The set. Lines are all decided, but where they take more values than one answer may."""
    found = dims.solve(condition)
    if found is None:
        grown = growth(condition.form)
        assert grown is not None and 2 * grown.periods["H"] * max(condition.divisor, 1) > MAX_VALUES
    assume(found is not None)
    assert found is not None
    return found


def agrees(condition: Condition, dim: Dim, sizes: SizeSet) -> None:
    """The set is what trying gives, and so is all that is read off it."""
    tried = [size for size in range(1, FAR + 1) if condition.holds_of(at(dim, H=size))]
    assert [size for size in range(1, FAR + 1) if size in sizes] == tried, condition.text
    consistent(sizes, tried)


def consistent(sizes: SizeSet, tried: list[int]) -> None:
    bound, residues = sizes.bound, set(sizes.residues)
    members = set(tried)
    for size in range(max(bound, 1), FAR + 1):
        assert (size in members) == (size % sizes.period in residues)
    if 1 < bound <= FAR:
        assert (bound - 1 in members) != ((bound - 1) % sizes.period in residues), "the bound is not the least"
    spelt = [x for low, high in sizes.irregular(FAR) for x in range(low, min(high, FAR) + 1)]
    assert spelt == [size for size in tried if size < bound]
    for size in range(1, FAR // 2, 7):
        below = max((x for x in tried if x < size), default=None)
        above = min((x for x in tried if x > size), default=None)
        if above is not None:
            expected = (size,) if size in members else tuple(x for x in (below, above) if x is not None)
            assert sizes.nearest(size) == expected


# Forms in one symbol: sums and products of `(a * H + b) // c`, and floors of those.

numbers = st.integers(-6, 6)
leaves = st.tuples(st.integers(1, 3), numbers, st.integers(1, 7)).map(
    lambda abc: floor_div(add(mul(H, abc[0]), abc[1]), abc[2])
)
lines = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, inner, st.integers(-2, 2)).map(lambda x: add(x[0], mul(x[1], x[2]))),
        st.tuples(inner, numbers, st.integers(1, 4)).map(lambda x: floor_div(add(x[0], x[1]), x[2])),
    ),
    max_leaves=4,
)
curves = st.tuples(lines, lines, lines).map(lambda x: add(mul(x[0], x[1]), x[2]))
kinds = st.sampled_from(["zero", "not-negative", "divisible"])


@share(4)
@given(lines, kinds, st.integers(1, 12), st.integers(-30, 30))
def test_forms_of_floors_are_solved(dim: Dim, kind: str, divisor: int, offset: int) -> None:
    dim = add(dim, offset)
    if isinstance(dim, int):
        return
    condition = of(kind, dim, divisor if kind == "divisible" else 0)
    found = decided(condition)
    agrees(condition, dim, found)
    assert dims.solve(condition.plain()) == found


@share(4)
@given(curves, kinds, st.integers(1, 6), st.integers(-3000, 300))
def test_products_of_one_symbol_are_solved(dim: Dim, kind: str, divisor: int, offset: int) -> None:
    dim = add(dim, offset)
    if isinstance(dim, int):
        return
    condition = of(kind, dim, divisor if kind == "divisible" else 0)
    found = dims.solve(condition)
    if found is not None:
        agrees(condition, dim, found)


@share(4)
@given(lines, lines, kinds)
def test_sets_have_members_in_common(a: Dim, b: Dim, kind: str) -> None:
    if isinstance(a, int) or isinstance(b, int):
        return
    one, other = decided(of(kind, a, 4)), decided(of("divisible", b, 3))
    both = one & other
    consistent(both, [size for size in range(1, FAR + 1) if size in one and size in other])
    assert both <= one and both <= other and one & EVERY == one
    far = max(one.bound, other.bound) + one.period * other.period  # from the bounds on both repeat themselves
    assert (one <= other) == all(size in other for size in range(1, far + 1) if size in one)


def test_the_shortest_period_is_found() -> None:
    assert normal(12, [[(r or 12, None)] if r % 4 == 1 else [] for r in range(12)]).period == 4
    assert normal(6, [[(r or 6, None)] for r in range(6)]) == EVERY
    assert normal(6, [[(r + 6 if r < 5 else 5, None)] for r in range(6)]) == at_least(5)


FACTS: list[tuple[Condition, str]] = [
    (of("zero", sub(mul(floor_div(H, 16), 16), H)), "H = 0 (mod 16)"),
    (of("zero", sub(mul(floor_div(H, 16), 2), floor_div(H, 8))), "H = 0..7 (mod 16)"),
    (of("not-negative", sub(floor_div(add(H, -3), 4), 15)), "H >= 63"),
    (of("not-negative", sub(512, H)), "H <= 512"),
    (of("zero", sub(floor_div(H, 32), 7)), "H = 224..255"),
    (of("zero", sub(H, 224)), "H = 224"),
    (of("zero", sub(mul(H, H), 50176)), "H = 224"),
    (of("zero", sub(mul(H, H), 50177)), "no H"),
    (of("divisible", add(H, 1), 2), "H = 1 (mod 2)"),
    (of("divisible", mul(H, H), 12), "H = 0 (mod 6)"),
    (of("divisible", mul(H, add(H, 1)), 6), "H = 0 or 2 (mod 3)"),
    (of("not-negative", H), "any H"),
    (of("not-negative", sub(mul(floor_div(H, 3), 3), 8)), "H >= 9"),
    # neither rises nor falls: 3 * (H // 3) - 2 * (H // 2) at least 0
    (of("not-negative", sub(mul(floor_div(H, 3), 3), mul(floor_div(H, 2), 2))), "H = 0, 1 or 3 (mod 6)"),
    # rises, but not at every step
    (of("not-negative", sub(sub(H, mul(floor_div(H, 2), 1)), 3)), "H >= 5"),
    (of("not-negative", sub(mul(floor_div(H, 4), 4), add(floor_div(H, 3), 4))), "H >= 8"),
    (of("not-negative", sub(sub(mul(floor_div(H, 4), 8), H), 6)), "H >= 12, or H = 8..10"),
    (of("not-negative", sub(scale(H, 0.3), 1)), "H >= 4"),
    (of("not-negative", sub(floor_div(add(scale(H, 0.7), -1), 2), 3)), "H >= 10"),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "text"), FACTS, ids=[text for _, text in FACTS])
def test_texts(condition: Condition, text: str) -> None:
    found = dims.solve(condition)
    assert found is not None
    assert found.text("H") == text


def test_mixed_sets_in_words() -> None:
    even = dims.solve(of("divisible", H, 4))
    assert even is not None
    assert (even & at_least(30)).text("H") == "H = 0 (mod 4), H >= 32"
    assert (even & at_least(4)).text("H") == "H = 0 (mod 4)"
    primes = normal(1, [[(p, p) for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)]])
    assert primes.text("H") == "H = 2, 3, 5, 7, 11, 13, 17, 19 or others"


def test_a_rounded_factor_is_not_decided() -> None:
    assert dims.solve(of("zero", sub(scale(H, 0.3), 4))) is None
    assert dims.solve(of("divisible", scale(H, 0.3), 4)) is None


def test_far_sizes() -> None:
    """Bounds beyond any that could be tried one by one."""
    found = dims.solve(of("not-negative", sub(floor_div(mul(H, H), 3), 10**30)))
    assert found is not None
    least = next(found.members(1, 1))
    assert least**2 // 3 >= 10**30 > (least - 1) ** 2 // 3


# Forms in two symbols

FEW = 24


PATCH = {n: (mul(floor_div(H, n), n), mul(floor_div(W, n), n)) for n in (2, 3, 4)}
PADDED = (mul(floor_div(add(H, 3), 4), 4), mul(floor_div(add(W, 1), 2), 2))
TWO: list[tuple[str, Condition | Equation, str]] = [
    ("windows", Equation(form_of(mul(*PATCH[4])), form_of(mul(H, W))), "H = 0 (mod 4); W = 0 (mod 4)"),
    ("others", Equation(form_of(mul(PATCH[2][0], PATCH[3][1])), form_of(mul(W, H))), "H = 0 (mod 2); W = 0 (mod 3)"),
    ("padded", Equation(form_of(mul(H, W)), form_of(mul(*PADDED))), "H = 0 (mod 4); W = 0 (mod 2)"),
    ("batch", Equation(form_of(mul(mul(*PATCH[4]), 3)), form_of(mul(mul(3, W), H))), "H = 0 (mod 4); W = 0 (mod 4)"),
    ("one only", Equation(form_of(mul(PATCH[4][0], W)), form_of(mul(W, H))), "H = 0 (mod 4)"),
    ("sum", of("zero", add(sub(PATCH[4][0], H), sub(PATCH[3][1], W))), "H = 0 (mod 4); W = 0 (mod 3)"),
    ("positive", of("not-negative", sub(mul(floor_div(H, 4), floor_div(W, 3)), 1)), "H >= 4; W >= 3"),
    ("always", of("not-negative", sub(mul(H, W), 1)), ""),
    ("always a sum", of("not-negative", sub(add(H, W), 2)), ""),
    ("least", Equation(form_of(mul(add(floor_div(H, 4), 1), add(W, 2))), form_of(3)), "H <= 3; W = 1"),
    ("tokens", Equation(form_of(mul(floor_div(H, 4), floor_div(W, 4))), form_of(9)), "(H // 4) * (W // 4) = 9"),
    ("odd", Equation(form_of(mul(add(mul(H, 2), 1), add(mul(W, 2), 1))), form_of(9)), "H = 1; W = 1"),
    ("powers", Equation(form_of(mul(H, W)), form_of(mul(mul(H, H), mul(W, W)))), "H = 1; W = 1"),
    ("not constant", Equation(form_of(mul(H, W)), form_of(add(H, 1))), "H * W = H + 1"),
    ("equal", Equation(form_of(H), form_of(W)), "H = W"),
    ("area", of("not-negative", sub(mul(H, W), 2)), "H * W >= 2"),
    ("multiple", of("divisible", mul(H, W), 4), "4 divides H * W"),
    ("transposed", Equation(form_of(mul(PATCH[4][0], W)), form_of(mul(PATCH[4][1], H))), "(H // 4) * W = H * (W // 4)"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "text"), [each[1:] for each in TWO], ids=[each[0] for each in TWO])
def test_what_comes_to_one_axis_each(what: Condition | Equation, text: str) -> None:
    parts = dims.separate(what, {})
    condition = what.condition if isinstance(what, Equation) else what
    dim = dims.of_form(condition.form)
    if parts is None:
        assert what.text == text
        return
    sets = {name: dims.solve(part) for part in parts for name in dims.names_of(part.form)}
    assert "; ".join(sizes.text(name) for name, sizes in sorted(sets.items()) if sizes and sizes != EVERY) == text
    for h, w in cartesian(range(1, FEW), repeat=2):
        kept = all(size in (sets.get(name) or EVERY) for name, size in (("H", h), ("W", w)))
        assert kept == condition.holds_of(at(dim, H=h, W=w)), (h, w)


pairs = st.tuples(st.integers(1, 4), st.integers(-2, 4), st.integers(1, 4), st.integers(1, 5))


def part(of: Dim, values: tuple[int, int, int, int]) -> Dim:
    a, b, c, d = values
    return mul(floor_div(add(mul(of, a), b), c), d)


@share(4)
@given(pairs, pairs, pairs, pairs, st.sampled_from(["product", "sum", "positive"]), st.integers(-4, 2))
def test_taking_apart_changes_nothing(
    a: tuple[int, int, int, int],
    b: tuple[int, int, int, int],
    c: tuple[int, int, int, int],
    d: tuple[int, int, int, int],
    kind: str,
    offset: int,
) -> None:
    """Whatever the forms: where a condition is taken apart, the parts are the same as the whole."""
    left, right = (part(H, a), part(W, b)), (part(H, c), part(W, d))
    what: Condition | Equation
    if kind == "product":
        what = Equation(form_of(mul(*left)), form_of(mul(*right)))
    else:
        dim = (
            add(add(sub(left[0], right[0]), sub(left[1], right[1])), offset)
            if kind == "sum"
            else add(mul(*left), offset)
        )
        what = of("zero" if kind == "sum" else "not-negative", dim)
    condition = what.condition if isinstance(what, Equation) else what
    parts = dims.separate(what, {})
    if parts is None:
        return
    for h, w in cartesian(range(1, FEW), repeat=2):
        kept = all(p.holds_of(at(dims.of_form(p.form), H=h, W=w)) for p in parts)
        assert kept == condition.holds_of(at(dims.of_form(condition.form), H=h, W=w)), (h, w, condition.text)


def test_what_is_known_of_an_axis_helps() -> None:
    """A size that a layer before leaves something of is positive."""
    valid = sub(H, 2)
    what = Equation(form_of(mul(mul(floor_div(valid, 4), 4), mul(floor_div(W, 2), 2))), form_of(mul(valid, W)))
    assert dims.separate(what, {}) is None
    parts = dims.separate(what, {"H": at_least(3)})
    assert parts is not None
    sets = [dims.solve(part) for part in parts]
    assert [sizes.text("x") for sizes in sets if sizes] == ["x = 2 (mod 4)", "x = 0 (mod 2)"]


def test_sizes_that_end_have_a_least_value_where_a_form_falls() -> None:
    up_to_five = {"H": at_most(5), "W": at_most(5)}
    assert dims.separate(of("not-negative", sub(10, add(H, W))), up_to_five) == ()
    assert dims.separate(of("not-negative", sub(9, add(H, W))), up_to_five) is None
    assert dims.separate(of("not-negative", sub(10, add(H, W))), {"H": at_most(5)}) is None


def test_a_factor_of_both_sides_is_left_out_where_it_is_positive() -> None:
    valid = sub(H, 2)
    what = Equation(form_of(mul(valid, PATCH[2][1])), form_of(mul(valid, W)))
    parts = dims.separate(what, {"H": at_least(3)})
    assert parts is not None and [part.text for part in parts] == ["2 * (W // 2) = W"]


@pytest.mark.parametrize(
    ("kind", "number", "holds"), [("zero", 0, True), ("zero", 1, False), ("not-negative", -1, False)]
)
def test_a_condition_on_no_size(kind: str, number: int, holds: bool) -> None:
    """Nothing is asked of any axis, or nothing can be."""
    assert dims.separate(of(kind, number), {}) == (() if holds else None)


def test_a_form_as_a_product() -> None:
    found = dims.separate(Equation(form_of(mul(add(H, 1), add(W, 1))), form_of(4)), {})
    assert found is not None and [closed_form(dims.of_form(p.form)) for p in found] == ["H - 1", "W - 1"]


def test_forms_too_long_to_be_spelled_out_are_solved() -> None:
    size: Dim = H
    for i in range(7):
        size = add(size, floor_div(add(size, i), 2 + i % 2))
    assert "#" in closed_form(size)
    for condition in (of("divisible", size, 4), of("not-negative", sub(size, 1000)), of("zero", sub(size, 1004))):
        found = dims.solve(condition)
        assert found is not None
        agrees(condition, dims.of_form(condition.form), found)


def test_a_period_that_is_too_long_is_not_decided() -> None:
    size = add(add(floor_div(H, 97), floor_div(H, 89)), floor_div(H, 83))
    assert dims.solve(of("divisible", size, 2)) is None
    assert dims.solve(of("not-negative", sub(size, 2))) is not None


def test_a_sum_that_is_as_large_as_can_be() -> None:
    """Each part has its greatest, or least, value: an equation an axis, and none that is an inequality."""
    up_to_five = {"H": at_most(5), "W": at_most(5)}
    most = dims.separate(of("zero", sub(10, add(H, W))), up_to_five)
    least = dims.separate(of("zero", sub(add(H, W), 2)), {})
    assert most is not None and [(part.kind, part.text) for part in most] == [("zero", "5 = H"), ("zero", "5 = W")]
    assert least is not None and [(part.kind, part.text) for part in least] == [("zero", "H = 1"), ("zero", "W = 1")]


def test_products_that_differ_by_a_number_or_are_nothing() -> None:
    """What both sides have is left out where it is positive; then numbers are compared."""
    twice, nothing = form_of(mul(mul(2, H), W)), form_of(0)
    assert dims.separate(Equation(twice, twice), {}) == ()
    assert dims.separate(Equation(twice, form_of(mul(mul(4, H), W))), {}) is None
    product_ = form_of(mul(sub(H, 1), sub(W, 1)))
    assert dims.separate(Equation(product_, nothing), {}) is None
    assert dims.separate(Equation(nothing, product_), {}) is None


def test_a_quotient_of_two_sizes_at_many_sizes() -> None:
    points = {"H": range(1, 8), "W": range(2, 9)}
    assert Columns(points).of(form_of(floor_div(mul(3, H), W))) == [3 * h // (h + 1) for h in range(1, 8)]


def test_a_quadratic_is_followed_to_where_it_rises() -> None:
    """It falls first: its first difference is negative, its second positive."""
    dim = add(sub(mul(H, H), mul(21, H)), 38)
    condition = of("not-negative", dim)
    found = dims.solve(condition)
    assert found is not None
    agrees(condition, dim, found)
