"""Parameters of specs and blocks: declared types, defaults, and the values given to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from archspec.diagnostics import Source, Span, did_you_mean, spec_error
from archspec.expr import show_value
from archspec.objects import record
from archspec.values import RuntimeSize
from archspec.yaml_source import Entry, Mapping, Node, Scalar, parse, plain
from archspec.yaml_source import Sequence as YamlSequence

TYPES = ("int", "float", "bool", "str", "list", "op", "null")
KINDS = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "str": "a word",
    "list": "a list",
    "op": "an op",
    "null": "null",
    "record": "a mapping",
}


_KIND_OF: dict[type, str] = {
    type(None): "null", bool: "bool", int: "int", RuntimeSize: "int", float: "float", str: "str", list: "list",
    tuple: "list", dict: "record",
}  # fmt: skip

ALIASES = {
    "integer": "int", "number": "float", "boolean": "bool", "string": "str", "text": "str", "array": "list",
    "tuple": "list", "none": "null", "None": "null",
}  # fmt: skip

_NUMBER = r"\s*[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?\s*"
_RANGE = re.compile(rf"{_NUMBER}\.\.{_NUMBER}(?::{_NUMBER})?")
_SEVERAL = re.compile(rf"{_NUMBER}(?:,{_NUMBER})+")


@record(eq=False)
class Param:
    """A declared parameter. `default` is None for a required one."""

    name: str
    types: frozenset[str]
    default: Node | None
    span: Span

    @property
    def wanted(self) -> str:
        """The types in words: "an integer or null"."""
        return " or ".join(KINDS[kind] for kind in (*TYPES, "record") if kind in self.types)


IsOp = Callable[[str], bool]
"""Whether a word names an op where the parameter is declared."""


def declare(entries: Iterable[Entry], is_op: IsOp, reserved: Sequence[str]) -> dict[str, Param]:
    """The parameters of a `params:` section. A default fixes the type, unless it comes with one;
    a type alone makes the parameter required.

    `reserved`: keys that a use of the spec or block has already. Raises SpecError.
    """
    params: dict[str, Param] = {}
    for entry in entries:
        name = entry.key.text
        if not name.isidentifier():
            raise spec_error(
                "bad-name", f"`{name}` is no name for a param", entry.key.span, help="use letters, digits and `_`"
            )
        if name in reserved:
            raise spec_error(
                "bad-name",
                f"a use could never set the param `{name}`: it is a node's own key",
                entry.key.span,
                help="rename it",
            )
        params[name] = _declare(name, entry, is_op)
    return params


def _declare(name: str, entry: Entry, is_op: IsOp) -> Param:
    node, span = entry.value, entry.key.span
    if (typed := _typed_default(node)) is not None:
        types, default = typed
        param = Param(name, types, default, span)
        if default is not None and not ("op" in types and is_op_node(default)):
            check_value(param, plain(default), default.span)
        return param
    types = _declared_types(node)
    if types is None:
        return Param(name, _types_of(entry, is_op), node, span)
    return Param(name, types, _null(node) if "null" in types else None, span)


def _typed_default(node: Node) -> tuple[frozenset[str], Node | None] | None:
    """`{type: int | list, default: 1}`; a mapping that is a value has other keys, or its `type` in quotes."""
    if not isinstance(node, Mapping) or not {"type"} <= set(node.keys()) <= {"type", "default"}:
        return None
    declared = node.get("type")
    if not isinstance(declared, Scalar) or not isinstance(declared.value, str) or declared.quoted:
        return None
    types = _declared_types(declared)
    if types is None:
        raise spec_error(
            "unknown-type",
            f"`{declared.text}` is no type of a param",
            declared.span,
            help=did_you_mean(declared.text, TYPES),
            notes=("in quotes, it is text, and the mapping the param's value",),
        )
    return types, node.get("default") or (_null(declared) if "null" in types else None)


def _null(node: Node) -> Scalar:
    return Scalar(None, "null", False, node.span)


def _declared_types(node: Node) -> frozenset[str] | None:
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or node.quoted:
        return None
    words = [word.strip() for word in node.text.split("|")]
    if node.text in ALIASES:
        raise spec_error(
            "unknown-type", f"`{node.text}` is no type of a param", node.span, help=f"write `{ALIASES[node.text]}`"
        )
    if all(word in TYPES for word in words):
        return frozenset(words)
    if len(words) > 1:
        wrong = next(word for word in words if word not in TYPES)
        raise spec_error("unknown-type", f"`{wrong}` is no type of a param", node.span, help=did_you_mean(wrong, TYPES))
    return None


def _types_of(entry: Entry, is_op: IsOp) -> frozenset[str]:
    node = entry.value
    match node:
        case YamlSequence():
            return frozenset({"list"})
        case Mapping():
            return frozenset({"op", "null"} if node.entry("op") is not None else {"record"})
        case Scalar(value=None):
            raise spec_error(
                "missing-type",
                f"param `{entry.key.text}` is null, which says nothing about its type",
                entry.key.span,
                help=f"declare it: `{entry.key.text}: int | null`",
            )
        case Scalar(value=bool()):
            return frozenset({"bool"})
        case Scalar(value=int()):
            return frozenset({"int"})
        case Scalar(value=float()):
            return frozenset({"float"})
        case Scalar(value=value):
            return frozenset({"op", "null"} if is_op(str(value)) else {"str"})


def check_value(param: Param, value: object, span: Span | None) -> Any:
    """A value that fits the declaration (an int given for a float becomes one). Raises SpecError."""
    kind = _kind_of(value)
    if kind in param.types or (kind == "str" and "op" in param.types):
        return value
    if isinstance(value, int) and kind == "int" and "float" in param.types:
        return float(value)
    raise spec_error(
        "wrong-type",
        f"param `{param.name}` is {param.wanted}, got {_shown(value)}",
        span,
        help=_other_value(param, value),
    )


def _other_value(param: Param, value: object) -> str | None:
    """What may have been meant by a value of the wrong type."""
    if isinstance(value, float) and "int" in param.types:
        return "write a whole number"
    if isinstance(value, str) and _RANGE.fullmatch(value):
        return "ranges are for `archspec sweep`"
    if isinstance(value, str) and _SEVERAL.fullmatch(value):
        return f"write `[{value}]`" if "list" in param.types else "several values are for `archspec sweep`"
    return None


def is_op_node(node: Node) -> bool:
    """Whether a value written for a param can be an op: a word, or a mapping with `op`."""
    if isinstance(node, Mapping):
        return node.entry("op") is not None
    return isinstance(node, Scalar) and isinstance(node.value, str)


def _kind_of(value: object) -> str:
    """The declared type that a value is of; what is none of the others is an op."""
    known = _KIND_OF.get(value.__class__)
    return known or next((kind for of, kind in _KIND_OF.items() if isinstance(value, of)), "op")


def _shown(value: object) -> str:
    """A value as the spec would write it."""
    if isinstance(value, str):
        return f"`{value}`"
    return show_value(value)


def given_entries(values: Iterable[tuple[str, object]]) -> tuple[Entry, ...]:
    """Params given outside the spec, as located nodes: `--set` text is parsed as YAML, Python values are kept."""
    entries: list[Entry] = []
    for name, value in values:
        shown = value.text if isinstance(value, Written) else show_value(value)
        source = Source(f"{name}=", shown)
        whole = Span(source, 1, 1, 1, len(shown) + 1)
        if isinstance(value, Written) and not shown.partition("#")[0].strip():
            help = f"write it right behind the `=`, as in YAML: `{name}=8`, `{name}=null`, `{name}=[1, 2]`"
            raise spec_error("bad-call", f"`{name}` has no value", whole, help=help)
        node = parse(source) if isinstance(value, Written) else _to_node(value, whole)
        entries.append(Entry(Scalar(name, name, False, node.span), node))
    return tuple(entries)


@record
class Written:
    """A value given as text, on the command line."""

    text: str


def _to_node(value: object, span: Span) -> Node:
    if isinstance(value, dict):
        pairs: list[tuple[object, object]] = list(value.items())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return Mapping(
            tuple(Entry(Scalar(str(k), str(k), False, span), _to_node(v, span)) for k, v in pairs), span, True
        )
    if isinstance(value, list | tuple):
        items: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return YamlSequence(tuple(_to_node(item, span) for item in items), span, True)
    if value is None or isinstance(value, bool | int | float | str):
        return Scalar(value, str(value), isinstance(value, str), span)
    raise spec_error("wrong-type", f"a param is plain data, got {type(value).__name__}", span, help=_as_data(value))


def _as_data(value: object) -> str | None:
    """Help for a layer, an array or a tensor of a caller's."""
    if hasattr(value, "tolist"):
        return "give numbers and lists: `.tolist()`"
    layer = value if isinstance(value, type) else type(value)
    return f'give its name: `"{layer.__name__}"`' if hasattr(layer, "state_dict") else None
