"""What torch's gradient says a unit depends on: the oracle of receptive fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from archspec.emit.torch import build
from archspec.ir import Graph

NOISE = 1e-13  # of the largest gradient: what rounding leaves where weights of a resize cancel


def support(graph: Graph, at: Sequence[int], axes: Sequence[int], draws: int = 2) -> list[list[set[int]]]:
    """Per input and axis of it from 2 on, the positions with a gradient from the unit at `at` along `axes` of the
    output, all its channels together.

    Weights and inputs are positive, so that paths do not cancel; a maximum stands for all of its window. There are two
    samples, as BatchNorm's backward pass on a CPU misreads the gradient of one that was transposed on its way.
    """
    model = smooth(build(graph).double().eval())
    found = [[set[int]() for _ in entry.type.shape[2:]] for entry in graph.inputs]
    for draw in range(draws):
        torch.manual_seed(draw)
        for parameter in model.parameters():
            fan = parameter.numel() / parameter.shape[0] if parameter.ndim > 1 else 1
            parameter.data.uniform_(0.5, 1).div_(fan)
        shapes = [[2, *(int(str(size)) for size in entry.type.shape[1:])] for entry in graph.inputs]
        inputs = [torch.rand(shape, dtype=torch.float64).add_(0.5).requires_grad_() for shape in shapes]
        out: Tensor = model(*inputs)
        for axis, place in zip(axes, at, strict=True):
            out = out.narrow(axis, place, 1)
        gradients = torch.autograd.grad((out * torch.rand_like(out)).sum(), inputs, allow_unused=True)
        for gradient, axes_of_input in zip(gradients, found, strict=True):
            if gradient is not None:
                largest = gradient.abs().max()
                for axis, seen in enumerate(axes_of_input, 2):
                    other = [i for i in range(gradient.ndim) if i != axis]
                    along = gradient.abs().amax(other)
                    seen |= set((along > NOISE * largest).nonzero().flatten().tolist())
    return found


def smooth(model: nn.Module) -> nn.Module:
    """The module with means in place of maxima: a gradient that reaches all of a window."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            kind = type(child).__name__
            if kind.startswith("MaxPool"):
                setattr(module, name, _Windows(child))
            elif kind.startswith("AdaptiveMaxPool"):
                setattr(module, name, getattr(nn, kind.replace("Max", "Avg"))(child.output_size))  # pyright: ignore[reportAttributeAccessIssue]
    return model


class _Windows(nn.Module):
    """The sum over the windows of a max-pool."""

    def __init__(self, pool: Any) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        shape: Sequence[int] = self.pool(x).shape
        axes = x.ndim - 2
        kernel, stride, padding, dilation = (
            value if isinstance(value, tuple) else (value,) * axes
            for value in (self.pool.kernel_size, self.pool.stride, self.pool.padding, self.pool.dilation)
        )
        spare = [(pad, pad + k * d + s) for k, s, pad, d in zip(kernel, stride, padding, dilation, strict=True)]
        padded = functional.pad(x, [n for pair in reversed(spare) for n in pair])
        ones = torch.ones((x.shape[1], 1, *kernel), dtype=x.dtype)
        convolve: Callable[..., Tensor] = (functional.conv1d, functional.conv2d, functional.conv3d)[axes - 1]
        sums = convolve(padded, ones, stride=stride, dilation=dilation, groups=x.shape[1])
        return sums[(slice(None), slice(None), *(slice(size) for size in shape[2:]))]
