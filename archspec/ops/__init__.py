"""The registry of ops. A family's file is imported when one of its ops is first used, which keeps start-up short."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from archspec.diagnostics import InternalError
from archspec.ops.base import Op

FAMILIES: dict[str, str] = {
    "conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "functional_conv": "conv1d conv2d conv3d",
    "pool": "MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d",
    "lp_pool": "LPPool1d LPPool2d LPPool3d",
    "fractional_pool": "FractionalMaxPool2d FractionalMaxPool3d",
    "unpool": "MaxUnpool1d MaxUnpool2d MaxUnpool3d",
    "adaptive_pool": "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d "
    "AdaptiveMaxPool3d",
    "padding": "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d "
    "ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d",
    "activation": "GELU Hardsigmoid Hardswish Mish ReLU ReLU6 SiLU Sigmoid Tanh",
    "leaky": "CELU ELU LeakyReLU PReLU RReLU SELU",
    "shrink": "Hardshrink Hardtanh LogSigmoid Softplus Softshrink Softsign Tanhshrink Threshold",
    "softmax": "GLU LogSoftmax Softmax Softmax2d Softmin",
    "batch_norm": "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm",
    "instance_norm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d",
    "norm": "GroupNorm LayerNorm RMSNorm LocalResponseNorm CrossMapLRN2d",
    "dropout": "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout StochasticDepth",
    "layout": "Flatten Unflatten Fold Unfold PixelShuffle PixelUnshuffle ChannelShuffle Identity",
    "upsample": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
    "linear": "Linear Bilinear CosineSimilarity PairwiseDistance",
    "embedding": "Embedding EmbeddingBag embedding",
    "attention": "MultiheadAttention scaled_dot_product_attention",
    "transformer": "Transformer TransformerEncoder TransformerEncoderLayer TransformerDecoder TransformerDecoderLayer",
    "recurrent": "RNN LSTM GRU RNNCell LSTMCell GRUCell",
    "arithmetic": "add sub rsub mul div pow maximum minimum neg abs square sqrt rsqrt reciprocal exp log sin cos clamp",
    "product": "matmul einsum",
    "masking": "where tril triu",
    "pointwise": "relu relu6 leaky_relu elu selu celu gelu silu mish sigmoid tanh hardsigmoid hardswish hardtanh "
    "softplus softsign logsigmoid softmax log_softmax glu",
    "functional_layers": "dropout layer_norm normalize",
    "merge": "cat stack chunk split unbind",
    "reduce": "mean sum amax amin prod var std argmax cumsum logsumexp norm",
    "reshape": "flatten unflatten reshape view contiguous identity",
    "permute": "permute transpose movedim",
    "expand": "squeeze unsqueeze expand repeat",
    "indexing": "slice select narrow getitem index_select roll flip",
    "framing": "crop pad",
    "resize": "interpolate pixel_shuffle pixel_unshuffle avg_pool2d max_pool2d adaptive_avg_pool2d",
    "constant": "Parameter Buffer arange",
}
"""Family (a module of this package) to the ops it defines; a test holds the two equal."""

_FAMILY_OF = {name: family for family, names in FAMILIES.items() for name in names.split()}


def names() -> tuple[str, ...]:
    """Every op's name."""
    return tuple(_FAMILY_OF)


@cache
def lookup(name: str) -> type[Op] | None:
    """The op called `name`, None when there is none. Raises InternalError where its family lacks it."""
    family = _FAMILY_OF.get(name)
    if family is None:
        return None
    module = import_module(f"archspec.ops.{family}")
    for op in vars(module).values():
        if isinstance(op, type) and issubclass(op, Op) and op.name == name:
            return op
    raise InternalError(f"no op `{name}` in {module.__name__}, where `FAMILIES` has it")


__all__ = ["FAMILIES", "Op", "lookup", "names"]
