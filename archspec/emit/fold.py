"""The weights of a network made for inference, from those of the network it was made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from archspec.emit import torch as backend
from archspec.inference import Fold, Optimized


def build(optimized: Optimized, plain: nn.Module) -> nn.Module:
    """The network for inference, with the weights of the module `plain` of the original graph: on its device, and in
    its precision. It shares nothing with `plain`."""
    state = folded(plain.state_dict(), optimized.folds)
    held = next(iter(state.values()), torch.empty(0))
    model = backend.build(optimized.graph, device=held.device, init=False)
    floating = next((x.dtype for x in state.values() if x.is_floating_point()), None)
    model = model if floating is None else model.to(floating)
    model.load_state_dict({name: state[name] for name in model.state_dict()})
    return model


def folded(state: Mapping[str, Tensor], folds: Iterable[Fold]) -> dict[str, Tensor]:
    """A `state_dict` in which layers have taken in the batch norms after them. Computed in float64: folding rounds each
    number once."""
    found = dict(state)
    for fold in folds:
        weight, bias = found[f"{fold.layer}.weight"], found.get(f"{fold.layer}.bias")
        mean, variance = (_taken(found, fold.norm, name) for name in ("running_mean", "running_var"))
        assert mean is not None and variance is not None
        factor = torch.rsqrt(variance + fold.eps)
        if (scale := _taken(found, fold.norm, "weight")) is not None:
            factor = factor * scale
        shift = -mean if bias is None else bias.double() - mean
        shift = shift * factor
        if (own := _taken(found, fold.norm, "bias")) is not None:
            shift = shift + own
        found.pop(f"{fold.norm}.num_batches_tracked", None)
        found[f"{fold.layer}.weight"] = _scaled(weight.double(), factor, fold).to(weight.dtype)
        found[f"{fold.layer}.bias"] = shift.to(weight.dtype)
    return found


def _taken(state: dict[str, Tensor], module: str, name: str) -> Tensor | None:
    tensor = state.pop(f"{module}.{name}", None)
    return None if tensor is None else tensor.double()


def _scaled(weight: Tensor, factor: Tensor, fold: Fold) -> Tensor:
    """The weight, each output times its factor."""
    if not fold.transposed:
        return weight * factor.reshape(-1, *(1,) * (weight.dim() - 1))
    grouped = weight.reshape(fold.groups, -1, *weight.shape[1:])  # groups, inputs and outputs of each, kernel
    each = factor.reshape(fold.groups, 1, -1, *(1,) * (weight.dim() - 2))
    return (grouped * each).reshape(weight.shape)
