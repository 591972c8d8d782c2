"""The located tree: scalars, lists and mappings that know their place."""

from __future__ import annotations

from dataclasses import field

from archspec.diagnostics import Span
from archspec.objects import record


@record(eq=False)
class Scalar:
    """A value without parts. `text` is its content as written, without quotes; a key's `value` is its text."""

    value: bool | int | float | str | None
    text: str
    quoted: bool
    span: Span


@record(eq=False)
class Sequence:
    """A list, in flow style (`[a, b]`) or block style."""

    items: tuple[Node, ...]
    span: Span
    flow: bool


@record(eq=False)
class Entry:
    """A mapping's item."""

    key: Scalar
    value: Node


@record(eq=False)
class Mapping:
    """Entries in the order written; no key comes twice."""

    entries: tuple[Entry, ...]
    span: Span
    flow: bool
    _index: dict[str, Entry] = field(default_factory=dict[str, Entry], init=False, repr=False)

    def entry(self, name: str) -> Entry | None:
        """The entry of this key."""
        if self.entries and not self._index:
            self._index.update((entry.key.text, entry) for entry in reversed(self.entries))
        return self._index.get(name)

    def get(self, name: str) -> Node | None:
        """The value of this key."""
        entry = self.entry(name)
        return None if entry is None else entry.value

    def keys(self) -> tuple[str, ...]:
        return tuple(entry.key.text for entry in self.entries)


Node = Scalar | Sequence | Mapping


def plain(node: Node) -> object:
    """The tree as ordinary dicts, lists and scalars."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {entry.key.text: plain(entry.value) for entry in node.entries}


def written(node: Node) -> object:
    """The tree as `plain`, with scalars as they are written: the same for texts that differ in layout and comments."""
    match node:
        case Scalar():
            return (node.text, node.quoted)
        case Sequence():
            return [written(item) for item in node.items]
        case Mapping():
            return {entry.key.text: written(entry.value) for entry in node.entries}
