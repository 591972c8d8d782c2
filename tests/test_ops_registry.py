"""Every op against torch: names, arguments, and for each example shapes, dtypes, state, costs and claims on memory."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any, get_args, get_overloads

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import archspec.api as api
from archspec import dims, ops
from archspec.diagnostics import InternalError
from archspec.ops import FAMILIES, lookup, names
from archspec.ops.base import EXTRA, INFERRED, Category, Example, Inputs, Op, is_marked, typed
from archspec.ops.needs import Needs, OpError, Requirement
from archspec.ops.target import StateTensor
from archspec.values import Axis, RuntimeSize, TensorType
from tests.op_oracle import EXAMPLES, OPS, Run, module, run_example, sizes_at, tensors

NOT_OPS = {"Module", "Container", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}
NOT_OPS |= {"DataParallel", "AdaptiveLogSoftmaxWithLoss", "NLLLoss2d"}
"""Classes of `torch.nn` that hold modules, and losses by another name; other losses, lazy layers and base classes are
left out by their names."""

NOT_TAKEN = {
    "FractionalMaxPool2d": {"_random_samples"},  # for torch's own tests
    "FractionalMaxPool3d": {"_random_samples"},
    "Hardtanh": {"min_value", "max_value"},  # deprecated names of `min_val` and `max_val`
    "SyncBatchNorm": {"process_group"},  # an object
    "Embedding": {"_weight", "_freeze"},  # a tensor, and what belongs to it
    "EmbeddingBag": {"_weight"},
    "Transformer": {"custom_encoder", "custom_decoder"},  # modules
}
"""Arguments of torch's constructors that the op does not take."""

AXIS_DEFAULTS = {"Softmax": "dim", "Softmin": "dim", "LogSoftmax": "dim"}
"""Arguments whose default is 1 where torch has another: the deliberate difference."""

STACKS = {"TransformerEncoder": "TransformerEncoderLayer", "TransformerDecoder": "TransformerDecoderLayer"}
"""Layers that torch constructs from a layer, and the op from the layer's arguments."""


def compare(run: Run, sizes: Mapping[str, int]) -> None:
    """The inferred types are those of real results: in training, in evaluation, and without gradients, where some
    layers of torch take another path."""
    program = module(run, sizes)
    expected = [(sizes_at(x, sizes), x.dtype) for x in run.outputs]
    for training, gradients in ((True, True), (False, True), (False, False)):
        with torch.set_grad_enabled(gradients):
            results = program.train(training)(*tensors(run, sizes))
        assert [(tuple(x.shape), str(x.dtype).removeprefix("torch.")) for x in results] == expected


def holds(requirement: Requirement, sizes: Mapping[str, int]) -> bool:
    left, right = (dims.value(dims.substitute(side, sizes)) for side in (requirement.left, requirement.right))
    assert left is not None and right is not None
    match requirement.kind:
        case "equal":
            return left == right
        case "at-least":
            return left >= right
        case "divisible":
            return left % right == 0


# Names


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_defines_its_names(family: str) -> None:
    defined = vars(import_module(f"archspec.ops.{family}")).values()
    ops = [op for op in defined if isinstance(op, type) and issubclass(op, Op) and op.__module__.endswith(f".{family}")]
    assert sorted(op.name for op in ops if op.name) == sorted(FAMILIES[family].split())


def test_names_are_unique() -> None:
    assert len(set(names())) == sum(len(family.split()) for family in FAMILIES.values())


def test_an_unknown_name_is_none() -> None:
    assert lookup("Conv2D") is None


def test_an_op_without_its_rules_is_our_mistake() -> None:
    with pytest.raises(TypeError, match=r"^op Bare in .* lacks category, examples, infer, target, a docstring$"):
        type("Bare", (Op,), {})


def test_a_name_without_an_op_is_our_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ops._FAMILY_OF, "Conv9d", "conv")
    with pytest.raises(InternalError, match=r"no op `Conv9d` in archspec\.ops\.conv"):
        lookup("Conv9d")


def torch_layers() -> list[str]:
    """Every class of `torch.nn` that maps tensors to tensors."""
    return sorted(
        name
        for name, layer in vars(nn).items()
        if isinstance(layer, type) and issubclass(layer, nn.Module) and name not in NOT_OPS
        and not name.startswith("Lazy") and not name.endswith("Loss") and not name.endswith("Base")
    )  # fmt: skip


def test_every_layer_of_torch_is_an_op() -> None:
    assert [name for name in torch_layers() if not lookup(name)] == []


@cache
def torch_arguments(name: str) -> Mapping[str, inspect.Parameter]:
    """The arguments of a constructor; a stack of layers takes those of the layer."""
    constructor = getattr(nn, STACKS.get(name, name)).__init__
    if name in ("RNN", "LSTM", "GRU"):
        constructor = get_overloads(constructor)[0]  # itself it takes `*args`
    left_out = {"self", "device", "dtype", *NOT_TAKEN.get(name, ())}
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    taken = inspect.signature(constructor).parameters
    return {n: p for n, p in taken.items() if n not in left_out and p.kind not in variadic}


