"""YAML text to the located tree: values, places, and every way in which a file can be wrong."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.diagnostics import Diagnostic, Source, Span, SpecError
from archspec.render import to_text
from archspec.yaml_source import Mapping, Node, Scalar, Sequence, build, parse, plain, read
from archspec.yaml_source.offsets import Offsets
from archspec.yaml_source.syntax import Before, explain


def tree(text: str) -> Node:
    return parse(Source("spec.yaml", text))


def errors(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as caught:
        tree(text)
    return caught.value.diagnostics


def where(span: Span | None) -> str:
    assert span is not None
    return f"{span.line}:{span.column}-{span.end_line}:{span.end_column}"


def told(diagnostic: Diagnostic) -> tuple[str, str, str]:
    return diagnostic.code, where(diagnostic.span), diagnostic.message


@pytest.fixture(params=["libyaml", "python"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers give the same answers."""
    if request.param == "python":
        monkeypatch.setattr(build, "_Loader", yaml.SafeLoader)


# --- values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None), ("~", None), ("", None), ("Null", None), ("NULL", None), ("nULL", "nULL"),
        ("true", True), ("True", True), ("FALSE", False), ("tRUE", "tRUE"),
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"), ("N", "N"),
        ("0", 0), ("-3", -3), ("+5", 5), ("0x1F", 31), ("0o17", 15),
        ("017", "017"), ("-01", "-01"), ("1_000", "1_000"), ("12:30", "12:30"), ("0b11", "0b11"), ("0X1F", "0X1F"),
        ("2024-01-02", "2024-01-02"),
        ("1e-5", 1e-5), ("1.0e-3", 1e-3), (".5", 0.5), ("1.", 1.0), ("-2.5", -2.5), ("1E3", 1000.0), ("00.5", "00.5"),
        (".inf", math.inf), ("-.inf", -math.inf), ("+.Inf", math.inf), ("inf", "inf"), (".", "."),
        ("64 * 2 ** i", "64 * 2 ** i"), ("input.channels // 2", "input.channels // 2"),
        ("'1'", "1"), ('"true"', "true"), ("''", ""),
        ("9" * 40, int("9" * 40)),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text: str, value: object, loader: None) -> None:
    result = plain(tree(f"a: {text}\n"))
    assert result == {"a": value}
    assert type(result["a"]) is type(value)  # type: ignore[index]


def test_nan() -> None:
    value = plain(tree("[.nan, .NaN, .NAN]"))
    assert isinstance(value, list) and all(math.isnan(number) for number in value)


def test_quoted_and_plain_scalars_are_told_apart() -> None:
    items = tree("[1, '1', \"1\"]")
    assert isinstance(items, Sequence)
    assert [(item.value, item.text, item.quoted) for item in items.items if isinstance(item, Scalar)] == [
        (1, "1", False), ("1", "1", True), ("1", "1", True),
    ]  # fmt: skip


def test_keys_keep_their_text() -> None:
    node = tree("1: a\ntrue: b\n1e-5: c\n~: d\n'x y': e\n")
    assert isinstance(node, Mapping)
    assert node.keys() == ("1", "true", "1e-5", "~", "x y")
    assert [entry.key.value for entry in node.entries] == ["1", "true", "1e-5", "~", "x y"]


