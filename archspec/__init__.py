"""archspec: describe a network once, as a YAML graph, and get everything that follows from it.

    graph = archspec.load("specs/densenet.yaml", variant="densenet169", params={"num_classes": 10})
    model = archspec.build("densenet121", input=(3, 256, 256))

Importing archspec does not import torch; building a module does.
"""

from archspec.objects import uncollected

with uncollected(kept=True):
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


def __getattr__(name: str) -> str:
    """`__version__`: reading a package's metadata takes longer than importing the package, so only who asks does it."""
    if name != "__version__":
        raise AttributeError(f"module 'archspec' has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("archspec-nn")
    except PackageNotFoundError:  # a checkout on the path, not installed
        return "0+unknown"
