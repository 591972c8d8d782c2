"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "torchvision", "torchinfo", "fvcore", "thop", "torchview", "pydantic", "pyyaml")


def description() -> str:
    """Processor, memory, system and versions; nothing that names the machine."""
    cores = os.cpu_count() or 1
    versions = ", ".join(f"{package} {_version(package)}" for package in PACKAGES)
    return (
        f"{_processor()}, {cores} core{'' if cores == 1 else 's'}{_memory()}, {platform.system()}; "
        f"{platform.python_implementation()} {platform.python_version()}; {versions}"
    )


def _processor() -> str:
    """The model's name where the system tells it."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found is not None else platform.processor() or platform.machine()


def _memory() -> str:
    try:
        return f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"
    except (OSError, ValueError):
        return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
