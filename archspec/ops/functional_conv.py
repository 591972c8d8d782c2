"""Convolutions as functions: the weights are operands, a Parameter or Buffer, instead of the op's own."""

from typing import ClassVar, Literal

from archspec.dims import Dim, show
from archspec.ops.base import (
    Category,
    Example,
    Inputs,
    Kept,
    Needs,
    Op,
    OpError,
    Pair,
    Reach,
    Signature,
    Single,
    Triple,
    Wanted,
    Window,
    collapse,
)
from archspec.ops.conv import Conv1d, Conv2d, Conv3d
from archspec.ops.dtypes import require_same
from archspec.ops.target import Arg, Call, Operand, Target
from archspec.values import TensorType

_WEIGHT = {1: "[out, in, k]", 2: "[out, in, kh, kw]", 3: "[out, in, kd, kh, kw]"}


class _ConvFunction(Op, abstract=True):
    """The layer of the same number of axes has all rules; its kernel is the weight's shape."""

    category: ClassVar[Category] = "convolution"
    signature: ClassVar[Signature] = Signature(("input", "weight"), ("bias",))
    reach: ClassVar[Reach] = "window"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input", "weight")
    layer: ClassVar[type[Conv1d | Conv2d | Conv3d]]

    stride: tuple[int, ...]
    padding: tuple[int, ...] | Literal["same", "valid"]
    dilation: tuple[int, ...]
    groups: int

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x, weight, bias = inputs[0], inputs[1], inputs.get("bias")
        spatial = self.layer.spatial
        require_same(inputs, op=self.name)
        need.floating(x, op=self.name)
        need.rank(weight, spatial + 2, op=self.name, layout=f"a weight {_WEIGHT[spatial]}", operand=1)
        layer = self._layer(need, inputs)
        out = layer.infer(need, Inputs((TensorType(x.shape), *inputs[1:]), inputs.names))
        wanted = layer.in_channels // self.groups
        need.equal(
            weight.shape[1],
            wanted,
            f"`{self.name}` of {layer.in_channels} channels in {self.groups} groups needs a weight for {wanted}, "
            f"got {weight}",
            operand=1,
            label=f"axis 1 is {show(weight.shape[1])}",
        )
        if bias is not None:
            message = f"`{self.name}` needs a bias [{layer.out_channels}], got {bias}"
            if bias.rank != 1:
                raise OpError("shape-mismatch", message, operand=2)
            need.equal(bias.shape[0], layer.out_channels, message, operand=2)
        return TensorType(out.shape, x.dtype)

    def _layer(self, need: Needs, inputs: Inputs) -> Conv1d | Conv2d | Conv3d:
        sizes = [need.integer(size, f"the weight of `{self.name}`", operand=1) for size in inputs[1].shape]
        shared = {name: getattr(self, name) for name in ("stride", "padding", "dilation", "groups")}
        own = {"out_channels": sizes[0], "kernel_size": tuple(sizes[2:]), "bias": False}
        return self.layer.model_validate({**self.layer.inferred(need, inputs), **own, **shared})

    def windows(self, inputs: Inputs) -> tuple[Window, ...]:
        return self._layer(Needs(), inputs).windows(inputs)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return self._layer(Needs(), inputs).macs(inputs, outputs)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        own = self._layer(Needs(), inputs).kept(inputs, outputs, wanted)
        return Kept((*own.inputs, 1), made=own.made)

    def target(self, inputs: Inputs) -> Target:
        bias = inputs.position("bias")
        args: list[Arg] = [Operand(0), Operand(1), None if bias is None else Operand(bias)]
        args += [collapse(self.stride), collapse(self.padding), collapse(self.dilation), self.groups]
        defaults: list[Arg] = [None, 1, 0, 1, 1]
        while len(args) > 2 and args[-1] == defaults[len(args) - 3]:
            args.pop()
        return Call(f"torch.nn.functional.{self.name}", tuple(args))


class Conv1dFunction(_ConvFunction):
    """`Conv1d` as a function: `[N, C, L]` and a weight `[out, C / groups, k]`, with or without a bias `[out]`, to
    `[N, out, L']`.

    Weight and bias are Parameters or Buffers.
    """

    name: ClassVar[str] = "conv1d"
    layer: ClassVar[type[Conv1d | Conv2d | Conv3d]] = Conv1d
    examples: ClassVar[tuple[Example, ...]] = (Example({"padding": 1}, ((2, 4, 9), (6, 4, 3))),)
    stride: Single = (1,)
    padding: Single | Literal["same", "valid"] = (0,)
    dilation: Single = (1,)
    groups: int = 1


class Conv2dFunction(_ConvFunction):
    """`Conv2d` as a function: `[N, C, H, W]` and a weight `[out, C / groups, kh, kw]`, with or without a bias `[out]`,
    to `[N, out, H', W']`.

    Weight and bias are Parameters or Buffers, as a fixed filter: `from: [image, kernel]`.
    """

    name: ClassVar[str] = "conv2d"
    layer: ClassVar[type[Conv1d | Conv2d | Conv3d]] = Conv2d
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"padding": 1}, ((2, 1, 5, 6), (1, 1, 3, 3))),
        Example({"stride": 2, "groups": 2}, ((2, 4, 9, 8), (6, 2, 3, 5), (6,))),
        Example({"padding": "same", "dilation": [1, 2]}, ((2, 4, 9, 8), (6, 4, 5, 3))),
    )
    stride: Pair = (1, 1)
    padding: Pair | Literal["same", "valid"] = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1


class Conv3dFunction(_ConvFunction):
    """`Conv3d` as a function: `[N, C, D, H, W]` and a weight `[out, C / groups, kd, kh, kw]`, with or without a bias
    `[out]`, to `[N, out, D', H', W']`.

    Weight and bias are Parameters or Buffers.
    """

    name: ClassVar[str] = "conv3d"
    layer: ClassVar[type[Conv1d | Conv2d | Conv3d]] = Conv3d
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 4, 5, 6, 7), (6, 4, 3, 3, 1))),)
    stride: Triple = (1, 1, 1)
    padding: Triple | Literal["same", "valid"] = (0, 0, 0)
    dilation: Triple = (1, 1, 1)
    groups: int = 1
