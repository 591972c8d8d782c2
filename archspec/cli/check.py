"""`archspec check SPEC...`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from archspec import api, render
from archspec.analysis.expect import check_expectations
from archspec.analysis.interface import size_interface
from archspec.cli import options
from archspec.cli.outcome import exit_code
from archspec.cli.terminal import print_diagnostics
from archspec.diagnostics import Diagnostic, SpecError
from archspec.ir import Graph
from archspec.library import Library

HELP = "say whether specs are right, without torch; of a spec with variants, all unless one is chosen"
FORMATS = {"json": render.to_json, "github": render.to_github}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_spec(parser, several=True)
    parser.add_argument("--format", choices=("text", *FORMATS), default="text", help="of the errors (text)")


def run(args: argparse.Namespace) -> int:
    reports = [_check(args, spec) for spec in args.spec]
    diagnostics = [found for report in reports for found in report.diagnostics]
    if args.format != "text":
        print(FORMATS[args.format](diagnostics))
        return exit_code(diagnostics)
    for report in reports:
        if not report.diagnostics:
            print(f"ok  {report.spec}: {report.what}")
            for fact, names in report.facts.items():
                print(f"    {fact}{'' if len(names) == report.networks else ' (' + ', '.join(names) + ')'}")
    sys.stdout.flush()
    if diagnostics:
        print_diagnostics(diagnostics)
    return exit_code(diagnostics)


@dataclass(frozen=True, slots=True)
class _Report:
    """What was found of one SPEC. `facts`: each with the networks of which it is true."""

    spec: str
    what: str
    networks: int
    facts: dict[str, list[str]]
    diagnostics: list[Diagnostic]


def _check(args: argparse.Namespace, spec: str) -> _Report:
    found: dict[tuple[object, ...], Diagnostic] = {}  # variants share most of their mistakes
    facts: dict[str, list[str]] = {}
    names: list[str] = []
    try:
        variants = _variants(args, spec)
    except SpecError as error:
        return _Report(spec, "", 0, {}, list(error.diagnostics))
    if not variants:
        return _Report(spec, "a library of blocks, checked where they are used", 0, {}, [])
    for variant in variants:
        try:
            graph = options.load(args, spec, variant)
            diagnostics = check_expectations(graph)
        except SpecError as error:
            diagnostics = error.diagnostics
        else:
            names.append(graph.name)
            for fact in _facts(graph):
                facts.setdefault(fact, []).append(graph.name)
        found |= {(each.code, each.message, each.span): each for each in diagnostics}
    return _Report(spec, ", ".join(names), len(names), facts, list(found.values()))


def _variants(args: argparse.Namespace, spec: str) -> list[str | None]:
    """What to check: the chosen variant, else all, else the spec itself; nothing of a library."""
    path, named = api.find(spec)
    loaded = Library(args.allow_paths).load(path)
    chosen = args.variant or named
    if loaded.graph is None and loaded.blocks and chosen is None:
        return []
    if chosen is not None or loaded.variants is None or not loaded.variants.entries:
        return [chosen]
    return list(loaded.variants.keys())


def _facts(graph: Graph) -> Iterator[str]:
    if graph.expect:
        yield f"as expected: {', '.join(graph.expect)}"
    yield from size_interface(graph)
