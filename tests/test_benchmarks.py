"""The benchmarks run, without other tools and with small numbers; how long anything takes is no matter here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import archspec
from archspec.dims import value
from benchmarks.__main__ import main, run
from benchmarks.growing import KINDS
from benchmarks.machine import description
from benchmarks.measure import LEAST, Case, Contestant, Result, Section, measure
from benchmarks.networks import NETWORKS, Network
from benchmarks.processes import python
from benchmarks.report import seconds, table, to_markdown, to_text
from benchmarks.sections import SECTIONS, growth

ROOT = Path(__file__).parents[1]


def fails() -> None:
    raise ValueError("cannot do this\nor that")


def section(*contestants: Contestant) -> Section:
    return Section("s", "A section", "How.", ("params", "MACs"), lambda: [Case("case", contestants)], 3)


def test_every_round_runs_each_contestant_once_in_turns() -> None:
    ran: list[str] = []
    contestants = [Contestant(name, lambda name=name: ran.append(name)) for name in "abc"]
    results = measure(Case("case", contestants), rounds=4)
    assert "".join(ran) == "abccbaabccbaabc"
    assert [len(result.times) for result in results] == [4, 4, 4]  # the first round warms up


def test_one_that_fails_is_out_and_says_why() -> None:
    ours, theirs = measure(Case("case", [Contestant("ours", lambda: 3), Contestant("theirs", fails)]), rounds=3)
    assert len(ours.times) == 3 and not ours.failure
    assert theirs.times == [] and theirs.failure == "ValueError: cannot do this"


def test_a_limit_leaves_a_few_rounds() -> None:
    [result] = measure(Case("case", [Contestant("a", lambda: 3)]), rounds=9, limit=0.0)
    assert len(result.times) == LEAST


def test_statistics() -> None:
    result = Result(Contestant("a", fails), [4.0, 1.0, 2.0, 3.0, 10.0])
    assert (result.median, result.least, result.spread) == (3.0, 1.0, 2.0)
    assert Result(Contestant("a", fails), [4.0]).spread == 0.0


def test_tables() -> None:
    found = section(
        Contestant("ours", lambda: 0.5, lambda taken: {"seconds": taken, "params": 1200, "MACs": 5}),
        Contestant("wrong", lambda: 5.0, lambda taken: {"seconds": taken, "params": 1200, "MACs": 6}, "counts norms"),
        Contestant("right", lambda: 0.25, lambda taken: {"seconds": taken, "params": 1200, "MACs": 5}, "counts norms"),
        Contestant("broken", fails),
    )
    rows = table("case", found, measure(found.cases()[0], 3))
    assert rows == [
        ["case", "median", "min", "IQR", "ratio", "params", "MACs", "note"],
        ["ours", "500 ms", "500 ms", "0 us", "1.00", "1,200", "5", ""],
        ["wrong", "5 s", "5 s", "0 us", "10.00", "1,200", "6", "MACs +20.000%; counts norms"],
        ["right", "250 ms", "250 ms", "0 us", "0.50", "1,200", "5", ""],
        ["broken", "", "", "", "", "", "", "ValueError: cannot do this"],
    ]
    assert to_markdown(rows).splitlines()[:3] == [
        "| case | median | min | IQR | ratio | params | MACs | note |",
        "| --- | --: | --: | --: | --: | --: | --: | --- |",
        "| ours | 500 ms | 500 ms | 0 us | 1.00 | 1,200 | 5 |  |",
    ]
    assert to_text(rows).splitlines()[1].split("  ")[0] == "ours"


@pytest.mark.parametrize(
    ("taken", "text"),
    [(12.0, "12 s"), (0.5, "500 ms"), (0.0123, "12.3 ms"), (0.00025, "250 us"), (0, "0 us"), (1234.0, "1,234 s")],
)
def test_seconds(taken: float, text: str) -> None:
    assert seconds(taken) == text


@pytest.mark.parametrize("kind", KINDS)
def test_grown_specs_have_about_as_many_nodes_as_asked_for(kind: str) -> None:
    graph = archspec.loads(KINDS[kind](120))
    assert 100 <= len(graph.nodes) <= 120
    assert graph.summary().to_json()["totals"]["params"] > 0


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.spec)
def test_every_tool_gets_the_input_that_the_spec_has(network: Network) -> None:
    shape = archspec.load(network.spec).inputs[0].type.shape
    assert tuple(value(size) for size in shape[1:]) == network.input[1:]


def test_processes() -> None:
    ended = python("-c", "print(6 * 7)")
    assert ended.output == "42\n" and isinstance(ended.usage["peak MB"], int)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        python("-c", "1 / 0")


def test_growth(capsys: pytest.CaptureFixture[str]) -> None:
    small = Section("growth", "Growth", "", ("nodes", "compile", "peak MB"), lambda: growth((10,))[:1], 1)
    [rows] = run(small, rounds=1)
    assert rows[1][0] == "10 nodes" and rows[1][-1] == "", capsys.readouterr().out
    assert rows[1][5] == "6"


def test_the_cold_case_of_archspec_runs() -> None:
    ours = SECTIONS["cold"].cases()[1].contestants[0]
    assert ours.facts(ours.run()).items() >= {"params": 7978856, "MACs": 2834161664}.items()


def test_the_warm_case_of_archspec_runs() -> None:
    ours = [each for each in SECTIONS["warm"].cases()[1].contestants if each.name.startswith("archspec")]
    assert len(ours) == 3
    assert all(each.facts(each.run()) == {"params": 7978856, "MACs": 2834161664} for each in ours)


def test_a_section_that_is_not_there() -> None:
    with pytest.raises(SystemExit):
        main(["colder"])


def paragraphs() -> Iterator[str]:
    yield from (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8").split("\n\n")


def test_the_document_says_what_made_it_and_holds_every_section_and_network() -> None:
    """The numbers are of their machine; their places are not."""
    text = "\n\n".join(paragraphs())
    assert re.search(r"Made by `python -m benchmarks( --rounds \d+)? --write docs/benchmarks\.md`", text)
    for each in SECTIONS.values():
        assert f"## {each.title}\n\n{each.text}" in text
    assert all(text.count(f"| {network.spec} | median |") == 2 for network in NETWORKS)
    assert all(f"| {kind} | median |" in text for kind in KINDS)


def test_the_machine_is_described_without_its_name() -> None:
    import platform

    text = description()
    assert "core" in text and "torch " in text
    assert platform.node() not in text
