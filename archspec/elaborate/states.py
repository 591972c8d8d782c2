"""What is said of a node's parameters: initialisation rules and ties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec.diagnostics import Span, SpecError, spec_error
from archspec.elaborate.edges import resolve_text
from archspec.elaborate.environment import View
from archspec.elaborate.initialize import applies, check_rule, initializer, rules_of
from archspec.elaborate.place import Site
from archspec.elaborate.session import Session
from archspec.ir import Initializer, Node
from archspec.ops.base import Op, State
from archspec.yaml_source import Scalar


def initializers(session: Session, site: Site, op: Op, tensors: Sequence[State]) -> tuple[tuple[str, Initializer], ...]:
    """The node's own rules, and its file's for the op, the node's first."""
    file, syntax, view = site.place.file, site.syntax, site.view
    section = file.spec.init.get(op.name) if file.spec.init is not None else None
    if syntax.init is None and section is None and op.category != "constant":
        return ()
    states = {state.name: state for state in tensors if not state.buffer}
    if not states:
        if syntax.init is not None:
            raise spec_error("bad-initializer", f"`{op.name}` has no parameters to initialise", syntax.init.span)
        return ()
    rules: dict[str, tuple[View, Any]] = {}
    if section is not None and applies(session, section, outside := View(file.env), op):
        for name, (_, rule) in rules_of(section, op.name).items():
            if name in states and applies(session, rule, outside, op):
                rules[name] = (outside, rule)
    if syntax.init is not None and list(states) == [""]:
        check_rule(syntax.init)
        if applies(session, syntax.init, view, op):
            rules[""] = (view, syntax.init)
    elif syntax.init is not None:
        given = applies(session, syntax.init, view, op)
        for name, (key, rule) in rules_of(syntax.init, op.name).items():
            if name not in states:
                raise spec_error(
                    "unknown-state",
                    f"this `{op.name}` has no parameter `{name}`",
                    key.span,
                    help=f"it has {', '.join(f'`{state}`' for state in states)}",
                )
            check_rule(rule)  # one that does not apply too
            if given and applies(session, rule, view, op):
                rules[name] = (view, rule)
    if "" in states and "" not in rules and getattr(op, "value", None) is None:
        raise spec_error(
            "missing-initializer",
            f"a `{op.name}` needs `init` or `value`",
            syntax.span,
            help="write `init: zeros_`, or `value: 0.0`",
        )
    return tuple(
        (name, initializer(session, rule, inside, op, states[name].shape)) for name, (inside, rule) in rules.items()
    )


def ties(session: Session, site: Site, op: Op, tensors: Sequence[State]) -> tuple[tuple[str, str], ...]:
    """`tie: {weight: wte.weight}` to full parameter names, shapes checked."""
    syntax, view = site.syntax, site.view
    if syntax.tie is None:
        return ()
    states: dict[str, tuple[int, ...]] = {state.name: state.shape for state in tensors}
    out: list[tuple[str, str]] = []
    for entry in syntax.tie.entries:
        name, target = entry.key.text, entry.value
        if name not in states:
            raise spec_error(
                "unknown-state",
                f"this `{op.name}` has no parameter `{name}`",
                entry.key.span,
                help=f"it has {', '.join(states)}",
            )
        if not isinstance(target, Scalar):
            raise spec_error("wrong-type", "a tie names another node's parameter", target.span)
        text = session.name(target, view)
        owner, state = _tied_state(session, text, target.span, view)
        if state.shape != states[name]:
            raise spec_error(
                "shape-mismatch",
                f"`{name}` has shape {list(states[name])}, `{text}` has {list(state.shape)}",
                target.span,
                help="tie parameters of equal shape",
            )
        out.append((name, ".".join(part for part in (owner.module, state.name) if part)))
    return tuple(out)


def _tied_state(session: Session, text: str, span: Span, view: View) -> tuple[Node, State]:
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
