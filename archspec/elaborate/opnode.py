"""One op becomes one node: arguments evaluated, types inferred, errors put in their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec.diagnostics import Diagnostic, Span, SpecError, spec_error
from archspec.dims import Size
from archspec.elaborate.arguments import ANY, Argument, anchor, check_inferred, check_keys, construct, evaluate, plans
from archspec.elaborate.edges import Reading, assign_operands, resolve, resolve_text
from archspec.elaborate.initialize import initializer, rules_of
from archspec.elaborate.names import Bound
from archspec.elaborate.place import File, Place
from archspec.elaborate.session import Session, used_notes
from archspec.elaborate.environment import View
from archspec.ir import Initializer, Node, Origin
from archspec.ops.base import Inputs, Op
from archspec.ops.needs import Needs, OpError
from archspec.syntax import NodeSyntax
from archspec.values import Value
from archspec.yaml_source import Mapping, Scalar


def merged_arguments(file: File, op: str, arguments: Sequence[Argument]) -> list[Argument]:
    """Arguments with the file's `defaults` for this op added where they are not written."""
    written = {argument.key.text for argument in arguments}
    section = file.spec.defaults.get(op) if file.spec.defaults is not None else None
    if not isinstance(section, Mapping):
        return list(arguments)
    view = View(file.env)
    extra = [Argument(entry.key, entry.value, view) for entry in section.entries if entry.key.text not in written]
    return [*arguments, *extra]


def add_node(
    session: Session, place: Place, op: type[Op], arguments: list[Argument], given: list[Reading], path: str, module: str,
    syntax: NodeSyntax, view: View, origin: Origin,
) -> Bound:  # fmt: skip
    """Inserts a node for a registered op and returns what its name stands for. Raises SpecError."""
    check_keys(op, arguments)
    arguments = merged_arguments(place.file, op.name, arguments)
    given = [*given, *_shape_operands(session, op, arguments, view)]
    readings, slots = _slots(op, given, syntax.span)
    types = session.types_of([reading.value for reading in readings])
    inputs = Inputs(types, slots)
    need = Needs()
    spans = {argument.key.text: argument.value.span for argument in arguments}
    reads: list[Value] = []
    pins: list[Size] = []
    try:
        made = _make(session, op, arguments, inputs, need, spans, reads, pins, syntax.span)
        if made.is_identity(inputs):
            values = (readings[0].value,)
            return Bound(path, values, session.types_of(values), absent=True)
        result = made.infer(need, inputs)
    except OpError as error:
        raise _located(session, error, readings, spans, syntax, origin) from None
    except SpecError as error:
        raise SpecError([d.with_notes(used_notes(origin)) for d in error.diagnostics]) from None
    node = Node(
        path, module, made, tuple(reading.value for reading in readings), slots, tuple(reads),
        result if isinstance(result, tuple) else (result,), origin,
        _initializers(session, place.file, made, syntax, view), _ties(session, made, syntax, view),
        tuple(need.requirements), (*pins, *need.pins),
    )  # fmt: skip
    return _insert(session, place, node)


def add_custom(
    session: Session, place: Place, target: str, arguments: list[Argument], given: list[Reading], path: str, module: str,
    syntax: NodeSyntax, view: View, origin: Origin,
) -> Bound:  # fmt: skip
    """Inserts a node for a custom op; its types come from running it on the meta device. Raises SpecError."""
    load = session.customs.load
    if load is None:
        raise spec_error("custom-op-not-allowed", f"custom op `{target}` needs torch, which is not in use here", syntax.span)
    pins: list[Size] = []
    values = {argument.key.text: evaluate(session, argument, ANY, pins, {}) for argument in arguments}
    inputs = Inputs(session.types_of([reading.value for reading in given]), ("input",) * len(given))
    try:
        made = load(target, values, inputs)
        result = made.infer(Needs(), inputs)
    except OpError as error:
        spans = {argument.key.text: argument.value.span for argument in arguments}
        raise _located(session, error, given, spans, syntax, origin) from None
    node = Node(
        path, module, made, tuple(reading.value for reading in given), inputs.names, (),
        result if isinstance(result, tuple) else (result,), origin,
        _initializers(session, place.file, made, syntax, view), _ties(session, made, syntax, view), (), tuple(pins),
    )  # fmt: skip
    return _insert(session, place, node)


def _insert(session: Session, place: Place, node: Node) -> Bound:
    position = session.insert(node)
    place.children.append(position)
    return bound_of(node, position)


def bound_of(node: Node, position: int) -> Bound:
    """What a node's name stands for."""
    values = tuple(Value(position, part) for part in range(len(node.outputs)))
    names = node.op.results if len(values) > 1 else ()
    parts = {name: (part,) for part, name in enumerate(names[: len(values)])}
    return Bound(node.path, values, node.outputs, parts, path=node.path)


def _shape_operands(session: Session, op: type[Op], arguments: list[Argument], view: View) -> list[Reading]:
    """`like: enc1`, an operand of which only the shape is read; taken out of the arguments."""
    found: list[Reading] = []
    for argument in [a for a in arguments if a.key.text in op.signature.shape_only]:
        arguments.remove(argument)
        if not isinstance(argument.value, Scalar):
            raise spec_error("bad-edge", f"`{argument.key.text}` is a node's name", argument.value.span)
        bound = resolve(session, argument.value, argument.view)
        if len(bound.values) != 1:
            raise spec_error("bad-edge", f"`{bound.label}` has {len(bound.values)} values, needs one", argument.value.span)
        found.append(Reading(bound.values[0], argument.value.span, argument.key.text))
        session.mark(bound.values)
    return found


