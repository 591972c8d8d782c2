"""How operands that may be absent reach a call."""

from __future__ import annotations

from collections.abc import Sequence

from archspec.ops.base import Inputs
from archspec.ops.target import Arg, Operand


def place_operands(inputs: Inputs, names: Sequence[str]) -> tuple[tuple[Arg, ...], tuple[tuple[str, Arg], ...]]:
    """The operands that are given, in torch's order `names`: positional up to the first gap, by keyword after it."""
    args: list[Arg] = []
    kwargs: list[tuple[str, Arg]] = []
    for index, name in enumerate(names):
        position = inputs.position(name)
        if position is None:
            continue
        if len(args) == index:
            args.append(Operand(position))
        else:
            kwargs.append((name, Operand(position)))
    return tuple(args), tuple(kwargs)
