"""Which sizes a network takes: every requirement of its nodes, decided for each axis by itself where that is exact."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any, Literal

from archspec import dims
from archspec.dims import EVERY, Condition, Dim, Equation, Size, SizeSet, closed_form
from archspec.ir import Graph
from archspec.objects import mutable, record
from archspec.ops.needs import Requirement

MAX_PERIOD = 1 << 13  # of what several conditions come to together
_NAMED = 3  # nodes that a fact names
_LONGEST = 96  # characters of a closed form that is worth reading

Kind = Literal["pinned", "minimum", "sizes", "condition", "undecided"]
Sizes = Mapping[str, int]


@record
class Fact:
    """Something that the sizes must be, and the nodes that ask for it.

    Kinds: a size that the network was built for ("pinned"); a least size of one axis ("minimum"); another set of sizes
    of one axis ("sizes"); a condition on several axes, as it stands ("condition"); one that is only checked, size by
    size ("undecided"). `sites` are paths of nodes, and lines of the spec. `sizes` is the set, where there is one, and
    `accepted` what all facts on one axis leave of each of these.
    """

    kind: Kind
    names: tuple[str, ...]
    sites: tuple[str, ...]
    conditions: tuple[Condition, ...] = field(repr=False)
    wording: str  # of the conditions
    sizes: SizeSet | None = None
    accepted: tuple[SizeSet, ...] = field(default=(), repr=False)
    exact: bool = False  # of a pin: the axis itself has a number
    training: bool = False  # only nodes that run in training alone ask for it

    def holds(self, sizes: Sizes) -> bool | None:
        """Whether these sizes meet it; None where one that is not given decides."""
        if self.sizes is not None:
            (name,) = self.names
            return sizes[name] in self.sizes if name in sizes else None
        found = [_holds(condition, sizes) for condition in self.conditions]
        return False if False in found else None if None in found else True

    def nearest(self, name: str, size: int, others: Sizes | None = None) -> tuple[int, ...]:
        """The sizes next to `size`, below and above, that the axis may have, itself if it may; those of `others` given.

        Empty where there are none, or where that is not decided.
        """
        accepted = self.accepted[self.names.index(name)]
        if self.sizes is None:
            for condition in self.conditions:
                at = _with_sizes(condition, {n: s for n, s in (others or {}).items() if n != name})
                found = dims.solve(at) if dims.names_of(at.form) == frozenset((name,)) else None
                if found is None or math.lcm(found.period, accepted.period) > MAX_PERIOD:
                    return ()
                accepted &= found
        return accepted.nearest(size)

    @property
    def text(self) -> str:
        """What is asked, without who asks: `H = 0 (mod 16)`, `H * W = 50176`."""
        if self.sizes is not None:
            return self.sizes.text(*self.names)
        return self.wording if len(self.wording) <= _LONGEST else f"a condition on {and_(self.names)}"

    def __str__(self) -> str:
        when = " in training" if self.training else ""
        sites = _sites(self.sites) + when
        if self.kind == "pinned":
            axes = f"axis {self.names[0]} is" if len(self.names) == 1 else f"axes {and_(self.names)} are"
            single = self.sizes.single if self.exact and self.sizes is not None else None
            if single is not None:
                return f"{axes} pinned to {single} by {sites}"
            texts = [self.wording] if len(self.wording) <= _LONGEST else []
            texts += [self.text] if self.sizes is not None and self.text != self.wording else []
            return f"{axes} pinned by {sites}" + (f": {', '.join(texts)}" if texts else "")
        if self.kind == "undecided":
            return f"not decided: {self.text}, for {sites}"
        needs = "needs" if len(self.sites) == 1 else "need"
        return f"{_sites(self.sites)} {needs} {self.text}{when}"

    def to_json(self) -> dict[str, Any]:
        """Kind, axes, nodes and text; of a set of one axis what its large members are modulo a period, and from where
        on; `members` where there are no large ones."""
        found: dict[str, Any] = {
            "kind": self.kind,
            "axes": list(self.names),
            "sites": list(self.sites),
            "text": self.text,
        }
        if self.training:
            found["mode"] = "training"
        if self.sizes is not None and self.sizes.residues:
            found |= {"period": self.sizes.period, "residues": list(self.sizes.residues), "from": self.sizes.bound}
        members = [] if self.sizes is None else self.sizes.irregular()
        if members:
            found["members"] = [list(each) for each in members]
        return found


def accepts(facts: Iterable[Fact], sizes: Sizes) -> bool | None:
    """Whether these sizes meet every fact; None where sizes that are not given decide."""
    found = [fact.holds(sizes) for fact in facts]
    return False if False in found else None if None in found else True


def size_requirements(graph: Graph, pins: bool = True) -> tuple[Fact, ...]:
    """Every fact about the sizes of a graph's inputs. Sizes meet all of them exactly where every requirement of every
    node holds; `pins` adds what the network was built for: weights, and what was decided by a size."""
    needs = _Needs.of(graph, pins)
    needs.take_apart()
    in_training = {node.path for node, mode in zip(graph.nodes, graph.modes, strict=True) if mode == "training"}
    facts = (replace(fact, training=in_training.issuperset(fact.sites)) for fact in _facts(needs))
    return tuple(sorted(facts, key=lambda fact: fact.kind != "pinned"))


# Collecting


@mutable
class _Ask:
    """A condition and who asks for it."""

    what: Condition | Equation
    condition: Condition
    sites: dict[str, None]
    pinned: bool
    exact: bool = False

    @property
    def text(self) -> str:
        return self.what.text if isinstance(self.what, Equation) else self.condition.text

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(dims.names_of(self.condition.form)))


@mutable
class _Needs:
    """Conditions on one axis, solved; on several, as they stand; and those that could not be solved."""

    one: dict[str, list[tuple[_Ask, SizeSet]]] = field(default_factory=dict[str, "list[tuple[_Ask, SizeSet]]"])
    several: list[_Ask] = field(default_factory=list[_Ask])
    unsolved: list[_Ask] = field(default_factory=list[_Ask])
    allowed: dict[str, SizeSet] = field(default_factory=dict[str, SizeSet])

    @classmethod
    def of(cls, graph: Graph, pins: bool) -> _Needs:
        needs, fixed = cls(), channels(graph)
        asked: dict[tuple[Condition, bool], _Ask] = {}
        for need, pinned, sites in _collected(graph, pins):
            what = need.condition(fixed)
            condition = (what.condition if isinstance(what, Equation) else what).plain()
            if not condition.form.terms:
                continue
            ask = asked.setdefault(
                (condition, pinned), _Ask(what, condition, {}, pinned, pinned and _is_axis(need.left))
            )
            ask.sites |= sites
        for ask in asked.values():
            needs.add(ask)
        return needs

    def add(self, ask: _Ask) -> None:
        name, *others = ask.names
        if others:
            self.several.append(ask)
            return
        found = dims.solve(ask.condition)
        allowed = self.allowed.get(name, EVERY)
        if found is None or math.lcm(found.period, allowed.period) > MAX_PERIOD:
            self.unsolved.append(ask)
        else:
            self.one.setdefault(name, []).append((ask, found))
            self.allowed[name] = allowed & found

    def take_apart(self) -> None:
        """Conditions on several axes that come to one on each become those, as long as there are any."""
        progress = True
        while progress:
            progress = False
            fixed = {name: single for name, sizes in self.allowed.items() if (single := sizes.single) is not None}
            waiting, self.several = self.several, []
            for ask in waiting:
                parts = dims.separate(ask.what, self.allowed)
                if parts is None and fixed.keys() & set(ask.names):
                    parts = _at(ask, fixed)
                if parts is None:
                    self.several.append(ask)
                    continue
                progress = True
                for part in parts:
                    self.add(replace(ask, what=part, condition=part.plain()))


def _at(ask: _Ask, fixed: Sizes) -> tuple[Condition, ...] | None:
    """The condition where some axes have but one size."""
    condition = _with_sizes(ask.condition, fixed)
    if condition.form.terms:
        return (condition,)
    return () if condition.holds_of(condition.form.constant) else None


def _with_sizes(condition: Condition, sizes: Sizes) -> Condition:
    """The condition where some symbols take these values, the others being what they are."""
    left = dims.substitute(dims.of_form(condition.form), sizes)
    return Condition(condition.kind, dims.form_of(left), condition.divisor)


def _holds(condition: Condition, sizes: Sizes) -> bool | None:
    try:
        found = _with_sizes(condition, sizes)
    except ZeroDivisionError:  # a size that nothing is left of
        return False
    return None if found.form.terms else found.holds_of(found.form.constant)


def _collected(graph: Graph, pins: bool) -> Iterator[tuple[Requirement, bool, dict[str, None]]]:
    """Requirements and pins, each once, with the nodes and lines that have them. Nodes share their sizes: looked up by
    identity, which is fast, what is equal is found later."""
    found: dict[tuple[str, int, int], tuple[Requirement, bool, dict[str, None]]] = {}
    for node in graph.nodes:
        for need in node.requirements:
            key = (need.kind, id(need.left), id(need.right) if isinstance(need.right, dims.Size) else need.right)
            found.setdefault(key, (need, False, {}))[2][node.path] = None
        for size in node.pins if pins else ():
            _add_pin(found, size, node.path)
    for size, span in graph.pins if pins else ():
        _add_pin(found, size, f"line {span.line}")
    yield from found.values()


def _add_pin(
    found: dict[tuple[str, int, int], tuple[Requirement, bool, dict[str, None]]], size: Size, site: str
) -> None:
    assert size.value is not None, "only a size that has a number is pinned"
    found.setdefault(("pin", id(size), 0), (Requirement("equal", size, size.value), True, {}))[2][site] = None


def _is_axis(dim: Dim) -> bool:
    return closed_form(dim) in dims.symbols(dim)


def channels(graph: Graph) -> Sizes:
    """The numbers of channels, which go without saying: axis 1 of a map, where it is pinned or something is asked of it
    together with another axis; axis 1 of a list of vectors only where it is pinned alone."""
    first = {
        name: (dims.value(entry.type.shape[1]), entry.type.rank > 3)
        for entry in graph.inputs
        if entry.type.rank > 1 and "int" not in entry.type.dtype
        for name in dims.symbols(entry.type.shape[1])
    }
    found: set[str] = set()
    pins = (*[size for node in graph.nodes for size in node.pins], *[size for size, _ in graph.pins])
    for size in {id(size): size for size in pins}.values():
        names = dims.symbols(size)
        found.update(name for name in names if name in first and (first[name][1] or closed_form(size) == name))
    for need in {id(need): need for node in graph.nodes for need in node.requirements}.values():
        names = dims.symbols(need.left) | dims.symbols(need.right)
        if not names <= first.keys():
            found.update(name for name in names if name in first and first[name][1])
    return {name: known for name in sorted(found) if (known := first[name][0]) is not None}


# Facts


def _facts(needs: _Needs) -> Iterator[Fact]:
    for name in sorted(needs.one):
        yield from _of_axis(name, needs.one[name], needs.allowed[name])
    pinned = {ask.condition for ask in needs.several if ask.pinned}
    for ask in needs.several:
        if not ask.pinned and ask.condition in pinned:
            continue
        yield _as_it_stands("pinned" if ask.pinned else "condition", ask, needs)
    for ask in needs.unsolved:
        yield _as_it_stands("undecided", ask, needs)


def _as_it_stands(kind: Kind, ask: _Ask, needs: _Needs) -> Fact:
    accepted = tuple(needs.allowed.get(name, EVERY) for name in ask.names)
    return Fact(kind, ask.names, tuple(ask.sites), (ask.condition,), ask.text, None, accepted)


def _of_axis(name: str, found: list[tuple[_Ask, SizeSet]], accepted: SizeSet) -> Iterator[Fact]:
    """What is asked of one axis: its only size; else what else pins it, its least size, and the rest.

    Nodes after the first that asks for the least size only follow it.
    """

    def fact(kind: Kind, sizes: SizeSet, asks: Iterable[_Ask], exact: bool = False) -> Fact:
        own = list(asks)
        sites = tuple(dict.fromkeys(site for ask in own for site in ask.sites))
        wording = own[0].text if kind == "pinned" else ""
        return Fact(kind, (name,), sites, tuple(ask.condition for ask in own), wording, sizes, (accepted,), exact)

    pins = [(ask, sizes) for ask, sizes in found if ask.pinned]
    exact = [ask for ask, _ in pins if ask.exact]
    if exact:
        yield fact("pinned", accepted, exact, True)
        return
    for ask, sizes in pins:
        yield fact("pinned", sizes, (ask,))
    asked = [(ask, sizes) for ask, sizes in found if not ask.pinned and sizes != EVERY]
    rest = EVERY
    for _, sizes in asked:
        rest = rest if sizes.is_minimum else rest & sizes
    least = max((sizes for _, sizes in asked if sizes.is_minimum), key=lambda sizes: sizes.bound, default=EVERY)
    if least != EVERY and not any(sizes <= least for sizes in (rest, *(sizes for _, sizes in pins))):
        first = next(ask for ask, sizes in asked if sizes == least)
        yield fact("minimum", least, (replace(first, sites=dict.fromkeys([*first.sites][:1])),))
    if rest != EVERY:
        others = [(ask, sizes) for ask, sizes in asked if not sizes.is_minimum]
        alone = [ask for ask, sizes in others if sizes <= rest]
        yield fact("sizes", rest, alone or (ask for ask, _ in others))


def _sites(sites: Iterable[str]) -> str:
    unique = [site if " " in site else f"`{site}`" for site in dict.fromkeys(sites)]  # a path, or "line 12"
    return and_(unique) if len(unique) <= _NAMED else f"{unique[0]} and {len(unique) - 1} more"


def and_(words: Iterable[str]) -> str:
    """`a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
