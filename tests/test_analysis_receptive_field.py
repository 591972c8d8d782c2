"""Receptive fields against the networks themselves, and op by op."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from archspec import api
from archspec.analysis.fields import grid, windows
from archspec.analysis.fields.carried import carried
from archspec.analysis.fields.rules import transfer
from archspec.analysis.fields.site import Site
from archspec.analysis.fields.tracks import Track, source
from archspec.analysis.receptive_field import ReceptiveField, output_field, receptive_fields
from archspec.analysis.sample import Sample
from archspec.diagnostics import SpecError
from archspec.emit.torch import build
from archspec.ir import Graph, leaves
from archspec.ops.base import Example, Inputs, Op, Window
from archspec.ops.dtypes import is_float
from archspec.values import TensorType, Value
from tests.op_oracle import EXAMPLES, module, run_example, sizes_at, tensors


def graph_of(nodes: str, shape: str = "[N, 2, 64]") -> Graph:
    """A graph from its nodes, one a line."""
    body = "\n".join(f"  {line}" for line in nodes.strip().splitlines())
    return api.loads(f"archspec: 1\nname: net\ninput: {shape}\ngraph:\n{body}\n")


def field_of(nodes: str, shape: str = "[N, 2, 64]") -> ReceptiveField:
    graph = graph_of(nodes, shape)
    field = output_field(graph, receptive_fields(graph))
    assert field is not None
    return field


def affine(field: ReceptiveField) -> tuple[int, int, int]:
    """Size, stride and padding of the first axis."""
    assert field.kind == "affine"
    size, stride, padding = field.size[0], field.stride[0], field.padding[0]
    assert isinstance(size, int)
    return size, int(stride), padding


# Against the networks themselves


def support(graph: Graph, axis: int, along: int) -> list[tuple[int, int] | None]:
    """Per unit of the output along an axis, the first and last input position (axis `along`) that it depends on: what
    changes with that position, all weights being positive."""
    model = build(graph).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.rand_like(parameter) + 0.1)
        shape = [1 if i == 0 else int(str(dim)) for i, dim in enumerate(graph.inputs[0].type.shape)]
        size = shape[along]
        x = torch.rand([size + 1, *shape[1:]], dtype=torch.float64)
        x[:] = x[0].clone()
        for position in range(size):
            x[position].select(along - 1, position).add_(1)
        out: Tensor = model(x)
    moved = (out[:-1] - out[-1:]).abs().transpose(1, axis).flatten(2).amax(2) > 1e-11 * out.abs().max()
    seen = [moved[:, unit].nonzero().flatten().tolist() for unit in range(out.shape[axis])]
    return [(positions[0], positions[-1]) if positions else None for positions in seen]


def agrees(graph: Graph, axis: int = 2, along: int = 2, which: int = 0, margin: int = 0) -> int:
    """Compares every unit whose field is `margin` off the borders; returns how many there were."""
    (value,) = (value for entry in graph.outputs.entries for value in leaves(entry.value))
    track = carried(Sample.of(graph), 0)[value][which]
    assert track is not None
    size = int(str(graph.inputs[0].type.shape[along]))
    compared = 0
    for unit, seen in enumerate(support(graph, axis, along)):
        if track.everywhere:
            assert seen == (0, size - 1)
            continue
        assert [(digit.axis, digit.inner) for digit in track.digits] == [(axis, 1)]
        lo, hi = track.map.first(unit), track.map.last(unit)
        if lo <= hi and lo >= margin and hi < size - margin:
            assert seen == (lo, hi), f"unit {unit} sees {seen}, not {(lo, hi)}"
            compared += 1
        elif lo > hi:
            assert seen is None, f"unit {unit} sees {seen}, not nothing"
    return compared


LAYERS = st.one_of(
    st.builds(
        "{{op: Conv1d, out_channels: 2, kernel_size: {}, stride: {}, padding: {}, dilation: {}}}".format,
        st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 3),
    ),
    st.builds(
        "{{op: ConvTranspose1d, out_channels: 2, kernel_size: {}, stride: {}, padding: {}, dilation: {}}}".format,
        st.integers(1, 4), st.integers(1, 3), st.integers(0, 1), st.integers(1, 2),
    ),
    st.builds("{{op: AvgPool1d, kernel_size: {}, stride: {}}}".format, st.integers(1, 3), st.integers(1, 3)),
    st.builds(
        "{{op: interpolate, scale_factor: {}, mode: {}}}".format,
        st.integers(2, 3), st.sampled_from(["nearest", "linear"]),
    ),
    st.builds("{{op: AdaptiveAvgPool1d, output_size: {}}}".format, st.integers(5, 40)),
    st.builds("{{op: slice, dim: 2, start: {}, step: {}}}".format, st.integers(0, 3), st.integers(1, 2)),
    st.builds("{{op: pad, pad: [{}, {}]}}".format, st.integers(-1, 2), st.integers(-1, 2)),
    st.just("{op: flip, dims: [2]}"),
    st.just("residual"),
    st.just("branches"),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(layers=st.lists(LAYERS, min_size=1, max_size=5))
def test_random_networks_agree_with_the_gradient(layers: list[str]) -> None:
    lines = ["stem: {op: Conv1d, out_channels: 2, kernel_size: 1}"]
    last = "stem"
    for i, layer in enumerate(layers):
        if layer == "residual":
            lines.append(f"conv{i}: {{op: Conv1d, out_channels: 2, kernel_size: 3, padding: 1}}")
            lines.append(f"layer{i}: {{op: add, from: [conv{i}, {last}]}}")
        elif layer == "branches":
            conv = f"op: Conv1d, from: {last}, out_channels: 1"
            lines.append(f"wide{i}: {{{conv}, kernel_size: 3, padding: 2, dilation: 2}}")
            lines.append(f"narrow{i}: {{{conv}, kernel_size: 2, padding: same}}")
            lines.append(f"layer{i}: {{op: cat, from: [wide{i}, narrow{i}]}}")
        else:
            lines.append(f"layer{i}: {layer}")
        last = f"layer{i}"
    try:
        graph = graph_of("\n".join(lines), "[N, 1, 200]")
    except SpecError:  # nothing is left of the map
        assume(False)
        raise
    assume(int(str(graph.nodes[-1].outputs[0].shape[2])) < 600)
    layout = carried(Sample.of(graph), 0)[Value(len(graph.nodes) - 1)][0]
    assert layout is not None
    # layers that crop or pad after others move the border: units near it see less than their field
    agrees(graph, margin=layout.map.size + 8 * (1 + int(layout.map.stride)))


CASES = {
    "permuted": """
        a: {op: Conv1d, out_channels: 3, kernel_size: 3, padding: 1}
        b: {op: permute, dims: [0, 2, 1]}
        c: LayerNorm
        d: {op: Linear, out_features: 4}
        e: {op: transpose, dim0: 1, dim1: 2}
        f: {op: Conv1d, out_channels: 3, kernel_size: 3, padding: 1, stride: 2}
    """,
    "windows": """
        a: {op: Conv1d, out_channels: 2, kernel_size: 3, padding: 1}
        b: {op: reshape, shape: [-1, 2, 16, 4]}
        c: {op: mean, dim: 3, keepdim: true}
        d: {op: add, from: [b, c]}
        e: {op: flatten, start_dim: 2}
        f: {op: add, from: [a, e]}
    """,
    "grid": """
        b: {op: reshape, shape: [-1, 2, 16, 4]}
        c: {op: sum, dim: 2, keepdim: true}
        d: {op: expand, sizes: [-1, -1, 16, -1]}
        e: {op: flatten, start_dim: 2}
    """,
    "a coarser grid": """
        b: {op: reshape, shape: [-1, 2, 16, 4]}
        c: {op: AvgPool2d, kernel_size: [2, 1]}
        d: {op: sum, dim: 3}
        e: {op: Conv1d, out_channels: 2, kernel_size: 3}
    """,
    "parts": """
        a, b: {op: chunk, chunks: 2, dim: 2}
        c: {op: add, from: [a, b]}
        d: {op: Conv1d, out_channels: 3, kernel_size: 3, padding: 1}
    """,
    "joined": """
        a: {op: slice, dim: 2, end: 20}
        b: {op: Conv1d, from: input, out_channels: 2, kernel_size: 5, padding: 2}
        c: {op: cat, dim: 2, from: [a, b]}
    """,
    "rolled": """
        a: {op: roll, shifts: -2, dims: 2}
        b: {op: AvgPool1d, kernel_size: 4}
    """,
    "indexed": """
        a: {op: getitem, index: "..., 3:50:2"}
        b: {op: unsqueeze, dim: 1}
        c: {op: squeeze, dim: 1}
        d: {op: index_select, dim: 2, index: [5, 1, 1, 20]}
    """,
    "products": """
        a: {op: Conv1d, out_channels: 2, kernel_size: 3, padding: 1}
        b: {op: Parameter, shape: [5, 2], init: ones_}
        c: {op: matmul, from: [b, a]}
        b2: {op: Parameter, shape: [3, 5], init: ones_}
        d: {op: einsum, equation: "ncl,dc->nld", from: [c, b2]}
        e: {op: permute, dims: [0, 2, 1]}
    """,
    "gated": """
        a: {op: Conv1d, out_channels: 2, kernel_size: 3, padding: 1}
        b: {op: AdaptiveAvgPool1d, output_size: 1}
        c: {op: mul, from: [a, b]}
    """,
    "pixels": """
        a: {op: Conv1d, out_channels: 4, kernel_size: 3, padding: 1}
        b: {op: reshape, shape: [-1, 2, 2, 64]}
        c: {op: permute, dims: [0, 1, 3, 2]}
        d: {op: flatten, start_dim: 2}
        e: {op: Conv1d, out_channels: 2, kernel_size: 3, padding: 1}
    """,
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_moved_and_mixed_axes_agree_with_the_network(case: str) -> None:
    graph = graph_of("\n".join(line.strip() for line in CASES[case].strip().splitlines()))
    assert agrees(graph) > 3 or case == "gated"


def test_attention_sees_its_window_and_no_more() -> None:
    """Windows of 4 tokens, 16 of them: [N, 64, C] as [N * 16, 4, C] and back."""
    field = field_of(
        """
        a: {op: permute, dims: [0, 2, 1]}
        b: {op: reshape, shape: [-1, 4, 2]}
        c: {op: MultiheadAttention, num_heads: 1, batch_first: true}
        d: {op: reshape, shape: [-1, 64, 2]}
        """.replace("        ", "")
    )
    assert (field.kind, field.size, field.stride) == ("phase-dependent", (4,), (Fraction(1),))


def test_a_convolution_across_windows_is_a_dilated_one() -> None:
    """Places next to each other in windows of 4 are 4 apart in the sequence."""
    windows = """
        a: {op: reshape, shape: [-1, 2, 16, 4]}
        b: {op: Conv2d, out_channels: 2, kernel_size: [3, 1]}
        c: {op: flatten, start_dim: 2}
        """.replace("        ", "")
    assert field_of(windows) == field_of("a: {op: Conv1d, out_channels: 2, kernel_size: 3, dilation: 4}")


def test_vision_transformer() -> None:
    field = field_of(
        """
        patches: {op: Conv2d, out_channels: 8, kernel_size: 16, stride: 16}
        tokens: {op: flatten, start_dim: 2}
        rows: {op: transpose, dim0: 1, dim1: 2}
        token: {op: Parameter, shape: [1, 1, 8], init: zeros_}
        all: {op: cat, from: [token, rows], dim: 1}
        attention: {op: MultiheadAttention, num_heads: 2, batch_first: true}
        """.replace("        ", ""),
        "[N, 3, 64, 64]",
    )
    assert (field.kind, field.size) == ("global", (64, 64))
    assert field.nearest.size == (16, 16)


def test_a_gate_leaves_the_local_path() -> None:
    field = field_of(
        """
        conv: {op: Conv1d, out_channels: 2, kernel_size: 5}
        pool: {op: AdaptiveAvgPool1d, output_size: 1}
        gate: Sigmoid
        scale: {op: mul, from: [conv, gate]}
        last: {op: Conv1d, out_channels: 2, kernel_size: 3, stride: 2}
        """.replace("        ", "")
    )
    assert (field.kind, field.size) == ("global", (64,))
    assert affine(field.nearest) == (7, 2, 0)


@pytest.mark.parametrize(
    "norm", ["{op: GroupNorm, num_groups: 1}", "InstanceNorm1d", "{op: LayerNorm, normalized_shape: [64]}"]
)
def test_a_norm_over_positions_leaves_the_local_path(norm: str) -> None:
    field = field_of(
        f"""
        conv: {{op: Conv1d, out_channels: 2, kernel_size: 5, padding: 2}}
        norm: {norm}
        last: {{op: Conv1d, out_channels: 2, kernel_size: 3, stride: 2}}
        """.replace("        ", "")
    )
    assert (field.kind, field.size) == ("global", (64,))
    assert affine(field.nearest) == (7, 2, 2)


def test_a_norm_after_pooling_leaves_what_was_pooled() -> None:
    field = field_of(
        """
        conv: {op: Conv1d, out_channels: 2, kernel_size: 5}
        pool: {op: AdaptiveAvgPool1d, output_size: 1}
        norm: {op: GroupNorm, num_groups: 1}
        last: {op: Conv1d, out_channels: 2, kernel_size: 3, padding: 1}
        """.replace("        ", "")
    )
    assert (field.kind, affine(field.nearest)) == ("global", (5, 1, 0))


def test_paths_of_different_strides() -> None:
    field = field_of(
        """
        down: {op: AdaptiveAvgPool1d, output_size: 15}
        up: {op: interpolate, size: 32}
        pool: {op: AvgPool1d, from: input, kernel_size: 2}
        both: {op: cat, from: [up, pool]}
        """.replace("        ", "")
    )
    assert field.kind == "phase-dependent"  # both have a stride of 2 in the end
    field = field_of(
        """
        short: {op: slice, dim: 2, end: 32}
        pool: {op: AvgPool1d, from: input, kernel_size: 2}
        both: {op: add, from: [short, pool]}
        """.replace("        ", "")
    )
    assert (field.kind, field.at) == ("unaligned", "both")
    joined = "pool: {op: AvgPool1d, kernel_size: 2}\nboth: {op: cat, dim: 2, from: [pool, input]}"
    field = field_of(joined)
    assert (field.kind, field.at) == ("unaligned", "both")
    convolved = "".join(f"\nconv{i}: {{op: Conv1d, out_channels: 1, kernel_size: 9}}" for i in range(8))
    assert field_of(joined + convolved).size == (64,)  # a bound that grows by each, but there are no more positions


def test_each_copy_of_a_block_is_named_where_its_own_paths_meet() -> None:
    graph = api.loads("""
