"""Networks side by side, with what is different from the first one marked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

from archspec.analysis.analyses import Analyses, analyses_of
from archspec.diagnostics import check_type
from archspec.ir import Graph
from archspec.views import markup
from archspec.views.metrics import METRICS, USUAL, Metric
from archspec.views.table import READABLE, Cell, Heading, Table, words
from archspec.views.text import fit, to_text, write

_COLUMNS = 3  # networks that stand beside one another; more stand below one another


@dataclass(frozen=True)
class Comparison:
    """Facts of several networks. `names` tell them apart."""

    networks: tuple[Analyses, ...]
    names: tuple[str, ...]

    def to_text(self, width: int | None = 100) -> str:
        """A column a network where there are few and room enough, else a row a network."""
        check_type("width", width, SupportsIndex | None, "a number of columns")
        if len(self.networks) <= _COLUMNS:
            table = self.beside()
            layout = fit(table, width)
            if width is None or layout.width <= width:
                return "\n".join(write(table, layout))
        return "\n".join(to_text(self._below(), width))

    def to_markdown(self) -> str:
        """A table of Markdown: a column a network where there are few, else a row."""
        return markup.to_markdown(self.beside() if len(self.networks) <= _COLUMNS else self._below())

    def to_csv(self) -> str:
        """A line a network: counts are plain numbers, memory is in bytes."""
        headings = (Heading("name", "name"), *(Heading(metric.name, metric.label) for metric in METRICS))
        rows = (
            (words(name), *(metric.cell(network) for metric in METRICS))
            for name, network in zip(self.names, self.networks, strict=True)
        )
        return markup.to_csv(Table(headings, tuple(rows)))

    def to_json(self) -> list[dict[str, Any]]:
        """An object a network."""
        return [
            {"name": name} | {metric.name: metric.value(network) for metric in METRICS}
            for name, network in zip(self.names, self.networks, strict=True)
        ]

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return markup.to_html(self.beside() if len(self.networks) <= _COLUMNS else self._below())

    def beside(self, *, differing: bool = False) -> Table:
        """A row a metric, or only for those that differ."""
        headings = [Heading("metric", "")]
        for i, name in enumerate(self.names):
            headings.append(Heading(name, name, "right"))
            if i:
                headings.append(Heading(f"{name}:change", "", "right"))
        metrics = [
            metric
            for metric in self._metrics()
            if not differing or any(metric.change(self.networks[0], network) for network in self.networks[1:])
        ]
        return Table(tuple(headings), tuple(tuple(self._row(metric)) for metric in metrics))

    def _row(self, metric: Metric) -> Iterator[Cell]:
        yield words(metric.label)
        for i, network in enumerate(self.networks):
            yield metric.cell(network)
            if i:
                yield words(metric.change(self.networks[0], network))

    def _below(self) -> Table:
        """A row a network."""
        headings = [Heading("name", "network", elastic=READABLE)]
        for rank, metric in enumerate(self._metrics()):
            is_number = metric.amount is not None
            headings.append(
                Heading(
                    metric.name, metric.label, "right" if is_number else "left", optional=_LEAST.get(metric.name, 0)
                )
            )
            if is_number:
                headings.append(Heading(f"{metric.name}:change", "", "right", optional=20 + rank))
        rows = tuple(
            (words(name), *self._facts(network)) for name, network in zip(self.names, self.networks, strict=True)
        )
        silent = {
            i
            for i, heading in enumerate(headings)
            if heading.name.endswith(":change") and all(row[i].is_empty for row in rows)
        }
        return Table(tuple(headings), rows).without(silent)

    def _facts(self, network: Analyses) -> Iterator[Cell]:
        for metric in self._metrics():
            yield metric.cell(network)
            if metric.amount is not None:
                yield words(metric.change(self.networks[0], network))

    def _metrics(self) -> Sequence[Metric]:
        """The usual ones; `trained` only where it says more than `params`."""
        frozen = any(network.total.trainable != network.total.params for network in self.networks)
        return [metric for metric in METRICS if metric.name in USUAL and (frozen or metric.name != "trainable")]


_LEAST = {"nodes": 10, "input": 9, "output": 8, "ops": 7, "weight_bytes": 6, "training_peak_bytes": 5, "field": 3}
"""What goes first where there is no room for a row a network."""


def compare(
    graphs: Sequence[Graph], names: Sequence[str] | None = None, batch: int | None = None, optimizer: str | None = None
) -> Comparison:
    """Several networks side by side; `names` where those of the graphs do not tell them apart."""
    unique = distinct(names or [graph.name for graph in graphs])
    return Comparison(tuple(analyses_of(graph, batch, optimizer) for graph in graphs), unique)


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number to those that have been there before."""
    seen: Counter[str] = Counter()
    found: list[str] = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(found)
