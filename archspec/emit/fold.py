"""The weights of a network made for inference, from those of the network it was made of."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from archspec.emit import torch as backend
from archspec.inference import Fold, FoldAhead, Folds, Optimized


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


def folded(state: Mapping[str, Tensor], folds: Folds) -> dict[str, Tensor]:
    """A `state_dict` in which layers have taken in the batch norms before and after them. Computed in float64: a fold
    rounds each number once."""
    found = dict(state)
    for fold in folds:
        if isinstance(fold, Fold):
            _fold(found, fold)
        else:
            _fold_ahead(found, fold)
    return found


def _fold(state: dict[str, Tensor], fold: Fold) -> None:
    """`a * (W x + bias) + b` as `W' x + bias'`."""
    weight, bias = state[f"{fold.layer}.weight"], state.get(f"{fold.layer}.bias")
    a, b = _affine(state, fold.norm, fold.eps)
    shift = b if bias is None else a * bias.double() + b
    state[f"{fold.layer}.weight"] = _scaled(weight.double(), a, fold).to(weight.dtype)
    state[f"{fold.layer}.bias"] = shift.to(weight.dtype)


def _fold_ahead(state: dict[str, Tensor], fold: FoldAhead) -> None:
    """`W (a * x + b) + bias` as `W' x + bias'`; with a ReLU, x is held on one side of `-b / a`."""
    weight, bias = state[f"{fold.layer}.weight"], state.get(f"{fold.layer}.bias")
    a, b = _affine(state, fold.norm, fold.eps)
    if fold.clamped:
        bound = -b / a
        beyond = ~(bound.abs() < torch.finfo(weight.dtype).max)  # where no x is: the sign of b decides
        never = beyond & (b <= 0)
        a, b = a.masked_fill(never, 0), b.masked_fill(never, 0)
        spatial = (1,) * (weight.dim() - 2)
        for name, open_, end in (("min", a < 0, -torch.inf), ("max", a > 0, torch.inf)):
            limit = bound.masked_fill(beyond | open_, end)
            state[f"{fold.norm}.{name}"] = limit.reshape(-1, *spatial).to(weight.dtype)
    grouped = weight.double().reshape(fold.groups, -1, *weight.shape[1:])  # groups, outputs and inputs of each, kernel
    each = (fold.groups, 1, -1, *(1,) * (weight.dim() - 2))
    shift = (grouped * b.reshape(each)).flatten(2).sum(2).flatten()
    state[f"{fold.layer}.weight"] = (grouped * a.reshape(each)).reshape(weight.shape).to(weight.dtype)
    state[f"{fold.layer}.bias"] = (shift if bias is None else shift + bias.double()).to(weight.dtype)


def _affine(state: dict[str, Tensor], norm: str, eps: float) -> tuple[Tensor, Tensor]:
    """The batch norm as a factor and a summand for each channel. Its tensors are taken out of the state."""

    def taken(name: str) -> Tensor | None:
        tensor = state.pop(f"{norm}.{name}", None)
        return None if tensor is None else tensor.double()

    mean, variance, weight, bias = map(taken, ("running_mean", "running_var", "weight", "bias"))
    state.pop(f"{norm}.num_batches_tracked", None)
    assert mean is not None and variance is not None
    a = torch.rsqrt(variance + eps) * (1 if weight is None else weight)
    return a, (0 if bias is None else bias) - mean * a


def _scaled(weight: Tensor, factor: Tensor, fold: Fold) -> Tensor:
    """The weight, each output times its factor."""
    if not fold.transposed:
        return weight * factor.reshape(-1, *(1,) * (weight.dim() - 1))
    grouped = weight.reshape(fold.groups, -1, *weight.shape[1:])  # groups, inputs and outputs of each, kernel
    each = factor.reshape(fold.groups, 1, -1, *(1,) * (weight.dim() - 2))
    return (grouped * each).reshape(weight.shape)
