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
    "archspec/ops": (
        *("test_ops_*", "test_cases", "test_random_found"),
        *("test_analysis_*", "test_receptive_field_*", "test_random_memory"),
    ),
    "archspec/analysis": (
        *("test_analysis_*", "test_receptive_field_*", "test_sizes*", "test_random_memory"),
        *("test_views_compare", "test_views_summary"),
    ),
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
    every = make_mutants(options.only)
    names = options.names or chosen(every, options.sample, options.seed)
    outcomes = run(names)
    print("\n".join(lines({name: outcomes[name] for name in names})))
    print(f"of {len(every)} mutants")


def chosen(names: Iterable[str], count: int, seed: int) -> list[str]:
    """A sample of the mutants, the same for one seed, in order."""
    every = sorted(names)
    return sorted(random.Random(seed).sample(every, min(count, len(every))))


def make_mutants(package: str) -> Sequence[str]:
    """The names of all mutants of a package, which are written."""
    from mutmut.__main__ import CatchOutput, create_mutants
    from mutmut.configuration import config
    from mutmut.utils.file_utils import copy_src_dir

    config().only_mutate = [f"{package}/*"]
    config().pytest_add_cli_args_test_selection = test_files(package)
    with CatchOutput():
        copy_src_dir()
        create_mutants(max_children=1)
    return list(results())


def test_files(package: str) -> list[str]:
    """The files of a package's tests; every pattern has some."""
    files = {pattern: sorted(ROOT.glob(f"tests/{pattern}.py")) for pattern in TESTS[package]}
    assert all(files.values()), files
    return [file.relative_to(ROOT).as_posix() for found in files.values() for file in found]


def run(names: Sequence[str]) -> Mapping[str, str]:
    """What becomes of these mutants: `killed`, `timeout`, `survived`, `no tests`..."""
    from mutmut.__main__ import cli

    cli.main(["run", "--max-children", "1", *names], standalone_mode=False)
    return results()


def results() -> Mapping[str, str]:
    """What is known of each mutant."""
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.stats import status_by_exit_code
    from mutmut.utils.file_utils import walk_mutatable_files

    found: dict[str, str] = {}
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        found |= {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items()}
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
