"""A graph as text, one node a line: compact enough to review in a golden file, complete enough to notice any change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archspec.dims import closed_form
from archspec.ir import Graph, Node, Scope, Tree
from archspec.values import RuntimeCode, RuntimeSize, TensorType, Value


def to_text(graph: Graph) -> str:
    """The graph: inputs, nodes within their scopes, outputs, frozen parameters, expectations, pinned sizes."""
    lines = [f"graph {graph.name}"]
    lines += [f"input {item.name}: {_type(item.type)}" for item in graph.inputs]
    lines += list(_scope(graph, graph.root, ""))
    lines += [
        f"output {entry.name}: {_tree(graph, entry.value)}{'' if entry.mode == 'always' else f' (only {entry.mode})'}"
        for entry in graph.outputs.entries
    ]
    lines += [f"frozen {name}" for name in graph.frozen]
    lines += [f"expect {key}: {value}" for key, value in graph.expect.items()]
    pins = [*graph.pins, *((size, node.origin.span) for node in graph.nodes for size in node.pins)]
    lines += [f"pinned {closed_form(size)} = {size.value} at {span.line}:{span.column}" for size, span in pins]
    return "\n".join(lines) + "\n"


def _scope(graph: Graph, scope: Scope, indent: str) -> Iterator[str]:
    for child in scope.children:
        if isinstance(child, int):
            yield indent + _node(graph, graph.nodes[child])
            continue
        kind = child.block or ("list" if child.numbered else "graph")
        again = f" = {child.module}" if child.is_reuse else ""
        reads = ", ".join(graph.name_of(value) for value in child.inputs)
        yield f"{indent}{child.path}{again}: {kind}({reads})"
        yield from _scope(graph, child, indent + "  ")


def _node(graph: Graph, node: Node) -> str:
    again = f" = {node.module}" if node.is_reuse else ""
    reads = [graph.name_of(value) for value in node.inputs]
    if len(set(node.slots)) > 1:
        reads = [f"{slot}={name}" for slot, name in zip(node.slots, reads, strict=True)]
    arguments = [f"{name}={_argument(graph, node, value)}" for name, value in node.op if value != _default(node, name)]
    line = f"{node.path}{again}: {type(node.op).name}({', '.join([*reads, *arguments])})"
    line += " -> " + ", ".join(_type(output) for output in node.outputs)
    line += "".join(
        f" init {name or 'value'}={rule.function}({', '.join(f'{key}={value}' for key, value in rule.arguments)})"
        for name, rule in node.init
    )
    return line + "".join(f" tie {name}={target}" for name, target in node.ties)


def _default(node: Node, name: str) -> object:
    return type(node.op).model_fields[name].default


def _argument(graph: Graph, node: Node, value: Any) -> str:
    if isinstance(value, RuntimeSize):
        return _code(graph, node, value.code)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_argument(graph, node, item) for item in value) + "]"  # pyright: ignore[reportUnknownVariableType]
    return str(value)


def _code(graph: Graph, node: Node, code: RuntimeCode) -> str:
    if isinstance(code, int):
        return str(code)
    if isinstance(code, tuple):
        operator, left, right = code
        return f"({_code(graph, node, left)} {operator} {_code(graph, node, right)})"
    source = node.reads[code.source] if isinstance(code.source, int) else code.source
    return f"{graph.name_of(source)}.shape[{code.axis}]"


def _type(type_: TensorType) -> str:
    return f"{type_}" if type_.dtype == "float32" else f"{type_} {type_.dtype}"


def _tree(graph: Graph, tree: Tree) -> str:
    if isinstance(tree, Value):
        return graph.name_of(tree)
    return "[" + ", ".join(_tree(graph, branch) for branch in tree) + "]"
