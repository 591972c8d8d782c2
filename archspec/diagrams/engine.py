"""The program that lays a diagram out: the one asked for, the system's `dot`, or the one that pip installed."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from archspec.diagnostics import check_type, spec_error
from archspec.diagrams.choices import ENGINES, how_to_draw

_SECONDS = 300
_HELP = f"{how_to_draw()}; or write a `.dot` file"


@dataclass(frozen=True, slots=True)
class Engine:
    """A layout program on this machine."""

    name: str
    command: str

    def render(self, source: str, format: str, dpi: int = 144) -> bytes:
        """DOT text as a picture. Raises SpecError where the program fails."""
        options = [f"-T{format}", *([f"-Gdpi={dpi}"] if format == "png" else [])]
        try:
            done = subprocess.run(
                [self.command, *options], input=source.encode(), capture_output=True, timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise spec_error("no-engine", f"`{self.name}` fails: {error}", help=_HELP) from None
        if done.returncode or not done.stdout:
            reason = done.stderr.decode(errors="replace").strip().splitlines() or ["no output"]
            raise spec_error("no-engine", f"`{self.name}` fails: {reason[-1].lower()}", help=_HELP)
        return done.stdout


def find_engine(format: str, asked: str | None = None) -> Engine | None:
    """The engine for a format; None where there is none. Raises SpecError where the one asked for is missing."""
    check_type("engine", asked, str | None, "a program's name")
    if asked is not None:
        engine = _installed(asked)
        if engine is None:
            raise spec_error("no-engine", f"there is no `{asked}` on this machine", help=_HELP)
        if format not in ENGINES[asked]:
            able = ", ".join(f"`{name}`" for name, formats in ENGINES.items() if format in formats)
            raise spec_error("no-engine", f"`{asked}` writes no {format}", help=f"{able} does: install Graphviz")
        return engine
    return next((found for name, able in ENGINES.items() if format in able and (found := _installed(name))), None)


def _installed(name: str) -> Engine | None:
    """A program on the path, or beside the Python that runs."""
    command = shutil.which(name) or shutil.which(name, path=str(Path(sysconfig.get_path("scripts"))))
    return Engine(name, command) if command else None