def test_lookup() -> None:
    node = tree("a: 1\nb: {c: 2}\n")
    assert isinstance(node, Mapping)
    found = node.get("a")
    assert isinstance(found, Scalar) and found.value == 1
    entry = node.entry("b")
    assert entry is not None and where(entry.key.span) == "2:1-2:2" and plain(entry.value) == {"c": 2}
    assert node.get("z") is None and node.entry("z") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("c1, c2, c3: (ceil(c * width) for c in base)\n", {"c1, c2, c3": "(ceil(c * width) for c in base)"}),
        (
            "for s, (block, e, _, _) in enumerate(stages):\n  - - for i in range(n):\n      - a\n",
            {"for s, (block, e, _, _) in enumerate(stages)": [[{"for i in range(n)": ["a"]}]]},
        ),
        (
            "- if v == 'M': {op: MaxPool2d}\n  else:\n    - ReLU\n",
            [{"if v == 'M'": {"op": "MaxPool2d"}, "else": ["ReLU"]}],
        ),
        ("if v == '(':\n  a: b\n", {"if v == '('": {"a": "b"}}),
        ("{if v == '(': b, doc: it's (ok)}\n", {"if v == '('": "b", "doc": "it's (ok)"}),
        ("denselayer$i: A\nlayer$(i + 1): B\n", {"denselayer$i": "A", "layer$(i + 1)": "B"}),
        ("a: {x: $(i + 1), y: f(x), (b): c}\n", {"a": {"x": "$(i + 1)", "y": "f(x)", "(b)": "c"}}),
        ("a: xs[0].shape[2]\nb: max(a, 1)\nc: w[0]\n", {"a": "xs[0].shape[2]", "b": "max(a, 1)", "c": "w[0]"}),
        ("doc: a) first, b) second\n", {"doc": "a) first, b) second"}),
        ("a: one\n  two\n\n  three\n", {"a": "one two\nthree"}),
        ("a: |\n  one\n  two\nb: >-\n  one\n  two\n", {"a": "one\ntwo\n", "b": "one two"}),
        ("cat: {from: [left, right, m.*]}\n", {"cat": {"from": ["left", "right", "m.*"]}}),
        ("a: [b: c]\nd: {e}\n", {"a": [{"b": "c"}], "d": {"e": None}}),
        ("%YAML 1.2\n---\na: 1\n...\n", {"a": 1}),
        ("'<<': 1\n", {"<<": 1}),
        ("\ufeffa: 1\n", {"a": 1}),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ("a:\n  -\n  - b\n", {"a": [None, "b"]}),
        ("just a word", "just a word"),
    ],
)
def test_what_is_written_is_what_is_read(text: str, value: object, loader: None) -> None:
    assert plain(tree(text)) == value


# --- places


def places(node: Node) -> list[str]:
    """Every node's place, keys included, in order of the text."""
    match node:
        case Scalar():
            return [f"{node.text!r} {where(node.span)}"]
        case Sequence():
            return [f"[] {where(node.span)}", *(place for item in node.items for place in places(item))]
        case Mapping():
            inner = (place for entry in node.entries for part in (entry.key, entry.value) for place in places(part))
            return [f"{{}} {where(node.span)}", *inner]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: {b: [1, 'x']}\n", ["{} 1:1-1:17", "'a' 1:1-1:2", "{} 1:4-1:17", "'b' 1:5-1:6", "[] 1:8-1:16",
                                "'1' 1:9-1:10", "'x' 1:12-1:15"]),
        ("a:\n  b: 1\n\n\n# done\nc:\n- d\n- e\n\n\n", ["{} 1:1-8:4", "'a' 1:1-1:2", "{} 2:3-2:7", "'b' 2:3-2:4",
                                "'1' 2:6-2:7", "'c' 6:1-6:2", "[] 7:1-8:4", "'d' 7:3-7:4", "'e' 8:3-8:4"]),
        ("a:\nb: |\n  text\n\n\nc: x\n  y\n", ["{} 1:1-7:4", "'a' 1:1-1:2", "'' 1:3-1:3", "'b' 2:1-2:2",
                                "'text\\n' 2:4-3:7", "'c' 6:1-6:2", "'x y' 6:4-7:4"]),
        ("é: '中'\nx: 😀 # y\n", ["{} 1:1-2:5", "'é' 1:1-1:2", "'中' 1:4-1:7", "'x' 2:1-2:2", "'😀' 2:4-2:5"]),
        ("a: &n 1\nb: *n\n", ["{} 1:1-2:6", "'a' 1:1-1:2", "'1' 1:7-1:8", "'b' 2:1-2:2", "'1' 2:4-2:6"]),
        ("a: &n # why\n  b: 1\nc: [*n]\n", ["{} 1:1-3:8", "'a' 1:1-1:2", "{} 2:3-2:7", "'b' 2:3-2:4", "'1' 2:6-2:7",
                                "'c' 3:1-3:2", "[] 3:4-3:8", "{} 3:5-3:7", "'b' 2:3-2:4", "'1' 2:6-2:7"]),
        ("a: 1\r\nb: 2\r\n", ["{} 1:1-2:5", "'a' 1:1-1:2", "'1' 1:4-1:5", "'b' 2:1-2:2", "'2' 2:4-2:5"]),
    ],
)  # fmt: skip
def test_every_node_knows_its_place(text: str, expected: list[str], loader: None) -> None:
    assert places(tree(text)) == expected


