"""YAML text to a tree whose every node knows its place.

The scalars are YAML 1.2's, not 1.1's: `1e-5` is a float; `no`, `on`, `y`, `12:30` and `017` are words; so is
`1_000`. Tags and merge keys are refused, duplicate keys too; an alias keeps the place where it is used.
Block style takes expressions as they are, flow style cuts some of them (`{out: max(a, 1)}` has two keys):
those are found here and reported as `quote-expression`.
"""

from archspec.yaml_source.build import parse
from archspec.yaml_source.files import read
from archspec.yaml_source.tree import Entry, Mapping, Node, Scalar, Sequence, plain, written

__all__ = ["Entry", "Mapping", "Node", "Scalar", "Sequence", "parse", "plain", "read", "written"]
