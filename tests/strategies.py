"""Random specs, valid by construction: the writer runs what it writes, statement by statement, and so knows every shape.

Nothing is filtered. What is written twice (a loop's body, a block) is tried on its other inputs first, and left as it
is where an op would refuse them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st
from pydantic_core import PydanticUndefined

from archspec.ops import lookup
from archspec.ops.base import INFERRED, is_marked
from tests.layers import INPLACE, LAYERS, Count, Layer, Pick, Shape, elements, fitting
from tests.sketch import Block, Child, Expr, For, Graph, If, Let, Sketch, Source, Statement, block_lines
from tests.test_ops_mutations import other_values
from tests.test_ops_mutations import words as accepted_words
from tests.unroll import Bound, Frame, Refused, Run, TooLarge, Val, bind, interpolate, unroll

Refusals = type[Exception] | tuple[type[Exception], ...]
RETRIED = (Refused, LookupError, ZeroDivisionError, ValueError, TypeError)

INPUTS: dict[str, list[Source]] = {
    "images": [Source((3, 8, 8)), Source((4, 6, 9)), Source((2, 12, 12)), Source((1, 5, 7))],
    "sequences": [Source((6, 8)), Source((4, 10)), Source((5, 6))],
    "volumes": [Source((2, 4, 5, 4)), Source((3, 4, 4, 4))],
    "features": [Source((8,)), Source((12,))],
}

PARAMS: dict[str, list[Any]] = {
    "width": [4, 6, 8], "depth": [2, 3], "kernel": [1, 3], "flag": [True, False], "act": ["ReLU", "SiLU", "Tanh"],
    "rate": [0.0, 0.2], "widths": [[4, 6], [3, 4, 6], [6, 6]],
}  # fmt: skip


def anything(val: Val) -> bool:
    return True


@dataclass
class Body:
    """A body being written: the frame it runs in, its variables, and the suffix that makes names unique in loops."""

    frame: Frame
    env: dict[str, Any]
    suffix: str = ""
    depth: int = 0
    names: list[str] = field(default_factory=list[str])  # of this body, as written
    outer: Body | None = None  # whose names can be read too
    has_else: bool = False  # a second one would be the same key twice

    def visible(self) -> list[str]:
        """Every name that can be read, nearest first."""
        return [*self.names[::-1], *(self.outer.visible() if self.outer is not None else [])]


class Writer:
    """Writes one spec; `draw` is hypothesis's."""

    def __init__(self, draw: Any, kinds: tuple[str, ...]) -> None:
        self.pick = Pick(draw)
        self.budget = self.pick.int(1, 24)
        inputs = self.inputs(kinds)
        params = {name: self.pick.of(values) for name, values in PARAMS.items() if self.pick.flag()}
        lets = {"double": "2 * width"} if "width" in params and self.pick.flag() else {}
        self.spec = Sketch(inputs, Graph([], numbered=len(inputs) == 1 and self.pick.chance(4)), params, lets)
        self.run = Run(params, lets, inputs, self.spec.graph.numbered)
        self.run.blocks = self.spec.blocks
        self.serial = 0
        self.conditions: set[str] = set()

    def inputs(self, kinds: tuple[str, ...]) -> dict[str, Source]:
        first = self.pick.of(INPUTS[self.pick.of(kinds)])
        if self.pick.chance(5):
            return {"x": first, "y": Source((self.pick.int(1, 4), *first.sizes[1:])) if self.pick.flag() else first}
        return {self.pick.of(["input", "input", "x"]): first}

    def write(self) -> Sketch:
        body = Body(self.run.root, dict(self.run.globals), names=list(self.run.root.table))
        statements = self.spec.graph.body
        statements += self.statements(body, self.pick.int(1, 12))
        if not self.run.nodes:
            statements += self.put(body, Child(self.name(body, "last"), "ReLU", {}, (next(iter(self.spec.inputs)),)))
        self.spec.outputs, self.spec.kind = outputs(self.run, self.pick)
        return trimmed(self.spec)

    # --- statements ---

    def statements(self, body: Body, count: int) -> list[Statement]:
        """Up to `count` things to say, as far as the budget goes."""
        written: list[Statement] = []
        for _ in range(count):
            if self.budget <= 0 or len(self.run.nodes) > 40:
                break
            kind = self.pick.of(self.kinds(body))
            written += self.tried(body, lambda kind=kind: kind(body), TooLarge) or []
        return written

    def kinds(self, body: Body) -> list[Callable[[Body], list[Statement]]]:
        flat = [self.plain] * 6 + [self.merged, self.parts, self.constant]
        if body.depth >= 3:
            return flat
        nested = [self.inline, self.loop, self.condition, self.block, self.residual, self.branches, self.resized, self.let]
        return [*flat, *nested, self.loop, self.block, self.reused, self.repeated, self.recurrent, self.gate, self.dotted]

    def put(self, body: Body, child: Child) -> list[Statement]:
        """Runs a child and remembers its names."""
        self.run.child(body.frame, child, body.env)
        self.budget -= 1
        if child.parts:
            body.names += child.parts
        elif child.labelled or not body.frame.numbered:
            body.names.append(child.name)
        return [child]

    def tried(
        self, body: Body, action: Callable[[], list[Statement]], refusals: Refusals = RETRIED
    ) -> list[Statement] | None:
        """What `action` writes, or nothing and no trace of it where it is refused."""
        before, names = self.run.snapshot(body.frame), list(body.names)
        try:
            return action()
        except refusals:
            self.run.restore(before)
            body.names[:] = names
            return None

    def name(self, body: Body, stem: str) -> str:
        self.serial += 1
        return f"{stem.lower().replace('$', '')}{self.serial}{body.suffix}"

    def labelled(self, body: Body) -> bool:
        return not body.frame.numbered or self.pick.chance(3)

    # --- what is read ---

    def sources(self, body: Body, wanted: Callable[[Val], bool] = anything) -> list[tuple[str, Val]]:
        """Names of single tensors that fit, with what they stand for; "" is the node before."""
        found: list[tuple[str, Val]] = []
        if len(body.frame.previous) == 1:
            found.append(("", body.frame.previous[0]))
        if len(body.frame.input) == 1:
            found.append(("input", body.frame.input[0]))
        for name in body.visible()[:12]:
            bound = self.lookup(body, name)
            if bound is not None:
                found += [(name, bound.vals[0])] if len(bound.vals) == 1 else []
                found += [(f"{name}.{i}", val) for i, val in enumerate(bound.vals) if len(bound.vals) > 1][:3]
        usable = [(name, val) for name, val in found if val not in self.run.overwritten]
        return [(name, val) for name, val in usable if val.type.dtype == "float32" and val.per_sample and wanted(val)]

    def lookup(self, body: Body, name: str) -> Bound | None:
        try:
            return body.frame.find(interpolate(name, body.env))
        except LookupError:
            return None

    def source(self, body: Body, wanted: Callable[[Val], bool] = anything) -> tuple[str, Val] | None:
        """One tensor to read: mostly the node before."""
        found = self.sources(body, wanted)
        if not found:
            return None
        return found[0] if not self.pick.chance(4) else self.pick.of(found)

    @staticmethod
    def reads(*names: str) -> tuple[str, ...] | None:
        return None if names == ("",) else names

    def named(self, body: Body, name: str, written: list[Statement]) -> str:
        """A name for the node before, where it has none yet; adds a node if it must."""
        if name:
            return name
        child = Child(self.name(body, "here"), "Identity")
        written += self.put(body, child)
        return child.name

    # --- single layers ---

    def plain(self, body: Body) -> list[Statement]:
        """A layer, sometimes under a condition."""
        source = self.source(body)
        if source is None:
            return self.merged(body)
        name, val = source
        return self.layer(body, name, val.shape, fitting(val.shape), conditional=True)

    def layer(self, body: Body, source: str, shape: Shape, families: list[str], conditional: bool = False) -> list[Statement]:
        op, args = LAYERS[self.pick.of(families)][1](self.pick, shape)
        if source and "input." in str(args) or len(body.frame.input) != 1:
            args = {key: _literal(value, shape) for key, value in args.items()}
        elif not source and "input." in str(args) and body.frame.previous != body.frame.input:
            source = "input"
            args = args if body.frame.input[0].shape == shape else {key: _literal(value, shape) for key, value in args.items()}
            source = source if body.frame.input[0].shape == shape else ""
        args = {key: self.expression(body, value) for key, value in args.items()}
        if op in ("ReLU", "Tanh") and "act" in body.env and self.pick.flag():
            op, args = "$act", {}
        child = Child(self.name(body, op), op, args, self.reads(source), labelled=self.labelled(body))
        if conditional and self.pick.chance(6):
            child.when = self.truth(body)
        if op in INPLACE and not source and self.pick.chance(2):
            eager = Child(child.name, op, {**args, "inplace": True}, labelled=child.labelled)
            written = self.tried(body, lambda: self.put(body, eager))
            if written is not None:
                return written
        return self.put(body, child)

    def expression(self, body: Body, value: Any) -> Any:
        """A number as an expression that comes to it here."""
        if not isinstance(value, Count):
            return value
        number = value.value
        if not self.pick.chance(2):
            return number
        forms = [str(number)]
        for name, known in body.env.items():
            if isinstance(known, int) and not isinstance(known, bool):
                forms += [name] if known == number else []
                forms += [f"{number // known} * {name}"] if known and number % known == 0 and number > known else []
                forms += [f"{name} + {number - known}"] if known < number else []
        if len(body.frame.input) == 1:
            channels = body.frame.input[0].shape[1] if len(body.frame.input[0].shape) > 1 else 0
            forms += ["input.channels"] if channels == number else []
            forms += [f"{number // channels} * input.channels"] if channels and number % channels == 0 else []
        text = self.pick.of(forms)
        return number if text == str(number) else Expr(text)

    def truth(self, body: Body) -> str:
        """A condition, either true or false here."""
        forms = ["true", "false"]
        for name, value in body.env.items():
            if isinstance(value, bool):
                forms += [name, f"not {name}"]
            elif isinstance(value, int):
                forms += [f"{name} > {value - 1}", f"{name} == {value + 1}", f"{name} != 0"]
            elif isinstance(value, float):
                forms += [f"{name} > 0"]
        if len(body.frame.input) == 1 and len(body.frame.input[0].shape) > 1:
            forms += [f"input.channels != {self.pick.int(1, 8)}"]
        return self.pick.of(forms)

    def once(self, condition: str) -> str:
        """A condition in words not used before: two equal headers would be one key twice."""
        if condition in self.conditions:
            condition += f" and {len(self.conditions)} > 0"
        self.conditions.add(condition)
        return condition

    def repeated(self, body: Body) -> list[Statement]:
        """A list item several times."""
        if not body.frame.numbered:
            return self.plain(body)
        source = self.source(body)
        if source is None:
            return []
        written = self.layer(body, "", source[1].shape, fitting(source[1].shape)) if not source[0] else []
        for child in written:
            assert isinstance(child, Child)
            if child.labelled or body.suffix:
                continue
            times = 1
            while times < 3 and self.tried(body, lambda child=child: [child] * bool(self.run.child(body.frame, child, body.env))):
                times += 1
            if times > 1:
                child.repeat = str(times)
        return written

    # --- several tensors ---

    def merged(self, body: Body) -> list[Statement]:
        """Two tensors as one: `add`, `mul`, `cat`, ..., whichever their shapes allow."""
        found = self.sources(body)
        pairs = [(a, b) for a in found[:6] for b in found[:6] if a[1] is not b[1] and merges(a[1].shape, b[1].shape)]
        if not pairs:
            return self.plain(body) if found else self.projected(body)
        first, second = self.pick.of(pairs)
        return self.merge(body, first, second)

    def projected(self, body: Body) -> list[Statement]:
        """Where nothing stands for one tensor: all of them, as they are."""
        bounds = [name for name in body.visible() if (bound := self.lookup(body, name)) is not None and bound.vals]
        texts = bounds or ["input.0"]
        return self.put(body, Child(self.name(body, "first"), "ReLU", {}, (texts[0],))) if bounds else []

    def merge(self, body: Body, first: tuple[str, Val], second: tuple[str, Val]) -> list[Statement]:
        written: list[Statement] = []
        names = [self.named(body, name, written) for name, _ in (first, second)]
        op, args = self.pick.of(merges(first[1].shape, second[1].shape))
        if self.pick.chance(4) and op == "add":
            names.append(self.pick.of(names))
        child = Child(self.name(body, op), op, dict(args), tuple(names), labelled=self.labelled(body))
        if self.pick.chance(5):
            child.when, child.otherwise = self.truth(body), self.pick.of(names)
        if op in ("matmul", "add") and self.pick.chance(6) and not child.when and len(names) == 2:
            child.reads = {"input": names[0], "other": names[1]}
        return [*written, *self.put(body, child)]

    def parts(self, body: Body) -> list[Statement]:
        """A tensor cut up, with parts read by name or position, and put together again."""
        source = self.source(body, lambda val: len(val.shape) >= 2 and not val.type.constant and max(val.shape[1:]) >= 2)
        if source is None:
            return self.plain(body)
        text, val = source
        axis = self.pick.of([axis for axis, size in enumerate(val.shape) if axis and size >= 2])
        size = val.shape[axis]
        first = self.pick.int(1, size - 1)
        op, args = self.pick.of(
            [("chunk", {"chunks": 2}), ("split", {"split_size_or_sections": [first, size - first]}), ("split", {"split_size_or_sections": (size + 1) // 2})]
        )  # fmt: skip
        child = Child(self.name(body, op), op, {**args, **({"dim": axis} if axis > 1 else {})}, self.reads(text))
        if not body.frame.numbered and self.pick.flag():
            child.parts = (self.name(body, "left"), self.name(body, "right"))
            names = list(child.parts)
        else:
            names = [f"{child.name}.0", f"{child.name}.1"]
        written = self.put(body, child)
        if self.pick.flag():
            part = self.lookup(body, names[1])
            assert part is not None
            written += self.layer(body, names[1], part.vals[0].shape, ["activation", "dropout"])
            changed = written[-1]
            assert isinstance(changed, Child)
            if changed.labelled or not body.frame.numbered:
                names[1] = changed.name
        whole = [child.name] if not child.parts and self.pick.chance(3) else names
        return [*written, *self.put(body, Child(self.name(body, "cat"), "cat", {"dim": axis}, tuple(whole)))]

    def constant(self, body: Body) -> list[Statement]:
        """A parameter or buffer, and what it is added to, multiplied or joined with."""
        source = self.source(body, lambda val: len(val.shape) >= 2)
        if source is None:
            return self.plain(body)
        written: list[Statement] = []
        text = self.named(body, source[0], written)
        shape = source[1].shape
        store, op = self.pick.of(["Parameter", "Parameter", "Buffer"]), self.pick.of(["add", "mul", "cat"])
        if op == "cat" and len(shape) == 3 and elements(shape) < 2000:
            sizes = [1, self.pick.int(1, 2), shape[2]]
        else:
            op = "add" if op == "cat" else op
            kept = [size if self.pick.flag() else 1 for size in shape[1:]]
            sizes = self.pick.of([kept, [1, *kept]])
        args: dict[str, Any] = {"shape": sizes}
        if self.pick.flag() and op != "cat":
            args = {"value": _nested(sizes)}
        elif self.pick.flag() or store == "Buffer":
            args["value"] = 0.5
        init = "" if "value" in args else "ones_"
        if store == "Parameter" and self.pick.chance(4):
            args["trainable"] = False
        weight = Child(self.name(body, "weight"), store, args, init=init)
        written += self.put(body, weight)
        reads = (weight.name, text) if op == "cat" else (text, weight.name)
        return [*written, *self.put(body, Child(self.name(body, op), op, {}, reads))]

    def recurrent(self, body: Body) -> list[Statement]:
        """A recurrent layer, its results read by name."""
        source = self.source(body, lambda val: len(val.shape) == 3)
        if source is None:
            return self.plain(body)
        op = self.pick.of(["LSTM", "GRU", "RNN"])
        args = {"hidden_size": self.pick.int(1, 6), "batch_first": True}
        args |= self.pick.some(bidirectional=lambda: True, num_layers=lambda: 2, bias=self.pick.flag)
        if op == "LSTM":
            args |= self.pick.some(proj_size=lambda: 1) if args["hidden_size"] > 1 else {}
        layer = Child(self.name(body, op), op, args, self.reads(source[0]))
        written = self.put(body, layer)
        bound = self.lookup(body, layer.name)
        assert bound is not None
        if self.pick.chance(3):  # the last state, of which the batch is axis 1
            last = Child(self.name(body, "last"), "select", {"dim": 0, "index": -1}, (f"{layer.name}.h_n",))
            return [*written, *self.put(body, last)]
        return [*written, *self.layer(body, f"{layer.name}.output", bound.vals[0].shape, ["activation", "linear"])]

    def resized(self, body: Body) -> list[Statement]:
        """U-Net's joint: resized like another tensor, then joined with it."""
        found = self.sources(body, lambda val: 3 <= len(val.shape) <= 5)
        pairs = [(a, b) for a in found[:6] for b in found[:6] if b[0] and len(a[1].shape) == len(b[1].shape) and a[1] is not b[1]]
        pairs = [(a, b) for a, b in pairs if elements((2, a[1].shape[1] + b[1].shape[1], *b[1].shape[2:])) < 3000]
        if not pairs:
            return self.plain(body)
        (text, _), (like, _) = self.pick.of(pairs)
        fit = Child(self.name(body, "fit"), "interpolate", {"like": like}, self.reads(text))
        written = self.put(body, fit)
        return [*written, *self.put(body, Child(self.name(body, "join"), "cat", {}, (like, fit.name)))]

    def gate(self, body: Body) -> list[Statement]:
        """Squeeze and excitation: a tensor times weights computed from it."""
        source = self.source(body, lambda val: len(val.shape) == 4)
        if source is None:
            return self.plain(body)
        written: list[Statement] = []
        text = self.named(body, source[0], written)
        inside: list[Statement] = [
            Child("squeeze", "AdaptiveAvgPool2d", {"output_size": 1}),
            Child("reduce", "Conv2d", {"out_channels": Expr("max(1, input.channels // 2)"), "kernel_size": 1}),
            Child("expand", "Conv2d", {"out_channels": Expr("input.channels"), "kernel_size": 1}),
            Child("weigh", self.pick.of(["Sigmoid", "Hardsigmoid"])),
        ]
        for child in inside:
            assert isinstance(child, Child)
            child.labelled = False
        gate = Child(self.name(body, "gate"), graph=Graph(inside, self.pick.flag()), reads=(text,))
        written += self.put(body, gate)
        return [*written, *self.put(body, Child(self.name(body, "scale"), "mul", {}, (text, gate.name)))]

    def dotted(self, body: Body) -> list[Statement]:
        """A read into a finished graph or block."""
        inner = [
            f"{name}.{child}" for name in body.visible() if (bound := self.lookup(body, name)) is not None and bound.inside is not None
            for child, part in bound.inside.table.items() if len(part.vals) == 1 and part.vals[0].type.dtype == "float32"
            and part.vals[0].per_sample and part.vals[0] not in self.run.overwritten and child not in (bound.named or ())
        ]  # fmt: skip
        if not inner:
            return self.plain(body)
        text = self.pick.of(inner[:8])
        bound = self.lookup(body, text)
        assert bound is not None
        return self.layer(body, text, bound.vals[0].shape, fitting(bound.vals[0].shape))

    def reused(self, body: Body) -> list[Statement]:
        """A module called again, with a tensor of the type it was made for."""
        found = self.sources(body)
        options: list[tuple[str, str]] = []
        for name in body.names:
            bound = self.lookup(body, name)
            if bound is not None and bound.definition is not None and len(bound.types) == 1 and not body.suffix:
                options += [(name, text) for text, val in found[:6] if val.type == bound.types[0]]
        if not options:
            return self.plain(body)
        original, text = self.pick.of(options)
        child = Child(self.name(body, "again"), reuse=original, reads=self.reads(text), labelled=self.labelled(body))
        return self.tried(body, lambda: self.put(body, child)) or self.plain(body)

    # --- statements around others ---

    def let(self, body: Body) -> list[Statement]:
        """A computed value."""
        forms = [f"{name} {operation}" for name in body.env if type(body.env[name]) is int for operation in ("+ 1", "* 2", "// 2 + 1")]
        if len(body.frame.input) == 1 and len(body.frame.input[0].shape) > 1:
            forms += ["input.channels", "max(1, input.channels // 2)", "input.features + 1"]
        if not forms:
            return self.plain(body)
        let = Let(f"v{len(body.env)}", self.pick.of(forms))
        self.run.body(body.frame, [let], body.env)
        return [let, *self.plain(body)]

    def loop(self, body: Body) -> list[Statement]:
        """A body run as often as its ops take what comes of it."""
        self.serial += 1  # two equal headers would be one key twice
        variable = f"i{self.serial}"
        count = self.pick.int(2, 3)
        loops = [(variable, f"range({count})"), (variable, f"range(1, {count + 1})")]
        loops += [(variable, f"range({name})") for name in ("depth",) if name in body.env]
        if "widths" in body.env:
            loops += [(f"{variable}, c", "enumerate(widths)"), (f"{variable}, c", "reversed(enumerate(widths))")]
            loops += [(f"{variable}, (c, d)", "enumerate(zip(widths, reversed(widths)))")]
        targets, iterable = self.pick.of(loops)
        items = list(self.run.evaluate(iterable, body.frame, body.env))
        suffix = re.sub(r"\$(\w+)$", r"$(\1)", body.suffix) + f"_${variable}"
        inner = Body(body.frame, body.env | bind(targets, items[0]), suffix, body.depth + 1, outer=body)
        statements = self.statements(inner, self.pick.int(1, 3))
        times = 1
        for item in items[1:]:
            again = Body(body.frame, body.env | bind(targets, item))
            if not statements or self.tried(again, lambda again=again: self.again(again, statements)) is None:
                break
            times += 1
        for item in items[:times]:
            names = [interpolate(name, {variable: bind(targets, item)[variable]}) for name in inner.names]
            body.names += [name for name in names if self.lookup(body, name) is not None]
        return [For(targets, iterable if times == len(items) else f"{iterable}[:{times}]", statements)] if statements else []

    def again(self, body: Body, statements: list[Statement]) -> list[Statement]:
        self.run.body(body.frame, statements, body.env)
        return statements

    def condition(self, body: Body) -> list[Statement]:
        """Branches, of which one is run; the others are written on trial."""
        conditions = [self.once(self.truth(body)) for _ in range(self.pick.int(1, 2))] + [""] * (self.pick.flag() and not body.has_else)
        body.has_else |= not body.frame.numbered and not conditions[-1]
        branches: list[tuple[str, list[Statement]]] = []
        taken = False
        for condition in conditions:
            holds = not taken and (not condition or bool(self.run.evaluate(condition, body.frame, body.env)))
            inner = Body(body.frame, dict(body.env), body.suffix, body.depth + 1, outer=body)
            before = self.run.snapshot(body.frame)
            statements = self.statements(inner, self.pick.int(1, 2)) or self.plain(inner)
            if holds:
                taken = True
                body.names += inner.names
            else:
                self.run.restore(before)
            if statements:
                branches.append((condition, statements))
            elif not branches:
                return []
        return [If(branches)]

    # --- graphs within ---

    def inner(self, body: Body, inputs: tuple[Val, ...], numbered: bool) -> Body:
        """A body in a frame of its own, to be written on trial and then run where it stands."""
        frame = Frame(inputs, numbered, body.frame, body.frame, (*body.frame.handle, "?"), (*body.frame.path, "?"))
        return Body(frame, dict(body.env), depth=body.depth + 1, outer=body)

    def graph(self, inner: Body, write: Callable[[], list[Statement]]) -> Graph | None:
        before = self.run.snapshot(inner.frame)
        statements = write()
        self.run.restore(before)
        return Graph(statements, inner.frame.numbered) if statements else None

    def inline(self, body: Body) -> list[Statement]:
        """A graph within the graph."""
        source = self.source(body)
        if source is None:
            return self.merged(body)
        inner = self.inner(body, (source[1],), self.pick.flag())
        graph = self.graph(inner, lambda: self.statements(inner, self.pick.int(1, 4)))
        if graph is None:
            return self.plain(body)
        child = Child(self.name(body, "graph"), graph=graph, reads=self.reads(source[0]), labelled=self.labelled(body))
        if self.pick.chance(5):
            child.when = self.truth(body)
        return self.put(body, child)

    def keeping(self, inner: Body, channels: Any) -> list[Statement]:
        """Layers that change the channels of an image or sequence of them, or the features of vectors, and no more."""
        val = inner.frame.input[0]
        axes = len(val.shape) - 2
        if axes == 0 or (axes == 1 and self.pick.flag()) or axes > 3:
            first: Layer = ("Linear", {"out_features": channels})
        else:
            first = (f"Conv{axes}d", {"out_channels": channels, "kernel_size": self.pick.int(1, 3), "padding": "same"})
        written = self.put(inner, Child(self.name(inner, first[0]), *first, labelled=self.labelled(inner)))
        for _ in range(self.pick.int(0, 2)):
            families = ["activation", "batch_norm", "dropout", "layer_norm"]
            families = [family for family in families if family in fitting(val.shape)]
            written += self.layer(inner, "", inner.frame.previous[0].shape, families)
        return written

    def residual(self, body: Body) -> list[Statement]:
        """A tensor plus what a graph makes of it."""
        source = self.source(body, lambda val: len(val.shape) > 1)
        if source is None:
            return self.merged(body)
        written: list[Statement] = []
        text = self.named(body, source[0], written)
        inner = self.inner(body, (source[1],), self.pick.flag())
        image = 3 <= len(source[1].shape) <= 5
        graph = self.graph(inner, lambda: self.keeping(inner, Expr("input.channels" if image else "input.features")))
        assert graph is not None
        branch = Child(self.name(body, "branch"), graph=graph, reads=(text,))
        added = Child(self.name(body, "add"), "add", {}, (branch.name, text), labelled=self.labelled(body))
        if self.pick.chance(3):
            added.when, added.otherwise = self.truth(body), branch.name
        if self.pick.chance(4):
            branch.when = self.truth(body)
        self.put(body, branch)
        if self.run.references(body.frame, branch.name, body.env)[0].shape != source[1].shape:
            return [*written, branch]
        return [*written, branch, *self.put(body, added)]

    def branches(self, body: Body) -> list[Statement]:
        """Graphs side by side, joined; all of them by `m.*`, or each by its name."""
        source = self.source(body, lambda val: len(val.shape) > 1)
        if source is None or elements(source[1].shape) > 1500:
            return self.plain(body)
        together = self.pick.flag()
        place = self.inner(body, (source[1],), False) if together else body
        text = "input" if together else ""
        written: list[Statement] = []
        text = text or self.named(body, source[0], written)
        children: list[Child] = []
        for _ in range(self.pick.int(2, 3)):
            inner = self.inner(place, (source[1],), self.pick.flag())
            graph = self.graph(inner, lambda inner=inner: self.keeping(inner, self.pick.int(1, 6)))
            assert graph is not None
            children.append(Child(self.name(place, "branch"), graph=graph, reads=(text,)))
        reads: tuple[str, ...] = tuple(child.name for child in children)
        if together:
            group = Child(self.name(body, "m"), graph=Graph([*children]), reads=self.reads(source[0]))
            written += self.put(body, group)
            shapes = [val.shape for val in self.run.references(body.frame, f"{group.name}.*", body.env)]
            reads = (f"{group.name}.*",)
        else:
            written += [statement for child in children for statement in self.put(body, child)]
            shapes = [self.run.references(body.frame, name, body.env)[0].shape for name in reads]
        axes = [axis for axis in range(1, len(shapes[0])) if len({shape[:axis] + shape[axis + 1 :] for shape in shapes}) == 1]
        if not axes:  # one mixes channels, another the last axis
            return written
        axis = self.pick.of(axes)
        return [*written, *self.put(body, Child(self.name(body, "cat"), "cat", {"dim": axis} if axis > 1 else {}, reads))]

    # --- blocks ---

    def block(self, body: Body) -> list[Statement]:
        """A block in use: one that fits, or a new one."""
        for block in list(self.spec.blocks.values())[::-1]:
            if self.pick.flag() and (written := self.tried(body, lambda block=block: self.put(body, self.use(body, block)))):
                return written
        if len(self.spec.blocks) >= 4:
            return self.plain(body)
        found = self.sources(body)
        if not found:
            return self.merged(body)
        pair = len(found) > 1 and self.pick.chance(3)
        inputs = [self.pick.of(found), self.pick.of(found)] if pair else found[:1]
        written: list[Statement] = []
        texts = [self.named(body, name, written) for name, _ in inputs] if pair else [inputs[0][0]]
        block, arguments = self.new_block(body, tuple(val for _, val in inputs))
        if block is None:
            return written or self.plain(body)
        self.spec.blocks[block.name] = block
        child = Child(self.name(body, block.name), block.name, arguments, self.reads(*texts), labelled=self.labelled(body))
        child.labelled = child.labelled or isinstance(block.outputs, dict)
        return [*written, *self.put(body, child)]

    def use(self, body: Body, block: Block) -> Child:
        sources = self.sources(body)
        if not sources:
            raise Refused("nothing to read")
        picked = [self.pick.of(sources) for _ in block.inputs or ("input",)]
        names = [name or "input" for name, _ in picked] if len(picked) > 1 else [picked[0][0]]
        given: dict[str, Any] = {}
        for name, default in block.params.items():
            kind = {"int": 4, "op": "ReLU", "bool": True}.get(default, default) if isinstance(default, str) else default
            if default in ("int", "op", "bool") or self.pick.flag():
                given[name] = self.value(body, kind)
        labelled = self.labelled(body) or isinstance(block.outputs, dict)
        return Child(self.name(body, block.name), block.name, given, self.reads(*names), labelled=labelled)

    def value(self, body: Body, like: Any) -> Any:
        """A value for a param, of the kind of another."""
        if isinstance(like, bool):
            return self.pick.flag()
        if isinstance(like, int):
            return self.expression(body, Count(self.pick.int(1, 8)))
        if isinstance(like, dict):
            return self.pick.of([like, {**like, "eps": 0.01}])
        return self.pick.of(["ReLU", "GELU", "Sigmoid"])

    def new_block(self, body: Body, inputs: tuple[Val, ...]) -> tuple[Block | None, dict[str, Any]]:
        """A block, with arguments for its first use."""
        values: dict[str, Any] = {"planes": self.pick.int(1, 8), "extra": self.pick.int(1, 3), "deep": self.pick.flag(), "act": "ReLU"}
        if len(inputs[0].shape) == 4:
            values["norm"] = {"op": "BatchNorm2d", "eps": 0.001}
        values = {name: value for name, value in values.items() if self.pick.flag()}
        params = {name: self.declared(value) for name, value in values.items()}
        given = {name: value for name, value in values.items() if params[name] in ("int", "op", "bool")}
        names = (f"x{self.serial}", f"y{self.serial}") if len(inputs) > 1 else ()
        numbered = not names and self.pick.chance(3)
        frame = Frame(inputs, numbered, None, body.frame, ("?",), ("?",))
        frame.table = {name: Bound((val,)) for name, val in zip(names, inputs, strict=False)}
        inner = Body(frame, {**self.run.globals, **values}, depth=body.depth + 1, names=list(names))
        lets = {"wide": "2 * planes"} if "planes" in values and self.pick.chance(3) else {}
        inner.env |= {name: self.run.evaluate(text, frame, inner.env) for name, text in lets.items()}
        self.serial += 1
        block = Block(f"Block{self.serial}", Graph([]), params, names or None, lets)
        before = self.run.snapshot(frame)
        block.graph = Graph(self.merged(inner) if names else [], numbered)
        block.graph.body += self.statements(inner, self.pick.int(1, 5))
        if not any(isinstance(statement, Child) for statement in block.graph.body) or frame.previous == frame.input:
            block.graph.body += self.plain(inner)
        if numbered and len(frame.previous) > 1:  # a number would mean a part, not a node
            block.graph.body += self.put(inner, Child(self.name(inner, "relu"), "ReLU", {}, ("input",)))
        options = [name for name in inner.names if (bound := self.lookup(inner, name)) and len(bound.vals) == 1 and not bound.absent and name not in names]
        if options and not numbered and self.pick.chance(3):
            block.outputs = {f"out{i}": self.pick.of(options) for i in range(self.pick.int(1, 3))} if self.pick.flag() else self.pick.of(options)
        self.run.restore(before)
        return (block if block.graph.body else None), {name: self.expression(body, Count(v)) if type(v) is int else v for name, v in given.items()}

    def declared(self, value: Any) -> Any:
        """A param's declaration: its type, or a default."""
        kind = "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "op"
        return self.pick.of([value, kind])


def merges(a: Shape, b: Shape) -> list[Layer]:
    """The ops that make one tensor of two."""
    options: list[Layer] = []
    if len(a) < 2 or len(a) != len(b):
        return options
    if all(x == y or 1 in (x, y) for x, y in zip(a, b, strict=True)):
        options += [("add", {}), ("mul", {}), ("sub", {}), ("maximum", {})]
    differing = [axis for axis, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
    axis = differing[0] if differing else 1
    if len(differing) <= 1 and axis >= 1:
        options += [("cat", {"dim": axis} if axis > 1 else {})]
    if not differing:
        options += [("stack", {}), ("minimum", {})]
        options += [("scaled_dot_product_attention", {})] * 0
    if a[:-1] == b[:-1]:
        options += [("Bilinear", {"out_features": 3})]
    if len(a) > 2 and a[-1] == b[-2] and a[:-2] == b[:-2]:
        options += [("matmul", {})]
    return options


def outputs(run: Run, pick: Pick) -> tuple[list[tuple[str, str, str]], str]:
    """Whatever is left unread, and sometimes more."""
    vals = run.unread()
    named = [val for bound in run.root.table.values() for val in bound.vals if val not in run.overwritten and val.node >= 0]
    if named and pick.chance(4):
        vals.append(pick.of(named))
    vals = list(dict.fromkeys(vals))
    if len(vals) == 1:
        return ([] if run.root.previous == (vals[0],) and pick.flag() else [("output", ".".join(vals[0].path), "always")]), "single"
    modes = ["always", *(pick.of(["always", "always", "training", "eval"]) for _ in vals[1:])]
    kind = pick.of(["dict", "tuple"])
    return [(f"o{i}", ".".join(val.path), mode) for i, (val, mode) in enumerate(zip(vals, modes, strict=True))], kind


def trimmed(spec: Sketch) -> Sketch:
    """Without the params and blocks that came to no use."""
    while True:
        text = spec.text
        used = {child.op for graph in (spec.graph, *(block.graph for block in spec.blocks.values())) for child in children(graph.body)}
        spec.blocks = {name: block for name, block in spec.blocks.items() if name in used}
        spec.params = {name: value for name, value in spec.params.items() if name in words(spec, "params")}
        for block in spec.blocks.values():
            unused = [name for name in block.params if name not in words(block, "params")]
            block.params = {name: value for name, value in block.params.items() if name not in unused}
            for graph in (spec.graph, *(block.graph for block in spec.blocks.values())):
                for child in children(graph.body):
                    if child.op == block.name:
                        child.args = {name: value for name, value in child.args.items() if name not in unused}
        if spec.text == text:
            return spec


def words(owner: Sketch | Block, without: str) -> set[str]:
    """Every name that a spec or block mentions."""
    rest = replace(owner, **{without: {}})
    lines = rest.text if isinstance(rest, Sketch) else "\n".join(block_lines(rest))
    return set(re.findall(r"[A-Za-z_]\w*", lines))


def children(body: Sequence[Statement]) -> Iterator[Child]:
    """Every node that is written, at any depth."""
    for statement in body:
        match statement:
            case Child():
                yield statement
                if statement.graph is not None:
                    yield from children(statement.graph.body)
            case For():
                yield from children(statement.body)
            case If():
                for _, branch in statement.branches:
                    yield from children(branch)
            case Let():
                pass


def _literal(value: Any, shape: Shape) -> Any:
    """Sizes read from `input` as the numbers they are."""
    if isinstance(value, list):
        return [_literal(item, shape) for item in value]
    if isinstance(value, Expr):
        if value.text == "input.shape[0]":
            return -1
        number = 1
        for axis in value.text.split(" * "):
            number *= shape[int(axis.removeprefix("input.shape[")[:-1])]
        return number
    return value


def _nested(sizes: list[int], scale: float = 1.0) -> Any:
    """Nested lists of numbers of a shape."""
    return [_nested(sizes[1:], scale + i) for i in range(sizes[0])] if sizes else scale / 8


@st.composite
def specs(draw: Any, kinds: tuple[str, ...] = ("images", "sequences", "volumes", "features")) -> Sketch:
    """Random valid specs."""
    return Writer(draw, kinds).write()


@dataclass
class Change:
    """A spec in which one argument (`what`), or one edge ("axis"), was made another; its outputs are not said."""

    spec: Sketch
    what: str


@st.composite
def changed(draw: Any) -> Change:
    """Random specs, unrolled and then changed a little; some are still valid."""
    pick = Pick(draw)
    spec = unroll(draw(specs()))
    spec.outputs = []
    places = list(located(spec.graph.body, list(spec.inputs)))
    child, names = pick.of(places)
    op = lookup(child.op)
    options: list[tuple[str, Any]] = []
    if op is not None:
        for name, info in op.model_fields.items():
            value = child.args.get(name, info.default)
            if value is not PydanticUndefined and not is_marked(info, INFERRED):
                options += [(name, other) for other in (*accepted_words(info.annotation), *other_values(value))]
    if options and (pick.flag() or not child.reads):
        what, value = pick.of(options)
        child.args[what] = value
        return Change(spec, what)
    if isinstance(child.reads, tuple) and child.reads:
        position = pick.int(0, len(child.reads) - 1)
        child.reads = (*child.reads[:position], pick.of(names), *child.reads[position + 1 :])
    return Change(spec, "axis")


def located(body: Sequence[Statement], visible: list[str]) -> Iterator[tuple[Child, list[str]]]:
    """Every node of an unrolled spec, with the names that it could read."""
    names = [*visible, "input"] if "input" not in visible else list(visible)
    for child in body:
        assert isinstance(child, Child)
        yield child, list(names)
        if child.graph is not None:
            yield from located(child.graph.body, names)
        names += child.parts or (child.name,)
