"""On which line of a TOML document each key stands.

The parsers of the standard library and of tomli give no positions of keys, and an error without a
line number makes a person search. This walks over a document that a parser has already accepted,
so it only has to find where things end, never whether they are right.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from contextlib import suppress

__all__ = ["key_lines"]

KeyPath = tuple[str, ...]

_BLANK = re.compile(r"[ \t]*")
_BETWEEN = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BETWEEN_ITEMS = re.compile(r"(?:[ \t\r\n,]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}\n#]*")
_LITERAL = re.compile(r"'([^'\n]*)'")
_BASIC = re.compile(r'"([^"\\\n]*(?:\\.[^"\\\n]*)*)"')
_MULTI_LITERAL = re.compile(r"'''.*?'''(?:''?)?", re.DOTALL)
_MULTI_BASIC = re.compile(r'"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""(?:""?)?', re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_SHORT = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


class _LostError(Exception):
    """The document is not what a parser would have accepted; what was found so far stands."""


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line, from 1, of every key and table of a valid document.

    A path that occurs more than once (a table that is opened again, an array of tables) keeps its
    first line; a table that is only implied, such as ``a`` in ``[a.b]``, has the line that implies
    it. Never raises: of a document that is not valid, the part before the fault is returned.
    """
    scanner = _Scanner(text)
    with suppress(_LostError, RecursionError):
        scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self._breaks = [found.start() for found in re.finditer("\n", text)]

    def document(self) -> None:
        table: KeyPath = ()
        while True:
            self._skip(_BETWEEN)
            if self.at >= len(self.text):
                return
            start = self.at
            if not self._take("["):
                self._pair(table)
                continue
            twice = self._take("[")
            table = self._key()
            self._note(table, start)
            self._expect("]]" if twice else "]")

    def _pair(self, table: KeyPath) -> None:
        start = self.at
        path = table + self._key()
        self._note(path, start)
        self._expect("=")
        self._skip(_BLANK)
        self._value(path)

    def _key(self) -> KeyPath:
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            parts.append(self._part())
            self._skip(_BLANK)
            if not self._take("."):
                return tuple(parts)

    def _part(self) -> str:
        for pattern in (_BARE, _LITERAL, _BASIC):
            found = pattern.match(self.text, self.at)
            if found:
                self.at = found.end()
                if pattern is _BARE:
                    return found[0]
                return found[1] if pattern is _LITERAL else _ESCAPE.sub(_unescape, found[1])
        raise _LostError

    def _value(self, path: KeyPath) -> None:
        if self._take("["):
            self._items("]", path)
        elif self._take("{"):
            self._items("}", path)
        else:
            for pattern in (_MULTI_BASIC, _MULTI_LITERAL, _BASIC, _LITERAL, _SCALAR):
                if self._skip(pattern):
                    return

    def _items(self, end: str, path: KeyPath) -> None:
        while True:
            self._skip(_BETWEEN_ITEMS)
            if self._take(end):
                return
            before = self.at
            if end == "}":
                self._pair(path)
            else:
                self._value(path)
            if self.at == before:
                raise _LostError

    def _note(self, path: KeyPath, start: int) -> None:
        line = bisect_right(self._breaks, start) + 1
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        found = pattern.match(self.text, self.at)
        if found is None:
            return False
        self.at = found.end()
        return True

    def _take(self, char: str) -> bool:
        if not self.text.startswith(char, self.at):
            return False
        self.at += len(char)
        return True

    def _expect(self, char: str) -> None:
        self._skip(_BLANK)
        if not self._take(char):
            raise _LostError


def _unescape(found: re.Match[str]) -> str:
    body = found[1]
    if body[0] in "uUx" and len(body) > 1:
        number = int(body[1:], 16)
        return chr(number) if number <= 0x10FFFF else "\N{REPLACEMENT CHARACTER}"
    return _SHORT.get(body, body)
