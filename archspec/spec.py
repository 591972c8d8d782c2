"""A spec ready for elaboration: the file and all that it extends, merged; graphs parsed; imports found.

`Library` finds and loads files, each once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from archspec.diagnostics import Source, Span, SpecError, did_you_mean, spec_error
from archspec.schema import Block, Document, parse_block, parse_document
from archspec.syntax import (
    Child,
    Errors,
    GraphSyntax,
    Let,
    NodeSyntax,
    OutputsSyntax,
    describe,
    is_statement,
    parse_graph,
    parse_lets,
    parse_node,
    parse_outputs,
)
from archspec.yaml_source import Entry, Mapping, Node, Scalar, Sequence, parse, read

_INSTALLED = Path(__file__).parent / "specs"
BUNDLED = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parent.parent / "specs"
"""Where the bundled specs are: in an installed package, or in a checkout."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockSyntax:
    """A block of a file, parsed."""

    name: str
    doc: str
    params: Mapping | None
    inputs: tuple[str, ...] | str | None  # names, the name of the list of all, or undeclared
    lets: tuple[Let, ...]
    graph: GraphSyntax
    outputs: OutputsSyntax | None


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """One file with what it extends merged in. Sections that are only evaluated later stay located YAML."""

    name: str
    doc: str
    path: Path | None
    span: Span
    params: tuple[Entry, ...]
    overrides: tuple[Entry, ...]  # values that this file, or `variant:` in it, gives to params of the file it extends
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
    freeze: Node | None
    imports: dict[str, Import]
    patches: dict[str, NodeSyntax | None] = field(default_factory=dict[str, "NodeSyntax | None"])


@dataclass(frozen=True, slots=True, eq=False)
class Import:
    """A name in `imports:`, and the folder its path starts from."""

    target: Scalar
    folder: Path | None


class Library:
    """Loads specs by path or bundled name, each file once.

    `allow`: further folders that `extends` and `imports` may reach; they always may reach the folder of the spec that is
    asked for, below it, and the bundled specs.
    """

    def __init__(self, allow: Iterable[Path] = ()) -> None:
        self.roots = [BUNDLED.resolve(), *(folder.resolve() for folder in allow)]
        self._specs: dict[Path, Spec] = {}
        self._loading: list[Path] = []

    def load(self, path: Path) -> Spec:
        """The spec in a file that the user names. Raises SpecError."""
        self.roots.append(path.resolve().parent)
        return self._load(path)

    def load_text(self, source: Source, folder: Path | None = None) -> Spec:
        """A spec given as text; `folder` is where its imports start."""
        if folder is not None:
            self.roots.append(folder.resolve())
        return self._build(source, None, folder)

    def resolve(self, target: Scalar, folder: Path | None) -> Spec:
        """The spec that `extends` or an import names. Raises SpecError at the name."""
        path = self._find(target, folder)
        if path in self._loading:
            chain = " -> ".join(p.name for p in (*self._loading[self._loading.index(path) :], path))
            raise spec_error(
                "import-cycle", f"`{target.text}` leads back to itself: {chain}", target.span, help="break the circle"
            )
        return self._load(path)

    def _find(self, target: Scalar, folder: Path | None) -> Path:
        text = target.text
        candidates = [(folder or Path.cwd()) / text, BUNDLED / text, BUNDLED / f"{text}.yaml"]
        found = next((path.resolve() for path in candidates if path.is_file()), None)
        if found is None:
            known = [path.name for path in BUNDLED.glob("*.yaml")]
            known += [path.name for path in folder.glob("*.yaml")] if folder is not None and folder.is_dir() else []
            raise spec_error(
                "file-not-found",
                f"no spec `{text}` beside this file or among the bundled ones",
                target.span,
                help=did_you_mean(text, known),
            )
        if not any(found.is_relative_to(root) for root in self.roots):
            raise spec_error(
                "file-not-allowed",
                f"`{text}` lies outside the folder of the spec and the bundled specs",
                target.span,
                help="move it below the spec's folder, or allow its folder with `--allow-path`",
            )
        return found

    def _load(self, path: Path) -> Spec:
        key = path.resolve()
        if key not in self._specs:
            self._loading.append(key)
            try:
                self._specs[key] = self._build(read(path), path, path.parent)
            finally:
                self._loading.pop()
        return self._specs[key]

    def _build(self, source: Source, path: Path | None, folder: Path | None) -> Spec:
        node = parse(source)
        document = parse_document(node)
        errors = Errors()
        base = self.resolve(document.extends, folder) if document.extends is not None else None
        spec = _assemble(document, node, path, folder, base, errors)
        errors.check()
        return spec


