"""A longer campaign of random networks: `python -m tests.campaign --minutes 60`.

Each example is a graph, which torch must run as it was inferred, and a change of another one, which must be refused
where torch raises and nowhere else. Both hold one op of the registry, each in its turn. What is held against what is in
`agreement`. Ctrl-C ends it with its report so far. The exit code is 0 where all agrees and every op occurred, else 1.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from archspec.ops import names
from tests.agreement import agree, agree_unrolled, judge
from tests.random_specs.changes import random_change
from tests.random_specs.pick import Seeded
from tests.random_specs.values import TooLarge
from tests.random_specs.whole import all_children, random_spec

CHUNK = 20
"""Examples that a worker runs before it reports."""
CHUNKS_OF_A_WORKER = 50  # the sources of all modules stay in memory
SECONDS = 300
"""After which an example is said to hang."""


@dataclass
class Failure:
    """A disagreement, or an error of archspec's or of the tests; `spec` reproduces it."""

    example: int
    part: str
    error: str
    spec: str

    def __str__(self) -> str:
        return f"\n--- example {self.example}, {self.part}\n{self.spec}\n{self.error}"


@dataclass
class Tally:
    """What was run. Ops of graphs are counted by node, those of changes by change."""

    graphs: int = 0
    changes: int = 0
    accepted: int = 0
    refused: int = 0
    too_slow: int = 0
    imports: int = 0
    ops: Counter[str] = field(default_factory=Counter[str])
    changed: Counter[str] = field(default_factory=Counter[str])
    accepted_ops: Counter[str] = field(default_factory=Counter[str])
    refused_ops: Counter[str] = field(default_factory=Counter[str])
    kinds: Counter[str] = field(default_factory=Counter[str])
    codes: Counter[str] = field(default_factory=Counter[str])
    excuses: Counter[str] = field(default_factory=Counter[str])
    failures: list[Failure] = field(default_factory=list[Failure])

    def add(self, other: Tally) -> None:
        for name, value in vars(other).items():
            if isinstance(value, int):
                setattr(self, name, getattr(self, name) + value)
            elif isinstance(value, Counter):
                getattr(self, name).update(value)
            else:
                getattr(self, name).extend(value)

    @property
    def missing(self) -> list[str]:
        """The ops that did not occur, in a graph or in a change."""
        return [name for name in names() if not self.ops[name] or not self.changed[name]]


# One example


def run_chunk(seed: int, first: int, count: int = CHUNK) -> Tally:
    tally = Tally()
    for example in range(first, first + count):
        run_example(seed, example, tally)
    return tally


def run_example(seed: int, example: int, tally: Tally) -> None:
    op = names()[example % len(names())]
    for part, run in (("graph", run_graph), ("change", run_change)):
        pick = Seeded(f"{seed} {example} {part}")
        texts: list[str] = []
        try:
            with limited():
                run(pick, op, tally, texts)
        except TooLarge:
            tally.too_slow += 1
        except Exception:  # whatever goes wrong is the finding
            tally.failures.append(Failure(example, part, traceback.format_exc(), "\n".join(texts)))


def run_graph(pick: Seeded, op: str, tally: Tally, texts: list[str]) -> None:
    spec = random_spec(pick, op)
    texts.append(spec.shown)
    tally.graphs += 1
    tally.imports += bool(spec.imported)
    plain = agree_unrolled(spec, agree(spec, most=1))
    tally.ops.update(child.op for child in all_children(plain) if child.op)


def run_change(pick: Seeded, op: str, tally: Tally, texts: list[str]) -> None:
    change = random_change(pick, random_spec(pick, op), op)
    texts.append(f"{change}\n{change.spec.shown}")
    verdict = judge(change)
    tally.changes += 1
    tally.kinds[f"{change.kind}: {change.what}" if change.kind in ("edge", "input") else change.kind] += 1
    tally.changed[change.op] += bool(change.op)
    if not verdict.code:
        tally.accepted += 1
        tally.accepted_ops[change.op] += 1
        tally.excuses.update([verdict.excuse] if verdict.excuse else [])
        return
    tally.refused += 1
    tally.refused_ops[change.op] += 1
    tally.codes[verdict.code] += 1
    tally.excuses[verdict.excuse or "torch raises"] += 1


