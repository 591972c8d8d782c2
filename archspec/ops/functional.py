"""Functions of one tensor, called with it first and the other arguments in the order of the fields."""

from typing import ClassVar, Literal

from archspec.ops.base import Inputs, Op
from archspec.ops.dtypes import is_float, require_no_bool
from archspec.ops.needs import Needs
from archspec.ops.target import Arg, Call, Method, Operand, Target
from archspec.values import TensorType

ALWAYS_WRITTEN = frozenset({"dim", "start_dim"})
"""Axes are never left to a default: ours is not torch's."""


def call_arguments(op: Op) -> tuple[tuple[Arg, ...], tuple[tuple[str, Arg], ...]]:
    """Arguments of a call without those left at their default: positional up to the first gap or flag, then by name."""
    args: list[Arg] = []
    kwargs: list[tuple[str, Arg]] = []
    for index, (name, info) in enumerate(type(op).model_fields.items()):
        value = getattr(op, name)
        if not info.is_required() and value == info.default and name not in ALWAYS_WRITTEN:
            continue
        if len(args) == index and not isinstance(value, bool):
            args.append(value)
        else:
            kwargs.append((name, value))
    return tuple(args), tuple(kwargs)


class Function(Op, abstract=True):
    """`torch.name(x, ...)`, or that function of another namespace."""

    namespace: ClassVar[str] = "torch"

    def target(self, inputs: Inputs) -> Target:
        args, kwargs = call_arguments(self)
        return Call(f"{self.namespace}.{self.name}", (Operand(0), *args), kwargs)


class MethodFunction(Op, abstract=True):
    """`x.name(...)`."""

    def target(self, inputs: Inputs) -> Target:
        args, kwargs = call_arguments(self)
        return Method(self.name, args, kwargs)


class Elementwise(Function, abstract=True):
    """A function of each element.

    `domain`: what it takes; `real`: integers and booleans become float32.
    """

    domain: ClassVar[Literal["floating", "numbers", "all"]] = "floating"
    real: ClassVar[bool] = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        if self.domain == "floating":
            need.floating(x, op=self.name)
        elif self.domain == "numbers":
            require_no_bool(x, op=self.name)
        return TensorType(x.shape, "float32" if self.real and not is_float(x.dtype) else x.dtype)
