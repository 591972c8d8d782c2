"""Layers without state, as functions."""

from typing import ClassVar

from archspec import dims
from archspec.dims import show
from archspec.ops.axes import axis_of, reach_along, replace_axis
from archspec.ops.base import Category, Example, Inputs, Ints, Needs, OpError, Reach, Signature, elements
from archspec.ops.dtypes import require_same
from archspec.ops.functional import Elementwise, Function
from archspec.ops.guards import probability
from archspec.ops.target import Arg, Call, Code, Operand, Target, Training
from archspec.ops.work import NORMALISE, dropout_mask, row_statistics
from archspec.values import TensorType


class Dropout(Elementwise):
    """Zeroes each element with probability `p` in training, and scales the others by `1 / (1 - p)`."""

    name: ClassVar[str] = "dropout"
    category: ClassVar[Category] = "dropout"
    is_view: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (Example({"p": 0.2}), Example({"inplace": True}))

    p: float = 0.5
    inplace: bool = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        probability(p=self.p)
        return super().infer(need, inputs)

    def target(self, inputs: Inputs) -> Target:
        kwargs = (("inplace", True),) if self.inplace else ()
        return Call("torch.nn.functional.dropout", (Operand(0), self.p, Training()), kwargs)

    def is_identity(self, inputs: Inputs) -> bool:
        return self.p == 0

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return dropout_mask(self.p, inputs[0], inputs[0].shape)


class LayerNorm(Function):
    """Mean 0 and variance 1 over the last axes, then `weight` and `bias` where they are given: `[N, *, C]` to the same
    (arXiv 1607.06450).

    The axes are those of `weight`, or the last one, unless `normalized_shape` says otherwise. The operands are
    Parameters: `from: {input: x, weight: scale, bias: shift}`.
    """

    name: ClassVar[str] = "layer_norm"
    category: ClassVar[Category] = "normalization"
    signature: ClassVar[Signature] = Signature(("input",), ("weight", "bias"))
    saves_inputs: ClassVar[tuple[str, ...]] = ("input", "weight", "bias")
    reach: ClassVar[Reach] = "global"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 4, 6),)),
        Example({"eps": 1e-6}, ((2, 4, 6), (6,), (6,)), operands=("input", "weight", "bias")),
        Example({"normalized_shape": [4, 6]}, ((2, 4, 6), (4, 6)), operands=("input", "bias")),
    )

    normalized_shape: Ints | int | None = None
    eps: float = 1e-5

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        need.floating(x, op=self.name)
        require_same(inputs, op=self.name)
        shape = self.normalized(inputs)
        if not shape or len(shape) > x.rank:
            raise OpError(
                "wrong-rank", f"`layer_norm` of {x} cannot take {len(shape)} axes", argument="normalized_shape"
            )
        over = f"`layer_norm` over [{', '.join(map(show, shape))}]"
        for axis, size in enumerate(shape, x.rank - len(shape)):
            label = f"axis {axis} is {show(x.shape[axis])}"
            need.equal(x.shape[axis], size, f"{over} does not fit {x}", argument="normalized_shape", label=label)
        for operand, affine in enumerate(inputs[1:], 1):
            message = f"{over} needs `{inputs.names[operand]}` of that shape, got {affine}"
            if affine.rank != len(shape):
                raise OpError("shape-mismatch", message, operand=operand)
            for size, wanted in zip(affine.shape, shape, strict=True):
                need.equal(size, wanted, message, operand=operand)
        return x.with_shape(x.shape)

    def normalized(self, inputs: Inputs) -> tuple[dims.Dim, ...]:
        """The sizes of the axes that are normalised."""
        if self.normalized_shape is not None:
            return self.normalized_shape if isinstance(self.normalized_shape, tuple) else (self.normalized_shape,)
        weight = inputs.get("weight") or inputs.get("bias")
        return weight.shape if weight else inputs[0].shape[-1:]

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> dims.Dim:
        return dims.mul(elements(outputs[0]), NORMALISE + len(inputs) - 1)

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return row_statistics(inputs[0], len(self.normalized(inputs)))

    def by_products(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return self.makes(inputs, outputs)

    def target(self, inputs: Inputs) -> Target:
        shape = self.normalized(inputs)
        sizes: Arg = shape if all(isinstance(size, int) for size in shape) else Code(f"{{0}}.shape[-{len(shape)}:]")
        args: list[Arg] = [Operand(0), sizes]
        for name in ("weight", "bias"):
            position = inputs.position(name)
            args.append(None if position is None else Operand(position))
        if self.eps != 1e-5:
            args.append(self.eps)
        while args[-1] is None:
            args.pop()
        return Call("torch.nn.functional.layer_norm", tuple(args))


class Normalize(Function):
    """Vectors along axis `dim`, which is 1 unless given, divided by their p-norm (at least `eps`): `[N, C, *]` to the
    same."""

    name: ClassVar[str] = "normalize"
    namespace: ClassVar[str] = "torch.nn.functional"
    category: ClassVar[Category] = "normalization"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    per_element: ClassVar[int] = 3  # the power, the sum, the quotient
    examples: ClassVar[tuple[Example, ...]] = (Example({}), Example({"p": 1, "dim": -1, "eps": 1e-6}))

    p: float = 2.0
    dim: int = 1
    eps: float = 1e-12

    @property
    def reach(self) -> Reach:  # pyright: ignore[reportIncompatibleVariableOverride]
        return reach_along(self.dim)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        need.floating(x, op=self.name)
        axis_of(x, self.dim, op=self.name)
        return x.with_shape(x.shape)

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        x = inputs[0]
        norms = x.with_shape(replace_axis(x.shape, axis_of(x, self.dim, op=self.name), 1))
        return norms, norms  # as they are, and at least `eps`
