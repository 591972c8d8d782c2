"""An op where it is used, and what its rules are made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from archspec.analysis.fields.grid import IDENTITY, Map, Unsized
from archspec.analysis.fields.joining import merged
from archspec.analysis.fields.tracks import Track, View, lost, mixed, moved, read
from archspec.dims import Dim
from archspec.objects import record
from archspec.ops.base import Inputs
from archspec.values import TensorType

Tracks = Sequence[Track | None]
"""Per operand or per result, how it carries one axis of the input; None: it does not depend on the input."""

Transfer = Callable[[Tracks], Tracks]
"""From the operands' tracks to the results'."""

Step = Callable[[Track], Track]


@record
class Site:
    """An op where it is used, with the sizes of one sample."""

    op: Any
    inputs: Inputs
    outputs: tuple[TensorType, ...]
    view: View = "formula"
    bare: frozenset[int] = frozenset()  # axes of the first operand along which no axis of the input is laid out

    @property
    def x(self) -> TensorType:
        """The first operand."""
        return self.inputs.types[0]

    @property
    def shape(self) -> tuple[Dim, ...]:
        """The first result's."""
        return self.outputs[0].shape

    @property
    def rank(self) -> int:
        """The first operand's."""
        return len(self.inputs.types[0].shape)

    def axes(self, given: int | tuple[int, ...]) -> tuple[int, ...]:
        """Axes of the first operand, counted from the front."""
        return tuple(axis % self.rank for axis in (given if isinstance(given, tuple) else (given,)))

    def first(self, step: Step) -> Transfer:
        """All results follow from the first operand."""

        def transfer(tracks: Tracks) -> Tracks:
            return alike(self, tracks[0] and step(tracks[0]))

        return transfer

    def joined(self, steps: Sequence[Step]) -> Transfer:
        """The results follow from all operands, each after its own step."""

        def transfer(tracks: Tracks) -> Tracks:
            present = [step(track) for step, track in zip(steps, tracks, strict=False) if track is not None]
            return alike(self, merged(present, self.shape) if present else None)

        return transfer


def alike(site: Site, track: Track | None) -> Tracks:
    """The same for every result."""
    return (track,) * len(site.outputs)


def keep(track: Track) -> Track:
    """Nothing changes."""
    return track


def everything(site: Site) -> Transfer:
    """Every unit depends on all units of all operands."""
    return site.joined([lost] * len(site.inputs))


def at_most_everything(site: Site) -> Transfer:
    """The same, where which units they are is not known."""
    return site.joined([_lost_at_most] * len(site.inputs))


def _lost_at_most(track: Track) -> Track:
    return lost(track)._replace(at_most=True)


def mixing(axes: Collection[int]) -> Step:
    """All units along these axes are read."""
    return lambda track: mixed(track, axes)


def broadcast(x: TensorType, to: TensorType, last: int = 0) -> Step:
    """Axes are aligned at the end, where the `last` ones are left alone; those of size 1 lose their meaning."""
    if x.shape == to.shape:
        return keep
    new = to.rank - x.rank
    return renamed({
        axis: axis + new
        for axis, size in enumerate(x.shape)
        if size != 1 or axis >= x.rank - last or to.shape[axis + new] == 1
    })  # fmt: skip


def renamed(axes: Mapping[int, int]) -> Step:
    """The axes under other numbers; one that is not mentioned goes."""
    return lambda track: moved(track, axes)


def along(site: Site, maps: Mapping[int, Map | None]) -> Step:
    """A map for each of some axes, from the first operand to the result; None where it follows from unknown sizes."""
    old, new, bare = site.x.shape, site.shape, site.bare
    changed = [(axis, one) for axis, one in maps.items() if one != IDENTITY or old[axis] != new[axis]]
    if not changed:
        return keep

    def step(track: Track) -> Track:
        for axis, one in changed:
            if one is not None:
                track = read(track, axis, old[axis], one, new[axis], axis in bare)
            elif any(digit.axis == axis for digit in track.digits):
                raise Unsized
        return track

    return step
