"""One op becomes one node: arguments evaluated, types inferred, errors put in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from archspec.diagnostics import Diagnostic, SpecError, spec_error
from archspec.elaborate.arguments import ANY, Argument, check_inferred, evaluate, wrong_arguments
from archspec.elaborate.edges import Reading, assign_operands, resolve
from archspec.elaborate.explain import unmet
from archspec.elaborate.lines import Line
from archspec.elaborate.making import Made, complete, make
from archspec.elaborate.names import Bound
from archspec.elaborate.place import Site
from archspec.elaborate.session import NODE_COST, Session, used_notes
from archspec.elaborate.states import initializers, ties
from archspec.elaborate.too_large import check_states, check_tensors
from archspec.ir import Node
from archspec.ops.base import Inputs, Op
from archspec.ops.needs import Needs, OpError
from archspec.values import Value
from archspec.yaml_source import Node as YamlNode
from archspec.yaml_source import Scalar


def add_node(session: Session, site: Site, line: Line, given: Sequence[Reading]) -> Bound:
    """Inserts a node for a registered op and returns what its name stands for. Raises SpecError."""
    op = line.op
    if line.shapes:
        given = [*given, *_shape_operands(session, site, line)]
    if op.device_of is not None:
        given = [*given, *_device_operand(op, site, given)]
    readings, slots = _slots(op, given, site)
    values = tuple([reading.value for reading in readings])
    inputs = Inputs(session.types_of(values), slots)
    need = Needs(batch=session.batch)
    reads: list[Value] = []
    try:
        made = _make(session, site, line, inputs, need, reads)
    except OpError as error:
        raise _located(session, error, readings, line.written, site) from None
    except SpecError as error:
        raise SpecError([d.with_notes(used_notes(site.origin)) for d in error.diagnostics]) from None
    if made.identity:
        return Bound(site.path, values[:1], made.outputs, dropped=True)
    return _insert(session, site, made, values, slots, tuple(reads), need)


def add_custom(
    session: Session, site: Site, target: str, arguments: Sequence[Argument], given: Sequence[Reading]
) -> Bound:
    """Inserts a node for a custom op; its types come from running it on the meta device. Raises SpecError."""
    load = session.customs.load
    assert load is not None, "an allowed package comes with a loader"
    need = Needs(batch=session.batch)
    evaluated = {a.key.text: evaluate(session, a.value, a.view, ANY, need.pins, {}, []) for a in arguments}
    values = tuple(reading.value for reading in given)
    inputs = Inputs(session.types_of(values), ("input",) * len(values))
    try:
        op = load(target, evaluated, inputs)
        result = op.infer(need, inputs)
    except OpError as error:
        written = {argument.key.text: argument.value for argument in arguments}
        raise _located(session, error, given, written, site) from None
    return _insert(session, site, complete(op, result, Needs()), values, inputs.names, (), need)


def _insert(
    session: Session,
    site: Site,
    made: Made,
    values: tuple[Value, ...],
    slots: tuple[str, ...],
    reads: tuple[Value, ...],
    need: Needs,
) -> Bound:
    """`need` has what was asked of sizes before the op was made."""
    op = made.op
    if layers := op.__dict__.get("num_layers"):
        session.spend(NODE_COST * layers, site.syntax.span)
    states = made.states()
    node = Node(
        site.path,
        site.module,
        op,
        values,
        slots,
        reads,
        made.outputs,
        site.origin,
        initializers(session, site, op, states),
        ties(session, site, op, states),
        (*need.requirements, *made.requirements),
        (*need.pins, *made.pins),
        site.parts if made.parts and len(site.parts) == len(made.outputs) else (),
    )
    check_states(states, node.path, site.syntax.span, session.limits.parameter)
    if not made.fits:
        check_tensors(node.outputs, node.path, site.syntax.span)
    position = session.insert(node)
    site.place.children.append(position)
    results = (
        (Value(position),)
        if len(made.outputs) == 1
        else tuple([Value(position, part) for part in range(len(made.outputs))])
    )
    return Bound(node.path, results, node.outputs, made.parts, path=node.path)


def _shape_operands(session: Session, site: Site, line: Line) -> list[Reading]:
    """`like: enc1`, an operand of which only the shape is read."""
    found: list[Reading] = []
    for name, value, view in line.shapes:
        if not isinstance(value, Scalar):
            raise spec_error("bad-edge", f"`{name}` is a node's name", value.span)
        bound = resolve(session, value, view or site.view)
        if len(bound.values) != 1:
            raise spec_error("bad-edge", f"`{bound.label}` has {len(bound.values)} values, needs one", value.span)
        found.append(Reading(bound.values[0], value.span, name))
        session.mark(bound.values)
    return found


def _device_operand(op: type[Op], site: Site, given: Sequence[Reading]) -> Sequence[Reading]:
    """The graph's input for an op that makes a tensor, so that it is made where the others are."""
    values = site.place.names.input.values
    if not values or any(reading.operand == op.device_of for reading in given):
        return ()
    return (Reading(values[0], None, op.device_of),)