archspec: 1
input: [N, 2, 64]
blocks:
  Meet:
    graph:
      short: {op: slice, dim: 2, end: 32}
      pool: {op: AvgPool1d, from: input, kernel_size: 2}
      both: {op: add, from: [short, pool]}
graph:
  left: Meet
  right: {op: Meet, from: input}
  sum: {op: add, from: [right, left]}
""")
    found = [field and field.at for field in receptive_fields(graph)]
    assert found == [None, None, "left.both", None, None, "right.both", "right.both"]


def test_axes_differ() -> None:
    field = field_of("conv: {op: Conv2d, out_channels: 2, kernel_size: [1, 7], stride: [1, 2]}", "[N, 3, 32, 32]")
    assert (field.size, field.stride, field.padding) == ((1, 7), (1, 2), (0, 0))
    assert field.to_json() == {"kind": "affine", "size": [1, 7], "stride": [1, 2], "padding": [0, 0]}


def test_unknown_sizes() -> None:
    field = field_of("a: {op: Conv2d, out_channels: 2, kernel_size: 3}\nb: {op: mean, dim: [2, 3]}", "[N, 3, H, W]")
    assert field.to_json()["size"] == ["H", "W"]
    assert field.nearest.size == (3, 3)


def test_no_positions() -> None:
    graph = graph_of("a: {op: Linear, out_features: 3}", "[N, 8]")
    assert receptive_fields(graph) == (None,)


def test_tokens_and_sequences() -> None:
    tokens = field_of("a: {op: Embedding, num_embeddings: 9, embedding_dim: 4}", "{shape: [N, 12], dtype: int64}")
    assert affine(tokens) == (1, 1, 0)
    assert affine(field_of("a: {op: Linear, out_features: 3}", "[N, 12, 8]")) == (1, 1, 0)
    lstm = "a: {op: LSTM, hidden_size: 3, batch_first: true}\nb: {op: identity, from: a.output}"
    assert field_of(lstm, "[N, 12, 8]").kind == "global"


def test_a_window_of_a_transposed_window_may_see_nothing() -> None:
    m = grid.through(windows.window(Window(1)), windows.transposed(Window(1, 3)))
    assert [m.first(unit) <= m.last(unit) for unit in range(4)] == [True, False, False, True]


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear", "area"])
@pytest.mark.parametrize(("size", "units"), [(12, 24), (24, 12), (20, 30), (30, 20), (7, 16)])
@pytest.mark.parametrize("aligned", [False, True])
def test_interpolation(mode: str, size: int, units: int, aligned: bool) -> None:
    corners = aligned if mode == "linear" else None
    ratio = windows.resized_by(mode, aligned, False, size, units, None)
    m = windows.adaptive(size, units) if mode == "area" else windows.interpolated(mode, aligned, False, ratio)
    x = torch.eye(size).double()[None]
    out = torch.nn.functional.interpolate(x, size=units, mode=mode, align_corners=corners)[0]
    for unit in range(units):
        seen = (out[:, unit] > 1e-9).nonzero().flatten().tolist()
        assert (max(m.first(unit), 0), min(m.last(unit), size - 1)) == (seen[0], seen[-1])


def test_a_map_that_keeps_its_size_is_copied_whatever_the_scale() -> None:
    assert windows.resized_by("linear", False, False, 12, 12, 1.04) == 1
    assert windows.resized_by("cubic", False, True, 12, 12, 1.04) == 1
    assert windows.resized_by("cubic", False, False, 12, 12, 1.04) == Fraction(25, 26)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("pads", [(0, 0), (3, 2), (-2, 3), (4, -1), (-2, -3), (-1, 5)])
def test_borders_are_filled_as_by_torch(mode: str, pads: tuple[int, int]) -> None:
    size = 9
    filled = torch.nn.functional.pad(torch.arange(size).double()[None, None], pads, mode=mode)[0, 0].tolist()
    m = windows.bordered(mode, size, *pads)
    assert [m.field(unit) for unit in range(size + sum(pads))] == [(at, at) for at in map(int, filled)]


def test_a_hull_of_long_periods_asks_how_many_units_there_are() -> None:
    a, b = (
        grid.listed(lambda unit, every=period: (unit, unit + (unit % every == 0)), period, period)
        for period in (67, 71)
    )
    joint = grid.hull(a, b, 300)
    assert joint is not None and all(joint.field(i) == grid.union((a.field(i), b.field(i))) for i in range(300))
    with pytest.raises(grid.Unsized):
        grid.hull(a, b)


def test_a_bounded_map_and_one_without_an_end_have_no_stride_in_common() -> None:
    some, endless = grid.bounded(lambda unit: (unit, unit + 1), 4), windows.window(Window(2, 2))
    assert grid.hull(some, endless, 4) is None and grid.hull(endless, some, 4) is None


# Every op


BORDERS = {"reflect", "replicate", "circular", "reflection", "replication"}
"""Padding that brings positions of the input to another place, which fields leave out."""


def is_left_out(op: Op) -> bool:
    """Also where positions depend on values: what a max-pool kept."""
    words = {str(getattr(op, name, "")) for name in ("padding_mode", "mode")}
    return bool(words & BORDERS) or "Unpool" in op.name or any(word in op.name.lower() for word in BORDERS)


def results(program: nn.Module, tensors: Sequence[Tensor]) -> list[Tensor]:
    torch.manual_seed(0)
    with torch.no_grad():
        return list(program(*(tensor.detach().clone() for tensor in tensors)))


def ends(track: Track, shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The first and last position of every unit of a result."""
    at = torch.zeros(tuple(shape), dtype=torch.int64)
    for axis, inner, size, weight in track.digits:
        along = torch.arange(shape[axis]) // inner % (size or shape[axis]) * weight
        at += along.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    units = at.flatten().tolist()
    lo, hi = (torch.tensor([end(unit) for unit in units]) for end in (track.map.first, track.map.last))
    return lo.reshape(at.shape), hi.reshape(at.shape)


