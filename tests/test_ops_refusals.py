"""What torch refuses is refused here, with a stable code. Each row is checked against torch too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from archspec import dims
from archspec.ops import lookup
from archspec.ops.base import Example, Inputs, Op
from archspec.ops.needs import OpError
from archspec.values import TensorType
from tests.op_oracle import EXAMPLES, OPS, elaborate, outcome_here, outcome_in_torch, run_example

Shape = tuple[int, ...]

MESSAGES = Path(__file__).parent / "cases" / "refusals.txt"


@dataclass(frozen=True)
class Row:
    """An op, its arguments and the shapes of its inputs, and the code of the refusal.

    `torch` is what torch refuses, where a wrong input leaves the op itself unstated: an expression in x, y and z.
    """

    op: str
    args: Mapping[str, Any]
    inputs: tuple[Shape, ...]
    code: str
    torch: str = ""
    dtypes: tuple[str, ...] = ()
    operands: tuple[str, ...] = ()

    @property
    def example(self) -> Example:
        return Example(self.args, self.inputs, self.dtypes, self.operands)


MAP, SEQ, ROW = (2, 4, 9, 8), (2, 5, 8), (2, 8)
CONV = {"out_channels": 6, "kernel_size": 3}
MHA = {"num_heads": 2, "batch_first": True}
LAYER = {"nhead": 2, "dim_feedforward": 12, "batch_first": True}
TABLE = {"num_embeddings": 10, "embedding_dim": 4}

ROWS = [
    # conv
    Row("Conv1d", CONV, ((2, 4, 2),), "size-too-small"),
    Row("Conv1d", CONV, (MAP,), "wrong-rank", "nn.Conv1d(4, 6, 3)(x)"),
    Row("Conv2d", CONV, (ROW,), "wrong-rank", "nn.Conv2d(8, 6, 3)(x)"),
    Row("Conv2d", {**CONV, "groups": 3}, (MAP,), "not-divisible"),
    Row("Conv2d", {**CONV, "out_channels": 5, "groups": 2}, (MAP,), "not-divisible"),
    Row("Conv2d", {**CONV, "groups": 0}, (MAP,), "bad-argument"),
    Row("Conv2d", {**CONV, "out_channels": -1}, (MAP,), "bad-argument"),
    Row("Conv2d", {**CONV, "kernel_size": 0}, (MAP,), "bad-argument"),
    Row("Conv2d", {**CONV, "stride": 0}, (MAP,), "bad-argument"),
    Row("Conv2d", {**CONV, "padding": -1}, (MAP,), "bad-argument"),
    Row("Conv2d", {**CONV, "dilation": 0}, (MAP,), "bad-argument"),
    Row("Conv2d", {**CONV, "dilation": 4}, (MAP,), "size-too-small"),
    Row("Conv2d", {**CONV, "padding": "same", "stride": 2}, (MAP,), "bad-argument"),
    Row("Conv2d", {**CONV, "padding": 8, "padding_mode": "reflect"}, (MAP,), "size-too-small"),
    Row("Conv2d", {**CONV, "padding": 9, "padding_mode": "circular"}, (MAP,), "size-too-small"),
    Row("Conv2d", CONV, (MAP,), "wrong-dtype", dtypes=("int64",)),
    Row("Conv3d", {**CONV, "kernel_size": [4, 1, 1]}, ((2, 4, 3, 5, 6),), "size-too-small"),
    Row("ConvTranspose2d", {**CONV, "output_padding": 1}, (MAP,), "bad-argument"),
    Row("ConvTranspose2d", {**CONV, "groups": 4}, (MAP,), "not-divisible"),
    Row("ConvTranspose1d", {**CONV, "padding": 9}, ((2, 4, 3),), "size-too-small"),
    # pool
    Row("MaxPool2d", {"kernel_size": 3, "padding": 2}, (MAP,), "bad-argument"),
    Row("MaxPool2d", {"kernel_size": 3, "stride": 0}, (MAP,), "bad-argument"),
    Row("MaxPool2d", {"kernel_size": 10}, (MAP,), "size-too-small"),
    Row("MaxPool2d", {"kernel_size": 2}, (ROW,), "wrong-rank"),
    Row("MaxPool1d", {"kernel_size": 4, "dilation": 3}, ((2, 4, 9),), "size-too-small"),
    Row("AvgPool2d", {"kernel_size": 2, "padding": 2}, (MAP,), "bad-argument"),
    Row("AvgPool2d", {"kernel_size": 2, "divisor_override": 0}, (MAP,), "bad-argument"),
    Row("AvgPool3d", {"kernel_size": 4}, ((2, 4, 3, 5, 6),), "size-too-small"),
    Row("LPPool2d", {"norm_type": 2.0, "kernel_size": 9}, ((2, 4, 8, 8),), "size-too-small"),
    Row("FractionalMaxPool2d", {"kernel_size": 3, "output_size": 8}, (MAP,), "size-too-small"),
    Row("FractionalMaxPool2d", {"kernel_size": 3}, (MAP,), "bad-argument"),
    Row("MaxUnpool2d", {"kernel_size": 2}, (MAP, (2, 4, 9, 7)), "shape-mismatch", dtypes=("float32", "int64")),
    Row("MaxUnpool2d", {"kernel_size": 2}, (MAP, MAP), "wrong-dtype"),
    Row("AdaptiveAvgPool2d", {"output_size": 2}, (ROW,), "wrong-rank"),
    Row("AdaptiveMaxPool2d", {"output_size": -1}, (MAP,), "bad-argument"),
    # padding
    Row("ReflectionPad2d", {"padding": 9}, (MAP,), "size-too-small"),
    Row("CircularPad2d", {"padding": 9}, (MAP,), "size-too-small"),
    Row("ZeroPad2d", {"padding": -4}, (MAP,), "size-too-small"),
    Row("ReplicationPad1d", {"padding": 1}, (MAP,), "wrong-rank"),
    # activation
    Row("GLU", {"dim": 1}, ((2, 5, 6),), "not-divisible"),
    Row("Softmax", {"dim": 4}, (MAP,), "bad-axis"),
    Row("Softmax2d", {}, (ROW,), "wrong-rank"),
    Row("PReLU", {"num_parameters": 3}, (MAP,), "shape-mismatch"),
    Row("RReLU", {"lower": 0.5, "upper": 0.1}, (MAP,), "bad-argument"),
    # norm
    Row("BatchNorm2d", {}, (SEQ,), "wrong-rank", "nn.BatchNorm2d(5)(x)"),
    Row("BatchNorm1d", {}, (MAP,), "wrong-rank", "nn.BatchNorm1d(4)(x)"),
    Row("BatchNorm2d", {}, (MAP,), "wrong-dtype", dtypes=("int64",)),
    Row("GroupNorm", {"num_groups": 3}, (MAP,), "not-divisible"),
    Row("GroupNorm", {"num_groups": 0}, (MAP,), "bad-argument"),
    Row("LayerNorm", {"normalized_shape": [7]}, (SEQ,), "shape-mismatch"),
    Row("InstanceNorm2d", {}, ((2, 4, 1, 1),), "size-too-small"),
    Row("BatchNorm1d", {}, ((1, 4),), "size-too-small"),
    Row("BatchNorm2d", {"affine": False}, ((1, 4, 1, 1),), "size-too-small"),
    Row("SyncBatchNorm", {}, ((1, 4, 1),), "size-too-small", "nn.BatchNorm1d(4)(x)"),
    # dropout
    Row("Dropout", {"p": 1.5}, (MAP,), "bad-argument"),
    Row("AlphaDropout", {"p": -0.1}, (MAP,), "bad-argument"),
    # layout
    Row("Flatten", {"start_dim": 3, "end_dim": 1}, (MAP,), "bad-axis"),
    Row("Flatten", {"start_dim": 4}, (MAP,), "bad-axis"),
    Row("Unflatten", {"dim": 1, "unflattened_size": [3, 2]}, (MAP,), "shape-mismatch"),
    Row("PixelShuffle", {"upscale_factor": 3}, (MAP,), "not-divisible"),
    Row("PixelUnshuffle", {"downscale_factor": 2}, (MAP,), "not-divisible"),
    Row("ChannelShuffle", {"groups": 3}, (MAP,), "not-divisible"),
    Row("Unfold", {"kernel_size": 10}, (MAP,), "size-too-small"),
    Row("Fold", {"output_size": 6, "kernel_size": 2}, ((2, 8, 24),), "shape-mismatch"),
    # upsample
    Row("Upsample", {}, (MAP,), "bad-argument"),
    Row("Upsample", {"size": 4, "scale_factor": 2.0}, (MAP,), "bad-argument"),
    Row("Upsample", {"scale_factor": 2.0, "mode": "bilinear"}, (SEQ,), "wrong-rank"),
    # linear
    Row("Linear", {"out_features": -4}, (ROW,), "bad-argument"),
    Row("Linear", {"out_features": 4}, (ROW,), "wrong-dtype", dtypes=("int64",)),
    Row("Linear", {"out_features": 4}, (ROW,), "wrong-dtype", dtypes=("float64",)),
    Row("Bilinear", {"out_features": 4}, ((2, 3, 5), (2, 4, 7)), "shape-mismatch"),
    Row("Bilinear", {"out_features": 4}, ((2, 3, 5), (2, 7)), "wrong-rank"),
    Row("CosineSimilarity", {}, (ROW, (2, 7)), "shape-mismatch"),
    Row("CosineSimilarity", {"dim": 2}, (ROW, ROW), "bad-axis"),
    Row("CosineSimilarity", {"eps": -1.0}, (ROW, ROW), "bad-argument"),
    Row("PairwiseDistance", {}, (SEQ, (2, 4, 8)), "shape-mismatch"),
    # embedding
    Row("Embedding", TABLE, ((2, 6),), "wrong-dtype"),
    Row("Embedding", {**TABLE, "padding_idx": 10}, ((2, 6),), "bad-argument", dtypes=("int64",)),
    Row("Embedding", {**TABLE, "sparse": True, "scale_grad_by_freq": True}, ((2, 6),), "bad-argument",
        dtypes=("int64",)),
    Row("EmbeddingBag", TABLE, ((2, 6, 3),), "wrong-rank", dtypes=("int64",)),
    Row("EmbeddingBag", TABLE, ((6,),), "wrong-rank", dtypes=("int64",)),
    Row("EmbeddingBag", TABLE, ((2, 6), (2,)), "wrong-rank", dtypes=("int64", "int64")),
    Row("EmbeddingBag", {**TABLE, "mode": "max", "sparse": True}, ((2, 6),), "bad-argument", dtypes=("int64",)),
    Row("EmbeddingBag", TABLE, ((2, 6), (2, 6)), "bad-argument", dtypes=("int64", "float32"),
        operands=("input", "per_sample_weights")),
    Row("embedding", {}, ((2, 6), (10, 4)), "wrong-dtype"),
    Row("embedding", {}, ((2, 6), (10,)), "wrong-rank", dtypes=("int64",)),
    Row("embedding", {"padding_idx": 10}, ((2, 6), (10, 4)), "bad-argument", dtypes=("int64",)),
    Row("embedding", {"padding_idx": -11}, ((2, 6), (10, 4)), "bad-argument", dtypes=("int64",)),
    # attention
    Row("MultiheadAttention", {**MHA, "num_heads": 3}, (SEQ,), "not-divisible"),
    Row("MultiheadAttention", MHA, (MAP,), "wrong-rank"),
    Row("MultiheadAttention", MHA, (SEQ, (2, 3, 8), (2, 4, 8)), "shape-mismatch"),
    Row("MultiheadAttention", {"num_heads": 2}, (SEQ, (2, 3, 8), (2, 3, 8)), "shape-mismatch"),
    Row("MultiheadAttention", MHA, (SEQ, (5, 6)), "shape-mismatch", operands=("query", "attn_mask")),
    Row("MultiheadAttention", MHA, (SEQ, (2, 5, 5)), "shape-mismatch", operands=("query", "attn_mask")),
    Row("MultiheadAttention", MHA, (SEQ, (5, 5)), "wrong-dtype", dtypes=("float32", "int64"),
        operands=("query", "attn_mask")),
    Row("MultiheadAttention", {**MHA, "is_causal": True}, (SEQ,), "missing-input"),
    Row("scaled_dot_product_attention", {}, (SEQ, (2, 3, 7), (2, 3, 7)), "shape-mismatch"),
    Row("scaled_dot_product_attention", {}, (SEQ, (2, 3, 8), (2, 4, 8)), "shape-mismatch"),
    Row("scaled_dot_product_attention", {"is_causal": True}, (SEQ, SEQ, SEQ, (5, 5)), "bad-argument"),
    Row("scaled_dot_product_attention", {"enable_gqa": True}, ((2, 4, 5, 8), (2, 3, 5, 8), (2, 3, 5, 8)),
        "not-divisible"),
    Row("scaled_dot_product_attention", {}, (SEQ, SEQ, SEQ, (5, 4)), "shape-mismatch"),
    # transformer
    Row("TransformerEncoderLayer", {**LAYER, "nhead": 3}, (SEQ,), "not-divisible"),
    Row("TransformerEncoder", {**LAYER, "num_layers": 0}, (SEQ,), "bad-argument"),
    Row("TransformerDecoderLayer", LAYER, (SEQ, (2, 3, 6)), "shape-mismatch"),
    Row("TransformerDecoderLayer", LAYER, (SEQ, (3, 3, 8)), "shape-mismatch"),
    Row("Transformer", {**LAYER, "num_encoder_layers": 1, "num_decoder_layers": 1}, (SEQ, (2, 3, 8), (3, 3)),
        "shape-mismatch"),
    # recurrent
    Row("LSTM", {"hidden_size": 6}, (MAP,), "wrong-rank"),
    Row("LSTM", {"hidden_size": 6, "proj_size": 6}, (SEQ,), "bad-argument"),
    Row("LSTM", {"hidden_size": 6, "num_layers": 0}, (SEQ,), "bad-argument"),
    Row("LSTM", {"hidden_size": 6, "batch_first": True}, (SEQ, (1, 2, 6), (1, 2, 5)), "shape-mismatch"),
    Row("GRU", {"hidden_size": 0}, (SEQ,), "bad-argument"),
    Row("RNN", {"hidden_size": 6, "bidirectional": True}, (SEQ, (1, 5, 6)), "shape-mismatch"),
    Row("RNNCell", {"hidden_size": 6}, (SEQ,), "wrong-rank"),
    Row("LSTMCell", {"hidden_size": 6}, (ROW, (2, 6), (2, 5)), "shape-mismatch"),
    # arithmetic
    Row("add", {}, (MAP, (2, 4, 9, 7)), "shape-mismatch"),
    Row("mul", {}, (SEQ, (2, 4, 8)), "shape-mismatch"),
    Row("matmul", {}, (SEQ, SEQ), "shape-mismatch"),
    Row("einsum", {"equation": "bij,bjk->bik"}, (SEQ, SEQ), "shape-mismatch"),
    Row("einsum", {"equation": "bij->bk"}, (SEQ,), "bad-argument"),
    # masking
    Row("where", {}, (MAP, MAP, MAP), "wrong-dtype", dtypes=("int64",)),
    Row("where", {}, (MAP, MAP, (2, 4, 9, 7)), "shape-mismatch", dtypes=("bool",)),
    Row("where", {}, (MAP, MAP), "bad-argument", dtypes=("bool",)),
    Row("where", {"other": 0}, (MAP, MAP, MAP), "bad-argument", "torch.where(x > 0, y, z, other=0)", dtypes=("bool",)),
    Row("tril", {}, (ROW[:1],), "wrong-rank"),
    # merge
    Row("cat", {}, (MAP, (2, 4, 9, 7)), "shape-mismatch"),
    Row("cat", {"dim": 4}, (MAP, MAP), "bad-axis", "torch.cat((x, y), 4)"),
    Row("cat", {}, (MAP, SEQ), "wrong-rank", "torch.cat((x, y), 1)"),
    Row("stack", {}, (ROW, (2, 7)), "shape-mismatch"),
    Row("chunk", {"chunks": 0}, (MAP,), "bad-argument", "x.chunk(0, 1)"),
    Row("split", {"split_size_or_sections": [3, 3]}, (MAP,), "shape-mismatch", "x.split([3, 3], 1)"),
    # reduce
    Row("mean", {"dim": [1, 1]}, (MAP,), "bad-axis"),
    Row("mean", {"dim": 1}, (MAP,), "wrong-dtype", dtypes=("int64",)),
    Row("sum", {"dim": 4}, (MAP,), "bad-axis"),
    # reshape
    Row("reshape", {"shape": [2, 5, -1]}, (MAP,), "not-divisible"),
    Row("reshape", {"shape": [2, -1, -1]}, (MAP,), "bad-argument"),
    Row("permute", {"dims": [0, 1, 2]}, (MAP,), "bad-axis"),
    Row("transpose", {"dim0": 1, "dim1": 4}, (MAP,), "bad-axis"),
    Row("expand", {"sizes": [2, 4, 9, 16]}, (MAP,), "shape-mismatch"),
    Row("unflatten", {"dim": 1, "sizes": [3, -1]}, (MAP,), "not-divisible"),
    Row("movedim", {"source": [1, 2], "destination": [1, 1]}, (MAP,), "bad-axis"),
    # indexing
    Row("select", {"dim": 1, "index": 4}, (MAP,), "bad-axis"),
    Row("narrow", {"dim": 1, "start": 2, "length": 3}, (MAP,), "size-too-small"),
    Row("roll", {"shifts": [1, 2], "dims": [1]}, (MAP,), "bad-argument"),
    Row("pad", {"pad": [1, 2, 3]}, (MAP,), "bad-argument"),
    Row("flip", {"dims": [4]}, (MAP,), "bad-axis"),
    Row("index_select", {"dim": 1, "index": [4]}, (MAP,), "bad-axis"),
    Row("index_select", {"dim": 1}, (MAP, (3,)), "wrong-dtype"),
    Row("index_select", {"dim": 1}, (MAP, (3, 2)), "wrong-rank", dtypes=("float32", "int64")),
    Row("index_select", {"dim": 1}, (MAP,), "bad-argument", "torch.index_select(x, 1)"),
    Row("index_select", {"dim": 1, "index": [0]}, (MAP, (3,)), "bad-argument", "torch.index_select(x, 1, y, index=[0])",
        dtypes=("float32", "int64")),
    # resize
    Row("interpolate", {"scale_factor": 2.0, "mode": "bilinear"}, (SEQ,), "wrong-rank"),
    Row("pixel_shuffle", {"upscale_factor": 3}, (MAP,), "not-divisible"),
    # more of each
    Row("ELU", {"alpha": -1.0, "inplace": True}, (MAP,), "bad-argument"),
    Row("CELU", {"alpha": 0.0}, (MAP,), "bad-argument"),
    Row("LeakyReLU", {"negative_slope": -0.1, "inplace": True}, (MAP,), "bad-argument"),
    Row("PReLU", {}, (MAP,), "wrong-dtype", dtypes=("float64",)),
    Row("Hardtanh", {"min_val": 1.0, "max_val": 0.0}, (MAP,), "bad-argument"),
    Row("Softshrink", {"lambd": -0.1}, (MAP,), "bad-argument"),
    Row("elu", {"alpha": -1.0, "inplace": True}, (MAP,), "bad-argument"),
    Row("celu", {"alpha": 0.0}, (MAP,), "bad-argument"),
    Row("hardtanh", {"min_val": 1.0, "max_val": 0.0}, (MAP,), "bad-argument"),
    Row("layer_norm", {}, (SEQ, (7,)), "shape-mismatch"),
    Row("div", {"other": 0, "rounding_mode": "floor"}, (MAP,), "bad-argument", dtypes=("int64",)),
    Row("pow", {"exponent": -1}, (MAP,), "bad-argument", dtypes=("int64",)),
    Row("clamp", {}, (MAP,), "bad-argument"),
    Row("matmul", {}, (MAP, ()), "wrong-rank"),
    Row("einsum", {"equation": "bij->bi"}, (MAP,), "wrong-rank"),
    Row("scaled_dot_product_attention", {}, (SEQ, (2, 8), SEQ), "wrong-rank"),
    Row("scaled_dot_product_attention", {}, (SEQ, SEQ, SEQ), "wrong-dtype", dtypes=("float32", "float64", "float32")),
    Row("scaled_dot_product_attention", {}, (SEQ, SEQ, SEQ, (5, 5)), "wrong-dtype",
        dtypes=("float32",) * 3 + ("int64",)),
    Row("Parameter", {"shape": [2], "dtype": "int64"}, (), "wrong-dtype"),
    Row("arange", {"end": 4, "step": 0}, (), "bad-argument"),
    Row("arange", {"start": 4, "end": 4}, (), "size-too-small"),
    Row("ChannelShuffle", {"groups": 2}, (ROW,), "wrong-rank"),
    Row("conv2d", {}, (MAP, (6, 4, 3, 3), (5,)), "shape-mismatch"),
    Row("ConvTranspose2d", {**CONV, "output_padding": -1}, (MAP,), "bad-argument"),
    Row("LPPool2d", {"norm_type": 0.0, "kernel_size": 2}, (MAP,), "bad-argument"),
    Row("FractionalMaxPool2d", {"kernel_size": 2, "output_ratio": 1.5}, (MAP,), "bad-argument"),
    Row("FractionalMaxPool2d", {"kernel_size": 2, "output_ratio": 0.0}, (MAP,), "bad-argument"),
    Row("FractionalMaxPool2d", {"kernel_size": 2, "output_ratio": 0.5, "output_size": 3}, (MAP,), "bad-argument"),
    Row("conv2d", {}, (MAP, (6, 3, 3, 3)), "shape-mismatch"),
    Row("MaxUnpool2d", {"kernel_size": 2, "output_size": [18]}, (MAP, MAP), "bad-argument",
        dtypes=("float32", "int64")),
    Row("PixelShuffle", {"upscale_factor": 2}, (SEQ,), "wrong-rank"),
    Row("Bilinear", {"out_features": 4}, (SEQ, SEQ), "wrong-dtype", dtypes=("float32", "int64")),
    Row("pad", {"pad": [8, 8, 0, 0], "mode": "reflect"}, (MAP,), "size-too-small"),
    Row("pad", {"pad": [1] * 8, "mode": "reflect"}, (MAP,), "bad-argument"),
    Row("neg", {}, (MAP,), "wrong-dtype", dtypes=("bool",)),
    Row("matmul", {}, (SEQ, (8, 3)), "wrong-dtype", dtypes=("float32", "float64")),
    Row("abs", {}, (MAP,), "wrong-dtype", dtypes=("bool",)),
    Row("LayerNorm", {}, (SEQ,), "wrong-dtype", dtypes=("float64",)),
    Row("EmbeddingBag", {**TABLE, "mode": "sum"}, ((2, 6), (2, 6)), "wrong-dtype", dtypes=("int64", "float64"),
        operands=("input", "per_sample_weights")),
    Row("EmbeddingBag", {**TABLE, "mode": "sum"}, ((2, 6), (6,)), "wrong-rank", dtypes=("int64", "float32"),
        operands=("input", "per_sample_weights")),
    Row("slice", {"dim": 1, "step": 0}, (MAP,), "bad-argument"),
    Row("narrow", {"dim": 1, "start": 0, "length": 0}, (MAP,), "size-too-small"),
    Row("narrow", {"dim": 1, "start": -5, "length": 1}, (MAP,), "size-too-small"),
    Row("getitem", {"index": [":", 0, 0, 0, 0]}, (MAP,), "bad-axis"),
    Row("getitem", {"index": [":", "::0"]}, (MAP,), "bad-argument"),
    Row("Unflatten", {"dim": 1, "unflattened_size": [-1, -1]}, (MAP,), "bad-argument"),
    Row("stack", {}, (ROW, SEQ), "wrong-rank"),
    Row("BatchNorm2d", {"eps": 0.0}, (MAP,), "bad-argument"),
    Row("LayerNorm", {"normalized_shape": []}, (SEQ,), "bad-argument"),
    Row("CrossMapLRN2d", {"size": 1}, (MAP,), "bad-argument"),
    Row("LSTM", {"hidden_size": 6}, (SEQ, (1, 5, 6)), "missing-input"),
    Row("RNN", {"hidden_size": 6}, (SEQ, (5, 6)), "wrong-rank"),
    Row("reshape", {"shape": [2, -2]}, (MAP,), "bad-argument"),
    Row("flatten", {"start_dim": 2, "end_dim": 1}, (MAP,), "bad-axis"),
    Row("unflatten", {"dim": 1, "sizes": []}, (MAP,), "bad-argument"),
    Row("movedim", {"source": [1, 2], "destination": [1]}, (MAP,), "bad-argument"),
    Row("expand", {"sizes": [2, 4]}, (MAP,), "bad-argument"),
    Row("expand", {"sizes": [2, 4, 9, 0]}, (MAP,), "bad-argument"),
    Row("repeat", {"repeats": [1]}, (MAP,), "bad-argument"),
    Row("unsqueeze", {"dim": 5}, (MAP,), "bad-axis"),
    Row("interpolate", {"scale_factor": 2.0, "align_corners": True}, (MAP,), "bad-argument"),
    Row("interpolate", {"scale_factor": 2.0, "antialias": True}, (MAP,), "bad-argument"),
    Row("interpolate", {"size": 4, "recompute_scale_factor": True}, (MAP,), "bad-argument"),
    Row("interpolate", {}, (MAP,), "bad-argument"),
    Row("LSTM", {"hidden_size": 6}, (SEQ,), "wrong-dtype", dtypes=("float64",)),
    Row("matmul", {}, ((2, 4, 5, 8), (2, 3, 8, 5)), "shape-mismatch"),
    Row("interpolate", {"scale_factor": 0.05}, (MAP,), "size-too-small"),
    Row("Upsample", {"scale_factor": 0.05}, (MAP,), "size-too-small"),
    Row("MultiheadAttention", MHA, (SEQ, SEQ, SEQ), "wrong-dtype", dtypes=("float32", "float64", "float64")),
    Row("interpolate", {"size": 4, "scale_factor": 2.0}, (MAP,), "bad-argument"),
    Row("interpolate", {"size": [4]}, (MAP,), "bad-argument"),
    Row("Upsample", {"scale_factor": -1.0}, (MAP,), "bad-argument"),
    Row("Upsample", {"scale_factor": 2.0, "align_corners": True}, (MAP,), "bad-argument"),
    Row("Upsample", {"size": 4, "recompute_scale_factor": True}, (MAP,), "bad-argument"),
]  # fmt: skip

OURS = [
    Row("MultiheadAttention", MHA, (SEQ, SEQ), "missing-input", operands=("query", "key")),
    Row("MultiheadAttention", MHA, (SEQ, SEQ), "missing-input", operands=("query", "value")),
    Row("scaled_dot_product_attention", {}, (SEQ, SEQ, SEQ, (5,)), "wrong-rank"),
    Row("Parameter", {"value": [[1.0], [1.0, 2.0]]}, (), "bad-argument"),
    Row("Parameter", {}, (), "bad-argument"),
    Row("Parameter", {"shape": [0]}, (), "bad-argument"),
    Row("Buffer", {"shape": [3], "value": [1.0, 2.0]}, (), "shape-mismatch"),
    Row("crop", {"size": 4}, (ROW,), "wrong-rank"),
    Row("crop", {"size": 4}, (MAP, MAP), "bad-argument"),
    Row("crop", {}, (MAP,), "bad-argument"),
    Row("crop", {"size": [4]}, (MAP,), "bad-argument"),
    Row("crop", {}, (MAP, SEQ), "wrong-rank"),
    Row("pad", {"pad": [1, 1], "mode": "reflect", "value": 1.0}, (SEQ,), "bad-argument"),
    Row("index_select", {"dim": 1, "index": [-1]}, (MAP,), "bad-argument"),
    Row("Linear", {"out_features": 3}, ((2,),), "wrong-rank"),
    Row("split", {"split_size_or_sections": 0}, (MAP,), "bad-argument"),
    Row("split", {"split_size_or_sections": [4, 0, -1]}, (MAP,), "bad-argument"),
    Row("LayerNorm", {"normalized_shape": [2, 5, 8]}, (SEQ,), "bad-argument"),
    Row("reshape", {"shape": []}, (MAP,), "bad-argument"),
    Row("Upsample", {"size": [4]}, (MAP,), "bad-argument"),
]  # fmt: skip
"""What torch takes, or has no call for, and is refused here all the same."""


UNKNOWN = [
    Row("reshape", {"shape": [2, 4, 9, 8]}, (MAP,), "shape-mismatch"),
    Row("reshape", {"shape": [-1, 7]}, (MAP,), "not-divisible"),
    Row("add", {}, (ROW, (3, 8)), "shape-mismatch"),
    Row("add", {}, (SEQ, ROW), "shape-mismatch"),
    Row("GLU", {"dim": 0}, (ROW,), "bad-axis"),
    Row("LayerNorm", {"normalized_shape": [2, 8]}, (ROW,), "bad-argument"),
    Row("cat", {"dim": 1}, (ROW, (3, 8)), "shape-mismatch"),
    Row("chunk", {"chunks": 2, "dim": 0}, (ROW,), "unknown-size"),
]  # fmt: skip
"""What would fix the batch N, of unknown size, or mix it with others."""

FITS = [
    ("Conv2d", {"out_channels": 6, "kernel_size": 8}, ((2, 4, 8, 8),)),
    ("Conv2d", {**CONV, "padding": 7, "padding_mode": "reflect"}, (MAP,)),
    ("Conv2d", {**CONV, "padding": 8, "padding_mode": "circular"}, (MAP,)),
    ("ConvTranspose1d", {**CONV, "padding": 2}, ((2, 4, 3),)),
    ("ConvTranspose2d", {**CONV, "stride": 2, "output_padding": 1}, (MAP,)),
    ("MaxPool2d", {"kernel_size": 2, "padding": 1}, (MAP,)),
    ("AvgPool2d", {"kernel_size": 8}, (MAP,)),
    ("FractionalMaxPool2d", {"kernel_size": 3, "output_size": [7, 6]}, (MAP,)),
    ("ReflectionPad2d", {"padding": 7}, (MAP,)),
    ("CircularPad2d", {"padding": 8}, (MAP,)),
    ("ZeroPad2d", {"padding": [-4, -3, 0, 0]}, (MAP,)),
    ("pad", {"pad": [7, 7, 8, 8], "mode": "reflect"}, (MAP,)),
    ("pad", {"pad": [8, 8, 9, 9], "mode": "circular"}, (MAP,)),
    ("Unfold", {"kernel_size": 8}, (MAP,)),
    ("arange", {"start": 3, "end": 4}, ()),
    ("Softmax", {"dim": -3}, (MAP,)),
    ("unsqueeze", {"dim": 4}, (MAP,)),
    ("narrow", {"dim": 1, "start": 1, "length": 3}, (MAP,)),
    ("narrow", {"dim": 1, "start": -4, "length": 1}, (MAP,)),
    ("select", {"dim": 1, "index": -4}, (MAP,)),
    ("PReLU", {"num_parameters": 1}, (MAP,)),
    ("RReLU", {"lower": 0.5, "upper": 0.5}, (MAP,)),
    ("Dropout", {"p": 1.0}, (MAP,)),
    ("CrossMapLRN2d", {"size": 2}, (MAP,)),
    ("InstanceNorm2d", {}, ((2, 4, 2, 1),)),
    ("BatchNorm1d", {}, ((2, 4),)),
    ("LSTM", {"hidden_size": 6, "proj_size": 5}, (SEQ,)),
    ("matmul", {}, (ROW, (8,))),
]  # fmt: skip
"""The most that is taken: one more is refused above."""


@pytest.mark.parametrize(("name", "args", "shapes"), FITS, ids=[row[0] for row in FITS])
def test_what_just_fits(name: str, args: dict[str, Any], shapes: tuple[Shape, ...]) -> None:
    op, example = lookup(name), Example(args, shapes)
    assert op is not None
    run_example(op, example, symbolic=True)
    assert outcome_here(op, example) == outcome_in_torch(op, example)


@pytest.mark.parametrize("index", [9, -10])
def test_rows_of_a_table_are_counted_from_both_ends(index: int) -> None:
    op, example = lookup("Embedding"), Example({**TABLE, "padding_idx": index}, ((2, 6),), ("int64",))
    assert op is not None
    assert outcome_here(op, example) == outcome_in_torch(op, example)


def test_there_is_a_row_for_most_families() -> None:
    families = {op.__module__ for op in OPS}
    assert len({op.__module__ for row in ROWS if (op := lookup(row.op))}) >= 0.8 * len(families)


def refused_here(row: Row) -> type[Op]:
    """The row's op, once it has refused the example as the row says, at numbers and at symbols."""
    op = lookup(row.op)
    assert op is not None
    for symbolic in (False, True):
        with pytest.raises(OpError) as refusal:
            run_example(op, row.example, symbolic=symbolic)
        assert refusal.value.code == row.code, refusal.value.message
    return op


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.op)
def test_refused_as_in_torch(row: Row) -> None:
    op = refused_here(row)
    if row.torch:
        named = dict(zip("xyz", (torch.rand(shape) for shape in row.inputs), strict=False))
        with pytest.raises((RuntimeError, ValueError, IndexError, TypeError)):
            eval(row.torch, {"nn": nn, "torch": torch}, named)
    else:
        outcome = outcome_in_torch(op, row.example)
        assert outcome and outcome.startswith("refused"), outcome


