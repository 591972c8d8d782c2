"""Memory of one training step: forward pass, backward pass, and what the optimiser holds between steps.

The backward pass visits the nodes in reverse. A node's turn frees the gradients of its results and what autograd kept
for it, and makes the gradients of its operands and of its parameters; the latter live until the step is over. Inputs
and outputs are the caller's, who holds them throughout. The loss is not part of it: it hands in a gradient of the size
of each output. docs/costs.md says what is measured to agree, and what is a convention.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from itertools import compress

from archspec.analysis.bytes import bytes_of
from archspec.analysis.memory import Storage, Storages, forward
from archspec.analysis.sample import Sample
from archspec.ir import Graph, Node, leaves
from archspec.objects import record
from archspec.ops.base import Kept, Wanted
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
    sample = sample.at(batch) if sample else Sample.of(graph, batch)
    weights, trained = sum(sample.weights.owned), sample.weights.gradients
    gradients = sum(trained)
    held = OPTIMIZERS[optimizer] * gradients + (4 * len(trained) if optimizer in _COUNTS_STEPS else 0)
    step = _Step.of(sample)
    if step is None:
        return TrainingMemory(weights, gradients, held, None, None, None)
    peak, node = step.peak()
    return TrainingMemory(weights, gradients, held, step.saved, weights + held + peak, node)


@record
class Gradients:
    """Which gradients a backward pass may compute, of the values of each node, and none of the inputs at the end; and
    per node what autograd asks for, where it does."""

    depends: Sequence[Sequence[bool]]
    wanted: Sequence[Wanted | None]

    @classmethod
    def of(cls, graph: Graph, trained: Sequence[frozenset[str]]) -> Gradients:
        """Those of a graph whose inputs have none: of what depends on a parameter that is trained, and on which an
        output depends. `trained`: per node the names of its parameters that are."""
        nodes = graph.nodes
        depends: list[Sequence[bool]] = [(False,)] * (len(nodes) + len(graph.inputs))
        for position, (node, mode) in enumerate(zip(nodes, graph.modes, strict=True)):
            asks = mode != "eval" and node.op.differentiable
            if asks and (trained[position] or True in [depends[at][part] for at, part in _read(node)]):
                depends[position] = tuple([is_float(x.dtype) for x in node.outputs])
            elif len(node.outputs) > 1:
                depends[position] = (False,) * len(node.outputs)
        reached = [False] * len(depends)
        for entry in graph.outputs.entries:
            for value in leaves(entry.value) if entry.mode != "eval" else ():
                reached[value.node] |= depends[value.node][value.part]
        wanted: list[Wanted | None] = [None] * len(nodes)
        known: dict[tuple[tuple[bool, ...], frozenset[str]], Wanted] = {}  # most are one of a few
        for position in range(len(nodes) - 1, -1, -1):
            if not reached[position]:
                continue
            node = nodes[position]
            asked = tuple([depends[at][part] for at, part in node.inputs])
            only = node.op.signature.shape_only
            if only:
                asked = tuple([each and name not in only for each, name in zip(asked, node.slots, strict=True)])
            if trained[position] or True in asked:
                key = (asked, trained[position])
                wanted[position] = known.get(key) or known.setdefault(key, Wanted(*key))
                for value in compress(node.inputs, asked):
                    reached[value.node] = True
        return cls(depends, wanted)


def _read(node: Node) -> Sequence[Value]:
    """The operands that matter for more than their shape."""
    only = node.op.signature.shape_only
    if not only:
        return node.inputs
    return [value for value, name in zip(node.inputs, node.slots, strict=True) if name not in only]


@record
class _Step:
    """The pieces of memory of one step; its time is that of the nodes forward, then backward. `saved` is what autograd
    keeps."""

    sample: Sample
    gradients: Gradients
    storages: Storages
    saved: int

    @classmethod
    def of(cls, sample: Sample) -> _Step | None:
        """A step over the sample; None where a size is not known."""
        storages = forward(sample, "eval", 2 * len(sample.graph.nodes))
        if storages is None:
            return None
        gradients = Gradients.of(sample.graph, sample.weights.trained)
        step = cls(sample, gradients, storages, _keep(sample, gradients, storages))
        step.go_back()
        return step

    @property
    def last(self) -> int:
        """The turn of node 0 in the backward pass; that of node `n` is so many before."""
        return 2 * len(self.sample.graph.nodes) - 1

    def go_back(self) -> None:
        """The gradients of values and parameters."""
        sample, storages, last = self.sample, self.storages, self.last
        graph = sample.graph
        held, start = _Held(self), len(graph.nodes)
        passes = sample.by_kind(partial(_passes, sample))
        for entry in graph.outputs.entries:
            for value in leaves(entry.value) if entry.mode != "eval" else ():
                if self.gradients.depends[value.node][value.part] and held.of[value.node][value.part] is None:
                    held.arrive(value, None, start)
        owned: set[str] = set()
        for position, wanted in reversed([*enumerate(self.gradients.wanted)]):
            if wanted is None:
                continue
            node, turn = graph.nodes[position], last - position
            arrived = held.take(position, turn if node.inputs else last)  # a Parameter's own gradient stays
            if not node.inputs:
                continue
            if arrived:
                passed = self.passed(node, passes[position]) if passes[position] else ()
                for i, value in enumerate(node.inputs):
                    if wanted.inputs[i]:
                        held.arrive(value, arrived[0] if i in passed else None, turn)
            for name, size in sample.weights.gradients_of(position) if wanted.params else ():
                storages.hold(size, turn, turn if name in owned else last)
                owned.add(name)

    def passed(self, node: Node, passes: Sequence[int]) -> Collection[int]:
        """Operands whose gradient is that of the result, of very many perhaps. A parameter has one of its own."""
        nodes = self.sample.graph.nodes
        made = [node.inputs[i].node for i in passes]
        return {i for i, at in zip(passes, made, strict=True) if at < 0 or nodes[at].inputs}

    def peak(self) -> tuple[int, str | None]:
        """The most bytes at once, weights and optimiser aside, and the node whose turn it is."""
        nodes = self.sample.graph.nodes
        if not nodes:
            return 0, None
        live = self.storages.alive()
        peak = max(live)
        at = live.index(peak)
        return peak, nodes[min(at, self.last - at)].path


def _keep(sample: Sample, gradients: Gradients, storages: Storages) -> int:
    """What autograd keeps lives until its node's turn; inputs and outputs live to the end. How many bytes it keeps."""
    graph, of, kinds, whole = sample.graph, storages.of, sample.kinds, 0
    last = 2 * len(graph.nodes) - 1
    known: dict[tuple[int, int], tuple[Kept, int]] = {}  # by the kind of node, and the identity of what is wanted
    for position, (node, wanted) in enumerate(zip(graph.nodes, gradients.wanted, strict=True)):
        if wanted is None or not node.inputs:
            continue
        key = (kinds[position], id(wanted))
        if key not in known:
            kept = node.op.kept(sample.operands[position], sample.outputs[position], wanted)
            known[key] = kept, sum(bytes_of(made) or 0 for made in kept.made) if kept.made else 0
        (kept, made), turn = known[key], last - position
        pieces = [of[node.inputs[i].node][node.inputs[i].part] for i in kept.inputs]
        if kept.outputs:
            pieces += [of[position][part] for part in kept.outputs]
        for storage in pieces:
            storage.until(turn)
            if not storage.saved:
                storage.saved = True
                whole += storage.size
        if made:
            storages.hold(made, position, turn)
            whole += made
    inputs = [Value(-1 - position) for position in range(len(graph.inputs))]
    outputs = [v for entry in graph.outputs.entries if entry.mode != "eval" for v in leaves(entry.value)]
    for value in (*inputs, *outputs):
        of[value.node][value.part].until(last)
    return whole


