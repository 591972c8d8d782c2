"""Where the channels of an image lie in memory.

torch keeps them first, `[N, C, H, W]`. Convolutions on a CPU, and half-precision ones on a GPU, are computed with
channels last, and otherwise reorder what they read and write. A convolution whose weight has its channels last gives an
image that has, too, and what follows keeps it so: it is enough that the weights are.
"""

from __future__ import annotations

from archspec.ir import Graph, Node
from archspec.ops.target import Module


def wants_channels_last(graph: Graph) -> bool:
    """Whether images are convolved, and no layer is there that might need them as torch makes them. (A weight of five
    axes has no such layout, and torch refuses to change that of the others around it.)"""
    if all(node.op.title != "Conv2d" for node in graph.nodes) or any(len(x.shape) == 5 for _, _, x in graph.state()):
        return False
    return all(_takes_any_layout(graph, node) for node in graph.nodes)


def _takes_any_layout(graph: Graph, node: Node) -> bool:
    """torch's own layers and functions do; of others a `view` shows that they do not, where their source is ours."""
    target = node.op.target(graph.inputs_of(node))
    if not isinstance(target, Module) or target.cls.startswith("torch.nn."):
        return True
    return target.support is not None and ".view(" not in target.support