def _slots(op: type[Op], given: Sequence[Reading], site: Site) -> tuple[list[Reading], tuple[str, ...]]:
    only, span, nodes = op.signature.shape_only, site.syntax.span, site.view.nodes
    if not only:
        return assign_operands(op.name, op.signature, given, span, nodes)
    shapes = [reading for reading in given if reading.operand in only]
    readings, slots = assign_operands(op.name, op.signature, [r for r in given if r.operand not in only], span, nodes)
    return [*readings, *shapes], (*slots, *(reading.operand or "" for reading in shapes))


def _make(session: Session, site: Site, line: Line, inputs: Inputs, need: Needs, reads: list[Value]) -> Made:
    """The op with its arguments evaluated and its inferred ones filled in. Raises SpecError with all that is wrong with
    the arguments, OpError for an op that refuses them or its inputs."""
    op = line.op
    inferred = op.inferred(need, inputs)
    values: dict[str, Any] = {**inferred, **line.constants}
    found: dict[str, SpecError] = {}
    for each in line.computed:
        name, node = each.name, each.value
        try:
            value = evaluate(session, node, each.view or site.view, each.plan, need.pins, inferred, reads)
            if name in inferred and name not in op.accepts_written:
                check_inferred(op, name, value, inferred[name], node.span)
            values[name] = value
        except SpecError as error:
            found[name] = error
    try:
        if not found:
            return make(op, values, inputs, session.batch, session.limits.items)
        op.model_validate(values)
    except ValidationError as error:
        spans = {name: node.span for name, node in line.written.items()}
        raise wrong_arguments(op, error, values, spans, site.syntax.span, found) from None
    raise SpecError([each for error in found.values() for each in error.diagnostics])


def _located(
    session: Session, error: OpError, readings: Sequence[Reading], written: Mapping[str, YamlNode], site: Site
) -> SpecError:
    """An op's refusal at the argument or edge it is about, with the blocks it stands in."""
    span = site.syntax.span
    notes: list[str] = []
    if error.argument is not None and error.argument in written:
        span = written[error.argument].span
    elif error.operand is not None and error.operand < len(readings):
        reading = readings[error.operand]
        span = reading.span or span
        if reading.span is None:
            notes.append(f"it reads {describe_value(session, reading.value)}, the node before it")
    if error.requirement is not None and session.explain:
        notes.extend(unmet(error.requirement, site.path, session.batch))
    diagnostic = Diagnostic(error.code, error.message, span, error.label, notes=tuple(notes), help=error.help)
    return SpecError(diagnostic.with_notes(used_notes(site.origin)))


def describe_value(session: Session, value: Value) -> str:
    """A value for a message: "`conv1`, [N, 64, 112, 112]"."""
    name = session.nodes[value.node].path if value.node >= 0 else "input"
    return f"`{name}`, {session.type_of(value)}"
