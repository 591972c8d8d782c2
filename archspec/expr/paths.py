"""Names, members and indices, compiled: whatever may lead to a node."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from archspec.diagnostics import did_you_mean
from archspec.expr.compiler import Compiler, Eval, Part
from archspec.expr.context import Frame
from archspec.expr.errors import Fault, kind, show_value
from archspec.expr.functions import FUNCTIONS
from archspec.expr.nodes import NodeView, member, part, view
from archspec.expr.operators import cut, item, pinned, whole
from archspec.values import RuntimeSize

CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


def name(compiler: Compiler, node: ast.Name) -> Eval:
    """A bare name: a value, never a node."""
    written = node.id
    if written in CONSTANTS:
        constant = CONSTANTS[written]
        return lambda frame: constant
    if written in compiler.scope:
        return lambda frame: frame.local[written]
    if written in compiler.names:
        return read(compiler, node)
    span = compiler.span(node)

    def run(frame: Frame) -> object:
        try:
            return frame.names.variable(written)
        except KeyError:
            fault = _unknown(written, frame) if frame.names.node(written) is None else _node_as_value(written)
            raise fault.at(span) from None

    return run


def read(compiler: Compiler, node: ast.Name | ast.Attribute | ast.Subscript) -> Eval:
    """A path that must end at a value."""
    path, span = reference(compiler, node), compiler.span(node)

    def run(frame: Frame) -> object:
        found = path(frame)
        if isinstance(found, NodeView):
            raise _node_as_value(found.label).at(span)
        return found

    return run


def reference(compiler: Compiler, node: ast.expr, dotted: bool = False) -> Eval:
    """A path that may end at a node, which then comes as a `NodeView`.

    A bare name is a variable first; with `dotted`, where a member of it is read, a node first.
    """
    match node:
        case ast.Name() if node.id not in CONSTANTS:
            return _named(compiler, node, dotted)
        case ast.Attribute():
            return _member(compiler, node)
        case ast.Subscript(slice=ast.Slice() as bounds):
            return _slice(compiler, node, bounds)
        case ast.Subscript():
            return _subscript(compiler, node, dotted)
        case _:
            return compiler.value(node)


def joined(parts: list[Part]) -> Callable[[Frame], str]:
    """The text that the parts of a word come to."""
    if all(isinstance(part, str) for part in parts):
        text = "".join(part for part in parts if isinstance(part, str))
        return lambda frame: text
    return lambda frame: "".join([part if isinstance(part, str) else _word(part, frame) for part in parts])


def _word(part: Part, frame: Frame) -> str:
    if isinstance(part, str):
        return part
    evaluate, span = part
    value = evaluate(frame)
    try:
        value = pinned(value, frame)
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            return str(value)
        raise Fault("type-error", f"a word takes text or a whole number, got {show_value(value)}")
    except Fault as fault:
        raise fault.at(span) from None


def _spelled(compiler: Compiler, written: str) -> Callable[[Frame], str]:
    """The name that an identifier stands for: itself, or what its pieces come to."""
    return joined(compiler.parts(compiler.names[written]) if written in compiler.names else [written])


def _named(compiler: Compiler, node: ast.Name, dotted: bool) -> Eval:
    spelled, span, scope = _spelled(compiler, node.id), compiler.span(node), compiler.scope
    computed = node.id in compiler.names

    def run(frame: Frame) -> object:
        written = spelled(frame)
        if dotted and (found := frame.names.node(written)):
            return view(found)
        if written in scope:
            return frame.local[written]
        try:
            return frame.names.variable(written)
        except KeyError:
            found = None if dotted else frame.names.node(written)
            if found is None:
                raise _unknown(written, frame, computed).at(span) from None
            return view(found)

    return run


def _member(compiler: Compiler, node: ast.Attribute) -> Eval:
    with compiler.deeper(node):
        base = reference(compiler, node.value, dotted=True)
    spelled, span = _spelled(compiler, node.attr), compiler.span(node)
    owner = node.value.id if isinstance(node.value, ast.Name) and node.value.id not in compiler.names else None

    def run(frame: Frame) -> object:
        found, attribute = base(frame), spelled(frame)
        try:
            if isinstance(found, NodeView):
                return member(found, attribute)
            raise _no_member(found, attribute, owner)
        except Fault as fault:
            raise fault.at(span) from None

    return run


def _subscript(compiler: Compiler, node: ast.Subscript, dotted: bool) -> Eval:
    if isinstance(node.slice, ast.Tuple):
        raise compiler.error(node.slice, "one index at a time", "write `rows[i][j]`")
    with compiler.deeper(node):
        base, index = reference(compiler, node.value, dotted), compiler.value(node.slice)
    span, base_span, index_span = compiler.span(node), compiler.span(node.value), compiler.span(node.slice)

    def run(frame: Frame) -> object:
        found, position = base(frame), index(frame)
        try:
            if isinstance(found, NodeView):
                return part(found, whole(position, frame, "an index"))
            return item(found, position, frame)
        except Fault as fault:
            raise fault.at(span, ((found, base_span), (position, index_span))) from None

    return run


def _slice(compiler: Compiler, node: ast.Subscript, written: ast.Slice) -> Eval:
    with compiler.deeper(node):
        base = compiler.value(node.value)
        bounds = [compiler.value(b) if b else _absent for b in (written.lower, written.upper, written.step)]
    span = compiler.span(node)
    spans = [compiler.span(b or node) for b in (node.value, written.lower, written.upper, written.step)]
    start, stop, step = bounds

    def run(frame: Frame) -> object:
        values = base(frame), start(frame), stop(frame), step(frame)
        try:
            return cut(*values, frame)
        except Fault as fault:
            raise fault.at(span, zip(values, spans, strict=True)) from None

    return run


def _absent(frame: Frame) -> object:
    return None


_SWITCHES = {"yes": "write `true`", "on": "write `true`", "no": "write `false`", "off": "write `false`"}
"""What other YAML readers take for a boolean."""


def _unknown(written: str, frame: Frame, computed: bool = False) -> Fault:
    if written in FUNCTIONS:
        return Fault("unknown-name", f"`{written}` is a function", f"call it: `{FUNCTIONS[written].usage}`")
    known = list(frame.names.known())
    if computed and not written.isidentifier():
        return Fault("unknown-name", f"no node is named `{written}`", "write a value without `$`, as `i`")
    if len(written) == 1 and written.isupper() and written.lower() not in known:
        return Fault("unknown-name", f"unknown name `{written}`", "read a size off its node: `input.shape[0]`, say")
    help = _SWITCHES.get(written.lower()) or did_you_mean(written, known)
    return Fault("unknown-name", f"unknown name `{written}`", help)


def _node_as_value(label: str) -> Fault:
    help = f"read a size of it, as in `{label}.channels`; name tensors under `from:`"
    return Fault("node-as-value", f"`{label}` is a node, not a value", help)


def _no_member(found: object, attribute: str, owner: str | None) -> Fault:
    subject = f"`{owner}`" if owner else show_value(found)
    if isinstance(found, Mapping):
        return Fault("type-error", f"{subject} is a record, not a node", f"write `{owner or 'row'}['{attribute}']`")
    if isinstance(found, RuntimeSize):
        return Fault("type-error", f"{subject} is a size: it has no `{attribute}`")
    return Fault("type-error", f"{subject} is {kind(found)}, not a node: it has no `{attribute}`")
