"""The TTS probe: how long a speech synthesiser takes until there is something to hear.

It speaks the language model's first sentence where that was probed, since this is what a pipeline
would hand over, else one that is built in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from echotrace.analyzers.probing.figures import Figures, unavailable
from echotrace.analyzers.probing.findings import (
    sent_finding,
    series_findings,
    unavailable_finding,
)
from echotrace.analyzers.probing.series import Plan, Series, reason_of, run_series
from echotrace.analyzers.probing.stage import (
    MEASURING,
    connection_of,
    fail_stage,
    load_backend,
    mark_stage,
    time_of,
)
from echotrace.errors import ProviderError, UsageError
from echotrace.model.measure import Finding, Measurement, Severity, Status
from echotrace.model.outcome import Inputs, Outcome
from echotrace.model.report import LlmProbe, TtsProbe, TtsSample
from echotrace.providers.tts.base import BUILT_IN_TEXT
from echotrace.providers.tts.choose import Choice, build, choose
from echotrace.providers.tts.measure import take_sample
from echotrace.telemetry import timed

if TYPE_CHECKING:
    from echotrace.audio.handle import Audio
    from echotrace.config.settings import Settings
    from echotrace.providers.taken import Due, Taken
    from echotrace.providers.tts.base import TtsProvider
    from echotrace.telemetry import TelemetryCollector

__all__ = ["TtsProbeAnalyzer"]

TimedSection = Callable[[], AbstractAsyncContextManager[Any]]

_UNITS: Mapping[str, str] = {
    "ttfb_ms": "ms",
    "leading_silence_ms": "ms",
    "ttfa_ms": "ms",
    "rtf": "ratio",
    "total_ms": "ms",
}


class TtsProbeAnalyzer:
    """Probes the speech synthesiser that was named; nothing is asked when none was."""

    name = "tts"
    requires: tuple[str, ...] = ()
    needs_audio = False

    def __init__(self, collector: TelemetryCollector) -> None:
        self._collector = collector

    @staticmethod
    def idle(settings: Settings) -> str | None:
        """Say why there is nothing to do in this run, None when there is."""
        return None if settings.tts.provider else "no speech synthesiser was named (--tts)"

    @staticmethod
    def preflight(settings: Settings) -> None:
        """Refuse a provider that cannot exist before the recording is opened.

        Raises:
            UsageError: the provider's name or its command does not fit.
            ConfigError: an address or the secrets file does not fit.
        """
        choose(settings)

    @staticmethod
    def waits_for(inputs: Inputs, settings: Settings) -> tuple[str, ...]:
        """Name the stages that go first where they are part of the run: all that are timed."""
        del inputs, settings
        return (*MEASURING, "llm")

    @timed("tts_ttfa")
    async def analyze(
        self,
        audio_path: str,
        *,
        settings: Settings,
        audio: Audio | None = None,
        results: Mapping[str, Any] | None = None,
        inputs: Inputs | None = None,
        timed_section: TimedSection = nullcontext,
        **kwargs: Any,
    ) -> Outcome[TtsProbe]:
        """Ask once cold, then ``settings.tts.probes`` times over open connections.

        A provider that fails gives unavailable figures and the finding ``TTS_UNAVAILABLE``, never
        an exception.

        Raises:
            UsageError: no provider or an unknown one was named.
            ConfigError: an address or the file of secrets cannot be used.
        """
        del audio_path, audio, kwargs
        choice = choose(settings)
        if choice is None:
            raise UsageError(
                "no speech synthesiser was named",
                hint='--tts openai:MODEL, groq:MODEL or "command:espeak-ng --stdout"',
            )
        texts, source = _texts(inputs, (results or {}).get("llm"))
        providers: list[TtsProvider] = []
        try:
            for _ in range(min(settings.tts.concurrency, settings.tts.probes)):
                providers.append(await asyncio.to_thread(build, choice, settings))  # noqa: PERF401 - the ones made before a failure are closed
            return await self._probe(providers, choice, settings, texts, source, timed_section)
        except ProviderError as error:
            mark_stage(provider=choice.name, model=choice.model)
            fail_stage(error.code)
            return _unavailable(choice, error, settings, source)
        finally:
            for provider in providers:
                await provider.close()

    async def _probe(
        self,
        providers: list[TtsProvider],
        choice: Choice,
        settings: Settings,
        texts: tuple[str, ...],
        source: str,
        timed_section: TimedSection,
    ) -> Outcome[TtsProbe]:
        first, tts = providers[0], settings.tts
        plan = Plan(count=tts.probes, spacing_s=tts.spacing_s, concurrency=len(providers))
        spoken = 0

        async def take(provider: TtsProvider, due: Due) -> Taken[TtsSample]:
            nonlocal spoken
            text = texts[spoken % len(texts)]
            spoken += not due.cold
            return await self._take(provider, due, text, settings)

        await load_backend()
        asked_ns = time.perf_counter_ns()
        async with timed_section():
            mark_stage(queued_ms=round((time.perf_counter_ns() - asked_ns) / 1e6, 3))
            series = await run_series(providers, take, plan)
        mark_stage(provider=first.name, model=first.model)
        if not series.warm:
            fail_stage(series.ended_by.code if series.ended_by else "TTS_UNAVAILABLE")
        return _outcome(series, providers, choice, settings, source)

    async def _take(
        self, provider: TtsProvider, due: Due, text: str, settings: Settings
    ) -> Taken[TtsSample]:
        name = "warm_up" if due.cold else "probe"
        with self._collector.span(
            name, provider=provider.name, model=provider.model, probe=due.index
        ) as span:
            taken = await take_sample(provider, text=text, limit_s=settings.tts.timeout_s, due=due)
            sample = taken.sample
            found = {
                "ttfb_ms": sample.ttfb_ms,
                "leading_silence_ms": sample.leading_silence_ms,
                "ttfa_ms": sample.ttfa_ms,
                "audio_s": sample.audio_s,
            }
            span.set(**{key: round(value, 3) for key, value in found.items() if value is not None})
            if sample.reused is not None:
                span.set(connection="kept open" if sample.reused else "opened anew")
            if taken.error is not None:
                span.fail(taken.error.code)
            return taken


def _texts(inputs: Inputs | None, llm: Any) -> tuple[tuple[str, ...], str]:
    """Return what the probes speak in turn, and where it is from."""
    if inputs is not None and inputs.speech is not None:
        return (inputs.speech,), "flag"
    if isinstance(llm, LlmProbe) and not llm.simulated:
        answers = [
            item.first_sentence
            for item in llm.samples
            if not item.cold and item.status != "failed" and item.first_sentence
        ]
        if answers:
            return tuple(answers), "llm"
    return (BUILT_IN_TEXT,), "built-in"


def _outcome(
    series: Series[TtsSample],
    providers: list[TtsProvider],
    choice: Choice,
    settings: Settings,
    source: str,
) -> Outcome[TtsProbe]:
    first = providers[0]
    sent = sum(provider.requests_sent for provider in providers)
    findings = [*choice.findings, *_sent_to(sent, first.sent_to, source)]
    if not series.warm:
        error = series.error
        if error is None:
            raise RuntimeError("a series without samples has no error")
        failed = _unavailable(choice, error, settings, source, series, providers)
        return Outcome(failed.data, (*findings, *failed.findings))
    findings += series_findings("TTS", "speech probes", series)
    findings += _starved(series.warm)
    figures, warm = Figures(asked=settings.tts.probes), series.warm
    return Outcome(
        TtsProbe(
            provider=first.name,
            model=first.model,
            voice=first.voice,
            **_medians(figures, warm),
            warm_up_ms=_cold(series),
            percentiles=figures.percentiles,
            asked=settings.tts.probes,
            concurrency=series.plan.concurrency,
            samples=series.samples,
            samples_ms=tuple(item.ttfa_ms for item in warm if item.ttfa_ms is not None),
            failures=series.failures,
            text_source=source,
            audio_format=next((item.audio_format for item in warm if item.audio_format), None),
            sent_to=first.sent_to if sent else None,
        ),
        tuple(findings),
    )


def _medians(figures: Figures, warm: tuple[TtsSample, ...]) -> dict[str, Any]:
    found = _measured(figures, warm)
    doubted = [item for item in warm if item.code == "TTS_ONSET_ESTIMATED"]
    if 2 * len(doubted) > len(warm):
        for name in ("leading_silence_ms", "ttfa_ms"):
            found[name] = replace(
                found[name], status=Status.ESTIMATED, reason=doubted[0].reason or "in noise"
            )
    return found


def _measured(figures: Figures, warm: tuple[TtsSample, ...]) -> dict[str, Any]:
    return {
        "ttfb_ms": figures.latency(
            "ttfb_ms",
            [item.ttfb_ms for item in warm],
            method=f"first byte of sound - request sent, {connection_of(warm)}",
            without="no sound came",
        ),
        "leading_silence_ms": figures.latency(
            "leading_silence_ms",
            [item.leading_silence_ms for item in warm],
            method="start of the returned sound to its first audible sample",
            without="nothing in the returned sound is audible",
        ),
        "ttfa_ms": figures.latency(
            "ttfa_ms",
            [item.ttfa_ms for item in warm],
            method="time to first byte + leading silence, or when the first audible sample came "
            "if that is later",
            without="nothing in the returned sound is audible",
        ),
        "total_ms": figures.latency(
            "total_ms",
            [item.total_ms for item in warm],
            method="last byte of sound - request sent",
            without="the sound never ended",
        ),
        "rtf": figures.middle(
            [item.rtf for item in warm],
            "ratio",
            method="time to the last byte / length of the sound",
            without="the length of the sound is not known",
        ),
    }


def _cold(series: Series[TtsSample]) -> Measurement:
    cold = series.cold
    if cold is None:
        error = series.error
        return Measurement.unavailable("ms", reason_of(error) if error else "it did not run")
    return Figures().once(
        time_of(cold),
        method="the first request, whole, with its connection's set-up",
        without="it was cut",
    )


def _unavailable(
    choice: Choice,
    error: ProviderError,
    settings: Settings,
    source: str,
    series: Series[TtsSample] | None = None,
    providers: list[TtsProvider] | None = None,
) -> Outcome[TtsProbe]:
    reason = reason_of(error)
    first = providers[0] if providers else None
    sent = any(provider.requests_sent for provider in providers or ())
    cold = Measurement.unavailable("ms", reason)
    probe = TtsProbe(
        provider=choice.name,
        model=first.model if first else choice.model,
        voice=first.voice if first else None,
        **unavailable(_UNITS, reason),
        warm_up_ms=_cold(series) if series and series.cold else cold,
        asked=settings.tts.probes,
        samples=series.samples if series else (),
        failures=series.failures if series else (),
        text_source=source,
        sent_to=first.sent_to if first and sent else None,
    )
    return Outcome(probe, (unavailable_finding("TTS", error),))


def _starved(warm: tuple[TtsSample, ...]) -> tuple[Finding, ...]:
    """Tell of sound whose beginning is only silence, so that its first byte promises too much."""
    starved = [item for item in warm if item.code == "TTS_STARVED"]
    if 2 * len(starved) <= len(warm):
        return ()
    return (
        Finding(
            code="TTS_STARVED",
            severity=Severity.WARNING,
            message=f"{len(starved)} of {len(warm)} speech requests began with silence and kept "
            f"the player waiting: {starved[0].reason}",
            hint="judge this service by its time to first audio, not by its first byte",
        ),
    )


def _sent_to(sent: int, host: str | None, source: str) -> tuple[Finding, ...]:
    what = {
        "built-in": "EchoTrace's built-in sentence",
        "llm": "what the probed language model answered",
        "flag": "your text",
    }.get(source, "your text")
    told = f"for speech went to {{host}}: {what}; no audio of the recording did"
    return sent_finding(sent, host, told)
