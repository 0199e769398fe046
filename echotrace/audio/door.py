"""Which files may be read at all, and the one open file object that hashing and decoding share.

A path is the user's text and may name anything: a pipe that never ends, a device, a folder. The
check comes before the first read, and everything after it reads the same open file, so that what
was hashed is what was decoded even when the name has moved on.
"""

from __future__ import annotations

import difflib
import errno
import hashlib
import os
import select
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from echotrace.audio.stop import ShouldStop, check, never
from echotrace.audio.temporary import temporary_file
from echotrace.errors import InputError, StorageError, UsageError
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["STDIN", "Recording", "open_recording"]

STDIN = "-"
"""The path that means standard input."""

_CHUNK = 1 << 20
_NAMES_LOOKED_AT = 2_000
_PATIENCE_MS = 100
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)


class Recording:
    """One open regular file, and what was true of it when it was opened.

    ``file`` is unbuffered; its position is shared by whoever reads it. Close it, or use ``with``.
    """

    def __init__(self, file: BinaryIO, *, path: str | os.PathLike[str], is_stdin: bool) -> None:
        self.file = file
        self.shown = STDIN if is_stdin else printable(path)
        self._path = None if is_stdin else path
        self._first = os.fstat(file.fileno())

    @property
    def fd(self) -> int:
        """The file descriptor, for libraries that read it themselves."""
        return self.file.fileno()

    @property
    def size_bytes(self) -> int:
        """The size when the file was opened."""
        return self._first.st_size

    @property
    def suffix(self) -> str:
        """The name's extension in small letters, with its dot; empty for standard input."""
        return "" if self._path is None else Path(self._path).suffix.lower()

    def head(self, count: int, offset: int = 0) -> bytes:
        """Return up to ``count`` bytes from ``offset`` without moving the position."""
        try:
            return os.pread(self.fd, count, offset)
        except OSError as error:
            raise _read_failed(self.shown, error) from None

    def sha256(self, should_stop: ShouldStop = never) -> str:
        """Hash the file as it was when it was opened; bytes appended since do not count.

        Raises:
            Stopped: ``should_stop`` said so.
        """
        digest = hashlib.sha256()
        left, offset = self.size_bytes, 0
        while left > 0:
            check(should_stop)
            piece = self.head(min(_CHUNK, left), offset)
            if not piece:
                break
            digest.update(piece)
            offset += len(piece)
            left -= len(piece)
        return digest.hexdigest()

    def changed(self) -> str | None:
        """Say how the file differs from the one that was opened, or None when it does not."""
        now, then = os.fstat(self.fd), self._first
        if now.st_size != then.st_size:
            verb = "grew" if now.st_size > then.st_size else "shrank"
            return f"it {verb} from {then.st_size:,} to {now.st_size:,} bytes"
        if now.st_mtime_ns != then.st_mtime_ns:
            return "it was written to"
        if self._path is None:
            return None
        try:
            named = Path(self._path).stat()
        except OSError:
            return "it was deleted"
        if (named.st_dev, named.st_ino) != (then.st_dev, then.st_ino):
            return "its name now belongs to another file"
        return None

    def close(self) -> None:
        """Close the file; may be called twice."""
        self.file.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_recording(
    path: str | os.PathLike[str],
    *,
    stdin: BinaryIO | None = None,
    max_bytes: int,
    should_stop: ShouldStop = never,
) -> Recording:
    """Open a regular file for reading, or take standard input for the path ``-``.

    Args:
        path: a file's path; symbolic links are followed.
        stdin: what ``-`` reads, by default the process's own standard input.
        max_bytes: the most that standard input may send.
        should_stop: asked while standard input is read, also while nothing comes.

    Raises:
        InputError: NOT_FOUND, IS_DIRECTORY, NOT_REGULAR, PERMISSION, EMPTY_FILE, NOT_OPENED,
            TOO_LARGE.
        UsageError: standard input is a terminal, or the path is empty.
        StorageError: there is no room to keep standard input.
        Stopped: ``should_stop`` said so.
    """
    if not os.fspath(path):
        raise UsageError("no recording was named", hint="echotrace analyze FILE", code="NO_FILE")
    if os.fspath(path) == STDIN:
        recording = _from_stdin(stdin, max_bytes, should_stop)
    else:
        recording = _from_path(path)
    if recording.size_bytes == 0:
        try:
            raise _empty(recording)
        finally:
            recording.close()
    return recording


def _from_path(path: str | os.PathLike[str]) -> Recording:
    flags = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    try:
        # Looked at first, because the mere opening of a device can have effects.
        _require_regular(path, Path(path).stat().st_mode)
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise _not_opened(path, error) from None
    file = os.fdopen(descriptor, "rb", buffering=0)
    try:
        _require_regular(path, os.fstat(descriptor).st_mode)
        return Recording(file, path=path, is_stdin=False)
    except BaseException:
        file.close()
        raise


