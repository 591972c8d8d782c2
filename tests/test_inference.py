"""Networks optimised for inference compute what they computed in evaluation, in no more memory."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import archspec
from archspec.analysis.memory import memory
from archspec.diagnostics import SpecError
from archspec.emit.torch import build, load_source, run_and_compare
from archspec.inference import for_inference
from archspec.ir import Graph, verify
from tests.agreement import compiled, reordered
from tests.network import random_inputs
from tests.random_specs.sketch import Sketch
from tests.strategies import specs
from tests.test_random_memory import flat
from tests.zoo.parity import peak, randomise

warnings.filterwarnings("ignore", module="torch")

HEAD = "archspec: 1\nname: n\ninput: [N, 4, 8, 8]\ngraph:\n"


def network(nodes: str) -> Graph:
    return archspec.loads(HEAD + nodes)


def titles(graph: Graph) -> list[str]:
    return [node.op.title for node in archspec.optimize(graph).nodes]


def pair(graph: Graph) -> tuple[nn.Module, nn.Module]:
    """The module in evaluation, and the one for inference, with the same random weights in float64."""
    plain = build(graph, dtype=torch.float64, init=False).eval()
    randomise(plain)
    given = {"weights": plain.state_dict()} if plain.state_dict() else {}
    return plain, archspec.build(graph, dtype=torch.float64, optimize="inference", **given)


def inputs_of(graph: Graph) -> list[Tensor]:
    return [x.double() if x.is_floating_point() else x for x in random_inputs(graph, {"N": 2})]


def run(model: nn.Module, inputs: list[Tensor]) -> Any:
    torch.manual_seed(1)
    with torch.no_grad():
        return model(*(x.clone() for x in inputs))


def assert_same(graph: Graph, tolerance: float = 1e-11) -> None:
    plain, optimised = pair(graph)
    inputs = inputs_of(graph)
    expected, found = run(plain, inputs), run(optimised, inputs)
    assert isinstance(found, type(expected))
    if isinstance(expected, dict):
        assert list(found) == list(expected)
    for a, b in zip(tree_leaves(expected), tree_leaves(found), strict=True):
        scale = max(1.0, float(a.nan_to_num(0, 0, 0).abs().max())) if a.is_floating_point() else 1.0
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
    with torch.no_grad():
        inputs = inputs_of(graph)
        before = [x.clone() for x in inputs]
        optimised(*inputs)
    assert all(map(torch.equal, before, inputs)), "an input was overwritten"


@pytest.mark.parametrize(
    "name",
    ["densenet121", "efficientnet_b0", "googlenet", "inception_v3", "lenet5_1998", "mobilenet_v2_0.35", "resnet18",
     "resnet50_2015", "simple_yolo_resnet18", "unet_rgb_256", "vgg11_bn", "vit_s_16", "convnext_tiny"],
)  # fmt: skip
def test_the_zoo_computes_the_same(name: str) -> None:
    graph = archspec.load(name)
    sizes = [int(str(size)) for size in graph.inputs[0].type.shape[2:]]
    if not name.startswith(("vit", "lenet", "inception", "simple", "unet", "vgg")):
        graph = archspec.load(name, input=(3, 64, 96))
    elif sizes[0] > 224:
        graph = archspec.load(name, input=(3, 96, 128)) if name != "inception_v3" else graph
    assert_same(graph)


@given(specs())
def test_random_networks_compute_the_same(spec: Sketch) -> None:
    graph = compiled(spec)
    optimised = for_inference(graph).graph
    verify(optimised)
    assert set(optimised.modes) <= {"always"}
    if not reordered(graph, training=False):
        assert_same(graph, 1e-9)


@settings(max_examples=max(20, settings.default.max_examples // 10))
@given(specs())
def test_random_networks_need_no_more_memory(spec: Sketch) -> None:
    """With every value dropped after its last reader. (What variables of the source hold longer is small.)"""
    graph = compiled(spec)
    before, after = (memory(flat(each), batch=2).activation_peak_bytes for each in (graph, for_inference(graph).graph))
    assert before is not None and after is not None
    assert after <= before


@pytest.mark.parametrize(
    ("name", "less"),
    [("convnext_tiny", True), ("densenet121", False), ("efficientnet_b0", True), ("googlenet", True),
     ("inception_v3", True), ("mobilenet_v2", True), ("resnet50", True), ("vgg11_bn", True), ("vit_b_32", True)],
)  # fmt: skip
def test_the_zoo_takes_no_more_memory(name: str, less: bool) -> None:
    graph = archspec.load(name)
    shape = tuple(int(str(size)) for size in graph.inputs[0].type.shape[1:])
    before = peak(build(graph, device="meta"), shape)
    after = peak(build(for_inference(graph).graph, device="meta"), shape)
    assert after < before if less else after <= before


# --- which norms are folded


CONV = "  conv: {op: Conv2d, out_channels: 6, kernel_size: 3, padding: 1, bias: %s}\n"


@pytest.mark.parametrize(
    "nodes",
    [
        CONV % "false" + "  norm: BatchNorm2d\n",
        CONV % "true" + "  norm: {op: BatchNorm2d, affine: false}\n",
        CONV % "true" + "  norm: {op: BatchNorm2d, bias: false, eps: 0.1}\n",
        CONV % "true" + "  drop: Dropout\n  norm: BatchNorm2d\n",
        "  up: {op: ConvTranspose2d, out_channels: 6, kernel_size: 2, stride: 2, groups: 2}\n  norm: BatchNorm2d\n",
        "  conv: {op: Conv2d, out_channels: 8, kernel_size: 3, groups: 4, padding_mode: circular, padding: 1}\n"
        "  norm: SyncBatchNorm\n",
        "  flat: flatten\n  fc: {op: Linear, out_features: 5}\n  norm: BatchNorm1d\n",
    ],
)
def test_a_norm_is_folded(nodes: str) -> None:
    graph = network(nodes)
    assert not any("Norm" in title for title in titles(graph))
    assert_same(graph)


@pytest.mark.parametrize(
    "nodes",
    [
        CONV % "true" + "  norm: {op: BatchNorm2d, track_running_stats: false}\n",  # statistics of the batch
        CONV % "true" + "  norm: BatchNorm2d\n  both: {op: cat, from: [conv, norm]}\n",  # another reader
        CONV % "true" + "  norm: BatchNorm2d\noutputs: [conv, norm]\n",
        CONV % "true" + "  relu: ReLU\n  norm: BatchNorm2d\n",  # something between
        "  norm: BatchNorm2d\n" + CONV % "true",  # before the convolution, which pads
        "  a: {op: Conv2d, out_channels: 4, kernel_size: 1}\n  norm: BatchNorm2d\n  b: {reuse: a}\n",  # called twice
        "  a: {op: Conv2d, out_channels: 4, kernel_size: 1}\n  n: BatchNorm2d\n  b: {op: Conv2d, out_channels: 4, "
        "kernel_size: 1, tie: {weight: a.weight}}\n",  # another layer has that weight, too
        "  flat: {op: flatten, start_dim: 2}\n  fc: {op: Linear, out_features: 5}\n  norm: BatchNorm1d\n",  # other axes
    ],
)
def test_a_norm_is_left_alone(nodes: str) -> None:
    graph = network(nodes)
    assert any("Norm" in title for title in titles(graph))
    assert_same(graph)


# --- what is written over


@pytest.mark.parametrize(
    ("nodes", "overwrites"),
    [
        ("  conv: {op: Conv2d, out_channels: 4, kernel_size: 1}\n  relu: ReLU\n", True),
        ("  conv: {op: Conv2d, out_channels: 4, kernel_size: 1}\n  add: {op: add, from: [input, conv]}\n", True),
        ("  conv: {op: Conv2d, out_channels: 4, kernel_size: 1}\n  gelu: {op: GELU, approximate: tanh}\n", True),
        ("  conv: {op: Conv2d, out_channels: 4, kernel_size: 1}\n  gelu: gelu\n", True),
        ("  gelu: GELU\n", False),
        ("  conv: {op: Conv2d, out_channels: 4, kernel_size: 1}\n  mul: {op: mul, from: [conv, conv]}\n", False),
        ("  relu: ReLU\n", False),  # the input is the caller's
        ("  view: {op: flatten, start_dim: 2}\n  relu: ReLU\n", False),  # which a view still is
        ("  scale: {op: Parameter, shape: [4, 1, 1], init: ones_}\n  relu: {op: ReLU, from: scale}\n"
         "  mul: {op: mul, from: [input, relu]}\n", False),
        ("  conv: {op: Conv2d, out_channels: 4, kernel_size: 1}\n  relu: ReLU\noutputs: [conv, relu]\n", False),
        ("  conv: {op: Conv2d, out_channels: 4, kernel_size: 1}\n  part: {op: flatten, start_dim: 2}\n"
         "  relu: {op: ReLU, from: conv}\n  sum: {op: sum, dim: 1, from: part}\noutputs: [relu, sum]\n", False),
        ("  a, b: {op: chunk, chunks: 2}\n  ra: {op: SiLU, from: a}\n  mul: {op: mul, from: [ra, b]}\n", True),
        ("  conv: {op: Conv2d, out_channels: 4, kernel_size: 1}\n"
         "  relu: {op: LeakyReLU, negative_slope: -1.0}\n", False),
    ],
)  # fmt: skip
def test_what_nobody_needs_is_overwritten(nodes: str, overwrites: bool) -> None:
    graph = network(nodes)
    assert any(node.op.inplace_on_input for node in archspec.optimize(graph).nodes) == overwrites
    assert_same(graph)


@pytest.mark.parametrize(
    "nodes",
    [
        "  norm: BatchNorm2d\n  relu: ReLU\n  conv: {op: Conv2d, out_channels: 6, kernel_size: 1}\n",
        "  norm: BatchNorm2d\n  relu: {op: relu, inplace: true}\n"
        "  conv: {op: Conv2d, out_channels: 6, kernel_size: 3, stride: 2, groups: 2, bias: false}\n",
        "  norm: BatchNorm2d\n  conv: {op: Conv2d, out_channels: 6, kernel_size: 3}\n",
        "  flat: flatten\n  norm: BatchNorm1d\n  relu: ReLU\n  fc: {op: Linear, out_features: 5}\n",
        "  flat: {op: flatten, start_dim: 2}\n  norm: {op: BatchNorm1d, affine: false}\n  relu: ReLU\n"
        "  conv: {op: Conv1d, out_channels: 6, kernel_size: 1}\n",
    ],
)
def test_a_norm_is_folded_into_the_layer_after_it(nodes: str) -> None:
    graph = network(nodes)
    assert not {"BatchNorm1d", "BatchNorm2d", "ReLU", "relu"} & set(titles(graph))
    assert_same(graph)
    assert run_and_compare(archspec.optimize(graph), archspec.build(graph, optimize="inference")) == []


@pytest.mark.parametrize(
    "nodes",
    [
        "  norm: BatchNorm2d\n  conv: {op: Conv2d, out_channels: 6, kernel_size: 3, padding: same}\n",
        "  norm: BatchNorm2d\n  relu: ReLU\n  conv: {op: Conv2d, out_channels: 6, kernel_size: 1, padding: 1}\n",
        "  norm: BatchNorm2d\n  relu: ReLU\n  conv: {op: Conv2d, out_channels: 4, kernel_size: 1}\n"
        "  sum: {op: add, from: [relu, conv]}\n",  # another reader
        "  norm: BatchNorm2d\n  gelu: GELU\n  conv: {op: Conv2d, out_channels: 6, kernel_size: 1}\n",
        "  norm: {op: BatchNorm2d, track_running_stats: false}\n"
        "  conv: {op: Conv2d, out_channels: 6, kernel_size: 1}\n",
        "  norm: BatchNorm2d\n  conv: {op: Conv2d, out_channels: 4, kernel_size: 1}\n  again: {reuse: conv}\n",
        "  flat: {op: flatten, start_dim: 2}\n  norm: BatchNorm1d\n  fc: {op: Linear, out_features: 5}\n",  # other axes
    ],
)
def test_a_norm_is_left_before_a_layer(nodes: str) -> None:
    graph = network(nodes)
    assert any("Norm" in title for title in titles(graph))
    assert_same(graph)


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float16, 5e-3), (torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_channels_that_are_always_or_never_on(dtype: torch.dtype, rounding: float) -> None:
    """Their bound is no number, or beyond all of them."""
    graph = network("  norm: BatchNorm2d\n  relu: ReLU\n  conv: {op: Conv2d, out_channels: 6, kernel_size: 1}\n")
    plain = build(graph, dtype=dtype).eval()
    x = torch.randn(2, 4, 8, 8, dtype=dtype)
    for weight in ([0.0, 0.0, 0.0, 1.0], [1e-30, -1e-30, 1e-300, 0.5], [-0.0, 1e-7, -1e-7, -1.0]):
        for bias in ([1.0, -1.0, 0.0, 0.0], [-1.0, 1.0, 1.0, -2.0]):
            plain.norm.weight.data, plain.norm.bias.data = (torch.tensor(v, dtype=dtype) for v in (weight, bias))
            model = archspec.build(graph, weights=plain.state_dict(), dtype=dtype, optimize="inference")
            with torch.inference_mode():
                torch.testing.assert_close(model(x), plain(x), rtol=rounding, atol=rounding)


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("  conv: {op: Conv2d, out_channels: 6, kernel_size: 1}\n  pool: {op: AvgPool2d, kernel_size: 2}\n", True),
        ("  conv: {op: Conv2d, out_channels: 6, kernel_size: 1, groups: 2, bias: false}\n"
         "  pool: {op: AvgPool2d, kernel_size: 3, stride: 2, ceil_mode: true}\n", True),
        ("  list:\n    - {op: Conv2d, out_channels: 6, kernel_size: 1}\n    - {op: AvgPool2d, kernel_size: 2}\n"
         "    - ReLU\n", True),
        ("  conv: {op: Conv2d, out_channels: 6, kernel_size: 3}\n  pool: {op: AvgPool2d, kernel_size: 2}\n", False),
        ("  conv: {op: Conv2d, out_channels: 6, kernel_size: 1, stride: 2}\n  pool: {op: AvgPool2d, kernel_size: 2}\n",
         False),
        ("  conv: {op: Conv2d, out_channels: 6, kernel_size: 1}\n"
         "  pool: {op: AvgPool2d, kernel_size: 2, padding: 1}\n", False),
        ("  conv: {op: Conv2d, out_channels: 6, kernel_size: 1}\n"
         "  pool: {op: AvgPool2d, kernel_size: 2, divisor_override: 3}\n", False),
        ("  conv: {op: Conv2d, out_channels: 6, kernel_size: 1}\n"
         "  pool: {op: AvgPool2d, kernel_size: 3, stride: 1}\n", False),  # as many positions
        ("  conv: {op: Conv2d, out_channels: 6, kernel_size: 1}\n  pool: {op: AvgPool2d, kernel_size: 2}\n"
         "outputs: [conv, pool]\n", False),
    ],
)  # fmt: skip
def test_averages_are_taken_first(nodes: str, first: bool) -> None:
    graph = network("  norm: BatchNorm2d\n  silu: SiLU\n" + nodes)
    assert (titles(graph).index("AvgPool2d") < titles(graph).index("Conv2d")) == first
    assert_same(graph)
    optimised = archspec.optimize(graph)
    assert run_and_compare(optimised, build(optimised)) == []


TOKENS = """\
archspec: 1
name: n
input: [N, 6, 8]
graph:
  first: {op: Linear, out_features: 8}
