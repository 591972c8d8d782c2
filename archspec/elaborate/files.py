"""Specs and blocks in use: params bound and checked, lets computed, op names looked up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import field
from functools import lru_cache
from typing import Any

from archspec import ops
from archspec.diagnostics import Span, SpecError, did_you_mean, spec_error
from archspec.elaborate.arguments import Argument
from archspec.elaborate.environment import Env, View
from archspec.elaborate.params import IsOp, Param, check_value, declare, is_op_node
from archspec.elaborate.place import File, OpValue
from archspec.elaborate.session import PARAM_COST, Session
from archspec.expr import show_value
from archspec.objects import record
from archspec.ops.base import Op
from archspec.spec import BlockSyntax, Import, Spec, variant_entries, variant_preset
from archspec.syntax import NODE_KEYS, Let
from archspec.yaml_source import Entry, Mapping, Node, Scalar, plain
from archspec.yaml_source import Sequence as YamlSequence

SPEC_KEYS = (*NODE_KEYS, "variant", "output", "outputs")
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_READS_INPUT = re.compile(r"\binput\b")


@record(eq=False)
class Use:
    """What an op's name stands for: an op, a block of a file, a whole spec, or the import path of a custom op.

    `bound`: arguments that come with the name (`norm: {op: BatchNorm2d, eps: 1e-3}`).
    """

    target: type[Op] | tuple[File, BlockSyntax] | Spec | str
    bound: tuple[Argument, ...] = field(default=())


def _is_op(spec: Spec) -> IsOp:
    """Whether a word is an op in a file."""
    return lambda word: word in spec.blocks or word.split(".")[0] in spec.imports or ops.lookup(word) is not None


# --- files ---


def open_file(
    session: Session,
    spec: Spec,
    variant: str | None = None,
    given: Sequence[Entry] = (),
    arguments: Sequence[Argument] = (),
    span: Span | None = None,
) -> File:
    """A spec with its params set: defaults, then what it overrides of its base, its variant, what is given."""
    file = File(spec, Env())
    session.opened.append(file)
    params = declared(spec)
    chosen = variant_entries(spec, variant, span) if variant is not None else ()
    preset = spec.preset if variant is None else variant_preset(spec, variant)
    literal = [entry for entries in (preset, spec.overrides, chosen, given) for entry in entries]
    for name, param in params.items():
        if param.default is not None:
            file.env.values[name] = literal_value(param, param.default, file)
    for entry in literal:
        param = known_param(params, entry.key, f"`{spec.name}`")
        file.env.values[param.name] = literal_value(param, entry.value, file)
    for argument in arguments:
        param = known_param(params, argument.key, f"`{spec.name}`")
        file.env.values[param.name] = bound_value(session, param, argument)
    session.spend(PARAM_COST * _size(file.env.values), span or spec.span)
    missing = [name for name in params if name not in file.env.values]
    if missing:
        raise spec_error(
            "missing-param",
            f"`{spec.name}` needs a value for {', '.join(f'`{name}`' for name in missing)}",
            span or params[missing[0]].span,
            help=f"give it a default, or set it: `{missing[0]}: ...`"
            if span is not None
            else f"give it a default, or set it: `--set {missing[0]}=...`",
        )
    return file


@lru_cache(maxsize=16)
def declared(spec: Spec) -> dict[str, Param]:
    """The params of a spec. Raises SpecError."""
    return declare(spec.params, _is_op(spec), SPEC_KEYS)


def _size(value: object) -> int:
    """How much there is in a value: itself, and the items of lists and records."""
    if isinstance(value, dict):
        value = list(value.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType, reportUnknownMemberType]
    if not isinstance(value, list | tuple):
        return 1
    items: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return 1 + sum(map(_size, items))


def early_lets(spec: Spec) -> tuple[Sequence[Let], Sequence[Let]]:
    """The lets that do not need the input's shape (which may use them), and the rest."""
    cut = next((i for i, let in enumerate(spec.lets) if _mentions_input(let.value)), len(spec.lets))
    return spec.lets[:cut], spec.lets[cut:]


def _mentions_input(node: Node) -> bool:
    match node:
        case Scalar():
            return isinstance(node.value, str) and _READS_INPUT.search(node.text) is not None
        case YamlSequence():
            return any(_mentions_input(item) for item in node.items)
        case Mapping():
            return any(_mentions_input(entry.value) for entry in node.entries)


