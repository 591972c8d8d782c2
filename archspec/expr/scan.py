"""From the text of an expression to text that Python's parser reads, of the same length.

Names may have computed pieces (`up$i`, `enc$(i + 1)`), be numbers after a dot (`layer1.0`), or be words that Python
reserves and we do not (`class`). Each such name becomes an identifier of equal length that starts with a letter no
author can write, so that positions stay true and the parse can be cached.
"""

from __future__ import annotations

import re
from keyword import kwlist
from typing import NamedTuple, NoReturn

from archspec.expr.errors import ExprError
from archspec.limits import current, more

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
MEMBER = re.compile(r"\.[A-Za-z0-9_$]", re.ASCII)
SEGMENT = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
NUMBER = re.compile(r"0[xXoObB][0-9a-fA-F_]+|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?", re.ASCII)
TEXT = re.compile(r"'[^'\\]*'|\"[^\"\\]*\"")

LANGUAGE = frozenset(
    ["and", "or", "not", "in", "is", "if", "else", "for", "True", "False", "None", "true", "false", "null"]
)
REFUSED_WORDS = {"lambda", "await", "yield", "async"}
OTHER_KEYWORDS = frozenset(kwlist) - LANGUAGE - REFUSED_WORDS
TEXT_PREFIXES = {"f", "r", "b", "u", "br", "rb", "fr", "rf"}
CLOSING = {"(": ")", "[": "]", "{": "}"}
SYMBOLS = set("+-*/%=<>!.,:()[]{}&|^~@")
FOREIGN = {
    "&&": "write `and`",
    "||": "write `or`",
    "!": "write `not`, or `!=`",
    "?": "write `a if condition else b`",
    ";": None,
    "#": "in YAML a comment needs a space before the `#`",
    "`": "quote text with `'`",
    "\\": "text has no escapes here",
}

_THOUSANDS = {"k": 3, "m": 6, "g": 9, "b": 9}
"""What letters behind a number stand for elsewhere, as powers of ten."""

MAX_PLACEHOLDERS = 20_000
FIRST_PLACEHOLDER = 0x4E00  # unified ideographs: identifiers to Python, and unchanged by its normalisation


class Inner(NamedTuple):
    """The expression inside a name, and where it starts."""

    text: str
    offset: int


Piece = str | Inner


class Scanned(NamedTuple):
    """Text for `ast.parse`, and what its placeholders stand for."""

    code: str
    names: dict[str, tuple[Piece, ...]]


def scan(text: str, base: int = 0) -> Scanned:
    """Raises `ExprError` with offsets counted from `base` characters before the text."""
    return _Scanner(text, base).scan()


def computed_piece(text: str, at: int, base: int) -> tuple[Inner, int]:
    """The `$name` or `$(expression)` at `text[at]`, and where it ends."""
    word = WORD.match(text, at + 1)
    if word:
        return Inner(word.group(), base + at + 1), word.end()
    if text.startswith("(", at + 1):
        end = _closing(text, at + 1, base)
        return Inner(text[at + 2 : end], base + at + 2), end + 1
    raise ExprError(
        "bad-expression", "a lone `$`", base + at, 1, "write `$name` or `$(expression)`; a dollar in a word is `$$`"
    )


def check_length(text: str, base: int = 0, what: str = "an expression") -> None:
    """Refuses a text too long to parse. Raises ExprError."""
    longest = current().expression
    if len(text) > longest:
        message = f"{what} of {len(text):,} characters is longer than {longest:,}"
        raise ExprError("limit", message, base, len(text), f"split it with `let`, or {more('expression')}")


def _closing(text: str, start: int, base: int) -> int:
    depth, at = 0, start
    while at < len(text):
        quoted = TEXT.match(text, at)
        if quoted:
            at = quoted.end()
            continue
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    raise _unclosed(text[start], base + start)


def _unclosed(bracket: str, offset: int) -> ExprError:
    return ExprError(
        "quote-expression",
        f"`{bracket}` is never closed",
        offset,
        1,
        "close it; if YAML cut the expression short, quote the whole of it",
    )


