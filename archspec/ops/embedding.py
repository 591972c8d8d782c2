"""Lookup tables: indices to vectors."""

from typing import ClassVar, Literal

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.base import (
    Category,
    Example,
    Inputs,
    Kept,
    ModuleOp,
    Needs,
    Op,
    OpError,
    Reach,
    Signature,
    State,
    Wanted,
    elements,
)
from archspec.ops.functional import call_arguments
from archspec.ops.guards import indices, positive
from archspec.ops.operands import place_operands
from archspec.ops.target import Call, Operand, Target
from archspec.values import TensorType


class _Table(ModuleOp, abstract=True):
    """What both lookup tables share: the table and its arguments."""

    category: ClassVar[Category] = "embedding"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    reach: ClassVar[Reach] = "reshape"

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None
    max_norm: float | None
    scale_grad_by_freq: bool
    sparse: bool

    def check(self) -> None:
        positive(num_embeddings=self.num_embeddings, embedding_dim=self.embedding_dim)
        count = self.num_embeddings
        if self.padding_idx is not None and not -count <= self.padding_idx < count:
            raise OpError(
                "bad-argument", f"`padding_idx` {self.padding_idx} is none of the {count} rows", argument="padding_idx"
            )
        if self.sparse and self.scale_grad_by_freq:
            raise OpError(
                "bad-argument", "`sparse` and `scale_grad_by_freq` exclude each other", argument="scale_grad_by_freq"
            )

    def state(self) -> tuple[State, ...]:
        return (State("weight", (self.num_embeddings, self.embedding_dim)),)


