"""Diagnostics as text, JSON and annotations."""

from __future__ import annotations

import json

import pytest

from archspec.diagnostics import Diagnostic, Label, Source, Span, SpecError, spec_error
from archspec.render import to_github, to_json, to_text

SPEC = Source(
    "specs/mine.yaml",
    "\n" * 28
    + """\
graph:
  block:
      add: {op: add, from: [bn3, input]}
      bn3: BatchNorm2d
      relu: ReLU
      conv: |
        x
        y
      add: mul
""",
)


def at(line: int, column: int, end_column: int, end_line: int | None = None, source: Source = SPEC) -> Span:
    return Span(source, line, column, end_line or line, end_column)


FULL = Diagnostic(
    "shape-mismatch",
    "`add` needs equal shapes, got [N, 256, 56, 56] and [N, 64, 56, 56]",
    at(31, 12, 41),
    "axis 1 differs: 256 from `bn3`, 64 from `input`",
    notes=("in layer1.0, a Bottleneck used at specs/mine.yaml:52:9",),
    help="project `input` to 256 channels with a 1x1 Conv2d",
)

GOLDEN: list[tuple[str, list[Diagnostic], str]] = [
    (
        "everything",
        [FULL],
        """\
error[shape-mismatch]: `add` needs equal shapes, got [N, 256, 56, 56] and [N, 64, 56, 56]
  --> specs/mine.yaml:31:12
   |
31 |       add: {op: add, from: [bn3, input]}
   |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ axis 1 differs: 256 from `bn3`, 64 from `input`
   = note: in layer1.0, a Bottleneck used at specs/mine.yaml:52:9
   = help: project `input` to 256 channels with a 1x1 Conv2d""",
    ),
    (
        "a related line two above",
        [Diagnostic("c", "m", at(33, 7, 11), "second", (Label(at(31, 7, 10), "first"),))],
        """\
error[c]: m
  --> specs/mine.yaml:33:7
   |
31 |       add: {op: add, from: [bn3, input]}
   |       --- first
32 |       bn3: BatchNorm2d
33 |       relu: ReLU
   |       ^^^^ second""",
    ),
    (
        "a related line some lines off",
        [Diagnostic("c", "m", at(32, 7, 10), "", (Label(at(29, 1, 6), "first"),), help="h")],
        """\
error[c]: m
  --> specs/mine.yaml:32:7
   |
29 | graph:
   | ----- first
...
32 |       bn3: BatchNorm2d
   |       ^^^
   = help: h""",
    ),
    (
        "a related place in the same line",
        [Diagnostic("c", "m", at(31, 22, 26), "here", (Label(at(31, 13, 15), "first"),))],
        """\
error[c]: m
  --> specs/mine.yaml:31:22
   |
31 |       add: {op: add, from: [bn3, input]}
   |                      ^^^^ here
   |             -- first""",
    ),
    (
        "related places far off and in another file",
        [
            Diagnostic(
                "c",
                "m",
                at(37, 7, 10),
                "twice",
                (Label(at(31, 7, 10), "first"), Label(at(1, 1, 5, source=Source("other.yaml", "name: x\n")), "then")),
            )
        ],
        """\
error[c]: m
  --> specs/mine.yaml:37:7
   |
37 |       add: mul
   |       ^^^ twice
  ::: specs/mine.yaml:31:7
   |
31 |       add: {op: add, from: [bn3, input]}
   |       --- first
  ::: other.yaml:1:1
   |
 1 | name: x
   | ---- then""",
    ),
    (
        "several lines: the first is underlined",
        [Diagnostic("c", "m", at(34, 13, 10, end_line=36), "text")],
        """\
error[c]: m
  --> specs/mine.yaml:34:13
   |
34 |       conv: |
   |             ^ text""",
    ),
    (
        "an empty stretch gets one caret, the end of the file an empty line",
        [Diagnostic("c", "m", at(29, 7, 7)), Diagnostic("d", "n", at(38, 1, 1))],
        """\
error[c]: m
  --> specs/mine.yaml:29:7
   |
29 | graph:
   |       ^

error[d]: n
  --> specs/mine.yaml:38:1
   |
38 |
   | ^

2 errors""",
    ),
    (
        "without a place",
        [Diagnostic("file-not-found", "no file `a.yaml`", notes=("n",), help="first line\nsecond line")],
        """\
error[file-not-found]: no file `a.yaml`
  = note: n
  = help: first line
          second line""",
    ),
    (
        "without a place, with a related one",
        [Diagnostic("c", "m", related=(Label(at(29, 1, 6), "this"),))],
        """\
error[c]: m
  ::: specs/mine.yaml:29:1
   |
29 | graph:
   | ----- this""",
    ),
    (
        "tabs, wide and combining characters",
        [Diagnostic("c", "m", Span(Source("s", "\t中e\u0301: xy"), 1, 7, 1, 9), "here")],
        """\
error[c]: m
 --> s:1:7
  |
1 |     中e\u0301: xy
  |          ^^ here""",
    ),
    (
        "what would control the terminal does not",
        [Diagnostic("c", "m \x1b[2J", Span(Source("s", "a: \x1b[31m"), 1, 4, 1, 5), "l\u202e")],
        """\
error[c]: m \ufffd[2J
 --> s:1:4
  |
1 | a: \ufffd[31m
  |    ^ l\ufffd""",
    ),
    (
        "severities are counted apart",
        [Diagnostic("a", "m"), Diagnostic("b", "n", severity="warning"), Diagnostic("c", "o", severity="warning")],
        "error[a]: m\n\nwarning[b]: n\n\nwarning[c]: o\n\n1 error, 2 warnings",
    ),
    ("nothing", [], ""),
]


