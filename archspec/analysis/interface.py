"""Which input sizes a network takes: what is pinned to the nominal size, and what must hold of the others."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import eq

from archspec import dims
from archspec.analysis.sample import batch_symbols
from archspec.diagnostics import spec_error
from archspec.dims import Dim, closed_form
from archspec.ir import Graph
from archspec.ops.needs import Requirement

_USUAL = 32  # the first size that is tried
_LARGE = 1024  # a size that every layer leaves something of
_PERIOD = 64  # the longest that is looked for
_NAMED = 3  # nodes that a fact names
_MOST_FACTS = 3  # of sizes that follow from the same axes
_LONGEST = 72  # characters of a closed form that is worth reading


def size_interface(graph: Graph) -> list[str]:
    """Short facts, each once: `axis W is pinned to 224 by `classifier.1``, `H = 0 (mod 16), for `join0``.

    That weights fit the input's channels goes without saying.
    """
    return [*_pinned(graph), *_required(graph)]


def fitting_sizes(graph: Graph) -> dict[str, int]:
    """A size that every layer takes, for the symbols of the inputs that have none, the batch apart: to run the network.

    Raises SpecError where no such size is found.
    """
    shapes = [dim for entry in graph.inputs for dim in entry.type.shape if dims.value(dim) is None]
    unknown = frozenset(name for dim in shapes for name in dims.symbols(dim)) - batch_symbols(graph)
    needs = [
        _Need(unknown, requirement, "")
        for node in graph.nodes
        for requirement in node.requirements
        if (dims.symbols(requirement.left) | dims.symbols(requirement.right)) & unknown
    ]
    for size in (*range(_USUAL, _LARGE), *range(1, _USUAL)):
        if all(need.holds(size) for need in needs):
            return dict.fromkeys(unknown, size)
    message = f"no size below {_LARGE} for {' and '.join(sorted(unknown))} is one that every layer takes"
    raise spec_error("unknown-size", message, help="give numbers with `--input`")


def _free(graph: Graph) -> tuple[frozenset[str], dict[str, int]]:
    """The symbols that a caller may want to vary, and the nominal numbers of channels, which no caller does."""
    batch = batch_symbols(graph)
    free: set[str] = set()
    channels: dict[str, int] = {}
    for entry in graph.inputs:
        for axis, dim in enumerate(entry.type.shape):
            if isinstance(dim, int) or dims.symbols(dim) <= batch:
                continue
            if axis == 1 and "int" not in entry.type.dtype:
                channels |= {name: dim.value for name in dims.symbols(dim) if dim.value is not None}
            else:
                free |= dims.symbols(dim)
    return frozenset(free - channels.keys()), channels


def _pinned(graph: Graph) -> Iterator[str]:
    free, channels = _free(graph)
    by: dict[Dim, list[str]] = {}
    for node in graph.nodes:
        for size in node.pins:
            by.setdefault(size, []).append(f"`{node.path}`")
    for size, span in graph.pins:
        by.setdefault(size, []).append(f"line {span.line}")
    derived: dict[str, int] = {}  # facts said of each set of axes: beyond a few, the rest only repeats them
    for size, sites in by.items():
        names = sorted(dims.symbols(size) & free)
        if not names:
            continue
        axes = ("axis " if len(names) == 1 else "axes ") + " and ".join(names)
        form, known = closed_form(dims.substitute(size, channels)), dims.value(size)
        if form in free:
            yield f"{axes} is pinned to {known} by {_list(sites)}"
        else:
            derived[axes] = derived.get(axes, 0) + 1
            if derived[axes] > _MOST_FACTS:
                continue
            why = f": {form} = {known}" if len(form) <= _LONGEST else ""
            yield f"{axes} {'is' if len(names) == 1 else 'are'} pinned by {_list(sites)}{why}"
    for axes, count in derived.items():
        if count > _MOST_FACTS:
            yield f"{axes}: {count - _MOST_FACTS:,} more such facts"


@dataclass(frozen=True, slots=True)
class _Need:
    """A requirement of one node that depends on sizes a caller may vary."""

    names: frozenset[str]
    requirement: Requirement
    site: str

    def holds(self, size: int) -> bool:
        """Whether it does where every such size is `size`."""
        sizes = dict.fromkeys(self.names, size)
        left, right = (
            dims.value(dims.substitute(dim, sizes)) for dim in (self.requirement.left, self.requirement.right)
        )
        return left is not None and right is not None and _TESTS[self.requirement.kind](left, right)


def _required(graph: Graph) -> Iterator[str]:
    free, _ = _free(graph)
    needs = [
        _Need(names, requirement, f"`{node.path}`")
        for node in graph.nodes
        for requirement in dict.fromkeys(node.requirements)
        if (names := (dims.symbols(requirement.left) | dims.symbols(requirement.right)) & free)
    ]
    said: set[str] = set()
    for names in sorted({need.names for need in needs}, key=lambda names: (len(names), sorted(names))):
        first = min(names)
        where = f"where {' = '.join(sorted(names))}: " if len(names) > 1 else ""
        own = [need for need in needs if need.names <= names]
        for facts in (_least(first, own), _residues(first, own)):
            for text, *sites in facts:
                if text not in said:
                    said.add(text)
                    yield f"{where}{text}, for {_list(sites)}"


def _least(name: str, needs: list[_Need]) -> Iterator[tuple[str, ...]]:
    """The smallest size; what is left after a layer grows with what went in."""
    by: dict[int, list[str]] = {}
    for need in needs:
        if need.requirement.kind == "at-least":
            least = bisect_left(range(_LARGE), True, lo=1, key=need.holds)
            by.setdefault(least, []).append(need.site)
    if by and 1 < max(by) < _LARGE:
        yield (f"{name} >= {max(by)}", *by[max(by)])


def _residues(name: str, needs: list[_Need]) -> Iterator[tuple[str, ...]]:
    """What large sizes must be modulo a period; the closed form where no large size will do."""
    exact = [need for need in needs if need.requirement.kind != "at-least"]
    fitting = [all(need.holds(size) for need in exact) for size in range(_LARGE, _LARGE + 2 * _PERIOD)]
    period = next((p for p in range(1, _PERIOD + 1) if all(map(eq, fitting, fitting[p:]))), None)
    residues = [size % period for size in range(_LARGE, _LARGE + period) if fitting[size - _LARGE]] if period else []
    if period == 1 and residues:
        return
    if residues and len(residues) <= _NAMED:
        binding = (need.site for need in exact if not all(map(need.holds, range(_LARGE, _LARGE + _PERIOD))))
        yield (f"{name} = {' or '.join(map(str, sorted(residues)))} (mod {period})", *binding)
        return
    for need in exact:
        yield _text(need), need.site


_TESTS: Mapping[str, Callable[[int, int], bool]] = {
    "equal": lambda left, right: left == right,
    "at-least": lambda left, right: left >= right,
    "divisible": lambda left, right: right != 0 and left % right == 0,
}


def _text(need: _Need) -> str:
    left, right = closed_form(need.requirement.left), closed_form(need.requirement.right)
    text = f"{left} = {right}" if need.requirement.kind == "equal" else f"{right} divides {left}"
    return text if len(text) <= _LONGEST else f"a condition on {' and '.join(sorted(need.names))}"


def _list(sites: list[str]) -> str:
    unique = list(dict.fromkeys(sites))
    return ", ".join(unique) if len(unique) <= _NAMED else f"{unique[0]} and {len(unique) - 1} more"
