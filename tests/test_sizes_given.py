"""Sizes as a caller gives them: symbolic axes, and sizes that are refused with those that would do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import pytest

from archspec import api, dims
from archspec.analysis.interface import fitting_sizes, in_words, size_interface
from archspec.analysis.requirements import Fact, size_requirements
from archspec.analysis.sample import training_batch
from archspec.cli import main
from archspec.diagnostics import SpecError

UNET = """\
archspec: 1
name: unet
input: [N, 3, 64, 64]
graph:
  for i in range(4):
    enc$i: {op: Conv2d, out_channels: 4, kernel_size: 3, padding: 1}
    pool$i: {op: MaxPool2d, kernel_size: 2}
  for i in reversed(range(4)):
    up$i: {op: ConvTranspose2d, out_channels: 4, kernel_size: 2, stride: 2}
    join$i: {op: cat, from: [up$i, enc$i]}
"""

PATCHES = """\
archspec: 1
name: patches
input: [N, 3, 64, 64]
graph:
  patch: {op: Conv2d, out_channels: 4, kernel_size: 16, stride: 16}
  flat: {op: flatten, start_dim: 2}
  tokens: {op: transpose, dim0: 1, dim1: 2}
  position: {op: Parameter, shape: [1, LENGTH, 4], init: zeros_}
  add: {op: add, from: [tokens, position]}