def test_flow_and_block_are_told_apart() -> None:
    node = tree("a: [1]\nb:\n  - {c: d}\n")
    assert isinstance(node, Mapping) and not node.flow
    inline, listed = node.get("a"), node.get("b")
    assert isinstance(inline, Sequence) and inline.flow
    assert isinstance(listed, Sequence) and not listed.flow
    assert isinstance(listed.items[0], Mapping) and listed.items[0].flow


# --- expressions that flow style cuts


@pytest.mark.parametrize(
    ("text", "place", "expression", "fix"),
    [
        ("a: {out: max(a, 1)}", "1:10-1:19", "max(a, 1)", 'out: "max(a, 1)"'),
        ("a: [max(a, 1), 3]", "1:5-1:14", "max(a, 1)", '"max(a, 1)"'),
        ("a: {x: w[0]}", "1:8-1:12", "w[0]", 'x: "w[0]"'),
        ("a: [w[0], 2]", "1:5-1:9", "w[0]", '"w[0]"'),
        ("{for i in range(1, n): y}", "1:2-1:22", "for i in range(1, n)", '"for i in range(1, n)": ...'),
        ("a: {layer$(max(a, 1)): y}", "1:5-1:22", "layer$(max(a, 1))", '"layer$(max(a, 1))": ...'),
        ("a: {x: $(max(a, b))}", "1:8-1:20", "$(max(a, b))", 'x: "$(max(a, b))"'),
        ("a: {b: f(x)[0], c: 1}", "1:8-1:15", "f(x)[0]", 'b: "f(x)[0]"'),
        ("a: {x: a[0] + b[1], y: 1}", "1:8-1:19", "a[0] + b[1]", 'x: "a[0] + b[1]"'),
        ("a: {x: a[1:2]}", "1:8-1:14", "a[1:2]", 'x: "a[1:2]"'),
        ("a: {x: row['width']}", "1:8-1:20", "row['width']", "x: \"row['width']\""),
        ("a: {x: row[\"width\"]}", "1:8-1:20", 'row["width"]', "x: 'row[\"width\"]'"),
        ("{x: (a for b in c[0])}", "1:5-1:22", "(a for b in c[0])", 'x: "(a for b in c[0])"'),
        ("{x: max([1,2])}", "1:5-1:15", "max([1,2])", 'x: "max([1,2])"'),
        ("a: {x: p if a == '(' else f(b, c)}", "1:8-1:34", "p if a == '(' else f(b, c)",
         "x: \"p if a == '(' else f(b, c)\""),
        ("a: [\n  max(a,\n      1)]", "2:3-3:9", "max(a, 1)", '"max(a, 1)"'),
        ("a: {x: 'p' if c else 'q'}", "1:8-1:25", "'p' if c else 'q'", "x: \"'p' if c else 'q'\""),
        ("a: {x: f(a, !b, a, c[0])}", "1:8-1:25", "f(a, !b, a, c[0])", 'x: "f(a, !b, a, c[0])"'),
        ("a: {x: [1, 2][i]}", "1:8-1:17", "[1, 2][i]", 'x: "[1, 2][i]"'),
    ],
)  # fmt: skip
def test_an_expression_cut_by_flow_style(text: str, place: str, expression: str, fix: str, loader: None) -> None:
    (found,) = errors(text + "\n")
    assert told(found) == ("quote-expression", place, f"`{expression}` needs quotes")
    assert found.label == "this expression was cut by YAML's flow style"
    assert found.help == f"quote this expression: `{fix}`"
    value = fix.removesuffix(": ...")
    assert expression in str(plain(tree(value)))


