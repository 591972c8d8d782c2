"""Ops that mix the units along some axes: reductions, normalisations, products, attention."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from archspec import dims
from archspec.analysis.fields import grid
from archspec.analysis.fields.grid import Map
from archspec.analysis.fields.site import Site, Step, Tracks, Transfer, alike, along, broadcast, everything, renamed
from archspec.analysis.fields.tracks import lost, merged, mixed
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
    return site.first(lambda track: mixed(track, axes))


def _reduction(site: Site) -> Transfer:
    if site.op.keepdim:
        return _mixing(site)
    axes = frozenset(MIXED[site.op.name](site))
    left = [axis for axis in range(site.rank) if axis not in axes]
    step = renamed({old: new for new, old in enumerate(left)})
    return site.first(lambda track: step(mixed(track, axes)))


def _adaptive(site: Site) -> Transfer:
    whole: set[int] = set()
    maps: dict[int, Map] = {}
    for axis, (size, units) in enumerate(zip(site.x.shape[2:], site.shape[2:], strict=True), 2):
        if units == 1:
            whole.add(axis)
        elif isinstance(size, int) and isinstance(units, int):
            maps[axis] = grid.adaptive(size, units)
        elif not dims.proved_equal(size, units):
            return everything(site)
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


def _attention(site: Site) -> Transfer:
    """A query sees all keys and values beside it."""

    def operand(position: int, x: TensorType) -> Step:
        step = broadcast(x, site.outputs[0], 2)
        gone = {0: {x.rank - 1}, 1: {x.rank - 1, x.rank - 2}, 2: {x.rank - 2}}.get(position, set(range(x.rank)))
        return lambda track: step(mixed(track, gone))

    return site.joined([operand(position, x) for position, x in enumerate(site.inputs)])


def _multihead(site: Site) -> Transfer:
    """As `_attention`; alone, the query is key and value too."""
    sequence = 1 if site.op.batch_first else 0
    itself = "key" not in site.inputs.names

    def apply(tracks: Tracks) -> Tracks:
        query, *others = tracks
        found = [] if query is None else [mixed(query, {2})]
        found += [mixed(track, {sequence, 2}) for track in (query if itself else None, *others) if track is not None]
        if not found:
            return alike(site, None)
        output = merged(found, site.path, site.shape)
        return (output, *[lost(output)] * (len(site.outputs) - 1))

    return apply


MIXING: Mapping[str, Callable[[Site], Transfer]] = {
    **dict.fromkeys(MIXED, _mixing),
    **dict.fromkeys(_REDUCTIONS, _reduction),
    **dict.fromkeys(("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "adaptive_avg_pool2d"), _adaptive),
    **dict.fromkeys(("AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d"), _adaptive),
    "matmul": _matmul,
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
    "MultiheadAttention": _multihead,
}
