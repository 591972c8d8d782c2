"""The transformer of Vaswani et al., "Attention is all you need" (2017), arXiv 1706.03762; `norm_first` is the order of
Xiong et al., "On layer normalization in the transformer architecture" (2020), arXiv 2002.04745."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from archspec import dims
from archspec.dims import Dim
from archspec.ops.attention import (
    attention_macs,
    attention_state,
    attention_work,
    check_heads,
    check_mask,
    needs_mask,
    same_batch,
    sequence,
)
from archspec.ops.base import (
    Category,
    Example,
    Extra,
    Inferred,
    Inputs,
    ModuleOp,
    Needs,
    Reach,
    Signature,
    State,
    constructor_arguments,
    elements,
)
from archspec.ops.guards import like_weights, positive, probability
from archspec.ops.linear import features
from archspec.ops.operands import place_operands
from archspec.ops.target import Arg, Module, Operand, Target
from archspec.ops.work import NORMALISE
from archspec.values import TensorType

Activation = Literal["relu", "gelu"]


class _Transformer(ModuleOp, abstract=True):
    """What all five share: the arguments of a layer, and sequences with their masks.

    `masks` gives, by operand, the sequences (numbers of required operands) that query and are queried.
    """

    category: ClassVar[Category] = "attention"
    reach: ClassVar[Reach] = "global"
    masks: ClassVar[Mapping[str, tuple[int, int]]]
    hints: ClassVar[Mapping[str, str]]  # fields that call a mask causal
    guesses: ClassVar[frozenset[str]] = frozenset()  # hints that torch takes from the mask's values unless told
    result: ClassVar[int] = 0  # the operand that has the shape of the result

    d_model: Inferred[int]
    nhead: int
    dim_feedforward: int
    dropout: float
    layer_norm_eps: float
    batch_first: bool
    bias: bool

    @classmethod
    def inferred(cls, need: Needs, inputs: Inputs) -> Mapping[str, Any]:
        return {"d_model": features(need, inputs[0], "d_model", op=cls.name)}

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        op, names = type(self).name, self.signature.required
        for operand, name in enumerate(names):
            x = inputs[operand]
            like_weights(need, x, op=op, operand=operand)
            sequence(need, x, op=op, batch_first=self.batch_first, operand=operand)
            same_batch(need, inputs[0], x, self.batch_first, (names[0], name), operand)
            need.equal(
                x.shape[-1], self.d_model, f"`{name}` needs the {self.d_model} features of `{names[0]}`, got {x}",
                operand=operand,
            )  # fmt: skip
        check_heads(self.d_model, self.nhead, "d_model", "nhead")
        positive(dim_feedforward=self.dim_feedforward)
        probability(dropout=self.dropout)
        self.check_masks(need, inputs)
        return inputs[self.result].with_shape(inputs[self.result].shape)

    def check_masks(self, need: Needs, inputs: Inputs) -> None:
        for hint, mask in self.hints.items():
            if getattr(self, hint):
                needs_mask(inputs, hint, mask)
        batch = self.batch(inputs)
        for mask, (queries, keys) in self.masks.items():
            across = self.length(inputs, queries), self.length(inputs, keys)
            check_mask(need, inputs, mask, *across, batch, self.nhead, op=type(self).name)

    def batch(self, inputs: Inputs) -> Dim:
        return inputs[0].shape[0 if self.batch_first else 1]

    def length(self, inputs: Inputs, operand: int) -> Dim:
        return inputs[operand].shape[1 if self.batch_first else 0]

    def norm_state(self, name: str) -> tuple[State, ...]:
        return tuple(State(f"{name}.{part}", (self.d_model,)) for part in ("weight", "bias")[: 1 + self.bias])

    def linear_state(self, name: str, features: int, out_features: int) -> tuple[State, ...]:
        bias = (State(f"{name}.bias", (out_features,)),) if self.bias else ()
        return (State(f"{name}.weight", (out_features, features)), *bias)

    def layer_state(self, prefix: str, *attentions: str) -> tuple[State, ...]:
        """The parameters of one layer with these attentions."""
        norms = range(1, len(attentions) + 2)
        return (
            *(state for name in attentions for state in attention_state(f"{prefix}{name}.", self.d_model, self.bias)),
            *self.linear_state(f"{prefix}linear1", self.d_model, self.dim_feedforward),
            *self.linear_state(f"{prefix}linear2", self.dim_feedforward, self.d_model),
            *(state for number in norms for state in self.norm_state(f"{prefix}norm{number}")),
        )

    def layer_macs(self, inputs: Inputs, queries: int, *keys: int) -> Dim:
        """One layer: an attention to each of the sequences `keys`, then the two linear maps."""
        batch, length = self.batch(inputs), self.length(inputs, queries)
        attentions = [attention_macs(batch, length, self.length(inputs, key), self.d_model) for key in keys]
        return dims.total((*attentions, dims.mul(dims.mul(batch, length), 2 * self.d_model * self.dim_feedforward)))

    def layer_work(self, inputs: Inputs, queries: int, *keys: int) -> Dim:
        """One layer: its attentions, a normalisation and a sum for each of them and for the linear maps, and the
        activation between these."""
        batch, length = self.batch(inputs), self.length(inputs, queries)
        attentions = [
            attention_work(batch, length, self.length(inputs, key), self.nhead, self.masked(inputs, queries, key))
            for key in keys
        ]
        each = (len(keys) + 1) * (self.norm_work + 1) * self.d_model + self.dim_feedforward
        return dims.total((*attentions, dims.mul(dims.mul(batch, length), each)))

    def masked(self, inputs: Inputs, queries: int, keys: int) -> int:
        """How many masks an attention is given."""
        return sum(name in inputs.names and pair == (queries, keys) for name, pair in self.masks.items())

    @property
    def norm_work(self) -> int:
        return NORMALISE + 1 + self.bias

    def call(self, inputs: Inputs) -> tuple[tuple[Arg, ...], tuple[tuple[str, Arg], ...]]:
        """The arguments of the call. Hints are spelled out: guessing them reads the mask's values, which no exported
        program can do."""
        operands = tuple(Operand(position) for position in range(len(self.signature.required)))
        _, masks = place_operands(inputs, ("", *self.signature.optional))
        hints = tuple(
            (hint, getattr(self, hint))
            for hint, mask in self.hints.items()
            if getattr(self, hint) or (hint in self.guesses and inputs.position(mask) is not None)
        )
        return operands, (*masks, *hints)

    def target(self, inputs: Inputs) -> Target:
        operands, keywords = self.call(inputs)
        return self.module_target(call_args=operands, call_kwargs=keywords)


class TransformerEncoderLayer(_Transformer):
    """Self-attention and a feed-forward network: `src` `[S, N, d_model]` to the same shape; with `batch_first: true`
    the batch comes first. Masks as in `MultiheadAttention`."""

    masks: ClassVar[Mapping[str, tuple[int, int]]] = {"src_mask": (0, 0), "src_key_padding_mask": (0, 0)}
    hints: ClassVar[Mapping[str, str]] = {"is_causal": "src_mask"}
    signature: ClassVar[Signature] = Signature(("src",), tuple(masks))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"nhead": 2, "dim_feedforward": 12, "batch_first": True}, ((2, 5, 8),)),
        Example(
            {"nhead": 4, "dim_feedforward": 12, "activation": "gelu", "norm_first": True, "bias": False},
            ((5, 2, 8), (2, 5)), ("float32", "bool"), ("src", "src_key_padding_mask"),
        ),
    )  # fmt: skip

    d_model: Inferred[int]
    nhead: int
    dim_feedforward: int = 2048
    dropout: float = 0.1
    activation: Activation = "relu"
    layer_norm_eps: float = 1e-5
    batch_first: bool = False
    norm_first: bool = False
    bias: bool = True
    is_causal: Extra[bool] = False

    def state(self) -> tuple[State, ...]:
        return self.layer_state("", "self_attn")

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return self.layer_macs(inputs, 0, 0)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return self.layer_work(inputs, 0, 0)


class TransformerDecoderLayer(_Transformer):
    """Self-attention, attention to `memory` and a feed-forward network: `tgt` `[T, N, d_model]` and `memory`
    `[S, N, d_model]` to the shape of `tgt`; with `batch_first: true` the batch comes first. Masks as in
    `MultiheadAttention`."""

    masks: ClassVar[Mapping[str, tuple[int, int]]] = {
        "tgt_mask": (0, 0),
        "memory_mask": (0, 1),
        "tgt_key_padding_mask": (0, 0),
        "memory_key_padding_mask": (0, 1),
    }
    hints: ClassVar[Mapping[str, str]] = {"tgt_is_causal": "tgt_mask", "memory_is_causal": "memory_mask"}
    signature: ClassVar[Signature] = Signature(("tgt", "memory"), tuple(masks))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"nhead": 2, "dim_feedforward": 12, "batch_first": True}, ((2, 5, 8), (2, 3, 8))),
        Example({"nhead": 2, "dim_feedforward": 12, "norm_first": True}, ((5, 2, 8), (3, 2, 8))),
        Example(
            {"nhead": 2, "dim_feedforward": 12, "batch_first": True, "tgt_is_causal": True, "dropout": 0.0},
            ((2, 5, 8), (2, 3, 8), (5, 5), (4, 5, 3)),
        ),
    )

    d_model: Inferred[int]
    nhead: int
    dim_feedforward: int = 2048
    dropout: float = 0.1
    activation: Activation = "relu"
    layer_norm_eps: float = 1e-5
    batch_first: bool = False
    norm_first: bool = False
    bias: bool = True
    tgt_is_causal: Extra[bool] = False
    memory_is_causal: Extra[bool] = False

    def state(self) -> tuple[State, ...]:
        return self.layer_state("", "self_attn", "multihead_attn")

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return self.layer_macs(inputs, 0, 0, 1)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return self.layer_work(inputs, 0, 0, 1)


class _Stack(_Transformer, abstract=True):
    """`num_layers` equal layers and, if asked for, a final LayerNorm. Written with the layer's arguments, where torch
    takes a layer and a norm."""

    layer: ClassVar[str]
    attentions: ClassVar[tuple[str, ...]]

    num_layers: int
    norm: Extra[bool]

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        positive(num_layers=self.num_layers)
        return super().infer(need, inputs)

    def state(self) -> tuple[State, ...]:
        layers = (self.layer_state(f"layers.{number}.", *self.attentions) for number in range(self.num_layers))
        return (*(state for layer in layers for state in layer), *(self.norm_state("norm") if self.norm else ()))

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(self.layer_macs(inputs, 0, *range(len(self.attentions))), self.num_layers)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        layers = dims.mul(self.layer_work(inputs, 0, *range(len(self.attentions))), self.num_layers)
        return dims.add(layers, dims.mul(elements(outputs[0]), self.norm_work if self.norm else 0))

    def constructor(self) -> tuple[tuple[Arg, ...], tuple[tuple[str, Arg], ...]]:
        (d_model, nhead, num_layers), options = constructor_arguments(self)
        args = Module(self.layer, (d_model, nhead), options), num_layers
        if not self.norm:
            return args, ()
        shared = {"layer_norm_eps": "eps", "bias": "bias"}
        norm_options = tuple((shared[name], value) for name, value in options if name in shared)
        return args, (("norm", Module("torch.nn.LayerNorm", (d_model,), norm_options)),)


class TransformerEncoder(_Stack):
    """`num_layers` times TransformerEncoderLayer: `src` `[S, N, d_model]` to the same shape.

    Takes the layer's arguments instead of a layer; `norm: true` adds a final LayerNorm. torch's nested tensors are off,
    so padded positions hold numbers, not zeros.
    """

    layer: ClassVar[str] = "torch.nn.TransformerEncoderLayer"
    attentions: ClassVar[tuple[str, ...]] = ("self_attn",)
    masks: ClassVar[Mapping[str, tuple[int, int]]] = {"mask": (0, 0), "src_key_padding_mask": (0, 0)}
    hints: ClassVar[Mapping[str, str]] = {"is_causal": "mask"}
    guesses: ClassVar[frozenset[str]] = frozenset({"is_causal"})
    signature: ClassVar[Signature] = Signature(("src",), tuple(masks))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"nhead": 2, "num_layers": 2, "dim_feedforward": 12, "batch_first": True}, ((2, 5, 8),)),
        Example(
            {"nhead": 2, "num_layers": 1, "dim_feedforward": 12, "layer_norm_eps": 1e-6, "norm": True},
            ((5, 2, 8), (5, 5), (2, 5)), ("float32", "bool", "bool"),
        ),
    )  # fmt: skip

    d_model: Inferred[int]
    nhead: int
    num_layers: int
    dim_feedforward: int = 2048
    dropout: float = 0.1
    activation: Activation = "relu"
    layer_norm_eps: float = 1e-5
    batch_first: bool = False
    norm_first: bool = False
    bias: bool = True
    norm: Extra[bool] = False
    is_causal: Extra[bool] = False

    def target(self, inputs: Inputs) -> Target:
        args, kwargs = self.constructor()
        plain = ("enable_nested_tensor", False)
        return Module("torch.nn.TransformerEncoder", args, (*kwargs, plain), *self.call(inputs))


class TransformerDecoder(_Stack):
    """`num_layers` times TransformerDecoderLayer: `tgt` `[T, N, d_model]` and `memory` `[S, N, d_model]` to the shape
    of `tgt`. Takes the layer's arguments instead of a layer; `norm: true` adds a final LayerNorm."""

    layer: ClassVar[str] = "torch.nn.TransformerDecoderLayer"
    attentions: ClassVar[tuple[str, ...]] = ("self_attn", "multihead_attn")
    masks: ClassVar[Mapping[str, tuple[int, int]]] = TransformerDecoderLayer.masks
    hints: ClassVar[Mapping[str, str]] = TransformerDecoderLayer.hints
    guesses: ClassVar[frozenset[str]] = frozenset({"tgt_is_causal"})
    signature: ClassVar[Signature] = TransformerDecoderLayer.signature
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"nhead": 2, "num_layers": 2, "dim_feedforward": 12, "batch_first": True, "norm": True},
            ((2, 5, 8), (2, 3, 8)),
        ),
        Example(
            {"nhead": 2, "num_layers": 1, "dim_feedforward": 12, "bias": False, "norm": True},
            ((5, 2, 8), (3, 2, 8), (5, 5)), ("float32", "float32", "bool"),
        ),
    )  # fmt: skip

    d_model: Inferred[int]
    nhead: int
    num_layers: int
    dim_feedforward: int = 2048
    dropout: float = 0.1
    activation: Activation = "relu"
    layer_norm_eps: float = 1e-5
    batch_first: bool = False
    norm_first: bool = False
    bias: bool = True
    norm: Extra[bool] = False
    tgt_is_causal: Extra[bool] = False
    memory_is_causal: Extra[bool] = False

    def target(self, inputs: Inputs) -> Target:
        return Module("torch.nn.TransformerDecoder", *self.constructor(), *self.call(inputs))


