"""`importlib.metadata`, which pydantic imports and does not use: that takes as long as compiling a small network."""

import sys
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any

_NAME = "importlib.metadata"
_LOCK = RLock()


def postpone_metadata() -> None:
    """Lets the module be imported in name only; its code runs, in the same module, when something of it is used.

    `importlib.util.LazyLoader` is for this, but loads a module when it is imported for the second time.
    """
    spec = find_spec(_NAME) if _NAME not in sys.modules else None
    if spec is not None:
        sys.modules[_NAME] = module = module_from_spec(spec)
        module.__class__ = _Metadata
        vars(sys.modules["importlib"])["metadata"] = module


class _Metadata(ModuleType):
    @staticmethod
    def entry_points(**params: Any) -> Any:  # pydantic imports this by its name
        return _loaded(sys.modules[_NAME]).entry_points(**params)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":  # whoever looks through all modules uses none of them
            raise AttributeError(name)
        return getattr(_loaded(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        ModuleType.__setattr__(self if isinstance(value, ModuleType) else _loaded(self), name, value)  # or a submodule


def _loaded(module: Any) -> Any:
    """The module with its code run, once."""
    with _LOCK:
        if module.__class__ is _Metadata:
            object.__setattr__(module, "__class__", ModuleType)
            module.__spec__.loader.exec_module(module)
    return module
