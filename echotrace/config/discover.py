"""Which configuration files there are, and reading them.

A file that is meant for EchoTrace and cannot be used is an error; a place that cannot be looked at,
or a ``pyproject.toml`` of somebody else that is broken, is a note: it must not stop a run.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from echotrace.config.files import ConfigFile, NotRegularError, parse, read_regular
from echotrace.config.paths import exists, user_file
from echotrace.errors import ConfigError
from echotrace.model.measure import Finding, Severity
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["PROJECT_FILE", "PYPROJECT", "find_project", "find_user", "user_file_name"]

PROJECT_FILE = ".echotrace.toml"
PYPROJECT = "pyproject.toml"

_OUR_TABLE = re.compile(rb"""^[ \t]*\[[ \t]*tool[ \t]*\.[ \t]*["']?echotrace\b""", re.MULTILINE)


def user_file_name(environ: Mapping[str, str]) -> str:
    """Return the user file as a hint names it."""
    path = user_file(environ).path
    return printable(str(path)) if path else "the user file config.toml"


def find_user(
    config_path: Path | None, environ: Mapping[str, str], notes: list[Finding]
) -> ConfigFile | None:
    """Read the file that ``--config`` names, else the user's own, which need not exist.

    Raises:
        ConfigError: when it cannot be read or is not TOML, or the named one does not exist.
    """
    if config_path is not None:
        label = printable(str(config_path))
        data = _read(config_path, label, notes, required=True)
        return None if data is None else parse(data, path=config_path, label=label)
    folder = user_file(environ)
    if folder.path is None:
        notes.append(_note("NO_USER_FILE", f"no user file is read: {folder.reason}"))
        return None
    label = printable(str(folder.path))
    data = _read(folder.path, label, notes)
    return None if data is None else parse(data, path=folder.path, label=label)


def find_project(
    cwd: Path | None, config_path: Path | None, notes: list[Finding]
) -> ConfigFile | None:
    """Read ``./.echotrace.toml``, else ``[tool.echotrace]`` of ``./pyproject.toml``.

    A project file that ``--config`` names is left to that layer: naming it was trusting it.

    Raises:
        ConfigError: when a file that is meant for EchoTrace cannot be read or is not TOML.
    """
    if cwd is None:
        notes.append(_note("NO_PROJECT_FILE", "no project file is read: no current folder"))
        return None
    path = cwd / PROJECT_FILE
    if not _same(path, config_path):
        data = _read(path, PROJECT_FILE, notes)
        if data is not None:
            return parse(data, path=path, label=PROJECT_FILE)
    pyproject = cwd / PYPROJECT
    return None if _same(pyproject, config_path) else _pyproject(pyproject, notes)


def _pyproject(path: Path, notes: list[Finding]) -> ConfigFile | None:
    data: bytes | None = None
    try:
        data = _read(path, PYPROJECT, notes)
        if data is None or b"echotrace" not in data:
            return None
        found = parse(data, path=path, label=PYPROJECT, root=("tool", "echotrace"))
    except ConfigError as error:
        if error.code == "WRONG_TYPE" or (data is not None and _OUR_TABLE.search(data)):
            raise
        why = f": {error.why}" if error.why else ""
        notes.append(_note("PYPROJECT_SKIPPED", f"{error.what}{why}; it is not read"))
        return None
    return found if found.table else None


def _read(path: Path, label: str, notes: list[Finding], *, required: bool = False) -> bytes | None:
    try:
        return read_regular(path)[0]
    except NotRegularError:
        reason = "it is a folder, a pipe or a device, not a regular file"
    except (FileNotFoundError, NotADirectoryError):
        if not required:
            return None
        reason = "there is no such file"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if not required and not exists(path):
            notes.append(_note("CONFIG_NOT_SEEN", f"{label} is not read: {reason}"))
            return None
    raise ConfigError(
        f"the configuration file {label} cannot be read",
        why=reason,
        hint="check the path and its permissions",
        code="CONFIG_UNREADABLE",
    )


def _same(path: Path, other: Path | None) -> bool:
    try:
        return other is not None and os.path.samefile(path, other)  # noqa: PTH121 - both may be absent
    except (OSError, ValueError):
        return False


def _note(code: str, message: str) -> Finding:
    return Finding(code=code, severity=Severity.INFO, message=message)
