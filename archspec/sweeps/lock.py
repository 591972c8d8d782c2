"""A file that one process at a time has for itself; the system lets go of it when it is closed, however that ends."""

from __future__ import annotations

import sys
from typing import BinaryIO


class Locked(Exception):
    """Another one has the file."""


if sys.platform == "win32":
    import msvcrt
    import os

    _FAR = 1 << 30  # a byte that no file has: what is locked cannot be read

    def lock(file: BinaryIO) -> None:
        """Takes a file until it is closed. Raises Locked."""
        os.lseek(file.fileno(), _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            raise Locked from None

else:
    import fcntl

    def lock(file: BinaryIO) -> None:
        """Takes a file until it is closed. Raises Locked."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked from None
        except OSError:
            pass  # some network folders have no locks
