"""What an op asks of the sizes it is given, and the record of what holds only for some sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from archspec import dims
from archspec.dims import Condition, Dim, Equation, Size, show
from archspec.objects import mutable, record
from archspec.values import TensorType

NOTHING: Mapping[str, int] = {}


class OpError(Exception):
    """An op refuses its arguments or inputs. The elaborator adds the place and the path.

    `argument` or `operand` (a position among the inputs) says what the error points at; neither: the whole node.
    `requirement` is what was asked of the sizes.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        argument: str | None = None,
        operand: int | None = None,
        label: str = "",
        help: str | None = None,
        requirement: Requirement | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.argument = argument
        self.operand = operand
        self.label = label
        self.help = help
        self.requirement = requirement


@record
class Requirement:
    """What holds at the nominal sizes but not for every size: `left == right`, `left >= right`, `right | left`."""

    kind: Literal["equal", "at-least", "divisible"]
    left: Dim
    right: Dim

    def condition(self, fixed: Mapping[str, int] = NOTHING) -> Condition | Equation:
        """The same of forms; `fixed` are the values of some symbols."""
        sides = (self.left, self.right)
        left, right = (dims.form_of(dims.substitute(side, fixed) if fixed else side) for side in sides)
        match self.kind:
            case "equal":
                return Equation(left, right)
            case "at-least":
                return Condition("not-negative", dims.difference(left, right))
            case "divisible":
                return Condition("divisible", left, right.constant)


@mutable
class Needs:
    """Passed to every rule of an op; guards first, arithmetic after.

    Each question raises OpError when the answer is no, and is recorded when it is yes only for some input sizes.
    """

    batch: frozenset[str] = frozenset()  # the symbols of unknown batch sizes, which nothing may fix
    requirements: list[Requirement] = field(default_factory=list[Requirement])
    pins: list[Size] = field(default_factory=list[Size])

    def equal(
        self,
        a: Dim,
        b: Dim,
        message: str,
        *,
        code: str = "shape-mismatch",
        argument: str | None = None,
        operand: int | None = None,
        label: str = "",
        help: str | None = None,
    ) -> Dim:
        """`a` and `b` are the same size; returns the better known of the two."""
        if isinstance(a, int) and isinstance(b, int):
            if a == b:
                return a
        elif dims.proved_equal(a, b):
            return a
        elif dims.known_equal(a, b) is not False and self._may_equal(a, b):
            self.requirements.append(Requirement("equal", a, b))
            return b if isinstance(b, int) else a
        raise OpError(
            code, message, argument=argument, operand=operand, label=label, help=help,
            requirement=Requirement("equal", a, b),
        )  # fmt: skip

    def _may_equal(self, a: Dim, b: Dim) -> bool:
        """Whether the equality of two sizes may be asked of the input."""
        if self.batch and self.batch & dims.symbols(a) != self.batch & dims.symbols(b):
            return False
        return _is_fixed(a) or _is_fixed(b) or dims.can_agree(a, b)

    def at_least(
        self,
        size: Dim,
        bound: int,
        message: str,
        *,
        code: str = "size-too-small",
        argument: str | None = None,
        operand: int | None = None,
        label: str = "",
        help: str | None = None,
    ) -> None:
        """`size >= bound`."""
        if isinstance(size, int):
            if size >= bound:
                return
        elif dims.proved_at_least(size, bound):
            return
        elif dims.known_at_least(size, bound) is not False:
            self.requirements.append(Requirement("at-least", size, bound))
            return
        raise OpError(
            code, message, argument=argument, operand=operand, label=label, help=help,
            requirement=Requirement("at-least", size, bound),
        )  # fmt: skip

    def divisible(
        self,
        size: Dim,
        by: int,
        message: str,
        *,
        code: str = "not-divisible",
        argument: str | None = None,
        operand: int | None = None,
        label: str = "",
        help: str | None = None,
    ) -> Dim:
        """`by` divides `size`; returns the quotient."""
        if isinstance(size, int):
            if size % by == 0:
                return size // by
        elif dims.proved_divisible(size, by):
            return dims.floor_div(size, by)
        elif dims.known_divisible(size, by) is not False:
            self.requirements.append(Requirement("divisible", size, by))
            return dims.floor_div(size, by)
        raise OpError(
            code, message, argument=argument, operand=operand, label=label, help=help,
            requirement=Requirement("divisible", size, by),
        )  # fmt: skip

    def integer(self, size: Dim, what: str, *, argument: str | None = None, operand: int | None = None) -> int:
        """`size` as a number, which pins it to its nominal value; `what` names its use: "`in_channels`"."""
        if isinstance(size, int):
            return size
        if size.value is None:
            raise OpError(
                "unknown-size",
                f"{what} needs a number, got the unknown size {show(size)}",
                argument=argument,
                operand=operand,
                help="give this axis a number in `input:`, or on the command line with `--input`",
            )
        self.pins.append(size)
        return size.value

    def rank(self, x: TensorType, *ranks: int, op: str, layout: str, operand: int | None = 0) -> None:
        """`x` has one of these numbers of axes; `layout` shows what they are: "[N, C, H, W]"."""
        if x.rank not in ranks:
            many = " or ".join(str(rank) for rank in ranks)
            raise OpError(
                "wrong-rank",
                f"`{op}` needs {layout}, got {x}",
                operand=operand,
                label=f"{axes_text(x.rank)}, not {many}",
                help="every value keeps its batch axis; `flatten`, `reshape` or `unsqueeze` change the number of axes",
            )

    def floating(self, x: TensorType, *, op: str, operand: int | None = 0) -> None:
        """`x` holds real numbers."""
        if not x.dtype.startswith(("float", "bfloat", "complex")):
            raise OpError(
                "wrong-dtype",
                f"`{op}` needs floating-point input, got {x.dtype}",
                operand=operand,
                help="an `Embedding` turns indices into vectors",
            )


def axes_text(rank: int) -> str:
    """A number of axes in words."""
    return "1 axis" if rank == 1 else f"{rank} axes"


def _is_fixed(size: Dim) -> bool:
    """A size that has a number, at the nominal input at least."""
    return isinstance(size, int) or size.value is not None
