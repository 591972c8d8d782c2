"""The examples run, and what they train learns."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.slow
def test_digits_are_learnt() -> None:
    run = subprocess.run(
        [sys.executable, EXAMPLES / "digits.py", "--epochs", "2"], capture_output=True, text=True, timeout=600
    )
    assert run.returncode == 0, run.stderr
    reached = {name: float(percent) for name, percent in re.findall(r"^(\w+) +([\d.]+)%", run.stdout, re.MULTILINE)}
    assert len(reached) == 3
    assert min(reached.values()) > 70, run.stdout
