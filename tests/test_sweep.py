"""`archspec.sweep` and `archspec sweep`: combinations, conditions, fronts, files, processes, being stopped."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archspec
from archspec.cli import main
from archspec.diagnostics import SpecError
from archspec.sweeps import pool
from archspec.sweeps.axes import make_grid
from archspec.sweeps.count import Job, Row
from archspec.sweeps.pool import count
from archspec.sweeps.results import front
from archspec.sweeps.search import prepare

SPEC = """\
archspec: 1
name: mine
params:
  width: 8
  depths: [1, 1]
  act: ReLU
  rate: 0.1
  groups: 1
  kernel: {type: int | list, default: 3}
variants: {thin: {width: 4}, wide: {width: 16}}
input: [N, 4, 8, 8]
blocks:
  Unit:
    params: {width: int}
    graph:
      conv: {op: Conv2d, out_channels: width, kernel_size: kernel, padding: same, groups: groups}
      act: $act
graph:
  for i, n in enumerate(depths):
    stage$i:
      - {op: Unit, width: width * (i + 1), repeat: n}
  drop: {op: Dropout, p: rate}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    (tmp_path / "mine.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def ran(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    assert main(["sweep", *words]) == code
    return capsys.readouterr()


# --- what is varied


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("width=4..16:4", [4, 8, 12, 16]),
        ("width=4..15:4", [4, 8, 12]),
        ("width=3..5", [3, 4, 5]),
        ("width=12..4:-4", [12, 8, 4]),
        ("width=[4, 8]", [4, 8]),
        ("width=4,8, 8", [4, 8]),
        ("width=[2..4, 16]", [2, 3, 4, 16]),
        ("width=8", [8]),
        ("rate=0..0.3:0.1", [0.0, 0.1, 0.2, 0.3]),
        ("rate=[0, 1e-1]", [0.0, 0.1]),
        ("depths=[1, 2]", [[1, 2]]),
        ("depths=[[1, 2], [2, 2, 1]]", [[1, 2], [2, 2, 1]]),
        ("act=[ReLU, SiLU]", ["ReLU", "SiLU"]),
        ("act=[ReLU, {op: LeakyReLU, negative_slope: 0.2}]", ["ReLU", {"op": "LeakyReLU", "negative_slope": 0.2}]),
        ("kernel=[1, [3, 1]]", [1, [3, 1]]),
        ("variant=[thin, wide]", ["thin", "wide"]),
        ("input=[4x8x8, 4x16x16]", [(4, 8, 8), (4, 16, 16)]),
    ],
)
def test_values(written: str, values: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = ran(capsys, "mine.yaml", "--set", written, "--json")
    found = json.loads(out)
    name = written.partition("=")[0]
    assert [row[name] for row in found["rows"]] == json.loads(json.dumps(values))
    assert [type(row[name]) for row in found["rows"]] == [list if isinstance(v, tuple) else type(v) for v in values]
    assert found["combinations"] == found["done"] == len(values)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--set", "widht=1..3"], 2, "did you mean `width`?"),
        (["--set", "width=16..4:4"], 2, "the range `16..4:4` is empty"),
        (["--set", "width=16..4:4"], 2, "write `16..4:-4`"),
        (["--set", "width=4-16"], 2, "write `4..16`"),
        (["--set", "width=4:16"], 2, "write `4..16`"),
        (["--set", "width=4...16"], 2, "write `4..16`"),
        (["--set", "width=4,8", "--where", "macs < 3M"], 2, "write `3000000`"),
        (["--set", "width=4..16:0"], 2, "take a step other than 0"),
        (["--set", "width=[]"], 2, "`width` has no values"),
        (["--set", "width=[4, wide]"], 2, "param `width` is an integer, got `wide`"),
        (["--set", "width=0.5..2:0.5"], 2, "param `width` is an integer, got 0.5"),
        (["--set", "width=[[1, 2]]"], 2, "param `width` is an integer, got [1, 2]"),
        (["--set", "width=1..1000000000000"], 2, "more than 100,000"),
        (["--set", "width=1..400", "--set", "rate=0..0.5:0.001"], 2, "400 x 501 are 200,400 combinations"),
        (["--set", "width=1..9", "--limit", "8"], 2, "more than 8"),
        (["--set", "width=4", "--set", "width=8"], 2, "write its values as a list"),
        (["--set", "variant=[thin, thicc]"], 2, "no variant `thicc`"),
        (["--set", "variant=[thin]", "--variant", "wide"], 2, "`variant` is varied"),
        (["--set", "width=4", "--variant", "thinn"], 2, "did you mean `thin`?"),
        (["--set", "input=[4x8x8, 4y8]"], 2, "`4y8` is no input size"),
        (["--set", "width=4,8", "--where", "mcas < 3"], 2, "did you mean `macs`?"),
        (["--set", "width=4,8", "--where", "macs < "], 2, "something is missing after"),
        (["--set", "width=4,8", "--where", "macs"], 2, "compare it"),
        (["--set", "width=4,8", "--where", "output < 3"], 2, "where="),
        (["--set", "width=4,8", "--where", "__import__('os')"], 2, "`__import__`"),
        (["--set", "width=4,8", "--sort", "parms"], 2, "did you mean `params`?"),
        (["--set", "width=4,8", "--pareto", "macs,size"], 2, "`size` is no metric"),
        (["--set", "width=4,8", "--columns", "+depht"], 2, "did you mean `depth`?"),
        (["--set", "width=4,8", "--resume"], 2, "-o results.csv"),
        (["--set", "width=4,8", "-o", "found.txt"], 2, "write `found.csv`"),
        (["--set", "width=4,8", "--symbolic", "H"], 2, "takes no `--symbolic`"),
    ],
)
def test_mistakes(words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = ran(capsys, "mine.yaml", *words, code=code)
    assert said in err and not out
    assert not list(Path().glob("*.csv"))


def test_a_param_with_the_name_of_a_metric_hides_it() -> None:
    Path("deep.yaml").write_text(SPEC.replace("depths", "depth"), encoding="utf-8")
    found = archspec.sweep("deep.yaml", {"depth": [[1, 1], [1, 2]]}, where="len(depth) == 2 and sum(depth) < 3")
    assert found.rows == [{"depth": [1, 1], "params": found.rows[0]["params"], "macs": found.rows[0]["macs"]}]


# --- what is found

GIVEN: Mapping[str, Sequence[Any]] = {"width": range(2, 13, 2), "depths": [[1, 1], [2, 1], [1, 3]], "groups": [1, 4]}


def test_metrics_are_those_of_each_network_alone() -> None:
    columns = [*archspec.compare("mine.yaml").to_json()[0]][1:]
    found = archspec.sweep("mine.yaml", GIVEN, columns=columns, batch=2, optimizer="sgd")
    assert len(found.rows) + len(found.invalid) == 36
    for at, row in enumerate(found.rows):
        graph = archspec.load("mine.yaml", **found.arguments(at))
        alone = archspec.compare(graph, batch=2, optimizer="sgd").to_json()[0]
        assert {name: row[name] for name in columns} == {name: alone[name] for name in columns}


def test_what_is_no_network_is_said_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    found = archspec.sweep("mine.yaml", GIVEN)
    wrong = {(row.values[0], row.values[2]) for row in found.invalid}
    assert wrong == {(width, 4) for width in range(2, 13, 2) if width % 4}
    assert all(row.code == "not-divisible" and "4" in row.message for row in found.invalid)
    out, _ = ran(capsys, "mine.yaml", "--set", "width=2..12:2", "--set", "groups=1,4")
    assert "12 combinations, 9 networks" in out and "no networks: 3" in out and "width=2 groups=4" in out
    _, _ = ran(capsys, "mine.yaml", "--set", "width=2,6", "--set", "groups=4", code=1)


def test_reasons_that_differ_in_numbers_are_one(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = ran(capsys, "mine.yaml", "--set", "width=2..12:2", "--set", "groups=1,4,8", "--set", "act=[ReLU, Relu]")
    _, reasons = out.split("no networks: ")
    counts = [int(line.split(" x ")[0]) for line in reasons.splitlines() if " x " in line]
    assert counts == [18, 6, 3] and "6 x not-divisible: `groups` 8 does not divide `in_channels` 4" in reasons


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "act=[Relu, Reluu]"], ["error[unknown-op]", "did you mean `ReLU`?", "so it is for act=Relu"]),
        (["--set", "width=2,6", "--set", "groups=4"], ["error[not-divisible]", "mine.yaml:16", "width=2 groups=4"]),
        (["--set", "width=2,6", "--input", "4x8"], ["error[wrong-input-shape]", "4x8", "so it is for width=2"]),
    ],
)
@pytest.mark.parametrize("format", ["text", "csv"])
def test_where_none_is_a_network_the_first_mistake_is_told(
    words: list[str], said: list[str], format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ran(capsys, "mine.yaml", "--set", "width=4,8", "-o", "found.csv")
    before = Path("found.csv").read_bytes()
    _, err = ran(capsys, "mine.yaml", *words, "--format", format, "-o", "found.csv", "--force", code=1)
    assert all(each in err for each in said)
    assert Path("found.csv").read_bytes() == before


def test_conditions_orders_and_first_ones() -> None:
    found = archspec.sweep("mine.yaml", GIVEN, where="params < 900 and width > 2", sort=["-groups", "macs"])
    rows = found.rows
    assert rows and all(row["params"] < 900 and row["width"] > 2 for row in rows)
    assert rows == sorted(rows, key=lambda row: (-row["groups"], row["macs"]))
    assert found.top(2).rows == rows[:2]
    assert found.where("groups == 1").rows == [row for row in rows if row["groups"] == 1]
    assert [row["depths"] for row in found.sorted("depths").rows[:1]] == [[1, 1]]
    with pytest.raises(SpecError, match="no column `buffers`"):
        found.sorted("buffers")


def test_what_is_unknown_fits_nothing_and_comes_last() -> None:
    inputs = {"input": [(4, "H", "W"), (4, 8, 8)]}
    found = archspec.sweep("mine.yaml", inputs, columns=["+activation_peak_bytes"], sort="activation_peak_bytes")
    assert [row["activation_peak_bytes"] is None for row in found.rows] == [False, True]
    assert len(found.where("activation_peak_bytes < 2 ** 40")) == 1
    assert len(found.pareto("activation_peak_bytes")) == 1
    assert isinstance(found.rows[1]["macs"], str) and len(found.pareto("macs")) == 1
    for order in ("macs", "-macs"):
        assert [row["input"] for row in found.sorted(order).rows] == [(4, 8, 8), (4, "H", "W")]
    small = archspec.sweep("mine.yaml", inputs, where="macs < 1e9 and output != ''")
    assert [row["input"] for row in small.rows] == [(4, 8, 8)] and small.rows == small.where("macs > 0").rows


def test_why_networks_are_left_out_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["mine.yaml", "--set", "width=4,8", "--input", "4xHxW"]
    for asked in (["--where", "macs < 1e9"], ["--pareto", "macs,params"]):
        out, _ = ran(capsys, *words, *asked)
        assert "left out: 2 networks, of which macs follows from H, W of the input; give numbers with `--input`" in out
    out, _ = ran(capsys, *words, "--columns", "training_peak_bytes", "--where", "training_peak_bytes < 9")
    assert "of which training_peak_bytes follows from sizes of the input" in out
    found = archspec.sweep("mine.yaml", {"input": [(4, "H", 8), (4, 8, 8)]})
    assert not found.unknown and "left out" not in str(found.sorted("macs"))
    for fewer in (found.where("macs < 1e9"), found.where("params > 0").where("macs < 1e9"), found.pareto("macs")):
        assert len(fewer.unknown) == 1 and "1 network, of which macs follows from H of" in str(fewer)
        assert fewer.to_json()["unknown"] == [row for row in found.rows if row["input"] == (4, "H", 8)]
        assert "left out: 1 network" in fewer._repr_html_()


def test_amounts_of_unknown_sizes_are_shown_as_a_summary_does(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["densenet", "--set", "growth=12", "--set", "input=[3xHxW]"]
    out, _ = ran(capsys, *words)
    graph = archspec.load("densenet", params={"growth": 12}, input=(3, "H", "W"))
    [short] = [line for line in str(graph.summary()).splitlines() if line.startswith("MACs  ")]
    assert short.split("  one sample")[0].removeprefix("MACs").strip() in out and "//" not in out
    [row] = json.loads(ran(capsys, *words, "--json")[0])["rows"]
    assert row["macs"] == archspec.compare(graph).to_json()[0]["macs"]


def test_a_condition_that_fails_names_the_combination(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["mine.yaml", "--set", "width=4..12:4", "--where", "100 % (width - 8) > -9"]
    out, err = ran(capsys, *words, "--jobs", "1", code=2)
    assert "so it is for width=8" in err
    assert out.startswith("mine: 1 of 3 combinations") and "\n    4  " in out  # what was found before
    words[-1] = "100 % (width - 4) > -9"
    assert ran(capsys, *words, "--jobs", "1", code=2)[0] == ""
    with pytest.raises(SpecError, match="so it is for width=12"):
        archspec.sweep("mine.yaml", {"width": [4, 12]}).where("params // (width - 12) > 0")


points = st.lists(st.tuples(*[st.integers(0, 5)] * 3), max_size=30)


@given(points)
def test_the_front_is_what_brute_force_says(found: list[tuple[int, ...]]) -> None:
    pairs = [(point, Row(at, (), {})) for at, point in enumerate(found)]

    def beats(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
        return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))

    expected = {at for at, point in enumerate(found) if not any(beats(other, point) for other in found)}
    assert {row.index for _, row in front(pairs)} == expected


def test_fronts_of_networks() -> None:
    found = archspec.sweep("mine.yaml", GIVEN)
    best = found.pareto("macs", "-params").rows
    assert best and all(
        not any(o["macs"] <= row["macs"] and o["params"] > row["params"] for o in found.rows) for row in best
    )


@given(st.data())
def test_grids(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    from archspec.library import Library

    names = ["width", "groups", "rate"][: len(sizes)]
    spec = Library().load(Path("mine.yaml"))
    grid = make_grid(spec, {name: list(range(1, size + 1)) for name, size in zip(names, sizes, strict=True)}, 100)
    combinations = [grid.values(index) for index in range(grid.size)]
    assert len(set(combinations)) == grid.size and combinations == sorted(combinations)
    assert sorted(grid.order(["groups"], range(grid.size))) == list(range(grid.size))


# --- how it is called, and shown


def test_lists_of_names_may_be_texts() -> None:
    given = {"width": [4, 8], "groups": [1, 2]}
    found = archspec.sweep("mine.yaml", given, columns="+depth, nodes", sort="-width,params")
    assert found == archspec.sweep("mine.yaml", given, columns=["+depth", "nodes"], sort=["-width", "params"])
    assert found.columns == ("params", "macs", "depth", "nodes")
    assert found.sorted("params,-width") == found.sorted("params", "-width")
    assert found.pareto("macs, -params") == found.pareto("macs", "-params")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"jobs": "2"}, "`jobs` is a number of processes, got '2'"),
        ({"jobs": 0}, "`jobs` is a number of processes, got 0"),
        ({"limit": "9"}, "`limit` is a number of combinations, got '9'"),
        ({"where": bool}, "a condition is a text, got <class 'bool'>"),
        ({"sort": 3}, "`sort` is a list of names, got 3"),
        ({"columns": [None]}, "`columns` is a list of names"),
        ({"params": ["width"]}, "`params` are values by the name of a param"),
        ({"spec": None}, "`sweep` takes a spec's name or path, got None"),
    ],
)
def test_arguments_of_other_types(given: dict[str, Any], said: str) -> None:
    call: dict[str, Any] = {"spec": "mine.yaml", "params": {"width": [4]}, **given}
    with pytest.raises(SpecError) as raised:
        archspec.sweep(**call)
    assert said in raised.value.diagnostics[0].message


