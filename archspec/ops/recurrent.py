"""Recurrent networks and their cells.

MACs are the matrix products of every step, as torch's counter sees them where it decomposes the network: per step and
direction `gates * hidden * (input + state)`, and the projection of an LSTM. On the CPU the counter sees no LSTM at all.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.base import (
    Category,
    Example,
    Inferred,
    Inputs,
    Kept,
    ModuleOp,
    Needs,
    OpError,
    Reach,
    Signature,
    State,
    Wanted,
)
from archspec.ops.guards import like_weights, positive, probability
from archspec.ops.heads import sequence
from archspec.ops.linear import features
from archspec.ops.needs import axes_text
from archspec.ops.target import Operand, Target
from archspec.ops.work import dropout_mask
from archspec.values import TensorType

RNN_WORK = 2
"""A sum of what comes from input and state, and the activation."""

GRU_WORK = 10
"""Three such gates, the product with the reset gate, and the difference, product and sum of the update."""

LSTM_WORK = 13
"""Four such gates, two products and a sum for the cell, its activation and the product with the output gate."""


class _Recurrent(ModuleOp, abstract=True):
    """What networks and cells share."""

    category: ClassVar[Category] = "recurrent"
    reach: ClassVar[Reach] = "global"
    saves_output: ClassVar[bool] = True
    gates: ClassVar[int]
    unit_work: ClassVar[int]  # elementary operations of one unit in one step

    input_size: Inferred[int]
    hidden_size: int
    bias: bool

    @classmethod
    def inferred(cls, need: Needs, inputs: Inputs) -> Mapping[str, Any]:
        return {"input_size": features(need, inputs[0], "input_size", op=cls.name)}

    def check_state(self, need: Needs, inputs: Inputs, shapes: Mapping[str, tuple[Dim, ...]]) -> None:
        """Initial states have these shapes, and come together."""
        given = [name for name in shapes if inputs.position(name) is not None]
        if given and len(given) < len(shapes):
            raise OpError("missing-input", f"`{self.name}` needs {' and '.join(shapes)} together, got {given[0]} alone")
        for name in given:
            position = inputs.names.index(name)
            x, wanted = inputs[position], TensorType(shapes[name])
            message = f"`{name}` must have the shape {wanted}, got {x}"
            like_weights(need, x, op=self.name, operand=position)
            if x.rank != wanted.rank:
                raise OpError("wrong-rank", message, operand=position, label=f"{axes_text(x.rank)}, not {wanted.rank}")
            for axis, (want, size) in enumerate(zip(wanted.shape, x.shape, strict=True)):
                label = f"axis {axis} differs: {show(size)}, not {show(want)}"
                need.equal(want, size, message, operand=position, label=label)

    def target(self, inputs: Inputs) -> Target:
        if len(inputs) < 3:
            return self.module_target(unpack=self.nesting())
        states = tuple(Operand(inputs.names.index(name)) for name in self.signature.optional)
        return self.module_target(call_args=(Operand(0), states), unpack=self.nesting())

    def nesting(self) -> tuple[Any, ...] | None:
        """What torch returns."""
        return None


class _Network(_Recurrent, abstract=True):
    """Layers of cells, run over a sequence."""

    signature: ClassVar[Signature] = Signature(("input",), ("h_0",))
    results: ClassVar[tuple[str, ...]] = ("output", "h_n")

    num_layers: int
    batch_first: bool
    dropout: float
    bidirectional: bool

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def state_size(self) -> int:
        """Features of the state that one direction passes on."""
        return self.hidden_size

    def infer(self, need: Needs, inputs: Inputs) -> TensorType | tuple[TensorType, ...]:
        x = inputs[0]
        batch, length = sequence(need, x, op=self.name, batch_first=self.batch_first)
        like_weights(need, x, op=self.name)
        positive(hidden_size=self.hidden_size, num_layers=self.num_layers)
        probability(dropout=self.dropout)
        need.at_least(length, 1, f"`{self.name}` needs at least one step, got {x}", operand=0)
        states = self.states(batch)
        self.check_state(need, inputs, dict(zip(self.signature.optional, states, strict=True)))
        output = (*x.shape[:-1], self.directions * self.state_size)
        return x.with_shape(output), *(x.with_shape(state) for state in states)

    def states(self, batch: Dim) -> tuple[tuple[Dim, ...], ...]:
        """Shapes of the states, which have the batch on axis 1 in either layout."""
        return ((self.directions * self.num_layers, batch, self.state_size),)

    def widths(self) -> tuple[int, ...]:
        """Input features of each layer."""
        return (self.input_size, *[self.directions * self.state_size] * (self.num_layers - 1))

    def state(self) -> tuple[State, ...]:
        rows = self.gates * self.hidden_size
        states: list[State] = []
        for layer, width in enumerate(self.widths()):
            for suffix in (f"l{layer}", f"l{layer}_reverse")[: self.directions]:
                states += [State(f"weight_ih_{suffix}", (rows, width))]
                states += [State(f"weight_hh_{suffix}", (rows, self.state_size))]
                if self.bias:
                    states += [State(f"bias_ih_{suffix}", (rows,)), State(f"bias_hh_{suffix}", (rows,))]
                if self.state_size != self.hidden_size:
                    states += [State(f"weight_hr_{suffix}", (self.state_size, self.hidden_size))]
        return tuple(states)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        weights = dims.total(dims.product(state.shape) for state in self.state() if state.name.startswith("weight"))
        return dims.mul(dims.product(inputs[0].shape[:-1]), weights)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """Of each step of each layer and direction what one cell keeps, with the state before it where the weights of
        states are trained; the input of each layer, of the first a copy for each direction where steps have to be
        brought before the batch; dropout between layers.
        """
        x = inputs[0]
        batch, length = x.shape[:2] if self.batch_first else (x.shape[1], x.shape[0])
        cells = self.directions * self.num_layers
        recurs = any(name.startswith("weight_hh") for name in wanted.params)
        inward = any(name.startswith("weight_ih") for name in wanted.params)
        made: list[TensorType] = []
        turned = self.batch_first and 1 not in (batch, length)
        if inward and turned:
            made += [x.with_shape((length, batch, self.input_size))] * self.directions
        for width in self.widths()[1:]:
            between = x.with_shape((length, batch, width))
            made += dropout_mask(self.dropout, between, between.shape)
            if inward:
                made.append(between)
        first = self.first_keeps(recurs)
        if len(inputs) == 1:
            made += [x.with_shape((cells, batch, width)) for width in first.values()]
        steps, handed_on = dims.mul(length, cells), dims.mul(dims.sub(length, 1), cells)
        made += [x.with_shape((steps, batch, width)) for width in self.cell_keeps(wanted)]
        made += [x.with_shape((handed_on, batch, width)) for width in self.state_keeps(recurs)]
        own = (0,) if inward and not turned else ()
        return Kept((*own, *(i for i in first if i < len(inputs))), made=tuple(made))

    def first_keeps(self, recurs: bool) -> Mapping[int, int]:
        """The initial states that are kept, by operand, and their features; torch makes zeros where none are given."""
        return {1: self.state_size} if recurs else {}

    def cell_keeps(self, wanted: Wanted) -> tuple[int, ...]:
        """Features of what each step keeps."""
        return (self.hidden_size,)

    def state_keeps(self, recurs: bool) -> tuple[int, ...]:
        """Features of the states that a step hands to the next and that are kept besides."""
        return ()

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        units = self.directions * self.num_layers * self.hidden_size
        return dims.mul(dims.product(inputs[0].shape[:-1]), units * self.unit_work)


class RNN(_Network):
    """Elman's recurrent network: `[L, N, input_size]` (`[N, L, input_size]` with `batch_first: true`) to `output`
    `[L, N, D * hidden_size]` and `h_n` `[D * num_layers, N, hidden_size]`; D is 2 if bidirectional, else 1."""

    gates: ClassVar[int] = 1
    unit_work: ClassVar[int] = RNN_WORK
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"hidden_size": 6, "batch_first": True}, ((2, 5, 4),)),
        Example(
            {"hidden_size": 6, "num_layers": 2, "nonlinearity": "relu", "bidirectional": True, "dropout": 0.1},
            ((5, 2, 4), (4, 2, 6)),
        ),
    )

    input_size: Inferred[int]
    hidden_size: int
    num_layers: int = 1
    nonlinearity: Literal["tanh", "relu"] = "tanh"
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False

    def nesting(self) -> tuple[Any, ...]:
        return (0, 1)


class GRU(_Network):
    """Gated recurrent units (Cho et al., 2014, arXiv 1406.1078); shapes as in `RNN`."""

    gates: ClassVar[int] = 3
    unit_work: ClassVar[int] = GRU_WORK
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"hidden_size": 6, "batch_first": True, "num_layers": 2}, ((2, 5, 4),)),
        Example({"hidden_size": 6, "bidirectional": True, "bias": False}, ((5, 2, 4), (2, 2, 6))),
    )

    input_size: Inferred[int]
    hidden_size: int
    num_layers: int = 1
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False

    def cell_keeps(self, wanted: Wanted) -> tuple[int, ...]:
        return (3 * self.hidden_size, *[self.hidden_size] * 3)

    def state_keeps(self, recurs: bool) -> tuple[int, ...]:
        return (self.hidden_size,) if recurs else ()

    def nesting(self) -> tuple[Any, ...]:
        return (0, 1)


class LSTM(_Network):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997): `output` and `h_n` as in `RNN` (of `proj_size`
    features if that is given, arXiv 1402.1128), and `c_n` `[D * num_layers, N, hidden_size]`."""

    gates: ClassVar[int] = 4
    unit_work: ClassVar[int] = LSTM_WORK
    signature: ClassVar[Signature] = Signature(("input",), ("h_0", "c_0"))
    results: ClassVar[tuple[str, ...]] = ("output", "h_n", "c_n")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"hidden_size": 6, "batch_first": True}, ((2, 5, 4),)),
        Example(
            {"hidden_size": 6, "num_layers": 2, "bidirectional": True, "proj_size": 3},
            ((5, 2, 4), (4, 2, 3), (4, 2, 6)),
        ),
    )

    input_size: Inferred[int]
    hidden_size: int
    num_layers: int = 1
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False
    proj_size: int = 0

    @property
    def state_size(self) -> int:
        return self.proj_size or self.hidden_size

    def infer(self, need: Needs, inputs: Inputs) -> TensorType | tuple[TensorType, ...]:
        if not 0 <= self.proj_size < max(self.hidden_size, 1):
            raise OpError(
                "bad-argument", f"`proj_size` must lie between 0 and `hidden_size` {self.hidden_size}, "
                f"got {self.proj_size}", argument="proj_size",
            )  # fmt: skip
        return super().infer(need, inputs)

    def states(self, batch: Dim) -> tuple[tuple[Dim, ...], ...]:
        return (*super().states(batch), (self.directions * self.num_layers, batch, self.hidden_size))

    def first_keeps(self, recurs: bool) -> Mapping[int, int]:
        return {**super().first_keeps(recurs), 2: self.hidden_size}

    def cell_keeps(self, wanted: Wanted) -> tuple[int, ...]:
        """The gates, the activated cell, and the state for the weight of its projection."""
        projects = any(name.startswith("weight_hr") for name in wanted.params)
        return (4 * self.hidden_size, self.hidden_size, *([self.hidden_size] if projects else []))

    def state_keeps(self, recurs: bool) -> tuple[int, ...]:
        return (self.hidden_size, *([self.state_size] if recurs else []))

    def nesting(self) -> tuple[Any, ...]:
        return (0, (1, 2))


