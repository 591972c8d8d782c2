"""Running the contestants of a case in turns, and what came of it.

Every round runs each contestant once, so that whatever else the machine does meets all of them alike.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Facts = Mapping[str, int | float | str]
"""What a run found besides its time, by the name of a column: parameters, MACs, peak memory."""


def _no_facts(_: Any) -> Facts:
    return {}


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to do what a case is about. `run` is timed; `facts` reads its result afterwards.

    A `run` that takes its own time gives it as the fact `seconds`. `note` says what a reader must know of it.
    """

    name: str
    run: Callable[[], Any]
    facts: Callable[[Any], Facts] = _no_facts
    note: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """Contestants that do the same thing. Ratios are to the first one."""

    title: str
    contestants: Sequence[Contestant]


@dataclass(frozen=True, slots=True)
class Section:
    """Cases that are measured alike; `text` says how. `columns` are the facts shown, in order.

    `cases` is called when the section is run: making them may need packages that others do not.
    """

    name: str
    title: str
    text: str
    columns: tuple[str, ...]
    cases: Callable[[], Sequence[Case]]
    rounds: int
    warm_up: bool = True  # a round before the first, which is not counted


@dataclass(slots=True)
class Result:
    """The times of one contestant in seconds, and its facts; `failure` is why it has none."""

    contestant: Contestant
    times: list[float] = field(default_factory=list[float])
    facts: Facts = field(default_factory=dict[str, "int | float | str"])
    failure: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def least(self) -> float:
        return min(self.times)

    @property
    def spread(self) -> float:
        """The interquartile range: from the time a quarter of the runs stay below to that of three quarters."""
        if len(self.times) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.times, n=4, method="inclusive")
        return high - low


LEAST = 3
"""Rounds that a case gets, however long they take."""


def measure(
    case: Case,
    rounds: int,
    warm_up: bool = True,
    progress: Callable[[str], None] = lambda _: None,
    limit: float = math.inf,
) -> list[Result]:
    """The results of a case, in the order of its contestants. One that raises is out, and its error is its result. No
    round is begun after `limit` seconds, but for the first few."""
    results = [Result(contestant) for contestant in case.contestants]
    start = time.perf_counter()
    for number in range(-1 if warm_up else 0, rounds):
        if number >= LEAST and time.perf_counter() - start > limit:
            break
        for result in _in_turns(results, number):
            if result.failure:
                continue
            progress(f"{case.title}: {result.contestant.name}, round {number + 1} of {rounds}")
            seconds = _run(result)
            if number >= 0 and not result.failure:
                result.times.append(seconds)
    return results


def _in_turns(results: list[Result], number: int) -> Iterator[Result]:
    """Every second round goes backwards: nobody always follows the same one."""
    return iter(results) if number % 2 else reversed(results)


def _run(result: Result) -> float:
    contestant = result.contestant
    start = time.perf_counter()
    try:
        made = contestant.run()
        seconds = time.perf_counter() - start
        facts = dict(contestant.facts(made))
    except Exception as error:  # a peer may fail in any way, which is a result
        result.failure = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:60] if str(error) else ''}"
        return 0.0
    seconds = float(facts.pop("seconds", seconds))
    result.facts = facts
    return seconds