@pytest.mark.parametrize(
    ("text", "place", "fix"),
    [
        ("mode: 'a' if c else 'b'\n", "1:7-1:24", "mode: \"'a' if c else 'b'\""),
        ("a: [1, 2][i]  # why\n", "1:4-1:13", 'a: "[1, 2][i]"'),
        ("a: [1] + b\n", "1:4-1:11", 'a: "[1] + b"'),
    ],
)
def test_an_expression_that_yaml_takes_half_of_in_block_style(text: str, place: str, fix: str, loader: None) -> None:
    (found,) = errors(text)
    assert (found.code, where(found.span)) == ("quote-expression", place)
    assert found.label == "YAML takes only the start of this as the value"
    assert found.help == f"quote this expression: `{fix}`"


@pytest.mark.parametrize(
    ("text", "place", "cut"),
    [("a: {x: max(a, y: 1}\n", "1:8-1:13", "max(a"), ("a: [b), c]\n", "1:5-1:7", "b)")],
)
def test_brackets_that_never_match(text: str, place: str, cut: str) -> None:
    (found,) = errors(text)
    assert told(found) == ("quote-expression", place, f"the brackets of `{cut}` do not match")


# --- mistakes of structure


@pytest.mark.parametrize(
    ("text", "code", "place", "message", "help"),
    [
        ("a: 1\nb: 2\na: 3\n", "duplicate-key", "3:1-3:2", "the key `a` comes twice",
         "remove one of them, or rename it"),
        ("{a: 1, 'a': 2}", "duplicate-key", "1:8-1:11", "the key `a` comes twice", "remove one of them, or rename it"),
        ("for i in x:\n  a: b\nfor i in x:\n  c: d\n", "duplicate-key", "3:1-3:11", "the key `for i in x` comes twice",
         "rename the loop variable of one of them, so that the keys differ"),
        ("if x:\n  a: b\nif x:\n  c: d\n", "duplicate-key", "3:1-3:5", "the key `if x` comes twice",
         "negate the condition of one of them, so that the keys differ"),
        ("if x: a\nelse: b\nif y: c\nelse: d\n", "duplicate-key", "4:1-4:5", "the key `else` comes twice",
         "join the two, or turn one `if` around by negating its condition"),
        ("format: 1\nformat: 2\n", "duplicate-key", "2:1-2:7", "the key `format` comes twice",
         "remove one of them, or rename it"),
        ("a: !!python/object:os.system x\n", "yaml-tag", "1:4-1:29",
         "YAML tags are not part of the language, got `!!python/object:os.system`",
         'remove the tag, or quote it if it is text: `"!!python/object:os.system"`'),
        ("freeze: ['*', !fc.* ]\n", "yaml-tag", "1:15-1:20", "YAML tags are not part of the language, got `!fc.*`",
         'remove the tag, or quote it if it is text: `"!fc.*"`'),
        ("a: &x !!map {b: 1}\n", "yaml-tag", "1:7-1:12", "YAML tags are not part of the language, got `!!map`",
         'remove the tag, or quote it if it is text: `"!!map"`'),
        ("a: !b!c d\n", "yaml-tag", "1:4-1:8", "YAML tags are not part of the language, got `!b!c`",
         'remove the tag, or quote it if it is text: `"!b!c"`'),
        ("&x : a\n", "yaml-key", "1:3-1:3", "a key must be a word, got nothing",
         "write the key as text, quoted if need be"),
        ("a: &x {b: 1}\nc: {<<: *x}\n", "yaml-merge", "2:5-2:7", "merge keys are not part of the language",
         "use `extends`, `variants` or `defaults`, or write the keys out"),
        ("[a, b]: c\n", "yaml-key", "1:1-1:7", "a key must be a word, got a list",
         "write the key as text, quoted if need be"),
        ("{a: 1}: c\n", "yaml-key", "1:1-1:7", "a key must be a word, got a mapping",
         "write the key as text, quoted if need be"),
        ("a: *x\n", "yaml-alias", "1:4-1:6", "no anchor `&x` above this alias",
         'if `*x` is text, quote it: `"*x"`'),
        ("a: &base 1\nb: *bace\n", "yaml-alias", "2:4-2:9", "no anchor `&bace` above this alias",
         "did you mean `base`?"),
        ("a: &x [*x]\n", "yaml-alias", "1:8-1:10", "`*x` stands inside its own anchor `&x`", "write the value out"),
        ("---\na: 1\n---\nb: 1\n", "yaml-documents", "3:1-3:4", "a second YAML document starts here",
         "keep one document a file"),
        ("", "empty-file", "1:1-1:1", "the spec is empty", "start with `archspec: 1`"),
        ("# only a comment\n", "empty-file", "1:1-1:1", "the spec is empty", "start with `archspec: 1`"),
        ("---\n", "empty-file", "1:1-1:1", "the spec is empty", "start with `archspec: 1`"),
        ("a: " + "9" * 41, "bad-number", "1:4-1:45", "`999999999999999999999...` is an integer of more than 40 digits",
         "write it as a float"),
        ("a: [1e999]", "bad-number", "1:5-1:10", "`1e999` is a float out of range", "write `.inf` for infinity"),
    ],
)  # fmt: skip
def test_mistakes(text: str, code: str, place: str, message: str, help: str, loader: None) -> None:
    (found,) = errors(text)
    assert (*told(found), found.help) == (code, place, message, help)


