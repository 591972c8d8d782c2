"""What becomes of one network in another: parts are added, removed, moved and changed, and some weights still fit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from archspec.analysis.analyses import Analyses
from archspec.ir import Graph, Node, Scope, full_name
from archspec.objects import record
from archspec.values import Value
from archspec.views.cells import arguments, default
from archspec.views.matching import Child, Matching, match, name_of, path_of

Kind = Literal["added", "removed", "moved", "changed"]
SHAPE = "output"
"""The edit that says that a node's result has another shape."""


@record
class Edit:
    """One thing that is different in a node: an argument, `op`, `inputs`, `output`, `init`, `runs`; None: not there."""

    name: str
    before: str | None
    after: str | None


@record
class Change:
    """What happens to a node, or to a block with all that is in it. `op` is the op's or the block's name afterwards.

    `params` counts what is added or removed.
    """

    kind: Kind
    before: str | None
    after: str | None
    op: str
    edits: tuple[Edit, ...] = ()
    nodes: int = 1
    params: int = 0

    @property
    def only_shape(self) -> bool:
        """Nothing but the shape of the result is different: a consequence of something else."""
        return self.kind == "changed" and all(edit.name == SHAPE for edit in self.edits)


@record
class Keys:
    """Names of the `state_dict`. Weights of the first network load into the second one as they are where all `fit`.

    `renamed` is from the old to the new name. `mistaken` are names that are in both with the same shape, but are those
    of different layers.
    """

    fit: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    reshaped: tuple[str, ...]
    renamed: Mapping[str, str]
    mistaken: tuple[str, ...]

    @property
    def all_fit(self) -> bool:
        return not (self.added or self.removed or self.reshaped or self.renamed or self.mistaken)


@dataclass(frozen=True)
class Differences:
    """Two networks, and how their parts match."""

    before: Analyses
    after: Analyses

    @cached_property
    def matching(self) -> Matching:
        return match(self.before.graph, self.after.graph)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """In the order of the second network; what is removed stands where it was."""
        return tuple(self._changes())

    @cached_property
    def keys(self) -> Keys:
        return _keys(self.matching)

    def _changes(self) -> Iterator[Change]:
        old, new = self.before.graph, self.after.graph
        nodes = _NodeComparison(self.matching)
        for pair in self.matching.pairs:
            if pair.before is None and pair.after is not None:
                yield _whole("added", self.after, pair.after, set(self.matching.nodes.values()))
            elif pair.after is None and pair.before is not None:
                yield _whole("removed", self.before, pair.before, set(self.matching.nodes))
            elif pair.before is not None and pair.after is not None:
                before, after = path_of(old, pair.before), path_of(new, pair.after)
                edits = tuple(nodes.edits(pair.before, pair.after))
                moved = pair.moved or name_of(old, pair.before) != name_of(new, pair.after)
                if edits or moved:
                    yield Change(
                        "changed" if edits else "moved", before, after, _title(new, pair.after), edits,
                        nodes=_size(pair.after),
                    )  # fmt: skip


class _NodeComparison:
    """Compares matched parts. What a node reads is compared through what was put between, or taken out."""

    def __init__(self, matching: Matching) -> None:
        self._old, self._new = matching.before, matching.after
        self._after = matching.nodes
        self._frozen = frozenset(self._old.frozen), frozenset(self._new.frozen)
        gone = set(range(len(self._old.nodes))).difference(matching.nodes)
        put = set(range(len(self._new.nodes))).difference(matching.nodes.values())
        self._gone = _Bypass(self._old, gone, [pair.before for pair in matching.pairs if pair.after is None])
        self._put = _Bypass(self._new, put, [pair.after for pair in matching.pairs if pair.before is None])

    def edits(self, before: Child, after: Child) -> Iterator[Edit]:
        """What is different, arguments first."""
        if isinstance(before, Scope) and isinstance(after, Scope):
            if before.block != after.block:
                yield Edit("block", before.block or "inline", after.block or "inline")
        elif isinstance(before, int) and isinstance(after, int):
            yield from self._node(before, after)

    def _node(self, i: int, j: int) -> Iterator[Edit]:
        a, b = self._old.nodes[i], self._new.nodes[j]
        if a.op.title != b.op.title:
            yield Edit("op", a.op.title, b.op.title)
        old, new = arguments(a.op, inferred=True), arguments(b.op, inferred=True)
        for name in dict.fromkeys([*old, *new]) if a.op.title == b.op.title else ():
            before, after = (given.get(name, default(b.op, name)) for given in (old, new))
            if before != after:
                yield Edit(name, before, after)
        if self._sources(self._gone, a, self._after) != self._sources(self._put, b, None):
            yield Edit("inputs", _names(self._old, a.inputs), _names(self._new, b.inputs))
        if (a.path == a.module) != (b.path == b.module):
            yield Edit("reuses", None if a.path == a.module else a.module, None if b.path == b.module else b.module)
        if a.init != b.init:
            yield Edit("init", _init(a), _init(b))
        frozen = [_frozen(node, names) for node, names in zip((a, b), self._frozen, strict=True)]
        if frozen[0] != frozen[1]:
            yield Edit("frozen", *frozen)
        if self._old.modes[i] != self._new.modes[j]:
            yield Edit("runs", self._old.modes[i], self._new.modes[j])
        shapes = [", ".join(map(str, node.outputs)) for node in (a, b)]
        if shapes[0] != shapes[1]:
            yield Edit(SHAPE, *shapes)
        dtypes = [", ".join(x.dtype for x in node.outputs) for node in (a, b)]
        if dtypes[0] != dtypes[1]:
            yield Edit("dtype", *dtypes)

    @staticmethod
    def _sources(bypass: _Bypass, node: Node, after: Mapping[int, int] | None) -> list[tuple[str, Value]]:
        """What each operand reads, in the second network's numbers."""
        found: list[tuple[str, Value]] = []
        for slot, value in zip(node.slots, node.inputs, strict=True):
            source = bypass.source(value)
            if after is not None and source.node >= 0:
                source = Value(after.get(source.node, -(1 << 30)), source.part)
            found.append((slot, source))
        return found


