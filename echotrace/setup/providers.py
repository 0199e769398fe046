"""What the wizard says about each language model provider.

The names are those of the built-in providers, and of every plug-in that is installed; one without
an entry here is offered with plain words.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache

from echotrace.plugins import find_plugins
from echotrace.providers.llm.access import GROQ_MODEL, OPENAI_MODEL
from echotrace.providers.llm.choose import PROVIDERS
from echotrace.providers.openai_api import OPENAI_KEY, OPENAI_URL

__all__ = ["ProviderFacts", "facts_of", "provider_names"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFacts:
    """One provider: ``key_variable`` is the name of its key, None when it needs none.

    ``vendor_address`` is set for a protocol that many servers speak: which one is asked for, and
    one on this machine needs no key.
    """

    name: str
    words: str
    key_variable: str | None = None
    key_from: str = ""
    default_model: str | None = None
    model_words: str = ""
    address_variable: str | None = None
    vendor_address: str | None = None
    simulated: bool = False
    local: bool = False


_FACTS = {
    facts.name: facts
    for facts in (
        ProviderFacts(
            name="groq",
            words="fast cloud models; needs a key",
            key_variable="GROQ_API_KEY",
            key_from="https://console.groq.com/keys",
            default_model=GROQ_MODEL,
            model_words="any model of your Groq account",
            address_variable="GROQ_BASE_URL",
        ),
        ProviderFacts(
            name="ollama",
            words="models on your own machine",
            model_words="any model that `ollama list` shows",
            address_variable="OLLAMA_HOST",
            local=True,
        ),
        ProviderFacts(
            name="openai",
            words="OpenAI, or any server that speaks its protocol",
            key_variable=OPENAI_KEY,
            key_from="https://platform.openai.com/api-keys",
            default_model=OPENAI_MODEL,
            model_words="the name that the server has for it",
            address_variable="OPENAI_BASE_URL",
            vendor_address=OPENAI_URL,
        ),
        ProviderFacts(
            name="mock",
            words="made-up times to try the tool; never scored",
            simulated=True,
            local=True,
        ),
    )
}


def provider_names() -> tuple[str, ...]:
    """Return the providers that can be chosen: the built-in ones, then those of plug-ins."""
    others = (name for name in _registered(tuple(sys.path)) if name not in PROVIDERS)
    return (*PROVIDERS, *others)


@lru_cache(maxsize=4)
def _registered(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of entry points; ``path`` is where distributions are looked for."""
    del path
    return tuple(sorted(find_plugins("llm").plugins))


def facts_of(name: str) -> ProviderFacts:
    """Return what is known of a provider; plain words for one without an entry."""
    return _FACTS.get(name) or ProviderFacts(name=name, words="")
