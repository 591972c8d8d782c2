"""Sums over ranges of nodes: a graph's blocks are ranges, nested ones parts of others."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import cast

from archspec import dims
from archspec.dims import Dim, Size


@dataclass(frozen=True)
class Sums:
    """A number per node, summed over any range in constant time but for closed forms."""

    numbers: tuple[int, ...]  # the sum over the first so many nodes
    at: tuple[int, ...]  # the nodes whose number is a closed form
    forms: tuple[Size, ...]  # and what it is

    @classmethod
    def of(cls, terms: Iterable[Dim]) -> Sums:
        """Of one number per node."""
        each = list(terms)
        try:
            return cls(tuple(accumulate(cast("list[int]", each), initial=0)), (), ())
        except TypeError:  # a Size has no operators
            pass
        forms = [(position, term) for position, term in enumerate(each) if not isinstance(term, int)]
        for position, _ in forms:
            each[position] = 0
        numbers = accumulate(cast("list[int]", each), initial=0)
        return cls(tuple(numbers), tuple([position for position, _ in forms]), tuple([form for _, form in forms]))

    def between(self, start: int, end: int) -> Dim:
        """The sum over the nodes from `start` up to, not including, `end`."""
        forms = self.forms[bisect_left(self.at, start) : bisect_left(self.at, end)]
        return dims.add(dims.total(forms), self.number(start, end)) if forms else self.number(start, end)

    def number(self, start: int, end: int) -> int:
        """The sum of the plain numbers among them."""
        return self.numbers[end] - self.numbers[start]
