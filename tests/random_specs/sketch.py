"""Specs as data, printed as YAML the way an author writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Expr:
    """An expression, as written."""

    text: str


@dataclass(eq=False)
class Child:
    """A node. One of `op` (an op, a block, `$param`), `graph` and `reuse` is given; a list item shows its `name` only
    where `labelled`. `reads` is None for the node before."""

    name: str
    op: str = ""
    args: dict[str, Any] = field(default_factory=dict[str, Any])
    reads: tuple[str, ...] | dict[str, str] | None = None
    graph: Graph | None = None
    reuse: str = ""
    when: str = ""
    otherwise: str = ""
    repeat: str = ""
    parts: tuple[str, ...] = ()
    init: str = ""
    labelled: bool = True


@dataclass(eq=False)
class For:
    targets: str
    iterable: str
    body: list[Statement]


@dataclass(eq=False)
class If:
    """Conditions with their bodies; the empty condition is `else`."""

    branches: list[tuple[str, list[Statement]]]


@dataclass(eq=False)
class Let:
    name: str
    value: str


Statement = Child | For | If | Let


@dataclass(eq=False)
class Graph:
    body: list[Statement]
    numbered: bool = False


@dataclass(eq=False)
class Block:
    """`inputs`: names, or the name of the list of all, or None. `outputs`: one reference, or several by name. `sources`
    are inputs that it takes. It stands in the spec, or in an imported `file`: a library, or a network of its own."""

    name: str
    graph: Graph
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    inputs: tuple[str, ...] | None = None
    lets: dict[str, str] = field(default_factory=dict[str, str])
    outputs: str | dict[str, str] = ""
    sources: tuple[Source, ...] = ()
    file: str = ""
    is_network: bool = False


@dataclass(frozen=True)
class Source:
    """An input of the network: sizes without the batch."""

    sizes: tuple[int, ...]
    dtype: str = "float32"


Output = tuple[str, str | tuple[str, ...], str]


@dataclass(eq=False)
class Sketch:
    """A whole spec. Its outputs are `(name, reference or several, mode)`; `kind` as in `archspec.ir.Outputs`."""

    inputs: dict[str, Source]
    graph: Graph
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    lets: dict[str, str] = field(default_factory=dict[str, str])
    blocks: dict[str, Block] = field(default_factory=dict[str, Block])
    outputs: list[Output] = field(default_factory=list["Output"])
    kind: str = "single"
    name: str = "random"

    @property
    def text(self) -> str:
        imports = any(block.file for block in self.blocks.values())
        return "\n".join(_spec_lines(used(self) if imports else self)) + "\n"

    @property
    def imported(self) -> dict[str, Sketch]:
        """The files that are imported, by the names that they have here."""
        files = dict.fromkeys(block.file for block in self.blocks.values() if block.file)
        return {file: _file(self, file) for file in files}

    @property
    def shown(self) -> str:
        """The text of all its files."""
        return "".join([self.text, *(f"# {name}.yaml\n{spec.text}" for name, spec in self.imported.items())])

    def block(self, op: str) -> Block | None:
        """The block that an op's name stands for: `Block`, or `parts.Block`."""
        return self.blocks.get(op.rpartition(".")[2])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """As hypothesis shows a failing example."""
        printer.text(f"\n{self.shown}")


def _file(spec: Sketch, name: str) -> Sketch:
    """An imported file: it has the params and lets of the spec that it uses, under the same names."""
    blocks = {block.name: replace(block, file="") for block in spec.blocks.values() if block.file == name}
    first, *_ = blocks.values()
    if not first.is_network:
        return used(Sketch({}, Graph([]), spec.params, spec.lets, blocks, name=name))
    inputs = dict(zip(first.inputs or ("input",), first.sources, strict=False))
    given = first.outputs if isinstance(first.outputs, dict) else {"output": first.outputs} if first.outputs else {}
    outputs: list[Output] = [(output, reference, "always") for output, reference in given.items()]
    kind = "dict" if isinstance(first.outputs, dict) else "single"
    params, lets = {**spec.params, **first.params}, {**spec.lets, **first.lets}
    return used(Sketch(inputs, first.graph, params, lets, {}, outputs, kind, name), keep=set(first.params))


def used(spec: Sketch, keep: set[str] | frozenset[str] = frozenset()) -> Sketch:
    """Without the params that came to no use."""
    known = keep | mentioned(spec)
    return replace(spec, params={name: value for name, value in spec.params.items() if name in known})


_KEY = re.compile(r"(^[\s-]*|[{,]\s*)[A-Za-z_]\w*:(?=\s|$)", re.MULTILINE)


def mentioned(spec: Sketch) -> set[str]:
    """Every name that a spec mentions, apart from its own params: those of blocks hide them."""
    found = words(*_spec_lines(replace(spec, params={}, blocks={})))
    for block in (block for block in spec.blocks.values() if not block.file):
        found |= words(*block_lines(replace(block, params={}))) - block.params.keys()
        found |= words(*map(str, block.params.values()))
    return found


def words(*lines: str) -> set[str]:
    """Every name in a text, apart from keys that are no more than one."""
    return {word for line in lines for word in re.findall(r"[A-Za-z_]\w*", _KEY.sub(r"\1", line))}


