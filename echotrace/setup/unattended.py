"""Answers without questions: from flags, from the environment, from what the wizard would propose.

What no flag names stays as it is in the user's file.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from echotrace.setup.accept import (
    check_address,
    check_engine,
    check_model,
    check_profile,
    check_provider,
)
from echotrace.setup.answers import Answers, answers_of
from echotrace.setup.providers import facts_of
from echotrace.setup.questions import default_model, default_provider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echotrace.setup.checks import CheckName
    from echotrace.setup.detect import Detected

__all__ = ["Flags", "answers_from", "due_checks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What a command line says; None says nothing."""

    provider: str | None = None
    model: str | None = None
    base_url: str | None = None
    stt: str | None = None
    gold: str | None = None
    profile: str | None = None
    offline: bool | None = None
    allow_download: bool | None = None
    from_env: bool = False

    @property
    def any(self) -> bool:
        """Whether anything was said at all."""
        return any(getattr(self, item.name) not in (None, False) for item in fields(self)) or (
            self.offline is False or self.allow_download is False
        )

    def split(self) -> Flags:
        """Return the flags with ``--provider groq:MODEL`` taken apart."""
        provider, separator, model = (self.provider or "").partition(":")
        if not separator:
            return self
        return replace(self, provider=provider, model=self.model or model or None)


def answers_from(detected: Detected, flags: Flags, environ: Mapping[str, str]) -> Answers:
    """Return the answers of a setup that asks nothing.

    Without any flag they are the wizard's own proposals.

    Raises:
        UsageError: a flag fits nothing.
        ConfigError: an address variable holds no address.
    """
    flags = flags.split()
    answers = answers_of(detected.saved.settings)
    if flags.from_env:
        answers = replace(answers_of(detected.base), keys=())
    if flags.offline is not None:
        answers = replace(answers, offline=flags.offline)
    if flags.allow_download is not None:
        answers = replace(answers, allow_download=flags.allow_download)
    if flags.stt is not None:
        answers = replace(answers, stt=check_engine(flags.stt, detected, answers))
    if flags.gold is not None:
        gold = None if flags.gold == "none" else check_engine(flags.gold, detected, answers)
        answers = replace(answers, gold=gold)
    if flags.profile is not None:
        answers = replace(answers, profile=check_profile(flags.profile, detected))
    answers = _language_model(detected, flags, answers)
    return _from_environment(answers, environ) if flags.from_env else answers


def due_checks(detected: Detected, flags: Flags, answers: Answers) -> tuple[CheckName, ...]:
    """Return the checks of what was named or would change."""
    before = answers_of(detected.saved.settings)
    llm = ("provider", "model", "base_url", "offline")
    due: list[CheckName] = []
    named = flags.provider or flags.model or flags.base_url or answers.keys
    if answers.provider and (named or _differ(before, answers, llm)):
        due.append("llm")
    heard = ("device", "allow_download")
    if flags.stt or _differ(before, answers, ("stt", *heard)):
        due.append("stt")
    if answers.gold and (flags.gold or _differ(before, answers, ("gold", *heard))):
        due.append("gold")
    return tuple(due)


def _language_model(detected: Detected, flags: Flags, answers: Answers) -> Answers:
    provider = answers.provider
    if flags.provider is not None:
        provider = check_provider(flags.provider)
    elif provider is None and (flags.from_env or flags.model or not flags.any):
        best = default_provider(detected)
        provider = None if best == "mock" else best  # it stands in by itself until there is better
    if provider != answers.provider:
        # an address and a model belong to the provider that they were set for
        saved = answers_of(detected.saved.settings)
        theirs = saved.base_url if saved.provider is not None else None
        kept = None if answers.base_url == theirs else answers.base_url
        model = answers.model if answers.provider is None else None
        answers = replace(answers, provider=provider, model=model, base_url=kept)
    if flags.base_url is not None:
        base_url = check_address(flags.base_url, provider or "", origin="--llm-base-url")
        answers = replace(answers, base_url=base_url)
    if flags.model is not None:
        return replace(answers, model=check_model(flags.model))
    touched = flags.provider is not None or flags.from_env or not flags.any
    if touched and answers.model is None and provider is not None:
        return replace(answers, model=default_model(detected, answers))
    return answers


def _from_environment(answers: Answers, environ: Mapping[str, str]) -> Answers:
    """Add the key and the address of the provider that was chosen."""
    from echotrace.config.secrets import get_secret
    from echotrace.providers.address import parse_address

    facts = facts_of(answers.provider or "")
    if facts.key_variable is not None:
        key = get_secret(facts.key_variable, environ, None)
        answers = answers if key is None else answers.with_key(key)
    variable = facts.address_variable
    text = environ.get(variable, "").strip() if variable else ""
    if variable and text and answers.base_url is None:
        port = 11434 if facts.name == "ollama" else None
        address = parse_address(text, origin=variable, default_port=port)
        answers = replace(answers, base_url=address.url)
    return answers


def _differ(before: Answers, after: Answers, names: tuple[str, ...]) -> bool:
    return any(getattr(before, name) != getattr(after, name) for name in names)
