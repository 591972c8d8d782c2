"""From the parser's events to the tree."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field, replace
from typing import Any, NoReturn

import yaml

from archspec.diagnostics import Diagnostic, Label, Source, Span, SpecError, did_you_mean, spec_error
from archspec.limits import current, more
from archspec.objects import mutable, record
from archspec.yaml_source.flow import balanced, closing, cut_expression
from archspec.yaml_source.offsets import Offsets, short
from archspec.yaml_source.scalars import resolve
from archspec.yaml_source.syntax import LESS_DEEP, MAX_DEPTH, TOO_DEEP, Before, explain, yaml_tag
from archspec.yaml_source.tree import Entry, Mapping, Node, Scalar, Sequence

# libyaml reads ten times faster; both give the same events and columns.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@mutable
class _Frame:
    """A collection whose end has not been read."""

    mapping: bool
    flow: bool
    start: int
    line: int
    column: int
    anchor: str | None
    first_node: int  # the number of nodes before this one
    height: int = 1
    items: list[Node] = field(default_factory=list[Node])
    entries: list[Entry] = field(default_factory=list[Entry])
    keys: dict[str, Scalar] = field(default_factory=dict[str, Scalar])
    key: Scalar | None = None


@record
class _Anchored:
    node: Node
    size: int
    height: int


class _Stopped(Exception):
    """What was found so far forbids reading on."""


_ANCHOR = re.compile(r"&[^\s,\[\]{}]+(?:\s|(?<=\s)#[^\r\n]*)*")
_TAG = re.compile(r"(?:&\S+\s+)?(![^\s,\[\]{}]*)")
_UNPRINTABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STATEMENT = re.compile(r"(for|if|elif|else)\b")
_NEGATE = "negate the condition of one of them, so that the keys differ"
_STATEMENT_HELP = {
    "for": "rename the loop variable of one of them, so that the keys differ",
    "else": "join the two, or turn one `if` around by negating its condition",
}


def parse(source: Source) -> Node:
    """The tree of the one document in `source`. Raises SpecError with every independent mistake, by position."""
    return _Builder(source).build()


class _Builder:
    """Builds the tree from the parser's events, without recursion: depth is a rule, not a crash."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.offsets = Offsets(source)
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Anchored] = {}
        self.problems: list[Diagnostic] = []
        self.root: Node | None = None
        self.nodes = 0
        self.limits = current()
        self.cut_until = 0  # the end of the last cut expression: what lies before it is debris
        self.last = (0, 0, False)  # the last finished node: where it starts and ends, whether it is plain
        self.last_key: Scalar | None = None  # and its key

    def build(self) -> Node:
        strange = _UNPRINTABLE.search(self.offsets.text)
        if strange is not None:
            message = f"control character U+{ord(strange.group()):04X}"
            span = self.offsets.span(strange.start(), strange.end())
            raise spec_error("yaml-syntax", message, span, help="remove it")
        try:
            self._read()
        except _Stopped:
            pass
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            if mark is None or mark.index >= self.cut_until:
                self.problems.append(explain(error, self.offsets, self._before()))
        if self.problems:
            raise SpecError(sorted(self.problems, key=_position))
        if self.root is None or (isinstance(self.root, Scalar) and not self.root.quoted and not self.root.text):
            span = Span(self.source, 1, 1, 1, 1)
            raise spec_error("empty-file", "the spec is empty", span, help="start with `archspec: 1`")
        return self.root

    def _read(self) -> None:
        loader = _Loader(self.offsets.text)
        try:
            self._read_events(loader.get_event)
        finally:
            loader.dispose()

    def _read_events(self, next_event: Callable[[], Any]) -> None:
        started = False
        while True:
            event = next_event()
            kind: object = event.__class__
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open(event, mapping=kind is yaml.MappingStartEvent)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._close(event)
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                if started:
                    message = "a second YAML document starts here"
                    self._stop("yaml-documents", message, self._span(event), "keep one document a file")
                started = True
            elif kind is yaml.StreamEndEvent:
                return

    # --- events

    def _scalar(self, event: Any) -> None:
        if event.tag is not None:
            self._tag(event)
        start, end = event.start_mark, event.end_mark
        offset, line, column = start.index, start.line + 1, start.column + 1
        if event.anchor is not None:
            offset, line, column = self._behind_anchor(offset, end.index)
        end_offset, end_line, end_column = end.index, end.line + 1, end.column + 1
        style = event.style
        if style == "|" or style == ">":  # libyaml ends a block of text at the next token
            end_offset = offset + len(self.offsets.text[offset:end_offset].rstrip())
            end_line, end_column = self.offsets.position(end_offset)
        span = Span(self.source, line, column, end_line, end_column)
        text: str = event.value
        is_plain = not style
        frame = self.stack[-1] if self.stack else None
        is_key = frame is not None and frame.mapping and frame.key is None
        if is_plain and frame is not None and frame.flow and ("(" in text or ")" in text):
            self._check_cut(frame, offset, end_offset)
        value: bool | int | float | str | None = text
        if is_plain and not is_key and event.tag is None:
            try:
                value = resolve(text)
            except OverflowError as error:
                help = "write `.inf` for infinity" if "float" in str(error) else "write it as a float"
                self._problem("bad-number", f"`{short(text, 24)}` is {error}", span, help)
        self.last = (offset, end_offset, is_plain)
        self._add(Scalar(value, text, not is_plain, span), event.anchor)

    def _open(self, event: Any, *, mapping: bool) -> None:
        if event.tag is not None:
            self._tag(event)
        mark = event.start_mark
        offset, line, column = mark.index, mark.line + 1, mark.column + 1
        if event.anchor is not None:
            offset, line, column = self._behind_anchor(offset)
        if len(self.stack) == MAX_DEPTH:
            span = Span(self.source, line, column, line, column + 1)
            self._stop("too-deep", TOO_DEEP, span, LESS_DEEP)
        frame = _Frame(mapping, bool(event.flow_style), offset, line, column, event.anchor, self.nodes)
        if event.anchor is not None:
            self.anchors.pop(event.anchor, None)
        self.stack.append(frame)

    def _close(self, event: Any) -> None:
        frame = self.stack.pop()
        if frame.flow:
            end = event.end_mark
            end_line, end_column = end.line + 1, end.column + 1
            self.last = (frame.start, end.index, False)
        else:  # libyaml ends a block collection at the next token
            last = (frame.entries[-1].value if frame.mapping else frame.items[-1]).span
            end_line, end_column = last.end_line, last.end_column
        span = Span(self.source, frame.line, frame.column, end_line, end_column)
        node = (
            Mapping(tuple(frame.entries), span, frame.flow)
            if frame.mapping
            else Sequence(tuple(frame.items), span, frame.flow)
        )
        self._add(node, frame.anchor, frame.first_node, frame.height)

    def _alias(self, event: Any) -> None:
        name: str = event.anchor
        span = self._span(event)
        target = self.anchors.get(name)
        if target is None:
            if any(frame.anchor == name for frame in self.stack):
                message = f"`*{name}` stands inside its own anchor `&{name}`"
                self._stop("yaml-alias", message, span, "write the value out")
            help = did_you_mean(name, self.anchors) or f'if `*{name}` is text, quote it: `"*{name}"`'
            self._stop("yaml-alias", f"no anchor `&{name}` above this alias", span, help)
        if len(self.stack) + target.height > MAX_DEPTH:
            self._stop("too-deep", f"{TOO_DEEP} by `*{name}`", span, "use fewer aliases")
        first = self.nodes
        self.nodes += target.size - 1
        self.last = (event.start_mark.index, event.end_mark.index, False)
        self._add(replace(target.node, span=span), None, first, target.height)

    # --- nodes

    def _add(self, node: Node, anchor: str | None, first: int | None = None, height: int = 0) -> None:
        """Puts a finished node into the collection that is open; a collection's size and height come with it."""
        self.nodes += 1
        if self.nodes > self.limits.values:
            message = f"more than {self.limits.values:,} values, aliases counted in full"
            self._stop("too-large", message, node.span, f"use a loop or a block, or {more('values')}")
        if anchor is not None:
            self.anchors[anchor] = _Anchored(node, 1 if first is None else self.nodes - first, height)
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        if height >= frame.height:
            frame.height = height + 1
        self.last_key = key = frame.key
        if not frame.mapping:
            frame.items.append(node)
        elif key is None:
            frame.key = self._key(frame, node)
        else:
            frame.entries.append(Entry(key, node))
            frame.key = None

    def _key(self, frame: _Frame, node: Node) -> Scalar:
        if not isinstance(node, Scalar) or (not node.text and not node.quoted):
            got = {Scalar: "nothing", Sequence: "a list", Mapping: "a mapping"}[type(node)]
            help = "write the key as text, quoted if need be"
            self._problem("yaml-key", f"a key must be a word, got {got}", node.span, help)
            return Scalar("", "", False, node.span)
        key = node if node.value is node.text else replace(node, value=node.text)
        name = key.text
        if name == "<<" and not key.quoted:
            help = "use `extends`, `variants` or `defaults`, or write the keys out"
            self._problem("yaml-merge", "merge keys are not part of the language", key.span, help)
        elif " {" in name and not key.quoted and not balanced(name):
            self._no_colon(key)
        elif name in frame.keys:
            self._duplicate(frame.keys[name], key)
        else:
            frame.keys[name] = key
        return key

    def _no_colon(self, key: Scalar) -> None:
        """`head {op: Conv2d}`: YAML takes `head {op` for the key, and the rest of the braces for text."""
        name, text = key.text.partition(" {")[0].rstrip(), self.offsets.text
        start = self.offsets.offset(key.span.line, key.span.column)
        opening = text.index("{", start)
        end = closing(text, opening)
        value = self.offsets.rest_of_line(opening) if end is None else text[opening : end + 1]
        span = self.offsets.span(start, start + len(name))
        help = f"write `{short(name)}: {short(value)}`"
        self._problem("yaml-syntax", f"a `:` is missing after `{short(name)}`", span, help)
        self.cut_until = max(self.cut_until, opening + len(value))

    def _duplicate(self, first: Scalar, second: Scalar) -> None:
        statement = _STATEMENT.match(second.text)
        help = _STATEMENT_HELP.get(statement[1], _NEGATE) if statement else "remove one of them, or rename it"
        related = (Label(first.span, "first written here"),)
        self._problem("duplicate-key", f"the key `{short(second.text)}` comes twice", second.span, help, related)

    def _check_cut(self, frame: _Frame, start: int, end: int) -> None:
        if start < self.cut_until or balanced(self.offsets.text[start:end]):
            return
        found = cut_expression(self.offsets, start, end, frame.key.text if frame.key else None, flow=True)
        self._problem_at(start, found)
        if found.span is not None:
            self.cut_until = self.offsets.offset(found.span.end_line, found.span.end_column)

    def _tag(self, event: Any) -> None:
        match = _TAG.match(self.offsets.text, event.start_mark.index)
        start, end = match.span(1) if match else (event.start_mark.index, event.start_mark.index + 1)
        self._problem_at(start, yaml_tag(self.offsets, start, end))

    # --- places and problems

    def _span(self, event: Any) -> Span:
        start, end = event.start_mark, event.end_mark
        return Span(self.source, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def _behind_anchor(self, offset: int, end: int | None = None) -> tuple[int, int, int]:
        match = _ANCHOR.match(self.offsets.text, offset, len(self.offsets.text) if end is None else end)
        offset = match.end() if match else offset
        return (offset, *self.offsets.position(offset))

    def _before(self) -> Before:
        key = self.last_key.text if self.last_key else None
        return Before(*self.last, key, flow=bool(self.stack) and self.stack[-1].flow)

    def _problem(self, code: str, message: str, span: Span, help: str, related: tuple[Label, ...] = ()) -> None:
        start = self.offsets.offset(span.line, span.column)
        self._problem_at(start, Diagnostic(code, message, span, related=related, help=help))

    def _problem_at(self, start: int, problem: Diagnostic) -> None:
        if start < self.cut_until:
            return
        self.problems.append(problem)
        if len(self.problems) == self.limits.errors:
            raise _Stopped

    def _stop(self, code: str, message: str, span: Span, help: str) -> NoReturn:
        self._problem(code, message, span, help)
        raise _Stopped


def _position(problem: Diagnostic) -> tuple[int, int]:
    return (problem.span.line, problem.span.column) if problem.span else (0, 0)
