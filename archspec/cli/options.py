"""The options that every command on a spec takes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from archspec import loading
from archspec.diagnostics import spec_error
from archspec.elaborate.inputs import parse_shape
from archspec.elaborate.params import Written
from archspec.ir import Graph
from archspec.spec import Spec

Sizes = tuple[int | str, ...]
SPEC = "a YAML file, or the name of a bundled spec or variant (resnet50); FILE@VARIANT for one of its variants"


def add_spec(
    parser: argparse.ArgumentParser, *, several: bool = False, named: bool = True, symbolic: bool = True
) -> None:
    """SPEC (or several; or none, where a command has names of its own for them), and what is said about it."""
    if named:
        parser.add_argument("spec", metavar="SPEC", help=SPEC, nargs="+" if several else None)
    group = parser.add_argument_group("the spec")
    group.add_argument("--variant", metavar="NAME", help="one of the spec's variants")
    group.add_argument(
        "--set", metavar="KEY=VALUE", dest="params", type=_param, action="append", default=[],
        help="a value for one of the spec's params, written as in YAML; repeatable",
    )  # fmt: skip
    group.add_argument(
        "--input", metavar="[NAME=]SIZES", dest="inputs", type=_input, action="append", default=[],
        help="the input's sizes, with or without the batch: 3x256x256, Nx3xHxW; a capital letter is an unknown size",
    )  # fmt: skip
    if symbolic:
        group.add_argument(
            "--symbolic", metavar="AXES", type=_axes, action="extend", default=[],
            help="axes of the input to show as symbols, what follows as closed forms: H,W; their numbers are still "
            "used where one is needed",
        )  # fmt: skip
    group.add_argument(
        "--allow-op", metavar="PACKAGE", dest="allow_ops", action="append", default=[],
        help="a package whose layers the spec may import and run; repeatable",
    )  # fmt: skip
    group.add_argument(
        "--allow-path", metavar="DIR", dest="allow_paths", type=_folder, action="append", default=[],
        help="a further folder that `imports` and `extends` may read; repeatable",
    )  # fmt: skip


def load(args: argparse.Namespace, spec: str, variant: str | None = None) -> Graph:
    """Compiles a spec as the options say. Raises SpecError."""
    return loading.load(spec, variant=variant or args.variant, allow_paths=args.allow_paths, **said(args))


def said(args: argparse.Namespace) -> dict[str, Any]:
    """What the options say of the network, as arguments of `load`."""
    find_packages(args)
    params = {name: Written(text) for name, text in args.params}
    return {"params": params, "input": shapes(args.inputs), "symbolic": args.symbolic, "allow_ops": args.allow_ops}


def find_packages(args: argparse.Namespace) -> None:
    """Allowed packages may be the caller's own, in the folder they call from."""
    if args.allow_ops and "" not in sys.path:
        sys.path.append("")


def again(args: argparse.Namespace, spec: str) -> str:
    """The same SPEC, to be loaded with the options' variant in place of its own."""
    return spec if args.variant is None else str(loading.find(spec)[0])


def declared_variants(spec: Spec) -> tuple[str, ...]:
    """The variants that the file itself declares, not those of what it extends."""
    entries = spec.variants.entries if spec.variants is not None else ()
    return tuple(entry.key.text for entry in entries if entry.key.span.source is spec.span.source)


def _param(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise argparse.ArgumentTypeError(f"`{text}` is no KEY=VALUE: write num_classes=10, say")
    return name.strip(), value


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"`{text}` is no folder")
    return path


def _axes(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"`{text}` is no list of axes: write H,W, say")
    return names


def _input(text: str) -> tuple[str | None, Sizes]:
    name, equals, sizes = text.rpartition("=")
    found = parse_shape(sizes)
    if (equals and not name.strip()) or found is None:
        raise argparse.ArgumentTypeError(
            f"`{text}` is no input size: write 3x256x256, or Nx3xHxW with a capital letter for an unknown size"
        )
    return name.strip() or None, found


def shapes(inputs: list[tuple[str | None, Sizes]]) -> Sizes | dict[str, Sizes] | None:
    """What `load` takes: nothing, one shape, or shapes by name."""
    named = {name: sizes for name, sizes in inputs if name is not None}
    if len(inputs) == 1 and not named:
        return inputs[0][1]
    if len(named) != len(inputs):
        message = "several `--input`, but not each for an input of its own"
        raise spec_error("bad-call", message, help="write `--input NAME=3x256x256`")
    return named or None
