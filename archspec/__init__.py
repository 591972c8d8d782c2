"""archspec: describe a network once, as a YAML graph, and get everything that follows from it.

    graph = archspec.load("specs/densenet.yaml", variant="densenet169", params={"num_classes": 10})
    model = archspec.build("densenet121", input=(3, 256, 256))

Importing archspec does not import torch; building a module does.
"""

from importlib.metadata import PackageNotFoundError, version

from archspec.api import Graph, build, compare, diff, load, loads, to_python
from archspec.diagnostics import Diagnostic, InternalError, SpecError
from archspec.emit.groups import parameter_groups

try:
    __version__ = version("archspec-nn")
except PackageNotFoundError:  # a checkout on the path, not installed
    __version__ = "0+unknown"

__all__ = [
    "Diagnostic",
    "Graph",
    "InternalError",
    "SpecError",
    "__version__",
    "build",
    "compare",
    "diff",
    "load",
    "loads",
    "parameter_groups",
    "to_python",
]
