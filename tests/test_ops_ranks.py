"""What ops say of an input with too few axes, or too many: the whole text, in `cases/ranks.txt`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from archspec.ops.base import Example, Op, OpError
from tests.op_oracle import OPS, run_example

MESSAGES = Path(__file__).parent / "cases" / "ranks.txt"
FEW, MANY = (2,), (2, 3, 2, 2, 2, 2, 2)


def test_messages(update_goldens: bool) -> None:
    """Each once, of all examples with another first operand."""
    found = dict.fromkeys(line for op in OPS for example in op.examples for line in refusals(op, example))
    text = "\n".join(found) + "\n"
    if update_goldens:
        MESSAGES.write_text(text, encoding="utf-8")
    assert text == MESSAGES.read_text(encoding="utf-8")


def refusals(op: type[Op], example: Example) -> Iterator[str]:
    for shape in (FEW, MANY) if example.inputs else ():
        try:
            run_example(op, replace(example, inputs=(shape, *example.inputs[1:])))
        except OpError as error:
            if error.code == "wrong-rank":
                yield f"input {error.operand}: {error.message}"
