"""`variants`, `defaults` and `init` of a file, checked once: what they name must exist."""

from __future__ import annotations

from archspec import ops
from archspec.diagnostics import SpecError, did_you_mean, spec_error
from archspec.elaborate.arguments import Argument, check_keys
from archspec.elaborate.environment import View
from archspec.elaborate.files import declared, known_param, literal_value
from archspec.elaborate.initialize import rules_of
from archspec.elaborate.place import File
from archspec.elaborate.session import Session
from archspec.spec import variant_entries
from archspec.syntax import describe
from archspec.yaml_source import Entry, Mapping


def check_sections(session: Session, file: File) -> None:
    """Notes what is wrong in every variant, not only the chosen one, and unknown ops and arguments."""
    spec = file.spec
    params = declared(spec)
    for variant in spec.variants.keys() if spec.variants is not None else ():
        try:
            for entry in variant_entries(spec, variant, None):
                literal_value(known_param(params, entry.key, f"`{spec.name}`"), entry.value, file)
        except SpecError as error:
            session.note(error)
    for section in (spec.defaults, spec.init):
        for entry in section.entries if section is not None else ():
            try:
                _check(entry, file, section is spec.init)
            except SpecError as error:
                session.note(error)


def _check(entry: Entry, file: File, is_init: bool) -> None:
    op = ops.lookup(entry.key.text)
    if op is None:
        raise spec_error(
            "unknown-op", f"no op `{entry.key.text}`", entry.key.span, help=did_you_mean(entry.key.text, ops.names())
        )
    if is_init:
        rules_of(entry.value, op.name)
        return
    if not isinstance(entry.value, Mapping):
        raise spec_error(
            "wrong-type",
            f"defaults of `{op.name}` are a mapping of arguments, got {describe(entry.value)}",
            entry.value.span,
        )
    check_keys(op, [Argument(e.key, e.value, View(file.env)) for e in entry.value.entries])
