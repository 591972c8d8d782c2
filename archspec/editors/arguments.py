"""What an op's arguments take, as JSON Schema: from the annotations and defaults of its model."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from archspec.ops.base import INFERRED, Op, collapse, is_marked
from archspec.values import RuntimeSize

Json = dict[str, Any]

EXPRESSION: Json = {"$ref": "#/$defs/expression"}
FILLED: Json = {"$ref": "#/$defs/filled"}
TEXT: Json = {"type": ["string", "number"]}  # a number among words is one of them
_PLAIN: dict[Any, Json] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    str: TEXT,
    NoneType: {"type": "null"},
}


def arguments_of(op: type[Op]) -> Json:
    """The properties of a node of this op, its own arguments alone."""
    found: Json = {}
    for name, info in op.model_fields.items():
        value = value_of(info.annotation)
        said = "follows from the input; checked where it is written" if is_marked(info, INFERRED) else ""
        if not info.is_required():
            value["default"] = _plain(collapse(info.default))
        elif not said:
            said = "required, here or in `defaults`"
        found[name] = {"description": said, **value} if said else value
    for name in sorted(op.signature.shape_only):
        found[name] = {"$ref": "#/$defs/name", "description": "a node of which only the shape is read"}
    return found


def value_of(annotation: Any) -> Json:
    """Values of a type; where an expression may stand, it may come to one of them."""
    choices: list[Json] = []
    words: list[str] = []
    for leaf in _choices(annotation):
        if get_origin(leaf) is Literal:
            words += [word for word in get_args(leaf) if isinstance(word, str)]
        elif (schema := _schema(leaf)) not in choices and schema is not None:
            choices.append(schema)
    if words and not choices:  # the words are named where another one is written
        return {"if": FILLED, "else": {"enum": words}}
    if words:
        choices.append({"enum": words})
    if TEXT not in choices:
        choices.append(EXPRESSION)
    return {"anyOf": choices} if len(choices) > 1 else dict(choices[0])


def _choices(annotation: Any) -> Iterator[Any]:
    """The members of a union; a tuple may be written as one item."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _choices(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for part in get_args(annotation):
            yield from _choices(part)
    else:
        if origin is tuple:
            yield from _choices(get_args(annotation)[0])
        yield annotation


def _schema(leaf: Any) -> Json | None:
    origin = get_origin(leaf)
    if leaf is RuntimeSize:
        return None
    if origin is tuple:
        parts = get_args(leaf)
        count = {} if parts[-1] is Ellipsis else {"minItems": len(parts), "maxItems": len(parts)}
        return {"type": "array", "items": value_of(parts[0]), **count}
    if origin is list:
        return {"type": "array"}
    if origin is dict:
        return {"type": "object"}
    return _PLAIN.get(leaf, {})


def _plain(value: Any) -> Any:
    """A default as JSON: infinity is the expression that comes to it."""
    if isinstance(value, tuple | list):
        parts: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return [_plain(part) for part in parts]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f"float('{value}')"
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
