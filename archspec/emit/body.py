"""The `forward` method of a class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from archspec.emit.expression import Child, Const, Expr, Group, Local, Text, layout, rewrite
from archspec.emit.literals import identifier, quoted
from archspec.emit.names import Labels, Names, flatten
from archspec.emit.structure import Results, Step, Unit
from archspec.ir import Graph, Mode, Output, Outputs, Tree, leaves
from archspec.values import Value

_CONDITION: dict[Mode, str] = {"training": "self.training", "eval": "not self.training"}

Fill = Callable[[Expr], Expr]
"""Puts constants and arguments in their places."""


def forward(labels: Labels, units: Sequence[Unit], fill: Fill, outputs: Outputs | None = None) -> list[str]:
    """The lines of `forward` of a class; `outputs` for the root, which returns what the spec says."""
    graph, unit = labels.graph, units[0]
    arguments = _arguments(graph, units, outputs is not None)
    ends = unit.returned if outputs is None else [v for entry in outputs.entries for v in leaves(entry.value)]
    names = Names(labels, unit, ends, arguments)
    lines = list(_signature(graph, unit, arguments, outputs))
    steps = [step for step in unit.steps if any(names.is_used(value) for value in flatten(step.results))]
    direct = _returned_directly(steps, unit, outputs)
    doomed = names.deleted_after()

    def finished(expr: Expr) -> Expr:
        def leaf(found: Const | Local | Child) -> Expr:
            return Text(names.of[found.value]) if isinstance(found, Local) else found

        return rewrite(fill(expr), leaf)

    mode: Mode = "always"
    maybe = _sometimes(graph, unit) if outputs is None else set[Value]()
    for position, step in enumerate(unit.steps):
        if step not in steps:
            continue
        if step.mode != mode and step.mode != "always":
            lines += [f"        {names.of[v]} = None" for v in _guarded(unit, position) if v in maybe and v in names.of]
            lines.append(f"        if {_CONDITION[step.mode]}:")
        mode = step.mode
        indent = 8 if mode == "always" else 12
        if step is direct:
            lines += layout(finished(step.expr), indent, "return ")
            break
        lines += layout(finished(step.expr), indent, f"{_target(step.results, names)} = ")
        if position in doomed:
            lines.append(f"        del {', '.join(sorted(doomed[position]))}")
    if direct is None:
        lines += _return(unit, names) if outputs is None else _return_outputs(outputs, names)
    return lines


def _arguments(graph: Graph, units: Sequence[Unit], is_root: bool) -> tuple[str, ...]:
    """Names of the arguments of `forward`. A network's are its inputs', except that a lone `input` is called `x`."""
    names: list[str] = []
    if is_root:
        given = [item.name for item in graph.inputs]
        for name in given if given != ["input"] else ["x"]:
            names.append(identifier(name, names))
        return tuple(names)
    for position in range(len(units[0].received)):
        labels = {graph.name_of(unit.received[position]).rsplit(".", 1)[-1] for unit in units}
        stems = {label.rstrip("0123456789_") for label in labels} if len(labels) > 1 else labels
        common = stems.pop() if len(stems) == 1 else ""
        names.append(identifier(common or f"x{position + 1}", names) if position else "x")
    return tuple(names)


def _signature(graph: Graph, unit: Unit, arguments: tuple[str, ...], outputs: Outputs | None) -> Iterator[str]:
    items = (Text("self"), *(Text(f"{name}: Tensor") for name in arguments))
    result = _annotation(outputs) if outputs else _annotations(graph, unit)
    yield from layout(Group("def forward(", items), 4, suffix=f" -> {result}:")


def _annotations(graph: Graph, unit: Unit) -> str:
    maybe = _sometimes(graph, unit)
    kinds = ["Tensor | None" if value in maybe else "Tensor" for value in unit.returned]
    return kinds[0] if len(kinds) == 1 else f"tuple[{', '.join(kinds)}]"


def _annotation(outputs: Outputs) -> str:
    kinds = [_tree_annotation(entry.value) for entry in outputs.entries]
    if outputs.kind == "single":
        return kinds[0]
    if outputs.kind == "dict":
        return f"dict[str, {' | '.join(dict.fromkeys(kinds))}]"
    fixed = all(entry.mode == "always" for entry in outputs.entries)
    if fixed and len(kinds) <= 3:
        return f"tuple[{', '.join(kinds)}]"
    return f"tuple[{' | '.join(dict.fromkeys(kinds))}, ...]"


def _tree_annotation(tree: Tree) -> str:
    if isinstance(tree, Value):
        return "Tensor"
    return f"tuple[{' | '.join(dict.fromkeys(_tree_annotation(branch) for branch in tree))}, ...]"


def _sometimes(graph: Graph, unit: Unit) -> set[Value]:
    """Returned values that exist in one mode only, which the module itself runs in both."""
    own = {value for step in unit.steps if step.mode != "always" for value in flatten(step.results)}
    whole = {graph.modes[i] for i in range(unit.scope.start, unit.scope.end)}
    inner = {v for v in unit.returned if v.node >= 0 and len(whole) > 1 and graph.modes[v.node] != "always"}
    return own & set(unit.returned) | inner


def _guarded(unit: Unit, position: int) -> Iterator[Value]:
    """What the run of steps of one mode from `position` on makes."""
    mode = unit.steps[position].mode
    for step in unit.steps[position:]:
        if step.mode != mode:
            return
        yield from flatten(step.results)


def _returned_directly(steps: list[Step], unit: Unit, outputs: Outputs | None) -> Step | None:
    """The last step, when its value is all that is returned."""
    if not steps or steps[-1].mode != "always":
        return None
    ends: tuple[Tree, ...] = unit.returned if outputs is None else tuple(entry.value for entry in outputs.entries)
    if outputs is not None and (outputs.kind == "dict" or any(entry.mode != "always" for entry in outputs.entries)):
        return None
    last = steps[-1].results
    single = outputs is None or outputs.kind == "single"
    same = ends == (last,) if isinstance(last, Value) and single else ends == last
    return steps[-1] if same else None


def _target(results: Results, names: Names) -> str:
    if isinstance(results, Value):
        return names.of[results] if names.is_used(results) else "_"
    parts = [f"({_target(part, names)})" if not isinstance(part, Value) else _target(part, names) for part in results]
    return parts[0] + "," if len(parts) == 1 else ", ".join(parts)


def _return(unit: Unit, names: Names) -> list[str]:
    return [f"        return {', '.join(names.of[value] for value in unit.returned)}"]


def _return_outputs(outputs: Outputs, names: Names) -> list[str]:
    values = [(entry, _tree(entry.value, names)) for entry in outputs.entries]
    if outputs.kind == "dict":
        return _return_dict(values)
    if outputs.kind == "single":
        return [f"        return {flat}" for _, flat in values]
    lines: list[str] = []
    if any(entry.mode == "training" for entry, _ in values) or any(entry.mode == "eval" for entry, _ in values):
        training = [text for entry, text in values if entry.mode != "eval"]
        lines += ["        if self.training:", *layout(_tuple(training), 12, "return ")]
    return [*lines, *layout(_tuple([text for entry, text in values if entry.mode != "training"]), 8, "return ")]


def _return_dict(values: list[tuple[Output, str]]) -> list[str]:
    first = next((i for i, (entry, _) in enumerate(values) if entry.mode != "always"), len(values))
    items = tuple(Text(f"{quoted(entry.name)}: {text}") for entry, text in values[:first])
    if first == len(values):
        return layout(Group("{", items, "}"), 8, "return ")
    lines = layout(Group("{", items, "}"), 8, "outputs = ") if items else ["        outputs: dict[str, Tensor] = {}"]
    mode: Mode = "always"
    for entry, text in values[first:]:
        if entry.mode not in (mode, "always"):
            lines.append(f"        if {_CONDITION[entry.mode]}:")
        mode = entry.mode
        lines.append(f"{' ' * (8 if mode == 'always' else 12)}outputs[{quoted(entry.name)}] = {text}")
    return [*lines, "        return outputs"]


def _tuple(texts: list[str]) -> Group:
    if len(texts) == 1:
        return Group("(", (Text(texts[0]),), ",)")
    return (
        Group("", tuple(Text(text) for text in texts), "")
        if len(", ".join(texts)) < 80
        else Group("(", tuple(map(Text, texts)))
    )


def _tree(tree: Tree, names: Names) -> str:
    if isinstance(tree, Value):
        return names.of[tree]
    inner = ", ".join(_tree(branch, names) for branch in tree)
    return f"({inner},)" if len(tree) == 1 else f"({inner})"