class _Cell(_Recurrent, abstract=True):
    """One step of a recurrent network."""

    signature: ClassVar[Signature] = Signature(("input",), ("hx",))

    def infer(self, need: Needs, inputs: Inputs) -> TensorType | tuple[TensorType, ...]:
        x = inputs[0]
        need.rank(x, 2, op=self.name, layout="[N, input_size]")
        like_weights(need, x, op=self.name)
        positive(hidden_size=self.hidden_size)
        state = (x.shape[0], self.hidden_size)
        self.check_state(need, inputs, dict.fromkeys(self.signature.optional, state))
        following = x.with_shape(state)
        return (following, following) if len(self.results) == 2 else following

    def state(self) -> tuple[State, ...]:
        rows = self.gates * self.hidden_size
        weights = State("weight_ih", (rows, self.input_size)), State("weight_hh", (rows, self.hidden_size))
        return (*weights, State("bias_ih", (rows,)), State("bias_hh", (rows,))) if self.bias else weights

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(inputs[0].shape[0], self.gates * self.hidden_size * (self.input_size + self.hidden_size))

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """The input and the states for the gradients of their weights, and what the step itself needs; torch makes a
        state of zeros where none is given."""
        states = self.keeps_states(wanted)
        zeros = (outputs[0],) if len(inputs) == 1 and states else ()
        own = (0,) if "weight_ih" in wanted.params else ()
        made = tuple(TensorType((inputs[0].shape[0], width)) for width in self.step_keeps())
        return Kept((*own, *(states if len(inputs) > 1 else ())), () if made else (0,), (*zeros, *made))

    def keeps_states(self, wanted: Wanted) -> tuple[int, ...]:
        """The states before the step, by operand, that are kept."""
        return (1,) if "weight_hh" in wanted.params else ()

    def step_keeps(self) -> tuple[int, ...]:
        """Features of the tensors made in the step; none, where it is the result alone."""
        return ()

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.mul(inputs[0].shape[0], self.hidden_size * self.unit_work)


