"""Modules beside torchvision's: `python -m benchmarks.modules --help`.

Each row is a network: torchvision's module and ours, with the same weights, run in turns on one core. Times are CPU
times, which a busy machine changes least.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

import archspec
from benchmarks.anew import compiled_anew
from benchmarks.machine import description
from benchmarks.measure import Case, Contestant, Facts, Result, measure
from benchmarks.report import Table, seconds, to_markdown, to_text
from benchmarks.twins import FEW, TWINS, Twin
from tests.memory_probe import inference_peak

HEAD = """\
# Benchmarks of modules

The modules that archspec builds beside those of torchvision, with the same weights, in turns in one run on one core.
Times are CPU times, medians of 3 to 7 rounds with the interquartile range; `ratio` is ours to torchvision's, and the
last row of a table the geometric mean. Building, and inference of one image, are measured on every network that
torchvision has, too; the rest on one of each kind. What needs no module is in [Benchmarks](benchmarks.md), and what
was done for speed in the design notes on [speed](design/speed.md) and [inference](design/inference.md).

Made by `{command}` on: {machine}.
"""
BATCHES = (1, 16)
LIMIT = 3.0
"""Seconds after which a row gets no more rounds than the least."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A section. `cases`: for a network, the contestants of each row, torchvision's first, then ours. `text` says what
    is measured; `columns` are facts of all contestants, in order, each under its own title."""

    name: str
    title: str
    text: str
    cases: Callable[[Twin], Iterator[Case]]
    columns: tuple[str, ...] = ()
    rounds: int = 7
    only: tuple[str, ...] = ()  # these networks unless others are named


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    made = run()
    return time.process_time() - start, made


def contestant(name: str, run: Callable[[], Any], **facts: int | float | str) -> Contestant:
    """One whose time is CPU time, with these facts."""

    def read(result: tuple[float, Any]) -> Facts:
        return {"seconds": result[0], **facts}

    return Contestant(name, partial(_timed, run), read)


# --- building


def _built_before(build: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """The same, after what only the first two modules take: further ones are copied."""
    build()
    build()
    return build


def construct(twin: Twin) -> Iterator[Case]:
    def anew() -> nn.Module:
        return archspec.build(compiled_anew(twin.name))

    yield Case(
        twin.name,
        [
            contestant("torchvision", twin.theirs),
            contestant("ours", _built_before(partial(archspec.build, twin.name))),
            contestant("ours, compiled anew", anew),
        ],
    )


def load(twin: Twin) -> Iterator[Case]:
    state = twin.theirs().state_dict()

    def theirs() -> nn.Module:
        model = twin.theirs()
        model.load_state_dict(state)
        return model

    def anew() -> nn.Module:
        return archspec.build(compiled_anew(twin.name), weights=state)

    yield Case(
        twin.name,
        [
            contestant("torchvision", theirs),
            contestant("ours", _built_before(partial(archspec.build, twin.name, weights=state))),
            contestant("ours, compiled anew", anew),
        ],
    )


# --- running


def _shapes(twin: Twin) -> Iterator[tuple[str, torch.Tensor]]:
    for size in dict.fromkeys((twin.small, twin.nominal)):
        for batch in BATCHES:
            yield f"{twin.name}, {batch} x {size}", twin.image(size, batch)


def forward(twin: Twin) -> Iterator[Case]:
    models = [model.eval() for model in twin.pair()]
    for title, x in _shapes(twin):
        named = zip(("torchvision", "ours"), models, strict=True)
        yield Case(title, [contestant(name, partial(_infer, model, x)) for name, model in named])


def _infer(model: nn.Module, x: torch.Tensor) -> None:
    with torch.inference_mode():
        model(x)


def train(twin: Twin) -> Iterator[Case]:
    models = [model.train() for model in twin.pair()]
    for title, x in _shapes(twin):
        steps = [partial(_step, model, torch.optim.SGD(model.parameters(), 1e-4), x) for model in models]
        names = ("torchvision", "ours")
        yield Case(title, [contestant(name, step) for name, step in zip(names, steps, strict=True)])


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    outputs = model(x)
    sum(output.sum() for output in _leaves(outputs)).backward()
    optimizer.step()


def _leaves(outputs: Any) -> Iterator[torch.Tensor]:
    for output in torch.utils._pytree.tree_leaves(outputs):
        if isinstance(output, torch.Tensor):
            yield output


def inference(twin: Twin) -> Iterator[Case]:
    theirs = twin.theirs().eval()
    for parameter in theirs.parameters():
        if not parameter.any():  # a head of zeros gives zeros, whatever is wrong before it
            nn.init.normal_(parameter, std=0.02)
    ours = archspec.build(twin.name, weights=theirs.state_dict(), optimize="inference")
    for batch in BATCHES if twin.name in FEW else BATCHES[:1]:
        x = twin.image(twin.nominal, batch)
        facts = [
            {"peak MB": round(inference_peak(model, [twin.image(twin.nominal, batch)]) / 1e6, 1), "apart": apart}
            for model, apart in ((theirs, 0.0), (ours, _apart(theirs, ours, x)))
        ]
        yield Case(
            f"{twin.name}, {batch} x {twin.nominal}",
            [
                contestant("torchvision", partial(_infer, theirs, x), **facts[0]),
                contestant("ours", partial(_infer, ours, x), **facts[1]),
            ],
        )


def _apart(theirs: nn.Module, ours: nn.Module, x: torch.Tensor) -> float:
    """The largest difference of outputs, relative to the largest output."""
    with torch.inference_mode():
        pairs = zip(_leaves(theirs(x)), _leaves(ours(x)), strict=True)
        return max(float((expected - found).abs().max() / expected.abs().max()) for expected, found in pairs)


def compiled(twin: Twin) -> Iterator[Case]:
    models = [model.eval() for model in twin.pair()]
    x = twin.image(twin.small, 1)
    contestants: list[Contestant] = []
    for name, model in zip(("torchvision", "ours"), models, strict=True):
        torch._dynamo.reset()
        with torch.no_grad():
            breaks = torch._dynamo.explain(model)(x).graph_break_count
        torch._dynamo.reset()
        contestants.append(contestant(name, partial(_without_gradients, torch.compile(model), x), breaks=breaks))
    yield Case(f"{twin.name}, 1 x {twin.small}", contestants)


def _without_gradients(model: Callable[..., Any], x: torch.Tensor) -> None:
    with torch.no_grad():
        model(x)


COMPARISONS = {
    each.name: each
    for each in (
        Comparison(
            "construct", "Building an initialised module",
            "torchvision's constructor; `archspec.build` of a spec by name that has been built before, as an ensemble "
            "or a test does; and of a graph that is read, compiled and emitted each time, as one with other params "
            "is. (Of equal source, modules from the third on are copied.)", construct,
            rounds=5,
        ),
        Comparison(
            "load", "Building a module with weights to load",
            "The same with `load_state_dict` after torchvision's constructor, and with `weights` for ours.", load,
            rounds=5,
        ),
        Comparison(
            "forward", "Eager evaluation", "Batch times size of the image, under `inference_mode`.", forward, only=FEW
        ),
        Comparison(
            "train", "Eager training step", "Forward pass, backward pass from the sum of the outputs, SGD step.", train,
            rounds=5, only=FEW,
        ),
        Comparison(
            "inference", "Optimised for inference",
            "torchvision's module in evaluation, and ours built with `optimize=\"inference\"`, under `inference_mode`. "
            "`peak MB`: most of inputs, activations and outputs alive at once. `apart`: the largest difference of an "
            "output, relative to the largest output.", inference, ("peak MB", "apart"),
        ),
        Comparison(
            "compile", "Under torch.compile", "One image, evaluated without gradients by the compiled module; graph "
            "breaks as `torch._dynamo.explain` counts them.", compiled, ("breaks",),
            only=("resnet18", "vit_b_32"),
        ),
    )
}  # fmt: skip


def table(comparison: Comparison, twins: Iterable[Twin], rounds: int) -> Table:
    """A row for each case; then the geometric means of the ratios."""
    rows: Table = []
    ratios: list[list[float]] = []
    for twin in twins:
        for case in comparison.cases(twin):
            _progress(f"{comparison.name}: {case.title}")
            results = measure(case, rounds, limit=LIMIT)
            if not rows:
                rows.append(_head(comparison, results))
            rows.append(_row(comparison, case.title, results))
            if not any(result.failure for result in results):
                ratios.append([result.median / results[0].median for result in results[1:]])
            gc.collect()
    _progress("")
    if ratios:
        means = [f"{statistics.geometric_mean(column):.2f}" for column in zip(*ratios, strict=True)]
        blanks = [""] * (len(rows[0]) - 3 - 3 * len(means))
        rows.append(["geometric mean", "", "", *(cell for mean in means for cell in ("", "", mean)), *blanks])
    return rows


def _head(comparison: Comparison, results: Sequence[Result]) -> list[str]:
    first, *others = (result.contestant.name for result in results)
    cells = [f"{first}", "IQR", *(cell for name in others for cell in (name, "IQR", "ratio"))]
    facts = [f"{column}, {name}" for column in comparison.columns for name in (first, *others)]
    return ["network", *cells, *facts, ""]


def _row(comparison: Comparison, title: str, results: Sequence[Result]) -> list[str]:
    first, *others = results
    if failed := next((result for result in results if result.failure), None):
        return [title, *[""] * (2 + 3 * len(others) + len(comparison.columns) * len(results)), failed.failure]
    cells = [seconds(first.median), seconds(first.spread)]
    for result in others:
        cells += [seconds(result.median), seconds(result.spread), f"{result.median / first.median:.2f}"]
    facts = [_shown(result.facts[column]) for column in comparison.columns for result in results]
    return [title, *cells, *facts, ""]


def _shown(value: float | str) -> str:
    return f"{value:.0e}" if isinstance(value, float) and 0 < value < 0.01 else f"{value}"


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


def main(words: Sequence[str] | None = None) -> int:
    """Runs the sections that are asked for; all of them unless some are named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.modules", description=main.__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of: {', '.join(COMPARISONS)}")
    parser.add_argument("--only", metavar="NETWORK", action="append", default=[], help="this network; repeatable")
    parser.add_argument("--rounds", metavar="N", type=int, help="rounds in place of each section's own number")
    parser.add_argument("--write", metavar="FILE", type=Path, help="write the tables as Markdown, too")
    args = parser.parse_args(words)
    known = {twin.name for twin in TWINS}
    if unknown := [*(set(args.sections) - COMPARISONS.keys()), *(set(args.only) - known)]:
        parser.error(f"no section or network {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    chosen = [*args.sections, *(f"--only {name}" for name in args.only)]
    chosen += [f"--rounds {args.rounds}"] if args.rounds else []
    command = " ".join(["python -m benchmarks.modules", *chosen, "--write docs/benchmarks-modules.md"])
    parts = [HEAD.format(command=command, machine=description())]
    for name, comparison in COMPARISONS.items():
        if args.sections and name not in args.sections:
            continue
        print(f"\n{comparison.title}\n{comparison.text}", flush=True)
        only = args.only or comparison.only or known
        rows = table(comparison, [twin for twin in TWINS if twin.name in only], args.rounds or comparison.rounds)
        print(f"\n{to_text(rows)}", flush=True)
        parts.append(f"## {comparison.title}\n\n{comparison.text}\n\n{to_markdown(rows)}\n")
        if args.write is not None:  # after each section: a long run that is stopped has written something
            args.write.write_text("\n".join(parts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
