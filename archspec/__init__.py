"""archspec: describe a network once, as a YAML graph, and get everything that follows from it.

    graph = archspec.load("specs/densenet.yaml", variant="densenet169", params={"num_classes": 10})
    model = archspec.build("densenet121", input=(3, 256, 256))

Importing archspec imports nothing that is in it: what is used is imported then, and torch when a module is built.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archspec.api import Graph, build, compare, diagram, diff, graph_of, load, loads, optimize, report, to_python
    from archspec.diagnostics import Diagnostic, InternalError, SpecError
    from archspec.emit.groups import parameter_groups
    from archspec.sweeps import sweep

__version__: str

__all__ = [
    "Diagnostic",
    "Graph",
    "InternalError",
    "SpecError",
    "__version__",
    "build",
    "compare",
    "diagram",
    "diff",
    "graph_of",
    "load",
    "loads",
    "optimize",
    "parameter_groups",
    "report",
    "sweep",
    "to_python",
]


_HOMES = {
    "Diagnostic": "diagnostics", "InternalError": "diagnostics", "SpecError": "diagnostics",
    "parameter_groups": "emit.groups", "sweep": "sweeps",
}  # fmt: skip
"""Where names are, if not in `archspec.api`."""


def __getattr__(name: str) -> Any:
    """What is asked for is imported then: importing takes the most part of a short command, which an interruption
    would end with a traceback before there is one to catch it."""
    if name not in __all__:
        raise AttributeError(f"module 'archspec' has no attribute {name!r}")
    value = _version() if name == "__version__" else _imported(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _imported(name: str) -> Any:
    from archspec.objects import uncollected

    with uncollected(kept=True):
        return getattr(import_module(f"archspec.{_HOMES.get(name, 'api')}"), name)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("archspec-nn")
    except PackageNotFoundError:  # a checkout on the path, not installed
        return "0+unknown"
