"""A graph as a Python file: one class a block, straight-line `forward`, and nothing of archspec in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from textwrap import wrap

from archspec.emit.arguments import Argument
from archspec.emit.body import forward
from archspec.emit.classes import Class, finished, group
from archspec.emit.expression import WIDTH, Group, Named, Text, call, has_table, layout
from archspec.emit.initialize import after_construction, has_rules, init_weights, refuses_training
from archspec.emit.literals import docstring, is_plain, quoted
from archspec.emit.names import Labels
from archspec.emit.naming import network_name
from archspec.emit.runs import compressed
from archspec.emit.structure import Member, Unit, units
from archspec.emit.targets import targets_of
from archspec.ir import Graph, Tree
from archspec.ops.target import Module, Target
from archspec.values import TensorType, Value

_ITEM = re.compile(r"\s*(?:(?:[-*+]|\d+[.)])\s|[#|>]|```|~~~)")
"""The start of an item of a list in a `doc`."""

OPTIMISED = """\
Optimised for inference: without what only training needs, batch norms folded into the layers around them where that is
exact, results written over operands that nobody needs any more. Its weights are those of the optimised module.\
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A file of source, and the class in it that is the network."""

    source: str
    class_name: str


def to_python(graph: Graph) -> str:
    """The network as a self-contained PyTorch file, formatted and readable; its class takes no arguments."""
    return emit(graph).source


def emit(graph: Graph) -> Program:
    """The file of `to_python`, and what is needed to run it."""
    targets = targets_of(graph)
    support = {target.cls: target.support for target in targets if isinstance(target, Module) and target.support}
    taken = {"Tensor", "OrderedDict", *support}
    name = network_name(graph.name, taken)
    classes = group(graph, units(graph, targets), name, taken)
    labels = Labels(graph)
    blocks = [text.strip("\n") for text in support.values()]
    blocks += ["\n".join(_class(labels, found)) for found in classes[:-1]]
    methods = [*_initialisation(graph, targets), *(refuses_training() if graph.inference else [])]
    blocks.append("\n".join([*_class(labels, classes[-1]), *methods]))
    body = "\n\n\n".join(blocks)
    return Program("\n".join(_head(graph, targets, body)) + f"\n\n\n{body}\n", name)


def _head(graph: Graph, targets: Sequence[Target], body: str) -> list[str]:
    """Module docstring and the imports that the body needs."""
    paths = {target.cls for target in targets if isinstance(target, Module) and not target.support}
    packages = sorted({path.rpartition(".")[0] for path in paths if not path.startswith("torch.")})
    imports = ["import torch"] if "torch." in body else []
    imports += [f"import {package}" for package in packages]
    imports += ["import torch.nn.functional as F"] if "F." in body else []
    imports.append("from torch import Tensor, nn")
    standard = ["from collections import OrderedDict", ""] if "OrderedDict(" in body else []
    return [*docstring(_wrapped(_about(graph), WIDTH - 4)), "", *standard, *imports]


def _about(graph: Graph) -> list[str]:
    """What the network is, takes and gives."""
    doc = graph.doc.strip()
    text = f"{graph.name}: {doc}" if doc else graph.name
    inputs = {item.name: _shown(item.type) for item in graph.inputs}
    outputs = {entry.name: _shown_tree(graph, entry.value) for entry in graph.outputs.entries}
    count = sum(prod(state.shape) for _, _, state in graph.state() if not state.buffer)
    return [
        *_wrapped(text.split("\n"), WIDTH - 4, prose=True),
        "",
        *_listed("Input", inputs),
        *_listed("Output", outputs),
        f"Parameters: {count:,}",
        *(["", OPTIMISED] if graph.inference else []),
    ]


def _wrapped(lines: Sequence[str], width: int, *, prose: bool = False) -> list[str]:
    """The lines, long ones broken; what follows a break is indented as the line was, and in `prose` goes on with the
    next line, so that no word or two stand alone."""
    out: list[str] = []
    left = ""
    for line in lines:
        if left and line.strip() and _indent(line) == _indent(left) and not _ITEM.match(line):
            line = f"{left} {line.strip()}"
        elif left:
            out.append(left)
        rows = wrap(line, width, subsequent_indent=_indent(line), break_on_hyphens=False, break_long_words=False)
        left = rows.pop() if prose and len(rows) > 1 else ""
        out += rows or [""]
    return [*out, left] if left else out


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


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


def _class(labels: Labels, found: Class) -> list[str]:
    """Constructor and `forward`."""
    graph = labels.graph
    unit, stored = finished(found)
    is_root = unit.path == ""
    silent = unit.kind == "chain" or not (is_root or unit.returned)
    body = [] if silent else forward(labels, found.units, unit, graph.outputs if is_root else None)
    doc = "" if is_root else unit.scope.doc.strip()
    if silent and unit.kind != "chain":
        doc = doc or "Layers that the module around this one calls."
    return [
        f"class {found.name}({'nn.Module' if unit.kind == 'module' else 'nn.Sequential'}):",
        *([*docstring(_wrapped(doc.split("\n"), WIDTH - 10, prose=True), 4), ""] if doc else []),
        *_constructor(unit, found.arguments, stored),
        *(after_construction(graph) if is_root else []),
        *(["", *body] if body else []),
    ]


def _initialisation(graph: Graph, targets: Sequence[Target]) -> list[str]:
    if not has_rules(graph):
        return []
    return ["", "    def init_weights(self) -> None:", *init_weights(graph, targets)]


def _constructor(unit: Unit, arguments: Sequence[Argument], stored: Sequence[str]) -> list[str]:
    declared = (Text("self"), *(Text(_declaration(argument)) for argument in arguments))
    lines = layout(Group("def __init__(", declared), 4, suffix=" -> None:")
    listed = [item for item in unit.members if unit.is_indexed and item.register == "add_module"]
    lines += layout(compressed(call("super().__init__", *(item.expr for item in listed))), 8)
    lines += [f"        self.{name} = {name}" for name in stored]
    return [*lines, *(line for item in unit.members if item not in listed for line in _register(item))]


def _declaration(argument: Argument) -> str:
    default = "" if argument.default is None else f" = {argument.default}"
    return f"{argument.name}: {argument.annotation}{default}"


def _register(item: Member) -> list[str]:
    """The line that makes something the module's own."""
    expr = compressed(item.expr)
    if is_plain(item.name) and item.register != "register_buffer":
        lines = layout(expr, 8, f"self.{item.name} = ")
    else:
        extra = () if item.persistent else (Named("persistent", Text("False")),)
        lines = layout(call(f"self.{item.register}", Text(quoted(item.name)), expr, *extra), 8)
    return [*lines[:-1], f"{lines[-1]}  # fmt: skip"] if has_table(expr) else lines
