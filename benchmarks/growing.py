"""Specs of any size, to see how time and memory grow with the number of nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

HEAD = "archspec: 1\nname: grown\ninput: [N, 8, 32, 32]\n"

UNIT = """\
blocks:
  Unit:
    params: {width: int}
    graph:
      conv1: {op: Conv2d, out_channels: width, kernel_size: 3, padding: 1}
      bn1: BatchNorm2d
      relu: ReLU
      conv2: {op: Conv2d, out_channels: 8, kernel_size: 1}
      bn2: BatchNorm2d
      add: {op: add, from: [input, bn2]}
"""
UNIT_NODES = 6


def different(nodes: int) -> str:
    """Blocks of six nodes, no two of equal width."""
    return _units(nodes, "i + 1")


def repeated(nodes: int) -> str:
    """The same block over and over."""
    return _units(nodes, "16")


def _units(nodes: int, width: str) -> str:
    return f"""{HEAD}{UNIT}graph:
  for i in range({max(1, nodes // UNIT_NODES)}):
    unit$i: {{op: Unit, width: {width}}}
"""


NESTING = 50
"""Levels of the nested blocks; the language allows 64."""


def nested(nodes: int) -> str:
    """Towers of blocks in blocks, 50 levels deep with a node on each; no two blocks have equal params."""
    return f"""{HEAD}
blocks:
  Level:
    params: {{depth: int, width: int}}
    graph:
      conv: {{op: Conv2d, out_channels: width, kernel_size: 1}}
      below: {{op: Level, depth: depth - 1, width: width, when: depth > 1}}
graph:
  for i in range({max(1, nodes // NESTING)}):
    tower$i: {{op: Level, depth: {min(nodes, NESTING)}, width: i + 1}}
"""


def fanned_out(nodes: int) -> str:
    """One value that every other node reads, and one that reads them all."""
    return f"""{HEAD}
graph:
  stem: {{op: Conv2d, out_channels: 8, kernel_size: 1}}
  all:
    for i in range({max(2, nodes - 2)}):
      branch$i: {{op: Conv2d, out_channels: 8, kernel_size: 1, from: stem}}
  joined: {{op: cat, from: all.*}}
"""


def written_out(nodes: int) -> str:
    """Every node on a line of its own, without loops or blocks."""
    lines = (f"  conv{i}: {{op: Conv2d, out_channels: {i % 61 + 1}, kernel_size: 1}}\n" for i in range(nodes))
    return f"{HEAD}graph:\n{''.join(lines)}"


KINDS: Mapping[str, Callable[[int], str]] = {
    "all different": different,
    "repeated": repeated,
    "nested 50 deep": nested,
    "fanned out": fanned_out,
    "written out": written_out,
}
MOST: Mapping[str, int] = {"written out": 10_000}
"""The most nodes, where the language sets a bound: a file holds 100,000 values."""
