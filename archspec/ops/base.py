"""What an op is: one frozen pydantic model whose fields are torch's arguments and whose methods are all its rules.

Adding an op is one class in the family's file, with at least one example, and its name in `archspec.ops.FAMILIES`;
the whole-registry tests hold it to torch. A class that lacks a rule fails when it is created, by name.
"""

# Annotations are evaluated here: pydantic would evaluate the text of those of `Op` anew for each of its subclasses.

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import cache
from inspect import get_annotations
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar, cast, overload

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from archspec import dims
from archspec.dims import Dim
from archspec.objects import record
from archspec.ops.needs import Needs, OpError
from archspec.ops.target import Arg, Module, Target
from archspec.values import RuntimeSize, TensorType

Category = Literal[
    "convolution", "linear", "normalization", "activation", "pooling", "padding", "dropout", "resize", "merge",
    "arithmetic", "reduction", "reshape", "attention", "recurrent", "embedding", "constant", "custom",
]  # fmt: skip

Reach = Literal["pointwise", "window", "transposed", "resize", "global", "reshape"]
"""How an output position depends on input positions: the same place, a window (see `windows`), a transposed window,
a resized grid, everywhere, or by a rearrangement that keeps no grid."""


class Marker:
    """Says something about a field in its annotation; compared by identity."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


INFERRED = Marker("inferred")
EXTRA = Marker("extra")
RUNTIME = Marker("runtime")
WRITTEN = Marker("written")

T = TypeVar("T")
Inferred = Annotated[T, INFERRED]
"""A field that follows from the input types; written by hand it is checked (`in_channels`)."""
Extra = Annotated[T, EXTRA]
"""A field that is not an argument of the torch constructor."""
Written = Annotated[T, WRITTEN]
"""A field whose default is not torch's, so that the constructor call always has it."""


def _size_arg(value: object) -> object:
    if isinstance(value, RuntimeSize) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ValueError("must be an integer")


class _SizeArg:
    """Checks the value alone: pydantic must not take RuntimeSize apart, whose `code` is a recursive type."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_size_arg)


RuntimeInt = Annotated[int | RuntimeSize, _SizeArg(), RUNTIME]
"""An integer that may be a size read from a tensor at run time; only arguments of calls can be."""


def tuple_of(n: int) -> BeforeValidator:
    """Takes a list, or one number for all `n` items, where a tuple is declared."""

    def widen(value: object) -> object:
        if isinstance(value, list):
            return tuple(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return (value,) * n if isinstance(value, int | float) and not isinstance(value, bool) else value

    return BeforeValidator(widen)


def as_tuple(value: object) -> object:
    """A list where a tuple of any length is declared."""
    return tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


Single = Annotated[tuple[int], tuple_of(1)]
Pair = Annotated[tuple[int, int], tuple_of(2)]
Triple = Annotated[tuple[int, int, int], tuple_of(3)]
Ints = Annotated[tuple[int, ...], BeforeValidator(as_tuple)]
RuntimeInts = Annotated[tuple[RuntimeInt, ...], BeforeValidator(as_tuple)]


class Window(NamedTuple):
    """One spatial axis of a sliding window; output size and receptive field both follow from it."""

    kernel: int
    stride: int = 1
    pad_before: int = 0
    pad_after: int = 0
    dilation: int = 1
    ceil_mode: bool = False


@record
class State:
    """A tensor in the op's `state_dict`: `weight` of `[64, 3, 7, 7]`."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    buffer: bool = False
    trainable: bool = True
    persistent: bool = True


@record
class Signature:
    """The op's tensor operands, in torch's order.

    `variadic`: any number of the last required operand (at least `minimum` inputs in all). `shape_only`: operands of
    which only the shape is read (`like`).
    """

    required: tuple[str, ...] = ("input",)
    optional: tuple[str, ...] = ()
    variadic: bool = False
    minimum: int = 1
    shape_only: frozenset[str] = frozenset()


@record
class Inputs(Sequence[TensorType]):
    """The types of a node's inputs and the operand each one fills."""

    types: tuple[TensorType, ...]
    names: tuple[str, ...]

    @overload
    def __getitem__(self, index: int) -> TensorType: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TensorType]: ...
    def __getitem__(self, index: int | slice) -> TensorType | Sequence[TensorType]:
        return self.types[index]

    def __len__(self) -> int:
        return len(self.types)

    def __iter__(self) -> Iterator[TensorType]:
        return iter(self.types)

    def position(self, name: str) -> int | None:
        """Where operand `name` is among the inputs."""
        return self.names.index(name) if name in self.names else None

    def get(self, name: str) -> TensorType | None:
        """The type of operand `name`, None when it is not given."""
        return self.types[self.names.index(name)] if name in self.names else None


