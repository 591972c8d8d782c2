"""`archspec new FILE`."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.artifacts import write_file
from archspec.cli.outputs import named, place
from archspec.diagnostics import spec_error

HELP = "write a commented starter spec"
STARTER = Path(__file__).with_name("starter.yaml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=place, help="where to write it: mine.yaml")
    parser.add_argument("--force", action="store_true", help="overwrite the file if it exists")


def run(args: argparse.Namespace) -> int:
    path: Path = args.file
    if path.suffix not in (".yaml", ".yml"):
        raise spec_error("bad-call", f"`{path}` is no name for a spec", help=named(path, ".yaml", "mine"))
    if path.exists() and not args.force:
        raise spec_error(
            "cannot-write", f"`{path}` exists already", help="choose another name, or overwrite it with `--force`"
        )
    write_file(path, STARTER.read_text(encoding="utf-8"))
    print(f"wrote {path}: now run `archspec build {path}`")
    print(f"for your editor: `archspec schema -o {path.with_name('archspec.schema.json')}`")
    return 0
