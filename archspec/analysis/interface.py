"""Which input sizes a network takes: what is pinned to the nominal size, and what must hold of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from archspec import dims
from archspec.analysis.sample import batch_symbols
from archspec.dims import Dim, Size, closed_form
from archspec.ir import Graph
from archspec.ops.needs import Requirement

_TRIED = 512  # sizes that a rule of one symbol is tried on
_NAMED = 3  # nodes that a fact names


def size_interface(graph: Graph) -> list[str]:
    """Short facts, each once: `axis W is pinned to 224 by `classifier.1``, `H = 0 (mod 16), for `join0``.

    That weights fit the input's channels goes without saying.
    """
    return [*_pinned(graph), *_required(graph)]


def _free(graph: Graph) -> dict[str, int | None]:
    """The symbols that a caller may want to vary, with their nominal values."""
    settled = set(batch_symbols(graph))
    free: dict[str, int | None] = {}
    for entry in graph.inputs:
        for axis, dim in enumerate(entry.type.shape):
            if isinstance(dim, Size) and not dims.symbols(dim) <= settled:
                if axis == 1 and "int" not in entry.type.dtype:
                    settled |= dims.symbols(dim)  # channels
                else:
                    free |= dict.fromkeys(dims.symbols(dim), dim.value)
    return free


def _pinned(graph: Graph) -> Iterator[str]:
    free = _free(graph)
    by: dict[Dim, list[str]] = {}
    for node in graph.nodes:
        for size in node.pins:
            by.setdefault(size, []).append(f"`{node.path}`")
    for size, span in graph.pins:
        by.setdefault(size, []).append(f"line {span.line}")
    for size, sites in by.items():
        names = sorted(dims.symbols(size) & free.keys())
        if not names:
            continue
        axes = ("axis " if len(names) == 1 else "axes ") + " and ".join(names)
        form = closed_form(size)
        if form in free:
            yield f"{axes} is pinned to {size} by {_list(sites)}"
        else:
            yield f"{axes} {'is' if len(names) == 1 else 'are'} pinned by {_list(sites)}: {form} = {dims.value(size)}"


@dataclass(frozen=True, slots=True)
class _Rule:
    """A condition on one symbol: at least `least`, and `residue` modulo `modulus`."""

    least: int
    modulus: int
    residue: int

    def implies(self, other: _Rule) -> bool:
        return (
            self.least >= other.least
            and self.modulus % other.modulus == 0
            and self.residue % other.modulus == other.residue
        )


def _required(graph: Graph) -> Iterator[str]:
    free = _free(graph)
    rules: dict[str, dict[_Rule, list[str]]] = {name: {} for name in free}
    others: dict[str, list[str]] = {}
    for node in graph.nodes:
        for requirement in dict.fromkeys(node.requirements):
            names = (dims.symbols(requirement.left) | dims.symbols(requirement.right)) & free.keys()
            if not names:
                continue
            rule = _rule(requirement, names) if len(names) == 1 else None
            sites = others.setdefault(_text(requirement), []) if rule is None else rules[min(names)].setdefault(rule, [])
            sites.append(f"`{node.path}`")
    for name, found in rules.items():
        for rule, sites in found.items():
            if not any(other != rule and other.implies(rule) for other in found):
                yield f"{_condition(name, rule)}, for {_list(sites)}"
    for text, sites in others.items():
        yield f"{text}, for {_list(sites)}"


def _condition(name: str, rule: _Rule) -> str:
    parts = [f"{name} = {rule.residue} (mod {rule.modulus})"] if rule.modulus > 1 else []
    if rule.least > 1 + (rule.residue - 1) % rule.modulus:
        parts.append(f"{name} >= {rule.least}")
    return " and ".join(parts) or f"{name} >= 1"


def _rule(requirement: Requirement, names: Iterable[str]) -> _Rule | None:
    """The sizes of one symbol for which a requirement holds, where they are one residue class from some size on."""
    (name,) = names
    holds = [size for size in range(1, _TRIED + 1) if _holds(requirement, {name: size})]
    if len(holds) < 3:
        return None
    modulus = holds[-1] - holds[-2]
    if holds != list(range(holds[0], _TRIED + 1, modulus)):
        return None
    return _Rule(holds[0], modulus, holds[0] % modulus)


_TESTS: Mapping[str, Callable[[int, int], bool]] = {
    "equal": lambda left, right: left == right,
    "at-least": lambda left, right: left >= right,
    "divisible": lambda left, right: right != 0 and left % right == 0,
}


def _holds(requirement: Requirement, sizes: Mapping[str, int]) -> bool:
    left, right = (dims.value(dims.substitute(dim, sizes)) for dim in (requirement.left, requirement.right))
    return left is not None and right is not None and _TESTS[requirement.kind](left, right)


def _text(requirement: Requirement) -> str:
    left, right = closed_form(requirement.left), closed_form(requirement.right)
    match requirement.kind:
        case "equal":
            return f"{left} = {right}"
        case "at-least":
            return f"{left} >= {right}"
        case _:
            return f"{right} divides {left}"


def _list(sites: list[str]) -> str:
    unique = list(dict.fromkeys(sites))
    shown = ", ".join(unique[:_NAMED])
    return shown if len(unique) <= _NAMED else f"{shown} and {len(unique) - _NAMED} more"
