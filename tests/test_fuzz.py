"""What the fuzzer found stays mended, and its mutations still make specs."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspec.limits import VARIABLE
from tests.fuzz.mutate import Mutator
from tests.fuzz.target import LIMITS, check, seeds

FOUND = sorted((Path(__file__).parent / "cases" / "fuzz").glob("*.yaml"))
TEXTS = [path.read_text(encoding="utf-8", errors="replace") for path in seeds()]
MUTATOR = Mutator(TEXTS)


@pytest.fixture(autouse=True, scope="module")
def limits() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, LIMITS)
        yield


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_was_found_is_answered_with_a_diagnostic(path: Path) -> None:
    assert check(path.read_bytes().decode(errors="replace")) != "ok"


@given(st.integers(0, 2**32))
def test_a_changed_spec_is_compiled_or_refused(seed: int) -> None:
    check(MUTATOR(Random(seed).choice(TEXTS), seed))


def test_the_mutations_reach_every_stage() -> None:
    results = {check(MUTATOR(Random(seed).choice(TEXTS), seed)) for seed in range(300)}
    assert {"ok", "yaml-syntax", "unknown-op"} <= results and len(results) > 20
