"""All that is computed of one graph, each part when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from archspec import dims
from archspec.analysis.cost import Cost, Costs, Known, costs
from archspec.analysis.memory import Memory, memory
from archspec.analysis.receptive_field import ReceptiveField, receptive_fields
from archspec.analysis.sample import Sample
from archspec.analysis.sums import Sums
from archspec.analysis.traffic import Traffic, intensity, traffic
from archspec.analysis.training import OPTIMIZERS, TrainingMemory, training_memory
from archspec.cache import GraphCache
from archspec.diagnostics import check_type, did_you_mean, spec_error
from archspec.dims import Dim
from archspec.ir import Graph


@dataclass(frozen=True)
class Analyses:
    """The analyses of a graph. Costs are those of one sample in evaluation; memory and traffic are those of `batch`
    samples, in training with `optimizer`."""

    graph: Graph
    batch: int = 1
    optimizer: str = "adam"  # one of `archspec.analysis.training.OPTIMIZERS`
    known: Known | None = field(default=None, repr=False, compare=False)  # of graphs that have nodes in common

    @cached_property
    def sample(self) -> Sample:
        return Sample.of(self.graph)

    @cached_property
    def costs(self) -> Costs:
        return costs(self.graph, self.sample if self.known is None else None, self.known)

    @cached_property
    def total(self) -> Cost:
        return self.costs.total

    @cached_property
    def memory(self) -> Memory:
        """In inference."""
        return memory(self.graph, self.sample, self.batch)

    @cached_property
    def training(self) -> TrainingMemory:
        """Of one step."""
        return training_memory(self.graph, self.sample, self.optimizer, self.batch)

    @cached_property
    def traffic(self) -> tuple[Traffic, ...]:
        """What each node moves in inference."""
        return traffic(self.graph, self.sample.at(self.batch))

    @property
    def weights(self) -> tuple[int, ...]:
        """The bytes of parameters and buffers that each node owns."""
        return self.sample.weights.owned

    def moved(self, start: int, end: int) -> int | None:
        """The bytes that the nodes from `start` up to, not including, `end` move in inference; None where a size is
        not known."""
        known, unknown = self._moved
        return None if unknown.number(start, end) else known.number(start, end)

    @cached_property
    def _moved(self) -> tuple[Sums, Sums]:
        """The bytes where they are known, and how many are not."""
        moved = [move.moved if runs else 0 for move, runs in zip(self.traffic, self.costs.runs, strict=True)]
        return Sums.of(each or 0 for each in moved), Sums.of(each is None for each in moved)

    def intensity(self, macs: Dim, moved: int | None) -> float | None:
        """Arithmetic intensity of what does so many MACs for one sample."""
        return intensity(dims.mul(macs, self.batch), moved)

    def most_live(self, start: int, end: int) -> int | None:
        """The most bytes of activations that are alive while one of these nodes runs; None where a size is not
        known."""
        return None if self._live is None else max(self._live[start:end], default=0)

    @cached_property
    def _live(self) -> tuple[int, ...] | None:
        """`live`, nothing where a node does not run."""
        if self.live is None:
            return None
        return tuple([live if runs else 0 for live, runs in zip(self.live, self.costs.runs, strict=True)])

    def weight_bytes(self, start: int, end: int) -> int:
        """The bytes of parameters and buffers that these nodes own."""
        return self._weights.number(start, end)

    @cached_property
    def _weights(self) -> Sums:
        return Sums.of(self.weights)

    @property
    def live(self) -> tuple[int, ...] | None:
        """The bytes of activations that are alive while each node runs in inference; None where a size is not known."""
        return self.memory.live

    @cached_property
    def fields(self) -> tuple[ReceptiveField | None, ...]:
        return receptive_fields(self.graph, self.sample)


_CACHE: GraphCache[Analyses] = GraphCache()


def analyses_of(graph: Graph, batch: int | None = None, optimizer: str | None = None) -> Analyses:
    """The analyses for a batch (of 1), and an optimizer (adam); those asked for last are kept. Raises SpecError as
    `memory_settings`."""
    settings = memory_settings(batch, optimizer)
    key = id(graph), *settings  # a graph that is kept keeps its identity
    known = _CACHE.get(key)
    return known if known is not None else _CACHE.put(key, graph, Analyses(graph, *settings))


def memory_settings(batch: int | None, optimizer: str | None) -> tuple[int, str]:
    """What memory is computed for, where it is given. Raises SpecError where there is no such thing."""
    check_type("batch", batch, int | None, "a number of samples")
    check_type("optimizer", optimizer, str | None, "an optimizer's name")
    if batch is not None and batch < 1:
        raise spec_error("bad-call", f"a batch has at least 1 sample, got {batch}")
    if optimizer is not None and optimizer not in OPTIMIZERS:
        raise spec_error("bad-call", f"no optimizer `{optimizer}`", help=did_you_mean(optimizer, OPTIMIZERS))
    return batch or 1, optimizer or "adam"
