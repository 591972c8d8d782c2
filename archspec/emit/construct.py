"""A module of an emitted class, with each weight initialised once.

torch's constructors initialise what they make, and the spec's rules would do it again. So the class is constructed
under a mode in which initialisers do nothing, and what torch's own rules are to initialise is reset afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archspec.diagnostics import spec_error
from archspec.emit.copies import can_be_copied, copy_of, reset_of, starts_constant, template
from archspec.emit.initialize import has_rules
from archspec.emit.targets import targets_of
from archspec.ir import Graph, Initializer, Node, full_name
from archspec.ops.target import Module

_INITIALISERS: frozenset[Any] = frozenset(
    {getattr(nn.init, name) for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")}
    | {Tensor.uniform_, Tensor.normal_}
)
_CLONING = frozenset({"torch.nn.Transformer", "torch.nn.TransformerEncoder", "torch.nn.TransformerDecoder"})
"""Modules that initialise one layer and copy it: only their own constructor can."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the modules of a graph are made. `owners`: the node that owns a tensor, by the tensor's name. `rules`: the
    spec's. `foreign`: nodes whose layers are others than torch's and the source's, or initialise themselves."""

    cls: type[nn.Module]
    owners: dict[str, Node]
    rules: dict[str, Initializer]
    has_rules: bool
    all_known: bool
    foreign: frozenset[str]

    @classmethod
    def of(cls, graph: Graph, made: type[nn.Module]) -> Plan:
        """The plan for a graph whose emitted class this is."""
        layers = {
            node.path: target
            for node, target in zip(graph.nodes, targets_of(graph), strict=True)
            if isinstance(target, Module) and node.op.state()
        }
        return Plan(
            made,
            {name: node for node, name, _ in graph.state()},
            {full_name(node, state): rule for node in graph.nodes for state, rule in node.init},
            has_rules(graph),
            all(map(_is_known, layers.values())),
            frozenset(path for path, layer in layers.items() if not _is_known(layer) or layer.cls in _CLONING),
        )


def construct(plan: Plan, device: torch.device | str | None, init: bool | Collection[str]) -> nn.Module:
    """An instance on a device, initialised: all of it, nothing, or the tensors of these names."""
    made_on: AbstractContextManager[Any] = torch.device(device) if device is not None else nullcontext()
    virtual = device is not None and torch.device(device).type == "meta"
    everything = init is True and not virtual
    names = () if isinstance(init, bool) or virtual else init
    chosen = {plan.owners[name].path: plan.owners[name] for name in (plan.owners if everything else names)}
    later = plan.foreign.isdisjoint(chosen) and (plan.has_rules or not everything)
    if later and device is None:
        model, resets = _like_before(plan)
    else:
        with made_on:
            model, resets = _bare(plan.cls, skip=plan.all_known) if later else plan.cls(), None
    if later and everything:
        _reset_all(model, _resets(model, plan.rules) if resets is None else resets, plan.rules)
        model.init_weights()  # pyright: ignore[reportCallIssue]
    elif later and names:
        _initialise_only(model, chosen.values(), names, plan.rules)
    return model


Resets = Sequence[tuple[str, bool]]
"""The paths of the layers that torch's own rules initialise, children before parents; whether only a part of one."""

_TEMPLATES: dict[tuple[type[nn.Module], torch.dtype, torch.device], tuple[nn.Module, Resets] | None] = {}
"""What further modules are copied from, and what is to be reset of a copy, by class and torch's defaults: made with the
second one, None before."""


def _like_before(plan: Plan) -> tuple[nn.Module, Resets | None]:
    """A bare instance: what the constructor makes, or a copy of what it made before under the same defaults; and what
    is to be reset, where that is known."""
    made = torch.empty(0)  # `get_default_device` of torch 2.5 knows of no `with torch.device(...)`
    key = (plan.cls, made.dtype, made.device)
    if (like := _TEMPLATES.get(key)) is not None:
        return copy_of(like[0]), like[1]
    model = _bare(plan.cls, skip=plan.all_known)
    if key[2].type == "cpu" and can_be_copied(model, plan.cls.__module__):
        _TEMPLATES[key] = (template(model), _resets_of_copy(model, plan.rules)) if key in _TEMPLATES else None
    return model, None