@pytest.mark.parametrize(("diagnostics", "text"), [case[1:] for case in GOLDEN], ids=[case[0] for case in GOLDEN])
def test_text(diagnostics: list[Diagnostic], text: str) -> None:
    assert to_text(diagnostics) == text


def test_a_long_line_is_shown_in_part() -> None:
    line = "a" * 1000 + "HERE" + "b" * 1000
    far = Label(Span(Source("s", line), 1, 1, 1, 3), "far")
    source = far.span.source
    text = to_text([Diagnostic("c", "m", Span(source, 1, 1001, 1, 1005), "found", (far,))])
    shown, marks = text.split("\n")[3:5]
    assert len(shown) == len("1 | ") + 160
    assert shown.startswith("1 | ...a") and shown.endswith("b...")
    assert shown[marks.index("^") :].startswith("HERE") and marks.endswith(" ^^^^ found")
    assert text.endswith("  | -- far")


def test_color_changes_nothing_but_color() -> None:
    text = to_text([FULL], color=True)
    assert text.startswith("\x1b[1;31merror[shape-mismatch]\x1b[0m\x1b[1m: `add` needs")
    plain = text
    for style in ("1;31", "1;34", "1"):
        plain = plain.replace(f"\x1b[{style}m", "")
    assert plain.replace("\x1b[0m", "") == to_text([FULL])


def test_an_uncaught_error_shows_its_text() -> None:
    assert str(SpecError(FULL)) == "\n" + to_text([FULL])


def test_json() -> None:
    related = (Label(at(29, 1, 6), "first"),)
    found = spec_error("c", "m", at(31, 12, 41), label="l", related=related, notes=["n"], help="h").diagnostics
    place = {"file": "specs/mine.yaml", "line": 29, "column": 1, "end_line": 29, "end_column": 6}
    assert json.loads(to_json([*found, Diagnostic("d", "é")])) == [
        {
            "code": "c", "severity": "error", "message": "m", "file": "specs/mine.yaml", "line": 31, "column": 12,
            "end_line": 31, "end_column": 41, "label": "l", "related": [{**place, "label": "first"}], "notes": ["n"],
            "help": "h",
        },
        {
            "code": "d", "severity": "error", "message": "é", "file": None, "line": None, "column": None,
            "end_line": None, "end_column": None, "label": "", "related": [], "notes": [], "help": None,
        },
    ]  # fmt: skip
    assert to_json([]) == "[]"


@pytest.mark.parametrize(
    ("diagnostic", "line"),
    [
        (
            FULL,
            "::error file=specs/mine.yaml,line=31,col=12,endLine=31,endColumn=41,title=archspec[shape-mismatch]::"
            "`add` needs equal shapes, got [N, 256, 56, 56] and [N, 64, 56, 56]%0A"
            "axis 1 differs: 256 from `bn3`, 64 from `input`%0A"
            "note: in layer1.0, a Bottleneck used at specs/mine.yaml:52:9%0A"
            "help: project `input` to 256 channels with a 1x1 Conv2d",
        ),
        (Diagnostic("c", "50%\r\nmore"), "::error title=archspec[c]::50%25%0D%0Amore"),
        (Diagnostic("c", "m", severity="warning"), "::warning title=archspec[c]::m"),
        (Diagnostic("c", "m", severity="note"), "::notice title=archspec[c]::m"),
        (
            Diagnostic("c", "m", at(1, 1, 2, source=Source("a:b,c.yaml", "x"))),
            "::error file=a%3Ab%2Cc.yaml,line=1,col=1,endLine=1,endColumn=2,title=archspec[c]::m",
        ),
        (
            Diagnostic("c", "m", related=(Label(at(29, 1, 6), "first"),)),
            "::error title=archspec[c]::m%0Afirst: specs/mine.yaml:29:1",
        ),
    ],
)
def test_github(diagnostic: Diagnostic, line: str) -> None:
    assert to_github([diagnostic]) == line
    assert to_github([diagnostic, diagnostic]) == f"{line}\n{line}"
