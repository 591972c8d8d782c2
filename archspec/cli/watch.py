"""Checking again whenever a file of a spec changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from archspec import loading
from archspec.diagnostics import SpecError
from archspec.library import Library

EVERY = 0.2
"""Seconds from one look at the files to the next."""
_PATIENCE = 1.0  # seconds that a file may be gone: editors write another one and put it in its place

State = dict[Path, tuple[int, int] | None]


def watch(
    specs: Iterable[str], allowed: Iterable[Path], check: Callable[[], None], told: Callable[[str], None]
) -> None:
    """Calls `check`, and again after each change of the specs or of what they read, until Ctrl-C.

    `told` is told which file has changed.
    """
    names, folders = tuple(specs), tuple(allowed)
    with suppress(KeyboardInterrupt):
        while True:
            before = _state(names, folders)
            check()
            told(_changed(names, folders, before))


def _changed(specs: Iterable[str], allowed: Iterable[Path], before: State) -> str:
    """Waits for a change, and for the end of it; the name of a file that is not as it was."""
    while (now := _stats(before)) == before:
        time.sleep(EVERY)
    name = next(path.name for path in before if now[path] != before[path])
    since = time.monotonic()
    while True:
        time.sleep(EVERY / 2)
        settled = _stats(before)
        gone = any(settled[path] is None and before[path] is not None for path in before)
        if settled == now and (not gone or time.monotonic() - since > _PATIENCE):
            return name
        now = settled


def _state(specs: Iterable[str], allowed: Iterable[Path]) -> State:
    """The files that are read, and the folders that a missing one may appear in."""
    found: set[Path] = set()
    for spec in specs:
        with suppress(SpecError):
            path, _ = loading.find(spec)
            found |= {path, path.resolve().parent}
            library = Library(allowed)
            with suppress(SpecError):
                library.read_all(path)
            found.update(library.files)
    return _stats(found)


def _stats(paths: Iterable[Path]) -> State:
    return {path: _stat(path) for path in paths}


def _stat(path: Path) -> tuple[int, int] | None:
    """What changes when a file is written, or a spec comes into a folder; None where there is nothing."""
    try:
        if path.is_dir():
            return hash(frozenset(file.name for file in path.glob("*.y*ml"))), 0
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
