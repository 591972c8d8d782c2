"""Nothing that a spec says becomes code: in emitted Python, in DOT, SVG and HTML."""

from __future__ import annotations

import ast
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archspec import api
from archspec.diagnostics import SpecError

PIECES = st.sampled_from(
    ['"', "'", '"""', "'''", "\\", "\n", "\r", "\t", "\0", "\x85", "\u2028", "\u202e", "{", "}", "{0}", "%s", "#", ";",
     "(", ")", ":", ",", "=", "$", " ", "    ", ".", "-", "_", "*", "@", "é", "中", "\ufeff", "x", "A", "1", "class",
     "None", "self", "torch", "__init__", "__import__('os').system('true')", "import os", "evil()", "</script>",
     "<script>alert(1)</script>", "<!--", "]]>", "&lt;", "&", "<blink onload=evil()>", "javascript:",
     "]; evil [", "\\l",
     "\\N", "<<b>>", "`", "$(1 + 1)", "${x}", "{{ x }}", "{% x %}"]
)  # fmt: skip
HOSTILE = st.lists(PIECES, max_size=8).map("".join)

WORDS = st.sampled_from(
    ["class", "None", "self", "torch", "nn", "F", "super", "match", "x", "out", "forward", "training", "3", "3d",
     "-", "--", "a-b", "__init__", "__class__", "_", "__", "import", "print", "getattr", "OrderedDict", "Tensor", "Net",
     "type", "input", "init", "range", "float", "isinstance", "del", "Conv2d", "ReLU"]
)  # fmt: skip

PLACES = (
    "name", "doc", "block_doc", "block", "node", "child", "output", "param", "text", "mode", "equation", "label",
    "variant", "input", "init", "freeze", "number", "default", "state",
)  # fmt: skip


def spec(place: str, text: str) -> str:
    """A network with this text at one place; quoted as in JSON, which YAML reads alike."""
    fill: dict[str, str] = dict.fromkeys(PLACES, "")
    benign = {
        "name": "net", "doc": "a network", "block_doc": "a block", "block": "Unit", "node": "conv", "child": "inner",
        "output": "logits", "param": "width", "text": "zeros", "mode": "nearest", "equation": "nchw->nhwc",
        "label": "l",
        "variant": "small", "input": "image", "init": "ones_", "freeze": "*.weight", "number": "8", "default": "8",
        "state": "weight",
    }  # fmt: skip
    for each, plain in benign.items():
        fill[each] = json.dumps(text if each == place else plain)
    number = json.dumps(text) if place == "number" else "8"
    return f"""archspec: 1
name: {fill["name"]}
doc: {fill["doc"]}
params: {{{fill["param"]}: 9, kind: {fill["text"]}}}
variants: {{{fill["variant"]}: {{kind: {fill["text"]}}}}}
inputs: {{{fill["input"]}: [N, 3, 8, 8]}}
blocks:
  {fill["block"]}:
    doc: {fill["block_doc"]}
    params: {{width: int, kind: str, extra: {fill["default"]}}}
    graph:
      {fill["child"]}: {{op: Conv2d, out_channels: width, kernel_size: 1, padding_mode: $kind}}
      act: {{op: ReLU, when: "kind != extra"}}
graph:
  {fill["node"]}: {{op: {fill["block"]}, width: {number}, kind: $kind}}
  more: {{op: {fill["block"]}, width: {fill["param"]}, kind: $kind}}
  up: {{op: interpolate, scale_factor: 2, mode: {fill["mode"]}}}
  turned: {{op: einsum, equation: {fill["equation"]}}}
  items:
    - {{op: ReLU, as: {fill["label"]}}}
    - {{op: Conv2d, out_channels: 4, kernel_size: 1, init: {{{fill["state"]}: {fill["init"]}}}}}
  held: {{op: Buffer, value: "[1, 2.5]"}}
outputs: {{{fill["output"]}: items, held: held}}
freeze: [{fill["freeze"]}]
"""


def loaded(place: str, text: str) -> Any:
    """The graph, or None where the text is refused at this place."""
    try:
        return api.loads(spec(place, text))
    except SpecError:
        return None


ALLOWED_NAMES = {
    "self", "super", "torch", "nn", "F", "Tensor", "OrderedDict", "range", "getattr", "isinstance",
    "float", "int",
    "str", "bool", "tuple", "list", "dict", "None", "enumerate", "zip", "len", "reversed", "setattr",
}  # fmt: skip
NEVER = (
    ast.Lambda,
    ast.Global,
    ast.Nonlocal,
    ast.Await,
    ast.Yield,
    ast.Try,
    ast.While,
    ast.AsyncFunctionDef,
    ast.NamedExpr,
)


