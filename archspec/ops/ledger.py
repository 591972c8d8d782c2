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

    wanted: Wanted
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


def float_mask(inputs: Inputs, name: str) -> Held | None:
    """A mask as torch adds it to scores: one of booleans is converted."""
    position = inputs.position(name)
    if position is None:
        return None
    mask = inputs[position]
    return Held(TensorType(mask.shape)) if mask.dtype == "bool" else Held(mask, position)


def merged_mask(mask: Held | None, padded: bool, scores: TensorType) -> Held | None:
    """A mask joined with one of padding, which is spread over the heads."""
    if not padded:
        return mask
    batch, heads, queries, keys = scores.shape
    return Held(TensorType((batch, heads, 1 if mask is None else queries, keys)))


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
    flows: tuple[bool, bool, bool] = (True, True, True)
    projects: tuple[bool, bool, bool] = (True, True, True)  # whether the weight of each projection is trained
    out_trained: bool = True

    def enter(self, ledger: Ledger, query: Held, key: Held | None = None, value: Held | None = None) -> None:
        """Keeps what an attention of `query` to `key` and `value` keeps; to itself if there is no key, to one sequence
        if there is no value."""
        inputs = [x for x in (query, key, value) if x is not None]
        for x, trained in zip(inputs, self.projects, strict=False):
            if trained:  # with the batch first a linear map copies what it is given, transposed
                ledger.keep(Held(x.type) if self.batch_first else x)
        q, k, v = self.projected(key, value)
        all_keys = dims.add(self.keys, self.added)
        if self.added:
            k, v = (Held(self.rows(all_keys)) for _ in range(2))
        if self.weights is None and not self.dropout and not self.mask_wanted(ledger):
            self.fused(ledger, q, k, v)
        else:
            self.composed(ledger, q, k, v, all_keys)

    def mask_wanted(self, ledger: Ledger) -> bool:
        """Whether the mask is an operand that has a gradient, which the fused kernel does not compute."""
        operand = self.mask.operand if self.mask is not None else None
        return operand is not None and ledger.wanted.inputs[operand]

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
        inner = to_query or to_key or self.mask_wanted(ledger)
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
