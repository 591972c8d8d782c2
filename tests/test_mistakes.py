"""Mistakes that tools for networks in YAML let pass, or make: none is possible here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archspec import api
from archspec.analysis.expect import check_expectations
from archspec.diagnostics import Diagnostic, SpecError

HEAD = "archspec: 1\nname: t\ninput: [N, 3, 8, 8]\n"
SYMBOLIC = "archspec: 1\nname: t\ninput: [N, 3, H, W]\n"
CONV = "{op: Conv2d, out_channels: 3, kernel_size: 3, stride: 2, padding: 1}"

REFUSED = {
    "a row of an index-wired file": ("graph: [ReLU, {op: add, from: [-1, 0]}]", "unknown-node"),
    "a misspelt key of a layer": ("graph: {a: {op: ReLU, actvation: SiLU}}", "unknown-argument"),
    "a key of another tool": (f"ch: 6\ngraph: {{a: {CONV}}}", "unknown-key"),
    "a field too many": ("graph: [[-1, 1, Conv2d, [3, 3], extra, 6]]", "bad-node"),
    "a misspelt section": ("parms: {a: 1}\ngraph: [ReLU]", "unknown-key"),
    "a residual that is not padded": (
        "graph: {a: {op: Conv2d, out_channels: 3, kernel_size: 3}, b: {op: add, from: [a, input]}}", "shape-mismatch",
    ),
    "a window larger than its map": ("graph: [{op: Conv2d, out_channels: 3, kernel_size: 11}]", "size-too-small"),
    "groups that do not divide": ("graph: [{op: Conv2d, out_channels: 4, kernel_size: 1, groups: 2}]", "not-divisible"),
    "a wrong number of channels": (
        "graph: [{op: Conv2d, in_channels: 4, out_channels: 4, kernel_size: 1}]", "inferred-mismatch",
    ),
    "a block as a string": ("graph: [ir_r2_k3_s1_e6_c24_xx]", "unknown-op"),
    "an activation that is code": ("graph: ['nn.SiLU(inplace=True)']", "unknown-op"),
    "code in an expression": (
        "graph: [{op: Linear, out_features: \"__import__('os').getpid()\"}]", "bad-expression",
    ),
    "a tag that makes objects": ("graph: [!!python/object/apply:os.getpid []]", "yaml-tag"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name: str) -> None:
    text, code = REFUSED[name]
    with pytest.raises(SpecError) as caught:
        api.loads(HEAD + text)
    assert code in {found.code for found in caught.value.diagnostics}


HELPED = {
    f"params: {{act: {{type: op, default: ReLU}}}}\n{HEAD}graph: [act]": "write `$act` for the value of `act`",
    f"{HEAD}graph: {{\"for cta in ['ReLU']\": {{a$cta: {{op: cta}}}}}}": "write `$cta` for the value of `cta`",
    f"{HEAD}graph: [act]": "did you mean `cat`?",
    "name: t\ninput: [N, 3]\ngraph: [ReLU]": "add `archspec: 1`",
    "archspec: 1\ninput: [N, 3]\nblocks: {A: {}}\ngraph: [A]": "add `graph:`",
    f"{HEAD}graph: [F.relu]": "write `relu`: torch's layers and functions go by their own names",
    f"{HEAD}graph: [{{op: mean, axis: 1}}]": "did you mean `dim`?",
    f"{HEAD}graph: [{{op: Dropout, rate: 0.1}}]": "did you mean `p`?",
    f"{HEAD}graph: [{{op: ReLU, inputs: input}}]": "did you mean `from`?",
    f"{HEAD}graph: [Dense]": "did you mean `Linear`?",
    f"{HEAD}graph: {{a: ReLU, b: {{op: cat, from: input, a}}}}": "put a list in brackets: `from: [input, a]`",
    f"{HEAD}graph: [{{op: MaxPool2d, kernel_size: 2, 3}}]": "put a list in brackets: `kernel_size: [2, 3]`",
    f"{HEAD}graph: {{if 1 > 2: {{a: ReLU}}, else if 2 > 1: {{a: SiLU}}}}": "write `elif 2 > 1:`",
    f"{HEAD}graph: [{{op: Conv2d, activation: ReLU}}]": (
        "`Conv2d` takes `in_channels`, `out_channels`, `kernel_size`, `stride`, `padding`, `dilation`, `groups`, "
        "`bias`, `padding_mode`"
    ),
    f"{HEAD}graph: [{{op: Linear, args: [1], out_features: 2}}]": (
        "`Linear` takes `in_features`, `out_features`, `bias`"
    ),
    f"{HEAD}graph: [{{op: AvgPool2d, bias: false}}]": (
        "`AvgPool2d` takes `kernel_size`, `stride`, `padding`, `ceil_mode`, `count_include_pad`, `divisor_override`"
    ),
    f"{HEAD}graph: [{{op: AvgPool2d, kernel: 2}}]": "did you mean `kernel_size`?",
    f"{HEAD}graph: [{{op: Linear, units: 2}}]": "did you mean `out_features`?",
    f"{HEAD}graph: [{{op: Linear, use_bias: true}}]": "did you mean `bias`?",
    f"{HEAD}graph: [Attention]": "did you mean `MultiheadAttention`?",
    f"{HEAD}graph: [softmaxx]": "did you mean `softmax`?",
    f"{HEAD}graph: [Softmaxx]": "did you mean `Softmax`?",
    f"{HEAD}graph: [{{op: permute, axes: [0, 1, 2, 3]}}]": "did you mean `dims`?",
    f"{HEAD}graph: [{{op: flip, axes: [1]}}]": "did you mean `dims`?",
    f"{HEAD}blocks: {{DenseBlock: {{graph: [ReLU]}}}}\ngraph: [Dense]": "did you mean `DenseBlock`?",
    f"{HEAD}params: {{sizes: 3, shape: 4}}\ngraph: [{{op: Linear, out_features: size}}]": "did you mean `sizes`?",
    f"{HEAD}graph: [{{op: Linear, out_features: 2k}}]": "write `2000`",
    f"{HEAD}layers: [ReLU]": "did you mean `graph`?",
    f"{HEAD}graph: [{{op: Linear, out_features: 3, bias: no}}]": "write `false`",
    f"{HEAD}graph: [{{op: reshape, shape: [N, 192]}}]": "read a size off its node: `input.shape[0]`, say",
    "archspec: 1\ninput: [N, 9, 4]\ngraph: {a: {op: LSTM, hidden_size: 8, batch_first: true}, b: ReLU}": (
        "name one result, as in `from: a.output`"
    ),
    f"{HEAD}graph: {{a: {{op: chunk, chunks: 2, dim: 2}}, b: {{op: Softmax, from: a}}}}": (
        "name one result, as in `from: a.0`"
    ),
    f"{HEAD}blocks: {{A: {{graph: [ReLU]}}}}\ngraph: {{'a, b': {{op: chunk, chunks: 2, dim: 2}}, c: A}}": (
        "name one result, as in `from: a`"
    ),
    f"{HEAD}graph: {{a: ReLU, b: {{op: ReLU, from: [a, input]}}}}": (
        "name one with `from`, or merge them first, with `cat` or `add`"
    ),
    f"{HEAD}graph: {{a: ReLU, b: {{op: add, from: 'a, input'}}}}": "write a list: `[a, input]`",
    f"{HEAD}graph: [ReLU]\noutputs: [input 0]": "write a list: `[input, 0]`",
    f"{HEAD}graph:\na: ReLU": "indent it, if it belongs to `graph`",
    f"{HEAD}graph:\n  for i in [1]:\n  a: ReLU": "indent what belongs to it",
    f"{HEAD}graph:\n  for i in [1]\n    a: ReLU": (
        "write `for i in [1]: ...`, or indent it deeper if it continues the line above"
    ),
    f"{HEAD}graph:\n  a:\n  op: ReLU": "write an op's name, `{op: ...}`, or a graph; what belongs to it is indented",
    f"{HEAD}graph: {{a: {{op:ReLU, inplace: true}}}}": "put a space after the colon of `op:ReLU`",
    f"{HEAD}graph:\n  a:ReLU": "put a space after the colon",
    f"{HEAD}graph: {{a: {{op: ReLU, graph: [ReLU]}}}}": "keep one of them",
    f"{HEAD}graph: [{{op: AvgPool2d, kernel_size: (2, 2)}}]": "write a list: `kernel_size: [2, 2]`",
    f"{HEAD}graph: [{{op: AvgPool2d, kernel_size: (2, max(1, 2))}}]": (
        'quote this expression: `kernel_size: "(2, max(1, 2))"`'
    ),
    "archspec: 1\ninput: [batch, 3]\ngraph: [ReLU]": "write a capital letter for an unknown size: `B`",
    "archspec: 1\ninputs:\n- x: [N, 3]\ngraph: [ReLU]": "write `name: ...` below `inputs:`, without dashes",
    f"imports: {{lib: lib.yaml}}\n{HEAD}graph: [lib.A]": (
        "say where its imports start: `archspec.loads(text, folder=...)`"
    ),
}


def mistakes(text: str) -> list[Diagnostic]:
    with pytest.raises(SpecError) as caught:
        api.loads(text)
    return list(caught.value.diagnostics)


def test_a_size_without_a_letter_is_given_none() -> None:
    assert [found.help for found in mistakes("archspec: 1\ninput: [_x, 3]\ngraph: [ReLU]")] == [None]


@pytest.mark.parametrize("version", ["archspec: 1", '"archspec" : 1'])
def test_a_mistake_above_the_version_hides_no_other(version: str) -> None:
    codes = [found.code for found in mistakes(f"name: a: b\n{version}\ninput: [N, 3]\ngraph: [ReLU]\nname: c\n")]
    assert "bad-document" not in codes


@pytest.mark.parametrize(
    "start",
    [
        "? archspec\n: 1\n", "{archspec: 1, ", "{name: a, archspec: 1, ", "--- {archspec: 1, ", "&a {archspec: 1, ",
        "!!map {archspec: 1, ", "&a archspec: 1\n", "!!str archspec: 1\n", "\ufeffarchspec: 1\n",
        "\ufeff{archspec: 1, ", "%YAML 1.2\n---\narchspec: 1\n", " archspec: 1\n",
        "\n  {\n  name: a,\n  'archspec': 1,\n",
    ],
)  # fmt: skip
def test_a_spec_that_begins_in_a_rare_way_is_one(start: str) -> None:
    assert all(found.code.startswith("yaml-") for found in mistakes(f"{start}graph: [ReLU"))


def test_a_document_that_shows_a_spec_is_none() -> None:
    (found,) = mistakes("A `network`: that is\n- a: [one\n\n```yaml\narchspec: 1\n```\n")
    assert found.code == "bad-document"


@pytest.mark.parametrize("text", HELPED)
def test_the_way_out_is_told(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        api.loads(text)
    assert HELPED[text] in [found.help for found in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("wanted", "help"),
    [
        ("lib.yaml", "see `archspec list`"),  # an ending in common is no likeness
        ("resnt.yaml", "did you mean `resnet`?"),
        ("blokcs.yaml", "did you mean `blocks.yaml`?"),
    ],
)
def test_a_file_that_is_meant_is_told(tmp_path: Path, wanted: str, help: str) -> None:
    (tmp_path / "split.yaml").write_text("archspec: 1\n")
    (tmp_path / "blocks.yaml").write_text("archspec: 1\n")
    with pytest.raises(SpecError) as caught:
        api.loads(f"{HEAD}imports: {{lib: {wanted}}}\ngraph: [lib.A]", folder=tmp_path)
    assert [found.help for found in caught.value.diagnostics] == [help]


def test_a_file_is_named_as_the_one_that_leads_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "lib.yaml").write_text("archspec: 1\nblocks: {A: {graph: [Relu]}}\n")
    (folder / "main.yaml").write_text(f"{HEAD}imports: {{lib: lib.yaml}}\ngraph: [lib.A]\n")
    for given, shown in ((Path("specs/main.yaml"), "specs/lib.yaml"), (folder / "main.yaml", str(folder / "lib.yaml"))):
        with pytest.raises(SpecError) as caught:
            api.load(given)
        assert [str(found.span).rsplit(":", 2)[0] for found in caught.value.diagnostics] == [shown]


def output(text: str) -> str:
    return str(api.loads(text).nodes[-1].outputs[0])


def test_an_inserted_row_changes_no_edge() -> None:
    rows = "  a: ReLU\n  b: {op: cat, from: [a, input]}\n"
    before = api.loads(f"{HEAD}graph:\n{rows}")
    after = api.loads(f"{HEAD}graph:\n  new: Tanh\n{rows}")
    assert [before.name_of(value) for value in before.nodes[-1].inputs] == ["a", "input"]
    assert [after.name_of(value) for value in after.nodes[-1].inputs] == ["a", "input"]


def test_a_network_that_is_not_the_expected_one_is_told() -> None:
    (found,) = check_expectations(api.loads(f"{HEAD}graph: [{CONV}]\nexpect: {{params: 85}}\n"))
    assert (found.code, found.message) == ("expect-mismatch", "the network has 84 params, expected 85")


def test_sizes_that_are_not_known() -> None:
    assert output(f"{SYMBOLIC}graph: [{CONV}]") == "[N, 3, (H + 1) // 2, (W + 1) // 2]"
    with pytest.raises(SpecError, match="`add` needs equal shapes"):
        api.loads("archspec: 1\ninputs: {x: [N, H], y: [N, K]}\ngraph: {both: {op: add, from: [x, y]}}\n")
    with pytest.raises(SpecError) as caught:
        api.loads(f"{SYMBOLIC}graph: {{down: {CONV}, both: {{op: add, from: [down, input]}}}}\n")
    assert caught.value.diagnostics[0].span is not None
    assert caught.value.diagnostics[0].span.line == 4


def test_windows_are_torchs() -> None:
    pool = "{op: MaxPool2d, kernel_size: 3, stride: 2, ceil_mode: true}"
    assert output(f"{HEAD}graph: [{pool}]") == "[N, 3, 4, 4]"
    assert output(f"{HEAD}graph: [{pool.replace('true', 'false')}]") == "[N, 3, 3, 3]"
    assert output(f"{HEAD}graph: [{{op: Conv2d, out_channels: 2, kernel_size: 5, padding: same}}]") == "[N, 2, 8, 8]"


def test_the_name_of_a_file_says_nothing_of_its_network() -> None:
    text = "archspec: 1\nname: yolov8x\nvariants: {yolov8x: {}}\ninput: [N, 3]\ngraph: [ReLU]\n"
    graph = api.loads(text, name="yolov8x.yaml")
    assert [node.op.name for node in graph.nodes] == ["ReLU"]


def test_a_receptive_field_has_dilation_and_every_path() -> None:
    wide = "{op: Conv2d, out_channels: 3, kernel_size: 3, padding: 2, dilation: 2}"
    graph = api.loads(f"{HEAD}graph: {{a: {wide}, b: {{op: add, from: [input, a]}}}}")
    (seen,) = graph.receptive_field("b", (4, 4)).inputs
    assert [(axis.first, axis.last) for axis in seen.hull.clipped] == [(2, 6), (2, 6)]


def totals(graph: api.Graph) -> dict[str, Any]:
    return graph.summary().to_json()["totals"]


def test_a_module_that_is_called_twice_counts_once() -> None:
    conv = "{op: Conv2d, out_channels: 3, kernel_size: 3, padding: 1}"
    once = totals(api.loads(f"{HEAD}graph: {{a: {conv}}}"))
    twice = totals(api.loads(f"{HEAD}graph: {{a: {conv}, b: {{reuse: a}}}}"))
    assert once["params"] == twice["params"] == 84
    assert (once["macs"], twice["macs"]) == (64 * 81, 2 * 64 * 81)  # multiplications, each with its addition


def test_attention_is_counted() -> None:
    assert totals(api.load("vit_b_16"))["params"] == 86_567_656


@pytest.mark.parametrize(
    ("path", "line", "named"), [("gate", "gate: null", "gate"), ("inner.conv", "inner.conv: null", "inner.conv")]
)
def test_what_was_deleted_and_is_still_read(tmp_path: Path, path: str, line: str, named: str) -> None:
    """It stands further up, so that is no advice."""
    base = f"""\
graph:
  inner:
    graph: {{conv: {CONV}, act: ReLU}}
  gate: {{op: Sigmoid, from: inner}}
  out: {{op: add, from: [inner, {path}]}}
"""
    (tmp_path / "base.yaml").write_text(HEAD + base)
    with pytest.raises(SpecError) as error:
        api.loads(f"archspec: 1\nextends: base.yaml\ngraph:\n  {line}\n", folder=tmp_path)
    assert f"error[unknown-node]: `{named}` was deleted\n --> {tmp_path / 'base.yaml'}:8" in str(error.value)
    assert f"4 |   {line}" in str(error.value) and "deleted here" in str(error.value)
