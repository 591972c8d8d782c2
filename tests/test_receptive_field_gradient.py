"""Random networks: the region of a unit is what torch's gradient says, borders and all."""

from __future__ import annotations

import warnings
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspec import api
from archspec.analysis.region import Region, Seen, region
from archspec.analysis.sample import Sample
from archspec.ir import Graph, leaves
from tests.gradients import support
from tests.random_fields import Spatial, networks
from tests.test_random_graphs import share

warnings.filterwarnings("ignore", module="torch")


@share(8)
@given(networks(), st.randoms(use_true_random=False))
def test_a_unit_sees_what_has_a_gradient(network: Spatial, random: Random) -> None:
    check(network.graph, random)


EXACT = {
    "gaps": """
        up: {op: ConvTranspose2d, out_channels: 2, kernel_size: [1, 2], stride: 2}
        sum: {op: add, from: [up, up]}
    """,
    "gaps, beside a path that differs along them": """
        up: {op: ConvTranspose2d, out_channels: 1, kernel_size: 1, stride: [2, 1]}
        moved: {op: roll, from: up, shifts: 3, dims: 2}
        sum: {op: add, from: [up, moved]}
    """,
    "side by side": """
        wide: {op: Conv2d, out_channels: 1, kernel_size: [1, 3], padding: [0, 1]}
        both: {op: cat, dim: 3, from: [wide, input]}
    """,
    "channels after a mix": """
        parts: {op: PixelUnshuffle, downscale_factor: 2}
        mix: {op: Conv2d, out_channels: 4, kernel_size: 1}
        some: {op: slice, dim: 1, end: 2}
    """,
    "windows across rows that were rolled": """
        roll: {op: roll, shifts: 4, dims: 2}
        split: {op: reshape, shape: [-1, 1, 3, 2, 8]}
        pool: {op: AvgPool3d, kernel_size: [2, 1, 1], stride: 1}
    """,
    "rows that were rolled": """
        roll: {op: roll, shifts: 4, dims: 2}
        split: {op: reshape, shape: [-1, 1, 3, 2, 8]}
        mean: {op: mean, dim: 2}
    """,
}
AT_MOST = {
    "channels that see other places": """
        parts: {op: PixelUnshuffle, downscale_factor: 2}
        some: {op: slice, dim: 1, end: 2}
    """,
    "channels that become places": """
        parts: {op: PixelUnshuffle, downscale_factor: 2}
        whole: {op: PixelShuffle, upscale_factor: 2}
    """,
    "channels that become places, by functions": """
        parts: {op: pixel_unshuffle, downscale_factor: 2}
        whole: {op: pixel_shuffle, upscale_factor: 2}
    """,
    "gaps, beside a path that differs along the other axis": """
        wide: {op: Conv2d, out_channels: 1, kernel_size: [1, 3], padding: [0, 1]}
        up: {op: ConvTranspose2d, out_channels: 1, kernel_size: 1, stride: [2, 1]}
        full: {op: interpolate, from: input, size: [11, 8]}
        sum: {op: add, from: [up, full]}
    """,
    "gaps in rows that a window crosses": """
        up: {op: ConvTranspose2d, out_channels: 1, kernel_size: 1, stride: [2, 1]}
        flat: {op: flatten, start_dim: 2}
        conv: {op: Conv1d, out_channels: 1, kernel_size: 3, padding: 1}
    """,
}


@pytest.mark.parametrize("case", EXACT | AT_MOST)
def test_what_is_exact_and_what_at_most(case: str) -> None:
    body = "\n".join(line.removeprefix("      ") for line in (EXACT | AT_MOST)[case].rstrip().splitlines())
    graph = api.loads(f"archspec: 1\nname: net\ninput: [N, 1, 6, 8]\ngraph:{body}\n")
    counts = check(graph, Random(0), units=16)
    assert counts.keys() <= {"exact", "nothing"} if case in EXACT else counts["at most"]


def check(graph: Graph, random: Random, units: int = 3) -> Counter[str]:
    """Some units of the output: those in two corners, and others. Counts what was compared."""
    (value,) = leaves(graph.outputs.entries[0].value)
    shape = Sample.of(graph).type_of(value).shape
    sizes = [size for size in shape[2:] if isinstance(size, int)]
    chosen = [[0] * len(sizes), [size - 1 for size in sizes]]
    chosen += [[random.randrange(size) for size in sizes] for _ in range(units - 2)]
    axes, counts = range(2, len(shape)), Counter[str]()
    for at in chosen:
        found = region(graph, value, at)
        real = support(graph, at, axes)
        by_input = {seen.input: seen for seen in found.inputs}
        for entry, positions in zip(graph.inputs, real, strict=True):
            seen = by_input.get(entry.name)
            if seen is None:
                assert not any(positions), f"{at} of {found.path} sees {entry.name}"
            else:
                counts[agreement(found, seen, positions)] += 1
                if not filled(graph):
                    within_the_formula(found, seen)
    return counts


def filled(graph: Graph) -> bool:
    """Positions stand beyond the borders, where the formula has zeros."""
    words = ("reflect", "replicate", "circular")
    return any(
        getattr(node.op, name, "") in words or node.op.name.startswith(("Reflection", "Replication", "Circular"))
        for node in graph.nodes for name in ("padding_mode", "mode")
    )  # fmt: skip


def within_the_formula(found: Region, seen: Seen) -> None:
    """Borders take from what the formula gives, and add nothing."""
    for free, kept in zip(seen.hull.unclipped, seen.hull.clipped, strict=True):
        assert free is not None and kept is not None
        what = f"{found.path} at {found.at}: {kept} is not within {free}"
        assert not kept.size or seen.nothing or (free.first <= kept.first and kept.last <= free.last), what


def agreement(found: Region, seen: Seen, real: list[set[int]]) -> str:
    """Exactly what has a gradient, or at most; what was compared."""
    what = f"{found.path} at {found.at}: {seen.hull.clipped}, but {[sorted(axis) for axis in real]}"
    for axis, hull in zip(real, seen.hull.clipped, strict=True):
        assert hull is not None
        ends = (min(axis), max(axis)) if axis else None
        if seen.exact:
            assert ends == (None if seen.nothing else tuple(hull)), what
        elif ends is not None:
            assert hull.first <= ends[0] and ends[1] <= hull.last, what
    return ("nothing" if seen.nothing else "exact") if seen.exact else "at most"
