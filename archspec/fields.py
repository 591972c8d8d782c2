"""Classes whose fields are annotated and hold what is given to them to their annotation, strictly: ops, sections of a
file.

It is what a network needs of such a library, and no more: importing one takes longer than compiling a network.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from inspect import get_annotations
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, cast, dataclass_transform, get_args, get_origin

from archspec.objects import record

Check = Callable[[Any], Any]
"""Takes a value and returns it, converted where the annotation says so. Raises ValueError for one it does not take."""

REQUIRED: Any = object()
"""The default of a field that has none."""


class Convert:
    """In an annotation: what is done to a value before it is checked. May raise ValueError."""

    __slots__ = ("function",)

    def __init__(self, function: Check) -> None:
        self.function = function


@record(eq=False)
class Field:
    """One field of a class: its annotation, without what `Annotated` adds to it, and its default."""

    annotation: Any
    default: Any
    metadata: tuple[Any, ...]
    check: Check

    def is_required(self) -> bool:
        return self.default is REQUIRED


class BadFields(ValueError):
    """Arguments that a class does not take. `missing`, `unknown` and `wrong` name them, in the order of the fields."""

    def __init__(self, owner: str, missing: Iterable[str], unknown: Iterable[str], wrong: Iterable[str]) -> None:
        self.missing, self.unknown, self.wrong = tuple(missing), tuple(unknown), tuple(wrong)
        found = zip(("missing", "unknown", "wrong"), (self.missing, self.unknown, self.wrong), strict=True)
        super().__init__(f"{owner}: " + "; ".join(f"{what} {', '.join(names)}" for what, names in found if names))


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Checked:
    """Base of classes with checked fields; instances are values, compared by their class and fields.

    `given` names the fields that were not left to their default.
    """

    __slots__ = ("__dict__", "given")

    given: ClassVar[frozenset[str]]

    def __init__(self, /, **arguments: Any) -> None:
        """Raises BadFields with every argument that is missing, unknown or of the wrong kind."""
        known, values = fields_of(type(self)), self.__dict__
        wrong: list[str] = []
        missing: list[str] = []
        count = 0
        for name, field in known.items():
            if name in arguments:
                count += 1
                try:
                    values[name] = field.check(arguments[name])
                except ValueError:
                    wrong.append(name)
            elif field.default is REQUIRED:
                missing.append(name)
            else:
                values[name] = field.default
        if wrong or missing or count < len(arguments):
            raise BadFields(type(self).__name__, missing, (name for name in arguments if name not in known), wrong)
        self.given = frozenset(arguments)  # pyright: ignore[reportAttributeAccessIssue]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Names and values of the fields."""
        return iter(self.__dict__.items())


@cache
def fields_of(cls: type[Checked]) -> Mapping[str, Field]:
    """The fields of a class by name, its bases' first; one that states all its fields states their order, too."""
    found: dict[str, Field] = {}
    own: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if not issubclass(base, Checked):
            continue
        own = {name: text for name, text in get_annotations(base).items() if not _is_class_variable(text)}
        for name, text in own.items():
            annotation = _evaluated(text, base.__module__) if isinstance(text, str) else text
            found[name] = _field(annotation, base.__dict__.get(name, REQUIRED))
        if found.keys() <= own.keys():
            found = {name: found[name] for name in own}
    return found


def is_marked(field: Field, marker: object) -> bool:
    """Whether a field's annotation carries a marker."""
    return any(item is marker for item in field.metadata)


def _is_class_variable(annotation: object) -> bool:
    if isinstance(annotation, str):
        return annotation.startswith("ClassVar")
    return annotation is ClassVar or get_origin(annotation) is ClassVar


@cache
def _evaluated(text: str, module: str) -> Any:
    """What an annotation means where it is written."""
    return eval(text, vars(sys.modules[module]))


def _field(annotation: Any, default: Any) -> Field:
    check = check_of(annotation)
    if get_origin(annotation) is Annotated:
        annotation, *metadata = get_args(annotation)
        return Field(annotation, default, tuple(metadata), check)
    return Field(annotation, default, (), check)


# --- what annotations take ---


@cache
def check_of(annotation: Any) -> Check:
    """How values of an annotation are checked. Nothing is converted but integers where only floats are taken."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _converting(check_of(arguments[0]), [item for item in arguments[1:] if isinstance(item, Convert)])
    if origin in (Union, UnionType):
        return _first_of([check_of(part) for part in sorted(arguments, key=lambda part: part is float)])
    if origin is Literal:
        return _one_of(arguments)
    if origin is tuple:
        return _items(check_of(arguments[0])) if arguments[-1] is ... else _parts([check_of(x) for x in arguments])
    if annotation in _CHECKS:
        return _CHECKS[annotation]
    return _instance_of(annotation)


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("must be an integer")


def _number(value: Any) -> float:
    if isinstance(value, float):
        return value
    try:
        return float(_integer(value))
    except OverflowError:
        raise ValueError("must be a number that a float can hold") from None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)  # that of a subclass, too, is kept as plain text
    raise ValueError("must be text")


def _anything(value: Any) -> Any:
    return value


def _instance_of(kind: type) -> Check:
    def check(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        raise ValueError(f"must be a {kind.__name__}")

    return check


_CHECKS: Mapping[Any, Check] = {
    Any: _anything,
    int: _integer,
    float: _number,
    str: _text,
    bool: _instance_of(bool),
    NoneType: _instance_of(NoneType),
}


def _one_of(words: tuple[Any, ...]) -> Check:
    def check(value: Any) -> Any:
        for word in words:
            if value == word and type(word) is type(value):
                return word
        raise ValueError(f"must be one of {words}")

    return check


def _first_of(checks: list[Check]) -> Check:
    def check(value: Any) -> Any:
        for each in checks:
            try:
                return each(value)
            except ValueError:
                continue
        raise ValueError("is of none of the kinds")

    return check


def _items(item: Check) -> Check:
    def check(value: Any) -> Any:
        if not isinstance(value, tuple):
            raise ValueError("must be a tuple")
        return tuple(map(item, cast("tuple[Any, ...]", value)))

    return check


def _parts(checks: list[Check]) -> Check:
    def check(value: Any) -> Any:
        if not isinstance(value, tuple) or len(cast("tuple[Any, ...]", value)) != len(checks):
            raise ValueError(f"must be a tuple of {len(checks)}")
        return tuple([each(part) for each, part in zip(checks, cast("tuple[Any, ...]", value), strict=True)])

    return check


def _converting(check: Check, conversions: list[Convert]) -> Check:
    if not conversions:
        return check
    (conversion,) = (item.function for item in conversions)
    return lambda value: check(conversion(value))
