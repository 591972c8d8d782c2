"""Making very many objects cheaply."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, dataclass_transform, overload

T = TypeVar("T")


@overload
def record(cls: type[T], /) -> type[T]: ...
@overload
def record(*, eq: bool = True) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True)
def record(cls: type[T] | None = None, /, *, eq: bool = True) -> type[T] | Callable[[type[T]], type[T]]:
    """A dataclass with slots that the type checker holds frozen; without `eq` it is compared by identity.

    At run time nothing forbids an assignment: instances of `dataclass(frozen=True)` take four times as long to make,
    and a network has thousands.
    """
    make = partial(dataclass, slots=True, eq=eq, unsafe_hash=eq)
    return make if cls is None else make(cls)


@contextmanager
def uncollected() -> Generator[None]:
    """Without the collector of cyclic garbage: where all that is made is kept, it searches ever more and finds nothing.

    What is not kept is freed by its reference count as always, and cycles as soon as this ends.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
