"""Hypothesis strategies: random specs, and random specs changed a little. How they are written is in `random_specs`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st
from pydantic_core import PydanticUndefined

from archspec.ops import lookup
from archspec.ops.base import INFERRED, is_marked
from tests.random_specs.graphs import SpecWriter
from tests.random_specs.layers import Pick
from tests.random_specs.sketch import Block, Child, For, Graph, If, Let, Output, Sketch, Statement, block_lines
from tests.random_specs.unroll import Run, unroll
from tests.test_ops_mutations import other_values
from tests.test_ops_mutations import words as accepted_words


@st.composite
def specs(draw: Any) -> Sketch:
    """Random valid specs."""
    pick = Pick(draw)
    writer = SpecWriter(pick)
    spec = writer.write()
    spec.outputs, spec.kind = outputs(writer.run, pick)
    return trimmed(spec)


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
        graphs = [spec.graph, *(block.graph for block in spec.blocks.values())]
        used = {child.op for graph in graphs for child in children(graph.body)}
        spec.blocks = {name: block for name, block in spec.blocks.items() if name in used}
        spec.params = {name: value for name, value in spec.params.items() if name in words(spec)}
        for block in spec.blocks.values():
            block.params = {name: value for name, value in block.params.items() if name in words(block)}
        for child in (child for graph in graphs for child in children(graph.body)):
            if child.op in spec.blocks:
                known = spec.blocks[child.op].params
                child.args = {name: value for name, value in child.args.items() if name in known}
    return spec


def words(owner: Sketch | Block) -> set[str]:
    """Every name that a spec or block mentions, apart from its own params."""
    rest = replace(owner, params={})
    return set(re.findall(r"[A-Za-z_]\w*", rest.text if isinstance(rest, Sketch) else "\n".join(block_lines(rest))))


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


@dataclass
class Change:
    """A spec in which one argument (`what`) or one edge ("axis") was made another. Its outputs are not said."""

    spec: Sketch
    what: str


@st.composite
def changed(draw: Any) -> Change:
    """Random specs, unrolled and then changed a little; some are still valid."""
    pick = Pick(draw)
    spec = unroll(draw(specs()))
    spec.outputs = []
    child, visible = pick.of(list(located(spec.graph, list(spec.inputs))))
    options = arguments(child)
    if options and not (child.reads and pick.chance(3)):
        what, value = pick.of(options)
        child.args[what] = value
        return Change(spec, what)
    if isinstance(child.reads, tuple) and child.reads:
        position = pick.int(0, len(child.reads) - 1)
        other = pick.of([name for name in visible if name != child.reads[position]] or visible)
        child.reads = (*child.reads[:position], other, *child.reads[position + 1 :])
    return Change(spec, "axis")


def arguments(child: Child) -> list[tuple[str, Any]]:
    """Other values of a node's arguments, one at a time."""
    op = lookup(child.op)
    found: list[tuple[str, Any]] = []
    for name, info in op.model_fields.items() if op is not None else ():
        value = child.args.get(name, info.default)
        if value is not PydanticUndefined and not is_marked(info, INFERRED):
            found += [(name, other) for other in (*accepted_words(info.annotation), *other_values(value))]
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
