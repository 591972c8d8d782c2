"""What `import archspec` offers. Nothing here imports torch until a module is built."""

from __future__ import annotations

import warnings
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from archspec import ir
from archspec.diagnostics import Source, SpecError, did_you_mean, spec_error
from archspec.diagrams.choices import SHOWN, Direction
from archspec.elaborate import CustomOps, elaborate
from archspec.elaborate.inputs import Shape
from archspec.elaborate.params import given_entries
from archspec.elaborate.templates import Templates
from archspec.library import Library, bundled, declared_variants
from archspec.objects import uncollected
from archspec.spec import Spec
from archspec.yaml_source import read

if TYPE_CHECKING:
    from torch import nn

    from archspec.analysis.region import Region
    from archspec.diagrams.draw import Diagram
    from archspec.emit.checkpoint import Weights
    from archspec.inference import Optimized
    from archspec.reports.report import Report
    from archspec.views.comparison import Comparison
    from archspec.views.difference_view import Difference
    from archspec.views.summary import Summary


Purpose = Literal["inference"]

_GRAPHS: WeakKeyDictionary[nn.Module, ir.Graph] = WeakKeyDictionary()  # of the modules that are alive


class Graph(ir.Graph):
    """A compiled network: its nodes and scopes (see `archspec.ir.Graph`), and what is computed from them."""

    def summary(self, *, batch: int | None = None, optimizer: str | None = None) -> Summary:
        """Shapes, parameters, MACs, receptive fields and memory; prints as a table, shows itself in a notebook.

        Args:
            batch: how many samples memory is computed for (1).
            optimizer: "adam", "adamw", "rmsprop", "momentum" or "sgd", for the memory that training needs.

        Raises:
            SpecError: there is no such optimizer.
        """
        from archspec.views.summary import summarize  # only who asks for it pays for loading it

        return summarize(self, batch, optimizer)

    @uncollected()
    def receptive_field(self, path: str | None = None, at: Sequence[int] | None = None) -> Region:
        """What one unit sees of the inputs: first and last position, and the receptive field it follows from.

        Args:
            path: a node, a block (its value), an output, a part (`lstm.h_n`), the first of several values; None is the
                first output.
            at: the unit's position along the axes that have positions, `(row, column)`; None is the centre.

        Raises:
            SpecError: there is no such node, or no such unit.
        """
        from archspec.analysis.region import region, values_at

        return region(self, values_at(self, path)[0], at)

    def _repr_html_(self) -> str:
        """The picture, where a program is there that draws it, and the table below."""
        from archspec.diagrams.engine import find_engine

        table = self.summary()._repr_html_()  # pyright: ignore[reportPrivateUsage]  # the notebook protocol's name
        if find_engine("svg") is None:
            return table
        picture = b64encode(diagram(self).render("svg")).decode()  # an image keeps its ids and style to itself
        style = 'style="max-width: 100%; display: block; margin: auto"'
        return f'<img {style} alt="{escape(self.name)}" src="data:image/svg+xml;base64,{picture}"/>{table}'


def find(name: str) -> tuple[Path, str | None]:
    """The file and variant that a SPEC names: a path, a bundled spec, or a bundled variant; `mine.yaml@wide` is a
    variant of a file or a bundled spec. Raises SpecError."""
    if not name.strip():
        raise spec_error("file-not-found", "the name of the spec is empty", None, help="see `archspec list`")
    before, at, variant = name.rpartition("@")
    if at and before and variant and "/" not in variant and not Path(name).exists():
        return find(before)[0], variant
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or "/" in name or path.is_file():
        return path, None
    files = bundled()
    if name in files:
        return files[name], None
    for file in files.values():
        if name in read(file).text and name in declared_variants(file):  # parsing them all takes a while
            return file, name
    if path.exists():
        return path, None  # a folder: reading it says so
    variants = [variant for file in files.values() for variant in declared_variants(file)]
    raise spec_error(
        "file-not-found",
        f"`{name}` is no file, no bundled spec and no bundled variant",
        None,
        help=did_you_mean(name, [*files, *variants]) or "see `archspec list`",
    )


