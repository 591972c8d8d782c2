"""Specs that ask for too much are refused at once: measured in processes of their own, which may not have more."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from archspec import api, limits
from archspec.diagnostics import SpecError
from tests.bombs import BOMBS

HEAD = "archspec: 1\nname: t\ninput: [N, 3, 8, 8]\n"
CPU, MEMORY = 15, 700 << 20
"""Seconds of CPU time and bytes of addresses, the interpreter's and a slow machine's included: a spec without limits
takes minutes and gigabytes. `python -m tests.bombs` measures what they take."""

RUN = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
resource.setrlimit(resource.RLIMIT_CPU, ({CPU}, {CPU}))
from archspec.cli import main
sys.exit(main(["check", sys.argv[1]]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to so much memory")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text(BOMBS[name])
    done = subprocess.run([sys.executable, "-c", RUN, str(path)], capture_output=True, text=True)
    assert done.returncode == 1, (done.returncode, done.stderr[-300:])
    assert done.stderr.startswith("error[") and "Traceback" not in done.stderr


WIDE = {
    "outputs": "graph: {a: ReLU}\noutputs:\n  for i in range(100000):\n    o$i: a\n",
    "readers": "graph:\n  a0: Tanh\n  for i in range(1, 15000):\n    a$i: {op: add, from: ['a$(i - 1)', a0]}\n",
    "names": "graph:\n  for i in range(10000):\n    a$i: {op: Linear, out_features: 4, from: input}\n"
    "outputs:\n  for i in range(10000):\n    o$i: {from: a$i, only: training}\n  z: a0\n",
}
"""What took a time that grew with the square of their number: minutes."""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to so much time")
@pytest.mark.parametrize("name", WIDE)
def test_very_many_take_no_longer_each(name: str, tmp_path: Path) -> None:
    path = tmp_path / "wide.yaml"
    path.write_text(HEAD + WIDE[name])
    run = RUN.replace('["check", sys.argv[1]]', '["export", sys.argv[1], "--output", sys.argv[1] + ".py"]')
    done = subprocess.run([sys.executable, "-c", run, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stderr[-300:])
    assert path.with_name("wide.yaml.py").stat().st_size > 100_000


def test_files_that_extend_each_other_without_end(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"s{number}.yaml").write_text(f"archspec: 1\nextends: s{number + 1}.yaml\n")
    with pytest.raises(SpecError) as caught:
        api.load(tmp_path / "s0.yaml")
    assert [each.code for each in caught.value.diagnostics] == ["too-deep"]


def test_files_are_counted_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.VARIABLE, "bytes=200")
    (tmp_path / "base.yaml").write_text(f"archspec: 1\n{'#' * 150}\ninput: [N, 3]\ngraph: [ReLU]\n")
    (tmp_path / "top.yaml").write_text("archspec: 1\nextends: base.yaml\n")
    with pytest.raises(SpecError, match="larger than 200 bytes"):
        api.load(tmp_path / "top.yaml")


SMALL = {
    "values=20": "graph: [ReLU, ReLU, ReLU, ReLU, ReLU, ReLU, ReLU, ReLU, ReLU, ReLU]",
    "variants=1": "variants: {a: {}, b: {}}\ngraph: [ReLU]",
    "expression=5": "graph: {a: {op: Linear, out_features: 1 + 1 + 1}}",
    "text=9": "graph: {aaaaaaaaaa$(1): ReLU}",
    "items=4": "let: {x: 'range(5)'}\ngraph: [ReLU]",
    "steps=300": "let: {x: '[0 for i in range(999)]'}\ngraph: [ReLU]",
    "nodes=3": "graph: [ReLU, ReLU, ReLU, ReLU]",
    "parameter=10": "graph: [{op: Linear, out_features: 8}]",
}


@pytest.mark.parametrize("setting", SMALL)
def test_each_limit_is_changed_by_the_environment(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + SMALL[setting]
    if setting not in ("items=4", "variants=1", "expression=5"):  # what is parsed once is kept
        api.loads(text)
    monkeypatch.setenv(limits.VARIABLE, setting)
    with pytest.raises(SpecError) as caught:
        api.loads(text)
    (found,) = caught.value.diagnostics
    assert found.code in ("limit", "too-large")
    assert f"`ARCHSPEC_LIMITS={setting.split('=')[0]}=...`" in (found.help or "")


RESIDUAL = """\
params: {count: int}
blocks:
  Residual:
    params: {width: int}
    graph:
      conv1: {op: Conv2d, out_channels: width, kernel_size: 3, padding: 1}
      norm: BatchNorm2d
      relu: ReLU
      conv2: {op: Conv2d, out_channels: input.channels, kernel_size: 1}
      add: {op: add, from: [conv2, input]}
graph:
  for i in range(count):
    block$i: {op: Residual, width: i + 1}
"""


@pytest.mark.parametrize("nodes", [limits.Limits().nodes, 100_000])
def test_as_many_nodes_as_there_may_be_take_few_enough_steps(nodes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No two of the blocks are alike."""
    if nodes > limits.Limits().nodes:
        with pytest.raises(SpecError, match="more than 20,000 nodes"):
            api.loads(HEAD + RESIDUAL, params={"count": nodes // 5})
        monkeypatch.setenv(limits.VARIABLE, f"nodes={nodes}")
    assert len(api.loads(HEAD + RESIDUAL, params={"count": nodes // 5}).nodes) == nodes


def test_mistakes_are_told_as_many_as_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + "graph:\n" + "".join(f"  a{i}: ReLuu\n" for i in range(9))
    for setting, count in (("", 9), ("errors=4", 4), (" errors = 1_0 ", 9)):
        monkeypatch.setenv(limits.VARIABLE, setting)
        with pytest.raises(SpecError) as caught:
            api.loads(text)
        found = caught.value.diagnostics
        assert [each.span.line for each in found if each.span] == list(range(5, 5 + count))
        assert any("more mistakes" in note for note in found[-1].notes) is (count == 4)


@pytest.mark.parametrize(
    "text",
    [
        f"graph: [{'x' * 9_000}]",
        f"graph: {{a: {{op: ReLU, {'k' * 900}: 1}}}}",
        f"graph: {{a: {{op: ReLU, from: {'b' * 9_000}}}}}",
        f"extends: {'c' * 9_000}",
        f"graph: {{a: {{op: Conv2d, out_channels: [{'1, ' * 9_000}], kernel_size: 1}}}}",
        f"graph: {{a: {{op: reshape, shape: [-1{', 1' * 60}]}}, b: {{op: Conv1d, out_channels: 1, kernel_size: 1}}}}",
    ],
)
def test_messages_stay_short_however_long_what_they_are_about(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        api.loads(HEAD + text)
    lines = str(caught.value).splitlines()
    assert max(map(len, lines)) < 500
    assert lines[1].startswith("error[") and any("^" in line for line in lines)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("nods=3", "has no limit `nods`"),
        ("nodes", "is no limit"),
        ("nodes=0", "is no limit"),
        ("nodes=x,", "is no limit"),
    ],
)
def test_a_limit_that_cannot_be_read(setting: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.VARIABLE, setting)
    with pytest.raises(SpecError, match=message):
        api.load("lenet5")


def table() -> Iterator[str]:
    for name, of in limits.DESCRIPTIONS.items():
        yield f"| `{name}` | {getattr(limits.Limits(), name):,} | {of} |"


def test_the_limits_are_documented() -> None:
    page = (Path(__file__).parent.parent / "docs" / "safety.md").read_text(encoding="utf-8")
    assert "\n".join(table()) in page
