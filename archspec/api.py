"""What `import archspec` offers. Nothing here imports torch until a module is built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec import ir
from archspec.diagnostics import Source, SpecError, did_you_mean, spec_error
from archspec.elaborate import CustomOps, elaborate
from archspec.elaborate.inputs import Shape
from archspec.elaborate.params import given_entries
from archspec.library import Library, bundled, declared_variants
from archspec.objects import uncollected
from archspec.spec import Spec
from archspec.yaml_source import read

if TYPE_CHECKING:
    from torch import nn

    from archspec.views.comparison import Comparison
    from archspec.views.difference_view import Difference
    from archspec.views.summary import Summary


class Graph(ir.Graph):
    """A compiled network: its nodes and scopes (see `archspec.ir.Graph`), and what is computed from them."""

    @uncollected()
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
        return self.summary()._repr_html_()  # pyright: ignore[reportPrivateUsage]  # the notebook protocol's name


def find(name: str) -> tuple[Path, str | None]:
    """The file and variant that a SPEC names: a path, a bundled spec, or a bundled variant; `mine.yaml@wide` is a
    variant of a file or a bundled spec. Raises SpecError."""
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
    path, named = find(str(spec))
    library = Library(Path(folder) for folder in allow_paths)
    return _elaborate(library.load(path), library, variant or named, params, input, symbolic, allow_ops)


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
    library = Library()
    spec = library.load_text(Source(name, text), Path(folder) if folder is not None else None)
    return _elaborate(spec, library, variant, params, input, symbolic, allow_ops)


def _elaborate(
    spec: Spec,
    library: Library,
    variant: str | None,
    params: Mapping[str, Any] | None,
    input: Shape | Mapping[str, Shape] | None,
    symbolic: Iterable[str],
    allow_ops: Iterable[str],
) -> Graph:
    shapes: dict[str, Shape] = {}
    if isinstance(input, str):
        raise spec_error(
            "wrong-input-shape", f"`input` is a tuple of sizes, got {input!r}", None, help="give `(3, 256, 256)`"
        )
    if isinstance(input, Mapping):
        shapes = dict(input)
    elif input is not None:
        names = [*(spec.inputs.keys() if spec.inputs is not None else ()), "input"]
        if len(names) > 2:
            shown = ", ".join(f"`{name}`" for name in names[:-1])
            message = f"`{spec.name}` has several inputs, {shown}: say whose sizes these are"
            raise spec_error("unknown-input", message, None, help=f"give them by name: `{names[0]}=...`")
        shapes = {names[0]: input}
    entries, customs = given_entries((params or {}).items()), _customs(allow_ops)
    axes = (symbolic,) if isinstance(symbolic, str) else tuple(symbolic)

    def compiled(shapes: Mapping[str, Shape], explain: bool = False) -> ir.Graph:
        return elaborate(
            spec, library, variant=variant, params=entries, input_shapes=shapes, symbolic=axes, explain=explain,
            customs=customs,
        )  # fmt: skip

    try:
        return Graph(**vars(compiled(shapes, explain=not shapes)))
    except SpecError as error:
        if not shapes:
            raise
        from archspec.analysis.refusal import explained

        refused = explained(error, compiled, shapes)
    if refused is not None:
        raise refused
    return Graph(**vars(compiled(shapes, explain=True)))  # raises the error again, with what the failing node needs


def _customs(allowed: Iterable[str]) -> CustomOps:
    packages = frozenset(allowed)
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
    allow_ops: Iterable[str] = (),
    allow_paths: Iterable[str | Path] = (),
) -> nn.Module:
    """An ordinary, initialised `nn.Module`, made by running the very source that `to_python` gives.

    Args:
        spec: a compiled graph, or what `load` takes, with the arguments of `load`.
        device, dtype: where and in what precision the parameters are made; `device="meta"` allocates nothing.
        init: False leaves the weights uninitialised, for loading a `state_dict` over them.

    Raises:
        SpecError: with every mistake found.
    """
    from archspec.emit import torch as backend  # imports torch

    graph = spec
    if not isinstance(graph, ir.Graph):
        graph = load(graph, variant=variant, params=params, input=input, allow_ops=allow_ops, allow_paths=allow_paths)
    return backend.build(graph, device=device, dtype=dtype, init=init)


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


def _loaded(spec: str | Path | ir.Graph) -> ir.Graph:
    return spec if isinstance(spec, ir.Graph) else load(spec)


def to_python(graph: ir.Graph) -> str:
    """The network as a self-contained PyTorch file."""
    from archspec.emit.python import to_python as emit

    return emit(graph)
