"""Bytes that each node moves: the operands it reads, its weights, and what it writes; from them, arithmetic intensity.

As if every operand came from memory and every result went there, once: caches, and kernels that join several nodes, do
better. A view moves nothing; a lookup reads of its table what it takes from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from archspec import dims
from archspec.analysis.bytes import BYTES
from archspec.analysis.memory import is_view
from archspec.analysis.sample import Sample
from archspec.dims import Dim
from archspec.ir import Graph
from archspec.objects import record


@record
class Traffic:
    """Bytes read of operands, written as results, and read of the node's own parameters and buffers; None where a size
    is not known."""

    read: int | None
    written: int | None
    weights: int

    @property
    def moved(self) -> int | None:
        """All of it."""
        return None if self.read is None or self.written is None else self.read + self.written + self.weights


NOTHING = Traffic(0, 0, 0)


def traffic(graph: Graph, sample: Sample | None = None) -> tuple[Traffic, ...]:
    """What every node of a graph moves, for one sample (or the sample's batch). Parameters and buffers that are nodes
    are read by the nodes that use them."""
    sample = sample or Sample.of(graph)
    return sample.by_kind(partial(_moves, sample))


def intensity(macs: Dim, moved: int | None) -> float | None:
    """Arithmetic intensity: MACs for each byte moved; None where either is not known, or nothing is moved."""
    known = dims.value(macs)
    return known / moved if known is not None and moved else None


def _moves(sample: Sample, position: int) -> Traffic:
    node, states = sample.graph.nodes[position], sample.graph.states[position]
    op, inputs, outputs = node.op, sample.operands[position], sample.outputs[position]
    if (is_view(node) and not op.inplace_on_input) if node.inputs else states:
        return NOTHING
    shape_only = op.signature.shape_only
    read: dict[object, int | None] = {}
    for value, name in zip(node.inputs, node.slots, strict=True):
        if name not in shape_only:
            read[value] = sample.bytes_of(value)
    weights = sample.weights.used[position]
    lookup = op.gathers(inputs, outputs)
    gathered = None if lookup is None else dims.value(lookup)
    if gathered and weights:
        weights = gathered * BYTES[outputs[0].dtype]
    elif gathered:
        table = node.inputs[0] if inputs[0].dtype == outputs[0].dtype else node.inputs[1]
        read[table] = gathered * BYTES[outputs[0].dtype]
    return Traffic(_sum(read.values()), _sum(sample.bytes[position]), weights)


def _sum(sizes: Iterable[int | None]) -> int | None:
    whole = 0
    for size in sizes:
        if size is None:
            return None
        whole += size
    return whole