"""

FIXED, FOLLOWING = PATCHES.replace("LENGTH", "16"), PATCHES.replace("LENGTH", '"tokens.shape[1]"')


def notes(text: str, *size: int | str) -> list[str]:
    """What is said of sizes that do not fit."""
    with pytest.raises(SpecError) as caught:
        api.loads(text, input=size or None)
    return [note for found in caught.value.diagnostics for note in found.notes if "needs" in note or "need " in note]


# Refusals


def test_a_refusal_names_the_nearest_sizes_of_the_whole_network() -> None:
    assert notes(UNET, 3, 572, 64) == ["`join0` needs H = 0 (mod 16); 572 is not: nearest 560, 576"]
    assert notes(UNET, 3, 8, 570) == [
        "`join0` needs H = 0 (mod 16); 8 is not: nearest 16",
        "`join0` needs W = 0 (mod 16); 570 is not: nearest 560, 576",
    ]
    assert notes(UNET, 1, 3, "H", 60) == ["`join0` needs W = 0 (mod 16); 60 is not: nearest 48, 64"]


def test_sizes_of_the_spec_itself_are_explained_by_the_node_that_refuses_them() -> None:
    wrong = UNET.replace("64, 64", "70, 64")
    assert notes(wrong) == ["`join2` needs H = 0..3 (mod 16); 70 is not: nearest 67, 80"]
    assert notes(wrong, 3, 70, 64) == ["`join2` needs H = 0..3 (mod 16); 70 is not: nearest 67, 80"]


def test_a_condition_on_two_axes_is_checked() -> None:
    assert notes(FIXED, 3, 80, 64) == ["`add` needs (H // 16) * (W // 16) = 16; 80 x 64 is not: nearest 79 x 64"]
    assert notes(FIXED, 3, 128, 96) == ["`add` needs (H // 16) * (W // 16) = 16; 128 x 96 is not: nearest 128 x 47"]


def test_what_follows_the_input_is_no_obstacle() -> None:
    """At another input the table of positions has another length: only what would be refused there, too, is said."""
    text = FOLLOWING + "  image: {op: PixelUnshuffle, from: input, downscale_factor: 4}\n"
    text += "outputs: [add, image]\n"
    assert "`position`: (H // 16) * (W // 16) = 16" in size_interface(api.loads(text))[0]
    assert notes(text, 3, 127, 64) == ["`image` needs H = 0 (mod 4); 127 is not: nearest 124, 128"]


def test_what_no_size_mends_is_not_explained() -> None:
    halved = (
        "a: {op: Conv2d, out_channels: 3, kernel_size: 3, stride: 2, padding: 1}\n  b: {op: add, from: [a, input]}\n"
    )
    text = f"archspec: 1\ninput: [N, 3, 8, 8]\ngraph:\n  {halved}"
    assert notes(text) == [] and notes(text, 3, 16, 16) == []
    channels = UNET.replace("cat, from", "add, from").replace("kernel_size: 2, stride: 2", "kernel_size: 1")
    assert all("H" in note for note in notes(channels))


def test_a_batch_is_never_asked_for() -> None:
    text = (
        "archspec: 1\ninput: [N, 4, 8]\ngraph:\n  a: {op: permute, dims: [1, 0, 2]}\n  b: {op: add, from: [a, input]}\n"
    )
    assert notes(text) == []


def test_what_is_asked_in_training_alone_is_said_to_be() -> None:
    head = "  aux: {op: MaxPool2d, kernel_size: 40, from: enc0}\n"
    head += "outputs: {main: join0, aux: {from: aux, only: training}}\n"
    facts = size_requirements(api.loads(UNET + head))
    assert [str(fact) for fact in facts if fact.training] == [
        "`aux` needs H >= 40 in training",
        "`aux` needs W >= 40 in training",
    ]
    assert {fact.to_json().get("mode") for fact in facts} == {None, "training"}
    assert "`aux` needs H >= 40 in training; 32 is not: nearest 48" in notes(UNET + head, 3, 32, 64)


def test_several_inputs_by_name() -> None:
    text = "archspec: 1\ninputs: {a: [N, 3, 8], b: [N, 3, 8]}\ngraph:\n  s: {op: add, from: [a, b]}\n"
    with pytest.raises(SpecError) as caught:
        api.loads(text, input={"a": (3, 9)})
    assert caught.value.diagnostics[0].notes == ("`s` needs L_a = L_b; 9 x 8 is not: nearest 8 x 8, 9 x 9",)


# Symbolic axes


def test_symbolic_axes_are_shown_as_closed_forms() -> None:
    graph = api.loads(UNET, symbolic=("H",))
    assert str(graph["pool1"].output) == "[N, 4, H // 4, 16]"
    assert [dims.value(dim) for dim in graph["pool1"].output.shape[2:]] == [16, 16]
    assert [dims.shown(dim) for dim in graph["pool1"].output.shape] == ["N", 4, "H // 4", 16]
    assert size_interface(graph) == size_interface(api.loads(UNET))


def test_a_symbolic_axis_is_pinned_to_its_number() -> None:
    graph = api.loads("archspec: 1\ninput: [N, 3, 8, 6]\ngraph: [{op: Linear, out_features: 2}]\n", symbolic="W")
    assert str(graph.nodes[0].outputs[0]) == "[N, 3, 8, 2]"
    assert str(graph.inputs[0].type) == "[N, 3, 8, W]"
    assert size_interface(graph) == ["axis W is pinned to 6 by `0`"]


def test_an_axis_that_is_not_there() -> None:
    with pytest.raises(SpecError) as caught:
        api.loads(UNET, symbolic=("H", "Q"))
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == ("unknown-input", "no axis of the input is called `Q`")
    assert found.help == "choose among `N`, `C`, `H`, `W`"


def test_every_command_takes_symbolic_axes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a long path takes lines of its own
    spec = Path("unet.yaml")
    spec.write_text(UNET)
    assert main(["check", str(spec), "--symbolic", "H,W"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "    input: [N, 3, H, W]",
        "    output: [N, 8, 16 * (H // 16), 16 * (W // 16)]",
        "    `join0` needs H = 0 (mod 16)",
        "    `join0` needs W = 0 (mod 16)",
    ]
    assert main(["summary", str(spec), "--symbolic", "H"]) == 0
    assert "[N, 3, H, 64]" in capsys.readouterr().out
    assert main(["check", str(spec), "--symbolic", "Q"]) == 2
    assert main(["check", str(spec), "--symbolic", "H,"]) == 2


# Facts as values


def facts_of(text: str) -> tuple[Fact, ...]:
    return size_requirements(api.loads(text))


def test_facts_are_values() -> None:
    height, width = facts_of(UNET)
    assert (height.kind, height.names, height.sites) == ("sizes", ("H",), ("join0",))
    assert height.holds({"H": 576}) is True and height.holds({"H": 572}) is False and height.holds({"W": 4}) is None
    assert height.nearest("H", 572) == (560, 576) and height.nearest("H", 3) == (16,)
    assert facts_of(UNET) == (height, width) and len({height, width, *facts_of(UNET)}) == 2
    assert height.to_json() == {
        "kind": "sizes", "axes": ["H"], "sites": ["join0"], "text": "H = 0 (mod 16)", "period": 16, "residues": [0],
        "from": 1,
    }  # fmt: skip


def test_facts_on_several_axes_are_values() -> None:
    fact = facts_of(FIXED)[-1]
    assert (fact.kind, fact.names, fact.text) == ("condition", ("H", "W"), "(H // 16) * (W // 16) = 16")
    assert fact.holds({"H": 64, "W": 79}) is True and fact.holds({"H": 64}) is None
    assert fact.nearest("H", 100, {"W": 32}) == (128,) and fact.nearest("H", 100) == ()
    assert fact.nearest("H", 5, {"W": 256}) == (16,)
    assert fact.to_json() == {"kind": "condition", "axes": ["H", "W"], "sites": ["add"], "text": fact.text}


def test_members_of_a_fact_without_large_ones() -> None:
    text = "archspec: 1\ninput: [N, 3, S, S]\ngraph:\n" + FIXED.partition("graph:\n")[2]
    (fact,) = facts_of(text)
    assert str(fact) == "`add` needs S = 64..79"
    assert fact.to_json()["members"] == [[64, 79]]


def test_pins_name_lines_and_nodes() -> None:
    text = "archspec: 1\ninput: [N, 3, 8, 8]\ngraph:\n  a: {op: ReLU}\n  b: {op: ReLU, when: input.height > 4}\n"
    assert size_interface(api.loads(text)) == ["axis H is pinned to 8 by line 5"]


@pytest.mark.parametrize(("kind", "short"), [("pinned", "axes H and W are pinned by `a`"), ("condition", "`a` needs ")])
def test_a_form_of_more_than_a_line_is_not_written_out(kind: Literal["pinned", "condition"], short: str) -> None:
    fits, long = (Fact(kind, ("H", "W"), ("a",), (), "H" * length) for length in (96, 97))
    assert str(fits).startswith(short) and str(fits).endswith("H" * 96)
    assert str(long).startswith(short) and "HH" not in str(long)


def test_many_pins_of_the_same_axes_are_counted() -> None:
    lines = "".join(f"  p{i}: {{op: MaxPool2d, kernel_size: {i}, from: input}}\n" for i in range(1, 7))
    lines += "".join(
        f"  f{i}: {{op: flatten, from: p{i}}}\n  l{i}: {{op: Linear, out_features: 1}}\n" for i in range(1, 7)
    )
    text = f"archspec: 1\ninput: [N, 3, 32, 32]\ngraph:\n{lines}outputs: [{', '.join(f'l{i}' for i in range(1, 7))}]\n"
    said = size_interface(api.loads(text))
    assert sum("pinned by" in line for line in said) == 3 and said[-1] == "axes H and W: 3 more such facts"


def test_a_size_to_run_with() -> None:
    free = UNET.replace("64, 64", "H, W")
    assert fitting_sizes(api.loads(free)) == {"H": 32, "W": 32}
    assert fitting_sizes(api.loads(free.replace("H, W", "H, 16"))) == {"H": 32}
    text = """\
