"""Memory of one training step: forward pass, backward pass, and what the optimiser holds between steps.

The backward pass visits the nodes in reverse. A node's turn frees the gradients of its results and what autograd kept
for it, and makes the gradients of its operands and of its parameters; the latter live until the step is over. Inputs
and outputs are the caller's, who holds them throughout. The loss is not part of it: it hands in a gradient of the size
of each output. docs/costs.md says what is measured to agree, and what is a convention.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from archspec.analysis.memory import BYTES, Storage, Storages, bytes_of, forward, highest, weight_bytes
from archspec.analysis.sample import Sample
from archspec.ir import Graph, full_name, leaves
from archspec.ops.base import Inputs, Kept, Wanted
from archspec.ops.dtypes import is_float
from archspec.values import Value

OPTIMIZERS: Mapping[str, int] = {"sgd": 0, "momentum": 1, "rmsprop": 1, "adam": 2, "adamw": 2}
"""How many tensors of a parameter's size an optimiser of `torch.optim` holds for it."""

_COUNTS_STEPS = frozenset({"rmsprop", "adam", "adamw"})
"""Optimisers that also hold the number of steps for each parameter, a float32."""


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """Bytes. `saved` is what autograd keeps at the end of the forward pass, `peak_bytes` the most of all at once with
    weights and optimiser, at the turn of node `peak`; both are None where a size is not known."""

    weights: int
    gradients: int  # of the parameters
    optimizer_state: int
    saved: int | None
    peak_bytes: int | None
    peak: str | None


def training_memory(
    graph: Graph, sample: Sample | None = None, optimizer: str = "adam", batch: int = 1
) -> TrainingMemory:
    """The memory that a training step needs with an optimiser of `OPTIMIZERS`, for `batch` samples.

    Raises:
        KeyError: the optimiser is none of these.
    """
    frozen = frozenset(graph.frozen)
    trained = [state for _, name, state in graph.state() if state.trainable and name not in frozen]
    gradients = sum(math.prod(state.shape) * BYTES[state.dtype] for state in trained)
    held = OPTIMIZERS[optimizer] * gradients + (4 * len(trained) if optimizer in _COUNTS_STEPS else 0)
    weights = sum(weight_bytes(graph).values())
    step = _Step.of(sample.at(batch) if sample else Sample.of(graph, batch))
    if step is None:
        return TrainingMemory(weights, gradients, held, None, None, None)
    peak, node = step.peak()
    return TrainingMemory(weights, gradients, held, step.saved(), weights + held + peak, node)


@dataclass(frozen=True, slots=True)
class Gradients:
    """Which gradients a backward pass computes: of values, and per node of what autograd asks for."""

    values: frozenset[Value]
    wanted: tuple[Wanted, ...]

    @classmethod
    def of(cls, graph: Graph) -> Gradients:
        """Those of a graph whose inputs have none: of what depends on a parameter that is trained, and on which an
        output depends."""
        trained = _trained(graph)
        runs = [mode != "eval" for mode in graph.modes]
        depends: set[Value] = set()
        for position, node in enumerate(graph.nodes):
            if runs[position] and node.op.differentiable:
                only = node.op.signature.shape_only
                read = (v for v, name in zip(node.inputs, node.slots, strict=True) if name not in only)
                if trained[position] or any(value in depends for value in read):
                    depends |= {Value(position, i) for i, x in enumerate(node.outputs) if is_float(x.dtype)}
        reached: set[Value] = set()
        for entry in graph.outputs.entries:
            if entry.mode != "eval":
                reached.update(value for value in leaves(entry.value) if value in depends)
        wanted: list[Wanted] = [Wanted(())] * len(graph.nodes)
        for position in range(len(graph.nodes) - 1, -1, -1):
            node = graph.nodes[position]
            if not any(Value(position, part) in reached for part in range(len(node.outputs))):
                continue
            only = node.op.signature.shape_only
            asked = [v in depends and name not in only for v, name in zip(node.inputs, node.slots, strict=True)]
            wanted[position] = Wanted(tuple(asked), trained[position])
            reached.update(value for value, asks in zip(node.inputs, asked, strict=True) if asks)
        return cls(frozenset(reached), tuple(wanted))


def _trained(graph: Graph) -> list[frozenset[str]]:
    """Per node the names of its parameters that are trained, those of a module called again and tied ones included."""
    names = {name for _, name, state in graph.state() if state.trainable} - set(graph.frozen)
    found: list[frozenset[str]] = []
    for node in graph.nodes:
        states = [state.name for state in node.op.state() if not state.buffer]
        ties = dict(node.ties) if states else {}
        found.append(frozenset(name for name in states if ties.get(name, full_name(node, name)) in names))
    return found


