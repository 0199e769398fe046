"""Where each built-in language model is, and with which key: read before any SDK is loaded.

``llm.base_url`` is the address of whichever provider is asked; without it each has a variable of
its own, and then its vendor's address.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from echotrace.config.paths import secrets_file
from echotrace.config.secrets import Secret, get_secret
from echotrace.errors import ProviderError, UsageError
from echotrace.providers.address import Address, parse_address
from echotrace.providers.openai_api import OPENAI_KEY, is_vendor, openai_address, openai_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from echotrace.config.settings import Settings

__all__ = [
    "GROQ_MODEL",
    "GROQ_URL",
    "OLLAMA_URL",
    "OPENAI_MODEL",
    "Access",
    "access",
    "offline_error",
]

GROQ_URL: Final = "https://api.groq.com"
GROQ_MODEL: Final = "openai/gpt-oss-20b"
"""Groq's small production model; its Llama models were shut down on 2026-08-16."""
OLLAMA_URL: Final = "http://127.0.0.1:11434"
OPENAI_MODEL: Final = "gpt-4o-mini"
_OLLAMA_PORT: Final = 11434


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who is asked: what the settings and the environment say, before anything is opened.

    ``model`` is the one to ask when none is named, None where the server's own list decides.
    ``key_hint`` says what to do when there is no key although one is needed. ``key`` is kept out
    of ``repr``.
    """

    provider: str
    address: Address
    model: str | None
    key: Secret | None = field(default=None, repr=False)
    key_name: str
    key_needed: bool
    key_hint: str
    timeout_s: float
    offline: bool

    @property
    def blocked(self) -> ProviderError | None:
        """Why the server cannot be asked at all; None when it can."""
        if self.offline and not self.address.loopback:
            return offline_error(self.provider, self.address.shown)
        if self.key is None and self.key_needed:
            return ProviderError(
                f"{self.provider} has no key",
                why=f"{self.key_name} is neither in the environment nor among the stored secrets",
                hint=self.key_hint,
                code="LLM_KEY_MISSING",
            )
        return None


def offline_error(provider: str, host: str) -> ProviderError:
    """Return the error for a server that ``--offline`` rules out."""
    return ProviderError(
        f"{provider} was not asked",
        why=f"--offline forbids a connection to {host}",
        hint="leave out --offline, or use a server on this machine, such as Ollama",
        code="LLM_OFFLINE",
    )


def _groq(settings: Settings, model: str | None, environ: Mapping[str, str]) -> Access:
    return Access(
        provider="groq",
        address=_address(settings, environ, "GROQ_BASE_URL", GROQ_URL, None),
        model=model or GROQ_MODEL,
        key=get_secret("GROQ_API_KEY", environ, secrets_file(environ).path),
        key_name="GROQ_API_KEY",
        key_needed=True,
        key_hint="set GROQ_API_KEY; https://console.groq.com/keys gives one",
        timeout_s=settings.llm.timeout_s,
        offline=settings.offline,
    )


def _ollama(settings: Settings, model: str | None, environ: Mapping[str, str]) -> Access:
    return Access(
        provider="ollama",
        address=_address(settings, environ, "OLLAMA_HOST", OLLAMA_URL, _OLLAMA_PORT),
        model=model,
        key=get_secret("OLLAMA_API_KEY", environ, secrets_file(environ).path),
        key_name="OLLAMA_API_KEY",
        key_needed=False,
        key_hint="",
        timeout_s=settings.llm.timeout_s,
        offline=settings.offline,
    )


def _openai(settings: Settings, model: str | None, environ: Mapping[str, str]) -> Access:
    address = openai_address(settings.llm.base_url, origin="llm.base_url", environ=environ)
    return Access(
        provider="openai",
        address=address,
        model=model or (OPENAI_MODEL if is_vendor(address) else None),
        key=openai_key(environ),
        key_name=OPENAI_KEY,
        key_needed=not address.loopback,
        key_hint="set OPENAI_API_KEY, or llm.base_url to a server on this machine, "
        "which needs none",
        timeout_s=settings.llm.timeout_s,
        offline=settings.offline,
    )


_BY_NAME: Final[Mapping[str, Callable[[Settings, str | None, Mapping[str, str]], Access]]] = {
    "groq": _groq,
    "ollama": _ollama,
    "openai": _openai,
}


def access(
    name: str, settings: Settings, model: str | None, environ: Mapping[str, str] | None = None
) -> Access:
    """Return who is asked when the built-in provider ``name`` is.

    Args:
        name: groq, ollama or openai.
        settings: their ``llm`` and ``offline`` count.
        model: the model that was named; None takes ``llm.model``, then the provider's own.
        environ: the environment; the process's own when None.

    Raises:
        UsageError: the model's name is empty.
        ConfigError: an address or the file of secrets cannot be used.
    """
    if model is not None and not model.strip():
        raise UsageError(
            f"{name + ':'!r} names no model",
            hint=f"write --llm {name}:MODEL, or --llm {name} for its own choice",
            code="UNKNOWN_MODEL",
        )
    env = os.environ if environ is None else environ
    return _BY_NAME[name](settings, model or settings.llm.model or None, env)


def _address(
    settings: Settings, environ: Mapping[str, str], variable: str, default: str, port: int | None
) -> Address:
    if settings.llm.base_url:
        return parse_address(settings.llm.base_url, origin="llm.base_url", default_port=port)
    if value := environ.get(variable, "").strip():
        return parse_address(value, origin=variable, default_port=port)
    return parse_address(default, origin="the default", default_port=port)
