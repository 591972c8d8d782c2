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
from archspec.elaborate.place import Filler, Patches, Place, Site, Use, shown_params
from archspec.elaborate.prune import prune
from archspec.elaborate.session import Session
from archspec.ir import Origin
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
    name = session.name(_scalar(variant, "a variant's name"), variant.view) if variant is not None else None
    file = open_file(session, spec, name, (), rest, variant.value.span if variant else span)
    patches = Patches(site.path, spec.patches, site.place.patches)
    session.uses.append(Use(site.module, file, patches))
    declared = spec.inputs.keys() if spec.inputs is not None else None
    inputs, table = block_inputs(session, declared, spec.name, given, site)
    names = Names(None, inputs, table, deleted=dict(spec.deleted))
    session.lets(spec.lets, View(file.env, names, mark=session.mark))
    assert spec.graph is not None
    inside = Place(
        file,
        names,
        View(Env(file.env), names, mark=session.mark),
        site.path,
        site.module,
        spec.graph.numbered,
        patches,
        inputs,
        used_at=Origin(span, f"{site.path}, the network {spec.name}", site.place.used_at),
    )
    start = len(session.nodes)
    graphs.fill(inside, spec.graph.body)
    result, parts = _result(session, spec, inside, cut)
    scope = close(
        session,
        site,
        inside,
        start,
        inputs.values,
        result,
        spec.name,
        shown_params(file.env.values),
        spec.doc,
        tuple(table),
    )
    bound = Bound(site.path, result, session.types_of(result), parts, lambda: names, True, path=site.path)
    return prune(session, site.place, start, scope, bound) if scope is not None else replace(bound, dropped=True)


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
        node = _scalar(cut["output"], "one node's name; `outputs` takes several")
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


def _scalar(argument: Argument, wanted: str) -> Scalar:
    if not isinstance(argument.value, Scalar) or argument.value.value is None:
        raise spec_error("wrong-type", f"`{argument.key.text}` is {wanted}", argument.value.span)
    return argument.value


def _seen_from(view: View, inside: Place) -> View:
    """The caller's variables with the sub-spec's nodes."""
    return View(view.env, inside.names, mark=view.mark)