@record
class Wanted:
    """The gradients that a backward pass computes at a node: of its operands, by position, and of its parameters."""

    inputs: tuple[bool, ...]
    params: frozenset[str] = frozenset()


@record
class Kept:
    """What autograd keeps of a node until its backward pass, but for the op's own parameters and buffers: operands and
    results by position, and tensors `made` for that alone, such as a mask or statistics."""

    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    made: tuple[TensorType, ...] = ()


@record
class Example:
    """A use of the op that the registry tests run against torch. Shapes include the batch: `(2, 3, 8, 8)`."""

    args: Mapping[str, Any] = field(default_factory=dict[str, Any])
    inputs: tuple[tuple[int, ...], ...] = ((2, 8, 6, 6),)
    dtypes: tuple[str, ...] = ()  # float32 where not given
    operands: tuple[str, ...] = ()  # names, when not in order


class Op(BaseModel):
    """Base of all ops. Subclasses state fields, `category`, `examples`, `infer` and `target`; the rest has defaults."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        defer_build=True,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
    )

    name: ClassVar[str] = ""  # the op's name in a spec; the class's own unless given
    category: ClassVar[Category]
    signature: ClassVar[Signature] = Signature()
    results: ClassVar[tuple[str, ...]] = ()  # names of the results where torch names them
    accepts_written: ClassVar[frozenset[str]] = frozenset()  # Inferred fields whose written value wins
    reach: ClassVar[Reach] = "pointwise"
    is_view: ClassVar[bool] = False  # the result may share memory with the first input
    device_of: ClassVar[str | None] = None  # operand on whose device the result is made; else the graph's input
    overlaps: ClassVar[bool] = False  # several elements of the result may be one in memory
    draws_in_eval: ClassVar[bool] = False  # random numbers decide the result in evaluation, too
    saves_output: ClassVar[bool] = False  # the backward pass needs the result, so nothing may overwrite it
    saves_inputs: ClassVar[tuple[str, ...]] = ()  # the operands that it needs
    differentiable: ClassVar[bool] = True
    per_element: ClassVar[int] = 0  # elementary operations for each element of the result
    examples: ClassVar[tuple[Example, ...]]

    def __init_subclass__(cls, **_: Any) -> None:
        super().__init_subclass__()  # `abstract` is for the hook below, which runs once the fields are known

    @classmethod
    def __pydantic_init_subclass__(cls, *, abstract: bool = False, **_: Any) -> None:
        if abstract:
            return
        fields, own = cls.__pydantic_fields__, get_annotations(cls)
        if fields.keys() <= own.keys():  # a class that states all its fields states torch's order, not its base's
            cls.__pydantic_fields__ = {name: fields[name] for name in own if name in fields}
        if "name" not in cls.__dict__:
            cls.name = cls.__name__
        lacking = [what for what in ("category", "examples") if not hasattr(cls, what)]
        lacking += [rule for rule in ("infer", "target") if getattr(cls, rule) is getattr(Op, rule)]
        if not cls.__doc__ or cls.__doc__ == Op.__doc__:
            lacking.append("a docstring")
        if lacking:
            raise TypeError(f"op {cls.__name__} in {cls.__module__} lacks {', '.join(lacking)}")

    @classmethod
    def inferred(cls, need: Needs, inputs: Inputs) -> Mapping[str, Any]:
        """Values of the `Inferred` fields, from the input types: `{"in_channels": 64}`."""
        return {}

    def infer(self, need: Needs, inputs: Inputs) -> TensorType | tuple[TensorType, ...]:
        """The type of the result, or of each of several. Raises OpError (also through `need`)."""
        raise NotImplementedError

    def target(self, inputs: Inputs) -> Target:
        """How the op is written in PyTorch."""
        raise NotImplementedError

    def windows(self, inputs: Inputs) -> tuple[Window, ...]:
        """For `reach` "window" and "transposed": one window per spatial axis (the last axes of the input)."""
        return ()

    def state(self) -> tuple[State, ...]:
        """Parameters and buffers, in torch's order."""
        return ()

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        """Multiply-accumulates of convolutions, linear maps, matrix products and attention (archspec.analysis.cost)."""
        return 0

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        """Elementary operations in evaluation that are no MACs: additions, comparisons, functions of one number. What
        only moves elements does none. The conventions are those of docs/costs.md."""
        return dims.mul(elements(outputs[0]), self.per_element)

    def gathers(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim | None:
        """For a lookup, how many elements of its table it reads; None for an op that reads all it is given."""
        return None

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """What autograd keeps in training on a CPU, where at least one gradient is wanted and operands are contiguous.

        An op that overwrites the operand it needs copies it first.
        """
        saved, made = self.saves_inputs, self.makes(inputs, outputs)
        needed = tuple([i for i, name in enumerate(inputs.names) if name in saved]) if saved else ()
        if needed and self.inplace_on_input and not self.saves_output:
            return Kept(made=(*made, inputs[0]))
        return Kept(needed, (0,) if self.saves_output else (), made)

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The tensors among them that are neither operands nor results."""
        return ()

    def by_products(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """What the kernel returns besides the results, and nobody takes unless autograd keeps it."""
        return ()

    def passes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        """The operands whose gradient is that of the result, or a view of it, and takes no memory of its own."""
        return ()

    def is_identity(self, inputs: Inputs) -> bool:
        """True when the result equals the input for every input size, so that the node can be dropped."""
        return False

    @property
    def title(self) -> str:
        """What people call the op: its name; a custom op's import path."""
        return type(self).name

    @property
    def inplace_on_input(self) -> bool:
        """The op overwrites its first input."""
        return bool(self.__dict__.get("inplace"))  # asking pydantic for what is not there is slow


# Twenty annotations, none of a field: pydantic would evaluate them anew for each subclass.
Op.__annotations__ = {}


class ModuleOp(Op, abstract=True):
    """An op that is a class of `torch.nn` under the same name, with the same arguments.

    The constructor call follows from the fields: those without a default are positional, the others are written only
    where they differ from torch's default.
    """

    def target(self, inputs: Inputs) -> Target:
        return self.module_target()

    def module_target(self, **changes: Any) -> Module:
        """The plain constructor call; `changes` replace fields of `Module` (`take`, `call_args`, ...)."""
        args, kwargs = constructor_arguments(self)
        return Module(f"torch.nn.{type(self).name}", args, kwargs, **changes)


def typed(op: Op, need: Needs, inputs: Inputs) -> TensorType | tuple[TensorType, ...]:
    """`op.infer`, where what is made of constants alone is a constant, unless it has grown to the batch."""
    result = op.infer(need, inputs)
    if not any(x.constant for x in inputs.types):
        return result
    read = [x for x, name in zip(inputs, inputs.names, strict=True) if name not in op.signature.shape_only]
    if not read or not all(x.constant for x in read):
        return result
    if isinstance(result, TensorType):
        return _made_of_constants(need, result)
    return tuple(_made_of_constants(need, x) for x in result)


def _made_of_constants(need: Needs, x: TensorType) -> TensorType:
    grown = any(need.batch & dims.symbols(size) for size in x.shape)
    return TensorType(x.shape, x.dtype, constant=not grown)


def elements(x: TensorType) -> Dim:
    """How many numbers a tensor holds."""
    try:
        return math.prod(cast("tuple[int, ...]", x.shape))
    except TypeError:  # a Size has no operators
        return dims.product(x.shape)


def is_marked(info: FieldInfo, marker: Marker) -> bool:
    """Whether a field's annotation carries a marker."""
    return any(item is marker for item in info.metadata)


@cache
def _constructor_fields(op: type[Op]) -> tuple[tuple[str, bool, Any, bool], ...]:
    """Each argument of torch's constructor: name, whether it is required, default, whether that is written, too."""
    return tuple(
        (name, info.is_required(), info.default, is_marked(info, WRITTEN))
        for name, info in op.model_fields.items()
        if not is_marked(info, EXTRA)
    )


def constructor_arguments(op: Op) -> tuple[tuple[Arg, ...], tuple[tuple[str, Arg], ...]]:
    """Positional and keyword arguments that construct `op` in torch, equal pairs collapsed to one number."""
    args: list[Arg] = []
    kwargs: list[tuple[str, Arg]] = []
    for name, required, default, written in _constructor_fields(type(op)):
        value = getattr(op, name)
        if required:
            args.append(collapse(value))
        elif written or value != default:
            kwargs.append((name, collapse(value)))
    return tuple(args), tuple(kwargs)


def collapse(value: Any) -> Any:
    """`(3, 3)` is written `3` where torch takes both."""
    if isinstance(value, tuple) and value and all(type(item) is int and item == value[0] for item in value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return value[0]  # pyright: ignore[reportUnknownVariableType]
    return value  # pyright: ignore[reportUnknownVariableType]


__all__ = [
    "EXTRA", "INFERRED", "RUNTIME", "WRITTEN", "Category", "Example", "Extra", "Inferred", "Inputs", "Ints", "Kept",
    "ModuleOp", "Needs", "Op", "OpError", "Pair", "Reach", "RuntimeInt", "RuntimeInts", "Signature", "Single", "State",
    "Target", "Triple", "Wanted", "Window", "Written", "as_tuple", "collapse", "constructor_arguments", "elements",
    "is_marked", "tuple_of", "typed",
]  # fmt: skip
