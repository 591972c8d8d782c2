"""What one elaboration shares: the nodes so far, the errors found, and the budget of its evaluations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from archspec.diagnostics import Span, SpecError, spec_error
from archspec.dims import Size
from archspec.elaborate.custom import CustomOps
from archspec.elaborate.environment import Env, View
from archspec.elaborate.names import Names, Poisoned
from archspec.expr import Budget, ExprError, Expression, interpolate, parse, parse_template, pin, show_value
from archspec.ir import Node, Origin
from archspec.library import Library
from archspec.limits import NODE_STEPS, Limits, current, more
from archspec.objects import mutable
from archspec.syntax import Branch, Errors, For, GraphSyntax, If, Let, Statement, located
from archspec.values import TensorType, Value
from archspec.yaml_source import Mapping, Scalar
from archspec.yaml_source import Node as YamlNode
from archspec.yaml_source import Sequence as YamlSequence

if TYPE_CHECKING:
    from archspec.elaborate.place import File, Use
    from archspec.elaborate.templates import Templates
    from archspec.spec import BlockSyntax, Spec

Leaf = TypeVar("Leaf")

_LITERAL = re.compile(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?|true|false|null")

CONTROL = frozenset({For, If, Let})  # statements that are no leaves

FATAL = frozenset({"limit", "too-deep", "too-large"})

MAX_DEPTH = 64

# Steps that things take beside their expressions, by how long they take.
CHILD_COST = 40  # a node's line, whatever comes of it
NODE_COST = 100
EDGE_COST = 12  # each value that a node reads or yields
COPY_COST = 25  # a node, or a block, of a block that was elaborated before
USE_COST = 150  # a block, whatever is in it
RECURSION_COST = 600  # a block within itself: more than its nodes bring, so that it ends soon
PARAM_COST = 8  # a value that a block, or a network within one, is given or has by default
LOOP_COST = 10  # one iteration
BRANCH_COST = 70  # a condition of `if`


class Stop(Exception):
    """Elaboration cannot go on; the reason is among the errors."""


@mutable
class Session:
    """The state of one elaboration."""

    library: Library
    customs: CustomOps
    templates: Templates
    input_types: tuple[TensorType, ...] = ()
    batch: frozenset[str] = frozenset()  # the symbols of unknown batch sizes
    nodes: list[Node] = field(default_factory=list[Node])
    read: set[int] = field(default_factory=set[int])
    errors: Errors = field(default_factory=Errors)
    budget: Budget = field(default_factory=Budget)
    pins: list[tuple[Size, Span]] = field(default_factory=list["tuple[Size, Span]"])
    explain: bool = True  # whether errors about sizes say which sizes would do
    limits: Limits = field(default_factory=current)
    inside: list[Spec | BlockSyntax | GraphSyntax] = field(  # what is being filled, outermost first
        default_factory=list["Spec | BlockSyntax | GraphSyntax"]
    )
    inner: list[Names] = field(default_factory=list["Names"])  # of inline graphs, which see those around them
    cache: dict[Any, Any] = field(default_factory=dict[Any, Any])
    opened: list[File] = field(default_factory=list["File"])  # every file in use
    uses: list[Use] = field(default_factory=list["Use"])  # the network itself and its sub-networks, outermost first

    def note(self, error: SpecError) -> None:
        """Keeps an error and goes on. Raises Stop for one after which everything else would only repeat it, and when
        there are more than are shown."""
        self.errors.add(error)
        if len(self.errors.found) > self.limits.errors or any(each.code in FATAL for each in error.diagnostics):
            raise Stop

    def close(self) -> None:
        """Undoes what refers to itself, so that what is no longer needed is freed at once, without a collector."""
        for names in self.inner:
            names.parent = None
        for file in self.opened:
            file.uses.clear()
            file.lines.clear()

    # --- values ---

    def type_of(self, value: Value) -> TensorType:
        return self.input_types[-1 - value.node] if value.node < 0 else self.nodes[value.node].outputs[value.part]

    def types_of(self, values: Sequence[Value]) -> tuple[TensorType, ...]:
        return tuple([self.type_of(value) for value in values])

    def mark(self, values: Sequence[Value]) -> None:
        """These values are read."""
        for value in values:
            self.read.add(value.node)

    def insert(self, node: Node) -> int:
        """Appends a node and returns its position. Raises SpecError where there are too many."""
        self.check_room(1, node.origin.span)
        self.budget.allowed += NODE_STEPS
        self.spend(NODE_COST + EDGE_COST * (len(node.inputs) + len(node.outputs)), node.origin.span)
        self.nodes.append(node)
        self.mark(node.inputs)
        if node.reads:
            self.mark(node.reads)
        return len(self.nodes) - 1

    def insert_copies(self, nodes: Sequence[Node], edges: int, span: Span) -> None:
        """Appends nodes for which there is room, with so many values read and yielded; it is known which they read."""
        self.budget.allowed += NODE_STEPS * len(nodes)
        self.spend(COPY_COST * len(nodes) + EDGE_COST * edges, span)
        self.nodes.extend(nodes)

    def check_room(self, count: int, span: Span) -> None:
        """Raises SpecError where so many nodes more are too many."""
        if len(self.nodes) + count > self.limits.nodes:
            message = f"the network has more than {self.limits.nodes:,} nodes"
            raise spec_error("too-large", message, span, help=f"use fewer repeats, or {more('nodes')}")

    # --- evaluation ---

    def view(self, env: Env, view: View) -> View:
        return View(env, view.nodes, mark=self.mark)

    def evaluate(
        self, expression: Expression, view: View, span: Span, offset: int = 0, pins: list[Size] | None = None
    ) -> Any:
        """The value of an expression; its error at its place."""
        try:
            return expression.evaluate(view, self.budget, pins)
        except ExprError as error:
            if error.code == "unknown-name" and view.nodes is not None and view.nodes.is_incomplete():
                raise Poisoned from None
            raise located(error, span, offset) from None

    def pinned(self, expression: Expression, view: View, span: Span, offset: int) -> Any:
        """The value of an expression that decides structure: sizes count as their nominal numbers."""
        pins: list[Size] = []
        value = self.number(self.evaluate(expression, view, span, offset, pins), span, pins)
        self.pins.extend((size, span) for size in pins)
        return value

    def spend(self, steps: int, span: Span) -> None:
        """Charges the budget of the whole elaboration. Raises SpecError when it is used up."""
        budget = self.budget
        budget.spent += steps
        if budget.spent > budget.allowed:
            help = f"shorten its loops, or {more('steps')}"
            raise spec_error("limit", budget.exhausted, span, help=help)

    def number(self, value: Any, span: Span, pins: list[Size]) -> Any:
        """A value in which every size is its nominal number. Raises SpecError for an unknown one."""
        try:
            return pin(value, pins)
        except ExprError as error:
            raise spec_error(error.code, error.message, span, help=error.help) from None

    def computed(self, node: YamlNode, view: View, pins: list[Size] | None = None) -> Any:
        """A field that holds an expression, or a list of them."""
        if isinstance(node, YamlSequence):
            return [self.computed(item, view, pins) for item in node.items]
        if isinstance(node, Mapping):
            return {entry.key.text: self.computed(entry.value, view, pins) for entry in node.entries}
        if not isinstance(node.value, str):
            return node.value
        if node.quoted and _LITERAL.fullmatch(node.text):
            raise spec_error(
                "wrong-type",
                f'"{node.text}" is text, not a value',
                node.span,
                help=f"write `{node.text}` without quotes",
            )
        if self._is_lone(node):
            return self.word(node, view)
        try:
            expression = parse(node.text)
        except ExprError as error:
            raise located(error, node.span, int(node.quoted)) from None
        return self.evaluate(expression, view, node.span, int(node.quoted), pins)

    def _is_lone(self, node: Scalar) -> bool:
        """Whether a field says just `$name`, which is that value wherever it stands."""
        try:
            return node.text.startswith("$") and parse_template(node.text).lone
        except ExprError:
            return False

    def word(self, scalar: Scalar, view: View) -> Any:
        """A word with its `$name` filled in; a lone `$name` gives the value itself."""
        if "$" not in scalar.text:
            return scalar.text
        try:
            return interpolate(scalar.text, view, self.budget)
        except ExprError as error:
            raise located(error, scalar.span, int(scalar.quoted)) from None

    def name(self, scalar: Scalar, view: View) -> str:
        """A word that must come out as text."""
        if "$" not in scalar.text:
            return scalar.text
        value = self.word(scalar, view)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise spec_error("wrong-type", f"`{scalar.text}` must come to a name, got {show_value(value)}", scalar.span)
        return str(value)

    def pinned_scalar(self, scalar: Scalar, view: View) -> Any:
        """A field that decides structure: a literal or an expression."""
        if not isinstance(scalar.value, str):
            return scalar.value
        if self._is_lone(scalar):
            return self.number(self.word(scalar, view), scalar.span, [])
        try:
            expression = parse(scalar.text)
        except ExprError as error:
            raise located(error, scalar.span, int(scalar.quoted)) from None
        return self.pinned(expression, view, scalar.span, int(scalar.quoted))

    def condition(self, scalar: Scalar, view: View) -> bool:
        """`when`: true or false."""
        return self.truth(self.pinned_scalar(scalar, view), scalar.text, scalar.span)

    def truth(self, value: object, text: str, span: Span) -> bool:
        if isinstance(value, bool):
            return value
        raise spec_error(
            "wrong-type",
            f"a condition is true or false, but `{text}` is {show_value(value)}",
            span,
            help="compare it: `x > 0`, `x != null`",
        )

    # --- statements ---

    def expand(self, body: Sequence[Statement[Leaf]], view: View) -> Iterator[tuple[Leaf, View]]:
        """Runs the statements; yields each leaf with what it can see. One in error is noted and passed over."""
        for statement in body:
            try:
                if statement.__class__ not in CONTROL:
                    yield cast("Leaf", statement), view
                elif isinstance(statement, For):
                    yield from self._loop(cast("For[Leaf]", statement), view)
                elif isinstance(statement, If):
                    branches = cast("If[Leaf]", statement).branches
                    chosen = next((branch for branch in branches if self._taken(branch, view)), None)
                    if chosen is not None:
                        yield from self.expand(chosen.body, self.view(Env(view.env), view))
                elif isinstance(statement, Let):
                    self._let(statement, view)
            except SpecError as error:
                self.note(error)
                self.spoil(view)
            except Poisoned:
                self.spoil(view)

    def _loop(self, loop: For[Leaf], view: View) -> Iterator[tuple[Leaf, View]]:
        found = self.pinned(loop.iterable, view, loop.span, loop.offset)
        if not isinstance(found, list | tuple):
            raise spec_error(
                "wrong-type",
                f"`for` runs over a list, got {show_value(found)}",
                loop.span,
                help="write `range(n)` to count",
            )
        items = cast("Sequence[object]", found)
        self.spend(LOOP_COST * len(items), loop.span)
        for item in items:
            yield from self.expand(loop.body, self.view(Env(view.env, self.bind(loop, item)), view))

    def _taken(self, branch: Branch[Any], view: View) -> bool:
        if branch.condition is None:
            return True
        self.spend(BRANCH_COST, branch.span)
        value = self.pinned(branch.condition, view, branch.span, branch.offset)
        return self.truth(value, branch.condition.text, branch.span)

    def spoil(self, view: View) -> None:
        if view.nodes is not None:
            view.nodes.incomplete = True

    def bind(self, statement: For[Any] | Let, value: object) -> dict[str, Any]:
        """The variables that a `for` or `let` sets."""
        try:
            return statement.targets.bind(value)
        except ExprError as error:
            raise located(error, statement.span) from None

    def _let(self, let: Let, view: View) -> None:
        for name, value in self.bind(let, self.computed(let.value, view)).items():
            if name in view.env:
                raise spec_error("duplicate-name", f"`{name}` has a value already", let.span, help="rename one of them")
            view.env.values[name] = value

    def lets(self, lets: Sequence[Let], view: View) -> None:
        """A `let:` section, in order."""
        for let in lets:
            try:
                self._let(let, view)
            except SpecError as error:
                self.note(error)
                self.spoil(view)
            except Poisoned:
                self.spoil(view)


def used_notes(origin: Origin) -> tuple[str, ...]:
    """Where the blocks around a node were used: "in layer1.0, a Bottleneck used at specs/mine.yaml:52:9"."""
    notes: list[str] = []
    at = origin.used_at
    while at is not None and len(notes) < 6:
        notes.append(f"in {at.within} used at {at.span}")
        at = at.used_at
    return tuple(notes)
