"""SVG as Graphviz writes it, made to follow the reader's colour scheme."""

from __future__ import annotations

from archspec.diagrams.palette import COLOURS

_PAGE, _OPEN, _TEXT, _SOFT, _LINE = "#14181d", "#1b2027", "#e4e7eb", "#a9b4c0", "#8d99a6"


def themed(svg: str) -> str:
    """The same picture with a style sheet: light as drawn, dark where the reader's system is."""
    at = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:at]}\n<style>{STYLE}</style>{svg[at:]}"


def _boxes() -> str:
    rules = [
        f".node.{colour.name} path, .node.{colour.name} polygon "
        f"{{ fill: {colour.dark_fill}; stroke: {colour.dark_border} }}"
        for colour in COLOURS
    ]
    legend = [
        f'.graph > [fill="{colour.fill}"] {{ fill: {colour.dark_fill}; stroke: {colour.dark_border} }}'
        for colour in COLOURS
    ]
    return "\n".join((*rules, *legend))


STYLE = f"""
@media (prefers-color-scheme: dark) {{
.graph > polygon:first-of-type {{ fill: {_PAGE} }}
{_boxes()}
.cluster path, .cluster polygon {{ fill: {_OPEN}; stroke: #3e4c59 }}
.node.end path {{ fill: {_PAGE}; stroke: {_TEXT} }}
.edge path {{ stroke: {_LINE} }}
.edge polygon {{ fill: {_LINE}; stroke: {_LINE} }}
.edge.skip path {{ stroke: #cc79a7 }}
.edge.skip polygon {{ fill: #cc79a7; stroke: #cc79a7 }}
text {{ fill: {_TEXT} }}
text[fill="#52606d"] {{ fill: {_SOFT} }}
}}
"""
