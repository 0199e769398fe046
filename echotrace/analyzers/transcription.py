"""The transcription audit: what a recogniser heard, against what was said, and why they differ.

Audited is the user's own transcript, an engine, or the default engine; the reference is what the
user says was spoken, or what a gold engine hears. Without either the error rates are not measurable
and say what to pass. The audit itself is in :mod:`echotrace.analyzers.stt_audit`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from echotrace.analyzers.stt_audit.audit import Audit
from echotrace.errors import MissingDependencyError
from echotrace.model.outcome import Inputs, Outcome
from echotrace.providers.stt.choose import named_engine
from echotrace.telemetry import timed
from echotrace.telemetry.ambient import CURRENT
from echotrace.telemetry.collector import ActiveSpan

if TYPE_CHECKING:
    from echotrace.audio.handle import Audio
    from echotrace.config.settings import Settings
    from echotrace.model.report import Transcription
    from echotrace.telemetry import TelemetryCollector

__all__ = ["TranscriptionAnalyzer"]

TimedSection = Callable[[], AbstractAsyncContextManager[Any]]

_STOP_WAIT_S = 2.0
_NO_INPUTS = Inputs()


class TranscriptionAnalyzer:
    """Transcribes every side of a call and counts the caller's errors; needs no other result."""

    name = "transcription"
    requires: tuple[str, ...] = ()

    def __init__(self, collector: TelemetryCollector) -> None:
        self._collector = collector

    @staticmethod
    def preflight(settings: Settings) -> None:
        """Refuse an engine that cannot exist before the recording is opened.

        Raises:
            UsageError: an engine's name or a setting does not fit.
        """
        for name in (settings.stt.engine, settings.stt.gold):
            if name and name != "auto":
                with suppress(MissingDependencyError):  # costs the stage only, and is said there
                    named_engine(name, settings)

    @timed("stt_audit")
    async def analyze(
        self,
        audio_path: str,
        *,
        audio: Audio,
        settings: Settings,
        results: Mapping[str, Any] | None = None,
        inputs: Inputs = _NO_INPUTS,
        streaming: bool = False,
        timed_section: TimedSection = nullcontext,
        **kwargs: Any,
    ) -> Outcome[Transcription]:
        """Transcribe, compare, report.

        Raises:
            InputError: the user's transcript cannot be used.
            MissingDependencyError: an engine that was named, or every engine, is missing or fails.
            ProviderError: the server of an engine that was named failed or cannot be reached.
            UsageError: an engine's name or a setting does not fit.
        """
        del audio_path, results, kwargs
        asked_ns = perf_counter_ns()
        stop = threading.Event()
        async with timed_section():
            _mark_stage(queued_ms=round((perf_counter_ns() - asked_ns) / 1e6, 3))
            audit = Audit(
                audio=audio,
                settings=settings,
                inputs=inputs,
                collector=self._collector,
                stop=stop,
                streaming=streaming,
            )
            work = asyncio.create_task(asyncio.to_thread(audit.run))
            try:
                outcome = await asyncio.shield(work)
            except asyncio.CancelledError:
                # The thread stops between two segments; until then it still reads the recording.
                stop.set()
                await asyncio.wait({work}, timeout=_STOP_WAIT_S)
                if not work.cancel() and not work.cancelled():
                    work.exception()  # that it was stopped is known; asyncio would log it as lost
                raise
        _mark_stage(engine=outcome.data.engine)
        return outcome


def _mark_stage(**attributes: Any) -> None:
    """Set attributes on the span of the analyzer, where one is open."""
    span = CURRENT.get()
    if isinstance(span, ActiveSpan):
        span.set(**attributes)