@pytest.mark.parametrize(("op", "example"), EXAMPLES)
def test_no_op_reaches_further_than_its_rule_says(op: type[Op], example: Example) -> None:
    run = run_example(op, example)
    if not run.inputs or not run.inputs[0].dtype.startswith("float") or is_left_out(run.op):
        return
    two = {"N": 2}
    inputs = Inputs(tuple(TensorType(sizes_at(x, two), x.dtype) for x in run.inputs), run.inputs.names)
    outputs = tuple(TensorType(sizes_at(x, two), x.dtype) for x in run.outputs)
    program = module(run, two).eval()
    given = tensors(run, two)
    base = results(program, given)
    apply = transfer(Site(run.op, inputs, outputs))
    assert set(apply([None] * len(inputs))) == {None}  # nothing has a position
    sources = [
        (n, axis)
        for n, (x, name) in enumerate(zip(inputs, inputs.names, strict=True))
        for axis in range(1, x.rank)
        if is_float(x.dtype) and name not in ("weight", "bias")  # which have no positions
    ]
    for operand, axis in sources:
        size = given[operand].shape[axis]
        found = apply([source(axis, size) if n == operand else None for n in range(len(inputs))])
        for position in range(size):
            changed = given[operand].detach().clone()
            changed.select(axis, position).mul_(1.5).add_(0.7)
            after_change = results(program, [changed if n == operand else x for n, x in enumerate(given)])
            for track, before, after in zip(found, base, after_change, strict=True):
                depends = (before != after) & ~(before.isnan() & after.isnan())
                if track is not None and track.everywhere:
                    continue
                what = f"operand {operand}, axis {axis}"
                assert track is not None or not depends.any(), f"{what}: no rule"
                if track is not None and before.is_floating_point():
                    lo, hi = ends(track, before.shape)
                    outside = depends & ((position < lo) | (position > hi)) & ((before - after).abs() > 1e-6)
                    assert not outside.any(), f"{what}: position {position} reaches {outside.nonzero().tolist()}"


@pytest.mark.parametrize("op", ["{op: flip, dims: [2]}", "{op: roll, shifts: 1, dims: 2}"])
def test_units_in_another_order_along_an_axis_of_unknown_size(op: str) -> None:
    graph = api.loads(f"archspec: 1\ninput: [N, 2, W]\ngraph: {{a: {op}}}\n")
    (field,) = receptive_fields(graph)
    assert field is not None and (field.kind, field.at) == ("unsized", "a")
