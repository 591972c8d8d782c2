"""What is written in a box."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from archspec import dims
from archspec.analysis.analyses import Analyses
from archspec.diagnostics import Span, did_you_mean, spec_error
from archspec.diagrams.choices import SHOW, SHOWN
from archspec.diagrams.picture import Box, Change, Cluster
from archspec.ir import Graph, Node
from archspec.values import TensorType
from archspec.views.cells import arguments, few, field_text
from archspec.views.numbers import short_count

_LONGEST = 36  # characters of a line of arguments
_SILENT = frozenset({"inplace", "eps", "momentum", "batch_first"})  # they say nothing about the architecture

SIGNS: Mapping[Change, str] = {"same": "", "added": "+ ", "removed": "- ", "changed": "~ "}


class Labels:
    """The texts of one picture. Raises SpecError where `show` names nothing that a box can show."""

    def __init__(self, analyses: Analyses, show: Collection[str] = SHOWN) -> None:
        for name in show:
            if name not in SHOW:
                help = did_you_mean(name, SHOW) or f"choose from {', '.join(SHOW)}"
                raise spec_error("bad-call", f"a box cannot show `{name}`", help=help)
        self._analyses, self._show = analyses, show

    @property
    def _graph(self) -> Graph:
        return self._analyses.graph

    def title(self, item: Box | Cluster) -> str:
        """What it is: the op, the block, or the name of an input or output; first the sign of what becomes of it."""
        return SIGNS[item.change] + self._title(item)

    def _title(self, item: Box | Cluster) -> str:
        if isinstance(item, Box) and item.kind == "node":
            return self._graph.nodes[item.start].op.title
        name = (item.scope.block if item.scope else None) or _own_name(item.path)
        if item.count == 1:
            return name
        return f"{name} x {item.count}{' in parallel' if item.parallel else ''}"

    def name(self, item: Box | Cluster) -> str:
        """Its place in its parent; of several the first and the last. Empty where it says no more than the title."""
        name = item.path[item.without.rfind(".") + 1 :] if item.without else _own_name(item.path)
        if item.last:
            return f"{name}..{_own_name(item.last)[_common(item.path, item.last) :]}"
        return "" if self._title(item) == name else name

    def lines(self, box: Box) -> list[str]:
        """What stands below the title and the name."""
        if box.kind in ("input", "output"):
            return [*box.edits] or [few([*map(str, box.types)])]
        lines = [_cut(edit) for edit in box.edits]
        if not lines and box.kind == "node" and "args" in self._show:
            lines += _wrapped(_arguments(self._graph.nodes[box.start]))
        lines += self.shared(box)
        if numbers := self.numbers(box.start, box.end):
            lines.append(", ".join(numbers))
        at = box.scope.outputs[0].node if box.scope and box.scope.outputs else box.start
        field = self._analyses.fields[at] if "field" in self._show and at >= 0 else None
        if field is not None:
            lines.append(f"field {field_text(field)}")
        if "shape" in self._show:
            lines.append(few([*map(str, self.types(box))]))
        return lines

    def numbers(self, start: int, end: int) -> list[str]:
        """Parameters and MACs of a stretch of nodes, where there are any."""
        cost = self._analyses.costs.between(start, end)
        found: list[str] = []
        if "params" in self._show and cost.params:
            found.append(f"{short_count(cost.params)} params")
        macs = dims.value(cost.macs)
        if "macs" in self._show and macs:
            found.append(f"{short_count(macs)} MACs")
        return found

    def shared(self, item: Box | Cluster) -> list[str]:
        """Whose weights it has: it is a module called again, which the outermost block says, or has another's
        parameter."""
        if isinstance(item, Box) and item.kind in ("input", "output"):
            return []
        graph = self._graph
        parts = [graph[path].item for path in (item.without, item.path) if path]
        parent = graph.scopes[parts[0].path.rpartition(".")[0]]
        first = next((part for part in parts if part.is_reuse), None)
        found: list[tuple[str, str]] = []
        if first is None and item.scope is None:
            found += [(name, owner.removesuffix(f".{name}")) for name, owner in graph.nodes[item.start].ties]
        elif first is not None and not parent.is_reuse and any(graph.states[item.start : item.end]):
            last = graph[item.last].item if item.last and first.path == item.path else first
            found += [("weights", module) for module in dict.fromkeys((first.module, last.module))]
        return [_cut(f"{what} of {owner.removeprefix(f'{parent.path}.')}") for what, owner in found]

    def types(self, item: Box | Cluster) -> tuple[TensorType, ...]:
        """What it yields."""
        if item.scope is not None:
            return tuple(self._graph.type_of(value) for value in item.scope.outputs)
        return item.types or self._graph.nodes[item.start].outputs

    def span(self, item: Box | Cluster) -> Span | None:
        """Where it is written in the spec; inputs and outputs are nowhere."""
        if item.scope is not None:
            return item.scope.origin.span
        return self._graph.nodes[item.start].origin.span if item.kind == "node" else None

    def tooltip(self, item: Box | Cluster) -> str:
        """What SVG shows beside the pointer: the path, the document, the shapes."""
        doc = "".join(c if c.isprintable() or c == "\n" else " " for c in (item.scope.doc if item.scope else ""))
        return "\n".join(text for text in (item.path, doc, ", ".join(map(str, self.types(item)))) if text)


def _own_name(path: str) -> str:
    return path.rpartition(".")[2]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _common(first: str, last: str) -> int:
    """How many letters the last name need not repeat: those before the number that both end in."""
    stem = _own_name(first).rstrip("0123456789")
    name = _own_name(last)
    return len(stem) if name.startswith(stem) and name[len(stem) :].isdigit() else 0


def _arguments(node: Node) -> list[str]:
    """With their names, but for the channels of a convolution and what a function is called with, as `transpose(1, 2)`.
    The shape of a constant stands on its edge."""
    fields, is_function = type(node.op).model_fields, node.op.title.islower()
    silent = {*_SILENT, "shape"} if node.op.category == "constant" else _SILENT
    return [
        value if name == "out_channels" or (is_function and fields[name].is_required()) else f"{name}={value}"
        for name, value in arguments(node.op).items()
        if name not in silent
    ]


def _wrapped(words: list[str]) -> list[str]:
    """The words in lines of a readable length."""
    lines: list[str] = []
    for word in words:
        text = _cut(word)
        if lines and len(lines[-1]) + len(text) + 2 <= _LONGEST:
            lines[-1] += f", {text}"
        else:
            lines.append(text)
    return lines