def find_variant(name: str, variant: str | None) -> tuple[Path, str | None]:
    """As `find`, with the variant that is asked for besides. Raises SpecError where they are two."""
    path, named = find(name)
    if named is not None and variant is not None and named != variant:
        message = f"`{name}` is a variant, and `{variant}` another"
        raise spec_error("bad-call", message, None, help="leave one of them out")
    return path, named if variant is None else variant


@uncollected()
def load(
    spec: str | Path,
    *,
    variant: str | None = None,
    params: Mapping[str, Any] | None = None,
    input: Shape | Mapping[str, Shape] | None = None,
    symbolic: Iterable[str] = (),
    allow_ops: Iterable[str] = (),
    allow_paths: Iterable[str | Path] = (),
) -> Graph:
    """Compiles a spec to a graph.

    Args:
        spec: a path, or the name of a bundled spec or variant (`resnet50`).
        variant: one of the spec's variants.
        params: values for the spec's params, checked against their declarations.
        input: the input's sizes, with or without the batch, `(3, 256, 256)`; by name where there are several inputs.
            A capital letter leaves an axis unknown.
        symbolic: axes of the input, `("H", "W")`, that are shown as symbols, and sizes that follow from them as closed
            forms. Where a number is needed theirs is used.
        allow_ops: packages whose layers custom ops may import.
        allow_paths: further folders that `imports` and `extends` may read.

    Raises:
        SpecError: with every mistake found.
    """
    path, chosen = find_variant(str(spec), variant)
    folders = (allow_paths,) if isinstance(allow_paths, str | Path) else allow_paths
    library = Library(Path(folder) for folder in folders)
    return compiled(library.load(path), library, chosen, params, input, symbolic, allow_ops)


@uncollected()
def loads(
    text: str,
    *,
    name: str = "<string>",
    variant: str | None = None,
    params: Mapping[str, Any] | None = None,
    input: Shape | Mapping[str, Shape] | None = None,
    symbolic: Iterable[str] = (),
    allow_ops: Iterable[str] = (),
    folder: str | Path | None = None,
) -> Graph:
    """As `load`, of a spec given as text; `folder` is where its imports start."""
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need no type checker
        raise spec_error("wrong-type", f"`loads` takes a text, got {text!r}", None, help="`load` takes a path")
    library = Library()
    spec = library.load_text(Source(name, text), Path(folder) if folder is not None else None)
    return compiled(spec, library, variant, params, input, symbolic, allow_ops)


@uncollected()
def compiled(
    spec: Spec,
    library: Library,
    variant: str | None = None,
    params: Mapping[str, Any] | None = None,
    input: Shape | Mapping[str, Shape] | None = None,
    symbolic: Iterable[str] = (),
    allow_ops: Iterable[str] = (),
    templates: Templates | None = None,
) -> Graph:
    """As `load`, of a spec that its library has read; `templates` are for several networks of one spec."""
    _check_types(variant, params)
    shapes = input_shapes(spec, input)
    entries, customs = given_entries((params or {}).items()), custom_ops(allow_ops)
    axes = (symbolic,) if isinstance(symbolic, str) else tuple(symbolic)

    def network(shapes: Mapping[str, Shape], explain: bool = False) -> ir.Graph:
        return elaborate(
            spec, library, variant=variant, params=entries, input_shapes=shapes, symbolic=axes, explain=explain,
            customs=customs, templates=templates,
        )  # fmt: skip

    try:
        return Graph(**vars(network(shapes, explain=not shapes)))
    except SpecError as error:
        if not shapes:
            raise
        from archspec.analysis.refusal import explained

        refused = explained(error, network, shapes)
    if refused is not None:
        raise refused
    return Graph(**vars(network(shapes, explain=True)))  # raises the error again, with what the failing node needs


