"""`outputs:` of specs and blocks."""

from __future__ import annotations

from typing import Literal

from archspec.diagnostics import SpecError, spec_error
from archspec.elaborate.edges import edge_values, resolve_text
from archspec.elaborate.environment import View
from archspec.elaborate.names import Bound, Poisoned
from archspec.elaborate.session import Session
from archspec.ir import Mode, Output, Outputs, Tree
from archspec.objects import record
from archspec.syntax import Edge, OutputsSyntax, OutputSyntax
from archspec.values import Value


@record
class Entry:
    """One output, resolved."""

    name: str
    tree: Tree
    mode: Mode
    syntax: OutputSyntax


def resolve_outputs(session: Session, syntax: OutputsSyntax, view: View) -> list[Entry]:
    """The entries of `outputs:`; errors are noted and their entries left out."""
    entries: list[Entry] = []
    names: set[str] = set()
    for leaf, inside in session.expand(syntax.body, view):
        try:
            name = session.name(leaf.name, inside) if leaf.name is not None else str(len(entries))
            if not name.strip():
                help = "write a word, the key of the result"
                raise spec_error("bad-name", "the name of an output is empty", leaf.span, help=help)
            if name in names:
                raise spec_error(
                    "duplicate-name", f"output `{name}` is defined twice", leaf.span, help="rename one of them"
                )
            mode: Mode = "training" if leaf.only == "training" else "eval" if leaf.only == "eval" else "always"
            entries.append(Entry(name, _tree(session, leaf, inside), mode, leaf))
            names.add(name)
        except SpecError as error:
            session.note(error)
            session.spoil(view)
        except Poisoned:
            session.spoil(view)
    return entries


def _tree(session: Session, leaf: OutputSyntax, view: View) -> Tree:
    if isinstance(leaf.value, Edge):
        values = _present(session, leaf.value, view)
        return values[0] if len(values) == 1 else values
    return tuple(
        value for edge, inside in session.expand(leaf.value, view) for value in _present(session, edge, inside)
    )


def _present(session: Session, edge: Edge, view: View) -> tuple[Value, ...]:
    """An output's values; a node that `when` removed is no output."""
    text = session.name(edge.name, view)
    bound = resolve_text(view, text.removesuffix(".*"), edge.name.span)
    if bound.absent:
        raise spec_error(
            "removed-output",
            f"output `{text}` is removed by its `when`",
            edge.name.span,
            help="put the output under an `if` with the same condition",
        )
    return edge_values(session, edge, view)


def graph_outputs(session: Session, syntax: OutputsSyntax | None, view: View, last: Bound) -> Outputs:
    """What the network returns; its last node's value when nothing is said."""
    if syntax is None:
        if len(last.values) == 1:
            return Outputs("single", (Output("output", last.values[0]),))
        return Outputs("tuple", tuple(Output(str(i), value) for i, value in enumerate(last.values)))
    entries = resolve_outputs(session, syntax, view)
    if not entries and not session.errors.found:
        raise spec_error("bad-outputs", "the network has no outputs", syntax.span, help="name at least one node")
    kind: Literal["single", "tuple", "dict"] = (
        "dict" if syntax.kind == "dict" else "tuple" if syntax.kind == "tuple" else "single"
    )
    if kind == "single" and entries and not isinstance(entries[0].tree, Value):
        return Outputs("tuple", tuple(Output(str(i), tree, "always") for i, tree in enumerate(entries[0].tree)))
    if kind == "single":
        return Outputs(kind, tuple(Output("output", entry.tree, entry.mode) for entry in entries))
    return Outputs(kind, tuple(Output(entry.name, entry.tree, entry.mode) for entry in entries))


def block_values(entries: list[Entry], kind: str) -> tuple[tuple[Value, ...], dict[str, tuple[int, ...]]]:
    """A block's outputs, flat, and the positions each name stands for. `only` entries are for whole networks."""
    values: list[Value] = []
    parts: dict[str, tuple[int, ...]] = {}
    for entry in entries:
        flat = (entry.tree,) if isinstance(entry.tree, Value) else _flat(entry.tree)
        if kind == "dict":
            parts[entry.name] = tuple(range(len(values), len(values) + len(flat)))
        values.extend(flat)
    return tuple(values), parts


def _flat(tree: Tree) -> tuple[Value, ...]:
    if isinstance(tree, Value):
        return (tree,)
    return tuple(value for branch in tree for value in _flat(branch))
