"""Runs the fenced blocks of a document, in order, in one working folder.

- ```` ```yaml ```` starting with `archspec:` is a complete spec and must load; other yaml is a fragment.
- ```` ```archspec ```` is a spec, or names one, which the site draws (docs/embedding.md).
- ```` ```python ```` is executed; all of a document's share one namespace.
- ```` ```console ````: each `$ archspec ...` line is called, and the lines below it are its output.
- ```` ```text ```` after a spec lists its nodes (after a spec in error: the diagnostics), after python what it printed.

In expected text, `...` stands for anything, and runs of spaces count as one. A comment before a block directs it:

- `<!-- file: name.yaml -->` saves the block in the working folder, for later blocks to load, import or extend;
- `<!-- error: code @ 5:11, ... -->` means that loading must fail with exactly these errors (the place may be left out);
- `<!-- call: {variant: small} -->` gives arguments of `archspec.load`.

Whatever goes wrong becomes a line of the result: the document's line, and what differs.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from archspec import api
from archspec.cli import main
from archspec.diagnostics import SpecError
from archspec.ir import Graph, Tree
from archspec.render import to_text
from archspec.values import Value

_FENCE = re.compile(r"^(`{3,})([\w-]*)[^\n`]*$")
_DIRECTIVE = re.compile(r"<!--\s*(file|error|call):\s*(.+?)\s*-->")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, text, the line it starts on, and the directives before it."""

    language: str
    text: str
    line: int
    directives: dict[str, str]


