"""How each op carries the input's axes from its operands to its results.

`transfer` gives a function of the operands' tracks for one axis of the input. Most ops follow from their `reach`; those
that mix or move particular axes are listed by name. An op that is not understood mixes everything.
"""

from __future__ import annotations

def transfer(site: Site) -> Transfer:
    """How the results of an op depend on its operands."""
    rule = RULES.get(site.op.name) or REACHES.get(site.op.reach, everything)
    return rule(site)


def mixes(site: Site) -> frozenset[int]:
    """The axes of the first operand that an op of reach "global" mixes, as far as that is known."""
    rule = MIXED.get(site.op.name)
    return frozenset(rule(site)) if rule else frozenset()


# By reach


def _elementwise(site: Site) -> Transfer:
    if len(site.inputs) == 1:
        return site.first(keep)
    return site.joined([broadcast(x, site.outputs[0]) for x in site.inputs])


def _windows(site: Site) -> Transfer:
    step = layers(site, last_axes(site, map(grid.window, site.op.windows(site.inputs))))
    return site.first(step)


def _transposed(site: Site) -> Transfer:
    step = layers(site, last_axes(site, map(grid.transposed, site.op.windows(site.inputs))))
    return site.joined([step] * len(site.inputs))


def _resized(site: Site) -> Transfer:
    op = site.op
    mode = getattr(op, "mode", "bilinear" if op.name == "UpsamplingBilinear2d" else "nearest")
    aligned = op.align_corners is True if hasattr(op, "align_corners") else op.name == "UpsamplingBilinear2d"
    factors = None if getattr(op, "recompute_scale_factor", False) else getattr(op, "scale_factor", None)
    layers: dict[int, Map] = {}
    for axis in range(2, site.rank):
        size, units = site.x.shape[axis], site.shape[axis]
        if not isinstance(size, int) or not isinstance(units, int):
            return everything(site)
        factor = factors[axis - 2] if isinstance(factors, tuple) else factors
        layers[axis] = grid.interpolated(size, units, mode, aligned, getattr(op, "antialias", False), factor)
    return site.first(layers(site, layers))


REACHES: Mapping[str, Callable[[Site], Transfer]] = {
    "pointwise": _elementwise, "window": _windows, "transposed": _transposed, "resize": _resized,
}  # fmt: skip


def _each(names: str, rule: Callable[[Site], Any]) -> dict[str, Callable[[Site], Any]]:
    return dict.fromkeys(names.split(), rule)


MIXED: Mapping[str, Callable[[Site], Iterable[int]]] = {
    **_each("Linear Bilinear", lambda site: (site.rank - 1,)),
    **_each("LayerNorm RMSNorm layer_norm", _trailing),
    **_each(
        "Softmax LogSoftmax Softmin GLU softmax log_softmax glu normalize cumsum mean sum amax amin prod var std argmax "
        "logsumexp norm",
        lambda site: site.axes(site.op.dim),
    ),
    **_each("GroupNorm", lambda site: range(1, site.rank)),
    **_each("InstanceNorm1d InstanceNorm2d InstanceNorm3d", lambda site: range(2, site.rank)),
}
"""Ops of which it is known what they mix: the axes, by name."""

_REDUCTIONS = "mean sum amax amin prod var std argmax logsumexp norm"

RULES: Mapping[str, Callable[[Site], Transfer]] = {
    **dict.fromkeys(MIXED, _mixing),
    **_each(_REDUCTIONS, _reduction),
    "Bilinear": everything,
    **_each("AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d adaptive_avg_pool2d", _adaptive),
    **_each("AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d", _adaptive),
    "matmul": _matmul,
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
    "MultiheadAttention": _multihead,
    **_each("Flatten Unflatten flatten unflatten reshape view", _reshape),
    "permute": _permute(lambda site: site.op.order(site.x)),
    "movedim": _permute(lambda site: site.op.order(site.x)),
    "transpose": _permute(_transpose),
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "expand": _expand,
    "repeat": _repeat,
    "Embedding": _embedding,
    "slice": _slice,
    "narrow": _narrow,
    "select": _select,
    "getitem": _getitem,
    "index_select": _gathered(_selection),
    "roll": _gathered(_rolled),
    "flip": _gathered(_flipped),
    "pad": _pad,
    "cat": _cat,
    "stack": _stack,
    "chunk": _parts,
    "split": _parts,
    "unbind": _unbind,
}
"""Ops whose rule is not that of their reach."""