class _Bypass:
    """Finds what a value comes from, past parts with one input that only one of the networks has."""

    def __init__(self, graph: Graph, unmatched: set[int], parts: Sequence[Child | None]) -> None:
        self._graph = graph
        self._unmatched = unmatched
        self._scope_of: dict[int, Scope] = {}
        for part in parts:
            if isinstance(part, Scope):
                self._scope_of |= dict.fromkeys(range(part.start, part.end), part)

    def source(self, value: Value) -> Value:
        while value.node in self._unmatched:
            scope = self._scope_of.get(value.node)
            inputs = scope.inputs if scope is not None else self._graph.nodes[value.node].inputs
            if len(set(inputs)) != 1:
                return value
            value = inputs[0]
        return value


def _whole(kind: Literal["added", "removed"], analyses: Analyses, child: Child, kept: Collection[int]) -> Change:
    """What is new or gone, but for nodes that are `kept` elsewhere."""
    path = path_of(analyses.graph, child)
    nodes = [child] if isinstance(child, int) else [n for n in range(child.start, child.end) if n not in kept]
    return Change(
        kind, path if kind == "removed" else None, path if kind == "added" else None, _title(analyses.graph, child),
        nodes=len(nodes), params=sum(analyses.costs.nodes[node].params for node in nodes),
    )  # fmt: skip


def _keys(matching: Matching) -> Keys:
    """Which tensor is which follows from which node is which."""
    old, new = _tensors(matching.before), _tensors(matching.after)
    old_of: dict[str, str] = {}  # by the new name
    for i, j in matching.nodes.items():
        a, b = matching.before.nodes[i], matching.after.nodes[j]
        if a.is_reuse or b.is_reuse:
            continue
        names = {state.name for state in a.op.state() if state.persistent}
        old_of |= {full_name(b, s.name): full_name(a, s.name) for s in b.op.state() if s.persistent and s.name in names}
    fit: list[str] = []
    added: list[str] = []
    reshaped: list[str] = []
    mistaken: list[str] = []
    renamed: dict[str, str] = {}
    for name, kind in new.items():
        source = old_of.get(name)
        if source is None:
            added.append(name)
        elif old[source] != kind:
            reshaped.append(name)
        elif source != name:
            renamed[source] = name
        else:
            fit.append(name)
        if source != name and old.get(name) == kind:
            mistaken.append(name)
    used = set(old_of.values())
    removed = tuple(name for name in old if name not in used)
    return Keys(tuple(fit), tuple(added), removed, tuple(reshaped), renamed, tuple(mistaken))


def _tensors(graph: Graph) -> dict[str, tuple[tuple[int, ...], str]]:
    """The `state_dict`: shapes and dtypes by name."""
    return {
        full_name(node, state.name): (state.shape, state.dtype)
        for node in graph.nodes
        if not node.is_reuse
        for state in node.op.state()
        if state.persistent
    }


def _title(graph: Graph, child: Child) -> str:
    if isinstance(child, int):
        return graph.nodes[child].op.title
    return child.block or "block"


def _size(child: Child) -> int:
    return 1 if isinstance(child, int) else child.end - child.start


def _names(graph: Graph, values: Sequence[Value]) -> str:
    return ", ".join(graph.name_of(value) for value in values)


def _init(node: Node) -> str | None:
    found = [
        f"{name} {rule.function}({', '.join(f'{key}={value}' for key, value in rule.arguments)})"
        for name, rule in node.init
    ]
    return ", ".join(found) or None


def _frozen(node: Node, names: Collection[str]) -> str | None:
    return ", ".join(state.name for state in node.op.state() if full_name(node, state.name) in names) or None
