"""What each op says that autograd keeps of it, and how much work it is: held against torch's own saved tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from archspec import dims
from archspec.analysis.bytes import BYTES
from archspec.ops import lookup
from archspec.ops.base import Example, Inputs, Op, Wanted
from archspec.values import TensorType
from tests.op_oracle import EXAMPLES, OPS, Run, module, run_example, sizes_at
from tests.target_runner import TargetModule

Pattern = tuple[tuple[bool, ...], bool]
"""Which operands have a gradient, and whether the parameters do."""

MORE: list[tuple[str, Example]] = [
    ("Conv2d", Example({"out_channels": 4, "kernel_size": [2, 3], "padding": "same"}, ((2, 4, 6, 5),))),
    ("Conv1d", Example({"out_channels": 4, "kernel_size": 3, "padding": 1, "padding_mode": "circular"}, ((2, 4, 6),))),
    ("Conv1d", Example({"out_channels": 4, "kernel_size": 3, "padding": 2, "padding_mode": "replicate"}, ((2, 4, 6),))),
    ("Conv1d", Example({"out_channels": 4, "kernel_size": 1, "padding_mode": "reflect"}, ((2, 4, 6),))),
    ("Conv1d", Example({"out_channels": 4, "kernel_size": 1, "padding_mode": "circular"}, ((2, 4, 6),))),
    ("AdaptiveAvgPool1d", Example({"output_size": 1}, ((2, 4, 7),))),
    ("AdaptiveAvgPool3d", Example({"output_size": 1}, ((2, 4, 5, 6, 7),))),
    ("Upsample", Example({"size": 1, "mode": "area"}, ((2, 4, 5, 6),))),
    ("ELU", Example({"inplace": True}, ((2, 4, 5),))),
    ("CELU", Example({}, ((2, 4, 5),))),
    ("Hardtanh", Example({"inplace": True}, ((2, 4, 5),))),
    ("Threshold", Example({"threshold": 0.1, "value": -1.0, "inplace": True}, ((2, 4, 5),))),
    ("LeakyReLU", Example({}, ((2, 4, 5),))),
    ("Dropout", Example({"p": 1}, ((2, 8),))),
    ("StochasticDepth", Example({"p": 0}, ((2, 8),))),
    ("BatchNorm1d", Example({"affine": False, "track_running_stats": False}, ((2, 4, 5),))),
    ("GroupNorm", Example({"num_groups": 2, "affine": False}, ((2, 4, 5),))),
    ("div", Example({"rounding_mode": "floor"}, ((2, 4, 5), (2, 4, 5)))),
    ("pow", Example({"exponent": 1}, ((2, 4, 5),))),
    ("mul", Example({}, ((2, 4, 5), (2, 1, 5), (2, 4, 1), (2, 4, 5)))),
    ("matmul", Example({}, ((2, 4, 5), (5, 3)))),
    ("matmul", Example({}, ((2, 3, 4, 5), (2, 1, 5, 6)))),
    ("matmul", Example({}, ((2, 4, 5), (5,)))),
    ("einsum", Example({"equation": "bi,bj->bij"}, ((2, 3), (2, 4)))),
    ("index_select", Example({"dim": 0}, ((6, 3), (5,)), ("float32", "int64"))),
    ("scaled_dot_product_attention", Example({}, ((2, 4, 5, 8),) * 3)),
    ("scaled_dot_product_attention", Example({"dropout_p": 0.1}, ((2, 4, 5, 8),) * 3)),
    ("scaled_dot_product_attention", Example({}, ((2, 5, 8),) * 3)),
    ("scaled_dot_product_attention", Example({}, (*((2, 4, 5, 8),) * 3, (5, 5)))),
    ("scaled_dot_product_attention", Example({}, (*((2, 4, 5, 8),) * 3, (5, 5)), ("float32",) * 3 + ("bool",))),
    ("scaled_dot_product_attention", Example({}, (*((2, 4, 5, 8),) * 3, (5, 5)), ("float64",) * 3 + ("bool",))),
    (
        "MultiheadAttention",
        Example({"num_heads": 2, "dropout": 0.1, "need_weights": True, "batch_first": True}, ((2, 5, 8),)),
    ),
    ("MultiheadAttention", Example({"num_heads": 2}, ((5, 2, 8), (5, 5)), (), ("query", "attn_mask"))),
    (
        "MultiheadAttention",
        Example({"num_heads": 2}, ((5, 2, 8), (2, 5)), ("float32", "bool"), ("query", "key_padding_mask")),
    ),
    ("MultiheadAttention", Example({"num_heads": 1, "batch_first": True}, ((2, 1, 1),))),
    ("MultiheadAttention", Example({"num_heads": 2, "batch_first": True}, ((1, 5, 8),))),
    ("MultiheadAttention", Example({"num_heads": 2, "batch_first": True}, ((2, 1, 8), (2, 3, 1), (2, 3, 6)))),
    ("MultiheadAttention", Example({"num_heads": 2, "batch_first": True}, ((2, 5, 8), (2, 1, 8), (2, 1, 1)))),
    ("MultiheadAttention", Example({"num_heads": 2}, ((5, 2, 8), (2, 5)), (), ("query", "key_padding_mask"))),
    ("MultiheadAttention", Example({"num_heads": 1}, ((5, 2, 8), (2, 5)), (), ("query", "key_padding_mask"))),
    ("MultiheadAttention", Example({"num_heads": 2}, ((5, 1, 8), (1, 5)), (), ("query", "key_padding_mask"))),
    (
        "MultiheadAttention",
        Example({"num_heads": 2, "add_zero_attn": True}, ((5, 2, 8), (5, 5)), (), ("query", "attn_mask")),
    ),
    (
        "MultiheadAttention",
        Example(
            {"num_heads": 2, "add_bias_kv": True, "is_causal": True, "need_weights": True},
            ((5, 2, 8), (5, 5)), (), ("query", "attn_mask"),
        ),
    ),
    ("TransformerEncoderLayer", Example({"nhead": 2, "dim_feedforward": 12, "dropout": 0.0}, ((5, 2, 8),))),
    ("TransformerEncoderLayer", Example({"nhead": 2, "dim_feedforward": 12, "batch_first": True}, ((2, 1, 8),))),
    ("TransformerEncoderLayer", Example({"nhead": 1, "dim_feedforward": 1, "batch_first": True}, ((1, 3, 1),))),
    (
        "TransformerEncoderLayer",
        Example({"nhead": 2, "dim_feedforward": 12, "dropout": 0.0, "activation": "gelu"}, ((5, 2, 8),)),
    ),
    (
        "TransformerEncoderLayer",
        Example(
            {"nhead": 2, "dim_feedforward": 12, "dropout": 0.0}, ((5, 2, 8), (5, 5)), ("float32", "bool"),
            ("src", "src_mask"),
        ),
    ),
    (
        "TransformerDecoder",
        Example(
            {"nhead": 2, "num_layers": 2, "dim_feedforward": 12, "batch_first": True},
            ((2, 4, 8), (2, 1, 8), (4, 4)), ("float32",) * 2 + ("bool",), ("tgt", "memory", "tgt_mask"),
        ),
    ),
    (
        "TransformerEncoder",
        Example(
            {"nhead": 2, "num_layers": 2, "dim_feedforward": 12, "dropout": 0.0},
            ((5, 1, 8), (1, 5)), ("float32", "bool"), ("src", "src_key_padding_mask"),
        ),
    ),
    (
        "Transformer",
        Example(
            {"nhead": 2, "num_encoder_layers": 1, "num_decoder_layers": 1, "dim_feedforward": 12, "dropout": 0.0},
            ((4, 2, 8), (5, 2, 8), (4, 4), (5, 5), (5, 4)), ("float32",) * 2 + ("bool",) * 3,
            ("src", "tgt", "src_mask", "tgt_mask", "memory_mask"),
        ),
    ),
    ("RNN", Example({"hidden_size": 6, "num_layers": 3, "dropout": 0.2}, ((5, 2, 4),))),
    ("GRU", Example({"hidden_size": 6, "num_layers": 2, "dropout": 0.2, "bidirectional": True}, ((5, 2, 4),))),
    ("GRU", Example({"hidden_size": 6, "batch_first": True, "bidirectional": True}, ((2, 5, 4),))),
]  # fmt: skip
"""Arguments that the examples of the ops leave out."""

CASES = [*EXAMPLES, *(pytest.param(lookup(name), example, id=f"{name}+{i}") for i, (name, example) in enumerate(MORE))]

WORKSPACES = {
    "LSTM": "without projection oneDNN runs it, and keeps a workspace whose size it alone knows; what is said is what "
    "torch keeps where it composes the network, as on other processors",
}
"""Ops of which a kernel keeps more than it needs to."""

WHOLE = (
    "Transformer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
)
"""Layers that are taken to be trained as a whole: frozen in part they keep less than is said."""


def patterns(run: Run) -> Iterator[Pattern]:
    """All gradients, those of the parameters alone, of the operands alone, and of each operand by itself."""
    floats = [getattr(torch, x.dtype).is_floating_point for x in run.inputs]
    alone = [tuple(i == j for i in range(len(floats))) for j, is_float in enumerate(floats) if is_float]
    has_params = any(not state.buffer for state in run.op.state())
    every = tuple(floats)
    if run.op.name in WHOLE:
        yield every, True
        return
    for params in (True, False) if has_params else (False,):
        for operands in dict.fromkeys([every, *alone, (False,) * len(floats)]):
            if params or any(operands):
                yield operands, params


def given(run: Run, operands: tuple[bool, ...]) -> tuple[Tensor, ...]:
    """Inputs, of which some have a gradient."""
    made: list[Tensor] = []
    for x, has_gradient in zip(run.inputs, operands, strict=True):
        shape, dtype = sizes_at(x, {}), getattr(torch, x.dtype)
        if not dtype.is_floating_point:
            made.append(torch.zeros(shape, dtype=dtype))
        elif has_gradient:
            made.append(torch.rand(shape, dtype=dtype, requires_grad=True).clone())  # it may be overwritten
        else:
            made.append(torch.rand(shape, dtype=dtype))
    return tuple(made)


def saved(program: TargetModule, inputs: tuple[Tensor, ...]) -> tuple[set[str], int] | None:
    """The operands and results that autograd saves, and the bytes of what is neither; None without a gradient."""
    packed: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        packed[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        results = program.train()(*inputs)
    if not any(result.requires_grad for result in results):
        return None
    names = {tensor.untyped_storage()._cdata: "" for tensor in (*program.parameters(), *program.buffers())}
    for kind, tensors in (("operand", inputs), ("result", results)):
        for position, tensor in enumerate(tensors):
            names.setdefault(tensor.untyped_storage()._cdata, f"{kind} {position}")
    known = {names[storage] for storage in packed if names.get(storage)}
    made = sum(tensor.untyped_storage().nbytes() for storage, tensor in packed.items() if storage not in names)
    return known, made


def said(run: Run, pattern: Pattern) -> tuple[set[str], int]:
    """The same from the op's own rule."""
    operands, params = pattern
    inputs = Inputs(tuple(map(plain, run.inputs)), run.inputs.names)
    trained = frozenset(state.name for state in run.op.state() if not state.buffer) if params else frozenset[str]()
    kept = run.op.kept(inputs, tuple(map(plain, run.outputs)), Wanted(operands, trained))
    results = {"operand 0" if run.op.inplace_on_input else f"result {position}" for position in kept.outputs}
    return {f"operand {position}" for position in kept.inputs} | results, sum(map(nbytes, kept.made))


