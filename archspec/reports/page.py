"""The page: one file of HTML with its styles, scripts and data inside, that asks for nothing else.

Text of the spec gets into it in two ways: through jinja2's escaping, and as JSON in which `<` does not occur. The page
allows no script but its own, by its hash, and no request at all.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from archspec.analysis.analyses import Analyses
from archspec.diagrams.palette import COLOURS, colour_of
from archspec.ir import Graph
from archspec.reports.data import Contents, outputs
from archspec.views.metrics import METRICS

_SHOWN = {
    "params": "parameters", "macs": "MACs", "weight_bytes": "weights",
    "activation_peak_bytes": "activations at the peak",
    "training_peak_bytes": "training, at the peak", "field": "receptive field", "depth": "depth", "nodes": "nodes",
}  # fmt: skip
"""The numbers of the page's head."""
_SHORT = ("params", "macs")
_TICKS = re.compile(r"`([^`\n]+)`")


def page(contents: Contents) -> str:
    """The page of a network."""
    graph, script, data = contents.graph, _script(), contents.to_json()
    return _template().render(
        name=graph.name,
        doc=graph.doc.strip(),
        inputs=[(entry.name, str(entry.type)) for entry in graph.inputs],
        outputs=outputs(graph),
        totals=_totals(contents.analyses),
        facts=contents.facts(),
        drawn=bool(data["levels"]),
        has_engine=contents.engine is not None,
        colours=COLOURS,
        legend=_legend(graph),
        style=Markup(_file("style.css")),
        script=Markup(script),
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        data=Markup(embedded(data)),
    )


def embedded(data: Mapping[str, Any]) -> str:
    """JSON that can stand in a script element: in ASCII, and without what HTML would take for its own."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _totals(analyses: Analyses) -> list[dict[str, str]]:
    metrics = {metric.name: metric for metric in METRICS}
    found: list[dict[str, str]] = []
    for name, label in _SHOWN.items():
        forms = metrics[name].cell(analyses).forms
        found.append({"label": label, "short": forms[-1] if name in _SHORT else forms[0], "full": forms[0]})
    return found


def _legend(graph: Graph) -> list[dict[str, str]]:
    used = {colour_of(node.op.category).name for node in graph.nodes}
    return [{"name": colour.name, "title": colour.title} for colour in COLOURS if colour.name in used]


def _with_code(text: str) -> Markup:
    """Text in which what stands between backticks is code."""
    parts = (
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(_TICKS.split(text))
    )
    return Markup("").join(parts)


def _folder() -> Traversable:
    return files("archspec.reports") / "templates"


@cache
def _file(name: str) -> str:
    return (_folder() / name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    """The scripts, in the order of their names, in a scope of their own."""
    scripts = sorted((_folder() / "scripts").iterdir(), key=lambda each: each.name)
    return "\n".join(["(() => {", '"use strict";', *(each.read_text(encoding="utf-8") for each in scripts), "})();"])


@cache
def _template() -> Any:
    environment = Environment(loader=FunctionLoader(_file), autoescape=True, undefined=StrictUndefined)
    environment.filters["code"] = _with_code
    return environment.get_template("page.html")
