"""What is there before the first question: the user's files, keys, Ollama, the machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echotrace.config.layers import DEFAULT_PROFILE, PROFILES
from echotrace.config.loader import OriginKind, load_settings
from echotrace.config.paths import secrets_file, user_file
from echotrace.config.secrets import Secret, get_secret
from echotrace.config.settings import Settings
from echotrace.config.write import check_writable, read_bytes
from echotrace.errors import ConfigError, StorageError
from echotrace.setup.machine import Machine, look_at_machine
from echotrace.setup.ollama import OllamaFound, look_for_ollama
from echotrace.setup.providers import facts_of, provider_names
from echotrace.setup.speech_models import WHISPER_SIZES

__all__ = ["Detected", "KeyFound", "Saved", "detect", "read_saved"]

_FOLDER_VARIABLES = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """The user's files as they are.

    ``settings`` is what the file alone says, ``values`` the keys that stand in it; ``data`` is its
    bytes, None when there is no file. ``profiles`` are those that can be chosen.
    """

    config_path: Path
    secrets_path: Path
    data: bytes | None = None
    settings: Settings = field(default_factory=Settings)
    values: Mapping[tuple[str, ...], Any] = field(default_factory=dict)
    profiles: tuple[str, ...] = (DEFAULT_PROFILE,)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFound:
    """A key and where it was: the environment wins over the file of secrets."""

    secret: Secret
    in_environment: bool

    @property
    def where(self) -> str:
        """The place in words."""
        return "in the environment" if self.in_environment else "in secrets.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """Everything that the questions and their defaults depend on.

    ``base`` is what a run would use now, environment included; ``overrides`` names for a setting
    the variable or project file that wins over whatever is written. ``addresses`` are the variables
    of providers that hold an address, as they are; ``refused`` names the keys that a server did not
    take, or missed.
    """

    saved: Saved
    base: Settings
    machine: Machine
    ollama: OllamaFound
    keys: Mapping[str, KeyFound] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()


def detect(
    environ: Mapping[str, str], cwd: Path | None, *, offline: bool | None = None
) -> Detected:
    """Look at everything once; it takes about a second, most of it loading libraries.

    Args:
        environ: the environment, usually ``os.environ``.
        cwd: the folder whose project file might win over the user's.
        offline: what the command line says, None when it says nothing.

    Raises:
        StorageError: there is no folder to write to.
        ConfigError: the user's file, its secrets or an ``ECHOTRACE_*`` variable does not fit.
    """
    from dataclasses import replace

    saved = read_saved(environ)
    base = load_settings({"offline": offline}, environ=environ, cwd=None).settings
    if offline is False:
        base = replace(base, offline=False)
    return Detected(
        saved=saved,
        base=base,
        keys=_keys(environ, saved.secrets_path),
        ollama=look_for_ollama(base, environ),
        machine=look_at_machine(tuple(size.name for size in WHISPER_SIZES)),
        overrides=_overrides(environ, cwd),
        addresses=_addresses(environ),
    )


def read_saved(environ: Mapping[str, str]) -> Saved:
    """Read the user's file, which need not exist, and find out whether it could be written.

    Raises:
        StorageError: no home is known, or the folder cannot be written to.
        ConfigError: the file does not fit; it is left as it is.
    """
    found, secrets = user_file(environ), secrets_file(environ)
    if found.path is None or secrets.path is None or not _home_is_named(environ):
        raise StorageError(
            "there is no folder for the configuration",
            why=found.reason or "neither HOME nor XDG_CONFIG_HOME is set",
            hint="set HOME or XDG_CONFIG_HOME to a folder of yours",
            code="NO_CONFIG_FOLDER",
        )
    check_writable(found.path.parent)
    folders = {name: environ[name] for name in _FOLDER_VARIABLES if name in environ}
    loaded = load_settings({}, environ=folders, cwd=None)
    data = read_bytes(found.path)
    values: dict[tuple[str, ...], Any] = {}
    for name, origin in loaded.origins.items():
        if origin.kind is OriginKind.USER and origin.profile is None:
            path = tuple(name.split("."))
            values[path] = _value(loaded.settings, path)
    return Saved(
        config_path=found.path,
        secrets_path=secrets.path,
        data=data,
        settings=loaded.settings,
        values=values,
        profiles=(DEFAULT_PROFILE, *_profiles(data, found.path)),
    )


def _home_is_named(environ: Mapping[str, str]) -> bool:
    """Whether the environment says whose files these are; the password database may not know."""
    if sys.platform == "win32":
        return True
    return any(Path(environ.get(name, "")).is_absolute() for name in ("HOME", "XDG_CONFIG_HOME"))


def _value(settings: Settings, path: tuple[str, ...]) -> Any:
    value: Any = settings
    for part in path:
        value = getattr(value, part)
    return value


def _profiles(data: bytes | None, path: Path) -> tuple[str, ...]:
    from echotrace.config.files import parse

    if data is None:
        return ()
    return tuple(parse(data, path=path, label=str(path)).table.get(PROFILES, {}))


def _keys(environ: Mapping[str, str], secrets_path: Path) -> dict[str, KeyFound]:
    found: dict[str, KeyFound] = {}
    for name in provider_names():
        variable = facts_of(name).key_variable
        if variable is None:
            continue
        secret = get_secret(variable, environ, secrets_path)
        if secret is not None:
            in_environment = bool(environ.get(variable, "").strip())
            found[variable] = KeyFound(secret=secret, in_environment=in_environment)
    return found


def _addresses(environ: Mapping[str, str]) -> dict[str, str]:
    variables = (facts_of(name).address_variable for name in provider_names())
    found = {name: environ.get(name, "").strip() for name in variables if name}
    return {name: value for name, value in found.items() if value}


def _overrides(environ: Mapping[str, str], cwd: Path | None) -> dict[str, str]:
    try:
        origins = load_settings({}, environ=environ, cwd=cwd).origins
    except ConfigError as error:  # the project's file is not the wizard's to judge
        return {"": f"the project file here does not fit: {error.what}"}
    winning = (OriginKind.ENVIRONMENT, OriginKind.PROJECT)
    return {name: str(origin) for name, origin in origins.items() if origin.kind in winning}
