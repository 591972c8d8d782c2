"""From a path to a spec's text."""

from __future__ import annotations

from pathlib import Path

from archspec.diagnostics import Source, nearest, spec_error
from archspec.limits import current, more


def read(path: Path) -> Source:
    """The text of a spec: UTF-8, at most so many `bytes`, line breaks normalised. Raises SpecError."""
    limit = current().bytes
    try:
        if path.is_dir():
            raise spec_error("not-a-file", f"`{path}` is a folder", help="name a YAML file in it")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise spec_error("file-not-found", f"no file `{path}`", help=_sibling(path)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise spec_error("unreadable-file", f"cannot read `{path}`: {reason.lower()}") from None
    if len(data) > limit:
        message = f"`{path}` is larger than {limit:,} bytes"
        raise spec_error("too-large", message, help=f"use loops and blocks, or {more('bytes')}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"`{path}` is not UTF-8: byte {data[error.start]:#04x} at offset {error.start}"
        raise spec_error("bad-encoding", message, help="name a YAML file, and save it as UTF-8") from None
    if "\0" in text:
        message = f"`{path}` is not a text file: NUL byte at offset {data.index(0)}"
        raise spec_error("bad-encoding", message, help="name a YAML file, and save it as UTF-8")
    return Source(str(path), text.replace("\r\n", "\n"))


def _sibling(path: Path) -> str | None:
    try:
        names = {p.stem: p.name for p in sorted(path.parent.iterdir()) if p.suffix in (".yaml", ".yml")}
    except OSError:
        return None
    close = nearest(path.stem, names)
    return f"did you mean `{path.parent / names[close]}`?" if close else None