@pytest.mark.parametrize("row", OURS, ids=lambda row: row.op)
def test_refused_here_alone(row: Row) -> None:
    op = refused_here(row)
    outcome = outcome_in_torch(op, row.example)
    assert outcome is None or not outcome.startswith("refused"), "torch agrees: a row of ROWS"


@pytest.mark.parametrize("row", [*ROWS, *OURS], ids=lambda row: row.op)
def test_messages_are_in_house_style(row: Row) -> None:
    """Lower case, no full stop, and what to say about something that is there."""
    op = lookup(row.op)
    assert op is not None
    with pytest.raises(OpError) as refusal:
        run_example(op, row.example)
    error = refusal.value
    for text in (error.message, error.label, error.help or ""):
        assert not text.endswith(".") and (text[:1].islower() or not text[:1].isalpha() or text[:1] in "LSN"), text
    assert error.argument is None or error.argument in op.model_fields
    assert error.operand is None or error.operand < len(row.inputs)


def test_messages(update_goldens: bool) -> None:
    """The whole text of every refusal, and what it points at, is that of `cases/refusals.txt`."""
    text = "\n\n".join([*map(described, (*ROWS, *OURS)), *(described(row, None) for row in UNKNOWN)]) + "\n"
    if update_goldens:
        MESSAGES.write_text(text, encoding="utf-8")
    assert text == MESSAGES.read_text(encoding="utf-8")


