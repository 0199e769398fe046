"""Every key that this process could know: what foreign code may put in a text of its own.

A plug-in reads its key where it likes. Nobody tells EchoTrace which, so that all of them are taken
out of what it says, and out of every error that nobody expected.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from echotrace.config.files import parse, read_regular
from echotrace.config.paths import secrets_file
from echotrace.config.secrets import Secret
from echotrace.errors import ConfigError
from echotrace.providers.scrub import one_line, scrub

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["known_secrets", "safe_text", "unexpected"]

_SECRET_NAME: Final = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE)S?$", re.IGNORECASE)
_SHORTEST: Final = 8
"""A shorter value would take plain words out of every text."""
_READ: Final = 4096
_SHOWN: Final = 1000


def known_secrets(environ: Mapping[str, str] | None = None) -> tuple[Secret, ...]:
    """Return the variables that are named like keys, and all of ``secrets.toml``.

    A file that cannot be read gives none: nobody else can have read a key from it either.

    Args:
        environ: the environment; the process's own when None.
    """
    env = os.environ if environ is None else environ
    named = {name: value for name, value in env.items() if _SECRET_NAME.search(name)}
    found = (*named.items(), *_of_the_file(env))
    return tuple(
        Secret(name, value.strip()) for name, value in found if len(value.strip()) >= _SHORTEST
    )


def safe_text(value: object) -> str:
    """Return the beginning of ``str(value)``, or that there is none: foreign code may run there."""
    try:
        return str(value)[:_READ]
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - foreign code may raise anything
        return f"its text cannot be read ({type(error).__name__})"


def unexpected(error: BaseException) -> str:
    """Return the class and the text of an error that nobody expected, as one line without keys."""
    said = one_line(scrub(safe_text(error), known_secrets()), _SHOWN)
    name = type(error).__name__
    return f"{name}: {said}" if said else name


def _of_the_file(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    path = secrets_file(environ).path
    if path is None:
        return
    try:
        data, _ = read_regular(path)
        table = parse(data, path=path, label="secrets.toml", private=True).table
    except (OSError, ValueError, ConfigError):
        return
    yield from _texts(table)


def _texts(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, str):
            yield name, value
        elif isinstance(value, dict):
            yield from _texts(value)
