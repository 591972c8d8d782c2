"""Random spatial networks for the test of receptive fields, 1-D to 3-D: whatever moves, mixes or cuts positions.

A layer is a few lines of YAML that read the node `LAST`; `#` in a name stands for the layer's number. A layer that does
not compile after those before it is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from archspec import api, dims
from archspec.diagnostics import SpecError
from archspec.dims import Dim
from archspec.ir import leaves

CHANNELS = 4
SIZES = {1: (9, 40), 2: (6, 14), 3: (4, 7)}
LARGEST = {1: 120, 2: 40, 3: 14}
"""No axis grows beyond this."""


@dataclass(frozen=True)
class Place:
    """Where a layer is put: the sizes of the axes that have positions, the channels."""

    sizes: tuple[int, ...]
    channels: int
    earlier: tuple[str, ...]  # nodes with the same shape

    @property
    def axes(self) -> int:
        return len(self.sizes)


SMALL = "norm#: LayerNorm"
"""Before attention, which looks at one place alone where values are large."""

Layer = Callable[[DrawFn, Place], list[str]]


def integers(draw: DrawFn, count: int, low: int, high: int) -> list[int]:
    return [draw(st.integers(low, high)) for _ in range(count)]


def axis(draw: DrawFn, at: Place) -> int:
    return 2 + draw(st.integers(0, at.axes - 1))


def positive(at: Place) -> str:
    """A layer without zeros: products and norms of padding have no gradient."""
    return f"base#: {{op: Conv{at.axes}d, out_channels: {at.channels}, kernel_size: 1}}"


def conv(draw: DrawFn, at: Place) -> list[str]:
    kernel, stride = integers(draw, at.axes, 1, 4), integers(draw, at.axes, 1, 3)
    padding, dilation = integers(draw, at.axes, 0, 3), integers(draw, at.axes, 1, 2)
    mode = draw(st.sampled_from(["zeros", "zeros", "zeros", "reflect", "replicate", "circular"]))
    if draw(st.integers(0, 4)) == 0:
        return [f"same#: {{op: Conv{at.axes}d, out_channels: 4, kernel_size: {kernel}, padding: same}}"]
    return [
        f"conv#: {{op: Conv{at.axes}d, out_channels: 4, kernel_size: {kernel}, stride: {stride}, padding: {padding}, "
        f"dilation: {dilation}, padding_mode: {mode}, groups: {draw(st.sampled_from([1, 1, 2, 4]))}}}"
    ]


def transposed(draw: DrawFn, at: Place) -> list[str]:
    kernel, stride = integers(draw, at.axes, 1, 4), integers(draw, at.axes, 1, 3)
    padding, dilation = integers(draw, at.axes, 0, 2), integers(draw, at.axes, 1, 2)
    more = [draw(st.integers(0, step - 1)) for step in stride]
    return [
        f"up#: {{op: ConvTranspose{at.axes}d, out_channels: 4, kernel_size: {kernel}, stride: {stride}, "
        f"padding: {padding}, output_padding: {more}, dilation: {dilation}}}"
    ]


def pool(draw: DrawFn, at: Place) -> list[str]:
    kernel, stride = integers(draw, at.axes, 1, 3), integers(draw, at.axes, 1, 3)
    padding = [draw(st.integers(0, size // 2)) for size in kernel]
    ceil = draw(st.sampled_from(["true", "false"]))
    kind = draw(st.sampled_from(["Max", "Avg", "LP"]))
    if kind == "LP":
        size = kernel[0] if at.axes == 1 else kernel
        step = stride[0] if at.axes == 1 else stride
        return [
            positive(at),
            f"lp#: {{op: LPPool{at.axes}d, norm_type: 2, kernel_size: {size}, stride: {step}, ceil_mode: {ceil}}}",
        ]
    dilation = f", dilation: {integers(draw, at.axes, 1, 2)}" if kind == "Max" else ""
    return [
        f"pool#: {{op: {kind}Pool{at.axes}d, kernel_size: {kernel}, stride: {stride}, padding: {padding}, "
        f"ceil_mode: {ceil}{dilation}}}"
    ]


def adaptive(draw: DrawFn, at: Place) -> list[str]:
    kind = draw(st.sampled_from(["Avg", "Max"]))
    sizes = [draw(st.integers(1, size + 3)) for size in at.sizes]
    return [f"fit#: {{op: Adaptive{kind}Pool{at.axes}d, output_size: {sizes if at.axes > 1 else sizes[0]}}}"]


def resized(draw: DrawFn, at: Place) -> list[str]:
    smooth = {1: ["linear"], 2: ["bilinear", "bicubic"], 3: ["trilinear"]}[at.axes]
    mode = draw(st.sampled_from(["nearest", "nearest-exact", "area", *smooth, *smooth]))
    if draw(st.booleans()):
        factors = [draw(st.sampled_from([0.4, 0.5, 0.7, 1.3, 1.5, 2.0, 2.5, 3.0])) for _ in at.sizes]
        how = f"scale_factor: {factors}"
        if mode == "nearest" and at.axes == 3:
            how = "scale_factor: 2.0"  # in volumes, torch takes the factor or the sizes as the memory's layout has it
        if draw(st.integers(0, 3)) == 0:
            how += ", recompute_scale_factor: true"
    else:
        how = f"size: {[draw(st.integers(1, 2 * size + 2)) for size in at.sizes]}"
    if mode in smooth:
        how += f", align_corners: {draw(st.sampled_from(['true', 'false']))}"
    if mode in ("bilinear", "bicubic") and draw(st.integers(0, 2)) == 0:
        how += ", antialias: true"
    return [f"resize#: {{op: interpolate, mode: {mode}, {how}}}"]


def padded(draw: DrawFn, at: Place) -> list[str]:
    mode = draw(st.sampled_from(["constant", "constant", "reflect", "replicate", "circular"]))
    low = -2 if mode == "constant" else -1
    pairs = integers(draw, 2 * at.axes, low, 3)
    layer = {"constant": "Zero", "reflect": "Reflection", "replicate": "Replication", "circular": "Circular"}[mode]
    if draw(st.booleans()):
        return [f"pad#: {{op: {layer}Pad{at.axes}d, padding: {pairs}}}"]
    return [f"pad#: {{op: pad, pad: {pairs}, mode: {mode}}}"]


def cut(draw: DrawFn, at: Place) -> list[str]:
    dim = axis(draw, at)
    size = at.sizes[dim - 2]
    start = draw(st.integers(0, size - 1))
    match draw(st.integers(0, 6)):
        case 0:
            length = draw(st.integers(1, size - start))
            return [f"narrow#: {{op: narrow, dim: {dim}, start: {start}, length: {length}}}"]
        case 1:
            index = integers(draw, draw(st.integers(1, size + 2)), 0, size - 1)
            return [f"pick#: {{op: index_select, dim: {dim}, index: {index}}}"]
        case 2:
            return [f"roll#: {{op: roll, shifts: {draw(st.integers(-3, 3))}, dims: {dim}}}"]
        case 3:
            return [f"flip#: {{op: flip, dims: [{dim}]}}"]
        case 4:
            return [f"crop#: {{op: crop, size: {[draw(st.integers(1, size)) for size in at.sizes]}}}"]
        case 5:
            items = [":", ":", *[":" for _ in at.sizes]]
            items[dim] = f"{start}:{draw(st.integers(start + 1, size))}:{draw(st.integers(1, 2))}"
            return [f'part#: {{op: getitem, index: "{", ".join(items)}"}}']
        case _:
            end, step = draw(st.integers(start + 1, size)), draw(st.integers(1, 3))
            return [f"slice#: {{op: slice, dim: {dim}, start: {start}, end: {end}, step: {step}}}"]


def parts(draw: DrawFn, at: Place) -> list[str]:
    """An axis taken apart, and put together otherwise."""
    dim = axis(draw, at)
    size = at.sizes[dim - 2]
    match draw(st.integers(0, 3)):
        case 0 if size % 2 == 0:
            return [f"a#, b#: {{op: chunk, chunks: 2, dim: {dim}}}", "sum#: {op: add, from: [a#, b#]}"]
        case 1:
            first = draw(st.integers(1, size))
            sizes = [first, size - first] if first < size else [size]
            parts = [f"p{i}#" for i in range(len(sizes))]
            if len(sizes) == 1:
                return [f"dup#: {{op: cat, dim: {dim}, from: [LAST, LAST]}}"]
            turned = ", ".join(reversed(parts))
            return [
                f"{', '.join(parts)}: {{op: split, split_size_or_sections: {sizes}, dim: {dim}}}",
                f"joined#: {{op: cat, dim: {dim}, from: [{turned}]}}",
            ]
        case 2:
            return [
                f"wide#: {{op: Conv{at.axes}d, out_channels: {at.channels}, kernel_size: 3, padding: 1}}",
                f"beside#: {{op: cat, dim: {dim}, from: [LAST, wide#]}}",
            ]
        case _:
            times = [2 if i == dim else 1 for i in range(at.axes + 2)]
            return [f"tiled#: {{op: repeat, repeats: {times}}}"]


def branches(draw: DrawFn, at: Place) -> list[str]:
    """Paths that meet again."""
    one, two = (
        f"op: Conv{at.axes}d, from: LAST, out_channels: {at.channels}, kernel_size: {2 * k + 1}, padding: {d * k}, "
        f"dilation: {d}"
        for k, d in ((draw(st.integers(0, 2)), draw(st.integers(1, 2))) for _ in range(2))
    )
    match draw(st.integers(0, 4)):
        case 0:
            return [f"one#: {{{one}}}", f"two#: {{{two}}}", "joined#: {op: cat, from: [one#, two#]}"]
        case 1:
            return [f"one#: {{{one}}}", f"two#: {{{two}}}", "joined#: {op: mul, from: [one#, two#]}"]
        case 2:
            return [f"one#: {{{one}}}", "joined#: {op: add, from: [one#, LAST]}"]
        case 3:
            return [
                f"one#: {{{one}}}", f"two#: {{{two}}}", "both#: {op: stack, dim: 2, from: [one#, two#]}",
                "joined#: {op: mean, dim: 2}",
            ]  # fmt: skip
        case _:
            ups = f"op: ConvTranspose{at.axes}d, out_channels: {at.channels}, kernel_size: 2, stride: 2"
            return [
                f"down#: {{op: AvgPool{at.axes}d, kernel_size: 2, ceil_mode: true}}",
                f"deep#: {{op: Conv{at.axes}d, out_channels: {at.channels}, kernel_size: 3, padding: 1}}",
                f"up#: {{{ups}}}",
                "fit#: {op: interpolate, like: LAST}",
                "joined#: {op: cat, from: [fit#, LAST]}",
            ]


def again(draw: DrawFn, at: Place) -> list[str]:
    """A value of the same shape from before."""
    if not at.earlier:
        return []
    return [f"skip#: {{op: add, from: [LAST, {draw(st.sampled_from(at.earlier))}]}}"]


def looped(draw: DrawFn, at: Place) -> list[str]:
    layer = f"op: Conv{at.axes}d, out_channels: {at.channels}, kernel_size: 3, padding: {draw(st.integers(0, 2))}"
    return [f"loop#: {{graph: [{{{layer}, repeat: {draw(st.integers(1, 3))}}}, LeakyReLU]}}"]


def gate(draw: DrawFn, at: Place) -> list[str]:
    if draw(st.booleans()):
        dim = axis(draw, at)
        mean = f"mean#: {{op: mean, dim: {dim}, keepdim: true}}"
        return [positive(at), mean, "scaled#: {op: mul, from: [base#, mean#]}"]
    return [
        positive(at),
        f"squeeze#: {{op: AdaptiveAvgPool{at.axes}d, output_size: 1}}",
        f"excite#: {{op: Conv{at.axes}d, out_channels: {at.channels}, kernel_size: 1}}",
        "scaled#: {op: mul, from: [base#, excite#]}",
    ]


def normalised(draw: DrawFn, at: Place) -> list[str]:
    match draw(st.integers(0, 5)):
        case 0:
            return [f"norm#: BatchNorm{at.axes}d"]
        case 1:
            return ["norm#: {op: GroupNorm, num_groups: 2}"]
        case 2 if min(at.sizes) > 2:
            return [f"norm#: InstanceNorm{at.axes}d"]
        case 3:
            order = [0, *range(2, at.axes + 2), 1]
            back = [0, at.axes + 1, *range(1, at.axes + 1)]
            return [
                f"last#: {{op: permute, dims: {order}}}", "norm#: LayerNorm", "map#: {op: Linear, out_features: 4}",
                f"first#: {{op: permute, dims: {back}}}",
            ]  # fmt: skip
        case 4 if min(at.sizes) > 1:
            return [f"soft#: {{op: softmax, dim: {draw(st.integers(1, at.axes + 1))}}}"]
        case _:
            return ["norm#: {op: LocalResponseNorm, size: 2}"]


def running(draw: DrawFn, at: Place) -> list[str]:
    return [f"sums#: {{op: cumsum, dim: {axis(draw, at)}}}"]


def shuffled(draw: DrawFn, at: Place) -> list[str]:
    if at.axes != 2:
        return []
    how = draw(st.sampled_from(["pixel_shuffle, upscale_factor", "PixelUnshuffle, downscale_factor"]))
    return [f"shuffle#: {{op: {how}: 2}}", "map#: {op: Conv2d, out_channels: 4, kernel_size: 1}"]


def columns(draw: DrawFn, at: Place) -> list[str]:
    """Windows as columns; and back to a map, maybe of another stride."""
    if at.axes != 2:
        return []
    kernel, padding = integers(draw, 2, 1, 3), integers(draw, 2, 0, 1)
    stride, dilation = integers(draw, 2, 1, 2), integers(draw, 2, 1, 2)
    how = f"kernel_size: {kernel}, padding: {padding}, stride: {stride}, dilation: {dilation}"
    out = at.channels * kernel[0] * kernel[1]
    return [
        f"columns#: {{op: Unfold, {how}}}",
        f"map#: {{op: Conv1d, out_channels: {out}, kernel_size: {draw(st.sampled_from([1, 1, 3]))}, padding: same}}",
        f"map2#: {{op: Fold, output_size: {list(at.sizes)}, {how}}}",
    ]


def windowed(draw: DrawFn, at: Place) -> list[str]:
    """Attention, or a mean, within windows of the first axis."""
    size = at.sizes[0]
    parts = [n for n in range(2, size) if size % n == 0]
    if not parts:
        return []
    n = draw(st.sampled_from(parts))
    rest = list(at.sizes[1:])
    split = [-1, at.channels, size // n, n, *rest]
    whole = [-1, at.channels, *at.sizes]
    if at.axes == 1 and draw(st.booleans()):
        return [
            "tokens#: {op: permute, dims: [0, 2, 1]}",
            f"windows#: {{op: reshape, shape: [-1, {n}, {at.channels}]}}",
            SMALL,
            "attend#: {op: MultiheadAttention, num_heads: 1, batch_first: true}",
            f"tokens2#: {{op: reshape, shape: [-1, {size}, {at.channels}]}}",
            "map#: {op: permute, dims: [0, 2, 1]}",
        ]
    if draw(st.booleans()):
        dim = draw(st.integers(2, 3))
        return [
            f"split#: {{op: reshape, shape: {split}}}",
            f"mean#: {{op: mean, dim: {dim}, keepdim: true}}",
            "both#: {op: add, from: [split#, mean#]}",
            f"map#: {{op: reshape, shape: {whole}}}",
        ]
    order = [0, 1, 3, 2, *range(4, 3 + at.axes)]
    return [
        f"split#: {{op: reshape, shape: {split}}}",
        f"turn#: {{op: permute, dims: {order}}}",
        f"map#: {{op: reshape, shape: {whole}}}",
    ]


def attended(draw: DrawFn, at: Place) -> list[str]:
    """All positions as tokens; with a class token before them, which goes again."""
    flat = [] if at.axes == 1 else ["flat#: {op: flatten, start_dim: 2}"]
    count = 1
    for size in at.sizes:
        count *= size
    tokens = "tokens#: {op: transpose, dim0: 1, dim1: 2}"
    back = ["turn#: {op: transpose, dim0: 1, dim1: 2}", f"map#: {{op: reshape, shape: {[-1, at.channels, *at.sizes]}}}"]
    match draw(st.integers(0, 4)):
        case 0:
            attend = [SMALL, "attend#: {op: MultiheadAttention, num_heads: 1, batch_first: true}"]
        case 1:
            attend = [
                SMALL,
                "attend#: {op: scaled_dot_product_attention, is_causal: true, from: [norm#, norm#, norm#]}",
            ]
        case 2:
            start = draw(st.integers(0, 1))
            attend = [
                f"token#: {{op: Parameter, shape: [1, 1, {at.channels}], init: ones_}}",
                "all#: {op: cat, dim: 1, from: [token#, tokens#]}",
                "norm#: LayerNorm",
                f"some#: {{op: slice, dim: 1, start: {start}, end: {count + start}}}",
            ]
        case 3 if count <= 12:
            both = draw(st.sampled_from(["true", "false"]))
            attend = [
                f"run#: {{op: GRU, hidden_size: 4, batch_first: true, bidirectional: {both}}}",
                f"only#: {{op: Linear, from: run#.output, out_features: {at.channels}}}",
            ]
        case _:
            attend = [
                SMALL,
                "attend#: {op: MultiheadAttention, num_heads: 1, batch_first: true}",
                "sum#: {op: add, from: [attend#, tokens#]}",
            ]
    return [*flat, tokens, *attend, *back]


def product(draw: DrawFn, at: Place) -> list[str]:
    """A learned map of the last axis; and axes in another order."""
    if at.axes == 2 and draw(st.booleans()):
        return ["turned#: {op: transpose, dim0: 2, dim1: 3}"]
    if at.axes == 2 and draw(st.integers(0, 3)) == 0:
        return ["lower#: {op: tril}"]
    out = draw(st.integers(1, 9))
    if draw(st.booleans()):
        return [f"mixed#: {{op: Linear, out_features: {out}}}"]
    return [
        f"weight#: {{op: Parameter, shape: [{at.sizes[-1]}, {out}], init: ones_}}",
        "mixed#: {op: matmul, from: [LAST, weight#]}",
    ]


def activated(draw: DrawFn, at: Place) -> list[str]:
    return [f"act#: {draw(st.sampled_from(['LeakyReLU', 'Softplus', 'Identity', 'Dropout']))}"]


LAYERS: Sequence[Layer] = (
    conv, conv, conv, transposed, transposed, pool, pool, adaptive, resized, resized, padded, cut, cut, parts, branches,
    branches, again, looped, gate, normalised, running, shuffled, columns, windowed, attended, product, activated,
)  # fmt: skip


class Spatial:
    """A network over maps, and its text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.graph = api.loads(text)

    def __repr__(self) -> str:
        return self.text


