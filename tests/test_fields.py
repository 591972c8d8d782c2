"""Checked fields: what annotations take, how classes inherit and order their fields, and what instances are."""

from __future__ import annotations

import copy
import pickle
from typing import Annotated, Any, ClassVar, Literal

import pytest

from archspec.fields import BadFields, Checked, Convert, check_of, fields_of, is_marked

MARK = object()


def _listed(value: object) -> object:
    if value == "bad":
        raise ValueError
    return tuple(value) if isinstance(value, list) else value


class Base(Checked):
    kind: ClassVar[str] = "base"
    size: Annotated[int, MARK]
    rate: float = 0.5


class Derived(Base):
    kind: ClassVar[str] = "derived"
    mode: Literal["a", "b"] = "a"
    rate: float


class Ordered(Derived):
    mode: Literal["a", "b"] = "b"
    rate: float = 1.0
    size: int


@pytest.mark.parametrize(
    ("annotation", "taken", "refused"),
    [
        (int, [0, -3, 10**30], [True, 1.0, "1", None]),
        (float, [0.5, float("inf")], [True, "1", None, 10**400]),
        (bool, [True, False], [0, 1, None]),
        (str, ["", "x"], [1, None, b"x"]),
        (Literal["x", 1], ["x", 1], ["y", True, 1.0]),
        (int | None, [3, None], [False, 2.5]),
        (tuple[int, int], [(1, 2)], [(1,), (1, 2, 3), [1, 2], (1, True), 1]),
        (tuple[int, ...], [(), (1, 2, 3)], [[1], (1.5,)]),
        (tuple[tuple[str, Any], ...], [(("a", 1), ("b", [2]))], [(("a",),), ((1, 1),)]),
        (Annotated[tuple[int, ...], Convert(_listed)] | None, [None, (1,)], ["bad", (None,)]),
        (Any, [None, [1], {}], []),
        (Base, [Base(size=1)], [1, Base]),
    ],
)
def test_annotations_are_strict(annotation: Any, taken: list[Any], refused: list[Any]) -> None:
    check = check_of(annotation)
    for value in taken:
        found = check(value)
        assert found == value and type(found) is type(value)
    for value in refused:
        with pytest.raises(ValueError):
            check(value)


def test_an_integer_stays_one_where_it_may() -> None:
    for annotation, expected in ((float, float), (float | int, int), (int | float | None, int), (float | None, float)):
        assert type(check_of(annotation)(2)) is expected
    assert check_of(Annotated[tuple[float, float], Convert(_listed)])([1, 2.5]) == (1.0, 2.5)


def test_fields_are_those_of_the_bases_first_unless_a_class_states_all() -> None:
    assert list(fields_of(Base)) == ["size", "rate"]
    assert list(fields_of(Derived)) == ["size", "rate", "mode"]
    assert list(fields_of(Ordered)) == ["mode", "rate", "size"]
    assert is_marked(fields_of(Derived)["size"], MARK) and not is_marked(fields_of(Ordered)["size"], MARK)
    assert fields_of(Derived)["rate"].is_required() and fields_of(Ordered)["rate"].default == 1.0


def test_every_bad_argument_is_named() -> None:
    with pytest.raises(BadFields) as found:
        Derived(size="1", mode="c", self=1, other=2)
    assert found.value.wrong == ("size", "mode")
    assert found.value.missing == ("rate",)
    assert found.value.unknown == ("self", "other")
    assert str(found.value) == "Derived: missing rate; unknown self, other; wrong size, mode"


def test_instances_are_values() -> None:
    one, two = Base(size=1), Base(rate=0.5, size=1)
    assert one == two and hash(one) == hash(two) and repr(one) == repr(two) == "Base(size=1, rate=0.5)"
    assert one != Base(size=2) and one != Derived(size=1, rate=0.5) and one != (1, 0.5)
    assert (one.given, two.given) == ({"size"}, {"size", "rate"})
    for again in (copy.copy(two), copy.deepcopy(two), pickle.loads(pickle.dumps(two))):
        assert again == two and again.given == two.given
    assert dict(one) == {"size": 1, "rate": 0.5}
