"""The shape of a spec file, as classes with checked fields. Values that the language itself interprets stay located
YAML.

Validation is in two stages: this skeleton first; each op's arguments against the op's own fields when it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, TypeVar

from archspec.diagnostics import Diagnostic, Span, did_you_mean, spec_error
from archspec.fields import BadFields, Checked, Convert, fields_of
from archspec.limits import current, more
from archspec.syntax import Errors, describe
from archspec.yaml_source import Mapping, Node, Scalar

FORMAT = 1
"""The newest version of the format, the number after `archspec:`."""


def _section(value: object) -> object:
    if isinstance(value, Scalar) and value.value is None:
        return Mapping((), value.span, False)  # `blocks:` with nothing below it
    return value


def _plain(value: object) -> object:
    return value.value if isinstance(value, Scalar) else value


Section = Annotated[Mapping | None, Convert(_section), "a mapping"]
"""A mapping that the language interprets"""
Text = Annotated[str, Convert(_plain), "text"]
MaybeText = Annotated[Text | None, "text"]
Integer = Annotated[int, Convert(_plain), "a number"]
Word = Annotated[Scalar, "a name"]
MaybeWord = Annotated[Scalar | None, "a name"]


class Block(Checked):
    """A reusable graph with typed parameters: `blocks: {Name: {params, inputs, let, graph, outputs, doc}}`."""

    doc: Text = ""
    params: Section = None
    inputs: Any = None
    let: Section = None
    graph: Any
    outputs: Any = None


class Import(Checked):
    """An import with settings: `imports: {name: {file, variant, params}}`."""

    file: Word
    variant: MaybeWord = None
    params: Section = None


class Document(Checked):
    """A spec file. One with `graph` describes a network; one without is a library of blocks."""

    archspec: Integer
    name: MaybeText = None
    doc: Text = ""
    params: Section = None
    variants: Section = None
    let: Section = None
    input: Any = None
    inputs: Section = None
    blocks: Section = None
    graph: Any = None
    outputs: Any = None
    init: Section = None
    defaults: Section = None
    expect: Section = None
    freeze: Any = None
    imports: Section = None
    extends: MaybeWord = None
    variant: MaybeWord = None


M = TypeVar("M", bound=Checked)


def parse_document(node: Node) -> Document:
    """The file's skeleton. Raises SpecError with every key that is unknown, missing or of the wrong kind."""
    if not isinstance(node, Mapping):
        raise spec_error(
            "bad-document", f"a spec is a mapping, got {describe(node)}", node.span, help="start with `archspec: 1`"
        )
    version = node.entry("archspec")
    if version is not None and isinstance(version.value, Scalar):
        _check_version(version.value)
    document = _validate(Document, node, "a spec")
    variants, most = document.variants, current().variants
    if variants is not None and len(variants.entries) > most:
        message = f"more than {most:,} variants"
        raise spec_error("too-large", message, variants.entries[most].key.span, help=more("variants"))
    if document.extends is None and document.variant is not None:
        raise spec_error(
            "unknown-key",
            "`variant` needs `extends`: it names a variant of the spec that is extended",
            document.variant.span,
        )
    if document.input is not None and document.inputs is not None:
        raise spec_error(
            "unknown-key",
            "a spec has `input` or `inputs`, not both",
            document.inputs.span,
            help="put all of them under `inputs`",
        )
    return document


def parse_block(name: str, node: Node) -> Block:
    """A block's skeleton. Raises SpecError as `parse_document`."""
    if not isinstance(node, Mapping):
        raise spec_error(
            "bad-block",
            f"block `{name}` is a mapping with `graph`, got {describe(node)}",
            node.span,
            help="put it under `graph:`",
        )
    return _validate(Block, node, f"block `{name}`")


def parse_import(name: str, node: Mapping) -> Import:
    """An import's skeleton. Raises SpecError as `parse_document`."""
    return _validate(Import, node, f"import `{name}`")


def _check_version(node: Scalar) -> None:
    if type(node.value) is not int or node.value < 1:
        raise spec_error(
            "format-version",
            f"`archspec` is the format's version, a number; got {describe(node)}",
            node.span,
            help=f"write `archspec: {FORMAT}`",
        )
    if node.value > FORMAT:
        raise spec_error(
            "format-version",
            f"this spec is in format {node.value}, but only {FORMAT} is known here",
            node.span,
            help="install a newer archspec",
        )


def _validate(model: type[M], node: Mapping, what: str) -> M:
    try:
        return model(**{entry.key.text: entry.value for entry in node.entries})
    except BadFields as error:
        Errors([*islice(_diagnostics(model, node, what, error), current().errors + 1)]).check()
        raise


def _diagnostics(model: type[Checked], node: Mapping, what: str, error: BadFields) -> Iterator[Diagnostic]:
    known = fields_of(model)
    for name in error.missing:
        span = Span(node.span.source, node.span.line, node.span.column, node.span.line, node.span.column + 1)
        yield Diagnostic("missing-key", f"{what} needs `{name}`", span, help=f"add `{name}:`")
    for name in error.wrong:
        value = node.get(name)
        assert value is not None
        message = f"`{name}` is {known[name].metadata[-1]}, got {describe(value)}"
        yield Diagnostic("wrong-type", message, value.span)
    for name in error.unknown:
        entry = node.entry(name)
        assert entry is not None
        help = did_you_mean(name, known)
        yield Diagnostic("unknown-key", f"`{name}` is no key of {what}", entry.key.span, help=help)
