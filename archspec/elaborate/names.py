"""Names of nodes: what each one is bound to, and how names resolve outwards and into finished children."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace

from archspec.diagnostics import Label, Span, spec_error
from archspec.objects import mutable, record
from archspec.values import TensorType, Value


@record(eq=False)
class Bound:
    """What a name stands for: one tensor or several, with the names of its parts and what can be reached inside it.

    `failed`: its node was in error; whoever reads it fails silently, so that one mistake is reported once.
    `absent`: a node removed by `when: false`, standing for its stand-in. `dropped`: one that does nothing at any size.
    """

    label: str
    values: tuple[Value, ...]
    types: tuple[TensorType, ...]
    parts: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, "tuple[int, ...]"])
    inner: Callable[[], Names] | None = None
    is_block: bool = False
    failed: bool = False
    absent: bool = False
    dropped: bool = False
    path: str | None = None

    def child(self, name: str) -> Bound | None:
        """`a.b`: a child of an inline graph, then an output or part, then a node inside a block."""
        if self.inner is not None and not self.is_block and name in self.inner().table:
            return self.inner().table[name]
        if name in self.parts:
            return self.select(self.parts[name], name)
        if name.isdigit() and int(name) < len(self.values) and len(self.values) > 1:
            return self.select((int(name),), name)
        if self.inner is not None and self.is_block:
            return self.inner().table.get(name)
        return None

    def select(self, positions: tuple[int, ...], name: str) -> Bound:
        """Some of the values, as a value of their own."""
        return Bound(
            f"{self.label}.{name}",
            tuple(self.values[i] for i in positions),
            tuple(self.types[i] for i in positions),
            failed=self.failed,
        )

    def part_of(self, value: Value) -> str:
        """What one of several values is called after the dot."""
        at = self.values.index(value)
        return next((name for name, positions in self.parts.items() if positions == (at,)), str(at))

    def everything(self) -> Iterator[Bound]:
        """`m.*`: all children of an inline graph, or all outputs of a block."""
        if self.inner is None or self.is_block:
            yield self
            return
        seen: set[int] = set()
        for bound in self.inner().table.values():
            if id(bound) not in seen and not bound.absent:
                seen.add(id(bound))
                yield bound

    def member_names(self) -> Iterator[str]:
        """What may stand after the dot, for suggestions."""
        yield from self.parts
        if self.inner is not None:
            yield from self.inner().table

    def renamed(self, label: str) -> Bound:
        return replace(self, label=label)


FAILED = Bound("?", (), (), failed=True)


class Poisoned(Exception):
    """Something that was read is already in error; nothing more is to be said."""


@mutable
class Names:
    """The nodes of one graph by name. `parent`: the enclosing graph, None at a block's edge."""

    parent: Names | None
    input: Bound
    table: dict[str, Bound] = field(default_factory=dict[str, Bound])
    spans: dict[str, Span] = field(default_factory=dict[str, Span])
    borrowed: dict[str, Span | None] = field(default_factory=dict[str, "Span | None"])  # outer names read in here
    deleted: dict[str, Span] = field(default_factory=dict[str, Span])  # by a spec that extends this one
    later: Callable[[], Iterable[str]] = tuple[str]  # names that the graph defines somewhere, for a better message
    incomplete: bool = False  # a statement failed, so names may be missing through no fault of their readers

    def find(self, name: str, span: Span | None = None) -> Bound | None:
        """The node called `name`, looking outwards up to the block's edge; `input` is the nearest graph's."""
        if name == "input":
            return self.input
        passed: list[Names] = []
        names: Names | None = self
        while names is not None:
            if name in names.table:
                for between in passed:
                    between.borrowed.setdefault(name, span)
                return names.table[name]
            passed.append(names)
            names = names.parent
        return None

    def define(self, name: str, bound: Bound, span: Span) -> None:
        """Gives a node its name. Raises SpecError for a second one, or one already read from outside."""
        if name in self.table:
            first = self.spans.get(name)
            raise spec_error(
                "duplicate-name",
                f"`{name}` is defined twice in this graph",
                span,
                related=[Label(first, "first defined here")] if first is not None and first != span else [],
                help=f"rename one of them; in a loop, name it by the loop variable: `{name}$i`",
            )
        if name in self.borrowed:
            read = self.borrowed[name]
            raise spec_error(
                "shadowed-name",
                f"`{name}` is defined here, but an outer `{name}` was read in this graph before",
                span,
                related=[Label(read, "read here")] if read is not None else [],
                help="rename one of them",
            )
        self.table[name] = bound
        self.spans[name] = span

    def visible(self) -> Iterator[str]:
        """Every name in reach, for suggestions."""
        yield "input"
        for names in self._outwards():
            yield from names.table

    def comes_later(self, name: str) -> bool:
        """Whether a graph around here defines the name, though not yet."""
        return any(name in names.later() for names in self._outwards())

    def deletion(self, name: str) -> Span | None:
        """Where the nearest node of that name was deleted."""
        return next((names.deleted[name] for names in self._outwards() if name in names.deleted), None)

    def reading_of(self, value: Value) -> str | None:
        """How an edge names one of several values of a node: `lstm.output`, or as a comma key does."""
        several: str | None = None
        for names in self._outwards():
            for name, bound in (*names.table.items(), ("input", names.input)):
                if bound.values == (value,):
                    return name
                if value in bound.values and several is None:
                    several = f"{name}.{bound.part_of(value)}"
        return several

    def is_incomplete(self) -> bool:
        return any(names.incomplete for names in self._outwards())

    def _outwards(self) -> Iterator[Names]:
        names: Names | None = self
        while names is not None:
            yield names
            names = names.parent
