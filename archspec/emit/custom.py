"""Custom ops: imports the class, and learns its types and state by running it on the meta device."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

import torch
from torch import nn

from archspec import dims
from archspec.dims import Dim, Size
from archspec.ops.base import Inputs, OpError, State
from archspec.ops.custom import Custom
from archspec.values import TensorType

PROBES = (3, 5)
"""Batch sizes that are tried, to tell which axes of the result are the batch."""


def load_custom(path: str, arguments: Mapping[str, Any], inputs: Inputs) -> Custom:
    """The op at an import path that the caller has allowed. Raises OpError when it can't be imported, made or run."""
    cls = _class(path)
    small, large = (_run(path, cls, arguments, inputs, batch) for batch in PROBES)
    module, first = small
    _, second = large
    if len(first) != len(second):
        raise OpError("custom-op-failed", f"`{path}` gives {len(first)} tensors or {len(second)}, by the batch")
    outputs = tuple(_type(path, a, b, inputs) for a, b in zip(first, second, strict=True))
    return Custom(path=path, arguments=tuple(arguments.items()), outputs=outputs, states=_states(module))


def _class(path: str) -> type[nn.Module]:
    package, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(package), name)
    except (ImportError, AttributeError) as error:
        raise OpError(
            "custom-op-failed",
            f"`{path}` cannot be imported: {error}",
            help="check the path, and that the package is installed",
        ) from None
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise OpError("custom-op-failed", f"`{path}` is no class of nn.Module", help="name the class itself")
    return found


def _run(
    path: str, cls: type[nn.Module], arguments: Mapping[str, Any], inputs: Inputs, batch: int
) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The module, and what it returns for inputs of this batch size. Its own code runs here: anything may be raised."""
    try:
        with torch.device("meta"), torch.no_grad():
            module = cls(**arguments).eval()
            result = module(*(_tensor(kind, batch) for kind in inputs))
    except Exception as error:
        shapes = ", ".join(str(kind) for kind in inputs)
        raise OpError(
            "custom-op-failed",
            f"`{path}` fails on {shapes}: {type(error).__name__}: {error}",
            help="a custom op must run on the meta device",
        ) from None
    kind = type(result).__name__
    tensors = cast("tuple[Any, ...]", result if isinstance(result, tuple | list) else (result,))
    if not tensors or not all(isinstance(tensor, torch.Tensor) for tensor in tensors):
        raise OpError("custom-op-failed", f"`{path}` returns {kind}, not tensors")
    return module, tuple(tensors)


def _tensor(kind: TensorType, batch: int) -> torch.Tensor:
    shape: list[int] = []
    for axis, dim in enumerate(kind.shape):
        size = _at_batch(dim, batch) if axis == 0 and not kind.constant else dims.value(dim)
        if size is None:
            raise OpError("unknown-size", f"a custom op needs known sizes, got {kind}", help="give these axes a number")
        shape.append(size)
    return torch.empty(shape, dtype=getattr(torch, kind.dtype), device="meta")


def _at_batch(dim: Dim, batch: int) -> int | None:
    """The batch axis with every unknown size in it set to `batch`; a fixed batch keeps its number."""
    if not isinstance(dim, Size):
        return dim
    return dims.value(dims.substitute(dim, dict.fromkeys(dims.symbols(dim), batch))) if dim.value is None else dim.value


def _type(path: str, small: torch.Tensor, large: torch.Tensor, inputs: Inputs) -> TensorType:
    """A result's type: an axis that grows with the batch is the batch, the others are as they came out."""
    batch = inputs[0].shape[0] if len(inputs) else 1
    shape: list[Dim] = []
    for a, b in zip(small.shape, large.shape, strict=True):
        if a != b and (a, b) != PROBES:
            raise OpError(
                "custom-op-failed", f"`{path}` gives an axis of {a} for batch {PROBES[0]} and {b} for {PROBES[1]}"
            )
        shape.append(batch if a != b else int(a))
    return TensorType(tuple(shape), str(small.dtype).removeprefix("torch."))


def _states(module: nn.Module) -> tuple[State, ...]:
    kept = set(module.state_dict())
    parameters = [
        State(name, tuple(p.shape), str(p.dtype).removeprefix("torch."), trainable=p.requires_grad)
        for name, p in module.named_parameters()
    ]
    buffers = [
        State(name, tuple(b.shape), str(b.dtype).removeprefix("torch."), buffer=True, persistent=name in kept)
        for name, b in module.named_buffers()
    ]
    return (*parameters, *buffers)
