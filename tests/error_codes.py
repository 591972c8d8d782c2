"""The diagnostic codes in the source: every text given, or preset, for a parameter or field that is called `code`."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import archspec

PACKAGE = Path(archspec.__file__).parent
CODE = re.compile(r"[a-z]+(-[a-z]+)+|limit")
"""What a code looks like: other things are called `code` too, such as emitted Python."""


def codes() -> dict[str, list[str]]:
    """The places (`file:line`) that raise each code."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
    takers: dict[str, set[int]] = defaultdict(set)
    for tree in trees.values():
        for name, position in _takers(tree):
            takers[name].add(position)
    found: dict[str, list[str]] = defaultdict(list)
    for path, tree in trees.items():
        for code, line in _given(tree, takers):
            found[code].append(f"{path.relative_to(PACKAGE)}:{line}")
    return dict(found)


def _takers(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Functions and classes that take a `code`, and where among their arguments; -1: by keyword alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            fields = [
                item.target.id
                for item in node.body
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
            ]
            if "code" in fields:
                yield node.name, fields.index("code")
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                    yield from ((node.name, position) for position in _position(item))
        elif isinstance(node, ast.FunctionDef):
            yield from ((node.name, position) for position in _position(node))


def _position(function: ast.FunctionDef) -> Iterator[int]:
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    if names[:1] in (["self"], ["cls"]):
        names = names[1:]
    if "code" in names:
        yield names.index("code")
    elif any(argument.arg == "code" for argument in function.args.kwonlyargs):
        yield -1


def _given(tree: ast.Module, takers: dict[str, set[int]]) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        values: list[ast.expr | None] = []
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in takers:
                values += [node.args[position] for position in takers[name] if 0 <= position < len(node.args)]
                values += [keyword.value for keyword in node.keywords if keyword.arg == "code"]
        elif isinstance(node, ast.FunctionDef):
            values += _presets(node)
        for value in values:
            if isinstance(value, ast.IfExp):
                values += [value.body, value.orelse]
            elif isinstance(value, ast.Constant) and isinstance(value.value, str) and CODE.fullmatch(value.value):
                yield value.value, value.lineno


def _presets(function: ast.FunctionDef) -> Iterator[ast.expr | None]:
    arguments = [*function.args.posonlyargs, *function.args.args]
    presets = [None] * (len(arguments) - len(function.args.defaults)) + list(function.args.defaults)
    named = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    yield from (value for argument, value in [*zip(arguments, presets, strict=True), *named] if argument.arg == "code")
