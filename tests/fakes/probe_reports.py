"""Hand-built reports with probes, a pipeline and a cost; every figure here is invented."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from echotrace.model.conversation import Percentiles
from echotrace.model.measure import Finding, Measurement, RunStatus, Severity
from echotrace.model.report import (
    NO_RECORDING,
    AnalyzerResult,
    Cost,
    CostItem,
    GateResult,
    Latency,
    LlmProbe,
    LlmSample,
    NotScored,
    Phase,
    Pipeline,
    PipelinePart,
    PipelineSample,
    ProbeFailure,
    Probes,
    Report,
    Score,
    ServerTimes,
    Source,
    SpanRecord,
    TtsProbe,
    TtsSample,
)
from tests.fakes.reports import HOSTILE, complete_report, minimal_report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WHY_MOCK = "no key and no Ollama is configured, so the mock stood in"
RATE_LIMIT = "api.groq.com answered 429: rate limit reached; it asks to wait 2.4 s"
SENTENCE = "Sure, I can help you cancel the insurance on your credit card."


def phases(**durations_ms: float) -> tuple[Phase, ...]:
    """Return parts of a request end to end, from their durations in ms."""
    made, at_ms = [], 0.0
    for name, duration_ms in durations_ms.items():
        made.append(Phase(name=name, start_ms=at_ms, duration_ms=duration_ms))
        at_ms += duration_ms
    return tuple(made)


def llm_sample(index: int, slower_ms: float = 0.0) -> LlmSample:
    """An answer of a warm connection with reasoning; ``slower_ms`` is spent waiting."""
    waiting_ms = 196.0 + slower_ms
    parts = phases(
        queued=1.2,
        request_sent=0.6,
        waiting=waiting_ms,
        first_token=104.0 + index,
        reasoning=201.0,
        streaming=420.0,
        done=3.0,
    )
    sent_ms = 1.2
    ttft_ms = 0.6 + waiting_ms + 104.0 + index
    ttfat_ms = ttft_ms + 201.0
    total_ms = ttfat_ms + 423.0
    return LlmSample(
        index=index,
        cold=False,
        status="ok",
        start_ms=1_400.0 * index,
        reused=True,
        phases=parts,
        total_ms=total_ms,
        server=ServerTimes(
            source="x_groq.usage",
            queue_ms=21.0,
            prompt_ms=12.4,
            generation_ms=total_ms - sent_ms - 68.0,
            total_ms=total_ms - 38.0,
        ),
        network_ms=38.0,
        http_status=200,
        request_id=f"req_01jh{index:04d}",
        ttft_ms=ttft_ms,
        ttfat_ms=ttfat_ms,
        first_sentence_ms=ttfat_ms + 262.0,
        first_sentence=SENTENCE,
        tokens=38,
        tokens_counted=True,
        prompt_tokens=141,
        tokens_per_s=90.5 - index,
        token_gaps_ms=tuple(20.0 + 0.5 * (at % 5) for at in range(21)),
    )


def cold_llm_sample() -> LlmSample:
    """The first request, which resolved the name and opened the connection."""
    warm = llm_sample(0, 120.0)
    opened = phases(
        queued=0.8,
        dns=12.3,
        connect=24.1,
        tls=51.4,
        request_sent=0.7,
        waiting=316.0,
        first_token=104.0,
        reasoning=201.0,
        streaming=420.0,
        done=3.0,
    )
    return replace(warm, index=0, cold=True, start_ms=0.0, reused=False, phases=opened)


def failed_llm_sample(index: int) -> LlmSample:
    """A request that the server refused for its rate limit."""
    return LlmSample(
        index=index,
        cold=False,
        status="failed",
        start_ms=1_400.0 * index,
        reused=True,
        phases=phases(queued=1.0, request_sent=0.6, waiting=43.0, done=0.4),
        http_status=429,
        request_id="req_01jh0429",
        code="LLM_RATE_LIMIT",
        reason=RATE_LIMIT,
    )


def llm_probe() -> LlmProbe:
    """One cold request and six warm ones: a spike, one that failed, reasoning, server times."""
    samples = (
        cold_llm_sample(),
        llm_sample(1),
        llm_sample(2),
        llm_sample(3, 1_388.0),
        failed_llm_sample(4),
        llm_sample(5),
        llm_sample(6, 24.0),
    )
    return LlmProbe(
        provider="groq",
        model="openai/gpt-oss-20b",
        simulated=False,
        ttft_ms=_median(305.6, band="good", low=301.6, high=1_691.6),
        warm_up_ms=_ms(1_133.3),
        cold_ttft_ms=_ms(420.7),
        total_ms=_median(929.6, low=925.6, high=2_315.6),
        tokens_per_s=Measurement.measured(87.5, "tokens/s", n=5, low=84.5, high=89.5),
        ttfat_ms=_median(506.6, low=502.6, high=1_892.6),
        first_sentence_ms=_median(768.6, band="good", low=764.6, high=2_154.6),
        token_gap_ms=Measurement.measured(21.0, "ms", n=105, low=20.5, high=21.5),
        network_ms=_median(38.0, low=38.0, high=38.0),
        percentiles={
            "ttft_ms": _few(305.6, 1_691.6),
            "ttfat_ms": _few(506.6, 1_892.6),
            "first_sentence_ms": _few(768.6, 2_154.6),
            "total_ms": _few(929.6, 2_315.6),
            "token_gap_ms": _many(21.0, 22.0, 22.0, 105),
            "network_ms": _few(38.0, 38.0),
        },
        asked=6,
        samples=samples,
        samples_ms=tuple(item.ttft_ms for item in samples[1:] if item.ttft_ms is not None),
        failures=(
            ProbeFailure(
                code="LLM_RATE_LIMIT",
                count=1,
                reason=RATE_LIMIT,
                hint="wait, or ask for fewer probes: -n 3",
            ),
        ),
        prompt_source="call",
        sent_to="api.groq.com",
    )


def mock_llm_probe() -> LlmProbe:
    """The mock's probe: nothing was sent, every figure is simulated."""

    def made(value: float, unit: str = "ms", **extra: object) -> Measurement:
        return Measurement.simulated(value, unit, reason=WHY_MOCK, n=5, **extra)

    samples = tuple(
        LlmSample(
            index=index,
            cold=index == 0,
            status="ok",
            start_ms=900.0 * index,
            phases=phases(queued=0.1, waiting=240.0 + index, streaming=310.0, done=0.2),
            total_ms=550.0 + index,
            ttft_ms=240.0 + index,
            ttfat_ms=240.0 + index,
            first_sentence_ms=420.0 + index,
            first_sentence="I can help with that.",
            tokens=32,
            tokens_per_s=100.0,
            token_gaps_ms=(10.0,) * 31,
        )
        for index in range(6)
    )
    return LlmProbe(
        provider="mock",
        model=None,
        simulated=True,
        ttft_ms=made(243.0, band="good"),
        warm_up_ms=made(550.0),
        cold_ttft_ms=made(240.0),
        total_ms=made(553.0),
        tokens_per_s=made(100.0, "tokens/s"),
        ttfat_ms=made(243.0),
        first_sentence_ms=made(423.0),
        token_gap_ms=made(10.0),
        asked=5,
        samples=samples,
        samples_ms=tuple(item.ttft_ms for item in samples[1:] if item.ttft_ms is not None),
    )


