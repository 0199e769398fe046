"""Files whole or not at all: small ones read with suspicion, and written in one piece."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from echotrace.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_target", "read_regular", "write_bytes", "write_text"]


def read_regular(path: str | os.PathLike[str], *, limit: int) -> bytes:
    """Return the first ``limit + 1`` bytes of a regular file, so that one too many shows.

    A pipe or a device is refused, not waited for.

    Raises:
        OSError: it cannot be read; ``strerror`` says why in words.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except ValueError:  # a NUL byte
        raise OSError(errno.EINVAL, "the name cannot be opened") from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return file.read(limit + 1)


def check_target(path: Path, *, force: bool, inputs: Sequence[str] = ()) -> None:
    """Refuse before the run what would fail after it, and what would destroy what it reads.

    Raises:
        UsageError: the file exists and ``force`` is off; it is a folder, or one of ``inputs``.
        StorageError: its folder is missing or cannot be written.
    """
    try:
        _check_target(path, force=force, inputs=inputs)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None


def _check_target(path: Path, *, force: bool, inputs: Sequence[str]) -> None:
    if str(path) == "-":
        raise UsageError("--output names a file", hint="--json prints the report to stdout")
    if path.is_dir():
        raise UsageError(f"{path} is a folder", hint="name a file, such as report.json")
    for name in inputs:
        if path.exists() and Path(name).exists() and path.samefile(name):
            raise UsageError(
                f"{path} is read by this run and cannot be its output",
                hint="name another file",
                code="OUTPUT_IS_INPUT",
            )
    if _is_special(path):
        return
    if (path.exists() or path.is_symlink()) and not force:
        raise UsageError(
            f"{path} exists already", hint="pass --force to replace it", code="OUTPUT_EXISTS"
        )
    if not path.parent.is_dir():
        raise StorageError(
            f"{path} cannot be written",
            why=f"there is no folder {path.parent}",
            hint=f"mkdir -p {path.parent}",
        )
    if not os.access(path.parent, os.W_OK):
        raise StorageError(f"{path} cannot be written", why=f"{path.parent} is not writable")


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: a temporary file beside it, then a rename.

    Raises:
        StorageError: the disk is full, or the folder cannot be written.
    """
    try:
        if _is_special(path):
            _write_special(path, text)
            return
    except OSError as error:
        raise _unwritable(path, error) from error
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: a temporary file beside it, then a rename.

    Raises:
        StorageError: the disk is full, or the folder cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise _unwritable(path, error) from error


def _write_special(path: Path, text: str) -> None:
    """Write to a device or a pipe; one that nobody reads is an error and not a wait for ever."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)


def _unwritable(path: Path, error: OSError | ValueError) -> StorageError:
    reason = getattr(error, "strerror", None) or str(error)
    return StorageError(f"{path} cannot be written", why=reason)


def _is_special(path: Path) -> bool:
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
