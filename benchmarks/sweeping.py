"""Many networks of one spec: `archspec.sweep` beside construction on the meta device and torch's own counter."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Any

import archspec
from benchmarks.measure import Case, Contestant, Facts, Section

AXES: dict[str, list[Any]] = {
    "growth": [12, 16, 20, 24, 28, 32, 36, 40, 44, 48],
    "stem": [32, 48, 64, 80, 96],
    "bottleneck": [2, 3, 4, 5],
    "blocks": [[6, 12, 24, 16], [6, 12, 32, 32], [6, 12, 36, 24], [6, 12, 48, 32], [6, 12, 18, 12]],
}
"""DenseNets: a thousand combinations."""
SAMPLE = 20
"""Combinations that are constructed: the time of one is taken as that of any."""


def sweeping() -> Sequence[Case]:
    """A thousand DenseNets."""
    count = 1
    for values in AXES.values():
        count *= len(values)
    return [
        Case(
            f"{count:,} DenseNets",
            [
                Contestant("archspec.sweep", partial(_sweep, None), _found),
                Contestant("archspec.sweep, one process", partial(_sweep, 1), _found),
                Contestant(
                    "constructed on meta, FlopCounterMode",
                    partial(_constructed, count),
                    lambda made: made,
                    f"{SAMPLE} of them, drawn evenly, and their time multiplied",
                ),
            ],
        )
    ]


def _sweep(jobs: int | None) -> Any:
    return archspec.sweep("densenet", AXES, jobs=jobs)


def _found(sweep: Any) -> Facts:
    rows = sweep.rows
    return {"networks": len(rows), "params": rows[0]["params"], "MACs": rows[0]["macs"]}


def _constructed(count: int) -> Facts:
    """Constructs and counts some networks, the first one among them, and says how long all would take."""
    import time

    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from torchvision.models import DenseNet

    grid = list(_combinations())
    chosen = [grid[0], *random.Random(0).sample(grid[1:], SAMPLE - 1)]
    facts: list[Facts] = []
    start = time.perf_counter()
    for values in islice(chosen, SAMPLE):
        with torch.device("meta"):
            module = DenseNet(
                growth_rate=values["growth"], num_init_features=values["stem"], bn_size=values["bottleneck"],
                block_config=values["blocks"],
            ).eval()  # fmt: skip
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            module(torch.empty(1, 3, 224, 224, device="meta"))
        params = sum(parameter.numel() for parameter in module.parameters())
        facts.append({"params": params, "MACs": counter.get_total_flops() // 2})
    seconds = (time.perf_counter() - start) * count / SAMPLE
    return {"networks": SAMPLE, "seconds": seconds, **facts[0]}


def _combinations() -> Any:
    from itertools import product

    return (dict(zip(AXES, values, strict=True)) for values in product(*AXES.values()))


SECTION = Section(
    "sweep",
    "Sweep: a thousand networks of one spec",
    "Parameters and MACs of every combination of four params of DenseNet's, in a process that has everything imported; "
    "`archspec.sweep` with a process a core, their start included, and with one. The first network's counts are shown.",
    ("networks", "params", "MACs"),
    sweeping,
    3,
    warm_up=False,
)
