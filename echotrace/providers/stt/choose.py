"""From a setting to an engine: ``auto`` may choose, a name is taken at its word.

Engines are found by their entry points, the built-in ones too. ``auto`` chooses only among those
that compute on this machine, so no audio leaves it unless an engine was named.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from echotrace.errors import (
    EchoTraceError,
    InternalError,
    MissingDependencyError,
    UsageError,
)
from echotrace.model.measure import Finding, Severity
from echotrace.plugins import PluginRef, find_plugins
from echotrace.printable import printable
from echotrace.providers.stt.base import SttEngine
from echotrace.providers.stt.kept import current_keeper

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echotrace.config.settings import Settings
    from echotrace.telemetry import TelemetryCollector

__all__ = ["DEFAULT_MODEL", "EngineChoice", "choose_engine", "named_engine"]

DEFAULT_MODEL: Final = "tiny"
_SIZES: Final = ("tiny", "base", "small", "medium", "large-v2", "large-v3", "turbo")
"""Sizes that people type without the engine's name; only for a hint."""
_ADVICE: Final = (
    "--stt faster-whisper:tiny --allow-download fetches a better one (75 MB), "
    "--transcript FILE audits what your own pipeline heard"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """An engine that is ready to be loaded.

    ``doubt`` says why its error rates are only estimates, None when they count.
    """

    engine: SttEngine
    doubt: str | None = None
    findings: tuple[Finding, ...] = ()


def choose_engine(settings: Settings, collector: TelemetryCollector) -> EngineChoice:
    """Return the engine under audit.

    Raises:
        UsageError: no engine has this name.
        MissingDependencyError: the engine that was named is not on this machine, or none at all is.
    """
    if settings.stt.engine != "auto":
        return EngineChoice(
            engine=named_engine(settings.stt.engine, settings),
            findings=find_plugins("stt").findings,
        )
    why = _why_not_default(settings, collector)
    if why is None:
        return EngineChoice(engine=named_engine(f"faster-whisper:{DEFAULT_MODEL}", settings))
    try:
        engine = named_engine("sphinx", settings)
    except (MissingDependencyError, UsageError) as error:
        raise MissingDependencyError(
            "there is no speech recogniser on this machine for this run",
            why=f"{why}; {error.what}",
            hint=_ADVICE,
            code="NO_ENGINE",
        ) from None
    return EngineChoice(
        engine=engine,
        doubt=f"{why}, so the embedded engine stood in: the figure says more about that engine "
        "than about the call",
        findings=(
            Finding(
                code="STT_EMBEDDED",
                severity=Severity.WARNING,
                message=f"transcribed by sphinx (embedded, low accuracy), because {why}; "
                "its error rates are not scored",
                hint=_ADVICE,
            ),
        ),
    )


def named_engine(name: str, settings: Settings) -> SttEngine:
    """Return the engine of this name, checked; nothing is ever put in its place.

    Raises:
        UsageError: no engine or model has this name, or a setting does not fit it.
        MissingDependencyError: the package or the model is not on this machine, or a plug-in is
            broken.
        ProviderError: a server that is to be asked cannot be (it has no key).
    """
    keeper = current_keeper()
    if keeper is not None and (kept := keeper.find(name, settings)) is not None:
        return kept
    provider, separator, model = name.partition(":")
    plugins = find_plugins("stt").plugins
    ref = plugins.get(provider)
    if ref is None or provider == "auto":
        raise _unknown(name, provider, plugins)
    engine = _made(ref, model if separator else None, settings)
    if keeper is not None:
        keeper.keep(name, settings, engine)
    return engine


def _made(ref: PluginRef, model: str | None, settings: Settings) -> SttEngine:
    """Load, make and check an engine; a contributor's fault is told with whose it is."""
    try:
        engine: SttEngine = ref.load().create(model, settings)
        engine.check()
    except InternalError:
        raise
    except EchoTraceError as error:
        if error.exit_code == InternalError.exit_code:  # its own class, unknown to the table
            raise _broken(ref, error) from None
        raise
    except Exception as error:
        if ref.built_in:
            raise
        raise _broken(ref, error) from error
    return engine


def _broken(ref: PluginRef, error: Exception) -> MissingDependencyError:
    lines = str(error).splitlines()
    said = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return MissingDependencyError(
        f"the speech recogniser {ref.name!r} of the package {ref.distribution!r} is broken",
        why=printable(said)[:300],
        hint=f"update or remove it: pip install --upgrade {ref.distribution}",
        code="ENGINE_BROKEN",
    )


def _why_not_default(settings: Settings, collector: TelemetryCollector) -> str | None:
    """Say why ``auto`` cannot be faster-whisper tiny, or None when it can."""
    from echotrace.providers.stt.whisper_models import TINY_REPOSITORY, download, is_cached

    missing = f"faster-whisper {DEFAULT_MODEL} is not in the local cache"
    if is_cached(TINY_REPOSITORY):
        return None
    if settings.offline or not settings.stt.allow_download:
        return missing
    try:
        with collector.span("model_download", engine=f"faster-whisper:{DEFAULT_MODEL}"):
            download(DEFAULT_MODEL)
    except EchoTraceError as error:
        return f"{missing} and its download failed ({error.why})"
    return None


def _unknown(name: str, provider: str, known: Iterable[str]) -> UsageError:
    names = sorted(known)
    meant = {
        **{size: f"faster-whisper:{size}" for size in _SIZES},
        "whisper": "faster-whisper:tiny",
    }
    meant |= {one: one for one in ("auto", *names)}
    near = difflib.get_close_matches(provider.lower(), meant, n=1, cutoff=0.6)
    examples = {"faster-whisper": "faster-whisper:SIZE-OR-DIRECTORY"}
    hint = ", ".join(("auto", *(examples.get(one, one) for one in names)))
    if near:
        hint = f"did you mean {meant[near[0]]}?"
    return UsageError(f"there is no speech recogniser {name!r}", hint=hint, code="UNKNOWN_ENGINE")
