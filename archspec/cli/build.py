"""`archspec build SPEC`."""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archspec import api
from archspec.analysis.expect import check_expectations
from archspec.artifacts import write_folder
from archspec.cli import options
from archspec.cli.formats import json_text
from archspec.cli.outcome import BUG
from archspec.cli.outputs import place
from archspec.cli.terminal import columns, lines, step
from archspec.diagnostics import SpecError, spec_error
from archspec.diagrams.choices import how_to_draw
from archspec.ir import Graph
from archspec.views.summary import Summary, summarize

if TYPE_CHECKING:
    from archspec.emit.weights import Loaded

HELP = "compile, run a real forward pass, compare it with what was inferred, write build/NAME/"
BESIDES = 12  # lines of the output that are not the table's rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_spec(parser)
    parser.add_argument("-o", "--output", metavar="DIR", type=place, help="the folder to write to (build/NAME)")
    group = parser.add_argument_group("weights")
    group.add_argument(
        "--weights", metavar="FILE", type=place,
        help="weights to load instead of initialising: a safetensors file, or one of torch.save; all must fit",
    )  # fmt: skip
    group.add_argument(
        "--skip", metavar="PATTERN", action="append", default=[],
        help="names of tensors that are not loaded but initialised, or not used: 'fc.*'; repeatable",
    )  # fmt: skip
    group.add_argument(
        "--rename", metavar="OLD=NEW", type=_change, action="append", default=[],
        help="parts of the file's names to be replaced: norm.1=norm1; repeatable",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    if args.weights is None and (args.skip or args.rename):
        raise spec_error("bad-call", "`--skip` and `--rename` are about weights", help="add `--weights FILE`")
    with step("compiling"):
        graph = options.load(args, args.spec)
        unmet = check_expectations(graph)
        if unmet:
            raise SpecError(unmet)
        summary = summarize(graph)
    loaded, differences = _verified(graph, args)
    if differences:
        _report(differences)
        return BUG
    folder = args.output or Path("build") / _file_name(graph.name)
    data = summary.to_json() if loaded is None else {**summary.to_json(), "weights": loaded.to_json()}
    text = f"{json_text(data)}\n"
    with step("drawing"):
        pictures, undrawn = _pictures(summary)
    files = {"model.py": api.to_python(graph), "summary.json": text, **pictures}
    write_folder(folder, files)
    print(summary.to_text(columns(), depth=_depth(summary)))
    print()
    print("verified  every shape and dtype in a forward pass, eval and training; parameters and buffers")
    if graph.expect:
        print(f"expected  {', '.join(graph.expect)}: as the spec says")
    for position, line in enumerate(loaded.lines() if loaded is not None else ()):
        print(f"{'' if position else 'weights':<9} {line}")
    print(f"wrote     {folder}/: {', '.join(files)}")
    if undrawn:
        print(f"          no picture: {undrawn}; {how_to_draw()}")
    return 0


def _verified(graph: Graph, args: argparse.Namespace) -> tuple[Loaded | None, Sequence[object]]:
    """What was loaded, and where a real module is not as inferred."""
    warnings.filterwarnings("ignore", "Failed to initialize NumPy")  # torch does without it
    with step("importing torch"):
        from archspec.emit import torch as backend
        from archspec.emit import weights
    loaded = None
    if args.weights is None:
        with step("initialising the module"):
            model = backend.build(graph)
    else:
        with step("loading the weights"):
            model, loaded = weights.build(graph, args.weights, skip=args.skip, rename=dict(args.rename))
    with step("running forward passes"):
        return loaded, backend.run_and_compare(graph, model)


def _pictures(summary: Summary) -> tuple[dict[str, str | bytes], str]:
    """The diagram and the report; where nothing lays them out the diagram's text, a report without it, and why."""
    from archspec.diagrams.draw import draw
    from archspec.diagrams.engine import find_engine
    from archspec.reports.report import Report

    diagram, engine = draw(summary.graph), find_engine("svg")
    why = "no program on this machine draws one"
    if engine is not None:
        try:
            return {"diagram.svg": diagram.render(), "report.html": Report(summary.analyses, engine).html}, ""
        except SpecError as error:  # a module that is verified is not lost for a picture
            why = error.diagnostics[0].message
    return {"diagram.dot": diagram.dot, "report.html": Report(summary.analyses, None).html}, why


def _change(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not equals or not old:
        raise argparse.ArgumentTypeError(f"`{text}` is no OLD=NEW: write norm.1=norm1, say")
    return old, new


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
