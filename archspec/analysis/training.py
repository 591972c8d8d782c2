"""Memory of one training step: forward pass, backward pass, and what the optimiser holds between steps.

The backward pass visits the nodes in reverse. A node's turn frees the gradients of its results and what autograd kept
for it, and makes the gradients of its operands and of its parameters; the latter live until the step is over. Inputs
and outputs are the caller's, who holds them throughout. The loss is not part of it: it hands in a gradient of the size
of each output. docs/costs.md says what is measured to agree, and what is a convention.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from itertools import compress

from archspec.analysis.bytes import bytes_of, state_bytes
from archspec.analysis.memory import Storage, Storages, alive, forward, weight_bytes
from archspec.analysis.sample import Sample
from archspec.ir import Graph, Node, full_name, leaves
from archspec.objects import record
from archspec.ops.base import State, Wanted
from archspec.ops.dtypes import is_float
from archspec.values import Value

OPTIMIZERS: Mapping[str, int] = {"sgd": 0, "momentum": 1, "rmsprop": 1, "adam": 2, "adamw": 2}
"""How many tensors of a parameter's size an optimiser of `torch.optim` holds for it."""

_COUNTS_STEPS = frozenset({"rmsprop", "adam", "adamw"})
"""Optimisers that also hold the number of steps for each parameter, a float32."""


@record
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
    gradients = sum(map(state_bytes, trained))
    held = OPTIMIZERS[optimizer] * gradients + (4 * len(trained) if optimizer in _COUNTS_STEPS else 0)
    weights = sum(weight_bytes(graph).values())
    step = _Step.of(sample.at(batch) if sample else Sample.of(graph, batch))
    if step is None:
        return TrainingMemory(weights, gradients, held, None, None, None)
    peak, node = step.peak()
    return TrainingMemory(weights, gradients, held, step.saved(), weights + held + peak, node)


@record
class Gradients:
    """Which gradients a backward pass computes: of values, and per node of what autograd asks for, where it does."""

    values: Set[Value]
    wanted: tuple[Wanted | None, ...]

    @classmethod
    def of(cls, graph: Graph) -> Gradients:
        """Those of a graph whose inputs have none: of what depends on a parameter that is trained, and on which an
        output depends."""
        trained = _trained(graph)
        depends: set[Value] = set()
        for position, (node, mode) in enumerate(zip(graph.nodes, graph.modes, strict=True)):
            if mode != "eval" and node.op.differentiable and (trained[position] or not depends.isdisjoint(_read(node))):
                depends.update(
                    value for value, x in zip(graph.results[position], node.outputs, strict=True) if is_float(x.dtype)
                )
        reached: set[Value] = set()
        for entry in graph.outputs.entries:
            if entry.mode != "eval":
                reached.update(value for value in leaves(entry.value) if value in depends)
        wanted: list[Wanted | None] = [None] * len(graph.nodes)
        for position in range(len(graph.nodes) - 1, -1, -1):
            if reached.isdisjoint(graph.results[position]):
                continue
            node = graph.nodes[position]
            only = node.op.signature.shape_only
            asked = tuple([v in depends and name not in only for v, name in zip(node.inputs, node.slots, strict=True)])
            if trained[position] or True in asked:
                wanted[position] = Wanted(asked, trained[position])
                reached.update(compress(node.inputs, asked))
        return cls(reached, tuple(wanted))


def _read(node: Node) -> Sequence[Value]:
    """The operands that matter for more than their shape."""
    only = node.op.signature.shape_only
    if not only:
        return node.inputs
    return [value for value, name in zip(node.inputs, node.slots, strict=True) if name not in only]


def _trained(graph: Graph) -> list[frozenset[str]]:
    """Per node the names of its parameters that are trained, those of a module called again and tied ones included."""
    names = {name for _, name, state in graph.state() if state.trainable and not state.buffer} - set(graph.frozen)
    none = frozenset[str]()
    return [
        frozenset([state.name for state in states if _owner(node, state) in names]) if states else none
        for node, states in zip(graph.nodes, graph.states, strict=True)
    ]


def _owner(node: Node, state: State) -> str:
    """The full name of a tensor that a node works with, where it is owned."""
    own = full_name(node, state.name)
    return dict(node.ties).get(state.name, own) if node.ties else own


