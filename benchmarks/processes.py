"""Processes as contestants: a fresh Python each time, its wall time, its CPU time and its peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Facts

ROOT = Path(__file__).parents[1]


class Ended(NamedTuple):
    """A process that went well."""

    output: str
    usage: Facts


def python(*arguments: str) -> Ended:
    """Runs `python ARGUMENTS` from the checkout. Raises RuntimeError with the last line of what it complained of."""
    with tempfile.TemporaryFile("w+") as errors:
        call = (sys.executable, *arguments)
        process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=errors, text=True, env=_environment(), cwd=ROOT)
        assert process.stdout is not None
        with process.stdout:
            output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)  # unlike `wait`, says what it used
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            raise RuntimeError((errors.read().strip().splitlines() or ["no message"])[-1])
    unit = 1024 if sys.platform == "linux" else 1024 * 1024
    return Ended(output, {"CPU": usage.ru_utime + usage.ru_stime, "peak MB": usage.ru_maxrss // unit})


def _environment() -> dict[str, str]:
    """As after an installation: the package can be imported, and byte code is kept."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT)}
