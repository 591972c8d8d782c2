"""Attention: Vaswani et al., "Attention is all you need" (2017), arXiv 1706.03762."""

from collections.abc import Mapping
from typing import Any, ClassVar

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.axes import broadcast, expands
from archspec.ops.base import (
    Category,
    Example,
    Extra,
    Inferred,
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
    constructor_arguments,
)
from archspec.ops.guards import like_weights, probability
from archspec.ops.heads import (
    attention_macs,
    attention_state,
    attention_work,
    check_heads,
    check_mask,
    needs_mask,
    same_batch,
    sequence,
)
from archspec.ops.ledger import Attention, Held, Ledger, Masks
from archspec.ops.linear import features
from archspec.ops.needs import axes_text
from archspec.ops.operands import place_operands
from archspec.ops.target import Arg, Call, Code, Module, Operand, Target
from archspec.ops.work import SCORE, dropout_mask
from archspec.values import TensorType


class MultiheadAttention(ModuleOp):
    """Multi-head attention: query `[L, N, E]`, key `[S, N, kdim]`, value `[S, N, vdim]` to `[L, N, E]`; with
    `batch_first: true`, the layout of every other op, `[N, L, E]` and so on.

    One input is self-attention. `attn_mask` is `[L, S]` or `[N * num_heads, L, S]`, `key_padding_mask` `[N, S]`, both
    bool or float32. Unlike torch, where `need_weights` is true, the result is the output alone: `need_weights: true`
    adds the weights, `[N, L, S]` or by head `[N, num_heads, L, S]`.
    """

    category: ClassVar[Category] = "attention"
    signature: ClassVar[Signature] = Signature(("query",), ("key", "value", "key_padding_mask", "attn_mask"))
    results: ClassVar[tuple[str, ...]] = ("attn_output", "attn_output_weights")
    reach: ClassVar[Reach] = "global"
    saves_output: ClassVar[bool] = True  # the weights, where they are asked for by head
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_heads": 2, "batch_first": True}, ((2, 5, 8),)),
        Example({"num_heads": 2, "bias": False, "dropout": 0.1, "add_zero_attn": True}, ((5, 2, 8),)),
        Example({"num_heads": 4, "batch_first": True, "need_weights": True}, ((2, 5, 8), (2, 3, 6), (2, 3, 7))),
        Example(
            {"num_heads": 2, "add_bias_kv": True, "need_weights": True, "average_attn_weights": False},
            ((5, 2, 8), (3, 2, 8), (3, 2, 8), (2, 3)), ("float32", "float32", "float32", "bool"),
        ),
        Example(
            {"num_heads": 2, "batch_first": True, "is_causal": True}, ((2, 5, 8), (5, 5)), ("float32", "bool"),
            ("query", "attn_mask"),
        ),
    )  # fmt: skip

    embed_dim: Inferred[int]
    num_heads: int
    dropout: float = 0.0
    bias: bool = True
    add_bias_kv: bool = False
    add_zero_attn: bool = False
    kdim: Inferred[int | None] = None
    vdim: Inferred[int | None] = None
    batch_first: bool = False
    need_weights: Extra[bool] = False
    average_attn_weights: Extra[bool] = True
    is_causal: Extra[bool] = False

    @classmethod
    def inferred(cls, need: Needs, inputs: Inputs) -> Mapping[str, Any]:
        embed = features(need, inputs[0], "embed_dim", op="MultiheadAttention")
        values = {"embed_dim": embed, "kdim": embed, "vdim": embed}
        for operand, argument in (("key", "kdim"), ("value", "vdim")):
            position = inputs.position(operand)
            if position is not None:
                values[argument] = features(need, inputs[position], argument, op="MultiheadAttention", operand=position)
        return values

    def infer(self, need: Needs, inputs: Inputs) -> TensorType | tuple[TensorType, TensorType]:
        query = inputs[0]
        batch, length = sequence(need, query, op="MultiheadAttention", batch_first=self.batch_first)
        like_weights(need, query, op="MultiheadAttention")
        keys = self.check_keys(need, inputs, length)
        check_heads(self.embed_dim, self.num_heads, "embed_dim", "num_heads")
        probability(dropout=self.dropout)
        self.check_masks(need, inputs, batch, length, keys)
        output = query.with_shape(query.shape)
        if not self.need_weights:
            return output
        heads = () if self.average_attn_weights else (self.num_heads,)
        return output, query.with_shape((batch, *heads, length, dims.add(keys, self.added)))

    @property
    def added(self) -> int:
        """Keys that attention itself adds."""
        return self.add_bias_kv + self.add_zero_attn

    def check_keys(self, need: Needs, inputs: Inputs, length: Dim) -> Dim:
        """The number of keys."""
        key, value = inputs.position("key"), inputs.position("value")
        if key is None and value is None:
            return length
        if key is None or value is None:
            raise OpError(
                "missing-input", f"`MultiheadAttention` needs a {'key' if key is None else 'value'} too",
                operand=value if key is None else key,
                help="for attention to one sequence write it twice: `from: [query, memory, memory]`",
            )  # fmt: skip
        lengths: list[Dim] = []
        for what, position in (("key", key), ("value", value)):
            x = inputs[position]
            like_weights(need, x, op="MultiheadAttention", operand=position)
            _, keys = sequence(need, x, op="MultiheadAttention", batch_first=self.batch_first, operand=position)
            same_batch(need, inputs[0], x, self.batch_first, ("query", what), position)
            lengths.append(keys)
        return need.equal(
            lengths[0],
            lengths[1],
            f"key and value need equal lengths, got {inputs[key]} and {inputs[value]}",
            operand=value,
        )

    def check_masks(self, need: Needs, inputs: Inputs, batch: Dim, length: Dim, keys: Dim) -> None:
        if self.is_causal:
            needs_mask(inputs, "is_causal", "attn_mask")
        for mask in ("key_padding_mask", "attn_mask"):
            check_mask(need, inputs, mask, length, keys, batch, self.num_heads, op="MultiheadAttention")

    def state(self) -> tuple[State, ...]:
        return attention_state("", self.embed_dim, self.bias, self.kdim, self.vdim, self.add_bias_kv)

    def lengths(self, inputs: Inputs) -> tuple[Dim, Dim, Dim]:
        """The batch, and how many queries and keys each sample has."""
        query, key = inputs[0].shape, (inputs.get("key") or inputs[0]).shape
        batch, length = query[:2] if self.batch_first else (query[1], query[0])
        return batch, length, key[1 if self.batch_first else 0]

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return attention_macs(*self.lengths(inputs), self.embed_dim, self.kdim, self.vdim, self.added)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        batch, length, keys = self.lengths(inputs)
        masks = sum(name.endswith("mask") for name in inputs.names)
        return attention_work(batch, length, dims.add(keys, self.added), self.num_heads, masks)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """As torch composes it. Without dropout and weights the fused kernel runs, which makes a causal mask itself."""
        batch, length, keys = self.lengths(inputs)
        operands = [Held(x, i) for i, x in enumerate(inputs)]
        positions = [inputs.position(name) or 0 for name in ("query", "key", "value")]
        given = [operands[i] for i in dict.fromkeys(positions)]
        projected = [{"in_proj_weight", f"{name}_proj_weight"} & wanted.params for name in "qkv"]
        biased = bool(wanted.params & {"in_proj_bias", "bias_k", "bias_v"})
        flows = [wanted.inputs[i] or bool(own) or biased for i, own in zip(positions, projected, strict=True)]
        hidden = self.is_causal and not self.need_weights and "key_padding_mask" not in inputs.names
        masks = Masks.of(inputs, wanted, None if hidden else "attn_mask", "key_padding_mask", self.added)
        scores = TensorType((batch, self.num_heads, length, dims.add(keys, self.added)))
        ledger = Ledger()
        Attention(
            batch, length, keys, self.embed_dim, self.num_heads, self.dropout, self.added, self.batch_first,
            Held(outputs[1], result=1) if self.need_weights else None, self.average_attn_weights,
            masks.merged(scores), masks.learnt, (flows[0], flows[1], flows[2]),
            (bool(projected[0]), bool(projected[1]), bool(projected[2])), "out_proj.weight" in wanted.params,
        ).enter(ledger, *given)  # fmt: skip
        return ledger.total()

    def target(self, inputs: Inputs) -> Target:
        args, kwargs = constructor_arguments(self)
        same = {("kdim", self.embed_dim), ("vdim", self.embed_dim)}  # torch's None
        operands = tuple(Operand(inputs.position(name) or 0) for name in ("query", "key", "value"))
        _, call = place_operands(inputs, ("", "key_padding_mask", "attn_mask"))
        if not self.need_weights:
            call += (("need_weights", False),)
        elif not self.average_attn_weights:
            call += (("average_attn_weights", False),)
        if self.is_causal:
            call += (("is_causal", True),)
        return Module(
            "torch.nn.MultiheadAttention", args, tuple(pair for pair in kwargs if pair not in same), operands, call,
            take=None if self.need_weights else 0, unpack=(0, 1) if self.need_weights else None,
        )  # fmt: skip


