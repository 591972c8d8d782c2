"""A layer outside torch, by import path. Its types and state were found by running it; see `archspec.emit.custom`."""

from typing import Any, ClassVar

from archspec.ops.base import Category, Example, Extra, Inputs, Kept, Needs, Op, Reach, State, Wanted
from archspec.ops.target import Module, Target
from archspec.values import TensorType


class Custom(Op):
    """A class that the spec names by import path, constructed with keyword arguments and called with the inputs."""

    category: ClassVar[Category] = "custom"
    reach: ClassVar[Reach] = "global"
    examples: ClassVar[tuple[Example, ...]] = ()

    path: Extra[str]
    arguments: Extra[tuple[tuple[str, Any], ...]]
    outputs: Extra[tuple[TensorType, ...]]
    states: Extra[tuple[State, ...]]

    @property
    def title(self) -> str:
        return self.path

    def infer(self, need: Needs, inputs: Inputs) -> tuple[TensorType, ...]:
        return self.outputs

    def state(self) -> tuple[State, ...]:
        return self.states

    def target(self, inputs: Inputs) -> Target:
        unpack = tuple(range(len(self.outputs))) if len(self.outputs) > 1 else None
        return Module(self.path, (), self.arguments, unpack=unpack)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """A guess: all it is given and all it returns."""
        return Kept(tuple(range(len(inputs))), tuple(range(len(outputs))))
