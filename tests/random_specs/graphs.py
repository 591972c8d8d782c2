"""Statements around others: loops, conditions, graphs within the graph, blocks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from tests.random_specs.layers import FAMILIES, Layer
from tests.random_specs.operands import OperandWriter
from tests.random_specs.pick import Count, Pick, Seeded
from tests.random_specs.sketch import Block, Child, Expr, For, Graph, If, Let, Sketch, Source, Statement
from tests.random_specs.tensors import ranked
from tests.random_specs.unroll import Run, bind, interpolate
from tests.random_specs.values import Bound, Frame, Refused, TooLarge, Val, elements, evaluate
from tests.random_specs.writer import Body, reads

INPUTS: dict[str, list[Source]] = {
    "images": [Source((3, 8, 8)), Source((4, 6, 9)), Source((2, 12, 12)), Source((1, 5, 7))],
    "sequences": [Source((6, 8)), Source((4, 10)), Source((5, 6)), Source((4, 1))],
    "volumes": [Source((2, 4, 5, 4)), Source((3, 4, 4, 4))],
    "features": [Source((8,)), Source((12,))],
    "indices": [Source((7,), "int64"), Source((4,), "int64")],
}

PARAMS: dict[str, list[Any]] = {
    "width": [4, 6, 8], "depth": [2, 3], "kernel": [1, 3], "flag": [True, False], "act": ["ReLU", "SiLU", "Tanh"],
    "rate": [0.0, 0.2], "widths": [[4, 6], [3, 4, 6], [6, 6]],
}  # fmt: skip

TYPES = {"int": 4, "op": "ReLU", "bool": True}
"""Declared types of params, with a value of each."""


SEQUENCES = "LSTM GRU RNN MultiheadAttention scaled_dot_product_attention arange index_select Transformer "
SEQUENCES += "TransformerDecoder TransformerDecoderLayer Bilinear CosineSimilarity PairwiseDistance matmul einsum"
INPUTS_OF = {
    **{op: ["indices"] for op in ("Embedding", "EmbeddingBag", "embedding")},
    **{op: ["sequences"] for op in SEQUENCES.split()},
    "LSTMCell": ["features"],
}
"""The inputs with which an op that is more than a layer is likely to occur; "1d" and so on go by the axes."""


@cache
def families_of(op: str, source: Source | None = None) -> list[str]:
    """The families that make layers of an op, for one input or for any."""
    among = [source] if source is not None else [each for sources in INPUTS.values() for each in sources]
    return [name for name in FAMILIES if any(op in made_by(name, each) for each in among)]


@cache
def made_by(family: str, source: Source) -> frozenset[str]:
    """The ops of a family for an input, as far as a hundred layers show them."""
    (fits, make), shape = FAMILIES[family], (2, *source.sizes)
    if source.dtype != "float32" or not fits(shape):
        return frozenset()
    return frozenset(make(Seeded(f"{family} {n} {shape}"), shape)[0] for n in range(100))


@cache
def inputs_for(op: str) -> list[Source]:
    """The inputs with which an op is likely to occur."""
    every = [source for sources in INPUTS.values() for source in sources]
    maps = {"1d": ["sequences"], "2d": ["images"], "3d": ["volumes"]}.get(op[-2:], ["sequences", "images", "volumes"])
    usual = [source for kind in INPUTS_OF.get(op, maps) for source in INPUTS[kind]]
    return usual if op in INPUTS_OF else [source for source in every if families_of(op, source)] or usual


class SpecWriter(OperandWriter):
    """Writes a whole spec."""

    def __init__(self, pick: Pick, wanted: str = "", rare: bool = True) -> None:
        super().__init__(pick, rare)
        self.wanted = wanted
        inputs = self.inputs()
        params = {name: pick.of(values) for name, values in PARAMS.items() if pick.flag()}
        lets = {"double": "2 * width"} if "width" in params and pick.flag() else {}
        self.spec = Sketch(inputs, Graph([], numbered=len(inputs) == 1 and pick.chance(4)), params, lets)
        self.run = Run(self.spec)

    def inputs(self) -> dict[str, Source]:
        first = self.pick.of(inputs_for(self.wanted) if self.wanted else INPUTS[self.pick.of(list(INPUTS))])
        if first.dtype == "float32" and self.pick.chance(5):
            return {"x": first, "y": Source((self.pick.int(1, 4), *first.sizes[1:])) if self.pick.flag() else first}
        return {self.pick.of(["input", "input", "x"]): first}

    def write(self) -> Sketch:
        """The spec, but for its outputs."""
        body = Body(self.run.root, dict(self.run.globals), names=list(self.run.root.table))
        if self.run.sources[0].type.dtype == "int64":
            self.spec.graph.body += self.looked_up(body, next(iter(self.spec.inputs)))
        if self.wanted:
            self.spec.graph.body += self.featured(body)
        self.spec.graph.body += self.statements(body, self.pick.int(1, 12))
        if not self.run.nodes:
            last = Child(self.name(body, "last"), "ReLU", {}, (next(iter(self.spec.inputs)),))
            self.spec.graph.body += self.put(body, last)
        return self.spec

    def featured(self, body: Body) -> list[Statement]:
        """Something with the wanted op; nothing where none is found."""
        families, budget = tuple(families_of(self.wanted)), self.budget
        before = [] if families else self.statements(body, self.pick.int(1, 2))
        simple = [kind for kind in self.flat() if kind != self.plain]

        def action() -> list[Statement]:
            source = self.source(body)
            if families and source is not None:
                written = self.layer(body, *source, families)
            else:
                written = self.pick.of(simple)(body)
            if not any(isinstance(child, Child) and child.op == self.wanted for child in written):
                raise Refused("another op")
            return written

        for _ in range(1000):
            written = self.tried(body, action)
            if written is not None:
                self.budget = budget
                return [*before, *written]
        self.budget = budget
        return before

    def flat(self) -> list[Callable[[Body], list[Statement]]]:
        """What may be said without a graph within."""
        common = [self.plain, self.merged, self.parts, self.constant, self.filtered, self.recurrent, self.dotted]
        if not self.rare:
            return common
        rare = [self.unpooled, self.attended, self.placed, self.chosen, self.unbound, self.cropped, self.stepped]
        return [*common, *rare, self.multiplied]

    def kinds(self, body: Body) -> list[Callable[[Body], list[Statement]]]:
        flat = [self.plain] * 7 + self.flat()
        if body.depth >= 3:
            return flat
        nested = [self.inline, self.condition, self.residual, self.branches] + [self.loop, self.block] * 2
        return [*flat, *nested, self.resized, self.let, self.reused, self.repeated, self.gate]

    # --- statements ---

    def let(self, body: Body) -> list[Statement]:
        """A computed value."""
        numbers = [name for name in body.env if type(body.env[name]) is int]
        forms = [f"{name} {operation}" for name in numbers for operation in ("+ 1", "* 2", "// 2 + 1")]
        if self.channels(body):
            forms += ["input.channels", "max(1, input.channels // 2)", "input.features + 1"]
        if not forms:
            return self.plain(body)
        let = Let(f"v{len(body.env)}", self.pick.of(forms))
        self.run.body(body.frame, [let], body.env)
        return [let, *self.plain(body)]

    def repeated(self, body: Body) -> list[Statement]:
        """A list item several times."""
        written = self.plain(body)
        child = written[-1] if written else None
        if not isinstance(child, Child) or child.labelled or not body.frame.numbered or child.repeat:
            return written
        times = 1
        while times < 3 and self.tried(body, lambda: self.again(body, [child])) is not None:
            times += 1
        child.repeat = str(times) if times > 1 else ""
        return written

    def again(self, body: Body, statements: list[Statement]) -> list[Statement]:
        self.run.body(body.frame, statements, body.env)
        return statements

    def loop(self, body: Body) -> list[Statement]:
        """A body run as often as its ops take what comes of it."""
        self.serial += 1  # two equal headers would be one key twice
        variable = f"i{self.serial}"
        targets, iterable = self.pick.of(self.iterables(body, variable))
        items = list(evaluate(iterable, body.frame, body.env))
        suffix = re.sub(r"\$(\w+)$", r"$(\1)", body.suffix) + f"_${variable}"
        inner = Body(body.frame, body.env | bind(targets, items[0]), suffix, body.depth + 1, outer=body)
        statements = self.statements(inner, self.pick.int(1, 3))
        if not statements:
            return self.plain(body)
        times = 1
        for item in items[1:]:
            again = Body(body.frame, body.env | bind(targets, item))
            if self.tried(again, lambda again=again: self.again(again, statements)) is None:
                break
            times += 1
        for item in items[:times]:
            names = [interpolate(name, {variable: bind(targets, item)[variable]}) for name in inner.names]
            body.names += [name for name in names if body.lookup(name) is not None]
        return [For(targets, iterable if times == len(items) else f"{iterable}[:{times}]", statements)]

    def iterables(self, body: Body, variable: str) -> list[tuple[str, str]]:
        """Targets and what they run over."""
        count = self.pick.int(2, 3)
        found = [(variable, f"range({count})"), (variable, f"range(1, {count + 1})")]
        if "depth" in body.env:
            found.append((variable, "range(depth)"))
        if "widths" in body.env:
            found += [(f"{variable}, c", "enumerate(widths)"), (f"{variable}, c", "reversed(enumerate(widths))")]
            found.append((f"{variable}, (c, d)", "enumerate(zip(widths, reversed(widths)))"))
        return found

    def condition(self, body: Body) -> list[Statement]:
        """Branches, of which one is run; the others are written on trial."""
        conditions = [self.once(self.truth(body)) for _ in range(self.pick.int(1, 2))]
        if self.pick.flag() and not body.has_else:
            conditions.append("")
            body.has_else = not body.frame.numbered
        branches: list[tuple[str, list[Statement]]] = []
        taken = False
        for condition in conditions:
            inner = Body(body.frame, dict(body.env), body.suffix, body.depth + 1, outer=body)
            before = self.run.snapshot(body.frame)
            statements = self.statements(inner, self.pick.int(1, 2)) or self.plain(inner)
            if not taken and (not condition or evaluate(condition, body.frame, body.env)):
                taken = True
                body.names += inner.names
            else:
                self.run.restore(before)
            branches.append((condition, statements))
        return [If(branches)]

    def once(self, condition: str) -> str:
        """A condition in words not used before: two equal headers would be one key twice."""
        if condition in self.conditions:
            condition += f" and {len(self.conditions)} > 0"
        self.conditions.add(condition)
        return condition

    # --- graphs within ---

    def inner(self, body: Body, inputs: tuple[Val, ...], numbered: bool) -> Body:
        """A body in a frame of its own, to be written on trial and then run where it stands."""
        frame = Frame(inputs, numbered, body.frame, body.frame, (*body.frame.handle, "?"), (*body.frame.path, "?"))
        return Body(frame, dict(body.env), depth=body.depth + 1, outer=body)

    def trial(self, inner: Body, write: Callable[[], list[Statement]]) -> Graph:
        """What is written into a frame of its own; nothing of its run is left."""
        before = self.run.snapshot(inner.frame)
        statements = write()
        self.run.restore(before)
        return Graph(statements, inner.frame.numbered)

    def inline(self, body: Body) -> list[Statement]:
        """A graph within the graph."""
        source = self.source(body)
        if source is None:
            return self.plain(body)
        inner = self.inner(body, (source[1],), self.pick.flag())
        graph = self.trial(inner, lambda: self.statements(inner, self.pick.int(1, 4)))
        if not graph.body:
            return self.plain(body)
        child = Child(self.name(body, "graph"), graph=graph, reads=reads(source[0]), labelled=self.labelled(body))
        if self.pick.chance(5):
            child.when = self.truth(body)
        return self.put(body, child)

    def branch(self, body: Body, source: tuple[str, Val], channels: Any) -> Child:
        """A graph that keeps the sizes of an image or sequence, or of vectors, but for their channels or features."""
        inner = self.inner(body, (source[1],), self.pick.flag())
        axes = len(source[1].shape) - 2

        def write() -> list[Statement]:
            first: Layer = ("Linear", {"out_features": channels})
            if 1 <= axes <= 3 and not (axes == 1 and self.pick.flag()):
                args = {"out_channels": channels, "kernel_size": self.pick.int(1, 3), "padding": "same"}
                first = (f"Conv{axes}d", args)
            written = self.put(inner, Child(self.name(inner, first[0]), *first, labelled=self.labelled(inner)))
            for _ in range(self.pick.int(0, 2)):
                families = ("activation", "batch_norm", "dropout", "layer_norm")
                written += self.layer(inner, "", inner.frame.previous[0], families)
            return written

        return Child(self.name(body, "branch"), graph=self.trial(inner, write), reads=(source[0],))

    def residual(self, body: Body) -> list[Statement]:
        """A tensor plus what a graph makes of it."""
        source = self.source(body, ranked)
        if source is None:
            return self.plain(body)
        written: list[Statement] = []
        text = self.named(body, source[0], written)
        image = 3 <= len(source[1].shape) <= 5
        branch = self.branch(body, (text, source[1]), Expr("input.channels" if image else "input.features"))
        if self.pick.chance(4):
            branch.when = self.truth(body)
        written += self.put(body, branch)
        if body.vals(branch.name)[0].shape != source[1].shape:  # a Linear of as many features as there were channels
            return written
        added = Child(self.name(body, "add"), "add", {}, (branch.name, text), labelled=self.labelled(body))
        if self.pick.chance(3):
            added.when, added.otherwise = self.truth(body), branch.name
        return [*written, *self.put(body, added)]

    def branches(self, body: Body) -> list[Statement]:
        """Graphs side by side, joined: all of them by `m.*`, or each by its name."""
        source = self.source(body, lambda val: ranked(val) and elements(val.shape) < 1500)
        if source is None:
            return self.plain(body)
        written: list[Statement] = []
        together = self.pick.flag()
        place = self.inner(body, (source[1],), False) if together else body
        text = "input" if together else self.named(body, source[0], written)
        children = [self.branch(place, (text, source[1]), self.pick.int(1, 6)) for _ in range(self.pick.int(2, 3))]
        if together:
            group = Child(self.name(body, "m"), graph=Graph([*children]), reads=reads(source[0]))
            written += self.put(body, group)
            names = [f"{group.name}.*"]
        else:
            written += [statement for child in children for statement in self.put(body, child)]
            names = [child.name for child in children]
        shapes = [val.shape for name in names for val in body.vals(name)]
        axes = [axis for axis in range(1, len(shapes[0])) if len({s[:axis] + s[axis + 1 :] for s in shapes}) == 1]
        if not axes:  # one mixes channels, another the last axis
            return written
        axis = self.pick.of(axes)
        args = {"dim": axis} if axis > 1 else {}
        return [*written, *self.put(body, Child(self.name(body, "cat"), "cat", args, tuple(names)))]

    # --- blocks ---

    def block(self, body: Body) -> list[Statement]:
        """A block in use: one that fits, or a new one."""
        for block in list(self.spec.blocks.values())[::-1]:
            if self.pick.flag():
                written = self.tried(body, lambda block=block: self.put(body, self.use(body, block)))
                if written is not None:
                    return written
        found = self.sources(body, ranked)
        if len(self.spec.blocks) >= 4 or not found:
            return self.plain(body)
        written = list[Statement]()
        inputs = found[:1]
        if len(found) > 1 and self.pick.chance(3):
            inputs = [
                (self.named(body, name, written), val) for name, val in (self.pick.of(found), self.pick.of(found))
            ]
        block, arguments = self.new_block(body, tuple(val for _, val in inputs))
        self.spec.blocks[block.name] = block
        labelled = self.labelled(body) or isinstance(block.outputs, dict)
        texts = reads(*(name for name, _ in inputs))
        return [
            *written,
            *self.put(body, Child(self.name(body, block.name), block.name, arguments, texts, labelled=labelled)),
        ]

    def use(self, body: Body, block: Block) -> Child:
        """A block used once more, to be tried. Raises Refused."""
        found = self.sources(body)
        if not found:
            raise Refused("nothing to read")
        names = [self.pick.of(found)[0] for _ in block.inputs or ("input",)]
        if len(names) > 1 and "" in names:
            raise Refused("no name for the node before")
        given: dict[str, Any] = {}
        for name, declared in block.params.items():
            is_type = isinstance(declared, str) and declared in TYPES
            if is_type or self.pick.flag():
                given[name] = self.value(body, TYPES[declared] if is_type else declared)
        labelled = self.labelled(body) or isinstance(block.outputs, dict)
        return Child(self.name(body, block.name), block.name, given, reads(*names), labelled=labelled)

    def value(self, body: Body, like: Any) -> Any:
        """A value for a param, of the kind of another."""
        match like:
            case bool():
                return self.pick.flag()
            case int():
                return self.expression(body, Count(self.pick.int(1, 8)))
            case dict():
                return self.pick.of([like, {**like, "eps": 0.01}])
            case _:
                return self.pick.of(["ReLU", "GELU", "Sigmoid"])

    def new_block(self, body: Body, inputs: tuple[Val, ...]) -> tuple[Block, dict[str, Any]]:
        """A block, with arguments for its first use."""
        self.serial += 1
        values = self.params(inputs[0])
        params = {name: self.declared(value) for name, value in values.items()}
        given = {name: value for name, value in values.items() if params[name] != value}
        names = (f"x{self.serial}", f"y{self.serial}") if len(inputs) > 1 else ()
        lets = {"wide": "2 * planes"} if "planes" in values and self.pick.chance(3) else {}
        block = Block(f"Block{self.serial}", Graph([], not names and self.pick.chance(3)), params, names or None, lets)
        block.sources = tuple(Source(val.shape[1:], val.type.dtype) for val in inputs)
        frame = Frame(inputs, block.graph.numbered, None, body.frame, ("?",), ("?",))
        frame.table = {name: Bound((val,)) for name, val in zip(names, inputs, strict=False)}
        inner = Body(frame, {**self.run.globals, **values}, depth=body.depth + 1, names=list(names))
        inner.env |= {name: evaluate(text, frame, inner.env) for name, text in lets.items()}

        def write() -> list[Statement]:
            statements = self.block_body(inner, names)
            block.outputs = self.block_outputs(inner, names)
            return statements

        block.graph = self.trial(inner, write)
        return block, {name: self.expression(body, Count(v)) if type(v) is int else v for name, v in given.items()}

    def block_body(self, inner: Body, names: Sequence[str]) -> list[Statement]:
        written = self.merged(inner) if names else []
        written += self.statements(inner, self.pick.int(1, 5))
        if inner.frame.previous == inner.frame.input or (inner.frame.numbered and len(inner.frame.previous) > 1):
            # of a list of several values a number would mean a part, not a node
            overwritten = self.run.overwritten
            whole = [name for name in names if overwritten.isdisjoint(inner.frame.table[name].vals)]
            if names and not whole:
                raise TooLarge("nothing is left to be read")
            written += self.put(inner, Child(self.name(inner, "relu"), "ReLU", {}, (whole[0] if names else "input",)))
        return written

    def block_outputs(self, inner: Body, names: Sequence[str]) -> str | dict[str, str]:
        options = [name for name in inner.names if name not in names and self.single(inner, name)]
        if not options or inner.frame.numbered or not self.pick.chance(3):
            return ""
        chosen = [self.pick.of(options) for _ in range(self.pick.int(1, 3))]
        return {f"out{i}": name for i, name in enumerate(chosen)} if self.pick.flag() else chosen[0]

    def params(self, first: Val) -> dict[str, Any]:
        values: dict[str, Any] = {"planes": self.pick.int(1, 8), "extra": self.pick.int(1, 3)}
        values |= {"deep": self.pick.flag(), "act": "ReLU"}
        if len(first.shape) == 4:
            values["norm"] = {"op": "BatchNorm2d", "eps": 0.001}
        return {name: value for name, value in values.items() if self.pick.flag()}

    def declared(self, value: Any) -> Any:
        """A param's declaration: its type, or a default."""
        kind = "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "op"
        return self.pick.of([value, kind])

    @staticmethod
    def single(body: Body, name: str) -> bool:
        bound = body.lookup(name)
        return bound is not None and len(bound.vals) == 1 and not bound.absent
