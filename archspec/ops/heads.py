"""What attention, transformers and recurrent networks share: sequences, masks, heads, and what they cost."""

from __future__ import annotations

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.base import Inputs, Needs, OpError, State
from archspec.ops.guards import positive, sequence_first
from archspec.ops.work import SCORE
from archspec.values import TensorType


def sequence(need: Needs, x: TensorType, *, op: str, batch_first: bool, operand: int = 0) -> tuple[Dim, Dim]:
    """The batch and the length of `x`."""
    layout = "[N, L, E]" if batch_first else "[L, N, E] (or `batch_first: true`)"
    need.rank(x, 3, op=op, layout=layout, operand=operand)
    if batch_first:
        return x.shape[0], x.shape[1]
    sequence_first(x, op=op, operand=operand)
    return x.shape[1], x.shape[0]


def same_batch(
    need: Needs, first: TensorType, other: TensorType, batch_first: bool, names: tuple[str, str], operand: int
) -> None:
    """Two sequences have as many samples; the usual cause of a difference is the layout."""
    axis = 0 if batch_first else 1
    need.equal(
        first.shape[axis], other.shape[axis],
        f"`{names[0]}` and `{names[1]}` need equal batch sizes, got {first} and {other}", operand=operand,
        label=f"axis {axis} differs: {show(other.shape[axis])}, not {show(first.shape[axis])}",
        help=None if batch_first else "`batch_first: true` puts the batch on axis 0",
    )  # fmt: skip


def check_mask(
    need: Needs, inputs: Inputs, name: str, queries: Dim, keys: Dim, batch: Dim, heads: int, *, op: str
) -> None:
    """Operand `name`, if given, is a bool or float32 mask of queries and keys, or of keys alone."""
    position = inputs.position(name)
    if position is None:
        return
    mask = inputs[position]
    if name.endswith("key_padding_mask"):
        layout, shapes = "[N, S]", {2: (batch, keys)}
    else:
        layout = "[L, S] or [N * heads, L, S]"
        shapes = {2: (queries, keys), 3: (dims.mul(batch, heads), queries, keys)}
    need.rank(mask, *shapes, op=op, layout=f"`{name}` of {layout}", operand=position)
    if mask.dtype not in ("bool", "float32"):
        raise OpError("wrong-dtype", f"`{name}` must be bool or float32, got {mask.dtype}", operand=position)
    wanted = TensorType(shapes[mask.rank])
    for axis, (size, want) in enumerate(zip(mask.shape, wanted.shape, strict=True)):
        need.equal(
            want, size, f"`{name}` must have the shape {wanted}, got {mask}", operand=position,
            label=f"axis {axis} differs: {show(size)}, not {show(want)}",
        )  # fmt: skip


def needs_mask(inputs: Inputs, hint: str, mask: str) -> None:
    """A hint about a mask comes with the mask."""
    if inputs.position(mask) is None:
        raise OpError(
            "missing-input", f"`{hint}` is a hint about `{mask}`, which is not given", argument=hint,
            help="give the causal mask too, or use `scaled_dot_product_attention`, which needs none",
        )  # fmt: skip


def attention_state(
    prefix: str, embed: int, bias: bool, kdim: int | None = None, vdim: int | None = None, bias_kv: bool = False
) -> tuple[State, ...]:
    """The parameters of one multi-head attention, in torch's order; other key or value sizes split the projection."""
    kdim, vdim = kdim or embed, vdim or embed
    if kdim == vdim == embed:
        shapes: dict[str, tuple[int, ...]] = {"in_proj_weight": (3 * embed, embed)}
    else:
        shapes = {"q_proj_weight": (embed, embed), "k_proj_weight": (embed, kdim), "v_proj_weight": (embed, vdim)}
    if bias:
        shapes["in_proj_bias"] = (3 * embed,)
    if bias_kv:
        shapes |= {"bias_k": (1, 1, embed), "bias_v": (1, 1, embed)}
    shapes["out_proj.weight"] = (embed, embed)
    if bias:
        shapes["out_proj.bias"] = (embed,)
    return tuple(State(prefix + name, shape) for name, shape in shapes.items())


def attention_macs(
    batch: Dim, queries: Dim, keys: Dim, embed: int, kdim: int | None = None, vdim: int | None = None, added: int = 0
) -> Dim:
    """The four projections, and the two products of queries with keys and weights with values; `added` keys are not
    projected."""
    query_side = dims.mul(queries, 2 * embed * embed)
    key_side = dims.mul(keys, embed * ((kdim or embed) + (vdim or embed)))
    products = dims.mul(dims.mul(queries, dims.add(keys, added)), 2 * embed)
    return dims.mul(batch, dims.total((query_side, key_side, products)))


def attention_work(batch: Dim, queries: Dim, keys: Dim, heads: int, masks: int = 0) -> Dim:
    """The softmax of the scores, and a sum for each mask."""
    return dims.mul(dims.product((batch, queries, keys)), heads * (SCORE + masks))


def check_heads(embed: int, heads: int, what: str, argument: str) -> None:
    """The heads share the features equally."""
    positive(**{argument: heads})
    if embed % heads:
        raise OpError("not-divisible", f"`{argument}` {heads} does not divide `{what}` {embed}", argument=argument)
