"""The writer: it runs what it writes, statement by statement, and so knows every shape.

Nothing is filtered. What is written once and run several times (a loop's body, a block) is tried on its other inputs
first, and left as it is where an op would refuse them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.random_specs import rearranging  # noqa: F401 - adds its families
from tests.random_specs.layers import FAMILIES, INPLACE, Shape, fitting
from tests.random_specs.pick import Count, Pick
from tests.random_specs.sketch import Child, Expr, Statement
from tests.random_specs.unroll import Run, interpolate
from tests.random_specs.values import Bound, Frame, Refused, TooLarge, Val

Refusals = type[Exception] | tuple[type[Exception], ...]
RARE = {
    "position", "einstein", "indexing", "cropping", "expanding", "folding", "encoding", "channel_softmax", "upsampling",
    "nothing",
}  # fmt: skip
"""Families of ops whose memory has not been compared with torch's within networks."""
REFUSALS = (Refused, LookupError, ZeroDivisionError, ValueError, TypeError)


@dataclass
class Body:
    """A body being written: the frame it runs in, its variables, and the suffix that makes names unique in loops."""

    frame: Frame
    env: dict[str, Any]
    suffix: str = ""
    depth: int = 0
    names: list[str] = field(default_factory=list[str])  # of this body, as written
    outer: Body | None = None  # whose names can be read too
    has_else: bool = False  # a second one would be the same key twice

    def visible(self) -> list[str]:
        """Every name that can be read, nearest first."""
        return [*self.names[::-1], *(self.outer.visible() if self.outer is not None else [])]

    def lookup(self, name: str) -> Bound | None:
        """What a written name stands for here."""
        try:
            return self.frame.find(interpolate(name, self.env))
        except LookupError:
            return None

    def vals(self, name: str) -> tuple[Val, ...]:
        """The tensors of a written name."""
        return self.frame.find(interpolate(name, self.env)).vals

    @property
    def input(self) -> Val | None:
        """The graph's only input."""
        return self.frame.input[0] if len(self.frame.input) == 1 else None


def anything(val: Val) -> bool:
    return True


def reads(*names: str) -> tuple[str, ...] | None:
    """`from` these names; "" is the node before."""
    return None if names == ("",) else names