def test_a_graph_is_no_spec() -> None:
    graph: Any = archspec.load("mine.yaml")
    with pytest.raises(SpecError, match="takes a spec's name or path, got <Graph mine: "):
        archspec.sweep(graph, {"width": [4]})


def test_rows_are_iterated_and_what_it_is_fits_a_line() -> None:
    found = archspec.sweep("mine.yaml", {"width": [4, 8, 12]}, where="width > 4")
    assert [*found] == found.rows and [row["width"] for row in found] == [8, 12]
    assert repr(found) == "<Sweep mine: 3 combinations, where width > 4: 2 shown>"


def test_formats(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["mine.yaml", "--set", "width=4,8", "--set", "depths=[[1, 2], [2, 1]]"]
    streamed, _ = ran(capsys, *words, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(streamed)))
    assert (rows[0]["width"], rows[0]["depths"], len(rows)) == ("4", "[1, 2]", 4)
    in_order, _ = ran(capsys, *words, "--format", "csv", "--sort", "width,depths")
    assert sorted(streamed.splitlines()) == sorted(in_order.splitlines())
    markdown, _ = ran(capsys, *words, "--format", "markdown", "--top", "1")
    assert len(markdown.splitlines()) == 3 and markdown.startswith("| width |")
    found = archspec.sweep("mine.yaml", {"width": [4, 8]})
    assert "<table>" in found._repr_html_() and str(found).startswith("mine: 2 combinations")


