"""A spec ready for elaboration: the file and all that it extends, merged; graphs parsed; imports named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import field
from pathlib import Path

from archspec.diagnostics import Span, SpecError, did_you_mean, spec_error
from archspec.objects import record
from archspec.schema import Block, Document, parse_block, parse_import
from archspec.syntax import (
    Child,
    Errors,
    For,
    GraphSyntax,
    If,
    Let,
    NodeSyntax,
    OutputsSyntax,
    Statement,
    describe,
    is_statement,
    parse_graph,
    parse_lets,
    parse_node,
    parse_outputs,
    parse_patterns,
)
from archspec.yaml_source import Entry, Mapping, Node, Scalar, Sequence

_WORD = re.compile(r"[A-Za-z_]\w*")
MAX_LAYERS = 64


@record(eq=False)
class BlockSyntax:
    """A block of a file, parsed."""

    name: str
    doc: str
    params: Mapping | None
    inputs: tuple[str, ...] | str | None  # names, the name of the list of all, or undeclared
    lets: tuple[Let, ...]
    graph: GraphSyntax
    outputs: OutputsSyntax | None
    node: Node  # all of it, as written
    words: frozenset[str]  # of all but `params` and `doc`


@record(eq=False)
class Patch:
    """What stands in place of an elaborated path; None deletes it."""

    node: NodeSyntax | None
    span: Span


@record(eq=False)
class Spec:
    """One file with what it extends merged in. Sections that are only evaluated later stay located YAML."""

    name: str
    doc: str
    path: Path | None
    span: Span
    params: tuple[Entry, ...]
    preset: tuple[Entry, ...]  # values of the base's variant that `variant:` names
    presets: dict[str, tuple[Entry, ...]]  # by variant: the `preset` of the file that declares it, which it builds on
    overrides: tuple[Entry, ...]  # values that this file gives to params of the file it extends
    variants: Mapping | None
    lets: tuple[Let, ...]
    input: Node | None
    inputs: Mapping | None
    blocks: dict[str, BlockSyntax]
    graph: GraphSyntax | None
    outputs: OutputsSyntax | None
    init: Mapping | None
    defaults: Mapping | None
    expect: Mapping | None
    freeze: tuple[Statement[Scalar], ...]  # patterns
    imports: dict[str, Import]
    words: frozenset[str]  # every name that the file, or what it extends, mentions: params must be among them
    patches: dict[str, Patch] = field(default_factory=dict[str, "Patch"])
    deleted: dict[str, Span] = field(default_factory=dict[str, Span])  # nodes of what it extends, and where


@record(eq=False)
class Import:
    """A name in `imports:`, the folder its path starts from, and what the importing file sets of the file's params."""

    target: Scalar
    folder: Path | None
    variant: Scalar | None = None
    params: tuple[Entry, ...] = ()


Find = Callable[[Scalar, Path | None], Path]
"""Where the file is that `extends` or an import names; raises SpecError."""


