"""Which command is called, and what each way of ending means to the shell."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from errno import EDQUOT, EFBIG, EIO, ENAMETOOLONG, ENOSPC, EROFS
from importlib import import_module
from itertools import pairwise
from typing import NoReturn, Protocol, cast

import archspec
from archspec.cli.outcome import BUG, CALL_IS_WRONG, INTERRUPTED, PIPE_CLOSED, exit_code
from archspec.cli.terminal import print_diagnostics
from archspec.diagnostics import Diagnostic, SpecError, did_you_mean, nearest, spec_error


class Command(Protocol):
    """A module of this package. `run` returns the exit code."""

    @property
    def HELP(self) -> str: ...  # noqa: N802

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


COMMANDS = {
    "build": "build",
    "check": "check",
    "summary": "summary",
    "compare": "compare",
    "diff": "diff",
    "sweep": "sweep",
    "rf": "rf",
    "diagram": "diagram",
    "report": "report",
    "export": "export",
    "list": "list_specs",
    "new": "new",
    "schema": "schema",
}
"""Commands, and the modules of this package that they are; only that of the command called is imported."""

DISK_SAYS_NO = {ENOSPC, EDQUOT, EFBIG, EIO, EROFS, ENAMETOOLONG}
"""Errors that only who writes meets; of a name too long to read it is said that there is no such file."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0; 1 the spec is wrong; 2 the call is wrong; 3 archspec is wrong."""
    try:
        words = sys.argv[1:] if argv is None else argv
        args = _parsed(words)
        code = _command(args.command).run(args)
        sys.stdout.flush()
        return code
    except SpecError as error:
        print_diagnostics(error.diagnostics)
        return exit_code(error.diagnostics)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader has left: `archspec summary resnet50 | head`
        _leave_stdout()
        return PIPE_CLOSED
    except OSError as error:
        unwritten = _unwritten(error)
        if unwritten is None:
            _report_bug(error)
            return BUG
        _leave_stdout()
        print_diagnostics([unwritten])
        return CALL_IS_WRONG
    except Exception as error:
        _report_bug(error)
        return BUG


class _CallError(Exception):
    """What the parser says of a call."""

    def __init__(self, message: str, command: str) -> None:
        super().__init__(message)
        self.message = message
        self.command = command


class _Parser(argparse.ArgumentParser):
    """Leaves it to others how mistakes look."""

    def error(self, message: str) -> NoReturn:
        raise _CallError(message, self.prog)


class _Version(argparse.Action):
    """Reads the package's metadata only when it is asked to, which takes long."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(f"archspec {archspec.__version__}")
        raise SystemExit(0)


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    """The call. Mistakes in it look as those in a spec."""
    called = _called(words)
    parser, commands = _parsers(COMMANDS if called is None else [called])
    try:
        args, unknown = parser.parse_known_args(words)
    except _CallError as error:
        help = _with_dash(error.message, words) or f"see `{error.command} --help`"
        raise spec_error("bad-call", error.message, help=help) from None
    if unknown:
        option = unknown[0].partition("=")[0]
        help = _instead(option, commands[args.command].format_help()) if option.startswith("-") else None
        message = f"`archspec {args.command}` takes no `{option}`"
        raise spec_error("bad-call", message, help=help or f"see `archspec {args.command} --help`")
    return args


def _with_dash(message: str, words: Sequence[str]) -> str | None:
    """The way to write a value that starts as an option does: `--sort -params`."""
    found = re.fullmatch(r"argument (\S+): expected one argument", message)
    options = found[1].split("/") if found is not None else []
    values = (after for word, after in pairwise(words) if word in options)
    value = next((value for value in values if re.match("-[^-]", value)), None)
    return None if value is None else f"write `{options[-1]}={value}`"


def _instead(option: str, help: str) -> str | None:
    """What a command takes, as its help has it, in place of an option that does not exist."""
    formats = re.search(r"--format \{([\w,]+)\}", help)
    if formats is not None and option[2:] in formats[1].split(","):
        return f"write `--format {option[2:]}`"
    options = sorted(set(re.findall(r"--([a-z][\w-]*)", help)) - {"help"})
    close = nearest(option[2:], options)  # what all of them begin with makes none alike
    if close is not None:
        return f"did you mean `--{close}`?"
    return f"choose one of {', '.join(f'`--{name}`' for name in options)}" if options else "it takes no options"


def _parsers(names: Iterable[str]) -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """That of the whole call, and those of some commands."""
    parser = _Parser(
        prog="archspec", description="Describe a neural network as a YAML graph; get its module, shapes and costs.",
        epilog="Exit codes: 0 all is well, 1 the spec is wrong, 2 the call is wrong, 3 archspec is wrong.",
        allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title="commands", parser_class=_Parser
    )
    for name in names:
        command = _command(name)
        command.add_arguments(
            commands.add_parser(name, help=command.HELP, description=command.HELP, allow_abbrev=False)
        )
    return parser, commands.choices


def _called(words: Sequence[str]) -> str | None:
    """The command. Names the closest one where there is no such; argparse would list them all."""
    name = next((word for word in words if not word.startswith("-")), None)
    if name is not None and name not in COMMANDS:
        raise spec_error("bad-call", f"no command `{name}`", help=did_you_mean(name, COMMANDS) or _all())
    return name


def _all() -> str:
    return f"choose one of {', '.join(f'`{name}`' for name in COMMANDS)}"


def _command(name: str) -> Command:
    return cast(Command, import_module(f"archspec.cli.{COMMANDS[name]}"))


def _unwritten(error: OSError) -> Diagnostic | None:
    """What the system says of output that it does not take. None for an error of another kind.

    One without a file is that of a stream that is open: the output.
    """
    if not error.strerror or (error.filename is not None and error.errno not in DISK_SAYS_NO):
        return None
    place = "the output" if error.filename is None else f"`{error.filename}`"
    return Diagnostic("cannot-write", f"cannot write {place}: {error.strerror.lower()}")


def _leave_stdout() -> None:
    """What is still to be written has nowhere to go; the interpreter would try it again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report_bug(error: Exception) -> None:
    print(f"internal error: {type(error).__name__}: {error}", file=sys.stderr)
    print("this is a bug in archspec, not in your spec: please report it, with the spec", file=sys.stderr)
    if os.environ.get("ARCHSPEC_DEBUG"):
        import traceback

        traceback.print_exception(error)
    else:
        print("set ARCHSPEC_DEBUG=1 to see the traceback", file=sys.stderr)
