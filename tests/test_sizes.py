"""Which sizes a network takes: facts, in words and as values, against torch; closed forms against concrete sizes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import combinations, product

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from torch import Tensor, nn

from archspec import api, dims
from archspec.analysis.cost import costs
from archspec.analysis.interface import size_interface
from archspec.analysis.requirements import accepts, channels, size_requirements
from archspec.analysis.sample import training_batch
from archspec.diagnostics import SpecError
from archspec.emit.torch import build
from archspec.ir import Graph, Node
from archspec.ops.needs import Needs
from archspec.values import Value
from tests.agreement import compiled, other_sizes
from tests.network import Network, random_inputs, shape_at
from tests.random_specs.sketch import Sketch
from tests.strategies import specs
from tests.test_random_graphs import share

warnings.filterwarnings("ignore", module="torch")

LARGEST = 24  # size of an axis, and twice its nominal one


def runs(graph: Graph, model: nn.Module, sizes: dict[str, int]) -> tuple[str, bool]:
    """Nothing where torch runs the module in both modes and every tensor has the shape that was inferred, none of them
    empty, else why not; and whether tensors were broadcast that are of one shape at the spec's own sizes."""
    spread = False
    try:
        network = Network(graph, model)
        for training in (True, False):
            inputs = random_inputs(graph, sizes)
            model.train(training)(*[x.clone() for x in inputs])
            values, _ = network.run(inputs, training, sizes)
            for value, real in values.items():
                inferred = shape_at(graph.type_of(value), sizes)
                if inferred != tuple(real.shape) or not real.numel():
                    return f"{graph.name_of(value)} is {tuple(real.shape)}, not {inferred}", spread
            spread |= any(is_spread(graph, node, values) for node in graph.nodes)
    except (RuntimeError, ValueError, IndexError, ZeroDivisionError, TypeError, AssertionError) as error:
        return f"{type(error).__name__}: {error}", spread
    return "", spread


def is_spread(graph: Graph, node: Node, values: Mapping[Value, Tensor]) -> bool:
    """Whether an axis of size 1 meets a larger one where sizes are equal in the spec, or the other way round."""
    for a, b in combinations(filter(values.__contains__, node.inputs), 2):
        own = [list(map(dims.value, graph.type_of(value).shape)) for value in (a, b)]
        now = [tuple(values[value].shape) for value in (a, b)]
        for axis in range(1, min(map(len, now)) + 1):
            before, after = {shape[-axis] for shape in own}, {shape[-axis] for shape in now}
            if {len(before), len(after)} == {1, 2} and 1 in max(before, after, key=len):
                return True
    return False


@share(4)
@given(specs(), st.data())
def test_sizes_are_accepted_exactly_where_torch_accepts_them(spec: Sketch, data: st.DataObject) -> None:
    """A number that was read off a size for something else than weights says nothing of what torch accepts."""
    graph = compiled(spec)
    nominal = sizes_of(graph)
    names = sorted(nominal.keys() - channels(graph).keys() - {"N"})
    if not names:
        return
    facts, pins = size_requirements(graph, pins=False), size_requirements(graph)
    model = build(graph)
    for _ in range(4):
        changed = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
        sizes = {**nominal, **{name: data.draw(st.integers(1, min(LARGEST, 2 * nominal[name]))) for name in changed}}
        answer, (why, spread) = accepts(facts, sizes) and weights_fit(graph, sizes), runs(graph, model, sizes)
        said = f"{sizes}: {why}\n" + "\n".join(map(str, facts))
        if answer and accepts(pins, sizes):
            assert not why, said
        elif not answer:
            assert why or spread, said


def sizes_of(graph: Graph) -> dict[str, int]:
    """The spec's own sizes, with a batch to train with."""
    batch = training_batch(graph)
    return {name: dims.value(dim) or batch for x in graph.inputs for dim in x.type.shape for name in dims.symbols(dim)}


def weights_fit(graph: Graph, sizes: dict[str, int]) -> bool:
    """Whether the sizes that were pinned by weights are as they were."""
    for node in graph.nodes:
        need = Needs()
        if not node.op.state():
            continue
        node.op.inferred(need, graph.inputs_of(node))
        if any(dims.value(dims.substitute(size, sizes)) != size.value for size in need.pins):
            return False
    return True


