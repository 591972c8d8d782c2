"""The script of mutation testing: its sample, its report, and that its tests exist. mutmut itself is not run."""

from __future__ import annotations

import pytest

from tests import mutation
from tests.mutation import ROOT, TESTS, chosen, lines

NAMES = [f"archspec.dims.sizes.x_add__mutmut_{i}" for i in range(40)]


def test_a_sample_is_the_same_for_one_seed() -> None:
    first = chosen(NAMES, 10, seed=3)
    assert first == chosen(reversed(NAMES), 10, seed=3) != chosen(NAMES, 10, seed=4)
    assert len(set(first)) == 10 and set(first) < set(NAMES)
    assert chosen(NAMES, 100, seed=0) == sorted(NAMES)


def test_what_is_not_noticed_is_listed() -> None:
    outcomes = {"a": "killed", "b": "survived", "c": "timeout", "d": "no tests"}
    assert list(lines(outcomes)) == [
        "survived: b",
        "no tests: d",
        "killed 1, no tests 1, survived 1, timeout 1",
        "score: 2 of 4, 50.0%",
    ]


@pytest.mark.parametrize("package", TESTS)
def test_packages_and_their_tests_exist(package: str) -> None:
    assert (ROOT / package / "__init__.py").is_file()
    assert mutation.test_files(package)
