"""What operators do to values, and the pinning of sizes.

`+ - * // %` on a size that is read at run time give another one. Everything else needs the number: the nominal size is
used and the size is pinned.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import TypeGuard, cast

from archspec import dims
from archspec.dims import Dim, Size
from archspec.expr.context import MAX_INT, Budget, Frame
from archspec.expr.errors import ExprError, Fault, kind, show_value
from archspec.limits import more
from archspec.values import RuntimeCode, RuntimeSize

MAX_DEPTH = 64  # of lists in lists
MAX_LEAVES = 256  # of the code of one run-time size

Sequence = list[object] | tuple[object, ...]

ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": operator.mod,
    "**": pow,
}
ON_SIZES: dict[str, Callable[[Dim, Dim], Dim]] = {
    "+": dims.add,
    "-": dims.sub,
    "*": dims.mul,
    "//": dims.floor_div,
    "%": dims.mod,
}
ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def is_sequence(value: object) -> TypeGuard[Sequence]:
    return isinstance(value, list | tuple)


def is_mapping(value: object) -> TypeGuard[Mapping[object, object]]:
    return isinstance(value, Mapping)


# Sizes


def pin_size(size: RuntimeSize, pins: list[Size] | None) -> int:
    """The nominal value of a size, recorded in `pins`."""
    known = size.dim.value
    if known is None:
        raise Fault(
            "unknown-size",
            f"the size `{size}` is not known here",
            "only `+ - * // %` work on a size without a number; give the input a number for it, or do without",
            culprit=size,
        )
    if pins is not None and size.dim not in pins:
        pins.append(size.dim)
    return known


def pinned(value: object, frame: Frame) -> object:
    """A number in place of a size; anything else as it is."""
    return pin_size(value, frame.pins) if isinstance(value, RuntimeSize) else value


def pin(value: object, pins: list[Size]) -> object:
    """The value with every size in it, in lists too, replaced by its number; appends the sizes to `pins`.

    Raises `ExprError` (`unknown-size`), which points at the start of the text.
    """
    try:
        return _pin(value, pins, 0)
    except Fault as fault:
        raise ExprError(fault.code, fault.message, 0, 0, fault.help) from None


def _pin(value: object, pins: list[Size], depth: int) -> object:
    if isinstance(value, RuntimeSize):
        return pin_size(value, pins)
    if not is_sequence(value):
        return value
    _check_depth(depth)
    items = [_pin(item, pins, depth + 1) for item in value]
    return tuple(items) if isinstance(value, tuple) else items


def _sized(symbol: str, a: int | RuntimeSize, b: int | RuntimeSize) -> int | RuntimeSize:
    left, left_code = (a.dim, a.code) if isinstance(a, RuntimeSize) else (int(a), int(a))
    right, right_code = (b.dim, b.code) if isinstance(b, RuntimeSize) else (int(b), int(b))
    try:
        dim = ON_SIZES[symbol](left, right)
    except ZeroDivisionError:
        raise _by_zero(symbol, a, b) from None
    if isinstance(dim, int):
        return _bounded(dim)
    _bounded(dim.value or 0)
    code: RuntimeCode = (symbol, left_code, right_code)
    if _leaves(code) > MAX_LEAVES:
        raise Fault("limit", f"the size `{show_value(a)} {symbol} {show_value(b)}` takes too much arithmetic")
    return RuntimeSize(dim, code)


def _leaves(code: RuntimeCode) -> int:
    return _leaves(code[1]) + _leaves(code[2]) if isinstance(code, tuple) else 1


# Arithmetic


def arithmetic(symbol: str, a: object, b: object, frame: Frame) -> object:
    """`a symbol b` for numbers, sizes, text and lists."""
    if isinstance(a, RuntimeSize) or isinstance(b, RuntimeSize):
        if symbol in ON_SIZES and isinstance(a, RuntimeSize | int) and isinstance(b, RuntimeSize | int):
            return _sized(symbol, a, b)
        a, b = pinned(a, frame), pinned(b, frame)
    if isinstance(a, int | float) and isinstance(b, int | float):
        return _calculate(symbol, a, b)
    match symbol, a, b:
        case "+", str(), str():
            return limited_text(a + b, frame.budget)
        case "+", list() | tuple(), list() | tuple():
            joined = [*cast(Sequence, a), *cast(Sequence, b)]
            limited_list(len(joined), frame.budget)
            return tuple(joined) if isinstance(a, tuple) and isinstance(b, tuple) else joined
        case "*", str() | list() | tuple(), int():
            return _repeated(cast("str | Sequence", a), b, frame.budget)
        case "*", int(), str() | list() | tuple():
            return _repeated(cast("str | Sequence", b), a, frame.budget)
        case _:
            text = isinstance(a, str) or isinstance(b, str)
            raise Fault(
                "type-error",
                f"`{symbol}` does not take {kind(a)} and {kind(b)}: {show_value(a)} {symbol} {show_value(b)}",
                "write values into a word with `$`: `enc$i`" if text and symbol in "+%" else None,
            )


def _calculate(symbol: str, a: float, b: float) -> float:
    if symbol == "**" and isinstance(a, int) and isinstance(b, int) and b > 0 and (abs(a).bit_length() - 1) * b > 63:
        raise _too_large(f"{a} ** {b}")
    try:
        result = ARITHMETIC[symbol](a, b)
    except ZeroDivisionError:
        raise _by_zero(symbol, a, b) from None
    except OverflowError:
        raise _too_large(f"{a} {symbol} {b}") from None
    if isinstance(result, complex):
        raise Fault("type-error", f"{a} ** {b} is not a real number")
    return _bounded(result) if isinstance(result, int) else result


def _repeated(many: str | Sequence, count: int, budget: Budget) -> object:
    length = len(many) * max(count, 0)
    if isinstance(many, str):
        _check_text(length, budget)
        return limited_text(many * count, budget)
    limited_list(length, budget)
    return many * count


def negative(value: object, frame: Frame) -> object:
    if isinstance(value, RuntimeSize):
        return _sized("-", 0, value)
    return -number(value, frame, "-")


def positive(value: object, frame: Frame) -> object:
    return value if isinstance(value, RuntimeSize) else +number(value, frame, "+")


def number(value: object, frame: Frame, user: str) -> float:
    """The value as an operand of `user`, which takes numbers."""
    value = pinned(value, frame)
    if isinstance(value, int | float):
        return value
    raise Fault("type-error", f"`{user}` needs a number, got {show_value(value)}", culprit=value)


def whole(value: object, frame: Frame, user: str) -> int:
    """The value as an operand of `user`, which takes whole numbers."""
    value = pinned(value, frame)
    if isinstance(value, int):
        return value
    help = "round with `//`, `int` or `round`" if isinstance(value, float) else None
    raise Fault("type-error", f"`{user}` needs a whole number, got {show_value(value)}", help, culprit=value)


def sequence(value: object, user: str) -> Sequence:
    """The value as something to go through."""
    if is_sequence(value):
        return value
    raise Fault("type-error", f"{user} needs a list, got {show_value(value)}", culprit=value)


# Comparison


def truth(value: object, frame: Frame) -> bool:
    return bool(pinned(value, frame))


def ordered(symbol: str, a: object, b: object, frame: Frame) -> bool:
    """`a symbol b` for two numbers or two texts."""
    left, right = pinned(a, frame), pinned(b, frame)
    if isinstance(left, int | float) and isinstance(right, int | float):
        return ORDER[symbol](left, right)
    if isinstance(left, str) and isinstance(right, str):
        return ORDER[symbol](left, right)  # pyright: ignore[reportArgumentType]  # text has the same order operators
    raise Fault("type-error", f"cannot compare {kind(a)} with {kind(b)}: {show_value(a)} {symbol} {show_value(b)}")


def equal(a: object, b: object, frame: Frame, depth: int = 0) -> bool:
    """Equality by content; a list equals a tuple. Sizes proved equal, or never equal, are not pinned."""
    if a is b:
        return True
    frame.budget.spend(2)
    if isinstance(a, RuntimeSize) or isinstance(b, RuntimeSize):
        if isinstance(a, RuntimeSize | int) and isinstance(b, RuntimeSize | int):
            return _equal_sizes(a, b, frame)
        return pinned(a, frame) == pinned(b, frame) if isinstance(a, float) or isinstance(b, float) else False
    if is_sequence(a) and is_sequence(b):
        _check_depth(depth)
        return len(a) == len(b) and all(equal(x, y, frame, depth + 1) for x, y in zip(a, b, strict=True))
    if is_mapping(a) and is_mapping(b):
        _check_depth(depth)
        return a.keys() == b.keys() and all(equal(value, b[key], frame, depth + 1) for key, value in a.items())
    return a == b


def _equal_sizes(a: int | RuntimeSize, b: int | RuntimeSize, frame: Frame) -> bool:
    left = a.dim if isinstance(a, RuntimeSize) else int(a)
    right = b.dim if isinstance(b, RuntimeSize) else int(b)
    if dims.proved_equal(left, right):
        return True
    unknown = dims.value(left) is None or dims.value(right) is None
    if isinstance(dims.sub(left, right), int) or (unknown and dims.known_equal(left, right) is False):
        return False  # for every input
    return pinned(a, frame) == pinned(b, frame)


def contains(item: object, container: object, frame: Frame) -> bool:
    """`item in container`."""
    if is_sequence(container):
        return any(equal(item, other, frame) for other in container)
    if isinstance(container, str) and isinstance(item, str):
        return item in container
    if is_mapping(container) and isinstance(item, str | int | None):
        return item in container
    raise Fault("type-error", f"cannot look for {show_value(item)} in {show_value(container)}")


# Parts


def item(container: object, index: object, frame: Frame) -> object:
    """`container[index]` of a list, a text or a record."""
    if is_mapping(container):
        if isinstance(index, str | int | None) and index in container:
            return container[index]
        fields = ", ".join(f"`{key}`" for key in list(container)[:12])
        raise Fault("index-error", f"the record has no field {show_value(index)}", f"its fields are {fields}", index)
    if not (is_sequence(container) or isinstance(container, str)):
        raise Fault("type-error", f"cannot index {show_value(container)}: it is not a list", culprit=container)
    position = whole(index, frame, "an index")
    if -len(container) <= position < len(container):
        return container[position]
    length = f"{len(container)} {'item' if len(container) == 1 else 'items'}"
    raise Fault("index-error", f"index {position} is out of range: {show_value(container)} has {length}", culprit=index)


def cut(container: object, start: object, stop: object, step: object, frame: Frame) -> object:
    """`container[start:stop:step]` of a list or a text."""
    if not (is_sequence(container) or isinstance(container, str)):
        raise Fault("type-error", f"cannot slice {show_value(container)}: it is not a list", culprit=container)
    bounds = [None if bound is None else whole(bound, frame, "a slice") for bound in (start, stop, step)]
    if bounds[2] == 0:
        raise Fault("type-error", "a slice cannot have step 0", culprit=step)
    result = container[slice(*bounds)]
    frame.budget.spend(len(result))
    return result


# Limits


def _bounded(value: int) -> int:
    if -MAX_INT <= value <= MAX_INT:
        return value
    raise _too_large(str(value) if abs(value) < 10**40 else "the result")


def limited_text(text: str, budget: Budget) -> str:
    _check_text(len(text), budget)
    budget.spend(len(text) // 16)
    return text


def _check_text(length: int, budget: Budget) -> None:
    if length > budget.limits.text:
        message = f"a text of {length:,} characters is longer than {budget.limits.text:,}"
        raise Fault("limit", message, more("text"))


def limited_list(length: int, budget: Budget, what: str = "list") -> None:
    """Checks, and pays for, a list about to be made."""
    if length > budget.limits.items:
        message = f"a {what} of {length:,} items is longer than {budget.limits.items:,}"
        raise Fault("limit", message, more("items"))
    budget.spend(length)


def check_weight(value: Sequence, budget: Budget) -> None:
    """Refuses a list of lists that spells out to too much: sharing makes doubling cheap for us, not for a reader."""
    waiting, count = [(value, 0)], 0
    while waiting:
        current, depth = waiting.pop()
        _check_depth(depth)
        count += len(current)
        if count > budget.limits.items:
            raise Fault("limit", f"a list with more than {budget.limits.items:,} items in all", more("items"))
        waiting.extend((part, depth + 1) for part in current if is_sequence(part))
    budget.spend(count)


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Fault("limit", f"lists in lists more than {MAX_DEPTH} deep")


def _too_large(what: str) -> Fault:
    return Fault("limit", f"{what} is too large: whole numbers end at 2 ** 63")


def _by_zero(symbol: str, a: object, b: object) -> Fault:
    return Fault("division-by-zero", f"division by zero: {show_value(a)} {symbol} {show_value(b)}")
