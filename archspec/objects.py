"""Making very many objects cheaply, and their classes."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import partial
from typing import Any, TypeVar, dataclass_transform, get_origin, overload

T = TypeVar("T")


@overload
def record(cls: type[T], /) -> type[T]: ...
@overload
def record(*, eq: bool = True) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T] | None = None, /, *, eq: bool = True) -> type[T] | Callable[[type[T]], type[T]]:
    """A dataclass with slots that the type checker holds frozen; without `eq` it is compared by identity.

    At run time nothing forbids an assignment: instances of `dataclass(frozen=True)` take four times as long to make,
    and a network has thousands. Its methods are compiled when they are first called: of a hundred classes a run uses
    half, and few are compared.
    """
    return partial(_made, eq=eq) if cls is None else _made(cls, eq=eq)


@overload
def mutable(cls: type[T], /) -> type[T]: ...
@overload
def mutable() -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(eq_default=False, field_specifiers=(field,))
def mutable(cls: type[T] | None = None, /) -> type[T] | Callable[[type[T]], type[T]]:
    """The same for what changes, and is compared by identity."""
    return partial(_made, eq=False) if cls is None else _made(cls, eq=False)


def _made(cls: type[T], *, eq: bool) -> type[T]:
    cls.__doc__ = cls.__doc__ or cls.__name__  # which dataclass would make, from a signature it has to parse
    made = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    for name in ("__init__", "__eq__", "__hash__") if eq else ("__init__",):
        if name not in cls.__dict__ or cls.__dict__[name] is None:  # `__hash__` of a class that has an `__eq__`
            _compile_when_called(made, name)
    if "__repr__" not in cls.__dict__:
        made.__repr__ = _repr
    return made


def _compile_when_called(cls: type[Any], name: str) -> None:
    def first(self: object, *args: Any, **kwargs: Any) -> Any:
        method = _SOURCES[name](cls)
        setattr(cls, name, method)
        return method(self, *args, **kwargs)

    setattr(cls, name, first)


def _init(cls: type[Any]) -> Callable[..., Any]:
    known: dict[str, Any] = {"MISSING": MISSING}
    parameters: list[str] = []
    lines: list[str] = []
    for item in fields(cls):
        name, value = item.name, item.name
        if item.default is not MISSING:
            known[f"_{name}"] = item.default
            parameters.append(f"{name}=_{name}")
        elif item.default_factory is not MISSING:
            known[f"_{name}"] = get_origin(item.default_factory) or item.default_factory  # `list[int]()` is slow
            parameters.append(f"{name}=MISSING")
            value = f"_{name}() if {name} is MISSING else {name}"
        else:
            parameters.append(name)
        lines.append(f" self.{name} = {value}")
    return _function(f"def __init__({', '.join(['self', *parameters])}):", lines or [" pass"], known)


def _eq(cls: type[Any]) -> Callable[..., Any]:
    mine, other = _compared(cls, "self"), _compared(cls, "other")
    lines = [f" return {mine} == {other} if other.__class__ is self.__class__ else NotImplemented"]
    return _function("def __eq__(self, other):", lines, {})


def _hash(cls: type[Any]) -> Callable[..., Any]:
    return _function("def __hash__(self):", [f" return hash({_compared(cls, 'self')})"], {})


def _compared(cls: type[Any], owner: str) -> str:
    return f"({''.join(f'{owner}.{item.name}, ' for item in fields(cls) if item.compare)})"


def _function(head: str, lines: list[str], known: dict[str, Any]) -> Callable[..., Any]:
    exec("\n".join([head, *lines]), known)
    return known[head.removeprefix("def ").partition("(")[0]]


def _repr(self: Any) -> str:
    shown: list[Field[Any]] = [item for item in fields(self) if item.repr]
    return f"{type(self).__qualname__}({', '.join(f'{item.name}={getattr(self, item.name)!r}' for item in shown)})"


_SOURCES = {"__init__": _init, "__eq__": _eq, "__hash__": _hash}


@contextmanager
def uncollected(*, kept: bool = False) -> Generator[None]:
    """Without the collector of cyclic garbage: where all that is made is kept, it searches ever more and finds nothing.

    What is not kept is freed by its reference count as always, and cycles as soon as this ends. With `kept`, which is
    for imports, all that there is in the process counts as old then, without a last search.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if kept and not gc.get_freeze_count():  # what somebody has frozen stays frozen
            gc.freeze()
            gc.unfreeze()
        gc.enable()
