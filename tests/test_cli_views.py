"""`archspec summary`, `compare` and `diff`: their options, formats and exit codes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from archspec.cli import main

SPEC = """\
archspec: 1
name: mine
params: {width: 8}
variants: {thin: {width: 4}, wide: {width: 16}}
input: [N, 3, 8, 8]
graph:
  conv: {op: Conv2d, out_channels: width, kernel_size: 3}
  act: ReLU
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    (tmp_path / "mine.yaml").write_text(SPEC)
    return tmp_path


def out_of(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(words) == code
    out, err = capsys.readouterr()
    return out if code != 2 else err


def test_summary_of_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    out = out_of(capsys, "summary", "resnet50", "--depth", "1", "--sort", "params", "--columns", "path,params,params%")
    assert [line.split()[0] for line in out.splitlines()[4:8]] == ["layer4", "layer3", "fc", "layer2"]


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize(
    "call",
    [
        "summary densenet121", "summary densenet121 --sort macs", "summary vit_b_16 --tree",
        "summary unet --input 1xHxW", "summary resnet18 --symbolic H,W", "summary resnet50 --batch 8 --optimizer adam",
        "compare resnet18 resnet50", "compare vgg11 vgg13 vgg16 vgg19 resnet50", "compare unet unet_2015 --input 1xHxW",
        "compare mobilenet_v2_0.35_truncated mobilenet_v2_0.5_truncated mobilenet_v2_0.75_truncated",
        "diff resnet18 resnet50", "diff resnet50 vit_b_16", "diff inception_v3 googlenet",
        "diff resnet50 --set num_classes=10", "sweep mobilenet_v2 --set width=0.5,1.0 --set num_classes=10,100",
        "rf unet --at 3,500", "rf inception_v3 --node Mixed_7c", "rf vit_b_16",
        "rf resnet18 --input 3xHxW --node layer1", "check vit mobilenet_v2", "list",
    ],
)  # fmt: skip
def test_what_is_shown_fits_the_terminal(
    call: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = out_of(capsys, *call.split()).splitlines()
    assert max(map(len, lines)) <= width


def test_nothing_is_cut_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    lines = out_of(capsys, "summary", "densenet121").splitlines()
    assert lines[8].split()[:2] == ["features.denseblock1.denselayer1.norm1", "BatchNorm2d"]


def test_summary_in_all_formats(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(out_of(capsys, "summary", "mine.yaml", "--format", "json"))["name"] == "mine"
    rows = csv.DictReader(io.StringIO(out_of(capsys, "summary", "mine.yaml", "--format", "csv", "--columns", "+ops")))
    assert [row["ops"] for row in rows] == ["0", "288"]
    assert out_of(capsys, "summary", "mine.yaml", "--format", "markdown").startswith("**mine**: input")


def test_summary_of_training(capsys: pytest.CaptureFixture[str]) -> None:
    assert "64 samples, sgd" in out_of(capsys, "summary", "mine.yaml", "--batch", "64", "--optimizer", "sgd")
    found = json.loads(out_of(capsys, "summary", "mine.yaml", "--json", "--batch", "64"))
    assert found["totals"]["batch"] == 64 and found["totals"]["training"]["optimizer"] == "adam"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["summary", "mine.yaml", "--sort", "parms"], "did you mean `params`?"),
        (["summary", "mine.yaml", "--columns", "path,,op"], "no list of names"),
        (["summary", "mine.yaml", "--columns", "pth"], "no column `pth`"),
        (["summary", "mine.yaml", "--json", "--depth", "2"], "JSON has everything"),
        (["summary", "mine.yaml", "--depth", "0"], "`0` is no depth"),
        (["summary", "mine.yaml", "--batch", "0"], "no number of 1 or more"),
        (["summary", "mine.yaml", "--optimizer", "lion"], "--optimizer"),
        (["summary", "mine.yaml", "--format", "xml"], "--format"),
        (["summary", "mine.yaml@huge"], "huge"),
        (["diff", "mine.yaml"], "nothing is changed in it"),
    ],
)
def test_wrong_calls(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in out_of(capsys, *words, code=2)


def test_a_variant_of_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(out_of(capsys, "summary", "mine.yaml@wide", "--json"))["totals"]["params"] == 448
    assert json.loads(out_of(capsys, "summary", "resnet@resnet18", "--json"))["name"] == "resnet18"
    Path("odd@name.yaml").write_text(SPEC)
    assert json.loads(out_of(capsys, "summary", "odd@name.yaml", "--json"))["name"] == "mine"


def test_compare(capsys: pytest.CaptureFixture[str]) -> None:
    out = out_of(capsys, "compare", "mine.yaml", "mine.yaml@wide")
    assert next(line for line in out.splitlines() if line.startswith("params")).split() == [
        "params", "224", "448", "x", "2.00",
    ]  # fmt: skip
    assert len(json.loads(out_of(capsys, "compare", "resnet18", "resnet34", "--json"))) == 2
    assert out_of(capsys, "compare", "resnet18", "resnet34", "--format", "csv").count("\n") == 3
    assert "| params" in out_of(capsys, "compare", "resnet18", "resnet34", "--format", "markdown")


def test_compare_names_twins_by_how_they_were_given(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "other.yaml").write_text(SPEC)
    assert "other.yaml" in out_of(capsys, "compare", "mine.yaml", "other.yaml").splitlines()[0]


def test_options_hold_for_all_that_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(
        out_of(capsys, "compare", "resnet18", "resnet34", "--set", "num_classes=10", "--input", "3x64x64", "--json")
    )
    assert {entry["output"] for entry in found} == {"[N, 10]"}
    assert {entry["input"] for entry in found} == {"[N, 3, 64, 64]"}


def test_diff(capsys: pytest.CaptureFixture[str]) -> None:
    assert "layer3.6..22" in out_of(capsys, "diff", "resnet50", "resnet101")
    assert json.loads(out_of(capsys, "diff", "resnet50", "resnet101", "--json"))["after"] == "resnet101"
    assert out_of(capsys, "diff", "resnet50", "resnet101", "--format", "csv").startswith("what,path,new_path")
    assert "**resnet50** -> **resnet101**" in out_of(capsys, "diff", "resnet50", "resnet101", "--format", "markdown")


def test_diff_of_what_is_set(capsys: pytest.CaptureFixture[str]) -> None:
    out = out_of(capsys, "diff", "mine.yaml", "--set", "width=12")
    assert out.startswith("mine -> mine (width=12)") and "out_channels 8 -> 12" in out
    assert out_of(capsys, "diff", "mine.yaml", "mine.yaml", "--set", "width=12") == out
    assert "out_channels 8 -> 16" in out_of(capsys, "diff", "mine.yaml", "--variant", "wide")
    assert out_of(capsys, "diff", "resnet18", "--variant", "resnet34").startswith("resnet18 -> resnet34\n")
    assert "out_channels 4 -> 16" in out_of(capsys, "diff", "mine.yaml@thin", "mine.yaml@wide")


def test_input_of_diff_is_that_of_both(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(out_of(capsys, "diff", "mine.yaml", "--set", "width=12", "--input", "3x32x32", "--json"))
    assert found["metrics"]["input"] == {"before": "[N, 3, 32, 32]", "after": "[N, 3, 32, 32]"}


def test_exit_code_of_diff(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "mine.yaml", "mine.yaml", "--exit-code"]) == 0
    assert "no difference" in capsys.readouterr().out
    assert main(["diff", "mine.yaml", "--set", "width=9"]) == 0
    assert main(["diff", "mine.yaml", "--set", "width=9", "--exit-code"]) == 1