def input_shapes(spec: Spec, input: Shape | Mapping[str, Shape] | None) -> dict[str, Shape]:
    """Sizes by the name of the input whose they are. Raises SpecError."""
    for shape in input.values() if isinstance(input, Mapping) else () if input is None else (input,):
        if not isinstance(shape, tuple | list):
            message = f"`input` is a tuple of sizes, or several by name, got {shape!r}"
            raise spec_error("wrong-input-shape", message, None, help="give `(3, 256, 256)`")
    if input is None:
        return {}
    if isinstance(input, Mapping):
        return {str(name): shape for name, shape in input.items()}
    names = [*(spec.inputs.keys() if spec.inputs is not None else ()), "input"]
    if len(names) > 2:
        shown = ", ".join(f"`{name}`" for name in names[:-1])
        message = f"`{spec.name}` has several inputs, {shown}: say whose sizes these are"
        raise spec_error("unknown-input", message, None, help=f"give them by name: `{names[0]}=...`")
    return {names[0]: input}


def _check_types(variant: object, params: object) -> None:
    """Callers need no type checker: what they mistake is said here."""
    if not isinstance(variant, str | None):
        raise spec_error("wrong-type", f"`variant` is a variant's name, got {variant!r}", None)
    if not isinstance(params, Mapping | None):
        raise spec_error("wrong-type", f"`params` are values by name, got {params!r}", None, help='give `{"width": 8}`')
    for name in params or ():  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(name, str):
            raise spec_error("wrong-type", f"a param's name is text, got {name!r}", None)


def custom_ops(allowed: Iterable[str]) -> CustomOps:
    """The custom ops of these packages."""
    packages = frozenset((allowed,) if isinstance(allowed, str) else allowed)
    if not packages:
        return CustomOps()
    from archspec.emit.custom import load_custom  # imports torch, which only custom ops need

    return CustomOps(packages, load_custom)


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
    from archspec.emit import torch as backend  # imports torch

    graph = spec
    if isinstance(graph, ir.Graph):
        if variant is not None or params or input is not None:
            message = "a compiled graph has its variant, params and input already"
            raise spec_error("bad-call", message, None, help="give them to `load`")
    else:
        graph = load(graph, variant=variant, params=params, input=input, allow_ops=allow_ops, allow_paths=allow_paths)
    if weights is None:
        if skip or rename:
            raise spec_error("bad-call", "`skip` and `rename` are about weights", None, help="give `weights`")
        model = backend.build(graph, device=device, dtype=dtype, init=init)
    else:
        from archspec.emit import weights as loading

        model, loaded = loading.build(graph, weights, skip=skip, rename=rename, device=device, dtype=dtype, init=init)
        for line in loaded.replaced_heads():
            warnings.warn(line, stacklevel=2)
    if optimize is not None:
        from archspec.emit import fold

        made = _optimized(graph, optimize)
        graph, model = made.graph, fold.build(made, model)
    _GRAPHS[model] = graph
    return model


def optimize(graph: ir.Graph, purpose: Purpose = "inference") -> Graph:
    """The network as it computes in evaluation, in fewer and cheaper steps: to be exported, shown or counted.

    Without what only training needs; BatchNorm folded into the layer before it where nothing else reads that layer;
    activations, sums and products in the memory of an operand that nobody needs any more; images channels last. Outputs
    are those of the original in evaluation, but for rounding.

    `build(spec, optimize="inference")` gives the module with weights.

    Raises:
        SpecError: there is no such purpose.
    """
    return _shown(_optimized(graph, purpose).graph)


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
    graph = _GRAPHS.get(model)
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

    return draw(
        _loaded(spec), depth=depth, expand=tuple(expand), show=tuple(show), direction=direction, title=title,
        legend=legend, diff=None if diff is None else _loaded(diff), link=link,
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


def to_python(graph: ir.Graph) -> str:
    """The network as a self-contained PyTorch file."""
    from archspec.emit.python import to_python as emit

    return emit(graph)