archspec: 1
input: [N, 1, H, W]
graph:
  a: {op: getitem, index: ":, :, 40:41"}
  b: {op: PixelUnshuffle, downscale_factor: 9, from: input}
outputs: [a, b]
"""
    assert fitting_sizes(api.loads(text)) == {"H": 45, "W": 45}
    assert list(in_words(())) == []


def test_a_batch_of_which_parts_have_more_than_one_sample() -> None:
    halves = "graph:\n  a: {op: glu, dim: 0}\n  b: {op: glu, dim: 0}\n"
    assert training_batch(api.loads(f"archspec: 1\ninput: [N, 4]\n{halves}")) == 8


def test_no_size_to_run_with() -> None:
    """The product of two axes has to be a large prime."""
    graph = api.loads("""\
archspec: 1
input: [N, 1, H, W]
graph:
  positions: {op: flatten, start_dim: 2}
  embedding: {op: Parameter, shape: [1, 1, 1000003], init: zeros_}
  sum: {op: add, from: [positions, embedding]}
""")
    with pytest.raises(SpecError) as caught:
        fitting_sizes(graph)
    (found,) = caught.value.diagnostics
    assert (found.code, found.message, found.help) == (
        "unknown-size",
        "no size below 1024 for H and W is one that every layer takes",
        "give numbers with `--input`",
    )


# Speed


def test_facts_cost_little_and_grow_with_the_network() -> None:
    """Milliseconds for a published network; the forms of a deeper one are met again, not solved again."""
    took: list[float] = []
    for depth in (200, 2000):
        graph = api.loads(
            "archspec: 1\ninput: [N, 4, 64, 64]\ngraph:\n"
            "  down: {op: Conv2d, out_channels: 4, kernel_size: 3, stride: 2}\n"
            f"  for i in range({depth}):\n"
            "    conv$i: {op: Conv2d, out_channels: 4, kernel_size: 1}\n"
            "    add$i: {op: add, from: [conv$i, down]}\n"
        )
        size_requirements(graph)
        best = min(timed(graph) for _ in range(3))
        took.append(best)
    assert took[1] < 40 * took[0] + 0.05
    dense = api.load("densenet121")
    size_requirements(dense)
    assert min(timed(dense) for _ in range(3)) < 0.05


def timed(graph: api.Graph) -> float:
    start = time.process_time()
    size_requirements(graph)
    return time.process_time() - start
