"""What a file says apart from its graph, checked once: params, `variants`, `defaults` and `init`."""

from __future__ import annotations

from collections.abc import Iterable

from archspec import ops
from archspec.diagnostics import SpecError, did_you_mean, nearest, spec_error
from archspec.elaborate.arguments import Argument, check_keys
from archspec.elaborate.environment import View
from archspec.elaborate.files import block_params, declared, known_param, literal_value
from archspec.elaborate.initialize import check_rule, rules_of
from archspec.elaborate.params import Param
from archspec.elaborate.place import File
from archspec.elaborate.session import Session
from archspec.ops.base import Op
from archspec.ops.states import possible_states
from archspec.spec import variant_entries
from archspec.syntax import describe
from archspec.yaml_source import Entry, Mapping


def check_sections(session: Session, file: File) -> None:
    """Notes mistakes in every variant, and unknown ops, arguments and initializers."""
    spec = file.spec
    params = declared(spec)
    for variant in spec.variants.keys() if spec.variants is not None else ():
        try:
            for entry in variant_entries(spec, variant, None):
                literal_value(known_param(params, entry.key, f"`{spec.name}`"), entry.value, file)
        except SpecError as error:
            session.note(error)
    for section, check in ((spec.defaults, _check_defaults), (spec.init, _check_init)):
        for entry in section.entries if section is not None else ():
            try:
                check(entry, _op(entry), file)
            except SpecError as error:
                session.note(error)


def check_unused_params(session: Session, file: File) -> None:
    """Notes params that nothing mentions; asked last, since a misspelt use leaves one behind."""
    spec = file.spec
    params = declared(spec)
    for unused in _unused(params.values(), spec.words):
        session.note(_unused_param(unused, f"`{spec.name}`", params))
    for block in spec.blocks.values():
        own = block_params(file, block)
        for unused in _unused(own.values(), block.words):
            session.note(_unused_param(unused, f"block `{block.name}`", own))


def _unused(params: Iterable[Param], words: frozenset[str]) -> list[Param]:
    return [param for param in params if param.name not in words]


def _unused_param(param: Param, owner: str, params: Iterable[str]) -> SpecError:
    others = [name for name in params if name != param.name]
    return spec_error(
        "unused-param",
        f"nothing in {owner} uses the param `{param.name}`",
        param.span,
        help=f"did you mean `{close}`?" if (close := nearest(param.name, others)) else "use it, or remove it",
    )


def _op(entry: Entry) -> type[Op]:
    op = ops.lookup(entry.key.text)
    if op is None:
        raise spec_error(
            "unknown-op", f"no op `{entry.key.text}`", entry.key.span, help=did_you_mean(entry.key.text, ops.names())
        )
    return op


def _check_defaults(entry: Entry, op: type[Op], file: File) -> None:
    if not isinstance(entry.value, Mapping):
        raise spec_error(
            "wrong-type",
            f"defaults of `{op.name}` are a mapping of arguments, got {describe(entry.value)}",
            entry.value.span,
        )
    check_keys(op, [Argument(item.key, item.value, View(file.env), file) for item in entry.value.entries])


def _check_init(entry: Entry, op: type[Op], file: File) -> None:
    known = possible_states(op)
    for name, (key, rule) in rules_of(entry.value, op.name).items():
        if name not in known:
            raise spec_error(
                "unknown-state",
                f"`{op.name}` has no parameter `{name}`",
                key.span,
                help=did_you_mean(name, known) or f"`{op.name}` has no parameters",
            )
        check_rule(rule)