def plain(x: TensorType) -> TensorType:
    return TensorType(sizes_at(x, {}), x.dtype, x.constant)


def nbytes(x: TensorType) -> int:
    return math.prod(sizes_at(x, {})) * BYTES[x.dtype]


@pytest.mark.parametrize(("op", "example"), CASES)
def test_what_autograd_keeps(op: type[Op], example: Example) -> None:
    run = run_example(op, example)
    for pattern in patterns(run):
        program = module(run, {})
        for parameter in program.parameters():
            parameter.requires_grad_(pattern[1] and parameter.is_floating_point())
        real = saved(program, given(run, pattern[0]))
        if real is None:
            continue
        if op.name in WORKSPACES and not getattr(run.op, "proj_size", 0):
            assert said(run, pattern)[1] < real[1], "the table names an op that it need not"
        else:
            assert said(run, pattern) == real, pattern


@pytest.mark.parametrize(("op", "example"), CASES)
def test_what_has_no_gradient_says_so(op: type[Op], example: Example) -> None:
    run = run_example(op, example)
    operands = tuple(getattr(torch, x.dtype).is_floating_point for x in run.inputs)
    results = module(run, {}).train()(*given(run, operands))
    if any(operands[i] for i, name in enumerate(run.inputs.names) if name not in op.signature.shape_only):
        expected = [x.dtype.is_floating_point and op.differentiable for x in results]
        assert [x.requires_grad for x in results] == expected


