"""Server-sent events, taken apart as their bytes come.

The format is the living standard's (https://html.spec.whatwg.org/multipage/server-sent-events.html):
lines end with CR, LF or both, ``data:`` may stand on several lines and before a blank or none, a
line that begins with a colon is a comment, and an empty line ends an event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SseReader"]

_BOM = b"\xef\xbb\xbf"


class SseReader:
    """Gives the data of each event as soon as its last byte is there."""

    def __init__(self) -> None:
        self._rest = b""
        self._skip_lf = False
        self._first = True
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the data of the events that ``piece`` ends; those without data are left out."""
        if not piece:
            return
        if self._skip_lf and piece.startswith(b"\n"):
            piece = piece[1:]
        self._skip_lf = piece.endswith(b"\r") if piece else False
        lines = (self._rest + piece).splitlines(keepends=True)  # bytes: at CR and LF alone
        self._rest = b""
        for line in lines:
            if not line.endswith((b"\n", b"\r")):
                self._rest = line
                return
            yield from self._line(line.rstrip(b"\r\n"))

    def end(self) -> Iterator[bytes]:
        """Yield an event whose lines came whole although the empty line after them did not."""
        yield from self._line(b"")

    def _line(self, line: bytes) -> Iterator[bytes]:
        if self._first:
            line, self._first = line.removeprefix(_BOM), False
        if not line:
            data, self._data = self._data, []
            if data:
                yield b"\n".join(data)
            return
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