def bundled() -> dict[str, Path]:
    """Every bundled spec by name."""
    return {path.stem: path for path in sorted(BUNDLED.glob("*.yaml"))}


def _assemble(
    document: Document, node: Node, path: Path | None, folder: Path | None, base: Spec | None, errors: Errors
) -> Spec:
    graph, patches = _graph(document.graph, base, errors)
    name = document.name or (path.stem if path is not None else "spec")
    own = document.params.entries if document.params is not None else ()
    known = {entry.key.text for entry in base.params} if base is not None else set[str]()
    blocks = _blocks(document.blocks, errors)
    deleted = {entry.key.text for entry in _entries(document.blocks) if _is_null(entry.value)}
    return Spec(
        name=name,
        doc=document.doc or (base.doc if base is not None else ""),
        path=path,
        span=node.span,
        params=(*(base.params if base else ()), *(entry for entry in own if entry.key.text not in known)),
        overrides=(
            *(base.overrides if base else ()),
            *(_variant_entries(base, document.variant, errors) if base and document.variant is not None else ()),
            *(entry for entry in own if entry.key.text in known),
        ),
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
        freeze=document.freeze if document.freeze is not None else base.freeze if base else None,
        imports={**(base.imports if base else {}), **_imports(document.imports, folder, errors)},
        patches={**(base.patches if base else {}), **patches},
    )


def _graph(
    node: Node | None, base: Spec | None, errors: Errors
) -> tuple[GraphSyntax | None, dict[str, NodeSyntax | None]]:
    """The graph, and what replaces elaborated paths. A mapping that extends a graph replaces, deletes and appends."""
    if base is None or base.graph is None or not isinstance(node, Mapping):
        parsed = parse_graph(node, errors) if node is not None else None
        return (parsed if node is not None else base.graph if base else None), {}
    own = {entry.key.text: entry for entry in node.entries}
    patches = {
        key: None if _is_null(entry.value) else parse_node(entry.value, errors)
        for key, entry in own.items()
        if not is_statement(key)
    }
    plain = {
        statement.name.text
        for statement in base.graph.body
        if isinstance(statement, Child) and statement.name is not None
    }
    added = Mapping(
        tuple(e for k, e in own.items() if k not in plain and "." not in k and not _is_null(e.value)),
        node.span,
        node.flow,
    )
    extra = parse_graph(added, errors) if added.entries and not base.graph.numbered else None
    return GraphSyntax(
        base.graph.numbered, (*base.graph.body, *(extra.body if extra else ())), base.graph.span
    ), patches


def _blocks(section: Mapping | None, errors: Errors) -> dict[str, BlockSyntax]:
    blocks: dict[str, BlockSyntax] = {}
    for entry in _entries(section):
        if _is_null(entry.value):
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
            )
    return blocks


def _block_inputs(block: Block, errors: Errors) -> tuple[str, ...] | str | None:
    node: Node | None = block.inputs
    if node is None:
        return None
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return node.value
    if (
        isinstance(node, Sequence)
        and node.items
        and all(isinstance(i, Scalar) and isinstance(i.value, str) for i in node.items)
    ):
        return tuple(item.text for item in node.items if isinstance(item, Scalar))
    errors.add(
        spec_error(
            "wrong-type", f"`inputs` is a list of names, or one name for all of them; got {describe(node)}", node.span
        )
    )
    return None


def _imports(section: Mapping | None, folder: Path | None, errors: Errors) -> dict[str, Import]:
    found: dict[str, Import] = {}
    for entry in _entries(section):
        if isinstance(entry.value, Scalar) and isinstance(entry.value.value, str):
            found[entry.key.text] = Import(entry.value, folder)
        else:
            errors.add(
                spec_error("wrong-type", f"an import is a file's path, got {describe(entry.value)}", entry.value.span)
            )
    return found


def _variant_entries(base: Spec, variant: Scalar, errors: Errors) -> tuple[Entry, ...]:
    try:
        return variant_entries(base, variant.text, variant.span)
    except SpecError as error:
        errors.add(error)
        return ()


def variant_entries(spec: Spec, variant: str, span: Span | None) -> tuple[Entry, ...]:
    """The params that a variant sets. Raises SpecError when there is no such variant."""
    known = spec.variants.keys() if spec.variants is not None else ()
    node = spec.variants.get(variant) if spec.variants is not None else None
    if node is None:
        raise spec_error(
            "unknown-variant",
            f"`{spec.name}` has no variant `{variant}`",
            span,
            help=did_you_mean(variant, known) or "it has no variants",
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


def _entries(section: Mapping | None) -> tuple[Entry, ...]:
    return section.entries if section is not None else ()


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None
