"""One op becomes one node: arguments evaluated, types inferred, errors put in their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from archspec.diagnostics import Diagnostic, Span, SpecError, spec_error
from archspec.elaborate.arguments import (
    ANY,
    Argument,
    check_inferred,
    check_keys,
    evaluate,
    plans,
    wrong_arguments,
)
from archspec.elaborate.edges import Reading, assign_operands, resolve
from archspec.elaborate.environment import View
from archspec.elaborate.explain import unmet
from archspec.elaborate.making import Made, complete, make
from archspec.elaborate.names import Bound
from archspec.elaborate.place import File, Site
from archspec.elaborate.session import NODE_COST, Session, used_notes
from archspec.elaborate.states import initializers, ties
from archspec.elaborate.too_large import check_states, check_tensors
from archspec.ir import Node
from archspec.ops.base import Inputs, Op
from archspec.ops.needs import Needs, OpError
from archspec.values import Value
from archspec.yaml_source import Mapping, Scalar


def _with_defaults(file: File, op: type[Op], arguments: list[Argument]) -> list[Argument]:
    """Arguments with the file's `defaults` for this op added where they are not written."""
    if op.name not in file.defaults:
        file.defaults[op.name] = _defaults(file, op)
    if not file.defaults[op.name]:
        return arguments
    written = {argument.key.text for argument in arguments}
    return [*arguments, *(argument for argument in file.defaults[op.name] if argument.key.text not in written)]


def _defaults(file: File, op: type[Op]) -> Sequence[Argument]:
    """A file's `defaults` for an op; unknown ones are left out."""
    section = file.spec.defaults.get(op.name) if file.spec.defaults is not None else None
    if not isinstance(section, Mapping):
        return ()
    known, view = plans(op), View(file.env)
    return [Argument(entry.key, entry.value, view, file) for entry in section.entries if entry.key.text in known]


def add_node(session: Session, site: Site, op: type[Op], arguments: list[Argument], given: Sequence[Reading]) -> Bound:
    """Inserts a node for a registered op and returns what its name stands for. Raises SpecError."""
    if arguments:
        check_keys(op, arguments)
    if site.place.file.spec.defaults is not None:
        arguments = _with_defaults(site.place.file, op, arguments)
    if op.signature.shape_only:
        given = [*given, *_shape_operands(session, op, arguments)]
    if op.device_of is not None:
        given = [*given, *_device_operand(op, site, given)]
    readings, slots = _slots(op, given, site.syntax.span)
    values = tuple([reading.value for reading in readings])
    inputs = Inputs(session.types_of(values), slots)
    need = Needs(batch=session.batch)
    reads: list[Value] = []
    try:
        made = _make(session, op, arguments, inputs, need, reads, site.syntax.span)
    except OpError as error:
        raise _located(session, error, readings, arguments, site) from None
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
    given_arguments = {argument.key.text: evaluate(session, argument, ANY, need.pins, {}, []) for argument in arguments}
    values = tuple(reading.value for reading in given)
    inputs = Inputs(session.types_of(values), ("input",) * len(values))
    try:
        op = load(target, given_arguments, inputs)
        result = op.infer(need, inputs)
    except OpError as error:
        raise _located(session, error, given, arguments, site) from None
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
    session.spend(NODE_COST * op.__dict__.get("num_layers", 0), site.syntax.span)
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
    results = tuple([Value(position, part) for part in range(len(node.outputs))])
    return Bound(node.path, results, node.outputs, made.parts, path=node.path)


def _shape_operands(session: Session, op: type[Op], arguments: list[Argument]) -> list[Reading]:
    """`like: enc1`, an operand of which only the shape is read; taken out of the arguments."""
    found: list[Reading] = []
    for argument in [a for a in arguments if a.key.text in op.signature.shape_only]:
        arguments.remove(argument)
        if not isinstance(argument.value, Scalar):
            raise spec_error("bad-edge", f"`{argument.key.text}` is a node's name", argument.value.span)
        bound = resolve(session, argument.value, argument.view)
        if len(bound.values) != 1:
            raise spec_error(
                "bad-edge", f"`{bound.label}` has {len(bound.values)} values, needs one", argument.value.span
            )
        found.append(Reading(bound.values[0], argument.value.span, argument.key.text))
        session.mark(bound.values)
    return found


def _device_operand(op: type[Op], site: Site, given: Sequence[Reading]) -> Sequence[Reading]:
    """The graph's input for an op that makes a tensor, so that it is made where the others are."""
    values = site.place.names.input.values
    if not values or any(reading.operand == op.device_of for reading in given):
        return ()
    return (Reading(values[0], None, op.device_of),)


def _slots(op: type[Op], given: Sequence[Reading], span: Span) -> tuple[list[Reading], tuple[str, ...]]:
    only = op.signature.shape_only
    if not only:
        return assign_operands(op.name, op.signature, given, span)
    shapes = [reading for reading in given if reading.operand in only]
    readings, slots = assign_operands(op.name, op.signature, [r for r in given if r.operand not in only], span)
    return [*readings, *shapes], (*slots, *(reading.operand or "" for reading in shapes))


def _make(
    session: Session,
    op: type[Op],
    arguments: Sequence[Argument],
    inputs: Inputs,
    need: Needs,
    reads: list[Value],
    span: Span,
) -> Made:
    """The op with its arguments evaluated and its inferred ones filled in. Raises SpecError with all that is wrong with
    the arguments, OpError for an op that refuses them or its inputs."""
    known = plans(op)
    inferred = op.inferred(need, inputs)
    values: dict[str, Any] = dict(inferred)
    found: dict[str, SpecError] = {}
    for argument in arguments:
        name = argument.key.text
        try:
            value = evaluate(session, argument, known[name], need.pins, inferred, reads)
            if name in inferred and name not in op.accepts_written:
                check_inferred(op, argument, value, inferred[name])
            values[name] = value
        except SpecError as error:
            found[name] = error
    try:
        if not found:
            return make(op, values, inputs, session.batch, session.limits.items)
        op.model_validate(values)
    except ValidationError as error:
        spans = {argument.key.text: argument.value.span for argument in arguments}
        raise wrong_arguments(op, error, values, spans, span, found) from None
    raise SpecError([each for error in found.values() for each in error.diagnostics])


def _located(
    session: Session, error: OpError, readings: Sequence[Reading], arguments: Sequence[Argument], site: Site
) -> SpecError:
    """An op's refusal at the argument or edge it is about, with the blocks it stands in."""
    span = site.syntax.span
    notes: list[str] = []
    written = next((argument for argument in arguments if argument.key.text == error.argument), None)
    if written is not None:
        span = written.value.span
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
