"""Which speech synthesiser a run probes, decided before any HTTP library is loaded.

There is no default: text leaves this machine, or a program of it runs, only when one was named.
Synthesisers are found by their entry points, the built-in ones too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

from echotrace.errors import (
    EchoTraceError,
    InternalError,
    MissingDependencyError,
    ProviderError,
    UsageError,
)
from echotrace.model.measure import Finding
from echotrace.plugins import PluginRef, find_plugins
from echotrace.printable import printable
from echotrace.providers.plugin_faults import PLUGIN_FAULTS, leaves_this_machine
from echotrace.providers.tts.failures import offline_error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echotrace.config.settings import Settings
    from echotrace.providers.tts.base import TtsProvider

__all__ = ["Choice", "build", "choose"]

_EXAMPLES = {"command": "command:'espeak-ng --stdout'"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The synthesiser of a run.

    ``model`` is the model's name, or the program's; ``sent_to`` is None when the text stays on this
    machine. ``blocked`` is why it cannot be asked at all.
    """

    name: str
    model: str | None
    voice: str | None
    sent_to: str | None
    blocked: ProviderError | None = None
    findings: tuple[Finding, ...] = ()
    ref: PluginRef = field(repr=False)
    rest: str | None = field(default=None, repr=False)


def choose(settings: Settings) -> Choice | None:
    """Decide from settings, environment and secrets; None when no synthesiser was named.

    Args:
        settings: ``tts.provider`` is ``name`` or ``name:rest``.

    Raises:
        UsageError: the provider's name is unknown, or what follows it is impossible.
        ConfigError: an address or the file of secrets cannot be used.
        MissingDependencyError: the plug-in that brings the provider is broken.
    """
    if not settings.tts.provider:
        return None
    name, separator, rest = settings.tts.provider.partition(":")
    registry = find_plugins("tts")
    ref = registry.plugins.get(name)
    if ref is None:
        raise _unknown(name, registry.plugins)
    words = rest if separator else None
    blocked = None
    provider = _made(ref, words, settings)
    try:
        _asked(ref, lambda: provider.check())
    except ProviderError as error:
        blocked = error
    model, voice, sent_to = _asked(ref, lambda: (provider.model, provider.voice, provider.sent_to))
    if blocked is None and not ref.built_in and settings.offline and leaves_this_machine(sent_to):
        blocked = offline_error(name, sent_to or "")  # the plug-in forgot it
    return Choice(
        name=name,
        model=model,
        voice=voice,
        sent_to=sent_to,
        blocked=blocked,
        findings=registry.findings,
        ref=ref,
        rest=words,
    )


def build(choice: Choice, settings: Settings) -> TtsProvider:
    """Make the provider and load what it needs; no connection is opened, no program started.

    Raises:
        ProviderError: the provider cannot be asked, see ``Choice.blocked``.
        ConfigError: the HTTP library refuses the address or the certificates.
        MissingDependencyError: the plug-in that brings the provider is broken.
    """
    if choice.blocked is not None:
        raise choice.blocked
    from echotrace.providers.tts.http import HttpSpeech

    provider = _made(choice.ref, choice.rest, settings)
    if isinstance(provider, HttpSpeech):
        provider.connect()
    if not choice.ref.built_in:
        from echotrace.providers.tts.plugin import PluginSpeech

        return cast("TtsProvider", PluginSpeech(provider, choice.ref))
    return provider


def _made(ref: PluginRef, rest: str | None, settings: Settings) -> TtsProvider:
    provider: TtsProvider = _asked(ref, lambda: ref.load().create(rest, settings))
    return provider


def _asked(ref: PluginRef, ask: Any) -> Any:
    """Call into a provider; a contributor's fault is told with whose it is."""
    try:
        return ask()
    except InternalError:
        raise
    except EchoTraceError as error:
        if error.exit_code == InternalError.exit_code:  # its own class, unknown to the table
            raise _broken(ref, error) from None
        raise
    except PLUGIN_FAULTS as error:
        if ref.built_in:
            raise
        raise _broken(ref, error) from error


def _broken(ref: PluginRef, error: BaseException) -> MissingDependencyError:
    lines = str(error).splitlines()
    said = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return MissingDependencyError(
        f"the speech synthesiser {ref.name!r} of the package {ref.distribution!r} is broken",
        why=printable(said)[:300],
        hint=f"update or remove it: pip install --upgrade {ref.distribution}",
        code="PROVIDER_BROKEN",
    )


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