# Printing


def _spec_lines(spec: Sketch) -> Iterator[str]:
    yield "archspec: 1"
    yield f"name: {spec.name}"
    if spec.params:
        yield "params:"
        yield from _indent(f"{name}: {_flow(value)}" for name, value in spec.params.items())
    if spec.lets:
        yield "let:"
        yield from _indent(f"{name}: {value}" for name, value in spec.lets.items())
    files = dict.fromkeys(block.file for block in spec.blocks.values() if block.file)
    if files:
        yield "imports:"
        yield from _indent(f"{name}: {name}.yaml" for name in files)
    if list(spec.inputs) == ["input"]:
        yield f"input: {_source(spec.inputs['input'])}"
    elif spec.inputs:
        yield "inputs:"
        yield from _indent(f"{name}: {_source(source)}" for name, source in spec.inputs.items())
    if own := [block for block in spec.blocks.values() if not block.file]:
        yield "blocks:"
        for block in own:
            yield from _indent(block_lines(block))
    if not spec.graph.body:
        return
    yield "graph:"
    yield from _indent(_graph_lines(spec.graph))
    if spec.kind == "single":
        yield from (f"outputs: {_flow(reference)}" for _, reference, _ in spec.outputs)
    else:
        yield "outputs:"
        dash = spec.kind == "tuple"
        for name, reference, mode in spec.outputs:
            shown = _flow(reference)
            value = shown if mode == "always" else f"{{from: {shown}, only: {mode}}}"
            yield f"  - {value}" if dash else f"  {name}: {value}"


def _source(source: Source) -> str:
    shape = f"[{', '.join(['N', *map(str, source.sizes)])}]"
    return shape if source.dtype == "float32" else f"{{shape: {shape}, dtype: {source.dtype}}}"


def block_lines(block: Block) -> Iterator[str]:
    yield f"{block.name}:"
    if block.params:
        yield f"  params: {_flow(block.params)}"
    if block.inputs:
        yield f"  inputs: {_flow(list(block.inputs))}"
    if block.lets:
        yield "  let:"
        yield from (f"    {name}: {value}" for name, value in block.lets.items())
    yield "  graph:"
    yield from _indent(_indent(_graph_lines(block.graph)))
    if block.outputs:
        yield f"  outputs: {_flow(block.outputs)}"


def _indent(lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _graph_lines(graph: Graph) -> Iterator[str]:
    return _body_lines(graph.body, graph.numbered)


def _body_lines(body: Sequence[Statement], numbered: bool) -> Iterator[str]:
    for statement in body:
        lines = _statement_lines(statement, numbered)
        if numbered:
            yield f"- {next(lines)}"
            yield from _indent(lines)
        else:
            yield from lines


def _statement_lines(statement: Statement, numbered: bool) -> Iterator[str]:
    match statement:
        case Child():
            yield from _child_lines(statement, numbered)
        case Let():
            yield f"let {statement.name}: {statement.value}"
        case For():
            yield f"for {statement.targets} in {statement.iterable}:"
            yield from _indent(_body_lines(statement.body, numbered))
        case If():
            for position, (condition, body) in enumerate(statement.branches):
                yield f"{'elif' if position else 'if'} {condition}:" if condition else "else:"
                yield from _indent(_body_lines(body, numbered))


def _child_lines(child: Child, numbered: bool) -> Iterator[str]:
    key = "" if numbered else f"{', '.join(child.parts) or child.name}:"
    reads: Any = list(child.reads) if isinstance(child.reads, tuple) else child.reads
    keys: dict[str, Any] = {"op": child.op, "reuse": child.reuse, **child.args}
    keys["from"] = reads[0] if isinstance(reads, list) and len(reads) == 1 else reads
    keys |= {"when": Expr(child.when), "else": child.otherwise, "repeat": Expr(child.repeat)}
    if child.init or "init" not in child.args:
        keys["init"] = child.init
    keys["as"] = child.name if numbered and child.labelled else ""
    unset = ("", None, Expr(""))
    keys = {name: value for name, value in keys.items() if name in child.args or value not in unset}
    if child.graph is None:
        flow = child.op if keys.keys() == {"op"} else _flow(keys)
        yield f"{key} {flow}".lstrip()
        return
    graph, inner = child.graph, _graph_lines(child.graph)
    # as a list item, a mapping of nothing but statements would be statements of the list
    unclear = numbered and not graph.numbered and not any(isinstance(item, Child) for item in graph.body)
    if keys or unclear:
        lines = [*(f"{name}: {_flow(value)}" for name, value in keys.items()), "graph:", *_indent(inner)]
    else:
        lines = list(inner)
    if numbered:
        yield from lines
    else:
        yield key
        yield from _indent(lines)


def _flow(value: Any) -> str:
    """In YAML's flow style; an expression is quoted where its brackets or commas would not survive."""
    match value:
        case Expr(text):
            return f'"{text}"' if re.search(r"[\[\]{},:#]", text) else text
        case str() if re.search(r"[,:]", value):
            return f'"{value}"'
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case list() | tuple():
            return f"[{', '.join(map(_flow, value))}]"
        case dict():
            return "{" + ", ".join(f"{name}: {_flow(item)}" for name, item in value.items()) + "}"
        case _:
            return str(value)
