"""A picture as a part of a page: its ids its own, its style its alone, its colours those of the page's scheme."""

from __future__ import annotations

import re

_DARK = "@media (prefers-color-scheme: dark) {"
_TAG = re.compile(r"<[A-Za-z][^<>]*>")
_ID = re.compile(r'(\sid="|\shref="#|:href="#|="url\(#)')
_WIDTH = re.compile(r'<svg\b[^>]*\swidth="([\d.]+)pt"')
_NARROWEST = 0.6  # of its own width: below it is scrolled, since its texts could not be read

# A page that says which scheme it shows (Material for MkDocs, the themes of Sphinx) is believed, not the system.
_STATES = "[data-md-color-scheme], [data-theme]"
_IS_DARK = '[data-md-color-scheme="slate"], [data-theme="dark"]'

_PAPER = (  # is the page
    ".archspec-figure svg { background: none !important }",
    ".archspec-figure .graph > polygon:first-of-type { fill: none !important }",
)

_TABLES = """\
.archspec-summary { margin: 0 -1em; overflow-x: auto; padding: 0 1em }
.archspec-summary :is(th, td) { padding: 0.2em 0.7em !important; min-width: 0 !important; white-space: nowrap }\
"""


def figure(svg: str) -> str:
    """The picture as HTML: wide ones are made narrower, or scrolled.

    Its ids are not yet those of a place on a page: see `with_ids`.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    svg, style = _without_style(svg)
    width = _WIDTH.match(svg)
    fit = f"max-width: 100%; min-width: {float(width[1]) * _NARROWEST:.0f}pt; height: auto" if width else ""
    svg = svg.replace("<svg ", f'<svg style="display: block; margin: auto; {fit}" ', 1)
    return f'<figure class="archspec-figure">\n<style>\n{_scoped(style)}</style>\n{_dense(svg)}\n</figure>'


def tables(*parts: str) -> str:
    """Tables as HTML, dense; wide ones are scrolled."""
    return "\n".join(['<div class="archspec-summary">', f"<style>\n{_TABLES}\n</style>", *parts, "</div>"])


def with_ids(html: str, prefix: str) -> str:
    """The figure with ids that begin with `prefix`, so that several can be on a page, even of the same network."""
    return _TAG.sub(lambda tag: _ID.sub(rf"\g<1>{prefix}", tag[0]), html)


def _dense(svg: str) -> str:
    """Without empty lines, where Markdown would end a block of HTML."""
    return "\n".join(line for line in svg.splitlines() if line.strip())


def _without_style(svg: str) -> tuple[str, str]:
    found = re.search(r"\s*<style>(.*?)</style>", svg, re.DOTALL)
    if found is None:
        return svg, ""
    return svg[: found.start()] + svg[found.end() :], found[1]


def _scoped(style: str) -> str:
    """The picture's rules, for it alone; those of the dark scheme where the page is dark."""
    before, dark, after = _split(style)
    rules = [".archspec-figure { margin: 1em 0; overflow-x: auto }"]
    if before + after:
        rules.append(f".archspec-figure {{\n{before}{after}}}")
    if dark:
        rules.append(f"{_DARK} :root:not(:has({_STATES})):not({_STATES}) .archspec-figure {{\n{dark}}} }}")
        rules.append(f":is({_IS_DARK}) .archspec-figure {{\n{dark}}}")
    rules += _PAPER
    return "\n".join(rules) + "\n"


def _split(style: str) -> tuple[str, str, str]:
    """What is before, in and after the rules of the dark scheme."""
    start = style.find(_DARK)
    if start < 0:
        return style.strip(), "", ""
    depth, end = 1, start + len(_DARK)
    while depth and end < len(style):
        depth += {"{": 1, "}": -1}.get(style[end], 0)
        end += 1
    return style[:start].strip(), style[start + len(_DARK) : end - 1].strip() + "\n", style[end:].strip()