@dataclass(slots=True)
class _Step:
    """The pieces of memory of one step; its time is that of the nodes forward, then backward."""

    sample: Sample
    gradients: Gradients
    storages: Storages
    kept: set[int] = field(default_factory=set[int])  # storages that autograd keeps, by identity

    @classmethod
    def of(cls, sample: Sample) -> _Step | None:
        """A step over the sample; None where a size is not known."""
        storages = forward(sample, "eval")
        if storages is None:
            return None
        step = cls(sample, Gradients.of(sample.graph), storages)
        step.keep()
        step.go_back()
        return step

    @property
    def length(self) -> int:
        return 2 * len(self.sample.graph.nodes)

    def turn(self, position: int) -> int:
        """When a node has its turn in the backward pass."""
        return self.length - 1 - position

    def inputs(self, position: int) -> Inputs:
        return self.sample.inputs_of(self.sample.graph.nodes[position])

    def keep(self) -> None:
        """What autograd keeps lives until its node's turn; inputs and outputs live to the end."""
        graph = self.sample.graph
        for position, (node, wanted) in enumerate(zip(graph.nodes, self.gradients.wanted, strict=True)):
            if not (wanted.params or any(wanted.inputs)) or not node.inputs:
                continue
            kept: Kept = node.op.kept(self.inputs(position), self.sample.outputs[position], wanted)
            values = [node.inputs[i] for i in kept.inputs] + [Value(position, part) for part in kept.outputs]
            for storage in (self.storages.of[value] for value in values):
                storage.until(self.turn(position))
                self.kept.add(id(storage))
            for made in kept.made:
                storage = Storage(bytes_of(made) or 0, position, self.turn(position))
                self.storages.others.append(storage)
                self.kept.add(id(storage))
        inputs = [Value(-1 - position) for position in range(len(graph.inputs))]
        outputs = [v for entry in graph.outputs.entries if entry.mode != "eval" for v in leaves(entry.value)]
        for value in (*inputs, *outputs):
            self.storages.of[value].until(self.length - 1)

    def go_back(self) -> None:
        """The gradients of values and parameters."""
        graph = self.sample.graph
        held: dict[Value, Storage] = {}
        start = len(graph.nodes)
        for entry in graph.outputs.entries:
            for value in leaves(entry.value) if entry.mode != "eval" else ():
                if value in self.gradients.values and value not in held:
                    held[value] = self.make(self.size(value), start, start)
        owned: set[str] = set()
        for position in range(start - 1, -1, -1):
            node, wanted, turn = graph.nodes[position], self.gradients.wanted[position], self.turn(position)
            if not (wanted.params or any(wanted.inputs)):
                continue
            arrived = [held[value] for part in range(len(node.outputs)) if (value := Value(position, part)) in held]
            for storage in arrived:
                storage.until(turn if node.inputs else self.length - 1)  # a Parameter's own gradient stays
            if not node.inputs:
                continue
            passed = self.passed(position)
            for i, (value, asks) in enumerate(zip(node.inputs, wanted.inputs, strict=True)):
                if asks and arrived:
                    self.arrive(held, value, arrived[0] if i in passed else None, turn)
            for state in node.op.state() if wanted.params else ():
                if state.name in wanted.params:
                    name = dict(node.ties).get(state.name, full_name(node, state.name))
                    size = math.prod(state.shape) * BYTES[state.dtype]
                    self.make(size, turn, turn if name in owned else self.length - 1)
                    owned.add(name)

    def arrive(self, held: dict[Value, Storage], value: Value, passed: Storage | None, turn: int) -> None:
        """One more gradient of a value; it is added to what is there."""
        there = held.get(value)
        if there is not None:
            there.until(turn)
            if passed is None:
                self.make(self.size(value), turn, turn)
            return
        held[value] = passed if passed is not None else self.make(self.size(value), turn, turn)

    def passed(self, position: int) -> tuple[int, ...]:
        """Operands whose gradient is that of the result. A parameter has one of its own."""
        graph = self.sample.graph
        node = graph.nodes[position]
        passed = node.op.passes(self.inputs(position), self.sample.outputs[position])
        return tuple(i for i in passed if node.inputs[i].node < 0 or graph.nodes[node.inputs[i].node].inputs)

    def make(self, size: int, birth: int, death: int) -> Storage:
        """A new piece of memory."""
        storage = Storage(size, birth, death)
        self.storages.others.append(storage)
        return storage

    def size(self, value: Value) -> int:
        return bytes_of(self.sample.type_of(value)) or 0

    def distinct(self) -> Iterable[Storage]:
        return self.storages.distinct()

    def saved(self) -> int:
        """Bytes that autograd keeps."""
        return sum(storage.size for storage in self.distinct() if id(storage) in self.kept)

    def peak(self) -> tuple[int, str | None]:
        """The most bytes at once, weights and optimiser aside, and the node whose turn it is."""
        nodes = self.sample.graph.nodes
        if not nodes:
            return 0, None
        peak, at = highest(self.distinct(), self.length)
        return peak, nodes[at if at < len(nodes) else self.turn(at)].path
