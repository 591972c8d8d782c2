"""What each way of ending means to the shell."""

from __future__ import annotations

from collections.abc import Sequence

from archspec.diagnostics import Diagnostic

SPEC_IS_WRONG, CALL_IS_WRONG, BUG, INTERRUPTED, PIPE_CLOSED = 1, 2, 3, 130, 141


def exit_code(diagnostics: Sequence[Diagnostic]) -> int:
    """0 where there are none. Where nothing points into a file, a path, a name or a value of the call is wrong."""
    if not diagnostics:
        return 0
    given = all(found.span is None or found.span.source.name.endswith("=") for found in diagnostics)
    return CALL_IS_WRONG if given else SPEC_IS_WRONG