@pytest.mark.parametrize("op", [op for op in OPS if op.name in torch_layers()], ids=lambda op: op.name)
def test_a_layer_takes_torchs_arguments(op: type[Op]) -> None:
    """Names, order and defaults; what the input gives has none."""
    expected = torch_arguments(op.name)
    fields = {n: info for n, info in op.model_fields.items() if not is_marked(info, EXTRA)}
    if op.name in STACKS:
        assert fields.pop("num_layers").is_required()
    assert list(fields) == list(expected)
    for name, info in fields.items():
        default = expected[name].default
        if is_marked(info, INFERRED):
            continue
        if default is inspect.Parameter.empty:
            assert info.is_required(), f"{name} has no default in torch"
        elif AXIS_DEFAULTS.get(op.name) == name:
            assert info.default == 1
        elif callable(default):
            assert info.default == default.__name__
        else:
            assert same_default(info.default, default), f"{name} is {info.default}, in torch {default}"


def same_default(ours: object, default: object) -> bool:
    """Equal, where pairs are written as the number they are widened from."""
    if isinstance(ours, tuple) and not isinstance(default, tuple):
        return ours == (default,) * len(ours)
    return ours == default and isinstance(ours, bool) == isinstance(default, bool)


@pytest.mark.parametrize(("op", "example"), [p for p in EXAMPLES if p.values[0].name in torch_layers()])
def test_a_layer_is_constructed_with_its_fields(op: type[Op], example: Example) -> None:
    """Every field that torch keeps under the same name has arrived there."""
    run = run_example(op, example)
    layer = module(run, {}).op
    for name in op.model_fields:
        value = getattr(run.op, name)
        kept = getattr(layer, name, None)
        if value is None or isinstance(value, bool) or kept is None or isinstance(kept, Tensor) or callable(kept):
            continue
        assert kept == value or same_default(value, kept), name


@pytest.mark.parametrize(("op", "example"), EXAMPLES)
def test_no_argument_is_lost(op: type[Op], example: Example) -> None:
    """What an example writes, and is not the default, changes the call or the state."""
    run = run_example(op, example)
    for name in example.args:
        info = op.model_fields[name]
        if info.is_required() or is_marked(info, INFERRED) or getattr(run.op, name) == info.default:
            continue
        if (op.name, name) == ("layer_norm", "normalized_shape"):  # the weight has it, too
            continue
        plain = op.model_construct(**{**dict(run.op), name: info.default})
        with suppress(OpError):  # there must be one of several
            told = [(each.target(run.inputs), each.state()) for each in (run.op, plain)]
            assert told[0] != told[1], name


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_an_op_is_documented(op: type[Op]) -> None:
    assert op.__doc__ and op.examples and op.category in get_args(Category)


@pytest.mark.parametrize("name", AXIS_DEFAULTS)
def test_an_axis_that_torch_would_guess_is_written(name: str) -> None:
    source = api.to_python(api.loads(f"archspec: 1\ninput: [N, 5, 6]\ngraph:\n  a: {name}\n"))
    assert f"nn.{name}(dim=1)" in source


# Examples


@pytest.mark.parametrize(("op", "example"), EXAMPLES)
def test_types(op: type[Op], example: Example) -> None:
    compare(run_example(op, example), {})


@pytest.mark.parametrize(("op", "example"), EXAMPLES)
def test_types_at_another_batch(op: type[Op], example: Example) -> None:
    """The batch is never pinned, known or not: the same op, inferred once, serves every batch."""
    for batch in (2, None):
        run = run_example(op, example, batch=batch)
        assert not run.pinned
        for size in (2, 3):
            sizes = {"N": size}
            if all(holds(requirement, sizes) for requirement in run.requirements):
                compare(run, sizes)


@pytest.mark.parametrize(("op", "example"), EXAMPLES)
def test_types_at_other_sizes(op: type[Op], example: Example) -> None:
    """With every axis symbolic: where the recorded requirements hold torch runs, and gives the inferred types."""
    run = run_example(op, example, symbolic=True)
    compare(run, {})
    axes = {name: dims.value(dim) for x in run.inputs for dim in x.shape for name in dims.symbols(dim)}
    for nominal in {size for size in axes.values() if size is not None}:
        for size in (nominal + 1, 2 * nominal, nominal - 1):
            sizes = {name: size for name, old in axes.items() if old == nominal and name not in run.pinned}
            if size == 1:
                sizes.pop("N", None)  # a normalisation in training needs two samples
            if sizes and size and all(holds(requirement, sizes) for requirement in run.requirements):
                compare(run, sizes)


