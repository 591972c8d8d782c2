"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from errno import EISDIR
from pathlib import Path

from archspec.diagnostics import SpecError, spec_error


def write_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Writes text files into a folder; other files in it stay. Raises SpecError where that fails.

    They are complete in a folder beside it before the first is put in place.
    """
    staging = _beside(folder)
    try:
        staging.mkdir(parents=True)
        for name, text in files.items():
            (staging / name).write_text(text, encoding="utf-8")
        if folder.exists():
            _refuse_folders(folder / name for name in files)
            for name in files:
                (staging / name).replace(folder / name)
        else:
            staging.rename(folder)
    except OSError as error:
        raise _cannot_write(folder, error) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_file(path: Path, text: str) -> None:
    """Writes one text file. Raises SpecError where that fails."""
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
