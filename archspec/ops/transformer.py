"""The transformer of Vaswani et al., "Attention is all you need" (2017), arXiv 1706.03762; `norm_first` is the order of
Xiong et al., "On layer normalization in the transformer architecture" (2020), arXiv 2002.04745."""

from collections.abc import Mapping
from typing import ClassVar

from archspec import dims
from archspec.dims import Dim
from archspec.ops.base import (
    Example,
    Extra,
    Inferred,
    Inputs,
    Needs,
    Signature,
    State,
    Wanted,
    constructor_arguments,
    elements,
)
from archspec.ops.guards import positive
from archspec.ops.ledger import Held, Ledger
from archspec.ops.target import Arg, Module, Target
from archspec.ops.transformer_parts import Activation, TransformerOp
from archspec.values import TensorType


class TransformerEncoderLayer(TransformerOp):
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

    def keep_layers(self, ledger: Ledger, inputs: Inputs, wanted: Wanted) -> Held:
        return self.layer_kept(ledger, inputs, wanted, Held(inputs[0], 0), 0)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return self.layer_macs(inputs, 0, 0)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return self.layer_work(inputs, 0, 0)


class TransformerDecoderLayer(TransformerOp):
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

    def keep_layers(self, ledger: Ledger, inputs: Inputs, wanted: Wanted) -> Held:
        return self.layer_kept(ledger, inputs, wanted, Held(inputs[0], 0), 0, Held(inputs[1], 1), 1)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return self.layer_macs(inputs, 0, 0, 1)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return self.layer_work(inputs, 0, 0, 1)


class _Stack(TransformerOp, abstract=True):
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

    def keep_layers(self, ledger: Ledger, inputs: Inputs, wanted: Wanted) -> Held:
        x = Held(inputs[0], 0)
        memory = Held(inputs[1], 1) if len(self.attentions) > 1 else None
        masks = None if memory else self.masks_of(inputs, wanted, 0, 0)  # an encoder converts them, each decoder layer
        for _ in range(self.num_layers):
            x = self.layer_kept(ledger, inputs, wanted, x, 0, memory, 1, masks)
        return ledger.norm(x) if self.norm else x

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


class Transformer(TransformerOp):
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

    def keep_layers(self, ledger: Ledger, inputs: Inputs, wanted: Wanted) -> Held:
        memory, x = Held(inputs[0], 0), Held(inputs[1], 1)
        masks = self.masks_of(inputs, wanted, 0, 0)
        for _ in range(self.num_encoder_layers):
            memory = self.layer_kept(ledger, inputs, wanted, memory, 0, masks=masks)
        memory = ledger.norm(memory)
        for _ in range(self.num_decoder_layers):
            x = self.layer_kept(ledger, inputs, wanted, x, 1, memory, 0)
        return ledger.norm(x)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        encoder = dims.mul(self.layer_macs(inputs, 0, 0), self.num_encoder_layers)
        return dims.add(encoder, dims.mul(self.layer_macs(inputs, 1, 1, 0), self.num_decoder_layers))

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        encoder = dims.mul(self.layer_work(inputs, 0, 0), self.num_encoder_layers)
        decoder = dims.mul(self.layer_work(inputs, 1, 1, 0), self.num_decoder_layers)
        norms = dims.mul(dims.add(elements(inputs[0]), elements(inputs[1])), self.norm_work)
        return dims.total((encoder, decoder, norms))
