"""`archspec sweep SPEC`."""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.cli import formats, options
from archspec.cli.outcome import INTERRUPTED, SPEC_IS_WRONG
from archspec.cli.outputs import place
from archspec.cli.terminal import columns, print_diagnostics
from archspec.diagnostics import SpecError, spec_error
from archspec.elaborate.params import Written
from archspec.sweeps import LIMIT

if TYPE_CHECKING:
    from archspec.sweeps.search import Search

HELP = "count every combination of params' values, and print those that fit a budget"
_OFTEN = 0.1  # seconds from one line of progress to the next


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_spec(parser, symbolic=False)
    parser.set_defaults(symbolic=[])
    choice = parser.add_argument_group("the sweep", "`--set KEY=12..48:4` is a range, `--set KEY=[6, 8]` a list.")
    choice.add_argument("--where", metavar="CONDITION", help="what to keep: 'params < 8e6 and macs < 3e9'")
    choice.add_argument(
        "--sort", metavar="LIST", type=formats.names, default=[],
        help="metrics or params, smallest first; --sort=-params: largest first",
    )  # fmt: skip
    choice.add_argument(
        "--pareto", metavar="LIST", type=formats.names, default=[],
        help="only what no other one beats in all of these: macs,-params",
    )  # fmt: skip
    choice.add_argument("--top", metavar="N", type=formats.positive, help="only the first N")
    choice.add_argument(
        "--columns", metavar="LIST", type=formats.names, default=[],
        help="metrics: params,macs; +depth,activation_peak_bytes adds to these",
    )  # fmt: skip
    run = parser.add_argument_group("the run")
    run.add_argument(
        "-o", "--output", metavar="FILE", type=place, help="a .csv file that gets each result as it is found"
    )
    run.add_argument("--resume", action="store_true", help="go on: what the file has is not computed again")
    run.add_argument("--force", action="store_true", help="overwrite the file if it exists")
    run.add_argument("--jobs", metavar="N", type=formats.positive, help="processes (one a core; four at most)")
    run.add_argument(
        "--limit", metavar="N", type=formats.positive, default=LIMIT, help=f"the most combinations ({LIMIT:,})"
    )
    formats.add_memory(parser)
    formats.add_format(parser)


def run(args: argparse.Namespace) -> int:
    from archspec.sweeps.search import prepare

    options.find_packages(args)
    search = prepare(
        args.spec, _given(args), where=args.where, sort=args.sort, pareto=args.pareto, columns=args.columns,
        variant=args.variant, input=options.shapes(args.inputs), batch=args.batch, optimizer=args.optimizer,
        allow_ops=args.allow_ops, allow_paths=args.allow_paths, jobs=args.jobs, file=args.output,
        resume=args.resume, force=args.force, limit=args.limit,
    )  # fmt: skip
    streams = args.format == "csv" and not (args.sort or args.pareto or args.top)
    stopped: KeyboardInterrupt | SpecError | None = None
    try:
        _count(search, streams)
    except (KeyboardInterrupt, SpecError) as error:  # a condition that cannot be computed, a disk that is full
        stopped = error
    finally:
        search.close()
    if isinstance(stopped, SpecError) and not search.done:
        raise stopped
    found = search.result()
    if args.pareto:
        found = found.pareto(*args.pareto)
        found = found.sorted(*args.sort) if args.sort else found
    found = found.top(args.top) if args.top is not None else found
    if not streams:
        formats.show(found, args.format, lambda: found.to_text(columns()))
    if isinstance(stopped, SpecError):
        sys.stdout.flush()
        raise stopped
    if stopped is not None:
        _say_stopped(search, args.output)
        return INTERRUPTED
    refusal = search.refusal()
    if refusal:
        print_diagnostics(refusal)
    return SPEC_IS_WRONG if refusal else 0


def _given(args: argparse.Namespace) -> dict[str, Written]:
    """What is varied. Raises SpecError for a param that is given twice: its values belong into one list."""
    counts = Counter(name for name, _ in args.params)
    twice = next((name for name, count in counts.items() if count > 1), None)
    if twice is not None:
        message = f"`--set {twice}` is given {counts[twice]} times"
        raise spec_error("bad-call", message, None, help=f"write its values as a list: `--set '{twice}=[..., ...]'`")
    return {name: Written(text) for name, text in args.params}


def _count(search: Search, streams: bool) -> None:
    """Does the work, and shows how far it is."""
    writer: Any = csv.writer(sys.stdout, lineterminator="\n")
    axes = [axis.name for axis in search.counter.grid.axes]
    if streams:
        writer.writerow([*axes, *search.shown])
    progress = _Progress(search) if sys.stderr.isatty() and not streams else None
    try:
        for row in (*search.found.values(),) if streams else ():
            if search.fits(row):
                writer.writerow(_plain(search, row))
        for row in search.rows():
            if streams and search.fits(row):
                writer.writerow(_plain(search, row))
                sys.stdout.flush()
            if progress is not None:
                progress.show(row)
    finally:
        if progress is not None:
            progress.clear()


def _plain(search: Search, row: Any) -> list[Any]:
    return [*search.counter.grid.texts(row.index), *(row.metrics.get(name) for name in search.shown)]


class _Progress:
    """A line on the terminal: how many are done, how long it will take, how many fit, the best of them."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.start = self.shown = time.monotonic()
        self.before = search.done
        self.fitting = sum(map(search.fits, search.found.values()))
        self.best = ""
        self.least: Any = None

    def show(self, row: Any) -> None:
        """After each row; writes a line now and then."""
        search = self.search
        if search.fits(row):
            self.fitting += 1
            self._compare(row)
        now = time.monotonic()
        if now - self.shown < _OFTEN:
            return
        self.shown = now
        rate = (search.done - self.before) / (now - self.start)
        left = (search.total - search.done) / rate
        text = (
            f"{search.done:,} of {search.total:,}, {rate:,.0f}/s, {left:,.0f} s left, {self.fitting:,} fit{self.best}"
        )
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{text[:width]}", end="", file=sys.stderr, flush=True)

    def _compare(self, row: Any) -> None:
        if self.search.sort:
            name = self.search.sort[0]
            value = self.search.values(row).get(name.removeprefix("-"))
            if isinstance(value, int | float):
                key = -value if name.startswith("-") else value
                if self.least is None or key < self.least:
                    self.least = key
                    grid = self.search.counter.grid
                    self.best = f"; {name.removeprefix('-')} {value:,} with {grid.written(row.index)}"

    def clear(self) -> None:
        """The line goes."""
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _say_stopped(search: Search, file: Path | None) -> None:
    sys.stdout.flush()
    kept = f"; `--resume` goes on from {file}" if file is not None else "; `-o FILE.csv` would have kept the results"
    print(f"interrupted: {search.done:,} of {search.total:,} are done{kept}", file=sys.stderr)