def assemble(
    document: Document,
    node: Node,
    path: Path | None,
    folder: Path | None,
    base: Spec | None,
    find: Find,
    errors: Errors,
) -> Spec:
    """A file's spec, merged into the one it extends; what is wrong is added to `errors`."""
    graph, patches, removed = _graph(document.graph, base, errors)
    name = document.name or (path.stem if path is not None else "spec")
    own = document.params.entries if document.params is not None else ()
    known = {entry.key.text for entry in base.params} if base is not None else set[str]()
    blocks = _blocks(document.blocks, errors)
    preset = _preset(base, document.variant, errors)
    deleted = {entry.key.text for entry in _entries(document.blocks) if _is_null(entry.value)}
    return Spec(
        name=name,
        doc=document.doc or (base.doc if base is not None else ""),
        path=path,
        span=node.span,
        params=(*(base.params if base else ()), *(entry for entry in own if entry.key.text not in known)),
        preset=preset,
        presets={**(base.presets if base else {}), **{e.key.text: preset for e in _entries(document.variants)}},
        overrides=(*(base.overrides if base else ()), *(entry for entry in own if entry.key.text in known)),
        variants=_merge(base.variants if base else None, document.variants),
        lets=_merge_lets(base.lets if base else (), document.let, errors),
        input=document.input or (base.input if base and document.inputs is None else None),
        inputs=document.inputs or (base.inputs if base and document.input is None else None),
        blocks={k: v for k, v in {**(base.blocks if base else {}), **blocks}.items() if k not in deleted},
        graph=graph,
        outputs=parse_outputs(document.outputs, errors)
        if document.outputs is not None
        else base.outputs
        if base
        else None,
        init=_merge(base.init if base else None, document.init),
        defaults=_merge(base.defaults if base else None, document.defaults),
        expect=document.expect,
        freeze=parse_patterns(document.freeze, errors) if document.freeze is not None else base.freeze if base else (),
        imports={**(base.imports if base else {}), **_imports(document.imports, folder, find, errors)},
        words=_words(entry for entry in _entries(node) if entry.key.text not in ("params", "variants", "doc", "blocks"))
        | frozenset[str]().union(*map(_words_outwards, blocks.values()))
        | (base.words if base is not None else frozenset[str]()),
        patches={**(base.patches if base else {}), **patches},
        deleted={**(base.deleted if base else {}), **removed},
    )


def _graph(
    node: Node | None, base: Spec | None, errors: Errors
) -> tuple[GraphSyntax | None, dict[str, Patch], dict[str, Span]]:
    """The graph, what replaces elaborated paths, and nodes that are no longer in it: a mapping that extends a graph
    replaces, deletes and appends."""
    if base is None or base.graph is None or not isinstance(node, Mapping):
        parsed = parse_graph(node, errors) if node is not None else None
        return (parsed if node is not None else base.graph if base else None), {}, {}
    written = {_key_of(statement) for statement in base.graph.body}
    deleted = {e.key.text: e.key.span for e in node.entries if _is_null(e.value) and ("node", e.key.text) in written}
    patches = {
        entry.key.text: Patch(None if _is_null(entry.value) else parse_node(entry.value, errors), entry.key.span)
        for entry in node.entries
        if _is_path(entry.key.text) and ("node", entry.key.text) not in written
    }
    rest = tuple(e for e in node.entries if "." not in e.key.text and not _is_null(e.value))
    if base.graph.numbered:
        for entry in rest:
            if entry.key.text not in patches:
                message = f"`{entry.key.text}` cannot extend a list"
                errors.add(
                    spec_error("bad-graph", message, entry.key.span, help="name the item's number, or rewrite the list")
                )
        return base.graph, patches, {}
    own = parse_graph(Mapping(rest, node.span, node.flow), errors) if rest else None
    mine = {_key_of(statement): statement for statement in (own.body if own is not None else ())}
    gone = {("node", name) for name in deleted}
    body = [mine.pop(key, statement) for statement in base.graph.body if (key := _key_of(statement)) not in gone]
    return GraphSyntax(False, (*body, *mine.values()), base.graph.span), patches, deleted


def _key_of(statement: Statement[Child]) -> tuple[object, ...]:
    """What makes two statements of a graph the same key."""
    match statement:
        case Child():
            return ("node", statement.name.text if statement.name is not None else None)
        case For():
            return ("for", statement.targets, statement.iterable.text)
        case If():
            condition = statement.branches[0].condition
            return ("if", condition.text if condition is not None else None)
        case Let():
            return ("let", statement.targets)


def _is_path(key: str) -> bool:
    """Whether a key can be an elaborated path: no statement, no comma key, nothing left to fill in."""
    return not is_statement(key) and "," not in key and "$" not in key


