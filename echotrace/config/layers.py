"""One layer of settings each from flags, environment variables and a file.

Every fault is a :class:`ConfigError` that names the place, the key and the nearest key that exists.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from echotrace.config.describe import (
    CONTROL_VARIABLES,
    ENV_PREFIX,
    VENDOR_VARIABLES,
    nearest,
    sections,
    setting_keys,
)
from echotrace.config.files import ConfigFile
from echotrace.config.origin import Origin, OriginKind
from echotrace.config.values import BadValue, from_text, from_toml, from_typed
from echotrace.errors import ConfigError
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from echotrace.config.describe import SettingKey

__all__ = ["DEFAULT_PROFILE", "Layer", "from_environment", "from_file", "from_flags"]

DEFAULT_PROFILE = "default"
PROFILES = "profiles"
THRESHOLDS = "thresholds"

_KeyPath = tuple[str, ...]
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SECRET = re.compile(
    r"(^|[_-])(api_?key|access_?key|secret|password|passwd|passphrase|credentials?|token|bearer)$",
    re.IGNORECASE,
)
_NAME_CHARS = 60


@dataclass(frozen=True, slots=True)
class Layer:
    """Values by path with their origins, and the threshold tables of profiles by name."""

    values: dict[_KeyPath, tuple[Any, Origin]] = field(default_factory=dict)
    profiles: dict[str, dict[_KeyPath, tuple[Any, Origin]]] = field(default_factory=dict)


def from_flags(flags: Mapping[str, Any]) -> Layer:
    """Return the layer of dotted keys from a command line; None is a flag that was not given.

    Raises:
        ConfigError: for an unknown key or a value that does not fit.
    """
    layer = Layer()
    for name, raw in flags.items():
        if raw is None:
            continue
        path = tuple(name.split("."))
        key = setting_keys().get(path)
        if key is None:
            raise _unknown("", path, "setting")
        origin = Origin(kind=OriginKind.FLAG, where=f"flag {key.key}", name=key.key)
        layer.values[key.path] = (_checked(from_typed, key, raw, key.key), origin)
    return layer


def from_environment(environ: Mapping[str, str]) -> Layer:
    """Return the layer of ``ECHOTRACE_*`` variables; an empty one is not set.

    Raises:
        ConfigError: for an unknown variable with our prefix or a value that does not fit.
    """
    layer = Layer()
    keys = {key.env: key for key in setting_keys().values()}
    for name in sorted(environ):
        text = environ[name]
        if not name.startswith(ENV_PREFIX) or not text or name in CONTROL_VARIABLES:
            continue
        key = keys.get(name)
        if key is None:
            raise _unknown_variable(name, [*keys, *CONTROL_VARIABLES])
        origin = Origin(kind=OriginKind.ENVIRONMENT, where=name, name=name)
        layer.values[key.path] = (_checked(from_text, key, text, name), origin)
    return layer


def from_file(file: ConfigFile, kind: OriginKind, *, user_file: str) -> Layer:
    """Return the layer of a file; ``user_file`` is where hints send what a project may not set.

    Raises:
        ConfigError: for an unknown key or table, a value that does not fit, a secret, or a setting
            that a project file may not set.
    """
    layer = Layer()
    _FileReader(file, kind, user_file).table((), file.table, layer)
    return layer


@dataclass(frozen=True, slots=True)
class _FileReader:
    file: ConfigFile
    kind: OriginKind
    user_file: str

    def table(self, prefix: _KeyPath, table: Mapping[str, Any], layer: Layer) -> None:
        for name, raw in table.items():
            path = (*prefix, name)
            if path == (PROFILES,):
                self._profiles(self._as_table(path, raw), layer)
            elif path in setting_keys():
                layer.values[path] = self._value(setting_keys()[path], path, raw)
            elif not prefix and name in sections():
                self.table(path, self._as_table(path, raw), layer)
            else:
                self._refuse(path, is_table=isinstance(raw, dict))

    def _profiles(self, table: Mapping[str, Any], layer: Layer) -> None:
        for name, raw in table.items():
            path = (PROFILES, name)
            if name == DEFAULT_PROFILE:
                raise ConfigError(
                    f"{self.file.where(path)}: the profile default is built in",
                    hint="put single values under [thresholds], or give the profile another name",
                    code="BUILT_IN_PROFILE",
                )
            values = layer.profiles.setdefault(name, {})
            for entry, value in self._as_table(path, raw).items():
                key = setting_keys().get((THRESHOLDS, entry))
                if key is None:
                    self._refuse((*path, entry), is_table=False)
                else:
                    values[key.path] = self._value(key, (*path, entry), value, name)

    def _value(
        self, key: SettingKey, path: _KeyPath, raw: Any, profile: str | None = None
    ) -> tuple[Any, Origin]:
        where = self.file.where(path)
        if key.rule.user_only and self.kind is OriginKind.PROJECT:
            raise ConfigError(
                f"{where}: {key.key} may not be set by a project file",
                why="a folder that is merely entered could send a key elsewhere or run a command",
                hint=f"set it in {self.user_file} or as {key.env}",
                code="NOT_IN_PROJECT_FILE",
            )
        value = _checked(from_toml, key, raw, f"{where}: {_name(path)}")
        if key.rule.only_on and value is False and self.kind is OriginKind.PROJECT:
            raise ConfigError(
                f"{where}: a project file may switch {key.key} on, and not off",
                why="a folder that is merely entered could undo what you forbid",
                hint=f"set it in {self.user_file} or as {key.env}",
                code="NOT_IN_PROJECT_FILE",
            )
        origin = Origin(
            kind=self.kind,
            where=where,
            path=self.file.path,
            line=self.file.line(path),
            profile=None if profile is None else printable(profile),
        )
        return value, origin

    def _as_table(self, path: _KeyPath, raw: Any) -> Mapping[str, Any]:
        if isinstance(raw, dict):
            return raw
        raise ConfigError(
            f"{self.file.where(path)}: {_name(path)} must be a table",
            hint=f"write [{_name(path)}] on a line of its own and its keys below",
            code="WRONG_TYPE",
        )

    def _refuse(self, path: _KeyPath, *, is_table: bool) -> None:
        error = _unknown(f"{self.file.where(path)}: ", path, "table" if is_table else "key")
        if not is_table and _SECRET.search(path[-1]) and "did you mean" not in error.hint:
            folder = self.user_file.rpartition("/")[0]
            secrets = f"{folder}/secrets.toml" if folder else "secrets.toml"
            raise ConfigError(
                f"{self.file.where(path)}: {_name(path)} looks like a secret, "
                "which may not stand in this file",
                why="settings are shown, copied and committed",
                hint=f"set it in the environment (GROQ_API_KEY) or in {secrets} with mode 600",
                code="SECRET_IN_SETTINGS",
            )
        raise error


def _checked(
    convert: Callable[[SettingKey, Any], Any], key: SettingKey, raw: Any, where: str
) -> Any:
    try:
        return convert(key, raw)
    except BadValue as error:
        problem = str(error)
    raise ConfigError(
        f"{where} {problem}", why=f"{key.key}: {key.help}", hint=_hint(key, raw), code="BAD_VALUE"
    )


def _hint(key: SettingKey, raw: Any) -> str:
    if isinstance(raw, str) and (choice := nearest(raw, list(key.rule.choices))):
        return f"did you mean {choice}?"
    if key.kind is tuple:
        text = raw if isinstance(raw, str) and 0 < len(raw) <= _NAME_CHARS else "wer > 0.10"
        return f"write {_name((key.path[-1],))} = [{json.dumps(printable(text))}]"
    if key.path[-1].endswith("_ratio"):
        return "a ratio, not a percentage: 5 % is 0.05"
    return "" if key.default is None else f"the default is {json.dumps(key.default)}"


def _name(path: _KeyPath) -> str:
    parts = (part if _BARE.fullmatch(part) else json.dumps(part) for part in path)
    whole = ".".join(parts)
    return whole if len(whole) <= _NAME_CHARS else whole[:_NAME_CHARS] + "..."


def _unknown(where: str, path: _KeyPath, what: str) -> ConfigError:
    """Return the error for a key or table that does not exist, with the nearest that does."""
    known = [key.key for key in setting_keys().values()]
    if path[0] == PROFILES and len(path) > 2:
        known = [f"{PROFILES}.{path[1]}.{key[1]}" for key in setting_keys() if key[0] == THRESHOLDS]
    elif what == "table":
        known = [*sections(), PROFILES]
    found = nearest(".".join(path), known)
    name = f"[{_name(path)}]" if what == "table" else _name(path)
    if found is None:
        hint = f"one of {', '.join(sections())}, {PROFILES}" if what == "table" else ""
    else:
        close = _name(tuple(found.split("."))) if path[0] != PROFILES else printable(found)
        hint = f"did you mean {f'[{close}]' if what == 'table' else close}?"
    return ConfigError(f"{where}unknown {what} {name}", hint=hint, code="UNKNOWN_KEY")


def _unknown_variable(name: str, known: list[str]) -> ConfigError:
    bare = name.removeprefix(ENV_PREFIX)
    if bare in VENDOR_VARIABLES:
        hint = f"{bare} is read under its own name, without {ENV_PREFIX}"
    else:
        found = nearest(name, known)
        hint = f"did you mean {found}?" if found else f"unset {printable(name)}"
    return ConfigError(
        f"unknown environment variable {printable(name)[:_NAME_CHARS]}",
        why=f"every variable that begins with {ENV_PREFIX} is a setting",
        hint=hint,
        code="UNKNOWN_VARIABLE",
    )