def test_a_duplicate_key_points_at_the_first_one() -> None:
    (found,) = errors("a: 1\nb: 2\na: 3\n")
    assert [(where(label.span), label.text) for label in found.related] == [("1:1-1:2", "first written here")]


def test_independent_mistakes_are_told_together_in_order(loader: None) -> None:
    found = errors("x: {p: max(a, 1), p: 2}\ny: !z 1\nx: {<<: 1, q: f(a, b[0]), r: 1}\n")
    assert [(problem.code, where(problem.span)) for problem in found] == [
        ("quote-expression", "1:8-1:17"),
        ("duplicate-key", "1:19-1:20"),
        ("yaml-tag", "2:4-2:6"),
        ("duplicate-key", "3:1-3:2"),
        ("yaml-merge", "3:5-3:7"),
        ("quote-expression", "3:15-3:25"),
    ]


def test_reading_stops_at_a_syntax_error() -> None:
    assert [problem.code for problem in errors("a: 1\na: 2\nb: c: d\na: 3\n")] == ["duplicate-key", "yaml-syntax"]


def test_reading_stops_at_a_hundred_mistakes() -> None:
    assert len(errors("a: 1\n" * 1000)) == 100


# --- syntax


@pytest.mark.parametrize(
    ("text", "place", "message", "help"),
    [
        ("a:\n\tb: 1\n", "2:1-2:2", "a tab cannot indent a line", "indent with spaces"),
        ("a: 1\n\tb: 2\n", "2:1-2:2", "a tab cannot indent a line", "indent with spaces"),
        ("a: x: y  # z\n", "1:5-1:6", "a second `:` in one line", 'quote the value: `a: "x: y"`'),
        ("a: {b: c: d}\n", "1:9-1:10", "a second `:` in one entry",
         "separate the entries with a comma, keep a key on one line, or quote the value"),
        ("a: {b\n  c: d}\n", "2:4-2:5", "a second `:` in one entry",
         "separate the entries with a comma, keep a key on one line, or quote the value"),
        ("a: 1\nb {c: d, e: 3}  # f\n", "2:1-2:2", "a `:` is missing after `b`", "write `b: {c: d, e: 3}`"),
        ("- b {c: d}\n", "1:3-1:4", "a `:` is missing after `b`", "write `b: {c: d}`"),
        ("if x:\n  b$i {c: d,\n    e: f(g, 1)}\n", "2:3-2:6", "a `:` is missing after `b$i`",
         "write `b$i: {c: d, e: f(g, 1)}`"),
        ("for i in range(3) {c: d, e: 3}\n", "1:1-1:18", "a `:` is missing after `for i in range(3)`",
         "write `for i in range(3): {c: d, e: 3}`"),
        ("a {b: c, d: e\n", "1:1-1:2", "a `:` is missing after `a`", "write `a: {b: c, d: e`"),
        ("a: {b: c, from [d, e]}\n", "1:11-1:15", "a `:` is missing after `from`", "write `from: [d, e]`"),
        ("a: 1\n  b: 2\n", "2:3-2:4", "`b` is indented deeper than the key above, which has a value already",
         "align it with its neighbours, or remove the value above"),
        ("a:\n  b: 1\n c: 2\n", "3:2-3:3", "the indentation of `c` matches no line above",
         "align it with the lines it belongs to"),
        ("  a: 1\n b: 2\n", "2:2-2:3", "the indentation of `b` matches no line above",
         "align it with the lines it belongs to"),
        ("a: |\n  x\n b: 1\n", "3:2-3:3", "the indentation of `b` matches no line above",
         "align it with the lines it belongs to"),
        ("a: 1\n- b\n", "2:1-2:2", "a list item among the keys of a mapping", "indent the list below its key"),
        ("- a\nb: 1\n", "2:1-2:2", "expected a list item, got `b`",
         "start the line with `- `, or align it with the key it belongs to"),
        ("a: - b\n", "1:4-1:5", "a list cannot start here",
         "write its items on the lines below, or as `[...]`; quote it if it is text"),
        ("a: b\nword\nc: d\n", "2:1-2:5", "`word` has no `:`, so it is no key",
         "write `word: ...`, or indent it deeper if it continues the line above"),
        ("a: b\n: c\n", "2:1-2:2", "a key is missing before `:`", "write the key, or quote the value"),
        ("a: [1, 2\nb: 3\n", "1:4-1:5", "this `[` is never closed", "close it with `]`"),
        ("a: {b: 1\nc: 2\n", "1:4-1:5", "this `{` is never closed", "close it with `}`"),
        ("a: {from: [a, b}, c: 1}\n", "1:11-1:12", "this `[` is never closed", "close it with `]`"),
        ("a: [1, 2", "1:4-1:5", "this `[` is never closed", "close it with `]`"),
        ("a: {b: 1}}\n", "1:10-1:11", "`}` closes nothing", "remove it, or open the bracket before"),
        ("a: ]\n", "1:4-1:5", "`]` closes nothing", "remove it, or quote the value"),
        ("a: {b: 1, , c: 2}\n", "1:11-1:12", "a value is missing before `,`",
         "write the value, or quote it if it is text"),
        ("a: [1, # ]\n  2\nb: 1\n", "1:4-1:5", "this `[` is never closed", "close it with `]`"),
        ("a: [1, # [\n  'x' y]\n", "2:7-2:8", "expected `,` or `]` before `y`", "separate the entries with a comma"),
        ("- 'x' y\n", "1:7-1:8", "`y` stands after a finished value", "quote the whole value, or remove the rest"),
        ("a: ['x' y]\n", "1:9-1:10", "expected `,` or `]` before `y`", "separate the entries with a comma"),
        ("a: 'x' y\n", "1:8-1:9", "`y` stands after a finished value", "quote the whole value, or remove the rest"),
        ("a: 'x\nb: 3\n", "1:4-1:5", "this string is never closed", "close it with `'`"),
        ('a: {b: "x}\n', "1:8-1:9", "this string is never closed", 'close it with `"`'),
        ('a: "\\q"\n', "1:5-1:7", "unknown escape `\\q` in a double-quoted string",
         "write the string in single quotes, or double the backslash"),
        ("a: @x\n", "1:4-1:5", "a value cannot start with `@`", 'quote it: `"@x"`'),
        ("a: `x`\n", "1:4-1:5", "a value cannot start with a backtick", 'quote it: `"`x`"`'),
        ("a: %x  # y\n", "1:4-1:5", "a value cannot start with `%`", 'quote it: `"%x"`'),
        ("a: ? b\n", "1:4-1:5", "a value cannot start with `? `", 'quote it: `"? b"`'),
        ("freeze: [*, a]\n", "1:10-1:11", "`*` starts a YAML alias, which needs a name",
         'quote it if it is text: `"*"`'),
        ("when: > 0\n", "1:7-1:8", "`>` starts a YAML block of text, which begins on the next line",
         'quote the value: `"> 0"`'),
        ("%YAML 3.0\n---\na: 1\n", "1:1-1:10", "`%YAML 3.0` is no YAML directive archspec knows", "remove the line"),
        ("a: \x01\n", "1:4-1:5", "control character U+0001", "remove it"),
        ("a: 1\nb: \ud800\n", "2:4-2:5", "control character U+D800", "remove it"),
    ],
)  # fmt: skip
def test_syntax_errors(text: str, place: str, message: str, help: str, loader: None) -> None:
    (found,) = errors(text)
    assert (*told(found), found.help) == ("yaml-syntax", place, message, help)


