"""Statements about ops that take more than activations: indices, masks, memories, states."""

from __future__ import annotations

from typing import Any

from tests.random_specs.layers import small
from tests.random_specs.pick import Count
from tests.random_specs.sketch import Child, Expr, Statement
from tests.random_specs.tensors import TensorWriter, ranked
from tests.random_specs.values import Val
from tests.random_specs.writer import Body, reads


def is_map(val: Val) -> bool:
    return 3 <= len(val.shape) <= 5 and small(val.shape)


def is_sequence(val: Val) -> bool:
    return len(val.shape) == 3


class OperandWriter(TensorWriter):
    """Writes constants of integers and booleans, and what reads them."""

    wanted: str

    def child(
        self, body: Body, op: str, args: dict[str, Any] | None = None, *names: str, by: tuple[str, ...] = ()
    ) -> list[Statement]:
        """A node that reads these names, in order or as the operands `by`."""
        read: Any = dict(zip(by, names, strict=True)) if by else (names or None)
        return self.put(body, Child(self.name(body, op), op, args or {}, read, labelled=True))

    def looked_up(self, body: Body, indices: str) -> list[Statement]:
        """Vectors of indices, which are below 2."""
        rows, width = self.pick.int(2, 9), self.pick.int(1, 8)
        match {"EmbeddingBag": 0, "embedding": 1, "Embedding": 2}.get(
            self.wanted, self.pick.int(0, 5) if self.rare else 5
        ):
            case 0:
                args = {"num_embeddings": rows, "embedding_dim": width, "mode": self.pick.of(["sum", "mean", "max"])}
                return self.child(body, "EmbeddingBag", args, indices)
            case 1:
                table = self.child(body, "Parameter", {"shape": [rows, width], "value": 0.5})
                return [*table, *self.child(body, "embedding", {}, indices, named(table))]
            case _:
                args = {"num_embeddings": rows, "embedding_dim": Count(width)}
                args = {name: self.expression(body, value) for name, value in args.items()}
                return self.put(body, Child(self.name(body, "embedding"), "Embedding", args, reads(indices)))

    def unpooled(self, body: Body) -> list[Statement]:
        """What a max-pool took, put back."""
        source = self.source(body, lambda val: is_map(val) and min(val.shape[2:]) >= 2)
        if source is None:
            return self.plain(body)
        written: list[Statement] = []
        name, axes = self.named(body, source[0], written), len(source[1].shape) - 2
        if not has_own_name(name, body.vals(name)[0]):
            return [*written, *self.plain(body)]
        pool = self.child(body, f"MaxPool{axes}d", {"kernel_size": 2, "return_indices": True}, name)
        sizes = [Expr(f"{name}.shape[{axis}]") for axis in range(2, axes + 2)]  # or an index may lie beyond
        args = {"kernel_size": 2, "output_size": sizes}
        parts = [f"{named(pool)}.0", f"{named(pool)}.1"]
        return [*written, *pool, *self.child(body, f"MaxUnpool{axes}d", args, *parts)]

    def attended(self, body: Body) -> list[Statement]:
        """Attention of one sequence to another, or to itself, maybe under a mask."""
        found = self.sources(body, is_sequence)
        if not found:
            return self.plain(body)
        written: list[Statement] = []
        query, memory = self.pick.of(found), self.pick.of(found)
        if query[1].shape[-1] != memory[1].shape[-1]:
            memory = query
        names = [self.named(body, query[0], written)]
        names.append(names[0] if memory is query else self.named(body, memory[0], written))
        length, others, width = query[1].shape[1], memory[1].shape[1], query[1].shape[-1]
        heads = self.pick.factor(width)
        args: dict[str, Any] = {"nhead": heads, "dim_feedforward": self.pick.int(1, 6), "batch_first": True}
        match self.pick.int(0, 4):
            case 0:
                masks = self.masked(body, written, [length, others])
                dropped = self.pick.some(dropout_p=lambda: 0.1)
                names = [names[0], names[1], names[1], *masks]
                return [*written, *self.child(body, "scaled_dot_product_attention", dropped, *names)]
            case 1:
                masks = self.masked(body, written, [length, others])
                operands = ("query", "key", "value", "attn_mask")[: 3 + len(masks)]
                names = [names[0], names[1], names[1], *masks]
                args = {"num_heads": heads, "batch_first": True}
                return [*written, *self.child(body, "MultiheadAttention", args, *names, by=operands)]
            case 2:
                count = {"num_encoder_layers": 1, "num_decoder_layers": 1}
                return [*written, *self.child(body, "Transformer", args | count, *names)]
            case 3:
                args["num_layers"] = self.pick.int(1, 2)
                return [*written, *self.child(body, "TransformerDecoder", args | self.normed(), *names)]
            case _:
                masks = self.masked(body, written, [length, length])
                return [*written, *self.child(body, "TransformerDecoderLayer", args, *names, *masks)]

    def normed(self) -> dict[str, Any]:
        return self.pick.some(norm=self.pick.flag, norm_first=self.pick.flag)

    def masked(self, body: Body, written: list[Statement], sizes: list[int]) -> list[str]:
        """A mask of scores, or none."""
        if not self.pick.chance(3):
            return []
        args = {"shape": sizes, "value": 0.0} if self.pick.flag() else {"shape": sizes, "value": False, "dtype": "bool"}
        mask = self.child(body, "Buffer", args)
        written += mask
        if args["value"] is False:
            return [named(mask)]
        lower = self.child(body, "tril", {}, named(mask))
        written += lower
        return [named(lower)]

    def placed(self, body: Body) -> list[Statement]:
        """Vectors of positions, added; or elements at positions."""
        source = self.source(body, is_sequence)
        if source is None:
            return self.plain(body)
        written: list[Statement] = []
        name, (_, length, width) = self.named(body, source[0], written), source[1].shape
        look_up = self.pick.flag()
        live = not look_up and has_own_name(name, body.vals(name)[0]) and self.pick.flag()
        order = self.child(body, "arange", {"end": Expr(f"{name}.shape[1]") if live else length})
        written += order
        if not look_up:
            return [*written, *self.child(body, "index_select", {"dim": 1}, name, named(order))]
        table = self.child(body, "Embedding", {"num_embeddings": length, "embedding_dim": width}, named(order))
        row = self.child(body, "unsqueeze", {"dim": 0}, named(table))
        return [*written, *table, *row, *self.child(body, "add", {}, name, named(row))]

    def chosen(self, body: Body) -> list[Statement]:
        """Elements by a mask; or the largest of each, and its vector."""
        source = self.source(body, ranked)
        if source is None:
            return self.plain(body)
        written: list[Statement] = []
        name, shape = self.named(body, source[0], written), source[1].shape
        if len(shape) == 3 and self.pick.flag():
            largest = self.child(body, "argmax", {"dim": 2}, name)
            args = {"num_embeddings": 1000, "embedding_dim": 3}  # more than any axis has
            return [*written, *largest, *self.child(body, "Embedding", args, named(largest))]
        mask = self.child(body, "Buffer", {"shape": [1, *shape[1:]], "value": self.pick.flag(), "dtype": "bool"})
        if self.pick.flag():
            return [*written, *mask, *self.child(body, "where", {"other": -1.0}, named(mask), name)]
        return [*written, *mask, *self.child(body, "where", {}, named(mask), name, name)]

    def unbound(self, body: Body) -> list[Statement]:
        """An axis taken apart, and put together again."""
        source = self.source(body, lambda val: len(val.shape) >= 3 and 2 <= val.shape[1] <= 4)
        if source is None:
            return self.plain(body)
        parts = self.put(body, Child(self.name(body, "unbind"), "unbind", {}, reads(source[0])))
        op = self.pick.of(["stack", "cat", "add"])
        args = {"dim": 1} if op != "add" else {}
        return [*parts, *self.child(body, op, args, f"{named(parts)}.0", f"{named(parts)}.1")]

    def cropped(self, body: Body) -> list[Statement]:
        """A map cropped to another's sizes, and joined with it."""
        found = self.sources(body, lambda val: 3 <= len(val.shape) <= 5)[:6]
        pairs = [(a, b) for a in found for b in found if b[0] and larger(a[1], b[1])]
        if not pairs:
            return self.plain(body)
        (text, _), (like, _) = self.pick.of(pairs)
        crop = self.put(body, Child(self.name(body, "crop"), "crop", {"like": like}, reads(text)))
        return [*crop, *self.child(body, "cat", {}, like, named(crop))]

    def multiplied(self, body: Body) -> list[Statement]:
        """A tensor times itself, its last axes exchanged."""
        source = self.source(body, lambda val: 3 <= len(val.shape) <= 4)
        if source is None:
            return self.plain(body)
        written: list[Statement] = []
        name = self.named(body, source[0], written)
        if self.pick.flag():
            args = {"equation": "...ij,...kj->...ik"}
            return [*written, *self.child(body, "einsum", args, name, name)]
        turned = self.child(body, "transpose", {"dim0": len(source[1].shape) - 1, "dim1": -2}, name)
        return [*written, *turned, *self.child(body, "matmul", {}, name, named(turned))]

    def stepped(self, body: Body) -> list[Statement]:
        """One step of an LSTM, or two with the state between them."""
        source = self.source(body, lambda val: len(val.shape) == 2)
        if source is None:
            return self.plain(body)
        written: list[Statement] = []
        name, size = self.named(body, source[0], written), self.pick.int(1, 6)
        first = self.child(body, "LSTMCell", {"hidden_size": size}, name)
        written += first
        if self.pick.flag():
            states = (f"{named(first)}.h_1", f"{named(first)}.c_1")
            second = self.child(body, "LSTMCell", {"hidden_size": size}, name, *states)
            written += second
            first = second
        return [*written, *self.child(body, "tanh", {}, f"{named(first)}.h_1")]


def larger(a: Val, b: Val) -> bool:
    """Whether one map can be cropped to the other's sizes."""
    alike = len(a.shape) == len(b.shape) and a.type.shape[0] == b.type.shape[0] and a is not b
    return alike and all(x >= y for x, y in zip(a.shape[2:], b.shape[2:], strict=True))


def has_own_name(name: str, val: Val) -> bool:
    """Whether an expression can name a tensor, here and in the unrolled network: a node that is called so."""
    return name.isidentifier() and val.node >= 0 and val.handle[-1] == name


def named(written: list[Statement]) -> str:
    """The name of the last statement, which is a node."""
    child = written[-1]
    assert isinstance(child, Child)
    return child.name
