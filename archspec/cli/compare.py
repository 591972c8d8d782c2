"""`archspec compare SPEC SPEC...`."""

from __future__ import annotations

import argparse
from collections import Counter

from archspec.cli import formats, options
from archspec.cli.terminal import columns

HELP = "print networks side by side, with what is different from the first one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_spec(parser, several=True)
    formats.add_memory(parser)
    formats.add_format(parser)


def run(args: argparse.Namespace) -> int:
    from archspec.views.comparison import compare

    graphs = [options.load(args, spec) for spec in args.spec]
    counts = Counter(graph.name for graph in graphs)
    names = [graph.name if counts[graph.name] == 1 else spec for graph, spec in zip(graphs, args.spec, strict=True)]
    comparison = compare(graphs, names, args.batch, args.optimizer)
    formats.show(comparison, args.format, lambda: comparison.to_text(columns()))
    return 0
