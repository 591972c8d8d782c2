"""What a network does when all its modules exist: ties, the spec's initialisation rules, freezing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from archspec.emit.expression import Named, Text, call, layout, tuple_of
from archspec.emit.literals import attribute, literal, quoted
from archspec.emit.targets import shortened
from archspec.inference.layout import wants_channels_last
from archspec.ir import Graph, Initializer, Node, full_name
from archspec.ops.target import Module, Target

Rules = tuple[tuple[str, Initializer], ...]

MANY = 4
"""From so many on, names stand in a loop."""
FEW = 2
"""So many modules can be exceptions in a loop over those of their class."""
BEYOND = 10
"""So many deviations from the mean nothing is truncated: torch's normal numbers end at 9. Comparing them with the
bounds takes half as long as drawing them."""
ATTENTION = "torch.nn.MultiheadAttention"
LINEAR = "torch.nn.Linear"


def after_construction(graph: Graph) -> list[str]:
    """The last lines of the constructor."""
    lines: list[str] = []
    for node in graph.nodes:
        for state, source in node.ties if not node.is_reuse else ():
            lines.append(f"        {attribute('self', full_name(node, state))} = {attribute('self', source)}")
    if has_rules(graph):
        lines.append("        self.init_weights()")
    lines += _freeze(graph)
    if graph.inference and wants_channels_last(graph):
        lines.append("        self.to(memory_format=torch.channels_last)")
    return [*lines, "        self.eval()"] if graph.inference else lines


def refuses_training() -> list[str]:
    """The method of a network for inference that is called by `train()` and `eval()`."""
    return [
        "",
        "    def train(self, mode: bool = True) -> nn.Module:",
        "        if mode:",
        '            raise RuntimeError("this network was optimised for inference and cannot be trained")',
        "        return super().train(mode)",
    ]


def has_rules(graph: Graph) -> bool:
    """Whether the spec has initialisation rules."""
    return any(node.init for node in graph.nodes)


def init_weights(graph: Graph, targets: Sequence[Target]) -> list[str]:
    """The body of the method: a loop over the modules of a class where they share rules, else parameters by name."""
    by_class: dict[str, list[Node]] = {}
    for node, target in zip(graph.nodes, targets, strict=True):
        if not node.is_reuse and node.op.state():
            by_class.setdefault(target.cls if isinstance(target, Module) else "", []).append(node)
    # Attention and transformer layers hold layers of their own, which rules for those classes do not mean.
    composite = {cls for cls, nodes in by_class.items() if any("." in state.name for state in nodes[0].op.state())}
    loops: list[str] = []
    singles: list[tuple[Initializer, str]] = []
    named = False
    for cls, every in by_class.items():
        nodes, others = every, list[Node]()
        if (rules := _shared(nodes)) is None:
            nodes, others = _usual(every)
            rules = _shared(nodes)
        inside = cls == LINEAR and bool(composite)
        if rules and cls and not composite - {ATTENTION}:
            test = f"type(module) is {shortened(cls)}" if inside else f"isinstance(module, {shortened(cls)})"
            for other in others:
                test, named = f"{test} and name != {quoted(other.module)}", True
            note = "  # not those inside attention" if inside else ""
            loops += [f"            {'elif' if loops else 'if'} {test}:{note}", *_loop_body(rules, nodes)]
        else:
            others = every
        singles += [(rule, full_name(node, state)) for node in others for state, rule in node.init]
    head = f"        for {'name, module in self.named_modules()' if named else 'module in self.modules()'}:"
    return [*([head] if loops else []), *loops, *_by_name(singles)]


def _loop_body(rules: Rules, nodes: Sequence[Node]) -> Iterator[str]:
    for state, rule in rules:
        if any(all(own.name != state for own in node.op.state()) for node in nodes):
            yield f"                if {attribute('module', state)} is not None:"
            yield from _line(rule, attribute("module", state), 20)
        else:
            yield from _line(rule, attribute("module", state), 16)


def _usual(nodes: list[Node]) -> tuple[list[Node], list[Node]]:
    """The nodes without the one or two, such as a classifier, that have rules of their own; and these."""
    by_rules: dict[Rules, list[Node]] = {}
    for node in nodes:
        by_rules.setdefault(node.init, []).append(node)
    most = max(by_rules.values(), key=len)
    usual: list[Node] = []
    others: list[Node] = []
    for node in nodes:
        fits = node.init == most[0].init or _shared((most[0], node)) is not None
        (usual if fits else others).append(node)
    return (usual, others) if len(most) >= MANY and 0 < len(others) <= FEW else (nodes, [])


def _shared(nodes: Sequence[Node]) -> Rules | None:
    """The rules that all these nodes have, each for the states it owns; None when they differ."""
    rules: dict[str, Initializer] = {}
    for node in nodes:
        for state, rule in node.init:
            if rules.setdefault(state, rule) != rule:
                return None
    for node in nodes:
        own = {state.name for state in node.op.state()}
        if node.ties or {state for state, _ in node.init} != own & rules.keys():
            return None
    return tuple(rules.items())


def _by_name(singles: Iterable[tuple[Initializer, str]]) -> list[str]:
    """Parameters by name; those of one rule in a loop."""
    grouped: dict[Initializer, list[str]] = {}
    for rule, name in singles:
        grouped.setdefault(rule, []).append(name)
    lines: list[str] = []
    for rule, names in grouped.items():
        if len(names) < MANY:
            lines += [line for name in names for line in _line(rule, attribute("self", name), 8)]
        else:
            lines += [*_loop(names), *_line(rule, "self.get_parameter(name)", 12)]
    return lines


def _line(rule: Initializer, tensor: str, indent: int) -> list[str]:
    note: list[str] = []
    if rule.function == "trunc_normal_" and (bound := _nearest_bound(**dict(rule.arguments))) >= BEYOND:
        note = [f"{' ' * indent}# trunc_normal_, but for its bounds: they are {bound:.3g} deviations away"]
        kept = tuple((name, value) for name, value in rule.arguments if name in ("mean", "std"))
        rule = Initializer("normal_", kept)
    arguments = (Named(name, Text(literal(value))) for name, value in rule.arguments)
    return note + layout(call(f"nn.init.{rule.function}", Text(tensor), *arguments), indent)


def _nearest_bound(mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> float:
    """The deviations between the mean and the bound nearest to it."""
    return min(mean - a, b - mean) / std if std > 0 else 0.0


def _loop(names: Sequence[str]) -> list[str]:
    """`for name in ("a", "b"):`."""
    return layout(tuple_of(tuple(Text(quoted(name)) for name in names)), 8, "for name in ", ":")


def _freeze(graph: Graph) -> list[str]:
    """Turns gradients off: of whole modules where all of their parameters are frozen, else by name."""
    if not graph.frozen:
        return []
    names = [name for _, name, state in graph.state() if not state.buffer]
    frozen = set(graph.frozen)
    held = {name: name in frozen for name in names}
    # A module that shares a parameter is frozen as a whole only when the owner of that parameter is.
    shared = {full_name(node, state): source in frozen for node in graph.nodes for state, source in node.ties}
    whole: dict[str, bool] = {"": all(held.values())}
    for name, off in (held | shared).items():
        owner = name
        while "." in owner:
            owner = owner.rpartition(".")[0]
            whole[owner] = whole.get(owner, True) and off
    modules = list(
        dict.fromkeys(_largest(name, whole) for name in names if held[name] and _largest(name, whole) != name)
    )
    single = [name for name in names if held[name] and _largest(name, whole) == name]
    return [*_off(modules, "get_submodule"), *_off(single, "get_parameter")]


def _largest(name: str, whole: dict[str, bool]) -> str:
    """The outermost module around a parameter that is frozen as a whole; the parameter itself when there is none."""
    parts = name.split(".")
    owners = (".".join(parts[:depth]) for depth in range(len(parts)))
    return next((owner for owner in owners if whole[owner]), name)


def _off(names: Sequence[str], getter: str) -> list[str]:
    if len(names) < MANY:
        return [f"        {attribute('self', name) if name else 'self'}.requires_grad_(False)" for name in names]
    return [*_loop(names), f"            self.{getter}(name).requires_grad_(False)"]
