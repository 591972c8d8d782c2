"""Graphs rewritten for a purpose. Nothing here knows torch; what becomes of the weights is said as data (`Fold`)."""

from archspec.inference.norms import Fold
from archspec.inference.passes import Optimized, for_inference

__all__ = ["Fold", "Optimized", "for_inference"]
