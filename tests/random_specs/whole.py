"""Whole specs: what the writer wrote, with outputs, without what came to no use, some of its blocks in other files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.random_specs.graphs import SpecWriter
from tests.random_specs.pick import Pick
from tests.random_specs.sketch import (
    Child,
    For,
    Graph,
    If,
    Let,
    Output,
    Sketch,
    Statement,
    block_lines,
    mentioned,
    words,
)
from tests.random_specs.unroll import Run, run_sketch


def random_spec(pick: Pick, wanted: str = "", rare: bool = True) -> Sketch:
    """A valid spec, in which the op `wanted` occurs. `rare`: with imports, and ops beyond layers and arithmetic."""
    writer = SpecWriter(pick, wanted, rare)
    spec = writer.write()
    spec.outputs, spec.kind = outputs(writer.run, pick)
    spec = trimmed(spec)
    if rare and spec.blocks and pick.chance(3):
        move(spec, pick.of(list(spec.blocks)), pick.flag())
    return spec


def outputs(run: Run, pick: Pick) -> tuple[list[Output], str]:
    """Whatever is left unread, and sometimes more; the first in every mode."""
    vals = run.unread()
    named = [val for bound in run.root.table.values() for val in bound.vals if val.node >= 0]
    if named and pick.chance(4):
        vals.append(pick.of(named))
    paths = list(dict.fromkeys(".".join(val.path) for val in vals if val not in run.overwritten))
    if len(paths) == 1:
        implied = run.root.previous == (vals[0],) and pick.flag()
        return [] if implied else [("output", paths[0], "always")], "single"
    values: list[str | tuple[str, ...]] = [*paths]
    if len(paths) > 2 and pick.chance(4):
        values = [*paths[:-2], tuple(paths[-2:])]
    modes = ["always", *(pick.of([*["always"] * 14, "training", "eval"]) for _ in values[1:])]
    entries = [(f"o{i}", value, mode) for i, (value, mode) in enumerate(zip(values, modes, strict=True))]
    return entries, pick.of(["dict", "tuple"])


def trimmed(spec: Sketch) -> Sketch:
    """Without the params and blocks that came to no use."""
    text = ""
    while text != spec.text:
        text = spec.text
        used = {child.op for child in all_children(spec)}
        spec.blocks = {name: block for name, block in spec.blocks.items() if name in used}
        read = mentioned(spec)
        spec.params = {name: value for name, value in spec.params.items() if name in read}
        for block in spec.blocks.values():
            read = words(*block_lines(replace(block, params={})))
            block.params = {name: value for name, value in block.params.items() if name in read}
        for child in all_children(spec):
            if child.op in spec.blocks:
                known = spec.blocks[child.op].params
                child.args = {name: value for name, value in child.args.items() if name in known}
    return spec


def move(spec: Sketch, name: str, as_network: bool) -> None:
    """Moves a block to a file of its own: as a network where it uses no other, else into a library with those it uses.

    Params and lets of the spec are written in each file that reads them.
    """
    closure = [name]
    for moved in closure:
        closure += [op for op in ops_of(spec.blocks[moved].graph) if op in spec.blocks and op not in closure]
    network = as_network and len(closure) == 1 and name not in run_sketch(spec).idle
    file = name if network else "parts"
    for moved in closure:
        spec.blocks[moved].file, spec.blocks[moved].is_network = file, network
    if not network:
        bodies = [spec.graph, *(block.graph for block in spec.blocks.values() if not block.file)]
        for child in (child for graph in bodies for child in children(graph.body)):
            child.op = f"{file}.{child.op}" if child.op in closure else child.op


def ops_of(graph: Graph) -> set[str]:
    return {child.op for child in children(graph.body)}


def all_children(spec: Sketch) -> Iterator[Child]:
    """Every node that is written, in the graph and in blocks."""
    for graph in (spec.graph, *(block.graph for block in spec.blocks.values())):
        yield from children(graph.body)


def children(body: Sequence[Statement]) -> Iterator[Child]:
    """Every node that is written, at any depth."""
    for statement in body:
        match statement:
            case Child():
                yield statement
                yield from children(statement.graph.body if statement.graph is not None else ())
            case For():
                yield from children(statement.body)
            case If():
                yield from (child for _, branch in statement.branches for child in children(branch))
            case Let():
                pass
