"""Plain data that never changes: what many share, and callers can reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar, cast

K = TypeVar("K")
V = TypeVar("V")


def _refuse(self: object, *args: object, **kwargs: object) -> NoReturn:
    kind = "dict" if isinstance(self, dict) else "list"
    raise TypeError(f"a graph never changes: make a {kind} of this, `{kind}(...)`, and change that")


_REFUSED: Any = _refuse


class FrozenDict(dict[K, V]):
    """A dict for whoever reads, prints, compares or dumps it, that cannot be changed."""

    __slots__ = ()
    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _REFUSED

    def __reduce__(self) -> tuple[Any, ...]:  # copying and unpickling would set items
        return type(self), (dict(self),)


class FrozenList(list[V]):
    """The same of a list."""

    __slots__ = ()
    __setitem__ = __delitem__ = __iadd__ = __imul__ = append = extend = insert = _REFUSED
    clear = pop = remove = reverse = sort = _REFUSED

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (list(self),)


def frozen(value: Any) -> Any:
    """Plain data with all that is in it."""
    if isinstance(value, Mapping):
        return FrozenDict({key: frozen(item) for key, item in cast("Mapping[str, Any]", value).items()})
    if isinstance(value, list | tuple):
        return FrozenList([frozen(item) for item in cast("list[Any]", value)])
    return value
