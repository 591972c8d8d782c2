"""`archspec summary SPEC`."""

from __future__ import annotations

import argparse

from archspec.cli import formats, options
from archspec.cli.terminal import columns
from archspec.diagnostics import spec_error

HELP = "print the table: path, op, output shape, params, MACs, receptive field; and the totals"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_spec(parser)
    table = parser.add_argument_group("the table")
    table.add_argument("--depth", metavar="N", type=depth, help="fold what lies deeper than N levels into its sums")
    table.add_argument(
        "--tree", action="store_true", default=None, help="a row for every block too, with its sums, names indented"
    )
    table.add_argument("--sort", metavar="COLUMN", help="largest first: params, macs, memory, ...")
    table.add_argument(
        "--columns", metavar="LIST", type=formats.names,
        help="what to show: path,op,params; +ops,memory adds to the usual; docs/summary.md lists them",
    )  # fmt: skip
    formats.add_memory(parser)
    formats.add_format(parser)


def run(args: argparse.Namespace) -> int:
    from archspec.views.summary import Shape, summarize

    shape = Shape(depth=args.depth, sort=args.sort, columns=args.columns, tree=args.tree)
    asked = [f"--{name}" for name, value in shape.items() if value is not None]
    if asked and args.format == "json":
        message = f"`{asked[0]}` shapes a table, but JSON has everything"
        raise spec_error("bad-call", message, help="leave it out, or write `--format csv`")
    summary = summarize(options.load(args, args.spec), args.batch, args.optimizer)
    match args.format:
        case "json":
            formats.write_json(summary.to_json())
        case "csv":
            formats.write(summary.to_csv(**shape))
        case "markdown":
            formats.write(summary.to_markdown(**shape))
        case _:
            print(summary.to_text(columns(), **shape))
    return 0


def depth(text: str) -> int:
    """A level of blocks."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"`{text}` is no depth: write 1 or more")
    return int(text)
