"""Results written over an operand that nobody reads any more.

Which values may lie in one piece of memory follows from the ops: a view, and what is computed in place, lie where
their first operand does. An op may overwrite such a piece when it is neither an input nor a weight, when all that lies
in it has been read for the last time, and when no two of its elements are one in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from archspec.inference.rewrite import Rewrite, in_several_uses, with_arguments
from archspec.ir import Graph, Node
from archspec.ops.arithmetic import Add, Mul
from archspec.ops.base import Example, Inputs, Needs, Op, OpError, Signature
from archspec.ops.pointwise import GELU
from archspec.ops.target import Call, Method, Operand, Target
from archspec.values import Value


class _InPlace:
    """What an op is in the memory of its first operand."""

    name: ClassVar[str]

    @property
    def inplace_on_input(self) -> bool:
        return True


class _TwoOperands(_InPlace):
    """A method of the first operand, of the op's name."""

    signature: ClassVar[Signature] = Signature(("input", "other"))
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 4, 3, 5), (2, 4, 1, 1))),)

    def target(self, inputs: Inputs) -> Target:
        return Method(self.name, (Operand(1),))


class AddInPlace(_TwoOperands, Add):
    """The sum of two tensors, in the memory of the first."""

    name: ClassVar[str] = "add_"


class MulInPlace(_TwoOperands, Mul):
    """The product of two tensors, in the memory of the first."""

    name: ClassVar[str] = "mul_"


class GELUInPlace(_InPlace, GELU):
    """`gelu`, in the memory of its input."""

    name: ClassVar[str] = "gelu_"

    def target(self, inputs: Inputs) -> Target:
        kwargs = () if self.approximate == "none" else (("approximate", self.approximate),)
        return Call("torch.ops.aten.gelu_", (Operand(0),), kwargs)  # torch.nn has no way to ask for it


def overwrite(graph: Graph) -> Graph:
    """The graph with every op in place that may be."""
    change = Rewrite(graph)
    memory = _Memory(graph)
    kept = in_several_uses(graph)
    for position, node in enumerate(graph.nodes):
        if position in kept or node.op.inplace_on_input:
            continue
        for op, order in _candidates(graph, node):
            value = node.inputs[order[0]]
            if memory.may_overwrite(value, position, node):
                inputs = tuple(node.inputs[at] for at in order)
                change.changed[position] = replace(node, op=op, inputs=inputs, slots=_slots(op, node))
                memory.join(value, position)
                break
    return change.done()


def _slots(op: Op, node: Node) -> tuple[str, ...]:
    return ("input", "other") if isinstance(op, _TwoOperands) else node.slots


def _candidates(graph: Graph, node: Node) -> Iterator[tuple[Op, tuple[int, ...]]]:
    """The op in place, with the order of its operands: sums and products may be turned round."""
    types = graph.inputs_of(node)
    if isinstance(node.op, Add | Mul) and len(node.inputs) == 2:
        for order in ((0, 1), (1, 0)):
            if types[order[0]] == node.outputs[0]:
                yield AddInPlace() if isinstance(node.op, Add) else MulInPlace(), order
    elif len(node.inputs) == 1 and (types[0],) == node.outputs:
        if node.op.title in ("GELU", "gelu"):
            yield GELUInPlace(**dict(node.op)), (0,)
        elif "inplace" in dict(node.op):
            op = with_arguments(node.op, inplace=True)
            try:
                op.infer(Needs(), types)
            except OpError:  # what falls cannot be in place
                return
            yield op, (0,)


class _Memory:
    """Which values share memory, and when each is read for the last time."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        change = Rewrite(graph)
        self.last = {value: max(readers) for value, readers in change.readers().items()}
        self.last.update(dict.fromkeys(change.ends(), len(graph.nodes)))
        self.piece: dict[Value, int] = {}
        self.values: dict[int, list[Value]] = {}
        self.closed: set[int] = set()  # pieces that nothing may be written on
        for at in range(len(graph.inputs)):
            self.closed.add(self.own(Value(-1 - at)))
        for position, node in enumerate(graph.nodes):
            shares = bool(node.inputs) and (node.op.is_view or node.op.inplace_on_input)
            for part in range(len(node.outputs)):
                value = Value(position, part)
                if shares:
                    self.put(value, self.piece[node.inputs[0]])
                else:
                    self.own(value)
                if not node.inputs or node.op.overlaps or node.op.category == "custom":
                    self.closed.add(self.piece[value])

    def own(self, value: Value) -> int:
        return self.put(value, len(self.values))

    def put(self, value: Value, piece: int) -> int:
        self.piece[value] = piece
        self.values.setdefault(piece, []).append(value)
        return piece

    def may_overwrite(self, value: Value, position: int, node: Node) -> bool:
        """Whether the node is the last to read anything that lies where the value does, and reads it once."""
        piece = self.piece[value]
        if piece in self.closed or Counter(self.piece[read] for read in node.inputs)[piece] > 1:
            return False
        return all(self.last.get(other, -1) <= position for other in self.values[piece] if other.node < position)

    def join(self, value: Value, position: int) -> None:
        """The result lies where the value does, and so does all that shares memory with it."""
        piece, other = self.piece[value], self.piece[Value(position)]
        if other == piece:
            return
        for moved in self.values.pop(other):
            self.put(moved, piece)
        if other in self.closed:
            self.closed.add(piece)
