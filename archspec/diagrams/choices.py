"""What can be asked of a diagram. Light to import, as the command line does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Direction = Literal["TB", "LR"]

SHOW = ("args", "params", "macs", "field", "shape")
"""What a box can show beside its op and its name."""

SHOWN = ("args", "params", "macs")
"""What it does show unless told."""

FORMATS = ("svg", "png", "pdf")
"""Pictures, which an engine makes."""

TEXTS = ("dot", "gv")
"""What any Graphviz reads, and needs no engine."""

ENGINES: Mapping[str, tuple[str, ...]] = {"dot": FORMATS, "graphviz-pure": ("svg", "png")}
"""In the order they are tried, and what each can write."""


def how_to_draw(format: str = "svg") -> str:
    """What to do where nothing on the machine writes a format."""
    return "install Graphviz" + (", or `pip install graphviz-pure`" if format in ENGINES["graphviz-pure"] else "")
