"""A second reading of the language, on purpose not the compiler's own: specs unrolled the way one would by hand.

It is short because it reads only what the strategies write. What comes of a spec is again a spec: no loops, conditions,
blocks, params or expressions are left in it, and every edge is written out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from archspec import dims
from archspec.dims import Size
from archspec.ops import lookup
from archspec.ops.base import RUNTIME, Inputs, Op, is_marked, typed
from archspec.ops.needs import Needs, OpError
from archspec.values import TensorType
from tests.random_specs.sketch import Block, Child, Expr, For, Graph, If, Let, Output, Sketch, Source, Statement
from tests.random_specs.values import (
    BATCH,
    Bound,
    Frame,
    Live,
    Refused,
    TooLarge,
    Val,
    elements,
    evaluate,
    plain,
    sized,
)  # fmt: skip

MAX_ELEMENTS = 6000  # of one tensor, in a batch of two
MAX_NODES = 60

UNTRUE = (LookupError, ArithmeticError, ValueError, TypeError)
"""Raised by edges to nothing, and by expressions of which nothing can be made."""

Env = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Place:
    """Where a child is run: its frame and variables, its names in both networks, and what it comes to, unrolled."""

    frame: Frame
    env: Env
    handle: tuple[str, ...]
    path: tuple[str, ...]
    unrolled: Child


class Run:
    """Runs a sketch, statement by statement; the strategies do so while they write it."""

    def __init__(self, spec: Sketch) -> None:
        self.block = spec.block
        self.nodes: list[tuple[Op, tuple[Val, ...], tuple[Val, ...]]] = []  # op, inputs, outputs
        self.read: set[int] = set()
        self.overwritten: set[Val] = set()
        self.idle: set[str] = set()  # blocks in which something is for nothing
        self.sources = tuple(
            Val(source_type(number, source), -1 - number, (unrolled_name(name),), (name,))
            for number, (name, source) in enumerate(spec.inputs.items())
        )
        self.root = Frame(self.sources, spec.graph.numbered)
        if list(spec.inputs) != ["input"]:
            self.root.table = {name: Bound((val,)) for name, val in zip(spec.inputs, self.sources, strict=True)}
        self.globals: Env = dict(spec.params)
        for name, text in spec.lets.items():
            self.globals[name] = evaluate(text, self.root, self.globals)

    def snapshot(self, frame: Frame) -> Any:
        """What `restore` needs to forget all that is run from here on."""
        kept = dict(frame.table), list(frame.out), frame.previous
        return frame, kept, len(self.nodes), set(self.read), set(self.overwritten)

    def restore(self, snapshot: Any) -> None:
        frame, (table, out, frame.previous), count, read, overwritten = snapshot
        frame.table, frame.out = dict(table), list(out)
        del self.nodes[count:]
        self.read, self.overwritten = set(read), set(overwritten)

    # --- statements ---

    def body(self, frame: Frame, body: Sequence[Statement], env: Env) -> None:
        for statement in body:
            match statement:
                case Child():
                    for _ in range(evaluate(statement.repeat or "1", frame, env)):
                        self.child(frame, statement, env)
                case Let():
                    env[statement.name] = evaluate(statement.value, frame, env)
                case For():
                    for item in evaluate(statement.iterable, frame, env):
                        self.body(frame, statement.body, env | bind(statement.targets, item))
                case If():
                    for condition, branch in statement.branches:
                        if not condition or evaluate(condition, frame, env):
                            self.body(frame, branch, dict(env))
                            break

    def child(self, frame: Frame, child: Child, env: Env) -> Bound:
        """One node, with its name. Raises Refused."""
        try:
            return self.named(frame, child, env)
        except Refused as error:
            error.child = error.child or child
            raise
        except UNTRUE as error:
            raise Refused(error, child=child) from error

    def named(self, frame: Frame, child: Child, env: Env) -> Bound:
        name = interpolate(child.name, env)
        shown = child.labelled or not frame.numbered
        child = replace(child, name=name if shown else f"at{len(frame.handle)}_{len(frame.out)}")
        if child.op.startswith("$"):
            given = env[child.op[1:]]
            args = {name: value for name, value in given.items() if name != "op"} if isinstance(given, dict) else {}
            child.op, child.args = given["op"] if isinstance(given, dict) else given, {**args, **child.args}
        removed = child.when and not evaluate(child.when, frame, env)
        if removed and child.otherwise:
            bound = replace(frame.find(interpolate(child.otherwise, env)), definition=None, absent=True)
        elif removed:
            bound = Bound(self.inputs(frame, child, env)[0], absent=True)
            if child.reads is not None and len(bound.vals) != 1:
                raise Refused(f"{len(bound.vals)} values to stand in for what is removed")
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

    def made(self, frame: Frame, child: Child, env: Env) -> Bound:
        """A child that is not removed; it is added to the unrolled network."""
        count, name = len(self.nodes), child.name
        if child.parts:
            child = replace(child, parts=tuple(interpolate(part, env) for part in child.parts))
            name = child.parts[0]
        vals, names = self.inputs(frame, child, env)
        reads = tuple(map(frame.reference, vals))
        unrolled = Child(child.name, parts=child.parts, init=child.init)
        unrolled.reads = reads if len(set(names)) < len(names) or not names else dict(zip(names, reads, strict=True))
        path = (*frame.path, str(len(frame.out)) if frame.numbered else name)
        place = Place(frame, env, (*frame.handle, name), path, unrolled)
        if child.reuse:
            bound = self.again(child, vals, place)
        else:
            bound = self.content(child, vals, names, place)
            bound.ops = [op for op, _, _ in self.nodes[count:]]
            bound.definition, bound.inputs = (child, env) if bound.ops else None, vals
        bound.handle = place.handle
        frame.out.append(unrolled)
        return bound

    def inputs(self, frame: Frame, child: Child, env: Env) -> tuple[tuple[Val, ...], tuple[str, ...]]:
        """What a child reads, and the operands named for it."""
        if child.reads is None:
            op = lookup(child.op) if self.block(child.op) is None else None
            vals = frame.previous if op is None or op.signature.required else ()
        else:
            texts = child.reads.values() if isinstance(child.reads, dict) else child.reads
            found = [frame.find(interpolate(text, env)).vals for text in texts]
            vals = tuple(val for each in found for val in each)
        if self.overwritten.intersection(vals):
            raise Refused("reads what was overwritten")
        if not isinstance(child.reads, dict):
            return vals, ()
        return in_order(child, vals, [name for name, each in zip(child.reads, found, strict=True) for _ in each])

    def again(self, child: Child, vals: tuple[Val, ...], place: Place) -> Bound:
        """A module called again: its definition, run with other inputs."""
        original = place.frame.find(interpolate(child.reuse, place.env))
        if original.definition is None:
            raise Refused("nothing to reuse")
        definition, env = original.definition
        if definition.parts or isinstance(definition.reads, dict) or len(vals) != len(original.inputs):
            raise Refused("not to be reused")
        count = len(self.nodes)
        bound = self.content(definition, vals, (), replace(place, env=env, unrolled=Child("")))
        if list(map(identity, original.ops)) != [identity(op) for op, _, _ in self.nodes[count:]]:
            raise Refused("another module")
        if any(val in original.inputs and val not in vals for _, read, _ in self.nodes[count:] for val in read):
            raise Refused("reads its first input by name")  # which is its `input` once unrolled
        place.unrolled.reuse = place.frame.relative(original.handle)
        bound.definition, bound.inputs, bound.ops = original.definition, original.inputs, original.ops
        return bound

    # --- what a child comes to ---

    def content(self, child: Child, vals: tuple[Val, ...], names: tuple[str, ...], place: Place) -> Bound:
        """An inline graph, a block or an op; the rest of the unrolled child is filled in."""
        block = self.block(child.op)
        if child.graph is not None:
            bound = self.inline(child.graph, vals, place)
        elif block is not None:
            bound = self.use(block, child, vals, place)
        else:
            return self.call(child, vals, names, place)
        assert bound.inside is not None
        if bound.inside.out:
            place.unrolled.graph = Graph(bound.inside.out, bound.inside.numbered)
        else:  # nothing is left of it
            place.unrolled.op, place.unrolled.reads = "identity", tuple(place.unrolled.reads or ())[:1]
        return bound

    def inline(self, graph: Graph, vals: tuple[Val, ...], place: Place) -> Bound:
        inside = Frame(vals, graph.numbered, place.frame, place.frame, place.handle, place.path)
        self.body(inside, graph.body, dict(place.env))
        return Bound(inside.previous, inside=inside)

    def use(self, block: Block, child: Child, vals: tuple[Val, ...], place: Place) -> Bound:
        if len(vals) != len(block.inputs or ("input",)):
            raise Refused(f"{child.op} of {len(vals)} inputs")
        inside, env = self.opened(block, vals, place)
        env |= {name: plain(self.argument(value, place)) for name, value in child.args.items()}
        env |= {name: evaluate(text, inside, env) for name, text in block.lets.items()}
        count, read = len(self.nodes), set(self.read)
        self.body(inside, block.graph.body, env)
        bound = self.closed(block, inside)
        needed = self.needed(bound.vals, count)
        idle = set(range(count, len(self.nodes))) - needed
        if idle:
            self.idle.add(block.name)
        if idle and block.is_network:  # they are dropped, and what they read with them
            self.read = read | idle | {val.node for node in needed for val in self.nodes[node][1]}
        return bound

    def closed(self, block: Block, inside: Frame) -> Bound:
        """What the use of a block comes to."""
        if not block.outputs:
            return Bound(inside.previous, inside=inside, is_block=True)
        texts = block.outputs if isinstance(block.outputs, dict) else {"": block.outputs}
        found = {name: inside.find(text) for name, text in texts.items()}
        if any(bound.absent for bound in found.values()):
            raise Refused("an output is removed")
        named = {name: bound.vals[0] for name, bound in found.items() if name}
        return Bound(tuple(val for bound in found.values() for val in bound.vals), named, inside, True)

    def needed(self, vals: Sequence[Val], first: int) -> set[int]:
        """The nodes from `first` on that these tensors come from."""
        found: set[int] = set()
        waiting = list(vals)
        while waiting:
            node = waiting.pop().node
            if node >= first and node not in found:
                found.add(node)
                waiting += self.nodes[node][1]
        return found

    def opened(self, block: Block, vals: tuple[Val, ...], place: Place) -> tuple[Frame, Env]:
        """A frame for a block, and its variables without arguments."""
        inside = Frame(vals, block.graph.numbered, None, place.frame, place.handle, place.path)
        inside.table = {name: Bound((val,)) for name, val in zip(block.inputs or (), vals, strict=False)}
        return inside, {**self.globals, **block.params}

    def call(self, child: Child, vals: tuple[Val, ...], names: tuple[str, ...], place: Place) -> Bound:
        op = lookup(child.op)
        if op is None:
            raise Refused(f"no op {child.op}")
        args = {name: self.argument(value, place) for name, value in child.args.items() if name != "like"}
        runtime = {name for name in args if reads_sizes(op, name)}
        place.unrolled.op = child.op
        for name, value in args.items():
            place.unrolled.args[name] = self.written(child.args[name], place) if name in runtime else plain(value)
        names = names or operands(op, len(vals))
        if "like" in child.args:
            val, *others = place.frame.find(interpolate(child.args["like"], place.env)).vals
            if others:
                raise Refused("like several", op)
            vals, names = (*vals, val), (*names, "like")
            place.unrolled.args["like"] = place.frame.reference(val)
        args = {name: sized(value) if name in runtime else plain(value) for name, value in args.items()}
        made, results = infer(op, args, Inputs(tuple(val.type for val in vals), names))
        if made is None:
            return Bound(vals[:1])
        if made.inplace_on_input:
            self.overwrite(vals[0])
        out = self.results(child, results, place)
        self.read.update(val.node for val in vals)
        self.nodes.append((made, vals, out))
        return Bound(out, dict(zip(op.results, out, strict=False)) if len(out) > 1 else {})

    def results(self, child: Child, types: tuple[TensorType, ...], place: Place) -> tuple[Val, ...]:
        """The tensors that a node makes, found by its name, by their own (`left, right`), or by their numbers."""
        if child.parts and len(child.parts) != len(types):
            raise Refused(f"{len(types)} parts")
        at = place.handle, place.path
        places = [at] if len(types) == 1 else [tuple((*start, str(i)) for start in at) for i in range(len(types))]
        if child.parts:
            places = [((*place.frame.handle, part), (*place.frame.path, part)) for part in child.parts]
        out = tuple(Val(kind, len(self.nodes), *where) for kind, where in zip(types, places, strict=True))
        if any(elements(val.shape) > MAX_ELEMENTS for val in out) or len(self.nodes) > MAX_NODES:
            raise TooLarge("too large")
        return out

    def overwrite(self, val: Val) -> None:
        """An in-place op takes a tensor that nobody else reads, nor the backward pass; a view of one is one."""
        shared, reader = [val], len(self.nodes)
        while True:
            val = shared[-1]
            op, inputs, outs = self.nodes[val.node] if val.node >= 0 else (None, (), ())
            read = any(val in vals for at, (_, vals, _) in enumerate(self.nodes) if at != reader)
            if op is None or op.saves_output or read or val.type.constant or not inputs:
                raise Refused("not to be overwritten")
            if not op.is_view:
                break
            if len(outs) > 1 or op.overlaps:
                raise Refused("shares memory with others")
            shared.append(inputs[0])
            reader = val.node
        self.overwritten.update(shared)

    # --- arguments ---

    def argument(self, value: Any, place: Place) -> Any:
        match value:
            case Expr(text):
                return evaluate(text, place.frame, place.env)
            case list():
                return [self.argument(item, place) for item in value]
            case str() if value.startswith("$"):
                return place.env[value[1:]]
            case _:
                return value

    def written(self, value: Any, place: Place) -> Any:
        """An argument with its variables filled in; what reads a size stays an expression."""
        if isinstance(value, list):
            return [self.written(item, place) for item in value]
        found = self.argument(value, place)
        if not isinstance(value, Expr) or not (isinstance(found, Live) and isinstance(found.dim, Size)):
            return plain(found)
        return Expr(ast.unparse(_Fill(place.env).visit(ast.parse(value.text, mode="eval"))))

    def unread(self) -> list[Val]:
        """What must be an output, the last value first."""
        made = [out for node, (_, _, outs) in enumerate(self.nodes) if node not in self.read for out in outs[:1]]
        found = [val for val in (*self.root.previous, *made, *self.sources) if val.node not in self.read]
        return list({val.node: val for val in reversed(found)}.values())[::-1]


class _Fill(ast.NodeTransformer):
    def __init__(self, env: Env) -> None:
        self.env = env

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(plain(self.env[node.id])) if node.id in self.env else node


# Whole specs


def run_sketch(spec: Sketch) -> Run:
    """A whole spec, run. Raises Refused."""
    try:
        run = Run(spec)
        run.body(run.root, spec.graph.body, dict(run.globals))
    except UNTRUE as error:
        raise Refused(error) from error
    return run


def unroll(spec: Sketch) -> Sketch:
    """The same network in plain words."""
    run = run_sketch(spec)
    found = {".".join(val.path): val for val in (*run.sources, *(val for _, _, outs in run.nodes for val in outs))}

    def moved(reference: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if isinstance(reference, str):
            return run.root.reference(found[reference])
        return tuple(run.root.reference(found[path]) for path in reference)

    wanted: list[Output] = spec.outputs or [("output", ".".join(run.root.previous[0].path), "always")]
    outputs = [(name, moved(reference), mode) for name, reference, mode in wanted]
    inputs = {unrolled_name(name): source for name, source in spec.inputs.items()}
    return Sketch(inputs, Graph(run.root.out, spec.graph.numbered), outputs=outputs, kind=spec.kind)


def finished(spec: Sketch) -> Sketch:
    """With all that is left unread as its outputs. Raises Refused."""
    vals = run_sketch(spec).unread()
    return replace(spec, outputs=[(f"o{i}", ".".join(val.path), "always") for i, val in enumerate(vals)], kind="dict")


# One op


def infer(op: type[Op], args: Mapping[str, Any], inputs: Inputs) -> tuple[Op | None, tuple[TensorType, ...]]:
    """The op with its arguments and the types of its results; None for one that does nothing. Raises Refused."""
    need = Needs(batch=frozenset({BATCH}))
    try:
        made = op.model_validate({**op.inferred(need, inputs), **args})
        if made.is_identity(inputs):
            return None, ()
        result = typed(made, need, inputs)
    except (OpError, ValueError) as error:
        raise Refused(error, op, args, inputs) from error
    return made, result if isinstance(result, tuple) else (result,)


def operands(op: type[Op], count: int) -> tuple[str, ...]:
    """The operands that inputs in order fill. Raises Refused."""
    signature = op.signature
    names = [*signature.required, *(name for name in signature.optional if name not in signature.shape_only)][:count]
    if signature.variadic:
        names = [*signature.required[:count], *signature.required[-1:] * (count - len(signature.required))]
    if len(names) != count or count < (signature.minimum if signature.variadic else len(signature.required)):
        raise Refused(f"{count} inputs", op)
    return tuple(names)


def identity(op: Op) -> Any:
    """What must be equal for one module to serve twice: for a function, which has no module, its kind."""
    return op if op.name[0].isupper() else op.name


def reads_sizes(op: type[Op], argument: str) -> bool:
    """Whether an argument takes sizes that are read at run time."""
    info = op.model_fields.get(argument)
    return info is not None and (is_marked(info, RUNTIME) or "RuntimeSize" in str(info.annotation))


# Names


def bind(targets: str, item: Any) -> Env:
    """The variables of `i`, `i, c` or `i, (c, d)`."""
    first, _, rest = targets.partition(", ")
    return {first: item[0], **bind(rest.strip("()"), item[1])} if rest else {targets: item}


def interpolate(text: str, env: Mapping[str, Any]) -> str:
    """`$i` and `$(i)` filled in, as far as they are known."""
    return re.sub(r"\$\((\w+)\)|\$(\w+)", lambda match: str(env.get(match[1] or match[2], match[0])), text)


def unrolled_name(name: str) -> str:
    """An input's name that can be read from anywhere, as `input` cannot."""
    return "source" if name == "input" else name


def source_type(number: int, source: Source) -> TensorType:
    sizes = (dims.symbol(f"S{number}_{axis}", size) for axis, size in enumerate(source.sizes))
    return TensorType((dims.symbol(BATCH), *sizes), source.dtype)


def in_order(child: Child, vals: tuple[Val, ...], names: list[str]) -> tuple[tuple[Val, ...], tuple[str, ...]]:
    """Operands by name, as they are where one name stands for several values: those of the last one."""
    if len(set(names)) == len(names):
        return vals, tuple(names)
    op = lookup(child.op)
    if op is None or not op.signature.variadic or any(names.count(name) > 1 for name in op.signature.required[:-1]):
        raise Refused("two values for one operand")
    order = sorted(range(len(names)), key=lambda i: op.signature.required.index(names[i]))
    return tuple(vals[i] for i in order), tuple(names[i] for i in order)
