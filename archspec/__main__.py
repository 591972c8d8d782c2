"""`python -m archspec`, and the command `archspec`."""

import sys
from typing import NoReturn


def entry() -> NoReturn:
    """The command line. Importing it takes a while, in which Ctrl-C is to end the process as quietly as later on."""
    try:
        from archspec import cli

        cli.entry()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    entry()
