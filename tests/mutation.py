"""Which changes of the code no test notices: `python -m tests.mutation --only archspec/dims --sample 300 --seed 0`.

mutmut makes small changes in functions and methods, thousands a package; a random sample of them is tried, each against
the tests below that call the changed function. What survives is listed: `mutmut show NAME` prints its change. Names
given instead of a sample are tried again. Everything is made anew in `mutants/`.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS: Mapping[str, tuple[str, ...]] = {
    "archspec/dims": ("test_dims*", "test_sizes*"),
    "archspec/ops": ("test_ops_*", "test_cases", "test_random_found"),
    "archspec/analysis": ("test_analysis_*", "test_receptive_field_*", "test_sizes*", "test_random_memory"),
}
"""The tests of a package's functions: fast ones, that a mutant is tried against in seconds."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.partition(":")[0])
    parser.add_argument("--only", choices=TESTS, required=True, help="the package")
    parser.add_argument("--sample", type=int, default=300, help="how many mutants")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("names", nargs="*", help="the mutants, instead of a sample")
    options = parser.parse_args(arguments)
    os.environ["HYPOTHESIS_PROFILE"] = "mutation"
    os.chdir(ROOT)
    shutil.rmtree("mutants", ignore_errors=True)
    names = options.names or chosen(all_mutants(options.only), options.sample, options.seed)
    print("\n".join(lines(run(options.only, names))))


def chosen(names: Iterable[str], count: int, seed: int) -> list[str]:
    """A sample of the mutants, the same for one seed, in order."""
    every = sorted(names)
    return sorted(random.Random(seed).sample(every, min(count, len(every))))


def all_mutants(package: str) -> Iterator[str]:
    """The names of the mutants of a package."""
    from mutmut.mutation.file_mutation import mutate_file_contents
    from mutmut.utils.format_utils import get_mutant_name

    for path in sorted(Path(package).rglob("*.py")):
        for name in mutate_file_contents(str(path), path.read_text(encoding="utf-8")).mutant_names:
            yield get_mutant_name(path, name)


def test_files(package: str) -> list[str]:
    """The files of a package's tests; every pattern has some."""
    files = {pattern: sorted(ROOT.glob(f"tests/{pattern}.py")) for pattern in TESTS[package]}
    assert all(files.values()), files
    return [file.relative_to(ROOT).as_posix() for found in files.values() for file in found]


def run(package: str, names: Sequence[str]) -> Mapping[str, str]:
    """What becomes of each mutant: `killed`, `timeout`, `survived`, `no tests`..."""
    from mutmut.__main__ import cli
    from mutmut.configuration import config
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.stats import status_by_exit_code

    config().only_mutate = [f"{package}/*"]
    config().pytest_add_cli_args_test_selection = test_files(package)
    cli.main(["run", "--max-children", "1", *names], standalone_mode=False)
    found: dict[str, str] = {}
    for path in sorted(Path(package).rglob("*.py")):
        data = SourceFileMutationData(path=path)
        data.load()
        found |= {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items() if name in names}
    return found


def lines(outcomes: Mapping[str, str]) -> Iterator[str]:
    """What survives by name, the numbers, and the score: a mutant that does not end is noticed, too."""
    counts = Counter(outcomes.values())
    noticed = counts["killed"] + counts["timeout"]
    yield from (f"{outcome}: {name}" for name, outcome in outcomes.items() if outcome not in ("killed", "timeout"))
    yield ", ".join(f"{outcome} {count}" for outcome, count in sorted(counts.items()))
    yield f"score: {noticed} of {len(outcomes)}, {noticed / max(len(outcomes), 1):.1%}"


if __name__ == "__main__":
    main()
