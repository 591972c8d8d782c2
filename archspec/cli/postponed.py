"""`importlib.metadata`, which pydantic imports and does not use: that takes as long as compiling a small network."""

import importlib
import sys
from types import ModuleType
from typing import Any

_NAME = "importlib.metadata"


def postpone_metadata() -> None:
    """Lets the module be imported in name only; its code runs when something of it is used.

    `importlib.util.LazyLoader` is for this, but loads a module when it is imported for the second time.
    """
    if _NAME not in sys.modules:
        sys.modules[_NAME] = module = _Metadata(_NAME)
        module.__path__ = [f"{path}/metadata" for path in importlib.__path__]  # which every import asks for
        setattr(importlib, _NAME.rpartition(".")[2], module)


class _Metadata(ModuleType):
    @staticmethod
    def entry_points(**params: Any) -> Any:  # pydantic imports this by its name
        return _metadata().entry_points(**params)

    def __getattr__(self, name: str) -> Any:
        return getattr(_metadata(), name)


def _metadata() -> Any:
    if isinstance(sys.modules.get(_NAME), _Metadata):
        del sys.modules[_NAME]
    return importlib.import_module(_NAME)