def dead_llm_probe() -> LlmProbe:
    """Every request failed, in two ways."""
    why = "no connection to localhost:11434: connection refused"
    lost = Measurement.unavailable("ms", why)
    refused = replace(
        failed_llm_sample(1),
        phases=phases(queued=0.6, dns=0.9, connect=0.4),
        reused=None,
        http_status=None,
        request_id=None,
        code="LLM_UNREACHABLE",
        reason=why,
    )
    stalled = replace(
        failed_llm_sample(2),
        phases=phases(queued=0.6, request_sent=0.4, waiting=20_000.0),
        http_status=None,
        request_id=None,
        code="LLM_STALL",
        reason="nothing came from localhost:11434 for 20 s",
    )
    return replace(
        llm_probe(),
        provider="ollama",
        model="llama3.2",
        ttft_ms=lost,
        warm_up_ms=lost,
        cold_ttft_ms=None,
        total_ms=lost,
        tokens_per_s=Measurement.unavailable("tokens/s", why),
        ttfat_ms=None,
        first_sentence_ms=None,
        token_gap_ms=None,
        network_ms=None,
        percentiles={},
        asked=2,
        samples=(replace(refused, index=0, cold=True), refused, stalled),
        samples_ms=(),
        failures=(
            ProbeFailure(
                code="LLM_UNREACHABLE", count=2, reason=why, hint="start it: ollama serve"
            ),
            ProbeFailure(code="LLM_STALL", count=1, reason=stalled.reason or ""),
        ),
        sent_to="localhost:11434",
    )


