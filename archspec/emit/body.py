"""The `forward` method of a class."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from archspec.emit.expression import Group, Text, layout
from archspec.emit.literals import identifier, quoted
from archspec.emit.names import Labels, Names
from archspec.emit.structure import Results, Step, Unit, flatten
from archspec.ir import Graph, Mode, Output, Outputs, Tree, leaves
from archspec.values import Value

_CONDITION: dict[Mode, str] = {"training": "self.training", "eval": "not self.training"}


def forward(labels: Labels, units: Sequence[Unit], unit: Unit, outputs: Outputs | None = None) -> list[str]:
    """The lines of `forward` of a class that stands for `units`; `unit` is the first, finished.

    `outputs`: for the network itself, which returns what the spec says.
    """
    graph = labels.graph
    arguments = _arguments(graph, units, unit, outputs is not None)
    ends = unit.returned if outputs is None else [v for entry in outputs.entries for v in leaves(entry.value)]
    names = Names(labels, unit, ends, arguments)
    steps = [at for at, step in enumerate(unit.steps) if any(map(names.is_used, flatten(step.results)))]
    direct = _is_all(unit.steps[steps[-1]], unit, outputs) if steps else False
    lines = list(_signature(graph, unit, arguments, outputs))
    maybe = _passed_on(unit) | (_sometimes(graph, unit) if outputs is None else set[Value]())
    for run in _runs(unit, steps[:-1] if direct else steps, names.deleted):
        lines += _run([unit.steps[at] for at in run], names, maybe)
        dead = [n for at in run for n in names.deleted.get(at, ()) if n not in _assigned(unit, names, run, at)]
        if dead:
            lines.append(f"        del {', '.join(sorted(dead))}")
    if direct:
        return [*lines, *layout(names.written(unit.steps[steps[-1]].expr), 8, "return ")]
    return [*lines, *(_return(unit, names) if outputs is None else _return_outputs(outputs, names))]


def _assigned(unit: Unit, names: Names, run: Sequence[int], after: int) -> set[str]:
    """The variables that the steps of a run after one of them assign; a result that nobody reads has none."""
    later = (value for at in run if at > after for value in flatten(unit.steps[at].results))
    return {names.of[value] for value in later if value in names.of}


def _runs(unit: Unit, steps: Sequence[int], ends: Collection[int]) -> Iterator[list[int]]:
    """Steps that follow one another in one mode; a run for every mode also ends after each of `ends`."""
    run: list[int] = []
    for at in steps:
        mode = unit.steps[at].mode
        if run and (unit.steps[run[-1]].mode != mode or (mode == "always" and run[-1] in ends)):
            yield run
            run = []
        run.append(at)
    if run:
        yield run


def _run(steps: Sequence[Step], names: Names, maybe: Collection[Value]) -> list[str]:
    """Steps of one mode, under its condition; those of their values in `maybe` are None in the other mode."""
    mode = steps[0].mode
    if mode == "always":
        return [line for step in steps for line in _assignment(step, names, 8)]
    absent = [value for step in steps for value in flatten(step.results) if value in maybe]
    if len(steps) == 1 and absent == [steps[0].results]:
        line, *more = _assignment(steps[0], names, 8, f" if {_CONDITION[mode]} else None")
        if not more:
            return [line]
    lines = [line for step in steps for line in _assignment(step, names, 12)]
    otherwise = ["        else:", *(f"            {names.of[value]} = None" for value in absent)] if absent else []
    return [f"        if {_CONDITION[mode]}:", *lines, *otherwise]


def _assignment(step: Step, names: Names, indent: int, suffix: str = "") -> list[str]:
    return layout(names.written(step.expr), indent, f"{_target(step.results, names)} = ", suffix)


def _arguments(graph: Graph, units: Sequence[Unit], unit: Unit, is_root: bool) -> tuple[str, ...]:
    """Names of the arguments of `forward`: those of the network's or the block's inputs; a lone `input` is `x`."""
    names: list[str] = []
    if is_root:
        given = [item.name for item in graph.inputs]
        for name in given if given != ["input"] else ["x"]:
            names.append(identifier(name, names))
        return tuple(names)
    declared = dict(zip(unit.scope.inputs, unit.scope.input_names, strict=False))
    for position, value in enumerate(unit.received):
        own = declared.get(value, "input")
        if own != "input":
            names.append(identifier(own, names))
            continue
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
    if fixed and len(kinds) <= 6:  # scripting asks for each
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


def _passed_on(unit: Unit) -> set[Value]:
    """Values that exist in one mode only and are handed to a module that runs in both."""
    made = {value: step.mode for step in unit.steps if step.mode != "always" for value in flatten(step.results)}
    return {value for step in unit.steps for value in step.reads if made.get(value, step.mode) != step.mode}


def _is_all(step: Step, unit: Unit, outputs: Outputs | None) -> bool:
    """Whether the value of the last step is all that is returned."""
    if step.mode != "always" or (outputs is not None and any(entry.mode != "always" for entry in outputs.entries)):
        return False
    ends: tuple[Tree, ...] = unit.returned if outputs is None else tuple(entry.value for entry in outputs.entries)
    if isinstance(step.results, Value):
        return ends == (step.results,) and (outputs is None or outputs.kind == "single")
    several = len(ends) > 1 if outputs is None else outputs.kind == "tuple"  # a part of one value yields it as such
    return ends == step.results and several


def _target(results: Results, names: Names) -> str:
    if isinstance(results, Value):
        return names.of[results] if names.is_used(results) else "_"
    parts = [f"({_target(part, names)})" if not isinstance(part, Value) else _target(part, names) for part in results]
    return f"({parts[0]},)" if len(parts) == 1 else ", ".join(parts)


def _return(unit: Unit, names: Names) -> list[str]:
    return [f"        return {', '.join(names.of[value] for value in unit.returned)}"]


def _return_outputs(outputs: Outputs, names: Names) -> list[str]:
    values = [(entry, _tree(entry.value, names)) for entry in outputs.entries]
    if outputs.kind == "dict":
        return _return_dict(values)
    if outputs.kind == "single":
        return [f"        return {flat}" for _, flat in values]
    lines: list[str] = []
    if any(entry.mode != "always" for entry, _ in values):
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