class Writer:
    """What all statements need: names, sources, single layers. What can be said is in `tensors` and `graphs`."""

    run: Run

    def __init__(self, pick: Pick, rare: bool = True) -> None:
        self.pick = pick
        self.rare = rare
        self.budget = pick.int(1, 24)
        self.serial = 0
        self.conditions: set[str] = set()

    def kinds(self, body: Body) -> list[Callable[[Body], list[Statement]]]:
        """What may be said here."""
        raise NotImplementedError

    def statements(self, body: Body, count: int) -> list[Statement]:
        """Up to `count` things to say, as far as the budget goes."""
        written: list[Statement] = []
        for _ in range(count):
            if self.budget <= 0 or len(self.run.nodes) > 40:
                break
            kind = self.pick.of(self.kinds(body))
            written += self.tried(body, lambda kind=kind: kind(body), TooLarge) or []
        return written

    def put(self, body: Body, child: Child) -> list[Statement]:
        """Runs a child and remembers its names."""
        self.run.child(body.frame, child, body.env)
        self.budget -= 1
        if child.parts:
            body.names += child.parts
        elif child.labelled or not body.frame.numbered:
            body.names.append(child.name)
        return [child]

    def tried(
        self, body: Body, action: Callable[[], list[Statement]], refusals: Refusals = REFUSALS
    ) -> list[Statement] | None:
        """What `action` writes, or nothing and no trace of it where it is refused."""
        before, names, env = self.run.snapshot(body.frame), list(body.names), dict(body.env)
        try:
            return action()
        except refusals:
            self.run.restore(before)
            body.names, body.env = names, env
            return None

    # --- names ---

    def name(self, body: Body, stem: str) -> str:
        self.serial += 1
        return f"{stem.lower().replace('$', '')}{self.serial}{body.suffix}"

    def labelled(self, body: Body) -> bool:
        return not body.frame.numbered or self.pick.chance(3)

    def named(self, body: Body, name: str, written: list[Statement]) -> str:
        """A name for the node before, which may have none; adds a node that has."""
        if name:
            return name
        child = Child(self.name(body, "here"), "Identity")
        written += self.put(body, child)
        return child.name

    # --- what is read ---

    def sources(self, body: Body, wanted: Callable[[Val], bool] = anything) -> list[tuple[str, Val]]:
        """Names of single tensors that fit, with what they stand for; "" is the node before."""
        found: list[tuple[str, Val]] = []
        if len(body.frame.previous) == 1:
            found.append(("", body.frame.previous[0]))
        if body.input is not None:
            found.append(("input", body.input))
        for name in body.visible()[:12]:
            bound = body.lookup(name)
            parts = [f"{name}.{i}" for i in range(len(bound.vals))][:3] if bound is not None else []
            for text in [name] if len(parts) == 1 else parts:
                part = body.lookup(text)
                found += [(text, part.vals[0])] if part is not None and len(part.vals) == 1 else []
        return [(name, val) for name, val in found if self.readable(val) and wanted(val)]

    def readable(self, val: Val) -> bool:
        return val.type.dtype == "float32" and val.per_sample and val not in self.run.overwritten

    def source(self, body: Body, wanted: Callable[[Val], bool] = anything) -> tuple[str, Val] | None:
        """One tensor to read: mostly the node before."""
        found = self.sources(body, wanted)
        if not found:
            return None
        return self.pick.of(found) if self.pick.chance(4) else found[0]

    # --- single layers ---

    def plain(self, body: Body) -> list[Statement]:
        """A layer, sometimes under a condition."""
        source = self.source(body)
        if source is None:
            return self.projected(body)
        return self.layer(body, *source, conditional=True)

    def projected(self, body: Body) -> list[Statement]:
        """Where nothing stands for one tensor: some that is at hand."""
        parts = [f"{name}.0" for name in body.visible()]
        texts = [text for text in parts if (part := body.lookup(text)) is not None and self.readable(part.vals[0])]
        return self.put(body, Child(self.name(body, "first"), "ReLU", {}, (texts[0],))) if texts else []

    def layer(
        self, body: Body, source: str, val: Val, families: tuple[str, ...] = (), conditional: bool = False
    ) -> list[Statement]:
        """A layer of one of the families, or of any, that reads `source`."""
        known = [name for name in fitting(val.shape) if self.rare or name not in RARE]
        op, args = FAMILIES[self.pick.of([name for name in families if name in known] or known)][1](
            self.pick, val.shape
        )
        if val is not body.input:
            args = {key: as_number(value, val.shape) for key, value in args.items()}
        args = {key: self.expression(body, value) for key, value in args.items()}
        if op in ("ReLU", "Tanh") and "act" in body.env and self.pick.flag():
            op, args = "$act", {}
        elif "norm" in body.env and len(val.shape) == 4 and self.pick.chance(3):
            op, args = "$norm", {}
        child = Child(self.name(body, op), op, args, reads(source), labelled=self.labelled(body))
        if conditional and self.pick.chance(6):
            child.when = self.truth(body)
        elif op in INPLACE and not source and self.pick.chance(2):
            eager = Child(child.name, op, {**args, "inplace": True}, labelled=child.labelled)
            written = self.tried(body, lambda: self.put(body, eager))
            if written is not None:
                return written
        return self.put(body, child)

    # --- expressions ---

    def expression(self, body: Body, value: Any) -> Any:
        """A number, or an expression that comes to it here."""
        if not isinstance(value, Count):
            return value
        number, forms = value.value, list[str]()
        for name, known in body.env.items():
            if type(known) is int:
                forms += [name] if known == number else []
                forms += [f"{number // known} * {name}"] if known and number % known == 0 and number > known else []
                forms += [f"{name} + {number - known}"] if known < number else []
        channels = self.channels(body)
        forms += ["input.channels"] if channels == number else []
        forms += [f"{number // channels} * input.channels"] if channels and number % channels == 0 else []
        return Expr(self.pick.of(forms)) if forms and self.pick.flag() else number

    def truth(self, body: Body) -> str:
        """A condition, either true or false here."""
        forms = ["true", "false"]
        for name, value in body.env.items():
            if isinstance(value, bool):
                forms += [name, f"not {name}"]
            elif isinstance(value, int):
                forms += [f"{name} > {value - 1}", f"{name} == {value + 1}", f"{name} != 0"]
            elif isinstance(value, float):
                forms += [f"{name} > 0"]
        if self.channels(body):
            forms += [f"input.channels != {self.pick.int(1, 8)}"]
        return self.pick.of(forms)

    @staticmethod
    def channels(body: Body) -> int:
        """What `input.channels` is, 0 where it makes no sense."""
        return body.input.shape[1] if body.input is not None and len(body.input.shape) > 1 else 0


def as_number(value: Any, shape: Shape) -> Any:
    """Sizes read from `input` as the numbers they are."""
    if isinstance(value, list):
        return [as_number(item, shape) for item in value]
    if not isinstance(value, Expr):
        return value
    if value.text == "input.shape[0]":
        return -1
    number = 1
    for factor in value.text.split(" * "):
        number *= shape[int(factor.removeprefix("input.shape[")[:-1])]
    return number


__all__ = ["Body", "Writer", "reads"]
