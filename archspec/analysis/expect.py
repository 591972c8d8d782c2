"""`expect:` held against what was inferred."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from archspec import dims
from archspec.analysis.cost import Cost, Costs, costs
from archspec.analysis.receptive_field import output_field, receptive_fields
from archspec.diagnostics import Diagnostic, did_you_mean
from archspec.dims import Dim, closed_form, show
from archspec.ir import Graph, Tree
from archspec.ops.needs import axes_text
from archspec.values import TensorType, Value


def check_expectations(graph: Graph) -> list[Diagnostic]:
    """What the author believes and is not so, each with code `expect-mismatch`.

    Shapes may name symbols by their letters: `[N, 1000]`. `receptive_field` is that of the first output's local path,
    one size or one for each axis.
    """
    if not graph.expect:
        return []
    found = costs(graph)
    diagnostics: list[Diagnostic] = []
    for key, wanted in graph.expect.items():
        match key:
            case "output" | "outputs":
                diagnostics += _outputs(graph, key, wanted)
            case "receptive_field":
                diagnostics += _receptive_field(graph, wanted)
            case _:
                diagnostics += _count(graph, key, wanted, found)
    return diagnostics


def _mismatch(graph: Graph, key: str, message: str, label: str, help: str | None = None) -> Diagnostic:
    return Diagnostic("expect-mismatch", message, graph.expect_spans.get(key), label, help=help)


_COUNTS = {"params": "params", "trainable_params": "trainable", "buffers": "buffers", "macs": "macs"}


def _count(graph: Graph, key: str, wanted: object, found: Costs) -> Iterator[Diagnostic]:
    actual: Dim = getattr(found.total, _COUNTS[key])
    if actual == wanted:
        return
    name = {"macs": "MACs", "trainable_params": "trainable params"}.get(key, key)
    if not isinstance(actual, int) or not isinstance(wanted, int):
        label = "not a number" if not isinstance(wanted, int) else "depends on a size that is not known"
        yield _mismatch(graph, key, f"the network has {show(actual)} {name}, expected {wanted}", label)
        return
    spare = actual - wanted
    label = f"{abs(spare):,} {'more' if spare > 0 else 'fewer'} than expected"
    culprits = _of_size(graph, found, _COUNTS[key], abs(spare))
    help = f"the difference is as large as {' or '.join(culprits[:3])}" if culprits else None
    yield _mismatch(graph, key, f"the network has {actual:,} {name}, expected {wanted:,}", label, help)


def _of_size(graph: Graph, found: Costs, what: str, size: int) -> list[str]:
    """What accounts for so many: a scope, a node, one kind of tensor in all nodes of an op."""
    named: dict[str, Cost] = {f"`{scope.path}`": found.scope(scope) for scope in graph.root.walk() if scope.path}
    named.update((f"`{node.path}`", cost) for node, cost in zip(graph.nodes, found.nodes, strict=True))
    culprits = [name for name, cost in named.items() if getattr(cost, what) == size]
    if what in ("params", "trainable"):
        kinds: dict[str, int] = {}
        for node, _, state in graph.state():
            if not state.buffer and state.name:
                kind = f"every `{state.name}` of `{node.op.name}`"
                kinds[kind] = kinds.get(kind, 0) + math.prod(state.shape)
        culprits += [kind for kind, total in kinds.items() if total == size]
    return culprits


def _outputs(graph: Graph, key: str, wanted: object) -> Iterator[Diagnostic]:
    entries = {entry.name: entry.value for entry in graph.outputs.entries}
    if isinstance(wanted, Mapping):
        for name, shape in cast("Mapping[str, object]", wanted).items():
            if name in entries:
                yield from _shape(graph, key, f"output `{name}`", entries[name], shape)
            else:
                help = did_you_mean(name, entries)
                yield _mismatch(graph, key, f"there is no output `{name}`", "expected here", help)
        return
    values = [entry.value for entry in graph.outputs.entries if entry.mode != "training"]
    if len(values) == 1:
        yield from _shape(graph, key, "the output", values[0], wanted)
    else:
        yield from _shape(graph, key, "the output", tuple(values), wanted)


def _shape(graph: Graph, key: str, what: str, tree: Tree, wanted: object) -> Iterator[Diagnostic]:
    items = _items(wanted) or [wanted]
    if isinstance(tree, Value):
        x = graph.type_of(tree)
        if not _fits(x, items):
            yield _mismatch(graph, key, f"{what} is {x}, expected {_text(wanted)}", _difference(x, items))
    elif len(items) != len(tree):
        message = f"{what} has {len(tree)} parts, expected {len(items)}"
        yield _mismatch(graph, key, message, "write a shape for each, or name them")
    else:
        for position, (branch, item) in enumerate(zip(tree, items, strict=True)):
            yield from _shape(graph, key, f"{what}, part {position},", branch, item)


def _fits(x: TensorType, wanted: Sequence[object]) -> bool:
    return len(wanted) == x.rank and all(map(_is, x.shape, wanted))


def _is(dim: Dim, wanted: object) -> bool:
    return dims.value(dim) == wanted if isinstance(wanted, int) else closed_form(dim) == wanted


def _difference(x: TensorType, wanted: Sequence[object]) -> str:
    if len(wanted) != x.rank:
        return f"{axes_text(x.rank)}, not {len(wanted)}"
    axis = next(axis for axis, (dim, size) in enumerate(zip(x.shape, wanted, strict=True)) if not _is(dim, size))
    return f"axis {axis} is {show(x.shape[axis])}"


def _receptive_field(graph: Graph, wanted: object) -> Iterator[Diagnostic]:
    field = output_field(graph, receptive_fields(graph))
    if field is None:
        message = f"the output has no receptive field, expected {_text(wanted)}"
        yield _mismatch(graph, "receptive_field", message, "no input with positions reaches the output")
        return
    sizes: list[Dim] = list(field.nearest.size)
    expected = _items(wanted) or [wanted] * len(sizes)
    if sizes != expected:
        shown = show(sizes[0]) if len(set(sizes)) == 1 else f"[{', '.join(map(show, sizes))}]"
        message = f"the receptive field is {shown}, expected {_text(wanted)}"
        yield _mismatch(graph, "receptive_field", message, "of the output's local path")


def _items(wanted: object) -> list[object]:
    """What a list holds."""
    return cast("list[object]", wanted) if isinstance(wanted, list) else []


def _text(wanted: object) -> str:
    items = _items(wanted)
    return f"[{', '.join(map(_text, items))}]" if items else str(wanted)
