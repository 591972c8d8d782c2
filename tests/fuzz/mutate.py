"""Changes of specs that know what a spec is: words, values, lines and blocks of lines, of this spec or of another."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

import yaml

from archspec.ops import lookup, names
from archspec.schema import Block, Document
from archspec.syntax import NODE_KEYS

VALUES = """
0 1 -1 2 3 7 64 1e-5 1.0 -0.5 1e308 .inf .nan true false null ~ "" '3' [] {} (1) ((( 1/0 0x10 1_000 10**9 2**62 9**9**9
9223372036854775807 99999999999999999999 N H input x $x $$ $(x) a.b a.* '*' same zeros int list op range(3) len(input)
input.shape input.channels input.channels//2 class lambda é 日本 __class__ __import__ 'M' !!python/name:os.system *a &a
$(1+1) [1,2] [[1],[2,[3]]] {a:1} max(1,2) int|null
""".split()  # noqa: SIM905  # as a list it would be a page
PHRASES = ("'a b'", "[1, 2]", "[[1], [2, [3]]]", "{a: 1}", "$(1 + 1)", "[i for i in range(9)]", "x if y else 1")
STATEMENTS = (
    "for i in range(3):",
    "for i, n in enumerate([1, 2]):",
    "if true:",
    "if x > 1:",
    "else:",
    "let y: 3",
    "elif no:",
)
TOKEN = re.compile(r"[\w.$]+|[^\w\s]|\s+")


class Mutator:
    """Changes texts; `texts` are those that parts are taken from."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        keys = [*NODE_KEYS, *Document.model_fields, *Block.model_fields]
        arguments = {key for name in names() if (op := lookup(name)) is not None for key in op.model_fields}
        self.keys = sorted({*keys, *arguments})
        self.words = [*names(), *self.keys, *VALUES, *PHRASES]

    def __call__(self, text: str, seed: int) -> str:
        """The text, changed in a few places."""
        random = Random(seed)
        for _ in range(random.choice((1, 1, 2, 3, 6))):
            changed = random.choice(CHANGES)(self, text, random)
            if not _scalars(changed) and random.random() < 0.8:
                changed = random.choice(CHANGES)(self, text, random)  # what is no YAML gets no further
            text = changed
        return text

    def other(self, random: Random) -> str:
        return random.choice(self.texts)

    def value(self, text: str, random: Random) -> str:
        """A scalar's text becomes another: a value, a name of the language, or another scalar of a spec."""
        spots = _scalars(text)
        if not spots:
            return self.token(text, random)
        start, end = random.choice(spots)
        others = _scalars(source := random.choice((text, self.other(random))))
        new = random.choice(self.words)
        if others and random.random() < 0.5:
            first, last = random.choice(others)
            new = source[first:last]
        return text[:start] + new + text[end:]

    def number(self, text: str, random: Random) -> str:
        found = [*re.finditer(r"\d+", text)]
        if not found:
            return text
        spot = random.choice(found)
        new = random.choice((str(int(spot.group()[:15]) + random.choice((-1, 1, 1000))), random.choice(VALUES)))
        return text[: spot.start()] + new + text[spot.end() :]

    def token(self, text: str, random: Random) -> str:
        tokens = TOKEN.findall(text) or [""]
        at = random.randrange(len(tokens))
        match random.randrange(4):
            case 0:
                del tokens[at]
            case 1:
                tokens.insert(at, random.choice(tokens))
            case 2:
                tokens[at] = random.choice(self.words)
            case _:
                tokens[at] += random.choice("{}[](),:$*&!|>'\"#-%@`\t\n\0\x85\u2028é\ufeff.")
        return "".join(tokens)

    def lines(self, text: str, random: Random) -> str:
        """A few lines go, come twice, move, are indented, or come from elsewhere."""
        lines = text.split("\n")
        start = random.randrange(len(lines))
        end = min(len(lines), start + random.choice((1, 1, 1, 2, 5, 20)))
        part = lines[start:end]
        match random.randrange(5):
            case 0:
                lines[start:end] = []
            case 1:
                lines[end:end] = [re.sub(r"^( *(?:- )?[A-Za-z_]+)(\d*):", r"\g<1>9\2:", line) for line in part]
            case 2:
                lines[start:end] = []
                at = random.randrange(len(lines) + 1)
                lines[at:at] = part
            case 3:
                lines[start:end] = [f"  {line}" if random.random() < 0.7 else line[2:] for line in part]
            case _:
                other = self.other(random).split("\n")
                first = random.randrange(len(other))
                lines[start:end] = other[first : first + random.choice((1, 1, 3, 10))]
        return "\n".join(lines)

    def line(self, text: str, random: Random) -> str:
        """A new line: a statement around what follows, or a key and its value."""
        lines = text.split("\n")
        inner = [number for number, line in enumerate(lines) if line.startswith("  ")]
        at = random.choice(inner or [0])
        indent = re.match(r"[ -]*", lines[at])
        margin = indent.group() if indent else ""
        if random.random() < 0.5:
            lines.insert(at, margin + random.choice(STATEMENTS))
        else:
            lines.insert(at, f"{margin}{random.choice(self.keys)}: {random.choice(self.words)}")
        return "\n".join(lines)


Change = Callable[[Mutator, str, Random], str]
CHANGES: tuple[Change, ...] = (
    Mutator.value, Mutator.value, Mutator.value, Mutator.value, Mutator.number, Mutator.number, Mutator.token,
    Mutator.lines, Mutator.lines, Mutator.line, Mutator.line,
)  # fmt: skip


def _scalars(text: str) -> list[tuple[int, int]]:
    """Where the scalars of a text stand, keys and those of the top level seldom; none where it is no YAML."""
    found: list[tuple[int, int]] = []
    outer: list[tuple[int, int]] = []
    depth = 0
    try:
        for event in yaml.parse(text, yaml.CSafeLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.ScalarEvent):
                start, end = event.start_mark.index, event.end_mark.index
                is_key = text.startswith(":", end)
                (outer if is_key or depth < 2 else found).append((start, end))
    except yaml.YAMLError:
        return []
    return found + outer[::6] if found else outer
