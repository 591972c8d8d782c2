"""SVG as Graphviz writes it, made to follow the reader's colour scheme."""

from __future__ import annotations

import re

from archspec.diagrams.palette import BY_NAME, CHANGES

_PAGE, _OPEN, _TEXT, _SOFT, _LINE = "#14181d", "#1b2027", "#e4e7eb", "#a9b4c0", "#8d99a6"
_TEXTS = re.compile(r"<text .*?</text>\n", re.DOTALL)
_CLASS = "archspec-diagram"


def themed(svg: str) -> str:
    """The same picture with a style sheet: light as drawn, dark where the reader's system is. The rules hold for this
    picture alone, also within a page."""
    start = svg.index("<svg")
    at = svg.index(">", start) + 1
    body = svg[at:].replace('font-family="Arial"', 'font-family="Arial,Helvetica,sans-serif"')
    head = svg[start:at].replace("<svg", f'<svg class="{_CLASS}"', 1)
    return f"{svg[:start]}{head}\n<style>{STYLE}</style>{_headings_on_top(body)}"


def _headings_on_top(body: str) -> str:
    """Headings of open blocks after the edges that run into the blocks."""
    start = body.find('class="cluster')
    if start < 0:
        return body
    start = body.rindex("<g", 0, start)
    node = body.find('class="node', start)
    end = body.rindex("<g", start, node) if node >= 0 else len(body)
    frames = body[start:end]
    headings = "".join(_TEXTS.findall(frames))
    last = body.rindex("</g>")
    rest = body[end:last]
    return f'{body[:start]}{_TEXTS.sub("", frames)}{rest}<g class="headings">\n{headings}</g>\n{body[last:]}'


def _boxes() -> str:
    rules = [
        f".node.{colour.name} :is(path, polygon) {{ stroke: {colour.dark_border} }}\n"
        f'.node.{colour.name} :is(path, polygon):not([fill="none"]) {{ fill: {colour.dark_fill} }}'
        for colour in BY_NAME.values()
    ]
    legend = [
        f'.graph > [fill="{colour.fill}"] {{ fill: {colour.dark_fill}; stroke: {colour.dark_border} }}'
        for colour in BY_NAME.values()
    ]
    return "\n".join((*rules, *legend))


def _changes() -> str:
    return "\n".join(
        f".edge.{colour.name} path {{ stroke: {colour.dark_border} }}\n"
        f".edge.{colour.name} polygon {{ fill: {colour.dark_border}; stroke: {colour.dark_border} }}"
        for colour in CHANGES
        if colour.name != "same"
    )


def _scoped(rules: str) -> str:
    """Every rule for pictures of this kind only."""
    return re.sub(r"^(?=[.:\w])", f".{_CLASS} ", rules, flags=re.MULTILINE)


_DARK = f"""\
.graph > polygon:first-of-type {{ fill: {_PAGE} }}
{_boxes()}
.cluster :is(path, polygon) {{ stroke: #3e4c59 }}
.cluster :is(path, polygon):not([fill="none"]) {{ fill: {_OPEN} }}
.headings text {{ stroke: {_OPEN} }}
.node.end path {{ fill: {_PAGE}; stroke: {_TEXT} }}
.edge path {{ stroke: {_LINE} }}
.edge polygon {{ fill: {_LINE}; stroke: {_LINE} }}
.edge.skip path {{ stroke: #cc79a7 }}
.edge.skip polygon {{ fill: #cc79a7; stroke: #cc79a7 }}
{_changes()}
text {{ fill: {_TEXT} }}
text[fill="#52606d"] {{ fill: {_SOFT} }}"""

STYLE = f"""
.{_CLASS} .headings text {{ paint-order: stroke; stroke: #fafbfc; stroke-width: 4px }}
@media (prefers-color-scheme: dark) {{
svg.{_CLASS} {{ background: {_PAGE} }}
{_scoped(_DARK)}
}}
"""