def _require_regular(path: str | os.PathLike[str], mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    kind = next((name for test, name in _KINDS if test(mode)), "no regular file")
    if stat.S_ISDIR(mode):
        raise InputError(
            f"{printable(path)} is a directory",
            hint="name one recording in it; `echotrace benchmark` is for folders",
            code="IS_DIRECTORY",
        )
    raise InputError(
        f"{printable(path)} is {kind}, not a regular file",
        why="reading it might never end",
        hint="save the audio to a file, or pipe it in and name the file `-`",
        code="NOT_REGULAR",
    )


def _not_opened(path: str | os.PathLike[str], error: OSError | ValueError) -> InputError:
    shown = printable(path)
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOENT, errno.ENOTDIR) or number is None:
        return _not_found(path, shown)
    if number == errno.ELOOP:
        return InputError(
            f"{shown} cannot be found",
            why="its symbolic links go round in a circle",
            hint="name the recording itself",
            code="NOT_FOUND",
        )
    if number in (errno.EACCES, errno.EPERM):
        return InputError(
            f"{shown} may not be read",
            why="you lack the permission",
            hint="check the permissions of the file and its folders",
            code="PERMISSION",
        )
    if number in (errno.ENXIO, errno.ENODEV):
        return InputError(
            f"{shown} is not a regular file",
            why="reading it might never end",
            hint="save the audio to a file, or pipe it in and name the file `-`",
            code="NOT_REGULAR",
        )
    return InputError(f"{shown} cannot be opened", why=os.strerror(number), code="NOT_OPENED")


def _not_found(path: str | os.PathLike[str], shown: str) -> InputError:
    if "\0" not in os.fspath(path) and Path(path).is_symlink():
        return InputError(
            f"{shown} cannot be found",
            why="it is a symbolic link to a file that does not exist",
            hint="name the recording itself",
            code="NOT_FOUND",
        )
    if "://" in os.fspath(path):
        hint = "download the recording first and name the file"
    else:
        near = _nearest(Path(path))
        hint = f"did you mean {near}?" if near else "check the spelling and the folder"
    return InputError(f"{shown} does not exist", hint=hint, code="NOT_FOUND")


def _nearest(path: Path) -> str | None:
    names: list[str] = []
    try:
        with os.scandir(path.parent) as entries:
            for entry, _ in zip(entries, range(_NAMES_LOOKED_AT), strict=False):
                names.append(entry.name)
    except (OSError, ValueError):
        return None
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return printable(path.parent / near[0]) if near else None


def _empty(recording: Recording) -> InputError:
    if recording.head(1):
        return InputError(
            f"{recording.shown} is a virtual file of the system, not a recording",
            why="it has no size of its own",
            hint="save the audio to a regular file",
            code="NOT_REGULAR",
        )
    what = "standard input" if recording.shown == STDIN else recording.shown
    return InputError(
        f"{what} is an empty file" if recording.shown != STDIN else "standard input was empty",
        why="it has 0 bytes",
        hint="check the program that recorded or copied it",
        code="EMPTY_FILE",
    )


def _read_failed(shown: str, error: OSError) -> InputError:
    why = os.strerror(error.errno) if error.errno else str(error)
    return InputError(f"{shown} cannot be read", why=why, code="READ_FAILED")


def _from_stdin(stdin: BinaryIO | None, max_bytes: int, should_stop: ShouldStop) -> Recording:
    if stdin is None and sys.stdin is None:
        raise UsageError(
            "standard input is closed",
            hint="cat call.wav | echotrace analyze -",
            code="STDIN_IS_CLOSED",
        )
    source = sys.stdin.buffer if stdin is None else stdin
    if source.isatty():
        raise UsageError(
            "standard input is a terminal",
            why="`-` reads a recording from a pipe",
            hint="cat call.wav | echotrace analyze -",
            code="STDIN_IS_TERMINAL",
        )
    copy = temporary_file()
    try:
        _copy(source, copy, max_bytes, should_stop)  # type: ignore[arg-type]  # FileIO is one
        return Recording(copy, path=STDIN, is_stdin=True)  # type: ignore[arg-type]  # FileIO is one
    except BaseException:
        copy.close()
        raise


def _descriptor(source: BinaryIO) -> int | None:
    """Return what can be waited for; None where reading never waits, or cannot be asked."""
    if not hasattr(select, "poll"):
        return None
    try:
        return source.fileno()
    except (AttributeError, OSError):
        return None


def _pieces(source: BinaryIO, should_stop: ShouldStop) -> Iterator[bytes]:
    """Yield what comes as it comes: a writer that pauses must not hold up whoever wants to stop."""
    descriptor = _descriptor(source)
    # read() of a buffered stream waits until all that was asked for has come, read1() does not.
    read = source.read if descriptor is None else getattr(source, "read1", source.read)
    poll = None
    if descriptor is not None:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
    while True:
        check(should_stop)
        try:
            if poll is not None and not poll.poll(_PATIENCE_MS):
                continue
            piece = read(_CHUNK)
        except OSError as error:
            raise _read_failed("standard input", error) from None
        if not piece:
            return
        yield piece


def _copy(source: BinaryIO, target: BinaryIO, max_bytes: int, should_stop: ShouldStop) -> None:
    total = 0
    for piece in _pieces(source, should_stop):
        total += len(piece)
        if total > max_bytes:
            raise InputError(
                f"standard input sent more than {max_bytes:,} bytes",
                hint="raise --max-decoded-mib, or save the recording to a file",
                code="TOO_LARGE",
            )
        view = memoryview(piece)
        try:
            while view:
                view = view[target.write(view) :]
        except OSError as error:
            raise StorageError(
                "standard input cannot be kept in a temporary file",
                why=os.strerror(error.errno) if error.errno else str(error),
                hint="free some space, or set TMPDIR to a folder that has more",
                code="TEMP_FULL",
            ) from None
