"""Characters that nobody says or sees, and the digits of other scripts: first in any language."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["ascii_digits", "without_invisible"]

_INVISIBLE: Final = re.compile(
    "["
    "\u00ad\u061c\u06dd\u070f\u08e2\u180e\ufeff\U000110bd\U000110cd\U000e0001"
    "\u0600-\u0605\u0890\u0891\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufff9-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0020-\U000e007f"
    "\u034f\u17b4\u17b5\u180b-\u180d\ufe00-\ufe0f\U000e0100-\U000e01ef"  # variants of a letter
    "]"
)
"""Unicode's category Cf less the joiners, and marks that only choose a form of the same letter."""
_TERMINAL_CODE: Final = re.compile("\x1b\\[[0-9;?]*[@-~]")
_JOINERS: Final = re.compile("[\u200c\u200d]+")
_NON_JOINER: Final = "\u200c"
_OTHER_DIGITS: Final = re.compile(r"(?![0-9])\d")
_WIDE_SIGNS: Final = str.maketrans(
    "\uff04\uff05\uff0b\uff0c\uff0d\uff0e\uff0f\uff1a\uffe0\uffe1", "$%+,-./:\u00a2\u00a3"
)
_VIRAMA: Final = 9
"""The combining class of the sign that takes the vowel from a letter of an Indic script."""


def without_invisible(text: str) -> str:
    """Drop soft hyphens, byte order marks, zero-width spaces and marks of direction.

    A joiner stays where it makes another word of the letters: between Arabic letters, as in
    Persian, and beside the virama of an Indic script. A terminal's codes for colour go too.
    """
    text = _TERMINAL_CODE.sub("", text)
    if text.isascii():
        return text
    return _JOINERS.sub(_kept, _INVISIBLE.sub("", text))


def _kept(found: re.Match[str]) -> str:
    joiner = found[0][0]
    text, begin, end = found.string, found.start(), found.end()
    before, after = text[max(0, begin - 1) : begin], text[end : end + 1]
    if any(map(_is_virama, (before, after))):
        return joiner
    return joiner if joiner == _NON_JOINER and _is_arabic(before) and _is_arabic(after) else ""


def _is_virama(char: str) -> bool:
    return bool(char) and unicodedata.combining(char) == _VIRAMA


def _is_arabic(char: str) -> bool:
    return "\u0620" <= char <= "\u08ff" and unicodedata.category(char)[0] in "LM"


def ascii_digits(text: str) -> str:
    """Write the digits of every script as 0 to 9, and the full-width signs beside them as such."""
    if text.isascii():
        return text
    return _OTHER_DIGITS.sub(_as_ascii, text.translate(_WIDE_SIGNS))


def _as_ascii(found: re.Match[str]) -> str:
    return str(unicodedata.decimal(found[0]))