def blocks(document: str) -> list[Block]:
    """The fenced blocks of a Markdown text. Raises ValueError for a fence that is never closed."""
    found: list[Block] = []
    directives: dict[str, str] = {}
    opened: tuple[str, str, int] | None = None
    inside: list[str] = []
    for number, line in enumerate(document.splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is not None:
            marks, language, start = opened
            if line.startswith(marks):
                found.append(Block(language, "\n".join(inside) + "\n", start, directives))
                opened, directives = None, {}
            else:
                inside.append(line)
        elif fence:
            opened, inside = (fence[1], fence[2], number), []
        elif line.strip():
            comments = dict(_DIRECTIVE.findall(line))
            directives = {**directives, **comments} if comments else {}
    if opened is not None:
        raise ValueError(f"line {opened[2]}: a fence that is never closed")
    return found


def listing(graph: Graph, *, outputs: bool) -> str:
    """The nodes as documents show them: path, op with what it reads, results; reused modules and outputs marked."""
    lines: list[str] = []
    for node in graph.nodes:
        reads = ", ".join(graph.name_of(value) for value in node.inputs)
        again = f" = {node.module}" if node.is_reuse else ""
        lines.append(f"{node.path}{again} {type(node.op).name}({reads}) {' '.join(map(str, node.outputs))}")
    if outputs:
        for entry in graph.outputs.entries:
            mode = "" if entry.mode == "always" else f" ({entry.mode} only)"
            lines.append(f"-> {entry.name}: {_tree(graph, entry.value)}{mode}")
    return "\n".join(lines)


def _tree(graph: Graph, tree: Tree) -> str:
    if isinstance(tree, Value):
        return graph.name_of(tree)
    return "[" + ", ".join(_tree(graph, branch) for branch in tree) + "]"


def agrees(expected: str, found: str) -> bool:
    """Whether the text is what a document shows, spacing aside; `...` is anything, a line `...` any lines."""
    pieces = (re.escape(_squeezed(part)) for part in re.split(r"\.\.\.", expected))
    pattern = r"[\s\S]*?".join(piece.replace(r"\ ", " ") for piece in pieces)
    return re.fullmatch(pattern, _squeezed(found)) is not None


def _squeezed(text: str) -> str:
    return re.sub(r" *\n *", "\n", re.sub(r"[ \t]+", " ", text)).strip()


def run(document: str, folder: Path) -> list[str]:
    """Runs a document's blocks in `folder`, which must be the current one. Returns what is wrong with them."""
    return list(_Runner(folder).run(blocks(document)))


class _Runner:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.namespace: dict[str, Any] = {"__name__": "document"}
        self.produced: str | None = None  # what a text block right after this one shows

    def run(self, found: list[Block]) -> Iterator[str]:
        for block in found:
            shown, self.produced = self.produced, None
            match block.language:
                case "yaml":
                    wrong = self._yaml(block)
                case "archspec":
                    wrong = self._drawn(block)
                case "python":
                    wrong = self._python(block)
                case "console":
                    wrong = self._console(block)
                case "text" if shown is not None:
                    wrong = _compare(block.text, shown)
                case _:
                    wrong = None
            if wrong is not None:
                yield f"line {block.line}: {wrong}"

    def _save(self, block: Block) -> Path | None:
        name = block.directives.get("file")
        if name is None:
            return None
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        return path

    def _yaml(self, block: Block) -> str | None:
        path = self._save(block)
        if not block.text.startswith("archspec:") and "error" not in block.directives:
            return None
        call = yaml.safe_load(block.directives.get("call", "{}"))
        expected = [part.strip() for part in block.directives.get("error", "").split(",") if part.strip()]
        try:
            if path is not None:
                graph = api.load(path, **call)
            else:
                graph = api.loads(block.text, name="spec.yaml", folder=self.folder, **call)
        except SpecError as error:
            return self._refused(block, error, expected, path)
        if expected:
            return f"loads, but should fail with {', '.join(expected)}"
        self.produced = listing(graph, outputs=re.search(r"^outputs:", block.text, re.MULTILINE) is not None)
        return None

    def _drawn(self, block: Block) -> str | None:
        if block.text.startswith("archspec:"):
            return self._yaml(block)
        try:
            api.load(block.text.strip())
        except SpecError as error:
            return to_text(error.diagnostics)
        return None

    def _refused(self, block: Block, error: SpecError, expected: list[str], path: Path | None) -> str | None:
        codes = [found.code for found in error.diagnostics]
        if codes == ["no-graph"] and path is not None and not expected:
            return None  # a library of blocks, loaded by whoever imports it
        self.produced = to_text(error.diagnostics).replace(f"{self.folder}/", "")
        places = [f"{d.code} @ {d.span.line}:{d.span.column}" if d.span else f"{d.code} @ -" for d in error.diagnostics]
        same = len(expected) == len(codes) and all(
            wanted in (code, place) for wanted, code, place in zip(expected, codes, places, strict=True)
        )
        return None if same else f"expected {expected or 'no error'}, got {places}\n{self.produced}"

    def _python(self, block: Block) -> str | None:
        if self._save(block) is not None:
            return None
        printed = io.StringIO()
        code = compile("\n" * block.line + block.text, "document", "exec")
        try:
            with contextlib.redirect_stdout(printed):
                exec(code, self.namespace)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        self.produced = printed.getvalue()
        return None

    def _console(self, block: Block) -> str | None:
        for command, expected in _commands(block.text):
            words = shlex.split(command, comments=True)
            if words[0] == "archspec":
                code, output = _call(words[1:])
                output = output.replace(f"{self.folder}/", "")
                if ("error" in expected) != (code != 0):
                    return f"`{command}` ends with {code}:\n{output}"
            elif words[0] == "cat":
                output = "".join((self.folder / word).read_text(encoding="utf-8") for word in words[1:])
            else:
                continue  # an installation, a clone: not ours to run
            wrong = _compare(expected, output) if expected.strip() else None
            if wrong is not None:
                return f"`{command}`: {wrong}"
        return None


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Each `$ command` with the lines below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.replace("\\\n", " ").partition("\n")
        yield command, output


def _call(words: list[str]) -> tuple[int, str]:
    """A call of the command line, in this process."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            code = main(words)
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, output.getvalue()


def _compare(expected: str, found: str) -> str | None:
    if agrees(expected, found):
        return None
    indent = "    "
    return f"expected\n{textwrap.indent(expected, indent)}got\n{textwrap.indent(found, indent)}"