def _blocks(section: Mapping | None, errors: Errors) -> dict[str, BlockSyntax]:
    blocks: dict[str, BlockSyntax] = {}
    for entry in _entries(section):
        if _is_null(entry.value):
            continue
        if not entry.key.text.isidentifier():
            message = f"`{entry.key.text}` is no name for a block"
            errors.add(spec_error("bad-name", message, entry.key.span, help="use letters, digits and `_`"))
            continue
        try:
            block = parse_block(entry.key.text, entry.value)
        except SpecError as error:
            errors.add(error)
            continue
        graph = parse_graph(block.graph, errors)
        if graph is not None:
            blocks[entry.key.text] = BlockSyntax(
                entry.key.text,
                block.doc,
                block.params,
                _block_inputs(block, errors),
                parse_lets(block.let, errors) if block.let is not None else (),
                graph,
                parse_outputs(block.outputs, errors) if block.outputs is not None else None,
                entry.value,
                _words(item for item in _entries(entry.value) if item.key.text not in ("params", "doc")),
            )
    return blocks


def _block_inputs(block: Block, errors: Errors) -> tuple[str, ...] | str | None:
    node: Node | None = block.inputs
    if node is None:
        return None
    items = node.items if isinstance(node, Sequence) else (node,)
    names = [item.text for item in items if isinstance(item, Scalar) and isinstance(item.value, str)]
    if not names or len(names) < len(items):
        message = f"`inputs` is a list of names, or one name for all of them; got {describe(node)}"
        errors.add(spec_error("wrong-type", message, node.span))
        return None
    for position, name in enumerate(names):
        if name in names[:position]:
            errors.add(spec_error("duplicate-name", f"input `{name}` is declared twice", items[position].span))
        elif not name.isidentifier() or name == "input":
            errors.add(
                spec_error(
                    "bad-name",
                    f"`{name}` is no name for a declared input",
                    items[position].span,
                    help="`input` already stands for all of them" if name == "input" else "use letters, digits and `_`",
                )
            )
    return tuple(names) if isinstance(node, Sequence) else names[0]


def _imports(section: Mapping | None, folder: Path | None, find: Find, errors: Errors) -> dict[str, Import]:
    """The imports; a file that is not there is an error even where nothing uses it."""
    found: dict[str, Import] = {}
    for entry in _entries(section):
        if errors.are_enough:
            break
        try:
            made = _import(entry, folder)
            found[entry.key.text] = made
            find(made.target, folder)
        except SpecError as error:
            errors.add(error)
    return found


def _import(entry: Entry, folder: Path | None) -> Import:
    """`name: file.yaml`, or `name: {file: file.yaml, variant: wide, params: {eps: 1e-3}}`."""
    if isinstance(entry.value, Mapping):
        document = parse_import(entry.key.text, entry.value)
        made = Import(document.file, folder, document.variant, _entries(document.params))
    elif isinstance(entry.value, Scalar):
        made = Import(entry.value, folder)
    else:
        raise spec_error("wrong-type", f"an import is a file, got {describe(entry.value)}", entry.value.span)
    if not isinstance(made.target.value, str):
        raise spec_error("wrong-type", f"an import is a file's path, got {describe(made.target)}", made.target.span)
    return made


def _preset(base: Spec | None, variant: Scalar | None, errors: Errors) -> tuple[Entry, ...]:
    if base is None:
        return ()
    if variant is None:
        return base.preset
    try:
        chosen = variant_entries(base, variant.text, variant.span)
    except SpecError as error:
        errors.add(error)
        return ()
    return (*variant_preset(base, variant.text), *chosen)


def variant_entries(spec: Spec, variant: str, span: Span | None) -> tuple[Entry, ...]:
    """The params that a variant sets, after those of the variant it builds on: the later win. Raises SpecError
    as `variant_layers`."""
    return tuple(entry for _, entries in reversed(variant_layers(spec, variant, span)) for entry in entries)


def variant_preset(spec: Spec, variant: str) -> tuple[Entry, ...]:
    """The params that hold beneath a variant: what its file, or that of the one it builds on, takes of its base."""
    return spec.presets.get(variant_layers(spec, variant, None)[-1][0], ())


