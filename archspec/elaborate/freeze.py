"""`freeze:`: which parameters are not trained."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from archspec.diagnostics import SpecError, spec_error
from archspec.elaborate.environment import Env, View
from archspec.elaborate.patterns import matching, suggestion
from archspec.elaborate.place import Use
from archspec.elaborate.session import Session, Stop
from archspec.ir import Graph
from archspec.yaml_source import Scalar


def frozen_names(session: Session, graph: Graph) -> Graph:
    """`freeze:` patterns over parameter names, in order; the last match wins, a network's own after its sub-networks'.

    Raises SpecError for those that match nothing.
    """
    if not any(use.file.spec.freeze for use in session.uses):
        return graph
    frozen = {name: False for _, name, state in graph.state() if not state.buffer}
    with suppress(Stop):
        for use in reversed(session.uses):
            for scalar, view in session.expand(use.file.spec.freeze, View(Env(use.file.env))):
                try:
                    _apply(session, graph, use, scalar, view, frozen)
                except SpecError as error:
                    session.note(error)
    session.errors.check()
    return replace(graph, frozen=tuple(name for name, fixed in frozen.items() if fixed))


def _apply(session: Session, graph: Graph, use: Use, scalar: Scalar, view: View, frozen: dict[str, bool]) -> None:
    session.spend(len(frozen), scalar.span)
    prefix = f"{use.module}." if use.module else ""
    names = [name.removeprefix(prefix) for name in frozen if name.startswith(prefix)]
    text = session.name(scalar, view)
    pattern = text.removeprefix("!")
    matched = matching(pattern, names)
    if not matched and not use.module:  # a cut may leave nothing of what a sub-network freezes
        help = _stateless(graph, pattern.removesuffix(".*")) or suggestion(pattern, names)
        raise spec_error("unknown-state", f"`{pattern}` matches no parameter", scalar.span, help=help)
    frozen.update(dict.fromkeys((prefix + name for name in matched), text == pattern))


def _stateless(graph: Graph, path: str) -> str | None:
    """Help for a pattern that names a part of the network without parameters, such as a pooling."""
    if path not in graph.positions and path not in graph.scopes:
        return None
    return f"leave it out: `{path}` is there, a `{graph[path].op}`, but it has no parameters"
