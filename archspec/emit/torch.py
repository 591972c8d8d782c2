"""The emitted program, executed: an ordinary `nn.Module`. With `custom`, the only importer of torch."""

from __future__ import annotations

import hashlib
import linecache
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archspec.emit.initialize import has_rules
from archspec.emit.python import emit
from archspec.ir import Graph, full_name
from archspec.ops.target import Module

_PREFIX = "archspec._generated_"
_INITIALISERS: frozenset[Any] = frozenset(
    {getattr(nn.init, name) for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")}
    | {Tensor.uniform_, Tensor.normal_}
)
_CLONING = frozenset({"torch.nn.Transformer", "torch.nn.TransformerEncoder", "torch.nn.TransformerDecoder"})
"""Modules that initialise one layer and copy it: only their own constructor can."""


def build(
    graph: Graph, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None, init: bool = True
) -> nn.Module:
    """The network as a module: the very source of `to_python`, executed.

    Args:
        device: where its weights are made; on `meta` nothing is allocated.
        dtype: of its floating-point weights.
        init: False leaves the weights uninitialised, for a strict load.
    """
    program = emit(graph)
    cls: type[nn.Module] = getattr(load_source(program.source), program.class_name)
    made_on: AbstractContextManager[Any] = torch.device(device) if device is not None else nullcontext()
    virtual = device is not None and torch.device(device).type == "meta"
    if not init or virtual or (has_rules(graph) and _can_defer(graph)):
        with made_on:
            model = _bare(cls)
        if init and not virtual:
            _initialise(model, {full_name(node, state) for node in graph.nodes for state, _ in node.init})
    else:
        with made_on:
            model = cls()
    return model if dtype is None else model.to(dtype)


class _SkipInit(TorchFunctionMode):
    """Initialisers leave tensors as they are: all, or those in `only`."""

    def __init__(self, only: Collection[int] | None = None) -> None:
        super().__init__()
        self.only = only

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in _INITIALISERS:
            tensor = args[0] if args else (kwargs or {})["tensor"]
            if self.only is None or id(tensor) in self.only:
                return tensor
        return func(*args, **(kwargs or {}))


def _can_defer(graph: Graph) -> bool:
    """Whether every module with weights can be initialised after it is constructed."""
    targets = [node.op.target(graph.inputs_of(node)) for node in graph.nodes if node.op.state()]
    modules = [target for target in targets if isinstance(target, Module)]
    return all(target.cls.startswith("torch.nn.") and target.cls not in _CLONING for target in modules)


def _bare(cls: type[nn.Module]) -> nn.Module:
    """An instance with nothing initialised."""
    model = cls.__new__(cls)
    model.__dict__["init_weights"] = lambda: None  # of this instance, while it is constructed
    with _SkipInit():
        model.__init__()
    del model.__dict__["init_weights"]
    return model


def _initialise(model: nn.Module, ruled: set[str]) -> None:
    """Each weight once: torch's own rule, children before parents, but the spec's for the names in `ruled`."""
    skipped = {id(tensor) for name, tensor in model.named_parameters(remove_duplicate=False) if name in ruled}
    with _SkipInit(skipped):
        for module in _postorder(model):
            reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
            if callable(reset):
                reset()
    model.init_weights()  # pyright: ignore[reportCallIssue]


def _postorder(module: nn.Module) -> Iterator[nn.Module]:
    for child in module.children():
        yield from _postorder(child)
    yield module


def load_source(source: str) -> ModuleType:
    """The source as an imported module, one per text; tracebacks show its lines."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    name, filename = f"{_PREFIX}{digest}", f"<archspec {digest}>"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = filename
    module.__dict__["__source__"] = source
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    sys.modules[name] = module
    try:
        exec(compile(source, filename, "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    for cls in list(vars(module).values()):
        if isinstance(cls, type) and issubclass(cls, nn.Module) and cls.__module__ == name:
            cls.__reduce_ex__ = _reduce  # type: ignore[method-assign]
    return module


def _reduce(self: nn.Module, protocol: Any) -> tuple[Any, ...]:
    """Pickles with the source, so that another process can load it."""
    cls = type(self)
    made: Any = object.__reduce_ex__(self, max(protocol, 2))
    if not cls.__module__.startswith(_PREFIX):
        return made  # a class derived from ours: its own module knows it
    return (_restore, (sys.modules[cls.__module__].__dict__["__source__"], cls.__qualname__), *made[2:])


def _restore(source: str, name: str) -> nn.Module:
    cls = getattr(load_source(source), name)
    return cls.__new__(cls)
