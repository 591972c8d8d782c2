"""The module tree of a graph: which scopes become classes, what each owns, and the steps of its `forward`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from archspec.diagnostics import InternalError
from archspec.emit.boundaries import Boundaries, boundaries, dissolved
from archspec.emit.expression import Child, Expr, Group, Local, Named, Text, call, tuple_of
from archspec.emit.literals import attribute, is_plain, member, quoted
from archspec.emit.targets import ENTRY, constructor, is_module_like, module_like, tensor, use
from archspec.ir import Graph, Mode, Node, Scope
from archspec.objects import record
from archspec.ops.target import Index, Module, Operator, StateTensor, Target
from archspec.values import Value

Results = Value | tuple["Results", ...]
"""What a step assigns, nested as torch returns it."""


def flatten(results: Results) -> Iterator[Value]:
    """The values that a step makes, in order."""
    if isinstance(results, Value):
        yield results
    else:
        for part in results:
            yield from flatten(part)


Kind = Literal["module", "sequence", "chain"]
"""A module with its own `forward`; the same as an `nn.Sequential`; an `nn.Sequential` that needs no `forward`."""


@record
class Member:
    """Something a module owns: a submodule, or a tensor (`register`: the method that registers it by name)."""

    name: str
    expr: Expr
    register: Literal["add_module", "register_parameter", "register_buffer"] = "add_module"
    persistent: bool = True


@record
class Step:
    """A line of `forward`. `calls_scope`: it calls the module of a scope, whose main result is the first."""

    name: str
    expr: Expr
    reads: tuple[Value, ...]
    results: Results
    mode: Mode
    calls_scope: bool


@record
class Unit:
    """A module with a class of its own; `path` is where it lives.

    `owned`: tensors that are attributes, by value. `is_indexed`: its children are `self[0]`, `self[1]`...; numbered
    children with gaps between (functions take numbers, too) are reached by name.
    """

    path: str
    scope: Scope
    kind: Kind
    members: tuple[Member, ...]
    steps: tuple[Step, ...]
    received: tuple[Value, ...]
    returned: tuple[Value, ...]
    owned: dict[Value, str]
    is_indexed: bool


@record
class _Part:
    """A child of a scope, node or scope alike."""

    name: str
    module: str
    inputs: tuple[Value, ...]
    results: Results | None
    mode: Mode
    node: Node | None
    scope: Scope | None


def units(graph: Graph, targets: Sequence[Target]) -> list[Unit]:
    """Every module that needs a class, children before parents; the root is the last."""
    return list(_Builder(graph, targets).units())


class _Builder:
    def __init__(self, graph: Graph, targets: Sequence[Target]) -> None:
        self.graph, self.targets = graph, targets
        self.dissolved = dissolved(graph, targets)
        self.edges: Boundaries = boundaries(graph, targets, self.dissolved)
        self.modes: dict[str, Mode] = {}
        for scope in graph.root.walk():
            found: set[Mode] = {graph.modes[i] for i in range(scope.start, scope.end)}
            self.modes[scope.path] = found.pop() if len(found) == 1 else "always"
        self.representative: dict[str, Scope] = self._representatives()
        self.parts: dict[str, tuple[_Part, ...]] = {}  # what each scope owns
        self.chains = {path: self._is_chain(scope) for path, scope in self.representative.items()}

    def _representatives(self) -> dict[str, Scope]:
        """For each module the use to describe it by: the one that tells most of its inputs apart."""
        uses: dict[str, list[Scope]] = defaultdict(list)
        for scope in self.graph.root.walk():
            uses[scope.module].append(scope)
        return {
            path: max(found, key=lambda scope: len(set(self.edges.received[scope.path])))
            for path, found in uses.items()
        }

    def units(self) -> Iterator[Unit]:
        """Children before parents, each module once."""
        for scope in _postorder(self.graph.root):
            if (
                not scope.is_reuse
                and scope.start < scope.end
                and not self._is_inline(self.representative[scope.module])
            ):
                yield self._unit(self.representative[scope.module])

    def _is_inline(self, scope: Scope) -> bool:
        """Written in place as `nn.Sequential(...)`: a plain list that has no name of its own."""
        return scope.block is None and scope.module != "" and self.chains[scope.module]

    def _is_sequential(self, scope: Scope) -> bool:
        """Needs no `forward` of its own."""
        return self.chains[scope.module] and (scope.numbered or self._is_inline(scope))

    def _parts(self, scope: Scope) -> tuple[_Part, ...]:
        """The children: what the module of a scope owns."""
        found = self.parts.get(scope.path)
        if found is None:
            found = self.parts[scope.path] = tuple(self._in_mode(scope, scope.children))
        return found

    def _called(self, scope: Scope) -> Iterable[_Part]:
        """What `forward` of a scope calls: its children, and those of dissolved ones."""

        def opened(children: tuple[Scope | int, ...]) -> Iterator[Scope | int]:
            for child in children:
                if isinstance(child, Scope) and child.path in self.dissolved:
                    yield from opened(child.children)
                else:
                    yield child

        if scope.path in self.dissolved:
            return ()
        children = tuple(opened(scope.children))
        return self._parts(scope) if children == scope.children else self._in_mode(scope, children)

    def _in_mode(self, scope: Scope, children: tuple[Scope | int, ...]) -> Iterator[_Part]:
        own_mode = self.modes[scope.path]
        for child in children:
            if isinstance(child, Scope):
                mode = self.modes[child.path]
                yield self._scope_part(child, "always" if mode == own_mode else mode)
            else:
                mode = self.graph.modes[child]
                yield self._node_part(child, "always" if mode == own_mode else mode)

    def _scope_part(self, child: Scope, mode: Mode) -> _Part:
        received, returned = self.edges.received[child.path], self.edges.returned[child.path]
        results = None if not returned else returned[0] if len(returned) == 1 else returned
        return _Part(_last(child.path), child.module, received, results, mode, None, child)

    def _node_part(self, position: int, mode: Mode) -> _Part:
        node, target = self.graph.nodes[position], self.targets[position]
        results = None if isinstance(target, StateTensor) else results_of(self.graph, position, target)
        return _Part(_last(node.path), node.module, (*node.inputs, *node.reads), results, mode, node, None)

    def _is_chain(self, scope: Scope) -> bool:
        """Whether each child reads exactly the one before it and the last one is all that is read from outside."""
        if any(child.path in self.dissolved for child in (scope, *scope.scopes())):
            return False
        received, returned = self.edges.received[scope.path], self.edges.returned[scope.path]
        if len(received) != 1 or len(returned) != 1:
            return False
        at = received[0]
        for part in self._parts(scope):
            if part.scope is not None and part.scope.start == part.scope.end:
                continue
            if part.inputs != (at,) or part.mode != "always" or not isinstance(part.results, Value):
                return False
            if part.module != _join(scope.module, part.name):
                return False
            if part.node is not None and not is_module_like(self._target(part.node)):
                return False
            at = part.results
        return at == returned[0]

    def _construct(self, part: _Part, scope: Scope, top: Scope) -> Expr | None:
        """How the module of a child is made; None when it has none. `top` is the scope whose class it is written in."""
        if part.module != _join(scope.module, part.name):
            return None
        is_entry = part.inputs[:1] == self.edges.received[top.path][:1]
        if part.node is not None:
            target = self._target(part.node)
            entry = ENTRY[self.graph.type_of(part.inputs[0]).rank < 4] if is_entry and part.inputs else None
            if isinstance(target, Module):
                return constructor(part.node.op, target, _hint(part.node.path, top), entry)
            return module_like(target) if self._is_sequential(scope) else None
        assert part.scope is not None
        if part.scope.start == part.scope.end:
            return call("nn.Sequential") if scope.numbered else None
        if not self._is_inline(part.scope):
            return Child(part.module, _hint(part.scope.path, top), is_entry)
        return self._sequential("nn.Sequential", part.scope, top)

    def _sequential(self, function: str, scope: Scope, top: Scope) -> Expr:
        """`nn.Sequential(...)` over all children."""
        found = [(part.name, self._construct(part, scope, top)) for part in self._parts(scope)]
        return sequential(function, [(name, expr) for name, expr in found if expr is not None])

    def _unit(self, scope: Scope) -> Unit:
        parts = list(self._parts(scope))
        chain = self._is_sequential(scope)
        members: list[Member] = []
        owned: dict[Value, str] = {}
        for part in parts:
            if part.node is not None and isinstance(target := self._target(part.node), StateTensor):
                members.append(_tensor(part.node, target, part.name))
            elif (expr := self._construct(part, scope, scope)) is not None:
                members.append(Member(part.name, expr))
        names = [item.name for item in members if item.register == "add_module"]
        indexed = scope.numbered and names == [str(i) for i in range(len(names))]
        called = [] if chain else list(self._called(scope))
        for part in called:
            if part.node is not None and isinstance(self._target(part.node), StateTensor):
                owned[Value(self.graph.positions[part.node.path])] = _access(part.module, scope, False)
        steps = [self._step(part, part.results, scope, indexed) for part in called if part.results is not None]
        return Unit(
            scope.module, scope, "chain" if chain else "sequence" if scope.numbered else "module", tuple(members),
            tuple(_hoisted(steps)), self.edges.received[scope.path], self.edges.returned[scope.path], owned, indexed,
        )  # fmt: skip

    def _target(self, node: Node) -> Target:
        return self.targets[self.graph.positions[node.path]]

    def _step(self, part: _Part, results: Results, scope: Scope, indexed: bool) -> Step:
        if part.node is None:
            called = _access(part.module, scope, indexed)
            expr: Expr = call(called, *(Local(value) for value in part.inputs))
        else:
            target = self._target(part.node)
            own = _access(part.module, scope, indexed) if isinstance(target, Module) else ""
            expr = use(part.node, target, Text(own), _hint(part.node.path, scope))
        return Step(part.name, expr, part.inputs, results, part.mode, part.node is None)


def _tensor(node: Node, target: StateTensor, name: str) -> Member:
    """A parameter or buffer as an attribute: `self.token = nn.Parameter(torch.empty(1, 1, 768))`."""
    made = tensor(node, target, name)
    if node.op.state()[0].buffer:
        return Member(name, made, "register_buffer", target.persistent)
    frozen = () if target.trainable else (Named("requires_grad", Text("False")),)
    return Member(name, call("nn.Parameter", made, *frozen), "register_parameter")


def sequential(function: str, items: list[tuple[str, Expr]]) -> Expr:
    """`nn.Sequential(a, b)`, or over an `OrderedDict` when the names are not the positions."""
    names = [name for name, _ in items]
    if names == [str(position) for position in range(len(names))]:
        return call(function, *(expr for _, expr in items))
    if all(is_plain(name) for name in names):
        return call(function, call("OrderedDict", *(Named(name, expr) for name, expr in items)))
    pairs = tuple(tuple_of((Text(quoted(name)), expr)) for name, expr in items)
    return call(function, call("OrderedDict", Group("[", pairs, "]")))


def _hoisted(steps: list[Step]) -> Iterator[Step]:
    """Steps of one mode only stand where their operands are ready, so that these need not be kept until later."""
    waiting = [step for step in steps if step.mode != "always"]
    made = {value for step in steps for value in flatten(step.results)}

    def ready() -> Iterator[Step]:
        for step in list(waiting):
            if not any(value in made for value in step.reads):
                waiting.remove(step)
                made.difference_update(flatten(step.results))
                yield step

    yield from ready()
    for step in steps:
        if step.mode == "always":
            yield step
            made.difference_update(flatten(step.results))
            yield from ready()
    yield from waiting


def results_of(graph: Graph, position: int, target: Target) -> Results:
    """What a node gives: one value, or several as torch nests them."""
    count = len(graph.nodes[position].outputs)
    nesting = None if isinstance(target, Operator | Index | StateTensor) else target.unpack
    if nesting is not None:
        return _nested(position, nesting)
    return Value(position) if count == 1 else tuple(Value(position, part) for part in range(count))


def _nested(position: int, nesting: int | tuple[object, ...]) -> Results:
    if isinstance(nesting, int):
        return Value(position, nesting)
    return tuple(_nested(position, part) for part in nesting)  # type: ignore[arg-type]


def _access(module: str, scope: Scope, indexed: bool) -> str:
    """`self.head`, `self[0]`, `self.head.conv`."""
    inside = f"{scope.module}." if scope.module else ""
    if not module.startswith(inside) or module == scope.module:
        raise InternalError(f"{module} is used in {scope.path or 'the network'}, which does not hold it")
    first, _, rest = module.removeprefix(inside).partition(".")
    owner = f"self[{first}]" if indexed else member("self", first)
    return attribute(owner, rest) if rest else owner


def _hint(path: str, scope: Scope) -> str:
    return path.removeprefix(f"{scope.path}." if scope.path else "").replace(".", "_")


def _join(module: str, name: str) -> str:
    return f"{module}.{name}" if module else name


def _last(path: str) -> str:
    return path.rsplit(".", 1)[-1]


def _postorder(scope: Scope) -> Iterator[Scope]:
    for child in scope.scopes():
        yield from _postorder(child)
    yield scope
