"""The page `api.md` of the site, from docstrings. For MkDocs, see mkdocs.yml."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import archspec
from archspec.analysis.region import Region
from archspec.diagrams.draw import Diagram
from archspec.integrations.markdown import ArchspecExtension
from archspec.views.comparison import Comparison
from archspec.views.difference_view import Difference
from archspec.views.summary import Summary

_RESULTS = (Summary, Comparison, Difference, Diagram, Region)  # what public functions return
_LINE = 110

_INTRODUCTION = """\
# The Python reference

What `archspec` offers, from its docstrings. The [guide](python.md) shows how it goes together.
"""


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Adds the page."""
    files.append(File.generated(config, "api.md", content=page()))
    return files


def page() -> str:
    """The reference as Markdown."""
    public = [getattr(archspec, name) for name in archspec.__all__ if not name.startswith("_")]
    functions = [each for each in public if inspect.isfunction(each)]
    classes = [each for each in public if inspect.isclass(each) and not issubclass(each, Exception)]
    errors = [each for each in public if inspect.isclass(each) and issubclass(each, Exception)]
    parts = [_INTRODUCTION, "## Functions\n"]
    parts += [_entry(f"archspec.{each.__name__}", each) for each in functions]
    parts.append("## Values\n")
    parts += [_class(each) for each in (*classes, *_RESULTS)]
    parts.append("## Errors\n")
    parts += [_class(each) for each in errors]
    parts.append("## In documentation\n")
    parts.append(_class(ArchspecExtension))
    return "\n".join(parts)


def _class(found: type) -> str:
    own = [base for base in found.__mro__ if base.__module__.startswith("archspec")]
    members: dict[str, Any] = {}
    for base in own:
        for name, member in vars(base).items():
            if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                members.setdefault(name, member)
    parts = [f"### {found.__name__}\n", _text(inspect.getdoc(found) or "")]
    parts += [_entry(f"{found.__name__}.{name}", member, level=4) for name, member in sorted(members.items())
              if inspect.getdoc(member)]  # fmt: skip
    return "\n".join(parts)


def _entry(name: str, found: Any, level: int = 3) -> str:
    title = name.rpartition(".")[2] if level == 3 else name
    signature = "" if isinstance(found, property) else _signature(name, found)
    return f"{'#' * level} {title}\n\n{signature}{_text(inspect.getdoc(found) or '')}"


def _signature(name: str, found: Any) -> str:
    signature = inspect.signature(found)
    shown = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
    short = str(signature.replace(parameters=shown)).replace("'", "")
    line = name + short
    if len(line) > _LINE:
        arrow = f" -> {signature.return_annotation}".replace("'", "")
        line = "\n    ".join([f"{name}(", *(f"{each}," for each in _parameters(shown))]) + f"\n){arrow}"
    return f"```python\n{line}\n```\n\n"


def _parameters(shown: list[inspect.Parameter]) -> Iterator[str]:
    starred = False
    for parameter in shown:
        if parameter.kind is parameter.VAR_POSITIONAL:
            starred = True
        elif parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        yield str(parameter).replace("'", "")


def _text(doc: str) -> str:
    """A docstring as Markdown: `Args:` and `Raises:` are lists."""
    result: list[str] = []
    listed = False
    for line in doc.splitlines():
        heading = re.fullmatch(r"(Args|Raises|Returns|Yields):", line)
        entry = re.fullmatch(r"    (\S[^:]*): (.*)", line)
        if heading:
            result += [f"**{heading[1]}**", ""]
            listed = True
        elif listed and entry:
            names = ", ".join(f"`{name.strip()}`" for name in entry[1].split(","))
            result.append(f"- {names}: {entry[2]}")
        elif listed and line.startswith("    "):
            result.append(f"    {line.strip()}")
        else:
            listed = listed and not line.strip()
            result.append(line)
    return "\n".join(result) + "\n"
