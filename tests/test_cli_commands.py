"""What the commands print and write, and how they end."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
import torch

import archspec
from archspec.cli import main
from archspec.library import bundled

MISTAKE = """\
archspec: 1
params: {width: 8}
variants: {thin: {width: 4}, wide: {width: 16}}
input: [N, 3, 8, 8]
graph:
  conv: {op: Conv2d, out_channels: width, kernel_sise: 3}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_build_verifies_and_writes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "lenet5", "--variant", "lenet5_pad28"]) == 0
    out, err = capsys.readouterr()
    assert "61,706" in out and "verified" in out and "expected" in out and "build/lenet5_pad28" in out
    assert err == ""
    written = sorted(path.name for path in (folder / "build/lenet5_pad28").iterdir())
    assert written == ["diagram.svg", "model.py", "report.html", "summary.json"]
    assert [path.name for path in (folder / "build").iterdir()] == ["lenet5_pad28"]
    summary = json.loads((folder / "build/lenet5_pad28/summary.json").read_text())
    assert summary["totals"]["params"] == 61_706
    module = runpy.run_path(str(folder / "build/lenet5_pad28/model.py"))
    assert module["Lenet5Pad28"]()(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_build_folds_a_table_that_is_too_long(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "densenet121", "-o", "out"]) == 0
    paths = [line.partition(" ")[0] for line in capsys.readouterr().out.splitlines()]
    assert "features.denseblock4" in paths and len(paths) < 40


def test_build_overwrites_what_it_wrote_and_leaves_the_rest(folder: Path) -> None:
    assert main(["build", "lenet5", "-o", "out"]) == 0
    (folder / "out/notes.txt").write_text("mine")
    (folder / "out/model.py").write_text("old")
    assert main(["build", "lenet5", "-o", "out"]) == 0
    assert (folder / "out/notes.txt").read_text() == "mine"
    assert "class Lenet5" in (folder / "out/model.py").read_text()


def test_build_of_unknown_sizes_runs_at_some_that_fit(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # narrower tables abbreviate sizes
    assert main(["build", "densenet121", "--input", "3xHxW"]) == 0
    assert "[N, 64, (H + 1) // 2, (W + 1) // 2]" in capsys.readouterr().out


def test_build_again_beside_what_it_wrote(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "lenet5").mkdir()
    assert main(["build", "lenet5"]) == 0


def test_build_holds_the_spec_to_what_it_expects(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "wrong.yaml").write_text("archspec: 1\ninput: [N, 3]\ngraph: {act: ReLU}\nexpect: {params: 17}\n")
    assert main(["build", "wrong.yaml"]) == 1
    assert "expect-mismatch" in capsys.readouterr().err
    assert not (folder / "build").exists()


def test_difference_between_inferred_and_real_is_our_mistake(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def differs(*_: object) -> list[str]:
        return ["conv: inferred [2, 3], got [2, 4]"]

    monkeypatch.setattr("archspec.emit.torch.run_and_compare", differs)
    assert main(["build", "lenet5"]) == 3
    err = capsys.readouterr().err
    assert "inferred [2, 3], got [2, 4]" in err and "bug in archspec" in err
    assert not (folder / "build").exists()


@pytest.mark.parametrize("name", sorted(bundled()))
def test_check_holds_every_variant_of_a_bundled_spec(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", name]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("    as expected: "))
    assert {"params", "macs", "output"} <= set(line.partition(": ")[2].split(", "))


def test_check_says_of_which_variants_something_is_expected(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rest = "a: {params: 12, output: [N, 4]}, b: {output: [N, 4]}, c: {output: [N, 4], params: 12}"
    variants = "variants: {a: {}, b: {}, c: {}}\nparams: {b: true}\ninput: [N, 2]"
    graph = "graph: {fc: {op: Linear, out_features: 4, bias: b}}"
    (folder / "some.yaml").write_text(f"archspec: 1\n{variants}\n{graph}\nexpect: {{{rest}}}\n")
    assert main(["check", "some.yaml"]) == 0
    out = capsys.readouterr().out
    assert "    as expected: output\n    a, c: as expected: params\n" in out


def test_check_reports_a_mistake_once_for_all_variants(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text(MISTAKE)
    assert main(["check", "bad.yaml", "lenet5"]) == 1
    out, err = capsys.readouterr()
    assert err.count("error[") == 1 and "bad.yaml:6:43" in err and "kernel_size" in err
    assert "lenet5_conv32, lenet5_pad28" in out


def test_check_says_which_variant_a_mistake_is_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "vgg", "--input", "3x20x20"]) == 1
    err = capsys.readouterr().err
    assert err.count("error[") == 1 and "`features.20` needs H >= 32" in err
    assert "in variant `vgg11`, and in 7 more" in err
    assert main(["check", "alexnet", "--input", "3x64x64"]) == 1  # the first variant takes it
    assert "in variant `alexnet_groups2_lrn_227`, and in 1 more" in capsys.readouterr().err
    (folder / "bad.yaml").write_text(MISTAKE)
    assert main(["check", "bad.yaml"]) == 1
    assert "in variant" not in capsys.readouterr().err


def test_check_says_what_each_variant_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "vit"]) == 0
    out = capsys.readouterr().out
    assert "    vit_s_16, vit_b_16, vit_l_16: `conv_proj` needs H >= 16\n" in out
    assert "    vit_h_14: `conv_proj` needs H >= 14\n" in out
    assert main(["check", "densenet"]) == 0
    assert "\n    `features.transition3.pool` needs H >= 29\n" in capsys.readouterr().out


def test_check_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text(MISTAKE)
    assert main(["check", "--format", "json", "bad.yaml", "lenet5"]) == 1
    out, err = capsys.readouterr()
    (found,) = json.loads(out)
    assert (found["file"], found["line"], found["column"], err) == ("bad.yaml", 6, 43, "")
    assert main(["check", "--format", "github", "bad.yaml"]) == 1
    assert capsys.readouterr().out.startswith("::error file=bad.yaml,line=6,col=43")
    assert main(["check", "--format", "json", "lenet5"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_check_of_a_library_of_blocks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "blocks.yaml").write_text("archspec: 1\nblocks: {Act: {graph: [ReLU]}}\n")
    assert main(["check", "blocks.yaml"]) == 0
    assert "a library of blocks" in capsys.readouterr().out


def test_check_says_which_sizes_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "vgg16"]) == 0
    assert "`features.30` needs H >= 32" in capsys.readouterr().out


