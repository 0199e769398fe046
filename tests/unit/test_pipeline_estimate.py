"""The estimate of a pipeline's wait: its parts, its sums, and what it lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.aggregator import Parts
from echotrace.aggregator.bands import band_pipeline
from echotrace.aggregator.pipeline import pipeline
from echotrace.config.settings import PipelineSettings, Settings
from echotrace.model.conversation import Turn, TurnSide
from echotrace.model.measure import Measurement, Status
from echotrace.model.probes import LlmProbe, LlmSample, TtsProbe, TtsSample
from echotrace.model.report import (
    AnalyzerResult,
    Pipeline,
    Source,
    StreamedUtterance,
    Streaming,
    SttTiming,
    Utterance,
)
from echotrace.stats.percentiles import percentiles
from echotrace.stats.quantiles import quantile
from tests.fakes.reports import call_report, complete_report

REPORT = complete_report()
MS = Measurement.measured(400.0, "ms")
KEYS = (
    "endpointing_wait",
    "transcription",
    "llm_inference",
    "sentence_aggregation",
    "speech_synthesis",
    "tts_leading_silence",
)


def llm(*times_ms, simulated=False, **changes):
    """Each is (first answer token, whole sentence); None in place of one failed."""
    samples = [LlmSample(index=0, cold=True, status="ok", start_ms=0, ttfat_ms=9e3)]
    for index, pair in enumerate(times_ms, start=1):
        first, sentence = pair or (None, None)
        status = "ok" if pair else "failed"
        samples.append(
            LlmSample(
                index=index,
                cold=False,
                status=status,
                start_ms=0,
                ttfat_ms=first,
                first_sentence_ms=sentence,
            )
        )
    figure = Measurement.simulated(4.0, "ms", reason="a mock") if simulated else MS
    values = {
        "provider": "mock" if simulated else "groq",
        "model": None if simulated else "m",
        "simulated": simulated,
        "ttft_ms": figure,
        "warm_up_ms": figure,
        "total_ms": figure,
        "tokens_per_s": figure,
        "asked": len(times_ms),
        "samples": tuple(samples),
    }
    return LlmProbe(**(values | changes))


def tts(*times_ms, **changes):
    """Each is (first byte, leading silence)."""
    samples = [TtsSample(index=0, cold=True, status="ok", start_ms=0, ttfb_ms=9e3)]
    samples += [
        TtsSample(
            index=index,
            cold=False,
            status="ok",
            start_ms=0,
            ttfb_ms=first,
            leading_silence_ms=silence,
        )
        for index, (first, silence) in enumerate(times_ms, start=1)
    ]
    values = {
        "provider": "openai",
        "model": "tts-1",
        "voice": None,
        "ttfb_ms": MS,
        "leading_silence_ms": MS,
        "ttfa_ms": MS,
        "rtf": MS,
        "total_ms": MS,
        "warm_up_ms": MS,
        "asked": len(times_ms),
        "samples": tuple(samples),
    }
    return TtsProbe(**(values | changes))


def text(rtf=None, final_ms=(), status=Status.MEASURED, dialogue=()):
    timing = None if rtf is None else SttTiming(rtf=Measurement.measured(rtf, "ratio"))
    streaming = None
    if final_ms:
        value = 1.0 if status.has_value else None
        figure = Measurement(unit="ms", status=status, value=value, reason="a replay")
        ratio = Measurement.measured(0.0, "ratio")
        streaming = Streaming(
            source="sphinx",
            method="fed at the pace of speech",
            chunk_ms=100.0,
            first_partial_ms=figure,
            final_ms=figure,
            rewritten_ratio=ratio,
            rewritten_per_character=ratio,
            utterances=tuple(
                StreamedUtterance(
                    start_s=0.0,
                    end_s=1.0,
                    text="x",
                    partials=1,
                    first_partial_ms=1.0,
                    final_ms=value,
                    words_shown=1,
                    words_rewritten=0,
                    characters_rewritten=0,
                )
                for value in final_ms
            ),
        )
    return replace(
        REPORT.transcription,
        engine="sphinx",
        timing=timing,
        streaming=streaming,
        dialogue=dialogue,
    )


def call(*lengths_s):
    turns = tuple(
        Turn(
            id=index,
            kind="response",
            user=TurnSide(start_s=10.0 * index, end_s=10.0 * index + length_s),
            agent=None,
            heard_gap_ms=MS,
        )
        for index, length_s in enumerate(lengths_s)
    )
    return replace(call_report().conversation, turns=turns)


def run(wait_ms=500.0, **parts):
    values = {
        "job_id": "job",
        "created_at": "2026-01-01T00:00:00+00:00",
        "source": Source(path="x.wav"),
        "stages": ("llm", "tts"),
        "settings": Settings(pipeline=PipelineSettings(endpointing_wait_ms=wait_ms)),
        "analyzers": {},
    }
    return pipeline(Parts(**(values | parts)))


def part(found, key):
    return next(item for item in found.parts if item.key == key)


def test_each_sample_is_the_sum_of_the_parts_that_belong_together():
    found = run(
        llm=llm((300, 350), (500, 650), (400, 400)),
        tts=tts((200, 180), (100, 0), (150, 50)),
        transcription=text(final_ms=[120.0]),
    )
    assert [item.total_ms for item in found.samples] == [
        500 + 120 + 350 + 200 + 180,
        500 + 120 + 650 + 100 + 0,
        500 + 120 + 400 + 150 + 50,
    ]
    assert found.samples[0].parts_ms == dict(
        zip(KEYS, (500.0, 120.0, 300.0, 50.0, 200.0, 180.0), strict=True)
    )
    assert tuple(item.key for item in found.parts) == KEYS
    assert (found.total_ms.value, found.total_ms.n) == (1350.0, 3)
    assert found.total_ms.status is Status.ESTIMATED
    assert found.total_ms.reason == "the endpointing wait is a setting"
    assert (found.missing, found.simulated, found.kind) == ((), (), "estimate")


def test_parts_name_their_owner_and_how_sure_they_are():
    found = run(llm=llm((300, 350)), tts=tts((200, 180)), transcription=text(final_ms=[120.0]))
    owners = {item.key: (item.owner, item.owner_kind) for item in found.parts}
    assert owners["endpointing_wait"] == ("pipeline.endpointing_wait_ms", "setting")
    assert owners["transcription"] == ("sphinx", "service")
    assert owners["llm_inference"] == owners["sentence_aggregation"] == ("groq:m", "service")
    assert owners["speech_synthesis"] == ("openai:tts-1", "service")
    statuses = {item.key: item.ms.status for item in found.parts}
    assert statuses.pop("endpointing_wait") is Status.ESTIMATED
    assert set(statuses.values()) == {Status.MEASURED}


def test_percentiles_are_those_of_the_sums_and_not_sums_of_percentiles():
    fast_then_slow = [(100.0, 100.0)] * 10 + [(900.0, 900.0)] * 10
    slow_then_fast = [(900.0, 0.0)] * 10 + [(100.0, 0.0)] * 10
    found = run(0.0, llm=llm(*fast_then_slow), tts=tts(*slow_then_fast))
    assert found.percentiles.p95.value == found.percentiles.p50.value == 1000.0
    assert (found.percentiles.n, found.percentiles.p99.value) == (20, None)
    assert found.percentiles.worst.value == 1000.0
    assert found.percentiles.p95.status is Status.ESTIMATED


def test_without_a_synthesiser_the_total_is_a_lower_bound_and_says_so():
    found = run(llm=llm((300, 350), (310, 350)), transcription=text(final_ms=[120.0]))
    assert found.missing == ("speech_synthesis", "tts_leading_silence")
    assert found.total_ms.reason.startswith(
        "a lower bound: leaves out speech synthesis and the silence that its sound begins with "
        "(no TTS was named)"
    )
    assert "speech_synthesis" not in found.samples[0].parts_ms
    missing = part(found, "speech_synthesis")
    assert (missing.ms.status, missing.ms.value) == (Status.NOT_RUN, None)
    assert (missing.owner, missing.owner_kind) == ("tts.provider", "setting")


def test_without_a_language_model_the_synthesiser_gives_the_samples():
    found = run(tts=tts((200, 180), (210, 180), (220, 180)))
    assert len(found.samples) == 3
    assert found.missing == ("transcription", "llm_inference", "sentence_aggregation")
    assert "transcription (no transcript was asked for)" in found.total_ms.reason


def test_a_mock_makes_the_total_simulated():
    found = run(llm=llm((300, 350), simulated=True), tts=tts((200, 180)))
    assert found.simulated == ("llm_inference", "sentence_aggregation")
    assert found.total_ms.status is Status.SIMULATED
    assert found.percentiles.worst.status is Status.SIMULATED
    assert found.total_ms.reason.startswith("simulated: the language model")
    assert part(found, "llm_inference").ms.reason == "a mock"
    assert part(found, "speech_synthesis").ms.status is Status.MEASURED


def test_a_replayed_stream_is_simulated_too():
    found = run(llm=llm((300, 350)), transcription=text(final_ms=[5.0], status=Status.SIMULATED))
    assert found.simulated == ("transcription",)
    assert found.total_ms.status is Status.SIMULATED


def test_the_shorter_probe_gives_the_number_and_failed_requests_are_left_out():
    found = run(
        0.0,
        llm=llm((300, 300), None, (500, 500), (700, 700)),
        tts=tts((10, 0), (20, 0)),
    )
    assert [item.total_ms for item in found.samples] == [310.0, 520.0]
    assert (found.percentiles.n, found.percentiles.not_measured) == (2, 2)


def test_answers_without_a_whole_sentence_are_left_out_where_others_have_one():
    found = run(0.0, llm=llm((300, None), (500, 600)))
    assert [item.total_ms for item in found.samples] == [600.0]
    none = run(0.0, llm=llm((300, None), (500, None)))
    assert [item.total_ms for item in none.samples] == [300.0, 500.0]
    assert "sentence_aggregation" in none.missing
    assert "no answer had a whole sentence" in none.total_ms.reason


def test_sound_whose_silence_is_not_known_leaves_that_part_out():
    unread = Measurement.not_measurable("ms", "mp3 cannot be read")
    found = run(0.0, tts=tts((200, None), leading_silence_ms=unread))
    assert found.samples[0].total_ms == 200.0
    assert "tts_leading_silence" in found.missing
    assert "mp3 cannot be read" in found.total_ms.reason


def test_a_probe_that_failed_altogether_is_missing_with_its_reason():
    lost = Measurement.unavailable("ms", "api.groq.com answered 401")
    found = run(llm=llm(None, None, ttft_ms=lost), tts=tts((200, 180)))
    assert part(found, "llm_inference").ms == lost
    assert part(found, "llm_inference").owner == "groq:m"
    assert found.total_ms.value == 880.0
    assert "401" in found.total_ms.reason
    nothing = run(llm=llm(None, ttft_ms=lost))
    assert (nothing.samples, nothing.total_ms.value) == ((), None)
    assert nothing.total_ms.status is Status.UNAVAILABLE
    assert part(nothing, "endpointing_wait").ms.value == 500.0
    assert (nothing.percentiles.n, nothing.percentiles.not_measured) == (0, 1)


def test_a_stage_that_broke_is_missing_with_its_reason():
    broke = AnalyzerResult(status="unavailable", reason="it took longer than 120 s")
    found = run(tts=tts((200, 180)), analyzers={"llm": broke, "transcription": broke})
    assert "120 s" in part(found, "llm_inference").ms.reason
    assert part(found, "transcription").ms.status is Status.UNAVAILABLE


def test_nothing_probed_is_no_pipeline():
    assert run() is None
    skipped = AnalyzerResult(status="not_run", reason="no TTS was named")
    assert run(analyzers={"tts": skipped, "llm": skipped}, transcription=text(rtf=0.1)) is None


def test_an_engine_that_reads_recordings_needs_its_factor_of_a_median_utterance():
    found = run(
        0.0, llm=llm((0, 0), (0, 0)), transcription=text(rtf=0.1), conversation=call(1, 2, 9)
    )
    assert [item.total_ms for item in found.samples] == [200.0, 200.0]
    figure = part(found, "transcription").ms
    assert figure.status is Status.ESTIMATED
    assert "0.1 times 2.0 s, the median of 3 utterances" in figure.method


def test_without_turns_the_dialogue_tells_how_long_utterances_are():
    lines = tuple(
        Utterance(channel_index=0, role=role, start_s=0.0, end_s=end_s, text="x")
        for role, end_s in (("caller", 3.0), ("agent", 60.0))
    )
    found = run(0.0, llm=llm((0, 0)), transcription=text(rtf=0.5, dialogue=lines))
    assert found.samples[0].total_ms == 1500.0


@pytest.mark.parametrize(
    ("transcription", "why"),
    [
        (text(rtf=0.1), "no utterance of the caller is known"),
        (text(), "brought along"),
        (
            replace(text(), timing=SttTiming(rtf=Measurement.unavailable("ratio", "it broke"))),
            "it broke",
        ),
        (text(final_ms=[5.0], status=Status.NOT_MEASURABLE), "brought along"),
    ],
)
def test_transcription_that_is_not_known_says_why(transcription, why):
    found = run(llm=llm((300, 350)), transcription=transcription)
    assert "transcription" in found.missing
    assert why in part(found, "transcription").ms.reason


def test_a_text_that_is_final_before_the_end_of_speech_costs_no_wait():
    found = run(0.0, llm=llm((100, 100)), transcription=text(final_ms=[-40.0]))
    assert found.samples[0].total_ms == 100.0


@given(
    st.lists(st.floats(0, 5000), min_size=1, max_size=30),
    st.integers(1, 40),
)
@settings(max_examples=40)
def test_samples_take_measured_times_only_and_show_their_spread(finals, n):
    found = run(0.0, llm=llm(*[(0.0, 0.0)] * n), transcription=text(final_ms=finals))
    chosen = [item.parts_ms["transcription"] for item in found.samples]
    known = {round(value, 3) for value in finals}
    assert set(chosen) <= known
    if n >= 3 * len(finals):
        assert set(chosen) == known


def test_a_few_samples_have_short_and_long_transcriptions_in_no_order():
    finals = [float(value) for value in range(100)]
    found = run(0.0, llm=llm(*[(0.0, 0.0)] * 5), transcription=text(final_ms=finals))
    chosen = [item.total_ms for item in found.samples]
    assert (min(chosen) < 20, max(chosen) > 80) == (True, True)
    assert chosen not in (sorted(chosen), sorted(chosen, reverse=True))
    assert 30 < found.total_ms.value < 70


@given(
    st.lists(st.tuples(st.floats(0, 9e3), st.floats(0, 9e3)), min_size=1, max_size=8),
    st.lists(st.tuples(st.floats(0, 9e3), st.floats(0, 9e3)), min_size=1, max_size=8),
    st.floats(0, 6e4),
)
@settings(max_examples=40)
def test_every_total_is_the_sum_of_its_parts_and_none_is_negative(answers, sounds, wait_ms):
    answers = [(first, first + more) for first, more in answers]
    found = run(wait_ms, llm=llm(*answers), tts=tts(*sounds))
    assert len(found.samples) == min(len(answers), len(sounds))
    for item in found.samples:
        assert item.total_ms == pytest.approx(sum(item.parts_ms.values()), abs=1e-2)
        assert all(value >= 0 for value in item.parts_ms.values())
    totals = [item.total_ms for item in found.samples]
    assert found.total_ms.value == round(quantile(totals, 0.5), 1)
    assert found.percentiles.worst.value == max(totals)


@pytest.mark.parametrize(
    ("wait_ms", "missing", "band"),
    [
        (500.0, (), "good"),
        (1000.0, (), "warning"),
        (1600.0, (), "critical"),
        (500.0, ("speech_synthesis",), None),
        (1600.0, ("speech_synthesis",), "critical"),
    ],
)
def test_a_wait_is_banded_like_the_gap_that_it_stands_for(wait_ms, missing, band):
    total = Measurement.estimated(wait_ms, "ms", reason="a setting is in it")
    estimate = Pipeline(
        total_ms=total, percentiles=percentiles([wait_ms], "ms"), parts=(), missing=missing
    )
    assert band_pipeline(estimate, Settings().thresholds).total_ms.band == band
