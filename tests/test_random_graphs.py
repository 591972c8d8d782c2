"""Random specs: what is inferred is what torch does; a spec unrolled by hand is the same network; a changed one is
refused exactly where torch refuses it."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, reject, settings
from pydantic import ValidationError
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from archspec import api, dims
from archspec.analysis.cost import costs
from archspec.analysis.sample import training_batch
from archspec.diagnostics import SpecError
from archspec.emit.torch import build, run_and_compare
from archspec.ir import Graph, Node, Scope, verify
from archspec.ops import Op
from tests.network import Network, accepts, random_inputs, shape_at, symbols, torch_runs
from tests.random_specs.sketch import Sketch
from tests.random_specs.unroll import finished, unroll
from tests.random_specs.values import Refused, TooLarge
from tests.strategies import Change, changed, specs
from tests.test_ops_mutations import STRICTER

warnings.filterwarnings("ignore", module="torch")

STRICTER_CODES = {"wrong-rank", "unknown-size", "batch-as-sequence"}
"""Said of the batch and of the number of axes, where torch goes by what the numbers happen to be."""


def share(of: int) -> settings:
    """A part of the profile's examples, for what is tested beside the main property."""
    return settings(max_examples=max(20, settings.default.max_examples // of))


def compiled(spec: Sketch) -> Graph:
    return verify(api.loads(spec.text))


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
    drops = op.category == "dropout" or op.name in ("dropout", "RReLU") or bool(getattr(op, "dropout", 0))
    return op.draws_in_eval or (training and drops)


def structure(outputs: Any) -> Any:
    """Outputs with their values wiped."""
    return torch.utils._pytree.tree_map(torch.zeros_like, outputs)


@given(specs())
def test_what_is_inferred_is_what_torch_does(spec: Sketch) -> None:
    graph = compiled(spec)
    model = build(graph)
    mismatches = run_and_compare(graph, model)
    assert not mismatches, "\n".join(map(str, mismatches))
    network = Network(graph, model)
    compare(graph, model, network, {"N": 2}, False)
    compare(graph, model, network, {"N": 2}, True)
    backward(model(*random_inputs(graph, {"N": 2})))
    for sizes in other_sizes(graph):
        if accepts(graph, sizes):
            compare(graph, model, network, sizes, True)


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


@share(4)
@given(specs())
def test_costs_and_state_are_torchs(spec: Sketch) -> None:
    graph = compiled(spec)
    model = build(graph)
    persistent = {name: state.shape for _, name, state in graph.state() if state.persistent}
    assert persistent == {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    total = costs(graph).total
    assert total.params == sum(parameter.numel() for parameter in model.parameters())
    assert dims.value(total.macs) == macs(graph, 1)
    virtual = build(graph, device="meta").eval()
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        virtual(*random_inputs(graph, {"N": 2}, "meta"))
    counted, shared = counter.get_total_flops() // 2, any(node.is_reuse for node in graph.nodes)
    if shared and set(graph.modes) != {"always"}:  # a module runs whole, though one use of it needs only a part
        assert macs(graph, 2) <= counted
    else:
        assert macs(graph, 2) == counted


def macs(graph: Graph, batch: int) -> int:
    """Of all that runs in evaluation."""
    runs = [node for node, mode in zip(graph.nodes, graph.modes, strict=True) if mode != "training"]
    each = [dims.substitute(node.op.macs(graph.inputs_of(node), node.outputs), {"N": batch}) for node in runs]
    return sum(dims.value(dim) or 0 for dim in each)


@share(4)
@given(specs())
def test_unrolled_by_hand_it_is_the_same_network(spec: Sketch) -> None:
    graph, plain = compiled(spec), compiled(unroll(spec))
    assert list(map(described, graph.nodes)) == list(map(described, plain.nodes))
    assert outline(graph.root) == outline(plain.root)
    assert graph.outputs == plain.outputs


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


@share(4)
@given(specs())
def test_the_exported_source_stands_alone(spec: Sketch) -> None:
    graph = compiled(spec)
    source = api.to_python(graph)
    assert source == api.to_python(compiled(spec))
    assert "archspec" not in source
    scope: dict[str, Any] = {"__name__": "exported"}
    exec(compile(source, "exported.py", "exec"), scope)
    model, exported = build(graph), scope["Random"]()
    exported.load_state_dict(model.state_dict(), strict=True)
    for training in (False, True):
        results: list[Any] = []
        for module in (model, exported):
            torch.default_generator.manual_seed(1)
            results.append(module.train(training)(*random_inputs(graph, {"N": 2})))
        torch.testing.assert_close(*results, rtol=0, atol=0, equal_nan=True)


@share(2)
@given(changed())
def test_a_changed_spec_is_refused_where_torch_refuses_it(change: Change) -> None:
    try:
        spec = finished(change.spec)
    except TooLarge:
        reject()  # the change made it too slow to run, which says nothing of it
    except Refused as refused:
        with pytest.raises(SpecError):
            api.loads(change.spec.text)
        torch_refuses(change, refused)
        return
    graph = compiled(spec)
    mismatches = run_and_compare(graph, build(graph))
    assert accepts(graph, {"N": training_batch(graph)}) == (not mismatches), "\n".join(map(str, mismatches))


def torch_refuses(change: Change, refused: Refused) -> None:
    """Torch does not run what is refused here, in batches of two and three. Exceptions are the number of axes, a batch
    for a number or for a sequence, and what the tests of single ops name."""
    op, inputs = refused.op, refused.inputs
    if op is None or inputs is None or isinstance(refused.reason, ValidationError):
        return
    code = getattr(refused.reason, "code", "")
    moved = len({x.rank for x in inputs}) > 1 or code in STRICTER_CODES
    excused = change.what in ("other", "exponent") or f"{op.name} {change.what}" in STRICTER
    excused |= change.what == "axis" and any(key.startswith(f"{op.name} ") for key in STRICTER)
    if not moved and not excused:
        assert not all(torch_runs(op, refused.given, inputs, batch) for batch in (2, 3)), refused