@pytest.mark.parametrize(("op", "example"), EXAMPLES)
def test_state(op: type[Op], example: Example) -> None:
    """Names, order, shapes, dtypes, and which tensors are buffers, trained or saved."""
    run = run_example(op, example)
    program = module(run, {})
    owner = program if isinstance(program.target, StateTensor) else getattr(program, "op", nn.Module())
    prefix = "op" if owner is program else ""
    real = {name: (tensor, False) for name, tensor in owner.named_parameters()}
    real |= {name: (tensor, True) for name, tensor in owner.named_buffers()}
    saved = owner.state_dict()
    found = {
        name: (tuple(x.shape), str(x.dtype), buffer, x.requires_grad, name in saved)
        for name, (x, buffer) in real.items()
    }
    assert found == {
        prefix + state.name: (
            state.shape,
            f"torch.{state.dtype}",
            state.buffer,
            state.trainable and not state.buffer,
            state.persistent,
        )
        for state in run.op.state()
    }
    assert [prefix + state.name for state in run.op.state() if state.persistent] == list(saved)


@pytest.mark.parametrize(("op", "example"), EXAMPLES)
def test_macs(op: type[Op], example: Example) -> None:
    """Half of what torch's counter finds on the meta device in evaluation."""
    run = run_example(op, example, symbolic=True)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        module(run, {}).eval()(*tensors(run, {}, "meta"))
    assert dims.value(run.op.macs(run.inputs, run.outputs)) == counter.get_total_flops() // 2


# Constants


def results(name: str, args: Mapping[str, Any], inputs: Mapping[str, TensorType]) -> TensorType:
    """What an op makes of these operands, N being the batch."""
    op = lookup(name)
    assert op is not None
    made = typed(op.model_validate(args), Needs(batch=frozenset({"N"})), Inputs(tuple(inputs.values()), tuple(inputs)))
    assert isinstance(made, TensorType)
    return made


TABLE, INDEX = TensorType((169, 3), constant=True), TensorType((2401,), "int64", constant=True)
BATCH = TensorType((dims.symbol("N"), 3))


def test_what_is_made_of_constants_is_a_constant() -> None:
    """A table of relative positions: rows are selected along axis 0, which is no batch."""
    assert results("index_select", {"dim": 0}, {"input": TABLE, "index": INDEX}) == TensorType((2401, 3), constant=True)
    assert results("embedding", {}, {"input": INDEX, "weight": TABLE}).constant
    assert results("ReLU", {}, {"input": TABLE}).constant
    assert results("reshape", {"shape": (3, -1)}, {"input": TABLE}) == TensorType((3, 169), constant=True)
    assert not results("mul", {}, {"input": BATCH, "other": TensorType((3,), constant=True)}).constant


def test_a_constant_expanded_to_the_batch_is_none() -> None:
    code = RuntimeSize(dims.symbol("N"), Axis(0, 0))
    row = TensorType((1, 3), constant=True)
    assert not results("expand", {"sizes": (code, 3)}, {"input": row}).constant
    assert results("expand", {"sizes": (4, 3)}, {"input": row}).constant


def test_the_batch_meets_no_axis_of_a_constant() -> None:
    with pytest.raises(OpError) as refusal:
        results("add", {}, {"input": BATCH, "other": TensorType((1, 1, 3), constant=True)})
    assert refusal.value.label == "3 axes, not 2: the batch N would meet another axis"


def test_a_constant_may_follow_the_shape_of_a_value() -> None:
    grid, like = TensorType((1, 3, 4, 4), constant=True), TensorType((dims.symbol("N"), 8, 6, 6))
    found = results("interpolate", {}, {"input": grid, "like": like})
    assert found == TensorType((1, 3, 6, 6), constant=True)


@pytest.mark.parametrize(("shape", "batch"), [((1, 5), False), ((4, 5), True), ((dims.symbol("N"), 5), True)])
def test_training_needs_more_than_one_value_of_a_channel(shape: tuple[dims.Dim, ...], batch: bool) -> None:
    """A batch is not known to be 1; an axis 0 that is a number is."""
    op = lookup("BatchNorm1d")
    assert op is not None
    need, inputs = Needs(batch=frozenset({"N"})), Inputs((TensorType(shape),), ("input",))
    made = op.model_validate(op.inferred(need, inputs))
    if batch:
        made.infer(need, inputs)
        assert not need.requirements
    else:
        with pytest.raises(OpError, match="more than one value of a channel in training"):
            made.infer(need, inputs)


# Claims about memory, by which `inplace` is checked


@pytest.mark.parametrize(("op", "example"), EXAMPLES)
def test_a_result_in_the_inputs_memory_is_said_to_be(op: type[Op], example: Example) -> None:
    run = run_example(op, example)
    program = module(run, {})
    for training in (True, False):
        inputs = tensors(run, {})
        results = program.train(training)(*inputs)
        shared = [x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr() for x in results for y in inputs[:1]]
        assert run.op.is_view or run.op.inplace_on_input or not any(shared)


@pytest.mark.parametrize(("op", "example"), EXAMPLES)
def test_a_result_needed_for_backward_is_said_to_be(op: type[Op], example: Example) -> None:
    """An op that does not say so lets its result be overwritten."""
    run = run_example(op, example)
    program = module(run, {})
    if op.saves_output or op.is_view or isinstance(program.target, StateTensor):
        return
    for training in (True, False):
        for number in range(len(run.outputs)):
            result = program.train(training)(*tensors(run, {}))[number]
            if result.requires_grad:
                with torch.no_grad():
                    result.mul_(2)
                result.sum().backward()
