"""Random specs: what is inferred is what torch does; a spec unrolled by hand is the same network; a changed one is
refused exactly where torch refuses it."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from hypothesis import assume, given, reject, settings
from torch.utils.flop_counter import FlopCounterMode

from archspec import api, dims
from archspec.analysis.cost import costs
from archspec.emit.torch import build
from archspec.ir import Graph, Node
from tests.agreement import agree, agree_unrolled, compiled, judge
from tests.network import random_inputs
from tests.random_specs.changes import Change
from tests.random_specs.sketch import Sketch
from tests.random_specs.values import TooLarge
from tests.strategies import changed, specs

warnings.filterwarnings("ignore", module="torch")


def share(of: int) -> settings:
    """A part of the profile's examples, for what is tested beside the main property."""
    return settings(max_examples=max(20, settings.default.max_examples // of))


@given(specs(rare=True))
def test_what_is_inferred_is_what_torch_does(spec: Sketch) -> None:
    agree(spec)


@share(4)
@given(specs())
def test_costs_and_state_are_torchs(spec: Sketch) -> None:
    graph = compiled(spec)
    assume(not any(node.op.name == "einsum" and has_an_axis_of_one(graph, node) for node in graph.nodes))
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


def has_an_axis_of_one(graph: Graph, node: Node) -> bool:
    """An axis that is 1 at these sizes, where torch multiplies and counts no product of matrices."""
    return any(dims.value(size) == 1 for x in graph.inputs_of(node) for size in x.shape)


def macs(graph: Graph, batch: int) -> int:
    """Of all that runs in evaluation."""
    runs = [node for node, mode in zip(graph.nodes, graph.modes, strict=True) if mode != "training"]
    each = [dims.substitute(node.op.macs(graph.inputs_of(node), node.outputs), {"N": batch}) for node in runs]
    return sum(dims.value(dim) or 0 for dim in each)


@share(4)
@given(specs())
def test_unrolled_by_hand_it_is_the_same_network(spec: Sketch) -> None:
    agree_unrolled(spec, compiled(spec))


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
        judge(change)
    except TooLarge:
        reject()  # the change made it too slow to run, which says nothing of it
