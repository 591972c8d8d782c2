"""What a network holds in memory while it runs, measured: storages that are alive after each operation of torch."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_BATCH_NORM = torch.ops.aten.native_batch_norm.default
_TRAINING = 5  # the place of its argument


class Allocations(TorchDispatchMode):
    """Adds up the storages that are alive, but for those that were there before. `statistics`: those of a batch norm in
    evaluation too, which nobody reads; the meta device has them, on a CPU they are empty."""

    def __init__(self, *known: Tensor, statistics: bool = False) -> None:
        super().__init__()
        self.statistics = statistics
        self.known = {tensor.untyped_storage()._cdata for tensor in known}
        self.live: dict[int, int] = {}
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        alone = func is _BATCH_NORM and not args[_TRAINING] and not self.statistics
        for tensor in tree_leaves(result[0] if alone else result):
            if isinstance(tensor, Tensor):
                self.count(tensor)
        self.peak = max(self.peak, sum(self.live.values()))
        return result

    def count(self, tensor: Tensor) -> None:
        """Counts the storage of a tensor until it is freed."""
        storage = tensor.untyped_storage()
        if storage._cdata not in self.known and storage._cdata not in self.live:
            self.live[storage._cdata] = storage.nbytes()
            weakref.finalize(storage, self.live.pop, storage._cdata, None)


def owned(model: nn.Module) -> list[Tensor]:
    """The tensors of the model itself."""
    return [*model.parameters(), *model.buffers()]


def inference_peak(model: nn.Module, inputs: list[Tensor]) -> int:
    """The peak of a forward pass in evaluation. The inputs are handed over: whoever calls keeps none of them."""
    with torch.no_grad(), Allocations(*owned(model)) as allocations:
        for position in range(len(inputs)):
            allocations.count(inputs[position])
        allocations.peak = sum(allocations.live.values())
        inputs.reverse()
        call = ", ".join(["inputs.pop()"] * len(inputs))  # a call with `*inputs` would hold them all
        eval(f"forward({call})", {"forward": model.eval().forward, "inputs": inputs})
    return allocations.peak


class Loss(torch.autograd.Function):
    """A loss that keeps nothing, and whose gradient is as large as its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.like = x.shape, x.dtype, x.device
        return x.new_zeros(())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        shape, dtype, device = ctx.like
        return torch.zeros(shape, dtype=dtype, device=device)


def kept_bytes(model: nn.Module, inputs: Sequence[Tensor]) -> int:
    """The bytes of distinct storages that autograd holds after a forward pass in training, but for the model's own."""
    known = {tensor.untyped_storage()._cdata for tensor in owned(model)}
    held: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in known and storage._cdata not in held:
            held[storage._cdata] = storage.nbytes()
            weakref.finalize(storage, held.pop, storage._cdata, None)  # what leads to no output is dropped
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        outputs = model.train()(*inputs)
    kept = sum(held.values())
    del outputs
    return kept


def training_peak(model: nn.Module, inputs: Sequence[Tensor]) -> int:
    """The peak of a forward and a backward pass, inputs, outputs and the gradients of parameters included."""
    model.zero_grad(set_to_none=True)
    with Allocations(*owned(model)) as allocations:
        for tensor in inputs:
            allocations.count(tensor)
        allocations.peak = sum(allocations.live.values())
        outputs = [x for x in tree_leaves(model.train()(*inputs)) if isinstance(x, Tensor)]
        losses = [Loss.apply(x) for x in outputs if x.requires_grad]
        if losses:
            torch.autograd.backward(losses)
    return allocations.peak
