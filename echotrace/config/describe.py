"""Every setting key with its type, default, help and environment variable.

One place derives them from the dataclasses; the loader, ``config show`` and the guides read it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from echotrace.config.rules import RULE, Rule
from echotrace.config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CONTROL_VARIABLES",
    "ENV_PREFIX",
    "VENDOR_VARIABLES",
    "SettingKey",
    "describe",
    "nearest",
    "sections",
    "setting_keys",
]

ENV_PREFIX = "ECHOTRACE_"

CONTROL_VARIABLES: Mapping[str, str] = MappingProxyType(
    {"ECHOTRACE_DEBUG": "1 prints the traceback of an error"}
)
"""Variables with our prefix that are no setting, and what they do."""

VENDOR_VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "GROQ_API_KEY": "key of Groq, a secret",
        "GROQ_BASE_URL": "address of Groq, read unless llm.base_url, tts.base_url or "
        "stt.base_url is set",
        "OPENAI_API_KEY": "key of an OpenAI-compatible server, a secret",
        "OPENAI_BASE_URL": "address of that server, read unless llm.base_url, tts.base_url or "
        "stt.base_url is set",
        "OLLAMA_HOST": "address of Ollama, read by its library unless llm.base_url is set",
        "OLLAMA_API_KEY": "key of a hosted Ollama, a secret",
        "HF_HOME": "folder of the model cache of Hugging Face",
        "HF_TOKEN": "key of Hugging Face, a secret",
        "HF_HUB_OFFLINE": "1 keeps Hugging Face from the network",
        "HTTPS_PROXY": "proxy of https connections",
        "HTTP_PROXY": "proxy of http connections",
        "ALL_PROXY": "proxy of all connections",
        "NO_PROXY": "hosts that are reached without a proxy",
        "NO_COLOR": "anything but nothing turns colour off",
        "FORCE_COLOR": "anything but nothing turns colour on",
    }
)
"""Variables of others that change a run. The loader leaves them to the libraries that own them."""

_TYPES: Mapping[type, str] = MappingProxyType(
    {
        bool: "true or false",
        int: "whole number",
        float: "number",
        str: "text",
        tuple: "list of texts",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingKey:
    """One setting: ``path`` is its place in a file, ``kind`` its Python type without None.

    A kind of tuple is a list of texts: an array in TOML, parts between ``;`` in a variable.
    """

    path: tuple[str, ...]
    kind: type
    optional: bool
    default: Any
    rule: Rule

    @property
    def key(self) -> str:
        """The dotted name, such as ``stt.engine``."""
        return ".".join(self.path)

    @property
    def env(self) -> str:
        """The environment variable, such as ``ECHOTRACE_STT_ENGINE``."""
        return ENV_PREFIX + "_".join(self.path).upper()

    @property
    def help(self) -> str:
        """What the setting does, in a few words."""
        return self.rule.help

    @property
    def type_name(self) -> str:
        """The type in words, such as ``whole number``."""
        return _TYPES[self.kind]

    @property
    def expected(self) -> str:
        """What a value must be, such as ``a whole number from 1 to 100``."""
        rule = self.rule
        if self.kind is tuple:
            return f"a {self.type_name}"
        if rule.pairs:
            return "a table of texts, or a text such as a=1 b=2"
        if rule.choices:
            return "one of " + ", ".join(rule.choices)
        if rule.is_url:
            return "an http:// or https:// address without user name or password"
        words = self.type_name if self.kind in (bool, str) else f"a {self.type_name}"
        if rule.above is not None:
            words += f" above {rule.above:g}"
        if rule.minimum is not None and rule.maximum is not None:
            words += f" from {_plain(rule.minimum)} to {_plain(rule.maximum)}"
        elif rule.minimum is not None:
            words += f" of at least {_plain(rule.minimum)}"
        elif rule.maximum is not None:
            words += f", at most {_plain(rule.maximum)}"
        return words


def _plain(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else repr(bound)


def _base_type(hint: Any) -> tuple[type, bool]:
    """Return the type of an annotation without None, and whether it allowed None."""
    if get_origin(hint) in (Union, UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not NoneType]
        if len(kinds) == 1 and len(get_args(hint)) == 2:
            return _base_type(kinds[0])[0], True
    if hint == tuple[str, ...]:
        return tuple, False
    if hint in _TYPES and hint is not tuple:
        return hint, False
    raise TypeError(f"a setting cannot be of type {hint}")


def _collect(cls: Any, prefix: tuple[str, ...]) -> list[SettingKey]:
    hints = get_type_hints(cls)
    found: list[SettingKey] = []
    for entry in dataclasses.fields(cls):
        path = (*prefix, entry.name)
        hint = hints[entry.name]
        if dataclasses.is_dataclass(hint):
            found.extend(_collect(hint, path))
            continue
        kind, optional = _base_type(hint)
        rule: Rule = entry.metadata[RULE]
        found.append(
            SettingKey(path=path, kind=kind, optional=optional, default=entry.default, rule=rule)
        )
    return found


@cache
def setting_keys() -> Mapping[tuple[str, ...], SettingKey]:
    """Return every setting by its path, in the order of the dataclasses."""
    return MappingProxyType({key.path: key for key in _collect(Settings, ())})


@cache
def sections() -> Mapping[str, type]:
    """Return the dataclass of each table, such as ``stt``."""
    hints = get_type_hints(Settings)
    return MappingProxyType(
        {
            name: hint
            for name, hint in hints.items()
            if isinstance(hint, type) and dataclasses.is_dataclass(hint)
        }
    )


def describe() -> tuple[SettingKey, ...]:
    """Return every setting, for ``config show`` and the guides."""
    return tuple(setting_keys().values())


def nearest(name: str, known: list[str]) -> str | None:
    """Return the known name that ``name`` was probably meant to be, or None."""
    from difflib import get_close_matches

    found = get_close_matches(name[:100], known, n=1, cutoff=0.6)
    return found[0] if found else None
