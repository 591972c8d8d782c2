"""Why sizes given for an input are refused: what the network needs of them, and the nearest that it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from archspec import dims
from archspec.analysis.requirements import Fact, size_requirements
from archspec.diagnostics import SpecError
from archspec.dims import EVERY
from archspec.ir import Graph

Shape = Sequence[int | str]
Shapes = Mapping[str, Shape]

_CODES = ("shape-mismatch", "size-too-small", "not-divisible", "bad-axis", "bad-argument", "inferred-mismatch")


def explained(error: SpecError, compiled: Callable[[Shapes], Graph], shapes: Shapes) -> SpecError | None:
    """The error with what the network, at the sizes that the spec itself gives, needs of those that were given instead.

    None where the error is not about sizes, or the network is no better at its own. `compiled` elaborates it with
    other sizes: what is said to be near enough has been tried.
    """
    position = next((i for i, found in enumerate(error.diagnostics) if found.code in _CODES), None)
    if position is None:
        return None
    try:
        graph = compiled({})
    except SpecError:
        return None
    sizes = _given(graph, shapes)
    facts = [fact for fact in size_requirements(graph, pins=False) if fact.holds(sizes) is False]
    free = [fact for fact in facts if fact.sizes is not None and fact.sizes.residues]
    if len(free) < len(facts) and free and _compiles(compiled, _moved(graph, shapes, _nearest(free, sizes))):
        facts = free  # what else was asked follows from the sizes that the spec gives, and is asked no more
    if not facts:
        return None
    found = list(error.diagnostics)
    found[position] = found[position].with_notes(_note(fact, sizes) for fact in facts)
    return SpecError(found)


def _given(graph: Graph, shapes: Shapes) -> dict[str, int]:
    """The sizes by symbol, the others as the spec gives them."""
    found: dict[str, int] = {}
    for entry in graph.inputs:
        shape = shapes.get(entry.name, ())
        own = entry.type.shape
        for dim, size in zip(own, (None,) * (len(own) - len(shape)) + tuple(shape), strict=True):
            for name in dims.symbols(dim):
                known = size if isinstance(size, int) else dims.value(dim)
                if known is not None:
                    found[name] = known
    return found


def _nearest(facts: Iterable[Fact], sizes: Mapping[str, int]) -> dict[str, int]:
    """For each axis the nearest size that meets these facts of single axes."""
    allowed = {name: EVERY for fact in facts for name in fact.names}
    for fact in facts:
        assert fact.sizes is not None
        allowed[fact.names[0]] &= fact.sizes
    near = {name: found.nearest(sizes[name]) for name, found in allowed.items()}
    return {name: min(found, key=lambda size: abs(size - sizes[name])) for name, found in near.items() if found}


def _moved(graph: Graph, shapes: Shapes, sizes: Mapping[str, int]) -> Shapes:
    """The shapes with these sizes in place of theirs."""
    moved: dict[str, Shape] = {}
    for entry in graph.inputs:
        if entry.name in shapes:
            shape = shapes[entry.name]
            own = entry.type.shape[len(entry.type.shape) - len(shape) :]
            names = [next(iter(dims.symbols(dim)), "") for dim in own]
            moved[entry.name] = [sizes.get(name, size) for name, size in zip(names, shape, strict=True)]
    return moved


def _compiles(compiled: Callable[[Shapes], Graph], shapes: Shapes) -> bool:
    try:
        compiled(shapes)
    except SpecError:
        return False
    return True


def _note(fact: Fact, sizes: Mapping[str, int]) -> str:
    if fact.sizes is not None:
        (name,) = fact.names
        return f"{fact}; {fact.accepted[0].missed(sizes[name])}"
    near = [_by(fact, {**sizes, name: size}) for name in fact.names for size in fact.nearest(name, sizes[name], sizes)]
    return f"{fact}; {_by(fact, sizes)} is not" + (f": nearest {', '.join(near[:4])}" if near else "")


def _by(fact: Fact, sizes: Mapping[str, int]) -> str:
    return " x ".join(str(sizes[name]) for name in fact.names)
