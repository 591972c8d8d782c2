"""Builds small graphs by hand, for tests of what comes after elaboration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from archspec.diagnostics import Source, Span
from archspec.dims import symbol
from archspec.ir import Graph, Initializer, Input, Node, Origin, Output, Outputs, Scope, verify
from archspec.ops import lookup
from archspec.ops.base import INFERRED, Inputs, is_marked
from archspec.ops.needs import Needs
from archspec.values import TensorType, Value

ORIGIN = Origin(Span(Source("<test>", ""), 1, 1, 1, 2))


class GraphBuilder:
    """`node` appends a node to the open scope and gives its value; `scope` opens a scope."""

    def __init__(self, name: str = "net", doc: str = "", **inputs: tuple[Any, ...]) -> None:
        self.name, self.doc = name, doc
        self.inputs = tuple(
            Input(name, TensorType((symbol("N", 1), *shape), "float32")) for name, shape in (inputs or {"input": (3, 8, 8)}).items()
        )
        self.nodes: list[Node] = []
        self.open: list[dict[str, Any]] = [{"path": "", "module": "", "numbered": False, "children": [], "start": 0}]
        self.made: dict[str, Scope] = {}

    def type_of(self, value: Value) -> TensorType:
        return self.inputs[-1 - value.node].type if value.node < 0 else self.nodes[value.node].outputs[value.part]

    def node(
        self, name: str, op: str, *inputs: Value, reads: tuple[Value, ...] = (), module: str | None = None,
        init: Mapping[str, Initializer] | None = None, ties: Mapping[str, str] | None = None, slots: tuple[str, ...] = (),
        **args: Any,
    ) -> Value:  # fmt: skip
        """Appends a node; `module`: the full path of the node whose module it uses again."""
        kind = lookup(op)
        assert kind is not None, op
        operands = (*kind.signature.required, *kind.signature.optional)
        slots = slots or tuple(operands[min(i, len(operands) - 1)] for i in range(len(inputs)))
        types = Inputs(tuple(map(self.type_of, inputs)), slots)
        need = Needs()
        inferred = kind.inferred(need, types)
        fields = {key for key, info in kind.model_fields.items() if is_marked(info, INFERRED)}
        built = kind.model_validate({**{k: v for k, v in inferred.items() if k in fields}, **args})
        outputs = built.infer(need, types)
        scope = self.open[-1]
        path = f"{scope['path']}.{name}" if scope["path"] else name
        own = f"{scope['module']}.{name}" if scope["module"] else name
        node = Node(
            path, module or own, built, inputs, slots, reads,
            (outputs,) if isinstance(outputs, TensorType) else outputs, ORIGIN,
            init=tuple((init or {}).items()), ties=tuple((ties or {}).items()),
        )  # fmt: skip
        scope["children"].append(len(self.nodes))
        self.nodes.append(node)
        return Value(len(self.nodes) - 1)

    @contextmanager
    def scope(
        self, name: str, *inputs: Value, numbered: bool = False, block: str | None = None, module: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Iterator[list[Value]]:  # fmt: skip
        """Opens a scope; put its outputs into the list that it gives."""
        above = self.open[-1]
        path = f"{above['path']}.{name}" if above["path"] else name
        own = f"{above['module']}.{name}" if above["module"] else name
        self.open.append({"path": path, "module": module or own, "numbered": numbered, "children": [], "start": len(self.nodes)})
        outputs: list[Value] = []
        yield outputs
        made = self.open.pop()
        scope = Scope(
            path, made["module"], numbered, tuple(made["children"]), made["start"], len(self.nodes), inputs,
            tuple(outputs) or (Value(len(self.nodes) - 1),), ORIGIN, block, params or {},
        )  # fmt: skip
        above["children"].append(scope)

    def build(self, *outputs: Value | Output, kind: str | None = None, frozen: tuple[str, ...] = ()) -> Graph:
        """The graph; the last value unless outputs are given."""
        entries = tuple(
            item if isinstance(item, Output) else Output(f"out{i}", item) for i, item in enumerate(outputs or (Value(len(self.nodes) - 1),))
        )
        top = self.open[0]
        root = Scope(
            "", "", top["numbered"], tuple(top["children"]), 0, len(self.nodes),
            tuple(Value(-1 - i) for i in range(len(self.inputs))), (Value(len(self.nodes) - 1),), ORIGIN,
        )  # fmt: skip
        named: Any = kind or ("single" if len(entries) == 1 else "tuple")
        graph = Graph(self.name, self.doc, self.inputs, tuple(self.nodes), root, Outputs(named, entries), frozen=frozen)
        return verify(replace(graph))
