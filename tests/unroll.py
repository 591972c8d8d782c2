"""A second reading of the language, on purpose not the compiler's own: specs unrolled the way one would by hand.

It is short because it reads only what the strategies write. What comes of a spec is again a spec: no loops, conditions,
blocks, params or expressions are left in it, and every edge is written out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archspec import dims
from archspec.dims import Dim, Size
from archspec.ops import lookup
from archspec.ops.base import RUNTIME, Inputs, Op, Signature, is_marked, typed
from archspec.ops.needs import Needs, OpError
from archspec.values import RuntimeSize, TensorType
from tests.sketch import Block, Child, Expr, For, Graph, If, Let, Sketch, Source, Statement

MAX_ELEMENTS = 6000  # of one tensor, in a batch of two
MAX_NODES = 60


class Refused(Exception):
    """An op does not take its arguments or inputs; or the network is not to be written so."""

    def __init__(
        self, reason: object, op: type[Op] | None = None, args: Any = None, inputs: Inputs | None = None
    ) -> None:
        super().__init__(f"{op.name if op else 'sketch'}: {reason}")
        self.reason, self.op, self.inputs = reason, op, inputs
        self.given = _plain(args)


class TooLarge(Refused):
    """More than a test can run."""


@dataclass(frozen=True, eq=False)
class Val:
    """A tensor: its producer (-1 for an input), and where it is found in the unrolled and in the written network."""

    type: TensorType
    node: int
    handle: tuple[str, ...]
    path: tuple[str, ...]

    @property
    def per_sample(self) -> bool:
        """Whether axis 0 is the batch, and no other is."""
        batch, *rest = ["N" in dims.symbols(dim) for dim in self.type.shape]
        return batch and not any(rest)

    @property
    def shape(self) -> tuple[int, ...]:
        """The nominal sizes, of a batch of two."""
        return tuple(_nominal(dim) for dim in self.type.shape)


@dataclass(eq=False)
class Bound:
    """What a name stands for. `inside`: the finished graph; `definition`: what `reuse` runs again."""

    vals: tuple[Val, ...]
    named: dict[str, Val] = field(default_factory=dict[str, Val])
    inside: Frame | None = None
    definition: tuple[Child, dict[str, Any]] | None = None
    ops: list[Op] = field(default_factory=list[Op])
    handle: tuple[str, ...] = ()
    types: tuple[TensorType, ...] = ()  # of the inputs
    is_block: bool = False
    absent: bool = False  # by `when: false`


@dataclass(eq=False)
class Frame:
    """A graph being run. `parent` is where names are looked up next (none beyond a block's edge), `around` the frame it
    stands in."""

    input: tuple[Val, ...]
    numbered: bool
    parent: Frame | None = None
    around: Frame | None = None
    handle: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    table: dict[str, Bound] = field(default_factory=dict[str, Bound])
    out: list[Statement] = field(default_factory=list[Statement])
    previous: tuple[Val, ...] = ()
    counter: int = 0

    def __post_init__(self) -> None:
        self.previous = self.input

    def define(self, name: str, bound: Bound) -> None:
        if name in self.table:
            raise Refused(f"{name} is taken")
        self.table[name] = bound

    def find(self, text: str) -> Bound:
        """The value of a reference whose `$` are filled in. Raises LookupError."""
        first, *rest = text.split(".")
        frame: Frame | None = self
        while frame is not None and first not in frame.table and first != "input":
            frame = frame.parent
        if frame is None:
            raise LookupError(text)
        bound = Bound(self.input) if first == "input" else frame.table[first]
        for name in rest:
            if bound.inside is not None and not bound.is_block and name in bound.inside.table:
                bound = bound.inside.table[name]
            elif name in bound.named:
                bound = Bound((bound.named[name],))
            elif name.isdigit() and len(bound.vals) > 1:
                bound = Bound((bound.vals[int(name)],))
            elif bound.inside is not None and name in bound.inside.table:
                bound = bound.inside.table[name]
            else:
                raise LookupError(text)
        return bound


class Live(int):
    """A size in an expression: its nominal value, and the dimension it is."""

    dim: Dim

    def __new__(cls, dim: Dim) -> Live:
        self = super().__new__(cls, _nominal(dim))
        self.dim = dim
        return self

    def __add__(self, other: int) -> Live:
        return Live(dims.add(self.dim, getattr(other, "dim", other)))

    def __sub__(self, other: int) -> Live:
        return Live(dims.sub(self.dim, getattr(other, "dim", other)))

    def __mul__(self, other: int) -> Live:
        return Live(dims.mul(self.dim, getattr(other, "dim", other)))

    def __floordiv__(self, other: int) -> Live:
        return Live(dims.floor_div(self.dim, getattr(other, "dim", other)))

    def __rmul__(self, other: int) -> Live:
        return self * other

    def __radd__(self, other: int) -> Live:
        return self + other


class Shape:
    """A node in an expression."""

    def __init__(self, val: Val) -> None:
        self.shape = [Live(dim) for dim in val.type.shape]
        self.channels, self.features = self.shape[1], self.shape[-1]
        self.height, self.width = self.shape[-2:]


class Run:
    """Runs a sketch, statement by statement; the strategies do so while they write it."""

    def __init__(
        self, params: Mapping[str, Any], lets: Mapping[str, str], inputs: Mapping[str, Source], numbered: bool
    ) -> None:
        self.nodes: list[tuple[Op, tuple[Val, ...], tuple[Val, ...]]] = []  # op, inputs, outputs
        self.read: set[int] = set()
        self.overwritten: set[Val] = set()
        self.blocks: dict[str, Block] = {}
        self.sources = tuple(
            Val(_source_type(number, source), -1 - number, (_unrolled(name),), (name,))
            for number, (name, source) in enumerate(inputs.items())
        )
        self.root = Frame(self.sources, numbered)
        self.globals = dict(params)
        for name, text in lets.items():
            self.globals[name] = self.evaluate(text, self.root, self.globals)
        if list(inputs) != ["input"]:
            self.root.table = {name: Bound((val,)) for name, val in zip(inputs, self.sources, strict=True)}

    # --- state that a trial gives back ---

    def snapshot(self, frame: Frame) -> Any:
        kept = (dict(frame.table), list(frame.out), frame.previous, frame.counter)
        return frame, kept, len(self.nodes), set(self.read), set(self.overwritten)

    def restore(self, snapshot: Any) -> None:
        frame, (table, out, frame.previous, frame.counter), count, read, overwritten = snapshot
        frame.table, frame.out = dict(table), list(out)
        del self.nodes[count:]
        self.read, self.overwritten = set(read), set(overwritten)

    # --- statements ---

    def body(self, frame: Frame, body: Sequence[Statement], env: dict[str, Any]) -> None:
        for statement in body:
            match statement:
                case Child():
                    for _ in range(self.evaluate(statement.repeat or "1", frame, env)):
                        self.child(frame, statement, env)
                case Let():
                    env[statement.name] = self.evaluate(statement.value, frame, env)
                case For():
                    for item in self.evaluate(statement.iterable, frame, env):
                        self.body(frame, statement.body, env | bind(statement.targets, item))
                case If():
                    for condition, branch in statement.branches:
                        if not condition or self.evaluate(condition, frame, env):
                            self.body(frame, branch, dict(env))
                            break

    def evaluate(self, text: str, frame: Frame, env: Mapping[str, Any]) -> Any:
        return eval(text, {"__builtins__": {}}, _Scope(frame, env))

    # --- children ---

    def child(self, frame: Frame, child: Child, env: dict[str, Any]) -> Bound:
        name = interpolate(child.name, env)
        shown = child.labelled or not frame.numbered
        child = replace(child, name=name if shown else f"at{len(frame.handle)}_{len(frame.out)}")
        if child.op.startswith("$"):
            given = env[child.op[1:]]
            args = {name: value for name, value in given.items() if name != "op"} if isinstance(given, dict) else {}
            child.op, child.args = given["op"] if isinstance(given, dict) else given, {**args, **child.args}
        removed = child.op is None or (child.when and not self.evaluate(child.when, frame, env))
        if removed and child.otherwise:
            bound = replace(self.find(frame, child.otherwise, env), definition=None, absent=True)
        elif removed:
            bound = Bound(tuple(self.inputs(frame, child, env)[0]), absent=True)
        else:
            bound = self.made(frame, child, env)
        if child.parts:
            if len(child.parts) != len(bound.vals):
                raise Refused(f"{len(bound.vals)} parts")
            for part, val in zip(child.parts, bound.vals, strict=True):
                frame.define(interpolate(part, env), Bound((val,)))
        elif shown:
            frame.define(name, bound)
        if not all(val.node >= 0 and self.nodes[val.node][0].category == "constant" for val in bound.vals):
            frame.previous = bound.vals
        return bound

    def made(self, frame: Frame, child: Child, env: dict[str, Any]) -> Bound:
        """The child, added to the unrolled network."""
        count, name = len(self.nodes), child.name
        if child.parts:
            child = replace(child, parts=tuple(interpolate(part, env) for part in child.parts))
            name = child.parts[0]
        handle, path = (*frame.handle, name), (*frame.path, str(frame.counter) if frame.numbered else name)
        vals, names = self.inputs(frame, child, env)
        reads = tuple(self.reference(frame, val) for val in vals)
        unrolled = Child(
            child.name,
            reads=dict(zip(names, reads, strict=True)) if names else reads,
            parts=child.parts,
            init=child.init,
        )
        if child.reuse:
            original = self.find(frame, child.reuse, env)
            if original.definition is None:
                raise Refused("nothing to reuse")
            unrolled.reuse = self.relative(frame, original.handle)
            again, old_env = original.definition
            if again.parts or isinstance(again.reads, dict) or len(vals) != len(original.types):
                raise Refused("not to be reused")
            bound = self.content(frame, again, vals, (), handle, path, old_env, Child(""))
            bound.definition, bound.ops = original.definition, original.ops
            if list(map(identity, bound.ops)) != [identity(op) for op, _, _ in self.nodes[count:]]:
                raise Refused("another module")
        else:
            bound = self.content(frame, child, vals, names, handle, path, env, unrolled)
        bound.handle, bound.types = handle, tuple(val.type for val in vals)
        frame.counter += 1
        frame.out.append(unrolled)
        if not child.reuse and len(self.nodes) > count:
            bound.definition, bound.ops = (child, env), [op for op, _, _ in self.nodes[count:]]
        return bound

    def content(
        self, frame: Frame, child: Child, vals: list[Val], names: tuple[str, ...], handle: tuple[str, ...],
        path: tuple[str, ...], env: dict[str, Any], unrolled: Child,
    ) -> Bound:  # fmt: skip
        """What a child comes to; the rest of `unrolled` is filled in."""
        if child.graph is not None:
            inside = Frame(tuple(vals), child.graph.numbered, frame, frame, handle, path)
            self.body(inside, child.graph.body, dict(env))
            bound = Bound(inside.previous, inside=inside)
            fill(unrolled, inside)
            return bound
        if child.op in self.blocks:
            bound = self.use(frame, child, tuple(vals), handle, path, env)
            assert bound.inside is not None
            fill(unrolled, bound.inside)
            return bound
        return self.call(frame, child, vals, names, handle, path, env, unrolled)

    def inputs(self, frame: Frame, child: Child, env: Mapping[str, Any]) -> tuple[list[Val], tuple[str, ...]]:
        """What a child reads, and the operands named for it."""
        names: tuple[str, ...] = ()
        if child.reads is None:
            op = lookup(child.op) if child.op not in self.blocks else None
            vals = [] if op is not None and not op.signature.required else list(frame.previous)
        elif isinstance(child.reads, dict):
            vals = [self.find(frame, text, env).vals[0] for text in child.reads.values()]
            names = tuple(child.reads)
        else:
            vals = [val for text in child.reads for val in self.find(frame, text, env).vals]
        if self.overwritten.intersection(vals):
            raise Refused("reads what was overwritten")
        return vals, names

    def find(self, frame: Frame, text: str, env: Mapping[str, Any]) -> Bound:
        text = interpolate(text, env)
        bound = frame.find(text.removesuffix(".*"))
        if text.endswith(".*") and bound.inside is not None and not bound.is_block:
            return Bound(tuple(val for child in bound.inside.table.values() for val in child.vals))
        return bound

    def references(self, frame: Frame, text: str, env: Mapping[str, Any]) -> tuple[Val, ...]:
        """The tensors that a reference stands for."""
        return self.find(frame, text, env).vals

    def use(
        self,
        frame: Frame,
        child: Child,
        vals: tuple[Val, ...],
        handle: tuple[str, ...],
        path: tuple[str, ...],
        env: Any,
    ) -> Bound:
        block = self.blocks[child.op]
        if len(vals) != len(block.inputs or ("input",)):
            raise Refused(f"{child.op} of {len(vals)} inputs")
        params = {name: _default(value) for name, value in block.params.items()}
        params |= {name: self.argument(value, frame, env) for name, value in child.args.items()}
        inside = Frame(vals, block.graph.numbered, None, frame, handle, path)
        inside.table = {name: Bound((val,)) for name, val in zip(block.inputs or (), vals, strict=False)}
        inner = {**self.globals, **{name: _plain(value) for name, value in params.items()}}
        for name, text in block.lets.items():
            inner[name] = self.evaluate(text, inside, inner)
        self.body(inside, block.graph.body, inner)
        texts = block.outputs if isinstance(block.outputs, dict) else {"": block.outputs} if block.outputs else {}
        named = {name: inside.find(text) for name, text in texts.items()}
        if any(bound.absent for bound in named.values()):
            raise Refused("an output is removed")
        vals = tuple(val for bound in named.values() for val in bound.vals) if texts else inside.previous
        by_name = {name: bound.vals[0] for name, bound in named.items() if name}
        return Bound(vals, by_name, inside, is_block=True)

    def call(
        self, frame: Frame, child: Child, vals: list[Val], names: tuple[str, ...], handle: tuple[str, ...],
        path: tuple[str, ...], env: Mapping[str, Any], unrolled: Child,
    ) -> Bound:  # fmt: skip
        op = lookup(child.op)
        if op is None:
            raise Refused(f"no op {child.op}")
        args = {name: self.argument(value, frame, env) for name, value in child.args.items()}
        unrolled.op = child.op
        if (like := child.args.get("like")) is not None:
            val = self.find(frame, like, env).vals[0]
            vals, names = [*vals, val], (*(names or operands(op.signature, len(vals))), "like")
            unrolled.args["like"] = self.reference(frame, val)
            del args["like"]
        names = names or operands(op.signature, len(vals))
        if names != tuple(sorted(names, key=[*op.signature.required, *op.signature.optional].index)):
            raise Refused("operands out of order")
        runtime = {name for name in args if name in op.model_fields and _reads_sizes(op, name)}
        for name in args:
            if name in runtime:
                unrolled.args[name] = _written(child.args[name], env, frame, self)
            else:
                unrolled.args[name] = args[name] = _plain(args[name])
        args = {name: _sized(value) if name in runtime else value for name, value in args.items()}
        inputs = Inputs(tuple(val.type for val in vals), names)
        made, results = infer(op, args, inputs)
        if made is None:
            return Bound((vals[0],))
        self.read.update(val.node for val in vals)
        if made.inplace_on_input:
            self.overwrite(vals[0])
        node = len(self.nodes)
        several = len(results) > 1
        out = tuple(
            Val(kind, node, (*handle, str(i)) if several else handle, (*path, str(i)) if several else path)
            for i, kind in enumerate(results)
        )
        if child.parts and len(child.parts) != len(out):
            raise Refused(f"{len(out)} parts")
        if child.parts:
            out = tuple(
                replace(val, handle=(*frame.handle, part), path=(*frame.path, part))
                for val, part in zip(out, child.parts, strict=True)
            )
        if any(_elements(val.shape) > MAX_ELEMENTS for val in out) or len(self.nodes) > MAX_NODES:
            raise TooLarge("too large")
        self.nodes.append((made, tuple(vals), out))
        named = dict(zip(op.results, out, strict=False)) if several else {}
        return Bound(out, named)

    def overwrite(self, val: Val) -> None:
        """An in-place op takes a value that nobody else reads, nor the backward pass."""
        producer = self.nodes[val.node][0] if val.node >= 0 else None
        readers = sum(val in inputs for _, inputs, _ in self.nodes)
        if producer is None or producer.saves_output or producer.is_view or readers or val.type.constant:
            raise Refused("not to be overwritten")
        self.overwritten.add(val)

    # --- arguments ---

    def argument(self, value: Any, frame: Frame, env: Mapping[str, Any]) -> Any:
        match value:
            case Expr(text):
                return self.evaluate(text, frame, env)
            case list():
                return [self.argument(item, frame, env) for item in value]
            case str() if "$" in value:
                return env[value[1:]] if value[1:] in env else interpolate(value, env)
            case _:
                return value

    # --- references in the unrolled network ---

    def reference(self, frame: Frame, val: Val) -> str:
        if val in frame.input:
            return "input" if len(frame.input) == 1 else f"input.{frame.input.index(val)}"
        return self.relative(frame, val.handle)

    def relative(self, frame: Frame | None, handle: tuple[str, ...]) -> str:
        while frame is not None and handle[: len(frame.handle)] != frame.handle:
            frame = frame.around
        return ".".join(handle[len(frame.handle) :] if frame is not None else handle)

    # --- the end ---

    def unread(self) -> list[Val]:
        """What must be an output, the last value first."""
        last = [val for val in self.root.previous if val.node not in self.read]
        made = [out for node, (_, _, outs) in enumerate(self.nodes) if node not in self.read for out in outs[:1]]
        found = [*last, *(val for val in [*made, *self.sources] if val.node not in self.read)]
        return list({val.node: val for val in reversed(found)}.values())[::-1]


class _Scope(dict[str, Any]):
    """Variables, then nodes, then the functions of expressions."""

    functions: Mapping[str, Any] = {
        "len": len, "range": range, "max": max, "min": min, "sum": sum, "reversed": lambda items: items[::-1],
        "enumerate": lambda items: list(enumerate(items)), "zip": lambda *lists: list(zip(*lists, strict=True)), "true": True, "false": False, "null": None,
    }  # fmt: skip

    def __init__(self, frame: Frame, env: Mapping[str, Any]) -> None:
        super().__init__(env)
        self.frame = frame

    def __missing__(self, name: str) -> Any:
        return self.functions[name] if name in self.functions else Shape(self.frame.find(name).vals[0])


def run_sketch(spec: Sketch) -> Run:
    """A whole spec, run. Raises Refused."""
    run = Run(spec.params, spec.lets, spec.inputs, spec.graph.numbered)
    run.blocks = spec.blocks
    run.body(run.root, spec.graph.body, dict(run.globals))
    return run


def unroll(spec: Sketch) -> Sketch:
    """The same network in plain words."""
    run = run_sketch(spec)
    found = {".".join(val.path): val for val in (*run.sources, *(val for _, _, outs in run.nodes for val in outs))}
    wanted = spec.outputs or [("output", ".".join(run.root.previous[0].path), "always")]
    outputs = [(name, run.reference(run.root, found[path]), mode) for name, path, mode in wanted]
    inputs = {_unrolled(name): source for name, source in spec.inputs.items()}
    return Sketch(inputs, Graph(run.root.out, spec.graph.numbered), outputs=outputs, kind=spec.kind)


def finished(spec: Sketch) -> Sketch:
    """With all that is left unread as its outputs. Raises Refused."""
    try:
        run = run_sketch(spec)
    except LookupError as error:
        raise Refused(error) from error
    if not run.nodes:
        raise Refused("no nodes")
    return replace(
        spec, outputs=[(f"o{i}", ".".join(val.path), "always") for i, val in enumerate(run.unread())], kind="dict"
    )


def infer(op: type[Op], args: Mapping[str, Any], inputs: Inputs) -> tuple[Op | None, tuple[TensorType, ...]]:
    """The op with its arguments and the types of its results; None for one that does nothing. Raises Refused."""
    need = Needs(batch=frozenset({"N"}))
    try:
        made = op.model_validate({**op.inferred(need, inputs), **args})
        if made.is_identity(inputs):
            return None, ()
        result = typed(made, need, inputs)
    except (OpError, ValueError) as error:
        raise Refused(error, op, args, inputs) from error
    return made, result if isinstance(result, tuple) else (result,)


def operands(signature: Signature, count: int) -> tuple[str, ...]:
    """The operands that inputs in order fill. Raises Refused."""
    names = [*signature.required, *(name for name in signature.optional if name not in signature.shape_only)][:count]
    if signature.variadic:
        names = [*signature.required[:count], *signature.required[-1:] * (count - len(signature.required))]
    if len(names) != count or count < (signature.minimum if signature.variadic else len(signature.required)):
        raise Refused(f"{count} inputs")
    return tuple(names)


def fill(unrolled: Child, inside: Frame) -> None:
    """The graph that was run; one of which nothing is left does nothing."""
    if inside.out:
        unrolled.graph = Graph(inside.out, inside.numbered)
    else:
        unrolled.op, unrolled.reads = "identity", tuple(unrolled.reads or ())[:1]


def identity(op: Op) -> Any:
    """What must be equal for one module to serve twice: for a function, which has no module, its kind."""
    return op if op.name[0].isupper() else op.name


def bind(targets: str, item: Any) -> dict[str, Any]:
    """The variables of `i`, `i, c` or `i, (c, d)`."""
    first, _, rest = targets.partition(", ")
    return {first: item[0], **bind(rest.strip("()"), item[1])} if rest else {targets: item}


def interpolate(text: str, env: Mapping[str, Any]) -> str:
    """`$i` and `$(i)` filled in, as far as they are known."""
    return re.sub(r"\$\((\w+)\)|\$(\w+)", lambda match: str(env.get(match[1] or match[2], match[0])), text)


def _unrolled(name: str) -> str:
    return "source" if name == "input" else name


def _source_type(number: int, source: Source) -> TensorType:
    sizes = (dims.symbol(f"S{number}_{axis}", size) for axis, size in enumerate(source.sizes))
    return TensorType((dims.symbol("N"), *sizes), source.dtype)


def _nominal(dim: Dim) -> int:
    known = dims.value(dims.substitute(dim, {"N": 2}))
    assert known is not None
    return known


def _elements(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _reads_sizes(op: type[Op], name: str) -> bool:
    info = op.model_fields[name]
    return is_marked(info, RUNTIME) or "RuntimeSize" in str(info.annotation)


def _plain(value: Any) -> Any:
    """Without sizes: nominal numbers."""
    match value:
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case Live():
            return int(value)
        case RuntimeSize():
            return _nominal(value.dim)
        case _:
            return value


def _sized(value: Any) -> Any:
    """With sizes as ops take them."""
    if isinstance(value, list | tuple):
        return [_sized(item) for item in value]
    if isinstance(value, Live):
        return RuntimeSize(value.dim, 0) if isinstance(value.dim, Size) else value.dim
    return value


def _written(value: Any, env: Mapping[str, Any], frame: Frame, run: Run) -> Any:
    """An argument with its variables filled in; what reads a size stays an expression."""
    if isinstance(value, list):
        return [_written(item, env, frame, run) for item in value]
    found = run.argument(value, frame, env)
    if not isinstance(value, Expr) or not (isinstance(found, Live) and isinstance(found.dim, Size)):
        return _plain(found)
    return Expr(ast.unparse(_Fill(env).visit(ast.parse(value.text, mode="eval"))))


class _Fill(ast.NodeTransformer):
    def __init__(self, env: Mapping[str, Any]) -> None:
        self.env = env

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(_plain(self.env[node.id])) if node.id in self.env else node


def _default(value: Any) -> Any:
    """A block's param as declared; a type alone has no default."""
    return None if value in ("int", "op", "bool") else value
