"""Whether two modules are the same network: names, outputs in both modes, memory, distributions of initial weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from tests.memory_probe import Allocations, owned


def randomise(model: nn.Module) -> None:
    """Weights and running statistics that no wrong wiring leaves without effect, whatever the depth."""
    torch.manual_seed(0)
    for tensor in model.state_dict().values():
        if tensor.dim() > 1:
            tensor.normal_(std=math.sqrt(2 / tensor[0].numel()))
        elif tensor.dim() == 1:
            tensor.uniform_(0.5, 1.5)
        else:
            tensor.zero_()  # num_batches_tracked


def share_weights(ours: nn.Module, theirs: nn.Module) -> None:
    """A strict load of their state: weights are shared, as a large network has a gigabyte; statistics are copied."""
    state = {key: tensor.clone() if tensor.dim() < 2 else tensor for key, tensor in theirs.state_dict().items()}
    ours.load_state_dict(state, strict=True, assign=True)


def assert_same_names(ours: nn.Module, theirs: nn.Module) -> None:
    """The same tensors under the same names in the same order, the same of them trained."""
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert trained(ours) == trained(theirs)


def trained(model: nn.Module) -> list[str]:
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


def assert_same_outputs(ours: nn.Module, theirs: nn.Module, x: Tensor, *, training: bool, tolerance: float) -> None:
    """Equal outputs, one by one, and equal statistics after; what is random in training draws the same numbers."""
    found: list[list[Tensor]] = []
    for model in (ours, theirs):
        torch.manual_seed(1)
        with torch.no_grad():
            found.append(list(tensors(model.train(training)(x.clone()))))
    assert len(found[0]) == len(found[1])
    for one, other in zip(*found, strict=True):
        assert other.std() > 0
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * float(other.abs().max()))
    for one, other in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        if one.data_ptr() != other.data_ptr():
            torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def tensors(output: Any) -> Iterator[Tensor]:
    """The tensors of what a network returns, in order: a tensor, a tuple or a dict of them."""
    if isinstance(output, Tensor):
        yield output
    else:
        for item in output.values() if isinstance(output, dict) else output:
            yield from tensors(item)


def peak(model: nn.Module, shape: tuple[int, ...]) -> int:
    """Bytes of the activations that are alive at once, the input aside, in an evaluation of one sample on the meta
    device."""
    x = torch.empty(1, *shape, device="meta")
    with torch.no_grad(), Allocations(*owned(model), x, statistics=True) as live:
        model.eval()(x)
    return live.peak


def assert_same_distribution(key: str, ours: Tensor, theirs: Tensor) -> None:
    """Mean, spread and shape agree within six standard errors of two samples of this size."""
    six = 6 * math.sqrt(2 / ours.numel())
    spread = theirs.std()
    assert ours.std() > 0, key
    assert abs(ours.mean() - theirs.mean()) <= six * spread, key
    assert abs(ours.std() / spread - 1) <= six, key
    if ours.numel() > 10_000:  # a normal distribution has 3, a uniform one 1.8
        assert abs(kurtosis(ours) - kurtosis(theirs)) < 0.5, key


def kurtosis(x: Tensor) -> Tensor:
    return ((x - x.mean()) ** 4).mean() / x.var() ** 2