def described(row: Row, batch: int | None = 2) -> str:
    op = lookup(row.op)
    assert op is not None
    with pytest.raises(OpError) as refusal:
        run_example(op, row.example, batch)
    error = refusal.value
    assert error.code == row.code
    at = (
        error.argument if error.argument is not None else f"input {error.operand}" if error.operand is not None else "-"
    )
    lines = [
        f"{row.op} {dict(row.args)} of {', '.join(map(str, row.inputs)) or 'nothing'}",
        f"{error.code} @ {at}: {error.message}",
    ]
    lines += [f"{kind}: {text}" for kind, text in (("label", error.label), ("help", error.help)) if text]
    return "\n  ".join(lines)


# Sequences along the batch, which torch runs over


@pytest.mark.parametrize(("op", "example"), [p for p in EXAMPLES if p.values[1].args.get("batch_first")])
def test_no_sequence_runs_over_the_batch(op: type[Op], example: Example) -> None:
    """Refused where the batch is unknown and the other axis is not; torch has no such rule."""
    wrong = replace(example, args={**example.args, "batch_first": False})
    with pytest.raises(OpError) as refusal:
        run_example(op, wrong, batch=None)
    assert (refusal.value.code, refusal.value.operand) == ("batch-as-sequence", 0)
    shape = str(["N", *example.inputs[0][1:]]).replace("'", "")
    assert refusal.value.message == f"`{op.name}` would run over the batch: axis 0 of {shape} is N"


def test_every_op_with_the_argument_has_such_an_example() -> None:
    tested = {p.values[0] for p in EXAMPLES if p.values[1].args.get("batch_first")}
    assert tested == {op for op in OPS if "batch_first" in op.model_fields}


def test_no_attention_to_the_batch() -> None:
    """The rule holds for every sequence."""
    op = lookup("MultiheadAttention")
    assert op is not None
    with pytest.raises(OpError) as refusal:
        run_example(op, Example({"num_heads": 2}, ((5, 2, 8), (2, 3, 8), (2, 3, 8))), batch=None)
    assert (refusal.value.code, refusal.value.operand) == ("batch-as-sequence", 1)


@pytest.mark.parametrize("length", [10, dims.symbol("L", 10), dims.symbol("L")], ids=["number", "nominal", "unknown"])
def test_a_sequence_on_axis_0_is_accepted(length: dims.Dim) -> None:
    op = lookup("LSTM")
    assert op is not None
    inputs = Inputs((TensorType((length, dims.symbol("N"), 8)),), ("input",))
    run = elaborate(op, {"hidden_size": 6}, inputs)
    assert [str(x) for x in run.outputs] == [f"[{dims.show(length)}, N, 6]", "[1, N, 6]", "[1, N, 6]"]
