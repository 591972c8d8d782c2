"""What a YAML parser's complaint means, said for the author of a spec.

libyaml reports where its grammar stopped. That is often after the mistake, and in words of the grammar:
this module finds the mistake's own place and says what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from yaml import MarkedYAMLError

from archspec.diagnostics import Diagnostic, Label
from archspec.objects import record
from archspec.yaml_source.flow import CLOSES, closing, cut_expression, expression_end, quoted
from archspec.yaml_source.offsets import Offsets, short

MAX_DEPTH = 100  # of nesting; fixed, since reading what was parsed recurses
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
LESS_DEEP = "move inner parts into blocks"

_TOKEN = re.compile(r"[\w$.]+|\S")


@record
class Before:
    """What the parser had read when it stopped: its last finished node, and that node's surroundings."""

    start: int
    end: int
    plain: bool
    key: str | None
    flow: bool  # whether flow style goes on around it


@record
class _Stop:
    """A syntax error, with all that a rule needs to explain it."""

    offsets: Offsets
    problem: str
    at: int
    context: int
    before: Before

    @property
    def char(self) -> str:
        return self.offsets.text[self.at : self.at + 1]

    @property
    def found(self) -> str:
        match = _TOKEN.match(self.offsets.text, self.at)
        return f"`{short(match.group())}`" if match else "the end of the line" if self.char else "the end of the file"

    def error(self, message: str, start: int, end: int, help: str) -> Diagnostic:
        return Diagnostic("yaml-syntax", message, self.offsets.span(start, end), help=help)

    def at_token(self, message: str, help: str) -> Diagnostic:
        match = _TOKEN.match(self.offsets.text, self.at)
        return self.error(message, self.at, match.end() if match else self.at, help)


def _bad_start(stop: _Stop) -> Diagnostic:
    if stop.char == "\t":
        return stop.error("a tab cannot indent a line", stop.at, stop.at + 1, "indent with spaces")
    return stop.error(
        f"a value cannot start with {'a backtick' if stop.char == '`' else f'`{stop.char}`'}",
        stop.at,
        stop.at + 1,
        f"quote it: `{quoted(stop.offsets.rest_of_line(stop.at))}`",
    )


def _tab(stop: _Stop) -> Diagnostic:
    line_start = stop.at - stop.offsets.position(stop.at)[1] + 1
    tab = stop.offsets.text.find("\t", line_start)
    tab = stop.at if tab < 0 else tab
    return stop.error("a tab cannot indent a line", tab, tab + 1, "indent with spaces")


def _open_string(stop: _Stop) -> Diagnostic:
    quote = stop.offsets.text[stop.context]
    return stop.error("this string is never closed", stop.context, stop.context + 1, f"close it with `{quote}`")


def _escape(stop: _Stop) -> Diagnostic:
    start = stop.at if stop.char == "\\" else stop.at - 1  # the pure Python parser points behind the backslash
    written = stop.offsets.text[start : start + 2]
    return stop.error(
        f"unknown escape `{written}` in a double-quoted string",
        start,
        start + 2,
        "write the string in single quotes, or double the backslash",
    )


def _second_colon(stop: _Stop) -> Diagnostic:
    offsets, before = stop.offsets, stop.before
    line, column = offsets.position(stop.at)
    if before.plain and before.end == stop.at and offsets.position(before.start)[0] < line:
        start = offsets.position(before.start)[1]
        if not offsets.text[before.start - start + 1 : before.start].strip(" "):
            return _without_colon(stop, before.start)
        key = offsets.text[stop.at - column + 1 : stop.at].lstrip()
        message = f"`{short(key)}` is indented deeper than the key above, which has a value already"
        return stop.error(
            message, stop.at - len(key), stop.at, "align it with its neighbours, or remove the value above"
        )
    value = offsets.rest_of_line(before.start) if before.plain and before.end == stop.at else ""
    prefix = f"{before.key}: " if before.key else ""
    how = "start the mapping on the next line, or quote the value"
    if value:
        how = f"quote the value: `{prefix}{quoted(value)}`"
    return stop.error("a second `:` in one line", stop.at, stop.at + 1, how)


