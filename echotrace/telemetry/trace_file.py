"""A file of JSON Lines that a live agent writes to, and that can do the agent no harm."""

from __future__ import annotations

import json
import math
import os
import threading
import weakref
from typing import Any, Final

__all__ = ["TraceFile"]

_DEPTH: Final = 8
_LONGEST_TEXT: Final = 10_000


class TraceFile:
    """Appends objects, each handed to the system as one line before ``write`` returns.

    ``lost`` counts the lines that could not be written; the first of them is told by a warning of
    the standard library's logging, and writing goes on when there is room again. No method raises.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.lost = 0
        self._lock = threading.RLock()
        self._told: set[str] = set()
        self._is_torn = False
        """Whether the last line in the file is not whole."""
        self._file: int | None = None
        self._finalize: Any = None
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            self._file = os.open(path, flags, 0o600)
        except (OSError, ValueError) as error:
            self.tell("write", f"the trace {path!r} cannot be written: {error}")
            return
        self._finalize = weakref.finalize(self, os.close, self._file)

    def write(self, line: dict[str, Any]) -> None:
        """Append one object; what JSON cannot hold stands in it as text, NaN as null."""
        try:
            text = json.dumps(_plain(line, _DEPTH), allow_nan=False, separators=(",", ":"))
            data = text.encode("ascii") + b"\n"
        except Exception as error:  # noqa: BLE001 - an attribute whose __str__ raises, say
            with self._lock:
                self.lost += 1
            self.tell("line", f"a line of the trace was lost: {type(error).__name__}")
            return
        with self._lock:
            if self._file is None:
                self.lost += 1
                return
            rest = b"\n" + data if self._is_torn else data
            try:
                while rest:
                    written = os.write(self._file, rest)
                    self._is_torn = written < len(rest)
                    rest = rest[written:]
            except OSError as error:
                self.lost += 1
                self.tell("write", f"the trace {self.path!r} cannot be written: {error.strerror}")

    def tell(self, about: str, message: str) -> None:
        """Warn once about each thing."""
        with self._lock:
            if about in self._told:
                return
            self._told.add(about)
        import logging

        logging.getLogger(__name__).warning("%s", message)

    def close(self) -> None:
        """Close the file; what is written later is lost and counted."""
        with self._lock:
            self._file = None
            if self._finalize is not None:
                self._finalize()


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value[:_LONGEST_TEXT]
    if depth > 0 and isinstance(value, dict):
        return {str(key)[:_LONGEST_TEXT]: _plain(item, depth - 1) for key, item in value.items()}
    if depth > 0 and isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth - 1) for item in value]
    return str(value)[:_LONGEST_TEXT]
