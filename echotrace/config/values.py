"""From what a file, a variable or a flag holds to the value of a setting.

A wrong value is refused with one sentence that says what would fit; a long value, or one that could
be private, is described and never repeated.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.config.describe import SettingKey

__all__ = ["BadValue", "address_problem", "from_text", "from_toml", "from_typed", "shown"]

_WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SHOWN_CHARS = 24
_BETWEEN_TEXTS = ";"
_MOST_TEXTS = 100


class BadValue(ValueError):  # noqa: N818 - it reads as what it is; ConfigError is what leaves here
    """A value that does not fit; its text ends the sentence ``KEY must be ...``."""


def shown(raw: Any) -> str:
    """Return a value the way an error may repeat it: short, printable, or only described."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, str):
        if len(raw) > _SHOWN_CHARS:
            return f"a text of {len(raw)} characters"
        return f"'{printable(raw)}'" if raw else "an empty text"
    if isinstance(raw, float):
        return repr(raw)
    if isinstance(raw, int):
        return str(raw) if abs(raw) < 10**_SHOWN_CHARS else "a number of that length"
    if isinstance(raw, dict):
        return "a table"
    if isinstance(raw, (list, tuple)):
        return "an array"
    return "a date or time" if hasattr(raw, "isoformat") else f"a {type(raw).__name__}"


def _refuse(key: SettingKey, raw: Any) -> BadValue:
    more = "" if key.rule.user_only else f", not {shown(raw)}"
    if key.kind is tuple and isinstance(raw, (list, tuple)):
        more = f": {_why_no_texts(raw)}"
    if key.rule.is_url and isinstance(raw, str) and (problem := _url_problem(raw)):
        more = f": {problem}"
    return BadValue(f"must be {key.expected}{more}")


def address_problem(text: str) -> str | None:
    """Say why a text is no http or https address, None where it is one.

    Nothing of the text is repeated, for an address may hold a password.
    """
    from urllib.parse import urlsplit

    if not text.strip():
        return "it is empty"
    if any(sign.isspace() or not sign.isprintable() for sign in text):
        return "it holds a blank, or a character that cannot be printed"
    if not text.lower().startswith(("http://", "https://")):
        return "it begins with neither http:// nor https://"
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return "its host cannot be read"
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        return "its port is no number from 1 to 65535"
    return None if host else "it names no host"


def _url_problem(text: str) -> str | None:
    from urllib.parse import urlsplit

    problem = address_problem(text)
    if problem is None and "@" in urlsplit(text).netloc:
        return "it holds a user name or password"
    return problem


def _in_bounds(key: SettingKey, value: float) -> bool:
    rule = key.rule
    return (
        math.isfinite(value)
        and (rule.above is None or value > rule.above)
        and (rule.minimum is None or value >= rule.minimum)
        and (rule.maximum is None or value <= rule.maximum)
    )


def from_toml(key: SettingKey, raw: Any) -> Any:
    """Return the value of ``key`` for a TOML value.

    Raises:
        BadValue: when the type or a bound does not fit; a whole number is a number, but true and
            false are not.
    """
    if key.rule.pairs:
        joined = _joined(raw)
        if joined is not None:
            return joined
    elif key.kind is tuple:
        if isinstance(raw, (list, tuple)) and not _why_no_texts(raw):
            return tuple(raw)
    elif key.kind is bool:
        if isinstance(raw, bool):
            return raw
    elif key.kind is str:
        if isinstance(raw, str) and _is_text(key, raw):
            return raw
    elif isinstance(raw, (int, float)) and not isinstance(raw, bool):
        return _number(key, raw)
    raise _refuse(key, raw)


def _why_no_texts(raw: Sequence[Any]) -> str:
    """Say which text of a list does not fit and why; nothing where all do."""
    if len(raw) > _MOST_TEXTS:
        return f"it has {len(raw):,} texts, and at most {_MOST_TEXTS} are read"
    for place, text in enumerate(raw, 1):
        if not isinstance(text, str):
            return f"text {place} is {shown(text)}"
        if not text.strip():
            return f"text {place} is empty"
        if not text.isprintable():
            return f"text {place} holds a line break or another character that cannot be printed"
    return ""


def _joined(raw: Any) -> str | None:
    """Return pairs as one text: a nested table's names are dotted, an array's texts joined."""
    if isinstance(raw, str):
        return raw if not raw or raw.isprintable() else None
    pairs: list[str] = []
    waiting = [("", raw)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            nested = ((f"{name}.{part}" if name else part, value[part]) for part in value)
            waiting += reversed(list(nested))
            continue
        texts = value if isinstance(value, list) else [value]
        if not name or not texts or not all(_is_word(text) for text in (name, *texts)):
            return None
        pairs.append(f"{name}={','.join(texts)}")
    return " ".join(pairs)


def _is_word(text: Any) -> bool:
    return isinstance(text, str) and bool(text) and text.isprintable() and " " not in text


def _is_text(key: SettingKey, raw: str) -> bool:
    if not raw.strip() or not raw.isprintable():
        return False
    if key.rule.choices and raw not in key.rule.choices:
        return False
    return not key.rule.is_url or _url_problem(raw) is None


def _number(key: SettingKey, raw: int | float) -> int | float:
    if key.kind is int and not isinstance(raw, int):
        raise _refuse(key, raw)
    try:
        value = key.kind(raw)
    except OverflowError:
        raise _refuse(key, raw) from None
    if not _in_bounds(key, value):
        raise _refuse(key, raw)
    number: int | float = value
    return number


def from_text(key: SettingKey, text: str) -> Any:
    """Return the value of ``key`` for the text of an environment variable.

    Raises:
        BadValue: when the text is none of the type, or out of bounds.
    """
    word = text.strip()
    value: Any = None
    if key.kind is str:
        value = text
    elif key.kind is tuple:
        value = [part.strip() for part in text.split(_BETWEEN_TEXTS) if part.strip()]
    elif key.kind is bool:
        value = _WORDS.get(word.lower())
    elif key.kind is int and _INTEGER.fullmatch(word):
        value = int(word)
    elif key.kind is float and _NUMBER.fullmatch(word):
        value = float(word)
    try:
        return from_toml(key, value)
    except BadValue:
        raise _refuse(key, value if key.kind is tuple else text) from None


def from_typed(key: SettingKey, raw: Any) -> Any:
    """Return the value of ``key`` for a flag, which may come parsed or as text.

    Raises:
        BadValue: when it does not fit.
    """
    return from_text(key, raw) if isinstance(raw, str) else from_toml(key, raw)
