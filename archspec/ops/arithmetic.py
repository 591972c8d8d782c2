"""Arithmetic between tensors, and the elementary functions."""

from typing import ClassVar, Literal

from archspec import dims
from archspec.dims import Dim
from archspec.ops.axes import broadcast
from archspec.ops.base import Category, Example, Inputs, Kept, Needs, Op, OpError, Signature, Wanted, elements
from archspec.ops.dtypes import is_float, promote, require_no_bool
from archspec.ops.functional import Elementwise
from archspec.ops.target import Arg, Call, Operand, Operator, Target
from archspec.ops.work import expanded
from archspec.values import TensorType

Number = int | float

_MAPS = ((2, 4, 3, 5), (2, 4, 3, 5))
_GATED = ((2, 4, 3, 5), (2, 4, 1, 1))


class _Arithmetic(Op, abstract=True):
    """Element by element between tensors that broadcast, or a tensor and a number."""

    category: ClassVar[Category] = "arithmetic"
    per_element: ClassVar[int] = 1

    def result(self, need: Needs, inputs: Inputs, *numbers: Number) -> TensorType:
        """Shape and dtype of the result."""
        return TensorType(broadcast(need, self.name, inputs), promote(*inputs, *numbers))


class _Chain(_Arithmetic, abstract=True):
    """An operator between two tensors or more, or one and a number."""

    signature: ClassVar[Signature] = Signature(("input", "other"), variadic=True, minimum=1)
    symbol: ClassVar[str]

    other: Number | None = None

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        second_operand(self.name, self.other, len(inputs) > 1)
        return self.result(need, inputs, *number(self.other))

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(elements(outputs[0]), max(1, len(inputs) - 1))

    def target(self, inputs: Inputs) -> Target:
        return Operator(self.symbol, (*map(Operand, range(len(inputs))), *number(self.other)))


class _Binary(_Arithmetic, abstract=True):
    """An operation on two tensors, or a tensor and a number."""

    signature: ClassVar[Signature] = Signature(("input",), ("other",))

    other: Number | None = None

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        second_operand(self.name, self.other, len(inputs) > 1)
        return self.result(need, inputs, *number(self.other))

    def second(self, inputs: Inputs) -> Arg:
        """The second operand, a tensor or a number."""
        return Operand(1) if len(inputs) > 1 else self.other


def number(value: Number | None) -> tuple[Number, ...]:
    """An optional number as a list."""
    return () if value is None else (value,)


def second_operand(op: str, value: Number | None, given: bool, argument: str = "other") -> None:
    """Exactly one of a number and a second tensor is given."""
    if value is None and not given:
        raise OpError(
            "bad-argument", f"`{op}` needs a second operand, got one", operand=0,
            help=f"name two values in `from:`, or give a number as `{argument}:`",
        )  # fmt: skip
    if value is not None and given:
        raise OpError("bad-argument", f"`{op}` has `{argument}` both as a number and as an input", argument=argument)


class Add(_Chain):
    """The sum of two or more tensors, or of one and a number; sizes of 1 expand: `[N, C, H, W]` and `[N, C, 1, 1]`."""

    name: ClassVar[str] = "add"
    symbol: ClassVar[str] = "+"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _MAPS),
        Example({}, (*_GATED, (2, 1, 3, 5))),
        Example({"other": 1}),
    )

    def passes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        return tuple(i for i, x in enumerate(inputs) if x.shape == outputs[0].shape)


class Mul(_Chain):
    """The product of two or more tensors, or of one and a number; `[N, C, 1, 1]` gates `[N, C, H, W]`."""

    name: ClassVar[str] = "mul"
    symbol: ClassVar[str] = "*"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _GATED),
        Example({"other": 0.5}),
        Example({}, (_MAPS[0],) * 3),
    )

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """Of each product, from left to right, a factor for the gradient of the other."""
        factors: set[int] = set()
        made: list[TensorType] = []
        product, flows = inputs[0], wanted.inputs[0]
        for position, factor in enumerate(inputs.types[1:], 1):
            if wanted.inputs[position]:
                if position == 1:
                    factors.add(0)
                else:
                    made.append(product)
            if flows:
                factors.add(position)
            flows = flows or wanted.inputs[position]
            product = expanded(Inputs((product, factor), ("input", "other")))
        return Kept(tuple(sorted(factors)), made=tuple(made))


class Sub(_Binary):
    """The difference `input - other`."""

    name: ClassVar[str] = "sub"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _GATED), Example({"other": 1.5}))

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        for operand, x in enumerate(inputs):
            require_no_bool(x, op=self.name, operand=operand)
        return super().infer(need, inputs)

    def target(self, inputs: Inputs) -> Target:
        return Operator("-", (Operand(0), self.second(inputs)))

    def passes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        return (0,) if inputs[0].shape == outputs[0].shape else ()


class RSub(Sub):
    """The difference the other way round, `other - input`: `{op: rsub, other: 1}` is the other side of a gate."""

    name: ClassVar[str] = "rsub"
    examples: ClassVar[tuple[Example, ...]] = (Example({"other": 1}), Example({}, _GATED))

    def target(self, inputs: Inputs) -> Target:
        return Operator("-", (self.second(inputs), Operand(0)))

    def passes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        return (1,) if len(inputs) > 1 and inputs[1].shape == outputs[0].shape else ()


