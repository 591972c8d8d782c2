"""The functions an expression can call. Each takes the frame first, then what the author wrote."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from archspec.expr.context import Frame
from archspec.expr.errors import Fault, show_value
from archspec.expr.nodes import NodeView
from archspec.expr.operators import (
    arithmetic,
    is_mapping,
    is_sequence,
    limited_list,
    number,
    ordered,
    pinned,
    sequence,
    whole,
)
from archspec.values import RuntimeSize

MAX_DIGITS = 30  # `round(x, n)` computes 10 ** n

MISSING = object()


def _len(frame: Frame, values: object, /) -> int:
    if isinstance(values, NodeView):
        return len(values.values)
    if is_sequence(values) or is_mapping(values) or isinstance(values, str):
        return len(values)
    raise Fault("type-error", f"`len` needs a list, got {show_value(values)}", culprit=values)


def _min(frame: Frame, first: object, /, *others: object, default: object = MISSING) -> object:
    return _extreme(frame, "min", "<", first, others, default)


def _max(frame: Frame, first: object, /, *others: object, default: object = MISSING) -> object:
    return _extreme(frame, "max", ">", first, others, default)


def _extreme(
    frame: Frame, name: str, symbol: str, first: object, others: tuple[object, ...], default: object
) -> object:
    values = (first, *others) if others else sequence(first, f"`{name}` of one argument")
    if not values:
        if default is not MISSING:
            return default
        raise Fault("type-error", f"`{name}` of an empty list", "give a default: `max(xs, default=0)`", culprit=first)
    frame.budget.spend(len(values))
    best = pinned(values[0], frame)
    for value in values[1:]:
        if ordered(symbol, value, best, frame):
            best = pinned(value, frame)
    return best


def _sum(frame: Frame, values: object, /, start: object = 0) -> object:
    total = start
    items = sequence(values, "`sum`")
    frame.budget.spend(len(items))
    for value in items:
        total = arithmetic("+", total, value, frame)
    return total


def _abs(frame: Frame, x: object, /) -> float:
    return abs(number(x, frame, "abs"))


def _round(frame: Frame, x: object, /, ndigits: object = None) -> float:
    value = number(x, frame, "round")
    if ndigits is None:
        return _whole_from(round, value, "round", x)
    digits = whole(ndigits, frame, "round")
    if abs(digits) > MAX_DIGITS:
        raise Fault("limit", f"`round` to {digits} digits", culprit=ndigits)
    return round(value, digits)


def _ceil(frame: Frame, x: object, /) -> int:
    return _whole_from(math.ceil, number(x, frame, "ceil"), "ceil", x)


def _floor(frame: Frame, x: object, /) -> int:
    return _whole_from(math.floor, number(x, frame, "floor"), "floor", x)


def _whole_from(convert: Callable[[float], int], x: float, name: str, culprit: object) -> int:
    try:
        result = convert(x)
    except (OverflowError, ValueError):  # infinity, nan
        raise Fault("type-error", f"`{name}` does not take {x}", culprit=culprit) from None
    if abs(result) > 2**63:
        raise Fault("limit", f"{x} is too large: whole numbers end at 2 ** 63", culprit=culprit)
    return result


def _sqrt(frame: Frame, x: object, /) -> float:
    value = number(x, frame, "sqrt")
    if value < 0:
        raise Fault("type-error", f"`sqrt` of a negative number: {value}", culprit=x)
    return math.sqrt(value)


def _log(frame: Frame, x: object, base: object = None, /) -> float:
    value = number(x, frame, "log")
    if value <= 0:
        raise Fault("type-error", f"`log` needs a positive number, got {value}", culprit=x)
    if base is None:
        return math.log(value)
    base_value = number(base, frame, "log")
    if base_value <= 0 or base_value == 1:
        raise Fault("type-error", f"`log` needs a positive base other than 1, got {base_value}", culprit=base)
    return math.log(value, base_value)


def _exp(frame: Frame, x: object, /) -> float:
    value = number(x, frame, "exp")
    try:
        return math.exp(value)
    except OverflowError:
        raise Fault("limit", f"`exp` of {value} is too large", culprit=x) from None


def _range(frame: Frame, start: object, stop: object = None, step: object = 1, /) -> list[int]:
    if stop is None:
        start, stop = 0, start
    by = whole(step, frame, "range")
    if by == 0:
        raise Fault("type-error", "`range` cannot have step 0", culprit=step)
    numbers = range(whole(start, frame, "range"), whole(stop, frame, "range"), by)
    length = max(0, (numbers.stop - numbers.start + by - (1 if by > 0 else -1)) // by)  # len() fails beyond 2 ** 63
    limited_list(length, frame.budget, "range")
    return list(numbers)


def _enumerate(frame: Frame, values: object, /, start: object = 0) -> list[object]:
    items = sequence(values, "`enumerate`")
    limited_list(len(items), frame.budget)
    return list(enumerate(items, whole(start, frame, "enumerate")))


def _reversed(frame: Frame, values: object, /) -> list[object]:
    items = sequence(values, "`reversed`")
    limited_list(len(items), frame.budget)
    return list(reversed(items))


def _zip(frame: Frame, *values: object) -> list[object]:
    lists = [sequence(value, "`zip`") for value in values]
    limited_list(min(map(len, lists), default=0), frame.budget)
    return list(zip(*lists, strict=False))


def _int(frame: Frame, x: object, /) -> object:
    if isinstance(x, RuntimeSize):
        return x
    if isinstance(x, str):
        return _whole_from(int, _from_text(int, x, "int"), "int", x)
    return _whole_from(int, number(x, frame, "int"), "int", x)


def _float(frame: Frame, x: object, /) -> float:
    return _from_text(float, x, "float") if isinstance(x, str) else float(number(x, frame, "float"))


def _from_text(convert: Callable[[str], float], text: str, name: str) -> float:
    try:
        return convert(text[:64])
    except ValueError:
        raise Fault("type-error", f"`{name}` does not take {show_value(text)}", culprit=text) from None


def _make_divisible(frame: Frame, v: object, /, divisor: object = 8) -> int:
    """The nearest multiple of `divisor`, at least one, never below 0.9 of `v`: MobileNet's published rule."""
    value, step = number(v, frame, "make_divisible"), number(divisor, frame, "make_divisible")
    if step <= 0 or step != int(step):
        raise Fault("type-error", f"`make_divisible` needs a positive divisor, got {step}", culprit=divisor)
    nearest = _whole_from(int, value + step / 2, "make_divisible", v) // int(step) * int(step)
    result = max(int(step), nearest)
    return result + int(step) if result < 0.9 * value else result