def check_arguments(graph: Graph) -> None:
    """Raises SpecError for the first argument of a layer that the installed torch does not know."""
    for node, target in zip(graph.nodes, targets_of(graph), strict=True):
        if isinstance(target, Module) and target.cls.startswith("torch.nn."):
            name = target.cls.rpartition(".")[2]
            known = signature(getattr(nn, name)).parameters
            takes_any = any(each.kind is Parameter.VAR_KEYWORD for each in known.values())  # recurrent layers
            for argument, _ in target.kwargs:
                if argument not in known and not takes_any:
                    message = f"`{name}` of torch {torch.__version__} has no argument `{argument}`"
                    help = "install a newer torch, or leave the argument out"
                    raise spec_error("unknown-argument", message, node.origin.span, help=help)


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


def _is_known(layer: Module) -> bool:
    """Whether the class is torch's, or one that the source carries."""
    return layer.cls.startswith("torch.nn.") or layer.support is not None


def _bare(cls: type[nn.Module], *, skip: bool) -> nn.Module:
    """An instance with nothing initialised, but for what its modules do where `skip` is False: others may loop until
    their own values are in range."""
    model = cls.__new__(cls)
    model.__dict__["init_weights"] = lambda: None  # of this instance, while it is constructed
    with _SkipInit() if skip else nullcontext():
        model.__init__()
    del model.__dict__["init_weights"]
    return model


def _resets(model: nn.Module, rules: Collection[str]) -> Resets:
    """What torch's own rules initialise, where the parameters of these names have rules of the spec's."""
    ruled = _ruled(model, rules)
    resets: list[tuple[str, bool]] = []
    for path, module in _postorder(model):
        if reset_of(module) is not None:
            own = {id(tensor) for tensor in module.parameters()}
            if not own or own - ruled:
                resets.append((path, not ruled.isdisjoint(own)))
    return resets


def _resets_of_copy(model: nn.Module, rules: Collection[str]) -> Resets:
    """The same of a copy, in which what is constant has its values."""
    return [each for each in _resets(model, rules) if not starts_constant(model.get_submodule(each[0]))]


def _reset_all(model: nn.Module, resets: Resets, rules: Collection[str]) -> None:
    """torch's own rule for each of these, but for parameters of these names. The mode costs as much as a small layer's
    initialisation: it is on only for layers of which a part is left out."""
    ruled = _ruled(model, rules) if any(partly for _, partly in resets) else frozenset[int]()
    for path, partly in resets:
        reset = reset_of(model.get_submodule(path))
        assert reset is not None
        with _SkipInit(ruled) if partly else nullcontext():
            reset()


def _ruled(model: nn.Module, rules: Collection[str]) -> frozenset[int]:
    return frozenset(id(each) for name, each in model.named_parameters(remove_duplicate=False) if name in rules)


def _initialise_only(
    model: nn.Module, nodes: Iterable[Node], names: Collection[str], rules: dict[str, Initializer]
) -> None:
    """As torch's rules and the spec's have it, but of these nodes, and only the tensors of these names."""
    tensors = {**dict(model.named_parameters(remove_duplicate=False)), **dict(model.named_buffers())}
    skipped = {id(tensor) for name, tensor in tensors.items() if name in rules or name not in names}
    with _SkipInit(skipped):
        for node in nodes:
            if any(state.name for state in node.op.state()):  # else the node is a tensor itself
                for _, module in _postorder(model.get_submodule(node.module)):
                    if (reset := reset_of(module)) is not None:
                        reset()
    for name, rule in rules.items():
        if name in names:
            getattr(nn.init, rule.function)(tensors[name], **dict(rule.arguments))


def _postorder(module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        yield from _postorder(child, f"{path}.{name}" if path else name)
    yield path, module
