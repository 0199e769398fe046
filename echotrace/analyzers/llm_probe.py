"""The LLM probe: how long a language model takes to its first token.

The prompt is built in: a key in the environment alone never sends the call's own words anywhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from echotrace.errors import ProviderError
from echotrace.model.measure import Finding, Measurement, Severity
from echotrace.model.outcome import Inputs, Outcome
from echotrace.model.report import LlmProbe
from echotrace.providers.llm.base import PROBE_PROMPT, SYSTEM_PROMPT, LlmProvider
from echotrace.providers.llm.choose import Choice, build, choose
from echotrace.providers.llm.measure import Sample, take_sample, warm_up
from echotrace.telemetry import timed
from echotrace.telemetry.ambient import CURRENT
from echotrace.telemetry.collector import ActiveSpan

if TYPE_CHECKING:
    from echotrace.audio.handle import Audio
    from echotrace.config.settings import Settings
    from echotrace.telemetry import TelemetryCollector

__all__ = ["LlmProbeAnalyzer"]

TimedSection = Callable[[], AbstractAsyncContextManager[Any]]

_MOCK_REASON = "[MOCK] drawn from a seeded generator; no language model was asked"


@dataclass(slots=True)
class _Run:
    provider: LlmProvider
    samples: list[Sample] = field(default_factory=list)
    warm_up_ms: float | None = None
    error: ProviderError | None = None


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
        """Warm up, then time ``settings.llm.probes`` requests.

        A provider that fails gives an unavailable figure and the finding ``LLM_UNAVAILABLE``, never
        an exception and never a mock. The mock only waits, so it does not hold the timed section.

        Raises:
            UsageError: the provider's name is unknown.
            ConfigError: an address or the file of secrets cannot be used.
        """
        del audio_path, audio, results, inputs, kwargs
        choice = choose(settings)
        try:
            provider = await asyncio.to_thread(build, choice, settings)  # loads the SDK
        except ProviderError as error:
            _mark_stage(provider=choice.name, model=choice.model)
            _fail_stage(error.code)
            return _unavailable(choice, error)
        try:
            return await self._probe(provider, choice, settings, timed_section)
        finally:
            await provider.close()

    async def _probe(
        self,
        provider: LlmProvider,
        choice: Choice,
        settings: Settings,
        timed_section: TimedSection,
    ) -> Outcome[LlmProbe]:
        run = _Run(provider)
        section = nullcontext if provider.simulated else timed_section
        asked_ns = time.perf_counter_ns()
        async with section():
            _mark_stage(queued_ms=_ms_since(asked_ns))
            try:
                await self._warm_up(run, settings.llm.timeout_s)
                for _ in range(max(1, settings.llm.probes)):
                    run.samples.append(await self._sample(provider, settings))
            except ProviderError as error:
                run.error = error
        _mark_stage(provider=provider.name, model=provider.model)
        if provider.simulated:
            _mark_stage(simulated=True)
        if run.error is not None and not run.samples:
            _fail_stage(run.error.code)
        return _outcome(run, choice, settings)

    async def _warm_up(self, run: _Run, limit_s: float) -> None:
        if run.provider.simulated:
            return
        with self._collector.span("warm_up", provider=run.provider.name) as span:
            begun_ns = time.perf_counter_ns()
            try:
                await warm_up(run.provider, limit_s=limit_s)
            except ProviderError as error:
                span.set(code=error.code)
                raise
            run.warm_up_ms = _ms_since(begun_ns)
            span.set(model=run.provider.model)
            exchange = run.provider.exchange
            if exchange is not None and exchange.connect_ms is not None:
                span.set(connect_ms=round(exchange.connect_ms, 3))
            if exchange is not None and exchange.tls_ms is not None:
                span.set(tls_ms=round(exchange.tls_ms, 3))

    async def _sample(self, provider: LlmProvider, settings: Settings) -> Sample:
        with self._collector.span("probe", provider=provider.name, model=provider.model) as span:
            if provider.simulated:
                span.set(simulated=True)
            try:
                sample = await take_sample(
                    provider,
                    prompt=PROBE_PROMPT,
                    system=SYSTEM_PROMPT,
                    max_tokens=settings.llm.max_tokens,
                    limit_s=settings.llm.timeout_s,
                )
            except ProviderError as error:
                span.set(code=error.code)
                raise
            span.set(ttft_ms=round(sample.ttft_ms, 3), tokens=sample.tokens)
            if sample.ttfat_ms is not None:
                span.set(ttfat_ms=round(sample.ttfat_ms, 3))
            if provider.exchange is not None:
                span.set(connection="kept open" if provider.exchange.reused else "opened anew")
            return sample


def _outcome(run: _Run, choice: Choice, settings: Settings) -> Outcome[LlmProbe]:
    findings = [*choice.findings, *_sent_to(run, choice)]
    if run.error is not None and not run.samples:
        failed = _unavailable(choice, run.error, run)
        return Outcome(failed.data, (*findings, *failed.findings))
    if run.error is not None:
        findings.append(_lost(run, settings.llm.probes))
    samples, simulated = run.samples, run.provider.simulated
    return Outcome(
        LlmProbe(
            provider=run.provider.name,
            model=run.provider.model,
            simulated=simulated,
            ttft_ms=_median(
                [sample.ttft_ms for sample in samples],
                "ms",
                simulated=simulated,
                method="first streamed token - request sent, warm connection",
            ),
            warm_up_ms=_warm_up_figure(run),
            total_ms=_median(
                [sample.total_ms for sample in samples if sample.total_ms is not None],
                "ms",
                simulated=simulated,
                method="end of the answer - request sent",
                without="the stream was cut while tokens still came: llm.timeout_s is too short",
            ),
            tokens_per_s=_pace(samples, simulated=simulated),
            samples_ms=tuple(sample.ttft_ms for sample in samples),
            sent_to=run.provider.sent_to if run.provider.requests_sent else None,
        ),
        tuple(findings),
    )


def _median(
    values: list[float], unit: str, *, simulated: bool, method: str, without: str = ""
) -> Measurement:
    if not values:
        return Measurement.not_measurable(unit, without)
    value, n = median(values), len(values)
    if simulated:
        return Measurement.simulated(value, unit, reason=_MOCK_REASON, method=method, n=n)
    return Measurement.measured(value, unit, method=method, n=n)


def _pace(samples: list[Sample], *, simulated: bool) -> Measurement:
    paced = [sample for sample in samples if sample.tokens_per_s is not None]
    figure = _median(
        [sample.tokens_per_s for sample in paced if sample.tokens_per_s is not None],
        "tokens/s",
        simulated=simulated,
        method="tokens after the first / time after the first",
        without="the answer had fewer than two tokens, or all came at once",
    )
    if figure.value is None or simulated or all(sample.tokens_counted for sample in paced):
        return figure
    return Measurement.estimated(
        figure.value,
        "tokens/s",
        reason="the server gives no token count; pieces of the stream were counted",
        method=figure.method,
        n=figure.n,
    )


def _warm_up_figure(run: _Run) -> Measurement:
    if run.provider.simulated:
        return Measurement.not_run("ms", "the mock has no connection to warm up")
    if run.warm_up_ms is None:
        return Measurement.unavailable("ms", _reason(run.error))
    method = "one request for one token: connection set-up, model load, answer"
    return Measurement.measured(run.warm_up_ms, "ms", method=method, n=1)


def _unavailable(
    choice: Choice, error: ProviderError, run: _Run | None = None
) -> Outcome[LlmProbe]:
    reason = _reason(error)
    address = choice.address.shown if choice.address else None
    probe = LlmProbe(
        provider=choice.name,
        model=run.provider.model if run else choice.model,
        simulated=False,
        ttft_ms=Measurement.unavailable("ms", reason),
        warm_up_ms=_warm_up_figure(run) if run else Measurement.unavailable("ms", reason),
        total_ms=Measurement.unavailable("ms", reason),
        tokens_per_s=Measurement.unavailable("tokens/s", reason),
        sent_to=address if run and run.provider.requests_sent else None,
    )
    finding = Finding(
        code="LLM_UNAVAILABLE",
        severity=Severity.WARNING,
        message=f"{reason} [{error.code}]",
        hint=error.hint,
    )
    return Outcome(probe, (finding,))


def _lost(run: _Run, wanted: int) -> Finding:
    return Finding(
        code="LLM_PROBES_LOST",
        severity=Severity.WARNING,
        message=f"{len(run.samples)} of {wanted} probes count: {_reason(run.error)}",
        hint=run.error.hint if run.error else None,
    )


def _sent_to(run: _Run, choice: Choice) -> tuple[Finding, ...]:
    address, sent = choice.address, run.provider.requests_sent
    if address is None or address.loopback or not sent:
        return ()
    return (
        Finding(
            code="SENT_TO",
            severity=Severity.INFO,
            message=f"{sent} {'request' if sent == 1 else 'requests'} with EchoTrace's built-in "
            f"prompt went to {address.shown}; no words and no audio of the recording did",
            hint="--offline keeps everything on this machine",
        ),
    )


def _reason(error: ProviderError | None) -> str:
    if error is None:
        return "it did not run"
    return f"{error.what}: {error.why}" if error.why else error.what


def _mark_stage(**attributes: Any) -> None:
    """Set attributes on the span of the analyzer, where one is open."""
    span = CURRENT.get()
    if isinstance(span, ActiveSpan):
        span.set(**attributes)


def _fail_stage(code: str) -> None:
    span = CURRENT.get()
    if isinstance(span, ActiveSpan):
        span.fail(code)


def _ms_since(begun_ns: int) -> float:
    return round((time.perf_counter_ns() - begun_ns) / 1e6, 3)
