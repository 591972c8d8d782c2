"""What autograd keeps of a layer that torch composes of many operations: attention and the transformer's layers."""

from __future__ import annotations

from dataclasses import field

from archspec import dims
from archspec.dims import Dim
from archspec.objects import mutable, record
from archspec.ops.base import Inputs, Kept, Wanted
from archspec.ops.work import dropout_mask, row_statistics
from archspec.values import TensorType


@record(eq=False)
class Held:
    """A tensor inside of the layer, told from others by identity. `operand`: it is this operand of the layer."""

    type: TensorType
    operand: int | None = None
    result: int | None = None


@mutable
class Ledger:
    """The tensors kept so far, each once."""

    held: dict[Held, None] = field(default_factory=dict[Held, None])

    def keep(self, *tensors: Held) -> None:
        """These are kept."""
        self.held |= dict.fromkeys(tensors)

    def make(self, *shape: Dim, dtype: str = "float32") -> Held:
        """A new tensor, which is kept."""
        made = Held(TensorType(shape, dtype))
        self.keep(made)
        return made

    def dropout(self, x: Held, p: float) -> Held:
        """The result of a dropout, not kept yet."""
        for mask in dropout_mask(p, x.type, x.type.shape):
            self.keep(Held(mask))
        return Held(x.type) if p else x

    def norm(self, x: Held) -> Held:
        """The result of a normalisation of the last axis, not kept yet."""
        self.keep(x, *map(Held, row_statistics(x.type, 1)))
        return Held(x.type)

    def total(self) -> Kept:
        """All of it."""
        return Kept(
            tuple(sorted({each.operand for each in self.held if each.operand is not None})),
            tuple(sorted({each.result for each in self.held if each.result is not None})),
            tuple(each.type for each in self.held if each.operand is None and each.result is None),
        )


@record
class Masks:
    """The masks that one attention is given, as torch adds them to scores. `learnt`: one of them has a gradient."""

    scores: Held | None = None
    padding: Held | None = None
    learnt: bool = False

    @classmethod
    def of(cls, inputs: Inputs, wanted: Wanted, scores: str | None, padding: str | None, added: int = 0) -> Masks:
        """Those with these names, if they are there, widened by `added` keys."""
        positions = [inputs.position(name) if name else None for name in (scores, padding)]
        learnt = any(wanted.inputs[position] for position in positions if position is not None)
        scores_, padding_ = (None if x is None else float_mask(inputs[x], x, added) for x in positions)
        return cls(scores_, padding_, learnt)

    def merged(self, scores: TensorType) -> Held | None:
        """The one that is added to scores. That of padding is spread over the heads: with one head, or a batch of one,
        without a copy."""
        if self.padding is None:
            return self.scores
        batch, heads, queries, keys = scores.shape
        if self.scores is None and 1 in (heads, dims.value(batch)):
            return self.padding
        return Held(TensorType((batch, heads, 1 if self.scores is None else queries, keys)))


def float_mask(mask: TensorType, position: int, added: int) -> Held:
    """A mask of booleans is converted, and one that is widened is copied."""
    if mask.dtype != "bool" and not added:
        return Held(mask, position)
    return Held(TensorType((*mask.shape[:-1], dims.add(mask.shape[-1], added))))


@record
class Attention:
    """One multi-head attention: sizes, and which gradients flow.

    `added` keys are put behind those of the sequence; `flows` says of query, key and value whether they have a
    gradient once projected; `trained` are the names of weights that are trained.
    """

    batch: Dim
    queries: Dim
    keys: Dim
    embed: int
    heads: int
    dropout: float = 0.0
    added: int = 0
    batch_first: bool = False
    weights: Held | None = None  # where they are returned
    averaged: bool = True
    mask: Held | None = None
    learnt: bool = False  # the mask has a gradient, which the fused kernel does not compute
    flows: tuple[bool, bool, bool] = (True, True, True)
    projects: tuple[bool, bool, bool] = (True, True, True)  # whether the weight of each projection is trained
    out_trained: bool = True

    def enter(self, ledger: Ledger, query: Held, key: Held | None = None, value: Held | None = None) -> None:
        """Keeps what an attention of `query` to `key` and `value` keeps; to itself if there is no key, to one sequence
        if there is no value."""
        inputs = [x for x in (query, key, value) if x is not None]
        for x, trained in zip(inputs, self.projects, strict=False):
            if trained:
                ledger.keep(Held(x.type) if self.is_copied(x) else x)
        q, k, v = self.projected(key, value)
        all_keys = dims.add(self.keys, self.added)
        if self.added:
            k, v = (Held(self.rows(all_keys)) for _ in range(2))
        if self.weights is None and not self.dropout and not self.learnt:
            self.fused(ledger, q, k, v)
        else:
            self.composed(ledger, q, k, v, all_keys)

    def is_copied(self, x: Held) -> bool:
        """With the batch first a linear map copies what it is given, transposed; an axis of 1 leaves all in place."""
        return self.batch_first and 1 not in map(dims.value, x.type.shape[:2])

    def rows(self, length: Dim, parts: int = 1) -> TensorType:
        return TensorType((self.batch, length, parts * self.embed))

    def projected(self, key: Held | None, value: Held | None) -> tuple[Held, Held, Held]:
        """Query, key and value; what is projected at once lies in one piece of memory."""
        if key is None:
            packed = Held(self.rows(self.queries, 3))
            return packed, packed, packed
        q = Held(self.rows(self.queries))
        if value is None:
            pair = Held(self.rows(self.keys, 2))
            return q, pair, pair
        return q, Held(self.rows(self.keys)), Held(self.rows(self.keys))

    def fused(self, ledger: Ledger, q: Held, k: Held, v: Held) -> None:
        """The kernel keeps its operands, its result, and a number for each row of scores."""
        if any(self.flows):
            ledger.keep(q, k, v)
            ledger.make(self.batch, self.heads, self.queries)
            if self.mask is not None:
                ledger.keep(self.mask)
        if any(self.flows) or self.out_trained:
            ledger.keep(Held(self.rows(self.queries)))

    def composed(self, ledger: Ledger, q: Held, k: Held, v: Held, all_keys: Dim) -> None:
        """Two matrix products with a softmax and a dropout between them. Both scale the query, and the fused kernel's
        stand-in scales the key too."""
        scores = TensorType((self.batch, self.heads, self.queries, all_keys))
        to_query, to_key, to_value = self.flows
        inner = to_query or to_key or self.learnt
        softmax = Held(scores)
        dropped = softmax
        if self.dropout:
            dropped = Held(scores)
        if self.weights is not None and not self.averaged:
            if self.dropout:
                dropped = self.weights
            else:
                softmax = dropped = self.weights
        if to_query:
            ledger.keep(k if self.weights is not None else Held(self.rows(all_keys)))
        if to_key:
            ledger.keep(Held(self.rows(self.queries)))
        if inner:
            ledger.keep(softmax, v)
            if self.dropout:
                for mask in dropout_mask(self.dropout, scores, scores.shape):
                    ledger.keep(Held(mask))
        if to_value:
            ledger.keep(dropped)
        if self.out_trained:
            ledger.keep(Held(self.rows(self.queries)))
