"""What the transformer's layers and stacks of them share."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

from archspec import dims
from archspec.dims import Dim
from archspec.ops.base import Category, Inferred, Inputs, Kept, ModuleOp, Needs, Reach, State, Wanted
from archspec.ops.guards import like_weights, positive, probability
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
from archspec.ops.operands import place_operands
from archspec.ops.target import Arg, Operand, Target
from archspec.ops.work import NORMALISE
from archspec.values import TensorType

Activation = Literal["relu", "gelu"]


class TransformerOp(ModuleOp, abstract=True):
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
    activation: Activation
    batch_first: bool
    norm_first: bool
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

    def layer_kept(
        self, ledger: Ledger, inputs: Inputs, wanted: Wanted, x: Held, queries: int, memory: Held | None = None,
        keys: int = 0, masks: Masks | None = None,
    ) -> Held:  # fmt: skip
        """Keeps what one layer keeps, all of it being trained; returns its result, not kept yet. `masks`: those that
        were converted before."""
        attentions: list[tuple[Held | None, int]] = [(None, queries)]
        if memory is not None:
            attentions.append((memory, keys))
        for source, number in attentions:
            inner = ledger.norm(x) if self.norm_first else x
            given = masks or self.masks_of(inputs, wanted, queries, number)
            mask = given.merged(self.scores(inputs, queries, number))
            Attention(
                self.batch(inputs), self.length(inputs, queries), self.length(inputs, number), self.d_model, self.nhead,
                self.dropout, batch_first=self.batch_first, mask=mask, learnt=given.learnt,
            ).enter(ledger, inner, source)  # fmt: skip
            x = self.joined(ledger, x)
        inner = ledger.norm(x) if self.norm_first else x
        self.feed_forward(ledger, inner)
        return self.joined(ledger, x)

    def joined(self, ledger: Ledger, x: Held) -> Held:
        """The sum of `x` and a branch that ends in dropout, normalised unless that came first."""
        ledger.dropout(x, self.dropout)
        joined = Held(x.type)
        return joined if self.norm_first else ledger.norm(joined)

    def feed_forward(self, ledger: Ledger, x: Held) -> None:
        """Two linear maps with an activation and a dropout between them. ReLU needs its result, GELU its input."""
        ledger.keep(x)
        wide = TensorType((*x.type.shape[:-1], self.dim_feedforward))
        activated = Held(wide)
        ledger.keep(activated if self.activation == "relu" else Held(wide))
        ledger.keep(ledger.dropout(activated, self.dropout))

    def scores(self, inputs: Inputs, queries: int, keys: int) -> TensorType:
        """The type of an attention's scores."""
        return TensorType((self.batch(inputs), self.nhead, self.length(inputs, queries), self.length(inputs, keys)))

    def masks_of(self, inputs: Inputs, wanted: Wanted, queries: int, keys: int) -> Masks:
        """The masks of an attention; a causal one the kernel makes itself, unless there is padding."""
        named = [name for name, pair in self.masks.items() if pair == (queries, keys) and name in inputs.names]
        padding = next((name for name in named if name.endswith("key_padding_mask")), None)
        causal = [mask for hint, mask in self.hints.items() if getattr(self, hint) and padding is None]
        scores = next((name for name in named if name not in (padding, *causal)), None)
        return Masks.of(inputs, wanted, scores, padding)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """As torch composes the layers, all of them being trained."""
        ledger = Ledger()
        result = self.keep_layers(ledger, inputs, wanted)
        held = ledger.total()
        return replace(held, outputs=(0,)) if result in ledger.held and result.operand is None else held

    def keep_layers(self, ledger: Ledger, inputs: Inputs, wanted: Wanted) -> Held:
        """Keeps what all layers keep, and returns the result."""
        raise NotImplementedError

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
