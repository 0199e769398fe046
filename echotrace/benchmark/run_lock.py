"""Holding a run file, so that two runs never write into one."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from echotrace.errors import StorageError
from echotrace.printable import printable

__all__ = ["lock", "locked"]


def locked(path: Path) -> int | None:
    """Open a file and hold it until it is closed; None where there is none.

    Raises:
        StorageError: another process holds it.
        OSError: it cannot be opened for writing.
    """
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        try:
            lock(descriptor, path)
            held, named = os.fstat(descriptor), path.stat()
        except FileNotFoundError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        if (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino):
            return descriptor
        os.close(descriptor)  # its run ended meanwhile, and put a new file in its place


def lock(descriptor: int, path: Path) -> None:
    """Hold an open file.

    Raises:
        StorageError: another process holds it; it is named where the system tells which.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(descriptor)
        raise StorageError(
            f"{printable(path)} is being written by another run",
            why=f"process {holder} holds it" if holder else "another process holds it",
            hint="wait for that run, or name another file with --output",
            code="RUN_IN_USE",
        ) from None
    except OSError:
        return  # a network folder that knows no locks


def _holder(descriptor: int) -> int | None:
    """Return the process that holds the file, where the system tells (Linux)."""
    status = os.fstat(descriptor)
    inode = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with suppress(OSError, ValueError):
        for line in Path("/proc/locks").read_text("ascii").splitlines():
            words = line.split()
            if len(words) > 5 and words[1] == "FLOCK" and words[5] == inode:
                return int(words[4])
    return None
