"""The benchmarks of modules run, on one small network; how long anything takes is no matter here."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.__main__ import MODULES
from benchmarks.__main__ import main as run_by_name
from benchmarks.modules import COMPARISONS, main, table
from benchmarks.twins import FEW, TWINS, Twin


def small() -> Twin:
    return Twin("mobilenet_v2", 64, 64)


@pytest.mark.parametrize("name", [name for name in COMPARISONS if name != "compile"])  # which needs a compiler
def test_a_section(name: str) -> None:
    rows = table(COMPARISONS[name], [small()], rounds=1)
    head, *cases, means = rows
    assert head[0] == "network" and "torchvision" in head and means[0] == "geometric mean"
    assert cases and all(len(row) == len(head) and row[-1] == "" for row in cases), rows
    assert len(means) == len(head)


def test_twins_are_the_same_network() -> None:
    assert len({twin.name for twin in TWINS}) == len(TWINS)
    theirs, ours = (model.eval() for model in small().pair())
    x = small().image(64, 2)
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), theirs(x))


def test_a_network_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["construct", "--only", "resnet19"])
    assert "resnet19" in capsys.readouterr().err


def test_sections_of_modules_are_run_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert tuple(COMPARISONS) == MODULES
    assert set(FEW) < {twin.name for twin in TWINS}
    threads = torch.get_num_threads()
    assert run_by_name(["construct", "--only", "alexnet", "--rounds", "1"]) == 0
    torch.set_num_threads(threads)
    assert "geometric mean" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run_by_name(["construct", "cold"])


def test_the_tables_are_written(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    assert main(["construct", "--only", "alexnet", "--rounds", "1", "--write", str(tmp_path / "b.md")]) == 0
    torch.set_num_threads(before)
    assert "## Building an initialised module" in (tmp_path / "b.md").read_text()


def test_the_document_holds_every_section() -> None:
    """The numbers are of their machine; their places are not."""
    text = (Path(__file__).parents[1] / "docs" / "benchmarks-modules.md").read_text(encoding="utf-8")
    assert "Made by `python -m benchmarks.modules" in text and "/docs/benchmarks-modules.md`" not in text
    for comparison in COMPARISONS.values():
        section = text.partition(f"## {comparison.title}\n")[2].partition("\n## ")[0]
        assert "| geometric mean |" in section, comparison.name
