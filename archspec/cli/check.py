"""`archspec check SPEC...`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from archspec import api, render
from archspec.analysis.expect import check_expectations
from archspec.analysis.interface import size_interface
from archspec.cli import options
from archspec.cli.options import declared_variants
from archspec.cli.outcome import exit_code
from archspec.cli.terminal import print_diagnostics
from archspec.diagnostics import Diagnostic, SpecError
from archspec.dims import Size
from archspec.ir import Graph, leaves
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
        text = FORMATS[args.format](diagnostics)
        print(text, end="\n" if text else "")
        return exit_code(diagnostics)
    for report in reports:
        if not report.diagnostics:
            print(f"ok  {report.spec}: {report.what}")
            for fact in report.facts:
                print(f"    {fact}")
    sys.stdout.flush()
    if diagnostics:
        print_diagnostics(diagnostics)
    return exit_code(diagnostics)


@dataclass(frozen=True, slots=True)
class _Report:
    """What was found of one SPEC; `facts` are true of all its variants."""

    spec: str
    what: str = ""
    facts: Sequence[str] = ()
    diagnostics: Sequence[Diagnostic] = ()


def _check(args: argparse.Namespace, spec: str) -> _Report:
    try:
        variants = _variants(args, spec)
    except SpecError as error:
        return _Report(spec, diagnostics=error.diagnostics)
    if not variants:
        return _Report(spec, "a library of blocks, checked where they are used")
    found: dict[tuple[str, str, str], Diagnostic] = {}  # variants share most of their mistakes
    facts: list[list[str]] = []
    expected: list[Mapping[str, object]] = []
    names: list[str] = []
    for variant in variants:
        try:
            graph = options.load(args, spec, variant)
            diagnostics = check_expectations(graph)
        except SpecError as error:
            diagnostics = error.diagnostics
        else:
            names.append(graph.name)
            facts.append([*_facts(graph)])
            expected.append(graph.expect)
        found |= {(each.code, each.message, str(each.span)): each for each in diagnostics}
    shared = [fact for fact in facts[0] if all(fact in others for others in facts)] if facts else []
    held = [key for key in expected[0] if all(key in others for others in expected)] if expected else []
    if held:
        shared.insert(0, f"as expected: {', '.join(held)}")
    return _Report(spec, ", ".join(names), shared, [*found.values()])


def _variants(args: argparse.Namespace, spec: str) -> list[str | None]:
    """The chosen variant, else all that the file declares, else the spec itself; nothing of a library of blocks."""
    path, named = api.find(spec)
    chosen = args.variant or named
    loaded = Library(args.allow_paths).load(path)
    if chosen is not None:
        return [chosen]
    if loaded.graph is None and loaded.blocks:
        return []
    return [*declared_variants(loaded)] or [None]


def _types(graph: Graph) -> Iterator[str]:
    """What goes in and what comes out."""
    for entry in graph.inputs:
        yield f"{entry.name}: {entry.type}"
    for entry in graph.outputs.entries:
        yield f"{entry.name}: {', '.join(str(graph.type_of(value)) for value in leaves(entry.value))}"


def _facts(graph: Graph) -> Iterator[str]:
    if any(dim.symbolic for entry in graph.inputs for dim in entry.type.shape if isinstance(dim, Size)):
        yield from _types(graph)
    yield from size_interface(graph)