class RNNCell(_Cell):
    """One step of `RNN`: `[N, input_size]` and the state `hx` `[N, hidden_size]` (zeros if absent) to the next."""

    gates: ClassVar[int] = 1
    unit_work: ClassVar[int] = RNN_WORK
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"hidden_size": 6}, ((2, 4),)),
        Example({"hidden_size": 6, "bias": False, "nonlinearity": "relu"}, ((2, 4), (2, 6))),
    )

    input_size: Inferred[int]
    hidden_size: int
    bias: bool = True
    nonlinearity: Literal["tanh", "relu"] = "tanh"


class LSTMCell(_Cell):
    """One step of `LSTM`: `[N, input_size]` and the states `h_0` and `c_0` `[N, hidden_size]` (zeros if absent) to the
    next, `h_1` and `c_1`."""

    gates: ClassVar[int] = 4
    unit_work: ClassVar[int] = LSTM_WORK
    signature: ClassVar[Signature] = Signature(("input",), ("h_0", "c_0"))
    results: ClassVar[tuple[str, ...]] = ("h_1", "c_1")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"hidden_size": 6}, ((2, 4),)),
        Example({"hidden_size": 6, "bias": False}, ((2, 4), (2, 6), (2, 6))),
    )

    input_size: Inferred[int]
    hidden_size: int
    bias: bool = True

    def keeps_states(self, wanted: Wanted) -> tuple[int, ...]:
        """The cell for the forget gate."""
        gates = bool(wanted.params) or any(wanted.inputs[:2])
        return (*super().keeps_states(wanted), *((2,) if gates else ()))

    def step_keeps(self) -> tuple[int, ...]:
        """The gates, and the activated cell."""
        return 4 * self.hidden_size, self.hidden_size

    def nesting(self) -> tuple[Any, ...]:
        return (0, 1)


class GRUCell(_Cell):
    """One step of `GRU`: `[N, input_size]` and the state `hx` `[N, hidden_size]` (zeros if absent) to the next."""

    gates: ClassVar[int] = 3
    unit_work: ClassVar[int] = GRU_WORK
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"hidden_size": 6}, ((2, 4),)),
        Example({"hidden_size": 6, "bias": False}, ((2, 4), (2, 6))),
    )

    input_size: Inferred[int]
    hidden_size: int
    bias: bool = True

    def step_keeps(self) -> tuple[int, ...]:
        """What comes of the state for each gate, and the gates."""
        return (3 * self.hidden_size, *[self.hidden_size] * 3)
