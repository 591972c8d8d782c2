"""What other tools call things: a wrong name that no likeness of letters would put right."""

from __future__ import annotations

from collections.abc import Collection

# each with its names, the likelier first
_SYNONYMS = {
    # ops
    "+": "add", "-": "sub", "*": "mul", "/": "div", "@": "matmul", "bmm": "matmul", "concat": "cat",
    "concatenate": "cat", "dense": "Linear", "conv": "Conv2d", "batchnorm": "BatchNorm2d", "deconv": "ConvTranspose2d",
    "swish": "SiLU", "globalavgpool2d": "AdaptiveAvgPool2d", "globalaveragepooling2d": "AdaptiveAvgPool2d",
    "globalmaxpool2d": "AdaptiveMaxPool2d", "maxpool": "MaxPool2d", "avgpool": "AvgPool2d",
    "averagepooling2d": "AvgPool2d", "selfattention": "MultiheadAttention", "droppath": "StochasticDepth",
    "drop_path": "StochasticDepth",
    # arguments and keys of a node
    "axis": "dim dims", "axes": "dims dim", "filters": "out_channels", "rate": "p", "alpha": "negative_slope",
    "input": "from", "inputs": "from", "units": "out_features", "times": "repeat",
    # keys of a spec and of an input
    "layers": "graph", "model": "graph", "network": "graph", "nodes": "graph", "description": "doc", "size": "shape",
    "type": "dtype",
}  # fmt: skip


def synonym(word: str, valid: Collection[str]) -> str | None:
    """The valid name of what another tool calls `word`, None where there is none, or where another name begins so."""
    meant = next((name for name in _SYNONYMS.get(word.lower(), "").split() if name in valid), None)
    if meant is None or meant.startswith(word):
        return meant
    return None if any(name.startswith(word) for name in valid) else meant