LAYOUTS = {"query": "[N, *, L, E]", "key": "[N, *, S, E]", "value": "[N, *, S, Ev]"}


class ScaledDotProductAttention(Op):
    """`softmax(query @ key.T * scale) @ value`: `[N, *, L, E]`, `[N, *, S, E]`, `[N, *, S, Ev]` to `[N, *, L, Ev]`.

    `attn_mask` (bool, or added to the scores) broadcasts to `[N, *, L, S]`. `scale` is `1 / sqrt(E)` unless given;
    `dropout_p` acts in training only.
    """

    name: ClassVar[str] = "scaled_dot_product_attention"
    category: ClassVar[Category] = "attention"
    signature: ClassVar[Signature] = Signature(("query", "key", "value"), ("attn_mask",))
    reach: ClassVar[Reach] = "global"
    saves_output: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 4, 5, 8), (2, 4, 3, 8), (2, 4, 3, 6))),
        Example({"dropout_p": 0.2, "scale": 0.5}, ((2, 5, 8), (2, 3, 8), (2, 3, 8), (5, 3))),
        Example({"is_causal": True, "enable_gqa": True}, ((2, 4, 5, 8), (2, 2, 5, 8), (2, 1, 5, 8))),
        Example(
            {}, ((2, 4, 5, 8), (2, 1, 3, 8), (2, 1, 3, 8), (2, 1, 1, 3)), ("float32", "float32", "float32", "bool")
        ),
    )

    dropout_p: float = 0.0
    is_causal: bool = False
    scale: float | None = None
    enable_gqa: bool = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        query, key, value = inputs[:3]
        probability(dropout_p=self.dropout_p)
        for operand, (name, layout) in enumerate(LAYOUTS.items()):
            self.check_tensor(need, inputs, operand, name, layout)
        got = f"got {query}, {key} and {value}"
        need.equal(
            query.shape[-1], key.shape[-1], f"query and key need as many features, {got}", operand=1,
            label=f"{show(key.shape[-1])} features, not {show(query.shape[-1])}",
        )  # fmt: skip
        keys = need.equal(
            key.shape[-2], value.shape[-2], f"key and value need equal lengths, {got}", operand=2,
            label=f"length {show(value.shape[-2])}, not {show(key.shape[-2])}",
        )  # fmt: skip
        key, value = (self.expanded(need, inputs, operand) for operand in (1, 2))
        scores = broadcast(need, self.name, (query, key), last=2)
        batch = broadcast(need, self.name, (query, key, value), last=2)
        self.check_mask(need, inputs, (*scores, query.shape[-2], keys))
        return query.with_shape((*batch, query.shape[-2], value.shape[-1]))

    def check_tensor(self, need: Needs, inputs: Inputs, operand: int, name: str, layout: str) -> None:
        x, dtype = inputs[operand], inputs[0].dtype
        need.floating(x, op=type(self).name, operand=operand)
        if x.rank < 3:
            raise OpError("wrong-rank", f"the {name} must be {layout}, got {x}", operand=operand)
        if x.dtype != dtype:
            raise OpError("wrong-dtype", f"the {name} must be {dtype} as the query, got {x.dtype}", operand=operand)

    def expanded(self, need: Needs, inputs: Inputs, operand: int) -> TensorType:
        """Key or value; with `enable_gqa` each of its heads serves a group of the query's."""
        x, heads = inputs[operand], inputs[0].shape[-3]
        if not self.enable_gqa or dims.proved_equal(x.shape[-3], heads):
            return x
        few = need.integer(x.shape[-3], "the number of key heads", operand=operand)
        message = f"`enable_gqa` needs a multiple of {few} heads in the query, got {show(heads)}"
        need.divisible(heads, few, message, operand=operand)
        return TensorType((*x.shape[:-3], heads, *x.shape[-2:]), x.dtype, x.constant)

    def check_mask(self, need: Needs, inputs: Inputs, scores: tuple[Dim, ...]) -> None:
        position = inputs.position("attn_mask")
        if position is None:
            return
        mask, dtype = inputs[position], inputs[0].dtype
        if self.is_causal:
            raise OpError("bad-argument", "`is_causal` and `attn_mask` exclude each other", argument="is_causal")
        if mask.dtype not in ("bool", "float32", dtype):
            raise OpError("wrong-dtype", f"`attn_mask` must be bool or {dtype}, got {mask.dtype}", operand=position)
        message = f"`attn_mask` must broadcast to {TensorType(scores)}, got {mask}"
        if not 2 <= mask.rank <= len(scores):
            raise OpError(
                "wrong-rank", message, operand=position, label=f"{axes_text(mask.rank)}, not 2 to {len(scores)}"
            )
        for size, want in zip(reversed(mask.shape), reversed(scores), strict=False):
            if not expands(need, size, want):
                need.equal(want, size, message, operand=position)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        scores = dims.mul(dims.product(outputs[0].shape[:-1]), inputs[1].shape[-2])
        return dims.mul(scores, dims.add(inputs[0].shape[-1], inputs[2].shape[-1]))

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        scores = dims.mul(dims.product(outputs[0].shape[:-1]), inputs[1].shape[-2])
        return dims.mul(scores, SCORE + len(inputs) - 3)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """The fused kernel for CPUs takes at most four axes, no dropout, and as many features in keys and values; else
        torch composes the operation."""
        query, key, value = inputs[:3]
        groups = self.enable_gqa and not dims.proved_equal(key.shape[-3], query.shape[-3])
        fits = all(x.rank in (3, 4) for x in inputs[:3]) and bool(dims.known_equal(query.shape[-1], value.shape[-1]))
        learnt = wanted.inputs[3:] == (True,)  # a mask with a gradient, which the fused kernel does not compute
        if fits and not groups and not learnt and not self.dropout_p:
            mask = inputs.get("attn_mask")
            spread = () if mask is None or mask.dtype != "bool" else (TensorType(mask.shape, query.dtype),)
            masks = () if mask is None or spread else (3,)
            sums = TensorType(query.shape[:-1], "float64" if query.dtype == "float64" else "float32")
            return Kept((0, 1, 2, *masks), (0,), (sums, *spread))
        return self.composed(inputs, outputs, wanted)

    def composed(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """The scaled query and key, the softmax and its dropout, the value."""
        query, key, value = inputs[:3]
        stack, dtype = outputs[0].shape[:-2], query.dtype
        scores = TensorType((*stack, query.shape[-2], key.shape[-2]), dtype)
        inner = wanted.inputs[0] or wanted.inputs[1] or wanted.inputs[3:] == (True,)
        kept: list[int] = []
        made: list[TensorType] = []
        if wanted.inputs[0]:
            made.append(TensorType((*stack, *key.shape[-2:]), dtype))
        if wanted.inputs[1]:
            made.append(TensorType((*stack, *query.shape[-2:]), dtype))
        if inner:
            made += [scores, *dropout_mask(self.dropout_p, scores, scores.shape)]
            if value.shape[:-2] == stack:
                kept.append(2)
            else:
                made.append(TensorType((*stack, *value.shape[-2:]), dtype))
        if wanted.inputs[2] and (self.dropout_p or not inner):
            made.append(scores)
        return Kept(tuple(kept), made=tuple(made))

    def target(self, inputs: Inputs) -> Target:
        args, _ = place_operands(inputs, ("query", "key", "value", "attn_mask"))
        kwargs: list[tuple[str, Arg]] = []
        if self.dropout_p:
            kwargs.append(("dropout_p", Code(f"{self.dropout_p!r} if self.training else 0.0")))
        defaults = {"is_causal": False, "scale": None, "enable_gqa": False}
        kwargs += [(name, getattr(self, name)) for name, default in defaults.items() if getattr(self, name) != default]
        return Call("torch.nn.functional.scaled_dot_product_attention", args, tuple(kwargs))
