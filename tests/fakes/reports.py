"""Hand-built reports for tests of everything that reads one; every figure here is invented."""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from echotrace.model.conversation import (
    Bleed,
    ChannelTalk,
    Conversation,
    ConversationSummary,
    Incident,
    Percentiles,
    Turn,
    TurnSide,
)
from echotrace.model.measure import Finding, Measurement, RunStatus, Severity
from echotrace.model.report import (
    AnalyzerResult,
    Channel,
    ChannelSignal,
    Deduction,
    DiffOp,
    DropoutCount,
    Envelope,
    EnvelopeChannel,
    GateResult,
    Latency,
    LlmProbe,
    Mos,
    Normalizer,
    NotScored,
    Probes,
    Report,
    Score,
    Signal,
    Source,
    SourceFile,
    SpanRecord,
    SpeechSegment,
    SttTiming,
    Tool,
    Transcription,
    Word,
    WordCounts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOSTILE = (
    "[bold red]x[/][blink] \x1b[31mred\x1b]0;title\x07 \x9b2J back\x08\x08 \u202egnp.exe\u2066 "
    "tab\there\r\nnew line \u200b\ufeff\udc80 </script><img src=x> 中文通話録音 :smile: {x} %s"
)
"""One string with everything that must not reach a terminal as it is."""


def minimal_report() -> Report:
    """Every part that may be missing is missing."""
    return Report(
        job_id="0badcafe",
        created_at="2025-01-02T03:04:05Z",
        status=RunStatus.COMPLETE,
        tool=Tool(version="0.1.0"),
        source=_source(),
        score=Score(
            value=None,
            grade=None,
            status="not_measurable",
            not_scored=(NotScored(metric="snr_db", reason="the stage was not asked for"),),
        ),
    )


def complete_report() -> Report:
    """A two-channel call: everything ran, was measured, and most of it is good."""
    return replace(
        minimal_report(),
        job_id="7f3c21d09a4e",
        source=_source(
            path="calls/2025-01-02 support call, Grüße aus Köln.wav",
            duration_s=83.42,
            sample_rate_hz=48_000,
            channels=(Channel(index=0, role="caller"), Channel(index=1, role="agent")),
        ),
        score=Score(
            value=75.0,
            grade="warning",
            status="complete",
            deductions=(
                _deduction(
                    "snr_db", 14.2, "dB", "noisy", 10, "SNR 14.2 dB is noisy: below SNR 20.0 dB"
                ),
                _deduction(
                    "wer", 0.083, "ratio", "degraded", 15, "WER 8.3 % is degraded: above WER 5.0 %"
                ),
            ),
        ),
        signal=Signal(
            channels=(
                _channel(
                    0,
                    "caller",
                    snr_db=_measured(14.2, "dB", band="noisy", low=13.1, high=15.3),
                    length_s=83.42,
                ),
                _channel(1, "agent", snr_db=_measured(41.7, "dB", band="good"), length_s=83.42),
            ),
            scored_channel=0,
            envelope=_envelope(2, 400, 83.42),
        ),
        transcription=_transcription(
            engine="faster-whisper:base",
            gold_engine="I'm going to cancel my comprehensive credit card insurance, please.",
        ),
        probes=Probes(
            llm=LlmProbe(
                provider="groq",
                model="llama-3.1-8b-instant",
                simulated=False,
                ttft_ms=_measured(412.0, "ms", band="good", n=5, low=388.0, high=455.0),
                warm_up_ms=_measured(903.0, "ms"),
                total_ms=_measured(861.0, "ms"),
                tokens_per_s=_measured(142.5, "tokens/s"),
                samples_ms=(398.0, 412.0, 455.0, 388.0, 420.0),
                sent_to="api.groq.com",
            )
        ),
        latency=_latency(simulated=False),
        gates=(
            GateResult(expression="wer > 0.10", outcome="pass", value=0.083),
            GateResult(expression="snr < 15", outcome="fail", value=14.2),
            GateResult(
                expression="heard.p95 > 1500",
                outcome="not_enough_evidence",
                reason="p95 needs at least 20 turns, this call has 6",
            ),
        ),
        warnings=(
            Finding(
                code="DAMAGED",
                severity=Severity.WARNING,
                message="3 frames could not be decoded and were skipped",
                hint="export the recording again from its source",
                at_s=71.25,
            ),
            Finding(
                code="CLIPPING",
                severity=Severity.CRITICAL,
                message="the caller's channel is clipped in 2.1 % of its samples",
                hint="lower the gain of the capture by 6 dB",
                at_s=12.3,
            ),
            Finding(
                code="GOLD_ENGINE",
                severity=Severity.INFO,
                message="gold comes from a reference text",
            ),
        ),
    )


def mock_report() -> Report:
    """The demo: synthetic audio, the embedded engine, and a mock for the language model."""
    why = "no key and no Ollama is configured, so the mock stood in"
    simulated = Measurement.simulated
    return replace(
        complete_report(),
        job_id="demo-0001",
        source=_source(path="demo_voice_1_mixed_with_noise_1_snr10.wav", synthetic=True),
        score=Score(
            value=90.0,
            grade="healthy",
            status="partial",
            deductions=(
                _deduction(
                    "snr_db", 10.4, "dB", "noisy", 10, "SNR 10.4 dB is noisy: below SNR 20.0 dB"
                ),
            ),
            not_scored=(
                NotScored(
                    metric="wer", reason="estimated: EchoTrace fell back to the embedded engine"
                ),
                NotScored(metric="ttft_ms", reason=f"simulated: {why}"),
            ),
        ),
        signal=Signal(
            channels=(_channel(0, "mixed", snr_db=_measured(10.4, "dB", band="noisy")),),
            scored_channel=0,
            envelope=_envelope(1, 120, 2.34),
        ),
        transcription=_transcription(
            engine="sphinx",
            note="embedded, low accuracy",
            wer=Measurement.estimated(
                0.083,
                "ratio",
                reason="EchoTrace fell back to the embedded engine by itself",
                band="degraded",
            ),
        ),
        probes=Probes(
            llm=LlmProbe(
                provider="mock",
                model=None,
                simulated=True,
                ttft_ms=simulated(1240.0, "ms", reason=why, n=1, band="high"),
                warm_up_ms=Measurement.not_run("ms", "a mock has no connection to warm up"),
                total_ms=simulated(1910.0, "ms", reason=why),
                tokens_per_s=simulated(41.2, "tokens/s", reason=why),
                samples_ms=(1240.0,),
            )
        ),
        latency=_latency(simulated=True),
        gates=(),
        warnings=(
            Finding(
                code="LLM_MOCK",
                severity=Severity.WARNING,
                message="the language model's figures are simulated",
                hint="export GROQ_API_KEY=..., or pass --llm ollama",
            ),
            Finding(
                code="EMBEDDED_ENGINE",
                severity=Severity.WARNING,
                message="the transcript comes from the embedded engine, whose accuracy is low",
                hint="echotrace analyze FILE --stt faster-whisper:tiny --allow-download",
            ),
        ),
    )


def partial_report() -> Report:
    """The language model was asked for and did not answer; no reference was given."""
    whole = complete_report()
    why = "api.groq.com answered 429: rate limit reached"
    lost = Measurement.unavailable("ms", why)
    assert whole.latency is not None
    spans = tuple(
        replace(span, status="failed") if span.name == "llm_ttft" else span
        for span in whole.latency.spans
        if span.name != "first_token"
    )
    nothing = Measurement.not_measurable(
        "ratio", "there is no gold: pass --reference TEXT or --gold ENGINE"
    )
    assert whole.transcription is not None
    return replace(
        whole,
        status=RunStatus.PARTIAL,
        score=Score(
            value=90.0,
            grade="healthy",
            status="partial",
            deductions=whole.score.deductions[:1],
            not_scored=(
                NotScored(metric="wer", reason="not measurable: there is no gold"),
                NotScored(metric="ttft_ms", reason=f"unavailable: {why}"),
            ),
            profile="strict",
        ),
        transcription=replace(
            whole.transcription,
            gold=None,
            gold_source=None,
            gold_engine_transcript=None,
            wer=nothing,
            cer=nothing,
            mer=nothing,
            wil=nothing,
            wer_raw=nothing,
            counts=None,
            diff=(),
        ),
        probes=Probes(
            llm=LlmProbe(
                provider="groq",
                model="llama-3.1-8b-instant",
                simulated=False,
                ttft_ms=lost,
                warm_up_ms=lost,
                total_ms=lost,
                tokens_per_s=Measurement.unavailable("tokens/s", why),
                sent_to="api.groq.com",
            )
        ),
        latency=replace(whole.latency, spans=spans, p99_ms=lost),
        analyzers={
            "politeness": AnalyzerResult(
                status="ok",
                data={
                    "greeted": True,
                    "thanks": 2,
                    "tone": {"mean": 0.713, "words": ["please", "thanks"]},
                },
            ),
            "compliance": AnalyzerResult(status="unavailable", reason="it took longer than 120 s"),
        },
        gates=(GateResult(expression="ttft > 1500", outcome="not_enough_evidence", reason=why),),
    )


def failed_report() -> Report:
    """Every stage that was asked for failed."""
    why = "the model folder holds no model.bin"
    return replace(
        minimal_report(),
        status=RunStatus.FAILED,
        score=Score(
            value=None,
            grade=None,
            status="not_measurable",
            not_scored=(NotScored(metric="wer", reason=why),),
        ),
        analyzers={"transcription": AnalyzerResult(status="unavailable", reason=why)},
        latency=Latency(
            spans=(
                _span(1, "analyze", None, 0.0, 61.0),
                _span(2, "audio_decode", 1, 0.4, 22.0),
                _span(3, "stt_audit", 1, 23.0, 37.5, status="failed"),
            ),
            e2e_ms=_measured(61.0, "ms"),
            p99_ms=Measurement.not_run(
                "ms", "no latency was sampled: no turn was measured and no probe ran"
            ),
        ),
        warnings=(
            Finding(
                code="STT_FAILED",
                severity=Severity.CRITICAL,
                message=why,
                hint="echotrace analyze FILE --stt sphinx",
            ),
        ),
    )


def unreadable_report() -> Report:
    """The file could not be opened: of the recording only its path is known."""
    return replace(
        minimal_report(),
        status=RunStatus.FAILED,
        source=Source(path="uploads/empty.wav"),
        warnings=(
            Finding(
                code="EMPTY_FILE",
                severity=Severity.CRITICAL,
                message="the file holds no bytes",
                hint="check the file with another player, or export it again as WAV",
            ),
        ),
    )


def no_speech_report() -> Report:
    """A recording without speech: nothing about speech is a number."""
    why = "no speech was found on this channel"
    empty = Measurement.not_measurable("ratio", "the reference is empty")
    channel = _channel(
        0,
        "mixed",
        snr_db=Measurement.not_measurable("dB", why),
        speech_level_dbfs=Measurement.not_measurable("dBFS", why),
        silence_ratio=_measured(1.0, "ratio"),
    )
    return replace(
        minimal_report(),
        score=Score(
            value=None,
            grade=None,
            status="not_measurable",
            not_scored=(NotScored(metric="snr_db", reason=f"not measurable: {why}"),),
        ),
        signal=Signal(
            channels=(replace(channel, segments=()),),
            scored_channel=0,
            envelope=Envelope(
                column_s=0.0975,
                channels=(
                    EnvelopeChannel(
                        index=0, min=(0.0,) * 24, max=(0.0,) * 24, speech_probability=(0.0,) * 24
                    ),
                ),
            ),
        ),
        transcription=replace(
            _transcription(engine="sphinx", note="embedded, low accuracy"),
            actual="",
            gold="",
            wer=empty,
            cer=empty,
            mer=empty,
            wil=empty,
            wer_raw=empty,
            counts=WordCounts(
                reference_words=0,
                hypothesis_words=0,
                hits=0,
                substitutions=0,
                deletions=0,
                insertions=0,
            ),
            diff=(),
        ),
        warnings=(
            Finding(
                code="NO_SPEECH",
                severity=Severity.WARNING,
                message="no speech was found in this recording",
                hint="check that the right channel was recorded",
            ),
        ),
    )


def hostile_report() -> Report:
    """Every string that can come from outside is :data:`HOSTILE`."""
    whole = complete_report()
    assert whole.transcription is not None
    assert whole.latency is not None
    assert whole.probes is not None
    assert whole.probes.llm is not None
    bad = HOSTILE
    lost = Measurement.unavailable("ms", bad)
    return replace(
        whole,
        job_id=bad,
        created_at=bad,
        source=replace(whole.source, path=bad, codec=bad, container=bad, synthetic=True),
        score=replace(
            whole.score,
            deductions=(_deduction(bad, 1.0, bad, bad, 5, bad),),
            not_scored=(NotScored(metric=bad, reason=bad),),
            profile=bad,
        ),
        signal=Signal(
            channels=(
                _channel(0, bad, snr_db=Measurement.not_measurable("dB", bad)),
                _channel(1, "agent", snr_db=Measurement.estimated(3.0, bad, reason=bad, band=bad)),
            ),
            scored_channel=0,
        ),
        transcription=replace(
            whole.transcription,
            engine=bad,
            engine_note=bad,
            gold_source=bad,
            gold_engine_transcript=bad,
            normalizer=Normalizer(name=bad, version=bad),
            wer=Measurement.estimated(0.5, "ratio", reason=bad, band=bad),
            diff=(
                DiffOp(op="equal", gold=(bad,), actual=(bad,)),
                DiffOp(op="substitute", gold=(bad,), actual=("[/]",)),
                DiffOp(op="delete", gold=(bad,)),
                DiffOp(op="insert", actual=(bad,)),
            ),
        ),
        probes=Probes(
            llm=replace(whole.probes.llm, provider=bad, model=bad, ttft_ms=lost, sent_to=bad),
        ),
        latency=replace(
            whole.latency,
            spans=tuple(replace(span, name=bad) for span in whole.latency.spans),
            bottleneck=bad,
        ),
        analyzers={bad: AnalyzerResult(status=bad, reason=bad, data={bad: [bad, {bad: None}]})},
        gates=(GateResult(expression=bad, outcome=bad, reason=bad),),
        warnings=(Finding(code=bad, severity=Severity.WARNING, message=bad, hint=bad, at_s=1.0),),
    )


def cjk_report() -> Report:
    """Wide characters, an unspaced transcript of 150 of them, and a name longer than a line."""
    whole = mock_report()
    assert whole.transcription is not None
    text = "私はクレジットカードを解約したいです" * 9
    return replace(
        whole,
        source=replace(whole.source, path="通話録音/" + "顧客対応" * 30 + "/最後.wav"),
        transcription=replace(
            whole.transcription,
            diff=(
                DiffOp(op="equal", gold=("もしもし",), actual=("もしもし",)),
                DiffOp(op="substitute", gold=(text,), actual=("クレジット",)),
                DiffOp(op="insert", actual=("はい",)),
            ),
        ),
    )


def long_report(words: int = 20_000) -> Report:
    """A transcript of this many words with errors at its 100th, 5,000th and last words."""
    whole = complete_report()
    assert whole.transcription is not None
    said = tuple(f"word{number}" for number in range(words))
    diff = (
        DiffOp(op="equal", gold=said[:100], actual=said[:100]),
        DiffOp(op="substitute", gold=said[100:101], actual=("ward",)),
        DiffOp(op="equal", gold=said[101:5000], actual=said[101:5000]),
        DiffOp(op="delete", gold=said[5000:5002]),
        DiffOp(op="insert", actual=("uh",)),
        DiffOp(op="equal", gold=said[5002:-1], actual=said[5002:-1]),
        DiffOp(op="substitute", gold=said[-1:], actual=("bye",)),
    )
    heard = tuple(word for op in diff for word in op.actual)
    return replace(
        whole,
        transcription=replace(
            whole.transcription,
            actual=" ".join(heard),
            gold=" ".join(said),
            gold_engine_transcript=" ".join(said) + " indeed",
            counts=WordCounts(
                reference_words=words,
                hypothesis_words=len(heard),
                hits=words - 4,
                substitutions=2,
                deletions=2,
                insertions=1,
            ),
            diff=diff,
        ),
    )


def call_report() -> Report:
    """A call with turns of every kind, one of which could not be measured, and its incidents."""
    whole = complete_report()
    assert whole.signal is not None
    caller, agent = whole.signal.channels
    return replace(
        whole,
        job_id="c0ffee4711aa",
        source=replace(
            whole.source,
            channels=(
                Channel(index=0, role="caller", role_source="inferred", role_confidence=0.923),
                Channel(index=1, role="agent", role_source="inferred", role_confidence=0.923),
            ),
        ),
        score=Score(
            value=65.0,
            grade="warning",
            status="complete",
            deductions=(
                *whole.score.deductions[:1],
                _deduction(
                    "wer", 0.083, "ratio", "degraded", 15, "WER 8.3 % is degraded: above WER 5.0 %"
                ),
                _deduction("dead_air_s", 6.2, "s", "critical", 10, "dead air of 6.20 s"),
            ),
        ),
        signal=replace(
            whole.signal,
            channels=(
                replace(
                    caller,
                    bandwidth_hz=_measured(3_400.0, "Hz", band="narrow"),
                    crest_factor_db=_measured(17.8, "dB"),
                    hum_hz=_measured(50.0, "Hz", method="50 Hz and 3 of its harmonics"),
                    dropouts=DropoutCount(count=3, total_ms=61.5, at_s=(12.3, 40.25, 71.0)),
                    gated=False,
                    mos=Mos(
                        sig=_measured(3.41, "MOS"),
                        bak=_measured(2.87, "MOS"),
                        ovrl=_measured(2.74, "MOS"),
                    ),
                ),
                replace(
                    agent,
                    bandwidth_hz=_measured(7_800.0, "Hz"),
                    crest_factor_db=_measured(15.1, "dB"),
                    hum_hz=Measurement.not_measurable("Hz", "no hum above the noise floor"),
                    dropouts=DropoutCount(count=0, total_ms=0.0),
                    gated=True,
                ),
            ),
        ),
        conversation=_conversation(),
        analyzers={"turns": AnalyzerResult(status="ok")},
    )


def mono_report() -> Report:
    """A mono recording: no turn can be told, dead air still can."""
    why = "both voices are on one channel, so nobody's turns can be told apart"
    lost = Measurement.not_measurable("ms", why)
    nobody = Percentiles(n=0, not_measured=0, p50=lost, p95=lost, p99=lost, worst=lost)
    whole = mock_report()
    return replace(
        whole,
        job_id="m0n0",
        source=replace(whole.source, duration_s=42.0),
        score=replace(
            whole.score,
            not_scored=(
                *whole.score.not_scored,
                NotScored(metric="heard_gap_ms", reason=f"not measurable: {why}"),
            ),
        ),
        conversation=Conversation(
            status="not_measurable",
            reason=why,
            hint="record the caller and the agent on two channels, or pass --caller and --agent",
            summary=ConversationSummary(
                heard_gap_ms=nobody,
                yield_ms=nobody,
                greeting_ms=lost,
                first_heard_gap_ms=lost,
                dead_air_s=_measured(3.4, "s", band="warning"),
                dead_air_total_s=_measured(3.4, "s"),
                talk_over_ms=lost,
                overlap_ratio=Measurement.not_measurable("ratio", why),
                dead_airs=1,
            ),
            incidents=(
                Incident(
                    type="dead_air",
                    at_s=21.1,
                    duration_ms=_measured(3_400.0, "ms"),
                    severity=Severity.WARNING,
                ),
            ),
        ),
    )


def two_files_report() -> Report:
    """Two mono files make up the call; it has three turns, too few for a median."""
    whole = call_report()
    conversation = whole.conversation
    assert conversation is not None
    lost = Measurement.not_measurable("ms", "3 turns were measured; a median needs 5")
    return replace(
        whole,
        source=replace(
            whole.source,
            path="caller.wav + agent.wav",
            sha256=None,
            channels=tuple(
                Channel(index=index, role=role, role_source="files")
                for index, role in enumerate(("caller", "agent"))
            ),
            files=(
                SourceFile(path="calls/caller.wav", sha256="ab" * 32, role="caller"),
                SourceFile(
                    path="calls/agent.wav", sha256="cd" * 32, role="agent", offset_ms=-120.0
                ),
            ),
        ),
        conversation=replace(
            conversation,
            turns=conversation.turns[:4],
            incidents=(),
            bleed=(),
            summary=replace(
                conversation.summary,
                heard_gap_ms=Percentiles(
                    n=3,
                    not_measured=0,
                    p50=lost,
                    p95=lost,
                    p99=lost,
                    worst=_measured(1_120.0, "ms", band="warning"),
                ),
                yield_ms=Percentiles(n=0, not_measured=0, p50=lost, p95=lost, p99=lost, worst=lost),
                barge_ins=0,
                backchannels=0,
                early_starts=0,
                missed_responses=0,
                dead_airs=0,
                dead_air_s=_measured(0.0, "s"),
                dead_air_total_s=_measured(0.0, "s"),
            ),
        ),
    )


def many_turns_report(turns: int = 200) -> Report:
    """A long call, every seventh of whose answers is late."""
    whole = call_report()
    conversation = whole.conversation
    assert conversation is not None
    step_s = 9.0
    made = tuple(
        _turn(
            number,
            "response",
            (number * step_s, number * step_s + 3.0),
            (number * step_s + 3.0 + gap_ms / 1e3, number * step_s + 7.0),
            gap_ms,
        )
        for number in range(1, turns + 1)
        for gap_ms in (1_650.0 + number if number % 7 == 0 else 400.0 + number,)
    )
    return replace(
        whole,
        job_id="many",
        source=replace(whole.source, duration_s=(turns + 1) * step_s),
        conversation=replace(
            conversation,
            turns=made,
            incidents=tuple(
                Incident(
                    type="backchannel",
                    at_s=number * 31.7,
                    duration_ms=_measured(240.0, "ms"),
                    severity=Severity.INFO,
                )
                for number in range(1, turns // 4)
            ),
            summary=replace(
                conversation.summary,
                heard_gap_ms=Percentiles(
                    n=turns,
                    not_measured=0,
                    p50=_measured(512.0, "ms", low=498.0, high=527.0, n=turns, band="good"),
                    p95=_measured(1_790.0, "ms", low=1_730.0, high=1_833.0, n=turns),
                    p99=_measured(1_840.0, "ms", low=1_820.0, high=1_846.0, n=turns),
                    worst=_measured(1_846.0, "ms", n=turns, band="critical"),
                ),
                backchannels=turns // 4 - 1,
            ),
        ),
    )


SAMPLES: Mapping[str, Callable[[], Report]] = MappingProxyType(
    {
        "complete": complete_report,
        "call": call_report,
        "mono": mono_report,
        "two_files": two_files_report,
        "many": many_turns_report,
        "partial": partial_report,
        "mock": mock_report,
        "failed": failed_report,
        "unreadable": unreadable_report,
        "no_speech": no_speech_report,
        "minimal": minimal_report,
        "hostile": hostile_report,
        "cjk": cjk_report,
        "long": long_report,
    }
)
"""Every sample by name."""


def _measured(value: float, unit: str, **extra: object) -> Measurement:
    return Measurement.measured(value, unit, **extra)


def _turn(
    number: int,
    kind: str,
    user: tuple[float, float] | None,
    agent: tuple[float, float] | None,
    gap_ms: float | str,
    *,
    sure_ms: tuple[float, float] = (12.0, 12.0),
    yield_ms: Measurement | None = None,
    snr_db: float | None = 14.2,
    first: bool = False,
) -> Turn:
    """One turn; a gap that is a text is the reason why there is none."""
    if isinstance(gap_ms, str):
        gap = Measurement.not_measurable("ms", gap_ms)
    else:
        band = "good" if gap_ms <= 800 else "warning" if gap_ms <= 1500 else "critical"
        gap = _measured(gap_ms, "ms", low=gap_ms - sure_ms[0], high=gap_ms + sure_ms[1], band=band)
    return Turn(
        id=number,
        kind=kind,
        user=TurnSide(start_s=user[0], end_s=user[1]) if user else None,
        agent=TurnSide(start_s=agent[0], end_s=agent[1]) if agent else None,
        heard_gap_ms=gap,
        yield_ms=yield_ms,
        snr_db=snr_db,
        first=first,
    )


def _conversation() -> Conversation:
    late = _measured(1_240.0, "ms", low=1_205.0, high=1_290.0, band="critical")
    quick = _measured(640.0, "ms", low=622.0, high=655.0, band="warning")
    lost = Measurement.not_measurable
    few = lost("ms", "2 yields were measured; a median needs 5")
    turns = (
        _turn(1, "greeting", None, (1.12, 4.9), "the agent spoke first"),
        _turn(2, "response", (5.6, 8.3), (9.08, 13.9), 780.0, first=True),
        _turn(3, "response", (14.6, 17.2), (17.82, 22.4), 620.0, sure_ms=(9.0, 41.0)),
        _turn(4, "response", (23.1, 25.0), (26.12, 31.5), 1_120.0),
        _turn(5, "barge_in", (29.62, 33.4), (34.1, 38.0), 700.0, yield_ms=quick),
        _turn(6, "early_start", (38.9, 42.1), (41.86, 46.2), -240.0, yield_ms=None),
        _turn(7, "missed_response", (47.0, 49.5), None, "the caller spoke again after 6.2 s"),
        _turn(8, "response", (55.7, 57.3), (59.64, 66.0), 2_340.0, snr_db=11.6),
        _turn(
            9,
            "response",
            (66.9, 69.4),
            (70.2, 73.3),
            "the caller's last word is hidden in noise: between 69.02 and 69.81 s",
            snr_db=4.1,
        ),
        _turn(10, "barge_in", (72.06, 75.0), (75.61, 80.2), 610.0, yield_ms=late),
        _turn(11, "unanswered", (81.0, 83.1), None, "the recording ends first"),
    )
    incident = Incident
    return Conversation(
        status="measured",
        method="Silero, refined by a likelihood ratio against the noise",
        turns=turns,
        incidents=(
            incident(
                type="backchannel",
                at_s=11.4,
                duration_ms=_measured(260.0, "ms"),
                severity=Severity.INFO,
            ),
            incident(
                type="barge_in",
                at_s=29.62,
                duration_ms=quick,
                severity=Severity.WARNING,
                turn_id=5,
            ),
            incident(
                type="early_start",
                at_s=41.86,
                duration_ms=_measured(240.0, "ms"),
                severity=Severity.WARNING,
                turn_id=6,
            ),
            incident(
                type="talk_over",
                at_s=41.86,
                duration_ms=_measured(240.0, "ms"),
                severity=Severity.INFO,
                turn_id=6,
            ),
            incident(
                type="missed_response",
                at_s=49.5,
                duration_ms=_measured(6_200.0, "ms"),
                severity=Severity.CRITICAL,
                turn_id=7,
            ),
            incident(
                type="dead_air",
                at_s=49.5,
                duration_ms=_measured(6_200.0, "ms"),
                severity=Severity.CRITICAL,
            ),
            incident(
                type="backchannel",
                at_s=62.8,
                duration_ms=_measured(310.0, "ms"),
                severity=Severity.INFO,
            ),
            incident(
                type="barge_in",
                at_s=72.06,
                duration_ms=late,
                severity=Severity.CRITICAL,
                turn_id=10,
            ),
        ),
        bleed=(
            Bleed(
                from_channel=1,
                into_channel=0,
                attenuation_db=_measured(31.2, "dB"),
                delay_ms=118.0,
            ),
        ),
        summary=ConversationSummary(
            heard_gap_ms=Percentiles(
                n=7,
                not_measured=1,
                p50=_measured(700.0, "ms", low=610.0, high=1_120.0, n=7, band="good"),
                p95=lost("ms", "7 turns were measured; a 95th percentile needs 20"),
                p99=lost("ms", "7 turns were measured; a 99th percentile needs 100"),
                worst=_measured(2_340.0, "ms", n=7, band="critical"),
            ),
            yield_ms=Percentiles(n=2, not_measured=0, p50=few, p95=few, p99=few, worst=late),
            greeting_ms=_measured(1_120.0, "ms"),
            first_heard_gap_ms=_measured(780.0, "ms", band="good"),
            dead_air_s=_measured(6.2, "s", band="critical"),
            dead_air_total_s=_measured(6.2, "s"),
            talk_over_ms=_measured(3_360.0, "ms"),
            overlap_ratio=_measured(0.049, "ratio"),
            barge_ins=2,
            backchannels=2,
            early_starts=1,
            missed_responses=1,
            dead_airs=1,
            channels=(
                ChannelTalk(
                    index=0,
                    role="caller",
                    talk_s=_measured(27.5, "s"),
                    talk_ratio=_measured(0.402, "ratio"),
                    words_per_minute=_measured(148.0, "1/min"),
                    pauses=4,
                    pause_p50_ms=_measured(410.0, "ms"),
                    longest_pause_ms=_measured(980.0, "ms"),
                ),
                ChannelTalk(
                    index=1,
                    role="agent",
                    talk_s=_measured(40.9, "s"),
                    talk_ratio=_measured(0.598, "ratio"),
                    words_per_minute=Measurement.not_run(
                        "1/min", "only the caller was transcribed"
                    ),
                    pauses=9,
                    pause_p50_ms=_measured(320.0, "ms"),
                    longest_pause_ms=_measured(760.0, "ms"),
                ),
            ),
        ),
    )


def _source(**changes: object) -> Source:
    plain = Source(
        path="recording.wav",
        sha256="5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
        size_bytes=74_924,
        container="WAV",
        codec="PCM_16",
        decoder="libsndfile",
        duration_s=2.34,
        sample_rate_hz=16_000,
        channels=(Channel(index=0, role="mixed"),),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # names are those of Source


def _deduction(
    metric: str, value: float, unit: str, band: str, points: float, message: str
) -> Deduction:
    return Deduction(
        metric=metric, value=value, unit=unit, band=band, points=points, message=message
    )


def _channel(
    index: int, role: str, *, snr_db: Measurement, length_s: float = 2.34, **changes: Measurement
) -> ChannelSignal:
    plain = ChannelSignal(
        index=index,
        role=role,
        snr_db=snr_db,
        noise_floor_dbfs=_measured(-52.13 - index, "dBFS"),
        speech_level_dbfs=_measured(-23.9 + index, "dBFS"),
        clipping_ratio=_measured(0.021 if index == 0 else 0.0, "ratio"),
        dc_offset=_measured(0.0004, "FS"),
        silence_ratio=_measured(0.312 + index / 4, "ratio"),
        peak_dbfs=_measured(-0.2, "dBFS"),
        loudness_lufs=_measured(-24.6, "LUFS"),
        segments=tuple(
            SpeechSegment(start_s=start_s, end_s=end_s, snr_db=snr_db)
            for start_s, end_s in _speech(index, length_s)
        ),
    )
    return replace(plain, **changes)


def _speech(index: int, length_s: float) -> list[tuple[float, float]]:
    """Return the turns of a call: in each quarter channel 0 speaks first, then channel 1."""
    quarter_s = length_s / 4
    return [
        (quarter_s * (turn + index / 2 + 0.08), quarter_s * (turn + index / 2 + 0.46))
        for turn in range(4)
    ]


def _envelope(channels: int, columns: int, duration_s: float) -> Envelope:
    column_s = duration_s / columns
    return Envelope(
        column_s=column_s,
        channels=tuple(_drawn(index, columns, column_s) for index in range(channels)),
    )


def _drawn(index: int, columns: int, column_s: float) -> EnvelopeChannel:
    talks = [
        any(start <= at * column_s < end for start, end in _speech(index, columns * column_s))
        for at in range(columns)
    ]
    loud = tuple(
        round(0.03 + talk * abs(math.sin(at * 0.37) + math.sin(at * 1.71 + index)) * 0.45, 4)
        for at, talk in enumerate(talks)
    )
    return EnvelopeChannel(
        index=index,
        min=tuple(-peak for peak in loud),
        max=loud,
        speech_probability=tuple(0.97 if talk else 0.02 for talk in talks),
    )


def _transcription(
    *,
    engine: str,
    note: str | None = None,
    wer: Measurement | None = None,
    gold_engine: str | None = None,
) -> Transcription:
    before = ("i", "am", "going", "to", "cancel", "my")
    return Transcription(
        engine=engine,
        engine_note=note,
        channel_index=0,
        actual="I am going to cancel my compassion credit card uh insurance.",
        gold_source="reference",
        gold="I am going to cancel my comprehensive credit card insurance, please.",
        gold_engine_transcript=gold_engine,
        wer=wer or _measured(0.083, "ratio", band="degraded"),
        cer=_measured(0.121, "ratio"),
        mer=_measured(0.25, "ratio"),
        wil=_measured(0.318, "ratio"),
        wer_raw=_measured(0.333, "ratio"),
        normalizer=Normalizer(name="whisper-normalizer", version="0.1.12"),
        counts=WordCounts(
            reference_words=11,
            hypothesis_words=11,
            hits=9,
            substitutions=1,
            deletions=1,
            insertions=1,
        ),
        hallucinated_words=None,
        diff=(
            DiffOp(op="equal", gold=before, actual=before),
            DiffOp(op="substitute", gold=("comprehensive",), actual=("compassion",)),
            DiffOp(op="equal", gold=("credit", "card"), actual=("credit", "card")),
            DiffOp(op="insert", actual=("uh",)),
            DiffOp(op="equal", gold=("insurance",), actual=("insurance",)),
            DiffOp(op="delete", gold=("please",)),
        ),
        words=tuple(Word(text=word, start_s=0.3, end_s=0.5, probability=0.9) for word in before),
        timing=SttTiming(
            model_load_ms=_measured(402.0, "ms"),
            inference_ms=_measured(911.0, "ms"),
            rtf=_measured(0.389, "ratio"),
        ),
    )


_PARENTS = {1: "analyze", 2: "audio_decode", 8: "stt_audit", 11: "llm_ttft"}


def _span(
    number: int,
    name: str,
    parent: int | None,
    start_ms: float,
    duration_ms: float,
    **changes: object,
) -> SpanRecord:
    plain = SpanRecord(
        id=number,
        name=name,
        parent=None if parent is None else _PARENTS[parent],
        parent_id=parent,
        start_ms=start_ms,
        duration_ms=duration_ms,
        cpu_ms=duration_ms * 0.8,
        status="ok",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # names are those of SpanRecord


def _latency(*, simulated: bool) -> Latency:
    ttft_ms = 1240.0 if simulated else 455.0
    reason = "max of n=1, which is below 100" if simulated else "max of n=5, which is below 100"
    worst = Measurement.simulated if simulated else Measurement.estimated
    return Latency(
        spans=(
            _span(1, "analyze", None, 0.0, 2830.0),
            _span(2, "audio_decode", 1, 1.2, 46.0),
            _span(3, "hash", 2, 1.3, 2.4),
            _span(4, "decode", 2, 3.9, 21.0),
            _span(5, "resample", 2, 25.0, 9.0),
            _span(6, "features", 2, 34.0, 13.0),
            _span(7, "signal_analysis", 1, 48.0, 118.0),
            _span(8, "stt_audit", 1, 168.0, 2600.0, slow=True),
            _span(9, "model_load", 8, 170.0, 402.0),
            _span(10, "inference", 8, 575.0, 2190.0),
            _span(11, "llm_ttft", 1, 168.0, 1310.0, simulated=simulated, slow=simulated),
            _span(12, "first_token", 11, 171.0, ttft_ms, simulated=simulated),
        ),
        e2e_ms=_measured(
            2830.0, "ms", n=1, method="wall time of this profiling run; not what a caller heard"
        ),
        p99_ms=worst(
            ttft_ms, "ms", reason=reason, n=1 if simulated else 5, method="LLM time to first token"
        ),
        bottleneck="stt_audit",
    )
