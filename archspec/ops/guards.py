"""Checks that the layers of several families share; each raises OpError where it fails."""

from __future__ import annotations

from typing import Literal

from archspec import dims
from archspec.ops.needs import Needs, OpError, axes_text
from archspec.values import TensorType

LAYOUT = {3: "[N, C, L]", 4: "[N, C, H, W]", 5: "[N, C, D, H, W]"}
"""What the axes of a map are, by their number."""

Integers = Literal["refuse", "keep", "promote"]
"""What becomes of integers: an error, integers again, or float32."""


def positive(**arguments: int | tuple[int, ...]) -> None:
    """Each of these arguments is at least 1, on every axis."""
    _at_least(1, "must be positive", arguments)


def not_negative(**arguments: int | tuple[int, ...]) -> None:
    """Each of these arguments is at least 0, on every axis."""
    _at_least(0, "must not be negative", arguments)


def _at_least(bound: int, rule: str, arguments: dict[str, int | tuple[int, ...]]) -> None:
    for argument, value in arguments.items():
        lowest = value if isinstance(value, int) else min(value, default=bound)
        if lowest < bound:
            raise OpError("bad-argument", f"`{argument}` {rule}, got {lowest}", argument=argument)


def probability(**arguments: float) -> None:
    """Each of these arguments is one."""
    for argument, value in arguments.items():
        if not 0 <= value <= 1:
            raise OpError("bad-argument", f"`{argument}` must lie between 0 and 1, got {value}", argument=argument)


def minimum_rank(x: TensorType, rank: int, *, op: str, layout: str) -> None:
    """`x` has at least `rank` axes."""
    if x.rank < rank:
        raise OpError(
            "wrong-rank", f"`{op}` needs {layout}, got {x}", operand=0,
            label=f"{axes_text(x.rank)}, not {rank} or more",
            help="every value keeps its batch axis; `reshape` or `unsqueeze` add axes",
        )  # fmt: skip


def sequence_first(x: TensorType, *, op: str, operand: int = 0) -> None:
    """`x` can be read as `[L, N, E]`: it is not a batch of sequences, whose axis 0 alone is unknown."""
    batch, length = x.shape[:2]
    if dims.value(batch) is None and dims.value(length) is not None:
        raise OpError(
            "batch-as-sequence", f"`{op}` would run over the batch: axis 0 of {x} is {dims.show(batch)}",
            argument="batch_first", operand=operand, label="the sequence is on axis 0 unless `batch_first` is true",
            help="write `batch_first: true`, or transpose the axes first",
        )  # fmt: skip


def real(need: Needs, x: TensorType, *, op: str, integers: Integers = "keep", booleans: bool = False) -> TensorType:
    """`x` holds numbers that the op can take; returns the type of an elementwise result."""
    if x.dtype.startswith(("int", "uint")) and integers != "refuse":
        return TensorType(x.shape, x.dtype if integers == "keep" else "float32")
    if x.dtype == "bool" and booleans:
        return TensorType(x.shape, "float32" if integers == "promote" else "bool")
    if x.dtype == "bool":
        raise OpError("wrong-dtype", f"`{op}` needs numbers, got {x.dtype}", operand=0)
    need.floating(x, op=op)
    return x.with_shape(x.shape)


def axis(x: TensorType, dim: int, argument: str, *, batch: bool = False) -> int:
    """`dim` counted from 0. The batch axis is refused unless the op leaves its size alone (`batch`)."""
    if not -x.rank <= dim < x.rank:
        raise OpError("bad-axis", f"`{argument}` {dim} is not an axis of {x}, which has {x.rank}", argument=argument)
    found = dim % x.rank
    if found == 0 and not batch and not x.constant:
        raise OpError(
            "bad-axis", f"`{argument}` {dim} is the batch axis of {x}", argument=argument,
            help="choose another axis: every value keeps its batch axis",
        )  # fmt: skip
    return found


def like_weights(need: Needs, x: TensorType, *, op: str, operand: int = 0) -> None:
    """`x` can be multiplied with parameters, which are float32."""
    need.floating(x, op=op, operand=operand)
    if x.dtype != "float32":
        raise OpError("wrong-dtype", f"`{op}` has float32 weights, got {x.dtype} input", operand=operand)


def narrow(x: TensorType, *, op: str) -> None:
    """`x` is no wider than the op's float32 parameters, as torch's normalisations want."""
    if x.dtype == "float64":
        raise OpError("wrong-dtype", f"`{op}` has float32 weights, got {x.dtype} input", operand=0)


def indices(x: TensorType, *, op: str, operand: int = 0) -> None:
    """`x` holds integers that torch accepts as indices."""
    if x.dtype not in ("int64", "int32"):
        raise OpError(
            "wrong-dtype", f"`{op}` needs int64 indices, got {x.dtype}", operand=operand,
            help="declare the dtype with the input: `{shape: [N, 128], dtype: int64}`",
        )  # fmt: skip


def refuse_falling_in_place(inplace: bool, **argument: float) -> None:
    """An activation computed in place must not fall anywhere: its backward pass reads signs off the result."""
    for name, value in argument.items():
        if inplace and value < 0:
            raise OpError(
                "bad-argument", f"`{name}` must not be negative with `inplace: true`, got {value}", argument=name
            )