def _passes(sample: Sample, position: int) -> tuple[int, ...]:
    return sample.graph.nodes[position].op.passes(sample.operands[position], sample.outputs[position])


class _Held:
    """The gradients of values, in lists by node, that wait for the turn of the node that made the value."""

    def __init__(self, step: _Step) -> None:
        self.step = step
        self.of: list[list[Storage | None]] = [[None] * len(of) for of in step.storages.of]

    def take(self, position: int, until: int) -> list[Storage]:
        """What has arrived of a node's results: its turn has come, and nothing more will arrive."""
        arrived = [storage for storage in self.of[position] if storage is not None]
        for storage in arrived:
            storage.waiting -= 1
            storage.until(until)
        return arrived

    def arrive(self, value: Value, passed: Storage | None, turn: int) -> None:
        """One more gradient of a value, in memory of its own or `passed` on. It is added to what is there: in place,
        unless another value waits with the same piece, or what is there is but a part of one; then what is there is
        added to it."""
        node, part = value
        step, there = self.step, self.of[node][part]
        size = step.sample.bytes[node][part] or 0
        arriving = passed if passed is not None else step.storages.make(size, turn, turn)
        if there is not None:
            there.until(turn)
            whole = there.size == size or step.sample.type_of(value).shape[0] == 1
            if whole and there.waiting == 1 and there is not arriving:
                return
            there.waiting -= 1
            if passed is not None:
                passed.until(turn)
                arriving = step.storages.make(size, turn, turn)
        self.of[node][part] = arriving
        arriving.waiting += 1
