"""Elaboration: variants, loops and blocks become a graph; each node's type is inferred as it is inserted."""

from archspec.elaborate.custom import CustomOps
from archspec.elaborate.elaborator import elaborate

__all__ = ["CustomOps", "elaborate"]