def tts_sample(index: int, slower_ms: float = 0.0) -> TtsSample:
    """Speech over a connection that was open; ``slower_ms`` is spent waiting."""
    waiting_ms = 142.0 + slower_ms + index
    parts = phases(
        queued=0.9,
        request_sent=0.5,
        waiting=waiting_ms,
        first_audio=18.0,
        streaming=604.0,
        done=1.5,
    )
    ttfb_ms = 0.5 + waiting_ms + 18.0
    return TtsSample(
        index=index,
        cold=False,
        status="ok",
        start_ms=1_100.0 * index,
        reused=True,
        phases=parts,
        total_ms=ttfb_ms + 605.5,
        http_status=200,
        text=SENTENCE,
        ttfb_ms=ttfb_ms,
        leading_silence_ms=180.0,
        ttfa_ms=ttfb_ms + 180.0,
        audio_s=3.42,
        audio_bytes=164_204,
        audio_format="wav, 24,000 Hz, 1 channel",
        rtf=(ttfb_ms + 604.0) / 3_420.0,
    )


def tts_probe() -> TtsProbe:
    """One cold request and five warm ones, each with 180 ms of leading silence."""
    cold = replace(
        tts_sample(0),
        cold=True,
        reused=False,
        phases=phases(
            queued=0.7,
            dns=9.8,
            connect=22.0,
            tls=47.0,
            request_sent=0.5,
            waiting=142.0,
            first_audio=18.0,
            streaming=604.0,
            done=1.5,
        ),
    )
    samples = (cold, *(tts_sample(index, 90.0 if index == 4 else 0.0) for index in range(1, 6)))
    return TtsProbe(
        provider="openai",
        model="gpt-4o-mini-tts",
        voice="alloy",
        ttfb_ms=_median(163.5, low=161.5, high=254.5),
        leading_silence_ms=_median(180.0, low=180.0, high=180.0),
        ttfa_ms=_median(343.5, band="good", low=341.5, high=434.5),
        rtf=Measurement.measured(0.224, "ratio", n=5, low=0.223, high=0.251),
        total_ms=_median(769.0, low=767.0, high=860.0),
        warm_up_ms=_ms(845.5),
        percentiles={
            "ttfb_ms": _few(163.5, 254.5),
            "ttfa_ms": _few(343.5, 434.5),
            "total_ms": _few(769.0, 860.0),
        },
        asked=5,
        samples=samples,
        samples_ms=tuple(item.ttfa_ms for item in samples[1:] if item.ttfa_ms is not None),
        text_source="llm",
        audio_format="wav, 24,000 Hz, 1 channel",
        sent_to="api.openai.com",
    )


def pipeline() -> Pipeline:
    """A pipeline of which every part was probed; one sum of five is far above the others."""
    parts = (
        PipelinePart(
            key="endpointing_wait",
            owner="pipeline.endpointing_wait_ms",
            owner_kind="setting",
            ms=Measurement.estimated(500.0, "ms", reason="a setting, not measured"),
        ),
        PipelinePart(
            key="transcription",
            owner="faster-whisper:base",
            owner_kind="service",
            ms=Measurement.estimated(
                241.0, "ms", reason="real-time factor 0.12 x the caller's median turn", n=5
            ),
        ),
        _part("llm_inference", "groq openai/gpt-oss-20b", 506.6),
        _part("sentence_aggregation", "groq openai/gpt-oss-20b", 262.0),
        _part("speech_synthesis", "openai gpt-4o-mini-tts", 163.5),
        _part("tts_leading_silence", "openai gpt-4o-mini-tts", 180.0),
    )
    return Pipeline(
        total_ms=Measurement.estimated(
            1_851.1,
            "ms",
            reason="put together from probes, the endpointing wait is a setting",
            n=5,
            low=1_849.1,
            high=3_330.1,
            band="warning",
        ),
        percentiles=_few(1_851.1, 3_330.1),
        parts=parts,
        samples=tuple(
            PipelineSample(
                index=index,
                parts_ms={
                    "endpointing_wait": 500.0,
                    "transcription": 241.0,
                    "llm_inference": 504.6 + index + (1_388.0 if index == 3 else 0.0),
                    "sentence_aggregation": 262.0,
                    "speech_synthesis": 160.5 + index + (90.0 if index == 4 else 0.0),
                    "tts_leading_silence": 180.0,
                },
                total_ms=1_848.1
                + 2 * index
                + (1_388.0 if index == 3 else 0.0)
                + (90.0 if index == 4 else 0.0),
            )
            for index in range(1, 6)
        ),
    )


