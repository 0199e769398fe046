"""What the wizard says about each language model provider.

The names are those of the registry of providers; one that joins there is offered here too, with
plain words until it gets an entry.
"""

from __future__ import annotations

from dataclasses import dataclass

from echotrace.providers.llm.choose import GROQ_MODEL, PROVIDERS

__all__ = ["ProviderFacts", "facts_of", "provider_names"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFacts:
    """One provider: ``key_variable`` is the name of its key, None when it needs none."""

    name: str
    words: str
    key_variable: str | None = None
    key_from: str = ""
    default_model: str | None = None
    model_words: str = ""
    address_variable: str | None = None
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
            name="mock",
            words="made-up times to try the tool; never scored",
            simulated=True,
            local=True,
        ),
    )
}


def provider_names() -> tuple[str, ...]:
    """Return the providers that can be chosen, in the registry's order."""
    return PROVIDERS


def facts_of(name: str) -> ProviderFacts:
    """Return what is known of a provider; plain words for one without an entry."""
    return _FACTS.get(name) or ProviderFacts(name=name, words="")
