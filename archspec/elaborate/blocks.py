"""A block in use: its graph elaborated with its params, once for equal params and input types, then copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from archspec.diagnostics import spec_error
from archspec.elaborate.arguments import Argument
from archspec.elaborate.edges import Reading, assign_operands
from archspec.elaborate.environment import Env, View
from archspec.elaborate.files import bind_block
from archspec.elaborate.names import Bound, Names, Poisoned
from archspec.elaborate.outputs import block_values, resolve_outputs
from archspec.elaborate.place import File, Filler, Place, Site, shown_params
from archspec.elaborate.relocate import Prefix, Rebased, Template, moved_bound, moved_node, moved_scope
from archspec.elaborate.session import COPY_COST, USE_COST, Session
from archspec.frozen import FrozenDict
from archspec.ir import Origin, Scope
from archspec.ops.base import Signature
from archspec.spec import BlockSyntax
from archspec.values import Value


def use_block(
    graphs: Filler, site: Site, file: File, block: BlockSyntax, arguments: Sequence[Argument], given: Sequence[Reading]
) -> Bound:
    """Elaborates `block` of `file` on the given inputs as a scope at the site. Raises SpecError."""
    session, place = graphs.session, site.place
    session.spend(USE_COST, site.syntax.span)
    params = bind_block(session, file, block, arguments, place.file, site.syntax.span)
    inputs, table = block_inputs(session, block.inputs, block.name, given, site)
    values, types = inputs.values, inputs.types
    used_at = Origin(site.syntax.span, f"{site.path}, {_article(block.name)}", place.used_at)
    key = None if place.patches else session.templates.key(session, file, block, params, types, _pattern(values))
    known = session.templates.find(session, key) if key is not None else None
    if known is not None:
        template, steps = known
        copy = _copy(session, site, template, values, used_at)
        session.spend(steps, site.syntax.span)  # when its nodes are there, which allow it
        return copy
    errors, start, pins, steps = len(session.errors.found), len(session.nodes), len(session.pins), session.budget.spent
    read_before = {value.node for value in values} & session.read
    session.read -= read_before  # to see which of its inputs the block itself reads
    declared = tuple(table)
    names = Names(None, inputs, table)
    env = Env(file.env, dict(params))
    session.lets(block.lets, View(env, names, mark=session.mark))
    inside = Place(
        file,
        names,
        View(Env(env), names, mark=session.mark),
        site.path,
        site.module,
        block.graph.numbered,
        place.patches,
        inputs,
        used_at=used_at,
    )
    graphs.fill(inside, block.graph.body)
    result, parts = _result(session, inside, block)
    scope = close(session, site, inside, start, values, result, block.name, shown_params(params), block.doc, declared)
    bound = Bound(
        site.path, result, session.types_of(result), parts, lambda: names, True, dropped=scope is None, path=site.path
    )
    if key is not None and len(session.errors.found) == errors:
        read = frozenset(session.read.intersection(range(start, len(session.nodes))))
        read_inputs = frozenset(value for value in values if value.node in session.read)
        session.templates.fresh[key] = Template(
            start, tuple(session.nodes[start:]), scope, bound, values, read, read_inputs, used_at,
            tuple(session.pins[pins:]), session.budget.spent - steps,
        )  # fmt: skip
    session.read |= read_before
    return bound


def block_inputs(
    session: Session,
    declared: tuple[str, ...] | str | None,
    owner: str,
    given: Sequence[Reading],
    site: Site,
) -> tuple[Bound, dict[str, Bound]]:
    """`input` inside a block or sub-spec, and the names its inputs are declared under. Raises SpecError."""
    readings, _ = assign_operands(owner, _signature(declared), given, site.syntax.span, site.view.nodes)
    values = tuple(reading.value for reading in readings)
    types = session.types_of(values)
    everything = Bound("input", values, types)
    if isinstance(declared, str):
        parts = {str(position): (position,) for position in range(len(values))}
        return everything, {declared: replace(everything, label=declared, parts=parts)}
    named = zip(declared or (), values, types, strict=False)
    return everything, {name: Bound(name, (value,), (kind,)) for name, value, kind in named}


@cache
def _signature(declared: tuple[str, ...] | str | None) -> Signature:
    if isinstance(declared, str):
        return Signature((declared,), variadic=True)
    return Signature(declared or ("input",), minimum=len(declared or ("input",)))


def close(
    session: Session,
    site: Site,
    inside: Place,
    start: int,
    inputs: tuple[Value, ...],
    outputs: tuple[Value, ...],
    block: str | None,
    params: FrozenDict[str, Any],
    doc: str = "",
    input_names: tuple[str, ...] = (),
) -> Scope | None:
    """Makes the scope of a filled graph and puts it in its place, unless nothing is in it."""
    if not inside.children:
        return None
    scope = Scope(
        inside.path,
        inside.module,
        inside.numbered,
        tuple(inside.children),
        start,
        len(session.nodes),
        inputs,
        outputs,
        site.origin,
        block,
        params,
        doc,
        input_names if len(input_names) == len(inputs) else (),
    )
    site.place.children.append(scope)
    return scope


def _result(
    session: Session, inside: Place, block: BlockSyntax
) -> tuple[tuple[Value, ...], dict[str, tuple[int, ...]]]:
    """The block's value: its `outputs`, or its last node's."""
    if block.outputs is None:
        if inside.previous.failed:
            raise Poisoned
        return inside.previous.values, dict(inside.previous.parts)
    entries = resolve_outputs(session, block.outputs, inside.view)
    if inside.names.incomplete:
        raise Poisoned
    limited = next((entry for entry in entries if entry.mode != "always"), None)
    if limited is not None:
        raise spec_error(
            "bad-outputs",
            "`only` is for the outputs of a whole network, not of a block",
            limited.syntax.span,
            help="name the block's output in the spec's own `outputs` and put `only` there",
        )
    return block_values(entries, block.outputs.kind)


def _copy(session: Session, site: Site, template: Template, values: tuple[Value, ...], used_at: Origin) -> Bound:
    """Another use of a block with equal params and input types."""
    session.check_room(len(template.nodes), site.syntax.span)
    scopes, edges = template.parts()
    session.spend(COPY_COST * scopes, site.syntax.span)
    start, end = template.start, template.start + len(template.nodes)
    delta = len(session.nodes) - start
    outside = dict(zip(template.inputs, values, strict=True))
    nodes, scope, bound = template.nodes, template.scope, template.bound
    if delta or values != template.inputs or not _is_there(template, site, used_at):

        def move(value: Value) -> Value:
            position, part = value
            return Value(position + delta, part) if start <= position < end else outside.get(value, value)

        old = bound.path or ""
        paths = Prefix(old, site.path)
        modules = Prefix(scope.module if scope is not None else old, site.module)
        origin = Rebased(template.origin, used_at, paths)
        nodes = [moved_node(node, move, paths, modules, origin) for node in nodes]
        if scope is not None:
            scope = moved_scope(scope, delta.__add__, move, paths, modules, origin, used=site.origin)
        bound = moved_bound(bound, move, paths)
    session.insert_copies(nodes, edges, site.syntax.span)
    session.read.update([position + delta for position in template.read])
    session.mark([outside[value] for value in template.read_inputs])
    if scope is not None:
        site.place.children.append(scope)
    assert bound is not None
    return bound


def _is_there(template: Template, site: Site, used_at: Origin) -> bool:
    """Whether a copy from where the block was elaborated would be the same: so it often is in variants of a network."""
    scope = template.scope
    return (
        scope is not None
        and scope.path == site.path
        and scope.module == site.module
        and scope.origin == site.origin
        and template.origin == used_at
    )


def _pattern(values: tuple[Value, ...]) -> tuple[int, ...]:
    """Which inputs are the same value."""
    return tuple(values.index(value) for value in values)


def _article(name: str) -> str:
    return f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"