def _no_colon(stop: _Stop) -> Diagnostic:
    return _without_colon(stop, stop.context)


def _without_colon(stop: _Stop, start: int) -> Diagnostic:
    word = stop.offsets.rest_of_line(start)
    return stop.error(
        f"`{short(word)}` has no `:`, so it is no key",
        start,
        start + len(word),
        f"write `{short(word)}: ...`, or indent it deeper if it continues the line above",
    )


def _in_flow(stop: _Stop) -> Diagnostic:
    text = stop.offsets.text
    opening = text[stop.context : stop.context + 1]
    closer = CLOSES.get(opening, "")
    if closing(text, stop.context) is None:
        return stop.error(
            f"this `{opening}` is never closed", stop.context, stop.context + 1, f"close it with `{closer}`"
        )
    if stop.char == ":":
        help = "separate the entries with a comma, keep a key on one line, or quote the value"
        return stop.error("a second `:` in one entry", stop.at, stop.at + 1, help)
    return stop.at_token(f"expected `,` or `{closer}` before {stop.found}", "separate the entries with a comma")


def _no_content(stop: _Stop) -> Diagnostic:
    if stop.char and stop.char in ")]}" and not stop.before.flow:
        return stop.at_token(f"{stop.found} closes nothing", "remove it, or quote the value")
    return stop.at_token(f"a value is missing before {stop.found}", "write the value, or quote it if it is text")


def _no_key(stop: _Stop) -> Diagnostic:
    if stop.char == "-":
        found = stop.at_token("a list item among the keys of a mapping", "indent the list below its key")
        return _with_origin(stop, found, "the mapping starts here")
    if stop.char == ":":
        return stop.at_token("a key is missing before `:`", "write the key, or quote the value")
    if stop.char and stop.char in "]})":
        return stop.at_token(f"{stop.found} closes nothing", "remove it, or open the bracket before")
    if stop.offsets.position(stop.before.end)[0] == stop.offsets.position(stop.at)[0]:
        return stop.at_token(f"{stop.found} stands after a finished value", "quote the whole value, or remove the rest")
    message = f"the indentation of {stop.found} matches no line above"
    found = stop.at_token(message, "align it with the lines it belongs to")
    return _with_origin(stop, found, "the mapping starts here")


def _no_dash(stop: _Stop) -> Diagnostic:
    if stop.offsets.position(stop.before.end)[0] == stop.offsets.position(stop.at)[0]:
        return _no_key(stop)
    help = "start the line with `- `, or align it with the key it belongs to"
    return _with_origin(stop, stop.at_token(f"expected a list item, got {stop.found}", help), "the list starts here")


def _with_origin(stop: _Stop, found: Diagnostic, text: str) -> Diagnostic:
    if stop.context == stop.at:
        return found
    return replace(found, related=(Label(stop.offsets.span(stop.context, stop.context + 1), text),))


def _tight_colon(stop: _Stop) -> Diagnostic:
    return stop.error("a `:` needs a space behind it", stop.at, stop.at + 1, "write `: `, or quote the text")


def _late_list(stop: _Stop) -> Diagnostic:
    help = "write its items on the lines below, or as `[...]`; quote it if it is text"
    return stop.error("a list cannot start here", stop.at, stop.at + 1, help)


def _complex_key(stop: _Stop) -> Diagnostic:
    value = stop.offsets.rest_of_line(stop.at)
    return stop.error("a value cannot start with `? `", stop.at, stop.at + 1, f"quote it: `{quoted(value)}`")


def _bare_anchor(stop: _Stop) -> Diagnostic:
    text, start = stop.offsets.text, stop.context
    end = expression_end(text, start, flow=stop.before.flow) or start + 1
    kind = "alias" if text[start] == "*" else "anchor"
    return stop.error(
        f"`{text[start]}` starts a YAML {kind}, which needs a name",
        start,
        start + 1,
        f"quote it if it is text: `{quoted(text[start:end])}`",
    )


def _bad_tag(stop: _Stop) -> Diagnostic:
    start = stop.context
    word = re.compile(r"[^\s,\[\]{}]*").match(stop.offsets.text, start)
    return yaml_tag(stop.offsets, start, start + len(word.group() if word else "!"))


