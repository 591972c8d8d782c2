"""`archspec summary SPEC`."""

from __future__ import annotations

import argparse
import json

from archspec.analysis.summary import summarize
from archspec.cli import options
from archspec.cli.terminal import size

HELP = "print the table: path, op, output shape, params, MACs, receptive field"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_spec(parser)
    parser.add_argument("--depth", metavar="N", type=_depth, help="fold what lies deeper than N levels")
    parser.add_argument("--json", action="store_true", help="print everything, for programs")


def run(args: argparse.Namespace) -> int:
    summary = summarize(options.load(args, args.spec))
    print(json.dumps(summary.to_json(), indent=2) if args.json else summary.to_text(size().columns, args.depth))
    return 0


def _depth(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"`{text}` is no depth: write 1 or more")
    return int(text)
