"""The campaign script: it runs, counts, reports what it finds, and ends when asked to."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from archspec import ops
from tests import campaign
from tests.agreement import Verdict
from tests.random_specs.pick import Seeded
from tests.random_specs.whole import all_children, random_spec


def test_examples_agree_and_are_counted() -> None:
    tally = campaign.run_chunk(seed=0, first=0, count=12)
    assert not tally.failures
    assert (tally.graphs, tally.changes + tally.too_slow) == (12, 12)
    assert tally.accepted + tally.refused == tally.changes == sum(tally.kinds.values())
    assert tally.refused == sum(tally.codes.values())
    assert tally.ops["Conv1d"]


def test_a_disagreement_is_reported_with_its_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(change: object) -> Verdict:
        raise AssertionError("not so in torch")

    monkeypatch.setattr(campaign, "judge", judge)
    tally = campaign.Tally()
    campaign.run_example(0, 3, tally)
    (failure,) = tally.failures
    assert (failure.example, failure.part) == (3, "change")
    text = "\n".join(campaign.lines(tally))
    assert "not so in torch" in text
    assert "archspec: 1\nname: random" in text
    assert "1 disagreements or errors" in text


def test_an_op_that_never_occurs_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    tally = campaign.Tally()
    tally.ops.update(ops.names())
    tally.changed.update(ops.names()[1:])
    assert tally.missing == [ops.names()[0]]
    assert "never occurred, or never changed: Conv1d" in "\n".join(campaign.lines(tally))


@pytest.mark.slow
def test_it_ends_early_with_a_report(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "tests.campaign", "--minutes", "30", "--json", str(report)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None and process.stdout is not None
        assert "Ctrl-C" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        text = process.stdout.read()
        assert process.wait() == 1  # for the ops that did not occur yet
    assert re.search(r"^seed 0, \d", text, re.MULTILINE)
    counts = json.loads(report.read_text())
    assert f"{counts['graphs']:,} graphs" in text
    assert not counts["failures"]


@pytest.mark.parametrize("op", ops.names())
def test_every_op_can_be_asked_for(op: str) -> None:
    found = (random_spec(Seeded(f"{op} {n}"), op) for n in range(10))
    assert any(child.op == op for spec in found for child in all_children(spec))
