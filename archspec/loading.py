"""From a name to a compiled graph: where the spec is, what is asked of it, and what is known of it already."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, cast

from archspec import ir, limits
from archspec.cache import GraphCache
from archspec.diagnostics import Source, SpecError, check_type, did_you_mean, spec_error
from archspec.elaborate import CustomOps, elaborate
from archspec.elaborate.inputs import Shape
from archspec.elaborate.params import given_entries
from archspec.elaborate.templates import Templates
from archspec.library import Library, bundled, declared_variants
from archspec.objects import uncollected
from archspec.spec import Spec
from archspec.yaml_source import read

if TYPE_CHECKING:
    from archspec.analysis.region import Region
    from archspec.views.summary import Summary

T = TypeVar("T")


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

        check_type("path", path, str | None, "that of a node or a block")
        check_type("at", at, Collection | None, "a number for each axis", help="give `(row, column)`")
        for place in at or ():
            check_type("at", place, SupportsIndex, "a number for each axis", help="give `(row, column)`")
        return region(self, values_at(self, path)[0], at)

    def _repr_html_(self) -> str:
        """The picture, where a program is there that draws it, and the table below."""
        from archspec.diagrams.draw import draw
        from archspec.diagrams.engine import find_engine

        table = self.summary()._repr_html_()  # pyright: ignore[reportPrivateUsage]  # the notebook protocol's name
        if find_engine("svg") is None:
            return table
        picture = b64encode(draw(self).render("svg")).decode()  # an image keeps its ids and style to itself
        style = 'style="max-width: 100%; display: block; margin: auto"'
        return f'<img {style} alt="{escape(self.name)}" src="data:image/svg+xml;base64,{picture}"/>{table}'


_CACHE: GraphCache[tuple[Graph, Library]] = GraphCache()


def find(name: str) -> tuple[Path, str | None]:
    """The file and variant that a SPEC names: a path, a bundled spec, or a bundled variant; `mine.yaml@wide` is a
    variant of a file or a bundled spec. Raises SpecError."""
    if not name.strip():
        raise spec_error("file-not-found", "the name of the spec is empty", None, help="see `archspec list`")
    if "\n" in name and not _exists(Path(name)):
        help = "`archspec.loads` compiles a spec that is given as text"
        raise spec_error("file-not-found", "this is neither a file nor a spec's name, but a text", None, help=help)
    before, at, variant = name.rpartition("@")
    if at and before and variant and "/" not in variant and not _exists(Path(name)):
        return find(before)[0], variant
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or "/" in name or (_exists(path) and path.is_file()):
        return path, None
    files = bundled()
    if name in files:
        return files[name], None
    for file in files.values():
        if name in read(file).text and name in declared_variants(file):  # parsing them all takes a while
            return file, name
    if _exists(path):
        return path, None  # a folder: reading it says so
    variants = [variant for file in files.values() for variant in declared_variants(file)]
    beside = f"did you mean `{name}.yaml`?" if _exists(Path(f"{name}.yaml")) else None
    raise spec_error(
        "file-not-found",
        f"`{name}` is no file, no bundled spec and no bundled variant",
        None,
        help=beside or did_you_mean(name, [*files, *variants]) or "see `archspec list`",
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # no file can have this name
        return False


def find_variant(name: str, variant: str | None) -> tuple[Path, str | None]:
    """As `find`, with the variant that is asked for besides. Raises SpecError where they are two."""
    check_type("variant", variant, str | None, "a variant's name")
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
    """Compiles a spec to a graph; asked again for the same, it gives the same graph until a file of it changes.

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
    path, chosen = find_variant(_named(spec), variant)
    folders = [Path(folder) for folder in several("allow_paths", allow_paths)]
    axes, packages = several("symbolic", symbolic), several("allow_ops", allow_ops)
    places = path.absolute(), [folder.absolute() for folder in folders]
    asked = repr((path, places, chosen, params, input, axes, packages, limits.current()))  # 1 is neither 1.0 nor True
    known = _CACHE.get(asked)
    if known is not None and known[1].is_current():  # its files say what they said
        return known[0]
    library = Library(folders)
    graph = compiled(library.load(path), library, chosen, params, input, axes, packages)
    if not packages:  # whose code may change unnoticed
        _CACHE.put(asked, graph, (graph, library))
    return graph


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
    check_type("name", name, str, "what the text is called")
    check_type("folder", folder, str | PathLike | None, "a folder's path")
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
    axes = several("symbolic", symbolic)

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
            tensor = hasattr(shape, "shape")
            got = of_type(shape) if tensor else repr(shape)
            message = f"`input` is a tuple of sizes, or several by name, got {got}"
            help = "give its sizes: `tuple(x.shape)`" if tensor else "give `(3, 256, 256)`"
            raise spec_error("wrong-input-shape", message, None, help=help)
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


def _named(spec: object) -> str:
    """A spec's path or name, as text."""
    if isinstance(spec, str | PathLike):
        return str(spec)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(spec, ir.Graph):
        help = "it is compiled already: use it as it is"
    elif hasattr(spec, "state_dict"):
        help = "`archspec.graph_of(module)` is the graph of a module that `archspec.build` made"
    elif isinstance(spec, list | tuple):
        help = "give one, or each as an argument of its own"
    else:
        help = "`archspec list` names the bundled ones"
    kind = of_type(spec)  # pyright: ignore[reportUnknownArgumentType]
    raise spec_error("wrong-type", f"a spec is a path or a name, got {kind}", None, help=help)


def of_type(value: object) -> str:
    """What a value is, where its text may be long: "a Sequential"."""
    name = type(value).__name__
    if value is None:
        return "None"
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def several(what: str, given: str | Path | Iterable[T]) -> tuple[T, ...]:
    """What an argument lists; one name will do. Raises SpecError."""
    names: tuple[object, ...] | None = (given,) if isinstance(given, str | Path) else None
    if names is None and isinstance(given, Iterable):
        names = tuple(given)
    if names is None or not all(isinstance(name, str | Path) for name in names):
        raise spec_error("wrong-type", f"`{what}` is one name or a list of them, got {given!r}", None)
    return cast("tuple[T, ...]", names)


def _check_types(variant: object, params: object) -> None:
    """Callers need no type checker: what they mistake is said here."""
    check_type("variant", variant, str | None, "a variant's name")
    if not isinstance(params, Mapping | None):
        raise spec_error("wrong-type", f"`params` are values by name, got {params!r}", None, help='give `{"width": 8}`')
    for name in params or ():  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(name, str):
            raise spec_error("wrong-type", f"a param's name is text, got {name!r}", None)


def custom_ops(allowed: Iterable[str]) -> CustomOps:
    """The custom ops of these packages."""
    packages = frozenset(several("allow_ops", allowed))
    if not packages:
        return CustomOps()
    from archspec.emit.custom import load_custom  # imports torch, which only custom ops need

    return CustomOps(packages, load_custom)
