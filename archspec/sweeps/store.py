"""The file of results: a line a combination, written as it is found, read again to go on."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from archspec.artifacts import cannot_write
from archspec.diagnostics import SpecError, spec_error
from archspec.sweeps.axes import Grid
from archspec.sweeps.count import BY_NAME, Row
from archspec.sweeps.lock import Locked, lock

MISTAKE, MADE_BY = "mistake", "made_by"
"""The columns after the metrics: why it is no network; and what it was computed from."""


class Store:
    """Results in a .csv file, which is this sweep's alone until it is closed. What it held is kept until a network
    is found. Raises SpecError when it cannot be read, written, or continued with this sweep."""

    def __init__(
        self, path: Path, grid: Grid, columns: Sequence[str], made_by: str, *, resume: bool, force: bool
    ) -> None:
        self.path = path
        self.grid = grid
        self.made_by = made_by
        self.columns = tuple(columns)
        self.found: list[Row] = []
        if path.suffix != ".csv":
            message = f"cannot write results to `{path}`: only to .csv"
            help = f"write `{path.with_suffix('.csv')}`" if path.name else "name a file"
            raise spec_error("bad-call", message, None, help=help)
        self._file = self._opened()
        try:
            self._waiting: list[bytes] = []
            self._replaces = self._file.seek(0, io.SEEK_END) > 0
            self._begun = resume and self._read()
            if self._replaces and not (resume or force):
                message = f"`{path}` exists already"
                help = "go on with `--resume`, or overwrite it with `--force`; in Python `resume` and `force`"
                raise spec_error("cannot-write", message, None, help=help)
        except SpecError:
            self.close()
            raise

    @property
    def _head(self) -> list[str]:
        return [*(axis.name for axis in self.grid.axes), *self.columns, MISTAKE, MADE_BY]

    def add(self, row: Row) -> None:
        """Writes a result, so that it is there whatever happens next."""
        texts = self.grid.texts(row.index)
        metrics = ["" if (value := row.metrics.get(name)) is None else value for name in self.columns]
        mistake = f"{row.code}: {row.message}" if row.code else ""
        self._waiting.append(_line([*texts, *metrics, mistake, self.made_by]))
        try:
            if not self._begun:
                if self._replaces and not row.valid:
                    return
                if self._replaces:
                    self._file.truncate(0)
                self._file.write(_line(self._head))
                self._begun = True
            self._file.writelines(self._waiting)
            self._waiting.clear()
            self._file.flush()
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def close(self) -> None:
        """No more is written."""
        with suppress(OSError):  # what could not be written was said
            self._file.close()

    def _opened(self) -> BinaryIO:
        """The file, to be read and appended to."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.open("ab+")
        except OSError as error:
            raise cannot_write(self.path, error) from None
        try:
            lock(file)
        except Locked:
            file.close()
            message = f"another sweep writes to `{self.path}`"
            raise spec_error("cannot-write", message, None, help="wait for it, or write to another file") from None
        return file

    def _read(self) -> bool:
        """Takes the rows that are there, without a last one that was cut short. Whether there is as much as a head."""
        self._file.seek(0)
        try:
            content = self._file.read()
            whole = content[: content.rfind(b"\n") + 1]
            lines = csv.reader(io.StringIO(whole.decode()))
        except (OSError, UnicodeDecodeError) as error:
            raise spec_error("unreadable-file", f"cannot read `{self.path}`: {error}", None) from None
        head = next(lines, None)
        if head is None:
            return False
        self._check_head(head)
        numbers = [{text: at for at, text in enumerate(axis.texts)} for axis in self.grid.axes]
        latest = {row.index: row for row in self._rows(lines, head, numbers)}
        self.found = list(latest.values())
        if len(whole) < len(content):
            self._file.truncate(len(whole))
        return True

    def _check_head(self, head: list[str]) -> None:
        axes = [axis.name for axis in self.grid.axes]
        middle = head[len(axes) : -2]
        if head[: len(axes)] != axes or head[-2:] != [MISTAKE, MADE_BY] or not set(middle) <= BY_NAME.keys():
            message = f"`{self.path}` does not hold results of this sweep: its columns are {', '.join(head)}"
            raise spec_error("bad-call", message, None, help=f"vary the same params, {', '.join(axes)}, in this order")
        missing = [name for name in self.columns if name not in middle]
        if missing:
            message = f"`{self.path}` has no column `{missing[0]}`"
            raise spec_error("bad-call", message, None, help="ask for what it has, or write to another file")
        self.columns = tuple(middle)

    def _rows(self, lines: Iterator[list[str]], head: list[str], numbers: Sequence[dict[str, int]]) -> Iterator[Row]:
        for line in lines:
            if len(line) != len(head):
                message = f"`{self.path}` has a line of {len(line)} columns, and {len(head)} in its head"
                raise spec_error("bad-call", message, None, help="write to another file")
            if line[-1] != self.made_by:
                message = f"`{self.path}` holds results of another version of the spec, or for another input or batch"
                raise spec_error("bad-call", message, None, help="write to another file, or anew with `--force`")
            index = self._index(line, numbers)
            if index is not None:
                code, _, message = line[-2].partition(": ")
                metrics = {} if code else dict(zip(self.columns, map(_value, line[len(numbers) : -2]), strict=True))
                yield Row(index, self.grid.values(index), metrics, code, message)

    def _index(self, line: list[str], numbers: Sequence[dict[str, int]]) -> int | None:
        """The number of a combination, None where it is not one of these."""
        index = 0
        for text, positions in zip(line, numbers, strict=False):
            at = positions.get(text)
            if at is None:
                return None
            index = index * len(positions) + at
        return index


def _value(text: str) -> int | str | None:
    return int(text) if text.isdecimal() else text or None


def _line(cells: Sequence[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
