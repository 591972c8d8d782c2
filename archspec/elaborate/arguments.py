"""Arguments of ops: evaluated by what each field takes, then validated by the op's own model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import replace
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError

from archspec.diagnostics import Diagnostic, Span, SpecError, did_you_mean, spec_error
from archspec.dims import Size
from archspec.elaborate.environment import View
from archspec.elaborate.place import File
from archspec.elaborate.session import Session
from archspec.expr import show_value
from archspec.limits import current
from archspec.objects import record
from archspec.ops.base import EXTRA, INFERRED, Op, is_marked
from archspec.syntax import NODE_KEYS
from archspec.values import Axis, RuntimeCode, RuntimeSize, Value
from archspec.yaml_source import Mapping, Node, Scalar
from archspec.yaml_source import Sequence as YamlSequence


@record(eq=False)
class Argument:
    """One argument as written, with what its expressions can see there, and the file whose ops and blocks they name."""

    key: Scalar
    value: Node
    view: View
    file: File


@record
class Plan:
    """What a field takes: words of torch's own, any word, other values, sizes read at run time."""

    words: frozenset[str]
    any_word: bool
    other: bool
    runtime: bool
    inferred: bool
    extra: bool
    wanted: str


ANY = Plan(frozenset(), False, True, False, False, False, "a value")
"""For custom ops, of whose arguments nothing is known: a word in quotes is text, any other string an expression."""


@cache
def plans(op: type[Op]) -> dict[str, Plan]:
    """The plan of every field of an op."""
    found: dict[str, Plan] = {}
    for name, info in op.model_fields.items():
        leaves = list(_leaves(info.annotation))
        words = frozenset(leaf for leaf in leaves if isinstance(leaf, str))
        other = any(not isinstance(leaf, str) and leaf is not str for leaf in leaves)
        found[name] = Plan(
            words,
            str in leaves,
            other,
            RuntimeSize in leaves,
            is_marked(info, INFERRED),
            is_marked(info, EXTRA),
            _in_words(info.annotation),
        )
    return found


def _leaves(annotation: Any) -> Iterable[Any]:
    """The types and literal words at the ends of an annotation."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _leaves(get_args(annotation)[0])
    elif origin is Literal:
        yield from get_args(annotation)
    elif origin in (Union, UnionType, tuple, list, dict):
        for part in get_args(annotation):
            if part is not Ellipsis:
                yield from _leaves(part)
    else:
        yield annotation


_WORDS = {int: "an integer", float: "a number", bool: "true or false", str: "a word", NoneType: "null", RuntimeSize: ""}


def _in_words(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _in_words(get_args(annotation)[0])
    if origin is Literal:
        return " or ".join(f"`{word}`" for word in get_args(annotation))
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(word for part in get_args(annotation) if (word := _in_words(part))))
    if origin is tuple:
        parts = get_args(annotation)
        item = _in_words(parts[0])
        if parts[-1] is Ellipsis:
            return f"a list ({item} each)"
        return item if len(parts) == 1 else f"{item} or {len(parts)} of them"
    if origin in (list, dict):
        return "a list" if origin is list else "a mapping"
    return _WORDS.get(annotation, getattr(annotation, "__name__", "a value"))


def check_keys(op: type[Op], keys: Sequence[Scalar]) -> None:
    """Every key is an argument of the op, or an operand of which only the shape is read."""
    known = plans(op)
    wrong = [key for key in keys if key.text not in known and key.text not in op.signature.shape_only]
    if wrong:
        most = current().errors + 1  # one more, which says so
        valid = [*known, *op.signature.shape_only, *NODE_KEYS]
        raise SpecError(
            [
                Diagnostic(
                    "unknown-argument",
                    f"`{op.name}` has no argument `{key.text}`",
                    key.span,
                    help=did_you_mean(key.text, valid)
                    or f"`{op.name}` takes {', '.join(f'`{name}`' for name in known) or 'none'}",
                )
                for key in wrong[:most]
            ]
        )


def evaluate(
    session: Session,
    node: Node,
    view: View,
    plan: Plan,
    pins: list[Size],
    inferred: Dict[str, Any],
    reads: list[Value],
) -> Any:
    """An argument's value; sizes become numbers unless the field can read them at run time, from `reads`."""
    if isinstance(node, Scalar) and not isinstance(node.value, str):
        return node.value
    if inferred:
        view = View(view.env, view.nodes, inferred, view.mark)
    try:
        value = _value(session, node, plan, view, pins)
    except SpecError as error:
        raise _suggest_words(error, node, plan) from None
    return _anchored(value, reads) if plan.runtime else session.number(value, node.span, pins)