def test_a_complaint_that_no_rule_knows_is_passed_on() -> None:
    offsets = Offsets(Source("spec.yaml", "a: b"))
    found = explain(yaml.MarkedYAMLError(problem="Found a Snark"), offsets, Before(0, 1, True, None, False))
    assert told(found) == ("yaml-syntax", "1:5-1:5", "invalid YAML: found a snark")


def test_a_colon_without_a_space() -> None:
    (found,) = errors("a: {b:[c]}\n")  # PyYAML's own parser reads it as `b: [c]`
    assert (*told(found), found.help) == (
        "yaml-syntax",
        "1:6-1:7",
        "a `:` needs a space behind it",
        "write `: `, or quote the text",
    )


@pytest.mark.parametrize(
    ("text", "label"),
    [("x: 1\na:\n  b: 1\n c: 2\n", "the mapping starts here"), ("x:\n  - a\n  b: 1\n", "the list starts here")],
)
def test_indentation_errors_show_where_the_collection_starts(text: str, label: str) -> None:
    (found,) = errors(text)
    assert [related.text for related in found.related] == [label]


# --- bounds


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_depth_is_bounded(loader: None) -> None:
    assert isinstance(tree(nested(100)), Sequence)
    (found,) = errors(nested(101))
    assert told(found) == ("too-deep", "1:101-1:102", "nested deeper than 100 levels")
    blocks = "\n".join("  " * level + "a:" for level in range(600)) + " 1\n"
    for text in (nested(5000), "[" * 50_000, blocks):  # libyaml may give up at a limit of its own
        (found,) = errors(text)
        assert (found.code, found.message) == ("too-deep", "nested deeper than 100 levels")


