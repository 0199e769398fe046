"""The LLM probe: how long a language model takes to its first token and to its first sentence.

The prompt is built in, unless the user gives one: a key in the environment alone never sends the
call's own words anywhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from echotrace.analyzers.probing.figures import Figures, unavailable
from echotrace.analyzers.probing.findings import (
    sent_finding,
    series_findings,
    slow_for_voice,
    unavailable_finding,
)
from echotrace.analyzers.probing.prompts import NO_WORDS, prompt_of
from echotrace.analyzers.probing.series import Plan, Series, reason_of, run_series
from echotrace.analyzers.probing.stage import (
    MEASURING,
    connection_of,
    fail_stage,
    load_backend,
    mark_stage,
    time_of,
)
from echotrace.errors import ProviderError
from echotrace.model.measure import Finding, Measurement
from echotrace.model.outcome import Inputs, Outcome
from echotrace.model.report import LlmProbe, LlmSample
from echotrace.providers.llm.choose import Choice, build, choose
from echotrace.providers.llm.measure import take_sample
from echotrace.telemetry import timed

if TYPE_CHECKING:
    from echotrace.audio.handle import Audio
    from echotrace.config.settings import Settings
    from echotrace.providers.llm.base import LlmProvider, Prompt
    from echotrace.providers.taken import Due, Taken
    from echotrace.telemetry import TelemetryCollector

__all__ = ["LlmProbeAnalyzer"]

TimedSection = Callable[[], AbstractAsyncContextManager[Any]]

_UNITS: Mapping[str, str] = {
    "ttft_ms": "ms",
    "total_ms": "ms",
    "tokens_per_s": "tokens/s",
    "ttfat_ms": "ms",
    "first_sentence_ms": "ms",
    "token_gap_ms": "ms",
    "network_ms": "ms",
}
_COLD = "the first request: connection set-up, perhaps the model's load, and the answer"
_COLD_AGAIN = "the cold request, which was made again over the connection of one that failed"


class LlmProbeAnalyzer:
    """Probes the language model of the settings; needs no recording and no other result."""

    name = "llm"
    requires: tuple[str, ...] = ()
    needs_audio = False

    def __init__(self, collector: TelemetryCollector) -> None:
        self._collector = collector

    @staticmethod
    def preflight(settings: Settings) -> None:
        """Refuse a provider that cannot exist before the recording is opened.

        Raises:
            UsageError: the provider's name or address does not fit.
            ConfigError: the secrets file does not fit.
        """
        choose(settings)

    @staticmethod
    def waits_for(inputs: Inputs, settings: Settings) -> tuple[str, ...]:
        """Name the stages that go first where they are part of the run.

        A real model is asked after the recording was measured: its probes keep the timed section
        for seconds, and what was measured is to be seen at once. The mock shares nothing.
        """
        if not choose(settings).simulated:
            return MEASURING
        return ("transcription",) if inputs.prompt_from_call else ()

    @timed("llm_ttft")
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
    ) -> Outcome[LlmProbe]:
        """Ask once cold, then ``settings.llm.probes`` times over open connections.

        A provider that fails gives an unavailable figure and the finding ``LLM_UNAVAILABLE``, never
        an exception and never a mock. The mock only waits, so it does not hold the timed section.

        Raises:
            UsageError: the provider's name is unknown, or the prompt is empty.
            ConfigError: an address or the file of secrets cannot be used.
        """
        del audio_path, audio, kwargs
        choice = choose(settings)
        prompt = prompt_of(inputs, settings, (results or {}).get("transcription"))
        providers: list[LlmProvider] = []
        try:
            if prompt is None:
                raise ProviderError(
                    f"{choice.name} was not asked",
                    why=NO_WORDS,
                    hint="leave out --prompt-from-call, or look at the transcription",
                    code="LLM_NO_PROMPT",
                )
            workers = 1 if choice.simulated else min(settings.llm.concurrency, settings.llm.probes)
            for _ in range(workers):  # loads the SDK, whose import must not block the loop
                providers.append(await asyncio.to_thread(build, choice, settings))  # noqa: PERF401 - the ones made before a failure are closed
            return await self._probe(providers, choice, settings, prompt, timed_section)
        except ProviderError as error:
            mark_stage(provider=choice.name, model=choice.model)
            fail_stage(error.code)
            return _unavailable(choice, error, settings, prompt)
        finally:
            for provider in providers:
                await provider.close()

    async def _probe(
        self,
        providers: list[LlmProvider],
        choice: Choice,
        settings: Settings,
        prompt: Prompt,
        timed_section: TimedSection,
    ) -> Outcome[LlmProbe]:
        first, llm = providers[0], settings.llm
        plan = Plan(count=llm.probes, spacing_s=llm.spacing_s, concurrency=len(providers))
        if first.simulated:  # it only waits, so all its waits may pass at the same time
            providers = [first] * llm.probes
            plan = Plan(count=llm.probes, spacing_s=0.0, concurrency=1, cold=False)

        async def take(provider: LlmProvider, due: Due) -> Taken[LlmSample]:
            return await self._take(provider, due, prompt, settings)

        if not first.simulated:
            await load_backend()
        asked_ns = time.perf_counter_ns()
        async with (nullcontext if first.simulated else timed_section)():
            mark_stage(queued_ms=round((time.perf_counter_ns() - asked_ns) / 1e6, 3))
            for provider in dict.fromkeys(providers):
                await provider.prepare()
            series = await run_series(providers, take, plan)
        mark_stage(provider=first.name, model=first.model)
        if first.simulated:
            mark_stage(simulated=True)
        if not series.warm:
            fail_stage(series.ended_by.code if series.ended_by else "LLM_UNAVAILABLE")
        return _outcome(series, providers, choice, settings, prompt)

    async def _take(
        self, provider: LlmProvider, due: Due, prompt: Prompt, settings: Settings
    ) -> Taken[LlmSample]:
        name = "warm_up" if due.cold else "probe"
        with self._collector.span(
            name, provider=provider.name, model=provider.model, probe=due.index
        ) as span:
            if provider.simulated:
                span.set(simulated=True)
            taken = await take_sample(
                provider,
                prompt=prompt,
                max_tokens=settings.llm.max_tokens,
                limit_s=settings.llm.timeout_s,
                due=due,
            )
            sample = taken.sample
            found = {
                "ttft_ms": sample.ttft_ms,
                "ttfat_ms": sample.ttfat_ms,
                "first_sentence_ms": sample.first_sentence_ms,
            }
            span.set(**{key: round(value, 3) for key, value in found.items() if value is not None})
            if sample.tokens is not None:
                span.set(tokens=sample.tokens)
            if sample.reused is not None:
                span.set(connection="kept open" if sample.reused else "opened anew")
            for phase in sample.phases:
                if phase.name in ("dns", "connect", "tls"):
                    span.set(**{f"{phase.name}_ms": round(phase.duration_ms, 3)})
            if taken.error is not None:
                span.fail(taken.error.code)
            return taken


def _outcome(
    series: Series[LlmSample],
    providers: list[LlmProvider],
    choice: Choice,
    settings: Settings,
    prompt: Prompt,
) -> Outcome[LlmProbe]:
    sent = sum(provider.requests_sent for provider in dict.fromkeys(providers))
    findings = [*choice.findings, *_sent_to(sent, providers[0].sent_to, prompt)]
    if not series.warm:
        error = series.error
        if error is None:
            raise RuntimeError("a series without samples has no error")
        failed = _unavailable(choice, error, settings, prompt, series, providers)
        return Outcome(failed.data, (*findings, *failed.findings))
    findings += series_findings("LLM", "probes", series)
    first = providers[0]
    figures = Figures(asked=settings.llm.probes, simulated=first.simulated)
    warm = series.warm
    medians = _medians(figures, warm)
    findings += slow_for_voice(medians["ttft_ms"], settings)
    return Outcome(
        LlmProbe(
            provider=first.name,
            model=first.model,
            simulated=first.simulated,
            **medians,
            **_cold(series, first),
            percentiles=figures.percentiles,
            asked=settings.llm.probes,
            concurrency=series.plan.concurrency,
            samples=series.samples,
            samples_ms=tuple(item.ttft_ms for item in warm if item.ttft_ms is not None),
            failures=series.failures,
            prompt_source=prompt.source,
            system_source=prompt.system_source,
            sent_to=first.sent_to if sent else None,
        ),
        tuple(findings),
    )


def _medians(figures: Figures, warm: tuple[LlmSample, ...]) -> dict[str, Any]:
    connection = connection_of(warm)
    counted = all(item.tokens_counted for item in warm if item.tokens_per_s is not None)
    pace = figures.middle(
        [item.tokens_per_s for item in warm],
        "tokens/s",
        method="tokens streamed after the first read / time from the first read to the last",
        without="the answer had fewer than two tokens, or one read brought most of it",
    )
    if pace.value is not None and not figures.simulated and not counted:
        pace = Measurement.estimated(
            pace.value,
            "tokens/s",
            reason="the server gives no token count; pieces of the stream were counted",
            method=pace.method,
            n=pace.n,
            low=pace.low,
            high=pace.high,
        )
    return {
        "ttft_ms": figures.latency(
            "ttft_ms",
            [item.ttft_ms for item in warm],
            method=f"first streamed token - request sent, {connection}",
            without="no token came",
        ),
        "ttfat_ms": figures.latency(
            "ttfat_ms",
            [item.ttfat_ms for item in warm],
            method="first token of the answer - request sent",
            without="llm.max_tokens was spent on reasoning: no token of an answer came",
        ),
        "first_sentence_ms": figures.latency(
            "first_sentence_ms",
            [item.first_sentence_ms for item in warm],
            method="end of the answer's first sentence - request sent",
            without="no answer had a whole sentence before it was cut off, "
            "at llm.max_tokens or by a filter",
        ),
        "total_ms": figures.latency(
            "total_ms",
            [item.total_ms for item in warm],
            method="end of the answer - request sent",
            without="the stream was cut while tokens still came: llm.timeout_s is too short",
        ),
        "token_gap_ms": figures.latency(
            "token_gap_ms",
            [gap for item in warm for gap in item.token_gaps_ms],
            method="time between two reads of the stream that brought tokens, all requests",
            without="all of the answer came at once",
            what="gap",
        ),
        "network_ms": figures.latency(
            "network_ms",
            [item.network_ms for item in warm],
            method="request sent to the end of the answer, or to its first byte where a header "
            "tells the server's time, less that time",
            without="the server does not say how long it took",
        ),
        "tokens_per_s": pace,
    }


def _cold(series: Series[LlmSample], provider: LlmProvider) -> dict[str, Any]:
    if provider.simulated:
        nothing = Measurement.not_run("ms", "the mock has no connection to warm up")
        return {"warm_up_ms": nothing, "cold_ttft_ms": nothing}
    cold = series.cold
    if cold is None:
        error = series.error
        lost = Measurement.unavailable("ms", reason_of(error) if error else "it did not run")
        return {"warm_up_ms": lost, "cold_ttft_ms": lost}
    figures = Figures()
    return {
        "warm_up_ms": figures.once(
            time_of(cold), method=_COLD_AGAIN if cold.reused else _COLD, without="it was cut"
        ),
        "cold_ttft_ms": figures.once(
            cold.ttft_ms,
            method="first token - request sent, first request",
            without="no token came",
        ),
    }


def _unavailable(
    choice: Choice,
    error: ProviderError,
    settings: Settings,
    prompt: Prompt | None,
    series: Series[LlmSample] | None = None,
    providers: list[LlmProvider] | None = None,
) -> Outcome[LlmProbe]:
    reason = reason_of(error)
    first = providers[0] if providers else None
    sent = bool(providers) and any(provider.requests_sent for provider in providers or ())
    cold: dict[str, Any] = {
        name: Measurement.unavailable("ms", reason) for name in ("warm_up_ms", "cold_ttft_ms")
    }
    if series is not None and first is not None and series.cold is not None:
        cold = _cold(series, first)
    probe = LlmProbe(
        provider=choice.name,
        model=first.model if first else choice.model,
        simulated=False,
        **unavailable(_UNITS, reason),
        **cold,
        asked=settings.llm.probes,
        samples=series.samples if series else (),
        failures=series.failures if series else (),
        prompt_source=prompt.source if prompt else "call",
        system_source=prompt.system_source if prompt else "built-in",
        sent_to=first.sent_to if first and sent else None,
    )
    return Outcome(probe, (unavailable_finding("LLM", error),))


def _sent_to(sent: int, host: str | None, prompt: Prompt) -> tuple[Finding, ...]:
    what = {
        "built-in": "EchoTrace's built-in prompt",
        "file": "the prompt of your file",
        "call": "words of the call",
    }.get(prompt.source, "your prompt")
    if prompt.system_source == "set":
        what += " and your system prompt"
    rest = (
        "its audio did not"
        if prompt.source == "call"
        else "no words and no audio of the recording did"
    )
    return sent_finding(sent, host, f"with {what} went to {{host}}; {rest}")
