"""BatchNorm folded into the layer before it, or after it.

In evaluation `BatchNorm(x) = (x - mean) / sqrt(var + eps) * weight + bias = a * x + b`, with `a` and `b` for each
channel. After a convolution or linear layer that nothing else reads they go into that layer's weight and bias, exact
but for rounding. Before one they do, too, unless it pads: at the border `b` is missing. Where a ReLU is between them,
`max(a * x + b, 0)` is `a * max(x, -b / a) + b`, or with `min` where `a < 0`: what is left of both is a clamp.
"""

from __future__ import annotations

from dataclasses import replace

from archspec.inference.clamp import ChannelClamp
from archspec.inference.rewrite import Alone, Rewrite, with_arguments
from archspec.ir import Graph, Node
from archspec.objects import record
from archspec.values import Value

NORMS = frozenset({"BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"})
CONVOLUTIONS = frozenset({"Conv1d", "Conv2d", "Conv3d"})
LAYERS = CONVOLUTIONS | {"ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Linear"}


@record
class Fold:
    """A batch norm that the layer before it has taken in: the module of each, and what the arithmetic needs to know.

    `transposed`: outputs are axis 1 of the weight, within each of the `groups`; else they are axis 0.
    """

    layer: str
    norm: str
    eps: float
    transposed: bool
    groups: int


@record
class FoldAhead:
    """A batch norm that the layer after it has taken in. `clamped`: with a ReLU in between, and the module of the norm
    holds the bounds of what is left."""

    layer: str
    norm: str
    eps: float
    groups: int
    clamped: bool


Folds = tuple[Fold | FoldAhead, ...]


def fold_norms(graph: Graph) -> tuple[Graph, Folds]:
    """The graph without the batch norms that can be folded into the layer before them, and these."""
    change, alone = Rewrite(graph), Alone(graph)
    folds: list[Fold] = []
    for position, norm in enumerate(graph.nodes):
        if norm.op.title not in NORMS or norm.inputs[0].node < 0:
            continue
        value = norm.inputs[0]
        layer = graph.nodes[value.node]
        if alone.reads(position) and _fits(graph, layer, norm) and alone.owns(layer) and alone.owns(norm):
            op = layer.op
            change.changed[value.node] = replace(layer, op=with_arguments(op, bias=True))
            change.removed[position] = value
            transposed = op.title.startswith("ConvTranspose")
            folds.append(Fold(layer.module, norm.module, _eps(norm), transposed, getattr(op, "groups", 1)))
    return change.done(), tuple(folds)


def fold_norms_ahead(graph: Graph) -> tuple[Graph, Folds]:
    """The graph without the batch norms that can be folded into the layer after them, and these."""
    change, alone = Rewrite(graph), Alone(graph)
    folds: list[FoldAhead] = []
    for position, layer in enumerate(graph.nodes):
        if not _adds_no_border(graph, layer) or not alone.reads(position):
            continue
        relu = before = layer.inputs[0].node
        if clamped := graph.nodes[before].op.title in ("ReLU", "relu"):
            if not alone.reads(relu):
                continue
            before = graph.nodes[relu].inputs[0].node
        norm = graph.nodes[before]
        if not _is_tracked(norm) or not alone.owns(norm) or not alone.owns(layer):
            continue
        change.changed[position] = replace(layer, op=with_arguments(layer.op, bias=True))
        if clamped:
            features: int = getattr(norm.op, "num_features")  # noqa: B009
            clamp = ChannelClamp(num_features=features, spatial=norm.outputs[0].rank - 2)
            change.changed[before] = replace(norm, op=clamp)
            change.removed[relu] = Value(before)
        else:
            change.removed[before] = norm.inputs[0]
        folds.append(FoldAhead(layer.module, norm.module, _eps(norm), getattr(layer.op, "groups", 1), clamped))
    return change.done(), tuple(folds)


def _eps(norm: Node) -> float:
    return getattr(norm.op, "eps")  # noqa: B009


def _is_tracked(norm: Node) -> bool:
    """Whether it is a batch norm that uses the statistics it has saved."""
    return norm.op.title in NORMS and getattr(norm.op, "track_running_stats", False)


def _fits(graph: Graph, layer: Node, norm: Node) -> bool:
    """Whether the norm's channels are the layer's outputs."""
    if layer.op.title not in LAYERS or not _is_tracked(norm):
        return False
    return layer.op.title != "Linear" or graph.type_of(norm.inputs[0]).rank == 2


def _adds_no_border(graph: Graph, layer: Node) -> bool:
    """Whether every output of the layer is computed from its inputs alone, of which axis 1 are the channels."""
    op = layer.op
    if op.title == "Linear":
        return graph.type_of(layer.inputs[0]).rank == 2
    windows = op.windows(graph.inputs_of(layer)) if op.title in CONVOLUTIONS else ()
    return bool(windows) and all(window.pad_before == window.pad_after == 0 for window in windows)
