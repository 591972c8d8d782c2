"""What a process of `archspec.sweeps.pool` does: it reads a job, then lists of combinations, and writes rows."""

from __future__ import annotations

import os
import pickle
import sys
from contextlib import suppress
from typing import Any

from archspec.objects import uncollected
from archspec.sweeps.count import Counter, Job


def serve() -> None:
    """Until there is nothing more to read, or nobody who reads: whoever started it is content, or gone."""
    source = sys.stdin.buffer
    with suppress(OSError), os.fdopen(os.dup(sys.stdout.fileno()), "wb") as sink:  # closing it may write, too
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what an op prints is no row
        try:
            job: Job = pickle.load(source)
            counter = Counter(job)
            while True:
                with uncollected():  # once for many combinations: what each leaves to the collector is little
                    for index in pickle.load(source):
                        _send(sink, counter.row(index))
        except EOFError:
            return
        except BaseException as error:
            _send(sink, error)


def _send(sink: Any, what: object) -> None:
    pickle.dump(what, sink)
    sink.flush()
