"""What a sweep varies: values of params, typed by their declarations, and their combinations."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from archspec.diagnostics import Diagnostic, Source, SpecError, spec_error
from archspec.elaborate.files import declared, known_param
from archspec.elaborate.inputs import parse_shape
from archspec.elaborate.params import Param, Written, check_value, given_entries, is_op_node
from archspec.spec import Spec, variant_entries
from archspec.yaml_source import Entry, Node, Scalar, parse, plain
from archspec.yaml_source import Sequence as YamlSequence

_NUMBER = r"[-+]?(?:\d+(?:\.\d+)?|(?<!\.)\.\d+)(?:[eE][-+]?\d+)?"
_NEARLY_A_RANGE = re.compile(rf"({_NUMBER})\s*(?:-|:|\.\.\.+)\s*({_NUMBER})")
_RANGE = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(?::\s*({_NUMBER})\s*)?")

VARIANT, INPUT = "variant", "input"


@dataclass(frozen=True, slots=True)
class Axis:
    """A param, or `variant` or `input`, and the values it takes, as plain data. `texts`: as they stand in tables and
    files."""

    name: str
    values: tuple[Any, ...]
    texts: tuple[str, ...]

    @property
    def is_numeric(self) -> bool:
        """Whether all values are numbers."""
        return all(isinstance(value, int | float) for value in self.values)


@dataclass(frozen=True, slots=True)
class Grid:
    """All combinations of values, numbered: the last axis changes first."""

    axes: tuple[Axis, ...]

    @property
    def size(self) -> int:
        return math.prod(len(axis.values) for axis in self.axes)

    def positions(self, index: int) -> tuple[int, ...]:
        """Which value of each axis a combination has."""
        found: list[int] = []
        for axis in reversed(self.axes):
            index, position = divmod(index, len(axis.values))
            found.append(position)
        return tuple(reversed(found))

    def values(self, index: int) -> tuple[Any, ...]:
        """The values of a combination."""
        return tuple(axis.values[at] for axis, at in zip(self.axes, self.positions(index), strict=True))

    def texts(self, index: int) -> tuple[str, ...]:
        """The values of a combination, as they stand in tables and files."""
        return tuple(axis.texts[at] for axis, at in zip(self.axes, self.positions(index), strict=True))

    def arguments(self, index: int) -> dict[str, Any]:
        """What `archspec.load` takes for a combination: `params`, and `variant` and `input` where they are varied."""
        values = dict(zip((axis.name for axis in self.axes), self.values(index), strict=True))
        given = {name: values.pop(name) for name in (VARIANT, INPUT) if name in values}
        return {"params": values, **given}

    def written(self, index: int) -> str:
        """A combination on one line: `growth=12 blocks=[6, 12]`."""
        return " ".join(f"{axis.name}={text}" for axis, text in zip(self.axes, self.texts(index), strict=True))

    def order(self, slow: Iterable[str], indices: Iterable[int]) -> list[int]:
        """Combinations so that these axes change as seldom as can be: what follows from the others is found again."""
        first = [i for i, axis in enumerate(self.axes) if axis.name in set(slow)]
        rest = [i for i in range(len(self.axes)) if i not in first]
        keys = {index: self.positions(index) for index in indices}
        return sorted(keys, key=lambda index: [keys[index][i] for i in (*first, *rest)])


def text_of(value: Any) -> str:
    """A value in a table: text is bare, a shape as on the command line, the rest is JSON."""
    if isinstance(value, tuple):
        return "x".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType]
    return value if isinstance(value, str) else json.dumps(value)


def make_grid(spec: Spec, given: Mapping[str, Any], limit: int) -> Grid:
    """The combinations of what is given: values, or `Written` as on the command line.

    Raises SpecError with every param that is unknown, has no values or one of another type; when there are more than
    `limit` combinations.
    """
    params = declared(spec)
    axes: list[Axis] = []
    wrong: list[Diagnostic] = []
    for name, values in given.items():
        try:
            axes.append(_axis(spec, params, name, values, limit))
        except SpecError as error:
            wrong.extend(error.diagnostics)
    if wrong:
        raise SpecError(wrong)
    grid = Grid(tuple(axes))
    if grid.size > limit:
        sizes = " x ".join(f"{len(axis.values):,}" for axis in axes)
        message = f"{sizes} are {grid.size:,} combinations, more than {limit:,}"
        raise spec_error("too-large", message, None, help="take larger steps, or allow more with `--limit`")
    return grid


def entries_of(axis: Axis) -> tuple[Entry, ...]:
    """The values as params are given, each made once: what is elaborated with one is found again by it."""
    return tuple(given_entries([(axis.name, value)])[0] for value in axis.values)


def _axis(spec: Spec, params: Mapping[str, Param], name: str, given: Any, limit: int) -> Axis:
    (entry,) = given_entries([(name, _listed(given))])
    if name in params or name not in (VARIANT, INPUT):
        param = known_param(dict(params), entry.key, f"`{spec.name}`")
        found = _distinct(value for node in _nodes(entry, param) for value in _expanded(entry, node, limit))
        checked = tuple(_checked(param, value) for value in found)
    else:
        found = _distinct(value for node in _nodes(entry, None) for value in _expanded(entry, node, limit))
        checked = tuple(_variant(spec, entry, v) if name == VARIANT else _shape(entry, v) for v in found)
    if not checked:
        message = f"`{name}` has no values"
        raise spec_error("bad-call", message, entry.value.span, help="write a list, or a range: 12..48:4")
    return Axis(name, checked, tuple(map(text_of, checked)))


def _listed(given: Any) -> Any:
    """Values of Python: any iterable is a list of them."""
    if isinstance(given, Written):
        return given
    values = listed(given)
    return [list(each) if isinstance(each, range) else each for each in values] if isinstance(values, list) else values  # pyright: ignore[reportUnknownVariableType]


def listed(values: Any) -> Any:
    """A list of what can be iterated; text and records are one value."""
    one = isinstance(values, str | bytes | dict) or not isinstance(values, Iterable)
    return values if one else list(values)  # pyright: ignore


def _nodes(entry: Entry, param: Param | None) -> Sequence[Node]:
    """The values written: the items of a list, unless the list is one value itself."""
    node = entry.value
    if isinstance(node, Scalar) and isinstance(node.value, str) and not node.quoted and "," in node.text:
        source = node.span.source
        node = parse(Source(source.name, f"[{source.text}]"))
    if not isinstance(node, YamlSequence):
        return (node,)
    if param is not None and "list" in param.types and node.items:
        usual = _depth(plain(param.default)) if param.default is not None else 1
        if _depth(plain(node)) <= usual:
            return (node,)
    return node.items


def _depth(value: Any) -> int:
    """How deep lists are nested."""
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0  # pyright: ignore[reportUnknownArgumentType]


def _expanded(entry: Entry, node: Node, limit: int) -> Iterable[object]:
    """A value, or those of a range: `12..48:4`, its end included."""
    text = node.value.strip() if isinstance(node, Scalar) and isinstance(node.value, str) else ""
    found = _RANGE.fullmatch(text)
    if found is None:
        return (plain(node),)
    first, last = Decimal(found[1]), Decimal(found[2])
    step = Decimal(found[3]) if found[3] is not None else Decimal(1)
    if not step or (last - first) / step < 0:
        message = f"the range `{text}` is empty"
        help = f"write `{found[1]}..{found[2]}:{-step}`" if step else "take a step other than 0"
        raise spec_error("bad-call", message, entry.value.span, help=help)
    count = int((last - first) / step) + 1
    if count > limit:
        message = f"`{entry.key.text}` has {count:,} values, more than {limit:,} combinations"
        raise spec_error("too-large", message, entry.value.span, help="take larger steps, or allow more with `--limit`")
    whole = all("." not in part and "e" not in part.lower() for part in found.groups() if part is not None)
    return [int(first + i * step) if whole else float(first + i * step) for i in range(count)]


def _distinct(values: Iterable[object]) -> list[object]:
    seen: dict[str, object] = {}
    for value in values:
        seen.setdefault(repr(value), value)
    return list(seen.values())


def _checked(param: Param, value: object) -> object:
    """The value, as the param's declaration takes it. Raises SpecError."""
    (entry,) = given_entries([(param.name, value)])
    if "op" in param.types and is_op_node(entry.value):
        return value
    if isinstance(value, str) and "str" not in param.types and (ends := _NEARLY_A_RANGE.fullmatch(value)):
        message = f"param `{param.name}` is {param.wanted}, got `{value}`"
        raise spec_error("wrong-type", message, entry.value.span, help=f"write `{ends[1]}..{ends[2]}`")
    return check_value(param, value, entry.value.span)


def _variant(spec: Spec, entry: Entry, value: object) -> object:
    variant_entries(spec, str(value), entry.value.span)
    return str(value)


def _shape(entry: Entry, value: Any) -> tuple[int | str, ...]:
    shape = parse_shape(value if isinstance(value, str) else "x".join(map(str, listed(value))))
    if shape is None:
        message = f"`{value}` is no input size"
        raise spec_error("wrong-input-shape", message, entry.value.span, help="write 3x256x256")
    return shape
