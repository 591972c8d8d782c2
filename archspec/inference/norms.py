"""BatchNorm folded into the layer before it.

In evaluation `BatchNorm(x) = (x - mean) / sqrt(var + eps) * weight + bias`, a factor and a summand for each channel.
After a convolution or linear layer that nothing else reads they go into that layer's weight and bias, exact but for
rounding. (A batch norm before a convolution fits only without padding: at the border its summand is missing.)
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from archspec.inference.rewrite import Rewrite, with_arguments
from archspec.ir import Graph, Node
from archspec.objects import record

NORMS = frozenset({"BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"})
LAYERS = frozenset({"Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Linear"})


@record
class Fold:
    """A batch norm that a layer has taken in: the module of each, and what the arithmetic needs to know.

    `transposed`: outputs are axis 1 of the weight, within each of the `groups`; else they are axis 0.
    """

    layer: str
    norm: str
    eps: float
    transposed: bool
    groups: int


def fold_norms(graph: Graph) -> tuple[Graph, tuple[Fold, ...]]:
    """The graph without the batch norms that can be folded, and these."""
    change = Rewrite(graph)
    readers, ends = change.readers(), change.ends()
    uses = Counter(node.module for node in graph.nodes)
    tied = {source for node in graph.nodes for _, source in node.ties}
    folds: list[Fold] = []
    for position, norm in enumerate(graph.nodes):
        if norm.op.title not in NORMS or norm.inputs[0].node < 0:
            continue
        value = norm.inputs[0]
        layer = graph.nodes[value.node]
        alone = readers[value] == [position] and value not in ends and uses[layer.module] == uses[norm.module] == 1
        if alone and _fits(graph, layer, norm) and not _is_tied(layer, tied) and not _is_tied(norm, tied):
            op = layer.op
            change.changed[value.node] = replace(layer, op=with_arguments(op, bias=True))
            change.removed[position] = value
            transposed = op.title.startswith("ConvTranspose")
            eps: float = getattr(norm.op, "eps")  # noqa: B009
            folds.append(Fold(layer.module, norm.module, eps, transposed, getattr(op, "groups", 1)))
    return change.done(), tuple(folds)


def _fits(graph: Graph, layer: Node, norm: Node) -> bool:
    """Whether the norm's channels are the layer's outputs, and its statistics are those it has saved."""
    if layer.op.title not in LAYERS or not getattr(norm.op, "track_running_stats", False):
        return False
    return layer.op.title != "Linear" or graph.type_of(norm.inputs[0]).rank == 2


def _is_tied(node: Node, sources: set[str]) -> bool:
    return bool(node.ties) or any(f"{node.module}.{state.name}" in sources for state in node.op.state())
