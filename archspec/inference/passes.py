"""A network for inference alone: the same outputs in evaluation, from fewer, cheaper steps and in less memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from archspec.frozen import FrozenDict
from archspec.inference.inplace import overwrite
from archspec.inference.norms import Folds, fold_norms, fold_norms_ahead
from archspec.inference.pooling import pool_first
from archspec.inference.rewrite import Rewrite, with_fields
from archspec.inference.selection import select_first
from archspec.ir import Graph, Node, Output, Outputs, Tree, leaves, verify
from archspec.objects import record
from archspec.ops.layout import Identity
from archspec.values import Value


@record
class Optimized:
    """The rewritten graph, and what its weights are made of: those of the original, but for the `folds`."""

    graph: Graph
    folds: Folds


def for_inference(graph: Graph) -> Optimized:
    """The network as it computes in evaluation.

    Nodes that only training needs are left out, and so is what changes nothing then: dropout, stochastic depth,
    identities. BatchNorm is folded into the convolution or linear layer before it, where nothing else reads that, or
    after it, where that does not pad. Averages are taken before a convolution that commutes with them, and where one
    position is selected, only that is computed. Activations, sums and products overwrite an operand that nobody needs
    any more. Images are kept channels last, as the kernels of convolutions want them.
    """
    plain = _in_evaluation(graph)
    folded, behind = fold_norms(plain)
    folded, ahead = fold_norms_ahead(folded)
    final = overwrite(select_first(pool_first(folded)))
    frozen = tuple(name for _, name, state in final.state() if not state.buffer)
    return Optimized(with_fields(final, frozen=frozen), behind + ahead)


def _in_evaluation(graph: Graph) -> Graph:
    """Without what is there for training: nodes, outputs, rules of initialisation; nothing is trained."""
    entries = tuple(Output(e.name, e.value) for e in graph.outputs.entries if e.mode != "training")
    change = Rewrite(with_fields(graph, outputs=Outputs(graph.outputs.kind, entries)))
    for position, node in enumerate(graph.nodes):
        if graph.modes[position] == "training":
            change.removed[position] = None
        elif node.op.category == "dropout" or node.op.title == "Identity":
            change.removed[position] = node.inputs[0]
        elif node.init:
            change.changed[position] = replace(node, init=())
    settled = {"expect": FrozenDict[str, Any](), "expect_spans": FrozenDict[str, Any](), "inference": True}
    if len(change.removed) == len(graph.nodes):
        return _handed_on(change, **settled)
    left = change.done(**settled)
    # a second use of an identity may have been all that kept others
    return _in_evaluation(left) if "training" in left.modes else left


def _handed_on(change: Rewrite, **settled: Any) -> Graph:
    """A network of which nothing is left: its outputs are inputs. An identity is what there is to call."""
    graph = change.graph
    ends = [change.resolve(value) for entry in graph.outputs.entries for value in leaves(entry.value)]
    first = next(value for value in ends if value is not None)

    def read(tree: Tree) -> Tree:
        if not isinstance(tree, Value):
            return tuple(map(read, tree))
        value = change.resolve(tree)
        assert value is not None, "an output is there in evaluation"
        return Value(0) if value == first else value

    kind, root = graph.type_of(first), graph.root
    node = Node("identity", "identity", Identity(), (first,), ("input",), (), (kind,), root.origin)
    root = replace(root, numbered=False, children=(0,), start=0, end=1, outputs=(Value(0),))
    outputs = Outputs(
        graph.outputs.kind, tuple([Output(entry.name, read(entry.value)) for entry in graph.outputs.entries])
    )
    return verify(with_fields(graph, nodes=(node,), root=root, outputs=outputs, **settled))
