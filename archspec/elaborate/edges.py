"""Edges by name: `from`, `like`, `else`, `reuse`, `outputs` to values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from archspec.diagnostics import Label, Span, SpecError, did_you_mean, spec_error
from archspec.elaborate.environment import View
from archspec.elaborate.names import Bound, Names, Poisoned
from archspec.elaborate.session import Session
from archspec.objects import record
from archspec.ops.base import Signature
from archspec.syntax import Edge, From, Statement
from archspec.values import Value
from archspec.yaml_source import Scalar


@record
class Reading:
    """One input of a node: the value, the operand it fills, and where the edge is written (None: by position)."""

    value: Value
    span: Span | None
    operand: str | None = None
    operand_span: Span | None = None


def resolve(session: Session, scalar: Scalar, view: View) -> Bound:
    """The node that a name stands for. Raises SpecError when there is none, Poisoned when it is in error."""
    return resolve_text(view, session.name(scalar, view), scalar.span)


def resolve_text(view: View, text: str, span: Span) -> Bound:
    """As `resolve`, of a name whose `$` are filled in. `m.*` is left to the caller."""
    nodes = view.nodes
    assert nodes is not None
    first, *rest = text.split(".")
    bound = nodes.find(first, span)
    if bound is None:
        if nodes.is_incomplete():
            raise Poisoned
        if (deletion := nodes.deletion(first)) is not None:
            raise _deleted(first, span, deletion)
        raise spec_error(
            "unknown-node",
            f"no node `{first}` before this one",
            span,
            help="move it up: an edge reads what is defined before it"
            if nodes.comes_later(first)
            else _as_list(text, nodes) or _hint(first, view) or did_you_mean(first, nodes.visible()),
        )
    for name in rest:
        if bound.failed:
            raise Poisoned
        child = bound.child(name)
        if child is None:
            inner = bound.inner() if bound.inner is not None else None
            if inner is not None and inner.incomplete:
                raise Poisoned
            if inner is not None and name in inner.deleted:
                raise _deleted(f"{bound.label}.{name}", span, inner.deleted[name])
            raise spec_error(
                "unknown-node",
                f"`{bound.label}` has no part or node `{name}`",
                span,
                help=did_you_mean(name, bound.member_names()),
            )
        bound = child
    if bound.failed:
        raise Poisoned
    return bound


def _as_list(text: str, nodes: Names) -> str | None:
    """Help for several names in one text."""
    several = text.replace(",", " ").split()
    if len(several) < 2 or not {name.partition(".")[0] for name in several} <= set(nodes.visible()):
        return None
    return f"write a list: `[{', '.join(several)}]`"


def _deleted(name: str, span: Span, deletion: Span) -> SpecError:
    related = [Label(deletion, "deleted here")]
    help = "replace it there instead, or what reads it too"
    return spec_error("unknown-node", f"`{name}` was deleted", span, related=related, help=help)


def _hint(name: str, view: View) -> str | None:
    try:
        view.env.find(name)
    except KeyError:
        return None
    return f"`{name}` is a param or variable; an edge names a node. To use its value write `${name}`"


def readings(session: Session, body: Sequence[Statement[Edge]], view: View) -> list[Reading]:
    """The inputs of a `from` list, flat: a node of several values stands for all of them."""
    out: list[Reading] = []
    for edge, inside in session.expand(body, view):
        out += [Reading(value, edge.name.span) for value in edge_values(session, edge, inside)]
    return out


def edge_values(session: Session, edge: Edge, view: View) -> tuple[Value, ...]:
    """The values of one edge; `m.*` are those of all children or outputs."""
    text = session.name(edge.name, view)
    if text.endswith(".*"):
        bounds = resolve_text(view, text[:-2], edge.name.span).everything()
        return tuple(value for bound in bounds for value in bound.values)
    bound = resolve_text(view, text, edge.name.span)
    if not bound.values:  # what is inside may still be there
        message = f"`{text}` was dropped: nothing that its network is used for needs it"
        help = "name it in the network's `outputs`, or in those of this use"
        raise spec_error("unknown-node", message, edge.name.span, help=help)
    return bound.values


def explicit(session: Session, reads: From, view: View) -> list[Reading]:
    """All inputs that `from:` names."""
    if reads.operands is None:
        return readings(session, reads.edges, view)
    out: list[Reading] = []
    for operand, edge in reads.operands:
        values = edge_values(session, edge, view)
        out += [Reading(value, edge.name.span, operand.text, operand.span) for value in values]
    return out


def assign_operands(
    op: str, signature: Signature, given: Sequence[Reading], span: Span, nodes: Names | None
) -> tuple[list[Reading], tuple[str, ...]]:
    """Inputs in torch's order and the operand each fills. Raises SpecError for missing, surplus or unknown ones.

    `nodes`: what can be read instead, for the way out.
    """
    for reading in given:
        if reading.operand is not None:
            return _by_name(op, signature, given, span)
    if len(given) == len(signature.required) and not signature.variadic:
        return list(given), signature.required
    required, optional = signature.required, [name for name in signature.optional if name not in signature.shape_only]
    names = [*required, *optional][: len(given)]
    if signature.variadic and required:
        names += [required[-1]] * (len(given) - len(names))
    if len(given) < max(len(required) if not signature.variadic else 0, signature.minimum if required else 0):
        raise spec_error(
            "missing-input",
            f"`{op}` needs {_inputs_in_words(signature)}, got {len(given)}",
            span,
            help="name them: `from: [" + ", ".join(required) + "]`",
        )
    if len(given) > len(names):
        extra = given[len(names)].span or span
        raise spec_error(
            "surplus-input",
            f"`{op}` takes {_inputs_in_words(signature)}, got {len(given)}",
            extra,
            help=_fewer(given, nodes) if required else "leave out `from`",
        )
    return list(given), tuple(names)


def _fewer(given: Sequence[Reading], nodes: Names | None) -> str:
    """The way out of too many inputs: often they are all results of one node."""
    split = next((one.value for one, other in pairwise(given) if one.value.node == other.value.node), None)
    name = nodes.reading_of(split) if nodes is not None and split is not None else None
    if name is not None:
        return f"name one result, as in `from: {name}`"
    return "name one with `from`, or merge them first, with `cat` or `add`"


def _by_name(
    op: str, signature: Signature, given: Sequence[Reading], span: Span
) -> tuple[list[Reading], tuple[str, ...]]:
    order = [*signature.required, *signature.optional]
    for reading in given:
        if reading.operand not in order:
            raise spec_error(
                "unknown-operand",
                f"`{op}` has no operand `{reading.operand}`",
                reading.operand_span,
                help=did_you_mean(reading.operand or "", order),
            )
    missing = [name for name in signature.required if all(reading.operand != name for reading in given)]
    if missing:
        raise spec_error(
            "missing-input", f"`{op}` needs operand `{missing[0]}`", span, help=f"add `{missing[0]}:` to `from`"
        )
    ordered = sorted(given, key=lambda reading: order.index(reading.operand or ""))
    names = tuple(reading.operand or "" for reading in ordered)
    for name in names:
        if names.count(name) > 1 and not (signature.variadic and name == signature.required[-1]):
            raise spec_error(
                "surplus-input", f"operand `{name}` of `{op}` takes one tensor, got {names.count(name)}", span
            )
    return ordered, names


def _inputs_in_words(signature: Signature) -> str:
    count = max(len(signature.required), signature.minimum if signature.required else 0)
    if signature.variadic:
        return f"{signature.minimum} or more inputs"
    words = f"{count} input{'s' if count != 1 else ''}" if count else "no input"
    names = ", ".join(f"`{name}`" for name in signature.required)
    return f"{words} ({names})" if count > 1 else words
