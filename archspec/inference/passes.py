"""A network for inference alone: the same outputs in evaluation, from fewer, cheaper steps and in less memory."""

from __future__ import annotations

from dataclasses import replace

from archspec.frozen import FrozenDict
from archspec.inference.inplace import overwrite
from archspec.inference.norms import Folds, fold_norms, fold_norms_ahead
from archspec.inference.pooling import pool_first
from archspec.inference.rewrite import Rewrite, with_fields
from archspec.inference.selection import select_first
from archspec.ir import Graph, Output, Outputs
from archspec.objects import record


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
    left = change.done(expect=FrozenDict(), expect_spans=FrozenDict(), inference=True)
    # a second use of an identity may have been all that kept others
    return _in_evaluation(left) if "training" in left.modes else left
