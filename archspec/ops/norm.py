"""Normalisation layers."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.base import (
    Category,
    Example,
    Inferred,
    Inputs,
    Kept,
    ModuleOp,
    Needs,
    OpError,
    Reach,
    State,
    Wanted,
    as_tuple,
    constructor_arguments,
    elements,
)
from archspec.ops.guards import minimum_rank, narrow, positive, real
from archspec.ops.target import Code, Module, Target
from archspec.ops.work import NORMALISE, row_statistics
from archspec.values import TensorType

NEIGHBOURS = 5
"""Operations of a response normalisation besides the sums: the square, a factor, a sum, the power, the quotient."""


class _Norm(ModuleOp, abstract=True):
    """What normalisations share."""

    category: ClassVar[Category] = "normalization"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)


class GroupNorm(_Norm):
    """Normalises groups of channels of each sample: `[N, C, *]`, shape kept (Wu and He, 2018, arXiv 1803.08494)."""

    reach: ClassVar[Reach] = "global"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_groups": 2}, ((2, 4, 5, 6),)),
        Example({"num_groups": 4, "eps": 1e-6, "affine": False}, ((2, 4),)),
        Example({"num_groups": 1, "bias": False}, ((2, 4, 5),)),
    )

    num_groups: int
    num_channels: Inferred[int]
    eps: float = 1e-5
    affine: bool = True
    bias: bool = True

    @classmethod
    def inferred(cls, need: Needs, inputs: Inputs) -> Mapping[str, Any]:
        minimum_rank(inputs[0], 2, op=cls.name, layout="[N, C, *]")
        return {"num_channels": need.integer(inputs[0].shape[1], "`num_channels`", operand=0)}

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        minimum_rank(x, 2, op="GroupNorm", layout="[N, C, *]")
        need.floating(x, op="GroupNorm")
        positive(num_groups=self.num_groups, num_channels=self.num_channels)
        if self.num_channels % self.num_groups:
            raise OpError(
                "not-divisible", f"`num_groups` {self.num_groups} does not divide `num_channels` {self.num_channels}",
                argument="num_groups", help="choose a number of groups that divides the channels",
            )  # fmt: skip
        if self.affine:
            narrow(x, op="GroupNorm")
        values = dims.product((self.num_channels // self.num_groups, x.shape[0], *x.shape[2:]))
        need.at_least(values, 2, f"`GroupNorm` needs more than one value in a group, got {x}", operand=0)
        return x.with_shape(x.shape)

    def state(self) -> tuple[State, ...]:
        weight = (State("weight", (self.num_channels,)),) if self.affine else ()
        bias = (State("bias", (self.num_channels,)),) if self.affine and self.bias else ()
        return (*weight, *bias)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(outputs[0]), NORMALISE + len(self.state()))

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return (TensorType((inputs[0].shape[0], self.num_groups)),) * 2

    def by_products(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return self.makes(inputs, outputs)


def _shape(value: object) -> object:
    return (value,) if type(value) is int else as_tuple(value)


class _TrailingNorm(_Norm, abstract=True):
    """Normalisation over the last axes of each sample."""

    accepts_written: ClassVar[frozenset[str]] = frozenset({"normalized_shape"})
    reach: ClassVar[Reach] = "global"  # its axes are the last ones, which in a map are positions

    normalized_shape: Inferred[Annotated[tuple[int, ...], BeforeValidator(_shape)]]

    @classmethod
    def inferred(cls, need: Needs, inputs: Inputs) -> Mapping[str, Any]:
        minimum_rank(inputs[0], 2, op=cls.name, layout="[N, *, C]")
        return {"normalized_shape": (need.integer(inputs[0].shape[-1], "`normalized_shape`", operand=0),)}

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x, op, shape = inputs[0], type(self).name, self.normalized_shape
        need.floating(x, op=op)
        if not shape:
            raise OpError("bad-argument", "`normalized_shape` needs at least one size", argument="normalized_shape")
        positive(normalized_shape=shape)
        if len(shape) >= x.rank:
            raise OpError(
                "bad-argument", f"`normalized_shape` of {len(shape)} sizes leaves no batch axis of {x}",
                argument="normalized_shape",
            )  # fmt: skip
        message = f"`{op}` normalises the last axes {list(shape)}, got {x}"
        for axis, (size, expected) in enumerate(zip(x.shape[-len(shape) :], shape, strict=True), x.rank - len(shape)):
            label = f"axis {axis} is {show(size)}, not {expected}"
            need.equal(size, expected, message, argument="normalized_shape", label=label)
        return x.with_shape(x.shape)

    def target(self, inputs: Inputs) -> Target:
        _, kwargs = constructor_arguments(self)
        shape = self.normalized_shape
        return Module(f"torch.nn.{type(self).name}", (shape[0] if len(shape) == 1 else shape,), kwargs)


class LayerNorm(_TrailingNorm):
    """Normalises the last axes of each position, the last one unless `normalized_shape` names more: `[N, *, C]`, shape
    kept (Ba et al., 2016, arXiv 1607.06450)."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 5, 8),)),
        Example({"normalized_shape": [4, 4], "eps": 1e-6, "bias": False}, ((2, 3, 4, 4),)),
        Example({"elementwise_affine": False}, ((2, 8),)),
    )

    eps: float = 1e-5
    elementwise_affine: bool = True
    bias: bool = True

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        if self.elementwise_affine:
            narrow(inputs[0], op="LayerNorm")
        return super().infer(need, inputs)

    def state(self) -> tuple[State, ...]:
        if not self.elementwise_affine:
            return ()
        bias = (State("bias", self.normalized_shape),) if self.bias else ()
        return (State("weight", self.normalized_shape), *bias)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(outputs[0]), NORMALISE + len(self.state()))

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return row_statistics(inputs[0], len(self.normalized_shape))

    def by_products(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return self.makes(inputs, outputs)


class RMSNorm(_TrailingNorm):
    """Divides by the root mean square of the last axes, the last one unless `normalized_shape` names more:
    `[N, *, C]`, shape kept (Zhang and Sennrich, 2019, arXiv 1910.07467)."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 5, 8),)),
        Example({"normalized_shape": 8, "eps": 1e-6}, ((2, 8),)),
        Example({"elementwise_affine": False}, ((2, 5, 8),)),
    )

    eps: float | None = None
    elementwise_affine: bool = True

    def state(self) -> tuple[State, ...]:
        return (State("weight", self.normalized_shape),) if self.elementwise_affine else ()

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(outputs[0]), 3 + self.elementwise_affine)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """Torch composes it: the input and its scale for one gradient, what the weight multiplies for the other."""
        scaled = inputs.types if "weight" in wanted.params else ()
        if not wanted.inputs[0]:
            return Kept(made=scaled)
        return Kept((0,), made=(*row_statistics(inputs[0], len(self.normalized_shape))[:1], *scaled))


class LocalResponseNorm(_Norm):
    """Divides by the activity of `size` neighbouring channels: `[N, C, *]`, shape kept (Krizhevsky et al., 2012)."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"size": 3}, ((2, 4, 5, 6),)),
        Example({"size": 2, "alpha": 1e-3, "beta": 0.5, "k": 2}, ((2, 4, 5),)),
        Example({"size": 3}, ((2, 4, 2, 3, 5),)),
    )

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        minimum_rank(x, 3, op="LocalResponseNorm", layout="[N, C, *] with a map")
        positive(size=self.size)
        return real(need, x, op="LocalResponseNorm", integers="refuse")

    def target(self, inputs: Inputs) -> Target:
        if inputs[0].rank < 5:
            return self.module_target()
        return self.module_target(call_args=(Code("{0}.contiguous()"),))  # torch takes a view of it

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(outputs[0]), self.size + NEIGHBOURS)

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The squares, padded; the base of the power; the power."""
        batch, channels, *sizes = inputs[0].shape
        squares = inputs[0].with_shape((batch, dims.add(channels, self.size - 1), *sizes))
        return (squares, *outputs * 2)


class CrossMapLRN2d(_Norm):
    """Divides by the activity of `size` neighbouring channels, as Caffe does: `[N, C, H, W]`, shape kept. Neither
    scriptable nor exportable in torch; prefer `LocalResponseNorm`."""

    saves_output: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (Example({"size": 3}, ((2, 4, 5, 6),)),)

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        need.rank(x, 4, op="CrossMapLRN2d", layout="[N, C, H, W]")
        need.floating(x, op="CrossMapLRN2d")
        if self.size < 2:
            raise OpError("bad-argument", f"`size` must be at least 2, got {self.size}", argument="size")
        return x.with_shape(x.shape)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(outputs[0]), self.size + NEIGHBOURS)