class Embedding(_Table):
    """Looks up a vector for each index: int64 `[N, *]` to float32 `[N, *, embedding_dim]`."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_embeddings": 10, "embedding_dim": 4}, ((2, 6),), ("int64",)),
        Example(
            {"num_embeddings": 10, "embedding_dim": 4, "padding_idx": 3, "max_norm": 1.0}, ((2, 3, 5),), ("int64",)
        ),
    )

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None = None
    max_norm: float | None = None
    norm_type: float = 2.0
    scale_grad_by_freq: bool = False
    sparse: bool = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        indices(x, op="Embedding")
        self.check()
        return TensorType((*x.shape, self.embedding_dim))

    def gathers(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return elements(outputs[0])


class EmbeddingBag(_Table):
    """Sums, averages or maximises the vectors of a bag of indices: int64 `[N, L]` to float32 `[N, embedding_dim]`.

    With `offsets` `[N]` (where each bag starts) the indices are one list `[T]`. `per_sample_weights` has the shape of
    the indices and needs `mode: sum`.
    """

    signature: ClassVar[Signature] = Signature(("input",), ("offsets", "per_sample_weights"))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_embeddings": 10, "embedding_dim": 4}, ((2, 6),), ("int64",)),
        Example(
            {"num_embeddings": 10, "embedding_dim": 4, "mode": "sum", "padding_idx": 3},
            ((2, 6), (2, 6)), ("int64", "float32"), ("input", "per_sample_weights"),
        ),
        Example(
            {"num_embeddings": 10, "embedding_dim": 4, "mode": "max", "include_last_offset": True},
            ((6,), (3,)), ("int64", "int64"),
        ),
    )  # fmt: skip

    num_embeddings: int
    embedding_dim: int
    max_norm: float | None = None
    norm_type: float = 2.0
    scale_grad_by_freq: bool = False
    mode: Literal["sum", "mean", "max"] = "mean"
    sparse: bool = False
    include_last_offset: bool = False
    padding_idx: int | None = None

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x, offsets = inputs[0], inputs.get("offsets")
        indices(x, op="EmbeddingBag")
        self.check()
        for argument in ("scale_grad_by_freq", "sparse"):
            if self.mode == "max" and getattr(self, argument):
                raise OpError("bad-argument", f"`mode: max` does not take `{argument}`", argument=argument)
        self.check_weights(need, inputs)
        if offsets is None:
            need.rank(x, 2, op="EmbeddingBag", layout="[N, L] without `offsets`")
            return TensorType((x.shape[0], self.embedding_dim))
        need.rank(x, 1, op="EmbeddingBag", layout="[T] with `offsets`")
        where = inputs.position("offsets")
        assert where is not None
        indices(offsets, op="EmbeddingBag", operand=where)
        need.rank(offsets, 1, op="EmbeddingBag", layout="`offsets` of [N]", operand=where)
        need.at_least(
            offsets.shape[0], int(self.include_last_offset),
            "`include_last_offset` needs at least one offset", operand=where,
        )  # fmt: skip
        bags = dims.sub(offsets.shape[0], int(self.include_last_offset))
        return TensorType((bags, self.embedding_dim))

    def gathers(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(inputs[0]), self.embedding_dim)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        """A sum or a comparison for each element of each vector, and its product with a weight if it has one."""
        return dims.mul(self.gathers(inputs, outputs), 1 + ("per_sample_weights" in inputs.names))

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """The indices, the starts of bags and the weights; the bag of each index (torch leaves room for one more), its
        size, and which vector was the largest."""
        bags = inputs.get("offsets") or TensorType(outputs[0].shape[:1], "int64")
        bag_of = TensorType((dims.add(elements(inputs[0]), 1),), "int64")
        largest = TensorType(outputs[0].shape, "int64") if self.mode == "max" else bags
        given = () if "offsets" in inputs.names else (bags,)
        return Kept(tuple(range(len(inputs))), made=(bag_of, bags, largest, *given))

    def check_weights(self, need: Needs, inputs: Inputs) -> None:
        where = inputs.position("per_sample_weights")
        if where is None:
            return
        x, weights = inputs[0], inputs[where]
        if self.mode != "sum":
            raise OpError(
                "bad-argument", f"`per_sample_weights` needs `mode: sum`, got `mode: {self.mode}`",
                argument="mode" if "mode" in self.model_fields_set else None, operand=where,
            )  # fmt: skip
        if weights.dtype != "float32":
            raise OpError("wrong-dtype", f"`per_sample_weights` must be float32, got {weights.dtype}", operand=where)
        message = f"`per_sample_weights` must have the shape of the indices {x}, got {weights}"
        if weights.rank != x.rank:
            raise OpError("wrong-rank", message, operand=where)
        for size, other in zip(x.shape, weights.shape, strict=True):
            need.equal(size, other, message, operand=where)

    def target(self, inputs: Inputs) -> Target:
        args, kwargs = place_operands(inputs, ("input", "offsets", "per_sample_weights"))
        return self.module_target(call_args=args, call_kwargs=kwargs)


class Lookup(Op):
    """The rows of a table at these indices: int64 `[N, *]` and a Parameter `[K, D]` to `[N, *, D]`.

    The row `padding_idx` gets no gradient.
    """

    name: ClassVar[str] = "embedding"
    category: ClassVar[Category] = "embedding"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    signature: ClassVar[Signature] = Signature(("input", "weight"))
    reach: ClassVar[Reach] = "reshape"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 6), (10, 4)), ("int64", "float32")),
        Example({"padding_idx": 3, "scale_grad_by_freq": True}, ((2, 3, 5), (10, 4)), ("int64", "float32")),
    )

    padding_idx: int | None = None
    scale_grad_by_freq: bool = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x, table = inputs
        indices(x, op=self.name)
        need.rank(table, 2, op=self.name, layout="a table [K, D]", operand=1)
        if self.padding_idx is not None:
            row = self.padding_idx if self.padding_idx >= 0 else -self.padding_idx - 1
            need.at_least(
                table.shape[0], row + 1, f"`padding_idx` {self.padding_idx} is none of the {show(table.shape[0])} rows",
                code="bad-argument", argument="padding_idx",
            )  # fmt: skip
        return TensorType((*x.shape, table.shape[1]), table.dtype)

    def gathers(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return elements(outputs[0])

    def target(self, inputs: Inputs) -> Target:
        args, kwargs = call_arguments(self)
        return Call("torch.nn.functional.embedding", (Operand(0), Operand(1), *args), kwargs)
