"""The options of commands that show tables, and what they print."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Protocol

from pydantic_core import to_json

from archspec.analysis.training import OPTIMIZERS

FORMATS = ("text", "markdown", "csv", "json")


def add_format(parser: argparse.ArgumentParser) -> None:
    """`--format`, and `--json` for short."""
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--format", choices=FORMATS, default="text", help="of what is printed (text)")
    chosen.add_argument(
        "--json", action="store_const", dest="format", const="json", help="everything, for programs: --format json"
    )


def add_memory(parser: argparse.ArgumentParser) -> None:
    """What memory is computed for."""
    group = parser.add_argument_group("memory")
    group.add_argument(
        "--batch", metavar="N", type=positive, help="samples that run at once (1); MACs stay those of one"
    )
    group.add_argument("--optimizer", choices=tuple(OPTIMIZERS), help="that trains the network (adam)")


def positive(text: str) -> int:
    """A number of at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"`{text}` is no number of 1 or more")
    return int(text)


def names(text: str) -> list[str]:
    """A list with commas."""
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise argparse.ArgumentTypeError(f"`{text}` is no list of names: write path,params, say")
    return found


class Table(Protocol):
    """What is shown as a table, and otherwise."""

    def to_json(self) -> Any: ...
    def to_csv(self) -> str: ...
    def to_markdown(self) -> str: ...


def show(found: Table, format: str, text: Callable[[], str]) -> None:
    """Prints it in one of `FORMATS`; `text` is how it looks on this terminal."""
    match format:
        case "json":
            write_json(found.to_json())
        case "csv":
            write(found.to_csv())
        case "markdown":
            write(found.to_markdown())
        case _:
            print(text())


def write_json(found: Any) -> None:
    """Prints what is for programs."""
    print(json_text(found))


def json_text(found: Any) -> str:
    """JSON as it is printed and written: indented, in ASCII, which every terminal and program can read."""
    return to_json(found, indent=2, ensure_ascii=True).decode()


def write(text: str) -> None:
    """Prints a text that may end with a line break."""
    print(text.rstrip("\n"))
