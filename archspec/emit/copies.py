"""Further modules of one class, made without calling its constructor.

A constructor checks its arguments, makes a few tensors and sets two dozen attributes, for each layer. A second module
of the same network needs the tensors alone: the attributes are equal, and containers among them are copied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

_PLAIN = frozenset(
    f"torch.nn.modules.{family}"
    for family in ("activation", "batchnorm", "container", "conv", "dropout", "flatten", "linear", "normalization",
                   "padding", "pooling", "upsampling")
)  # fmt: skip
"""Families whose modules hold their tensors as parameters and buffers only. (Recurrent layers list them again.)"""

_CONSTANT = frozenset({"torch.nn.modules.batchnorm", "torch.nn.modules.normalization"})
"""Those whose weights start with the same values each time, ones and zeros."""

_CONTAINERS = (dict, set, list)


def can_be_copied(model: nn.Module, generated: str) -> bool:
    """Whether all layers are of these families, or classes of the emitted source, the Python module `generated`; and no
    layer that is to be initialised shares a tensor with one that is constant."""
    modules = list(model.modules())
    tensors = [(id(each), starts_constant(module)) for module in modules for each in module.parameters(recurse=False)]
    constant = {tensor for tensor, starts in tensors if starts}
    return all(type(module).__module__ in {*_PLAIN, generated} for module in modules) and not any(
        tensor in constant and not starts for tensor, starts in tensors
    )


def starts_constant(module: nn.Module) -> bool:
    """Whether a copy of this layer has the values that it starts with, and others are to be initialised."""
    return type(module).__module__ in _CONSTANT


def reset_of(module: nn.Module) -> Callable[[], None] | None:
    """What initialises a layer by torch's own rule, if it has one."""
    reset: Any = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
    return cast("Callable[[], None] | None", reset)


def template(model: nn.Module) -> nn.Module:
    """A copy of the module to be copied: the weights of its layers take no memory, but for those that are constant;
    tensors that are there by themselves are as they are."""
    made = _copied(model, {}, "meta")
    for module in made.modules():
        if starts_constant(module) and (reset := reset_of(module)) is not None:
            reset()
    return made


def copy_of(model: nn.Module) -> nn.Module:
    """A module like a template, its weights not initialised, but for those that are constant."""
    return _copied(model, {}, "cpu")


def _copied(module: nn.Module, made: dict[int, Tensor], device: str) -> nn.Module:
    """`made`: the copies of shared tensors. The weights of torch's own layers are made anew, without values, but for
    constant ones."""
    other = module.__new__(type(module))
    own: dict[str, Any] = other.__dict__
    for name, value in module.__dict__.items():
        own[name] = value.copy() if isinstance(value, _CONTAINERS) else value  # pyright: ignore[reportUnknownMemberType]
    layer = type(module).__module__ in _PLAIN and not starts_constant(module)
    for name, tensor in own["_parameters"].items():
        if tensor is not None:
            if id(tensor) not in made:
                empty = torch.empty(tensor.shape, dtype=tensor.dtype, device=device) if layer else None
                data = tensor.detach().clone() if empty is None else empty
                made[id(tensor)] = nn.Parameter(data, tensor.requires_grad)
            own["_parameters"][name] = made[id(tensor)]
    for name, tensor in own["_buffers"].items():
        if tensor is not None:
            own["_buffers"][name] = made.setdefault(id(tensor), tensor.clone())
    for name, child in own["_modules"].items():
        if child is not None:
            own["_modules"][name] = _copied(child, made, device)
    return other
