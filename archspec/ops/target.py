"""How an op is written in PyTorch, as data: the emitters turn these into source text.

Placeholders stand for what is only known where the op is used: `Operand` for an input tensor, `Operands` for all of
them as a tuple, `Training` for `self.training`, `RuntimeSize` (archspec.values) for a size read at run time.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from archspec.objects import record
from archspec.values import RuntimeSize

Arg = Any
"""A Python literal (None, bool, int, float, str, tuple, list of these) or a placeholder."""

Unpack = tuple["int | Unpack", ...]
"""The nesting of what torch returns, by result number: an LSTM gives `(0, (1, 2))`."""


@record
class Operand:
    """The op's input number `index`."""

    index: int


@record
class Operands:
    """All of the op's inputs (from number `start` on), as a tuple: `torch.cat((x, y), 1)`."""

    start: int = 0


@record
class Training:
    """`self.training`."""


@record
class Code:
    """A Python expression in which `{0}`, `{1}`... stand for the inputs: `{0}.shape[-2:]`."""

    template: str


@record
class Module:
    """A submodule, constructed once as `cls(*args, **kwargs)` and called with the inputs.

    `call_args`: None calls it with all inputs in order. `take`: index the result. `unpack`: the result's nesting when
    it is several tensors. `support`: source of a class that the exported file must carry, when torch has none.
    """

    cls: str
    args: tuple[Arg, ...] = ()
    kwargs: tuple[tuple[str, Arg], ...] = ()
    call_args: tuple[Arg, ...] | None = None
    call_kwargs: tuple[tuple[str, Arg], ...] = ()
    take: int | None = None
    unpack: Unpack | None = None
    support: str | None = None


@record
class Call:
    """A function: `torch.cat((x, y), 1)`. Arguments are positional wherever torch allows it."""

    function: str
    args: tuple[Arg, ...] = ()
    kwargs: tuple[tuple[str, Arg], ...] = ()
    unpack: Unpack | None = None


@record
class Method:
    """A method of the first input: `x.reshape(n, -1)`."""

    method: str
    args: tuple[Arg, ...] = ()
    kwargs: tuple[tuple[str, Arg], ...] = ()
    unpack: Unpack | None = None


@record
class Operator:
    """An infix operator over two or more terms: `x + y`, `x @ y`, `x * 0.5`."""

    symbol: str
    terms: tuple[Arg, ...]


@record
class Index:
    """Subscription of the first input: `x[:, 0]`. Items are ints, RuntimeSizes, slices, None or Ellipsis."""

    items: tuple[Arg, ...]


@record
class StateTensor:
    """A parameter or buffer that the enclosing module owns under the node's name."""

    value: Any = field(default=None)
    trainable: bool = True
    persistent: bool = True


Target = Module | Call | Method | Operator | Index | StateTensor

__all__ = [
    "Arg", "Call", "Code", "Index", "Method", "Module", "Operand", "Operands", "Operator", "RuntimeSize",
    "StateTensor", "Target", "Training", "Unpack",
]  # fmt: skip
