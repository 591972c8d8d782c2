"""Figures that were made before, in memory and on disk, for as long as the files they stand on stay the same."""

from __future__ import annotations

import functools
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from archspec.artifacts import write_file
from archspec.diagnostics import SpecError


@dataclass(frozen=True, slots=True)
class Entry:
    """A figure, and the files that were read for it with the digests of what they held."""

    html: str
    files: dict[str, str]

    def is_current(self) -> bool:
        return all(digest(Path(path)) == known for path, known in self.files.items())


@dataclass(frozen=True, slots=True)
class Cache:
    """Entries by key; `folder` is where they outlive the process, None for memory alone."""

    folder: Path | None = None
    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])

    def get(self, key: str) -> Entry | None:
        """The entry, unless a file of it has changed."""
        entry = self.entries.get(key) or self._read(key)
        if entry is None or not entry.is_current():
            return None
        self.entries[key] = entry
        return entry

    def put(self, key: str, entry: Entry) -> None:
        """Keeps an entry. A folder that cannot be written to is no reason for a page to fail."""
        self.entries[key] = entry
        if self.folder is not None:
            with suppress(SpecError):
                write_file(self._path(self.folder, key), json.dumps({"html": entry.html, "files": entry.files}))

    def _read(self, key: str) -> Entry | None:
        if self.folder is None:
            return None
        try:
            found = json.loads(self._path(self.folder, key).read_text(encoding="utf-8"))
            return Entry(found["html"], found["files"])
        except (OSError, ValueError, KeyError, TypeError):
            return None  # none, or one that was cut short

    def _path(self, folder: Path, key: str) -> Path:
        return folder / f"{key}.json"


@functools.cache
def cache_in(folder: Path | None) -> Cache:
    """The one cache of a folder: what a process makes is made once, whoever asks."""
    return Cache(folder)


def key_of(*parts: object) -> str:
    """A key for values whose `repr` says all of them."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def digest(path: Path) -> str:
    """Of a file's content; empty where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
