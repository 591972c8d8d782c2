"""Averages taken before a convolution that commutes with them.

A convolution with a kernel of one and stride one is the same linear map at each position, and so is the average of its
results that of its inputs. Averaged first, it has a quarter of the positions where a window is two by two.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from archspec.inference.norms import CONVOLUTIONS
from archspec.inference.rewrite import Alone, Rewrite
from archspec.ir import Graph, Node
from archspec.values import Value

POOLS = frozenset({"AvgPool1d", "AvgPool2d", "AvgPool3d"})


def pool_first(graph: Graph) -> Graph:
    """The graph with every such average before its convolution."""
    change, alone = Rewrite(graph), Alone(graph)
    for position, pool in enumerate(graph.nodes):
        if pool.op.title not in POOLS or not alone.reads(position):
            continue
        before = pool.inputs[0].node
        conv = graph.nodes[before]
        together = conv.path.rpartition(".")[0] == pool.path.rpartition(".")[0]
        if together and _is_average(graph, pool) and _is_pointwise(graph, conv) and alone.owns(conv):
            x = graph.type_of(conv.inputs[0])
            averaged = x.with_shape((*x.shape[:2], *pool.outputs[0].shape[2:]))
            change.changed[before] = replace(pool, inputs=conv.inputs, outputs=(averaged,))
            change.changed[position] = replace(conv, inputs=(Value(before),), outputs=pool.outputs)
    return change.done()


def _is_average(graph: Graph, pool: Node) -> bool:
    """Whether its windows hold elements alone, of which it takes the mean; and there are fewer of them."""
    windows = pool.op.windows(graph.inputs_of(pool))
    padded = any(window.pad_before or window.pad_after for window in windows)
    return not padded and getattr(pool.op, "divisor_override", None) is None and prod(w.stride for w in windows) > 1


def _is_pointwise(graph: Graph, conv: Node) -> bool:
    if conv.op.title not in CONVOLUTIONS:
        return False
    windows = conv.op.windows(graph.inputs_of(conv))
    return all((w.kernel, w.stride, w.pad_before, w.pad_after) == (1, 1, 0, 0) for w in windows)