def lower_bound_pipeline() -> Pipeline:
    """A mock in place of the language model, no TTS and no transcription: a lower bound."""
    no_tts = "no speech synthesiser was named: --tts PROVIDER"
    return Pipeline(
        total_ms=Measurement.simulated(
            924.0,
            "ms",
            reason="a lower bound: leaves out transcription and speech synthesis",
            n=5,
        ),
        percentiles=_few(924.0, 928.0),
        parts=(
            pipeline().parts[0],
            PipelinePart(
                key="transcription",
                owner="none",
                owner_kind="service",
                ms=Measurement.not_run("ms", "no transcription was asked for"),
            ),
            PipelinePart(
                key="llm_inference",
                owner="mock",
                owner_kind="service",
                ms=Measurement.simulated(243.0, "ms", reason=WHY_MOCK, n=5),
            ),
            PipelinePart(
                key="sentence_aggregation",
                owner="mock",
                owner_kind="service",
                ms=Measurement.simulated(181.0, "ms", reason=WHY_MOCK, n=5),
            ),
            PipelinePart(
                key="speech_synthesis",
                owner="none",
                owner_kind="service",
                ms=Measurement.not_run("ms", no_tts),
            ),
            PipelinePart(
                key="tts_leading_silence",
                owner="none",
                owner_kind="service",
                ms=Measurement.not_run("ms", no_tts),
            ),
        ),
        missing=("transcription", "speech_synthesis", "tts_leading_silence"),
        simulated=("llm_inference", "sentence_aggregation"),
    )


def cost() -> Cost:
    """Known, unknown and local items."""
    table = "built-in table of 2025-11-01"
    return Cost(
        total_usd=Measurement.estimated(
            0.000_185_85, "USD", reason="leaves out tts: its price is unknown", n=3
        ),
        items=(
            CostItem(
                stage="transcription",
                provider="faster-whisper",
                model="base",
                unit="audio seconds",
                quantity=83.42,
                usd=Measurement.not_run(
                    "USD",
                    "runs on this machine: no provider charges for it; its hardware is not counted",
                ),
            ),
            CostItem(
                stage="gold",
                provider="groq",
                model="whisper-large-v3-turbo",
                unit="audio seconds",
                quantity=10.0,
                usd=Measurement.measured(0.000_111, "USD"),
                usd_per_unit=0.04 / 3600,
                price_source=table,
            ),
            CostItem(
                stage="llm",
                provider="groq",
                model="openai/gpt-oss-20b",
                unit="input tokens",
                quantity=846.0,
                usd=Measurement.measured(0.000_063_45, "USD"),
                usd_per_unit=0.075e-6,
                price_source=table,
            ),
            CostItem(
                stage="llm",
                provider="groq",
                model="openai/gpt-oss-20b",
                unit="output tokens",
                quantity=38.0,
                usd=Measurement.measured(0.000_011_4, "USD"),
                usd_per_unit=0.3e-6,
                price_source=table,
            ),
            CostItem(
                stage="tts",
                provider="openai",
                model="acme-voice",
                unit="characters",
                quantity=372.0,
                usd=Measurement.unavailable("USD", "the price of acme-voice is unknown"),
            ),
        ),
        leaves_out=(
            "tts: 372 characters of openai acme-voice, whose price is unknown",
            "one LLM request that failed",
        ),
    )


