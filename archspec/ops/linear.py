"""Linear maps and distances between vectors."""

from collections.abc import Mapping
from typing import Any, ClassVar

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.axes import broadcast, replace_axis
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
    Signature,
    State,
    Wanted,
    elements,
)
from archspec.ops.dtypes import is_float, promote, require_no_bool
from archspec.ops.guards import axis, like_weights, positive
from archspec.ops.needs import axes_text
from archspec.ops.work import expanded
from archspec.values import TensorType


def features(need: Needs, x: TensorType, what: str, *, op: str, operand: int = 0) -> int:
    """The number of features of `x`, which is its last axis: `[N, *, features]`."""
    if x.rank < (1 if x.constant else 2):
        raise OpError(
            "wrong-rank", f"`{op}` needs [N, *, features], got {x}", operand=operand,
            help="every value keeps its batch axis; `unsqueeze` adds an axis of features",
        )  # fmt: skip
    return need.integer(x.shape[-1], f"`{what}`", operand=operand)


class Linear(ModuleOp):
    """An affine map of the last axis: `[N, *, in_features]` to `[N, *, out_features]`."""

    category: ClassVar[Category] = "linear"
    reach: ClassVar[Reach] = "global"  # it mixes the whole last axis
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_features": 5}, ((2, 8),)),
        Example({"out_features": 3, "bias": False}, ((2, 4, 6, 8),)),
    )

    in_features: Inferred[int]
    out_features: int
    bias: bool = True

    @classmethod
    def inferred(cls, need: Needs, inputs: Inputs) -> Mapping[str, Any]:
        return {"in_features": features(need, inputs[0], "in_features", op="Linear")}

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        like_weights(need, x, op="Linear")
        positive(out_features=self.out_features, in_features=self.in_features)
        return x.with_shape((*x.shape[:-1], self.out_features))

    def state(self) -> tuple[State, ...]:
        bias = (State("bias", (self.out_features,)),) if self.bias else ()
        return (State("weight", (self.out_features, self.in_features)), *bias)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(dims.product(outputs[0].shape), self.in_features)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        return Kept((0,) if "weight" in wanted.params else ())


class Bilinear(ModuleOp):
    """A bilinear map of the last axes of two inputs: `[N, *, in1_features]` and `[N, *, in2_features]` to
    `[N, *, out_features]`. Costs no MACs in the convention of torch's counter."""

    category: ClassVar[Category] = "linear"
    signature: ClassVar[Signature] = Signature(("input1", "input2"))
    reach: ClassVar[Reach] = "global"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_features": 4}, ((2, 5), (2, 7))),
        Example({"out_features": 4, "bias": False}, ((2, 3, 5), (2, 3, 7))),
    )

    in1_features: Inferred[int]
    in2_features: Inferred[int]
    out_features: int
    bias: bool = True

    @classmethod
    def inferred(cls, need: Needs, inputs: Inputs) -> Mapping[str, Any]:
        return {
            "in1_features": features(need, inputs[0], "in1_features", op="Bilinear"),
            "in2_features": features(need, inputs[1], "in2_features", op="Bilinear", operand=1),
        }

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        a, b = inputs
        for operand, x in enumerate(inputs):
            like_weights(need, x, op="Bilinear", operand=operand)
        positive(out_features=self.out_features, in1_features=self.in1_features, in2_features=self.in2_features)
        message = f"`Bilinear` needs inputs that differ in their last axis only, got {a} and {b}"
        if a.rank != b.rank:
            raise OpError("wrong-rank", message, operand=1, label=f"{axes_text(b.rank)}, not {a.rank}")
        shared = tuple(
            need.equal(left, right, message, operand=1, label=f"axis {axis} differs: {show(left)} and {show(right)}")
            for axis, (left, right) in enumerate(zip(a.shape[:-1], b.shape[:-1], strict=True))
        )
        return a.with_shape((*shared, self.out_features))

    def state(self) -> tuple[State, ...]:
        bias = (State("bias", (self.out_features,)),) if self.bias else ()
        return (State("weight", (self.out_features, self.in1_features, self.in2_features)), *bias)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        """The products and sums that torch's counter leaves out."""
        return dims.mul(elements(outputs[0]), 2 * self.in1_features * self.in2_features)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """Each input for the gradients of the other and of the weight."""
        weight = "weight" in wanted.params
        return Kept(tuple(i for i in (0, 1) if weight or wanted.inputs[1 - i]))


class _Distance(ModuleOp, abstract=True):
    """A number for each pair of vectors of two inputs that broadcast."""

    category: ClassVar[Category] = "linear"
    signature: ClassVar[Signature] = Signature(("x1", "x2"))
    reach: ClassVar[Reach] = "reshape"


class CosineSimilarity(_Distance):
    """The cosine of the angle between vectors along axis `dim`: `[N, D, *]` twice to `[N, *]`."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 5, 3), (2, 5, 3))),
        Example({"dim": -1, "eps": 1e-6}, ((2, 5, 3), (2, 1, 3))),
    )

    dim: int = 1
    eps: float = 1e-8

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        shape = broadcast(need, "CosineSimilarity", inputs)
        result = TensorType(shape, promote(*inputs))
        need.floating(result, op="CosineSimilarity")
        dim = axis(result, self.dim, "dim")
        if self.eps < 0:
            raise OpError("bad-argument", f"`eps` must not be negative, got {self.eps}", argument="eps")
        return result.with_shape((*shape[:dim], *shape[dim + 1 :]))

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        """Three sums of products along the axis, a product of two roots and a quotient."""
        return dims.add(dims.mul(elements(expanded(inputs)), 6), dims.mul(elements(outputs[0]), 4))

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """Torch composes it: of each vector its length, as it is and at least `eps`; of each input that has a gradient
        the input, for its length, and the other input brought to length 1."""
        pair = expanded(inputs)
        axis_ = axis(pair, self.dim, "dim")
        kept = [i for i in (0, 1) if wanted.inputs[i]]
        lengths = pair.with_shape(replace_axis(pair.shape, axis_, 1))
        return Kept(tuple(kept), made=(*(lengths,) * (2 * len(kept)), *(pair,) * len(kept)))


class PairwiseDistance(_Distance):
    """The p-norm of the difference of vectors along the last axis: `[N, *, D]` twice to `[N, *]` (`[N, *, 1]` with
    `keepdim: true`)."""

    saves_output: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 5), (2, 5))),
        Example({"p": 1.0, "keepdim": True}, ((2, 5, 3), (2, 1, 3))),
    )

    p: float = 2.0
    eps: float = 1e-6
    keepdim: bool = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        for operand, x in enumerate(inputs):
            require_no_bool(x, op="PairwiseDistance", operand=operand)
        shape = broadcast(need, "PairwiseDistance", inputs)
        if len(shape) < 2:
            raise OpError("wrong-rank", f"`PairwiseDistance` needs [N, *, D], got {inputs[0]} and {inputs[1]}")
        dtype = promote(*inputs)
        return TensorType((*shape[:-1], 1) if self.keepdim else shape[:-1], dtype if is_float(dtype) else "float32")

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        """The difference, `eps`, the power and the sum along the axis, and a root."""
        return dims.add(dims.mul(elements(expanded(inputs)), 4), elements(outputs[0]))

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return (TensorType(expanded(inputs).shape, outputs[0].dtype),)  # the difference