@pytest.mark.parametrize(("op", "example"), CASES)
def test_gradients_that_are_passed_on_are_said_to_be(op: type[Op], example: Example) -> None:
    """They are that of the result, or a view of it, and take no memory of their own."""
    run = run_example(op, example)
    floats = tuple(getattr(torch, x.dtype).is_floating_point for x in run.inputs)
    inputs = given(run, floats)
    result, *others = module(run, {}).train()(*inputs)
    wanted = [i for i, is_float in enumerate(floats) if is_float]
    if others or not result.requires_grad or not wanted or run.op.inplace_on_input:
        return
    gradient = torch.rand_like(result)
    found = torch.autograd.grad(result, [inputs[i] for i in wanted], gradient, allow_unused=True)
    storage = gradient.untyped_storage()._cdata
    shared = [i for i, x in zip(wanted, found, strict=True) if x is not None and x.untyped_storage()._cdata == storage]
    inputs_, outputs = Inputs(tuple(map(plain, run.inputs)), run.inputs.names), tuple(map(plain, run.outputs))
    assert sorted(run.op.passes(inputs_, outputs)) == shared


MOVES = ("padding", "reshape", "merge", "constant", "dropout")
"""Categories of ops that compute nothing in evaluation."""


@pytest.mark.parametrize(("op", "example"), CASES)
def test_work_is_known(op: type[Op], example: Example) -> None:
    run = run_example(op, example)
    work = dims.value(run.op.operations(run.inputs, run.outputs))
    assert work is not None and work >= 0
    if op.category in MOVES and op.name != "Fold":
        assert work == 0
    if op.name != "einsum" and op.category in (
        "activation",
        "normalization",
        "arithmetic",
        "reduction",
        "attention",
        "recurrent",
    ):
        assert work > 0 or run.op.macs(run.inputs, run.outputs) != 0