def assert_harmless(source: str) -> None:
    """The source is what archspec writes: imports of torch, classes, calls of torch and of its own classes."""
    tree = ast.parse(source)
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for top in tree.body:
        is_doc = isinstance(top, ast.Expr) and isinstance(top.value, ast.Constant)
        assert is_doc or isinstance(top, ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef), ast.dump(top)
    for node in ast.walk(tree):
        assert not isinstance(node, NEVER), ast.dump(node)
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= {"torch", "torch.nn.functional", "math"}
        elif isinstance(node, ast.ImportFrom):
            assert node.module in ("torch", "collections", "torch.nn", "typing", "__future__"), ast.dump(node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            assert node.id in ALLOWED_NAMES | classes | bound, node.id
        elif isinstance(node, ast.Attribute):
            assert node.attr == "__init__" or not node.attr.startswith("__"), node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id in ALLOWED_NAMES | classes, node.func.id
            assert node.func.id not in ("getattr", "setattr") or isinstance(node.args[1], ast.Constant)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.sampled_from(PLACES), st.one_of(HOSTILE, WORDS))
def test_emitted_python_is_only_what_archspec_writes(place: str, text: str) -> None:
    graph = loaded(place, text)
    if graph is not None:
        assert_harmless(api.to_python(graph))


ANYWHERE = ("name", "doc", "block_doc", "text", "output", "default")
"""Places that take any text, or nearly any."""


@given(st.sampled_from(ANYWHERE), HOSTILE)
def test_a_text_leaves_the_structure_as_it_is(place: str, text: str) -> None:
    graph = loaded(place, text)
    if graph is not None and place in ("name", "doc", "block_doc"):
        assert shape(api.to_python(graph)) == shape(api.to_python(loaded("name", "net")))


def shape(source: str) -> str:
    """The syntax tree without docstrings, names and texts."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    dump = ast.dump(tree)
    return re.sub(r"(id|name|value|attr|arg)='(?:[^'\\]|\\.)*'|(value)=\"(?:[^\"\\]|\\.)*\"", r"\1\2=_", dump)


def test_the_checks_can_fail() -> None:
    inside = ("y = evil()", "y = (lambda: 1)", "y = self.__class__", "y = getattr(self, x)")
    for bad in ("import os", "x = 1", *(f"class A:\n  {line}" for line in inside)):
        with pytest.raises(AssertionError):
            assert_harmless(bad)
    for place in ANYWHERE[:3]:
        assert loaded(place, 'a"b') is not None


SVG = "{http://www.w3.org/2000/svg}"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(("name", "doc", "block_doc", "output", "text", "child", "node")), HOSTILE)
def test_pictures_hold_no_scripts(place: str, text: str) -> None:
    graph = loaded(place, text)
    if graph is None:
        return
    picture = ET.fromstring(api.diagram(graph).render("svg"))
    for element in picture.iter():
        assert element.tag.removeprefix(SVG) in {"svg", "g", "title", "desc", "path", "polygon", "polyline", "text",
                                                 "ellipse", "rect", "a", "line", "tspan", "style", "defs", "marker",
                                                 "circle", "image"}, element.tag  # fmt: skip
        for name, value in element.attrib.items():
            assert not name.startswith("on"), name
            assert "javascript:" not in value or not name.endswith("href"), value


class Tags(HTMLParser):
    """Which tags a page has, and how many have an attribute that runs code."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += sum(name.startswith("on") for name, _ in attrs)


def tags(page: str) -> Tags:
    found = Tags()
    found.feed(page)
    found.close()
    return found


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(("name", "doc", "block_doc", "output", "text")), HOSTILE)
def test_reports_hold_no_scripts_but_their_own(place: str, text: str) -> None:
    graph = loaded(place, text)
    if graph is None:
        return
    for page, scripts in ((api.report(graph).html, 2), (graph.summary()._repr_html_(), 0)):
        found = tags(page)
        assert found.tags.count("script") == scripts
        assert found.handlers == 0 and "blink" not in found.tags


@pytest.mark.parametrize("name", ["\\", "<b>", 'a" ]; evil [', "a\\\\"])
def test_a_name_is_no_dot(name: str) -> None:
    graph = loaded("name", name)
    assert graph is not None
    first = api.diagram(graph).dot.splitlines()[0]
    assert re.fullmatch(r'digraph "?[\w.-]*"? \{', first), first
    assert api.diagram(graph).render("svg")


@pytest.mark.parametrize("place", ["name", "doc", "block_doc"])
def test_the_end_of_a_script_is_only_text(place: str) -> None:
    graph = loaded(place, "</script><script>evil()</script><blink onload=evil()>")
    assert graph is not None
    assert tags(api.report(graph).html).tags.count("script") == 2