"""
BLOCK = """\
  norm: LayerNorm
  attention: {op: MultiheadAttention, num_heads: 2, batch_first: true}
  attended: {op: add, from: [attention, first]}
  wide: {op: Linear, out_features: 16}
  gelu: GELU
  narrow: {op: Linear, out_features: 8}
  sum: {op: add, from: [attended, narrow]}
"""
SELECT = "  token: {op: select, dim: 1, index: 0}\n"


@pytest.mark.parametrize(
    ("nodes", "alone"),
    [
        (BLOCK + SELECT, ["attention", "attended", "wide", "gelu", "narrow", "sum"]),
        (BLOCK + "  token: {op: select, dim: -2, index: -1}\n", ["attention", "wide", "narrow", "sum"]),
        (BLOCK + "  last: LayerNorm\n  token: {op: select, dim: 1, index: -2}\n", ["attention", "sum", "last"]),
        (BLOCK + SELECT + "outputs: [narrow, token]\n", ["sum"]),  # worth nothing
        ("  a: {op: Linear, out_features: 3}\n" + SELECT, ["first", "a"]),
        ("  a: {op: Linear, out_features: 3}\n  b: {op: add, from: [a, a, a]}\n" + SELECT, ["a", "b"]),
        ("  keys: {op: Linear, out_features: 8}\n  att: {op: MultiheadAttention, num_heads: 2, batch_first: true, "
         "from: {query: first, key: keys, value: keys}}\n" + SELECT, ["att"]),
        ("  bias: {op: Parameter, shape: [1, 1, 8], init: ones_}\n  b: {op: add, from: [first, bias]}\n" + SELECT,
         ["first", "b"]),
        ("  selected: {op: Linear, out_features: 8}\n" + SELECT, ["first", "selected"]),
    ],
)  # fmt: skip
def test_what_is_selected_is_computed_alone(nodes: str, alone: list[str]) -> None:
    graph = archspec.loads(TOKENS + nodes)
    assert_same(graph)
    optimised = archspec.optimize(graph)
    assert run_and_compare(optimised, build(optimised)) == []
    if "outputs" in nodes:
        assert str(optimised["sum"].output) == "[N, 6, 8]"
    else:
        assert all(optimised[path].output.shape[1] == 1 for path in alone)


@pytest.mark.parametrize(
    "nodes",
    [
        "  cumsum: {op: cumsum, dim: 1}\n" + SELECT,
        "  token: {op: select, dim: 2, index: 0}\n",  # of the features themselves
        "  soft: {op: softmax, dim: 1}\n" + SELECT,
        "  two: {op: select, dim: 1, index: 1}\n  one: {op: select, from: first, dim: 1, index: 0}\n"
        "outputs: [one, two]\n",
        "  table: {op: Parameter, shape: [6, 8], init: ones_}\n  sum: {op: add, from: [first, table]}\n" + SELECT,
        "  list:\n    - {op: Linear, out_features: 8}\n    - ReLU\n  both: {op: add, from: [first, list]}\n"
        "  soft: {op: softmax, dim: 1}\n  token: {op: select, from: list, dim: 1, index: 0}\n"
        "outputs: [token, soft]\n",
        "  list:\n    - {op: Linear, out_features: 8}\n    - {op: select, dim: 1, index: 0}\n"
        "  sum: {op: sum, dim: 1, from: first}\noutputs: [list, sum]\n",  # a list has no names for what is put in
    ],
)
def test_what_is_read_elsewhere_is_computed_whole(nodes: str) -> None:
    graph = archspec.loads(TOKENS + nodes)
    assert "slice" not in titles(graph)
    assert_same(graph)


def test_a_layer_that_is_called_twice_computes_all() -> None:
    graph = archspec.loads(TOKENS + "  a: {op: Linear, out_features: 8}\n  b: {reuse: a}\n" + SELECT)
    assert "slice" not in titles(graph)
    assert_same(graph)


def test_code_of_several_uses_stays_one() -> None:
    """One use could be in place, the other not; dropout goes in both."""
    graph = network(
        "  conv: {op: Conv2d, out_channels: 4, kernel_size: 1}\n"
        "  act:\n    - ReLU\n    - Dropout\n"
        "  again: {reuse: act, from: conv}\n"
        "  sum: {op: add, from: [act, again]}\n"
    )
    assert titles(graph) == ["Conv2d", "ReLU", "ReLU", "add_"]
    assert_same(graph)


# --- what is left out


def test_what_only_training_needs_is_left_out() -> None:
    graph = archspec.load("googlenet")
    optimised = archspec.optimize(graph)
    assert not any(name.startswith("aux") for name in (*optimised.scopes, *optimised.positions))
    assert not {"Dropout", "BatchNorm2d"} & {node.op.title for node in optimised.nodes}
    assert all("aux" not in entry.name for entry in optimised.outputs.entries)


@pytest.mark.parametrize(
    "nodes",
    [
        "  a: Dropout\n  b:\n    - Identity\n    - {op: StochasticDepth, p: 0.5}\n",
        "  - {op: Linear, out_features: 2, as: a}\noutputs:\n  x: input\n  y: {from: a, only: training}\n",
        "  a: Identity\n  b: {reuse: a}\noutputs:\n  x: a\n  y: {from: b, only: training}\n",
    ],
)
def test_a_network_of_which_nothing_is_left(nodes: str) -> None:
    graph = network(nodes)
    assert titles(graph) == ["Identity"]
    assert_same(graph)
    optimised = archspec.optimize(graph)
    assert archspec.report(optimised).html and optimised.summary().to_text() and str(archspec.diagram(optimised))


def test_what_only_a_dropped_identity_needed_is_left_out() -> None:
    graph = network("""\
  - {op: Identity, as: a}
  - {op: ReLU, as: b}
  - {reuse: a, as: c}
  - {op: Dropout, as: d}
