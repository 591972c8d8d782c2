"""The parameter groups of an optimizer, by patterns over names. Needs no torch: any module's names will do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from archspec.diagnostics import check_type, spec_error
from archspec.elaborate.patterns import matching, suggestion

if TYPE_CHECKING:
    from torch import nn

Options = Mapping[str, Any]

RESERVED = ("params", "name")
"""Keys of a group that are not an optimizer's options."""
SHOWN = 6
"""So many parameters are listed."""


def parameter_groups(model: nn.Module, groups: Mapping[str, Options], *, frozen: bool = False) -> list[dict[str, Any]]:
    """Groups for an optimizer of `torch.optim`, from options by pattern.

        groups = {"*": {"lr": 1e-4}, "fc.*": {"lr": 1e-3}, "*.bias": {"weight_decay": 0.0}}
        optimizer = torch.optim.AdamW(archspec.parameter_groups(model, groups), lr=1e-4)

    Patterns are those of `freeze:` and read in order: each option of a parameter is that of the last pattern which
    matches it and gives the option. Parameters that the same patterns match form a group; its `name` is these patterns.

    Args:
        model: any module; a parameter that it shares goes by its first name.
        groups: the optimizer's options, by pattern; `{}` leaves all of them to the optimizer.
        frozen: True keeps frozen parameters, for an optimizer that is to train them later; else they are left out.

    Raises:
        SpecError: for a pattern that matches or changes nothing, and for a trainable parameter that none matches.
    """
    if not hasattr(model, "named_parameters"):
        message = f"`parameter_groups` takes a module, got {type(model).__name__}"
        raise spec_error("wrong-type", message, None, help="give what `archspec.build` made, or any `nn.Module`")
    named = dict(model.named_parameters())
    _check_options(groups)
    matched = {pattern: matching(pattern, named) for pattern in groups}
    for pattern, names in matched.items():
        if not names:
            help = suggestion(pattern, named)
            raise spec_error("unknown-state", f"`{pattern}` matches no parameter", None, help=help)
    kept = [name for name, parameter in named.items() if frozen or parameter.requires_grad]
    patterns: dict[str, list[str]] = {name: [] for name in kept}
    for pattern, names in matched.items():
        for name in names:
            if name in patterns:
                patterns[name].append(pattern)
    _check_effects(groups, matched, patterns)
    _check_complete(patterns)
    made: dict[tuple[str, ...], list[Any]] = {}
    for name, its in patterns.items():
        made.setdefault(tuple(its), []).append(named[name])
    order = {pattern: position for position, pattern in enumerate(groups)}
    return [
        {
            "params": made[key],
            "name": ", ".join(key),
            **{option: value for pattern in key for option, value in groups[pattern].items()},
        }
        for key in sorted(made, key=lambda key: [order[pattern] for pattern in key])
    ]


def _check_options(groups: Mapping[str, Options]) -> None:
    if not isinstance(groups, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need no type checker
        message = f"`groups` is a mapping of patterns to options, got {type(groups).__name__}"
        raise spec_error("wrong-type", message, None, help='write `{"*": {"lr": 1e-3}}`')
    for pattern, options in groups.items():
        check_type("groups", pattern, str, "a mapping of patterns, which are texts, to options")
        if not isinstance(options, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            message = f"the options of `{pattern}` are a mapping, got {options!r}"
            raise spec_error("wrong-type", message, None, help='write `{"lr": 1e-3}`')
        for option in options:
            if option in RESERVED:
                message = f"`{option}` in the options of `{pattern}` is the group's own key"
                raise spec_error("bad-groups", message, None, help="leave it out")


def _check_effects(
    groups: Mapping[str, Options], matched: Mapping[str, list[str]], patterns: Mapping[str, list[str]]
) -> None:
    """A pattern that changes nothing is a mistake: most often the general one stands after the special ones."""
    for pattern, options in groups.items():
        names = [name for name in matched[pattern] if name in patterns]
        if not names:
            message = f"`{pattern}` matches frozen parameters only"
            help = "leave it out, unfreeze them, or keep them with `frozen=True`"
            raise spec_error("bad-groups", message, None, help=help)
        later = {name: patterns[name][patterns[name].index(pattern) + 1 :] for name in names}
        lasting = (option for option in options for name in names if all(option not in groups[p] for p in later[name]))
        if options and next(lasting, None) is None:
            others = dict.fromkeys(other for its in later.values() for other in its if options.keys() & groups[other])
            shown = ", ".join(f"`{other}`" for other in others)
            message = f"`{pattern}` changes nothing: {shown} after it gives the same options to all that it matches"
            raise spec_error("bad-groups", message, None, help="the last match wins: put the general pattern first")


def _check_complete(patterns: Mapping[str, Iterable[str]]) -> None:
    """Parameters in no group would look trainable and never change."""
    left = [name for name, its in patterns.items() if not its]
    if left:
        shown = ", ".join(f"`{name}`" for name in left[:SHOWN])
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        message = f"no pattern matches {len(left)} of {len(patterns)} parameters: {shown}{more}"
        help = 'start with `"*": {}` for the optimizer\'s own options, or freeze them'
        raise spec_error("bad-groups", message, None, help=help)
