"""An op's target (archspec.ops.target) as expressions: the constructor call of its module, and its use in `forward`."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, cast

from archspec.diagnostics import InternalError
from archspec.emit.expression import REQUIRED, Const, Expr, Group, Joined, Local, Named, Text, call, tuple_of
from archspec.emit.literals import is_literal
from archspec.ir import Graph, Node
from archspec.ops.base import EXTRA, INFERRED, WRITTEN, Op, collapse, is_marked
from archspec.ops.target import (
    Call,
    Code,
    Index,
    Method,
    Module,
    Operand,
    Operands,
    Operator,
    StateTensor,
    Target,
    Training,
)
from archspec.values import Axis, RuntimeCode, RuntimeSize, Value

ENTRY = ("in_channels", "in_features")
"""What to call the size of a module's own input, by whether channels or features are counted."""
_TIGHTNESS = {"+": 1, "-": 1, "*": 2, "//": 2, "%": 2}


def targets_of(graph: Graph) -> list[Target]:
    """The target of each node."""
    return [node.op.target(graph.inputs_of(node)) for node in graph.nodes]


def shortened(path: str) -> str:
    """`torch.nn.functional.relu` as the file's imports let it be written: `F.relu`."""
    if path.startswith("torch.nn.functional."):
        return "F." + path.removeprefix("torch.nn.functional.")
    return path.removeprefix("torch.") if path.startswith("torch.nn.") else path


@cache
def _parameters(op: type[Op]) -> tuple[tuple[tuple[str, bool], ...], tuple[tuple[str, Any], ...]]:
    """Of torch's constructor: required arguments, each with whether it is inferred, and optional ones with defaults."""
    fields = [(name, info) for name, info in op.model_fields.items() if not is_marked(info, EXTRA)]
    required = ((name, is_marked(info, INFERRED)) for name, info in fields if info.is_required())
    optional = (
        (name, REQUIRED if is_marked(info, WRITTEN) else collapse(info.default))
        for name, info in fields
        if not info.is_required()
    )
    return tuple(required), tuple(optional)


def constructor(op: Op, target: Module, hint: str, entry: str | None = None) -> Expr:
    """`nn.Conv2d(3, 64, 7, stride=2)`. Every optional argument is there, to be left out where it has its default.

    `hint` begins the names of its constants; `entry` is that of the inferred ones, where the class' own input is read.
    """
    required, optional = _parameters(type(op))
    names = [entry if entry and inferred else f"{hint}_{name}" for name, inferred in required]
    items: list[Expr] = [
        _argument(value, (), names[at] if at < len(names) else f"{hint}_{at}") for at, value in enumerate(target.args)
    ]
    given = dict(target.kwargs)
    for name, default in optional:
        if name in given or collapse(getattr(op, name)) == default:
            value = given.pop(name, default)
            known = default if is_literal(default) else REQUIRED
            items.append(Named(name, _argument(value, (), f"{hint}_{name}"), known))
    items += [Named(name, _argument(value, (), f"{hint}_{name}")) for name, value in given.items()]
    return call(shortened(target.cls), *items)


def is_module_like(target: Target) -> bool:
    """Whether a module that takes one tensor does the same, so that it can stand in an `nn.Sequential`."""
    match target:
        case Module():
            return target.call_args is None and not target.call_kwargs and target.take is None and target.unpack is None
        case Call():
            return module_like(target) is not None
        case _:
            return False


def module_like(target: Target) -> Expr | None:
    """The module that does what a function does: `nn.Flatten()`."""
    match target:
        case Call("torch.flatten", (Operand(0), *axes), ()) if all(isinstance(axis, int) for axis in axes):
            names = zip(("start_dim", "end_dim"), axes, (1, -1), strict=False)
            return call("nn.Flatten", *(Named(name, Const(axis, name), default) for name, axis, default in names))
        case Call(function, (Operand(0),), ()) if function in _MODULE_OF:
            return call(f"nn.{_MODULE_OF[function]}")
        case _:
            return None


_MODULE_OF = {
    "torch.relu": "ReLU", "torch.nn.functional.relu": "ReLU", "torch.nn.functional.relu6": "ReLU6",
    "torch.nn.functional.silu": "SiLU", "torch.nn.functional.mish": "Mish", "torch.nn.functional.gelu": "GELU",
    "torch.nn.functional.hardswish": "Hardswish", "torch.nn.functional.hardsigmoid": "Hardsigmoid",
    "torch.sigmoid": "Sigmoid", "torch.tanh": "Tanh",
}  # fmt: skip
"""Modules that do what a function does with nothing but its input."""


def tensor(node: Node, target: StateTensor, hint: str) -> Expr:
    """What a parameter or buffer starts as: `torch.empty(1, 1, 768)`, to be initialised, or its value."""
    kind = node.outputs[0]
    sizes = tuple(Const(size, f"{hint}_shape") for size in kind.shape)
    dtype = Named("dtype", Text(f"torch.{kind.dtype}"))
    if target.value is None:
        given = () if kind.dtype == "float32" else (dtype,)
        return call("torch.empty" if node.init else "torch.zeros", *(sizes or (tuple_of(()),)), *given)
    value = Const(_listed(target.value), f"{hint}_value")
    if isinstance(target.value, tuple):
        return call("torch.tensor", value, dtype)
    return call("torch.full", tuple_of(sizes), value, dtype)


