"""Files that are written whole or not at all."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from errno import EISDIR
from pathlib import Path

from archspec.diagnostics import SpecError, spec_error


def place(text: str) -> Path:
    """A path on the command line; an empty one is a variable that is not set, and not the current folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(text)


def named(path: Path, suffix: str, example: str) -> str:
    """Help for a path without the suffix; one without a name is no example."""
    has_name = path.name and not path.name.startswith(".")
    return f"write `{path.with_suffix(suffix) if has_name else example + suffix}`"


def write_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Writes text files into a folder; other files in it stay. Raises SpecError where that fails.

    They are complete in a folder beside it, or in it, before the first is put in place.
    """
    real = Path(os.path.realpath(folder))  # `.` and `..` have no name that one beside them could have
    staging = _beside(real / "new" if real.is_dir() else real)
    try:
        staging.mkdir(parents=True)
        for name, text in files.items():
            (staging / name).write_text(text, encoding="utf-8")
        if folder.exists():
            _refuse_folders(folder / name for name in files)
            for name in files:
                (staging / name).replace(folder / name)
        else:
            staging.rename(real)
    except OSError as error:
        raise _cannot_write(folder, error) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_file(path: Path, text: str) -> None:
    """Writes one text file. Raises SpecError where that fails."""
    if path.is_dir():
        raise _cannot_write(path, IsADirectoryError(EISDIR, os.strerror(EISDIR)))
    staging = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staging.write_text(text, encoding="utf-8")
        staging.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from None
    finally:
        with suppress(OSError):
            staging.unlink()


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _refuse_folders(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))


def _cannot_write(path: Path, error: OSError) -> SpecError:
    reason = (error.strerror or str(error)).lower()
    place = path if error.filename is None or ".tmp" in str(error.filename) else error.filename
    return spec_error("cannot-write", f"cannot write `{place}`: {reason}", help="choose another place with `-o`")
