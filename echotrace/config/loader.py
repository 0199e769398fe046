"""The settings of a run, each with the place it came from.

Flags win over ``ECHOTRACE_*`` variables, these over the project's file, that over the user's file,
and that over the defaults. A key that nobody knows is an error with file, line and the nearest key:
a setting that is silently ignored is worse than none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from echotrace.config.describe import nearest, sections, setting_keys
from echotrace.config.discover import find_project, find_user, user_file_name
from echotrace.config.layers import (
    DEFAULT_PROFILE,
    THRESHOLDS,
    Layer,
    from_environment,
    from_file,
    from_flags,
)
from echotrace.config.origin import DEFAULT_ORIGIN, Origin, OriginKind
from echotrace.config.settings import Settings
from echotrace.config.thresholds import contradiction
from echotrace.errors import ConfigError
from echotrace.model.measure import Finding
from echotrace.printable import printable

__all__ = ["LoadedSettings", "Origin", "OriginKind", "load_settings"]

_KeyPath = tuple[str, ...]
_Resolved = dict[_KeyPath, tuple[Any, Origin]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """Settings, the origin of each by its dotted key, the files that were read, and notes.

    ``files`` are in the order of precedence. A note is something a person may want to know, such as
    that no home folder is known; it never changes a value.
    """

    settings: Settings
    origins: Mapping[str, Origin]
    files: tuple[Path, ...] = ()
    notes: tuple[Finding, ...] = ()


def load_settings(
    flags: Mapping[str, Any],
    *,
    environ: Mapping[str, str],
    cwd: Path | None,
    config_path: Path | None = None,
) -> LoadedSettings:
    """Return the settings of a run.

    Args:
        flags: values by dotted key (``stt.engine``), parsed or as text; None is not given.
        environ: the environment, usually ``os.environ``.
        cwd: the folder whose project file counts; None when there is no current folder.
        config_path: a file that stands in for the user's own, or None.

    Raises:
        ConfigError: for anything that does not fit, naming the place and what would.
    """
    notes: list[Finding] = []
    layers = [from_flags(flags), from_environment(environ)]
    files: list[Path] = []
    user_name = user_file_name(environ)
    for file, kind in (
        (find_project(cwd, config_path, notes), OriginKind.PROJECT),
        (find_user(config_path, environ, notes), OriginKind.USER),
    ):
        if file is not None:
            files.append(file.path)
            layers.append(from_file(file, kind, user_file=user_name))
    resolved = _resolve(layers)
    settings = _build(resolved)
    _refuse_contradiction(settings, resolved)
    return LoadedSettings(
        settings=settings,
        origins=MappingProxyType(
            {key.key: resolved[path][1] for path, key in setting_keys().items()}
        ),
        files=tuple(files),
        notes=tuple(notes),
    )


def _resolve(layers: list[Layer]) -> _Resolved:
    """Merge the layers, highest first; a profile lies between them and the defaults."""
    resolved: _Resolved = {
        path: (key.default, DEFAULT_ORIGIN) for path, key in setting_keys().items()
    }
    for layer in reversed(layers):
        resolved.update(layer.values)
    name, origin = resolved["profile",]
    if name != DEFAULT_PROFILE:
        explicit = {path for layer in layers for path in layer.values}
        profile = _profile(name, origin, layers)
        resolved.update({path: value for path, value in profile.items() if path not in explicit})
    return resolved


def _profile(name: str, origin: Origin, layers: list[Layer]) -> _Resolved:
    tables = [layer.profiles[name] for layer in reversed(layers) if name in layer.profiles]
    if not tables:
        known = sorted({DEFAULT_PROFILE, *(found for layer in layers for found in layer.profiles)})
        close = nearest(name, known)
        listed = ", ".join(printable(found) for found in known)
        raise ConfigError(
            f"{origin.where}: unknown profile {printable(name)}",
            why=f"the profiles are: {listed}",
            hint=f"did you mean {printable(close)}?"
            if close
            else f"define it as [profiles.{printable(name)}]",
            code="UNKNOWN_PROFILE",
        )
    merged: _Resolved = {}
    for table in tables:
        merged.update(table)
    return merged


def _build(resolved: _Resolved) -> Settings:
    top: dict[str, Any] = {}
    tables: dict[str, dict[str, Any]] = {name: {} for name in sections()}
    for path, (value, _) in resolved.items():
        if len(path) == 1:
            top[path[0]] = value
        else:
            tables[path[0]][path[1]] = value
    built = {name: sections()[name](**values) for name, values in tables.items()}
    return Settings(**top, **built)


def _refuse_contradiction(settings: Settings, resolved: _Resolved) -> None:
    pair = contradiction(settings.thresholds)
    if pair is None:
        return
    (low, low_from), (high, high_from) = (resolved[THRESHOLDS, name] for name in pair)
    raise ConfigError(
        f"{THRESHOLDS}.{pair[0]} = {low:g} ({low_from}) lies above "
        f"{THRESHOLDS}.{pair[1]} = {high:g} ({high_from})",
        why="the same value would be good and critical at once",
        hint="change one of the two so that they are in order",
        code="CONTRADICTION",
    )