def test_depth_is_bounded_through_aliases() -> None:
    chain = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 200))
    (found,) = errors(chain)
    assert told(found) == ("too-deep", "100:12-100:16", "nested deeper than 100 levels by `*a98`")
    assert plain(tree("\n".join(chain.split("\n")[:99])))


def test_an_alias_bomb_is_refused() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30))
    (found,) = errors(bomb)
    assert found.code == "too-large"
    assert found.message == "more than 100,000 values, aliases counted in full"
    assert found.span is not None and found.span.line == 5


def test_a_long_list_is_refused() -> None:
    (found,) = errors("[" + "1," * 100_001 + "]")
    assert found.code == "too-large"


def test_ten_thousand_lines_are_read_quickly() -> None:
    layer = "    op: Conv2d\n    out_channels: bottleneck * growth\n    kernel_size: 1\n    bias: false\n"
    text = "a:\n" + "".join(f"  conv{i}:\n{layer}" for i in range(2000))
    start = time.perf_counter()
    tree(text)
    assert time.perf_counter() - start < 3  # 0.07 s; the rest is patience with a busy machine


@pytest.mark.parametrize(
    "text", ["a: @" + " " * 200_000 + "x", "a: {x: " + "(" * 200_000, "'" * 199_999, "&a " * 50_000]
)
def test_strange_text_is_refused_quickly(text: str) -> None:
    start = time.perf_counter()
    for found in errors(text):
        assert len(found.message) < 200 and len(found.help or "") < 400
    assert time.perf_counter() - start < 3


