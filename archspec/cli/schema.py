"""`archspec schema`."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.artifacts import write_file
from archspec.cli.formats import json_text
from archspec.cli.outputs import named, place
from archspec.diagnostics import spec_error

HELP = "print the language as a JSON Schema, for editors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", type=place, help="write it to a .json file")


def run(args: argparse.Namespace) -> int:
    from archspec.editors import language_schema

    path: Path | None = args.output
    if path is not None and path.suffix != ".json":
        message = f"`{path}` is no name for a schema"
        raise spec_error("bad-call", message, help=named(path, ".json", "archspec.schema"))
    text = json_text(language_schema())
    if path is None:
        print(text)
    else:
        write_file(path, f"{text}\n")
        print(f"wrote {path}")
    return 0
