"""Keys of services: where they are read from, and how they are kept out of every text.

The environment comes first, then ``secrets.toml`` beside the user's configuration, which must be
readable by its owner alone. There is no flag for a key: every user of a machine can read argv.
"""

from __future__ import annotations

import hmac
import os
import re
import shlex
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from echotrace.config.files import NotRegularError, parse, read_regular
from echotrace.config.paths import exists
from echotrace.errors import ConfigError
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

__all__ = ["REDACTED", "Secret", "get_secret", "redact", "redactor"]

REDACTED = "[***]"
"""What stands in a text where a secret stood."""

_PREFIX = re.compile(r"[A-Za-z]{2,4}[_-]")
_MASKED_CHARS = 20
_HIDDEN = "...."
_SHORTEST_RECODED = 8


class Secret:
    """A secret that shows itself only when asked by :meth:`reveal`.

    str, repr and format give a mask such as ``gsk_...abcd``; below 20 characters only dots, because
    four of eight would be half of it. It cannot be pickled, so that no cache can store it.
    """

    __slots__ = ("__value", "name")

    name: str

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self.__value = value

    def reveal(self) -> str:
        """Return the secret itself, for the one call that needs it."""
        return self.__value

    def masked(self) -> str:
        """Return the vendor's prefix and the last four characters, or only dots."""
        value = self.__value
        if len(value) < _MASKED_CHARS:
            return _HIDDEN
        prefix = _PREFIX.match(value)
        return f"{prefix[0] if prefix else ''}...{value[-4:]}"

    def __str__(self) -> str:
        return self.masked()

    def __repr__(self) -> str:
        return f"Secret({self.name!r}, {self.masked()})"

    def __format__(self, spec: str) -> str:
        return format(self.masked(), spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        mine, theirs = (secret.__value.encode("utf-8", "surrogatepass") for secret in (self, other))
        return self.name == other.name and hmac.compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash((self.name, self.__value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


def get_secret(name: str, environ: Mapping[str, str], secrets_path: Path | None) -> Secret | None:
    """Return the secret called ``name`` (such as ``GROQ_API_KEY``), or None when there is none.

    Args:
        name: the environment variable, which is also the key in the file, in any case.
        environ: looked at first; an empty variable is not set.
        secrets_path: the user's ``secrets.toml``, opened only when the environment has nothing.

    Raises:
        ConfigError: when the file can be read by others, is not ours, is not TOML, or the value is
            no text that a request could carry. No message contains a value.
    """
    value = environ.get(name, "").strip()
    if value:
        return Secret(name, _usable(value, name))
    if secrets_path is None:
        return None
    return _from_file(name, secrets_path)


def _from_file(name: str, path: Path) -> Secret | None:
    label = printable(str(path))
    try:
        data, status = read_regular(path)
    except NotRegularError:
        raise _unreadable(label, "it is not a regular file") from None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        if not exists(path):
            return None
        raise _unreadable(label, getattr(error, "strerror", None) or "unknown") from None
    _refuse_others(path, label, status)
    file = parse(data, path=path, label=label, private=True)
    for key, value in file.table.items():
        if key.upper() != name.upper():
            continue
        where = f"{file.where((key,))}: {printable(key)}"
        if not isinstance(value, str):
            raise ConfigError(
                f"{where} must be a text in quotes", hint="correct that line", code="BAD_SECRET"
            )
        text = value.strip()
        return Secret(name, _usable(text, where)) if text else None
    return None


def _refuse_others(path: Path, label: str, status: os.stat_result) -> None:
    """Refuse a file that somebody else owns or may read; Windows has neither notion."""
    if not hasattr(os, "geteuid"):
        return
    quoted = shlex.quote(str(path))
    if status.st_uid != os.geteuid():
        raise ConfigError(
            f"the secrets file {label} belongs to another user",
            why=f"its owner is user {status.st_uid}, this process is user {os.geteuid()}",
            hint=printable(f"chown $(id -u) {quoted} && chmod 600 {quoted}"),
            code="SECRETS_EXPOSED",
        )
    if status.st_mode & 0o077:
        raise ConfigError(
            f"the secrets file {label} can be read or changed by others",
            why=f"its mode is {status.st_mode & 0o777:04o} and must be 0600",
            hint=printable(f"chmod 600 {quoted}"),
            code="SECRETS_EXPOSED",
        )


def _usable(value: str, where: str) -> str:
    for position, char in enumerate(value, start=1):
        if not "!" <= char <= "~":
            raise ConfigError(
                f"{where} holds a character that no key has",
                why=f"character {position} of {len(value)} is a blank, a line break or not ASCII",
                hint="copy the key again, without quotes or line breaks",
                code="BAD_SECRET",
            )
    return value


def _unreadable(label: str, why: str) -> ConfigError:
    return ConfigError(
        f"the secrets file {label} cannot be read",
        why=why,
        hint="check its permissions, or set the key in the environment",
        code="SECRETS_UNREADABLE",
    )


def redact(text: str, secrets: Iterable[Secret | None]) -> str:
    """Return ``text`` without the secrets, also where they are escaped or encoded.

    Covered: as is, percent-encoded, as a JSON, Python or HTML string, base64 (both alphabets, also
    inside a longer encoded text such as ``user:key`` of basic authentication), in upper and lower
    case, and hexadecimal. The last three need eight characters: a short secret, such as the word
    that a local server takes for a key, would hide plain words in another case.
    """
    return redactor(secrets)(text)


def redactor(secrets: Iterable[Secret | None]) -> Callable[[str], str]:
    """Return what :func:`redact` does with these secrets, for many texts."""
    forms = {form for secret in secrets if secret is not None for form in _forms(secret.reveal())}
    forms.discard("")
    if not forms:
        return str
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return partial(re.compile("|".join(map(re.escape, longest_first))).sub, REDACTED)


def _forms(value: str) -> set[str]:
    import html
    import json
    from urllib.parse import quote, quote_plus

    raw = value.encode("utf-8", "surrogatepass")
    percent = [quote(raw, safe=""), quote(raw), quote_plus(raw)]
    lower = [re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), form) for form in percent]
    escaped = [
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        json.dumps(value)[1:-1].replace("/", "\\/"),
        repr(value)[1:-1],
        html.escape(value),
        html.escape(value, quote=False),
    ]
    return {value, *percent, *lower, *escaped, *_base64_forms(raw), *_cased_forms(value, raw)}


def _cased_forms(value: str, raw: bytes) -> set[str]:
    if len(value) < _SHORTEST_RECODED:
        return set()
    return {value.upper(), value.lower(), raw.hex(), raw.hex().upper()}


def _base64_forms(raw: bytes) -> set[str]:
    """Return the base64 of ``raw`` at each of the three alignments inside a longer text.

    Only the characters that depend on ``raw`` alone; shorter than eight they would match by chance.
    """
    import base64

    forms: set[str] = set()
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw).decode("ascii").rstrip("=")
        start = (shift * 8 + 5) // 6
        bits = (shift + len(raw)) * 8
        core = coded[start : bits // 6]
        for form in (core, coded if shift == 0 else core):
            if len(form) >= _SHORTEST_RECODED:
                forms |= {form, form.replace("+", "-").replace("/", "_")}
    return forms
