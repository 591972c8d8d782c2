"""The command line: a file a command, each nothing but arguments, calls and printing."""

from archspec.cli.main import main

__all__ = ["main"]
