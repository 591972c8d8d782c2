"""Expressions that YAML cuts: flow style ends a plain value at a comma or a bracket."""

from __future__ import annotations

import re

from archspec.diagnostics import Diagnostic
from archspec.yaml_source.offsets import LINE_BREAK, Offsets, short

CLOSES = {"(": ")", "[": "]", "{": "}"}
_STRING = re.compile(r"""(?<!\w)(?:'[^'\r\n]*'|"[^"\r\n]*")""")
_TUPLE = re.compile(r"\((?=[\w.])[\w.+*/ -]+(?:,[\w.+*/ -]+)+\)")
_EXPRESSION_LIMIT = 2_000  # characters: how far to look for the bracket that closes a cut expression


def balanced(text: str) -> bool:
    """Whether the brackets of an expression match, those in its strings aside."""
    open_brackets: list[str] = []
    for char in _STRING.sub("", text):
        if char in CLOSES:
            open_brackets.append(CLOSES[char])
        elif char in ")]}" and (not open_brackets or open_brackets.pop() != char):
            return False
    return not open_brackets


def expression_end(text: str, start: int, *, flow: bool) -> int | None:
    """Where the expression that starts here was meant to end, or None where its brackets never match."""
    limit = min(len(text), start + _EXPRESSION_LIMIT)
    open_brackets: list[str] = []
    at = start
    while at < limit:
        char = text[at]
        string = _STRING.match(text, at) if char in "'\"" else None
        if string is not None:
            at = string.end()
            continue
        if char in CLOSES:
            open_brackets.append(CLOSES[char])
        elif char in ")]}":
            if not open_brackets and flow and char != ")":
                break
            if not open_brackets or open_brackets.pop() != char:
                return None
        elif not open_brackets and _ends_plain(text, at, flow):
            break
        at += 1
    if open_brackets:
        return None
    return start + len(text[start:at].rstrip())


def closing(text: str, start: int) -> int | None:
    """The offset of the bracket that closes the one at `start`."""
    open_brackets: list[str] = []
    at = start
    while at < len(text):
        char = text[at]
        string = _STRING.match(text, at) if char in "'\"" else None
        if string is not None:
            at = string.end()
            continue
        if char == "#" and text[at - 1 : at].isspace():
            line_end = LINE_BREAK.search(text, at)
            at = len(text) if line_end is None else line_end.start()
        elif char in CLOSES:
            open_brackets.append(CLOSES[char])
        elif char in ")]}":
            if not open_brackets or open_brackets.pop() != char:
                return None
            if not open_brackets:
                return at
        at += 1
    return None


def _ends_plain(text: str, at: int, flow: bool) -> bool:
    char, after = text[at], text[at + 1 : at + 2]
    if char == ":":
        return not after or after.isspace() or (flow and after in ",]}")
    if char == "#":
        return text[at - 1 : at].isspace()
    return char in "\r\n" or (flow and char == ",")


def quoted(expression: str) -> str:
    """The expression as a YAML string, on one line."""
    line = short(expression, 200)
    return "'" + line.replace("'", "''") + "'" if '"' in line or "\\" in line else f'"{line}"'


def _as_list(expression: str) -> str | None:
    """`(3, 3)` as YAML's own list."""
    return f"[{expression[1:-1]}]" if _TUPLE.fullmatch(expression) else None


def cut_expression(offsets: Offsets, start: int, end: int, key: str | None, *, flow: bool) -> Diagnostic:
    """The diagnostic for an expression of which YAML took only `start` to `end` as a value or a key."""
    text = offsets.text
    whole = expression_end(text, start, flow=flow)
    if whole is None or not balanced(text[start:whole]):
        return Diagnostic(
            "quote-expression",
            f"the brackets of `{short(text[start:end])}` do not match",
            offsets.span(start, end),
            "YAML ends a value in flow style at a comma or a bracket" if flow else "",
            help="match the brackets, and quote the expression",
        )
    expression = text[start:whole]
    if key and text[start - 1 : start].isspace() and text[:start].rstrip().endswith(key):
        name = text[:start].rstrip().rindex(key)
        return Diagnostic(
            "yaml-syntax",
            f"a `:` is missing after `{short(key)}`",
            offsets.span(name, name + len(key)),
            help=f"write `{short(key)}: {short(expression)}`",
        )
    is_key = text[whole : whole + 1] == ":"
    as_list = None if is_key else _as_list(expression)
    written = as_list or quoted(expression)
    prefix = "" if key is None or is_key else f"{key}: "
    return Diagnostic(
        "quote-expression",
        f"`{short(expression)}` needs quotes",
        offsets.span(start, whole),
        "this expression was cut by YAML's flow style" if flow else "YAML takes only the start of this as the value",
        help=f"{'write a list' if as_list else 'quote this expression'}: "
        f"`{prefix}{written}{': ...' if is_key else ''}`",
    )
