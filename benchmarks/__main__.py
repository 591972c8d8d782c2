"""`python -m benchmarks`: measures, prints the tables, and writes them where asked."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import description
from benchmarks.measure import Section, measure
from benchmarks.report import Table, table, to_markdown, to_text
from benchmarks.sections import SECTIONS

HEAD = """\
# Benchmarks

archspec beside other tools, in turns in one run: every round runs each contestant of a table once. Times are medians of
the rounds, with the least one and the interquartile range; ratios are of medians, to archspec's or the first row's.
Where a tool's counts are not archspec's, its row says why. What was done for speed is in
[the design notes](design/speed.md). Modules beside torchvision's are in [a page of their own](benchmarks-modules.md).

Made by `{command}`, with the packages of the extra `bench`, on: {machine}.
"""


MODULES = ("construct", "load", "forward", "train", "inference", "compile")
"""Sections of `benchmarks.modules`, which has a document of its own, and imports torch and torchvision."""


def main(words: Sequence[str] | None = None) -> int:
    """Runs the sections that are asked for; all of them but those of modules unless some are named."""
    known = f"of: {', '.join(SECTIONS)}; or of: {', '.join(MODULES)}"
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=known)
    parser.add_argument("--only", metavar="CASE", action="append", help="cases of this title, say `resnet152`")
    parser.add_argument("--rounds", metavar="N", type=int, help="rounds in place of each section's own number")
    parser.add_argument("--write", metavar="FILE", type=Path, help="write the tables as Markdown, too")
    args = parser.parse_args(words)
    if args.sections and set(args.sections) <= set(MODULES):
        from benchmarks import modules

        return modules.main(words)
    unknown = set(args.sections) - SECTIONS.keys()
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}, or not together; choose {known}")
    parts: list[str] = [HEAD.format(command=_command(args), machine=description())]
    for name, section in SECTIONS.items():
        if args.sections and name not in args.sections:
            continue
        print(f"\n{section.title}\n{section.text}", flush=True)
        tables = run(section, args.rounds or section.rounds, args.only)
        parts.append(f"## {section.title}\n\n{section.text}\n")
        parts += [f"{to_markdown(rows)}\n" for rows in tables]
        if args.write is not None:  # after each section: a long run that is stopped has written something
            args.write.write_text("\n".join(parts), encoding="utf-8")
    return 0


def run(section: Section, rounds: int, only: Sequence[str] | None = None) -> list[Table]:
    """The tables of a section, printed as they are finished."""
    tables: list[Table] = []
    for case in section.cases():
        if only and case.title not in only:
            continue
        rows = table(case.title, section, measure(case, rounds, section.warm_up, _progress))
        _progress("")
        print(f"\n{to_text(rows)}", flush=True)
        tables.append(rows)
    return tables


def _command(args: argparse.Namespace) -> str:
    """The call, as it is written in the document it made."""
    rounds = [f"--rounds {args.rounds}"] if args.rounds else []
    only = [f"--only '{title}'" for title in args.only or ()]
    return " ".join(["python -m benchmarks", *args.sections, *only, *rounds, "--write docs/benchmarks.md"])


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
