"""Colours by what an op does: tints for the fill, the full colour for the border.

The hues are those of Okabe and Ito (2008), "Color universal design", which colour-blind readers can tell apart; every
box says in words what it is as well, so that a print in black and white loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archspec.ops.base import Category


@dataclass(frozen=True, slots=True)
class Colour:
    """A family of ops in the legend: `name` is also the class of its boxes in SVG."""

    name: str
    title: str
    fill: str
    border: str
    dark_fill: str
    dark_border: str


COLOURS = (
    Colour("weights", "convolution, linear", "#d9eaf5", "#0072b2", "#12344a", "#56b4e9"),
    Colour("attention", "attention, recurrent", "#f5e4ed", "#b0568c", "#4a2a3d", "#cc79a7"),
    Colour("norm", "normalisation", "#e3f1ec", "#009e73", "#143d31", "#2fbf95"),
    Colour("activation", "activation", "#fbf6d0", "#a89a10", "#45401a", "#f0e442"),
    Colour("grid", "pooling, resizing", "#fbe7cf", "#c98500", "#4a3514", "#e69f00"),
    Colour("merge", "sum, concatenation, product", "#f8dccb", "#d55e00", "#4d2a14", "#ee8a4a"),
    Colour("shape", "shape, dropout", "#ececec", "#7d7d7d", "#33373c", "#9aa0a6"),
    Colour("constant", "parameter, constant", "#ffffff", "#56799a", "#1f262d", "#8fb0cc"),
    Colour("block", "block", "#f2f4f7", "#52606d", "#252b33", "#9aa5b1"),
)  # fmt: skip

CHANGES = (
    Colour("added", "+ added", "#d5efe6", "#00805e", "#143d31", "#2fbf95"),
    Colour("removed", "- removed", "#f9dfdb", "#b83227", "#4a201c", "#f0857b"),
    Colour("changed", "~ changed", "#fdeebd", "#b07d00", "#4a3a10", "#f0c040"),
    Colour("same", "the same", "#f5f6f8", "#8a94a0", "#20252b", "#77828e"),
)
"""Of a picture of two networks, by what becomes of a part."""

BY_NAME: Mapping[str, Colour] = {colour.name: colour for colour in (*COLOURS, *CHANGES)}

_OF: Mapping[Category, str] = {
    "convolution": "weights", "linear": "weights", "embedding": "weights",
    "attention": "attention", "recurrent": "attention",
    "normalization": "norm", "activation": "activation",
    "pooling": "grid", "resize": "grid", "padding": "grid",
    "merge": "merge", "arithmetic": "merge",
    "reduction": "shape", "reshape": "shape", "dropout": "shape",
    "constant": "constant", "custom": "block",
}  # fmt: skip


def colour_of(category: Category) -> Colour:
    """The colour of an op's boxes."""
    return BY_NAME[_OF[category]]
