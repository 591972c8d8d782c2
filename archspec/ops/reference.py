"""The reference of all ops, docs/ops.md, from the registry: `python -m archspec.ops.reference > docs/ops.md`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import cleandoc
from typing import Any, Literal, TypeVar, get_args, get_origin

import yaml

from archspec import dims
from archspec.ops import lookup, names
from archspec.ops.base import INFERRED, Category, Example, Inputs, Needs, Op, OpError, collapse, is_marked
from archspec.values import TensorType

T = TypeVar("T")

INTRODUCTION = """\
# Ops

Every layer of `torch.nn` and the functions that networks are written with, under torch's names, with torch's arguments
and defaults. This page is generated from the ops themselves, and its examples are complete specs that the tests run.

The line below each name reads

    Name(operand, optional?, many...; [inferred], required, optional=default) -> result, result

- **Operands** are tensors: the node before, or what `from:` names, in order or by operand
  (`from: {query: q, attn_mask: mask}`). `like:` is given as an argument and only lends its shape.
- **Arguments in brackets follow from the input.** Written by hand they are checked.
- **Results** of an op that has several are read by name or position: `lstm.h_n`, `parts.0`.

## Where this is not torch

- Axis 0 of every value is the batch. Inputs without one, which some layers of torch take too, are refused, and so is
  broadcasting that would lay the batch beside another axis.
- `dim` and `start_dim` never default to the batch axis: see `cat`, `stack`, `chunk`, `split`, `unbind`, `flatten` and
  the softmax family. The generated PyTorch always writes the axis out.
- `batch_first` is false unless given, as in torch; a recurrence or attention that would then run over the batch is an
  error.
- Nothing is empty: an argument or a size that leaves a tensor without elements is an error.
- What torch takes as a module is written as arguments (`TransformerEncoder`), and attention weights are returned only
  when asked for (`MultiheadAttention`).
