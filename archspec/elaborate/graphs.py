"""Graphs: the children of a mapping or list, inline graphs, blocks and sub-specs, reuse, absence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from archspec.diagnostics import Span, SpecError, did_you_mean, spec_error
from archspec.elaborate.arguments import Argument, check_keys
from archspec.elaborate.edges import Reading, explicit, resolve
from archspec.elaborate.environment import Env, View
from archspec.elaborate.files import Use, bind_block, block_params, resolve_op
from archspec.elaborate.module_names import check_module_name
from archspec.elaborate.names import FAILED, Bound, Names, Poisoned
from archspec.elaborate.opnode import add_custom, add_node
from archspec.elaborate.outputs import block_values, resolve_outputs
from archspec.elaborate.place import File, OpValue, Place
from archspec.elaborate.relocate import Prefix, Template, moved_bound, moved_node, moved_scope, rebased
from archspec.elaborate.session import MAX_DEPTH, Session
from archspec.elaborate.subspec import use_spec
from archspec.ir import Origin, Scope
from archspec.ops.base import Op
from archspec.spec import BlockSyntax, Spec
from archspec.syntax import Child, GraphSyntax, NodeSyntax, Statement
from archspec.values import TensorType, Value
from archspec.yaml_source import Scalar

_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """How a node was made, so that `reuse` can make it again."""

    syntax: NodeSyntax
    view: View
    file: File
    module: str
    start: int
    end: int


class Graphs:
    """Fills graphs, child by child. `definitions` remembers each node for `reuse`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.definitions: dict[str, Definition] = {}

    def fill(self, place: Place, body: Sequence[Statement[Child]]) -> None:
        """Elaborates a graph's body into `place`."""
        for child, view in self.session.expand(body, place.view):
            if place.numbered:
                self._numbered(place, child, view)
            else:
                self._named(place, child, view)

    # --- children ---

    def _named(self, place: Place, child: Child, view: View) -> None:
        session, span = self.session, child.span
        assert child.name is not None
        if child.node.repeat is not None:
            raise spec_error("bad-repeat", "`repeat` is for items of a list", child.node.repeat.span, help="use `for i in range(n):` with `name$i`")
        names = [session.name(replace_text(child.name, part), view) for part in child.parts] or [session.name(child.name, view)]
        for name in names:
            if not _NAME.fullmatch(name):
                raise spec_error("bad-name", f"`{name}` is no name for a node", span, help="use letters, digits, `_` and `-`")
        patched, syntax = self._patch(place, names[0], child.node)
        if syntax is None or (patched and names[0] in place.names.table):
            return
        bound = self._guarded(place, names[0], syntax, view, span)
        if child.parts:
            self._define_parts(place, names, bound, span)
        else:
            self._define(place, names[0], bound, span)
        self._label(place, syntax, bound, view)

    def _numbered(self, place: Place, child: Child, view: View) -> None:
        session = self.session
        count = 1
        if child.node.repeat is not None:
            count = self._repeats(child.node.repeat, view)
        for _ in range(count):
            name = str(place.counter)
            _, syntax = self._patch(place, name, child.node)
            if syntax is None:
                place.counter += 1  # a deleted item leaves a gap, so that the others keep their numbers
                continue
            bound = self._guarded(place, name, syntax, view, child.span)
            if not bound.absent:
                place.counter += 1
                self._define(place, name, bound, child.span)
            else:
                place.previous = bound
            self._label(place, syntax, bound, view)

    def _repeats(self, scalar: Scalar, view: View) -> int:
        count = self.session.pinned_scalar(scalar, view)
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise spec_error("bad-repeat", f"`repeat` is a number of times, got {count!r}", scalar.span, help="write 0 or more")
        return count

    def _guarded(self, place: Place, name: str, syntax: NodeSyntax, view: View, span: Span) -> Bound:
        """A child; one in error is noted and stands for nothing, so that the rest is still looked at."""
        start = len(self.session.nodes)
        path, module = place.join(name), place.join_module(name)
        try:
            bound = self.node(place, path, module, syntax, view, span)
            if len(self.session.nodes) > start:
                self.definitions[path] = Definition(syntax, view, place.file, module, start, len(self.session.nodes))
        except SpecError as error:
            self.session.errors.add(error)
            return FAILED
        except Poisoned:
            return FAILED
        return bound

    def _patch(self, place: Place, name: str, syntax: NodeSyntax) -> tuple[bool, NodeSyntax | None]:
        key = place.patches.key(place.join(name)) if place.patches.nodes else None
        if key is None:
            return False, syntax
        place.patches.used.add(key)
        return True, place.patches.nodes[key]

    def _define(self, place: Place, name: str, bound: Bound, span: Span) -> None:
        try:
            place.names.define(name, bound, span)
        except SpecError as error:
            self.session.errors.add(error)
        if bound.failed or not all(value.constant for value in bound.types) or not bound.values:
            place.previous = bound

    def _define_parts(self, place: Place, names: list[str], bound: Bound, span: Span) -> None:
        """`left, right: {op: chunk}`: each name is one part."""
        if not bound.failed and len(bound.values) != len(names):
            self.session.errors.add(
                spec_error(
                    "wrong-parts", f"{len(names)} names for {len(bound.values)} value{'s' if len(bound.values) != 1 else ''}", span,
                    help="name every part, or give the node one name and read its parts as `name.0`",
                )
            )  # fmt: skip
            bound = FAILED
        for position, name in enumerate(names):
            part = bound if bound.failed else replace(bound.select((position,), name), label=place.join(name))
            self._define(place, name, part, span)
        place.previous = bound

    def _label(self, place: Place, syntax: NodeSyntax, bound: Bound, view: View) -> None:
        if syntax.label is None:
            return
        try:
            place.names.define(self.session.name(syntax.label, view), bound, syntax.label.span)
        except SpecError as error:
            self.session.errors.add(error)

    # --- nodes ---

    def node(self, place: Place, path: str, module: str, syntax: NodeSyntax, view: View, at: Span) -> Bound:
        """What a child comes to: an op, an inline graph, a block, a sub-spec, a reuse, or its stand-in when removed.

        `at`: where its name is written.
        """
        use = resolve_op(self.session, place.file, syntax.op, view) if syntax.op is not None else None
        if syntax.when is not None and not self.session.condition(syntax.when, view):
            self._check_removed(place, use, syntax, view)
            return self._stand_in(place, syntax, view, path, use)
        if syntax.op is not None and use is None:
            return self._stand_in(place, syntax, view, path, None)  # `$norm` whose value is null
        given = self._inputs(place, syntax, view, use)
        origin = Origin(syntax.span, "", place.used_at)
        if syntax.reuse is not None:
            return self._reuse(place, path, syntax, syntax.reuse, view, at)
        if syntax.graph is not None:
            return self._inline(place, path, module, syntax.graph, given, view, origin, at)
        assert use is not None and syntax.op is not None
        own = [Argument(key, value, view) for key, value in syntax.arguments]
        written = {argument.key.text for argument in own}
        arguments = [*own, *(argument for argument in use.bound if argument.key.text not in written)]
        return self._use(place, path, module, use, arguments, given, syntax, view, origin, at)

    def _use(
        self, place: Place, path: str, module: str, use: Use, arguments: list[Argument], given: list[Reading],
        syntax: NodeSyntax, view: View, origin: Origin, at: Span,
    ) -> Bound:  # fmt: skip
        target = use.target
        if isinstance(target, type):
            if not _is_call(target):
                check_module_name(path, place.numbered, at)
            return add_node(self.session, place, target, arguments, given, path, module, syntax, view, origin)
        if isinstance(target, str):
            check_module_name(path, place.numbered, at)
            return add_custom(self.session, place, target, arguments, given, path, module, syntax, view, origin)
        if syntax.init is not None or syntax.tie is not None:
            key = "init" if syntax.init is not None else "tie"
            raise spec_error("unknown-key", f"`{key}` is for ops; this is a block", syntax.span, help=f"write `{key}` on the op inside the block")
        check_module_name(path, place.numbered, at)
        with self._deeper(syntax.span):
            if isinstance(target, Spec):
                return use_spec(self, place, path, module, target, arguments, given, syntax, view, origin)
            file, block = target
            return self._block(place, path, module, file, block, arguments, given, syntax, origin)

    def _inputs(self, place: Place, syntax: NodeSyntax, view: View, use: Use | None) -> list[Reading]:
        if syntax.reads is not None:
            return explicit(self.session, syntax.reads, view)
        if use is not None and isinstance(use.target, type) and not use.target.signature.required:
            return []  # parameters, buffers and ranges read nothing
        if place.previous.failed:
            raise Poisoned
        return [Reading(value, None) for value in place.previous.values]

    def _check_removed(self, place: Place, use: Use | None, syntax: NodeSyntax, view: View) -> None:
        """A removed node's keys are still checked; its arguments are not evaluated."""
        if use is None:
            return
        own = [Argument(key, value, view) for key, value in syntax.arguments]
        if isinstance(use.target, type):
            check_keys(use.target, own)
        elif isinstance(use.target, tuple):
            file, block = use.target
            params = block_params(file, block)
            for argument in own:
                if argument.key.text not in params:
                    raise spec_error(
                        "unknown-param", f"block `{block.name}` has no param `{argument.key.text}`", argument.key.span,
                        help=did_you_mean(argument.key.text, params),
                    )  # fmt: skip

    def _stand_in(self, place: Place, syntax: NodeSyntax, view: View, path: str, use: Use | None) -> Bound:
        """What a removed node's name stands for: `else`, or its only input."""
        if syntax.otherwise is not None:
            bound = resolve(self.session, syntax.otherwise, view)
            return replace(bound, absent=True)
        values = tuple(reading.value for reading in self._inputs(place, syntax, view, use))
        if len(values) != 1 and syntax.reads is not None:
            raise spec_error(
                "missing-else", f"a removed node with {len(values)} inputs needs a stand-in", syntax.span,
                help="name the one to use instead: `else: conv`",
            )  # fmt: skip
        return Bound(path, values, self.session.types_of(values), absent=True)

    # --- graphs within ---

    def _inline(
        self, place: Place, path: str, module: str, graph: GraphSyntax, given: list[Reading], view: View, origin: Origin,
        at: Span,
    ) -> Bound:  # fmt: skip
        check_module_name(path, place.numbered, at)
        values = tuple(reading.value for reading in given)
        inner_input = Bound("input", values, self.session.types_of(values))
        names = Names(view.nodes, inner_input)
        inside = Place(
            place.file, names, View(Env(view.env), names, mark=self.session.mark), path, module, graph.numbered, origin,
            place.patches, inner_input, used_at=place.used_at,
        )  # fmt: skip
        start = len(self.session.nodes)
        with self._deeper(graph.span):
            self.fill(inside, graph.body)
        if inside.previous.failed:
            raise Poisoned
        self.close(place, inside, start, values, inside.previous.values, None, {}, "")
        result = inside.previous
        return Bound(path, result.values, result.types, result.parts, lambda: names, path=path, absent=start == len(self.session.nodes))

    def close(
        self, place: Place, inside: Place, start: int, inputs: tuple[Value, ...], outputs: tuple[Value, ...],
        block: str | None, params: dict[str, Any], doc: str,
    ) -> Scope | None:  # fmt: skip
        """Makes the scope of a filled graph, unless nothing is in it."""
        if not inside.children:
            return None
        assert inside.origin is not None
        scope = Scope(
            inside.path, inside.module, inside.numbered, tuple(inside.children), start, len(self.session.nodes), inputs,
            outputs, inside.origin, block, params, doc,
        )  # fmt: skip
        place.children.append(scope)
        return scope

    def _block(
        self, place: Place, path: str, module: str, file: File, block: BlockSyntax, arguments: list[Argument],
        given: list[Reading], syntax: NodeSyntax, origin: Origin,
    ) -> Bound:  # fmt: skip
        session = self.session
        params = bind_block(session, file, block, arguments, place.file, syntax.span)
        values = tuple(reading.value for reading in given)
        types = session.types_of(values)
        used_at = Origin(syntax.span, f"{path}, {_article(block.name)}", place.used_at)
        key = None if place.patches.nodes else (block, file, _hashable(params), types, _pattern(values))
        template: Template | None = session.cache.get(key) if key is not None else None
        if template is not None:
            return self._copy(place, path, module, template, values, used_at)
        errors, start = len(session.errors.found), len(session.nodes)
        inputs, table = self.block_inputs(block.inputs, f"block `{block.name}`", values, types, syntax.span)
        names = Names(None, inputs, table)
        env = Env(file.env, dict(params))
        view = View(env, names, mark=session.mark)
        session.lets(block.lets, view)
        inside = Place(
            file, names, View(Env(env), names, mark=session.mark), path, module, block.graph.numbered, origin, place.patches,
            inputs, used_at=used_at, block=block,
        )  # fmt: skip
        self.fill(inside, block.graph.body)
        result, parts = self._block_result(inside, block)
        scope = self.close(place, inside, start, values, result, block.name, _shown(params), block.doc)
        bound = Bound(path, result, session.types_of(result), parts, lambda: names, True, path=path, absent=scope is None)
        if key is not None and len(session.errors.found) == errors:
            read = frozenset(i for i in range(start, len(session.nodes)) if i in session.read)
            session.cache[key] = Template(start, len(session.nodes), scope, bound, values, read, used_at)
        return bound

    def block_inputs(
        self, declared: tuple[str, ...] | str | None, owner: str, values: tuple[Value, ...],
        types: tuple[TensorType, ...], span: Span,
    ) -> tuple[Bound, dict[str, Bound]]:  # fmt: skip
        """`input` inside a block, and the names its inputs are declared under."""
        everything = Bound("input", values, types)
        if isinstance(declared, str):
            return everything, {declared: replace(everything, label=declared)}
        wanted = len(declared) if declared is not None else 1
        if len(values) != wanted:
            raise spec_error(
                "wrong-inputs", f"{owner} takes {wanted} input{'s' if wanted != 1 else ''}, got {len(values)}", span,
                help=f"name them: `from: [{', '.join(declared)}]`" if declared else "name one with `from`, or declare them in the block: `inputs: [x, skip]`",
            )  # fmt: skip
        return everything, {
            name: Bound(name, (value,), (kind,)) for name, value, kind in zip(declared or (), values, types, strict=False)
        }

    def _block_result(self, inside: Place, block: BlockSyntax) -> tuple[tuple[Value, ...], dict[str, tuple[int, ...]]]:
        if block.outputs is None:
            if inside.previous.failed:
                raise Poisoned
            return inside.previous.values, dict(inside.previous.parts)
        entries = resolve_outputs(self.session, block.outputs, inside.view)
        if inside.names.incomplete:
            raise Poisoned
        limited = next((entry for entry in entries if entry.mode != "always"), None)
        if limited is not None:
            raise spec_error(
                "bad-outputs", "`only` is for the outputs of a whole network, not of a block", limited.syntax.span,
                help="name the block's output in the spec's own `outputs` and put `only` there",
            )  # fmt: skip
        return block_values(entries, block.outputs.kind)

    def _copy(self, place: Place, path: str, module: str, template: Template, values: tuple[Value, ...], used_at: Origin) -> Bound:
        """Another use of a block with equal params and input types."""
        session = self.session
        delta = len(session.nodes) - template.start
        outside = dict(zip(template.inputs, values, strict=True))

        def shift(position: int) -> int:
            return position + delta

        def move(value: Value) -> Value:
            if template.start <= value.node < template.end:
                return Value(value.node + delta, value.part)
            return outside.get(value, value)

        old = template.bound.path or ""
        prefix = Prefix(old, path)
        base = template.scope.module if template.scope is not None else old
        origin = rebased(template.origin, used_at)
        modules = Prefix(base, module)
        for position in range(template.start, template.end):
            node = moved_node(session.nodes[position], move, prefix, modules, origin)
            session.insert(node)
        session.read.update(position + delta for position in template.read)
        if template.scope is not None:
            scope = moved_scope(template.scope, shift, move, prefix, modules, origin)
            assert scope is not None
            place.children.append(replace(scope, origin=Origin(used_at.span, "", place.used_at)))
        bound = moved_bound(template.bound, move, prefix)
        assert bound is not None
        return bound

    # --- reuse ---

    def _reuse(
        self, place: Place, path: str, syntax: NodeSyntax, name: Scalar, view: View, at: Span
    ) -> Bound:
        session = self.session
        original = resolve(session, name, view)
        definition = self.definitions.get(original.path or "")
        if definition is None or original.absent:
            raise spec_error("bad-reuse", f"`{name.text}` has no module to call again", name.span, help="reuse a node, a block or a graph")
        again = replace(definition.syntax, reads=syntax.reads, when=None, otherwise=None, label=None, repeat=None)
        stand = replace(place, file=definition.file)
        start = len(session.nodes)
        bound = self.node(stand, path, definition.module, again, _with_nodes(definition.view, view), at)
        place.previous = stand.previous
        first, second = session.nodes[definition.start : definition.end], session.nodes[start:]
        if not _same_structure(first, second):
            raise spec_error(
                "bad-reuse", f"`{name.text}` would be another module with this input", syntax.span,
                help="reuse needs inputs that give equal parameters; use the block again instead",
            )  # fmt: skip
        return bound

    @contextmanager
    def _deeper(self, span: Span) -> Iterator[None]:
        self.session.depth += 1
        try:
            if self.session.depth > MAX_DEPTH:
                raise spec_error(
                    "too-deep", f"blocks are nested more than {MAX_DEPTH} deep", span,
                    help="a block that uses itself needs a `when` or `if` that ends it",
                )  # fmt: skip
            yield
        finally:
            self.session.depth -= 1


