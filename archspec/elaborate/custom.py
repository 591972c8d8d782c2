"""Custom ops: layers outside torch, by import path, which only run where the caller allows their package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from archspec.objects import record
from archspec.ops.base import Inputs, Op

Loader = Callable[[str, Mapping[str, Any], Inputs], Op]
"""Makes an op of an import path, its arguments and input types; raises OpError."""


@record
class CustomOps:
    """Which packages may be imported for custom ops, and who imports them (the one part that needs torch)."""

    allowed: frozenset[str] = frozenset()
    load: Loader | None = None

    def allows(self, path: str) -> bool:
        """Whether `mypkg.layers.DropBlock` lies in an allowed package."""
        return any(path == package or path.startswith(package + ".") for package in self.allowed)
