"""The depth of a network, as its authors count it."""

from __future__ import annotations

from archspec.analysis.sample import Sample
from archspec.ir import Graph


def depth(graph: Graph, sample: Sample | None = None) -> int:
    """The most layers on one path from an input to an output, in evaluation.

    A layer multiplies by weights of its own: convolutions, linear maps, attention, recurrent layers. So VGG-16 has 16,
    ResNet-50 has 50, GoogLeNet 22 and DenseNet-121 has 121.
    """
    sample = sample or Sample.of(graph)
    longest: list[int] = []
    for position, (node, mode) in enumerate(zip(graph.nodes, graph.modes, strict=True)):
        shape_only = node.op.signature.shape_only
        before = (
            longest[value.node]
            for value, slot in zip(node.inputs, node.slots, strict=True)
            if value.node >= 0 and slot not in shape_only
        )
        longest.append(max(before, default=0) + (mode != "training" and _has_weights(sample, position)))
    return max((n for n, mode in zip(longest, graph.modes, strict=True) if mode != "training"), default=0)


def _has_weights(sample: Sample, position: int) -> bool:
    if all(state.buffer for state in sample.graph.states[position]):
        return False
    op = sample.graph.nodes[position].op
    return op.macs(sample.operands[position], sample.outputs[position]) != 0