def _suggest_words(error: SpecError, node: Node, plan: Plan) -> SpecError:
    """A misspelt word of torch's, where an expression could stand too, was read as a name."""
    close = did_you_mean(node.text, plan.words) if isinstance(node, Scalar) and plan.words else None
    first = error.diagnostics[0]
    if close is None or first.code != "unknown-name":
        return error
    return SpecError(replace(first, help=close))


def _value(session: Session, node: Node, plan: Plan, view: View, pins: list[Size]) -> Any:
    if isinstance(node, YamlSequence):
        return [_value(session, item, plan, view, pins) for item in node.items]
    if isinstance(node, Mapping):
        return {entry.key.text: _value(session, entry.value, plan, view, pins) for entry in node.entries}
    if not isinstance(node.value, str):
        return node.value
    if plan is ANY and node.quoted and node.text.isidentifier():
        return node.text
    if node.text in plan.words or (plan.any_word and not plan.other):
        return session.word(node, view)
    if not plan.other:
        return session.word(node, view) if "$" in node.text else node.text
    return session.computed(node, view, pins)


def _anchored(value: Any, reads: list[Value]) -> Any:
    """Run-time sizes with their sources replaced by positions in `reads`, which is extended as needed."""
    if isinstance(value, RuntimeSize):
        return RuntimeSize(value.dim, _anchor_code(value.code, reads))
    if isinstance(value, list | tuple):
        items: list[Any] = [_anchored(item, reads) for item in value]  # pyright: ignore[reportUnknownVariableType]
        return items if isinstance(value, list) else tuple(items)
    return value


def _anchor_code(code: RuntimeCode, reads: list[Value]) -> RuntimeCode:
    if isinstance(code, int):
        return code
    if isinstance(code, Axis):
        assert isinstance(code.source, Value)
        if code.source not in reads:
            reads.append(code.source)
        return Axis(reads.index(code.source), code.axis)
    operator, left, right = code
    return (operator, _anchor_code(left, reads), _anchor_code(right, reads))


def wrong_arguments(
    op: type[Op],
    error: ValidationError,
    values: dict[str, Any],
    spans: dict[str, Span],
    span: Span,
    mistaken: dict[str, SpecError],
) -> SpecError:
    """Every argument that is missing or of the wrong kind; those that are `mistaken` have no value."""
    found: dict[str, Diagnostic] = {}
    known = plans(op)
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        if name in found or name in mistaken:
            continue
        if detail["type"] == "missing":
            found[name] = Diagnostic(
                "missing-argument", f"`{op.name}` needs `{name}`", span, help=f"add `{name}`: {known[name].wanted}"
            )
        else:
            found[name] = _wrong(op, name, values.get(name), spans.get(name, span), known)
    before = [each for earlier in mistaken.values() for each in earlier.diagnostics]
    return SpecError([*before, *found.values()])


def _wrong(op: type[Op], name: str, value: object, span: Span, known: dict[str, Plan]) -> Diagnostic:
    plan = known.get(name)
    wanted = plan.wanted if plan is not None else "another value"
    help: str | None = None
    if isinstance(value, str) and plan is not None and plan.words:
        help = did_you_mean(value, plan.words)
    elif isinstance(value, float) and value.is_integer():
        help = f"write `{int(value)}`"
    elif isinstance(value, str) and value.lstrip("-").isdigit():
        help = f"write `{value.lstrip('-0') or 0}`, without quotes or leading zeros"
    shown = f'"{value}"' if isinstance(value, str) else show_value(value)
    return Diagnostic("wrong-type", f"`{name}` of `{op.name}` is {wanted}, got {shown}", span, help=help)


def check_inferred(op: type[Op], name: str, written: object, inferred: object, span: Span) -> None:
    """An inferred argument that is written anyway must agree."""
    if written != inferred:
        raise spec_error(
            "inferred-mismatch",
            f"`{name}` of `{op.name}` is {show_value(inferred)} here, got {show_value(written)}",
            span,
            help=f"leave out `{name}`: it follows from the input",
        )
