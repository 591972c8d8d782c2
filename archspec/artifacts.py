"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from errno import EISDIR
from pathlib import Path

from archspec.diagnostics import SpecError, spec_error


def write_folder(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Writes files into a folder, text as UTF-8; other files in it stay. Raises SpecError where that fails.

    They are complete in a folder beside it, or in it, before the first is put in place.
    """
    real = Path(os.path.realpath(folder))  # `.` and `..` have no name that one beside them could have
    staging = _beside(real / "new" if real.is_dir() else real)
    try:
        staging.mkdir(parents=True)
        for name, content in files.items():
            (staging / name).write_bytes(_encoded(content))
        if folder.exists():
            _refuse_folders(folder / name for name in files)
            for name in files:
                (staging / name).replace(folder / name)
        else:
            staging.rename(real)
    except OSError as error:
        raise cannot_write(folder, error) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_file(path: Path, content: str | bytes) -> None:
    """Writes one file, text as UTF-8. Raises SpecError where that fails."""
    if path.is_dir():
        raise cannot_write(path, IsADirectoryError(EISDIR, os.strerror(EISDIR)))
    staging = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staging.write_bytes(_encoded(content))
        staging.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        with suppress(OSError):
            staging.unlink()


def _encoded(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _refuse_folders(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))


def cannot_write(path: Path, error: OSError) -> SpecError:
    """The error that says so in the system's words."""
    reason = (error.strerror or str(error)).lower()
    place = path if error.filename is None or ".tmp" in str(error.filename) else error.filename
    return spec_error("cannot-write", f"cannot write `{place}`: {reason}", help="choose another place")
