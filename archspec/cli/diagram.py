"""`archspec diagram SPEC -o FILE`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from archspec.artifacts import write_file
from archspec.cli import formats, options
from archspec.cli.outputs import named, place
from archspec.cli.summary import depth
from archspec.diagnostics import spec_error
from archspec.diagrams.choices import ENGINES, FORMATS, SHOW, SHOWN, TEXTS, how_to_draw

if TYPE_CHECKING:
    from archspec.diagrams.draw import Diagram

HELP = "draw the network: svg, png, pdf or dot"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_spec(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=place, required=True,
        help="a .svg, .png, .pdf or .dot file; - prints the DOT text",
    )  # fmt: skip
    parser.add_argument(
        "--diff", metavar="B", nargs="?", const="",
        help="mark what B adds, removes and changes; --variant and --set are for B; the same spec where it is left out",
    )  # fmt: skip
    look = parser.add_argument_group("the picture")
    look.add_argument("--depth", metavar="N", type=depth, help="fold what lies deeper (as deep as fits a page)")
    look.add_argument("--expand", metavar="PATH", action="append", default=[], help="open a block; repeatable")
    look.add_argument(
        "--show", metavar="LIST", type=formats.names, default=SHOWN,
        help=f"what a box shows besides its op, of {', '.join(SHOW)} ({','.join(SHOWN)})",
    )  # fmt: skip
    look.add_argument("--direction", choices=("TB", "LR"), default="TB", help="top-down or left-right (TB)")
    look.add_argument("--title", metavar="TEXT", help="the heading (the network's name)")
    look.add_argument("--no-legend", action="store_true", help="leave out what the colours mean")
    look.add_argument(
        "--link", metavar="URL", default="",
        help="where boxes lead to, in svg and pdf: {file} and {line} say where they are written",
    )  # fmt: skip
    look.add_argument("--engine", choices=tuple(ENGINES), help="the layout program (the first that is there)")


def run(args: argparse.Namespace) -> int:
    from archspec.diagrams.draw import draw

    path: Path = args.output
    printed, format = path == Path("-"), path.suffix.removeprefix(".")
    if not printed and format not in (*FORMATS, *TEXTS):
        message = f"cannot draw `{path}`: only .svg, .png, .pdf and .dot"
        raise spec_error("bad-call", message, help=named(path, ".svg", "network"))
    graph = options.load(args if args.diff is None else _plain(args), args.spec)
    other = None if args.diff is None else options.load(args, args.diff or options.again(args, args.spec))
    title: str | None = args.title
    if title is None and other is not None and args.params:
        title = f"{graph.name} -> {other.name} ({', '.join('='.join(param) for param in args.params)})"
    diagram = draw(
        graph, diff=other, depth=args.depth, expand=args.expand, show=args.show, direction=args.direction,
        title=title, legend=not args.no_legend, link=args.link,
    )  # fmt: skip
    if printed:
        sys.stdout.write(diagram.dot)
    else:
        _write(diagram, path, format, args.engine)
    return 0


def _plain(args: argparse.Namespace) -> argparse.Namespace:
    """Without what is for the second network."""
    if not args.diff and args.variant is None and not args.params:
        raise spec_error("bad-call", "one network, and nothing is changed in it", help="name another, or use `--set`")
    return argparse.Namespace(**{**vars(args), "variant": None, "params": []})


def _write(diagram: Diagram, path: Path, format: str, asked: str | None) -> None:
    """The picture, or the text where no engine is there, and how to get the picture then."""
    from archspec.diagrams.engine import find_engine

    if format in TEXTS or asked is not None or find_engine(format) is not None:
        print(f"wrote {diagram.save(path, asked)}")
    else:
        text = path.with_suffix(".dot")
        write_file(text, diagram.dot)
        print(f"wrote {text}: no program on this machine writes {format}")
        print(f"{how_to_draw(format)}; or give {text.name} to any Graphviz")
