"""What an expression can see, and what it may spend."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from archspec.dims import Size
from archspec.expr.errors import Fault
from archspec.limits import current, more
from archspec.values import TensorType, Value

MAX_INT = 2**63


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
    """Steps that evaluations may take together, and what values may grow to; shared by a whole elaboration."""

    __slots__ = ("allowed", "limits", "spent")

    def __init__(self, steps: int | None = None) -> None:
        self.limits = current()
        self.allowed = self.limits.steps if steps is None else steps
        self.spent = 0

    def spend(self, steps: int) -> None:
        self.spent += steps
        if self.spent > self.allowed:
            raise Fault("limit", self.exhausted, f"shorten its loops, or {more('steps')}")

    @property
    def exhausted(self) -> str:
        """What is said when nothing is left."""
        return f"this spec takes more than {self.allowed:,} steps to compute"


class Frame:
    """One evaluation: the names, the budget, the comprehension variables, and the sizes pinned so far."""

    __slots__ = ("budget", "local", "names", "pins")

    def __init__(self, names: Names, budget: Budget, pins: list[Size] | None) -> None:
        self.names = names
        self.budget = budget
        self.pins = pins
        self.local: dict[str, object] = {}
