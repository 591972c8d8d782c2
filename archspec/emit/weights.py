"""A module with weights that were saved: read, matched name by name, copied. Only what is not loaded is initialised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archspec.diagnostics import spec_error
from archspec.emit import torch as backend
from archspec.emit.checkpoint import Checkpoint, Weights, read
from archspec.emit.fit import COUNTER, Fit, fit, renamed
from archspec.emit.mismatch import Stored
from archspec.ir import Graph

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

SHOWN = 6


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was loaded from where, and what was not. `parameters` counts elements, of parameters alone."""

    source: str
    key: str | None
    prefix: str
    tensors: int
    parameters: int
    fit: Fit
    casts: tuple[tuple[str, str], ...]  # floating types in the file, and in the module

    def lines(self) -> list[str]:
        """What people should know, the count first."""
        at = f", its `{self.key}`" if self.key is not None else ""
        lines = [f"{self.source}{at}: {self.tensors:,} tensors, {self.parameters:,} parameters"]
        lines += self.replaced_heads()
        heads = {head.module for head in self.fit.heads}
        left = [name for name in self.fit.left if name.rpartition(".")[0] not in heads]
        if left:
            lines.append(f"skipped, but initialised: {_listed(left)}")
        if self.fit.unused:
            lines.append(f"skipped in the file: {_listed(self.fit.unused)}")
        if self.prefix:
            lines.append(f"without the `{self.prefix}` before every name")
        if self.fit.counters:
            lines.append(f"`{COUNTER}` starts at 0: the file is older than these counters")
        lines += [f"{there} in the file, {here} here" for there, here in self.casts]
        return lines

    def replaced_heads(self) -> list[str]:
        """The last layers that are new, as the file has another number of outputs."""
        return [
            f"`{head.module}` has {head.there:,} outputs in {self.source}, {head.here:,} here: initialised, not loaded"
            for head in self.fit.heads
        ]

    def to_json(self) -> dict[str, Any]:
        """The same as data."""
        return {
            "source": self.source.strip("`"),
            "key": self.key,
            "prefix": self.prefix,
            "tensors": self.tensors,
            "parameters": self.parameters,
            "replaced_heads": [
                {"module": head.module, "file": head.there, "network": head.here} for head in self.fit.heads
            ],
            "initialised": list(self.fit.left),
            "unused": list(self.fit.unused),
            "missing_counters": list(self.fit.counters),
            "casts": [list(cast) for cast in self.casts],
        }


def build(
    graph: Graph,
    weights: Weights,
    *,
    skip: str | Iterable[str] = (),
    rename: Mapping[str, str] | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    init: bool = True,
) -> tuple[nn.Module, Loaded]:
    """The network with weights from a file or mapping, and what was loaded.

    Args:
        skip: patterns over names: these of the network are initialised, these of the file are not used.
        rename: parts of the file's names to be replaced, in order.
        init: False leaves what is not loaded uninitialised.

    Raises:
        SpecError: where the file cannot be read, or anything in it does not fit.
    """
    if device is not None and str(device).startswith("meta"):
        raise spec_error("bad-weights", "a module on the meta device holds no weights", help="choose another device")
    file = read(weights)
    names = renamed(file.tensors, graph, rename or {}, file.source)
    tensors = {name: file.tensors[original] for name, original in names.originals.items()}
    found = {name: Stored(tuple(tensor.shape), _dtype(tensor)) for name, tensor in tensors.items()}
    fitted = fit(graph, found, file.source, (skip,) if isinstance(skip, str) else skip)
    for one, other in fitted.twins:
        if not bool((tensors[one] == tensors[other]).all()):
            message = f"`{one}` and `{other}` differ in {file.source}, but are one tensor in `{graph.name}`"
            raise spec_error("bad-weights", message, help="skip one of them, or untie them in the spec")
    model = backend.build(graph, device=device, dtype=dtype, init=fitted.left if init else False)
    own = model.state_dict()
    state = {name: tensors[fitted.loads[name]] if name in fitted.loads else tensor for name, tensor in own.items()}
    model.load_state_dict(state)
    return model, _loaded(graph, file, names.prefix, fitted, state, own)


def _loaded(
    graph: Graph, file: Checkpoint, prefix: str, fitted: Fit, state: Mapping[str, Tensor], own: Mapping[str, Tensor]
) -> Loaded:
    owned = [(name, stored.buffer) for _, name, stored in graph.state() if name in fitted.loads]
    casts = {
        (_dtype(state[name]), _dtype(own[name])): None
        for name, _ in owned
        if state[name].is_floating_point() and state[name].dtype != own[name].dtype
    }
    parameters = sum(own[name].numel() for name, buffer in owned if not buffer)
    return Loaded(file.source, file.key, prefix, len(owned), parameters, fitted, tuple(casts))


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"`{name}`" for name in names[:SHOWN]) + more