"""

TITLES: Mapping[Category, str] = {
    "convolution": "Convolution",
    "linear": "Linear maps and distances",
    "normalization": "Normalisation",
    "activation": "Activation",
    "pooling": "Pooling",
    "padding": "Padding",
    "dropout": "Dropout",
    "resize": "Resizing",
    "merge": "Joining and splitting",
    "arithmetic": "Arithmetic",
    "reduction": "Reduction",
    "reshape": "Shape and indexing",
    "attention": "Attention",
    "recurrent": "Recurrent networks",
    "embedding": "Embedding",
    "constant": "Parameters and constants",
}

AXIS_IN_TORCH: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("cat", "stack", "chunk", "split", "unbind"), ("dim", "0")),
    **dict.fromkeys(("Softmax", "Softmin", "LogSoftmax", "softmax", "log_softmax"), ("dim", "guessed")),
    "flatten": ("start_dim", "0"),
}
"""The arguments whose default is not torch's, and torch's."""


def to_markdown() -> str:
    """The whole page."""
    sections = [INTRODUCTION]
    ops = [op for op in map(lookup, names()) if op]
    for category, title in TITLES.items():
        entries = [entry(op) for op in ops if op.category == category]
        if entries:
            sections += [f"## {title}\n", *entries]
    return "\n".join(sections)


def entry(op: type[Op]) -> str:
    """One op: its call, what it does, its words, where it differs from torch, an example."""
    lines = [f"### {op.name}\n", f"    {call_line(op)}\n", cleandoc(op.__doc__ or "") + "\n"]
    words = "; ".join(words_of(op))
    if words:
        lines.append(f"{words}.\n")
    if op.name in AXIS_IN_TORCH:
        argument, default = AXIS_IN_TORCH[op.name]
        lines.append(f"Unlike torch: `{argument}` is 1 unless given; in torch it is {default}.\n")
    lines.append(f"```yaml\n{example_spec(op, op.examples[0])}```\n")
    return "\n".join(lines)


def call_line(op: type[Op]) -> str:
    """`LSTM(input, h_0?, c_0?; [input_size], hidden_size, num_layers=1) -> output, h_n, c_n`."""
    signature = op.signature
    operands = [*signature.required, *(f"{name}?" for name in signature.optional)]
    if signature.variadic:
        operands[len(signature.required) - 1] += "..."
    arguments = [_argument(name, info) for name, info in op.model_fields.items()]
    results = f" -> {', '.join(op.results)}" if op.results else ""
    return f"{op.name}({'; '.join(', '.join(part) for part in (operands, arguments) if part)}){results}"


def _argument(name: str, info: Any) -> str:
    if is_marked(info, INFERRED):
        return f"[{name}]"
    if info.is_required():
        return name
    return f"{name}={flow(collapse(info.default))}"


def words_of(op: type[Op]) -> Iterator[str]:
    """Of each argument that takes words, which: "`mode` is `sum` or `mean`"."""
    for name, info in op.model_fields.items():
        words = list(_words(info.annotation))
        if words:
            only = get_origin(info.annotation) is Literal
            yield f"`{name}` {'is' if only else 'may be'} {_listed(words)}"


def _words(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from (word for word in get_args(annotation) if isinstance(word, str))
    else:
        for part in get_args(annotation):
            yield from _words(part)


def _listed(words: list[str]) -> str:
    quoted = [f"`{word}`" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def flow(value: Any) -> str:
    """A value in YAML's flow style, on one line."""
    text = yaml.safe_dump(_plain(value), default_flow_style=True, sort_keys=False, width=1_000_000)
    return text.removesuffix("\n...\n").rstrip("\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def example_spec(op: type[Op], example: Example) -> str:
    """A complete spec around one node, `y`, that is the example. A constant is added to the input; what works in place
    gets a value of its own to overwrite, and `identity` a node that is left of it."""
    node: dict[str, Any] = {"op": op.name, **example.args}
    if not op.signature.required:
        return _constant_spec(op, node)
    operands = _operands(op, example)
    batch = "N" if _serves_every_batch(op, example, tuple(operands.values())) else 2
    shapes = {name: _shape(example, at, batch) for at, name in enumerate(operands)}
    only = op.signature.shape_only
    node |= {operand: name for name, operand in operands.items() if operand in only}
    sources = {name: operand for name, operand in operands.items() if operand not in only}
    if len(sources) > 1:
        in_order = op.signature.variadic or _in_order(op, tuple(sources.values()))
        node["from"] = list(sources) if in_order else {operand: name for name, operand in sources.items()}
    elif len(shapes) > 1:
        node["from"] = next(iter(sources))
    before = {"x": {"op": "mul", "other": 0.5}} if example.args.get("inplace") or op.name == "identity" else {}
    inputs = {"inputs": shapes} if len(shapes) > 1 else {"input": next(iter(shapes.values()))}
    return _spec(inputs, {**before, "y": node["op"] if len(node) == 1 else node})


def _in_order(op: type[Op], operands: tuple[str, ...]) -> bool:
    return (*op.signature.required, *op.signature.optional)[: len(operands)] == operands


def _operands(op: type[Op], example: Example) -> dict[str, str]:
    """A name for each of the example's inputs, and the operand it is."""
    signature = op.signature
    if signature.variadic:
        return dict.fromkeys("abcdefgh"[: len(example.inputs)], signature.required[0])
    operands = example.operands or (*signature.required, *signature.optional)[: len(example.inputs)]
    return {"x" if operand == "input" else operand: operand for operand in operands}


def _serves_every_batch(op: type[Op], example: Example, operands: tuple[str, ...]) -> bool:
    """Whether the batch can be left open: it is axis 0, and no other axis of an input has its size."""
    need, batch = Needs(batch=frozenset({"N"})), dims.symbol("N")
    shapes = (_sizes(example, at, batch) for at in range(len(operands)))
    types = tuple(TensorType(tuple(shape), _dtype(example, at)) for at, shape in enumerate(shapes))
    inputs = Inputs(types, operands)
    try:
        op.model_validate({**op.inferred(need, inputs), **example.args}).infer(need, inputs)
    except OpError:
        return False
    return True


def _shape(example: Example, at: int, batch: str | int) -> Any:
    """`[N, 3, 8, 8]`, with the dtype where it is not float32."""
    sizes, dtype = _sizes(example, at, batch), _dtype(example, at)
    return sizes if dtype == "float32" else {"shape": sizes, "dtype": dtype}


def _sizes(example: Example, at: int, batch: T) -> list[T | int]:
    return [batch if axis == 0 and size == 2 else size for axis, size in enumerate(example.inputs[at])]


def _dtype(example: Example, at: int) -> str:
    return example.dtypes[at] if at < len(example.dtypes) else "float32"


def _constant_spec(op: type[Op], node: dict[str, Any]) -> str:
    arguments = {name: value for name, value in node.items() if name != "op"}
    made = op.model_validate(arguments).infer(Needs(), Inputs((), ()))
    assert isinstance(made, TensorType)
    shape = made.shape[1:] if made.shape[0] == 1 else made.shape
    constant = {**node, **dict.fromkeys(op.signature.shape_only, "input")}
    return _spec({"input": ["N", *shape]}, {"constant": constant, "y": {"op": "add", "from": ["input", "constant"]}})


def _spec(head: Mapping[str, Any], graph: Mapping[str, Any]) -> str:
    lines = ["archspec: 1", *(f"{key}: {flow(value)}" for key, value in head.items()), "graph:"]
    return "\n".join([*lines, *(f"  {name}: {flow(node)}" for name, node in graph.items())]) + "\n"


if __name__ == "__main__":
    print(to_markdown(), end="")