def known_param(params: dict[str, Param], key: Scalar, owner: str) -> Param:
    """The param that a key names. Raises SpecError."""
    if key.text not in params:
        raise spec_error(
            "unknown-param",
            f"{owner} has no param `{key.text}`",
            key.span,
            help=did_you_mean(key.text, params) or (None if params else "it takes no params"),
        )
    return params[key.text]


def literal_value(param: Param, node: Node, file: File) -> Any:
    """Literal data given to a param: nothing is evaluated; a word may name an op."""
    if "op" in param.types and not isinstance(node, YamlSequence) and is_op_node(node):
        return OpValue(_op_label(node), node, file, View(file.env))
    return check_value(param, plain(node), node.span)


def bound_value(session: Session, param: Param, argument: Argument) -> Any:
    """An argument given to a param of a block or sub-spec, evaluated where it is written."""
    node, view, file = argument.value, argument.view, argument.file
    if "op" in param.types and isinstance(node, Mapping) and node.entry("op") is not None:
        return OpValue(_op_label(node), node, file, view)
    if isinstance(node, Scalar) and isinstance(node.value, str) and param.types & {"op", "str"}:
        value = session.word(node, view)
        if (
            isinstance(value, str)
            and not isinstance(value, OpValue)
            and "op" in param.types
            and "str" not in param.types
        ):
            return OpValue(value, Scalar(value, value, False, node.span), file, view)
        return check_value(param, value, node.span)
    return check_value(param, session.computed(node, view, []), node.span)


def _op_label(node: Node) -> str:
    op = node.get("op") if isinstance(node, Mapping) else node
    return op.text if isinstance(op, Scalar) else "?"


def block_params(file: File, block: BlockSyntax) -> dict[str, Param]:
    """The declared params of a block."""
    found = file.block_params.get(block.name)
    if found is None:
        entries = block.params.entries if block.params is not None else ()
        found = declare(entries, _is_op(file.spec), NODE_KEYS)
        file.block_params[block.name] = found
    return found


def bind_block(
    session: Session, file: File, block: BlockSyntax, arguments: Iterable[Argument], caller: File, span: Span
) -> dict[str, Any]:
    """The values of a block's params, in the order declared: as written, by the caller's `defaults`, by the block's
    own. Raises SpecError."""
    params = block_params(file, block)
    given: dict[str, Any] = {}
    for argument in arguments:
        param = known_param(params, argument.key, f"block `{block.name}`")
        given[param.name] = bound_value(session, param, argument)
    for argument in _default_arguments(session, caller, (file, block)):
        if argument.key.text in params and argument.key.text not in given:
            given[argument.key.text] = bound_value(session, params[argument.key.text], argument)
    values: dict[str, Any] = {}
    for name, param in params.items():
        if name in given:
            values[name] = given[name]
        elif param.default is not None:
            values[name] = literal_value(param, param.default, file)
        else:
            raise spec_error(
                "missing-argument", f"block `{block.name}` needs `{name}`, {param.wanted}", span, help=f"add `{name}:`"
            )
    session.spend(PARAM_COST * _size(values), span)
    return values


# --- op names ---


def resolve_op(session: Session, file: File, scalar: Scalar, view: View) -> Use | None:
    """What `op:` names; None when it is a `$name` whose value is null."""
    word = scalar.text
    if "$" in word:
        return _resolve(session, file, session.word(scalar, view), scalar)
    if word not in file.uses:
        file.uses[word] = resolve_name(session, file, word, scalar, view)
    return file.uses[word]


def _resolve(session: Session, file: File, word: Any, scalar: Scalar) -> Use | None:
    if word is None:
        return None
    if isinstance(word, OpValue):
        return _resolve_value(session, word)
    if not isinstance(word, str):
        raise spec_error("wrong-type", f"`{scalar.text}` must come to an op, got {show_value(word)}", scalar.span)
    return resolve_name(session, file, word, scalar)


def resolve_name(session: Session, file: File, word: str, scalar: Scalar, view: View | None = None) -> Use:
    """What a word, of which nothing is left to fill in, names in a file. Raises SpecError. `view`: of the word itself;
    what it sees may have been meant.
    """
    if word in file.spec.blocks:
        return Use((file, file.spec.blocks[word]))
    head, _, member = word.partition(".")
    if head in file.spec.imports:
        return _imported(session, file, head, member, scalar)
    op = ops.lookup(word)
    if op is not None:
        return Use(op)
    last = word.rpartition(".")[2]
    if head in ("torch", "nn", "F") and ops.lookup(last) is not None:
        raise spec_error(
            "unknown-op",
            f"no op `{word}`",
            scalar.span,
            help=f"write `{last}`: torch's layers and functions go by their own names",
        )
    if _DOTTED.fullmatch(word):
        if not session.customs.allows(word):
            raise spec_error(
                "custom-op-not-allowed",
                f"`{word}` would run code of package `{head}`, which is not allowed",
                scalar.span,
                help=f"allow it with `--allow-op {head}`, or import the spec `{head}` if that is meant",
            )
        return Use(word)
    known = [*file.spec.blocks, *file.spec.imports, *ops.names()]
    variable = f"write `${word}` for the value of `{word}`" if view is not None and word in view.env else None
    help = variable or _first_guess(word) or did_you_mean(word, known)
    raise spec_error("unknown-op", f"no op or block `{word}`", scalar.span, help=help)


