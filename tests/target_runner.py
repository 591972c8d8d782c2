"""Runs a `Target` with torch directly, without writing source: what the registry tests hold an op's rules against."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from archspec import dims
from archspec.ops.base import State
from archspec.ops.target import (
    Call,
    Code,
    Index,
    Method,
    Module,
    Operand,
    Operands,
    Operator,
    RuntimeSize,
    StateTensor,
    Target,
    Training,
    Unpack,
)  # fmt: skip

OPERATORS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow,
    "@": operator.matmul, "%": operator.mod, "//": operator.floordiv,
}  # fmt: skip


class TargetModule(nn.Module):
    """A target as a module: owns the submodule or tensor, and returns a flat tuple of results.

    `sizes` are values of symbols, for sizes that the program would read at run time.
    """

    def __init__(self, target: Target, state: Sequence[State] = (), sizes: Mapping[str, int] | None = None) -> None:
        super().__init__()
        self.target = target
        self.sizes = sizes or {}
        if isinstance(target, Module):
            self.op = self.value(target, ())
        elif isinstance(target, StateTensor):
            self._own(target, state[0])

    def _own(self, target: StateTensor, state: State) -> None:
        dtype = getattr(torch, state.dtype)
        content = target.value if isinstance(target.value, tuple) else ()
        tensor = (
            torch.tensor(content, dtype=dtype) if content else torch.full(state.shape, target.value or 0, dtype=dtype)
        )
        if state.buffer:
            self.register_buffer("op", tensor, persistent=target.persistent)
        else:
            self.op = nn.Parameter(tensor, requires_grad=target.trainable)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        target = self.target
        match target:
            case Module():
                call_args = inputs if target.call_args is None else self.values(target.call_args, inputs)
                result = self.op(*call_args, **self.keywords(target.call_kwargs, inputs))
                result = result if target.take is None else result[target.take]
            case Call():
                function = functools.reduce(getattr, target.function.split(".")[1:], torch)
                result = function(*self.values(target.args, inputs), **self.keywords(target.kwargs, inputs))
            case Method():
                method = getattr(inputs[0], target.method)
                result = method(*self.values(target.args, inputs), **self.keywords(target.kwargs, inputs))
            case Operator(symbol, terms):
                values = self.values(terms, inputs)
                result = -values[0] if len(values) == 1 else functools.reduce(OPERATORS[symbol], values)
            case Index(items):
                result = inputs[0][self.values(items, inputs)]
            case StateTensor():
                result = self.op
        unpack = None if isinstance(target, Operator | Index | StateTensor) else target.unpack
        return (result,) if unpack is None else flatten(result, unpack)

    def values(self, args: Sequence[Any], inputs: tuple[Tensor, ...]) -> tuple[Any, ...]:
        return tuple(self.value(arg, inputs) for arg in args)

    def keywords(self, kwargs: Sequence[tuple[str, Any]], inputs: tuple[Tensor, ...]) -> dict[str, Any]:
        return {name: self.value(arg, inputs) for name, arg in kwargs}

    def value(self, arg: Any, inputs: tuple[Tensor, ...]) -> Any:
        match arg:
            case Operand(index):
                return inputs[index]
            case Operands(start):
                return inputs[start:]
            case Training():
                return self.training
            case Code(template):
                names = [f"x{i}" for i in range(len(inputs))]
                scope = {
                    "torch": torch,
                    "self": SimpleNamespace(training=self.training),
                    **dict(zip(names, inputs, strict=True)),
                }
                return eval(template.format(*names), scope)
            case RuntimeSize():
                return dims.value(dims.substitute(arg.dim, self.sizes))
            case Module():
                return find_class(arg)(*self.values(arg.args, inputs), **self.keywords(arg.kwargs, inputs))
            case tuple() | list():
                return type(arg)(self.values(arg, inputs))
            case slice():
                return slice(*self.values((arg.start, arg.stop, arg.step), inputs))
            case _:
                return arg


def find_class(target: Module) -> type[nn.Module]:
    """The class a target names: in torch, or in the source it brings along."""
    if target.support is not None:
        scope: dict[str, Any] = {}
        exec("import torch\nfrom torch import Tensor, nn\nimport torch.nn.functional as F\n" + target.support, scope)
        return scope[target.cls.rpartition(".")[2]]
    return functools.reduce(getattr, target.cls.split(".")[1:], torch)


def flatten(result: Any, unpack: Unpack) -> tuple[Tensor, ...]:
    """Nested results in the order of their numbers."""
    flat = dict(_numbered(result, unpack))
    return tuple(flat[number] for number in sorted(flat))


def _numbered(part: Any, shape: int | Unpack) -> Iterator[tuple[int, Tensor]]:
    if isinstance(shape, int):
        yield shape, part
        return
    assert len(part) == len(shape), f"{len(part)} results, not {shape}"
    for inner, number in zip(part, shape, strict=True):
        yield from _numbered(inner, number)
