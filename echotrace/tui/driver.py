"""The terminal as the app writes to it: its own descriptor, its encoding, and gone when it is gone.

Textual writes to stderr. Here the app gets a private copy of the terminal, so that neither a
redirected stderr nor whatever an engine prints can reach the screen.
"""

from __future__ import annotations

import codecs
import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from rich.cells import cell_len
from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["REPLACE", "driver_for", "terminal_stream"]

REPLACE = "echotrace-draw"
"""The codec error handler that keeps a drawing readable where the encoding lacks its characters."""

_DRAWN = {
    **dict.fromkeys("─╌┄┈▁▂▃▔‾", "-"),
    **dict.fromkeys("━═╍┅┉", "="),
    **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼┏┓┗┛╔╗╚╝", "+"),
    **dict.fromkeys("│┃║┆┇┊┋▏▎▍▕▌▐╎╏", "|"),
    **dict.fromkeys("█▇▆▅▄▀▉▊▋■▪", "#"),
    **dict.fromkeys("░▒▓·•", "."),
    "…": "~",
    "▶": ">",
    "▼": "v",
    "▲": "^",
    "●": "*",
    "○": "o",
    "✓": "+",
    "✗": "x",
    "⏎": "<",
}


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_DRAWN.get(char, "?" * cell_len(char)) for char in lost), error.end


class _Terminal(io.TextIOWrapper):
    """Swallows what a terminal that was closed no longer takes."""

    def write(self, text: str) -> int:
        """Write, or drop."""
        with suppress(OSError, ValueError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or drop."""
        with suppress(OSError, ValueError):
            super().flush()


def terminal_stream(descriptor: int, encoding: str) -> TextIO:
    """Open a text stream on a descriptor, which it then owns."""
    codecs.register_error(REPLACE, _replace)
    raw = io.FileIO(descriptor, "w")
    return _Terminal(io.BufferedWriter(raw), encoding=encoding, errors=REPLACE, newline="")


def driver_for(stream: TextIO) -> type[LinuxDriver]:
    """Return a driver that writes to this stream and asks it for the terminal's size."""

    class TerminalDriver(LinuxDriver):
        """Textual's driver on a terminal of its own."""

        def __init__(self, app: Any, **options: Any) -> None:
            super().__init__(app, **options)
            self._file = cast("Any", stream)

        def _get_terminal_size(self) -> tuple[int, int]:
            try:
                size = os.get_terminal_size(stream.fileno())
            except (OSError, ValueError):
                return 80, 24
            return size.columns or 80, size.lines or 24

    return TerminalDriver
