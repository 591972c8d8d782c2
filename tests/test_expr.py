"""Expressions: values, places of errors, sizes, limits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspec import dims
from archspec.expr import (
    Budget,
    ExprError,
    has_interpolation,
    interpolate,
    parse,
    parse_targets,
    parse_template,
    pin,
    split_for,
)
from archspec.values import Axis, RuntimeCode, RuntimeSize, TensorType, Value

N = dims.symbol("N")
H = dims.symbol("H", 224)
W = dims.symbol("W", 200)


class Node:
    """A node that holds tensors of these shapes."""

    def __init__(self, label: str, position: int, *shapes: tuple[dims.Dim, ...], **children: Node) -> None:
        self.label = label
        self.values = tuple(Value(position, part) for part in range(len(shapes)))
        self.types = tuple(TensorType(shape) for shape in shapes)
        self.children = children

    def child(self, name: str) -> Node | None:
        return self.children.get(name)


class Scope:
    """Names for the tests."""

    def __init__(self, variables: Mapping[str, object], nodes: Mapping[str, Node]) -> None:
        self.variables = variables
        self.nodes = nodes

    def variable(self, name: str) -> object:
        return self.variables[name]

    def node(self, name: str) -> Node | None:
        return self.nodes.get(name)

    def known(self) -> Iterable[str]:
        return [*self.variables, *self.nodes]


NAMES = Scope(
    {
        "i": 3,
        "half": 0.5,
        "word": "enc",
        "flag": True,
        "nothing": None,
        "depths": [3, 4, 6, 3],
        "dilate": [False, True, True],
        "rows": [["MBConv", 1, 3], ["Fused", 4, 2]],
        "row": MappingProxyType({"width": 64, "kernels": [3, 5]}),
        "class": 7,
        "both": [10, 20],
        "size": RuntimeSize(H, Axis(Value(-1), 2)),
    },
    {
        "input": Node("input", -1, (N, 64, H, W)),
        "enc3": Node("enc3", 4, (N, 32, 112, 100)),
        "tokens": Node("tokens", 5, (N, 197, 768)),
        "flat": Node("flat", 6, (N, 512)),
        "volume": Node("volume", 7, (N, 1, 8, 16, 24)),
        "xs": Node("xs", 8, (N, 2, 4, 4), (N, 3, 5, 5)),
        "layer1": Node(
            "layer1",
            9,
            (N, 5),
            **{
                "if": Node("layer1.if", 9, (N, 4)),
                "0": Node("layer1.0", 8, (N, 6), conv=Node("layer1.0.conv", 8, (N, 9))),
            },
        ),
        "both": Node("both", 10, (N, 77, 8, 8)),
    },
)


def value(text: str, pins: list[dims.Size] | None = None) -> Any:
    return parse(text).evaluate(NAMES, pins=pins)


def failure(text: str) -> ExprError:
    with pytest.raises(ExprError) as caught:
        value(text)
    return caught.value


def pointed(text: str, error: ExprError) -> str:
    return text[error.offset : error.offset + error.length]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64 * 2 ** i", 512),
        (" 1 +\n 2 ", 3),
        ("7 // 2 - 7 % 4 / 2", 1.5),
        ("-i + +2 - -1", 0),
        ("1e-5", 1e-5),
        ("0x10 + 1_000", 1016),
        ("true and not false", True),
        ("None == null", True),
        ("nothing or 4 * depths[-1]", 12),
        ("0 and undefined", 0),
        ("1 if i == 0 else 2", 2),
        ("1 < i <= 3", True),
        ("i in depths and 9 not in depths", True),
        ("word == 'enc'", True),
        ("word + '_' + \"x\"", "enc_x"),
        ("'ab' * 2", "abab"),
        ("[1, 2] + [3]", [1, 2, 3]),
        ("(1, 2) + (3,)", (1, 2, 3)),
        ("(1, 2) + [3]", [1, 2, 3]),
        ("2 * [0]", [0, 0]),
        ("(1, [2, 3]) == [1, (2, 3)]", True),
        ("1 == 1.0 and 1 != 'a'", True),
        ("()", ()),
        ("depths[1:3]", [4, 6]),
        ("depths[::-1]", [3, 6, 4, 3]),
        ("word[0]", "e"),
        ("rows[1][0]", "Fused"),
        ("row['width'] // 2", 32),
        ("row['kernels'][1]", 5),
        ("'width' in row", True),
        ("class + 1", 8),
        ("2 ** sum(dilate[:i])", 4),
        ("[x * 2 for x in depths if x > 3]", [8, 12]),
        ("(a for a in depths)", [3, 4, 6, 3]),
        ("[a * b for a, (b, _) in enumerate([(1, 2), (3, 4)])]", [0, 3]),
        ("[y for x in [[1], [2, 3]] for y in x]", [1, 2, 3]),
        ("[[i for i in range(i)] for i in range(3)]", [[], [0], [0, 1]]),
        ("[i for i in range(2)] + [i]", [0, 1, 3]),
        ("sum(d for d in depths)", 16),
        ("sum(depths, 1) + sum(depths, start=1)", 34),
        ("sum([[1], [2]], [])", [1, 2]),
        ("max(depths) - min(1, 2.5)", 5),
        ("max([], default=9)", 9),
        ("max('a', 'b')", "b"),
        ("len(depths) + len(word) + len(row)", 9),
        ("abs(-2.5)", 2.5),
        ("[round(0.5), round(1.5), round(2.567, 1), round(2.567, ndigits=2)]", [0, 2, 2.6, 2.57]),
        ("ceil(1.1) + floor(-1.1) + int(-1.9)", -1),
        ("sqrt(16) + exp(0) + log(8, 2)", 8.0),
        ("float('inf')", math.inf),
        ("int('12') + float(1)", 13.0),
        ("range(1, 8, 3)", [1, 4, 7]),
        ("range(3, 0, -1)", [3, 2, 1]),
        ("range(3, 0)", []),
        ("reversed(enumerate(depths[:2], 1))", [(2, 4), (1, 3)]),
        ("enumerate(['a'], start=5)", [(5, "a")]),
        ("zip(depths, [7, 8])", [(3, 7), (4, 8)]),
        ("make_divisible(32 * 1.1)", 32),
        ("make_divisible(11)", 16),
        ("make_divisible(3, 4)", 4),
        ("make_divisible(37, divisor=16)", 48),
        ("input.channels // 4", 16),
        ("both[1]", 20),
        ("both.channels", 77),
        ("tokens.features + tokens.channels + tokens.shape[1]", 768 + 197 + 197),
        ("flat.features", 512),
        ("flat.ndim", 2),
        ("volume.depth * 10000 + volume.height * 100 + volume.width", 81624),
        ("enc$i.height", 112),
        ("$word$i.width // 2", 50),
        ("$(word)$(i).channels", 32),
        ("enc$(i * 2 - 3).channels", 32),
        ("[enc$k.channels for k in [3]]", [32]),
        ("xs[1].channels + xs.0.height + xs[-1].shape[2]", 12),
        ("len(xs) + len(flat)", 3),
        ("layer1.0.conv.features + layer1.0.features + layer1.features", 20),
        ("layer1.if.features if flag else 0", 4),
        ("layer1.$(i - 3).conv.features", 9),
        ("layer1.$(i - 3).$('conv').features", 9),
        ("'é' + 'ü'", "éü"),
        ("len('日本') + enc$i.channels", 34),
    ],
)
def test_values(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("widht + 1", "unknown-name", "widht"),
        ("1 + dephts[0]", "unknown-name", "dephts"),
        ("max + 1", "unknown-name", "max"),
        ("enc9.height", "unknown-name", "enc9"),
        ("1 + enc$(i + 1).height", "unknown-name", "enc$(i + 1)"),
        ("$i + 1", "unknown-name", "$i"),
        ("input.heigth", "unknown-name", "input.heigth"),
        ("maxx(1, 2)", "unknown-function", "maxx"),
        ("2 * max()", "bad-call", "max()"),
        ("sqrt(1, 2)", "bad-call", "sqrt(1, 2)"),
        ("max(depths, key=1)", "bad-call", "max(depths, key=1)"),
        ("2 * input", "node-as-value", "input"),
        ("1 + xs[0]", "node-as-value", "xs[0]"),
        ("layer1.0", "node-as-value", "layer1.0"),
        ("xs.height", "wrong-rank", "xs.height"),
        ("flat.height", "wrong-rank", "flat.height"),
        ("tokens.width + 1", "wrong-rank", "tokens.width"),
        ("flat.depth", "wrong-rank", "flat.depth"),
        ("xs[2].height", "index-error", "xs[2]"),
        ("xs.2.height", "index-error", "xs.2"),
        ("row.width", "type-error", "row.width"),
        ("depths.length", "type-error", "depths.length"),
        ("input.shape.height", "type-error", "input.shape.height"),
        ("xs[0:1]", "node-as-value", "xs"),
        ("depths[i + 7]", "index-error", "i + 7"),
        ("row['depth']", "index-error", "'depth'"),
        ("i[0]", "type-error", "i"),
        ("depths['a']", "type-error", "'a'"),
        ("depths[half]", "type-error", "half"),
        ("depths[::0]", "type-error", "0"),
        ("rows[0, 1]", "bad-expression", "0, 1"),
        ("3 * (1 // (i - 3))", "division-by-zero", "1 // (i - 3)"),
        ("1.0 % 0", "division-by-zero", "1.0 % 0"),
        ("0 ** -1", "division-by-zero", "0 ** -1"),
        ("size // 0", "division-by-zero", "size // 0"),
        ("1 + (2 + 'a')", "type-error", "2 + 'a'"),
        ("'é' + (2 + 'ü')", "type-error", "2 + 'ü'"),
        ("'%s' % 1", "type-error", "'%s' % 1"),
        ("-word", "type-error", "word"),
        ("1 < word", "type-error", "1 < word"),
        ("[1] < [2]", "type-error", "[1] < [2]"),
        ("1 in 2", "type-error", "1 in 2"),
        ("sqrt(-1)", "type-error", "-1"),
        ("sqrt('a')", "type-error", "'a'"),
        ("log(0)", "type-error", "0"),
        ("log(2, 1)", "type-error", "1"),
        ("int('x')", "type-error", "'x'"),
        ("int(float('inf'))", "type-error", "float('inf')"),
        ("round(1.5, half)", "type-error", "half"),
        ("range(half)", "type-error", "half"),
        ("range(1, 2, 0)", "type-error", "0"),
        ("max([])", "type-error", "[]"),
        ("max(i)", "type-error", "i"),
        ("len(i)", "type-error", "i"),
        ("make_divisible(3, 0)", "type-error", "0"),
        ("(-8) ** 0.5", "type-error", "(-8) ** 0.5"),
        ("[x for x in word]", "type-error", "word"),
        ("[x for x, y in depths]", "unpack-error", "x, y"),
        ("[x for x, y in rows]", "unpack-error", "x, y"),
        ("[1 for true in depths]", "bad-target", "true"),
        ("[1 for x$i in depths]", "bad-target", "x$i"),
        ("enc$half.height", "type-error", "half"),
        ("enc$flag.height", "type-error", "flag"),
        # outside the language
        ("lambda: 1", "bad-expression", "lambda: 1"),
        ("(x := 1)", "bad-expression", "x := 1"),
        ("{}", "bad-expression", "{}"),
        ("{1, 2}", "bad-expression", "{1, 2}"),
        ("[*depths]", "bad-expression", "*depths"),
        ("max(*depths)", "bad-expression", "*depths"),
        ("max(1, **row)", "bad-expression", "**row"),
        ("f'{i}'", "bad-expression", "f"),
        ("b'a'", "bad-expression", "b"),
        ("1j", "bad-expression", "1j"),
        ("2x", "bad-expression", "2x"),
        ("...", "bad-expression", "..."),
        ("word.upper()", "bad-expression", "word.upper"),
        ("(max)(1)(2)", "bad-expression", "(max)(1)"),
        ("i is 3", "bad-expression", "i is 3"),
        ("i & 1", "bad-expression", "i & 1"),
        ("i ^ 2", "bad-expression", "i ^ 2"),
        ("~i", "bad-expression", "~i"),
        ("flag && flag", "bad-expression", "&&"),
        ("!flag", "bad-expression", "!"),
        ("i ? 1 : 2", "bad-expression", "?"),
        ("2 · 3", "bad-expression", "·"),
        ("'a' 'b'", "bad-expression", "'b'"),
        ("'a\\n'", "bad-expression", "'a\\n'"),
        ("'abc", "bad-expression", "'abc"),
        ("x = 1", "bad-expression", "="),
        ("1 +", "bad-expression", "+"),
        ("flag and", "bad-expression", "and"),
        ("i < 3 or ", "bad-expression", "or"),
        ("not", "bad-expression", "not"),
        ("flag and not", "bad-expression", "not"),
        ("i in", "bad-expression", "in"),
        ("i not in", "bad-expression", "in"),
        ("1 if flag else", "bad-expression", "else"),
        ("1 2 + enc$i.in", "bad-expression", "2"),
        ("", "bad-expression", ""),
        ("1 2", "bad-expression", "2"),
        ("x for x in depths", "bad-expression", "for"),
        ("$", "bad-expression", "$"),
        ("a$.b", "bad-expression", "$"),
        ("$(i", "quote-expression", "("),
        ("max(1, 2", "quote-expression", "("),
        ("depths[0", "quote-expression", "["),
        ("1)", "quote-expression", ")"),
        ("(1]", "quote-expression", "]"),
    ],
)
def test_errors_point_at_the_mistake(text: str, code: str, where: str) -> None:
    error = failure(text)
    assert (error.code, pointed(text, error)) == (code, where)
    assert error.message[0] not in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert not error.message.endswith(".")


@pytest.mark.parametrize(
    ("text", "message", "help"),
    [
        ("dephts", "unknown name `dephts`", "did you mean `depths`?"),
        ("flat.height", "`flat.height` needs an image [N, C, H, W], got [N, 512]", None),
        ("depths[4]", "index 4 is out of range: [3, 4, 6, 3] has 4 items", None),
        ("row['kernel']", "the record has no field 'kernel'", "its fields are `width`, `kernels`"),
        ("row.width", "`row` is a record, not a node", "write `row['width']`"),
        (
            "input",
            "`input` is a node, not a value",
            "read a size of it, as in `input.channels`; name tensors under `from:`",
        ),
        ("i // 0", "division by zero: 3 // 0", None),
        ("i + word", "`+` does not take a number and text: 3 + 'enc'", "write values into a word with `$`: `enc$i`"),
        ("maxx(1)", "unknown function `maxx`", "did you mean `max`?"),
        ("i is 3", "`is` is not part of the language", "write `==`"),
        ("i = 3", "`=` does not compare", "write `==`"),
        ("i <=", "something is missing after `<=`", None),
        ("i < 3 and", "something is missing after `and`", None),
        ("range(half)", "`range` needs a whole number, got 0.5", "round with `//`, `int` or `round`"),
        ("enumerate()", "these are not the arguments of `enumerate`", "write `enumerate(xs, start=0)`"),
    ],
)
def test_messages(text: str, message: str, help: str | None) -> None:
    error = failure(text)
    assert (error.message, error.help) == (message, help)


# Sizes


def run(code: RuntimeCode, shapes: Mapping[Value, tuple[int, ...]]) -> int:
    """What the emitted program computes."""
    if isinstance(code, int):
        return code
    if isinstance(code, Axis):
        assert isinstance(code.source, Value)
        return shapes[code.source][code.axis]
    symbol, left, right = code
    a, b = run(left, shapes), run(right, shapes)
    return {"+": a + b, "-": a - b, "*": a * b, "//": a // b if b else 0, "%": a % b if b else 0}[symbol]


@pytest.mark.parametrize(
    ("text", "shown", "code"),
    [
        ("input.height", "224", Axis(Value(-1), 2)),
        ("input.shape[0]", "N", Axis(Value(-1), 0)),
        ("input.shape[-1]", "200", Axis(Value(-1), 3)),
        ("input.height // 7 + 1", "33", ("+", ("//", Axis(Value(-1), 2), 7), 1)),
        ("2 * size", "448", ("*", 2, Axis(Value(-1), 2))),
        ("-size", "-224", ("-", 0, Axis(Value(-1), 2))),
        ("+size % 5", "4", ("%", Axis(Value(-1), 2), 5)),
        ("int(size)", "224", Axis(Value(-1), 2)),
        ("sum(input.shape[2:])", "424", ("+", ("+", 0, Axis(Value(-1), 2)), Axis(Value(-1), 3))),
        ("[size, 1][0] if flag else 2", "224", Axis(Value(-1), 2)),
        ("size + flag", "225", ("+", Axis(Value(-1), 2), 1)),
    ],
)
def test_arithmetic_keeps_sizes(text: str, shown: str, code: RuntimeCode) -> None:
    pins: list[dims.Size] = []
    found = value(text, pins)
    assert isinstance(found, RuntimeSize)
    assert (str(found), found.code, pins) == (shown, code, [])


@pytest.mark.parametrize("text", ["size - size", "size * 0", "(size * 4) % 4"])
def test_a_size_that_is_always_the_same_number_is_one(text: str) -> None:
    assert value(text) == 0
    assert type(value(text)) is int


@pytest.mark.parametrize(
    ("text", "expected", "pinned"),
    [
        ("input.height / 2", 112.0, [H]),
        ("input.height * 0.5 + input.height", 112.0 + 224, [H]),
        ("size > 3", True, [H]),
        ("size == 224", True, [H]),
        ("input.height == input.width", False, [H, W]),
        ("input.height == size", True, []),
        ("input.shape[0] == 0", False, []),
        ("input.height != input.height + 1", True, []),
        ("1 if size else 2", 1, [H]),
        ("not size", False, [H]),
        ("size and 1", 1, [H]),
        ("max(size, input.width)", 224, [H, W]),
        ("range(size - 222)", [0, 1], [dims.sub(H, 222)]),
        ("depths[size - 223]", 4, [dims.sub(H, 223)]),
        ("depths[size - 223:]", [4, 6, 3], [dims.sub(H, 223)]),
        ("size ** 2", 224**2, [H]),
        ("sqrt(size + 1)", 15.0, [dims.add(H, 1)]),
        ("224 in input.shape[1:]", True, [H]),
        ("[0] * (size - 222)", [0, 0], [dims.sub(H, 222)]),
        ("len(input.shape)", 4, []),
        ("input.channels == 64", True, []),
        ("size == nothing", False, []),
        ("enc$(size - 221).channels", 32, [dims.sub(H, 221)]),
    ],
)
def test_what_needs_the_number_pins_the_size(text: str, expected: object, pinned: list[dims.Size]) -> None:
    pins: list[dims.Size] = []
    assert value(text, pins) == expected
    assert pins == pinned


@pytest.mark.parametrize(
    "text", ["{} / 2", "max(1, {})", "range({})", "{} > 2", "{} == 3", "1 if {} else 2", "depths[{}]"]
)
def test_an_unknown_size_has_no_number(text: str) -> None:
    written = text.format("input.shape[0]")
    error = failure(written)
    assert error.code == "unknown-size"
    assert error.message == "the size `N` is not known here"
    assert pointed(written, error) == "input.shape[0]"


def test_pin_reaches_into_lists() -> None:
    pins: list[dims.Size] = []
    assert pin(value("[size, (1, size + 1), 'a', size]"), pins) == [224, (1, 225), "a", 224]
    assert pins == [H, dims.add(H, 1)]
    with pytest.raises(ExprError, match="the size `N` is not known here"):
        pin(value("input.shape"), pins)


SIZES = st.recursive(
    st.one_of(st.sampled_from(["input.height", "input.width", "size"]), st.integers(1, 9).map(str)),
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*", "//", "%"]), inner).map(
        lambda t: f"({' '.join(t)})"
    ),
    max_leaves=6,
)


@given(SIZES, st.integers(1, 300), st.integers(1, 300))
def test_run_time_code_computes_the_dim(text: str, height: int, width: int) -> None:
    try:
        found = value(text)
    except ExprError as error:
        assert error.code == "division-by-zero"
        return
    sizes = {"H": height, "W": width}
    dim, code = (found.dim, found.code) if isinstance(found, RuntimeSize) else (found, found)
    try:
        expected = eval(text, {"input": Tensor(height, width), "size": height})
    except ZeroDivisionError:
        return
    assert dims.substitute(dim, sizes) == expected
    assert run(code, {Value(-1): (2, 64, height, width)}) == expected


class Tensor:
    def __init__(self, height: int, width: int) -> None:
        self.height = height
        self.width = width


# Against Python


NUMBERS = st.recursive(
    st.one_of(
        st.integers(-20, 20).map(lambda n: f"({n})"), st.sampled_from(["0.5", "i", "True", "depths[1]", "len(depths)"])
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(lambda t: f"({' '.join(t)})"),
        st.tuples(inner, st.sampled_from(["<", "<=", "==", "!=", "and", "or"]), inner).map(
            lambda t: f"({' '.join(t)})"
        ),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        st.tuples(inner, inner).map(lambda t: f"max({t[0]}, {t[1]})"),
        inner.map(lambda t: f"round({t})"),
        inner.map(lambda t: f"abs({t})"),
        inner.map(lambda t: f"sum([x * {t} for x in depths if x > {t}])"),
        inner.map(lambda t: f"(not {t})"),
    ),
    max_leaves=8,
)


@given(NUMBERS)
def test_agrees_with_python(text: str) -> None:
    try:
        expected = eval(text, {"i": 3, "depths": [3, 4, 6, 3]})
    except (ZeroDivisionError, OverflowError):
        assert failure(text).code in ("division-by-zero", "limit")
        return
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


# Limits


@pytest.mark.parametrize(
    "text",
    [
        "9 ** 9 ** 9",
        "2 ** 64",
        "2 ** 40 * 2 ** 40",
        "2.0 ** 5000",
        "99999999999999999999",
        "exp(1000)",
        "int(1e300)",
        "round(5, -10 ** 9)",
        "[0] * 10 ** 9",
        "'a' * 10 ** 9",
        "10 ** 9 * (0, 1)",
        "range(10 ** 15)",
        "range(-10 ** 18, 10 ** 18, 3)",
        "[1 for a in range(2000) for b in range(2000)]",
        "[a for a in range(1000) for b in range(1000) if false]",
        "[[0] * 50000 for a in range(50)]",
        "[(x, x) for x in [" + "[0] * 99999" + "]]",
        "sum([[0] * 1000 for a in range(90)], [])",
        "[x for x in [[0]]" + " for x in [[x, x]]" * 40 + "][0]",
        "[x == y for x in [[0]] for y in [[0]]" + " for x in [[x, x]] for y in [[y, y]]" * 22 + "][0]",
        "[" * 70 + "]" * 70,
        "1" + " + 1" * 200,
        "-" * 100 + "1",
        "1" + " + 1" * 1000,
        "size" + " * size" * 40,
    ],
)
def test_bombs_meet_a_limit(text: str) -> None:
    assert failure(text).code == "limit"


@pytest.mark.parametrize(
    "text",
    ["(" * 1000 + ")" * 1000, "[" * 150 + "]" * 150, "-" * 1999, "not " * 499 + "1", "$(" * 500 + "1" + ")" * 500],
)
def test_deep_nesting_is_an_error(text: str) -> None:
    assert failure(text).code in ("limit", "bad-expression")


def test_repeated_doubling_by_lets_ends() -> None:
    held: object = [0]
    with pytest.raises(ExprError) as caught:
        for _ in range(100):
            held = parse("[x, x]").evaluate(Scope({"x": held}, {}))
    assert caught.value.code == "limit"
    size: object = RuntimeSize(N, Axis(Value(-1), 0))
    with pytest.raises(ExprError) as caught:
        for _ in range(100):
            size = parse("x * x").evaluate(Scope({"x": size}, {}))
    assert caught.value.code == "limit"


def test_a_budget_is_shared() -> None:
    budget = Budget(150)
    loop = parse("[k for k in range(20)]")
    loop.evaluate(NAMES, budget)
    with pytest.raises(ExprError, match="takes more than 150 steps"):
        loop.evaluate(NAMES, budget)
    assert parse("1").evaluate(NAMES) == 1


WORDS = """i depths input . ( ) [ ] , : + - * ** / // % < == != = and or not in if else for $ $i $( 'a' " ' 1 0 2.5 ..
    max sum len range height shape lambda is null true x _ { } ! & é \\ 日"""
TOKENS = st.lists(st.sampled_from([*WORDS.split(), "\t", "\n", "\0"]), max_size=14)


@given(TOKENS, st.sampled_from(["", " "]))
def test_any_text_is_a_value_or_an_error_with_a_place(tokens: list[str], space: str) -> None:
    text = space.join(tokens)
    for evaluate in (value, lambda text: interpolate(text, NAMES), split_for, parse_targets):
        try:
            evaluate(text)
        except ExprError as error:
            assert error.offset >= 0
            assert error.length >= 0
            assert error.offset + error.length <= max(len(text), 1)
            assert error.message


# Words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("layer", "layer"),
        ("", ""),
        ("layer$i", "layer3"),
        ("layer$(i + 1)_$word", "layer4_enc"),
        ("$word", "enc"),
        ("$depths", [3, 4, 6, 3]),
        ("$(half)", 0.5),
        ("$nothing", None),
        ("$(null)", None),
        ("$(flag and 'yes')", "yes"),
        ("a$(')')b", "a)b"),
        ("$$i", "$i"),
        ("a$$", "a$"),
        ("up$(size - 221)", "up3"),
        ("$class", 7),
    ],
)
def test_words(text: str, expected: object) -> None:
    assert interpolate(text, NAMES) == expected


def test_a_whole_word_keeps_its_value() -> None:
    assert interpolate("$row", NAMES) is NAMES.variables["row"]
    assert interpolate("$size", NAMES) is NAMES.variables["size"]


def test_a_size_in_a_word_is_pinned() -> None:
    pins: list[dims.Size] = []
    assert interpolate("up$size", NAMES, pins=pins) == "up224"
    assert pins == [H]


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("a$half", "type-error", "half"),
        ("a$flag", "type-error", "flag"),
        ("a$depths", "type-error", "depths"),
        ("a$(nothing)", "type-error", "nothing"),
        ("layer$(i + )", "bad-expression", "+"),
        ("layer$(i + j)", "unknown-name", "j"),
        ("layer$()", "bad-expression", "("),
        ("layer$", "bad-expression", "$"),
        ("layer$1", "bad-expression", "$"),
        ("layer$(i", "quote-expression", "("),
        ("a$(input)", "node-as-value", "input"),
        ("$i$(1 // 0)", "division-by-zero", "1 // 0"),
    ],
)
def test_errors_in_words(text: str, code: str, where: str) -> None:
    with pytest.raises(ExprError) as caught:
        interpolate(text, NAMES)
    assert (caught.value.code, pointed(text, caught.value)) == (code, where)


def test_a_name_that_runs_on_is_explained() -> None:
    with pytest.raises(ExprError) as caught:
        interpolate("dec$i_out", NAMES)
    assert caught.value.help == "write `$(i)_out`"


def test_has_interpolation() -> None:
    assert has_interpolation("a$b")
    assert has_interpolation("$$")
    assert not has_interpolation("a.b")


# Targets


@pytest.mark.parametrize(
    ("text", "given_", "expected"),
    [
        ("i", 1, {"i": 1}),
        ("i", [1, 2], {"i": [1, 2]}),
        ("i, n", (1, 2), {"i": 1, "n": 2}),
        (" s , (b, e, _, _) ", (0, ["X", 1, 2, 3]), {"s": 0, "b": "X", "e": 1}),
        ("(a, b)", [1, 2], {"a": 1, "b": 2}),
        ("a,", [1], {"a": 1}),
        ("_", 1, {}),
    ],
)
def test_targets(text: str, given_: object, expected: dict[str, object]) -> None:
    targets = parse_targets(text)
    assert targets.bind(given_) == expected
    assert targets.names() == tuple(expected)


def test_a_comma_key_names_nodes() -> None:
    assert parse_targets("left-1, 2", "node").names() == ("left-1", "2")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a b", "b"),
        ("a, 1", "1"),
        ("a, (b, a)", "a"),
        ("(a, b", "b"),
        ("a)", ")"),
        ("a, in", "in"),
        ("a-b", "a-b"),
        ("a, *b", "*"),
        ("a, ()", ")"),
        ("", ""),
        ("(" * 50 + "a" + ")" * 50, "("),
    ],
)
def test_wrong_targets(text: str, where: str) -> None:
    with pytest.raises(ExprError) as caught:
        parse_targets(text)
    assert (caught.value.code, pointed(text, caught.value)) == ("bad-target", where)


@pytest.mark.parametrize(("text", "given_"), [("a, b", [1]), ("a, b", [1, 2, 3]), ("a, b", 1), ("a, (b, c)", [1, 2])])
def test_targets_that_do_not_fit(text: str, given_: object) -> None:
    with pytest.raises(ExprError) as caught:
        parse_targets(text).bind(given_)
    assert (caught.value.code, pointed(text, caught.value)) == ("unpack-error", text)


def test_split_for() -> None:
    header = "for i, n in enumerate(depths)"
    targets, expression, offset = split_for(header)
    assert targets.names() == ("i", "n")
    assert header[offset:].strip() == "enumerate(depths)"
    assert targets.bind(expression.evaluate(NAMES)[1]) == {"i": 1, "n": 4}  # type: ignore[index]
    assert split_for("for index in [inner for inner in depths]")[1].evaluate(NAMES) == [3, 4, 6, 3]


@pytest.mark.parametrize(
    ("header", "code", "where"),
    [
        ("for i", "bad-expression", "for i"),
        ("for i in ", "bad-expression", "for i in "),
        ("for 1 in depths", "bad-target", "1"),
        ("for i in max(", "quote-expression", "("),
        ("for i in 1 = 2", "bad-expression", "="),
        ("fori in depths", "bad-expression", "fori in depths"),
    ],
)
def test_wrong_headers(header: str, code: str, where: str) -> None:
    with pytest.raises(ExprError) as caught:
        split_for(header)
    assert (caught.value.code, pointed(header, caught.value)) == (code, where)


def test_a_header_locates_what_does_not_fit() -> None:
    header = "for i, n in depths"
    targets, _, _ = split_for(header)
    with pytest.raises(ExprError) as caught:
        targets.bind(3)
    assert pointed(header, caught.value) == "i, n"


def test_parsing_is_done_once() -> None:
    assert parse("i + 1") is parse("i + 1")
    assert parse_template("a$i") is parse_template("a$i")
    assert split_for("for i in depths") is split_for("for i in depths")
