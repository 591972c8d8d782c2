"""`init_weights`: the spec's initialisation rules, as code."""

from __future__ import annotations

from collections.abc import Iterable

from archspec.emit.expression import Named, Text, call, layout
from archspec.emit.literals import literal, member, quoted
from archspec.emit.targets import shortened
from archspec.ir import Graph, Initializer, Node, full_name
from archspec.ops.target import Module

Rules = tuple[tuple[str, Initializer], ...]


def init_weights(graph: Graph) -> list[str]:
    """The body of the method: a loop over the modules of a class that share their rules, else the parameters by name."""
    looped: dict[str, Rules] = {}
    singles: list[tuple[Initializer, str]] = []
    composite = any("." in state.name for node in graph.nodes for state in node.op.state())
    by_class: dict[str, list[Node]] = {}
    for node in graph.nodes:
        target = node.op.target(graph.inputs_of(node))
        if not node.is_reuse and node.op.state():
            by_class.setdefault(target.cls if isinstance(target, Module) else "", []).append(node)
    for cls, nodes in by_class.items():
        rules = _shared(nodes)
        if rules and cls and not composite and not any(node.ties for node in nodes):
            looped[cls] = rules
        else:
            singles += [(rule, full_name(node, state)) for node in nodes for state, rule in node.init]
    lines: list[str] = []
    for number, (cls, rules) in enumerate(looped.items()):
        keyword = "if" if number == 0 else "elif"
        lines.append(f"            {keyword} isinstance(module, {shortened(cls)}):")
        for state, rule in rules:
            partial = any(all(own.name != state for own in node.op.state()) for node in by_class[cls])
            if partial:
                lines.append(f"                if {member('module', state)} is not None:")
            lines += _line(rule, member("module", state), 20 if partial else 16)
    if lines:
        lines.insert(0, "        for module in self.modules():")
    return lines + _by_name(singles)


def has_rules(graph: Graph) -> bool:
    """Whether the spec has any."""
    return any(node.init for node in graph.nodes)


def _shared(nodes: list[Node]) -> Rules | None:
    """The rules that all these nodes have, each for the states it owns; None when they differ."""
    rules: dict[str, Initializer] = {}
    for node in nodes:
        for state, rule in node.init:
            if rules.setdefault(state, rule) != rule:
                return None
    for node in nodes:
        own = {state.name for state in node.op.state()}
        if {state for state, _ in node.init} != own & rules.keys():
            return None
    return tuple(rules.items())


def _by_name(singles: Iterable[tuple[Initializer, str]]) -> list[str]:
    """Parameters by name; those of one rule in a loop."""
    grouped: dict[Initializer, list[str]] = {}
    for rule, name in singles:
        grouped.setdefault(rule, []).append(name)
    lines: list[str] = []
    for rule, names in grouped.items():
        if len(names) < 3:
            for name in names:
                lines += _line(rule, _path(name), 8)
            continue
        lines.append("        for name in (")
        lines += [f"            {quoted(name)}," for name in names]
        lines += ["        ):", *_line(rule, "self.get_parameter(name)", 12)]
    return lines


def _path(name: str) -> str:
    owner = "self"
    for part in name.split("."):
        owner = member(owner, part)
    return owner


def _line(rule: Initializer, tensor: str, indent: int) -> list[str]:
    arguments = (Named(name, Text(literal(value))) for name, value in rule.arguments)
    return layout(call(f"nn.init.{rule.function}", Text(tensor), *arguments), indent)