def test_columns_are_in_the_order_asked_for() -> None:
    def columns(*names: str, sort: str = "width") -> list[str]:
        return [*archspec.sweep("mine.yaml", {"width": [4]}, columns=names, sort=sort).columns]

    assert columns("macs", "params") == ["macs", "params"]
    assert columns("+depth", "+buffers") == ["params", "macs", "depth", "buffers"]
    assert columns("depth", "width", "params", sort="macs") == ["depth", "params", "macs"]


# --- processes


def test_processes_find_the_same() -> None:
    alone = archspec.sweep("mine.yaml", GIVEN, jobs=1)
    seen: list[tuple[int, int]] = []
    together = archspec.sweep("mine.yaml", GIVEN, jobs=2, progress=lambda done, total: seen.append((done, total)))
    assert alone == together
    assert seen == [(done, 36) for done in range(1, 37)]


def test_values_that_are_yielded() -> None:
    assert len(archspec.sweep("mine.yaml", {"width": (2**n for n in range(3)), "groups": {1}}, jobs=2)) == 3


def test_processes_are_few_whatever_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(job: Job, order: Sequence[int], jobs: int) -> Iterator[Row]:
        asked.append(jobs)
        return count(job, order, 1)

    monkeypatch.setattr(pool, "count", counted)
    monkeypatch.setattr(pool, "cores", lambda: 2)
    widths = {"width": range(1, 13)}
    assert archspec.sweep("mine.yaml", widths, jobs=1000) == archspec.sweep("mine.yaml", widths, jobs=1)
    assert len(archspec.sweep("mine.yaml", {"width": (1, 2, 3)}, jobs=1000)) == 3
    assert asked == [8, 3]


