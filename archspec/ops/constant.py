"""Values that come from no input: parameters, buffers and ranges."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, cast

from pydantic import BeforeValidator

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.base import Category, Example, Inputs, Ints, Needs, Op, OpError, Reach, RuntimeInt, Signature, State
from archspec.ops.dtypes import DType, is_float
from archspec.ops.target import Arg, Call, Code, StateTensor, Target
from archspec.values import TensorType, dim_of


def _as_tuples(value: object) -> object:
    if isinstance(value, list | tuple):
        return tuple(map(_as_tuples, cast("Sequence[object]", value)))
    if isinstance(value, int | float) or value is None:
        return value
    raise ValueError("must be a number, or lists of numbers")


Constant = Annotated[Any, BeforeValidator(_as_tuples)]
"""A number, or nested lists of numbers, held as tuples."""


def shape_of(value: object) -> tuple[int, ...]:
    """The shape of nested lists, held as tuples; all that lie at one depth must have one length."""
    if not isinstance(value, tuple):
        return ()
    items = cast("tuple[object, ...]", value)
    inner = {shape_of(item) for item in items}
    if len(inner) != 1:
        raise OpError("bad-argument", "`value` must be lists of equal lengths, and not empty", argument="value")
    return (len(items), *inner.pop())


class _Stored(Op, abstract=True):
    """A tensor that the network owns."""

    category: ClassVar[Category] = "constant"
    signature: ClassVar[Signature] = Signature(required=(), minimum=0)

    shape: Ints | None
    value: Constant
    dtype: DType

    def sizes(self) -> tuple[int, ...]:
        """The shape as given, or that of the value."""
        value: object = self.value
        if isinstance(value, tuple):
            shape = shape_of(cast(object, value))
            if self.shape is not None and self.shape != shape:
                raise OpError(
                    "shape-mismatch", f"`value` has shape {list(shape)}, not {list(self.shape)}", argument="value",
                    help="leave `shape` out: it follows from the value",
                )  # fmt: skip
            return shape
        if self.shape is None:
            raise OpError("bad-argument", f"`{self.name}` needs a `shape`, or a list as its `value`")
        if any(size < 1 for size in self.shape):
            raise OpError("bad-argument", f"`shape` must be positive, got {list(self.shape)}", argument="shape")
        return self.shape

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        return TensorType(self.sizes(), self.dtype, constant=True)


class Parameter(_Stored):
    """A trained tensor of its own, `[*shape]`, under the node's name: a class token, a position table, a layer scale.

    It starts as `value` (a number, or nested lists from which the shape follows), or as `init` says. `trainable: false`
    keeps it as it is.
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"shape": [1, 1, 8], "value": 0.5}, ()),
        Example({"value": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "trainable": False}, ()),
    )

    shape: Ints | None = None
    value: Constant = None
    dtype: DType = "float32"
    trainable: bool = True

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        if self.trainable and not is_float(self.dtype):
            raise OpError(
                "wrong-dtype", f"a trained `Parameter` must be of floats, got {self.dtype}", argument="dtype",
                help="use a `Buffer`, or `trainable: false`",
            )  # fmt: skip
        return super().infer(need, inputs)

    def state(self) -> tuple[State, ...]:
        return (State("", self.sizes(), self.dtype, trainable=self.trainable),)

    def target(self, inputs: Inputs) -> Target:
        return StateTensor(self.value, trainable=self.trainable)


class Buffer(_Stored):
    """A fixed tensor, `[*shape]`, under the node's name, that is saved and moved with the network but not trained: a
    filter, a table of codes. `persistent: false` keeps it out of the `state_dict`."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"value": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]}, ()),
        Example({"shape": [4], "value": 0, "dtype": "int64", "persistent": False}, ()),
    )

    shape: Ints | None = None
    value: Constant = None
    dtype: DType = "float32"
    persistent: bool = True

    def state(self) -> tuple[State, ...]:
        return (State("", self.sizes(), self.dtype, buffer=True, trainable=False, persistent=self.persistent),)

    def target(self, inputs: Inputs) -> Target:
        return StateTensor(self.value, trainable=False, persistent=self.persistent)


class Arange(Op):
    """The numbers from `start` up to, not including, `end`, `step` apart: `[L]`. They are made on the
    device of the graph's input, or of the node that `like` names."""

    name: ClassVar[str] = "arange"
    device_of: ClassVar[str | None] = "like"
    category: ClassVar[Category] = "constant"
    signature: ClassVar[Signature] = Signature((), ("like",), minimum=0, shape_only=frozenset({"like"}))
    reach: ClassVar[Reach] = "reshape"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"end": 5}, ((2, 3),), operands=("like",)),
        Example({"start": 8, "end": 1, "step": -2, "dtype": "float32"}, ()),
    )

    start: RuntimeInt = 0
    end: RuntimeInt
    step: int = 1
    dtype: DType = "int64"

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        if self.step == 0:
            raise OpError("bad-argument", "`step` must not be 0", argument="step")
        if self.dtype == "bool":
            raise OpError("wrong-dtype", "`arange` makes numbers, not bool", argument="dtype")
        start, end = dim_of(self.start), dim_of(self.end)
        span: Dim = dims.sub(end, start) if self.step > 0 else dims.sub(start, end)
        need.at_least(
            span, 1, f"`arange` from {show(start)} to {show(end)} in steps of {self.step} is empty", argument="end"
        )
        return TensorType((dims.ceil_div(span, abs(self.step)),), self.dtype, constant=True)

    def target(self, inputs: Inputs) -> Target:
        args: tuple[Arg, ...] = (self.start, self.end, self.step) if self.step != 1 else (self.start, self.end)
        kwargs: list[tuple[str, Arg]] = [] if self.dtype == "int64" else [("dtype", Code(f"torch.{self.dtype}"))]
        if "like" in inputs.names:
            kwargs.append(("device", Code("{0}.device")))
        return Call("torch.arange", args[1:] if args[0] == 0 and len(args) == 2 else args, tuple(kwargs))
