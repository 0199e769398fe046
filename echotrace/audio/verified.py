"""A recording opened again: only while it is, byte for byte, the one that a report is about."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from echotrace.audio.door import open_recording
from echotrace.audio.reread import Rereader
from echotrace.audio.stop import never
from echotrace.errors import EchoTraceError, InputError

if TYPE_CHECKING:
    from echotrace.audio.door import Recording
    from echotrace.audio.stop import ShouldStop

__all__ = ["ANALYSE_AGAIN", "Verified"]

ANALYSE_AGAIN: Final = "analyse it again: echotrace analyze FILE"

_ESCAPED: Final = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})")


class Verified:
    """One open file whose content was hashed and found to be the expected; close it.

    The descriptor that was hashed is the one that is read, whatever becomes of the name.

    Args:
        path: the name as a report has it: printable, with escapes for what is not.
        sha256: what its content has to be.
        size_bytes: its size when it is known; another size is told without hashing.
        decoder: which decoder the analysis read it with.
        should_stop: asked while it is hashed.

    Raises:
        InputError: it is gone, may not be read, is no regular file, or its content is another
            (CHANGED).
        Stopped: ``should_stop`` said so.
    """

    def __init__(
        self,
        path: str,
        *,
        sha256: str,
        size_bytes: int | None = None,
        decoder: str | None = None,
        should_stop: ShouldStop = never,
    ) -> None:
        self._sha256 = sha256
        self._file = file = _opened(path)
        try:
            self._stat = self._now()
            if size_bytes is not None and file.size_bytes != size_bytes:
                raise _sized(file, size_bytes, file.size_bytes)
            self._require_hash(should_stop)
            self.reader = Rereader(file, decoder=decoder)
        except BaseException:
            file.close()
            raise

    def require_same(self, should_stop: ShouldStop = never) -> None:
        """Look whether the file was written to since; one that was only touched is hashed again.

        Raises:
            InputError: its content is another now (CHANGED).
            Stopped: ``should_stop`` said so.
        """
        now = self._now()
        if now == self._stat:
            return
        if now[0] != self._stat[0]:
            raise _sized(self._file, self._stat[0], now[0])
        self._require_hash(should_stop)
        self._stat = now

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()

    def _now(self) -> tuple[int, int]:
        found = os.fstat(self._file.fd)
        return found.st_size, found.st_mtime_ns

    def _require_hash(self, should_stop: ShouldStop) -> None:
        if self._file.sha256(should_stop) != self._sha256:
            raise _changed(self._file, "its content (sha256) is another")


def _opened(path: str) -> Recording:
    try:
        return open_recording(path, max_bytes=0)
    except InputError as error:
        name = os.fsdecode(_ESCAPED.sub(_unescaped, path).encode("utf-8", "surrogateescape"))
        if error.code == "NOT_FOUND" and name != path:
            with suppress(EchoTraceError):
                return open_recording(name, max_bytes=0)
        raise


def _unescaped(match: re.Match[str]) -> str:
    number = int(next(filter(None, match.groups())), 16)
    if match[1] and number >= 0x80:
        number += 0xDC00  # stands for a byte that is no UTF-8
    # A half of a surrogate pair cannot stand in a name, nor can what lies behind Unicode's end.
    lone = 0xD800 <= number < 0xDC80 or 0xDD00 <= number < 0xE000
    return match[0] if lone or number > 0x10FFFF else chr(number)


def _sized(file: Recording, then: int, now: int) -> InputError:
    return _changed(file, f"it had {then:,} bytes and has {now:,}")


def _changed(file: Recording, why: str) -> InputError:
    return InputError(
        f"{file.shown} has changed since it was analysed",
        why=why,
        hint=ANALYSE_AGAIN,
        code="CHANGED",
    )
