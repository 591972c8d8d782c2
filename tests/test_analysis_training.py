"""Memory of a training step: by hand, and against what a forward and a backward pass hold."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from archspec import api
from archspec.analysis.training import OPTIMIZERS, TrainingMemory, training_memory
from archspec.emit.torch import build
from archspec.ir import Graph
from tests.memory_probe import kept_bytes, training_peak
from tests.network import random_inputs

SPECS = Path(__file__).parent.parent / "specs"
LOSS = 4 + 4
"""Bytes of a loss and of its gradient, which are not counted: they are there at a peak in the backward pass."""


def graph_of(nodes: str, shape: str = "[N, 3, 8, 8]", rest: str = "") -> Graph:
    body = "\n".join(f"  {line}" for line in nodes.strip().splitlines())
    return api.loads(f"archspec: 1\nname: net\ninput: {shape}\n{rest}\ngraph:\n{body}\n")


def saved(graph: Graph, batch: int = 2) -> tuple[int | None, int]:
    """What autograd keeps: as said, and measured."""
    return training_memory(graph, batch=batch).saved, kept_bytes(build(graph), random_inputs(graph, {"N": batch}))


def peaks(graph: Graph, batch: int = 2) -> tuple[int, int]:
    """The peak without weights and optimiser: as said, and measured."""
    found = training_memory(graph, optimizer="sgd", batch=batch)
    assert found.peak_bytes is not None
    return found.peak_bytes - found.weights, training_peak(build(graph), random_inputs(graph, {"N": batch}))


CONV = "{op: Conv2d, out_channels: %d, kernel_size: %d, padding: same}"
LINEAR = "{op: Linear, out_features: %d}"
SMALL = {
    "chain": f"a: {CONV % (4, 3)}\nb: ReLU\nc: {CONV % (5, 1)}",
    "saved by several": f"a: {CONV % (4, 3)}\nb: {CONV % (4, 1)}\nc: {{op: mul, from: [a, b]}}",
    "overwritten": f"a: {CONV % (4, 3)}\nb: BatchNorm2d\nc: {{op: ReLU, inplace: true}}\nd: {CONV % (5, 1)}",
    "views": f"a: {CONV % (4, 3)}\nb: flatten\nc: {{op: Linear, out_features: 5}}\nd: Dropout",
    "joined": f"a: {CONV % (4, 3)}\nb: {{op: Sigmoid, from: a}}\nc: {{op: cat, from: [a, b]}}",
    "pools": f"a: {CONV % (4, 3)}\nb: {{op: MaxPool2d, kernel_size: 2}}\nc: {{op: AvgPool2d, kernel_size: 2}}",
    "sized alike": f"a: {CONV % (4, 3)}\nb: {{op: MaxPool2d, kernel_size: 2}}\n"
    f"c: {{op: interpolate, mode: bilinear, like: a}}\nd: {CONV % (4, 1)}",
    "doubled": f"a: {CONV % (4, 3)}\nb: {{op: add, from: [a, a]}}\nc: {CONV % (4, 1)}",
    "again": f"a: {CONV % (3, 3)}\nb: Tanh\nc: {{reuse: a}}\nd: Tanh",
    "again and again": f"a: {LINEAR % 80}\nb: {LINEAR % 80}\nc: {LINEAR % 80}\nd: {{reuse: c}}\ne: {{reuse: c}}",
    "learnt late": f"a: {LINEAR % 64}\np: {{op: Parameter, shape: [3, 8, 64], value: 0}}\nb: {{op: add, from: [a, p]}}",
    "learnt": f"p: {{op: Parameter, shape: [3, 8, 8], value: 0}}\na: {{op: add, from: [input, p]}}\nb: {CONV % (4, 3)}",
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_small_networks_hold_what_we_say(name: str) -> None:
    graph = graph_of(SMALL[name])
    assert saved(graph)[0] == saved(graph)[1]
    said, measured = peaks(graph)
    assert measured - said in (0, LOSS)


NETWORKS: list[tuple[str, str | None, tuple[int, int, int], float]] = [
    ("vgg", "vgg11", (3, 32, 32), 0),
    ("densenet", "densenet121", (3, 64, 64), 0),
    ("vit", "vit_b_16", (3, 32, 32), 0),
    ("resnet", "resnet18", (3, 64, 64), 0.002),
    ("convnext", "convnext_tiny", (3, 64, 64), 0.002),
]
"""And the part of the peak by which a measurement may exceed what is said."""


@pytest.mark.parametrize(("name", "variant", "input", "part"), NETWORKS)
def test_networks_hold_what_we_say(name: str, variant: str | None, input: tuple[int, int, int], part: float) -> None:
    graph = api.load(SPECS / f"{name}.yaml", variant=variant, input=input)
    assert saved(graph)[0] == saved(graph)[1]
    said, measured = peaks(graph)
    assert said <= measured <= said * (1 + part) + LOSS


def test_what_is_frozen_keeps_nothing_upstream() -> None:
    """Neither an input nor a frozen layer before the first that is trained has a gradient."""
    linear = "{op: Linear, out_features: %d}"
    nodes = f"a: {CONV % (4, 3)}\nb: ReLU\nc: flatten\nd: {linear % 5}\ne: {linear % 2}"
    whole, head, nothing = (graph_of(nodes, rest=rest) for rest in ("", "freeze: ['a.*', 'd.weight']", "freeze: ['*']"))
    for graph in (whole, head, nothing):
        assert saved(graph)[0] == saved(graph)[1]
    assert saved(head)[0] == 2 * 5 * 4  # what `e` is given; the bias of `d` needs nothing
    assert saved(nothing)[0] == 0
    said, measured = peaks(head)
    assert measured - said in (0, LOSS)
    assert training_memory(nothing).gradients == 0


def test_training_only_nodes_count() -> None:
    rest = "outputs: {main: a, aux: {from: aux, only: training}}"
    graph = graph_of(f"a: {CONV % (4, 1)}\naux: {{op: Conv2d, out_channels: 9, kernel_size: 1, from: a}}", rest=rest)
    assert saved(graph)[0] == saved(graph)[1]
    found = training_memory(graph)
    assert found.peak == "aux" and found.gradients == 4 * (16 + 45)


def test_a_custom_op_keeps_what_it_is_given_and_returns() -> None:
    """Nothing is known of it, so this is a guess at the most."""
    norm = "{op: torchvision.ops.FrozenBatchNorm2d, num_features: 4}"
    text = f"archspec: 1\ninput: [N, 3, 8, 8]\ngraph:\n  a: {CONV % (4, 1)}\n  b: {norm}\n"
    found = training_memory(api.loads(text, allow_ops="torchvision"))
    assert found.saved == 4 * (3 + 4 + 4) * 64


@pytest.mark.parametrize(("length", "embed"), [(1, 1), (1, 4), (2, 4)])
@pytest.mark.parametrize("batch", [1, 2])
def test_attention_copies_what_it_transposes(batch: int, length: int, embed: int) -> None:
    """But not where the batch or the length is 1: then it keeps what `b` has kept."""
    nodes = f"""
