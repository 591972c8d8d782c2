"""What is compared of whole networks."""

from __future__ import annotations

from collections.abc import Callable

from archspec import dims
from archspec.analysis.analyses import Analyses
from archspec.analysis.depth import depth
from archspec.analysis.receptive_field import output_field
from archspec.dims import Dim
from archspec.ir import leaves
from archspec.objects import record
from archspec.views import numbers
from archspec.views.cells import bytes_cell, count_cell, field_cell
from archspec.views.symbolic import rank
from archspec.views.table import Cell, words

Amount = Dim | None


@record
class Metric:
    """A fact of a network. `amount` is None for what is no number; then networks can differ in it, but not by how
    much."""

    name: str  # for programs: "macs"
    label: str  # for people: "MACs"
    cell: Callable[[Analyses], Cell]
    amount: Callable[[Analyses], Amount] | None = None

    def value(self, analyses: Analyses) -> int | str | None:
        """For programs: a number, a closed form where a size is unknown, a text."""
        return self.cell(analyses).value if self.amount is None else number_of(self.amount(analyses))

    def change(self, first: Analyses, other: Analyses) -> str:
        """What is different in the other one: `+12.3%`, `x 2.70`, `differs`; nothing where they are alike."""
        if self.amount is None:
            return "" if self.cell(first).forms[0] == self.cell(other).forms[0] else "differs"
        before, after = self.amount(first), self.amount(other)
        if before is None or after is None:
            return "" if before is after else "differs"
        if before == after:
            return ""
        return numbers.change(rank(before), rank(after))


def _counted(name: str, label: str, amount: Callable[[Analyses], Dim]) -> Metric:
    return Metric(name, label, lambda analyses: count_cell(amount(analyses)), amount)


def _bytes(name: str, label: str, amount: Callable[[Analyses], int | None]) -> Metric:
    return Metric(name, label, lambda analyses: bytes_cell(amount(analyses)), amount)


def _inputs(analyses: Analyses) -> Cell:
    return words(", ".join(str(entry.type) for entry in analyses.graph.inputs))


def _outputs(analyses: Analyses) -> Cell:
    graph = analyses.graph
    entries = (entry for entry in graph.outputs.entries if entry.mode != "training")
    return words(", ".join(str(graph.type_of(value)) for entry in entries for value in leaves(entry.value)))


def _field(analyses: Analyses) -> Cell:
    return field_cell(output_field(analyses.graph, analyses.fields))


METRICS: tuple[Metric, ...] = (
    Metric("input", "input", _inputs),
    Metric("output", "output", _outputs),
    _counted("params", "params", lambda a: a.total.params),
    _counted("trainable", "trained", lambda a: a.total.trainable),
    _counted("buffers", "buffers", lambda a: a.total.buffers),
    _counted("macs", "MACs", lambda a: a.total.macs),
    _counted("ops", "ops", lambda a: a.total.ops),
    _counted("flops", "FLOPs", lambda a: dims.mul(a.total.macs, 2)),
    _bytes("weight_bytes", "weights", lambda a: a.memory.weight_bytes),
    _bytes("activation_peak_bytes", "peak", lambda a: a.memory.activation_peak_bytes),
    _bytes("training_peak_bytes", "training", lambda a: a.training.peak_bytes),
    Metric("field", "field", _field),
    _counted("depth", "depth", lambda a: depth(a.graph, a.sample)),
    _counted("nodes", "nodes", lambda a: len(a.graph.nodes)),
)
USUAL = frozenset(metric.name for metric in METRICS) - {"flops", "buffers"}


def number_of(amount: Amount) -> int | str | None:
    """An amount for programs: a closed form where a size is unknown."""
    return None if amount is None else dims.shown(amount)
