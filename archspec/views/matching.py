"""Which part of one network is which part of another.

Graphs written with names are matched by name; what is left is a rename where it is the same but for its name. Graphs
written as lists are aligned as texts are, so that a layer that is put in moves those after it, and changes none.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import field
from itertools import pairwise

from archspec.ir import Graph, Node, Scope
from archspec.objects import mutable, record
from archspec.views.cells import arguments

Child = Scope | int  # a scope, or the position of a node
_LARGEST = 1 << 20  # cells of an alignment; longer lists are matched from both ends, then place by place
_EXACT, _ALIKE, _KIND = 6, 4, 2  # what a match of two children is worth
_NAME = 1  # and what it is worth more under the same name


@record
class Pair:
    """A part before and after; None where there is none. `moved`: it is in another block now."""

    before: Child | None
    after: Child | None
    moved: bool = False


@mutable
class Matching:
    """Pairs in order, outer parts before what is in them. `nodes` says what becomes of each node."""

    before: Graph
    after: Graph
    pairs: list[Pair] = field(default_factory=list[Pair])
    nodes: dict[int, int] = field(default_factory=dict[int, int])


def match(before: Graph, after: Graph) -> Matching:
    """Matches two networks."""
    found = Matching(before, after)
    matcher = _Matcher(found)
    matcher.scopes(before.root, after.root)
    matcher.moves()
    return found


def name_of(graph: Graph, child: Child) -> str:
    """The last part of its path."""
    return path_of(graph, child).rpartition(".")[2]


def path_of(graph: Graph, child: Child) -> str:
    """Its path."""
    return graph.nodes[child].path if isinstance(child, int) else child.path


def _nodes(child: Child) -> range:
    return range(child, child + 1) if isinstance(child, int) else range(child.start, child.end)


class _Matcher:
    def __init__(self, found: Matching) -> None:
        self.found = found
        self._before = _Features(found.before)
        self._after = _Features(found.after)

    def scopes(self, before: Scope, after: Scope) -> None:
        """Matches what is in two scopes, and in theirs."""
        left, right = before.children, after.children
        pairs = self._aligned(left, right) if before.numbered and after.numbered else self._by_name(left, right)
        for pair in _in_order(pairs, left, right):
            self.found.pairs.append(pair)
            if isinstance(pair.before, int) and isinstance(pair.after, int):
                self.found.nodes[pair.before] = pair.after
            elif isinstance(pair.before, Scope) and isinstance(pair.after, Scope):
                self.scopes(pair.before, pair.after)

    def moves(self) -> None:
        """Matches what is gone in one place and new in another: parts that are the same, if there are as many of them,
        then nodes with weights in what is left."""
        gone = [pair.before for pair in self.found.pairs if pair.before is not None and pair.after is None]
        new = [pair.after for pair in self.found.pairs if pair.after is not None and pair.before is None]
        parts = self._same(gone, new)
        for before, after in parts:
            self.found.nodes.update(zip(_nodes(before), _nodes(after), strict=True))
        kept = set(self.found.nodes.values())
        rest = [node for child in gone for node in _nodes(child) if node not in self.found.nodes]
        nodes = self._same(rest, [node for child in new for node in _nodes(child) if node not in kept])
        self.found.nodes.update((i, j) for i, j in nodes if isinstance(i, int) and isinstance(j, int))
        self._put_in([*parts, *nodes])

    def _same(self, gone: Sequence[Child], new: Sequence[Child]) -> list[tuple[Child, Child]]:
        """Single nodes must have the same name, too: there are few ways to write a convolution."""
        groups: dict[Hashable, tuple[list[Child], list[Child]]] = {}
        for side, graph, features, children in (
            (0, self.found.before, self._before, gone),
            (1, self.found.after, self._after, new),
        ):
            for child in children:
                feature = features.of(child)
                name = name_of(graph, child) if isinstance(child, int) else ""
                if feature.has_weights:
                    groups.setdefault((feature.exact, name), ([], []))[side].append(child)
        return [
            pair
            for before, after in groups.values()
            if len(before) == len(after)
            for pair in zip(before, after, strict=True)
        ]

    def _put_in(self, moved: Sequence[tuple[Child, Child]]) -> None:
        """Pairs of what has moved, where it is now, in place of what was said of its parts."""
        if not moved:
            return
        gone = {id(before) if isinstance(before, Scope) else before for before, _ in moved}
        place = {(after if isinstance(after, int) else after.start): (before, after) for before, after in moved}
        pairs: list[Pair] = []
        for pair in self.found.pairs:
            only = pair.before if pair.after is None else pair.after if pair.before is None else None
            if pair.after is None and (id(only) if isinstance(only, Scope) else only) in gone:
                continue
            inside = (
                [place.pop(node) for node in _nodes(only) if node in place]
                if pair.before is None and only is not None
                else []
            )
            if not any(after is only for _, after in inside) and not (isinstance(only, int) and inside):
                pairs.append(pair)
            pairs += [Pair(before, after, moved=True) for before, after in inside]
        self.found.pairs = pairs

    def _by_name(self, left: Sequence[Child], right: Sequence[Child]) -> list[tuple[int, int]]:
        names = {name_of(self.found.after, child): j for j, child in enumerate(right)}
        pairs = [
            (i, j)
            for i, child in enumerate(left)
            if (j := names.get(name_of(self.found.before, child))) is not None
            and isinstance(child, int) == isinstance(right[j], int)
        ]
        rest_left = sorted({*range(len(left))} - {i for i, _ in pairs})
        rest_right = sorted({*range(len(right))} - {j for _, j in pairs})
        renamed = self._align([left[i] for i in rest_left], [right[j] for j in rest_right], least=_ALIKE)
        return [*pairs, *((rest_left[i], rest_right[j]) for i, j in renamed)]

    def _aligned(self, left: Sequence[Child], right: Sequence[Child]) -> list[tuple[int, int]]:
        """Alignment; in gaps of the same length, what stands at the same place."""
        pairs = self._align(left, right, least=_KIND)
        ends = [(-1, -1), *pairs, (len(left), len(right))]
        for (i, j), (k, m) in pairwise(ends):
            if k - i == m - j:
                pairs += [
                    (i + step, j + step)
                    for step in range(1, k - i)
                    if isinstance(left[i + step], int) == isinstance(right[j + step], int)
                ]
        return pairs

    def _align(self, left: Sequence[Child], right: Sequence[Child], least: int) -> list[tuple[int, int]]:
        """The pairs of the best alignment, what is equal at both ends apart."""
        start = 0
        while start < min(len(left), len(right)) and self._level(left[start], right[start]) == _EXACT:
            start += 1
        end = 0
        while end < min(len(left), len(right)) - start and self._level(left[-1 - end], right[-1 - end]) == _EXACT:
            end += 1
        pairs = [(i, i) for i in range(start)]
        inner_left, inner_right = left[start : len(left) - end], right[start : len(right) - end]
        small = len(inner_left) * len(inner_right) <= _LARGEST
        found = self._best(inner_left, inner_right, least) if small else self._in_step(inner_left, inner_right, least)
        pairs += [(start + i, start + j) for i, j in found]
        return [*pairs, *((len(left) - n, len(right) - n) for n in range(end, 0, -1))]

    def _in_step(self, left: Sequence[Child], right: Sequence[Child], least: int) -> list[tuple[int, int]]:
        """What stands at the same place, where it can be the same."""
        both = enumerate(zip(left, right, strict=False))
        return [(i, i) for i, (before, after) in both if self._level(before, after) >= least]

    def _best(self, left: Sequence[Child], right: Sequence[Child], least: int) -> list[tuple[int, int]]:
        scores = [
            [self._worth(a, b, level) if (level := self._level(a, b)) >= least else 0 for b in right] for a in left
        ]
        best = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]  # of what follows
        for i in range(len(left) - 1, -1, -1):
            row, below = best[i], best[i + 1]
            for j in range(len(right) - 1, -1, -1):
                score = scores[i][j]
                paired = below[j + 1] + score if score else 0
                row[j] = max(paired, below[j], row[j + 1])
        pairs: list[tuple[int, int]] = []
        i = j = 0
        while i < len(left) and j < len(right):
            if scores[i][j] and best[i][j] == best[i + 1][j + 1] + scores[i][j]:
                pairs.append((i, j))
                i, j = i + 1, j + 1
            elif best[i][j] == best[i + 1][j]:
                i += 1
            else:
                j += 1
        return pairs

    def _level(self, before: Child, after: Child) -> int:
        """How much alike two children are; 0 where they cannot be one."""
        a, b = self._before.of(before), self._after.of(after)
        if a.kind != b.kind:
            return 0
        return _EXACT if a.exact == b.exact else _ALIKE if a.skeleton == b.skeleton else _KIND

    def _worth(self, before: Child, after: Child, level: int) -> int:
        """What it is worth to match them: weights decide, then names."""
        named_alike = name_of(self.found.before, before) == name_of(self.found.after, after)
        return level * (2 if self._before.of(before).has_weights else 1) + (_NAME if named_alike else 0)


@record
class _Feature:
    """What is compared: all of it; its ops without their arguments; what it is called."""

    exact: Hashable
    skeleton: Hashable
    kind: Hashable
    has_weights: bool


class _Features:
    """Those of the parts of one graph, each found once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[str, _Feature] = {}

    def of(self, child: Child) -> _Feature:
        path = path_of(self._graph, child)
        found = self._known.get(path)
        if found is None:
            found = self._node(self._graph.nodes[child]) if isinstance(child, int) else self._scope(child)
            self._known[path] = found
        return found

    def _node(self, node: Node) -> _Feature:
        title = node.op.title
        return _Feature(
            hash((title, *arguments(node.op, inferred=True).items())), hash(title), ("node", title),
            any(not state.buffer for state in node.op.state()),
        )  # fmt: skip

    def _scope(self, scope: Scope) -> _Feature:
        inside = [self.of(child) for child in scope.children]
        names = () if scope.numbered else tuple(name_of(self._graph, child) for child in scope.children)
        return _Feature(
            hash((scope.block, names, *(part.exact for part in inside))),
            hash((scope.block, names, *(part.skeleton for part in inside))),
            ("block", scope.block),
            any(part.has_weights for part in inside),
        )  # fmt: skip


def _in_order(pairs: Sequence[tuple[int, int]], left: Sequence[Child], right: Sequence[Child]) -> list[Pair]:
    """All children, in the order of the second; what is gone stands where it was."""
    partner = {j: i for i, j in pairs}
    kept = set(partner.values())
    found: list[Pair] = []
    shown = 0  # of the first
    for j, after in enumerate(right):
        i = partner.get(j)
        if i is None:
            found.append(Pair(None, after))
            continue
        while shown < i:
            if shown not in kept:
                found.append(Pair(left[shown], None))
            shown += 1
        shown = max(shown, i + 1)
        found.append(Pair(left[i], after))
    found += [Pair(left[i], None) for i in range(shown, len(left)) if i not in kept]
    return found