@share(8)
@given(specs())
def test_closed_forms_are_what_another_input_gives(spec: Sketch) -> None:
    graph = compiled(spec)
    facts = size_requirements(graph)
    fixed = channels(graph)
    for sizes in other_sizes(graph):
        sizes = {**sizes, **fixed}
        if not accepts(facts, sizes):
            continue
        shapes = {x.name: [dims.value(dims.substitute(dim, sizes)) or 2 for dim in x.type.shape] for x in graph.inputs}
        concrete = api.loads(spec.text, input=shapes)
        for ours, theirs in zip(graph.nodes, concrete.nodes, strict=True):
            for x, y in zip(ours.outputs, theirs.outputs, strict=True):
                assert shape_at(x, sizes) == shape_at(y, {}), ours.path


@share(8)
@given(specs(), st.data())
def test_costs_are_closed_forms_of_what_is_not_known(spec: Sketch, data: st.DataObject) -> None:
    """Evaluated at other sizes, they are what those cost. Where the size of an axis must be known, it is an error."""
    graph = compiled(spec)
    shapes = {x.name: [dims.value(dim) or "N" for dim in x.type.shape] for x in graph.inputs}
    axes = [(x.name, axis) for x in graph.inputs for axis in range(2, x.type.rank)]
    if not axes:
        return
    name, axis = data.draw(st.sampled_from(axes))
    try:
        loose = api.loads(spec.text, input=_with(shapes, name, axis, "Q"))
        unknown, facts = costs(loose).total, size_requirements(loose, pins=False)
    except SpecError:
        return
    nominal = shapes[name][axis]
    assert isinstance(nominal, int)
    for size in (nominal, nominal + 1, nominal + 4, 3 * nominal):
        if not accepts(facts, {"Q": size, "N": 2}):  # an axis of one that is spread at this size alone, say
            continue
        try:
            known = costs(api.loads(spec.text, input=_with(shapes, name, axis, size))).total
        except SpecError:
            continue
        event("compared")
        for ours, theirs in ((unknown.macs, known.macs), (unknown.ops, known.ops)):
            assert dims.value(dims.substitute(ours, {"Q": size})) == theirs
        assert (unknown.params, unknown.buffers) == (known.params, known.buffers)


def _with(
    shapes: dict[str, list[int | str]], name: str, axis: int, size: int | str
) -> dict[str, tuple[int | str, ...]]:
    """The shapes with another size of one axis."""
    changed = [*shapes[name]]
    changed[axis] = size
    return {each: tuple(changed if each == name else shape) for each, shape in shapes.items()}


# Networks as people write them: facts in words, and every size of an axis tried in torch

