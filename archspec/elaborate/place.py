"""Where in the network the elaborator stands: the file it reads, the graph it fills, the node it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol

from archspec import dims
from archspec.diagnostics import Span
from archspec.elaborate.environment import Env, View
from archspec.elaborate.names import Bound, Names
from archspec.elaborate.params import Param
from archspec.elaborate.session import Session
from archspec.frozen import FrozenDict, frozen
from archspec.ir import Origin, Scope
from archspec.objects import mutable, record
from archspec.spec import BlockSyntax, Patch, Spec
from archspec.syntax import Child, NodeSyntax, Statement
from archspec.values import RuntimeSize
from archspec.yaml_source import Mapping as YamlMapping
from archspec.yaml_source import Scalar

if TYPE_CHECKING:
    from archspec.elaborate.files import Use as OpUse
    from archspec.elaborate.lines import Line
    from archspec.ops.base import Op


@mutable
class File:
    """A spec in use: its params' values and lets. Blocks see these and nothing of their caller's."""

    spec: Spec
    env: Env
    uses: dict[str, OpUse] = field(default_factory=dict[str, "OpUse"])  # what the words that stand for ops mean
    lines: dict[tuple[int, type[Op]], tuple[NodeSyntax, Line]] = field(  # by the identity of what is written
        default_factory=dict["tuple[int, type[Op]]", "tuple[NodeSyntax, Line]"]
    )
    block_params: dict[str, dict[str, Param]] = field(default_factory=dict[str, "dict[str, Param]"])
    block_defaults: dict[tuple[File, BlockSyntax], YamlMapping] | None = None  # once a block is used
    context: object = None  # what stands for it in the keys of templates, once a block is used


class OpValue(str):
    """An op as a value, for `op: $block` and `norm: $norm`: a name or `{op: ...}` with the place it was written in.

    It is the op's name as text, so that `block == 'Bottleneck'` can be asked and `act_$act` be written. Two are equal
    when they say the same in the same file, so that blocks given equal layers are elaborated once.
    """

    node: Scalar | YamlMapping
    file: File
    view: View

    def __new__(cls, label: str, node: Scalar | YamlMapping, file: File, view: View) -> OpValue:
        made = super().__new__(cls, label)
        made.node, made.file, made.view = node, file, view
        return made

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, OpValue) else str(self) == other

    def __hash__(self) -> int:
        return str.__hash__(self)

    def __str__(self) -> str:
        return str.__str__(self)

    @property
    def is_word(self) -> bool:
        """A name of which nothing is left to fill in."""
        return isinstance(self.node, Scalar) and "$" not in self.node.text

    def _key(self) -> tuple[object, ...]:
        return (str(self), self.file) if self.is_word else (str(self), self.file, self.node, self.view.env)


def shown_params(values: Mapping[str, Any]) -> FrozenDict[str, Any]:
    """Params as the graph keeps them: ops by their name, sizes as their numbers where they have them."""
    return FrozenDict({name: _shown(value) for name, value in values.items()})


def _shown(value: Any) -> Any:
    if isinstance(value, OpValue):
        return str(value)
    if isinstance(value, RuntimeSize):
        return dims.show(value.dim) if (number := dims.value(value.dim)) is None else number
    return frozen(value)


@mutable
class Patches:
    """What extending specs replace by elaborated path, below `base`; `outer` ones come first."""

    base: str
    nodes: Mapping[str, Patch]
    outer: Patches | None = None
    used: set[str] = field(default_factory=set[str])

    def __bool__(self) -> bool:
        return bool(self.nodes) or bool(self.outer)

    def __contains__(self, path: str) -> bool:
        inside = path.removeprefix(f"{self.base}.") if self.base else path
        return inside in self.nodes or (self.outer is not None and path in self.outer)

    def find(self, path: str) -> Patch | None:
        """The patch of an elaborated path, which is then in use."""
        found = self.outer.find(path) if self.outer is not None else None
        inside = path.removeprefix(f"{self.base}.") if self.base else path
        if found is None and inside in self.nodes:
            self.used.add(inside)
            found = self.nodes[inside]
        return found


@record(eq=False)
class Use:
    """A network in use: the whole, or a spec as an op of it, below `module`."""

    module: str
    file: File
    patches: Patches


@mutable
class Place:
    """The graph being filled. `previous`: what the next node reads. `used_at`: the use of the block it is in."""

    file: File
    names: Names
    view: View
    path: str
    module: str
    numbered: bool
    patches: Patches
    previous: Bound
    counter: int = 0
    children: list[Scope | int] = field(default_factory=list["Scope | int"])
    used_at: Origin | None = None

    def join(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def join_module(self, name: str) -> str:
        return f"{self.module}.{name}" if self.module else name


@record(eq=False)
class Site:
    """Where a node goes: in which graph, under which path and module. `name_span`: where its name is written."""

    place: Place
    path: str
    module: str
    syntax: NodeSyntax
    view: View
    name_span: Span
    parts: tuple[str, ...] = ()  # of a comma key

    @property
    def origin(self) -> Origin:
        return Origin(self.name_span, "", self.place.used_at)


class Filler(Protocol):
    """What blocks and sub-specs need of `Graphs`, which uses them."""

    session: Session

    def fill(self, place: Place, body: Sequence[Statement[Child]]) -> None: ...
