"""What an answer to a question changes, and which answers are refused."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from echotrace.config.secrets import Secret, get_secret
from echotrace.errors import MissingDependencyError, ProviderError, UsageError
from echotrace.setup.providers import facts_of, provider_names
from echotrace.setup.question import FIRST, NONE, VENDOR, refuse_key
from echotrace.setup.questions import lists_models
from echotrace.setup.speech_models import WHISPER, WHISPER_SIZES

if TYPE_CHECKING:
    from echotrace.setup.answers import Answers
    from echotrace.setup.detect import Detected

__all__ = [
    "accept",
    "check_address",
    "check_engine",
    "check_model",
    "check_profile",
    "check_provider",
    "key_of",
]

_MOST_CHARS = 200


def accept(name: str, value: str, detected: Detected, answers: Answers) -> Answers:
    """Return the answers with this one; a change of provider forgets its model.

    Raises:
        UsageError: the value cannot be used; no message contains a key.
    """
    if name == "network":
        return replace(answers, offline=value == "no")
    if name == "provider":
        provider = check_provider(value)
        if answers.provider in (provider, None):
            return replace(answers, provider=provider)
        base_url = detected.saved.settings.llm.base_url
        return replace(answers, provider=provider, model=None, base_url=base_url)
    if name == "address":
        return replace(answers, base_url=_base_url(value, detected, answers))
    if name == "key":
        return answers.with_key(key_of(answers.provider or "", value))
    if name == "model":
        first = value == FIRST and lists_models(detected, answers)
        return replace(answers, model=None if first else check_model(value))
    if name == "stt":
        return replace(answers, stt=check_engine(value, detected, answers))
    if name == "gold":
        gold = None if value == NONE else check_engine(value, detected, answers)
        if gold == "auto":
            raise UsageError("the gold transcript needs an engine by name", hint="large-v3")
        return replace(answers, gold=gold)
    if name == "device":
        return replace(answers, device="cuda" if value == "yes" else "cpu")
    if name == "download":
        return replace(answers, allow_download=value == "yes")
    return replace(answers, profile=check_profile(value, detected))


def _base_url(value: str, detected: Detected, answers: Answers) -> str | None:
    if value == "keep":
        return answers.base_url
    if value == "remove":
        return None
    facts = facts_of(answers.provider or "")
    if value == VENDOR:
        named = facts.address_variable in detected.addresses  # it would win over no setting at all
        return facts.vendor_address if named else None
    return check_address(value, answers.provider or "")


def check_address(text: str, provider: str, *, origin: str = "this") -> str:
    """Return the address of a server as it is stored.

    Raises:
        ConfigError: it is none, or has a query.
        UsageError: it holds a user name or a password, or looks like a key; neither is repeated.
    """
    from echotrace.providers.address import parse_address

    refuse_key(text)
    if "@" in text.rpartition("://")[2].partition("/")[0]:
        raise UsageError(
            "an address without user name and password is needed",
            why="config.toml holds no secret",
            hint="store a key of the server instead",
            code="BAD_BASE_URL",
        )
    port = 11434 if provider == "ollama" else None
    return parse_address(text, origin=origin, default_port=port).url


def check_provider(name: str) -> str:
    """Return the name of a provider.

    Raises:
        UsageError: none is called so; it gives the nearest.
    """
    from difflib import get_close_matches

    if name in provider_names():
        return name
    refuse_key(name)
    near = get_close_matches(name.lower(), provider_names(), n=1)
    raise UsageError(
        f"no language model provider is called {name[:40]!r}",
        why=f"known are {', '.join(provider_names())}",
        hint=f"did you mean {near[0]}?" if near else "take one of those",
        code="UNKNOWN_PROVIDER",
    )


def check_model(name: str) -> str:
    """Return the name of a model.

    Raises:
        UsageError: it cannot be one, or looks like a key, which is not repeated.
    """
    text = name.strip()
    refuse_key(text)
    if not text or len(text) > _MOST_CHARS or not text.isprintable():
        raise UsageError("a model's name is one line of printable text", code="BAD_MODEL")
    return text


def check_engine(name: str, detected: Detected, answers: Answers) -> str:
    """Return an engine as the settings name it: ``small`` and a folder are completed.

    Raises:
        UsageError: no engine or model is called so.
    """
    from echotrace.providers.stt.choose import named_engine

    text = name.strip()
    refuse_key(text)
    provider, _, model = text.partition(":")
    if text in {size.name for size in WHISPER_SIZES}:
        text = WHISPER + text
    elif os.path.isdir(os.path.expanduser(model if provider == "faster-whisper" else text)):  # noqa: PTH111, PTH112 - a NUL byte or no home is no error here
        folder = os.path.expanduser(model if provider == "faster-whisper" else text)  # noqa: PTH111 - as above
        text = WHISPER + str(Path(folder).resolve())  # a configuration is read in every folder
    if text == "auto":
        return text
    try:
        named_engine(text, answers.as_settings(detected.base))
    except MissingDependencyError as error:
        if error.code == "MODEL_FOLDER":
            raise UsageError(error.what, why=error.why, hint=error.hint, code=error.code) from None
    except ProviderError:  # a server that has no key yet; trying the engine says so
        pass
    return text


def check_profile(name: str, detected: Detected) -> str:
    """Return the name of a threshold profile of the user's file.

    Raises:
        UsageError: there is none of this name.
    """
    known = detected.saved.profiles
    if name in known:
        return name
    from echotrace.config.describe import nearest

    refuse_key(name)
    close = nearest(name, list(known))
    raise UsageError(
        f"unknown profile {name[:40]!r}",
        why=f"the profiles are: {', '.join(known)}",
        hint=f"did you mean {close}?"
        if close
        else f"define it as [profiles.NAME] in {detected.saved.config_path}",
        code="UNKNOWN_PROFILE",
    )


def key_of(provider: str, value: str) -> Secret:
    """Return a typed key as a secret.

    Raises:
        UsageError: the provider takes none.
        ConfigError: it holds a character that no key has; the message does not repeat it.
    """
    variable = facts_of(provider).key_variable
    if variable is None:
        raise UsageError(f"{provider} takes no key")
    secret = get_secret(variable, {variable: value}, None)
    if secret is None:
        raise UsageError("an empty text is no key", code="NO_ANSWER")
    return secret
