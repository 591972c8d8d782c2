"""Elements chosen by a mask, or by where they lie."""

from typing import ClassVar

from archspec.ops.arithmetic import Number, number, second_operand
from archspec.ops.axes import broadcast
from archspec.ops.base import Category, Example, Inputs, Needs, Op, OpError, Signature
from archspec.ops.dtypes import promote
from archspec.ops.functional import Function
from archspec.ops.guards import minimum_rank
from archspec.ops.target import Arg, Call, Operand, Target
from archspec.values import TensorType

_SCORES = (2, 3, 4, 5)


class Where(Op):
    """`input` where the bool tensor `condition` is true, `other` elsewhere; the shapes broadcast: `[N, 1, 1, L]` masks
    `[N, H, L, L]`. One of the two, or both, may be a number: `{op: where, other: -1e9, from: [mask, scores]}`."""

    name: ClassVar[str] = "where"
    category: ClassVar[Category] = "arithmetic"
    signature: ClassVar[Signature] = Signature(("condition",), ("input", "other"))
    saves_inputs: ClassVar[tuple[str, ...]] = ("condition",)
    per_element: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 1, 1, 5), _SCORES, _SCORES), ("bool",)),
        Example({"other": -1e9}, ((2, 1, 4, 5), _SCORES), ("bool",)),
        Example({"input": 0}, (_SCORES, (2, 3, 1, 5)), ("bool",), ("condition", "other")),
        Example({"input": 1, "other": 0}, (_SCORES,), ("bool",)),
    )

    input: Number | None = None
    other: Number | None = None

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        if inputs[0].dtype != "bool":
            raise OpError("wrong-dtype", f"`where` needs a bool condition, got {inputs[0].dtype}", operand=0)
        for name, value in (("input", self.input), ("other", self.other)):
            second_operand(self.name, value, name in inputs.names, name)
        chosen = promote(*inputs[1:], *number(self.input), *number(self.other))
        return TensorType(broadcast(need, self.name, inputs), chosen)

    def choice(self, inputs: Inputs, name: str, value: Number | None) -> Arg:
        """One of the two, a tensor or a number."""
        position = inputs.position(name)
        return value if position is None else Operand(position)

    def target(self, inputs: Inputs) -> Target:
        chosen = (self.choice(inputs, "input", self.input), self.choice(inputs, "other", self.other))
        return Call("torch.where", (Operand(0), *chosen))


class _Triangle(Function, abstract=True):
    """A triangle of the last two axes. The batch is not one of them."""

    category: ClassVar[Category] = "arithmetic"
    per_element: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((2, 4, 5),)), Example({"diagonal": -1}, (_SCORES,)))

    diagonal: int = 0

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        minimum_rank(x, 2 if x.constant else 3, op=self.name, layout="[N, *, I, J]")
        return x.with_shape(x.shape)


class Tril(_Triangle):
    """The last two axes up to a diagonal (above the main one: positive), zeros beyond: `[N, *, I, J]`, shape kept. A
    constant may be a matrix: a causal mask is `tril` of a Buffer of ones."""

    name: ClassVar[str] = "tril"


class Triu(_Triangle):
    """The last two axes from a diagonal on (above the main one: positive), zeros before: `[N, *, I, J]`, shape kept."""

    name: ClassVar[str] = "triu"