def variant_layers(spec: Spec, variant: str, span: Span | None) -> list[tuple[str, tuple[Entry, ...]]]:
    """A variant and the params that it sets, then the one that it builds on (`variant: other`), and so on.

    Raises SpecError when there is no such variant, at `span` or where one builds on it, or when one leads to itself.
    """
    layers: list[tuple[str, tuple[Entry, ...]]] = []
    links: dict[str, Scalar] = {}
    while True:
        entries = _own_entries(spec, variant, span)
        base = next((entry.value for entry in entries if entry.key.text == "variant"), None)
        layers.append((variant, tuple(entry for entry in entries if entry.key.text != "variant")))
        if base is None:
            return layers
        if not isinstance(base, Scalar) or base.value is None:
            raise spec_error("wrong-type", f"`variant` is another variant's name, got {describe(base)}", base.span)
        links[variant] = base
        if base.text in links:
            raise _cycle(spec, links, base.text)
        if len(links) > MAX_LAYERS:
            message = f"variants build on each other more than {MAX_LAYERS} deep"
            raise spec_error("too-deep", message, base.span, help="write out their params")
        variant, span = base.text, base.span


def _cycle(spec: Spec, links: dict[str, Scalar], variant: str) -> SpecError:
    """The same error wherever one enters the circle: at its variant that stands first in the file."""
    names = list(links)
    circle = set(names[names.index(variant) :])
    chain = [next(entry.key.text for entry in _entries(spec.variants) if entry.key.text in circle)]
    while len(chain) <= len(circle):
        chain.append(links[chain[-1]].text)
    message = f"variant `{chain[0]}` builds on itself: {' -> '.join(chain)}"
    return spec_error("variant-cycle", message, links[chain[0]].span, help="break the circle")


def _own_entries(spec: Spec, variant: str, span: Span | None) -> tuple[Entry, ...]:
    node = spec.variants.get(variant) if spec.variants is not None else None
    if node is None:
        raise spec_error(
            "unknown-variant",
            f"`{spec.name}` has no variant `{variant}`",
            span,
            help=did_you_mean(variant, [entry.key.text for entry in _entries(spec.variants)]) or "it has no variants",
        )
    if isinstance(node, Scalar) and node.value is None:
        return ()
    if not isinstance(node, Mapping):
        raise spec_error("wrong-type", f"a variant is a mapping of params, got {describe(node)}", node.span)
    return node.entries


def _merge(base: Mapping | None, own: Mapping | None) -> Mapping | None:
    """Entries of `own` replace those of `base` in place; null deletes."""
    if base is None or own is None:
        return own or base
    mine = {entry.key.text: entry for entry in own.entries}
    merged = [mine.pop(entry.key.text, entry) for entry in base.entries]
    return Mapping(tuple(e for e in (*merged, *mine.values()) if not _is_null(e.value)), own.span, own.flow)


def _merge_lets(base: tuple[Let, ...], own: Mapping | None, errors: Errors) -> tuple[Let, ...]:
    if own is None:
        return base
    mine = {let.targets: let for let in parse_lets(own, errors)}
    return (*(mine.pop(let.targets, let) for let in base), *mine.values())


def _entries(section: Node | None) -> tuple[Entry, ...]:
    return section.entries if isinstance(section, Mapping) else ()


def _words(entries: Iterable[Entry]) -> frozenset[str]:
    return words_in(node for entry in entries for node in (entry.key, entry.value))


def _words_outwards(block: BlockSyntax) -> frozenset[str]:
    """What a block mentions of the names of its file: its own params hide them."""
    own = _entries(block.params)
    return (block.words - {entry.key.text for entry in own}) | words_in(entry.value for entry in own)


def words_in(nodes: Iterable[Node]) -> frozenset[str]:
    """Every identifier in what is written there; a key that is no more than a name mentions no other."""
    found: set[str] = set()
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if isinstance(node, Scalar):
            found.update(_WORD.findall(node.text))
        elif isinstance(node, Sequence):
            pending.extend(node.items)
        else:
            for entry in node.entries:
                pending.extend((entry.value,) if entry.key.text.isidentifier() else (entry.key, entry.value))
    return frozenset(found)


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None