def _first_guess(word: str) -> str | None:
    """The way out for what a PyTorch user tries first."""
    if "(" in word:
        return f"write its arguments by name: `{{op: {word.split('(')[0]}, ...}}`"
    if word in ("Sequential", "ModuleList", "ModuleDict"):
        return "write a list of nodes, or a mapping of named ones, in its place"
    if ":" in word:
        return "put a space after the colon"
    return None


def _resolve_value(session: Session, value: OpValue) -> Use | None:
    if not isinstance(value.node, Mapping):
        return _resolve(session, value.file, str(value), value.node)
    op = value.node.get("op")
    if not isinstance(op, Scalar) or op.value is None:
        span = op.span if op is not None else value.node.span
        raise spec_error("wrong-type", "`op` is the name of an op", span, help="write `op: Conv2d`, say")
    use = resolve_op(session, value.file, op, value.view)
    if use is None:
        return None
    own = tuple(Argument(e.key, e.value, value.view, value.file) for e in value.node.entries if e.key.text != "op")
    written = {argument.key.text for argument in own}
    return Use(use.target, (*own, *(argument for argument in use.bound if argument.key.text not in written)))


def _imported(session: Session, file: File, head: str, member: str, scalar: Scalar) -> Use:
    entry = file.spec.imports[head]
    spec = session.library.resolve(entry.target, entry.folder)
    if not member:
        if spec.graph is None:
            raise spec_error(
                "unknown-op",
                f"`{head}` is a library of blocks, not a network",
                scalar.span,
                help=did_you_mean(head, [f"{head}.{name}" for name in spec.blocks]),
            )
        return Use(spec, settings(file, entry))
    if member not in spec.blocks:
        raise spec_error(
            "unknown-op", f"`{head}` has no block `{member}`", scalar.span, help=did_you_mean(member, spec.blocks)
        )
    key = ("library", spec, (file, head) if entry.variant or entry.params else None)
    if key not in session.cache:
        session.cache[key] = _open_library(session, spec, file, entry)
    return Use((session.cache[key], spec.blocks[member]))


def settings(file: File, entry: Import) -> tuple[Argument, ...]:
    """What an import sets of the imported file, as arguments; they may use the params and lets of the importing one."""
    view = View(file.env)
    params = tuple(Argument(param.key, param.value, view, file) for param in entry.params)
    if entry.variant is None:
        return params
    key = Scalar("variant", "variant", False, entry.variant.span)
    return (Argument(key, entry.variant, view, file), *params)


def _open_library(session: Session, spec: Spec, file: File, entry: Import) -> File:
    """A file whose blocks another one uses; they see those of its lets that do not need an input."""
    given = [argument for argument in settings(file, entry) if argument.value is not entry.variant]
    variant = session.name(entry.variant, View(file.env)) if entry.variant is not None else None
    library = open_file(session, spec, variant, (), given, (entry.variant or entry.target).span)
    session.lets(early_lets(spec)[0], View(library.env))
    return library


# --- defaults ---


def _default_arguments(session: Session, file: File, target: tuple[File, BlockSyntax]) -> Sequence[Argument]:
    """What `defaults` of a file give to every use of a block in it."""
    section = file.spec.defaults
    if section is None:
        return ()
    if file.block_defaults is None:
        found = ((_block_named(session, file, entry.key), entry.value) for entry in section.entries)
        file.block_defaults = {block: own for block, own in found if block is not None and isinstance(own, Mapping)}
    entries = file.block_defaults[target].entries if target in file.block_defaults else ()
    return [Argument(entry.key, entry.value, View(file.env), file) for entry in entries]


def _block_named(session: Session, file: File, key: Scalar) -> tuple[File, BlockSyntax] | None:
    """The block that a key of `defaults` names, None when it names none."""
    with suppress(SpecError):  # noted where the section is checked
        target = resolve_name(session, file, key.text, key).target
        return target if isinstance(target, tuple) else None
    return None
