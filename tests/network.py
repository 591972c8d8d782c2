"""A compiled network run node by node, each op's target by itself: what the emitted program is held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from archspec import dims
from archspec.ir import Graph, Tree, full_name
from archspec.ops import Op
from archspec.ops.base import Inputs
from archspec.ops.needs import Needs, Requirement
from archspec.ops.target import Module, StateTensor
from archspec.values import TensorType, Value
from tests.target_runner import TargetModule

Sizes = Mapping[str, int]


class Network:
    """The nodes of a graph as modules of their own, with the weights of `model`."""

    def __init__(self, graph: Graph, model: nn.Module) -> None:
        self.graph = graph
        state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        owners: dict[str, TargetModule] = {}
        self.programs: list[TargetModule] = []
        for node in graph.nodes:
            program = TargetModule(node.op.target(graph.inputs_of(node)), node.op.state())
            if isinstance(program.target, Module | StateTensor):
                program = owners.setdefault(node.module, program)
                own = {
                    f"op.{s.name}".rstrip("."): state[full_name(node, s.name)] for s in node.op.state() if s.persistent
                }
                program.load_state_dict(own, strict=True)
            self.programs.append(program)

    def run(self, inputs: list[Tensor], training: bool, sizes: Sizes) -> tuple[dict[Value, Tensor], Any]:
        """Every value, and what the network returns."""
        mode = "training" if training else "eval"
        values = {Value(-1 - position): tensor for position, tensor in enumerate(inputs)}
        for position, (node, program) in enumerate(zip(self.graph.nodes, self.programs, strict=True)):
            if self.graph.modes[position] in ("always", mode):
                program.sizes = sizes
                results = program.train(training)(*(values[value] for value in node.inputs))
                values |= {Value(position, part): result for part, result in enumerate(results)}
        entries = {e.name: _leaves(e.value, values) for e in self.graph.outputs.entries if e.mode in ("always", mode)}
        kind = self.graph.outputs.kind
        return values, entries if kind == "dict" else tuple(entries.values()) if kind == "tuple" else next(
            iter(entries.values())
        )


def _leaves(tree: Tree, values: Mapping[Value, Tensor]) -> Any:
    return values[tree] if isinstance(tree, Value) else tuple(_leaves(branch, values) for branch in tree)


def shape_at(kind: TensorType, sizes: Sizes) -> tuple[int | None, ...]:
    """A shape where the symbols take these values."""
    return tuple(dims.value(dims.substitute(dim, sizes)) for dim in kind.shape)


def random_inputs(graph: Graph, sizes: Sizes, device: str = "cpu") -> list[Tensor]:
    """Tensors of the graph's input types, indices below 2; equal for equal sizes."""
    generator = torch.Generator().manual_seed(0)
    made: list[Tensor] = []
    for entry in graph.inputs:
        shape, indices = [size or 1 for size in shape_at(entry.type, sizes)], entry.type.dtype == "int64"
        tensor = torch.randint(0, 2, shape, generator=generator) if indices else torch.randn(shape, generator=generator)
        made.append(tensor.to(device))
    return made


def symbols(graph: Graph) -> set[str]:
    """The sizes that an input may have otherwise: those that decided nothing. The batch is N."""
    pinned = [size for size, _ in graph.pins] + [size for node in graph.nodes for size in node.pins]
    free = {name for entry in graph.inputs for dim in entry.type.shape for name in dims.symbols(dim)}
    return free - {name for size in pinned for name in dims.symbols(size)}


def accepts(graph: Graph, sizes: Sizes) -> bool:
    """Whether what was required of the sizes holds for these."""
    return all(_holds(requirement, sizes) for node in graph.nodes for requirement in node.requirements)


def _holds(requirement: Requirement, sizes: Sizes) -> bool:
    left, right = (dims.value(dims.substitute(side, sizes)) for side in (requirement.left, requirement.right))
    assert left is not None and right is not None
    match requirement.kind:
        case "equal":
            return left == right
        case "at-least":
            return left >= right
        case _:
            return left % right == 0


def torch_runs(op: type[Op], args: Mapping[str, Any], inputs: Inputs, batch: int) -> bool:
    """Whether torch takes the arguments and inputs of one op, in both modes, and no tensor is empty."""
    plain = tuple(TensorType(tuple(size or 1 for size in shape_at(x, {"N": batch})), x.dtype) for x in inputs)
    types = Inputs(plain, inputs.names)
    try:
        made = op.model_validate({**op.inferred(Needs(), types), **args})
        program = TargetModule(made.target(types), made.state())
        tensors = [torch.zeros(x.shape, dtype=getattr(torch, x.dtype)) for x in types]
        with sdpa_kernel(SDPBackend.MATH):
            results = [result for training in (True, False) for result in program.train(training)(*tensors)]
    except Exception:
        return False
    return all(tensor.numel() for tensor in (*program.parameters(), *results))
