"""Where the channels of an image lie in memory.

torch keeps them first, `[N, C, H, W]`. Convolutions on a CPU, and half-precision ones on a GPU, are computed with
channels last, and otherwise reorder what they read and write.
"""

from __future__ import annotations

from typing import ClassVar

from archspec.inference.rewrite import Rewrite
from archspec.ir import Graph, Node
from archspec.ops.base import Category, Example, Inputs, Needs, Op
from archspec.ops.target import Code, Method, Module, Target
from archspec.values import TensorType, Value


class ChannelsLast(Op):
    """The same image, with the channels of a position next to each other in memory."""

    name: ClassVar[str] = "channels_last"
    category: ClassVar[Category] = "reshape"
    is_view: ClassVar[bool] = True  # an image that is so already is itself
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 3, 5, 4),)),)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        need.rank(inputs[0], 4, op=self.name, layout="[N, C, H, W]")
        return inputs[0].with_shape(inputs[0].shape)

    def target(self, inputs: Inputs) -> Target:
        return Method("contiguous", (), (("memory_format", Code("torch.channels_last")),))


def prefer_channels_last(graph: Graph) -> Graph:
    """The graph with its images channels last, where convolutions read them and every op takes them so."""
    convolved = any(node.op.title == "Conv2d" for node in graph.nodes)
    images = [Value(-1 - at) for at, item in enumerate(graph.inputs) if _is_image(item.type)]
    if not (convolved and images and all(_takes_any_layout(graph, node) for node in graph.nodes)):
        return graph
    readers = Rewrite(graph).readers()
    change = Rewrite(graph)
    for value in images:
        if value in readers:
            change.first.append(_conversion(graph, value))
    return change.done()


def _is_image(kind: TensorType) -> bool:
    return kind.rank == 4 and kind.dtype == "float32"


def _takes_any_layout(graph: Graph, node: Node) -> bool:
    """A `view` needs a tensor as torch first made it; of layers that are not torch's own nothing is known."""
    target = node.op.target(graph.inputs_of(node))
    if isinstance(target, Method):
        return target.method != "view"
    if isinstance(target, Module) and not target.cls.startswith("torch.nn."):
        return target.support is not None and ".view(" not in target.support
    return True


def _conversion(graph: Graph, value: Value) -> Node:
    taken = set(graph.positions) | set(graph.scopes)
    path = "image"
    while path in taken:
        path += "_"
    return Node(
        path=path, module=path, op=ChannelsLast(), inputs=(value,), slots=("input",), reads=(),
        outputs=(graph.type_of(value),), origin=graph.root.origin,
    )  # fmt: skip
