"""`archspec export SPEC -o FILE`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from archspec import api
from archspec.artifacts import write_file
from archspec.cli import options
from archspec.cli.outputs import named, place
from archspec.diagnostics import spec_error

HELP = "write the network as a self-contained PyTorch file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_spec(parser)
    parser.add_argument("-o", "--output", metavar="FILE", type=place, required=True, help="a .py file; - prints it")
    parser.add_argument(
        "--optimize", choices=("inference",), help="the network as it computes in evaluation, in fewer steps"
    )


def run(args: argparse.Namespace) -> int:
    path: Path = args.output
    printed = path == Path("-")
    if not printed and path.suffix != ".py":
        message = f"cannot export to `{path}`: only to .py"
        raise spec_error("bad-call", message, help=named(path, ".py", "model"))
    graph = options.load(args, args.spec)
    source = api.to_python(graph if args.optimize is None else api.optimize(graph, args.optimize))
    if printed:
        sys.stdout.write(source)
    else:
        write_file(path, source)
        print(f"wrote {path}")
    return 0