class Div(_Binary):
    """The quotient `input / other`, of floats; with a `rounding_mode`, rounded to a whole number."""

    name: ClassVar[str] = "div"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _GATED),
        Example({"other": 8}),
        Example({"other": 0.3, "rounding_mode": "floor"}),
    )
    rounding_mode: Literal["floor", "trunc"] | None = None

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """The divisor, and for its own gradient the dividend."""
        if len(inputs) == 1:
            return Kept()
        return Kept((0, 1) if wanted.inputs[1] else (1,))

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        out = super().infer(need, inputs)
        if self.rounding_mode is None:
            return TensorType(out.shape, out.dtype if is_float(out.dtype) else "float32")
        require_no_bool(out, op=self.name)
        if self.other == 0 and not is_float(out.dtype):
            raise OpError("bad-argument", "`div` of integers by 0", argument="other")
        return out

    def target(self, inputs: Inputs) -> Target:
        if self.rounding_mode is None:
            return Operator("/", (Operand(0), self.second(inputs)))
        return Call("torch.div", (Operand(0), self.second(inputs)), (("rounding_mode", self.rounding_mode),))


class Pow(_Arithmetic):
    """`input ** exponent`, the exponent a number or a second tensor."""

    name: ClassVar[str] = "pow"
    signature: ClassVar[Signature] = Signature(("input",), ("exponent",))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"exponent": 2}),
        Example({"exponent": 0.5}),
        Example({}, _GATED),
    )

    exponent: Number | None = None
    saves_inputs: ClassVar[tuple[str, ...]] = ("input", "exponent")

    @property
    def saves_output(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.exponent is None  # the gradient of a tensor exponent reads it

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        second_operand(self.name, self.exponent, len(inputs) > 1, "exponent")
        out = self.result(need, inputs, *number(self.exponent))
        require_no_bool(inputs[-1] if is_float(out.dtype) and len(inputs) > 1 else out, op=self.name)
        if self.exponent is not None and self.exponent < 0 and not is_float(out.dtype):
            raise OpError(
                "bad-argument", f"integers have no power {self.exponent}", argument="exponent",
                help=f"write the exponent as a float: `{float(self.exponent)}`",
            )  # fmt: skip
        return out

    def target(self, inputs: Inputs) -> Target:
        return Operator("**", (Operand(0), Operand(1) if len(inputs) > 1 else self.exponent))


class _Extreme(_Arithmetic, abstract=True):
    """The larger or the smaller of two values."""

    signature: ClassVar[Signature] = Signature(("input", "other"))
    saves_inputs: ClassVar[tuple[str, ...]] = ("input", "other")
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _GATED),)

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        return self.result(need, inputs)

    def target(self, inputs: Inputs) -> Target:
        return Call(f"torch.{self.name}", (Operand(0), Operand(1)))


class Maximum(_Extreme):
    """The larger of two tensors, element by element (maxout)."""

    name: ClassVar[str] = "maximum"


class Minimum(_Extreme):
    """The smaller of two tensors, element by element."""

    name: ClassVar[str] = "minimum"


class Clamp(_Arithmetic):
    """Each element brought into `[min, max]`; one of the bounds may be left out."""

    name: ClassVar[str] = "clamp"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    examples: ClassVar[tuple[Example, ...]] = (Example({"min": 0, "max": 1.5}), Example({"max": 0.5}))

    min: Number | None = None
    max: Number | None = None

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        if self.min is None and self.max is None:
            raise OpError("bad-argument", "`clamp` needs `min`, `max` or both, got neither")
        return self.result(need, inputs, *number(self.min), *number(self.max))

    def target(self, inputs: Inputs) -> Target:
        if self.min is None:
            return Call("torch.clamp", (Operand(0),), (("max", self.max),))
        return Call("torch.clamp", (Operand(0), self.min, *number(self.max)))


class _Elementary(Elementwise, abstract=True):
    """A function of one real number."""

    category: ClassVar[Category] = "arithmetic"
    saves_inputs: ClassVar[tuple[str, ...]] = ("input",)
    per_element: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (Example({}),)
    domain: ClassVar[Literal["floating", "numbers", "all"]] = "all"
    real: ClassVar[bool] = True


class Neg(_Elementary):
    """`-x`."""

    name: ClassVar[str] = "neg"
    saves_inputs: ClassVar[tuple[str, ...]] = ()
    domain: ClassVar[Literal["floating", "numbers", "all"]] = "numbers"
    real: ClassVar[bool] = False


class Abs(_Elementary):
    """The absolute value."""

    name: ClassVar[str] = "abs"
    domain: ClassVar[Literal["floating", "numbers", "all"]] = "numbers"
    real: ClassVar[bool] = False


class Square(_Elementary):
    """`x ** 2`."""

    name: ClassVar[str] = "square"
    real: ClassVar[bool] = False

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        return TensorType(inputs[0].shape, promote(inputs[0], 2))


class Sqrt(_Elementary):
    """The square root."""

    name: ClassVar[str] = "sqrt"
    saves_output: ClassVar[bool] = True
    saves_inputs: ClassVar[tuple[str, ...]] = ()


class RSqrt(_Elementary):
    """`1 / sqrt(x)`."""

    name: ClassVar[str] = "rsqrt"
    saves_output: ClassVar[bool] = True
    saves_inputs: ClassVar[tuple[str, ...]] = ()


class Reciprocal(_Elementary):
    """`1 / x`."""

    name: ClassVar[str] = "reciprocal"
    saves_output: ClassVar[bool] = True
    saves_inputs: ClassVar[tuple[str, ...]] = ()


class Exp(_Elementary):
    """The exponential function."""

    name: ClassVar[str] = "exp"
    saves_output: ClassVar[bool] = True
    saves_inputs: ClassVar[tuple[str, ...]] = ()


class Log(_Elementary):
    """The natural logarithm."""

    name: ClassVar[str] = "log"


class Sin(_Elementary):
    """The sine."""

    name: ClassVar[str] = "sin"


class Cos(_Elementary):
    """The cosine."""

    name: ClassVar[str] = "cos"
