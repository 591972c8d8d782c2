"""What one unit sees: the region's values, its text, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import archspec
from archspec import api
from archspec.analysis.receptive_field import output_field, receptive_fields
from archspec.analysis.region import Region, Seen
from archspec.cli import main
from archspec.diagnostics import SpecError

REFERENCE = {
    "vgg11": (150, 32, 59), "vgg13": (156, 32, 62), "vgg16": (212, 32, 90), "vgg19": (268, 32, 118),
    "alexnet": (195, 32, 66), "googlenet": (379, 32, 167), "inception_v3": (1311, 32, 618),
    "resnet18": (435, 32, 217), "resnet34": (899, 32, 449), "resnet50": (427, 32, 213), "resnet101": (971, 32, 485),
    "resnet152": (1451, 32, 725), "mobilenet_v2": (491, 32, 245), "densenet121": (2071, 32, 1021),
    "densenet161": (2967, 32, 1469), "densenet169": (3351, 32, 1661), "densenet201": (3863, 32, 1917),
    "efficientnet_b0": (851, 32, 425), "efficientnet_b1": (1183, 32, 591), "efficientnet_b2": (1183, 32, 591),
    "efficientnet_b3": (1407, 32, 703), "efficientnet_b4": (1799, 32, 899), "efficientnet_b5": (2131, 32, 1065),
    "efficientnet_b6": (2523, 32, 1261), "efficientnet_b7": (3079, 32, 1539), "convnext_tiny": (1688, 32, 828),
    "convnext_small": (3416, 32, 1692),
}  # fmt: skip
"""Size, stride and padding of the last map before global pooling, measured on torchvision's modules: the support of the
input gradient in float64 with positive weights, squeeze-and-excitation gates left out."""


@pytest.mark.parametrize("name", REFERENCE)
def test_measured_fields(name: str) -> None:
    graph = api.load(name)
    field = output_field(graph, receptive_fields(graph))
    assert field is not None
    size, stride, padding = REFERENCE[name]
    local = field.nearest
    assert (field.kind, local.kind) == ("global", "affine")
    assert (local.size, local.stride, local.padding) == ((size,) * 2, (stride,) * 2, (padding,) * 2)


def region_of(nodes: str, shape: str, path: str | None = None, at: tuple[int, ...] | None = None) -> Region:
    """What a unit of a network sees, from its nodes, one a line."""
    body = "\n".join(f"  {line.strip()}" for line in nodes.strip().splitlines())
    inputs = shape if shape.startswith("inputs") else f"input: {shape}"
    return api.loads(f"archspec: 1\nname: net\n{inputs}\ngraph:\n{body}\n").receptive_field(path, at)


def seen_of(nodes: str, shape: str, path: str | None = None, at: tuple[int, ...] | None = None) -> Seen:
    """The same, of the only input."""
    (seen,) = region_of(nodes, shape, path, at).inputs
    return seen


def test_a_unit_of_resnet50() -> None:
    found = archspec.load("resnet50").receptive_field("layer4.2.conv3", at=(3, 4))
    (seen,) = found.inputs
    assert (found.path, found.op, found.axes, found.at) == ("layer4.2.conv3", "Conv2d", (2, 3), (3, 4))
    assert seen.axes == ("rows", "columns")
    assert seen.hull.unclipped == ((-117, 309), (-85, 341))
    assert seen.hull.clipped == ((0, 223), (0, 223))
    assert seen.outside == ((117, 86), (85, 118))
    assert seen.covered == 1 and seen.exact and not seen.nothing


def test_a_block_is_its_output_and_the_centre_is_the_default() -> None:
    graph = archspec.load("resnet18")
    assert graph.receptive_field("layer2") == graph.receptive_field("layer2.1.relu2")
    assert graph.receptive_field("layer2").at == (14, 14)


def test_an_input_sees_itself() -> None:
    found = region_of("a: ReLU", "[N, 2, 9]", "input", (3,))
    assert (found.op, found.inputs[0].hull.clipped) == ("input", ((3, 3),))


def test_padding_that_is_all_there_is() -> None:
    found = region_of("pad: {op: ZeroPad1d, padding: [3, 0]}", "[N, 2, 9]", None, (1,))
    (seen,) = found.inputs
    assert seen.nothing and seen.covered == 0
    assert seen.hull.unclipped == ((-2, -2),)
    assert "depends on nothing" in str(found)
    assert found.to_json()["inputs"][0]["hull"] == {"unclipped": [[-2, -2]], "clipped": [[]]}


def test_borders_inside_the_network_clip_too() -> None:
    """A slice ends at 19, and what is padded after it is not what the input has there."""
    nodes = "cut: {op: slice, dim: 2, end: 20}\nconv: {op: Conv1d, out_channels: 2, kernel_size: 5, padding: 2}"
    hull = seen_of(nodes, "[N, 2, 64]", None, (19,)).hull
    assert (hull.unclipped, hull.clipped) == (((17, 21),), ((17, 19),))


@pytest.mark.parametrize(("mode", "last"), [("zeros", 2), ("reflect", 2), ("replicate", 2), ("circular", 8)])
def test_what_is_beyond_the_borders(mode: str, last: int) -> None:
    conv = f"conv: {{op: Conv1d, out_channels: 2, kernel_size: 5, padding: 2, padding_mode: {mode}}}"
    hull = seen_of(conv, "[N, 2, 9]", None, (0,)).hull
    assert hull.clipped == ((0, last),)
    assert hull.unclipped == ((-2, 2),)


@pytest.mark.parametrize(("mode", "first", "beyond"), [("reflect", 2, 7), ("replicate", 0, 8), ("circular", 7, 0)])
def test_a_border_that_is_a_node_of_its_own(mode: str, first: int, beyond: int) -> None:
    """The first unit, and the first after the last position of the input."""
    for unit, seen in (0, first), (2 + 9, beyond):
        hull = seen_of(f"edge: {{op: pad, pad: [2, 2], mode: {mode}}}", "[N, 2, 9]", None, (unit,)).hull
        assert hull.clipped == ((seen, seen),)


def test_what_all_units_see_is_known_where_the_unit_is_not() -> None:
    nodes = "row: {op: mean, dim: 3, keepdim: true}"
    found = region_of(nodes, "[N, 2, H, 8]")
    hull = found.inputs[0].hull
    assert found.at is None and hull.unclipped == hull.clipped == (None, (0, 7))
    headings = [line.split() for line in str(found).splitlines() if "axis " in line]
    assert headings == [["axis", "size"], ["axis", "size", "stride", "padding"]]  # nothing of one unit


def test_a_window_as_wide_as_the_input_is_the_same_for_all_units() -> None:
    wide = "wide: {op: Conv2d, out_channels: 2, kernel_size: [1, 15], padding: [0, 7]}"
    assert seen_of(wide, "[N, 2, H, 8]").hull.clipped == (None, (0, 7))


def test_a_fold_that_leaves_a_column_out() -> None:
    nodes = """
        columns: {op: Unfold, kernel_size: [3, 3], stride: 2}
        map: {op: Conv1d, out_channels: 9, kernel_size: 1}
        fold: {op: Fold, output_size: [9, 4], kernel_size: [3, 3], stride: 2}
    """
    assert seen_of(nodes, "[N, 1, 9, 4]", None, (4, 3)).nothing
    assert seen_of(nodes, "[N, 1, 9, 4]", None, (4, 2)).hull.clipped == ((2, 6), (0, 2))


def test_the_whole_and_the_local_path() -> None:
    gate = """
        conv: {op: Conv2d, out_channels: 4, kernel_size: 3, padding: 1}
        pool: {op: AdaptiveAvgPool2d, output_size: 1}
        gate: {op: mul, from: [conv, pool]}
    """
    seen = seen_of(gate, "[N, 3, 8, 10]", None, (0, 5))
    assert seen.field.kind == "global" and seen.local is not None
    assert seen.hull.clipped == ((0, 7), (0, 9))
    assert (seen.local.unclipped, seen.local.clipped) == (((-1, 1), (4, 6)), ((0, 1), (4, 6)))


def test_a_network_that_leaves_pixels_out_sees_the_rest() -> None:
    """Patches of 4 of 11 rows: the last three are in none."""
    nodes = """
        patches: {op: Conv2d, out_channels: 4, kernel_size: 4, stride: 4}
        pool: {op: AdaptiveAvgPool2d, output_size: 1}
    """
    seen = seen_of(nodes, "[N, 3, 11, 8]")
    assert seen.hull.clipped == ((0, 7), (0, 7)) and seen.local is None


def test_causal_attention_sees_what_is_before_it() -> None:
    nodes = """
        emb: {op: Embedding, num_embeddings: 9, embedding_dim: 4}
        att: {op: scaled_dot_product_attention, is_causal: true, from: [emb, emb, emb]}
    """
    assert seen_of(nodes, "{shape: [N, 12], dtype: int64}", None, (4,)).hull.clipped == ((0, 4),)


@pytest.mark.parametrize(("both", "last"), [("false", 4), ("true", 11)])
def test_recurrence_sees_what_is_before_it(both: str, last: int) -> None:
    nodes = f"""
        lstm: {{op: LSTM, hidden_size: 3, batch_first: true, bidirectional: {both}}}
        out: {{op: ReLU, from: lstm.output}}
    """
    assert seen_of(nodes, "[N, 12, 4]", None, (4,)).hull.clipped == ((0, last),)


def test_masks_may_hide_positions() -> None:
    nodes = """
        emb: {op: Embedding, num_embeddings: 9, embedding_dim: 4}
        mask: {op: Buffer, shape: [12, 12]}
        att: {op: scaled_dot_product_attention, from: [emb, emb, emb, mask]}
    """
    seen = seen_of(nodes, "{shape: [N, 12], dtype: int64}", "att", (4,))
    assert not seen.exact and seen.hull.clipped == ((0, 11),)


def test_several_inputs() -> None:
    nodes = """
        left: {op: Conv1d, from: a, out_channels: 2, kernel_size: 3, padding: 1}
        both: {op: add, from: [left, b]}
    """
    found = region_of(nodes, "inputs: {a: [N, 2, 9], b: [N, 2, 9]}", None, (3,))
    assert [(seen.input, seen.hull.clipped) for seen in found.inputs] == [("a", ((2, 4),)), ("b", ((3, 3),))]
    assert region_of(nodes, "inputs: {a: [N, 2, 9], b: [N, 2, 9]}", "left", (3,)).inputs[0].input == "a"


def test_parts_of_a_node() -> None:
    halves = "low, high: {op: chunk, chunks: 2, dim: 2}\nsum: {op: add, from: [low, high]}"
    assert seen_of(halves, "[N, 2, 10]", "high", (0,)).hull.clipped == ((5, 5),)


def test_units_without_a_position() -> None:
    found = region_of("pool: {op: AdaptiveAvgPool1d, output_size: 1}\nflat: flatten", "[N, 2, 10]")
    assert (found.axes, found.at) == ((), ())
    assert ", every unit\n" in str(found)
    assert region_of("map: {op: Linear, out_features: 2}", "[N, 5]").inputs == ()


def test_what_needs_no_size_works_without() -> None:
    nodes = """
        a: {op: Conv2d, out_channels: 2, kernel_size: 3, stride: 2, padding: 1}
        b: {op: interpolate, scale_factor: 2, mode: bilinear}
        c: {op: ConvTranspose2d, out_channels: 2, kernel_size: 2, stride: 2}
    """
    known, open = (seen_of(nodes, shape, None, (5, 7)) for shape in ("[N, 3, 32, 32]", "[N, 3, H, W]"))
    assert open.field == known.field and open.hull.unclipped == known.hull.unclipped
    assert open.hull.clipped == (None, None) and open.covered is None
    nodes += "        d: {op: AdaptiveAvgPool2d, output_size: 7}"
    field = seen_of(nodes, "[N, 3, H, W]").field
    assert (field.kind, field.at) == ("unsized", "d")
    assert "the size at `d`" in str(region_of(nodes, "[N, 3, H, W]"))


def test_deep_networks_stay_small() -> None:
    """No recursion over nodes; phases do not multiply without end where no size stops them."""
    chain = "chain: {graph: [{op: Conv1d, out_channels: 1, kernel_size: 3, padding: 1, repeat: 3000}]}"
    hull = seen_of(chain, "[N, 1, 16]", "chain", (0,)).hull
    assert (hull.unclipped, hull.clipped) == (((-3000, 3000),), ((0, 15),))
    ups = "ups: {graph: [{op: ConvTranspose1d, out_channels: 1, kernel_size: 4, stride: 2, padding: 1, repeat: 16}]}"
    assert seen_of(ups, "[N, 1, L]", "ups").field.kind == "unsized"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--node", "layer5"], "unknown-node", "did you mean `layer"),
        (["--node", "layer4", "--at", "3,9"], "bad-call", "give a number from 0 to 6 in place of 9"),
        (["--node", "layer4", "--at=-1,3"], "bad-call", "give a number from 0 to 6 in place of -1"),
        (["--node", "layer4", "--at", "3"], "bad-call", "give 2 numbers"),
        (["--at", "3"], "bad-call", "leave the position out"),
        (["--node", "layer4", "--at", "3;4"], "bad-call", "write one number for each axis"),
    ],
)
def test_mistakes(arguments: list[str], code: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rf", "resnet18", *arguments]) == 2
    shown = capsys.readouterr().err
    assert f"error[{code}]" in shown and words in shown


def test_a_position_of_too_many_numbers() -> None:
    with pytest.raises(SpecError) as error:
        region_of("a: {op: Conv1d, out_channels: 2, kernel_size: 1}", "[N, 2, 9]", None, (3, 4))
    (found,) = error.value.diagnostics
    assert found.message == "position 3,4 does not fit: `a` [1, 2, 9] has 1 axis with positions, of 9 units"
    assert found.help == "give 1 number"


def test_text() -> None:
    nodes = "a: {op: Conv2d, out_channels: 2, kernel_size: [3, 5], stride: [2, 1], padding: 1}"
    assert str(region_of(nodes, "[N, 2, 9, 40]", None, (0, 37))).splitlines() == [
        "a  Conv2d  [N, 2, 5, 38], unit (0, 37)",
        "",
        "sees of `input` [N, 2, 9, 40]: affine",
        "  axis     size  stride  padding      sees    inside   outside",
        "  rows        3       2        1   -1 to 1    0 to 1  1 before",
        "  columns     5       1        1  36 to 40  36 to 39   1 after",
        "",
        "from the first to the last position that matters: 2.22 % of the input",
        "",
        f"  +{'-' * 48}+",
        *[f"  |{'.' * 44}####|"] * 2,
        *[f"  |{'.' * 48}|"] * 3,
        f"  +{'-' * 48}+",
    ]


def test_text_of_two_paths() -> None:
    pooled = "conv: {op: Conv1d, out_channels: 2, kernel_size: 3}\npool: {op: AdaptiveAvgPool1d, output_size: 1}"
    gated = f"{pooled}\ngate: {{op: mul, from: [conv, pool]}}"
    for nodes, heading in (pooled, "what is pooled: affine"), (gated, "the local path: affine"):
        found = region_of(nodes, "[N, 1, 9]")
        lines = str(found).splitlines()
        assert max(map(len, found.to_text(45).splitlines())) <= 45
        assert found.to_text(0).split() == found.to_text(1).split()
        at = lines.index(heading)
        assert lines[at - 1] == "" and lines[at + 1].split()[:2] == ["axis", "size"]
        assert ("sees" in lines[at + 1]) == (nodes == gated)
        assert "|" not in lines[-1]  # a picture is for a unit that was chosen


def test_all_of_it_fits_where_there_is_little_room() -> None:
    nodes = """
        pairs: {op: AvgPool1d, kernel_size: 2}
        joined_with_a_name_of_some_length: {op: cat, dim: 2, from: [pairs, input]}
        wide: {op: Conv1d, out_channels: 1, kernel_size: 9, padding: 4}
        pool: {op: AdaptiveAvgPool1d, output_size: 1}
        gate: {op: mul, from: [wide, pool]}
    """
    found = region_of(nodes, "[N, 1, 64]")
    whole, narrow = str(found).splitlines(), found.to_text(45).splitlines()
    assert max(map(len, whole)) > 45 >= max(map(len, narrow))
    assert sorted(set(" ".join(whole).split())) == sorted(set(" ".join(narrow).split()))


def test_strides_are_decimal_numbers() -> None:
    text = str(region_of("up: {op: interpolate, scale_factor: 3}", "[N, 1, 8]"))
    assert [line.split()[:3] for line in text.splitlines()[3:5]] == [
        ["axis", "size", "stride"], ["positions", "1", "0.3333"],
    ]  # fmt: skip
    text = str(region_of("far: {op: AvgPool1d, kernel_size: 1, stride: 12345}", "[N, 1, 20000]"))
    assert " 12345 " in text


def test_json_is_what_the_text_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rf", "resnet18", "--node", "layer1", "--at", "0,55", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["regions"]
    assert found["at"] == [0, 55] and found["output"]["shape"] == ["N", 64, 56, 56]
    (seen,) = found["inputs"]
    assert seen["hull"] == {"unclipped": [[-21, 21], [199, 241]], "clipped": [[0, 21], [199, 223]]}
    assert seen["outside"] == [[21, 0], [0, 18]]
    assert main(["rf", "resnet18", "--node", "layer1", "--at", "0,55"]) == 0
    text = capsys.readouterr().out
    assert "-21 to 21" in text and "199 to 223" in text and "18 after" in text


def test_each_output_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "two.yaml"
    spec.write_text(
        "archspec: 1\ninput: [N, 1, 9, 9]\ngraph:\n  a: {op: Conv2d, out_channels: 1, kernel_size: 3}\n"
        "  b: {op: Conv2d, out_channels: 1, kernel_size: 3}\noutputs: {first: a, second: b}\n"
    )
    assert main(["rf", str(spec)]) == 0
    out = capsys.readouterr().out
    assert out.index("a  Conv2d") < out.index("b  Conv2d")
    assert main(["rf", str(spec), "--node", "second"]) == 0
    assert "a  Conv2d" not in capsys.readouterr().out


def test_a_place_on_an_axis_without_positions_may_see_less() -> None:
    """Two maps of one column side by side: their columns see different rows, and nothing follows columns here."""
    nodes = """
        column: {op: AdaptiveAvgPool2d, output_size: [12, 1]}
        wide: {op: Conv2d, out_channels: 1, kernel_size: [3, 1], padding: [1, 0]}
        both: {op: cat, dim: 3, from: [column, wide]}
        same: {op: Conv2d, out_channels: 1, kernel_size: 1}
    """
    seen = seen_of(nodes, "[N, 1, 12, 6]", None, (5, 0))
    assert seen.hull.clipped == ((4, 6), (0, 5)) and not seen.exact
    assert seen_of(nodes, "[N, 1, 12, 6]", None, (5,)).exact  # the row as a whole
    assert seen_of(nodes.replace("cat, dim: 3", "cat"), "[N, 1, 12, 6]", None, (5, 0)).exact  # channels are


def test_a_table_of_two_parts_where_there_is_little_room() -> None:
    found = archspec.load("resnet50").receptive_field("layer4.2.conv3")
    assert found.to_text(80) == str(found)
    (one,), two = (
        [line.split() for line in text.splitlines() if line.lstrip().startswith("rows")]
        for text in (str(found), found.to_text(60))
    )
    assert two == [one[:4], ["rows", *one[4:]]]


def test_pictures() -> None:
    nodes = "a: {op: Conv2d, out_channels: 1, kernel_size: 4, stride: 4}"
    lines = str(region_of(nodes, "[N, 1, 16, 16]", None, (1, 2))).splitlines()
    assert lines[-18:-16] == ["  +" + "-" * 32 + "+", "  |" + "." * 32 + "|"]
    assert lines[-13] == "  |" + "." * 16 + "#" * 8 + "." * 8 + "|"
    line = str(region_of("a: {op: Conv1d, out_channels: 1, kernel_size: 2}", "[N, 1, 8]", None, (3,)))
    assert line.endswith("positions |...##...|")


def test_in_a_notebook_it_is_its_text() -> None:
    shown = region_of("a: {op: Conv1d, out_channels: 1, kernel_size: 2}", "[N, 1, 8]", None, (3,))._repr_html_()
    assert shown.startswith("<pre>a  Conv1d") and "3 to 4" in shown and shown.endswith("</pre>")


def test_a_spec_error_names_no_place() -> None:
    with pytest.raises(SpecError) as error:
        archspec.load("resnet18").receptive_field("conv7")
    assert error.value.diagnostics[0].code == "unknown-node"
