"""Diagrams: a graph's scopes as nested boxes, equal blocks folded to one, as DOT text and as pictures.

graph -> `picture` (what is shown) -> `dot` (how it looks) -> `engine` (where it stands) -> `svg` (light and dark).
"""
