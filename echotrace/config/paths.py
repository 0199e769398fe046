"""Where the files of a user live: configuration, cache, state.

Asking creates nothing and never raises: without a home folder the answer is no path and the reason,
and a run goes on without that file.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CONFIG_FILE",
    "SECRETS_FILE",
    "Folder",
    "cache_folder",
    "config_folder",
    "exists",
    "make_folder",
    "secrets_file",
    "state_folder",
    "user_file",
]

CONFIG_FILE = "config.toml"
SECRETS_FILE = "secrets.toml"

_APP = "echotrace"
_Kind = Literal["config", "cache", "state"]
_XDG: dict[_Kind, tuple[str, str]] = {
    "config": ("XDG_CONFIG_HOME", ".config"),
    "cache": ("XDG_CACHE_HOME", ".cache"),
    "state": ("XDG_STATE_HOME", ".local/state"),
}
_WATCHED = ("HOME", *(name for name, _ in _XDG.values()))


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that may or may not exist, or None and the reason."""

    path: Path | None
    reason: str = ""


def config_folder(environ: Mapping[str, str] | None = None) -> Folder:
    """Return the folder of ``config.toml`` and ``secrets.toml``."""
    return _folder("config", environ)


def cache_folder(environ: Mapping[str, str] | None = None) -> Folder:
    """Return the folder of what can be computed again."""
    return _folder("cache", environ)


def state_folder(environ: Mapping[str, str] | None = None) -> Folder:
    """Return the folder of logs and history."""
    return _folder("state", environ)


def user_file(environ: Mapping[str, str] | None = None) -> Folder:
    """Return the path of the user's ``config.toml``."""
    return _inside(config_folder(environ), CONFIG_FILE)


def secrets_file(environ: Mapping[str, str] | None = None) -> Folder:
    """Return the path of the user's ``secrets.toml``."""
    return _inside(config_folder(environ), SECRETS_FILE)


def make_folder(folder: Folder) -> Folder:
    """Create a folder for its owner alone (0700) and return it, or None and the reason.

    A home that cannot be written to costs a run its cache or log, never its result.
    """
    if folder.path is None:
        return folder
    try:
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        effective = os.access in os.supports_effective_ids
        writable = os.access(folder.path, os.W_OK | os.X_OK, effective_ids=effective)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Folder(None, f"{folder.path} cannot be created: {reason}")
    return folder if writable else Folder(None, f"{folder.path} cannot be written to")


def _inside(folder: Folder, name: str) -> Folder:
    return folder if folder.path is None else Folder(folder.path / name)


def _folder(kind: _Kind, environ: Mapping[str, str] | None) -> Folder:
    """Answer for the process by platformdirs, for any other environment by the XDG rules.

    platformdirs knows macOS and Windows but reads only the process's own environment.
    """
    if environ is None or all(environ.get(name) == os.environ.get(name) for name in _WATCHED):
        return _of_process(kind)
    return _of_mapping(kind, environ)


def _of_process(kind: _Kind) -> Folder:
    try:
        from platformdirs import PlatformDirs

        folders = PlatformDirs(_APP, appauthor=False)
        path = Path(getattr(folders, f"user_{kind}_dir"))
    except (ImportError, OSError, RuntimeError, KeyError, ValueError) as error:
        return Folder(None, f"no {kind} folder: {error}")
    if not path.is_absolute():  # "~/.config" that could not be expanded
        return Folder(None, f"no {kind} folder: no home folder is known")
    return Folder(path)


def _of_mapping(kind: _Kind, environ: Mapping[str, str]) -> Folder:
    variable, default = _XDG[kind]
    named = Path(environ.get(variable, ""))
    if named.is_absolute():
        return Folder(named / _APP)
    if sys.platform in ("darwin", "win32"):
        return _of_process(kind)
    home = Path(environ.get("HOME", ""))
    if not home.is_absolute():
        return Folder(None, f"no {kind} folder: neither {variable} nor HOME is set")
    return Folder(home / default / _APP)


def exists(path: Path) -> bool:
    """Return whether anything of this name is there, also a link that leads nowhere."""
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True
