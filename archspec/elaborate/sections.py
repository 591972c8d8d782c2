"""What a file says apart from its graph, checked once: params, `variants`, `defaults` and `init`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from archspec import ops
from archspec.diagnostics import SpecError, did_you_mean, nearest, spec_error
from archspec.elaborate.arguments import check_keys
from archspec.elaborate.environment import View
from archspec.elaborate.files import (
    block_params,
    bound_value,
    declared,
    known_param,
    literal_value,
    resolve_name,
    settings,
)
from archspec.elaborate.initialize import check_rule, rules_of
from archspec.elaborate.params import Param
from archspec.elaborate.place import File
from archspec.elaborate.session import LOOP_COST, Session
from archspec.ops.states import possible_states
from archspec.spec import Import, Spec, variant_layers
from archspec.syntax import describe
from archspec.yaml_source import Entry, Mapping


def check_sections(session: Session, file: File) -> None:
    """Notes mistakes in every variant, and unknown ops, arguments and initializers."""
    spec = file.spec
    params = declared(spec)
    for variant in spec.variants.keys() if spec.variants is not None else ():
        try:
            layers = variant_layers(spec, variant, None)
            session.spend(LOOP_COST * len(layers), spec.span)
            for entry in layers[0][1]:
                literal_value(known_param(params, entry.key, f"`{spec.name}`"), entry.value, file)
        except SpecError as error:
            session.note(error)
    checks = [
        *(partial(_check_import, session, file, entry) for entry in spec.imports.values()),
        *(partial(_check_defaults, session, file, entry) for entry in _entries(spec.defaults)),
        *(partial(_check_init, entry) for entry in _entries(spec.init)),
    ]
    for check in checks:
        try:
            check()
        except SpecError as error:
            session.note(error)


def _entries(section: Mapping | None) -> tuple[Entry, ...]:
    return section.entries if section is not None else ()


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


def _check_import(session: Session, file: File, entry: Import) -> None:
    """What is set of the imported file: its params, and its variant as far as that is known here."""
    if entry.variant is None and not entry.params:
        return  # a file is only read when it is used, or when something is said of it
    spec = session.library.resolve(entry.target, entry.folder)
    params = declared(spec)
    if entry.variant is not None:
        variant_layers(spec, session.name(entry.variant, View(file.env)), entry.variant.span)
    for argument in settings(file, entry):
        if argument.value is not entry.variant:
            bound_value(session, known_param(params, argument.key, f"`{spec.name}`"), argument)


def _check_defaults(session: Session, file: File, entry: Entry) -> None:
    name = entry.key.text
    use = resolve_name(session, file, name, entry.key)
    if isinstance(use.target, Spec):
        message = f"`{name}` is a network, and `defaults` are for ops and blocks"
        help = f"set its params where it is imported: `{name}: {{file: ..., params: ...}}`"
        raise spec_error("unknown-op", message, entry.key.span, help=help)
    if isinstance(use.target, str):
        message = f"nothing is known of the arguments of `{name}`, so they have no defaults"
        raise spec_error("unknown-op", message, entry.key.span, help="write them at each use, or use it in a block")
    if not isinstance(entry.value, Mapping):
        message = f"defaults of `{name}` are a mapping of arguments, got {describe(entry.value)}"
        raise spec_error("wrong-type", message, entry.value.span)
    if isinstance(use.target, tuple):
        for item in entry.value.entries:
            known_param(block_params(*use.target), item.key, f"block `{name}`")
    else:
        check_keys(use.target, [item.key for item in entry.value.entries])


def _check_init(entry: Entry) -> None:
    op = ops.lookup(entry.key.text)
    if op is None:
        raise spec_error(
            "unknown-op", f"no op `{entry.key.text}`", entry.key.span, help=did_you_mean(entry.key.text, ops.names())
        )
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