def _listed(value: Any) -> Any:
    """Nested tuples as lists."""
    return list(map(_listed, cast("tuple[Any, ...]", value))) if isinstance(value, tuple) else value


def use(node: Node, target: Target, own: Expr, hint: str) -> Expr:
    """The node's value as an expression; `own` is the submodule or state it owns."""
    inputs = tuple(Local(value) for value in node.inputs)

    def arguments(args: tuple[Any, ...] | list[Any]) -> tuple[Expr, ...]:
        return tuple(_argument(arg, (*node.inputs, *node.reads), hint, len(node.inputs)) for arg in args)

    def keywords(kwargs: tuple[tuple[str, Any], ...]) -> tuple[Expr, ...]:
        return tuple(
            Named(name, value) for (name, _), value in zip(kwargs, arguments([v for _, v in kwargs]), strict=True)
        )

    match target:
        case Module():
            given = inputs if target.call_args is None else arguments(target.call_args)
            result = Joined((own, Group("(", (*given, *keywords(target.call_kwargs)))))
            return result if target.take is None else Joined((*result.parts, Text(f"[{target.take}]")))
        case Call():
            return call(shortened(target.function), *arguments(target.args), *keywords(target.kwargs))
        case Method():
            return Joined((inputs[0], Group(f".{target.method}(", (*arguments(target.args), *keywords(target.kwargs)))))
        case Operator():
            terms = arguments(target.terms)
            spaced = [part for term in terms for part in (Text(f" {target.symbol} "), term)]
            return Joined(tuple(spaced[1:]))
        case Index():
            return Joined((inputs[0], Group("[", arguments(target.items), "]")))
        case StateTensor():
            return own


def _argument(arg: Any, values: tuple[Value, ...], hint: str, reads: int = 0) -> Expr:
    """One argument of a call. `values` are what operands and run-time sizes refer to, the latter from `reads` on."""
    match arg:
        case Operand():
            return Local(values[arg.index])
        case Operands():
            return tuple_of(tuple(Local(value) for value in values[arg.start : reads]))
        case Training():
            return Text("self.training")
        case Code():
            return _code(arg.template, values)
        case RuntimeSize():
            return _size(arg.code, values, hint, reads)
        case Module():
            named = (Named(name, _argument(value, values, f"{hint}_{name}", reads)) for name, value in arg.kwargs)
            return call(shortened(arg.cls), *(_argument(value, values, hint, reads) for value in arg.args), *named)
        case slice():
            return _slice(cast("slice[Any, Any, Any]", arg), values, hint, reads)
        case _ if arg is Ellipsis:
            return Text("...")
        case _ if is_literal(arg):
            return Const(arg, hint)
        case tuple() | list():
            items = tuple(_argument(item, values, hint, reads) for item in arg)  # pyright: ignore[reportUnknownVariableType]
            return tuple_of(items) if isinstance(arg, tuple) else Group("[", items, "]")
        case _:
            raise InternalError(f"no source for {arg!r}")


def _code(template: str, values: tuple[Value, ...]) -> Expr:
    parts: list[Expr] = []
    for part in re.split(r"(\{\d+\})", template):
        if re.fullmatch(r"\{\d+\}", part):
            parts.append(Local(values[int(part[1:-1])]))
        elif part:
            parts.append(Text(part))
    return Joined(tuple(parts))


def _slice(item: slice[Any, Any, Any], values: tuple[Value, ...], hint: str, reads: int) -> Expr:
    ends = [Text("") if end is None else _argument(end, values, hint, reads) for end in (item.start, item.stop)]
    parts: list[Expr] = [ends[0], Text(":"), ends[1]]
    if item.step is not None:
        parts += [Text(":"), _argument(item.step, values, hint, reads)]
    return Joined(tuple(parts))


def _size(code: RuntimeCode, values: tuple[Value, ...], hint: str, reads: int, above: int = 0) -> Expr:
    """`x.shape[2] // 7`, in parentheses inside an operator that binds as tightly."""
    if isinstance(code, int):
        return Const(code, hint)
    if isinstance(code, Axis):
        if not isinstance(code.source, int):
            raise InternalError(f"run-time size of {code.source} is not a position among the reads")
        return Joined((Local(values[reads + code.source]), Text(f".shape[{code.axis}]")))
    symbol, left, right = code
    tightness = _TIGHTNESS[symbol]
    parts = (
        _size(left, values, hint, reads, tightness),
        Text(f" {symbol} "),
        _size(right, values, hint, reads, tightness + 1),
    )
    return Joined((Text("("), *parts, Text(")"))) if tightness < above else Joined(parts)
