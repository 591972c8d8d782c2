"""What `import archspec` offers. Nothing here imports torch until a module is built."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, get_args
from weakref import WeakKeyDictionary

from archspec import ir
from archspec.diagnostics import check_type, spec_error
from archspec.diagrams.choices import SHOWN, Direction
from archspec.elaborate.inputs import Shape
from archspec.loading import Graph, load, loads, of_type, several

if TYPE_CHECKING:
    from torch import nn

    from archspec.diagrams.draw import Diagram
    from archspec.emit.checkpoint import Weights
    from archspec.inference import Optimized
    from archspec.reports.report import Report
    from archspec.views.comparison import Comparison
    from archspec.views.difference_view import Difference

__all__ = [
    "Graph",
    "build",
    "compare",
    "diagram",
    "diff",
    "graph_of",
    "load",
    "loads",
    "optimize",
    "report",
    "to_python",
]

Purpose = Literal["inference"]

_GRAPHS: WeakKeyDictionary[nn.Module, ir.Graph] = WeakKeyDictionary()  # of the modules that are alive


def build(
    spec: str | Path | ir.Graph,
    *,
    variant: str | None = None,
    params: Mapping[str, Any] | None = None,
    input: Shape | Mapping[str, Shape] | None = None,
    device: Any = None,
    dtype: Any = None,
    init: bool = True,
    weights: Weights | None = None,
    skip: str | Iterable[str] = (),
    rename: Mapping[str, str] | None = None,
    optimize: Purpose | None = None,
    allow_ops: Iterable[str] = (),
    allow_paths: Iterable[str | Path] = (),
) -> nn.Module:
    """An ordinary, initialised `nn.Module`, made by running the very source that `to_python` gives.

    Args:
        spec: a compiled graph, or what `load` takes, with the arguments of `load`.
        device, dtype: where and in what precision the parameters are made; `device="meta"` allocates nothing.
        init: False leaves the weights uninitialised, for loading a `state_dict` over them.
        weights: a safetensors file, a file of `torch.save` or a `state_dict`, to be loaded instead of initialising. All
            of it must fit, but for last layers with another number of outputs: they are initialised, with a warning.
        skip: patterns over names; the network's tensors are initialised, and the file's not used.
        rename: parts of the file's names to be replaced, `{"norm.1": "norm1"}`.
        optimize: "inference" gives a module for evaluation alone that computes the same faster, see `optimize`. Weights
            are those of the network as it is written.

    Raises:
        SpecError: with every mistake found.
    """
    check_type("init", init, bool, "True or False")
    _check_weights(weights, rename)
    if "torch" not in sys.modules:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Failed to initialize NumPy")  # torch does without it
            importlib.import_module("archspec.emit.torch")
    from archspec.emit import torch as backend  # imports torch

    backend.check_place(device, dtype)
    patterns = several("skip", skip)
    graph = spec
    if isinstance(graph, ir.Graph):
        if variant is not None or params or input is not None:
            message = "a compiled graph has its variant, params and input already"
            raise spec_error("bad-call", message, None, help="give them to `load`")
    else:
        graph = load(graph, variant=variant, params=params, input=input, allow_ops=allow_ops, allow_paths=allow_paths)
    if weights is None:
        if patterns or rename:
            raise spec_error("bad-call", "`skip` and `rename` are about weights", None, help="give `weights`")
        model = backend.build(graph, device=device, dtype=dtype, init=init)
    else:
        from archspec.emit import weights as loading

        model, loaded = loading.build(
            graph, weights, skip=patterns, rename=rename, device=device, dtype=dtype, init=init
        )
        for line in loaded.replaced_heads():
            warnings.warn(line, stacklevel=2)
    if optimize is not None:
        from archspec.emit import fold

        made = _optimized(graph, optimize)
        graph, model = made.graph, fold.build(made, model)
    _GRAPHS[model] = graph
    return model


def _check_weights(weights: object, rename: object) -> None:
    """Callers need no type checker: what they mistake is said here."""
    if not isinstance(weights, str | PathLike | Mapping | None):
        message = f"`weights` is a file or a `state_dict`, got {of_type(weights)}"
        help = "give its `state_dict()`" if hasattr(weights, "state_dict") else None
        raise spec_error("wrong-type", message, None, help=help)
    parts = [*rename, *rename.values()] if isinstance(rename, Mapping) else []  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(rename, Mapping | None) or not all(isinstance(part, str) for part in parts):  # pyright: ignore[reportUnknownVariableType]
        message = f"`rename` is new parts of names by old ones, got {rename!r}"
        raise spec_error("wrong-type", message, None, help='give `{"norm.1": "norm1"}`')


def optimize(spec: str | Path | ir.Graph, purpose: Purpose = "inference") -> Graph:
    """The network as it computes in evaluation, in fewer and cheaper steps: to be exported, shown or counted.

    Without what only training needs; BatchNorm folded into the layer before it where nothing else reads that layer;
    activations, sums and products in the memory of an operand that nobody needs any more; images channels last. Outputs
    are those of the original in evaluation, but for rounding.

    `build(spec, optimize="inference")` gives the module with weights.

    Args:
        spec: a compiled graph, or what `load` takes.

    Raises:
        SpecError: with every mistake found; there is no such purpose.
    """
    return _shown(_optimized(_loaded(spec), purpose).graph)


def _optimized(graph: ir.Graph, purpose: object) -> Optimized:
    from archspec.inference import for_inference

    if purpose != "inference":
        message = f"networks are optimised for `inference`, got {purpose!r}"
        raise spec_error("bad-call", message, None, help='give `optimize="inference"`')
    if graph.inference:
        raise spec_error("bad-call", f"`{graph.name}` is optimised for inference already", None, help=None)
    return for_inference(graph)


def graph_of(model: nn.Module) -> Graph:
    """The graph that a module was built from: `graph_of(model).summary()`; a notebook shows its picture and table.

    Raises:
        SpecError: `build` did not make it in this process; a copy and what is unpickled are not known either.
    """
    try:
        graph = _GRAPHS.get(model)
    except TypeError:  # of what is no module, and cannot be referred to
        graph = None
    if graph is None:
        message = f"this `{type(model).__name__}` was not built here from a spec"
        raise spec_error("bad-call", message, None, help="compile the spec with `archspec.load`")
    return _shown(graph)


def _shown(graph: ir.Graph) -> Graph:
    """The graph with what is computed from it; what it has computed already is left behind."""
    if isinstance(graph, Graph):
        return graph
    return Graph(**{name: getattr(graph, name) for name in ir.Graph.__dataclass_fields__})


def compare(*specs: str | Path | ir.Graph, batch: int | None = None, optimizer: str | None = None) -> Comparison:
    """Networks side by side, with what is different from the first one; prints as a table.

    Args:
        specs: compiled graphs, or what `load` takes.
        batch, optimizer: what memory is computed for, as `Graph.summary` has it.

    Raises:
        SpecError: with every mistake found.
    """
    from archspec.views.comparison import compare as view

    return view([_loaded(spec) for spec in specs], None, batch, optimizer)


def diff(
    before: str | Path | ir.Graph,
    after: str | Path | ir.Graph,
    *,
    depth: int | None = None,
    batch: int | None = None,
    optimizer: str | None = None,
) -> Difference:
    """What changes from one network to another, in structure, in numbers, and for weights; prints as text.

    Args:
        before, after: compiled graphs, or what `load` takes.
        depth: how deep blocks are listed with their numbers.
        batch, optimizer: what memory is computed for, as `Graph.summary` has it.

    Raises:
        SpecError: with every mistake found.
    """
    from archspec.views.difference_view import difference

    check_type("depth", depth, SupportsIndex | None, "a number of levels")
    return difference(_loaded(before), _loaded(after), None, depth, batch, optimizer)


def diagram(
    spec: str | Path | ir.Graph,
    *,
    depth: int | None = None,
    expand: Iterable[str] = (),
    show: Iterable[str] = SHOWN,
    direction: Direction = "TB",
    title: str | None = None,
    legend: bool = True,
    diff: str | Path | ir.Graph | None = None,
    link: str = "",
) -> Diagram:
    """A picture of a network: shows itself in a notebook; `save` writes it as SVG, PNG, PDF or DOT.

    Args:
        spec: a compiled graph, or what `load` takes.
        depth: blocks deeper than this many levels are folded; None: as deep as fits a page.
        expand: paths of blocks that are opened all the same.
        show: what a box shows beside its op: `args`, `params`, `macs`, `field`, `shape`.
        direction: `TB`, from top to bottom, or `LR`, from left to right.
        title: the network's name where not given; empty for none.
        diff: a second network: what it adds, removes and changes is marked, what both have is folded.
        link: the address that a box leads to in SVG and PDF; `{file}` and `{line}` say where it is written.

    Raises:
        SpecError: with every mistake found, also in `expand` and `show`.
    """
    from archspec.diagrams.draw import draw

    check_type("depth", depth, SupportsIndex | None, "a number of levels")
    check_type("title", title, str | None, "a text")
    check_type("link", link, str, "an address")
    if direction not in get_args(Direction):
        raise spec_error("bad-call", f"`direction` is TB or LR, got {direction!r}", help="leave it out, or give `LR`")
    return draw(
        _loaded(spec), depth=depth, expand=several("expand", expand), show=several("show", show),
        direction=direction, title=title, legend=legend, diff=None if diff is None else _loaded(diff), link=link,
    )  # fmt: skip


def report(
    spec: str | Path | ir.Graph,
    *,
    engine: str | None = None,
    batch: int | None = None,
    optimizer: str | None = None,
) -> Report:
    """A page about a network: diagram, table, charts, receptive fields, sizes and source; `save` writes it as .html.

    Args:
        spec: a compiled graph, or what `load` takes.
        engine: the program that lays the diagram out, "dot" or "graphviz-pure"; None: the first that is there.
        batch, optimizer: what memory is computed for, as `Graph.summary` has it.

    Raises:
        SpecError: with every mistake found; there is no such engine or optimizer.
    """
    from archspec.reports.report import report as make

    return make(_loaded(spec), engine=engine, batch=batch, optimizer=optimizer)


def _loaded(spec: str | Path | ir.Graph) -> ir.Graph:
    return spec if isinstance(spec, ir.Graph) else load(spec)


def to_python(spec: str | Path | ir.Graph) -> str:
    """The network, a compiled graph or what `load` takes, as a self-contained PyTorch file.

    Raises:
        SpecError: with every mistake found.
    """
    from archspec.emit.python import to_python as emit

    return emit(_loaded(spec))