@record
class _Step:
    """The pieces of memory of one step; its time is that of the nodes forward, then backward."""

    sample: Sample
    gradients: Gradients
    storages: Storages

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
    def last(self) -> int:
        """The turn of node 0 in the backward pass; that of node `n` is so many before."""
        return 2 * len(self.sample.graph.nodes) - 1

    def keep(self) -> None:
        """What autograd keeps lives until its node's turn; inputs and outputs live to the end."""
        sample, storages, last = self.sample, self.storages, self.last
        graph = sample.graph
        for position, (node, wanted) in enumerate(zip(graph.nodes, self.gradients.wanted, strict=True)):
            if wanted is None or not node.inputs:
                continue
            kept = node.op.kept(sample.operands[position], sample.outputs[position], wanted)
            pieces = [storages.of[node.inputs[i]] for i in kept.inputs]
            pieces += [storages.of[graph.results[position][part]] for part in kept.outputs]
            pieces += [storages.make(bytes_of(made) or 0, position, position) for made in kept.made]
            for storage in pieces:
                storage.saved = True
                storage.until(last - position)
        inputs = [Value(-1 - position) for position in range(len(graph.inputs))]
        outputs = [v for entry in graph.outputs.entries if entry.mode != "eval" for v in leaves(entry.value)]
        for value in (*inputs, *outputs):
            storages.of[value].until(last)

    def go_back(self) -> None:
        """The gradients of values and parameters."""
        graph, make, last = self.sample.graph, self.storages.make, self.last
        held = _Held(self)
        start = len(graph.nodes)
        for entry in graph.outputs.entries:
            for value in leaves(entry.value) if entry.mode != "eval" else ():
                if value in self.gradients.values and value not in held.of:
                    held.arrive(value, None, start)
        owned: set[str] = set()
        for position in range(start - 1, -1, -1):
            node, wanted, turn = graph.nodes[position], self.gradients.wanted[position], last - position
            if wanted is None:
                continue
            arrived = held.take(graph.results[position])
            for storage in arrived:
                storage.until(turn if node.inputs else last)  # a Parameter's own gradient stays
            if not node.inputs:
                continue
            passed = self.passed(position)
            for i, value in enumerate(node.inputs) if arrived else ():
                if wanted.inputs[i]:
                    held.arrive(value, arrived[0] if i in passed else None, turn)
            for state in graph.states[position] if wanted.params else ():
                if state.name in wanted.params:
                    name = _owner(node, state)
                    make(state_bytes(state), turn, turn if name in owned else last)
                    owned.add(name)

    def passed(self, position: int) -> Collection[int]:
        """Operands whose gradient is that of the result. A parameter has one of its own."""
        graph, operands = self.sample.graph, self.sample.operands[position]
        inputs = graph.nodes[position].inputs
        passed = graph.nodes[position].op.passes(operands, self.sample.outputs[position])
        if not passed:
            return passed
        return frozenset([i for i in passed if inputs[i].node < 0 or graph.nodes[inputs[i].node].inputs])

    def size(self, value: Value) -> int:
        return self.sample.bytes_of(value) or 0

    def saved(self) -> int:
        """Bytes that autograd keeps."""
        return sum(storage.size for storage in self.storages.pieces if storage.saved)

    def peak(self) -> tuple[int, str | None]:
        """The most bytes at once, weights and optimiser aside, and the node whose turn it is."""
        nodes = self.sample.graph.nodes
        if not nodes:
            return 0, None
        live = alive(self.storages.pieces, 2 * len(nodes))
        peak = max(live)
        at = live.index(peak)
        return peak, nodes[min(at, self.last - at)].path


class _Held:
    """The gradients of values that wait for the turn of the node that made the value."""

    def __init__(self, step: _Step) -> None:
        self.step = step
        self.of: dict[Value, Storage] = {}
        self.holders: dict[int, int] = {}  # of a piece, by identity: how many values wait with it

    def take(self, values: Sequence[Value]) -> list[Storage]:
        """What has arrived of a node's results: its turn has come."""
        arrived = [self.of[value] for value in values if value in self.of]
        for storage in arrived:
            self.holders[id(storage)] -= 1
        return arrived

    def arrive(self, value: Value, passed: Storage | None, turn: int) -> None:
        """One more gradient of a value, in memory of its own or `passed` on. It is added to what is there: in place,
        unless another value waits with the same piece, or what is there is but a part of one; then what is there is
        added to it."""
        step, there = self.step, self.of.get(value)
        size = step.size(value)
        arriving = passed if passed is not None else step.storages.make(size, turn, turn)
        if there is not None:
            there.until(turn)
            whole = there.size == size or step.sample.type_of(value).shape[0] == 1
            if whole and self.holders[id(there)] == 1 and there is not arriving:
                return
            self.holders[id(there)] -= 1
            if passed is not None:
                passed.until(turn)
                arriving = step.storages.make(size, turn, turn)
        self.of[value] = arriving
        self.holders[id(arriving)] = self.holders.get(id(arriving), 0) + 1
