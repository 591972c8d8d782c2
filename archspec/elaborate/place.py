"""Where in the network the elaborator stands: the file it reads, the graph it fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archspec.elaborate.environment import Env, View
from archspec.elaborate.names import Bound, Names
from archspec.elaborate.params import Param
from archspec.ir import Origin, Scope
from archspec.spec import BlockSyntax, Spec
from archspec.syntax import NodeSyntax


@dataclass(slots=True, eq=False)
class File:
    """A spec in use: its params' values and lets. Blocks see these and nothing of their caller's."""

    spec: Spec
    env: Env
    block_params: dict[str, dict[str, Param]] = field(default_factory=dict[str, "dict[str, Param]"])


@dataclass(frozen=True, slots=True, eq=False)
class OpValue:
    """An op as a value, for `op: $block` and `norm: $norm`: a name or `{op: ...}` with the place it was written in.

    Two are equal when they say the same in the same file, so that blocks given equal layers are elaborated once.
    """

    label: str
    node: Any  # Scalar | Mapping
    file: File
    view: View

    def __str__(self) -> str:
        return self.label

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OpValue) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return (self.label, id(self.node), id(self.file), id(self.view.env))


@dataclass(slots=True, eq=False)
class Patches:
    """What an extending spec replaces by elaborated path, below `base`."""

    base: str
    nodes: Mapping[str, NodeSyntax | None]
    used: set[str] = field(default_factory=set[str])

    def key(self, path: str) -> str | None:
        """The key of the patch for an elaborated path."""
        inside = path[len(self.base) + 1 :] if self.base and path.startswith(self.base + ".") else path
        return inside if inside in self.nodes else None


@dataclass(slots=True, eq=False)
class Place:
    """The graph that is being filled."""

    file: File
    names: Names
    view: View
    path: str
    module: str
    numbered: bool
    origin: Origin | None
    patches: Patches
    previous: Bound
    counter: int = 0
    children: list[Scope | int] = field(default_factory=list["Scope | int"])
    used_at: Origin | None = None
    block: BlockSyntax | None = None

    def join(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def join_module(self, name: str) -> str:
        return f"{self.module}.{name}" if self.module else name
