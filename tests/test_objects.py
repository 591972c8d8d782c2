"""Records: what a dataclass of the standard library does, with methods that are compiled when they are called."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest

from archspec.objects import mutable, record, uncollected


@record
class Point:
    x: int
    y: float = 0.5
    tags: list[str] = field(default_factory=list[str])
    note: str = field(default="n", repr=False, compare=False)


@record
class Above(Point):
    z: int = 3


@record(eq=False)
class Named:
    name: str

    def __repr__(self) -> str:
        return f"<{self.name}>"


@record
class Equal:
    """Any two are equal."""

    x: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal)


@mutable
class Box:
    value: int = 0


@dataclass(slots=True, unsafe_hash=True)
class Peer:
    x: int
    y: float = 0.5
    tags: list[str] = field(default_factory=list[str])
    note: str = field(default="n", repr=False, compare=False)


CALLS: tuple[Callable[[type[Any]], object], ...] = (
    lambda cls: repr(cls(1)),
    lambda cls: repr(cls(1, 2.0, ["a"], note="b")),
    lambda cls: cls(1) == cls(1, note="other"),
    lambda cls: cls(1) == cls(2),
    lambda cls: cls(1) == 1,
    lambda cls: hash(cls(1, tags=())) == hash(cls(1, tags=(), note="other")),
    lambda cls: hash(cls(1, tags=())) == hash((1, 0.5, ())),
    lambda cls: cls(1).tags is cls(1).tags,
    lambda cls: repr(replace(cls(1), y=2.0)),
    lambda cls: [item.name for item in fields(cls)],
    lambda cls: cls.__match_args__,
    lambda cls: cls.__slots__,
    lambda cls: hasattr(cls(1), "__dict__"),
    lambda cls: cls(),
    lambda cls: cls(1, z=2),
    lambda cls: hash(cls(1)),
)


def outcome(call: Callable[[type[Any]], object], cls: type[Any]) -> object:
    try:
        result = call(cls)
    except TypeError as error:
        return str(error)
    return result.replace(cls.__qualname__, "C") if isinstance(result, str) else result


@pytest.mark.parametrize("call", CALLS)
def test_a_record_is_what_a_dataclass_is(call: Callable[[type[Any]], object]) -> None:
    found, expected = outcome(call, Point), outcome(call, Peer)
    if isinstance(expected, str):
        expected = expected.replace("Peer.", "")
    assert found == expected or str(found) == str(expected)


def test_a_record_extends_another() -> None:
    assert repr(Above(1, z=4)) == "Above(x=1, y=0.5, tags=[], z=4)"
    assert Above(1) != Point(1) and Above(1) == Above(1, 0.5, [], "n", 3)


def test_own_methods_are_kept() -> None:
    assert repr(Named("a")) == "<a>" and Named("a") != Named("a") and len({Named("a"), Named("a")}) == 2
    assert Equal(1) == Equal(2) and hash(Equal(1)) == hash(Equal(1))


def test_what_changes_is_compared_by_identity() -> None:
    box = Box()
    box.value = 3
    assert box == box and box != Box(3) and repr(box) == "Box(value=3)"
    with pytest.raises(AttributeError):
        box.other = 1  # type: ignore[attr-defined]


def test_records_are_copied_and_pickled() -> None:
    point = Above(1, 2.0, ["a"], "b", 9)
    for again in (copy.copy(point), copy.deepcopy(point), pickle.loads(pickle.dumps(point))):
        assert again == point and again.note == "b"


def test_what_imports_make_is_not_searched_for_garbage() -> None:
    collections: list[str] = []
    gc.callbacks.append(lambda phase, info: collections.append(phase))
    try:
        with uncollected(kept=True):
            made = [[] for _ in range(10_000)]
        assert not collections
        assert gc.isenabled()
        assert gc.get_freeze_count() == 0
        with uncollected():
            made += [[] for _ in range(10_000)]
        made.append([])
        assert collections, "what is not kept is searched once"
    finally:
        gc.callbacks.pop()


def test_what_somebody_has_frozen_stays_frozen() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with uncollected(kept=True):
            pass
        assert gc.get_freeze_count() > frozen / 2 > 0  # some have been freed since
    finally:
        gc.unfreeze()
