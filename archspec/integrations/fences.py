"""The fenced blocks of a Markdown text that are archspec's, with their place in it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_FENCE = re.compile(r"(?P<indent> *)(?P<marks>`{3,}|~{3,})(?P<language>[^\s`]*)(?P<rest>[^`]*)")


@dataclass(frozen=True, slots=True)
class Fence:
    """A block: what its first line says after `archspec`, and its lines; `start` and `end` are the indices of the
    fences' lines, `end` is one further."""

    options: str
    indent: str
    start: int
    end: int
    body: tuple[str, ...]

    @property
    def text(self) -> str:
        """The body without the block's indentation."""
        return textwrap.dedent("\n".join(self.body)) + "\n"

    @property
    def spec_name(self) -> str | None:
        """The spec that a body of one word names; None where it is a spec itself."""
        words = self.text.split()
        return words[0] if len(words) == 1 and not words[0].endswith(":") else None


def fences(lines: Sequence[str]) -> Iterator[Fence]:
    """The blocks of archspec. Those inside of other fenced blocks are examples of how to write them."""
    opened: re.Match[str] | None = None
    start = 0
    for index, line in enumerate(lines):
        if opened is None:
            opened, start = _FENCE.fullmatch(line), index
        elif _closes(line, opened["marks"]):
            if opened["language"] == "archspec":
                yield Fence(opened["rest"], opened["indent"], start, index + 1, tuple(lines[start + 1 : index]))
            opened = None


def _closes(line: str, marks: str) -> bool:
    line = line.strip()
    return len(line) >= len(marks) and line == marks[0] * len(line)