def probed_report() -> Report:
    """A call that was analysed with both probes, the pipeline estimate and the cost."""
    whole = complete_report()
    assert whole.latency is not None
    return replace(
        whole,
        job_id="4e771",
        probes=Probes(llm=llm_probe(), tts=tts_probe()),
        pipeline=pipeline(),
        cost=cost(),
        latency=replace(whole.latency, p99_ms=_p99(1_691.6, 5)),
        analyzers={"llm": AnalyzerResult(status="ok"), "tts": AnalyzerResult(status="ok")},
    )


def probe_only_report() -> Report:
    """What ``echotrace probe pipeline`` makes: no recording, only the two services."""
    return replace(
        minimal_report(),
        job_id="9a0be",
        source=Source(path=NO_RECORDING),
        score=Score(value=100.0, grade="healthy", status="complete"),
        probes=Probes(llm=llm_probe(), tts=tts_probe()),
        pipeline=replace(
            pipeline(),
            parts=tuple(
                replace(part, owner="none", ms=Measurement.not_run("ms", "no recording was given"))
                if part.key == "transcription"
                else part
                for part in pipeline().parts
            ),
            samples=tuple(
                replace(
                    item,
                    parts_ms={k: v for k, v in item.parts_ms.items() if k != "transcription"},
                    total_ms=item.total_ms - 241.0,
                )
                for item in pipeline().samples
            ),
            missing=("transcription",),
            total_ms=Measurement.estimated(
                1_610.1,
                "ms",
                reason="a lower bound: leaves out transcription (no recording was given)",
                n=5,
                low=1_608.1,
                high=3_089.1,
                band="warning",
            ),
            percentiles=_few(1_610.1, 3_089.1),
        ),
        cost=replace(
            cost(),
            items=cost().items[2:],
            total_usd=replace(cost().total_usd, value=0.000_074_85, n=2),
        ),
        latency=Latency(
            spans=(
                _span(1, "analyze", None, 0.0, 14_200.0),
                _span(2, "llm_ttft", 1, 1.0, 8_900.0),
                _span(3, "tts_ttfa", 1, 8_902.0, 5_290.0),
            ),
            e2e_ms=_ms(14_200.0),
            p99_ms=_p99(1_691.6, 5),
        ),
        analyzers={"llm": AnalyzerResult(status="ok"), "tts": AnalyzerResult(status="ok")},
        gates=(GateResult(expression="ttft > 1500", outcome="pass", value=305.6),),
    )


def mock_probe_report() -> Report:
    """What ``echotrace probe llm --provider mock`` makes: everything in it is simulated."""
    return replace(
        probe_only_report(),
        job_id="90c4",
        score=Score(
            value=None,
            grade=None,
            status="not_measurable",
            not_scored=(NotScored(metric="ttft_ms", reason=f"simulated: {WHY_MOCK}"),),
        ),
        probes=Probes(llm=mock_llm_probe()),
        pipeline=lower_bound_pipeline(),
        cost=None,
        latency=Latency(
            spans=(
                _span(1, "analyze", None, 0.0, 5_400.0),
                replace(_span(2, "llm_ttft", 1, 1.0, 5_390.0), simulated=True),
            ),
            e2e_ms=_ms(5_400.0),
            p99_ms=Measurement.simulated(
                245.0,
                "ms",
                reason="max of n=5, which is below 100",
                method="LLM time to first token",
                n=5,
            ),
        ),
        analyzers={"llm": AnalyzerResult(status="ok")},
        gates=(),
        warnings=(
            Finding(
                code="LLM_MOCK",
                severity=Severity.WARNING,
                message="the language model's figures are simulated",
                hint="export GROQ_API_KEY=..., or pass --provider ollama",
            ),
        ),
    )


def dead_probe_report() -> Report:
    """A probe of which no request was answered; no speech synthesiser was named."""
    return replace(
        mock_probe_report(),
        job_id="dead",
        status=RunStatus.PARTIAL,
        probes=Probes(llm=dead_llm_probe()),
        pipeline=None,
        latency=None,
        analyzers={
            "llm": AnalyzerResult(
                status="unavailable",
                reason="no connection to localhost:11434: connection refused",
                code="LLM_UNREACHABLE",
            )
        },
        warnings=(),
    )


