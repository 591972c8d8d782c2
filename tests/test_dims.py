"""Sizes: every operation against plain integers, pooling and scaling against torch, and what can be proved."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product as cartesian

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from archspec import dims
from archspec.dims import (
    Dim,
    Size,
    add,
    can_agree,
    ceil_div,
    closed_form,
    floor_div,
    known_at_least,
    known_divisible,
    known_equal,
    mod,
    mul,
    product,
    proved_at_least,
    proved_divisible,
    proved_equal,
    scale,
    show,
    sub,
    substitute,
    symbol,
    symbols,
    total,
    transposed_out,
    value,
    window_out,
)

H, W, N = symbol("H"), symbol("W"), symbol("N")
FEW = settings(max_examples=150, deadline=None)


def halved(size: Dim, times: int) -> Dim:
    """A stem and its stages: kernel 3, stride 2, padding 1."""
    for _ in range(times):
        size = window_out(size, 3, 2, 1, 1, 1)
    return size


def tokens(patch: int) -> Dim:
    return add(mul(floor_div(H, patch), floor_div(W, patch)), 1)


# The same random computation on a size and on a plain integer.

Step = tuple[Callable[[Dim], Dim], Callable[[int], int]]


def _window(kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> Step:
    padding = min(padding, (dilation * (kernel - 1) + 1) // 2)
    return (
        lambda d: window_out(d, kernel, stride, padding, padding, dilation, ceil_mode),
        lambda n: pooled(n, kernel, stride, padding, padding, dilation, ceil_mode),
    )


def pooled(size: int, kernel: int, stride: int, before: int, after: int, dilation: int, ceil_mode: bool) -> int:
    """The rule as the pooling layers state it: a last window must start inside the input or the left padding."""
    room = size + before + after - dilation * (kernel - 1) - 1
    count = (-(-room // stride) if ceil_mode else room // stride) + 1
    return count - 1 if ceil_mode and (count - 1) * stride >= size + before else count


SMALL = st.integers(1, 5)
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(_window, SMALL, st.integers(1, 3), st.integers(0, 2), st.integers(1, 2), st.booleans()),
    st.builds(lambda k: (lambda d: add(d, k), lambda n: n + k), st.integers(-6, 6)),
    st.builds(lambda k: (lambda d: sub(k, d), lambda n: k - n), st.integers(-6, 6)),
    st.builds(lambda k: (lambda d: mul(d, k), lambda n: n * k), st.integers(-3, 4)),
    st.builds(lambda k: (lambda d: floor_div(d, k), lambda n: n // k), st.sampled_from([-3, -2, 1, 2, 3, 4])),
    st.builds(lambda k: (lambda d: ceil_div(d, k), lambda n: -(-n // k)), SMALL),
    st.builds(lambda k: (lambda d: mod(d, k), lambda n: n % k), st.integers(2, 4)),
    st.builds(lambda f: (lambda d: scale(d, f), lambda n: math.floor(n * f)), st.sampled_from([0.5, 2, 1.5, 1.1, 0.3])),
    st.builds(
        lambda s, p: (lambda d: transposed_out(d, 3, s, p, 1, 0), lambda n: (n - 1) * s - 2 * p + 3),
        SMALL,
        st.integers(0, 2),
    ),
)
QUASI_AFFINE = st.lists(STEPS, max_size=4)
Combination = tuple[Callable[[Dim, Dim], Dim], Callable[[int, int], int]]
COMBINE: list[Combination] = [
    (add, lambda a, b: a + b),
    (sub, lambda a, b: a - b),
    (mul, lambda a, b: a * b),
]


def run(steps: list[Step], size: Dim) -> Dim:
    for on_dim, _ in steps:
        size = on_dim(size)
    return size


def run_int(steps: list[Step], size: int) -> int:
    for _, on_int in steps:
        size = on_int(size)
    return size


def shortened(dim: Dim) -> bool:
    return "..." in closed_form(dim)


def printed(dim: Dim, sizes: dict[str, int]) -> int | None:
    """What Python makes of the text; None where it is shortened."""
    return None if shortened(dim) else eval(closed_form(dim), {"floor": math.floor, **sizes})


@FEW
@given(QUASI_AFFINE, st.integers(1, 60))
def test_a_chain_is_what_integers_give(steps: list[Step], size: int) -> None:
    expected = run_int(steps, size)
    symbolic = run(steps, H)
    assert run(steps, size) == expected
    assert value(run(steps, symbol("H", size))) == expected
    assert substitute(symbolic, {"H": size}) == expected
    assert printed(symbolic, {"H": size}) in (expected, None)


@FEW
@given(QUASI_AFFINE, QUASI_AFFINE, st.sampled_from(COMBINE), QUASI_AFFINE, st.integers(1, 40), st.integers(1, 40))
def test_two_symbols_are_what_integers_give(
    first: list[Step], second: list[Step], combine: Combination, after: list[Step], height: int, width: int
) -> None:
    on_dims, on_ints = combine
    expected = run_int(after, on_ints(run_int(first, height), run_int(second, width)))
    symbolic = run(after, on_dims(run(first, H), run(second, W)))
    assert substitute(symbolic, {"H": height, "W": width}) == expected
    assert substitute(substitute(symbolic, {"W": width}), {"H": height}) == expected
    assert printed(symbolic, {"H": height, "W": width}) in (expected, None)
    nominal = run(after, on_dims(run(first, symbol("H", height)), run(second, symbol("W", width))))
    assert value(nominal) == expected


@FEW
@given(QUASI_AFFINE, QUASI_AFFINE)
def test_division_by_a_size(first: list[Step], second: list[Step]) -> None:
    a, b = run(first, H), run(second, W)
    if b == 0:
        return
    exact = floor_div(mul(a, b), b)
    rounded, remainder = floor_div(add(a, N), b), mod(add(a, N), b)
    if not shortened(a) and not shortened(mul(a, b)):
        assert exact == a
    for height, width, batch in cartesian((1, 7, 30), (2, 9, 31), (1, 4)):
        sizes = {"H": height, "W": width, "N": batch}
        divisor = run_int(second, width)
        if divisor:
            expected = divmod(run_int(first, height) + batch, divisor)
            assert (substitute(rounded, sizes), substitute(remainder, sizes)) == expected


@FEW
@given(QUASI_AFFINE, QUASI_AFFINE, st.integers(-5, 5), st.integers(1, 6))
def test_proofs_hold_everywhere(first: list[Step], second: list[Step], bound: int, by: int) -> None:
    a, b = run(first, H), run(second, H)
    lefts = [run_int(first, n) for n in range(1, 120)]
    rights = [run_int(second, n) for n in range(1, 120)]
    if proved_equal(a, b):
        assert lefts == rights
    if known_equal(a, b) is False:
        assert all(x != y for x, y in zip(lefts, rights, strict=True))
    if proved_at_least(a, bound):
        assert min(lefts) >= bound
    if known_at_least(a, bound) is False:
        assert max(lefts) < bound
    if proved_divisible(a, by):
        assert all(n % by == 0 for n in lefts)
    if known_divisible(a, by) is False:
        assert all(n % by for n in lefts)


@FEW
@given(QUASI_AFFINE, QUASI_AFFINE, st.sampled_from(COMBINE), QUASI_AFFINE, st.integers(-5, 5), st.integers(2, 6))
def test_proofs_in_two_symbols_hold_everywhere(
    first: list[Step], second: list[Step], combine: Combination, after: list[Step], bound: int, by: int
) -> None:
    on_dims, on_ints = combine
    size = run(after, on_dims(run(first, H), run(second, W)))
    lefts, rights = ([run_int(steps, n) for n in range(1, 31)] for steps in (first, second))
    values = [run_int(after, on_ints(x, y)) for x, y in cartesian(lefts, rights)]
    if proved_equal(size, values[0]):
        assert set(values) == {values[0]}
    if known_equal(size, bound) is False:
        assert bound not in values
    if proved_at_least(size, bound):
        assert min(values) >= bound
    if known_at_least(size, bound) is False:
        assert max(values) < bound
    if proved_divisible(size, by):
        assert all(n % by == 0 for n in values)
    if known_divisible(size, by) is False:
        assert all(n % by for n in values)


@FEW
@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4), st.integers(1, 4)), min_size=1, max_size=3),
    st.integers(-4, 4),
    st.integers(2, 4),
)
def test_proofs_in_one_symbol_find_everything(parts: list[tuple[int, int, int]], offset: int, by: int) -> None:
    """Sums of `n * ((H + c) // d)`: the period is at most 12 and no such sum first falls after 120."""
    size = total([offset, *(mul(n, floor_div(add(H, c), d)) for n, c, d in parts)])
    values = [offset + sum(n * ((h + c) // d) for n, c, d in parts) for h in range(1, 121)]
    assert proved_equal(size, values[0]) == (len(set(values)) == 1)
    assert proved_divisible(size, by) == all(n % by == 0 for n in values)
    falls = values[-1] < values[-13]
    for bound in (-4, 0, 1, 3):
        assert proved_at_least(size, bound) == (not falls and min(values) >= bound)


# torch


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_pooling_is_torchs(ceil_mode: bool) -> None:
    for kernel, stride, dilation in cartesian((1, 2, 3, 5), (1, 2, 3, 4), (1, 2)):
        for padding in range(kernel // 2 + 1):
            form = window_out(H, kernel, stride, padding, padding, dilation, ceil_mode)
            for size in (9, 10, 12, 15):
                if size + 2 * padding < dilation * (kernel - 1) + 1:
                    continue
                x = torch.empty(1, size, size, device="meta")
                pool = functional.max_pool2d(x, kernel, stride, padding, dilation, ceil_mode)
                assert substitute(form, {"H": size}) == pool.shape[-1]
                assert window_out(size, kernel, stride, padding, padding, dilation, ceil_mode) == pool.shape[-1]


def test_ceil_mode_with_uneven_padding() -> None:
    for kernel, stride, dilation, before in cartesian(range(1, 6), range(1, 6), (1, 2, 3), range(4)):
        for after in range(min(3, dilation * (kernel - 1) + 1) + 1):
            form = window_out(H, kernel, stride, before, after, dilation, ceil_mode=True)
            for size in range(1, 25):
                expected = pooled(size, kernel, stride, before, after, dilation, ceil_mode=True)
                assert window_out(size, kernel, stride, before, after, dilation, ceil_mode=True) == expected
                assert substitute(form, {"H": size}) == expected


def test_transposed_convolution_is_torchs() -> None:
    for kernel, stride, padding, dilation in cartesian((1, 2, 3, 4), (1, 2, 3), (0, 1), (1, 2)):
        for extra in range(max(stride, dilation)):
            x, weight = torch.empty(1, 1, 8, device="meta"), torch.empty(1, 1, kernel, device="meta")
            out = functional.conv_transpose1d(
                x, weight, stride=stride, padding=padding, dilation=dilation, output_padding=extra
            )
            form = transposed_out(H, kernel, stride, padding, dilation, extra)
            assert substitute(form, {"H": 8}) == out.shape[-1]
            assert transposed_out(8, kernel, stride, padding, dilation, extra) == out.shape[-1]


@pytest.mark.parametrize("factor", [2, 2.0, 0.5, 1.5, 0.125, 0.7, 0.29, 1.1, 1 / 3, 0.9999999, 1.00000001])
def test_interpolation_is_torchs(factor: float) -> None:
    form = scale(H, factor)
    for size in (10, 13, 30, 57, 100, 224):
        out = functional.interpolate(torch.empty(1, 1, size, size, device="meta"), scale_factor=factor)
        assert scale(size, factor) == out.shape[-1]
        assert substitute(form, {"H": size}) == out.shape[-1]
        assert value(scale(symbol("H", size), factor)) == out.shape[-1]


# Text


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        (224, "224"),
        (N, "N"),
        (halved(H, 1), "(H + 1) // 2"),
        (halved(H, 5), "(H + 31) // 32"),
        (mul(4, halved(H, 4)), "4 * ((H + 15) // 16)"),
        (mul(W, H), "H * W"),
        (add(mul(2, H), 3), "2 * H + 3"),
        (sub(floor_div(H, 2), 4), "H // 2 - 4"),
        (sub(3, H), "3 - H"),
        (sub(0, H), "-H"),
        (sub(0, floor_div(H, 2)), "-(H // 2)"),
        (mul(-2, floor_div(H, 2)), "-2 * (H // 2)"),
        (mod(H, 2), "H - 2 * (H // 2)"),
        (floor_div(mul(3, H), 2), "(3 * H) // 2"),
        (floor_div(add(H, W), 2), "(H + W) // 2"),
        (floor_div(add(mul(4, H), 7), 2), "2 * H + 3"),
        (floor_div(add(mul(2, H), 7), 4), "(H + 1) // 2 + 1"),
        (tokens(16), "(H // 16) * (W // 16) + 1"),
        (product([N, 3, H, W]), "3 * H * N * W"),
        (floor_div(N, mul(H, W)), "N // (H * W)"),
        (floor_div(-3, H), "(-3) // H"),
        (scale(H, 1.1), "floor(H * 1.1)"),
        (floor_div(scale(H, 1.1), 2), "floor(H * 1.1) // 2"),
        (scale(halved(H, 1), 1.1), "floor(((H + 1) // 2) * 1.1)"),
    ],
    ids=lambda param: param if isinstance(param, str) else "",
)
def test_closed_form(dim: Dim, text: str) -> None:
    assert closed_form(dim) == text


def test_a_known_size_shows_its_value() -> None:
    size = symbol("H", 224)
    assert (show(halved(size, 5)), closed_form(halved(size, 5))) == ("7", "(H + 31) // 32")
    assert (show(N), show(mul(N, size)), show(7)) == ("N", "224 * N", "7")
    assert f"{halved(size, 5)}" == "7"


def test_a_shape_reads_as_its_sizes() -> None:
    assert str((N, 256, halved(symbol("H", 224), 2), halved(W, 1))) == "(N, 256, 56, (W + 1) // 2)"


# Proofs


@pytest.mark.parametrize(
    ("a", "b", "everywhere"),
    [
        (mul(2, floor_div(H, 2)), H, False),
        (mul(2, ceil_div(H, 2)), H, False),
        (add(floor_div(H, 2), ceil_div(H, 2)), H, True),
        (floor_div(floor_div(H, 2), 3), floor_div(H, 6), True),
        (window_out(H, 3, 2, 1, 1, 1), window_out(H, 1, 2, 0, 0, 1), True),
        (window_out(H, 3, 2, 1, 1, 1), window_out(H, 2, 2, 0, 0, 1), False),
        (window_out(H, 2, 2, 0, 0, 1, ceil_mode=True), window_out(H, 3, 2, 1, 1, 1), True),
        (floor_div(mul(3, H), 2), add(H, floor_div(H, 2)), True),
        (transposed_out(window_out(H, 2, 2, 0, 0, 1), 2, 2, 0, 1, 0), H, False),
        (scale(floor_div(H, 2), 2), sub(H, mod(H, 2)), True),
        (mul(add(H, 1), sub(H, 1)), sub(mul(H, H), 1), True),
        (floor_div(mul(H, add(H, 1)), 2), add(floor_div(mul(H, H), 2), ceil_div(H, 2)), True),
        (sub(add(floor_div(H, 2), floor_div(W, 3)), W), sub(floor_div(W, 3), sub(W, floor_div(H, 2))), True),
        (add(mul(2, floor_div(H, 2)), W), add(H, W), False),
        (floor_div(add(H, mul(2, W)), 4), floor_div(add(floor_div(H, 2), W), 2), True),
        (floor_div(product([N, 768, tokens(16)]), tokens(16)), mul(N, 768), True),
        (floor_div(product([N, H, W]), mul(H, W)), N, True),
        (scale(H, 1.1), scale(H, 1.1), True),
        (H, W, False),
        (H, 224, False),
        (6, 6, True),
    ],
)
def test_proved_equal(a: Dim, b: Dim, everywhere: bool) -> None:
    assert proved_equal(a, b) is everywhere
    assert proved_equal(b, a) is everywhere


@pytest.mark.parametrize(
    ("a", "b", "answer"),
    [
        (N, N, True),
        (N, add(N, 1), False),
        (N, 0, False),
        (N, 1, None),
        (N, W, None),
        (mul(2, N), 5, False),
        (add(N, W), 1, False),
        (add(N, W), 2, None),
        (symbol("H", 224), 224, True),
        (symbol("H", 224), 223, False),
        (symbol("H", 224), N, None),
        (3, 3, True),
    ],
)
def test_known_equal(a: Dim, b: Dim, answer: bool | None) -> None:
    assert known_equal(a, b) is answer
    assert known_equal(b, a) is answer


@pytest.mark.parametrize(
    ("a", "b", "answer"),
    [
        (mul(2, floor_div(H, 2)), H, True),
        (mul(2, ceil_div(H, 2)), add(H, 1), True),
        (add(mul(6, floor_div(H, 6)), W), add(H, W), True),
        (mul(floor_div(H, 2), floor_div(W, 3)), floor_div(mul(H, W), 6), True),
        (H, W, False),
        (H, ceil_div(H, 2), False),
        (mul(2, H), add(mul(2, W), 1), False),
        (mul(H, H), mul(7, H), False),
        (floor_div(H, 2), floor_div(sub(H, 4), 2), False),
        (scale(H, 1.1), H, True),  # not decided
        (floor_div(H, 9001), floor_div(W, 9001), True),  # not decided
        (6, 6, True),
        (6, 7, False),
    ],
)
def test_can_agree(a: Dim, b: Dim, answer: bool) -> None:
    assert can_agree(a, b) is answer
    assert can_agree(b, a) is answer


@pytest.mark.parametrize(
    ("dim", "bound", "known", "proved"),
    [
        (N, 1, True, True),
        (N, 2, None, False),
        (sub(0, N), 0, False, False),
        (sub(N, 3), 1, None, False),
        (halved(H, 5), 1, True, True),
        (floor_div(H, 2), 1, None, False),
        (sub(H, mul(2, floor_div(H, 2))), 0, True, True),
        (sub(mul(2, ceil_div(H, 2)), H), 0, True, True),
        (tokens(16), 1, True, True),
        (floor_div(product([3, H, W]), mul(N, N)), 0, True, True),
        (scale(H, 1.1), 1, True, True),
        (symbol("H", 224), 200, True, False),
        (symbol("H", 224), 300, False, False),
        (5, 5, True, True),
        (5, 6, False, False),
    ],
)
def test_at_least(dim: Dim, bound: int, known: bool | None, proved: bool) -> None:
    assert known_at_least(dim, bound) is known
    assert proved_at_least(dim, bound) is proved


@pytest.mark.parametrize(
    ("dim", "by", "known", "proved"),
    [
        (mul(8, N), 4, True, True),
        (add(mul(8, N), 2), 4, False, False),
        (N, 2, None, False),
        (N, 1, True, True),
        (mul(H, add(H, 1)), 2, True, True),
        (mul(7, ceil_div(H, 7)), 7, True, True),
        (sub(H, mod(H, 7)), 7, True, True),
        (symbol("H", 224), 32, True, False),
        (symbol("H", 224), 33, False, False),
        (12, 4, True, True),
        (12, 5, False, False),
    ],
)
def test_divisible(dim: Dim, by: int, known: bool | None, proved: bool) -> None:
    assert known_divisible(dim, by) is known
    assert proved_divisible(dim, by) is proved


# The rest


def test_no_operator_works_on_a_size_by_accident() -> None:
    for attempt in (
        lambda: H + 1,
        lambda: H // 2,
        lambda: 2 * H,
        lambda: H % 2,
        lambda: H < 3,
        lambda: int(H),
        lambda: range(H),
    ):
        with pytest.raises(TypeError):
            attempt()


def test_constant_forms_are_integers() -> None:
    assert sub(add(H, 3), H) == 3
    assert mul(H, 0) == 0
    assert floor_div(sub(mul(4, H), mul(4, sub(H, 5))), 3) == 6
    assert substitute(mul(H, W), {"H": 2, "W": 3}) == 6


def test_partial_substitution_keeps_the_other_nominal_sizes() -> None:
    area = mul(symbol("H", 224), symbol("W", 64))
    assert value(area) == 224 * 64
    assert value(substitute(area, {"H": 65})) == 65 * 64
    assert symbols(substitute(area, {"H": 65})) == {"W"}
    assert symbols(area) == {"H", "W"}
    assert symbols(3) == frozenset()
    assert dims.at_nominal(area) == 224 * 64
    assert dims.at_nominal(3) == 3


def test_a_symbol_that_is_kept_symbolic_is_shown_as_one_and_still_has_its_size() -> None:
    height = symbol("H", 224, symbolic=True)
    assert dims.at_nominal(height) == height
    assert can_agree(height, 224)
    assert not can_agree(height, 225)


def test_a_symbol_that_cancels_leaves_a_known_size() -> None:
    size = symbol("H", 224)
    assert value(floor_div(product([N, 3, size, size]), N)) == 3 * 224 * 224
    assert sub(add(size, N), N) == size


def test_equal_sizes_are_equal_and_hash_alike() -> None:
    a, b = mul(add(H, 1), W), add(mul(W, H), W)
    assert a == b
    assert len({a, b}) == 1
    assert symbol("H", 224) != symbol("H", 256)


def test_division_by_zero_is_refused() -> None:
    with pytest.raises(ZeroDivisionError):
        floor_div(H, 0)
    with pytest.raises(ZeroDivisionError):
        floor_div(5, floor_div(symbol("H", 3), 4))
    with pytest.raises(ZeroDivisionError):
        floor_div(N, floor_div(symbol("H", 3), 4))


def test_long_forms_are_held_and_stay_exact() -> None:
    names = [f"s{i}" for i in range(300)]
    many = total(symbol(name) for name in names)
    squared = mul(many, many)
    sizes = {name: i for i, name in enumerate(names, 1)}
    assert substitute(squared, sizes) == sum(sizes.values()) ** 2
    assert symbols(squared) == set(names)
    assert len(closed_form(squared)) < 2 * dims.MAX_TEXT


def test_deep_forms_stay_cheap() -> None:
    size, expected = symbol("H", 10**9), 10**9
    for _ in range(60):
        size, expected = add(floor_div(size, 2), floor_div(size, 3)), expected // 2 + expected // 3
    assert isinstance(size, Size)
    assert size.value == expected
    assert substitute(size, {"H": 10**9}) == expected
    assert len(closed_form(size)) < 2 * dims.MAX_TEXT
    assert not proved_equal(size, H)


def test_deep_forms_without_a_value_are_shown() -> None:
    size: Dim = H
    for _ in range(60):
        size = add(floor_div(size, 2), floor_div(size, 3))
    assert len(show(size)) < 2 * dims.MAX_TEXT