a: {LINEAR % (length * embed)}
b: Tanh
c: {{op: Unflatten, dim: 1, unflattened_size: [{length}, {embed}]}}
d: {{op: MultiheadAttention, num_heads: 1, batch_first: true}}
"""
    graph = graph_of(nodes, "[N, 3]")
    assert saved(graph, batch)[0] == saved(graph, batch)[1]


def test_buffers_of_a_custom_op_are_not_trained() -> None:
    """Statistics of a norm are weights, but have no gradient, and an optimiser holds nothing for them."""
    block = "{op: torchvision.ops.Conv2dNormActivation, in_channels: %d, out_channels: 4}"
    text = f"archspec: 1\ninput: [N, 3, 8, 8]\nfreeze: [b.0.weight]\ngraph:\n  a: {block % 3}\n  b: {block % 4}\n"
    graph = api.loads(text, allow_ops="torchvision")
    model = build(graph)
    trained = sum(x.nbytes for x in model.parameters() if x.requires_grad)
    buffers = sum(x.nbytes for x in model.buffers())
    for name in OPTIMIZERS:
        found = training_memory(graph, optimizer=name)
        assert (found.gradients, found.optimizer_state) == (trained, torch_state(name, model))
        assert found.weights == sum(x.nbytes for x in model.parameters()) + buffers
    assert buffers > 0 and trained < sum(x.nbytes for x in model.parameters())


def torch_state(name: str, model: nn.Module) -> int:
    """The bytes that an optimiser of torch holds after a step."""
    kinds = {"sgd": (torch.optim.SGD, {}), "momentum": (torch.optim.SGD, {"momentum": 0.9})}
    kinds |= {"rmsprop": (torch.optim.RMSprop, {}), "adam": (torch.optim.Adam, {}), "adamw": (torch.optim.AdamW, {})}
    kind, options = kinds[name]
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = kind(trained, lr=0.1, **options)
    for parameter in trained:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    states = [value for state in optimizer.state.values() for value in state.values()]
    return sum(value.nbytes for value in states if isinstance(value, torch.Tensor))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimisers_hold_what_we_say(name: str) -> None:
    graph = graph_of("a: {op: Conv2d, out_channels: 4, kernel_size: 3}\nb: BatchNorm2d", rest="freeze: ['b.bias']")
    assert training_memory(graph, optimizer=name).optimizer_state == torch_state(name, build(graph))


def test_the_peak_is_the_sum_of_what_is_there() -> None:
    """A linear map of 16 features to 4, one sample: at its turn in the backward pass its input and output, the
    gradient of the output, and those of weight and bias."""
    graph = graph_of("a: {op: Linear, out_features: 4}", "[N, 16]")
    params = 4 * (64 + 4)
    found = training_memory(graph, optimizer="momentum")
    assert found == TrainingMemory(params, params, params, 64, 3 * params + 64 + 16 + 16, "a")


SCALED = "p: {op: Parameter, shape: [16], value: 1}\n"
SCALED += "\n".join(f"{name}: {{op: mul, from: [input, p]}}" for name in "xyz")
PASSED = "s: {op: add, from: [x, input]}\nt: {op: mean, dim: 1, keepdim: true, from: y}\n"


@pytest.mark.parametrize(("read", "vectors", "numbers", "peak"), [("x, y", 6, 2, "t"), ("x, y, z", 7, 1, "s")])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_gradient_that_is_passed_on_waits_with_others(
    read: str, vectors: int, numbers: int, peak: str, batch: int
) -> None:
    """`all` passes its gradient on to what it reads. What `t` makes for `y` cannot be added to it in place; what `s`
    passes on to `x` can, in place, where none but `x` waits with it. Such sums are copies while torch is measured.

    At the turn of `t` there are input, `s` and `all`, their two gradients, and that of `y`, of 16 numbers each, and the
    mean with its own; at that of `s` a sum besides, if it is a copy, and no gradient of the mean."""
    nodes = SCALED if "z" in read else SCALED.rpartition("\n")[0]
    graph = graph_of(f"{nodes}\n{PASSED}all: {{op: add, from: [{read}]}}", "[N, 16]", "outputs: [s, t, all]")
    found = training_memory(graph, optimizer="sgd", batch=batch)
    assert found.peak_bytes is not None
    assert (found.peak_bytes - found.weights, found.peak) == (batch * 4 * (vectors * 16 + numbers), peak)


@pytest.mark.parametrize(("batch", "vectors"), [(1, 5), (2, 4)])
def test_a_gradient_that_is_a_part_of_one(batch: int, vectors: int) -> None:
    """At the turn of `a` there are input, output, which is two vectors long, and the gradients of the weights; and its
    own: of one sample still the half of the output's that it was, in which all was added up, else a sum of its own."""
    linear = "{op: Linear, out_features: 16}"
    graph = graph_of(f"a: {linear}\nb: {{op: Tanh, from: a}}\nc: {{op: cat, from: [a, b]}}", "[N, 16]")
    found = training_memory(graph, optimizer="sgd", batch=batch)
    assert found.peak_bytes is not None
    assert (found.peak_bytes - found.weights - found.gradients, found.peak) == (batch * 4 * vectors * 16, "a")


def test_an_unknown_optimiser_is_refused() -> None:
    with pytest.raises(KeyError):
        training_memory(graph_of("a: ReLU"), optimizer="lion")


def test_an_unknown_size_leaves_activations_open() -> None:
    found = training_memory(graph_of("a: {op: Conv2d, out_channels: 4, kernel_size: 1}", "[N, 3, H, 8]"))
    assert (found.saved, found.peak_bytes, found.peak) == (None, None, None)
    assert found.gradients == 4 * 16