@contextmanager
def limited() -> Iterator[None]:
    """Raises TimeoutError in what takes too long."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"more than {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


# Many examples


def run(minutes: float, jobs: int, seed: int, tally: Tally, most: int | None = None) -> None:
    """Runs examples for some minutes, in `jobs` processes, and at most `most` of them. Ctrl-C ends it early."""
    end = time.monotonic() + 60 * minutes
    first = 0
    print(f"{minutes:g} minutes in {jobs} processes; Ctrl-C ends it early", file=sys.stderr, flush=True)
    while (most is None or first < most) and time.monotonic() < end:
        waiting: dict[Future[Tally], int] = {}
        executor = ProcessPoolExecutor(
            jobs, get_context("spawn"), initializer=start_worker, max_tasks_per_child=CHUNKS_OF_A_WORKER
        )
        try:
            while time.monotonic() < end and (waiting or most is None or first < most):
                while len(waiting) < 2 * jobs and (most is None or first < most):
                    count = CHUNK if most is None else min(CHUNK, most - first)
                    waiting[executor.submit(run_chunk, seed, first, count)] = first
                    first += count
                done, _ = wait(waiting, timeout=1, return_when=FIRST_COMPLETED)
                collect(done, waiting, tally)
        except BrokenProcessPool:
            for start in waiting.values():
                tally.failures.append(Failure(start, "both", f"a worker died at this example or {CHUNK} later", ""))
            waiting.clear()
        finally:  # what runs is finished, what waits is not begun
            left = [future for future in waiting if not future.cancel()]
            collect(wait(left).done, waiting, tally)
            executor.shutdown(cancel_futures=True)


def collect(done: set[Future[Tally]], waiting: dict[Future[Tally], int], tally: Tally) -> None:
    for future in done:
        found = future.result()
        for failure in found.failures:  # told at once: a campaign is long
            print(failure, file=sys.stderr)
        tally.add(found)
        before = tally.graphs - CHUNK
        if before // 1000 != tally.graphs // 1000:
            print(
                f"{tally.graphs:,} graphs, {tally.changes:,} changes, {len(tally.failures)} failures", file=sys.stderr
            )
        del waiting[future]


def start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent asks
    prepare()


def prepare() -> None:
    torch.set_num_threads(1)
    torch.manual_seed = torch.default_generator.manual_seed  # a tenth of all time went into other devices' seeds
    warnings.filterwarnings("ignore", module="torch")


# The report


def lines(tally: Tally) -> Iterator[str]:
    occurred = len(names()) - len(tally.missing)
    yield f"{tally.graphs:,} graphs, {tally.imports:,} of them with imports: {sum(tally.ops.values()):,} nodes"
    yield f"{tally.changes:,} changes: {tally.accepted:,} accepted, {tally.refused:,} refused"
    yield f"{tally.too_slow:,} were too slow to run and do not count"
    yield f"ops: {occurred} of {len(names())} occurred in graphs and were changed"
    yield from table("changes by kind", tally.kinds)
    yield from table("refusals by code", tally.codes)
    yield from table("refusals in torch", tally.excuses)
    yield "nodes in graphs, and changes that were accepted and refused, by op:"
    counts = (
        f"{name} {tally.ops[name]:,} ({tally.accepted_ops[name]:,}, {tally.refused_ops[name]:,})" for name in names()
    )
    yield from wrapped(counts)
    if tally.missing:
        yield f"never occurred, or never changed: {' '.join(tally.missing)}"
    yield from map(str, tally.failures)
    yield f"\n{len(tally.failures)} disagreements or errors"


def as_data(tally: Tally) -> dict[str, Any]:
    """All counts and failures, for JSON."""
    return {**vars(tally), "failures": [asdict(failure) for failure in tally.failures]}


def table(title: str, counts: Counter[str]) -> Iterator[str]:
    yield f"{title}:"
    yield from (f"  {count:8,}  {name}" for name, count in counts.most_common())


def wrapped(words: Iterator[str], width: int = 110) -> Iterator[str]:
    line = " "
    for word in words:
        if len(line) + len(word) > width:
            yield line
            line = " "
        line += f" {word},"
    yield line.rstrip(",")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long it runs (10)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("--seed", type=int, default=0, help="of all examples (0)")
    parser.add_argument("--examples", type=int, help="at most this many")
    parser.add_argument("--example", type=int, help="this one alone, here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts, too")
    asked = parser.parse_args(argv)
    tally = Tally()
    start = time.monotonic()
    if asked.example is not None:
        prepare()
        run_example(asked.seed, asked.example, tally)
    else:
        for number in (signal.SIGINT, signal.SIGTERM):  # a shell has its background jobs ignore the first
            signal.signal(number, signal.default_int_handler)
        try:
            run(asked.minutes, asked.jobs, asked.seed, tally, asked.examples)
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
    print("\n".join(lines(tally)))
    took = (time.monotonic() - start) / 60
    print(f"seed {asked.seed}, {took:.1f} minutes, {asked.jobs} processes, torch {torch.__version__}")
    if asked.json is not None:
        asked.json.write_text(json.dumps(as_data(tally), indent=1))
    return int(bool(tally.failures or (tally.missing and asked.example is None)))


if __name__ == "__main__":
    sys.exit(main())
