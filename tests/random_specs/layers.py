"""Random layers: for a shape, an op with arguments that it takes, by the requirements in torch's documentation.

`FAMILIES` is filled here and in `rearranging`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.random_specs.pick import Count, Pick
from tests.random_specs.values import elements

Shape = tuple[int, ...]
Layer = tuple[str, dict[str, Any]]

MAX_SIZE = 12  # of a spatial axis that grows
MAX_CHANNELS = 12


FAMILIES: dict[str, tuple[Callable[[Shape], bool], Callable[[Pick, Shape], Layer]]] = {}
"""Family to whether it fits a shape, and what draws a layer of it."""


def family(fits: Callable[[Shape], bool]) -> Callable[[Callable[[Pick, Shape], Layer]], Callable[[Pick, Shape], Layer]]:
    def add(make: Callable[[Pick, Shape], Layer]) -> Callable[[Pick, Shape], Layer]:
        FAMILIES[make.__name__] = fits, make
        return make

    return add


def fitting(shape: Shape) -> list[str]:
    """The families that take a shape."""
    return [name for name, (fits, _) in FAMILIES.items() if fits(shape)]


def spatial(shape: Shape) -> bool:
    return 3 <= len(shape) <= 5


def small(shape: Shape) -> bool:
    return elements(shape) <= 1500 and max(shape[1:]) <= MAX_SIZE


# Convolution and pooling


@family(spatial)
def convolution(pick: Pick, shape: Shape) -> Layer:
    channels, sizes = shape[1], shape[2:]
    groups = pick.factor(channels) if pick.chance(4) else 1
    windows = [pick_window(pick, size) for size in sizes]
    kernels, paddings, dilations = (list(values) for values in zip(*windows, strict=True))
    args: dict[str, Any] = {
        "out_channels": Count(groups * pick.int(1, max(1, MAX_CHANNELS // groups))),
        "kernel_size": pick.per_axis(kernels),
    }
    if pick.chance(4):
        args["padding"] = "same"
        paddings = [(d * (k - 1) + 1) // 2 for k, _, d in windows]
    else:
        args["padding"] = pick.per_axis(paddings)
        args |= pick.some(stride=lambda: pick.per_axis([pick.int(1, 3) for _ in sizes]))
    if max(dilations) > 1:
        args["dilation"] = pick.per_axis(dilations)
    if groups > 1:
        args["groups"] = groups
    if max(paddings) < min(sizes) and pick.chance(5):
        args["padding_mode"] = pick.of(["reflect", "replicate", "circular"])
    return f"Conv{len(sizes)}d", args | pick.some(bias=lambda: False)


def pick_window(pick: Pick, size: int) -> tuple[int, int, int]:
    """Kernel, padding and dilation that fit an axis."""
    dilation = pick.int(1, 2) if pick.chance(4) else 1
    padding = pick.int(0, 2)
    kernel = pick.int(1, min(3, (size + 2 * padding - 1) // dilation + 1))
    return kernel, padding, dilation


@family(lambda shape: spatial(shape) and small(shape))
def transposed_convolution(pick: Pick, shape: Shape) -> Layer:
    channels, sizes = shape[1], shape[2:]
    groups = pick.factor(channels) if pick.chance(4) else 1
    kernel, stride, dilation = pick.int(1, 3), pick.int(1, 2), pick.int(1, 2) if pick.chance(4) else 1
    smallest = (min(sizes) - 1) * stride + dilation * (kernel - 1) + 1
    args: dict[str, Any] = {
        "out_channels": Count(groups * pick.int(1, max(1, 8 // groups))),
        "kernel_size": kernel,
        "stride": stride,
        "padding": pick.int(0, max(0, min(2, (smallest - 1) // 2))),
    }
    args |= pick.some(output_padding=lambda: pick.int(0, max(stride, dilation) - 1), bias=pick.flag)
    if dilation > 1:
        args["dilation"] = dilation
    if groups > 1:
        args["groups"] = groups
    return f"ConvTranspose{len(sizes)}d", args


@family(spatial)
def pooling(pick: Pick, shape: Shape) -> Layer:
    sizes = shape[2:]
    kind = pick.of(["Max", "Avg", "LP"])
    kernel = pick.int(1, min(3, min(sizes)))
    args: dict[str, Any] = {"kernel_size": kernel, **pick.some(stride=lambda: pick.int(1, 3), ceil_mode=pick.flag)}
    if kind == "LP":
        return f"LPPool{len(sizes)}d", {"norm_type": pick.of([2, 1.0, 3]), **args}
    args |= pick.some(padding=lambda: pick.int(0, kernel // 2))
    if kind == "Max":
        widest = min(size + 2 * args.get("padding", 0) for size in sizes)
        args |= pick.some(dilation=lambda: pick.int(1, 2 if 2 * (kernel - 1) < widest else 1))
    elif len(sizes) > 1:
        args |= pick.some(count_include_pad=pick.flag, divisor_override=lambda: pick.int(1, 5))
    else:
        args |= pick.some(count_include_pad=pick.flag)
    if len(sizes) == 2 and pick.chance(4):
        return {"Max": "max_pool2d", "Avg": "avg_pool2d"}[kind], args
    return f"{kind}Pool{len(sizes)}d", args


@family(spatial)
def adaptive_pooling(pick: Pick, shape: Shape) -> Layer:
    sizes = shape[2:]
    each = len(sizes) > 1 and pick.chance(3)
    wanted: Any = [pick.of([1, 2, 3, None]) for _ in sizes] if each else pick.int(1, 4)
    if len(sizes) == 2 and pick.chance(4):
        return "adaptive_avg_pool2d", {"output_size": wanted}
    return f"Adaptive{pick.of(['Avg', 'Max'])}Pool{len(sizes)}d", {"output_size": wanted}


@family(lambda shape: len(shape) in (4, 5) and min(shape[2:]) >= 3)
def fractional_pooling(pick: Pick, shape: Shape) -> Layer:
    smallest = min(shape[2:])
    kernel = pick.int(1, 2)
    if pick.flag():
        how: dict[str, Any] = {"output_size": pick.int(1, smallest - kernel)}
    else:
        how = {"output_ratio": pick.of([0.5, 0.6])}
        kernel = 1
    return f"FractionalMaxPool{len(shape) - 2}d", {"kernel_size": kernel, **how}


@family(lambda shape: spatial(shape) and small(shape))
def padding(pick: Pick, shape: Shape) -> Layer:
    axes = len(shape) - 2
    kind = pick.of(["Zero", "Constant", "Replication", "Reflection", "Circular"])
    limit = {"Reflection": min(shape[2:]) - 1, "Circular": min(shape[2:])}.get(kind, 2)
    widths = [pick.int(0, max(0, min(2, limit))) for _ in range(2 * axes)]
    args: dict[str, Any] = {"padding": pick.per_axis(widths)}
    if kind == "Constant":
        args["value"] = pick.of([0.5, -1.0])
    if kind == "Zero" and pick.chance(3):
        return "pad", {"pad": widths}
    return f"{kind}Pad{axes}d", args


# Norms, activations, dropout


@family(lambda shape: 2 <= len(shape) <= 5)
def batch_norm(pick: Pick, shape: Shape) -> Layer:
    args = pick.some(eps=lambda: 1e-3, momentum=lambda: pick.of([0.01, 0.5]))
    args |= pick.some(affine=pick.flag, track_running_stats=pick.flag)
    return ("SyncBatchNorm" if pick.chance(6) else f"BatchNorm{max(1, len(shape) - 2)}d"), args


@family(lambda shape: spatial(shape) and elements(shape[2:]) > 1)
def instance_norm(pick: Pick, shape: Shape) -> Layer:
    return f"InstanceNorm{len(shape) - 2}d", pick.some(affine=pick.flag, track_running_stats=pick.flag)


@family(lambda shape: len(shape) >= 2 and elements(shape[2:]) > 1)
def group_norm(pick: Pick, shape: Shape) -> Layer:
    return "GroupNorm", {"num_groups": pick.factor(shape[1]), **pick.some(affine=pick.flag, eps=lambda: 1e-3)}


@family(lambda shape: len(shape) >= 2)
def layer_norm(pick: Pick, shape: Shape) -> Layer:
    name = pick.of(["LayerNorm", "RMSNorm", "layer_norm"])
    if name == "layer_norm":
        return name, {}
    return name, pick.some(elementwise_affine=pick.flag, eps=lambda: 1e-3)


@family(lambda shape: len(shape) in (3, 4))  # of five axes torch wants contiguous input
def response_norm(pick: Pick, shape: Shape) -> Layer:
    if len(shape) == 4 and pick.chance(3):
        return "CrossMapLRN2d", {"size": pick.of([3, 2]), **pick.some(k=lambda: 2)}
    return "LocalResponseNorm", {"size": pick.int(1, 3)}


ACTIVATIONS: dict[str, dict[str, list[Any]]] = {
    "ReLU": {}, "Sigmoid": {}, "GELU": {"approximate": ["tanh"]}, "SiLU": {}, "Tanh": {}, "Hardswish": {}, "Mish": {},
    "LeakyReLU": {"negative_slope": [0.2]}, "ELU": {"alpha": [0.5]}, "CELU": {"alpha": [2.0]}, "SELU": {}, "ReLU6": {},
    "Hardsigmoid": {}, "Hardtanh": {"min_val": [-2.0]}, "Hardshrink": {"lambd": [0.1]}, "Softshrink": {"lambd": [0.1]},
    "LogSigmoid": {}, "Softplus": {"beta": [2.0]}, "Softsign": {}, "Tanhshrink": {}, "RReLU": {}, "PReLU": {},
    "Identity": {}, "Softmax": {}, "LogSoftmax": {}, "Softmin": {},
    "relu": {}, "gelu": {}, "silu": {}, "sigmoid": {}, "tanh": {}, "hardswish": {}, "softplus": {}, "leaky_relu": {},
    "softmax": {}, "log_softmax": {}, "mish": {}, "elu": {"alpha": [0.5]}, "softsign": {}, "relu6": {}, "selu": {},
    "celu": {"alpha": [0.5]}, "hardsigmoid": {}, "hardtanh": {"max_val": [0.5]}, "logsigmoid": {}, "Threshold": {},
}  # fmt: skip
SOFTMAX = ("softmax", "logsoftmax", "log_softmax", "softmin")
INPLACE = ("ReLU", "SiLU", "Hardswish", "LeakyReLU", "ELU", "ReLU6", "relu", "Mish", "Hardsigmoid")


@family(lambda shape: True)
def activation(pick: Pick, shape: Shape) -> Layer:
    flat = len(shape) < 2  # no axis but the batch
    name = pick.of([name for name in ACTIVATIONS if not (flat and name.lower() in SOFTMAX)])
    args = {key: pick.of(values) for key, values in ACTIVATIONS[name].items() if pick.chance(3)}
    if name == "Threshold":
        args = {"threshold": 0.1, "value": pick.of([0, -1.5])}
    if name.lower() in SOFTMAX and pick.flag():
        args["dim"] = pick.of([-1, 1])
    if name == "PReLU" and len(shape) >= 2 and pick.flag():
        args["num_parameters"] = Count(shape[1])
    return name, args


@family(lambda shape: any(size % 2 == 0 for size in shape[1:]))
def gated_activation(pick: Pick, shape: Shape) -> Layer:
    return pick.of(["GLU", "glu"]), {
        "dim": pick.of([axis for axis, size in enumerate(shape) if axis and size % 2 == 0])
    }


@family(lambda shape: len(shape) >= 2)
def dropout(pick: Pick, shape: Shape) -> Layer:
    names = ["Dropout", "dropout", "AlphaDropout", "FeatureAlphaDropout", "StochasticDepth"]
    names += {3: ["Dropout1d"], 4: ["Dropout2d"], 5: ["Dropout3d"]}.get(len(shape), [])
    return pick.of(names), {"p": pick.of([0.5, 0.1, 0.0])}


# Linear maps, attention, recurrence


@family(lambda shape: len(shape) >= 2)
def linear(pick: Pick, shape: Shape) -> Layer:
    return "Linear", {"out_features": Count(pick.int(1, MAX_CHANNELS)), **pick.some(bias=lambda: False)}


@family(lambda shape: len(shape) == 3)
def attention(pick: Pick, shape: Shape) -> Layer:
    heads = pick.factor(shape[-1])
    if pick.flag():
        return "TransformerEncoderLayer", {
            "nhead": heads, "dim_feedforward": pick.int(1, 8), "batch_first": True, "dropout": pick.of([0.0, 0.1]),
            **pick.some(norm_first=pick.flag, activation=lambda: "gelu", bias=pick.flag),
        }  # fmt: skip
    args = pick.some(bias=pick.flag, dropout=lambda: 0.1, add_zero_attn=pick.flag, add_bias_kv=pick.flag)
    return "MultiheadAttention", {"num_heads": heads, "batch_first": True, **args}


@family(lambda shape: len(shape) == 2)
def cell(pick: Pick, shape: Shape) -> Layer:
    return pick.of(["GRUCell", "RNNCell"]), {"hidden_size": Count(pick.int(1, 8)), **pick.some(bias=pick.flag)}


# Resizing


@family(lambda shape: spatial(shape) and small(shape))
def resizing(pick: Pick, shape: Shape) -> Layer:
    axes = len(shape) - 2
    modes = ["nearest", ["linear", "bilinear", "trilinear"][axes - 1], "nearest-exact"]
    mode = pick.of([*modes, "bicubic"] if axes == 2 else modes)
    name = pick.of(["Upsample", "interpolate"])
    args: dict[str, Any] = {}
    if pick.flag():
        args["scale_factor"] = pick.of([2, 1.5, 3] if min(shape[2:]) < 2 else [2, 1.5, 0.5])
    elif pick.flag():
        args["size"] = [pick.int(1, 8) for _ in range(axes)]
    else:
        args["size"] = pick.int(1, 8)
    if mode != "nearest":
        args["mode"] = mode
    if mode in ("linear", "bilinear", "trilinear", "bicubic"):
        args |= pick.some(align_corners=pick.flag)
    return name, args


@family(lambda shape: len(shape) == 4 and small(shape))
def upsampling(pick: Pick, shape: Shape) -> Layer:
    how = {"scale_factor": 2} if pick.flag() else {"size": pick.of([3, [2, 5]])}
    return pick.of(["UpsamplingNearest2d", "UpsamplingBilinear2d"]), how


@family(lambda shape: len(shape) == 4)
def channel_softmax(pick: Pick, shape: Shape) -> Layer:
    return "Softmax2d", {}


@family(lambda shape: len(shape) == 4)
def shuffling(pick: Pick, shape: Shape) -> Layer:
    _, channels, height, width = shape
    options: list[Layer] = [("ChannelShuffle", {"groups": pick.factor(channels)})]
    if channels % 4 == 0 and small(shape):
        options += [("PixelShuffle", {"upscale_factor": 2}), ("pixel_shuffle", {"upscale_factor": 2})]
    if height % 2 == 0 and width % 2 == 0:
        options += [("PixelUnshuffle", {"downscale_factor": 2}), ("pixel_unshuffle", {"downscale_factor": 2})]
    return pick.of(options)


@family(lambda shape: len(shape) == 4 and small(shape))
def unfolding(pick: Pick, shape: Shape) -> Layer:
    kernel = pick.int(1, min(2, *shape[2:]))
    args = pick.some(stride=lambda: pick.int(1, 2), padding=lambda: pick.int(0, 1))
    return "Unfold", {"kernel_size": kernel, **args}


@family(lambda shape: len(shape) == 3)
def folding(pick: Pick, shape: Shape) -> Layer:
    """Of `h * w` windows of one element, or of four, which overlap."""
    height = pick.factor(shape[2])
    sizes = [height, shape[2] // height]
    if shape[1] % 4 == 0 and pick.flag():
        return "Fold", {"output_size": [size + 1 for size in sizes], "kernel_size": 2}
    return "Fold", {"output_size": sizes, "kernel_size": 1}


@family(lambda shape: len(shape) == 3)
def encoding(pick: Pick, shape: Shape) -> Layer:
    args = pick.some(norm=pick.flag, norm_first=pick.flag, activation=lambda: "gelu")
    return "TransformerEncoder", {
        "nhead": pick.factor(shape[-1]), "num_layers": pick.int(1, 2), "dim_feedforward": pick.int(1, 6),
        "batch_first": True, **args,
    }  # fmt: skip
