"""Choices: drawn by hypothesis, which can shrink them, or by a seeded generator, which is a hundred times faster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


@dataclass(frozen=True)
class Count:
    """A number that the writer may write as an expression."""

    value: int


class Pick:
    """Draws; the first choice is the simplest."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw

    def int(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def of(self, items: Sequence[T]) -> T:
        return self.draw(st.sampled_from(items))

    def chance(self, one_in: int) -> bool:
        return self.draw(st.integers(0, one_in - 1)) == one_in - 1

    def some(self, **options: Callable[[], Any]) -> dict[str, Any]:
        """Some of the arguments, each one time in four."""
        return {name: make() for name, make in options.items() if self.chance(4)}

    def flag(self) -> bool:
        return self.draw(st.booleans())

    def order(self, items: Iterable[T]) -> list[T]:
        return self.draw(st.permutations(list(items)))

    def factor(self, of: int) -> int:
        return self.of([n for n in range(1, of + 1) if of % n == 0])

    def per_axis(self, values: list[int]) -> int | list[int]:
        """One number where all agree."""
        return values[0] if len(set(values)) == 1 else values


class Seeded(Pick):
    """The same choices for the same seed."""

    def __init__(self, seed: str) -> None:
        self.random = Random(seed)

    def int(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def of(self, items: Sequence[T]) -> T:
        return items[self.random.randrange(len(items))]

    def chance(self, one_in: int) -> bool:
        return self.random.randrange(one_in) == one_in - 1

    def flag(self) -> bool:
        return self.random.random() < 0.5

    def order(self, items: Iterable[T]) -> list[T]:
        found = list(items)
        self.random.shuffle(found)
        return found
