"""One combination after the other: compiled, and counted as far as is asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspec.analysis.analyses import Analyses
from archspec.analysis.cost import Known
from archspec.diagnostics import Diagnostic, SpecError, spec_error
from archspec.elaborate import elaborate
from archspec.elaborate.inputs import Shape
from archspec.elaborate.templates import MOST_NODES, Templates
from archspec.library import Library
from archspec.loading import compiled, custom_ops, find_variant, input_shapes
from archspec.objects import uncollected
from archspec.spec import variant_entries
from archspec.sweeps.axes import INPUT, VARIANT, Grid, entries_of, make_grid
from archspec.views.metrics import METRICS
from archspec.yaml_source import parse, read, written

BY_NAME = {metric.name: metric for metric in METRICS}


@dataclass(frozen=True, slots=True)
class Row:
    """A combination: its number, the values of the axes, and its metrics by name; or why it is no network."""

    index: int
    values: tuple[Any, ...]
    metrics: Mapping[str, int | str | None]
    code: str = ""
    message: str = ""

    @property
    def valid(self) -> bool:
        return not self.code

    @property
    def known(self) -> dict[str, int | str | None]:
        """The metrics, None for an amount that unknown sizes decide."""
        return {name: None if is_form(name, value) else value for name, value in self.metrics.items()}

    @property
    def unknown(self) -> list[str]:
        """The metrics that unknown sizes decide."""
        return [name for name, value in self.known.items() if value is None]


def is_form(metric: str, value: int | str | None) -> bool:
    """Whether it is an amount that unknown sizes decide."""
    return isinstance(value, str) and BY_NAME[metric].amount is not None


@dataclass(frozen=True, slots=True)
class Job:
    """What is swept, as any process can be told."""

    spec: str
    given: Mapping[str, Any]
    columns: tuple[str, ...] = ()
    variant: str | None = None
    input: Shape | Mapping[str, Shape] | None = None
    batch: int = 1
    optimizer: str = "adam"
    allow_ops: tuple[str, ...] = ()
    allow_paths: tuple[str, ...] = ()
    limit: int = 0


class Counter:
    """Counts the combinations of a job. Raises SpecError for what is mistaken about all of them."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._path, self.variant = find_variant(job.spec, job.variant)
        self.library = Library(Path(folder) for folder in job.allow_paths)
        self.spec = self.library.load(self._path)
        self.grid: Grid = make_grid(self.spec, job.given, job.limit)
        self._check_variant()
        self._shapes = input_shapes(self.spec, job.input)
        self._customs = custom_ops(job.allow_ops)
        self._entries = [entries_of(axis) for axis in self.grid.axes]
        self._templates = Templates()
        self._known: Known = {}

    def _check_variant(self) -> None:
        if self.variant is None:
            return
        variant_entries(self.spec, self.variant, None)
        if any(axis.name == VARIANT for axis in self.grid.axes):
            message = f"`{VARIANT}` is varied, and given as `{self.variant}`"
            raise spec_error("bad-call", message, None, help="leave one of them out")

    @uncollected()
    def row(self, index: int) -> Row:
        """A combination."""
        values = self.grid.values(index)
        variant, shapes, params = self.variant, self._shapes, list[Any]()
        for axis, entries, position in zip(self.grid.axes, self._entries, self.grid.positions(index), strict=True):
            if axis.name == VARIANT:
                variant = axis.values[position]
            elif axis.name == INPUT:
                shapes = input_shapes(self.spec, axis.values[position])
            else:
                params.append(entries[position])
        if len(self._known) > MOST_NODES:
            self._known.clear()
        try:
            graph = elaborate(
                self.spec, self.library, variant=variant, params=params, input_shapes=shapes, explain=False,
                customs=self._customs, templates=self._templates,
            )  # fmt: skip
        except SpecError as error:
            first = error.diagnostics[0]
            return Row(index, values, {}, first.code, " ".join(first.message.split()))
        analyses = Analyses(graph, self.job.batch, self.job.optimizer, self._known)
        return Row(index, values, {name: BY_NAME[name].value(analyses) for name in self.job.columns})

    def refusal(self, index: int) -> tuple[Diagnostic, ...]:
        """Why a combination is no network, as `archspec.load` says it."""
        given: dict[str, Any] = {"variant": self.variant, "input": self.job.input, **self.grid.arguments(index)}
        try:
            compiled(self.spec, self.library, allow_ops=self.job.allow_ops, **given)
        except SpecError as error:
            return error.diagnostics
        return ()

    def order(self, indices: Iterable[int]) -> list[int]:
        """The combinations in the order in which they have most in common."""
        return self.grid.order([*self._templates.words(self.spec), VARIANT, INPUT], indices)

    def fingerprint(self) -> str:
        """What else than the varied params the results depend on, in a few letters."""
        files = self.library.read_all(self._path)
        texts = sorted(json.dumps(written(parse(read(path)))) for path in files)  # comments change no result
        job = self.job
        shapes = {name: list(shape) for name, shape in self._shapes.items()}
        said = [self.variant, shapes, job.batch, job.optimizer, sorted(job.allow_ops), texts]
        return f"{self.spec.name}-{hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]}"