@st.composite
def networks(draw: DrawFn, most: int = 6) -> Spatial:
    """A network of up to `most` layers, of one input or two."""
    axes = draw(st.sampled_from([1, 1, 2, 2, 3]))
    sizes = integers(draw, axes, *SIZES[axes])
    shape = ["N", str(CHANNELS), *map(str, sizes)]
    two = draw(st.integers(0, 5)) == 0
    inputs = f"[{', '.join(shape)}]"
    head = f"archspec: 1\nname: spatial\ninputs: {{x: {inputs}" + (f", y: {inputs}}}" if two else "}") + "\ngraph:\n"
    first = f"  stem: {{op: Conv{axes}d, out_channels: {CHANNELS}, kernel_size: 1}}\n"
    if two:
        first = (
            f"  left: {{op: Conv{axes}d, from: x, out_channels: {CHANNELS}, kernel_size: 3, padding: 1}}\n"
            "  stem: {op: add, from: [left, y]}\n"
        )
    text = head + first
    found, last = Spatial(text), "stem"
    for number in range(draw(st.integers(2, most))):
        layer = draw(st.sampled_from(LAYERS))
        grown = extended(draw, found, layer, number, last, axes)
        if grown is not None and not cancels(grown[0].text):
            found, last = grown
    return found


def cancels(text: str) -> bool:
    """The first position is in every sum of a running one, and what subtracts a mean over them takes it out again."""
    return "cumsum" in text and any(op in text for op in ("GroupNorm", "InstanceNorm", "softmax"))


