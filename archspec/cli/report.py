"""`archspec report SPEC -o FILE`."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli import formats, options
from archspec.cli.outputs import named, place
from archspec.diagnostics import spec_error
from archspec.diagrams.choices import ENGINES, how_to_draw

HELP = "write a page about the network: diagram, table, charts, receptive fields, sizes, source"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_spec(parser)
    parser.add_argument("-o", "--output", metavar="FILE", type=place, required=True, help="a .html file")
    page = parser.add_argument_group("the page")
    page.add_argument("--engine", choices=tuple(ENGINES), help="the layout program (the first that is there)")
    formats.add_memory(parser)


def run(args: argparse.Namespace) -> int:
    from archspec.reports.report import report

    path: Path = args.output
    if path.suffix != ".html":
        message = f"cannot write a report to `{path}`: only to .html"
        raise spec_error("bad-call", message, help=named(path, ".html", "report"))
    graph = options.load(args, args.spec)
    found = report(graph, engine=args.engine, batch=args.batch, optimizer=args.optimizer)
    print(f"wrote {found.save(path)}")
    if found.engine is None:
        print("without a diagram: no program on this machine lays one out")
        print(how_to_draw())
    return 0
