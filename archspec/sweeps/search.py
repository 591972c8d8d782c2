"""A sweep while it runs: what is asked, what is done, what is found."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

from archspec.analysis.analyses import memory_settings
from archspec.diagnostics import Diagnostic, did_you_mean, spec_error
from archspec.elaborate.inputs import Shape
from archspec.objects import uncollected
from archspec.sweeps import LIMIT, call, pool
from archspec.sweeps.axes import listed
from archspec.sweeps.condition import Condition, condition
from archspec.sweeps.count import BY_NAME, Counter, Job, Row
from archspec.sweeps.results import Sweep, key_name
from archspec.sweeps.store import Store

USUAL = ("params", "macs")
_AT_ONCE = 0.2
"""Seconds after which rows that were counted are shown."""


@dataclass(slots=True)
class Search:
    """A sweep. `rows` does the work; `result` is what was found so far."""

    counter: Counter
    jobs: int  # 0: as many as are worth it; never more than `pool.most()`
    where: Condition | None
    sort: tuple[str, ...]
    shown: tuple[str, ...]  # metrics
    store: Store | None
    found: dict[int, Row] = field(default_factory=dict[int, Row])

    @property
    def total(self) -> int:
        return self.counter.grid.size

    @property
    def done(self) -> int:
        return len(self.found)

    def fits(self, row: Row) -> bool:
        """Whether a row is a network of which the condition holds. Raises SpecError as `Condition.holds`."""
        return row.valid and (self.where is None or self.where.holds(self.counter.grid, row))

    def values(self, row: Row) -> dict[str, Any]:
        """A row by the names of params and metrics."""
        return {**row.metrics, **dict(zip((axis.name for axis in self.counter.grid.axes), row.values, strict=True))}

    def rows(self) -> Generator[Row]:
        """Counts what is not counted yet; the rows as they come. Closing it ends all processes."""
        order = self.counter.order(index for index in range(self.total) if index not in self.found)
        worth = -(-len(order) // pool.PER_PROCESS)
        jobs = min(self.jobs, len(order), pool.most()) if self.jobs else min(pool.cores(), worth)
        counted = pool.count(self.counter.job, order, jobs) if jobs > 1 else self._counted_here(order)
        try:
            for row in counted:
                self.fits(row)  # a condition that cannot be computed is no reason to wait, or to replace a file
                self.found[row.index] = row
                if self.store is not None:
                    self.store.add(row)
                yield row
        finally:
            counted.close()
            self.close()

    def _counted_here(self, order: Iterable[int]) -> Generator[Row]:
        """By this process, some at a time: the collector searches all there is whenever it is allowed to again."""
        left = iter(order)
        while True:
            with uncollected():
                end, rows = monotonic() + _AT_ONCE, list[Row]()
                while (not rows or monotonic() < end) and (index := next(left, None)) is not None:
                    rows.append(self.counter.row(index))
            if not rows:
                return
            yield from rows

    def close(self) -> None:
        """Nothing is written any more."""
        if self.store is not None:
            self.store.close()

    def refusal(self) -> list[Diagnostic]:
        """Why the first combination is no network, where none is; else nothing."""
        if any(row.valid for row in self.found.values()) or not self.found:
            return []
        first = min(self.found)
        where = f"so it is for {self.counter.grid.written(first)}"
        return [found.with_notes([where]) for found in self.counter.refusal(first)]

    def result(self) -> Sweep:
        """What was found so far. Raises SpecError as `fits`."""
        rows = [self.found[index] for index in sorted(self.found)]
        kept = tuple(row for row in rows if self.fits(row))
        invalid = tuple(row for row in rows if not row.valid)
        unknown = tuple(row for row in rows if row.valid and self.where is not None and self.where.is_open(row))
        said = self.where.expression.text if self.where is not None else ""
        sweep = Sweep(self.counter.spec.name, self.counter.grid, self.shown, kept, self.done, invalid, unknown, said)
        return sweep.sorted(*self.sort) if self.sort else sweep


def prepare(
    spec: str | Path,
    given: Mapping[str, Any],
    *,
    where: str | None = None,
    sort: str | Sequence[str] = (),
    pareto: Sequence[str] = (),
    columns: str | Sequence[str] = (),
    variant: str | None = None,
    input: Shape | Mapping[str, Shape] | None = None,
    batch: int | None = None,
    optimizer: str | None = None,
    allow_ops: Iterable[str] = (),
    allow_paths: Iterable[str | Path] = (),
    jobs: int | None = None,
    file: Path | None = None,
    resume: bool = False,
    force: bool = False,
    limit: int = LIMIT,
) -> Search:
    """A sweep that is ready to run, as `archspec.sweep` describes it. Raises SpecError."""
    call.check(spec, given, jobs, limit)
    sort, columns = call.names("sort", sort), call.names("columns", columns)
    if resume and file is None:
        raise spec_error("bad-call", "there is no file to resume from", None, help="name it: `-o results.csv`")
    samples, trained_by = memory_settings(batch, optimizer)
    job = Job(
        str(spec), {name: listed(values) for name, values in given.items()}, (), variant, input, samples, trained_by,
        (allow_ops,) if isinstance(allow_ops, str) else tuple(allow_ops),
        tuple(str(each) for each in ((allow_paths,) if isinstance(allow_paths, str | Path) else allow_paths)),
        limit,
    )  # fmt: skip
    counter = Counter(job)
    axes = [axis.name for axis in counter.grid.axes]
    known = [*axes, *(name for name in BY_NAME if name not in axes)]
    holds = condition(where, known) if where is not None else None
    mentioned = {*(holds.names if holds is not None else ()), *map(key_name, (*sort, *pareto))}
    for name in (*map(key_name, (*sort, *pareto)), *(name.removeprefix("+") for name in columns)):
        if name not in known:
            message = f"`{name}` is no metric, and no param that is varied"
            raise spec_error(
                "bad-call", message, None, help=did_you_mean(name, known) or f"choose from {', '.join(known)}"
            )
    usual = USUAL if not columns or any(name.startswith("+") for name in columns) else ()
    asked = (*usual, *(name.removeprefix("+") for name in columns), *(name for name in BY_NAME if name in mentioned))
    shown = tuple(name for name in dict.fromkeys(asked) if name not in axes)
    store = (
        Store(file, counter.grid, shown, counter.fingerprint(), resume=resume, force=force)
        if file is not None
        else None
    )
    counter.job = replace(job, columns=store.columns if store is not None else shown)
    search = Search(counter, jobs or 0, holds, sort, shown, store)
    search.found.update((row.index, row) for row in (store.found if store is not None else ()))
    return search
