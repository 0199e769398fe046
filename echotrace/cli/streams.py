"""stdout is the result, stderr tells the story: who may write where.

While a run is on, file descriptor 1 points at stderr, so that whatever a library or a contributor's
analyzer prints cannot mix with the result.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from echotrace.printable import printable_line

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "discard_output",
    "own_streams",
    "reserve_stdout",
    "result_stream",
    "tell",
    "tell_error",
    "tell_traceback",
]

_RESERVED: list[TextIO] = []


def own_streams() -> None:
    """Open standard streams that were closed on the null device, before a file takes their place.

    Without this a descriptor that is opened later gets the number of a closed stream, and what a
    library prints ends up in it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def tell(text: str) -> None:
    """Write one line to stderr; a closed stderr is no reason to fail."""
    with suppress(OSError, ValueError, AttributeError):
        encoding = sys.stderr.encoding or "ascii"
        indent = text[: len(text) - len(text.lstrip(" "))]
        line = printable_line(text).encode(encoding, "backslashreplace").decode(encoding)
        sys.stderr.write(f"{indent}{line}\n")
        sys.stderr.flush()


def tell_error(what: str, *, why: str = "", hint: str = "") -> None:
    """Write what happened, why, and what to try, a line each."""
    tell(f"echotrace: error: {what}")
    if why:
        tell(f"  why: {why}")
    if hint:
        tell(f"  try: {hint}")


@contextmanager
def reserve_stdout() -> Iterator[TextIO]:
    """Give the caller the real stdout and everybody else stderr, at the level of descriptors."""
    sys.stdout.flush()
    original = sys.stdout
    private = os.dup(1)
    stream = os.fdopen(private, "w", encoding=original.encoding, errors="backslashreplace")
    spare = os.dup(private)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    _RESERVED.append(stream)
    try:
        yield stream
    finally:
        _RESERVED.remove(stream)
        sys.stdout = original
        os.dup2(spare, 1)
        os.close(spare)
        with suppress(OSError):
            stream.close()


def result_stream() -> TextIO:
    """Return the real stdout, whether somebody has reserved it or not."""
    return _RESERVED[-1] if _RESERVED else sys.stdout


def discard_output() -> None:
    """Point stdout at nothing, so that the interpreter's last flush meets no closed pipe."""
    null = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError):
        os.dup2(null, 1)
    os.close(null)


def tell_traceback(error: BaseException) -> None:
    """Tell the traceback of an error on stderr, without keys."""
    import traceback

    from echotrace.providers.known_secrets import known_secrets
    from echotrace.providers.scrub import scrub

    text = "".join(traceback.format_exception(error))
    for line in scrub(text, known_secrets()).splitlines():
        tell(line)
