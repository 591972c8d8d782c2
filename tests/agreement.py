"""Whether archspec and torch agree on a spec: on what is valid, and on what is refused, and at which node."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from archspec import api, dims
from archspec.analysis.sample import training_batch
from archspec.diagnostics import Diagnostic, SpecError
from archspec.emit.torch import Mismatch, build, run_and_compare
from archspec.ir import Graph, Node, Scope, verify
from archspec.ops import Op
from tests.network import Network, accepts, random_inputs, shape_at, symbols, torch_runs
from tests.random_specs.changes import Change
from tests.random_specs.sketch import Child, Sketch
from tests.random_specs.sketch import Graph as Written
from tests.random_specs.unroll import finished, run_sketch, unroll
from tests.random_specs.values import Refused, TooLarge

UNREAD = {"unread-node", "unread-input", "unused-param"}
"""Said of what is left over, which is no question for torch."""


def compiled(spec: Sketch) -> Graph:
    """The graph of a spec and the files that it imports. Raises SpecError."""
    files = spec.imported
    if not files:
        return verify(api.loads(spec.text))
    with TemporaryDirectory() as folder:
        for name, file in files.items():
            Path(folder, f"{name}.yaml").write_text(file.text)
        return verify(api.loads(spec.text, folder=folder))


# What is valid


def agree(spec: Sketch, most: int | None = None) -> Graph:
    """Torch builds a valid spec, and gives what is inferred: node by node, in both modes, with a backward pass, and at
    other sizes that the network is said to take (`most` of them). Raises AssertionError."""
    graph = compiled(spec)
    model = build(graph)
    mismatches = run_and_compare(graph, model)
    if of_values(mismatches):
        return graph
    assert not mismatches, "\n".join(map(str, mismatches))
    network = Network(graph, model)
    compare(graph, model, network, {"N": 2}, False)
    compare(graph, model, network, {"N": 2}, True)
    backward(model(*random_inputs(graph, {"N": 2})))
    for sizes in other_sizes(graph)[:most]:
        if accepts(graph, sizes):
            compare(graph, model, network, sizes, True)
    return graph


def agree_unrolled(spec: Sketch, graph: Graph) -> Sketch:
    """Unrolled by hand a spec is the same network; returns it. Raises AssertionError."""
    unrolled = unroll(spec)
    plain = compiled(unrolled)
    assert list(map(described, graph.nodes)) == list(map(described, plain.nodes))
    assert outline(graph.root) == outline(plain.root)
    assert graph.outputs == plain.outputs
    return unrolled


def described(node: Node) -> tuple[Any, ...]:
    """All of a node but where it was written."""
    return (
        node.path,
        node.module,
        node.op,
        node.inputs,
        node.slots,
        node.reads,
        node.outputs,
        node.init,
        node.requirements,
    )


def outline(scope: Scope) -> Any:
    """The tree of paths. What a scope yields may differ: a block says so by `outputs`, an inline graph cannot."""
    children = [child if isinstance(child, int) else outline(child) for child in scope.children]
    return scope.path, scope.module, scope.numbered, children


def same(a: Any, b: Any) -> None:
    """Equal outputs: structure, shapes, dtypes and values, NaN included."""
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)


def compare(graph: Graph, model: nn.Module, network: Network, sizes: dict[str, int], training: bool) -> None:
    """The types of all nodes are those of the network run node by node, and so are the outputs those of the module."""
    inputs = random_inputs(graph, sizes)
    torch.default_generator.manual_seed(1)
    values, expected = network.run([x.clone() for x in inputs], training, sizes)
    for value, real in values.items():
        kind = graph.type_of(value)
        assert (shape_at(kind, sizes), f"torch.{kind.dtype}") == (tuple(real.shape), str(real.dtype)), graph.name_of(
            value
        )
    torch.default_generator.manual_seed(1)
    real = model.train(training)(*inputs)
    if reordered(graph, training):
        real, expected = structure(real), structure(expected)
    same(real, expected)


def reordered(graph: Graph, training: bool) -> bool:
    """Whether random numbers may be drawn in another order: nodes that run in one mode only are moved together."""
    draws = [is_random(node.op, training) for node in graph.nodes]
    return sum(draws) > 1 and set(graph.modes) != {"always"}


def is_random(op: Op, training: bool) -> bool:
    drops = op.category == "dropout" or op.name in ("dropout", "RReLU")
    drops |= any(getattr(op, name, 0) for name in ("dropout", "dropout_p"))
    return op.draws_in_eval or (training and drops)


def structure(outputs: Any) -> Any:
    """Outputs with their values wiped."""
    return torch.utils._pytree.tree_map(torch.zeros_like, outputs)


def backward(outputs: Any) -> None:
    """A gradient can be computed: nothing that it needs was overwritten."""
    leaves: list[Tensor] = []
    torch.utils._pytree.tree_map(leaves.append, outputs)
    total = sum(leaf.sum() for leaf in leaves if leaf.is_floating_point())
    if isinstance(total, Tensor) and total.requires_grad:
        total.backward()


def other_sizes(graph: Graph) -> list[dict[str, int]]:
    """Other sizes of what is free: all larger, and each by itself."""
    nominal = {
        name: dims.value(dim) or 2 for entry in graph.inputs for dim in entry.type.shape for name in dims.symbols(dim)
    }
    free = sorted(symbols(graph))
    every = [{**nominal, **{name: nominal[name] + step for name in free}} for step in (1, 4)]
    return every + [{**nominal, name: nominal[name] + 1} for name in free]


# What is refused

NO_CALL = "no call that torch could take"
OF_VALUES = ("index out of range in self", "Found an invalid max index", "INDICES element is out of DATA bounds")
"""What torch says of indices: of values, which no type tells."""


@dataclass(frozen=True)
class Verdict:
    """What became of a change: the code and op of a refusal, both empty where it is accepted, and why torch was not
    asked or not listened to."""

    code: str = ""
    op: str = ""
    excuse: str = ""


def judge(change: Change) -> Verdict:
    """archspec takes a changed spec where torch runs it, and refuses it at the node where torch fails.

    Raises AssertionError where the two disagree, and TooLarge for a network that is too slow to run.
    """
    try:
        spec = finished(change.spec)
    except TooLarge:
        raise
    except Refused as refused:
        return refusal(change, refused)
    try:
        graph = compiled(spec)
    except SpecError as error:
        codes = {found.code for found in error.diagnostics}
        assert codes <= UNREAD or (codes == {"bad-graph"} and is_empty(spec)), f"refused here: {error}"
        return Verdict(error.diagnostics[0].code, excuse="something is left over, or nothing is left")
    model = built(graph)
    if model is None:
        return Verdict("bad-reuse", excuse="two uses of a module would be written differently")
    mismatches = run_and_compare(graph, model)
    if of_values(mismatches):
        return Verdict(excuse="an index, which is a value, lies beyond")
    assert accepts(graph, {"N": training_batch(graph)}) == (not mismatches), "\n".join(map(str, mismatches))
    return Verdict()


def built(graph: Graph) -> nn.Module | None:
    """The module; None where two uses of one would be written differently, which is found when they are."""
    try:
        return build(graph)
    except SpecError as error:
        assert {found.code for found in error.diagnostics} == {"bad-reuse"}, error
        return None


def of_values(mismatches: Sequence[Mismatch]) -> bool:
    """Whether torch fails for indices alone."""
    return bool(mismatches) and all(any(words in one.real for words in OF_VALUES) for one in mismatches)


def refusal(change: Change, refused: Refused) -> Verdict:
    """What the reading of the tests refuses, archspec refuses at the same node; torch runs all nodes before it, and
    raises there, in batches of two, three or sixteen (half of two or three is one, which torch would broadcast)."""
    child, op, inputs = refused.child, refused.op, refused.inputs
    try:
        compiled(change.spec)
    except SpecError as error:
        found = [one for one in error.diagnostics if one.code not in UNREAD] or list(error.diagnostics)
        text = str(error)
    else:
        raise AssertionError(f"accepted here, not by the tests: {refused}")
    if change.unrolled and child is not None:
        runs_before(change.spec, child)
    if op is None or child is None:
        return Verdict(found[0].code, child.op if child is not None else "", NO_CALL)
    places = located(change.spec, child)
    first = next((one for one in found if place(one) in places or called_again(one) & places), None)
    assert first is not None, f"refused at another node: {text}\nnot at {child.name}: {refused}"
    verdict = Verdict(first.code, op.name)
    if inputs is None:
        return replace(verdict, excuse=NO_CALL)
    if isinstance(refused.reason, ValidationError):
        return replace(verdict, excuse="an argument of another type")
    runs = all(torch_runs(op, refused.given, inputs, batch) for batch in (2, 3, 16))
    excuse = excused(op.name, first) if runs else ""
    assert not runs or excuse, f"refused here, and torch runs it: {first.code}: {refused}"
    return replace(verdict, excuse=excuse)


def excused(op: str, found: Diagnostic) -> str:
    """Why archspec refuses what torch runs, empty where for no reason."""
    reasons = (
        reason
        for ops, code, words, reason in STRICTER
        if (not ops or op in ops.split()) and code == found.code and words in f"{found.message}\n{found.label}"
    )
    return next(reasons, "")


INTEGERS = "torch averages integers of 64 bits, on the CPU only"

ATTENTION = "scaled_dot_product_attention MultiheadAttention"
DROPOUTS = "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout StochasticDepth dropout"

FALLING = "ELU CELU LeakyReLU elu celu leaky_relu"

STRICTER = (
    ("", "wrong-rank", "", "the axes of a value are those in the op's layout, the batch included"),
    ("", "unknown-size", "", "the batch has no number"),
    ("", "batch-as-sequence", "", "a sequence is not the batch"),
    ("", "bad-axis", "is the batch axis", "no op touches the batch axis"),
    ("", "shape-mismatch", "would meet another axis", "broadcasting would lay the batch beside another axis"),
    ("", "bad-argument", "needs a second operand, got one", NO_CALL),
    ("", "bad-argument", "both as a number and as an input", NO_CALL),
    ("MultiheadAttention", "missing-input", "", NO_CALL),
    ("where", "wrong-dtype", "bool condition", "bytes as conditions are deprecated in torch"),
    ("pad", "size-too-small", "leaves nothing", "all that is given is cropped, and padding alone is left"),
    ("CrossMapLRN2d", "bad-argument", "must be at least 2", "a window of a negative size"),
    ("AvgPool1d AvgPool2d AvgPool3d avg_pool2d LocalResponseNorm", "wrong-dtype", "int64", INTEGERS),
    (DROPOUTS, "wrong-dtype", "", "numbers that are left as they are, where nothing is dropped"),
    ("einsum", "wrong-dtype", "alone", "torch multiplies what it summed to int64 with narrower integers at times"),
    ("einsum", "wrong-dtype", "needs numbers", "of one operand, which is not multiplied"),
    ("MaxUnpool1d MaxUnpool2d MaxUnpool3d", "bad-argument", "must", "torch's sizes happen to come out positive"),
    (ATTENTION, "bad-argument", "between 0 and 1", "some of torch's implementations ignore what is below 0"),
    (
        "ConvTranspose1d ConvTranspose2d ConvTranspose3d",
        "bad-argument",
        "`dilation` must",
        "nothing spreads a kernel of 1",
    ),
    ("Upsample", "bad-argument", "numbers for", "numbers that are all alike are written as one"),
    ("InstanceNorm1d InstanceNorm2d InstanceNorm3d", "wrong-dtype", "weights", "running statistics are float32"),
    ("Conv1d Conv2d Conv3d", "bad-argument", "`padding` must not be negative", "in some modes torch crops"),
    ("CircularPad1d CircularPad2d CircularPad3d", "size-too-small", "crops", "torch wraps memory never written"),
    ("MaxPool1d", "wrong-dtype", "", "torch takes integers with `return_indices` only"),
    ("einsum", "shape-mismatch", "two sizes for axis", "torch broadcasts an axis of size 1"),
    ("index_select", "bad-argument", "got both", NO_CALL),
    ("crop", "size-too-small", "", "a slice of more than there is is all there is"),
    ("index_select", "bad-argument", "positions from 0 on", "torch counts negative ones from the end"),
    (FALLING, "bad-argument", "with `inplace: true`", "torch raises in the backward pass, which is not run here"),
    ("squeeze", "bad-axis", "needs size 1", "torch leaves an axis of another size as it is"),
)
"""Refusals of what torch runs: ops (all where empty), code, words of the message, and why."""


def place(found: Diagnostic) -> tuple[str, int]:
    """The file and line of a diagnostic."""
    assert found.span is not None, found
    return Path(found.span.source.name).stem.strip("<>"), found.span.line


def called_again(found: Diagnostic) -> set[tuple[str, int]]:
    """Where a node is called again, of which the diagnostic shows an argument where it is written."""
    notes = (re.fullmatch(r"called again as .* at (.+):(\d+):\d+", note) for note in found.notes)
    return {(Path(note[1]).stem.strip("<>"), int(note[2])) for note in notes if note}


def located(spec: Sketch, child: Child) -> set[tuple[str, int]]:
    """The file and line of a node, and those of its keys: the lines that differ where the node does."""
    kept = child.init
    texts: list[list[tuple[str, int, str]]] = []
    for mark in (kept, "_"):
        child.init = mark
        files = {"string": spec, **spec.imported}
        texts.append(
            [(name, n, line) for name, file in files.items() for n, line in enumerate(file.text.splitlines(), 1)]
        )
    child.init = kept
    name, line = next((name, n) for (name, n, one), (_, _, other) in zip(*texts, strict=False) if one != other)
    return {(name, line)} if child.graph is None else {(name, line + step) for step in range(-1, 5)}


def runs_before(spec: Sketch, child: Child) -> None:
    """Torch runs all nodes of an unrolled spec before this one. Raises AssertionError."""
    kept = list(up_to(spec.graph, child))
    if not kept:
        return
    before = finished(replace(spec, graph=Written([*kept], spec.graph.numbered)))
    if is_empty(before):
        return
    graph = compiled(before)
    model = built(graph)
    if model is None:
        return
    mismatches = run_and_compare(graph, model)
    fine = not mismatches or of_values(mismatches) or not accepts(graph, {"N": training_batch(graph)})
    assert fine, "\n".join(map(str, mismatches))


def up_to(graph: Written, child: Child) -> Iterator[Child]:
    """The nodes before a node, those around it cut short."""
    for other in graph.body:
        assert isinstance(other, Child)
        if other is child:
            return
        if other.graph is None or not inside(other.graph, child):
            yield other
            continue
        kept = list(up_to(other.graph, child))
        if kept:
            yield replace(other, graph=Written([*kept], other.graph.numbered))
        return


def is_empty(spec: Sketch) -> bool:
    """Whether none of its nodes does anything."""
    return not run_sketch(spec).nodes


def inside(graph: Written, child: Child) -> bool:
    """Whether a node is somewhere within a graph."""
    nodes = [other for other in graph.body if isinstance(other, Child)]
    return any(other is child or (other.graph is not None and inside(other.graph, child)) for other in nodes)


__all__ = ["Verdict", "agree", "agree_unrolled", "backward", "compare", "compiled", "judge", "other_sizes", "same"]