def test_a_process_that_dies_is_a_mistake_and_the_others_end(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    original = pool._start

    def start() -> subprocess.Popen[bytes]:
        started.append(original())
        return started[-1]

    monkeypatch.setattr(pool, "_start", start)
    job = Job("mine.yaml", {"width": list(range(1, 400))}, ("macs",), limit=1000)
    rows = count(job, list(range(399)), 2)
    next(rows)
    started[0].kill()
    with pytest.raises(SpecError, match="has ended by itself"):
        list(rows)
    assert all(process.poll() is not None for process in started)


def test_mistakes_in_a_process_are_raised_here() -> None:
    with pytest.raises(SpecError, match="has no param `nothing`"):
        list(count(Job("mine.yaml", {"nothing": [1]}, limit=9), [0], 2))


# --- files


def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The combinations that are computed from now on, in this process."""
    from archspec.sweeps.count import Counter

    seen: list[int] = []
    original = Counter.row

    def row(self: Counter, index: int) -> Row:
        seen.append(index)
        return original(self, index)

    monkeypatch.setattr(Counter, "row", row)
    return seen


def test_what_a_file_has_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path("found.csv")
    search = prepare("mine.yaml", GIVEN, file=file, limit=100, jobs=1)
    rows = search.rows()
    for _ in range(10):
        next(rows)
    rows.close()
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) == 11
    file.write_text(text[:-7], encoding="utf-8")  # as if it was cut off while a line was written
    seen = computed(monkeypatch)
    found = archspec.sweep("mine.yaml", GIVEN, file=file, resume=True, jobs=1)
    assert len(seen) == 36 - 9
    assert found == archspec.sweep("mine.yaml", GIVEN, jobs=1)
    assert len(file.read_text(encoding="utf-8").splitlines()) == 37
    seen.clear()
    again = archspec.sweep("mine.yaml", GIVEN, file=file, resume=True, jobs=1, where="params < 900", sort="macs")
    assert seen == [] and again.rows == found.where("params < 900").sorted("macs").rows
    wider = {**GIVEN, "width": [2, 4, 20]}
    assert len(archspec.sweep("mine.yaml", wider, file=file, resume=True, jobs=1).rows) > 0 and len(seen) == 6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "exists already"),
        ({"resume": True, "columns": ["+depth"]}, "has no column `depth`"),
        ({"resume": True, "variant": "thin"}, "another version of the spec"),
        ({"resume": True, "batch": 2}, "another version of the spec"),
        ({"resume": True, "params": {"rate": [0.1]}}, "does not hold results of this sweep"),
    ],
)
def test_files_that_do_not_fit(change: dict[str, Any], said: str) -> None:
    archspec.sweep("mine.yaml", {"width": [4, 8]}, file="found.csv")
    before = Path("found.csv").read_bytes()
    given = change.pop("params", {"width": [4, 8]})
    with pytest.raises(SpecError, match=said):
        archspec.sweep("mine.yaml", given, file="found.csv", **change)
    assert Path("found.csv").read_bytes() == before


@pytest.mark.parametrize(("old", "new"), [("width * (i + 1)", "width * (i + 2)"), ("rate: 0.1", "rate: '0.1'")])
def test_a_file_of_an_older_spec(old: str, new: str) -> None:
    archspec.sweep("mine.yaml", {"width": [4, 8]}, file="found.csv")
    Path("mine.yaml").write_text(SPEC.replace(old, new), encoding="utf-8")
    with pytest.raises(SpecError, match="another version of the spec"):
        archspec.sweep("mine.yaml", {"width": [4, 8]}, file="found.csv", resume=True)


def test_a_file_of_a_spec_whose_layout_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = archspec.sweep("mine.yaml", {"width": [4, 8]}, file="found.csv")
    text = "# what it is for\n" + SPEC.replace("[1, 1]", "[1,  1]  # how deep").replace("blocks:\n", "\nblocks:\n\n")
    Path("mine.yaml").write_text(text, encoding="utf-8")
    seen = computed(monkeypatch)
    assert archspec.sweep("mine.yaml", {"width": [4, 8]}, file="found.csv", resume=True).rows == found.rows
    assert seen == []


def test_files_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["mine.yaml", "--set", "width=4,8", "-o", "found.csv"]
    ran(capsys, *words)
    assert "--force" in ran(capsys, *words, code=2)[1]
    first, _ = ran(capsys, *words, "--force")
    assert ran(capsys, *words, "--resume")[0] == first
    Path("bad.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert "does not hold results" in ran(capsys, *words[:-1], "bad.csv", "--resume", code=2)[1]
    Path("empty.csv").touch()
    assert ran(capsys, *words[:-1], "empty.csv", "--resume")[0] == first


def lines_of(file: str) -> int:
    return Path(file).read_text(encoding="utf-8").count("\n") if Path(file).exists() else 0


@pytest.mark.parametrize(
    "words",
    [
        ["--set", "widht=4,8"],
        ["--set", "width=4,8", "--where", "mcas < 3"],
        ["--set", "width=4,8", "--where", "output < 3"],
        ["--set", "width=4,8", "--sort", "parms"],
    ],
)
def test_a_mistaken_call_overwrites_nothing(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ran(capsys, "mine.yaml", "--set", "width=4,8", "-o", "found.csv")
    before = Path("found.csv").read_bytes()
    ran(capsys, "mine.yaml", *words, "-o", "found.csv", "--force", code=2)
    assert Path("found.csv").read_bytes() == before
    ran(capsys, "mine.yaml", "--set", "width=12", "-o", "found.csv", "--force")
    assert lines_of("found.csv") == 2


@pytest.mark.parametrize("more", [[], ["--force"], ["--resume"]])
@pytest.mark.parametrize("place", ["folder.csv", "text/found.csv"])
def test_places_where_no_file_can_be(place: str, more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder.csv").mkdir()
    Path("text").touch()
    _, err = ran(capsys, "mine.yaml", "--set", "width=4,8", "-o", place, *more, code=2)
    first = place.partition("/")[0]  # what is in the way
    assert f"error[cannot-write]: cannot write `{first}" in err and "choose another place" in err


def test_a_folder_that_is_read_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system says it of one: to who may write everywhere no folder is closed."""
    opened = Path.open

    def open_unless_closed(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.parent.name == "closed":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *args, **kwargs)

    Path("closed").mkdir()
    monkeypatch.setattr(Path, "open", open_unless_closed)
    _, err = ran(capsys, "mine.yaml", "--set", "width=4,8", "-o", "closed/found.csv", "--force", code=2)
    assert "error[cannot-write]" in err and "permission denied" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk is full")
def test_a_disk_that_is_full(capsys: pytest.CaptureFixture[str]) -> None:
    Path("found.csv").symlink_to("/dev/full")
    _, err = ran(capsys, "mine.yaml", "--set", "width=4,8", "-o", "found.csv", code=2)
    assert "cannot write `found.csv`: no space left on device" in err


def test_a_file_is_overwritten_by_who_says_so() -> None:
    archspec.sweep("mine.yaml", {"width": [4, 8]}, file="found.csv")
    with pytest.raises(SpecError, match="exists already"):
        archspec.sweep("mine.yaml", {"width": [12]}, file="found.csv")
    archspec.sweep("mine.yaml", {"width": [12]}, file="found.csv", force=True)
    assert lines_of("found.csv") == 2


@pytest.mark.parametrize("more", [{"resume": True}, {"force": True}, {}])
def test_a_file_belongs_to_one_sweep_at_a_time(more: dict[str, Any]) -> None:
    given = {"width": [4, 8]}
    first = prepare("mine.yaml", given, file=Path("found.csv"), limit=9)
    rows = first.rows()
    next(rows)
    before = Path("found.csv").read_bytes()
    with pytest.raises(SpecError, match="another sweep writes to"):
        prepare("mine.yaml", given, file=Path("found.csv"), limit=9, **more)
    assert Path("found.csv").read_bytes() == before
    rows.close()
    assert len(archspec.sweep("mine.yaml", given, file="found.csv", resume=True)) == 2
    assert lines_of("found.csv") == 3


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupted_sweep_keeps_what_it_found(jobs: str) -> None:
    words = ["sweep", "densenet", "--set", "growth=8..60", "--set", "num_classes=1..90", "--jobs", jobs, "-o", "f.csv"]
    process = subprocess.Popen(
        [sys.executable, "-m", "archspec", *words, "--sort", "macs"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONPATH": str(Path(archspec.__file__).parents[1])},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and lines_of("f.csv") < 6:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "interrupted: " in err and "--resume" in err and "Traceback" not in err
    lines = Path("f.csv").read_text(encoding="utf-8").splitlines()
    assert 6 <= len(lines) < 53 * 90
    assert f"densenet: {len(lines) - 1:,} of 4,770 combinations" in out


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_processes_of_a_sweep_that_is_ended_end_in_silence() -> None:
    words = ["sweep", "densenet", "--set", "growth=8..60", "--set", "num_classes=1..90", "--jobs", "2", "-o", "f.csv"]
    process = subprocess.Popen(
        [sys.executable, "-m", "archspec", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(archspec.__file__).parents[1])},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and lines_of("f.csv") < 6:
        time.sleep(0.05)
    process.terminate()
    assert process.communicate(timeout=30) == ("", "")  # once nobody has the pipes any more
    assert process.returncode == -signal.SIGTERM


def test_the_benchmark_counts_what_torch_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import sweeping

    monkeypatch.setattr(sweeping, "AXES", {name: values[:1] for name, values in sweeping.AXES.items()})
    monkeypatch.setattr(sweeping, "SAMPLE", 1)
    [case] = sweeping.SECTION.cases()
    ours, theirs = (each.facts(each.run()) for each in (case.contestants[0], case.contestants[2]))
    assert {**theirs, "seconds": 0} == {**ours, "seconds": 0}
