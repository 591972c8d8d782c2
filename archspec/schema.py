"""The shape of a spec file, as pydantic models. Values that the language itself interprets stay located YAML.

Validation is in two stages: this skeleton first; each op's arguments against the op's own model when it is used.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetPydanticSchema, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_core.core_schema import is_instance_schema

from archspec.diagnostics import Diagnostic, Source, Span, SpecError, did_you_mean, spec_error
from archspec.limits import current, more
from archspec.syntax import Errors, describe
from archspec.yaml_source import Mapping, Node, Scalar, Sequence, parse

FORMAT = 1
"""The newest version of the format, the number after `archspec:`."""


def _section(value: object) -> object:
    if isinstance(value, Scalar) and value.value is None:
        return Mapping((), value.span, False)  # `blocks:` with nothing below it
    if not isinstance(value, Mapping):
        raise PydanticCustomError("section", "must be a mapping")
    return value


def _plain(value: object) -> object:
    return value.value if isinstance(value, Scalar) else value


def _made(*kinds: type[Node]) -> GetPydanticSchema:
    """A node as the parser has made it: `InstanceOf` would build a schema of all that can be in one besides."""
    return GetPydanticSchema(lambda _, handler: is_instance_schema(kinds))


Section = Annotated[Mapping, _made(Mapping), BeforeValidator(_section)]
"""A mapping that the language interprets."""
Anything = Annotated[Node, _made(Scalar, Sequence, Mapping)]
Text = Annotated[str, BeforeValidator(_plain)]
Integer = Annotated[int, BeforeValidator(_plain)]
Word = Annotated[Scalar, _made(Scalar)]


class _Skeleton(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True, defer_build=True)


class Block(_Skeleton):
    """A reusable graph with typed parameters: `blocks: {Name: {params, inputs, let, graph, outputs, doc}}`."""

    doc: Text = ""
    params: Section | None = None
    inputs: Anything | None = None
    let: Section | None = None
    graph: Anything
    outputs: Anything | None = None


class Import(_Skeleton):
    """An import with settings: `imports: {name: {file, variant, params}}`."""

    file: Word
    variant: Word | None = None
    params: Section | None = None


class Document(_Skeleton):
    """A spec file. One with `graph` describes a network; one without is a library of blocks."""

    archspec: Integer
    name: Text | None = None
    doc: Text = ""
    params: Section | None = None
    variants: Section | None = None
    let: Section | None = None
    input: Anything | None = None
    inputs: Section | None = None
    blocks: Section | None = None
    graph: Anything | None = None
    outputs: Anything | None = None
    init: Section | None = None
    defaults: Section | None = None
    expect: Section | None = None
    freeze: Anything | None = None
    imports: Section | None = None
    extends: Word | None = None
    variant: Word | None = None


M = TypeVar("M", bound=_Skeleton)

_START = f"start with `archspec: {FORMAT}`"
_BEFORE = r"(?:(?:---|\?|[!&]\S*)[ \t]+)*"  # a key, or the mapping that it is in
_VERSION = re.compile(
    rf"""(?:^\ufeff?|\A\s+){_BEFORE}(?:\{{\s*)?["']?archspec["']?\s*:"""
    rf"""|\A[\ufeff\s]*{_BEFORE}\{{(?s:.*?),\s*["']?archspec["']?\s*:""",
    re.MULTILINE,
)


def parse_file(source: Source) -> tuple[Document, Node]:
    """A file's skeleton and tree. Raises SpecError with every mistake; of what is no spec at all, with that alone."""
    try:
        node = parse(source)
    except SpecError as error:
        first = error.diagnostics[0]
        text = source.text.partition("\n```")[0]  # a document may show a spec
        if first.code == "empty-file" or _VERSION.search(text):
            raise
        message, notes = f"this is no spec: it does not {_START}", [f"nor is it YAML as specs are: {first.message}"]
        raise spec_error("bad-document", message, first.span, notes=notes, help=_START) from None
    return _document(node), node


def _document(node: Node) -> Document:
    """The skeleton. Raises SpecError with every key that is unknown, missing or of the wrong kind."""
    if not isinstance(node, Mapping):
        raise spec_error("bad-document", f"a spec is a mapping, got {describe(node)}", node.span, help=_START)
    version = node.entry("archspec")
    strange = [entry.key for entry in node.entries if entry.key.text not in Document.model_fields]
    if version is None and 2 * len(strange) > len(node.entries):
        others = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        message = f"this is no spec: it has no key `archspec`, but `{strange[0].text}`{others}"
        raise spec_error("bad-document", message, strange[0].span, help=_START)
    if version is not None and isinstance(version.value, Scalar):
        _check_version(version.value)
    document = _validate(Document, node, "a spec")
    for name in ("variants", "imports"):
        section, most = getattr(document, name), getattr(current(), name)
        if section is not None and len(section.entries) > most:
            raise spec_error("too-large", f"more than {most:,} {name}", section.entries[most].key.span, help=more(name))
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
    """A block's skeleton. Raises SpecError as `parse_file`."""
    if not isinstance(node, Mapping):
        raise spec_error(
            "bad-block",
            f"block `{name}` is a mapping with `graph`, got {describe(node)}",
            node.span,
            help="put it under `graph:`",
        )
    return _validate(Block, node, f"block `{name}`")


def parse_import(name: str, node: Mapping) -> Import:
    """An import's skeleton. Raises SpecError as `parse_file`."""
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
        return model.model_validate({entry.key.text: entry.value for entry in node.entries})
    except ValidationError as error:
        details = islice(error.errors(), current().errors + 1)
        Errors([_diagnostic(model, node, what, detail) for detail in details]).check()
        raise


def _diagnostic(model: type[_Skeleton], node: Mapping, what: str, detail: ErrorDetails) -> Diagnostic:
    key = str(detail["loc"][0])
    entry = node.entry(key)
    match detail["type"]:
        case "extra_forbidden" if entry is not None:
            return Diagnostic(
                "unknown-key",
                f"`{key}` is no key of {what}",
                entry.key.span,
                help=did_you_mean(key, model.model_fields) or _belongs_above(model, node, key),
            )
        case "missing":
            span = Span(node.span.source, node.span.line, node.span.column, node.span.line, node.span.column + 1)
            added = f"archspec: {FORMAT}" if key == "archspec" else f"{key}:"
            return Diagnostic("missing-key", f"{what} needs `{key}`", span, help=f"add `{added}`")
        case "section" if entry is not None:
            help = f"write `name: ...` below `{key}:`" + ", without dashes" * isinstance(entry.value, Sequence)
            message = f"`{key}` is a mapping, got {describe(entry.value)}"
            return Diagnostic("wrong-type", message, entry.value.span, help=help)
        case _:
            kind = {"int_type": "a number", "string_type": "text"}.get(detail["type"], "a name")
            value = entry.value if entry is not None else node
            return Diagnostic("wrong-type", f"`{key}` is {kind}, got {describe(value)}", value.span)


def _belongs_above(model: type[_Skeleton], node: Mapping, key: str) -> str | None:
    """Help for what is not indented, though the section above it is empty."""
    section = ""
    for entry in node.entries:
        if entry.key.text == key:
            break
        if entry.key.text in model.model_fields:
            section = entry.key.text if isinstance(entry.value, Scalar) and entry.value.value is None else ""
    return f"indent it, if it belongs to `{section}`" if section else None
