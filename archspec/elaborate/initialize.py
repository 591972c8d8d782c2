"""Initialisation rules, with the names and arguments of `torch.nn.init`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from archspec.diagnostics import Span, did_you_mean, spec_error
from archspec.elaborate.environment import Env, View
from archspec.elaborate.session import Session
from archspec.expr import show_value
from archspec.ir import Initializer
from archspec.ops.base import Op
from archspec.syntax import describe
from archspec.yaml_source import Mapping, Node, Scalar

FAN_MODES = ("fan_in", "fan_out")
FUNCTIONS: dict[str, tuple[str, ...]] = {
    "zeros_": (),
    "ones_": (),
    "eye_": (),
    "constant_": ("val",),
    "normal_": ("mean", "std"),
    "uniform_": ("a", "b"),
    "trunc_normal_": ("mean", "std", "a", "b"),
    "xavier_uniform_": ("gain",),
    "xavier_normal_": ("gain",),
    "kaiming_uniform_": ("a", "mode", "nonlinearity"),
    "kaiming_normal_": ("a", "mode", "nonlinearity"),
    "orthogonal_": ("gain",),
    "sparse_": ("sparsity", "std"),
    "dirac_": ("groups",),
}
REQUIRED = {"constant_": ("val",), "sparse_": ("sparsity",)}
NONLINEARITIES = (
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "selu",
)
MATRIX_ONLY = frozenset({"xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "orthogonal_"})


def rules_of(node: Node, op: str) -> dict[str, tuple[Scalar, Node]]:
    """The rules of an `init:` for one op, by parameter name. Raises SpecError when it is no mapping."""
    if not isinstance(node, Mapping):
        raise spec_error(
            "wrong-type",
            f"`init` of `{op}` maps its parameters to rules, got {describe(node)}",
            node.span,
            help="write `{weight: ..., bias: zeros_}`",
        )
    return {entry.key.text: (entry.key, entry.value) for entry in node.entries if entry.key.text != "when"}


def applies(session: Session, node: Node, view: View, op: Op) -> bool:
    """Whether the `when` of a rule, or of an op's rules, holds; it sees what their arguments see. Raises SpecError."""
    when = node.get("when") if isinstance(node, Mapping) else None
    if when is None:
        return True
    if not isinstance(when, Scalar):
        raise spec_error("wrong-type", f"`when` is a condition, got {describe(when)}", when.span)
    return session.condition(when, _inside(view, op))


def initializer(session: Session, node: Node, view: View, op: Op, shape: tuple[int, ...]) -> Initializer:
    """A rule with its arguments evaluated; they see the op's own arguments, inferred ones too. Raises SpecError."""
    function, arguments = check_rule(node)
    name = function.text
    values: dict[str, Any] = {}
    if arguments:
        inside = _inside(view, op)
        values = {key.text: _argument(session, key.text, value, inside) for key, value in arguments.items()}
    _check_shape(name, shape, function.span)
    return Initializer(name, tuple(sorted(values.items())))


def _inside(view: View, op: Op) -> View:
    """What a rule sees: the op's own arguments, which hide a param of that name, then its surroundings."""
    return View(Env(view.env, dict(op.__dict__)), view.nodes, mark=view.mark)


@lru_cache(maxsize=1 << 8)
def check_rule(node: Node) -> tuple[Scalar, dict[Scalar, Node]]:
    """A rule's function and arguments, which must exist in `torch.nn.init`. Raises SpecError."""
    function, arguments = _split(node)
    name = function.text
    if name not in FUNCTIONS:
        raise spec_error(
            "unknown-initializer",
            f"`{name}` is no function of torch.nn.init",
            function.span,
            help=did_you_mean(name, FUNCTIONS),
        )
    for key in arguments:
        if key.text not in FUNCTIONS[name]:
            raise spec_error(
                "unknown-argument",
                f"`{name}` has no argument `{key.text}`",
                key.span,
                help=did_you_mean(key.text, FUNCTIONS[name]) or f"`{name}` takes no arguments",
            )
    written = {key.text for key in arguments}
    for required in REQUIRED.get(name, ()):
        if required not in written:
            raise spec_error("missing-argument", f"`{name}` needs `{required}`", node.span)
    return function, arguments


def _split(node: Node) -> tuple[Scalar, dict[Scalar, Node]]:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return node, {}
    if isinstance(node, Mapping):
        function = node.get("op")
        if isinstance(function, Scalar):
            return function, {entry.key: entry.value for entry in node.entries if entry.key.text not in ("op", "when")}
    raise spec_error(
        "wrong-type",
        f"a rule is a function of torch.nn.init, got {describe(node)}",
        node.span,
        help="write `zeros_` or `{op: normal_, std: 0.01}`",
    )


def _argument(session: Session, name: str, node: Node, view: View) -> Any:
    words = {"mode": FAN_MODES, "nonlinearity": NONLINEARITIES}.get(name)
    if words is not None:
        value = session.word(node, view) if isinstance(node, Scalar) else None
        if value not in words:
            raise spec_error(
                "wrong-type",
                f"`{name}` is one of {', '.join(f'`{word}`' for word in words)}, got {describe(node)}",
                node.span,
                help=did_you_mean(str(value), words),
            )
        return str(value)
    value = session.number(session.computed(node, view), node.span, [])
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise spec_error("wrong-type", f"`{name}` is a number, got {show_value(value)}", node.span)
    return value


def _check_shape(name: str, shape: tuple[int, ...], span: Span) -> None:
    needs = 2 if name in MATRIX_ONLY else 0
    exact = 2 if name in ("eye_", "sparse_") else None
    if (
        len(shape) < needs
        or (exact is not None and len(shape) != exact)
        or (name == "dirac_" and len(shape) not in (3, 4, 5))
    ):
        shown = f"[{', '.join(map(str, shape))}]"
        raise spec_error(
            "bad-initializer",
            f"`{name}` needs a matrix, but this parameter has shape {shown}",
            span,
            help="use `zeros_`, `ones_`, `normal_` or `uniform_` here",
        )
