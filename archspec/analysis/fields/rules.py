"""How each op carries the input's axes from its operands to its results.

`transfer` gives a function of the operands' tracks for one axis of the input. Most ops follow from their `reach`; those
that mix or move particular axes are listed by name. An op that is not understood mixes everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from archspec.analysis.fields import grid
from archspec.analysis.fields.grid import Map
from archspec.analysis.fields.mixing import MIXED, MIXING
from archspec.analysis.fields.rearranging import REARRANGING
from archspec.analysis.fields.site import Site, Step, Transfer, along, broadcast, everything, keep
from archspec.analysis.fields.tracks import mixed
from archspec.ops.base import Window

RULES: Mapping[str, Callable[[Site], Transfer]] = {**MIXING, **REARRANGING}
"""Ops whose rule is not that of their reach."""


def transfer(site: Site) -> Transfer:
    """How the results of an op depend on its operands."""
    rule = RULES.get(site.op.name) or REACHES.get(site.op.reach, everything)
    return rule(site)


def mixes(site: Site) -> frozenset[int]:
    """The axes of the first operand that an op mixes, where that is known."""
    axes = MIXED.get(site.op.name)
    return frozenset(axes(site)) if axes else frozenset()


def _elementwise(site: Site) -> Transfer:
    if len(site.inputs) == 1:
        return site.first(keep)
    return site.joined([broadcast(x, site.outputs[0]) for x in site.inputs])


def _windows(site: Site) -> Transfer:
    return site.first(_sliding(site, grid.window))


def _transposed(site: Site) -> Transfer:
    return site.joined([_sliding(site, grid.transposed)] * len(site.inputs))


def _sliding(site: Site, kind: Callable[[Window], Map]) -> Step:
    """Windows along the last axes. The axis before them is that of the channels, which pools alone leave apart."""
    maps = tuple(map(kind, site.op.windows(site.inputs)))
    first = site.rank - len(maps)
    step = along(site, dict(enumerate(maps, first)))
    if site.op.category in ("pooling", "padding"):
        return step
    return lambda track: step(mixed(track, {first - 1}))


def _resized(site: Site) -> Transfer:
    op = site.op
    bilinear = op.name == "UpsamplingBilinear2d"
    mode: str = getattr(op, "mode", "bilinear" if bilinear else "nearest")
    aligned = bool(getattr(op, "align_corners", bilinear))
    antialias: bool = getattr(op, "antialias", False)
    given: float | tuple[float, ...] | None = None if getattr(op, "recompute_scale_factor", False) else op.scale_factor
    maps: dict[int, Map] = {}
    for axis in range(2, site.rank):
        size, units = site.x.shape[axis], site.shape[axis]
        if not isinstance(size, int) or not isinstance(units, int):
            return everything(site)
        factor = given[axis - 2] if isinstance(given, tuple) else given
        maps[axis] = grid.interpolated(size, units, mode, aligned, antialias, factor)
    return site.first(along(site, maps))


REACHES: Mapping[str, Callable[[Site], Transfer]] = {
    "pointwise": _elementwise, "window": _windows, "transposed": _transposed, "resize": _resized,
}  # fmt: skip
"""The rules that follow from how an op reaches; the others are not understood."""
