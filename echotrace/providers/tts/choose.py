"""Which speech synthesiser a run probes, decided before any HTTP library is loaded.

There is no default: text leaves this machine, or a program of it runs, only when one was named.
Synthesisers are found by their entry points, the built-in ones too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, cast

from echotrace.errors import ProviderError, UsageError
from echotrace.model.measure import Finding
from echotrace.plugins import PluginRef, find_plugins
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echotrace.config.settings import Settings
    from echotrace.providers.tts.base import TtsProvider

__all__ = ["Choice", "build", "choose"]

_EXAMPLES = {"command": "command:'espeak-ng --stdout'"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The synthesiser of a run.

    ``model`` is the model's name, or the program's; of a plug-in it is what followed its name.
    ``sent_to`` is None when the text stays on this machine, and for a plug-in, which is loaded by
    ``build`` alone. ``blocked`` is why it cannot be asked at all.
    """

    name: str
    model: str | None = None
    voice: str | None = None
    sent_to: str | None = None
    blocked: ProviderError | None = None
    findings: tuple[Finding, ...] = ()
    ref: PluginRef = field(repr=False)
    rest: str | None = field(default=None, repr=False)


def choose(settings: Settings) -> Choice | None:
    """Decide from settings, environment and secrets; None when no synthesiser was named.

    A plug-in is only looked up: its code runs in ``build``.

    Args:
        settings: ``tts.provider`` is ``name`` or ``name:rest``.

    Raises:
        UsageError: the provider's name is unknown, or what follows it is impossible.
        ConfigError: an address or the file of secrets cannot be used.
    """
    if not settings.tts.provider:
        return None
    name, separator, rest = settings.tts.provider.partition(":")
    registry = find_plugins("tts")
    ref = registry.plugins.get(name)
    if ref is None:
        raise _unknown(name, registry.plugins)
    words = rest if separator else None
    if not ref.built_in:
        return Choice(name=name, model=words, findings=registry.findings, ref=ref, rest=words)
    provider = _made(ref, words, settings)
    blocked = None
    try:
        provider.check()
    except ProviderError as error:
        blocked = error
    return Choice(
        name=name,
        model=provider.model,
        voice=provider.voice,
        sent_to=provider.sent_to,
        blocked=blocked,
        findings=registry.findings,
        ref=ref,
        rest=words,
    )


def build(choice: Choice, settings: Settings) -> TtsProvider:
    """Make the provider and load what it needs; no connection is opened, no program started.

    Raises:
        ProviderError: it cannot be asked, see ``Choice.blocked``, or a plug-in is broken.
        UsageError: a plug-in refuses the model's name.
        ConfigError: the HTTP library refuses the address or the certificates.
    """
    if choice.blocked is not None:
        raise choice.blocked
    if not choice.ref.built_in:
        from echotrace.providers.tts.plugin import load_plugin

        return cast("TtsProvider", load_plugin(choice.ref, choice.rest, settings))
    from echotrace.providers.tts.http import HttpSpeech

    provider = _made(choice.ref, choice.rest, settings)
    if isinstance(provider, HttpSpeech):
        provider.connect()
    return provider


def _made(ref: PluginRef, rest: str | None, settings: Settings) -> TtsProvider:
    provider: TtsProvider = ref.load().create(rest, settings)
    return provider


def _unknown(name: str, known: Iterable[str]) -> UsageError:
    names = sorted(known)
    near = get_close_matches(name.lower(), names, n=1)
    listed = ", ".join(_EXAMPLES.get(one, f"{one}:MODEL") for one in names)
    shown = printable(name)
    return UsageError(
        f"no speech synthesiser is called {shown!r}",
        why=f"known are {', '.join(names)}",
        hint=f"did you mean {near[0]}?" if near else f"pass one of these with --tts: {listed}",
        code="UNKNOWN_PROVIDER",
    )
