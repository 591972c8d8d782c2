"""Which input sizes a network takes, in words, and sizes to run it with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from archspec import dims
from archspec.analysis.requirements import Fact, accepts, size_requirements
from archspec.analysis.sample import batch_symbols, training_batch
from archspec.diagnostics import spec_error
from archspec.dims import EVERY
from archspec.ir import Graph

_USUAL = 32  # the size that is looked for first
_LARGEST = 1024
_MOST_PINS = 3  # of the same several axes


def size_interface(graph: Graph) -> list[str]:
    """What the input's sizes must be, each once: "axis W is pinned to 224 by `fc`", "`join0` needs H = 0 (mod 16)".

    That weights fit the input's channels goes without saying.
    """
    return list(in_words(size_requirements(graph)))


def in_words(facts: Iterable[Fact]) -> Iterator[str]:
    """A line for each; of many pins of the same axes the first few, which the others only repeat."""
    pins: Counter[tuple[str, ...]] = Counter()
    for fact in facts:
        several = fact.kind == "pinned" and len(fact.names) > 1
        pins[fact.names] += several
        if not several or pins[fact.names] <= _MOST_PINS:
            yield str(fact)
    for names, count in pins.items():
        if count > _MOST_PINS:
            yield f"axes {' and '.join(names)}: {count - _MOST_PINS:,} more such facts"


def fitting_sizes(graph: Graph) -> dict[str, int]:
    """A size that every layer takes, for the symbols of the inputs that have none, the batch apart: to run the network.

    Raises SpecError where no such size is found.
    """
    shapes = [dim for entry in graph.inputs for dim in entry.type.shape]
    known = {name: dims.value(dim) for dim in shapes for name in dims.symbols(dim)}
    batch = dict.fromkeys(batch_symbols(graph), training_batch(graph))
    unknown = sorted(name for name, size in known.items() if size is None and name not in batch)
    if not unknown:
        return {}
    facts = size_requirements(graph, pins=False)
    rest = {**{name: size for name, size in known.items() if size is not None}, **batch}
    for sizes in _candidates(facts, unknown):
        if accepts(facts, rest | sizes):
            return sizes
    message = f"no size below {_LARGEST} for {' and '.join(unknown)} is one that every layer takes"
    raise spec_error("unknown-size", message, help="give numbers with `--input`")


def _candidates(facts: Iterable[Fact], names: list[str]) -> Iterator[dict[str, int]]:
    """Equal sizes, then the first of each axis that it may have by itself."""
    allowed = dict.fromkeys(names, EVERY) | {
        name: sizes for fact in facts for name, sizes in zip(fact.names, fact.accepted, strict=True)
    }
    for size in (*range(_USUAL, _LARGEST), *range(_USUAL - 1, 0, -1)):
        if all(size in allowed[name] for name in names):
            yield dict.fromkeys(names, size)
    yield {
        name: next(allowed[name].members(_USUAL, 1), 0) or next(allowed[name].members(_USUAL, -1), 1) for name in names
    }