class Function(NamedTuple):
    """A function and how it is called."""

    run: Callable[..., object]
    usage: str


FUNCTIONS = {
    "len": Function(_len, "len(xs)"),
    "min": Function(_min, "min(a, b)` or `min(xs, default=0)"),
    "max": Function(_max, "max(a, b)` or `max(xs, default=0)"),
    "sum": Function(_sum, "sum(xs, start=0)"),
    "abs": Function(_abs, "abs(x)"),
    "round": Function(_round, "round(x)` or `round(x, ndigits)"),
    "ceil": Function(_ceil, "ceil(x)"),
    "floor": Function(_floor, "floor(x)"),
    "sqrt": Function(_sqrt, "sqrt(x)"),
    "log": Function(_log, "log(x)` or `log(x, base)"),
    "exp": Function(_exp, "exp(x)"),
    "range": Function(_range, "range(stop)` or `range(start, stop, step)"),
    "enumerate": Function(_enumerate, "enumerate(xs, start=0)"),
    "reversed": Function(_reversed, "reversed(xs)"),
    "zip": Function(_zip, "zip(xs, ys)"),
    "int": Function(_int, "int(x)"),
    "float": Function(_float, "float(x)"),
    "make_divisible": Function(_make_divisible, "make_divisible(v, divisor=8)"),
}
