"""Blocks that were elaborated before, to be copied: in this network, or in another one of the same spec."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Any

from archspec.elaborate.place import File, OpValue
from archspec.elaborate.relocate import Template
from archspec.elaborate.session import Session
from archspec.objects import mutable
from archspec.spec import BlockSyntax, Spec, words_in
from archspec.values import TensorType
from archspec.yaml_source import Node

MOST_NODES = 100_000
"""That are kept from one elaboration to the next."""

Key = tuple[object, ...]


@mutable
class Templates:
    """Elaborated blocks by all that they depend on.

    Given to several elaborations, with one library, it makes the later ones faster. Only blocks of networks without a
    mistake are kept for others: some mistakes are found when a network is finished.
    """

    kept: dict[Key, Template] = field(default_factory=dict[Key, Template])
    fresh: dict[Key, Template] = field(default_factory=dict[Key, Template])  # of the elaboration at hand
    nodes: int = 0  # of those kept
    contexts: dict[Key, object] = field(default_factory=dict[Key, object])
    mentioned: dict[Spec, frozenset[str]] = field(default_factory=dict[Spec, frozenset[str]])

    def start(self) -> None:
        """An elaboration begins."""
        self.fresh = {}

    def keep(self) -> None:
        """The elaboration has succeeded."""
        for key, template in self.fresh.items():
            if key not in self.kept:
                self.kept[key] = template
                self.nodes += len(template.nodes)
        while self.nodes > MOST_NODES:
            self.nodes -= len(self.kept.pop(next(iter(self.kept))).nodes)

    def key(
        self, session: Session, file: File, block: BlockSyntax, params: dict[str, Any], types: tuple[TensorType, ...],
        pattern: tuple[int, ...],
    ) -> Key:  # fmt: skip
        """What a block's nodes depend on; `pattern` says which of the values that it reads are the same."""
        return (block, self._context(session, file), self._frozen(session, params), types, pattern)

    def find(self, session: Session, key: Key) -> tuple[Template, int] | None:
        """A block elaborated before, and the steps it owes: one of another network takes as many as it did there."""
        found = self.fresh.get(key)
        if found is not None:
            return found, 0
        found = self.kept.pop(key, None)
        if found is None:
            return None
        self.kept[key] = self.fresh[key] = found  # what was used last is kept longest
        session.pins.extend(found.pins)
        return found, found.steps

    def words(self, spec: Spec) -> frozenset[str]:
        """What blocks, or what is said of all ops, mention."""
        if spec not in self.mentioned:
            self.mentioned[spec] = words_in(_outside_graph(spec))
        return self.mentioned[spec]

    def _context(self, session: Session, file: File) -> object:
        """The same object for uses of a spec in which its blocks mean the same: where their params and lets are equal,
        as far as anything but the graph mentions them."""
        if file.context is None:
            spec = file.spec
            names = self.words(spec) | words_in(op.node for op in _ops(file.env.values))
            seen = {name: value for name, value in file.env.values.items() if name in names}
            key = (spec, session.batch, self._frozen(session, seen, file))
            file.context = self.contexts.setdefault(key, object())
        return file.context

    def _frozen(self, session: Session, value: Any, home: File | None = None) -> Any:
        """A value as part of a key; `1`, `1.0` and `true` are told apart. `home`: the file whose context this is."""
        if isinstance(value, dict):
            items: list[tuple[Any, Any]] = list(value.items())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            return tuple((key, self._frozen(session, item, home)) for key, item in items)
        if isinstance(value, list | tuple):
            parts: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            return tuple(self._frozen(session, item, home) for item in parts)
        if isinstance(value, OpValue):
            where = None if value.file is home else self._context(session, value.file)
            name = (OpValue, str(value), where)
            if value.is_word:
                return name
            return (*name, value.node) if value.view.env is value.file.env else (*name, value.node, value.view.env)
        return (value.__class__, value)


def _outside_graph(spec: Spec) -> Iterator[Node]:
    """What is said in a file that can be part of what its blocks mean."""
    for block in spec.blocks.values():
        yield block.node
    for section in (spec.defaults, spec.init):
        if section is not None:
            yield section
    for entry in spec.imports.values():
        yield from (param.value for param in entry.params)
        if entry.variant is not None:
            yield entry.variant


def _ops(value: Any) -> Iterator[OpValue]:
    """The ops among values."""
    if isinstance(value, OpValue):
        yield value
    elif isinstance(value, dict | list | tuple):
        parts: list[Any] = list(value.values() if isinstance(value, dict) else value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType, reportUnknownMemberType]
        for part in parts:
            yield from _ops(part)
