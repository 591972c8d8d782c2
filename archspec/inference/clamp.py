"""What is left of a batch norm and a ReLU where the layer after them has taken in the rest."""

from __future__ import annotations

from typing import ClassVar

from archspec import dims
from archspec.dims import Dim
from archspec.ops.base import Category, Example, Inputs, Needs, Op, State, constructor_arguments, elements
from archspec.ops.target import Module, Target
from archspec.values import TensorType

CHANNEL_CLAMP = '''\
class ChannelClamp(nn.Module):
    """Brings each channel into bounds of its own: a batch norm and a ReLU, whose factors and summands are in the
    weight and bias of the layer after them."""

    def __init__(self, num_features: int, spatial: int, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace
        shape = (num_features, *(1,) * spatial)
        self.register_buffer("min", torch.full(shape, -torch.inf))
        self.register_buffer("max", torch.full(shape, torch.inf))

    def forward(self, x: Tensor) -> Tensor:
        return (torch.clamp_ if self.inplace else torch.clamp)(x, self.min, self.max)
'''


class ChannelClamp(Op):
    """Each channel brought into bounds of its own: `[N, C, *]`, shape kept."""

    category: ClassVar[Category] = "activation"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_features": 4, "spatial": 2}, ((2, 4, 3, 5),)),
        Example({"num_features": 4, "spatial": 0, "inplace": True}, ((2, 4),)),
    )

    num_features: int
    spatial: int
    inplace: bool = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        return inputs[0].with_shape(inputs[0].shape)

    def state(self) -> tuple[State, ...]:
        shape = (self.num_features, *(1,) * self.spatial)
        return tuple(State(name, shape, buffer=True, trainable=False) for name in ("min", "max"))

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(outputs[0]), 2)

    def target(self, inputs: Inputs) -> Target:
        return Module("ChannelClamp", *constructor_arguments(self), support=CHANNEL_CLAMP)
