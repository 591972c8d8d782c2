"""Other tools that count parameters and MACs, each used as its documentation says, at its fastest.

Each builds torchvision's module, as archspec compiles the spec: a tool that needs a module needs its construction.
Where a tool can, the module lives on the meta device and no number is ever computed.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from benchmarks.measure import Facts
from benchmarks.networks import Network


class Counts(NamedTuple):
    """What a tool says of a network; nothing where it only follows its shapes."""

    params: int | None = None
    macs: int | None = None

    def facts(self) -> Facts:
        """By the names of the columns."""
        found = {"params": self.params, "MACs": self.macs}
        return {name: count for name, count in found.items() if count is not None}


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool. `package`: what must be installed for it. `note`: what its number of MACs is."""

    name: str
    package: str
    count: Callable[[Network], Counts]
    note: str = ""


def _module(network: Network, device: str) -> Any:
    """torchvision's module in evaluation mode, its weights not initialised: counting needs none."""
    import torch
    from torchvision.models import get_model

    with torch.device("meta"):
        module = get_model(network.torchvision, weights=None).eval()
    return module if device == "meta" else module.to_empty(device=device)


def _torchinfo(network: Network) -> Counts:
    from torchinfo import summary

    found = summary(_module(network, "meta"), input_size=network.input, device="meta", verbose=0)
    return Counts(found.total_params, found.total_mult_adds)


def _flop_counter(network: Network) -> Counts:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    module = _module(network, "meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.empty(network.input, device="meta"))
    return Counts(_parameters(module), counter.get_total_flops() // 2)


def _fvcore(network: Network, device: str) -> Counts:
    import torch
    from fvcore.nn import FlopCountAnalysis

    module = _module(network, device)
    found = FlopCountAnalysis(module, torch.zeros(network.input, device=device))
    found.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return Counts(_parameters(module), int(found.total()))


def _thop(network: Network, device: str) -> Counts:
    import torch
    from thop import profile

    macs, params = profile(_module(network, device), (torch.zeros(network.input, device=device),), verbose=False)
    return Counts(int(params), int(macs))


def _torchview(network: Network) -> Counts:
    from torchview import draw_graph

    draw_graph(_module(network, "meta"), input_size=network.input, device="meta")
    return Counts()


def _parameters(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


PEERS = {
    peer.name: peer
    for peer in (
        Peer("torchinfo, meta", "torchinfo", _torchinfo, "counts norms and biases, no attention"),
        Peer("FlopCounterMode, meta", "torch", _flop_counter, "FLOPs halved"),
        Peer("fvcore, meta", "fvcore", lambda network: _fvcore(network, "meta")),
        Peer("fvcore, CPU", "fvcore", lambda network: _fvcore(network, "cpu"), "counts norms too"),
        Peer("torchview, meta", "torchview", _torchview, "shapes alone, as a graph of three levels; nothing is drawn"),
        Peer("thop, meta", "thop", lambda network: _thop(network, "meta"), "counts norms and activations too"),
    )
}


def count(peer: Peer, network: Network) -> Counts:
    """What the tool says, its warnings left out."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return peer.count(network)
