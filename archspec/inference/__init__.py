"""Graphs rewritten for a purpose. Nothing here knows torch; what becomes of the weights is said as data (`Fold`)."""

from archspec.inference.norms import Fold, FoldAhead, Folds
from archspec.inference.passes import Optimized, for_inference

__all__ = ["Fold", "FoldAhead", "Folds", "Optimized", "for_inference"]
