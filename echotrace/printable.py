"""Foreign text made safe to show: it may neither move a cursor nor forge a line.

A leaf module beside the errors, because every room quotes names that are somebody else's.
"""

from __future__ import annotations

import os

__all__ = ["printable", "printable_line"]

_JOINERS = "\u200c\u200d"
"""Zero-width, but part of how words and emoji are written."""


def printable(name: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str:
    r"""Return a name as text that is safe to show and to store as UTF-8.

    Bytes that are no UTF-8 and control characters stand as ``\xNN``, other characters that are
    invisible, or reorder or break a line, as ``\uNNNN``.
    """
    text = os.fsdecode(name)
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_printable_character, text))


def printable_line(text: str) -> str:
    """Return text as one printable line, its line breaks and runs of blanks folded to one blank."""
    return printable(" ".join(text.split()))


def _printable_character(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        number -= 0xDC00
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
