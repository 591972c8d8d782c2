"""What stands below the table of a summary: facts of the whole network."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.analysis.analyses import Analyses
from archspec.dims import at_nominal, closed_form
from archspec.views.numbers import bytes_text
from archspec.views.symbolic import cost_texts, rank
from archspec.views.table import Heading, Table, words

_KINDS = 3
_HEADINGS = (Heading("total", "total"), Heading("value", "", "right"), Heading("remark", "", wraps=True))


def totals_table(analyses: Analyses, *, training: bool = False) -> Table:
    """Name, number, remark."""
    entries = [*_entries(analyses), *(_training(analyses) if training else ())]
    rows = tuple((words(name), words(number), words(remark)) for name, number, remark in entries)
    return Table(_HEADINGS, rows, headless=True)


def _entries(analyses: Analyses) -> Iterator[tuple[str, str, str]]:
    cost, memory = analyses.total, analyses.memory
    trained = "all trained" if not cost.frozen else f"{cost.trainable:,} trained, {cost.frozen:,} frozen"
    yield "params", f"{cost.params:,}", trained
    yield "buffers", f"{cost.buffers:,}", ""
    yield "MACs", cost_texts(cost.macs)[0], "one sample, evaluation"
    yield "other operations", cost_texts(cost.ops)[0], _by_kind(analyses)
    dtypes = ", ".join(f"{dtype} {bytes_text(size)}" for dtype, size in memory.weights.items() if size)
    yield "weights", bytes_text(memory.weight_bytes), dtypes
    yield "activations", _peak(memory.activation_peak_bytes), _at(_samples(analyses), memory.peak)


def _training(analyses: Analyses) -> Iterator[tuple[str, str, str]]:
    step = analyses.training
    yield "training", _peak(step.peak_bytes), _at(f"{_samples(analyses)}, {analyses.optimizer}", step.peak)
    parts = (step.saved, "saved"), (step.gradients, "gradients"), (step.optimizer_state, "optimiser")
    held = ", ".join(f"{bytes_text(size)} {what}" for size, what in parts if size)
    if held:
        yield "", "", held


def _samples(analyses: Analyses) -> str:
    return "one sample" if analyses.batch == 1 else f"{analyses.batch:,} samples"


def _peak(size: int | None) -> str:
    return "unknown" if size is None else bytes_text(size)


def _at(samples: str, node: str | None) -> str:
    return f"{samples}, at the peak in {node}" if node else samples


def _by_kind(analyses: Analyses) -> str:
    """The kinds of ops that work most."""
    kinds = sorted(analyses.costs.ops_by_category().items(), key=lambda item: -rank(item[1]))
    shown = [f"{kind} {cost_texts(ops)[1]}" for kind, ops in kinds[:_KINDS]]
    return ", ".join([*shown, "..."] if len(kinds) > _KINDS else shown)


def forms(analyses: Analyses) -> Iterator[tuple[str, str]]:
    """What estimates stand for, exactly."""
    macs = analyses.total.macs
    if not isinstance(macs, int):
        yield "MACs", closed_form(at_nominal(macs))
