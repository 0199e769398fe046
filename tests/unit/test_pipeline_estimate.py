"""The estimate of a pipeline's wait: its parts, its sums, and what it lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.aggregator.bands import band_pipeline
from echotrace.config.settings import Settings
from echotrace.model.measure import Measurement, Status
from echotrace.model.report import AnalyzerResult, Pipeline
from echotrace.stats.percentiles import percentiles
from echotrace.stats.quantiles import quantile
from tests.fakes.estimates import llm, part, run, text, tts

KEYS = (
    "endpointing_wait",
    "transcription",
    "llm_inference",
    "sentence_aggregation",
    "speech_synthesis",
    "tts_leading_silence",
)


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


def test_sound_that_starved_is_waited_for_and_its_silence_stays_that_of_the_sound():
    probe = tts((100.0, 80.0), (100.0, 80.0))
    late = tuple(
        replace(item, ttfa_ms=1000.0) if item.index == 1 else item for item in probe.samples
    )
    found = run(0.0, tts=replace(probe, samples=late))
    assert [item.total_ms for item in found.samples] == [1000.0, 180.0]
    assert found.samples[0].parts_ms["speech_synthesis"] == 920.0
    assert found.samples[0].parts_ms["tts_leading_silence"] == 80.0


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
    assert (
        run(analyzers={"tts": skipped, "llm": skipped}, transcription=text(inference_ms=100.0))
        is None
    )


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
