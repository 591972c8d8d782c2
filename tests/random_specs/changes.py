"""Changes of valid specs, one in each: of an argument, a param, an edge, or an input's size or dtype."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_origin

from pydantic_core import PydanticUndefined

from archspec.ops import lookup
from archspec.ops.base import INFERRED, is_marked
from tests.random_specs.pick import Pick
from tests.random_specs.sketch import Child, Expr, Graph, Sketch, Source
from tests.random_specs.unroll import unroll
from tests.random_specs.whole import all_children

Kind = Literal["argument", "param", "edge", "input"]


@dataclass
class Change:
    """A spec with one change. Its outputs are not said. `what` was changed: an argument or param by its name, an edge
    ("another", "swapped", "dropped", "added") or an input ("size", "rank", "dtype"); `op` is that of the node."""

    spec: Sketch
    kind: Kind
    what: str
    op: str = ""
    unrolled: bool = False

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """As hypothesis shows a failing example."""
        printer.text(f"\n{self}\n{self.spec.shown}")

    def __str__(self) -> str:
        return f"{self.kind} {self.what}" + (f" of {self.op}" if self.op else "")


def random_change(pick: Pick, spec: Sketch, wanted: str = "") -> Change:
    """One change, of a node that is the op `wanted` where there is one: in the spec as it is written, or unrolled."""
    unrolled = not pick.chance(3)
    spec = unroll(spec) if unrolled else spec
    spec.outputs, spec.kind = [], "single"
    return replace(one_change(pick, spec, wanted, unrolled), unrolled=unrolled)


def one_change(pick: Pick, spec: Sketch, wanted: str, unrolled: bool) -> Change:
    if pick.chance(6):
        return of_input(pick, spec)
    if spec.params and pick.chance(4):
        changes = [(name, other) for name, value in spec.params.items() for other in other_values(value)]
        if changes:
            name, other = pick.of(changes)
            return Change(replace(spec, params={**spec.params, name: other}), "param", name)
    nodes = list(located(spec.graph, list(spec.inputs))) if unrolled else [(child, []) for child in all_children(spec)]
    chosen = [(child, names) for child, names in nodes if child.op == wanted] or nodes
    child, visible = pick.of(chosen)
    if visible and child.reads and pick.chance(3):
        return Change(spec, "edge", of_edge(pick, child, visible), child.op)
    options = arguments(child)
    if options:
        what, child.args[what] = pick.of(options)
        return Change(spec, "argument", what, child.op)
    if visible and child.reads:
        return Change(spec, "edge", of_edge(pick, child, visible), child.op)
    return of_input(pick, spec)


def of_input(pick: Pick, spec: Sketch) -> Change:
    """Another size, number of axes or dtype of an input."""
    name, source = pick.of(list(spec.inputs.items()))
    sizes = source.sizes
    what = pick.of(["size", "size", "size", "rank", "dtype"])
    if what == "size":
        axis = pick.int(0, len(sizes) - 1)
        other = pick.of(sorted({sizes[axis] - 1, sizes[axis] + 1, 2 * sizes[axis], 1} - {sizes[axis], 0}))
        made = Source((*sizes[:axis], other, *sizes[axis + 1 :]), source.dtype)
    elif what == "rank":
        made = Source(pick.of([sizes[:-1], (*sizes, 2), (1, *sizes), sizes[1:]]), source.dtype)
    else:
        made = Source(sizes, pick.of(sorted({"float32", "int64", "bool", "float64", "int32"} - {source.dtype})))
    return Change(replace(spec, inputs={**spec.inputs, name: made}), "input", what)


def of_edge(pick: Pick, child: Child, visible: list[str]) -> str:
    """Changes what a node reads."""
    reads = list(child.reads.values()) if isinstance(child.reads, dict) else list(child.reads or ())
    position = pick.int(0, len(reads) - 1)
    what = pick.of(["another", "another", "another", "swapped", "dropped", "added"])
    if what == "swapped" and len(reads) > 1:
        other = (position + 1) % len(reads)
        reads[position], reads[other] = reads[other], reads[position]
    elif isinstance(child.reads, tuple) and what == "dropped" and len(reads) > 1:
        del reads[position]
    elif isinstance(child.reads, tuple) and what == "added":
        reads.append(pick.of(visible))
    else:
        what = "another"
        reads[position] = pick.of([name for name in visible if name != reads[position]] or visible)
    child.reads = dict(zip(child.reads, reads, strict=True)) if isinstance(child.reads, dict) else tuple(reads)
    return what


def arguments(child: Child) -> list[tuple[str, Any]]:
    """Other values of a node's arguments, one at a time."""
    op = lookup(child.op)
    found: list[tuple[str, Any]] = []
    for name, info in op.model_fields.items() if op is not None else ():
        value = child.args.get(name, info.default)
        if value is not PydanticUndefined and not is_marked(info, INFERRED) and not isinstance(value, Expr):
            found += [(name, other) for other in (*words(info.annotation), *other_values(value))]
    return found


def located(graph: Graph, visible: list[str]) -> Iterator[tuple[Child, list[str]]]:
    """Every node of an unrolled spec, with the names that it could read."""
    names = list(dict.fromkeys([*visible, "input"]))
    for child in graph.body:
        assert isinstance(child, Child)
        yield child, list(names)
        if child.graph is not None:
            yield from located(child.graph, names)
        names += child.parts or (child.name,)


def words(annotation: Any) -> Iterator[str]:
    """The words that an argument may be."""
    if get_origin(annotation) is Literal:
        yield from (word for word in get_args(annotation) if isinstance(word, str))
    for part in get_args(annotation):
        if not isinstance(part, str):
            yield from words(part)


def other_values(value: Any) -> Iterator[Any]:
    """Values near another: numbers one away, of the other sign, 0; lists with such an item, longer, shorter."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from {value - 1, value + 1, 2 * value, 0, -1, -value} - {value}
    elif isinstance(value, float):
        yield from {value + 1, -value, 0.0} - {value}
    elif isinstance(value, list | tuple):
        yield [*value, 1]
        yield [*value[:-1]]
        for position, item in enumerate(value):
            for other in other_values(item):
                yield [*value[:position], other, *value[position + 1 :]]