def _too_deep(stop: _Stop) -> Diagnostic:
    """libyaml reads ahead, and has a limit of its own, above ours."""
    return Diagnostic("too-deep", TOO_DEEP, stop.offsets.span(stop.at, stop.at + 1), help=LESS_DEEP)


def _block_text(stop: _Stop) -> Diagnostic:
    value = stop.offsets.rest_of_line(stop.context)
    return stop.error(
        f"`{value[:1]}` starts a YAML block of text, which begins on the next line",
        stop.context,
        stop.context + 1,
        f"quote the value: `{quoted(value)}`",
    )


def _directive(stop: _Stop) -> Diagnostic:
    line = stop.offsets.rest_of_line(stop.context)
    message = f"`{short(line)}` is no YAML directive archspec knows"
    return stop.error(message, stop.context, stop.context + len(line), "remove the line")


# The first rule whose pattern is found in "context: problem" explains the error.
# The wording of libyaml comes first, that of PyYAML's own parser, its fallback, second.
_RULES: tuple[tuple[str, Callable[[_Stop], Diagnostic]], ...] = (
    (r"maximum nesting depth", _too_deep),
    (r"tab character|'\\\\t'", _tab),
    (r"cannot start any token", _bad_start),
    (r"quoted scalar: found unexpected (end of stream|document)", _open_string),
    (r"unknown escape", _escape),
    (r"mapping values are not allowed", _second_colon),
    (r"could not find expected ':'", _no_colon),
    (r"expected ',' or", _in_flow),
    (r"node content", _no_content),
    (r"block mapping: (did not find expected key|expected <block end>)", _no_key),
    (r"expected '-' indicator|expected <block end>", _no_dash),
    (r"<document start>", _no_key),
    (r"unexpected ':'", _tight_colon),
    (r"sequence entries are not allowed", _late_list),
    (r"mapping keys are not allowed", _complex_key),
    (r"(alias|anchor): .*expected alphabetic", _bare_anchor),
    (r"(parsing|scanning) a (tag|node): |tag handle", _bad_tag),
    (r"block scalar: ", _block_text),
    (r"directive|incompatible YAML|%YAML|version number", _directive),
)


def explain(error: MarkedYAMLError, offsets: Offsets, before: Before) -> Diagnostic:
    """The diagnostic for a syntax error, given what had been read when it was found."""
    text = offsets.text
    mark = error.problem_mark or error.context_mark
    at = min(mark.index if mark else len(text), len(text))
    context = min(error.context_mark.index, len(text)) if error.context_mark else at
    problem = f"{error.context or ''}: {error.problem or ''}"
    stop = _Stop(offsets, problem, at, context, before)
    if _continues_expression(stop):
        return cut_expression(offsets, before.start, before.end, before.key, flow=before.flow)
    for pattern, rule in _RULES:
        if re.search(pattern, problem):
            return rule(stop)
    return stop.at_token(f"invalid YAML: {(error.problem or 'unknown error').lower()}", "quote the value if it is text")


def _continues_expression(stop: _Stop) -> bool:
    """An expression goes on behind a finished value: `w[0]` in flow style; `'a' if c else 'b'`, `[1, 2][i]` in any."""
    text, before = stop.offsets.text, stop.before
    between = text[before.end : stop.at]
    if before.end == 0 or between.strip(" ") or not re.search(r"expected (',' or|key|<block end>)", stop.problem):
        return False
    if before.plain:
        return before.flow and not between and stop.char in ("[", "{")
    goes_on = re.compile(r"(if|for|or|and|in|not in|is)\b|[-+*/%<>=!]|\[")
    return goes_on.match(text, stop.at) is not None and expression_end(text, before.start, flow=before.flow) is not None


def yaml_tag(offsets: Offsets, start: int, end: int) -> Diagnostic:
    """A tag was written: specs have none."""
    tag = offsets.text[start:end]
    return Diagnostic(
        "yaml-tag",
        f"YAML tags are not part of the language, got `{short(tag)}`",
        offsets.span(start, end),
        help=f"remove the tag, or quote it if it is text: `{quoted(tag)}`",
    )