outputs:
  x: a
  y: {from: d, only: training}
""")
    assert graph.modes == ("always", "always", "always", "training")
    assert titles(graph) == ["Identity"]
    assert_same(graph)


def test_images_are_channels_last() -> None:
    conv = "  conv: {op: Conv2d, out_channels: 4, kernel_size: 3}\n  relu: ReLU\n"
    line = "self.to(memory_format=torch.channels_last)"
    assert line in archspec.to_python(archspec.optimize(network(conv)))
    assert line not in archspec.to_python(network(conv))
    assert line not in archspec.to_python(archspec.optimize(network("  relu: ReLU\n")))
    volume = "  up: {op: unsqueeze, dim: 2}\n  conv3: {op: Conv3d, out_channels: 4, kernel_size: 1}\n"
    assert line not in archspec.to_python(archspec.optimize(network(conv + volume)))
    model = archspec.build(network(conv), optimize="inference")
    with torch.no_grad():
        assert model(torch.randn(2, 4, 8, 8)).is_contiguous(memory_format=torch.channels_last)


# --- the module


def test_the_module_is_for_evaluation_only() -> None:
    model = archspec.build("resnet18", optimize="inference")
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert model.eval() is model and model.train(False) is model
    with pytest.raises(RuntimeError, match="optimised for inference"):
        model.train()
    assert archspec.graph_of(model).inference
    assert archspec.graph_of(model).summary().to_json()["totals"]["params"] == sum(
        parameter.numel() for parameter in model.parameters()
    )


def test_the_module_is_ordinary() -> None:
    model = archspec.build("resnet18", optimize="inference", params={"num_classes": 7})
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = model(x)
        for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert torch.equal(other(x), expected)
        assert torch.export.export(model, (x,)) is not None


def test_the_source_takes_the_weights_of_the_module() -> None:
    graph = archspec.optimize(archspec.load("mobilenet_v2_0.35"))
    source = archspec.to_python(graph)
    assert "archspec" not in source
    module = load_source(source)
    other = next(cls for name, cls in vars(module).items() if name.startswith("MobilenetV2"))()
    model = archspec.build("mobilenet_v2_0.35", optimize="inference")
    other.load_state_dict(model.state_dict(), strict=True)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(other(x), model(x))
    assert not other.training


def test_what_was_inferred_is_what_runs() -> None:
    graph = archspec.optimize(archspec.load("resnet18", input=(3, 64, 64)))
    model = build(graph)
    assert run_and_compare(graph, model) == []


def test_weights_are_those_of_the_network_as_written() -> None:
    plain = archspec.build("resnet18", params={"num_classes": 3})
    with pytest.warns(UserWarning, match="initialised, not loaded"):
        model = archspec.build("resnet18", weights=plain.state_dict(), optimize="inference")
    assert model.fc.weight.shape == (1000, 512)
    assert "bn1.weight" not in model.state_dict() and "conv1.bias" in model.state_dict()


def test_weights_of_the_original_do_not_fit_the_optimised_graph() -> None:
    graph = archspec.load("resnet18")
    state = archspec.build(graph).state_dict()
    optimized = archspec.optimize(graph)
    with pytest.raises(SpecError) as caught:
        archspec.build(optimized, weights=state)
    assert 'build(SPEC, weights=..., optimize="inference")' in (caught.value.diagnostics[0].help or "")
    folded = archspec.build(graph, weights=state, optimize="inference").state_dict()
    again = archspec.build(optimized, weights=folded).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in folded.items())
    renamed = {f"net.{name}" if name.startswith("fc") else name: tensor for name, tensor in folded.items()}
    with pytest.raises(SpecError, match="--rename"):
        archspec.build(optimized, weights=renamed)


@pytest.mark.parametrize("purpose", ["speed", True, 3])
def test_another_purpose_is_refused(purpose: Any) -> None:
    with pytest.raises(SpecError, match="inference"):
        archspec.build("resnet18", optimize=purpose)
    with pytest.raises(SpecError, match="already"):
        archspec.optimize(archspec.optimize(archspec.load("resnet18")))