class Transformer(_Transformer):
    """An encoder of `src` `[S, N, d_model]` and a decoder of `tgt` `[T, N, d_model]`, both with a final LayerNorm, to
    the shape of `tgt`; with `batch_first: true` the batch comes first. Masks as in `MultiheadAttention`."""

    masks: ClassVar[Mapping[str, tuple[int, int]]] = {
        "src_mask": (0, 0),
        "tgt_mask": (1, 1),
        "memory_mask": (1, 0),
        "src_key_padding_mask": (0, 0),
        "tgt_key_padding_mask": (1, 1),
        "memory_key_padding_mask": (1, 0),
    }
    hints: ClassVar[Mapping[str, str]] = {
        "src_is_causal": "src_mask",
        "tgt_is_causal": "tgt_mask",
        "memory_is_causal": "memory_mask",
    }
    guesses: ClassVar[frozenset[str]] = frozenset({"src_is_causal", "tgt_is_causal"})
    result: ClassVar[int] = 1
    signature: ClassVar[Signature] = Signature(("src", "tgt"), tuple(masks))
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"nhead": 2, "num_encoder_layers": 1, "num_decoder_layers": 2, "dim_feedforward": 12, "batch_first": True},
            ((2, 5, 8), (2, 3, 8)),
        ),
        Example(
            {"nhead": 2, "num_encoder_layers": 2, "num_decoder_layers": 1, "dim_feedforward": 9, "tgt_is_causal": True},
            ((5, 2, 8), (3, 2, 8), (3, 3), (2, 5)), ("float32", "float32", "bool", "bool"),
            ("src", "tgt", "tgt_mask", "memory_key_padding_mask"),
        ),
    )  # fmt: skip

    d_model: Inferred[int]
    nhead: int = 8
    num_encoder_layers: int = 6
    num_decoder_layers: int = 6
    dim_feedforward: int = 2048
    dropout: float = 0.1
    activation: Activation = "relu"
    layer_norm_eps: float = 1e-5
    batch_first: bool = False
    norm_first: bool = False
    bias: bool = True
    src_is_causal: Extra[bool] = False
    tgt_is_causal: Extra[bool] = False
    memory_is_causal: Extra[bool] = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        positive(num_encoder_layers=self.num_encoder_layers, num_decoder_layers=self.num_decoder_layers)
        return super().infer(need, inputs)

    def state(self) -> tuple[State, ...]:
        encoder = [self.layer_state(f"encoder.layers.{i}.", "self_attn") for i in range(self.num_encoder_layers)]
        decoder = [
            self.layer_state(f"decoder.layers.{i}.", "self_attn", "multihead_attn")
            for i in range(self.num_decoder_layers)
        ]
        parts = (*encoder, self.norm_state("encoder.norm"), *decoder, self.norm_state("decoder.norm"))
        return tuple(state for part in parts for state in part)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        encoder = dims.mul(self.layer_macs(inputs, 0, 0), self.num_encoder_layers)
        return dims.add(encoder, dims.mul(self.layer_macs(inputs, 1, 1, 0), self.num_decoder_layers))

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        encoder = dims.mul(self.layer_work(inputs, 0, 0), self.num_encoder_layers)
        decoder = dims.mul(self.layer_work(inputs, 1, 1, 0), self.num_decoder_layers)
        norms = dims.mul(dims.add(elements(inputs[0]), elements(inputs[1])), self.norm_work)
        return dims.total((encoder, decoder, norms))
