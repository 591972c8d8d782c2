"""What is measured: the sections of the table, each with its cases."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import archspec
from archspec import dims
from archspec.library import bundled
from benchmarks.anew import compiled_anew
from benchmarks.growing import KINDS, MOST
from benchmarks.measure import Case, Contestant, Facts, Section
from benchmarks.networks import NETWORKS, Network
from benchmarks.peers import PEERS, Counts, Peer, count
from benchmarks.processes import Ended, python
from benchmarks.sweeping import SECTION as SWEEP

SIZES = (10, 100, 1_000, 10_000, 100_000)


# --- cold: a process each


def cold() -> Sequence[Case]:
    """From the shell's call to the answer."""
    return [
        Case(
            network.spec,
            [
                Contestant("archspec summary --json", partial(python, *_summary(network)), _summary_facts),
                *(
                    Contestant(peer.name, partial(_peer_process, peer, network), _child_facts, peer.note)
                    for peer in PEERS.values()
                ),
                *(Contestant(name, partial(python, "-c", code), _cpu, "no work") for name, code in FLOORS.items()),
            ],
        )
        for network in NETWORKS
    ] + [Case("all bundled specs", [Contestant("archspec check", partial(python, *_check()), _used)])]


FLOORS = {
    "importing pydantic, yaml": "import pydantic, yaml",
    "with BaseModel": "from pydantic import BaseModel; import yaml",
    "and one model": "from pydantic import BaseModel; import yaml\nclass Point(BaseModel):\n    x: int",
}
"""What a process that depends on these pays before it does anything."""


def _summary(network: Network) -> tuple[str, ...]:
    return ("-m", "archspec", "summary", network.spec, "--json")


def _check() -> tuple[str, ...]:
    return ("-m", "archspec", "check", *bundled())


def _used(ended: Ended) -> Facts:
    return ended.usage


def _summary_facts(ended: Ended) -> Facts:
    return {**_totals(json.loads(ended.output)), **ended.usage}


def _child_facts(ended: Ended) -> Facts:
    return {**json.loads(ended.output), **ended.usage}


def _cpu(ended: Ended) -> Facts:
    """Its memory is less than this process has, and so not known."""
    return {"CPU": ended.usage["CPU"]}


def _peer_process(peer: Peer, network: Network) -> Ended:
    _needs(peer)
    return _child("peer", peer.name, network.spec)


def _child(*arguments: str) -> Ended:
    return python("-m", "benchmarks.child", *arguments)


# --- warm: everything imported


def warm() -> Sequence[Case]:
    """From the spec's file, or torchvision's constructor, to the answer, in a process that has done it before."""
    return [
        Case(
            network.spec,
            [
                Contestant("archspec", partial(_analyse, network), _totals),
                Contestant("archspec, counts alone", partial(_count_anew, network), Counts.facts, "what others give"),
                Contestant("archspec, asked again", partial(_ask_again, network), _totals, "its file has not changed"),
                *(
                    Contestant(peer.name, partial(_count, peer, network), Counts.facts, peer.note)
                    for peer in PEERS.values()
                ),
            ],
        )
        for network in NETWORKS
    ]


def _analyse(network: Network) -> dict[str, Any]:
    """Everything that is said of a network; a summary computes what it is asked for."""
    return compiled_anew(network.spec).summary().to_json()


def _count_anew(network: Network) -> Counts:
    """Parameters and MACs, for which all shapes have to be known, and nothing else."""
    total = compiled_anew(network.spec).summary().total
    return Counts(total.params, dims.value(total.macs))


def _ask_again(network: Network) -> dict[str, Any]:
    return archspec.load(network.spec).summary().to_json()


def _count(peer: Peer, network: Network) -> Counts:
    _needs(peer)
    return count(peer, network)


def _totals(summary: dict[str, Any]) -> Facts:
    return {"params": summary["totals"]["params"], "MACs": summary["totals"]["macs"]}


def _needs(peer: Peer) -> None:
    if find_spec(peer.package) is None:
        raise ModuleNotFoundError(f"{peer.package} is not installed")


# --- growth: archspec alone, a process for each size


def growth(sizes: Sequence[int] = SIZES) -> Sequence[Case]:
    """Specs of ten nodes to a hundred thousand."""
    return [
        Case(
            kind,
            [
                Contestant(f"{size:,} nodes", partial(_child, "grown", kind, str(size)), _child_facts)
                for size in sizes
                if size <= MOST.get(kind, size)
            ],
        )
        for kind in KINDS
    ]


# Sections that import torch come last: a new process starts with the peak of the one that made it.
SECTIONS = {
    section.name: section
    for section in (
        Section(
            "cold",
            "Cold: a process that analyses one network",
            "Wall time of a fresh process, from start to exit, with the network's full analysis in between: shapes, "
            "parameters, MACs, receptive fields and peak memory for archspec; parameters and MACs for the others, "
            "which import torch first. `CPU` is that of the last run, all cores. Last, processes that do no work.",
            ("CPU", "peak MB", "params", "MACs"),
            cold,
            7,
        ),
        Section(
            "growth",
            "Growth: N nodes, compiled and fully analysed",
            "CPU times within a process of its own, imports apart; analyses are all that `summary --json` shows. "
            "`us a node` stays level where growth is linear.",
            ("nodes", "compile", "analyse", "us a node", "peak MB"),
            growth,
            3,
            warm_up=False,
        ),
        Section(
            "warm",
            "Warm: one network, in a process that has everything imported",
            "archspec reads and compiles the spec's file anew each time, though it remembers what an op comes to with "
            "given arguments, and analyses it in full, or counts alone as the others do; asked again for the same, it "
            "gives what it knows. The others construct torchvision's module, on the meta device or without "
            "initialising it, and count.",
            ("params", "MACs"),
            warm,
            7,
        ),
        SWEEP,
    )
}