def _with_nodes(definition: View, place: View) -> View:
    """The variables a node was defined with, and the nodes that can be named where it is used again."""
    return View(definition.env, place.nodes, mark=place.mark)


def _same_structure(first: Sequence[Any], second: Sequence[Any]) -> bool:
    if len(first) != len(second):
        return False
    return all(
        type(a.op) is type(b.op) and a.module == b.module and (a.op == b.op or (_is_call(type(a.op)) and not a.op.state()))
        for a, b in zip(first, second, strict=True)
    )


def _is_call(op: type[Op]) -> bool:
    """Whether a use of the op leaves no submodule behind: functions have lower-case names."""
    return op.name[:1].islower()


def _pattern(values: tuple[Value, ...]) -> tuple[int, ...]:
    """Which inputs are the same value."""
    return tuple(values.index(value) for value in values)


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((key, _hashable(item)) for key, item in value.items())  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return tuple(_hashable(item) for item in value)  # pyright: ignore[reportUnknownVariableType]
    return (type(value), value)


def _shown(params: dict[str, Any]) -> dict[str, Any]:
    """Params as the graph keeps them: ops by their name."""
    return {name: value.label if isinstance(value, OpValue) else value for name, value in params.items()}


def _article(name: str) -> str:
    return f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"


def replace_text(scalar: Scalar, text: str) -> Scalar:
    """The same place with other text: one name of a comma key."""
    return Scalar(text, text, scalar.quoted, scalar.span)


__all__ = ["Graphs"]
