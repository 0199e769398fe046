"""Which language model a run probes, decided before any SDK is loaded.

Providers are found by their entry points (``echotrace.llm``), the built-in ones too. One that was
named is never swapped for another. Without a name, the first of these that may be asked:

1. groq, when ``GROQ_API_KEY`` is there;
2. at ``llm.base_url``: openai when its path ends in ``/v1``, as OpenAI-compatible servers write
   it, else ollama;
3. ollama, when ``OLLAMA_HOST`` is set;
4. openai, when ``OPENAI_API_KEY`` is there and none of the above;
5. the mock, said aloud.

``llm.base_url`` is the address of whichever provider was chosen.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, cast

from echotrace.config.paths import secrets_file
from echotrace.config.secrets import get_secret
from echotrace.errors import InternalError, ProviderError, UsageError
from echotrace.model.measure import Finding, Severity
from echotrace.plugins import PluginRef, find_plugins
from echotrace.providers.llm.access import GROQ_MODEL, OPENAI_MODEL, access

if TYPE_CHECKING:
    from echotrace.config.settings import Settings
    from echotrace.providers.llm.base import LlmProvider

__all__ = ["GROQ_MODEL", "OPENAI_MODEL", "PROVIDERS", "Choice", "build", "choose"]

PROVIDERS: Final = ("groq", "ollama", "openai", "mock")
"""The built-in providers, in the order in which they are offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The provider of a run.

    ``sent_to`` is the host that would be asked, where it is known before the provider is made: not
    for the mock, and not for a plug-in, which is loaded by ``build`` alone. ``blocked`` is why it
    cannot be asked at all. ``stand_in`` marks a mock that nobody named. ``environ`` is what
    ``choose`` was given.
    """

    name: str
    model: str | None = None
    sent_to: str | None = None
    blocked: ProviderError | None = None
    stand_in: bool = False
    findings: tuple[Finding, ...] = ()
    environ: Mapping[str, str] | None = field(default=None, repr=False, compare=False)

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
        UsageError: the provider's name is unknown, or the model's is empty.
        ConfigError: an address or the file of secrets cannot be used.
    """
    name, colon, model = (settings.llm.provider or "").partition(":")
    if not name and not colon:
        return _by_itself(settings, environ)
    if name == "mock":
        return Choice(name="mock", findings=(_mock_finding("the mock was chosen"),))
    named = model if colon else None
    if name in PROVIDERS:
        return _built_in(name, settings, named, environ)
    _find(name)
    return Choice(
        name=name,
        model=named if colon else settings.llm.model,
        findings=find_plugins("llm").findings,
        environ=environ,
    )


def build(choice: Choice, settings: Settings) -> LlmProvider:
    """Load the provider and make it, checked; no connection is opened yet.

    Raises:
        ProviderError: it cannot be asked (no key, or ``--offline``), or a plug-in is broken.
        UsageError: a plug-in refuses the model's name.
        ConfigError: the HTTP library refuses the address or the certificates.
    """
    if choice.blocked is not None:
        raise choice.blocked
    if choice.name not in PROVIDERS:
        from echotrace.providers.llm.plugin import load_plugin

        return cast("LlmProvider", load_plugin(_find(choice.name), choice.model, settings))
    ref = find_plugins("llm").plugins.get(choice.name)
    if ref is None or not ref.built_in:
        raise InternalError(
            f"the provider {choice.name} is not registered",
            hint="install EchoTrace again: its entry points are older than its code",
        )
    provider: LlmProvider = ref.load().create(choice.model, settings, environ=choice.environ)
    provider.check()
    return provider


def _find(name: str) -> PluginRef:
    plugins = find_plugins("llm").plugins
    if (ref := plugins.get(name)) is not None:
        return ref
    known = (*PROVIDERS, *sorted(set(plugins) - set(PROVIDERS)))
    near = get_close_matches(name.lower(), known, n=1)
    raise UsageError(
        f"no language model provider is called {name!r}",
        why=f"known are {', '.join(known)}",
        hint=f"did you mean {near[0]}?" if near else "pass one of those with --llm",
        code="UNKNOWN_PROVIDER",
    )


def _built_in(
    name: str, settings: Settings, model: str | None, environ: Mapping[str, str] | None
) -> Choice:
    asked = access(name, settings, model, environ)
    return Choice(
        name=name,
        model=asked.model,
        sent_to=asked.address.shown,
        blocked=asked.blocked,
        environ=environ,
    )


def _by_itself(settings: Settings, environ: Mapping[str, str] | None) -> Choice:
    names = _configured(settings, os.environ if environ is None else environ)
    for name in names:
        choice = _built_in(name, settings, None, environ)
        if choice.blocked is None:
            return choice
    why = "--offline rules out what is configured" if names else "none is configured"
    return Choice(name="mock", stand_in=True, findings=(_mock_finding(why, stand_in=True),))


def _configured(settings: Settings, env: Mapping[str, str]) -> list[str]:
    base_url = (settings.llm.base_url or "").partition("?")[0].rstrip("/")
    names = []
    if _has_key("GROQ_API_KEY", env):
        names.append("groq")
    elif base_url:
        names.append("openai" if base_url.endswith("/v1") else "ollama")
    if env.get("OLLAMA_HOST", "").strip() and not base_url:
        names.append("ollama")
    if not names and not base_url and _has_key("OPENAI_API_KEY", env):
        names.append("openai")
    return names


def _has_key(name: str, env: Mapping[str, str]) -> bool:
    return get_secret(name, env, secrets_file(env).path) is not None


def _mock_finding(why: str, *, stand_in: bool = False) -> Finding:
    return Finding(
        code="LLM_MOCK",
        severity=Severity.WARNING if stand_in else Severity.INFO,
        message=f"[MOCK] no language model was asked ({why}): its times are simulated "
        "and not scored",
        hint="for real figures set GROQ_API_KEY or OPENAI_API_KEY, or start Ollama and set "
        "OLLAMA_HOST"
        if stand_in
        else "for real figures pass --llm groq:MODEL, ollama:MODEL or openai:MODEL, or run "
        "`echotrace setup`",
    )
