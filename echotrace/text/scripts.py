"""Which scripts are written without spaces between words, so that characters are the unit."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["holds_unspaced", "writes_without_spaces"]

_UNSPACED: Final = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese
    "\u1780-\u17ff\u19e0-\u19ff"  # Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Kana
    "\u3100-\u312f\u31a0-\u31bf"  # Bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "]+"
)


def holds_unspaced(text: str) -> bool:
    """Whether any letter is of a script that puts no spaces between words."""
    return _UNSPACED.search(text) is not None


def writes_without_spaces(text: str) -> bool:
    """Whether more than half of a text's letters are Han, Kana, Thai, Lao, Khmer or Burmese.

    Korean is not among them: it puts spaces between its words.
    """
    letters = sum(map(str.isalpha, text))
    unspaced = sum(sum(map(str.isalpha, run)) for run in _UNSPACED.findall(text))
    return 2 * unspaced > letters
