"""`archspec diff A [B]`."""

from __future__ import annotations

import argparse
import sys

from archspec.cli import formats, options
from archspec.cli.summary import depth
from archspec.cli.terminal import columns, wants_color
from archspec.diagnostics import spec_error

HELP = "say what changes from one network to another, or by --set: structure, numbers, and which weights still fit"
DIFFERENT = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", metavar="A", help=f"as it stands, but for --input: {options.SPEC}")
    parser.add_argument("after", metavar="B", nargs="?", help="with --variant and --set; A again where it is left out")
    options.add_spec(parser, named=False)
    parser.add_argument("--depth", metavar="N", type=depth, help="how deep blocks are listed with their numbers")
    parser.add_argument("--exit-code", action="store_true", help=f"end with {DIFFERENT} where the networks differ")
    formats.add_memory(parser)
    formats.add_format(parser)


def run(args: argparse.Namespace) -> int:
    from archspec.views.difference_view import difference

    if args.after is None and args.variant is None and not args.params:
        raise spec_error("bad-call", "one network, and nothing is changed in it", help="name another, or use `--set`")
    plain = argparse.Namespace(**{**vars(args), "variant": None, "params": []})
    before = options.load(plain, args.before)
    after = options.load(args, args.after or options.again(args, args.before))
    names = before.name, after.name
    if before.name == after.name:
        changed = ", ".join("=".join(param) for param in args.params)
        names = before.name, f"{after.name} ({changed})" if changed else args.after or after.name
    found = difference(before, after, names, args.depth, args.batch, args.optimizer)
    formats.show(found, args.format, lambda: found.to_text(columns(), color=wants_color(sys.stdout)))
    return DIFFERENT if args.exit_code and not found.is_empty else 0
