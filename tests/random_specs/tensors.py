"""Statements about several tensors: merges, parts, constants, gates, U-Net's joints, reads into finished graphs."""

from __future__ import annotations

from typing import Any

from tests.random_specs.layers import Layer, Shape
from tests.random_specs.sketch import Child, Expr, Graph, Statement
from tests.random_specs.values import Val, elements
from tests.random_specs.writer import Body, Writer, reads


def ranked(val: Val) -> bool:
    """With an axis besides the batch."""
    return len(val.shape) > 1


class TensorWriter(Writer):
    """Writes what reads, or makes, more than one tensor."""

    def merged(self, body: Body) -> list[Statement]:
        """Two tensors as one: `add`, `mul`, `cat`, ..., whichever their shapes allow."""
        found = self.sources(body, ranked)[:6]
        pairs = [(a, b) for a in found for b in found if a[1] is not b[1] and self.merges(a[1], b[1])]
        if not pairs:
            return self.plain(body)
        pair = self.pick.of(pairs)
        written: list[Statement] = []
        names = [self.named(body, name, written) for name, _ in pair]
        op, args = self.pick.of(self.merges(pair[0][1], pair[1][1]))
        if op == "add" and self.pick.chance(4):
            names.append(self.pick.of(names))
        child = Child(self.name(body, op), op, dict(args), tuple(names), labelled=self.labelled(body))
        if self.pick.chance(5):
            child.when, child.otherwise = self.truth(body), self.pick.of(names)
        elif op in ("matmul", "add") and len(names) == 2 and self.pick.chance(3):
            child.reads = {"input": names[0], "other": names[1]}
        return [*written, *self.put(body, child)]

    def merges(self, a: Val, b: Val) -> list[Layer]:
        """The ops that make one tensor of two."""
        rare = ("einsum", "PairwiseDistance", "CosineSimilarity")
        return [(op, args) for op, args in merges(a.shape, b.shape) if self.rare or op not in rare]

    def parts(self, body: Body) -> list[Statement]:
        """A tensor cut up, with parts read by name or position, and put together again."""
        source = self.source(body, lambda val: max(val.shape[1:], default=1) >= 2)
        if source is None:
            return self.plain(body)
        text, val = source
        axis = self.pick.of([axis for axis, size in enumerate(val.shape) if axis and size >= 2])
        op, args = self.pick.of(cuts(val.shape[axis], self.pick.int(1, val.shape[axis] - 1)))
        args = {**args, "dim": axis} if axis > 1 else args
        child = Child(self.name(body, op), op, args, reads(text))
        names = [f"{child.name}.0", f"{child.name}.1"]
        if not body.frame.numbered and self.pick.flag():
            child.parts = (self.name(body, "left"), self.name(body, "right"))
            names = list(child.parts)
        written = self.put(body, child)
        if self.pick.flag():
            written += self.layer(body, names[1], body.vals(names[1])[0], ("activation", "dropout"))
            changed = written[-1]
            assert isinstance(changed, Child)
            if changed.labelled:
                names[1] = changed.name
        whole = [child.name] if not child.parts and self.pick.chance(3) else names
        return [*written, *self.put(body, Child(self.name(body, "cat"), "cat", {"dim": axis}, tuple(whole)))]

    def constant(self, body: Body) -> list[Statement]:
        """A parameter or buffer, and what it is added to, multiplied or joined with."""
        source = self.source(body, ranked)
        if source is None:
            return self.plain(body)
        written: list[Statement] = []
        text, shape = self.named(body, source[0], written), source[1].shape
        store, op = self.pick.of(["Parameter", "Parameter", "Buffer"]), self.pick.of(["add", "mul", "cat"])
        if op == "cat" and len(shape) == 3 and elements(shape) < 2000:
            sizes = [1, self.pick.int(1, 2), shape[2]]
        else:
            op = "mul" if op == "mul" else "add"
            kept = [size if self.pick.flag() else 1 for size in shape[1:]]
            sizes = self.pick.of([kept, [1, *kept]])
        weight = Child(self.name(body, "weight"), store, {"shape": sizes})
        if op != "cat" and self.pick.flag():
            weight.args = {"value": nested(sizes)}
        elif store == "Buffer" or self.pick.flag():
            weight.args["value"] = 0.5
        else:
            weight.init = "ones_"
        if store == "Parameter" and self.pick.chance(4):
            weight.args["trainable"] = False
        written += self.put(body, weight)
        order = (weight.name, text) if op == "cat" else (text, weight.name)
        return [*written, *self.put(body, Child(self.name(body, op), op, {}, order))]

    def filtered(self, body: Body) -> list[Statement]:
        """A convolution whose kernel is a parameter or buffer."""
        source = self.source(body, lambda val: 3 <= len(val.shape) <= 5)
        if source is None:
            return self.plain(body)
        written: list[Statement] = []
        text, shape = self.named(body, source[0], written), source[1].shape
        channels, spatial = shape[1], shape[2:]
        groups, out = self.pick.of([(1, 2), (channels, channels)])
        kernel = [self.pick.int(1, min(size, 3)) for size in spatial]
        weight = Child(self.name(body, "weight"), self.pick.of(["Parameter", "Buffer"]))
        weight.args = {"shape": [out, channels // groups, *kernel], "value": 0.25}
        args = {"padding": self.pick.int(0, 1), "groups": groups}
        op = f"conv{len(spatial)}d"
        names = self.pick.of([(text, weight.name), {"input": text, "weight": weight.name}])
        return [*written, *self.put(body, weight), *self.put(body, Child(self.name(body, op), op, args, names))]

    def recurrent(self, body: Body) -> list[Statement]:
        """A recurrent layer, its results read by name."""
        source = self.source(body, lambda val: len(val.shape) == 3)
        if source is None:
            return self.plain(body)
        op = self.pick.of(["LSTM", "GRU", "RNN"])
        args: dict[str, Any] = {"hidden_size": self.pick.int(1, 6), "batch_first": True}
        args |= self.pick.some(bidirectional=lambda: True, num_layers=lambda: 2, bias=self.pick.flag)
        if op == "LSTM" and args["hidden_size"] > 1:
            args |= self.pick.some(proj_size=lambda: 1)
        layer = Child(self.name(body, op), op, args, reads(source[0]))
        written = self.put(body, layer)
        if self.pick.chance(3):  # the last state, of which the batch is axis 1
            last = Child(self.name(body, "last"), "select", {"dim": 0, "index": -1}, (f"{layer.name}.h_n",))
            return [*written, *self.put(body, last)]
        output = f"{layer.name}.output"
        return [*written, *self.layer(body, output, body.vals(output)[0], ("activation", "linear"))]

    def resized(self, body: Body) -> list[Statement]:
        """U-Net's joint: resized like another tensor, then joined with it."""
        found = self.sources(body, lambda val: 3 <= len(val.shape) <= 5)[:6]
        pairs = [(a, b) for a, b in ((a, b) for a in found for b in found if b[0]) if joinable(a[1], b[1])]
        if not pairs:
            return self.plain(body)
        (text, _), (like, _) = self.pick.of(pairs)
        fit = Child(self.name(body, "fit"), "interpolate", {"like": like}, reads(text))
        written = self.put(body, fit)
        return [*written, *self.put(body, Child(self.name(body, "join"), "cat", {}, (like, fit.name)))]

    def gate(self, body: Body) -> list[Statement]:
        """Squeeze and excitation: a tensor times weights computed from it."""
        source = self.source(body, lambda val: len(val.shape) == 4)
        if source is None:
            return self.plain(body)
        written: list[Statement] = []
        text = self.named(body, source[0], written)
        numbered = self.pick.flag()
        inside: list[Statement] = [
            Child("squeeze", "AdaptiveAvgPool2d", {"output_size": 1}, labelled=not numbered),
            Child(
                "reduce", "Conv2d", {"out_channels": Expr("max(1, input.channels // 2)"), "kernel_size": 1},
                labelled=not numbered,
            ),
            Child(
                "expand", "Conv2d", {"out_channels": Expr("input.channels"), "kernel_size": 1},
                labelled=not numbered,
            ),
            Child("weigh", self.pick.of(["Sigmoid", "Hardsigmoid"]), labelled=not numbered),
        ]  # fmt: skip
        gate = Child(self.name(body, "gate"), graph=Graph(inside, numbered), reads=(text,))
        written += self.put(body, gate)
        return [*written, *self.put(body, Child(self.name(body, "scale"), "mul", {}, (text, gate.name)))]

    def dotted(self, body: Body) -> list[Statement]:
        """A read into a finished graph or block."""
        found: list[tuple[str, Val]] = []
        for name in body.visible():
            bound = body.lookup(name)
            for child in bound.inside.table if bound is not None and bound.inside is not None else ():
                inner = body.lookup(f"{name}.{child}")
                if inner is not None and len(inner.vals) == 1 and self.readable(inner.vals[0]):
                    found.append((f"{name}.{child}", inner.vals[0]))
        return self.layer(body, *self.pick.of(found[:8])) if found else self.plain(body)

    def reused(self, body: Body) -> list[Statement]:
        """A module called again, with a tensor of the type it was made for."""
        found = self.sources(body)[:6]
        options: list[tuple[str, str]] = []
        for name in body.names:
            bound = body.lookup(name)
            if bound is not None and bound.definition is not None and len(bound.inputs) == 1 and not body.suffix:
                options += [(name, text) for text, val in found if val.type == bound.inputs[0].type]
        if not options:
            return self.plain(body)
        original, text = self.pick.of(options)
        child = Child(self.name(body, "again"), reuse=original, reads=reads(text), labelled=self.labelled(body))
        return self.tried(body, lambda: self.put(body, child)) or self.plain(body)


def merges(a: Shape, b: Shape) -> list[Layer]:
    """The ops that make one tensor of two."""
    options: list[Layer] = []
    if len(a) != len(b):
        return options
    if all(x == y or 1 in (x, y) for x, y in zip(a, b, strict=True)):
        options += [("add", {}), ("mul", {}), ("sub", {}), ("maximum", {})]
    differing = [axis for axis, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
    axis = differing[0] if differing else 1
    if len(differing) <= 1 and axis >= 1:
        options.append(("cat", {"dim": axis} if axis > 1 else {}))
    if not differing:
        options += [("stack", {}), ("minimum", {})]
    if a[:-1] == b[:-1]:
        options.append(("Bilinear", {"out_features": 3}))
    if len(a) > 1 and not differing:
        options += [("PairwiseDistance", {"keepdim": True}), ("CosineSimilarity", {"dim": len(a) - 1})]
    if len(a) > 2 and a[-1] == b[-2] and a[:-2] == b[:-2]:
        options += [("matmul", {}), ("einsum", {"equation": "...ij,...jk->...ik"})]
    return options


def cuts(size: int, first: int) -> list[Layer]:
    """The ops that cut an axis in two."""
    return [
        ("chunk", {"chunks": 2}),
        ("split", {"split_size_or_sections": [first, size - first]}),
        ("split", {"split_size_or_sections": (size + 1) // 2}),
    ]


def joinable(a: Val, b: Val) -> bool:
    """Whether one tensor, resized like the other, can be joined with it."""
    joined = (2, a.shape[1] + b.shape[1], *b.shape[2:])
    alike = len(a.shape) == len(b.shape) and a.type.shape[0] == b.type.shape[0]
    return a is not b and alike and elements(joined) < 3000


def nested(sizes: list[int], scale: float = 1.0) -> Any:
    """Nested lists of numbers of a shape."""
    return [nested(sizes[1:], scale + i) for i in range(sizes[0])] if sizes else scale / 8