NETWORKS: dict[str, tuple[str, list[str]]] = {
    "u-net": (
        """
input: [N, 1, 32, 8]
graph:
  for i in range(3):
    enc$i: {op: Conv2d, out_channels: 2, kernel_size: 3, padding: 1}
    pool$i: {op: MaxPool2d, kernel_size: 2}
  for i in reversed(range(3)):
    up$i: {op: ConvTranspose2d, out_channels: 2, kernel_size: 2, stride: 2}
    join$i: {op: cat, from: [enc$i, up$i]}
""",
        ["`join2`, `join1` and `join0` need H = 0 (mod 8)", "`join2`, `join1` and `join0` need W = 0 (mod 8)"],
    ),
    "u-net that fits": (
        """
input: [N, 1, 32, 8]
graph:
  enc: {op: Conv2d, out_channels: 2, kernel_size: 3}
  pool: {op: MaxPool2d, kernel_size: 2}
  fit: {op: interpolate, like: enc}
  join: {op: cat, from: [enc, fit]}
""",
        ["`pool` needs H >= 4", "`pool` needs W >= 4"],
    ),
    "unpadded u-net": (
        """
input: [N, 1, 30, 30]
graph:
  enc: {op: Conv2d, out_channels: 2, kernel_size: 3}
  pool: {op: MaxPool2d, kernel_size: 2}
  deep: {op: Conv2d, out_channels: 2, kernel_size: 3}
  up: {op: ConvTranspose2d, out_channels: 2, kernel_size: 2, stride: 2}
  let d: (up.height - enc.height) // 2
  cropped: {op: pad, from: enc, pad: [0, 0, d, d]}
  narrow: {op: narrow, dim: 3, start: 2, length: up.width}
  join: {op: cat, from: [narrow, up]}
""",
        ["`deep` needs H >= 8", "`join` needs H = 0 (mod 2)", "`deep` needs W >= 8"],
    ),
    "pyramid": (
        """
input: [N, 1, 32, 8]
graph:
  c1: {op: Conv2d, out_channels: 2, kernel_size: 3, stride: 2, padding: 1}
  c2: {op: Conv2d, out_channels: 2, kernel_size: 3, stride: 2, padding: 1}
  c3: {op: Conv2d, out_channels: 2, kernel_size: 3, stride: 2, padding: 1}
  u3: {op: interpolate, scale_factor: 2, from: c3}
  p2: {op: add, from: [c2, u3]}
  u2: {op: interpolate, scale_factor: 2, from: p2}
  p1: {op: add, from: [c1, u2]}
""",
        ["`p2` and `p1` need H = 0 or 7 (mod 8)", "`p2` and `p1` need W = 0 or 7 (mod 8)"],
    ),
    "decoder": (
        """
input: [N, 1, 9]
graph:
  d1: {op: Conv1d, out_channels: 2, kernel_size: 3, stride: 2, padding: 1}
  d2: {op: Conv1d, out_channels: 2, kernel_size: 3, stride: 2, padding: 1}
  u2: {op: ConvTranspose1d, out_channels: 2, kernel_size: 3, stride: 2, padding: 1}
  j2: {op: add, from: [u2, d1]}
  u1: {op: ConvTranspose1d, out_channels: 1, kernel_size: 3, stride: 2, padding: 1}
  j1: {op: add, from: [u1, input]}
""",
        ["`j1` needs L = 1 (mod 4)"],
    ),
    "windows": (
        """
input: [N, 2, 28, 14]
params: {window: 7}
graph:
  patch: {op: Conv2d, out_channels: 2, kernel_size: 2, stride: 2}
  cut: {op: reshape, shape: [-1, 2, patch.height // window, window, patch.width // window, window]}
  order: {op: permute, dims: [0, 2, 4, 3, 5, 1]}
  windows: {op: reshape, shape: [-1, window * window, 2]}
  fc: {op: Linear, out_features: 2}
""",
        [
            "`patch` needs H >= 2",
            "`cut` needs H = 0 or 1 (mod 14)",
            "`patch` needs W >= 2",
            "`cut` needs W = 0 or 1 (mod 14)",
        ],
    ),
    "patches": (
        """
input: [N, 1, 16, 16]
graph:
  patch: {op: Conv2d, out_channels: 2, kernel_size: 4, stride: 4}
  flat: {op: flatten, start_dim: 2}
  tokens: {op: transpose, dim0: 1, dim1: 2}
  position: {op: Parameter, shape: [1, 16, 2], init: zeros_}
  add: {op: add, from: [tokens, position]}
""",
        ["`patch` needs H >= 4", "`patch` needs W >= 4", "`add` needs (H // 4) * (W // 4) = 16"],
    ),
    "flattened": (
        """
input: [N, 1, 12, 8]
graph:
  pool: {op: MaxPool2d, kernel_size: 4}
  flat: flatten
  fc: {op: Linear, out_features: 2}
""",
        ["axes H and W are pinned by `fc`: (H // 4) * (W // 4) = 6", "`pool` needs H >= 4", "`pool` needs W >= 4"],
    ),
    "flattened to the last": (
        """
input: [N, 1, 12, 8]
graph:
  pool: {op: Conv2d, out_channels: 2, kernel_size: [9, 8], stride: 2}
  flat: flatten
  fc: {op: Linear, out_features: 2}
""",
        [
            "axes H and W are pinned by `fc`: ((H + 1) // 2 - 4) * (W // 2 - 3) = 2",
            "`pool` needs H >= 9",
            "`pool` needs W >= 8",
        ],
    ),
    "flattened, of one axis": (
        """
input: [N, 1, 14]
graph:
  patch: {op: Conv1d, out_channels: 2, kernel_size: 4, stride: 4}
  flat: flatten
  fc: {op: Linear, out_features: 2}
""",
        ["axis L is pinned by `fc`: L // 4 = 3, L = 12..15"],
    ),
    "flattened, of one axis and one size": (
        """
input: [N, 1, 12]
graph:
  up: {op: ConvTranspose1d, out_channels: 1, kernel_size: 2, stride: 2}
  flat: flatten
  fc: {op: Linear, out_features: 2}
""",
        ["axis L is pinned by `fc`: L = 12"],
    ),
    "flattened, in a form too long to read": (
        """
input: [N, 1, 24, 20]
graph:
  up: {op: interpolate, scale_factor: 1.3}
  conv: {op: Conv2d, out_channels: 2, kernel_size: [3, 5], stride: 3}
  again: {op: interpolate, scale_factor: 2.7}
  pool: {op: Conv2d, out_channels: 2, kernel_size: [4, 3], stride: 2}
  flat: flatten
  fc: {op: Linear, out_features: 2}
""",
        ["axes H and W are pinned by `fc`", "`pool` needs H >= 5", "`pool` needs W >= 7"],
    ),
    "normalised": (
        """
input: [N, 1, 12, 8]
graph:
  pool: {op: MaxPool2d, kernel_size: 4}
  norm: InstanceNorm2d
""",
        ["`pool` needs H >= 4", "`pool` needs W >= 4", "`norm` needs (H // 4) * (W // 4) >= 2"],
    ),
    "positions": (
        """
input: {shape: [N, 12], dtype: int64}
graph:
  embed: {op: Embedding, num_embeddings: 4, embedding_dim: 2}
  table: {op: Parameter, shape: [1, 32, 2], init: zeros_}
  used: {op: narrow, dim: 1, start: 0, length: "input.shape[1]", from: table}
  add: {op: add, from: [embed, used]}
""",
        ["`used` needs F <= 32"],
    ),
    "resized": (
        """
input: [N, 1, 10]
graph:
  small: {op: interpolate, scale_factor: 0.3, from: input}
  pool: {op: MaxPool1d, kernel_size: 3, from: input}
  add: {op: add, from: [small, pool]}
""",
        ["`small` needs L >= 4", "not decided: L // 3 = floor(L * 0.3), for `add`"],
    ),
    "two branches": (
        """
input: [N, 1, 20]
graph:
  a: {op: MaxPool1d, kernel_size: 4, from: input}
  b: {op: Conv1d, out_channels: 1, kernel_size: 2, stride: 4, from: input}
  c: {op: AvgPool1d, kernel_size: 3, stride: 4, padding: 1, from: input}
  ab: {op: add, from: [a, b]}
  join: {op: cat, from: [ab, c]}
""",
        ["`join` needs L = 0 (mod 4)"],
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str) -> None:
    text, expected = NETWORKS[name]
    graph = api.loads(f"archspec: 1{text}")
    assert size_interface(graph) == expected
    facts, model = size_requirements(graph), build(graph)
    nominal = sizes_of(graph)
    for varied in sorted(nominal.keys() - {"N", "C"}):
        for size in range(1, 40):
            sizes = {**nominal, varied: size}
            why, spread = runs(graph, model, sizes)
            assert accepts(facts, sizes) == (not why and not spread), (varied, size, why)


@pytest.mark.parametrize(("nominal", "step"), list(product((1, 2, 3, 5), (1, 2, 3))))
def test_slices_take_as_many_at_other_sizes_as_python_does(nominal: int, step: int) -> None:
    bounds = (None, *range(-6, 7))
    for start, end in product(bounds, bounds):
        part = slice(start, end, step)
        if not range(nominal)[part]:
            continue
        index = f"..., {start}:{end}:{step}".replace("None", "")
        graph = api.loads(f"archspec: 1\ninput: [N, 3, {nominal}]\ngraph:\n  part: {{op: getitem, index: '{index}'}}")
        facts = size_requirements(graph)
        (node,) = graph.nodes
        ours = node.outputs[0].shape[2]
        for size in range(1, 16):
            real = len(range(size)[part])
            same = real > 0 and real == dims.value(dims.substitute(ours, {"L": size}))
            assert accepts(facts, {"N": 1, "C": 3, "L": size}) == same, (start, end, size)
