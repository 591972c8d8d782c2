"""From a spec to a verified graph."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from contextlib import closing, suppress

from archspec.diagnostics import did_you_mean, spec_error
from archspec.elaborate.custom import CustomOps
from archspec.elaborate.environment import Env, View
from archspec.elaborate.expectations import expected
from archspec.elaborate.files import early_lets, open_file
from archspec.elaborate.finish import check_inplace, check_unread
from archspec.elaborate.freeze import frozen_names
from archspec.elaborate.graphs import Graphs
from archspec.elaborate.inputs import Shape, batch_symbols, make_inputs
from archspec.elaborate.names import Bound, Names
from archspec.elaborate.outputs import graph_outputs
from archspec.elaborate.place import File, Patches, Place, Use, shown_params
from archspec.elaborate.sections import check_sections, check_unused_params
from archspec.elaborate.session import Session, Stop
from archspec.elaborate.templates import Templates
from archspec.ir import Graph, Input, Origin, Outputs, Scope, verify
from archspec.library import Library
from archspec.spec import Spec
from archspec.syntax import GraphSyntax, Let
from archspec.values import Value
from archspec.yaml_source import Entry

NO_CUSTOM_OPS = CustomOps()


def elaborate(
    spec: Spec,
    library: Library,
    *,
    variant: str | None = None,
    params: Sequence[Entry] = (),
    input_shapes: Dict[str, Shape] | None = None,
    symbolic: Sequence[str] = (),
    explain: bool = True,
    customs: CustomOps = NO_CUSTOM_OPS,
    templates: Templates | None = None,
) -> Graph:
    """Compiles a spec.

    `params` override the spec's, after its `variant`'s; `input_shapes` its input sizes, by input name. Axes that are
    `symbolic` are shown as symbols although they have numbers. `explain`: errors about sizes say which would do.
    `templates`: blocks elaborated before, for many networks of one spec and library.

    Raises:
        SpecError: with everything that is wrong with the spec or the overrides.
    """
    if spec.graph is None:
        raise spec_error(
            "no-graph",
            f"`{spec.name}` is a library of blocks, not a network",
            spec.span,
            help="add `graph:`, or import it from a spec",
        )
    known = templates if templates is not None else Templates()
    known.start()
    with closing(Session(library, customs, known, explain=explain)) as session:
        done = _compiled(session, spec, spec.graph, variant, params, input_shapes or {}, symbolic)
    if templates is not None:
        templates.keep()
    return done


def _compiled(
    session: Session,
    spec: Spec,
    body: GraphSyntax,
    variant: str | None,
    params: Sequence[Entry],
    input_shapes: Dict[str, Shape],
    symbolic: Sequence[str],
) -> Graph:
    file = open_file(session, spec, variant, params)
    inputs, names = _open_inputs(session, file, input_shapes, symbolic)
    patches = Patches("", spec.patches)
    session.uses.append(Use("", file, patches))
    place = Place(
        file,
        names,
        View(Env(file.env), names, mark=session.mark),
        "",
        "",
        body.numbered,
        patches,
        names.input,
    )
    outputs = _fill(session, place, spec, body)
    if not session.nodes:
        raise spec_error("bad-graph", "the graph has no nodes", body.span, help="add a node")
    values = tuple(Value(-1 - position) for position in range(len(inputs)))
    root = Scope(
        "",
        "",
        body.numbered,
        tuple(place.children),
        0,
        len(session.nodes),
        values,
        place.previous.values,
        Origin(body.span),
        None,
        shown_params(file.env.values),
        spec.doc,
    )
    graph = Graph(
        variant or spec.name,
        spec.doc,
        inputs,
        tuple(session.nodes),
        root,
        outputs,
        shown_params(file.env.values),
        pins=tuple(session.pins),
    )
    with suppress(Stop):
        check_unread(session, graph, names)
        check_inplace(session, graph)
        for used in {opened.spec: opened for opened in session.opened}.values():
            check_unused_params(session, used)
    session.errors.check()
    overridden = bool(params) or bool(input_shapes)
    return verify(expected(session, file, frozen_names(session, graph), variant, overridden))


def _fill(session: Session, place: Place, spec: Spec, graph: GraphSyntax) -> Outputs:
    """Elaborates the graph and its outputs. Raises SpecError with all that was found."""
    try:
        Graphs(session).fill(place, graph.body)
        for file in {opened.spec: opened for opened in session.opened}.values():
            check_sections(session, file)
        for use in session.uses:
            _check_patches(session, use)
        outputs = graph_outputs(session, spec.outputs, place.view, place.previous)
    except Stop:
        outputs = None
    session.errors.check()
    assert outputs is not None, "what stopped the elaboration is an error"
    return outputs


def _open_inputs(
    session: Session, file: File, shapes: Dict[str, Shape], symbolic: Sequence[str]
) -> tuple[tuple[Input, ...], Names]:
    """The inputs, with the lets around them: those before may be used in the shape, those after may read it."""
    spec = file.spec
    before, after = early_lets(spec)
    _lets(session, before, View(file.env))
    inputs = make_inputs(session, spec, View(file.env), shapes, symbolic)
    session.input_types = tuple(item.type for item in inputs)
    session.batch = batch_symbols(session.input_types)
    bounds = [Bound(item.name, (Value(-1 - i),), (item.type,)) for i, item in enumerate(inputs)]
    everything = Bound("input", tuple(Value(-1 - i) for i in range(len(inputs))), session.input_types)
    table = {bound.label: bound for bound in bounds} if spec.inputs is not None else {}
    spans = {entry.key.text: entry.key.span for entry in spec.inputs.entries} if spec.inputs is not None else {}
    names = Names(None, everything, table, spans, deleted=dict(spec.deleted))
    _lets(session, after, View(file.env, names, mark=session.mark))
    return inputs, names


def _lets(session: Session, lets: Sequence[Let], view: View) -> None:
    with suppress(Stop):
        session.lets(lets, view)
    session.errors.check()


def _check_patches(session: Session, use: Use) -> None:
    """A key that meets no node is a mistake, unless it was added to the graph."""
    graph = use.file.spec.graph
    for key, patch in use.patches.nodes.items():
        if key in use.patches.used:
            continue
        if "." in key or patch.node is None or graph is None or graph.numbered:
            session.note(
                spec_error(
                    "unknown-node",
                    f"`{key}` replaces nothing: the extended network has no such node",
                    patch.span,
                    help=did_you_mean(key, [node.path for node in session.nodes]),
                )
            )
