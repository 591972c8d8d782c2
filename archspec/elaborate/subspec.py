"""A whole other spec as an op, cut at a node: what the cut no longer needs is dropped, weights included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archspec.diagnostics import spec_error
from archspec.elaborate.arguments import Argument
from archspec.elaborate.blocks import block_inputs, close
from archspec.elaborate.edges import Reading, edge_values
from archspec.elaborate.environment import Env, View
from archspec.elaborate.files import open_file
from archspec.elaborate.names import Bound, Names, Poisoned
from archspec.elaborate.outputs import block_values, resolve_outputs
from archspec.elaborate.place import Filler, Patches, Place, Site, shown_params
from archspec.elaborate.relocate import Prefix, Template, moved_bound, moved_names, moved_node, moved_scope
from archspec.elaborate.session import Session
from archspec.ir import Origin, Scope
from archspec.spec import Spec
from archspec.syntax import Edge, parse_outputs
from archspec.values import Value
from archspec.yaml_source import Scalar


def use_spec(graphs: Filler, site: Site, spec: Spec, arguments: Sequence[Argument], given: Sequence[Reading]) -> Bound:
    """Elaborates `spec` on the given inputs as a scope at the site. Raises SpecError."""
    session, span = graphs.session, site.syntax.span
    cut = {
        argument.key.text: argument for argument in arguments if argument.key.text in ("variant", "output", "outputs")
    }
    rest = [argument for argument in arguments if argument.key.text not in cut]
    variant = cut.get("variant")
    name = session.name(variant.value, variant.view) if variant and isinstance(variant.value, Scalar) else None
    file = open_file(session, spec, name, (), rest, variant.value.span if variant else span)
    declared = spec.inputs.keys() if spec.inputs is not None else None
    inputs, table = block_inputs(session, declared, spec.name, given, span)
    names = Names(None, inputs, table)
    session.lets(spec.lets, View(file.env, names, mark=session.mark))
    assert spec.graph is not None
    inside = Place(
        file,
        names,
        View(Env(file.env), names, mark=session.mark),
        site.path,
        site.module,
        spec.graph.numbered,
        Patches(site.path, spec.patches),
        inputs,
        used_at=Origin(span, f"{site.path}, the network {spec.name}", site.place.used_at),
    )
    start = len(session.nodes)
    graphs.fill(inside, spec.graph.body)
    result, parts = _result(session, spec, inside, cut)
    scope = close(
        session, site, inside, start, inputs.values, result, spec.name, shown_params(file.env.values), spec.doc
    )
    bound = Bound(site.path, result, session.types_of(result), parts, lambda: names, True, path=site.path)
    return _prune(session, site.place, start, scope, bound) if scope is not None else replace(bound, dropped=True)


def _result(
    session: Session, spec: Spec, inside: Place, cut: dict[str, Argument]
) -> tuple[tuple[Value, ...], dict[str, tuple[int, ...]]]:
    """The values that the use yields: those of `output:`, of `outputs:`, of the spec's own outputs, or its last."""
    own = resolve_outputs(session, spec.outputs, inside.view) if spec.outputs is not None else []
    if inside.names.incomplete:
        raise Poisoned
    for entry in own:  # the spec's own outputs can be named in a cut
        flat, _ = block_values([entry], "dict")
        inside.names.table.setdefault(entry.name, Bound(entry.name, flat, session.types_of(flat)))
    if "output" in cut:
        node = cut["output"].value
        if not isinstance(node, Scalar):
            raise spec_error("wrong-type", "`output` names one node; use `outputs` for several", node.span)
        return edge_values(session, Edge(node), _seen_from(cut["output"].view, inside)), {}
    if "outputs" in cut:
        syntax = parse_outputs(cut["outputs"].value, session.errors)
        if syntax is None:
            raise Poisoned
        entries = resolve_outputs(session, syntax, _seen_from(cut["outputs"].view, inside))
        if inside.names.incomplete:
            raise Poisoned
        return block_values(entries, syntax.kind)
    if own and spec.outputs is not None:
        return block_values([entry for entry in own if entry.mode == "always"], spec.outputs.kind)
    if inside.previous.failed:
        raise Poisoned
    return inside.previous.values, {}


def _seen_from(view: View, inside: Place) -> View:
    """The caller's variables with the sub-spec's nodes."""
    return View(view.env, inside.names, mark=view.mark)


def _prune(session: Session, place: Place, start: int, scope: Scope, bound: Bound) -> Bound:
    """Drops the nodes from `start` on that the result does not need."""
    wanted = {value.node for value in bound.values}
    for position in range(len(session.nodes) - 1, start - 1, -1):
        if position in wanted:
            node = session.nodes[position]
            wanted.update(value.node for value in (*node.inputs, *node.reads))
    kept = [position for position in range(start, len(session.nodes)) if position in wanted]
    if len(kept) == len(session.nodes) - start:
        return bound
    where = {old: start + new for new, old in enumerate(kept)}

    def shift(position: int) -> int | None:
        return where.get(position)

    def move(value: Value) -> Value | None:
        if value.node < start:
            return value
        new = where.get(value.node)
        return Value(new, value.part) if new is not None else None

    same = Prefix("", "")
    nodes = [moved_node(session.nodes[old], move, same, same, lambda origin: origin) for old in kept]
    read = {where[old] for old in session.read if old in where}
    session.read = {old for old in session.read if old < start} | read
    session.nodes[start:] = nodes
    session.cache = {
        key: made for key, made in session.cache.items() if not (isinstance(made, Template) and made.end > start)
    }
    moved = moved_scope(scope, shift, move, same, same, lambda origin: origin)
    place.children.remove(scope)
    if moved is not None:
        place.children.append(moved)
    result = moved_bound(bound, move, same)
    assert result is not None and bound.inner is not None
    names = moved_names(bound.inner(), move, same)
    return replace(result, inner=lambda: names)