def extended(
    draw: DrawFn, found: Spatial, layer: Layer, number: int, last: str, axes: int
) -> tuple[Spatial, str] | None:
    """The network with one more layer, and the name of its result; None where it does not fit."""
    (value,) = leaves(found.graph.outputs.entries[0].value)
    shape = found.graph.type_of(value).shape
    same = [
        node.path for node in found.graph.nodes
        if node.outputs[0].shape == shape and len(node.outputs) == 1 and node.path != last and "." not in node.path
    ]  # fmt: skip
    sizes, channels = numbers(shape[2:]), dims.value(shape[1])
    if len(sizes) < axes or channels is None:
        return None
    lines = layer(draw, Place(sizes, channels, tuple(same)))
    if not lines:
        return None
    lines = [line.replace("#", f"_{number}").replace("LAST", last) for line in lines]
    text = found.text + "".join(f"  {line}\n" for line in lines)
    try:
        grown = Spatial(text)
    except SpecError:
        return None
    if any(size > LARGEST[axes] for size in numbers(grown.graph.nodes[-1].outputs[0].shape[2:])):
        return None
    return grown, lines[-1].partition(":")[0]


def numbers(shape: Sequence[Dim]) -> tuple[int, ...]:
    """Sizes, those that are known."""
    return tuple(size for size in map(dims.value, shape) if size is not None)
