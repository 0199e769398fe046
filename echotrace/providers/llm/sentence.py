"""The first sentence of an answer while it streams: what a speech synthesiser can start with.

The rule is small on purpose, so that it can be told in one breath. A sentence ends at a full stop,
an exclamation mark, a question mark or an ellipsis, with closing quotes and brackets after it, once
white space follows; at the wide marks of Chinese and Japanese at once, for these put no space; at
an empty line; after 1,000 characters; and at the end of the answer. No end is the full stop of an
abbreviation (``Mr.``, ``e.g.``), of a single letter (``J. Smith``), of a number at the very
beginning (``1. Block the card``), or one that no space follows (``3.5``, ``$4.20``). Whether a
mark is the end is known only with the character after it, as it is to any pipeline that cuts a
stream.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["FirstSentence"]

_CLOSERS: Final = "\"'\u201d\u2019\u00bb)]}*_"
_WIDE_MARKS: Final = "\u3002\uff01\uff1f\uff61"
_END: Final = re.compile(
    rf"(?P<plain>[.!?\u2026]+[{re.escape(_CLOSERS)}]*)(?=\s)"
    rf"|(?P<wide>[{_WIDE_MARKS}])"
    r"|(?P<blank>\n[ \t]*\n)"
)
_LAST_WORD: Final = re.compile(r"[^\s\"'\u201c\u2018\u00ab(\[{*_]*$")
_ABBREVIATIONS: Final = frozenset(
    "mr mrs ms mx dr prof rev st sr jr nr vs etc approx dept ext tel inc ltd corp "  # noqa: SIM905 - a list of 45 words is better read as a text
    "e.g i.e a.m p.m eg ie u.s u.k jan feb apr aug sept oct nov dec "
    "z.b d.h bzw ca usw hr fr sra srta mme mlle".split()
)
_BEFORE_CAPITAL: Final = frozenset(("etc", "a.m", "p.m", "u.s", "u.k", "inc", "ltd", "corp", "usw"))
"""Abbreviations that often end a sentence as well: they do before a capital letter."""
_BEFORE_DIGIT: Final = frozenset(("no", "nos"))
"""Words of their own, which are abbreviations before a digit."""
_LONGEST: Final = 1000


class FirstSentence:
    """Takes an answer piece by piece and tells when its first sentence is whole."""

    def __init__(self) -> None:
        self._text = ""
        self._from = 0
        self.found: str | None = None

    def feed(self, piece: str) -> bool:
        """Take the next piece; True when it made the sentence whole."""
        if self.found is not None:
            return False
        self._text += piece[: _LONGEST - len(self._text)]
        for match in _END.finditer(self._text, self._from):
            verdict = self._ends(match)
            if verdict is None:
                self._from = match.start()
                break
            if verdict:
                self.found = self._text[: match.end()].strip()
                return True
        else:
            self._from = max(self._from, self._resume())
        return len(self._text) >= _LONGEST and self.finish()

    def finish(self) -> bool:
        """End the answer; True when what there is became the first sentence by that."""
        if self.found is None and self._text.strip():
            self.found = self._text.strip()
            return True
        return False

    def _ends(self, match: re.Match[str]) -> bool | None:
        """Whether the sentence ends here; None when the next characters must be waited for."""
        before = self._text[: match.start()]
        if not before.strip():
            return False
        if match["plain"] is None or match["plain"][0] != ".":
            return True
        word = _first(_LAST_WORD, before)
        if before.strip().isdigit():
            return False
        if len(word) == 1 and word.isalpha() and word != "I":
            return False
        lowered = word.lower()
        if lowered not in _ABBREVIATIONS | _BEFORE_DIGIT:
            return True
        if lowered in _ABBREVIATIONS - _BEFORE_CAPITAL:
            return False
        following = self._text[match.end() :].lstrip()[:1]
        if not following:
            return None
        return following.isupper() if lowered in _BEFORE_CAPITAL else not following.isdigit()

    def _resume(self) -> int:
        """Return from where an end can still begin: the marks at the very end, or the last line."""
        tail = re.search(r"[.!?\u2026]+[^\w\s]*$|\n[ \t]*$", self._text)
        return tail.start() if tail else len(self._text)


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[0] if found else ""
