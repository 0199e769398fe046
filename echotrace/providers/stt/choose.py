"""From a setting to an engine: ``auto`` may choose, a name is taken at its word."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from echotrace.errors import MissingDependencyError, ProviderError, UsageError
from echotrace.model.measure import Finding, Severity
from echotrace.providers.stt.base import SttEngine

if TYPE_CHECKING:
    from echotrace.config.settings import Settings
    from echotrace.telemetry import TelemetryCollector

__all__ = ["DEFAULT_MODEL", "EngineChoice", "choose_engine", "named_engine"]

DEFAULT_MODEL: Final = "tiny"
_NAMES: Final = ("faster-whisper", "sphinx")
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
        return EngineChoice(engine=named_engine(settings.stt.engine, settings))
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
        MissingDependencyError: the package or the model is not on this machine.
    """
    provider, separator, model = name.partition(":")
    engine: SttEngine
    if provider == "faster-whisper":
        if separator and not model:
            raise UsageError(
                f"{name!r} names no model",
                hint="--stt faster-whisper:tiny, or faster-whisper:DIRECTORY",
                code="UNKNOWN_MODEL",
            )
        from echotrace.providers.stt.faster_whisper import FasterWhisperEngine

        engine = FasterWhisperEngine(model or DEFAULT_MODEL, settings.stt, offline=settings.offline)
    elif provider == "sphinx":
        if separator:
            raise UsageError("sphinx takes no model", hint="--stt sphinx", code="UNKNOWN_MODEL")
        from echotrace.providers.stt.sphinx import SphinxEngine

        engine = SphinxEngine(language=settings.stt.language)
    else:
        raise _unknown(name, provider)
    engine.check()
    return engine


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
    except (MissingDependencyError, ProviderError) as error:
        return f"{missing} and its download failed ({error.why})"
    return None


def _unknown(name: str, provider: str) -> UsageError:
    meant = {
        **{size: f"faster-whisper:{size}" for size in _SIZES},
        "whisper": "faster-whisper:tiny",
    }
    meant |= {known: known for known in ("auto", *_NAMES)}
    near = difflib.get_close_matches(provider.lower(), meant, n=1, cutoff=0.6)
    hint = "auto, faster-whisper:SIZE-OR-DIRECTORY, sphinx"
    if near:
        hint = f"did you mean {meant[near[0]]}?"
    return UsageError(f"there is no speech recogniser {name!r}", hint=hint, code="UNKNOWN_ENGINE")
