"""Taking secrets out of text that a server or a library wrote.

Servers echo keys in error messages, whole or in part; whole-key replacement alone would let the
parts through. They also write them escaped, for JSON, HTML or an address, each sign in a form of
its own, or spread by blanks, which whoever reads it can undo. So the text is looked through as it
would read.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from echotrace.config.secrets import REDACTED, Secret, redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    _Place = tuple[int, int]

__all__ = ["SecretFilter", "holds_secret", "one_line", "scrub"]

_WINDOW = 8
_MOST_LOGGED = 4096
_SHOWN_OF_LONG = 100
_MOST_NESTED = 4
_ESCAPED = re.compile(
    r"\\+u(?P<u>[0-9a-f]{4})|(?:\\+x|%)(?P<x>[0-9a-f]{2})"
    r"|&#x0*(?P<h>[0-9a-f]{1,4});|&#0*(?P<decimal>[0-9]{1,4});"
    r"|&(?P<name>amp|apos|gt|lt|quot);"
    r"|\\+[bfnrt]|\\+(?P<sign>.)"
    r"|[\x00-\x20\x7f-\xa0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)
"""A sign that is written otherwise, or a blank or one that shows as nothing."""
_NAMED = {"amp": "&", "apos": "'", "gt": ">", "lt": "<", "quot": '"'}
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
"""Lower case of ASCII alone: that of other letters may be longer."""


def scrub(text: str, secrets: tuple[Secret, ...]) -> str:
    """Replace secrets, their encoded forms, and every run of 8 or more characters of one.

    A run counts in any case of its letters, with blanks in it, and however its signs are escaped,
    up to four times over: an error that a router passes on is often JSON in a text of JSON.
    """
    text = redact(text, secrets)
    windows = {window for secret in secrets for window in _windows(secret.reveal())}
    if not windows:
        return text
    spans: list[_Place] = []
    plain, places = text, [(at, at + 1) for at in range(len(text))]
    for _ in range(_MOST_NESTED + 1):
        spans += ((places[at][0], places[at + _WINDOW - 1][1]) for at in _found(plain, windows))
        read = _unescaped(plain, places)
        if read is None:
            break
        plain, places = read
    return _without(text, spans)


def holds_secret(text: str, secrets: tuple[Secret, ...]) -> bool:
    """Whether ``text`` shows a secret of 8 or more characters, or as much of one.

    A shorter one is a word that stands anywhere by chance.
    """
    long = tuple(secret for secret in secrets if len(secret.reveal()) >= _WINDOW)
    return scrub(text, long) != text


def one_line(text: str, limit: int = 200) -> str:
    """Return ``text`` as one printable line of at most ``limit`` characters."""
    clean = "".join(sign if sign.isprintable() else " " for sign in text)
    clean = " ".join(clean.split())
    return clean if len(clean) <= limit else clean[: limit - 3] + "..."


class SecretFilter(logging.Filter):
    """Takes secrets out of log records of the HTTP libraries, which log reply headers.

    Long records are cut short: they hold the audio that is uploaded.
    """

    def __init__(self, secrets: tuple[Secret, ...]) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place and keep it."""
        text = record.getMessage()
        clean = text if len(text) <= _MOST_LOGGED else f"{text[:_SHOWN_OF_LONG]}... (cut)"
        clean = scrub(clean, self._secrets)
        if clean != text:
            record.msg, record.args = clean, ()
        return True


def _windows(secret: str) -> Iterator[str]:
    low = secret.translate(_LOWER)
    return (low[at : at + _WINDOW] for at in range(len(low) - _WINDOW + 1))


def _found(plain: str, windows: set[str]) -> Iterator[int]:
    """Yield where a piece of a secret begins; pieces may overlap."""
    low = plain.translate(_LOWER)
    for at in range(len(low) - _WINDOW + 1):
        if low[at : at + _WINDOW] in windows:
            yield at


def _unescaped(plain: str, places: Sequence[_Place]) -> tuple[str, list[_Place]] | None:
    """Return the text as it reads, without blanks; None when it reads as it stands.

    Args:
        plain: the text.
        places: where each of its signs begins and ends in the text that is scrubbed; what is
            returned has such a list of its own.
    """
    signs: list[str] = []
    moved: list[_Place] = []
    done = 0
    for found in _ESCAPED.finditer(plain):
        signs.append(plain[done : found.start()])
        moved += places[done : found.start()]
        done = found.end()
        if sign := _meant(found):
            signs.append(sign)
            moved.append((places[found.start()][0], places[found.end() - 1][1]))
    if not done:
        return None
    signs.append(plain[done:])
    moved += places[done:]
    return "".join(signs), moved


def _meant(found: re.Match[str]) -> str:
    """Return the sign that an escape stands for, nothing for a blank."""
    kind = found.lastgroup
    if kind is None:
        return ""
    text = found[kind]
    if kind == "name":
        return _NAMED[text.lower()]
    return text if kind == "sign" else chr(int(text, 10 if kind == "decimal" else 16))


def _without(text: str, spans: Sequence[_Place]) -> str:
    """Return ``text`` with each stretch of overlapping spans replaced."""
    out: list[str] = []
    shown_to = 0
    for start, end in sorted(spans):
        if start >= shown_to:
            out += (text[shown_to:start], REDACTED)
        shown_to = max(shown_to, end)
    return "".join((*out, text[shown_to:]))