class _Scanner:
    def __init__(self, text: str, base: int) -> None:
        self.text = text
        self.base = base
        self.at = 0
        self.out: list[str] = []
        self.names: dict[str, tuple[Piece, ...]] = {}
        self.open: list[int] = []
        self.previous = ""  # "name", "text", "number", or the symbol

    def scan(self) -> Scanned:
        check_length(self.text, self.base)
        while self.at < len(self.text):
            self._token()
        if self.open:
            raise _unclosed(self.text[self.open[-1]], self.base + self.open[-1])
        return Scanned("".join(self.out), self.names)

    def _token(self) -> None:
        text, at = self.text, self.at
        char = text[at]
        if char.isspace():
            self.out.append(" ")
            self.at += 1
        elif char in "'\"":
            self._quoted()
        elif char == "." and self.previous in ("name", ")", "]") and MEMBER.match(text, at):
            self._take(1, ".")
            self._name(OTHER_KEYWORDS | LANGUAGE)
        elif char == "$" or WORD.match(text, at):
            self._name(OTHER_KEYWORDS)
        elif (number := NUMBER.match(text, at)) is not None:
            follows = SEGMENT.match(text, number.end())
            if follows:
                power = _THOUSANDS.get(follows.group().lower())
                help = f"write `{number.group()}{'0' * power}`" if power and number.group().isdecimal() else None
                self._fail(f"`{text[at : follows.end()]}` is not a number", follows.end() - at, help)
            self._take(number.end() - at, "number")
        else:
            self._symbol(char)

    def _take(self, length: int, token: str) -> None:
        self.out.append(self.text[self.at : self.at + length])
        self.at += length
        self.previous = token

    def _quoted(self) -> None:
        found = TEXT.match(self.text, self.at)
        if found is None:
            rest = self.text[self.at :]
            if "\\" in rest:
                self._fail("text cannot contain `\\`", len(rest))
            self._fail(f"the text {rest[:20]} is never closed", len(rest), f"close it with {rest[0]}")
        if self.previous == "text":
            self._fail("two texts side by side", len(found.group()), "put a comma or a `+` between them")
        self._take(len(found.group()), "text")

    def _name(self, reserved: frozenset[str]) -> None:
        start, pieces = self.at, list[Piece]()
        while self.at < len(self.text):
            segment = SEGMENT.match(self.text, self.at)
            if segment:
                pieces.append(segment.group())
                self.at = segment.end()
            elif self.text[self.at] == "$":
                piece, self.at = computed_piece(self.text, self.at, self.base)
                pieces.append(piece)
            else:
                break
        written = self.text[start : self.at]
        if written.lower() in TEXT_PREFIXES and self.text[self.at : self.at + 1] in ("'", '"'):
            self.at = start
            self._fail(f"`{written}` before text is not part of the language", len(written))
        if len(pieces) == 1 and WORD.fullmatch(written) and written not in reserved:
            self.out.append(written)
        else:
            if len(self.names) == MAX_PLACEHOLDERS:
                self._fail("too many names in one expression", len(written), "split it with `let`", "limit")
            placeholder = chr(FIRST_PLACEHOLDER + len(self.names)) + "_" * (len(written) - 1)
            self.names[placeholder] = tuple(pieces)
            self.out.append(placeholder)
        self.previous = "word" if written in LANGUAGE and written not in reserved else "name"

    def _symbol(self, char: str) -> None:
        pair = self.text[self.at : self.at + 2]
        foreign = pair if pair in FOREIGN else char
        if char not in SYMBOLS or (foreign in FOREIGN and pair != "!="):
            self._fail(f"`{foreign}` is not part of the language", len(foreign), FOREIGN.get(foreign))
        if char in CLOSING:
            self.open.append(self.at)
        elif char in ")]}":
            if not self.open:
                self._fail(f"`{char}` closes nothing", 1, "quote the expression, if YAML cut it", "quote-expression")
            if CLOSING[self.text[self.open[-1]]] != char:
                opened = self.text[self.open[-1]]
                self._fail(f"`{char}` does not close `{opened}`", 1, f"write `{CLOSING[opened]}`", "quote-expression")
            self.open.pop()
        if pair == "!=":
            self._take(2, pair)
        else:
            self._take(1, char)

    def _fail(self, message: str, length: int, help: str | None = None, code: str = "bad-expression") -> NoReturn:
        raise ExprError(code, message, self.base + self.at, length, help)
