"""The network's inputs: declared shapes, symbols, and the sizes given on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Dict
from dataclasses import replace
from keyword import iskeyword

from archspec.diagnostics import Span, SpecError, did_you_mean, spec_error
from archspec.dims import Dim, symbol, symbols, value
from archspec.elaborate.environment import View
from archspec.elaborate.session import Session
from archspec.elaborate.too_large import check_tensors
from archspec.expr import show_value
from archspec.ir import Input
from archspec.spec import Spec
from archspec.syntax import describe
from archspec.values import TensorType
from archspec.yaml_source import Mapping, Node, Scalar
from archspec.yaml_source import Sequence as YamlSequence

DTYPES = (
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
)
ALIASES = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "long": "int64",
    "int": "int32",
    "short": "int16",
}
AXES = {2: "NF", 3: "NCL", 4: "NCHW", 5: "NCDHW"}

Shape = Sequence[int | str]
"""A shape given outside the spec: numbers, or capital letters for unknown sizes; the batch may be left out."""


_SIZE = re.compile(r"[1-9]\d{0,17}|[A-Z]")


def parse_shape(text: str) -> tuple[int | str, ...] | None:
    """`3x256x256`, `Nx3xHxW`; None where a text is no shape."""
    found = text.strip().split("x")
    if not all(_SIZE.fullmatch(size) for size in found):
        return None
    return tuple(int(size) if size.isdigit() else size for size in found)


def make_inputs(
    session: Session, spec: Spec, view: View, given: Dict[str, Shape], symbolic: Sequence[str] = ()
) -> tuple[Input, ...]:
    """The inputs with their types. Every axis keeps its symbol, so that what follows is known for all sizes; those that
    are `symbolic` are shown as symbols.

    Raises SpecError.
    """
    declared: dict[str, Node] = {}
    if spec.inputs is not None:
        declared = {entry.key.text: entry.value for entry in spec.inputs.entries}
    elif spec.input is not None:
        declared = {"input": spec.input}
    if not declared:
        raise spec_error(
            "missing-key", "a network needs `input`", _start(spec.span), help="add `input: [N, 3, 224, 224]`"
        )
    for name, node in declared.items():
        if not name.isidentifier() or iskeyword(name) or (name == "input" and len(declared) > 1):
            raise spec_error(
                "bad-name",
                f"`{name}` is no name for one of several inputs"
                if name == "input"
                else f"`{name}` is no name for an input",
                node.span,
                help="use letters, digits and `_`: it becomes an argument of `forward`",
            )
    for name in given:
        if name not in declared:
            raise spec_error(
                "unknown-input", f"`{spec.name}` has no input `{name}`", None, help=did_you_mean(name, declared)
            )
    taken = dict.fromkeys(_letters(declared.values()))
    taken |= dict.fromkeys(size for shape in given.values() for size in shape if isinstance(size, str))
    inputs = tuple(
        Input(name, _type(session, name, node, view, given.get(name), taken, len(declared) > 1))
        for name, node in declared.items()
    )
    for entry in inputs:
        check_tensors([entry.type], entry.name, declared[entry.name].span)
    return _with_symbolic(inputs, symbolic) if symbolic else inputs


def _with_symbolic(inputs: tuple[Input, ...], names: Sequence[str]) -> tuple[Input, ...]:
    """The inputs with the axes of these names shown as symbols. Raises SpecError for a name that no axis has."""
    axes = [(name, dim) for entry in inputs for dim in entry.type.shape for name in symbols(dim)]
    known = dict(axes)
    for name in names:
        if name not in known:
            message = f"no axis of the input is called `{name}`"
            raise spec_error(
                "unknown-input", message, None, help=f"choose among {', '.join(f'`{each}`' for each in known)}"
            )
    found = {known[name]: symbol(name, value(known[name]), symbolic=True) for name in names}
    return tuple(
        Input(entry.name, entry.type.with_shape(tuple(found.get(dim, dim) for dim in entry.type.shape)))
        for entry in inputs
    )


def _letters(shapes: Iterable[Node]) -> Iterator[str]:
    """The capital letters that the author uses, which no other axis may have."""
    for node in shapes:
        shape = node.get("shape") if isinstance(node, Mapping) else node
        for item in shape.items if isinstance(shape, YamlSequence) else ():
            if isinstance(item, Scalar) and len(item.text) == 1:
                yield item.text


def _start(span: Span) -> Span:
    return Span(span.source, span.line, span.column, span.line, span.column + 1)


def _type(
    session: Session,
    name: str,
    node: Node,
    view: View,
    given: Shape | None,
    taken: dict[str, None],
    several: bool,
) -> TensorType:
    dtype = "float32"
    shape: Node | None = node
    if isinstance(node, Mapping):
        for entry in node.entries:
            if entry.key.text not in ("shape", "dtype"):
                raise spec_error(
                    "unknown-key",
                    f"`{entry.key.text}` is no key of an input",
                    entry.key.span,
                    help=did_you_mean(entry.key.text, ("shape", "dtype")),
                )
        shape, kind = node.get("shape"), node.get("dtype")
        if kind is not None:
            if not isinstance(kind, Scalar) or kind.value not in DTYPES:
                raise spec_error(
                    "wrong-type",
                    f"`dtype` is a torch dtype, got {describe(kind)}",
                    kind.span,
                    help=_dtype_hint(kind),
                )
            dtype = kind.text
    if not isinstance(shape, YamlSequence) or not shape.items:
        raise spec_error(
            "wrong-type",
            f"input `{name}` is a shape, got {describe(shape) if shape is not None else 'nothing'}",
            node.span,
            help="write `[N, 3, 224, 224]`, the batch first",
        )
    sizes = [_declared_size(session, item, view) for item in shape.items]
    if given is not None:
        sizes = _override(name, sizes, given)
    letters = AXES.get(len(sizes), "")
    return TensorType(tuple(_axis(size, axis, letters, name, taken, several) for axis, size in enumerate(sizes)), dtype)


def batch_symbols(types: Sequence[TensorType]) -> frozenset[str]:
    """The symbols of unknown size that stand at the inputs' axis 0."""
    first = (kind.shape[0] for kind in types)
    return frozenset(name for dim in first if value(dim) is None for name in symbols(dim))