def test_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", "densenet121", "--depth", "1"]) == 0
    assert "7,978,856" in (folded := capsys.readouterr().out)
    assert main(["summary", "densenet121"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 400 > len(folded.splitlines())


def test_summary_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", "densenet121", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["name"] == "densenet121"
    assert found["inputs"] == {"input": {"shape": ["N", 3, 224, 224], "dtype": "float32"}}
    assert found["outputs"] == {"output": {"shape": ["N", 1000], "dtype": "float32"}}
    assert found["totals"]["params"] == 7978856 and found["totals"]["macs"] == 2834161664
    conv0 = {"path": "features.conv0", "op": "Conv2d", "scope": "features", "inputs": ["input"], "params": 9408}
    assert conv0.items() <= found["nodes"][0].items()


def test_options_reach_the_spec(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["summary", "resnet", "--variant", "resnet18", "--set", "num_classes=10", "--set", "depths=[1, 1, 1, 1]"]
    assert main([*call, "--input", "3x64x96", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["inputs"]["input"]["shape"] == ["N", 3, 64, 96]
    assert found["outputs"]["output"]["shape"] == ["N", 10]
    assert main(["summary", "resnet18", "--input", "input=Bx3xHxW", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["inputs"]["input"]["shape"] == ["B", 3, "H", "W"]


def test_custom_ops_need_leave(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "my_layers.py").write_text(
        "from torch import nn\nclass Twice(nn.Module):\n    def forward(self, x):\n        return 2 * x\n"
    )
    (folder / "custom.yaml").write_text("archspec: 1\ninput: [N, 4]\ngraph: {twice: {op: my_layers.Twice}}\n")
    assert main(["check", "custom.yaml"]) == 1
    assert "--allow-op" in capsys.readouterr().err
    assert main(["build", "custom.yaml", "--allow-op", "my_layers"]) == 0


def test_folders_need_leave(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "specs").mkdir()
    (folder / "base.yaml").write_text("archspec: 1\ninput: [N, 4]\ngraph: {act: ReLU}\n")
    (folder / "specs/mine.yaml").write_text("archspec: 1\nextends: ../base.yaml\n")
    assert main(["check", "specs/mine.yaml"]) == 1
    assert "--allow-path" in capsys.readouterr().err
    assert main(["check", "specs/mine.yaml", "--allow-path", "."]) == 0


def test_export_for_inference(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "resnet18", "--optimize", "inference", "-o", "-"]) == 0
    source = capsys.readouterr().out
    assert "BatchNorm" not in source and "optimised for inference" in source
    assert main(["export", "resnet18", "--optimize", "speed", "-o", "-"]) == 2


def test_export(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "resnet18", "-o", "deep/er/resnet.py"]) == 0
    source = (folder / "deep/er/resnet.py").read_text()
    assert source == archspec.to_python(archspec.load("resnet18"))
    assert [path.name for path in (folder / "deep/er").iterdir()] == ["resnet.py"]
    capsys.readouterr()
    assert main(["export", "resnet18", "-o", "-"]) == 0
    assert capsys.readouterr().out == source


def test_list_names_every_spec_and_variant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in [*bundled(), "resnet152", "vgg11_bn", "alexnet_groups2_lrn_227", "densenet201"])
    assert max(map(len, out.splitlines())) <= 120


def test_new_writes_a_spec_that_builds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "mine.yaml"]) == 0
    assert "archspec build mine.yaml" in capsys.readouterr().out
    assert main(["check", "mine.yaml"]) == 0
    assert main(["build", "mine.yaml"]) == 0
    assert (folder / "build/mine/model.py").is_file()


def test_new_overwrites_only_by_force(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mine.yaml").write_text("precious")
    assert main(["new", "mine.yaml"]) == 2
    assert "--force" in capsys.readouterr().err
    assert (folder / "mine.yaml").read_text() == "precious"
    assert main(["new", "mine.yaml", "--force"]) == 0
    assert main(["new", "mine"]) == 2
