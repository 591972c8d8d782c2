"""What a plain scalar means: the core schema of YAML 1.2, and no number with a leading zero."""

from __future__ import annotations

import re

MAX_DIGITS = 40  # of an integer

_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMERIC = frozenset("0123456789+-.")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_BASED = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def resolve(text: str) -> bool | int | float | str | None:
    """What a plain scalar means. Raises OverflowError for a number out of range."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    if _INT.fullmatch(text) or _BASED.fullmatch(text):
        if len(text.lstrip("+-")) > MAX_DIGITS:
            raise OverflowError(f"an integer of more than {MAX_DIGITS} digits")
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise OverflowError("a float out of range")
        return number
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    return text
