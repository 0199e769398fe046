"""Which language model a run probes, decided before any SDK is loaded.

A provider that was named is never swapped for another. Without a name: groq when its key is there,
else ollama when it is configured (``OLLAMA_HOST`` or ``llm.base_url``), else the mock, said aloud.
``llm.base_url`` is the address of whichever provider was chosen.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from echotrace.config.paths import secrets_file
from echotrace.config.secrets import Secret, get_secret
from echotrace.errors import ProviderError, UsageError
from echotrace.model.measure import Finding, Severity
from echotrace.providers.address import Address, parse_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echotrace.config.settings import Settings
    from echotrace.providers.llm.base import LlmProvider

__all__ = ["PROVIDERS", "Choice", "build", "choose"]

PROVIDERS = ("groq", "ollama", "mock")
GROQ_URL = "https://api.groq.com"
GROQ_MODEL = "openai/gpt-oss-20b"
"""Groq's small production model; its Llama models were shut down on 2026-08-16."""
OLLAMA_URL = "http://127.0.0.1:11434"
_OLLAMA_PORT = 11434


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The provider of a run.

    ``blocked`` is why it cannot be asked at all. ``stand_in`` marks a mock that nobody named.
    ``key`` is kept out of ``repr``.
    """

    name: str
    model: str | None = None
    address: Address | None = None
    blocked: ProviderError | None = None
    stand_in: bool = False
    findings: tuple[Finding, ...] = ()
    key: Secret | None = field(default=None, repr=False)

    @property
    def simulated(self) -> bool:
        """Whether this is the mock."""
        return self.name == "mock"


def choose(settings: Settings, *, environ: Mapping[str, str] | None = None) -> Choice:
    """Decide from settings, environment and secrets.

    Args:
        settings: ``llm.provider`` may be ``name`` or ``name:model``.
        environ: the environment; the process's own when None.

    Raises:
        UsageError: the provider's name is unknown.
        ConfigError: an address or the file of secrets cannot be used.
    """
    env = os.environ if environ is None else environ
    name, _, model = (settings.llm.provider or "").partition(":")
    model = model or settings.llm.model or ""
    if not name:
        return _by_itself(settings, model or None, env)
    if name not in PROVIDERS:
        near = get_close_matches(name, PROVIDERS, n=1)
        raise UsageError(
            f"no language model provider is called {name!r}",
            why=f"known are {', '.join(PROVIDERS)}",
            hint=f"did you mean {near[0]}?" if near else "pass one of those with --llm",
            code="UNKNOWN_PROVIDER",
        )
    if name == "mock":
        return Choice(name="mock", findings=(_mock_finding("the mock was chosen"),))
    return (_groq if name == "groq" else _ollama)(settings, model or None, env)


def build(choice: Choice, settings: Settings) -> LlmProvider:
    """Load the SDK and make the provider; no connection is opened yet.

    Raises:
        ProviderError: the provider cannot be asked (no key, or ``--offline``).
        ConfigError: the HTTP library refuses the address or the certificates.
    """
    if choice.blocked is not None:
        raise choice.blocked
    if choice.name == "mock" or choice.address is None:
        from echotrace.providers.llm.mock import MockProvider

        return MockProvider(seed=settings.llm.mock_seed)
    from echotrace.providers.wire import refused_address

    with refused_address(choice.name, choice.address):
        if choice.name == "groq" and choice.key is not None:
            from echotrace.providers.llm.groq import GroqProvider

            return GroqProvider(
                model=choice.model or GROQ_MODEL,
                key=choice.key,
                address=choice.address,
                timeout_s=settings.llm.timeout_s,
                offline=settings.offline,
            )
        from echotrace.providers.llm.ollama import OllamaProvider

        return OllamaProvider(
            model=choice.model,
            address=choice.address,
            timeout_s=settings.llm.timeout_s,
            offline=settings.offline,
            key=choice.key,
        )


def _by_itself(settings: Settings, model: str | None, env: Mapping[str, str]) -> Choice:
    configured = []
    if _key("GROQ_API_KEY", env):
        configured.append(_groq(settings, model, env))
    elif settings.llm.base_url:
        configured.append(_ollama(settings, model, env))
    if _variable(env, "OLLAMA_HOST") and not settings.llm.base_url:
        configured.append(_ollama(settings, model, env))
    for choice in configured:
        if choice.blocked is None:
            return choice
    why = "--offline rules out what is configured" if configured else "none is configured"
    return Choice(name="mock", stand_in=True, findings=(_mock_finding(why, stand_in=True),))


def _groq(settings: Settings, model: str | None, env: Mapping[str, str]) -> Choice:
    address = _address(settings, env, "GROQ_BASE_URL", GROQ_URL, None)
    key = _key("GROQ_API_KEY", env)
    blocked = _offline("groq", address) if settings.offline else None
    if blocked is None and key is None:
        blocked = ProviderError(
            "groq has no key",
            why="GROQ_API_KEY is neither in the environment nor among the stored secrets",
            hint="set GROQ_API_KEY; https://console.groq.com/keys gives one",
            code="LLM_KEY_MISSING",
        )
    return Choice(name="groq", model=model or GROQ_MODEL, address=address, blocked=blocked, key=key)


def _ollama(settings: Settings, model: str | None, env: Mapping[str, str]) -> Choice:
    address = _address(settings, env, "OLLAMA_HOST", OLLAMA_URL, _OLLAMA_PORT)
    blocked = _offline("ollama", address) if settings.offline else None
    key = _key("OLLAMA_API_KEY", env)
    return Choice(name="ollama", model=model, address=address, blocked=blocked, key=key)


def _address(
    settings: Settings, env: Mapping[str, str], variable: str, default: str, port: int | None
) -> Address:
    if settings.llm.base_url:
        return parse_address(settings.llm.base_url, origin="llm.base_url", default_port=port)
    if value := _variable(env, variable):
        return parse_address(value, origin=variable, default_port=port)
    return parse_address(default, origin="the default", default_port=port)


def _offline(name: str, address: Address) -> ProviderError | None:
    if address.loopback:
        return None
    return ProviderError(
        f"{name} was not asked",
        why=f"--offline forbids a connection to {address.shown}",
        hint="leave out --offline, or use an Ollama on this machine",
        code="LLM_OFFLINE",
    )


def _key(name: str, env: Mapping[str, str]) -> Secret | None:
    return get_secret(name, env, secrets_file(env).path)


def _variable(env: Mapping[str, str], name: str) -> str | None:
    return env.get(name, "").strip() or None


def _mock_finding(why: str, *, stand_in: bool = False) -> Finding:
    return Finding(
        code="LLM_MOCK",
        severity=Severity.WARNING if stand_in else Severity.INFO,
        message=f"[MOCK] no language model was asked ({why}): its times are simulated "
        "and not scored",
        hint="for real figures set GROQ_API_KEY, or start Ollama and set OLLAMA_HOST"
        if stand_in
        else "for real figures pass --llm groq:MODEL or ollama:MODEL, or run `echotrace setup`",
    )
