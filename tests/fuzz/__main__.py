"""The fuzzer: `python -m tests.fuzz --runs 200000`. Findings are written to `--findings`, one file each."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

LONGEST = 4_000  # characters of an input that coverage guides


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--seconds", type=int, default=0, help="stop after so long (never)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="a folder that keeps what reached new code")
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    parser.add_argument("--plain", action="store_true", help="without coverage: mutations of all specs")
    args = parser.parse_args()
    if args.plain:
        plain(args)
    else:
        guided(args)


def plain(args: argparse.Namespace) -> None:
    """Mutations of the seeds, each once or several times in a row."""
    run, mutator, texts = prepared(args, 100_000)
    random = Random(args.seed)
    text = ""
    for count in range(args.runs):
        if args.seconds and time.time() - run.start > args.seconds:
            break
        text = mutator(text if text and random.random() < 0.3 else random.choice(texts), args.seed * 2**32 + count)
        if run(text.encode(errors="replace")) in ("yaml-syntax", "quote-expression", "format-version"):
            text = ""
    run.report()


def guided(args: argparse.Namespace) -> None:
    """Mutations of the seeds, and of what reached new code."""
    import atheris

    with atheris.instrument_imports(include=["archspec"]):
        run, mutator, texts = prepared(args, LONGEST)
    corpus: Path = args.corpus or Path(tempfile.mkdtemp(prefix="archspec-fuzz-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for text in texts:
        (corpus / f"seed-{hashlib.sha1(text.encode()).hexdigest()[:12]}").write_bytes(text.encode())

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        if seed % 16 == 0:
            return atheris.Mutate(data, max_size)
        return mutator(data.decode(errors="replace"), seed).encode(errors="replace")[:max_size]

    options = [f"-runs={args.runs}", f"-max_len={LONGEST}", f"-seed={args.seed}", "-timeout=60", "-rss_limit_mb=4096"]
    options += ["-mutate_depth=2", "-print_final_stats=1"]
    options += [f"-max_total_time={args.seconds}"] if args.seconds else []

    def one(data: bytes) -> None:
        run(data)

    atheris.Setup([sys.argv[0], *options, str(corpus)], one, custom_mutator=mutate)
    atheris.Fuzz()


class Run:
    """Runs inputs one by one; counts what they come to, and keeps each new kind of finding."""

    def __init__(self, findings: Path, work: Any, measured: Any) -> None:
        self.findings, self.work, self.measured = findings, work, measured
        self.start = time.time()
        self.results: Counter[str] = Counter()
        self.found: Counter[str] = Counter()

    def __call__(self, data: bytes) -> str:
        try:
            result = self.measured(self.work, data.decode(errors="replace"))
        except Exception as error:
            result = "FOUND"
            self.keep(data, error)
        self.results[result] += 1
        if self.results.total() % 10_000 == 0:
            self.report()
        return result

    def keep(self, data: bytes, error: Exception) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} {Path(last.filename).name}:{last.lineno}"
        self.found[kind] += 1
        if self.found[kind] <= 3:
            self.findings.mkdir(parents=True, exist_ok=True)
            name = hashlib.sha1(data).hexdigest()[:12]
            (self.findings / f"{name}.yaml").write_bytes(data)
            (self.findings / f"{name}.txt").write_text(kind + "\n\n" + "".join(traceback.format_exception(error)))

    def report(self) -> None:
        total, found = self.results.total(), sum(self.found.values())
        print(f"{total:,} inputs in {time.time() - self.start:.0f} s: {found} findings of {len(self.found)} kinds")
        print("  " + ", ".join(f"{name} {count}" for name, count in self.results.most_common()))
        for kind, count in self.found.most_common():
            print(f"  {count} x {kind}")
        sys.stdout.flush()


def prepared(args: argparse.Namespace, longest: int) -> tuple[Run, Any, list[str]]:
    """The run, the mutator and the seeds; archspec is imported here, where it is instrumented or not."""
    from tests.fuzz.mutate import Mutator
    from tests.fuzz.target import LIMITS, check, measured, seeds

    os.environ["ARCHSPEC_LIMITS"] = LIMITS
    texts = [text for path in seeds() if len(text := path.read_text(encoding="utf-8", errors="replace")) <= longest]
    return Run(args.findings, check, measured), Mutator(texts), texts


if __name__ == "__main__":
    main()
