"""Ops that mix the units along some axes: reductions, normalisations, products."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import reduce

from archspec import dims
from archspec.analysis.fields import windows
from archspec.analysis.fields.grid import Map
from archspec.analysis.fields.site import (
    Site,
    Step,
    Transfer,
    along,
    at_most_everything,
    broadcast,
    everything,
    keep,
    mixing,
    renamed,
)
from archspec.analysis.fields.tracks import evened, mixed, normed, prefix
from archspec.dims import Dim
from archspec.values import TensorType

_REDUCTIONS = ("mean", "sum", "amax", "amin", "prod", "var", "std", "argmax", "logsumexp", "norm")
_ALONG_AXIS = (
    "Softmax", "LogSoftmax", "Softmin", "GLU", "softmax", "log_softmax", "glu", "normalize", "cumsum", *_REDUCTIONS,
)  # fmt: skip


def _trailing(site: Site) -> range:
    op = site.op
    shape: tuple[Dim, ...] = op.normalized(site.inputs) if hasattr(op, "normalized") else op.normalized_shape
    return range(site.rank - len(shape), site.rank)


def _batch_statistics(site: Site) -> range:
    """Without running statistics, those of the batch are used in evaluation too."""
    return range(0) if site.op.track_running_stats else range(2, site.rank)


MIXED: Mapping[str, Callable[[Site], Iterable[int]]] = {
    **dict.fromkeys(_ALONG_AXIS, lambda site: site.axes(site.op.dim)),
    **dict.fromkeys(("LayerNorm", "RMSNorm", "layer_norm"), _trailing),
    **dict.fromkeys(("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"), lambda site: range(2, site.rank)),
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"), _batch_statistics),
    **dict.fromkeys(("Softmax2d", "LocalResponseNorm", "CrossMapLRN2d", "ChannelShuffle"), lambda site: (1,)),
    "GroupNorm": lambda site: range(1, site.rank),
    "Linear": lambda site: (site.rank - 1,),
}
"""The axes of the first operand that an op mixes."""


def _mixing(site: Site) -> Transfer:
    axes = frozenset(MIXED[site.op.name](site))
    if site.op.category == "normalization":
        return site.first(lambda track: normed(track, axes))
    if site.op.name == "Linear":
        return site.first(lambda track: evened(mixed(track, axes), site.rank - 1))
    return site.first(mixing(axes))


def _reduction(site: Site) -> Transfer:
    if site.op.keepdim:
        return _mixing(site)
    return _reduction_over(site, frozenset(MIXED[site.op.name](site)))


def _reduction_over(site: Site, axes: Collection[int]) -> Transfer:
    ends = _without(site.rank, axes)
    return site.first(lambda track: ends(mixed(track, axes)))


def _without(rank: int, axes: Collection[int]) -> Step:
    """These axes go."""
    left = [axis for axis in range(rank) if axis not in axes]
    return renamed({old: new for new, old in enumerate(left)})


def _compared(site: Site) -> Transfer:
    """Vectors along an axis of two tensors that broadcast, each pair to a number."""
    rank = max(x.rank for x in site.inputs)
    axis = (site.op.dim if site.op.name == "CosineSimilarity" else -1) % rank
    ends: Step = keep if getattr(site.op, "keepdim", False) else _without(rank, {axis})
    steps = [_aligned(x, site.inputs, rank) for x in site.inputs]
    return site.joined([_in_turn(step, mixing({axis}), ends) for step in steps])


def _aligned(x: TensorType, others: Sequence[TensorType], rank: int) -> Step:
    """As `broadcast`, before there is a result to broadcast to."""
    new = rank - x.rank
    largest = (all(y.shape[axis - rank] == 1 for y in others if y.rank + axis >= rank) for axis in range(new, rank))
    alone = dict(enumerate(largest))
    return renamed({axis: axis + new for axis, size in enumerate(x.shape) if size != 1 or alone[axis]})


def _in_turn(*steps: Step) -> Step:
    return lambda track: reduce(lambda found, step: step(found), steps, track)


def _masked(site: Site) -> Transfer:
    """A constant mask, or a triangle, may leave out what a unit would see."""
    steps = [broadcast(x, site.outputs[0]) for x in site.inputs]
    if site.op.name == "where" and not site.inputs[0].constant:
        return site.joined(steps)
    return site.joined([_in_turn(step, lambda track: track._replace(at_most=True)) for step in steps])


def _bilinear(site: Site) -> Transfer:
    return site.joined([mixing({site.rank - 1})] * 2)


def _bag(site: Site) -> Transfer:
    return at_most_everything(site) if len(site.inputs) > 1 else _reduction_over(site, {1})


def _running(site: Site) -> Transfer:
    (axis,) = site.axes(site.op.dim)
    return site.first(lambda track: prefix(track, axis, site.x.shape[axis], site.x.shape[axis]))


def _adaptive(site: Site) -> Transfer:
    whole: set[int] = set()
    maps: dict[int, Map | None] = {}
    for axis, (size, units) in enumerate(zip(site.x.shape[2:], site.shape[2:], strict=True), 2):
        if units == 1:
            whole.add(axis)
        elif isinstance(size, int) and isinstance(units, int):
            maps[axis] = windows.adaptive(size, units)
        elif not dims.proved_equal(size, units):
            maps[axis] = None
    step = along(site, maps)
    return site.first(lambda track: mixed(step(track), whole))


def _matmul(site: Site) -> Transfer:
    a, b = site.inputs
    if min(a.rank, b.rank) < 2:
        return everything(site)
    left, right = (broadcast(x, site.outputs[0], 2) for x in (a, b))
    steps: list[Step] = [
        lambda track: left(mixed(track, {a.rank - 1})),
        lambda track: right(mixed(track, {b.rank - 2})),
    ]
    return site.joined(steps)


def _einsum(site: Site) -> Transfer:
    terms: list[list[str]]
    result: list[str]
    terms, result = site.op.parse(site.inputs)
    return site.joined([_summed(x, term, result, site.shape) for x, term in zip(site.inputs, terms, strict=True)])


def _summed(x: TensorType, term: list[str], result: list[str], shape: tuple[Dim, ...]) -> Step:
    gone = {axis for axis, label in enumerate(term) if label not in result}
    places = {axis: result.index(label) for axis, label in enumerate(term) if label in result}
    step = renamed({axis: new for axis, new in places.items() if x.shape[axis] != 1 or shape[new] == 1})
    return lambda track: step(mixed(track, gone))


MIXING: Mapping[str, Callable[[Site], Transfer]] = {
    **dict.fromkeys(MIXED, _mixing),
    **dict.fromkeys(_REDUCTIONS, _reduction),
    **dict.fromkeys(("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "adaptive_avg_pool2d"), _adaptive),
    **dict.fromkeys(("AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d"), _adaptive),
    **dict.fromkeys(("CosineSimilarity", "PairwiseDistance"), _compared),
    **dict.fromkeys(("tril", "triu", "where"), _masked),
    "cumsum": _running,
    "EmbeddingBag": _bag,
    "Bilinear": _bilinear,
    "matmul": _matmul,
    "einsum": _einsum,
}
