"""`archspec check SPEC...`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

from archspec import api, loading, render
from archspec.analysis.expect import check_expectations
from archspec.analysis.interface import size_interface
from archspec.cli import options
from archspec.cli.options import declared_variants
from archspec.cli.outcome import exit_code
from archspec.cli.terminal import columns, print_diagnostics
from archspec.cli.watch import watch
from archspec.diagnostics import Diagnostic, SpecError, spec_error
from archspec.dims import Size
from archspec.elaborate.session import FATAL
from archspec.elaborate.templates import Templates
from archspec.ir import Graph, leaves
from archspec.library import Library
from archspec.limits import current
from archspec.objects import record
from archspec.spec import Spec
from archspec.views.text import wrapped

HELP = "say whether specs are right, without torch; of a spec with variants, all unless one is chosen"
FORMATS = {"json": render.to_json, "github": render.to_github}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_spec(parser, several=True)
    parser.add_argument("--watch", action="store_true", help="check again on every change, until Ctrl-C")
    parser.add_argument("--format", choices=("text", *FORMATS), default="text", help="of the errors (text)")


def run(args: argparse.Namespace) -> int:
    if not args.watch:
        return _run(args)
    if args.format != "text":
        raise spec_error("bad-call", "`--watch` is for people, and shows text", help="leave out `--format`")
    watch(args.spec, args.allow_paths, lambda: _show(args), _say_changed)
    return 0


def _show(args: argparse.Namespace) -> None:
    """A check that tells its mistakes, and goes on."""
    try:
        _run(args)
    except SpecError as error:
        print_diagnostics(error.diagnostics)
    print(f"watching {', '.join(args.spec)}; Ctrl-C ends it", file=sys.stderr, flush=True)


def _say_changed(name: str) -> None:
    clear = "\x1b[2J\x1b[H" if sys.stdout.isatty() else ""
    print(f"{clear}--- {time.strftime('%H:%M:%S')}, {name} has changed", flush=True)


def _run(args: argparse.Namespace) -> int:
    reports = [_check(args, spec) for spec in args.spec]
    diagnostics = [found for report in reports for found in report.diagnostics]
    if args.format != "text":
        text = FORMATS[args.format](diagnostics)
        print(text, end="\n" if text else "")
        return exit_code(diagnostics)
    width = columns()
    for report in reports:
        if not report.diagnostics:
            head = f"ok  {report.spec}: {report.what}"
            for line in (head, *(f"    {fact}" for fact in report.facts)):
                print(*wrapped(line, width, "      "), sep="\n")
    sys.stdout.flush()
    if diagnostics:
        print_diagnostics(diagnostics)
    return exit_code(diagnostics)


@record
class _Report:
    """What was found of one SPEC; `facts` are true of all its variants, or name those that they are true of."""

    spec: str
    what: str = ""
    facts: Sequence[str] = ()
    diagnostics: Sequence[Diagnostic] = ()


def _check(args: argparse.Namespace, spec: str) -> _Report:
    library, templates = Library(args.allow_paths), Templates()
    try:
        path, chosen = loading.find_variant(spec, args.variant)
        read = library.load(path)
        variants = _variants(read, chosen)
        said = options.said(args)
    except SpecError as error:
        return _Report(spec, diagnostics=error.diagnostics)
    if not variants:
        return _Report(spec, "a library of blocks, checked where they are used")
    found: dict[tuple[str, str, str], dict[str | None, Diagnostic]] = {}  # variants share most of their mistakes
    facts: dict[str, list[str]] = {}
    expected: dict[str, Mapping[str, object]] = {}
    for count, variant in enumerate(variants, 1):
        try:
            graph = loading.compiled(read, library, variant, **said, templates=templates)
            if any(scope.is_reuse for scope in graph.root.walk()):
                api.to_python(graph)  # raises where two uses of a module would be written differently
            diagnostics = check_expectations(graph)
        except SpecError as error:
            diagnostics = error.diagnostics
        else:
            facts[graph.name] = [*_facts(graph)]
            expected[graph.name] = graph.expect
        for each in diagnostics:
            found.setdefault((each.code, each.message, str(each.span)), {})[variant] = each
        if len(found) >= current().errors or any(each.code in FATAL for each in diagnostics):
            variants = variants[:count]  # the others would say no more, and take as long
            break
    held = [key for key in next(iter(expected.values()), ()) if all(key in others for others in expected.values())]
    said = [f"as expected: {', '.join(held)}"] if held else []
    for name, own in expected.items():
        if more := [key for key in own if key not in held]:
            facts[name].insert(0, f"as expected: {', '.join(more)}")
    return _Report(
        spec, ", ".join(facts), [*said, *_shared(facts)], [_once(each, len(variants)) for each in found.values()]
    )


def _once(found: Mapping[str | None, Diagnostic], variants: int) -> Diagnostic:
    """A mistake by variant, as the first one has it; said which that is, unless all of them are alike."""
    (first, mistake), *others = found.items()
    if len(found) == variants and all(other.notes == mistake.notes for _, other in others):
        return mistake
    more = f", and in {len(others)} more" if others else ""
    return mistake.with_notes([f"in variant `{first}`{more}"])


def _shared(facts: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What is true of all variants, then what is true of some, by name."""
    every = [*facts.values()]
    shared = [fact for fact in every[0] if all(fact in others for others in every)] if every else []
    yield from shared
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, own in facts.items():
        alike.setdefault(tuple(fact for fact in own if fact not in shared), []).append(name)
    for own, names in alike.items():
        for fact in own:
            yield f"{', '.join(names)}: {fact}"


def _variants(spec: Spec, chosen: str | None) -> list[str | None]:
    """The chosen variant, else all that the file declares, else the spec itself; nothing of a library of blocks."""
    if chosen is not None:
        return [chosen]
    if spec.graph is None and spec.blocks:
        return []
    return [*declared_variants(spec)] or [None]


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
