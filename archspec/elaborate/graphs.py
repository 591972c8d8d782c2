"""Graphs: the children of a mapping or list, inline graphs, blocks and sub-specs, reuse, absence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

from archspec.diagnostics import Span, SpecError, spec_error
from archspec.elaborate.arguments import Argument, check_keys
from archspec.elaborate.blocks import close, use_block
from archspec.elaborate.edges import Reading, explicit, resolve
from archspec.elaborate.environment import Env, View
from archspec.elaborate.files import SPEC_KEYS, Use, block_params, declared, known_param, resolve_op
from archspec.elaborate.lines import line_of
from archspec.elaborate.module_names import check_module_name
from archspec.elaborate.names import FAILED, Bound, Names, Poisoned
from archspec.elaborate.opnode import add_custom, add_node
from archspec.elaborate.place import Place, Site
from archspec.elaborate.reuse import Definition, is_call, same_structure
from archspec.elaborate.session import CHILD_COST, LOOP_COST, MAX_DEPTH, RECURSION_COST, Session
from archspec.elaborate.subspec import use_spec
from archspec.expr import show_value
from archspec.frozen import FrozenDict
from archspec.limits import more
from archspec.spec import BlockSyntax, Patch, Spec
from archspec.syntax import Child, GraphSyntax, NodeSyntax, Statement
from archspec.yaml_source import Scalar

_is_name = lru_cache(maxsize=1 << 10)(re.compile(r"[A-Za-z0-9_-]+").fullmatch)


class Graphs:
    """Fills graphs, child by child. `definitions` remembers each node for `reuse`, `originals` what a reuse calls."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.definitions: dict[str, Definition] = {}
        self.originals: dict[str, Definition] = {}

    def fill(self, place: Place, body: Sequence[Statement[Child]]) -> None:
        """Elaborates a graph's body into `place`."""
        place.names.later = lambda: (child.name.text for child in body if isinstance(child, Child) and child.name)
        for child, view in self.session.expand(body, place.view):
            try:
                if place.numbered:
                    self._numbered(place, child, view)
                else:
                    self._named(place, child, view)
            except SpecError as error:
                self.session.note(error)
                self.session.spoil(view)
            except Poisoned:
                self.session.spoil(view)

    # --- children ---

    def _named(self, place: Place, child: Child, view: View) -> None:
        session, span = self.session, child.span
        assert child.name is not None
        if child.node.repeat is not None:
            raise spec_error(
                "bad-repeat",
                "`repeat` is for items of a list",
                child.node.repeat.span,
                help="use `for i in range(n):` with `name$i`",
            )
        parts: tuple[str, ...] = ()
        if child.parts:
            parts = tuple([_checked(session.name(replace_text(child.name, part), view), span) for part in child.parts])
        name = parts[0] if parts else _checked(session.name(child.name, view), span)
        patch = self._patch(place, name)
        syntax = child.node if patch is None else patch.node
        if syntax is None or (patch is not None and name in place.names.table):
            return
        bound = self._guarded(place, name, syntax, view, span, parts)
        if parts:
            self._define_parts(place, parts, bound, span)
        else:
            self._define(place, name, bound, span)
        if syntax.label is not None:
            self._label(place, syntax.label, bound, view)

    def _numbered(self, place: Place, child: Child, view: View) -> None:
        count = 1
        if child.node.repeat is not None:
            count = self._repeats(child.node.repeat, view)
        for _ in range(count):
            name = str(place.counter)
            patched = place.join(name) in place.patches and not self._is_removed(place, child.node, view)
            patch = self._patch(place, name) if patched else None
            syntax = child.node if patch is None else patch.node
            if syntax is None:
                place.counter += 1  # a deleted item leaves a gap, so that the others keep their numbers
                continue
            bound = self._guarded(place, name, syntax, view, child.span)
            place.counter += patched or not bound.absent
            if not bound.absent:
                self._define(place, name, bound, child.span)
            else:
                self._follow(place, bound)
            if syntax.label is not None:
                self._label(place, syntax.label, bound, view)

    def _is_removed(self, place: Place, syntax: NodeSyntax, view: View) -> bool:
        """Whether an item will not be there: its number, and what is said of that path, are the next item's."""
        with suppress(SpecError, Poisoned):  # reported where the node is made
            if syntax.when is not None and not self.session.condition(syntax.when, view):
                return True
            return syntax.op is not None and resolve_op(self.session, place.file, syntax.op, view) is None
        return False

    def _repeats(self, scalar: Scalar, view: View) -> int:
        count = self.session.pinned_scalar(scalar, view)
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise spec_error(
                "bad-repeat",
                f"`repeat` is a number of times, got {show_value(count)}",
                scalar.span,
                help="write 0 or more",
            )
        limit = self.session.limits.nodes
        if count > limit:
            message = f"`repeat: {count}` is more than {limit:,}"
            raise spec_error("limit", message, scalar.span, help=f"use fewer repeats, or {more('nodes')}")
        self.session.spend(LOOP_COST * count, scalar.span)
        return count

    def _guarded(
        self, place: Place, name: str, syntax: NodeSyntax, view: View, span: Span, parts: tuple[str, ...] = ()
    ) -> Bound:
        """A child; one in error is noted and stands for nothing, so that the rest is still looked at."""
        self.session.spend(CHILD_COST, span)
        start = len(self.session.nodes)
        path = place.join(name)
        module = path if place.module == place.path else place.join_module(name)
        site = Site(place, path, module, syntax, view, span, parts)
        try:
            bound = self.node(site)
        except SpecError as error:
            self.session.note(error)
            return FAILED
        except Poisoned:
            return FAILED
        if len(self.session.nodes) > start:
            self.definitions[path] = Definition(site, start, len(self.session.nodes))
        return bound

    def _patch(self, place: Place, name: str) -> Patch | None:
        """What stands in place of a node, or deletes it."""
        patch = place.patches.find(place.join(name)) if place.patches else None
        if patch is not None and patch.node is None:
            place.names.deleted[name] = patch.span
        return patch

    def _define(self, place: Place, name: str, bound: Bound, span: Span) -> None:
        try:
            place.names.define(name, bound, span)
        except SpecError as error:
            self.session.note(error)
        self._follow(place, bound)

    def _follow(self, place: Place, bound: Bound) -> None:
        """Makes it the node that the next one reads, unless it is a parameter, buffer or range, or was removed."""
        nodes = self.session.nodes
        for at, _ in bound.values:
            if at < 0 or nodes[at].op.category != "constant":
                place.previous = bound
                return
        if bound.failed:
            place.previous = bound

    def _define_parts(self, place: Place, names: Sequence[str], bound: Bound, span: Span) -> None:
        """`left, right: {op: chunk}`: each name is one part."""
        if not bound.failed and len(bound.values) != len(names):
            self.session.errors.add(
                spec_error(
                    "wrong-parts",
                    f"{len(names)} names for {len(bound.values)} value{'s' if len(bound.values) != 1 else ''}",
                    span,
                    help="name every part, or give the node one name and read its parts as `name.0`",
                )
            )
            bound = FAILED
        for position, name in enumerate(names):
            part = bound if bound.failed else replace(bound.select((position,), name), label=place.join(name))
            self._define(place, name, part, span)
        place.previous = bound

    def _label(self, place: Place, written: Scalar, bound: Bound, view: View) -> None:
        try:
            label = self.session.name(written, view)
            if not _is_name(label) or label.isdigit() or label == "input":
                raise spec_error(
                    "bad-name", f"`{label}` is no label", written.span, help="use letters, digits, `_` and `-`"
                )
            place.names.define(label, bound, written.span)
        except SpecError as error:
            self.session.note(error)

    # --- nodes ---

    def node(self, site: Site, given: list[Reading] | None = None) -> Bound:
        """What a child comes to: an op, an inline graph, a block, a sub-spec, a reuse, or its stand-in when removed.

        `given`: its inputs, where they are known already.
        """
        session, place, syntax, view = self.session, site.place, site.syntax, site.view
        use = resolve_op(session, place.file, syntax.op, view) if syntax.op is not None else None
        if syntax.otherwise is not None:
            resolve(session, syntax.otherwise, view)  # a wrong name is wrong whether or not it is needed
        if syntax.when is not None and not session.condition(syntax.when, view):
            _check_unevaluated(use, syntax)
            return self._stand_in(site, use)
        if syntax.op is not None and use is None:
            return self._stand_in(site, None)  # `$norm` whose value is null
        if syntax.reuse is not None:
            return self._reuse(site, syntax.reuse)
        if given is None:
            try:
                given = self._inputs(site, use)
            except Poisoned:  # what can be said without its inputs
                _check_unevaluated(use, syntax)
                raise
        if syntax.graph is not None:
            return self._inline(site, syntax.graph, given)
        assert use is not None
        return self._use(site, use, given)

    def _use(self, site: Site, use: Use, given: list[Reading]) -> Bound:
        target, syntax, file = use.target, site.syntax, site.place.file
        if not (isinstance(target, type) and is_call(target)):
            check_module_name(site.path, site.place.numbered, site.name_span)
        if isinstance(target, type):
            return add_node(self.session, site, line_of(file, syntax, target, use.bound), given)
        arguments = [Argument(key, value, site.view, file) for key, value in syntax.arguments]
        if use.bound:
            written = {argument.key.text for argument in arguments}
            arguments += [argument for argument in use.bound if argument.key.text not in written]
        if isinstance(target, str):
            return add_custom(self.session, site, target, arguments, given)
        for key, value in (("init", syntax.init), ("tie", syntax.tie)):
            if value is not None:
                raise spec_error(
                    "unknown-key",
                    f"`{key}` is for ops; this is a block",
                    value.span,
                    help=f"write `{key}` on the op inside",
                )
        self._enter(target if isinstance(target, Spec) else target[1], syntax.span)
        try:
            if isinstance(target, Spec):
                return use_spec(self, site, target, arguments, given)
            return use_block(self, site, *target, arguments, given)
        finally:
            self.session.inside.pop()

    def _inputs(self, site: Site, use: Use | None) -> list[Reading]:
        if site.syntax.reads is not None:
            return explicit(self.session, site.syntax.reads, site.view)
        if use is not None and isinstance(use.target, type) and not use.target.signature.required:
            return []  # parameters, buffers and ranges read nothing
        if site.place.previous.failed:
            raise Poisoned
        return [Reading(value, None) for value in site.place.previous.values]

    def _stand_in(self, site: Site, use: Use | None) -> Bound:
        """What a removed node's name stands for: `else`, or its only input."""
        syntax = site.syntax
        if syntax.otherwise is not None:
            return replace(resolve(self.session, syntax.otherwise, site.view), absent=True)
        values = tuple(reading.value for reading in self._inputs(site, use))
        if len(values) != 1 and syntax.reads is not None:
            raise spec_error(
                "missing-else",
                f"a removed node with {len(values)} inputs needs a stand-in",
                syntax.span,
                help="name the one to use instead: `else: conv`",
            )
        return Bound(site.path, values, self.session.types_of(values), absent=True)

    def _inline(self, site: Site, graph: GraphSyntax, given: list[Reading]) -> Bound:
        session, place = self.session, site.place
        check_module_name(site.path, place.numbered, site.name_span)
        values = tuple(reading.value for reading in given)
        inner_input = Bound("input", values, session.types_of(values))
        names = Names(site.view.nodes, inner_input)
        session.inner.append(names)
        inside = Place(
            place.file,
            names,
            View(Env(site.view.env), names, mark=session.mark),
            site.path,
            site.module,
            graph.numbered,
            place.patches,
            inner_input,
            used_at=place.used_at,
        )
        start = len(session.nodes)
        self._enter(graph, graph.span)
        try:
            self.fill(inside, graph.body)
        finally:
            session.inside.pop()
        result = inside.previous
        if result.failed:
            raise Poisoned
        scope = close(session, site, inside, start, values, result.values, None, FrozenDict())
        return Bound(
            site.path, result.values, result.types, result.parts, lambda: names, path=site.path, dropped=scope is None
        )

    def _reuse(self, site: Site, name: Scalar) -> Bound:
        """Calls the module of another node again, with this node's inputs."""
        session = self.session
        original = resolve(session, name, site.view)
        definition = self.definitions.get(original.path or "")
        if definition is not None and definition.site.place.used_at is not site.place.used_at:
            raise spec_error(
                "bad-reuse",
                f"`{name.text}` stands inside a block or network of its own",
                name.span,
                help="reuse the block as a whole, or a node of this graph",
            )
        if definition is not None:
            definition = self.originals.get(definition.site.path, definition)
        if definition is None or original.absent or original.dropped:
            raise spec_error(
                "bad-reuse",
                f"`{name.text}` has no module to call again",
                name.span,
                help="reuse a node, a block or a graph",
            )
        first = definition.site
        again = replace(first.syntax, reads=None, when=None, otherwise=None, label=None, repeat=None)
        place = replace(site.place, file=first.place.file)
        start = len(session.nodes)
        self.originals[site.path] = definition
        given = self._inputs(site, None)
        try:
            bound = self.node(Site(place, site.path, first.module, again, first.view, site.name_span), given)
        except SpecError as error:
            note = f"called again as `{site.path}` at {site.syntax.span}"
            raise SpecError([each.with_notes([note]) for each in error.diagnostics]) from None
        if not same_structure(session.nodes[definition.start : definition.end], session.nodes[start:]):
            raise spec_error(
                "bad-reuse",
                f"`{name.text}` would be another module with this input",
                site.syntax.span,
                help="reuse needs an input that gives equal parameters; else write the layer again",
            )
        return bound

    def _enter(self, graph: Spec | BlockSyntax | GraphSyntax, span: Span) -> None:
        inside = self.session.inside
        if len(inside) == MAX_DEPTH:
            raise spec_error(
                "too-deep",
                f"blocks are nested more than {MAX_DEPTH} deep",
                span,
                help="a block that uses itself needs a `when` or `if` that ends it",
            )
        if isinstance(graph, BlockSyntax) and graph in inside:
            self.session.spend(RECURSION_COST, span)
        inside.append(graph)


def _check_unevaluated(use: Use | None, syntax: NodeSyntax) -> None:
    """The keys of a node that is removed, or reads one in error, are checked; its arguments are not evaluated."""
    keys = [key for key, _ in syntax.arguments]
    if use is not None and isinstance(use.target, type):
        check_keys(use.target, keys)
    elif use is not None and isinstance(use.target, tuple):
        owner, block = use.target
        params = block_params(owner, block)
        for key in keys:
            known_param(params, key, f"block `{block.name}`")
    elif use is not None and isinstance(use.target, Spec):
        for key in keys:
            if key.text not in SPEC_KEYS:
                known_param(declared(use.target), key, f"`{use.target.name}`")


def _checked(name: str, span: Span) -> str:
    """A name that a node can have. Raises SpecError."""
    if not _is_name(name):
        raise spec_error("bad-name", f"`{name}` is no name for a node", span, help="use letters, digits, `_` and `-`")
    return name


def replace_text(scalar: Scalar, text: str) -> Scalar:
    """The same place with other text: one name of a comma key."""
    return Scalar(text, text, scalar.quoted, scalar.span)
