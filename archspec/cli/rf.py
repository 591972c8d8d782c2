"""`archspec rf SPEC`."""

from __future__ import annotations

import argparse

from archspec.analysis.region import region, values_at
from archspec.analysis.sample import Sample
from archspec.cli import options
from archspec.cli.formats import write_json
from archspec.cli.terminal import columns

HELP = "say which part of the input a unit sees: the receptive field, and first and last position"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_spec(parser)
    parser.add_argument(
        "--node", metavar="PATH", help="a node, a block (its output), an output, a part (`lstm.h_n`); else the outputs"
    )
    parser.add_argument(
        "--at",
        metavar="ROW,COL",
        type=_position,
        help="the unit's position, a number from 0 for each axis; else the centre",
    )
    parser.add_argument("--json", action="store_true", help="print it for programs")


def run(args: argparse.Namespace) -> int:
    graph = options.load(args, args.spec)
    sample = Sample.of(graph)
    found = [region(graph, value, args.at, sample) for value in values_at(graph, args.node)]
    if args.json:
        write_json({"name": graph.name, "regions": [each.to_json() for each in found]})
    else:
        print("\n\n".join(each.to_text(columns()) for each in found))
    return 0


def _position(text: str) -> tuple[int, ...]:
    places = [part.strip() for part in text.split(",")]
    if not all(place.removeprefix("-").isdecimal() for place in places):  # which are there is said by `region`
        raise argparse.ArgumentTypeError(f"`{text}` is no position: write one number for each axis, 3,4 say")
    return tuple(map(int, places))
