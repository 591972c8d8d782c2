"""Exact figures of networks, figures.csv: measured on independent modules, torchvision's or plain ones from the papers.

On modules on the meta device in evaluation, of one sample: parameters, trained ones, MACs (half of what FlopCounterMode
counts), tensors of the `state_dict`, parameters and buffers among them, their elements and bytes, shapes of outputs,
and in training those of two samples. `published` are torchvision's "GFLOPS". An empty field was not measured.

`peak`, the bytes of activations, is of the module that we build: what others hold depends on how their source is
written.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from archspec import api
from archspec.elaborate.inputs import parse_shape
from archspec.elaborate.params import Written
from archspec.ir import Graph

DERIVED = Path(__file__).parents[1] / "cases" / "derived"
NUMBERS = (
    "params", "trainable", "macs", "tensors", "parameters", "buffers", "elements", "bytes", "peak",
)  # fmt: skip
Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Row:
    """A network, or a `part` of it, with the figures that were measured."""

    network: str  # the name of a bundled one, or a file of `tests/cases/derived`
    params: dict[str, str]
    input: tuple[int, ...]
    part: str
    figures: dict[str, int]
    outputs: Shapes
    in_training: Shapes
    published: str

    def __str__(self) -> str:
        params = ",".join(f"{name}={text}" for name, text in self.params.items())
        size = "x".join(map(str, self.input))
        return " ".join(filter(None, (self.network, params, size, self.part)))

    @property
    def is_bundled(self) -> bool:
        """A bundled network as it stands, but perhaps for the size of its input."""
        return not (self.params or self.part or self.network.endswith(".yaml"))

    def graph(self) -> Graph:
        """The network in our spec."""
        spec = DERIVED / self.network if self.network.endswith(".yaml") else self.network
        params = {name: Written(text) for name, text in self.params.items()}
        return api.load(spec, params=params, input=self.input or None)


def rows() -> list[Row]:
    """All of figures.csv."""
    with (Path(__file__).parent / "figures.csv").open(encoding="utf-8") as file:
        return [_row(line) for line in csv.DictReader(file)]


def _row(line: dict[str, str]) -> Row:
    return Row(
        line["network"],
        dict([line["with"].split("=")]) if line["with"] else {},
        _shape(line["input"]) if line["input"] else (),
        line["part"],
        {name: int(line[name]) for name in NUMBERS if line[name]},
        tuple(map(_shape, line["outputs"].split())),
        tuple(map(_shape, line["in_training"].split())),
        line["published"],
    )


def _shape(text: str) -> tuple[int, ...]:
    found = parse_shape(text)
    assert found is not None
    return tuple(int(size) for size in found)
