"""`expect:`: which row holds for this network, and what it says. `archspec.analysis.expect` compares."""

from __future__ import annotations

from dataclasses import replace

from archspec.diagnostics import Span, did_you_mean, spec_error
from archspec.elaborate.environment import View
from archspec.elaborate.place import File
from archspec.elaborate.session import Session
from archspec.frozen import frozen
from archspec.ir import Graph
from archspec.spec import variant_entries
from archspec.syntax import describe
from archspec.yaml_source import Mapping, Node, Scalar, Sequence

COUNTS = ("params", "trainable_params", "buffers", "macs")
KEYS = (*COUNTS, "output", "outputs", "receptive_field")


def expected(session: Session, file: File, graph: Graph, variant: str | None, overridden: bool) -> Graph:
    """The graph with what its author believes of it. Params or sizes given from outside set the beliefs aside."""
    section = file.spec.expect
    if section is None:
        return graph
    rows = _rows(file, section)
    row = _row(file, rows, variant) if rows is not None else section
    for candidate in rows.values() if rows is not None else [section]:
        _check_keys(candidate)
    if row is None or overridden or (rows is None and variant is not None):
        return graph
    view = View(file.env)
    values = {entry.key.text: _belief(session, entry.value, view) for entry in row.entries}
    spans: dict[str, Span] = {entry.key.text: entry.value.span for entry in row.entries}
    return replace(graph, expect=frozen(values), expect_spans=frozen(spans))


def _rows(file: File, section: Mapping) -> dict[str, Mapping] | None:
    """The table by variant, None where `expect` is a single row."""
    names = dict.fromkeys(file.spec.variants.keys() if file.spec.variants is not None else ())
    keys = section.keys()
    if not any(key in names for key in keys):
        return None
    rows: dict[str, Mapping] = {}
    for entry in section.entries:
        if entry.key.text not in names:
            raise spec_error(
                "unknown-variant",
                f"`expect` has a row for `{entry.key.text}`, which is no variant",
                entry.key.span,
                help=did_you_mean(entry.key.text, names),
            )
        if not isinstance(entry.value, Mapping):
            raise spec_error(
                "wrong-type", f"a row of `expect` is a mapping, got {describe(entry.value)}", entry.value.span
            )
        rows[entry.key.text] = entry.value
    return rows


def _row(file: File, rows: dict[str, Mapping], variant: str | None) -> Mapping | None:
    """The variant's row; without one, that of a variant which changes nothing."""
    if variant is not None:
        return rows.get(variant)
    return next((row for name, row in rows.items() if not variant_entries(file.spec, name, None)), None)


def _check_keys(row: Mapping) -> None:
    for entry in row.entries:
        if entry.key.text not in KEYS:
            raise spec_error(
                "unknown-key",
                f"`{entry.key.text}` is nothing that can be expected",
                entry.key.span,
                help=did_you_mean(entry.key.text, KEYS),
            )


def _belief(session: Session, node: Node, view: View) -> object:
    """A count, or a shape in which a capital letter is a symbol."""
    match node:
        case Scalar():
            if isinstance(node.value, str) and len(node.text) == 1 and node.text.isupper():
                return node.text
            return session.number(session.computed(node, view), node.span, [])
        case Sequence():
            return [_belief(session, item, view) for item in node.items]
        case Mapping():
            return {entry.key.text: _belief(session, entry.value, view) for entry in node.entries}