def test_work_grows_with_the_batch() -> None:
    for op in OPS:
        if op.category != "constant":
            run = run_example(op, op.examples[0], batch=None)
            one, two = (dims.substitute(run.op.operations(run.inputs, run.outputs), {"N": n}) for n in (1, 2))
            assert dims.value(one) is not None and 2 * (dims.value(one) or 0) == dims.value(two), op.name


MASKED = ("query", "attn_mask", "key_padding_mask")
WORK: list[tuple[str, dict[str, object], tuple[tuple[int, ...], ...], int]] = [
    ("ReLU", {}, ((1, 4, 6),), 24),
    ("GLU", {"dim": 1}, ((1, 4, 6),), 2 * 12),
    ("Softmax", {}, ((1, 4, 6),), 5 * 24),
    ("Softmin", {}, ((1, 4, 6),), 6 * 24),
    ("add", {}, ((1, 4), (1, 4), (1, 4)), 2 * 4),
    ("add", {"other": 2}, ((1, 4),), 4),
    ("BatchNorm1d", {}, ((1, 4, 6),), 2 * 24),
    ("BatchNorm1d", {"track_running_stats": False}, ((1, 4, 6),), (5 + 2) * 24),
    ("InstanceNorm1d", {}, ((1, 4, 6),), 5 * 24),
    ("GroupNorm", {"num_groups": 2}, ((1, 4, 6),), (5 + 2) * 24),
    ("LayerNorm", {}, ((1, 4, 6),), (5 + 2) * 24),
    ("LayerNorm", {"bias": False}, ((1, 4, 6),), (5 + 1) * 24),
    ("layer_norm", {}, ((1, 4, 6), (6,)), (5 + 1) * 24),
    ("RMSNorm", {}, ((1, 4, 6),), (3 + 1) * 24),
    ("LocalResponseNorm", {"size": 3}, ((1, 4, 6),), (3 + 5) * 24),
    ("CrossMapLRN2d", {"size": 3}, ((1, 4, 2, 3),), (3 + 5) * 24),
    ("MaxPool1d", {"kernel_size": 3}, ((1, 4, 6),), 3 * 8),
    ("AvgPool2d", {"kernel_size": [2, 3]}, ((1, 4, 6, 6),), 6 * 24),
    ("LPPool1d", {"norm_type": 2.0, "kernel_size": 3}, ((1, 4, 6),), (2 * 3 + 1) * 8),
    ("FractionalMaxPool2d", {"kernel_size": 2, "output_size": 3}, ((1, 4, 9, 8),), 4 * 36),
    ("AdaptiveAvgPool1d", {"output_size": 1}, ((1, 4, 6),), 24),
    ("mean", {"dim": 2}, ((1, 4, 6),), 24),
    ("var", {"dim": 2}, ((1, 4, 6),), 4 * 24),
    ("logsumexp", {"dim": 2}, ((1, 4, 6),), 4 * 24),
    ("interpolate", {"scale_factor": 2, "mode": "nearest"}, ((1, 4, 6),), 0),
    ("interpolate", {"size": 1, "mode": "area"}, ((1, 4, 6),), 24),
    ("interpolate", {"scale_factor": 2, "mode": "linear"}, ((1, 4, 6),), 2 * 48),
    ("interpolate", {"size": [2, 3], "mode": "bicubic"}, ((1, 4, 6, 6),), 16 * 24),
    ("Upsample", {"size": [2, 3, 4], "mode": "trilinear"}, ((1, 1, 4, 4, 4),), 8 * 24),
    ("Fold", {"output_size": 3, "kernel_size": 2}, ((1, 8, 4),), 32),
    ("MultiheadAttention", {"num_heads": 2, "batch_first": True}, ((1, 3, 4),), 6 * 2 * 9),
    ("MultiheadAttention", {"num_heads": 2, "add_bias_kv": True, "add_zero_attn": True}, ((3, 1, 4),), 6 * 2 * 3 * 5),
    ("MultiheadAttention", {"num_heads": 2}, ((3, 1, 4), (3, 3), (1, 3)), (6 + 2) * 2 * 9),
    ("scaled_dot_product_attention", {}, ((1, 2, 3, 4), (1, 2, 5, 4), (1, 2, 5, 4), (3, 5)), (6 + 1) * 2 * 15),
    ("TransformerEncoderLayer", {"nhead": 2, "dim_feedforward": 6, "batch_first": True}, ((1, 3, 4),),
        6 * 2 * 9 + 2 * 7 * 12 + 18 + 2 * 12),
    ("TransformerDecoderLayer", {"nhead": 2, "dim_feedforward": 6, "batch_first": True}, ((1, 3, 4), (1, 2, 4)),
        6 * 2 * 9 + 6 * 2 * 6 + 3 * 7 * 12 + 18 + 3 * 12),
    ("TransformerEncoder", {"nhead": 2, "dim_feedforward": 6, "batch_first": True, "num_layers": 2}, ((1, 3, 4),),
        2 * (6 * 2 * 9 + 2 * 7 * 12 + 18 + 2 * 12)),
    ("Transformer", {"nhead": 2, "dim_feedforward": 6, "batch_first": True, "num_encoder_layers": 1,
        "num_decoder_layers": 1}, ((1, 2, 4), (1, 3, 4)),
        (6 * 2 * 4 + 2 * 7 * 8 + 12 + 2 * 8) + (6 * 2 * 9 + 6 * 2 * 6 + 3 * 7 * 12 + 18 + 3 * 12) + 7 * 8 + 7 * 12),
    ("LSTM", {"hidden_size": 5, "batch_first": True}, ((1, 3, 4),), 13 * 5 * 3),
    ("GRU", {"hidden_size": 5, "num_layers": 2, "bidirectional": True}, ((3, 1, 4),), 10 * 2 * 2 * 5 * 3),
    ("RNNCell", {"hidden_size": 5}, ((1, 4),), 2 * 5),
    ("Bilinear", {"out_features": 2}, ((1, 3), (1, 4)), 2 * 2 * 12),
    ("matmul", {}, ((1, 3, 4), (4,)), 2 * 12),
    ("matmul", {}, ((1, 3, 4), (4, 2)), 0),
    ("einsum", {"equation": "bi,bj->bij"}, ((1, 3), (1, 4)), 12),
    ("CosineSimilarity", {}, ((1, 8), (1, 8)), 6 * 8 + 4),
    ("PairwiseDistance", {}, ((1, 8), (1, 8)), 4 * 8 + 1),
    ("flatten", {}, ((1, 4, 6),), 0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "shapes", "work"), WORK, ids=[row[0] for row in WORK])
def test_conventions(name: str, args: dict[str, object], shapes: tuple[tuple[int, ...], ...], work: int) -> None:
    """Those of docs/costs.md, and of what the page does not list, the op's own."""
    op = lookup(name)
    assert op is not None
    run = run_example(
        op, Example(args, shapes, operands=MASKED if name == "MultiheadAttention" and len(shapes) == 3 else ())
    )
    assert run.op.operations(run.inputs, run.outputs) == work
