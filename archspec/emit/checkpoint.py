"""Reading weights: safetensors files, what `torch.save` wrote, and mappings. Nothing in a file is ever run."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from archspec.diagnostics import SpecError, nearest, spec_error

Weights = str | PathLike[str] | Mapping[str, Any]
"""A file, a `state_dict`, or a checkpoint that holds one."""

KEYS = ("state_dict", "model_state_dict", "model")
"""Where training scripts keep the `state_dict` in a checkpoint."""
SAVE = "save the weights alone: `torch.save(model.state_dict(), FILE)`"
SHOWN = 8

_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Tensors by name. `source` is what messages call it; `key` the entry of the checkpoint that held them."""

    source: str
    tensors: Mapping[str, Tensor]
    key: str | None = None


def read(weights: Weights) -> Checkpoint:
    """The tensors of a file or mapping. Raises SpecError for one that cannot be read or holds something else."""
    if isinstance(weights, Mapping):
        return _state_dict(weights, "`weights`")
    path = Path(weights)
    source = f"`{path}`"
    kind = _kind(path)
    if kind == "safetensors":
        return _state_dict(_read_safetensors(path), source)
    return _state_dict(_read_torch(path, mapped=kind == "zip"), source)


def _kind(path: Path) -> str:
    """What the file is, by its first bytes: "safetensors", "zip", or "pickle" (before torch 1.6)."""
    try:
        if path.is_dir():
            raise spec_error("not-a-file", f"`{path}` is a folder", None, help="name a file of weights in it")
        if not path.exists():
            raise spec_error("file-not-found", f"no file `{path}`", None, help=_sibling(path))
        if not path.is_file():
            raise spec_error("unreadable-file", f"cannot read `{path}`: it is no regular file")
        with path.open("rb") as file:
            head = file.read(9)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise spec_error("unreadable-file", f"cannot read `{path}`: {reason.lower()}") from None
    if not head:
        raise _bad(path, "is empty")
    if path.suffix == ".safetensors" or head[8:] == b"{":
        return "safetensors"
    if head.startswith(_ZIP):
        return "zip"
    if head.startswith(_PICKLE):
        return "pickle"
    raise _bad(path, "is neither a safetensors file nor one of `torch.save`")


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]  # of a bare `PathLike`
    except ImportError:
        help = "install it: `pip install 'archspec-nn[weights]'`"
        raise _bad(path, "needs the package `safetensors`, which is not installed", help) from None
    try:
        return load_file(path)
    except (SafetensorError, ValueError, KeyError, OSError) as error:
        raise _bad(path, f"is damaged: {str(error).lower().rstrip('.')}") from None


def _read_torch(path: Path, *, mapped: bool) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of ends in an error, said better below
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # whatever a file makes torch raise, the file is wrong
        raise _refused(path, str(error)) from None


def _refused(path: Path, reason: str) -> SpecError:
    """What torch's reason comes to."""
    found = _GLOBAL.search(reason)
    if found is not None and found[1].startswith("numpy"):
        help = "save plain numbers and tensors: `float(accuracy)`"
        return _bad(path, f"holds a NumPy value (`{found[1]}`) beside its tensors, which only code could load", help)
    if found is not None:
        return _bad(path, f"holds more than weights: loading it would run `{found[1]}`", SAVE)
    if "TorchScript" in reason:
        return _bad(path, "is a program, a TorchScript archive", SAVE)
    return _bad(path, "is damaged, or was not written by `torch.save`", "save or download it again")


def _state_dict(found: object, source: str) -> Checkpoint:
    """The `state_dict` that was read, or the one in the checkpoint that was."""
    if not isinstance(found, Mapping):
        raise spec_error("bad-weights", f"{source} holds a {type(found).__name__}, not tensors by name", help=SAVE)
    entries = cast("Mapping[Any, Any]", found)
    if _are_tensors(entries):
        return Checkpoint(source, _usable(entries, source))
    inside = [key for key in KEYS if isinstance(entries.get(key), Mapping) and _are_tensors(entries[key])]
    if len(inside) == 1:
        return Checkpoint(source, _usable(entries[inside[0]], source), inside[0])
    keys = [f"`{key}`" for key in entries]
    shown = ", ".join(keys[:SHOWN]) + (", ..." if len(keys) > SHOWN else "")
    if inside:
        message = f"{source} holds several: {', '.join(f'`{key}`' for key in inside)}"
    elif entries:
        message = f"{source} holds no tensors by name, at the top or in one of {', '.join(KEYS)}, but {shown}"
    else:
        message = f"{source} holds nothing"
    raise spec_error("bad-weights", message, help="in Python, pass the right one: `weights=torch.load(FILE)[KEY]`")


def _are_tensors(entries: Mapping[Any, Any]) -> bool:
    items = entries.items()
    return bool(items) and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in items)


def _usable(tensors: Mapping[str, Tensor], source: str) -> Mapping[str, Tensor]:
    for name, tensor in tensors.items():
        kind = "on the meta device" if tensor.is_meta else None
        if tensor.layout != torch.strided or tensor.is_quantized:
            kind = "quantized" if tensor.is_quantized else str(tensor.layout).removeprefix("torch.")
        if kind is not None:
            raise spec_error("bad-weights", f"`{name}` of {source} is {kind}: plain tensors can be loaded", help=None)
    return tensors


def _bad(path: Path, what: str, help: str | None = None) -> SpecError:
    return spec_error("bad-weights", f"`{path}` {what}", None, help=help)


def _sibling(path: Path) -> str | None:
    try:
        names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    except OSError:
        return None
    close = nearest(path.name, names)
    return f"did you mean `{path.parent / close}`?" if close else None
