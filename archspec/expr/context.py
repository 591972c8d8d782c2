"""What an expression can see, and what it may spend."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from archspec.dims import Size
from archspec.expr.errors import Fault
from archspec.values import TensorType, Value

MAX_STEPS = 1_000_000
MAX_INT = 2**63
MAX_TEXT = 10_000  # characters of a computed text
MAX_ITEMS = 100_000  # of a list, and of all lists inside it


class NodeLike(Protocol):
    """A node in scope: one tensor or several, and what can be named inside it."""

    @property
    def label(self) -> str: ...

    @property
    def values(self) -> tuple[Value, ...]: ...

    @property
    def types(self) -> tuple[TensorType, ...]: ...

    def child(self, name: str) -> NodeLike | None: ...


class Names(Protocol):
    """The names in scope."""

    def variable(self, name: str) -> object:
        """A param, a let, a loop variable or an inferred argument; raises KeyError."""
        ...

    def node(self, name: str) -> NodeLike | None: ...

    def known(self) -> Iterable[str]:
        """Every name, for suggestions."""
        ...


class Budget:
    """Steps that evaluations may take together; one is shared by a whole elaboration."""

    __slots__ = ("left", "steps")

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.steps = steps
        self.left = steps

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise Fault("limit", f"this spec takes more than {self.steps:,} steps to compute", "shorten its loops")


class Frame:
    """One evaluation: the names, the budget, the comprehension variables, and the sizes pinned so far."""

    __slots__ = ("budget", "local", "names", "pins")

    def __init__(self, names: Names, budget: Budget, pins: list[Size] | None) -> None:
        self.names = names
        self.budget = budget
        self.pins = pins
        self.local: dict[str, object] = {}
