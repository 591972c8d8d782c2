"""Processes that count combinations, each a python of its own that is told what to do.

Not `multiprocessing`: it runs the caller's main module again, and copies of a process that has threads may hang.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import Any

from archspec.diagnostics import spec_error
from archspec.sweeps.count import Job, Row

PER_PROCESS = 40
"""Combinations that are worth the start of another process."""
_CHUNK = 200  # combinations at most that a process is given at once

Found = Row | BaseException | None


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def most() -> int:
    """Processes that may be asked for: more would only take memory, until there is none."""
    return 4 * cores()


def count(job: Job, order: Sequence[int], jobs: int) -> Generator[Row]:
    """The combinations, counted by so many processes, as they come. Closing it ends the processes.

    Raises what a process raises, and SpecError when one of them dies.
    """
    size = max(1, min(_CHUNK, -(-len(order) // (4 * jobs))))
    chunks: queue.SimpleQueue[Sequence[int]] = queue.SimpleQueue()
    for start in range(0, len(order), size):
        chunks.put(order[start : start + size])
    found: queue.SimpleQueue[Found] = queue.SimpleQueue()
    workers = [_start() for _ in range(jobs)]
    threads = [threading.Thread(target=_feed, args=(worker, job, chunks, found), daemon=True) for worker in workers]
    try:
        for thread in threads:
            thread.start()
        left = len(threads)
        while left:
            item = found.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                left -= 1
            else:
                yield item
    finally:
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.wait()
        for thread in threads:
            thread.join()
        for worker in workers:
            for pipe in (worker.stdin, worker.stdout):
                if pipe is not None:
                    with suppress(OSError):  # what was not sent can go nowhere
                        pipe.close()


def _start() -> subprocess.Popen[bytes]:
    """A process that finds what this one would import, and that a Ctrl-C at the terminal does not reach."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from archspec.sweeps.worker import serve; serve()"
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )


def _feed(
    worker: subprocess.Popen[bytes], job: Job, chunks: queue.SimpleQueue[Sequence[int]], found: queue.SimpleQueue[Found]
) -> None:
    """Gives a process one chunk after the other, and hands on what it finds."""
    assert worker.stdin is not None and worker.stdout is not None
    try:
        _send(worker.stdin, job)
        while True:
            try:
                chunk = chunks.get_nowait()
            except queue.Empty:
                break
            _send(worker.stdin, chunk)
            for _ in chunk:
                item: Row | BaseException = pickle.load(worker.stdout)
                found.put(item)
                if isinstance(item, BaseException):
                    return
        found.put(None)
    except (EOFError, OSError, pickle.UnpicklingError):
        message = f"a process of the sweep has ended by itself (exit code {worker.wait()})"
        found.put(spec_error("bad-call", message, None, help="use fewer with `--jobs`, if memory is short"))


def _send(pipe: Any, what: object) -> None:
    pickle.dump(what, pipe)
    pipe.flush()