def _slots(op: type[Op], given: Sequence[Reading], span: Span) -> tuple[list[Reading], tuple[str, ...]]:
    shapes = [reading for reading in given if reading.operand in op.signature.shape_only]
    readings, slots = assign_operands(op.name, op.signature, [r for r in given if r not in shapes], span)
    return [*readings, *shapes], (*slots, *(reading.operand or "" for reading in shapes))


def _make(
    session: Session, op: type[Op], arguments: list[Argument], inputs: Inputs, need: Needs, spans: dict[str, Span],
    reads: list[Value], pins: list[Size], span: Span,
) -> Op:  # fmt: skip
    known = plans(op)
    inferred = dict(op.inferred(need, inputs))
    values: dict[str, Any] = dict(inferred)
    for argument in arguments:
        name = argument.key.text
        value = anchor(evaluate(session, argument, known[name], pins, inferred), reads)
        if name in inferred and name not in op.accepts_written:
            check_inferred(op, argument, value, inferred[name])
        values[name] = value
    return construct(op, values, spans, span)


def _located(
    session: Session, error: OpError, readings: Sequence[Reading], spans: dict[str, Span], syntax: NodeSyntax,
    origin: Origin,
) -> SpecError:  # fmt: skip
    """An op's refusal at the argument or edge it is about, with the blocks it stands in."""
    span = syntax.span
    notes: list[str] = []
    if error.argument is not None and error.argument in spans:
        span = spans[error.argument]
    elif error.operand is not None and error.operand < len(readings):
        reading = readings[error.operand]
        span = reading.span or syntax.span
        if reading.span is None:
            notes.append(f"it reads {describe_value(session, reading.value)}, the node before it")
    diagnostic = Diagnostic(error.code, error.message, span, error.label, notes=tuple(notes), help=error.help)
    return SpecError(diagnostic.with_notes(used_notes(origin)))


def describe_value(session: Session, value: Value) -> str:
    """A value for a message: "`conv1`, [N, 64, 112, 112]"."""
    name = session.nodes[value.node].path if value.node >= 0 else "input"
    return f"`{name}`, {session.type_of(value)}"


def _initializers(
    session: Session, file: File, op: Op, syntax: NodeSyntax, view: View
) -> tuple[tuple[str, Initializer], ...]:
    """The node's own rules, and its file's for the op, the node's first."""
    states = {state.name: state for state in op.state() if not state.buffer}
    if not states:
        if syntax.init is not None:
            raise spec_error("bad-initializer", f"`{op.name}` has no parameters to initialise", syntax.init.span)
        return ()
    rules: dict[str, tuple[View, Any]] = {}
    section = file.spec.init.get(op.name) if file.spec.init is not None else None
    if section is not None:
        for name, (_, rule) in rules_of(section, op.name).items():
            rules[name] = (View(file.env), rule)
    if syntax.init is not None:
        if list(states) == [""]:
            rules[""] = (view, syntax.init)
        else:
            for name, (key, rule) in rules_of(syntax.init, op.name).items():
                if name not in states:
                    raise spec_error(
                        "unknown-state", f"this `{op.name}` has no parameter `{name}`", key.span,
                        help=f"it has {', '.join(f'`{state}`' for state in states)}",
                    )  # fmt: skip
                rules[name] = (view, rule)
    if "" in states and "" not in rules and getattr(op, "value", None) is None:
        raise spec_error(
            "missing-initializer", f"a `{op.name}` needs `init` or `value`", syntax.span, help="write `init: zeros_`, or `value: 0.0`"
        )
    return tuple(
        (name, initializer(session, rule, inside, op, states[name].shape))
        for name, (inside, rule) in rules.items() if name in states
    )  # fmt: skip


def _ties(session: Session, op: Op, syntax: NodeSyntax, view: View) -> tuple[tuple[str, str], ...]:
    """`tie: {weight: wte.weight}` to full parameter names, shapes checked."""
    if syntax.tie is None:
        return ()
    states: dict[str, tuple[int, ...]] = {state.name: state.shape for state in op.state()}
    out: list[tuple[str, str]] = []
    for entry in syntax.tie.entries:
        name, target = entry.key.text, entry.value
        if name not in states:
            raise spec_error("unknown-state", f"this `{op.name}` has no parameter `{name}`", entry.key.span, help=f"it has {', '.join(states)}")
        if not isinstance(target, Scalar):
            raise spec_error("wrong-type", "a tie names another node's parameter", target.span)
        text = session.name(target, view)
        owner, state = _tied_state(session, text, target.span, view)
        if state.shape != states[name]:
            raise spec_error(
                "shape-mismatch", f"`{name}` has shape {list(states[name])}, `{text}` has {list(state.shape)}", target.span,
                help="tie parameters of equal shape",
            )  # fmt: skip
        out.append((name, ".".join(part for part in (owner.module, state.name) if part)))
    return tuple(out)


def _tied_state(session: Session, text: str, span: Span, view: View) -> tuple[Node, Any]:
    parts = text.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            bound = resolve_text(view, ".".join(parts[:cut]), span)
        except SpecError:
            continue
        state_name = ".".join(parts[cut:])
        node = next((node for node in session.nodes if node.path == bound.path), None)
        state = next((s for s in node.op.state() if s.name == state_name), None) if node is not None else None
        if node is not None and state is not None:
            return node, state
    raise spec_error("unknown-state", f"no parameter `{text}` before this node", span, help="write `node.path.weight`")


__all__ = ["add_custom", "add_node"]
