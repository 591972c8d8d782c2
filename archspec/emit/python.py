"""A graph as a Python file: one class a block, straight-line `forward`, and nothing of archspec in it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from textwrap import wrap

from archspec.emit.arguments import Argument
from archspec.emit.body import forward
from archspec.emit.classes import Class, filler, group
from archspec.emit.expression import WIDTH, Expr, Group, Named, Text, call, layout
from archspec.emit.initialize import after_construction, has_rules, init_weights
from archspec.emit.literals import docstring, is_plain, quoted
from archspec.emit.names import Labels
from archspec.emit.naming import network_name
from archspec.emit.runs import compressed
from archspec.emit.structure import Member, Unit, units
from archspec.ir import Graph, Tree
from archspec.ops.target import Module
from archspec.values import TensorType, Value


@dataclass(frozen=True, slots=True)
class Program:
    """A file of source, and the class in it that is the network."""

    source: str
    class_name: str


def to_python(graph: Graph) -> str:
    """The network as a self-contained PyTorch file, formatted and readable; the class takes no arguments."""
    return emit(graph).source


def emit(graph: Graph) -> Program:
    """The file of `to_python`, and what is needed to run it."""
    support = _support(graph)
    taken = {"Tensor", "OrderedDict", *support}
    name = network_name(graph.name, taken)
    classes = group(graph, units(graph), name, taken)
    blocks = [text.strip("\n").split("\n") for text in support.values()]
    labels = Labels(graph)
    blocks += [_class(labels, found) for found in classes]
    body = "\n\n\n".join("\n".join(lines) for lines in blocks)
    return Program("\n".join(_head(graph, body)) + "\n\n\n" + body + "\n", name)


def _head(graph: Graph, body: str) -> list[str]:
    """Module docstring and the imports that the body needs."""
    packages = sorted({_package(path) for path in _paths(graph)} - {"torch"})
    imports = ["import torch"] if "torch." in body else []
    imports += [f"import {package}" for package in packages]
    imports += ["import torch.nn.functional as F"] if "F." in body else []
    imports.append("from torch import Tensor, nn")
    standard = ["from collections import OrderedDict", ""] if "OrderedDict(" in body else []
    return [*docstring(_about(graph)), "", *standard, *imports]


def _about(graph: Graph) -> list[str]:
    """What the network is, takes and gives."""
    first, *rest = graph.doc.strip().split("\n")
    text = [
        row
        for line in (f"{graph.name}: {first}" if first else graph.name, *rest)
        for row in wrap(line, WIDTH - 4) or [""]
    ]
    inputs = {item.name: _shown(item.type) for item in graph.inputs}
    outputs = {entry.name: _shown_tree(graph, entry.value) for entry in graph.outputs.entries}
    count = sum(prod(state.shape) for _, _, state in graph.state() if not state.buffer)
    return [*text, "", *_listed("Input", inputs), *_listed("Output", outputs), f"Parameters: {count:,}"]


def _listed(what: str, entries: dict[str, str]) -> list[str]:
    if len(entries) == 1:
        return [f"{what}: {shape}" for shape in entries.values()]
    return [f"{what}s:", *(f"    {name}: {shape}" for name, shape in entries.items())]


def _shown(kind: TensorType) -> str:
    return f"{kind}" if kind.dtype == "float32" else f"{kind} {kind.dtype}"


def _shown_tree(graph: Graph, tree: Tree) -> str:
    if isinstance(tree, Value):
        return _shown(graph.type_of(tree))
    return ", ".join(_shown_tree(graph, branch) for branch in tree)


def _paths(graph: Graph) -> set[str]:
    targets = (node.op.target(graph.inputs_of(node)) for node in graph.nodes)
    return {target.cls for target in targets if isinstance(target, Module) and not target.support and "." in target.cls}


def _package(path: str) -> str:
    return "torch" if path.startswith("torch.") else path.rsplit(".", 1)[0]


def _support(graph: Graph) -> dict[str, str]:
    """Classes that torch lacks, by name."""
    found: dict[str, str] = {}
    for node in graph.nodes:
        target = node.op.target(graph.inputs_of(node))
        if isinstance(target, Module) and target.support:
            found[target.cls] = target.support
    return found


def _class(labels: Labels, found: Class) -> list[str]:
    graph = labels.graph
    unit = found.unit
    is_root = unit.path == ""
    members, fill = filler(found)
    body = [] if unit.kind == "chain" else forward(labels, unit, fill, graph.outputs if is_root else None)
    base = "nn.Module" if unit.kind == "module" else "nn.Sequential"
    lines = [f"class {found.name}({base}):"]
    doc = _doc(graph, unit, is_root)
    lines += [*docstring(doc, 4), ""] if doc else []
    lines += [*_constructor(graph, found, members, is_root)]
    if body:
        lines += ["", *body]
    if is_root and has_rules(graph):
        lines += ["", "    def init_weights(self) -> None:", *init_weights(graph)]
    return lines


def _doc(graph: Graph, unit: Unit, is_root: bool) -> list[str]:
    if not is_root:
        return unit.scope.doc.strip().split("\n") if unit.scope.doc.strip() else []
    return []


def _constructor(graph: Graph, found: Class, members: list[Expr], is_root: bool) -> list[str]:
    arguments = (Text("self"), *(Text(_declaration(argument)) for argument in found.arguments))
    lines = layout(Group("def __init__(", arguments), 4, suffix=" -> None:")
    unit = found.unit
    modules = [expr for item, expr in zip(unit.members, members, strict=True) if item.register == "add_module"]
    if unit.is_indexed:
        lines += layout(compressed(call("super().__init__", *modules)), 8)
    else:
        lines.append("        super().__init__()")
    lines += [f"        self.{name} = {name}" for name in found.stored]
    for item, expr in zip(unit.members, members, strict=True):
        if not (unit.is_indexed and item.register == "add_module"):
            lines += _register(item, expr)
    if is_root:
        lines += after_construction(graph)
    return lines


def _declaration(argument: Argument) -> str:
    default = "" if argument.default is None else f" = {argument.default}"
    return f"{argument.name}: {argument.annotation}{default}"


def _register(item: Member, expr: Expr) -> list[str]:
    expr = compressed(expr)
    if item.register == "register_buffer":
        extra = () if item.persistent else (Named("persistent", Text("False")),)
        return layout(call("self.register_buffer", Text(quoted(item.name)), expr, *extra), 8)
    if is_plain(item.name):
        return layout(expr, 8, f"self.{item.name} = ")
    return layout(call(f"self.{item.register}", Text(quoted(item.name)), expr), 8)
