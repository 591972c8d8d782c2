"""The file of results: a line a combination, written as it is found, read again to go on."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from archspec.artifacts import write_file
from archspec.diagnostics import spec_error
from archspec.sweeps.axes import Grid
from archspec.sweeps.count import BY_NAME, Row

MISTAKE, MADE_BY = "mistake", "made_by"
"""The columns after the metrics: why it is no network; and what it was computed from."""


class Store:
    """Results in a .csv file. Raises SpecError when it cannot be read, written, or continued with this sweep."""

    def __init__(self, path: Path, grid: Grid, columns: Sequence[str], made_by: str, *, resume: bool) -> None:
        self.path = path
        self.grid = grid
        self.made_by = made_by
        self.columns = tuple(columns)
        self._file: TextIO | None = None
        if path.suffix != ".csv":
            message = f"cannot write results to `{path}`: only to .csv"
            raise spec_error("bad-call", message, None, help=f"write `{path.with_suffix('.csv')}`")
        self.found: list[Row] = []
        if resume and path.exists():
            self._read()
        elif path.exists():
            message = f"`{path}` exists already"
            raise spec_error(
                "cannot-write", message, None, help="go on with `--resume`, or overwrite it with `--force`"
            )
        else:
            write_file(path, _line(self._head))

    @property
    def _head(self) -> list[str]:
        return [*(axis.name for axis in self.grid.axes), *self.columns, MISTAKE, MADE_BY]

    def add(self, row: Row) -> None:
        """Writes a result, so that it is there whatever happens next."""
        texts = self.grid.texts(row.index)
        metrics = ["" if (value := row.metrics.get(name)) is None else value for name in self.columns]
        mistake = f"{row.code}: {row.message}" if row.code else ""
        try:
            if self._file is None:
                self._file = self.path.open("a", encoding="utf-8", newline="")
            self._file.write(_line([*texts, *metrics, mistake, self.made_by]))
            self._file.flush()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise spec_error("cannot-write", f"cannot write `{self.path}`: {reason}", None) from None

    def close(self) -> None:
        """No more is written."""
        if self._file is not None:
            self._file.close()

    def _read(self) -> None:
        """The rows that are there, without a last one that was cut short."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise spec_error("unreadable-file", f"cannot read `{self.path}`: {error}", None) from None
        whole = text[: text.rfind("\n") + 1]
        if len(whole) < len(text):
            os.truncate(self.path, len(whole.encode()))
        lines = csv.reader(io.StringIO(whole))
        head = next(lines, None)
        if head is None:
            write_file(self.path, _line(self._head))
            return
        self._check_head(head)
        numbers = [{text: at for at, text in enumerate(axis.texts)} for axis in self.grid.axes]
        latest = {row.index: row for row in self._rows(lines, head, numbers)}
        self.found = list(latest.values())

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


def _line(cells: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
