"""What an expression can see: variables, outermost first, and the nodes of the graph it stands in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any

from archspec.elaborate.names import Bound, Names, Poisoned
from archspec.objects import mutable
from archspec.values import Value


@mutable
class Env:
    """Variables of one level: a file's params and lets, a block's, a loop's iteration."""

    parent: Env | None = None
    values: dict[str, Any] = field(default_factory=dict[str, Any])

    def find(self, name: str) -> Any:
        """The value of a variable. Raises KeyError."""
        env: Env | None = self
        while env is not None:
            if name in env.values:
                return env.values[name]
            env = env.parent
        raise KeyError(name)

    def __contains__(self, name: str) -> bool:
        env: Env | None = self
        while env is not None and name not in env.values:
            env = env.parent
        return env is not None

    def names(self) -> Iterator[str]:
        env: Env | None = self
        while env is not None:
            yield from env.values
            env = env.parent


@mutable
class View:
    """An `Env` with the nodes in reach; `inferred` are the op's own inferred arguments, which the user's names hide."""

    env: Env
    nodes: Names | None = None
    inferred: Mapping[str, Any] | None = None
    mark: Callable[[tuple[Value, ...]], None] | None = None

    def variable(self, name: str) -> Any:
        try:
            return self.env.find(name)
        except KeyError:
            if self.inferred is not None:
                return self.inferred[name]
            raise

    def node(self, name: str) -> Bound | None:
        bound = self.nodes.find(name) if self.nodes is not None else None
        if bound is not None:
            if bound.failed:
                raise Poisoned
            if self.mark is not None:
                self.mark(bound.values)
        return bound

    def known(self) -> Iterable[str]:
        yield from self.env.names()
        if self.inferred is not None:
            yield from self.inferred
        if self.nodes is not None:
            yield from self.nodes.visible()