def _dtype_hint(node: Node) -> str | None:
    word = node.text if isinstance(node, Scalar) else ""
    return f"write `{ALIASES[word]}`" if word in ALIASES else did_you_mean(word, DTYPES)


def _declared_size(session: Session, item: Node, view: View) -> int | str:
    """A number, or the capital letter of a symbolic size; a letter that is a param is its value."""
    if isinstance(item, Scalar) and isinstance(item.value, str) and len(item.text) == 1 and item.text.isupper():
        try:
            view.env.find(item.text)
        except KeyError:
            return item.text
    try:
        value = session.number(session.computed(item, view), item.span, [])
    except SpecError as error:
        raise _as_letter(error, item) from None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise spec_error(
            "wrong-type",
            f"a size is a positive integer, got {show_value(value)}",
            item.span,
            help="write a number, or a capital letter for an unknown size",
        )
    return value


def _as_letter(error: SpecError, item: Node) -> SpecError:
    """A word for an unknown size was read as a param."""
    first = error.diagnostics[0]
    if first.code != "unknown-name" or first.help or not isinstance(item, Scalar) or not item.text.isidentifier():
        return error
    if not (letter := item.text[0].upper()).isupper():
        return error
    return SpecError(replace(first, help=f"write a capital letter for an unknown size: `{letter}`"))


def _override(name: str, declared: list[int | str], given: Shape) -> list[int | str]:
    sizes = [_given_size(name, size) for size in given]
    if len(sizes) == len(declared) - 1:
        sizes = [declared[0], *sizes]
    if len(sizes) != len(declared):
        shown = "x".join(map(str, given))
        raise spec_error(
            "wrong-input-shape",
            f"input `{name}` has {len(declared)} axes, {', '.join(map(str, declared))}, but {shown} has {len(given)}",
            None,
            help="give " + "x".join(str(size) for size in declared[1:]) + ", say",
        )
    return sizes


def _given_size(name: str, size: object) -> int | str:
    if isinstance(size, str) and len(size) == 1 and size.isupper():
        return size
    if isinstance(size, int) and not isinstance(size, bool) and size >= 1:
        return size
    message = f"a size of input `{name}` is a positive integer or a capital letter, got {size!r}"
    raise spec_error("wrong-input-shape", message, None, help="give `(3, 256, 256)`, say")


def _axis(size: int | str, axis: int, letters: str, name: str, taken: dict[str, None], several: bool) -> Dim:
    """A size with its symbol: the author's letter, or the usual one of that axis."""
    if isinstance(size, str):
        return symbol(size)
    letter = letters[axis] if letters else f"A{axis}"
    if several:
        letter = f"{letter}_{name}"
    while letter in taken:
        letter += "'"
    taken[letter] = None
    return symbol(letter, size)
