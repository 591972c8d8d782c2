"""`archspec build SPEC`."""

from __future__ import annotations

import argparse
import json
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from archspec import api
from archspec.analysis.expect import check_expectations
from archspec.cli import options
from archspec.cli.artifacts import write_folder
from archspec.cli.outcome import BUG
from archspec.cli.terminal import columns, lines, step
from archspec.diagnostics import SpecError
from archspec.ir import Graph
from archspec.views.summary import Summary, summarize

HELP = "compile, run a real forward pass, compare it with what was inferred, write build/NAME/"
BESIDES = 12  # lines of the output that are not the table's rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_spec(parser)
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, help="the folder to write to (build/NAME)")


def run(args: argparse.Namespace) -> int:
    with step("compiling"):
        graph = options.load(args, args.spec)
        unmet = check_expectations(graph)
        if unmet:
            raise SpecError(unmet)
        summary = summarize(graph)
    differences = _real_differences(graph)
    if differences:
        _report(differences)
        return BUG
    folder = args.output or Path("build") / _file_name(graph.name)
    text = json.dumps(summary.to_json(), indent=2) + "\n"
    write_folder(folder, {"model.py": api.to_python(graph), "summary.json": text})
    print(summary.to_text(columns(), depth=_depth(summary)))
    print()
    print("verified  every shape and dtype in a forward pass, eval and training; parameters and buffers")
    if graph.expect:
        print(f"expected  {', '.join(graph.expect)}: as the spec says")
    print(f"wrote     {folder}/: model.py, summary.json")
    return 0


def _real_differences(graph: Graph) -> Sequence[object]:
    """Where a real module is not as inferred."""
    warnings.filterwarnings("ignore", "Failed to initialize NumPy")  # torch does without it
    with step("importing torch"):
        from archspec.emit import torch as backend
    with step("initialising the module"):
        model = backend.build(graph)
    with step("running forward passes"):
        return backend.run_and_compare(graph, model)


def _report(differences: Sequence[object]) -> None:
    print("internal error: the module differs from what was inferred", file=sys.stderr)
    for difference in differences:
        print(f"  {difference}", file=sys.stderr)
    print("this is a bug in archspec, not in your spec: please report it, with the spec", file=sys.stderr)


def _depth(summary: Summary) -> int | None:
    """As deep as the table fits the screen; None for all of it."""
    deepest = max(path.count(".") + 1 for path in summary.graph.positions)
    fitting = (depth for depth in range(deepest, 0, -1) if len(summary.rows(depth=depth)) <= lines() - BESIDES)
    return next(fitting, 1)


def _file_name(name: str) -> str:
    """The network's name without what a path would make of it."""
    return re.sub(r"[^\w.-]+", "_", name).lstrip(".") or "network"
