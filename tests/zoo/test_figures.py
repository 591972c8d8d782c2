"""Every figure of the bundled networks, exactly: what we say, and what the module that we build has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

import archspec
from archspec import api
from archspec.analysis.bytes import state_bytes
from archspec.analysis.cost import Cost, costs
from archspec.analysis.memory import memory
from archspec.cli.options import declared_variants
from archspec.dims import substitute
from archspec.ir import Graph, leaves
from archspec.library import Library, bundled
from archspec.ops.base import State
from archspec.values import TensorType
from tests.memory_probe import inference_peak
from tests.zoo.figures import Row, rows
from tests.zoo.parity import peak, tensors
from tests.zoo.test_torchvision import Twin

ROWS = rows()
WHOLE = [row for row in ROWS if not row.part]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_we_say(row: Row) -> None:
    graph = row.graph()
    cost = cost_of(graph, row.part)
    states = list(owned_by(graph, row.part))
    figures = {
        "params": cost.params,
        "trainable": cost.trainable,
        "macs": cost.macs,
        "tensors": len(states),
        "parameters": sum(not state.buffer for state in states),
        "buffers": sum(state.buffer for state in states),
        "elements": cost.params + cost.buffers,
        "bytes": sum(map(state_bytes, states)),
        "peak": memory(graph).activation_peak_bytes,
    }
    assert {name: figures[name] for name in row.figures} == row.figures
    assert row.outputs in ((), shapes(graph, row.part, "eval", 1))
    assert row.in_training in ((), shapes(graph, row.part, "training", 2))
    assert row.published in ("", f"{cost.macs / 1e9:.3f}")


def cost_of(graph: Graph, part: str) -> Cost:
    """Of a network, or of a node or block of it."""
    found = costs(graph)
    return found.nodes[graph.positions[part]] if part in graph.positions else found.scope(graph.scopes[part])


def owned_by(graph: Graph, part: str) -> Iterator[State]:
    """The parameters and buffers of a network, or of a node or block of it."""
    for node, _, state in graph.state():
        if not part or node.path == part or node.path.startswith(f"{part}."):
            yield state


def shapes(graph: Graph, part: str, mode: str, batch: int) -> tuple[tuple[int, ...], ...]:
    """Of the outputs, or of what a part yields."""
    if part:
        values = graph.scopes[part].outputs if part in graph.scopes else graph.results[graph.positions[part]][:1]
    else:
        entries = (entry for entry in graph.outputs.entries if entry.mode in ("always", mode))
        values = tuple(value for entry in entries for value in leaves(entry.value))
    return tuple(sizes(graph.type_of(value), batch) for value in values)


def sizes(x: TensorType, batch: int) -> tuple[int, ...]:
    return tuple(int(str(dim if isinstance(dim, int) else substitute(dim, {"N": batch}))) for dim in x.shape)


@pytest.mark.parametrize("row", WHOLE, ids=str)
def test_what_is_built(row: Row) -> None:
    graph = row.graph()
    model = archspec.build(graph, device="meta")
    state, parameters, buffers = model.state_dict().values(), [*model.parameters()], [*model.buffers()]
    figures = {
        "params": sum(x.numel() for x in parameters),
        "trainable": sum(x.numel() for x in parameters if x.requires_grad),
        "tensors": len(state),
        "parameters": len(parameters),
        "buffers": len(buffers),
        "elements": sum(x.numel() for x in state),
        "bytes": sum(x.numel() * x.element_size() for x in state),
    }
    assert {name: figures[name] for name in row.figures if name in figures} == {
        name: number for name, number in row.figures.items() if name in figures
    }
    for training, batch, expected in ((False, 1, row.outputs), (True, 2, row.in_training)):
        if expected:
            outputs = tensors(model.train(training)(torch.empty(batch, *row.input, device="meta")))
            assert tuple(tuple(x.shape) for x in outputs) == expected


def test_no_network_is_without_figures() -> None:
    library = Library()
    networks = {name for file, path in bundled().items() for name in declared_variants(library.load(path)) or (file,)}
    assert {row.network for row in ROWS if row.is_bundled and "peak" in row.figures} == networks


def test_without_layer_scale() -> None:
    total = costs(archspec.load("convnext_tiny", params={"layer_scale": 0.0})).total
    assert (total.params, total.macs) == (28582504, 4455531264)


# Peaks

LRN = {
    "alexnet_lrn_224": 2323200, "alexnet_groups2_lrn_227": 2323200, "googlenet_published": 4014080,
    "googlenet_published_noaux": 4014080,
}  # fmt: skip
"""What torch holds besides where it composes a local response norm of several kernels."""
PEAKS = [row for row in ROWS if "peak" in row.figures]


@pytest.mark.parametrize("row", [row for row in PEAKS if "vit" not in row.network], ids=str)
def test_the_peak_is_that_of_the_built_module(row: Row) -> None:
    model = archspec.build(row.network, device="meta")
    found = inference_peak(model, [torch.empty(1, *row.input, device="meta")])
    assert found == row.figures["peak"] + LRN.get(row.network, 0)


@pytest.mark.parametrize("row", [row for row in PEAKS if "vit" in row.network], ids=str)
def test_the_peak_of_a_transformer(row: Row) -> None:
    """Attention has other kernels on the meta device than on a CPU. Its layers are alike: the second is the highest."""
    model = archspec.build(row.network, params={"depth": 2}, init=False)
    assert inference_peak(model, [torch.empty(1, *row.input)]) == row.figures["peak"]


@pytest.mark.parametrize(
    ("name", "mebibytes", "ours"),
    [("resnet50", "9.96", 10436608), ("resnet152", "9.96", 10436608), ("densenet121", "9.57", 8630272),
     ("efficientnet_b7", "19.9", 21475328), ("vit_l_16", "10.9", 10489856)],
)  # fmt: skip
def test_peaks_of_torchvision(name: str, mebibytes: str, ours: int) -> None:
    """docs/costs.md says why they differ from ours."""
    digits = len(mebibytes.partition(".")[2])
    assert f"{peak(Twin(name).theirs(), (3, 224, 224)) / 2**20:.{digits}f}" == mebibytes
    assert memory(api.load(name, input=(3, 224, 224))).activation_peak_bytes == ours