_PIECES = st.sampled_from(
    ["a", "b: ", "- ", "\n", "\n  ", "\n    ", "{", "}", "[", "]", "(", ")", ", ", ": ", ":", "'", '"', "#", " # ",
     "&x ", "*x", "!t ", "|", ">", "? ", "<<: ", "---\n", "\t", "1e9", "~", "for i in range(1, n): ", "w[0]", "\r\n",
     "中", "\u2028"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(_PIECES, max_size=25).map("".join))
def test_any_text_gives_a_tree_or_a_diagnostic(text: str) -> None:
    try:
        plain(tree(text))
    except SpecError as error:
        assert error.diagnostics
        assert to_text(error.diagnostics)
        for found in error.diagnostics:
            assert found.span is not None and found.help
            start, end = (found.span.line, found.span.column), (found.span.end_line, found.span.end_column)
            assert (1, 1) <= start <= end
            assert "invalid YAML" not in found.message


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("abcé中 :#'", max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=4),
        max_leaves=15,
    ),
    st.sampled_from([None, True, False]),
)
def test_what_yaml_writes_is_read_back(value: object, flow: bool | None) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    if value is not None:
        assert plain(tree(text)) == value


# --- files


def failure(path: Path) -> Diagnostic:
    with pytest.raises(SpecError) as caught:
        read(path)
    (found,) = caught.value.diagnostics
    assert found.span is None
    return found


def test_read(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes("\ufeffname: é\r\ninput: x\r\n".encode())
    source = read(path)
    assert (source.name, source.text) == (str(path), "name: é\ninput: x\n")


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "resnet.yaml").write_text("a: 1")
    found = failure(tmp_path / "resnt.yaml")
    assert (found.code, found.message) == ("file-not-found", f"no file `{tmp_path / 'resnt.yaml'}`")
    assert found.help == f"did you mean `{tmp_path / 'resnet.yaml'}`?"
    assert failure(tmp_path / "vgg.yaml").help is None
    assert failure(tmp_path / "none" / "vgg.yaml").code == "file-not-found"


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    found = failure(tmp_path)
    assert (found.code, found.message) == ("not-a-file", f"`{tmp_path}` is a folder")


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (b"a: \xff\n", "bad-encoding", "`{}` is not UTF-8: byte 0xff at offset 3"),
        ("a: 1".encode("utf-16"), "bad-encoding", "`{}` is not UTF-8: byte 0xff at offset 0"),
        (b"a: \0\n", "bad-encoding", "`{}` is not a text file: NUL byte at offset 3"),
        (b"#" * 1_000_001, "too-large", "`{}` is larger than 1,000,000 bytes"),
    ],
)
def test_unreadable_contents(tmp_path: Path, data: bytes, code: str, message: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(data)
    found = failure(path)
    assert (found.code, found.message) == (code, message.format(path))


def test_an_unreadable_path() -> None:
    assert failure(Path("a\0b")).code == "unreadable-file"
    assert failure(Path("x" * 5000)).message.endswith("file name too long")


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"#" * 1_000_000)
    assert len(read(path).text) == 1_000_000
