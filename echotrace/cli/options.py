"""Flags to values: what several commands read the same way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echotrace.cli.streams import tell
from echotrace.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echotrace.config.settings import Settings

__all__ = ["caller_index", "load", "read_reference", "split_stages"]

_MAX_TEXT_BYTES = 16 * 2**20
_SIDES = {"left": 0, "right": 1}


def caller_index(text: str | None) -> int | None:
    """Return the channel index that ``left``, ``right`` or a number names."""
    if text is None:
        return None
    if text.lower() in _SIDES:
        return _SIDES[text.lower()]
    if text.isascii() and text.isdigit() and int(text[:3]) < 32:
        return int(text)
    raise UsageError(
        f"--caller-channel {text!r} is no channel", hint="use left, right, or a number from 0"
    )


def split_stages(text: str | None) -> tuple[str, ...] | None:
    """Return the names in a comma-separated list, each once, in its order."""
    if text is None:
        return None
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise UsageError("--stages names no stage", hint="--stages signal,transcription")
    return names


def read_reference(text: str | None, path: Path | None) -> str | None:
    """Return the reference from the flag or the file.

    Raises:
        UsageError: both were given.
        InputError: the file cannot be read as text.
    """
    if path is None:
        return text
    if text is not None:
        raise UsageError("--reference and --reference-file exclude each other")
    try:
        if not path.is_file():
            reason = "there is no such file" if not path.exists() else "it is not a regular file"
            raise InputError(f"the reference {path} cannot be read", why=reason, code="REFERENCE")
        data = path.read_bytes()[: _MAX_TEXT_BYTES + 1]
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"the reference {path} cannot be read", why=reason, code="REFERENCE"
        ) from None
    if len(data) > _MAX_TEXT_BYTES:
        raise InputError(f"the reference {path} is larger than 16 MiB", code="REFERENCE")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"the reference {path} is not UTF-8 text",
            why=f"byte {error.start} does not fit",
            hint=f"iconv -t UTF-8 {path}",
            code="REFERENCE",
        ) from None


def load(flags: Mapping[str, Any], config_path: Path | None, *, quiet: bool = False) -> Settings:
    """Load the settings: flags, environment, project file, user file, defaults."""
    from echotrace.config.loader import load_settings

    try:
        cwd = Path.cwd()
    except OSError:  # the folder was removed under us: there is no project file then
        cwd = None
    loaded = load_settings(flags, environ=os.environ, cwd=cwd, config_path=config_path)
    for note in () if quiet else loaded.notes:
        tell(f"echotrace: note: {note.message}")
    return loaded.settings
