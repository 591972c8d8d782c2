"""Imports point down, and torch stays where it belongs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


CODE = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Holds the package in `folder` to the contracts in its pyproject.toml."""
    call = [sys.executable, "-c", CODE, "--no-cache"]
    return subprocess.run(call, cwd=folder, capture_output=True, text=True, timeout=300)


def test_layers() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_test_of_layers_can_fail(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "archspec", tmp_path / "archspec")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "archspec/dims.py").open("a") as file:
        file.write("\nimport torch\nimport archspec.cli\n")
    (tmp_path / "archspec/homeless.py").touch()
    done = lint(tmp_path)
    assert done.returncode != 0
    assert "homeless" in done.stdout
    (tmp_path / "archspec/homeless.py").unlink()
    done = lint(tmp_path)
    assert "archspec.dims -> archspec.cli" in done.stdout and "archspec.dims -> torch" in done.stdout
