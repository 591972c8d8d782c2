"""Ops over sequences: attention, transformers, recurrent networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from archspec.analysis.fields.joining import merged
from archspec.analysis.fields.site import Site, Step, Tracks, Transfer, alike, broadcast, mixing
from archspec.analysis.fields.tracks import Track, lost, mixed, moved, prefix
from archspec.values import TensorType


def _attention(site: Site) -> Transfer:
    """A query sees all keys and values beside it; the causal one those up to its own place."""
    queries = site.inputs[0].shape[-2]

    def operand(position: int, x: TensorType) -> Step:
        step, sequence = broadcast(x, site.outputs[0], 2), x.rank - 2
        shared = site.op.enable_gqa and position in (1, 2) and x.shape[-3] != site.shape[-3]

        def apply(track: Track) -> Track:
            if shared:  # a head serves several of the query's; any of them is said to
                track = mixed(track, {x.rank - 3})._replace(at_most=True)
            if position == 0:
                return step(mixed(track, {x.rank - 1}))
            if position == 1:
                track = mixed(track, {x.rank - 1})
            elif position > 2:
                return step(lost(track))
            if site.op.is_causal:
                return step(prefix(track, sequence, x.shape[sequence], queries))
            return step(mixed(track, {sequence}))

        return apply

    return _held(site, site.joined([operand(position, x) for position, x in enumerate(site.inputs)]), 0)


def _multihead(site: Site) -> Transfer:
    """As `_attention`; alone, the query is key and value too."""
    sequence = _sequence(site)
    itself = "key" not in site.inputs.names
    causal: bool = site.op.is_causal

    def apply(tracks: Tracks) -> Tracks:
        query, *others = tracks
        found = [] if query is None else [mixed(query, {2})]
        for track, x in zip((query if itself else None, *others), site.inputs, strict=True):
            if track is not None:
                found.append(_attended(site, mixed(track, {2}), x, sequence, causal))
        if not found:
            return alike(site, None)
        output = merged(found, site.shape)
        return (output, *[lost(output)] * (len(site.outputs) - 1))

    return _held(site, apply, int(causal))


def _attended(site: Site, track: Track, x: TensorType, sequence: int, causal: bool) -> Track:
    """What a place in the result sees of a sequence it attends to."""
    if causal:
        return prefix(track, sequence, x.shape[sequence], site.shape[sequence])
    return mixed(track, {sequence})


def _transformer(site: Site) -> Transfer:
    """Each place of the last sequence that is not a memory sees itself and all others, and all of the memory."""
    own = {"Transformer": 1}.get(site.op.name, 0)
    sequence = _sequence(site)
    causal = bool(getattr(site.op, "tgt_is_causal", getattr(site.op, "is_causal", False)))

    def apply(tracks: Tracks) -> Tracks:
        found: list[Track] = []
        for position, track in enumerate(tracks):
            if track is None:
                continue
            plain = mixed(track, {2})
            x = site.inputs[position]
            if position == own:
                found += [plain, _attended(site, plain, x, sequence, causal)]
            else:
                found.append(mixed(plain, {sequence}) if x.rank == 3 else lost(track))
        return alike(site, merged(found, site.shape) if found else None)

    return _held(site, apply, int(causal))


def _held(site: Site, apply: Transfer, known: int) -> Transfer:
    """Masks may keep a unit from what it would see, but for `known` causal ones."""
    if sum(name.endswith("mask") for name in site.inputs.names) <= known:
        return apply

    def transfer(tracks: Tracks) -> Tracks:
        return [None if track is None else track._replace(at_most=True) for track in apply(tracks)]

    return transfer


def _recurrent(site: Site) -> Transfer:
    """A step sees those before it, run in both directions all; the final states see all."""
    sequence, batch = _sequence(site), 1 - _sequence(site)

    def apply(tracks: Tracks) -> Tracks:
        x, *states = tracks
        initial = [moved(mixed(track, {0, 2}), {1: batch}) for track in states if track is not None]
        outputs = list(initial)
        if x is not None:
            x = mixed(x, {2})
            outputs.append(_attended(site, x, site.x, sequence, not site.op.bidirectional))
            initial.append(mixed(x, {sequence}))
        if not outputs:
            return alike(site, None)
        final = moved(merged(initial, site.shape), {batch: 1})
        return (merged(outputs, site.shape), *[final] * (len(site.outputs) - 1))

    return apply


def _cell(site: Site) -> Transfer:
    return site.joined([mixing({1})] * len(site.inputs))


def _sequence(site: Site) -> int:
    return 1 if site.op.batch_first else 0


SEQUENCES: Mapping[str, Callable[[Site], Transfer]] = {
    "scaled_dot_product_attention": _attention,
    "MultiheadAttention": _multihead,
    **dict.fromkeys(("TransformerEncoderLayer", "TransformerEncoder", "Transformer"), _transformer),
    **dict.fromkeys(("TransformerDecoderLayer", "TransformerDecoder"), _transformer),
    **dict.fromkeys(("RNN", "LSTM", "GRU"), _recurrent),
    **dict.fromkeys(("RNNCell", "LSTMCell", "GRUCell"), _cell),
}
