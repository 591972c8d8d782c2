"""Python literals and names in emitted source. Nothing from a spec reaches the source except through here."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Container
from typing import Any

from archspec.diagnostics import InternalError

RESERVED = frozenset(
    {"self", "torch", "nn", "F", "Tensor", "OrderedDict", "super", "range", "print", "getattr", "isinstance"}
)
"""Names that emitted code uses itself."""


def literal(value: Any) -> str:
    """A Python expression for a constant: numbers, strings, None, and tuples, lists or dicts of these.

    Raises:
        InternalError: for anything else. What it would be written as could be code.
    """
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value) if math.isfinite(value) else f'float("{float(value)}")'
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        items: list[str] = [literal(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
    if isinstance(value, list):
        return f"[{', '.join(literal(item) for item in value)}]"  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"  # pyright: ignore[reportUnknownVariableType]
    raise InternalError(f"{value!r} is no literal")


def is_literal(value: Any) -> bool:
    """Whether `literal` can write the value."""
    if isinstance(value, tuple | list):
        return all(is_literal(item) for item in value)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return all(is_literal(k) and is_literal(v) for k, v in value.items())  # pyright: ignore[reportUnknownVariableType]
    return value is None or isinstance(value, bool | int | float | str)


def quoted(text: str) -> str:
    """The string in double quotes, as formatters write it."""
    plain = str.__repr__(text)
    if plain[0] == '"' or '"' in text:
        return plain
    return f'"{plain[1:-1]}"'


def is_plain(name: str) -> bool:
    """Whether `self.name` means that attribute: an identifier, no keyword, not mangled by the class it stands in."""
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name) and not name.startswith("__")


def member(owner: str, name: str) -> str:
    """The attribute `name` of `owner`, by `getattr` where a dot cannot say it."""
    return f"{owner}.{name}" if is_plain(name) else f"getattr({owner}, {quoted(name)})"


def attribute(owner: str, path: str) -> str:
    """`owner.a.b` for the path `a.b`."""
    for name in path.split("."):
        owner = member(owner, name)
    return owner


def identifier(name: str, taken: Container[str] = ()) -> str:
    """A local name close to `name`, none of `taken`: `conv-1` becomes `conv_1`, `3` becomes `x3`."""
    cleaned = re.sub(r"[^0-9A-Za-z_]", "_", name).lstrip("_") or "value"
    if cleaned[0].isdigit():
        cleaned = f"x{cleaned}"
    if keyword.iskeyword(cleaned) or keyword.issoftkeyword(cleaned) or cleaned in RESERVED:
        cleaned = f"{cleaned}_"
    return unique(cleaned, taken)


def unique(name: str, taken: Container[str]) -> str:
    """`name`, numbered from 2 on while it is taken."""
    if name not in taken:
        return name
    number = 2
    while f"{name}{number}" in taken or f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}" if name[-1].isdigit() else f"{name}{number}"


def camel(name: str) -> str:
    """A class name: `dense_block` becomes `DenseBlock`, `MBConv` stays."""
    words = [word for word in re.split(r"[^0-9A-Za-z]+", name) if word]
    joined = "".join(word[0].upper() + word[1:] for word in words) or "Block"
    return f"Net{joined}" if joined[0].isdigit() else joined


def docstring(lines: list[str], indent: int = 0) -> list[str]:
    """The source lines of a docstring; whatever the text holds, it stays text."""
    pad = " " * indent
    safe = [line.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').rstrip() for line in lines]
    safe = ["".join(char if char.isprintable() else " " for char in line) for line in safe]
    if len(safe) == 1:
        text = safe[0] + (" " if safe[0].endswith('"') else "")
        return [f'{pad}"""{text}"""']
    return [f'{pad}"""{safe[0]}', *(pad + line if line else "" for line in safe[1:]), f'{pad}"""']