def hostile_probe_report() -> Report:
    """Every string of a probe that can come from outside is hostile."""
    bad = HOSTILE
    whole = probed_report()
    lost = Measurement.unavailable("ms", bad)
    samples = tuple(
        replace(
            item,
            status=bad if item.index == 2 else item.status,
            phases=tuple(replace(part, name=bad) for part in item.phases),
            server=ServerTimes(source=bad, total_ms=3.0),
            request_id=bad,
            code=bad,
            reason=bad,
            first_sentence=bad,
        )
        for item in llm_probe().samples
    )
    return replace(
        whole,
        job_id="bad",
        probes=Probes(
            llm=replace(
                llm_probe(),
                provider=bad,
                model=bad,
                ttft_ms=lost,
                samples=samples,
                failures=(ProbeFailure(code=bad, count=2, reason=bad, hint=bad),),
                percentiles={bad: _few(1.0, 2.0)},
                prompt_source=bad,
                system_source=bad,
                sent_to=bad,
            ),
            tts=replace(
                tts_probe(),
                provider=bad,
                model=bad,
                voice=bad,
                ttfa_ms=lost,
                text_source=bad,
                audio_format=bad,
                sent_to=bad,
            ),
        ),
        pipeline=replace(
            pipeline(),
            parts=(
                PipelinePart(key=bad, owner=bad, owner_kind=bad, ms=lost),
                PipelinePart(
                    key=bad,
                    owner=bad,
                    owner_kind=bad,
                    ms=Measurement.simulated(30.0, "ms", reason=bad),
                ),
            ),
            missing=(bad,),
            simulated=(bad,),
            kind=bad,
        ),
        cost=Cost(
            total_usd=Measurement.unavailable("USD", bad),
            items=(
                CostItem(
                    stage=bad,
                    provider=bad,
                    model=bad,
                    unit=bad,
                    quantity=1.0,
                    usd=Measurement.unavailable("USD", bad),
                    price_source=bad,
                ),
            ),
            leaves_out=(bad,),
        ),
    )


PROBED: Mapping[str, Callable[[], Report]] = MappingProxyType(
    {
        "probed": probed_report,
        "probe_only": probe_only_report,
        "mock_probe": mock_probe_report,
        "dead_probe": dead_probe_report,
        "hostile_probe": hostile_probe_report,
    }
)
"""Every sample with probes by name."""


def _ms(value: float) -> Measurement:
    return Measurement.measured(value, "ms", n=1)


def _median(value: float, **extra: object) -> Measurement:
    return Measurement.measured(value, "ms", n=5, method="median", **extra)


def _few(p50: float, worst: float) -> Percentiles:
    """Five values: enough for a median and for nothing else."""
    return Percentiles(
        n=5,
        not_measured=1,
        p50=_median(p50, low=p50 - 4.0, high=worst),
        p95=Measurement.not_measurable("ms", "5 values were measured; p95 needs 20"),
        p99=Measurement.not_measurable("ms", "5 values were measured; p99 needs 100"),
        worst=Measurement.measured(worst, "ms", n=5),
    )


def _many(p50: float, p95: float, p99: float, n: int) -> Percentiles:
    return Percentiles(
        n=n,
        not_measured=0,
        p50=Measurement.measured(p50, "ms", n=n, low=p50 - 0.5, high=p50 + 0.5),
        p95=Measurement.measured(p95, "ms", n=n),
        p99=Measurement.measured(p99, "ms", n=n),
        worst=Measurement.measured(p99, "ms", n=n),
    )


def _part(key: str, owner: str, value: float) -> PipelinePart:
    return PipelinePart(key=key, owner=owner, owner_kind="service", ms=_median(value))


def _p99(value: float, n: int) -> Measurement:
    return Measurement.estimated(
        value,
        "ms",
        reason=f"max of n={n}, which is below 100",
        method="LLM time to first token",
        n=n,
    )


def _span(
    number: int, name: str, parent: int | None, start_ms: float, duration_ms: float
) -> SpanRecord:
    return SpanRecord(
        id=number,
        name=name,
        parent="analyze" if parent else None,
        parent_id=parent,
        start_ms=start_ms,
        duration_ms=duration_ms,
        cpu_ms=None,
        status="ok",
    )
