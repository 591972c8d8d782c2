"""Options of the test run, and how many examples hypothesis makes: HYPOTHESIS_PROFILE is `dev`, `ci` or
`mutation`."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

from archspec.diagrams.choices import ENGINES
from archspec.diagrams.engine import find_engine

common: dict[str, Any] = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=50, **common)
settings.register_profile("ci", max_examples=2000, derandomize=False, **common)
settings.register_profile("mutation", max_examples=20, derandomize=True, **common)  # few, and always the same
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") == "true" else "dev"))

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in the background of a shell script
    signal.signal(signal.SIGINT, signal.default_int_handler)  # programs that are interrupted by tests inherit it

torch.set_num_threads(1)  # tensors are small, and test processes several


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write the golden files of tests/cases anew")


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-goldens"))


@pytest.fixture
def system_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A `dot` on the path. Where the machine has none it is `graphviz-pure` under that name: the same calls."""
    if shutil.which("dot") is None:
        found = find_engine("svg", "graphviz-pure")
        assert found is not None
        programs = tmp_path / "programs"
        programs.mkdir()
        (programs / "dot").symlink_to(found.command)
        monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)


@pytest.fixture(params=list(ENGINES))
def each_engine(request: pytest.FixtureRequest, system_dot: None) -> str:
    """The name of each engine in turn."""
    return request.param
