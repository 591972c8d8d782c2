"""The command line: a file a command, each nothing but arguments, calls and printing."""

import gc
import os
import sys
from pathlib import Path
from typing import NoReturn

from archspec.cli.postponed import postpone_metadata
from archspec.objects import uncollected

# Before pydantic is imported: it would ask every installed package whether it is a plugin.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
postpone_metadata()

with uncollected(kept=True):
    from archspec.cli.main import main

__all__ = ["entry", "main"]


def entry() -> NoReturn:
    """The whole life of a process: `main`, without the collector of cyclic garbage, whose last search alone takes a
    tenth of a short run."""
    gc.disable()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the shell, `>&-`: nobody wants to read it
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  # to the end of the process
    code = main()
    gc.freeze()
    sys.exit(code)
