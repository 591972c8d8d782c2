"""Ops that mix the units along some axes: reductions, normalisations, products, attention."""

from __future__ import annotations

from archspec import dims
# Ops that mix axes


def _mixing(site: Site) -> Transfer:
    axes = mixes(site)
    return site.first(lambda track: mixed(track, axes))


def _reduction(site: Site) -> Transfer:
    axes = mixes(site)
    if site.op.keepdim:
        return site.first(lambda track: mixed(track, axes))
    left = {axis: i for i, axis in enumerate(axis for axis in range(site.rank) if axis not in axes)}
    return site.first(lambda track: moved(mixed(track, axes), left))


def _trailing(site: Site) -> range:
    shape = site.op.normalized(site.inputs) if hasattr(site.op, "normalized") else site.op.normalized_shape
    return range(site.rank - len(shape), site.rank)


def _adaptive(site: Site) -> Transfer:
    whole: set[int] = set()
    layers: dict[int, Map] = {}
    for axis, (size, units) in enumerate(zip(site.x.shape[2:], site.shape[2:], strict=True), 2):
        if units == 1:
            whole.add(axis)
        elif isinstance(size, int) and isinstance(units, int):
            layers[axis] = grid.adaptive(size, units)
        elif not dims.proved_equal(size, units):
            return everything(site)
    step = layers(site, layers)
    return site.first(lambda track: mixed(step(track), whole))


def _matmul(site: Site) -> Transfer:
    a, b = site.inputs
    out = site.outputs[0]
    if min(a.rank, b.rank) < 2:
        return everything(site)
    left, right = broadcast(a, out, 2), broadcast(b, out, 2)
    return site.joined([
        lambda track: left(mixed(track, {a.rank - 1})),
        lambda track: right(mixed(track, {b.rank - 2})),
    ])  # fmt: skip


def _einsum(site: Site) -> Transfer:
    terms, result = site.op.parse(site.inputs)
    return site.joined([_summed(x, term, result, site.shape) for x, term in zip(site.inputs, terms, strict=True)])


def _summed(x: TensorType, term: list[str], result: list[str], shape: tuple[Dim, ...]) -> Step:
    gone = {axis for axis, label in enumerate(term) if label not in result}
    axes: dict[int, int | None] = {
        axis: None if x.shape[axis] == 1 and shape[result.index(label)] != 1 else result.index(label)
        for axis, label in enumerate(term)
        if label in result
    }
    return lambda track: moved(mixed(track, gone), axes)


def _attention(site: Site) -> Transfer:
    """`scaled_dot_product_attention`: a query sees all keys and values beside it."""
    out = site.outputs[0]

    def operand(position: int) -> Step:
        x = site.inputs[position]
        aligned = broadcast(x, out, 2)
        gone = {0: {x.rank - 1}, 1: {x.rank - 1, x.rank - 2}, 2: {x.rank - 2}}.get(position, set(range(x.rank)))
        return lambda track: aligned(mixed(track, gone))

    return site.joined([operand(position) for position in range(len(site.inputs))])


def _multihead(site: Site) -> Transfer:
    """`MultiheadAttention`; alone, the query is key and value too."""
    sequence = 1 if site.op.batch_first else 0
    query: Step = lambda track: mixed(track, {2})  # noqa: E731
    others: Step = lambda track: mixed(track, {sequence, 2})  # noqa: E731

    def apply(tracks: Tracks) -> Tracks:
        rest = tracks[1:] if "key" in site.inputs.names else (tracks[0], *tracks[1:])
        present = [query(tracks[0])] if tracks[0] is not None else []
        present += [others(track) for track in rest if track is not None]
        return alike(site, merged(present, site.path, site.shape) if present else None)

    return apply


