"""Further modules of one class, made without calling its constructor.

A constructor checks its arguments, makes a few tensors and sets two dozen attributes, for each layer. A second module
of the same network needs the tensors alone: the attributes are equal, and containers among them are copied.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_PLAIN = frozenset(
    f"torch.nn.modules.{family}"
    for family in ("activation", "batchnorm", "container", "conv", "dropout", "flatten", "linear", "normalization",
                   "padding", "pooling", "upsampling")
)  # fmt: skip
"""Families whose modules hold their tensors as parameters and buffers only. (Recurrent layers list them again.)"""


def can_be_copied(model: nn.Module, generated: str) -> bool:
    """Whether all layers are of these families, or classes of the emitted source, the Python module `generated`."""
    return all(type(module).__module__ in _PLAIN or type(module).__module__ == generated for module in model.modules())


def template(model: nn.Module) -> nn.Module:
    """A copy of the module to be copied: the weights of its layers take no memory, tensors that are there by themselves
    are as they are."""
    return _copied(model, {}, "meta")


def copy_of(model: nn.Module) -> nn.Module:
    """A module like a template, its weights not initialised."""
    return _copied(model, {}, "cpu")


def _copied(module: nn.Module, made: dict[int, Tensor], device: str) -> nn.Module:
    """`made`: the copies of shared tensors. The weights of torch's own layers are made anew, without values."""
    other = module.__new__(type(module))
    own: dict[str, Any] = other.__dict__
    for name, value in module.__dict__.items():
        own[name] = value.copy() if isinstance(value, dict | set | list) else value  # pyright: ignore[reportUnknownMemberType]
    layer = type(module).__module__ in _PLAIN
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
