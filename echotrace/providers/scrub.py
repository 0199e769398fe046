"""Taking secrets out of text that a server or a library wrote.

Servers echo keys in error messages, whole or in part; whole-key replacement alone would let the
parts through.
"""

from __future__ import annotations

import logging

from echotrace.config.secrets import REDACTED, Secret, redact

__all__ = ["SecretFilter", "one_line", "scrub"]

_WINDOW = 8
_MOST_LOGGED = 4096
_SHOWN_OF_LONG = 100


def scrub(text: str, secrets: tuple[Secret, ...]) -> str:
    """Replace secrets, their encoded forms, and every run of 8 or more characters of one."""
    text = redact(text, secrets)
    for secret in secrets:
        text = _scrub_parts(text, secret.reveal())
    return text


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


def _scrub_parts(text: str, secret: str) -> str:
    windows = {secret[at : at + _WINDOW] for at in range(len(secret) - _WINDOW + 1)}
    out: list[str] = []
    covered_to = shown_to = 0
    for at in range(len(text) - _WINDOW + 1):
        if text[at : at + _WINDOW] not in windows:
            continue
        if at >= covered_to:
            out += (text[shown_to:at], REDACTED)
        covered_to = shown_to = at + _WINDOW
    return "".join((*out, text[shown_to:]))
