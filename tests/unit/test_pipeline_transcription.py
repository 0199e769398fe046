"""What a recogniser adds to the wait for an answer, and what of its time is somebody else's."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.model.codec import dumps, loads
from echotrace.model.measure import Measurement, Status
from echotrace.model.report import SentAudio, SttTiming, Utterance
from tests.fakes.estimates import call, llm, part, run, spoken, text
from tests.fakes.reports import call_report, complete_report


def asked(count=1):
    """So many answers that take no time."""
    return llm(*[(0.0, 0.0)] * count)


def line(role, end_s, channel=0):
    return Utterance(channel_index=channel, role=role, start_s=0.0, end_s=end_s, text="x")


@pytest.mark.parametrize("wait_ms", [0.0, 300.0, 500.0, 900.0])
def test_the_silence_that_a_replay_waited_for_is_no_transcription(wait_ms):
    found = run(wait_ms, llm=asked(), transcription=text(final_ms=[646.0], waited_ms=500.0))
    assert found.samples[0].parts_ms["transcription"] == 146.0
    assert found.samples[0].total_ms == wait_ms + 146.0
    figure = part(found, "transcription").ms
    assert figure.status is Status.MEASURED
    assert "less the silence before it was asked for" in figure.method
    assert found.total_ms.reason.endswith("); the endpointing wait is a setting")


@pytest.mark.parametrize(
    ("wait_ms", "final_ms", "total_ms"),
    [(500.0, 700.0, 700.0), (500.0, 300.0, 500.0), (0.0, 700.0, 700.0), (500.0, -40.0, 500.0)],
)
def test_wait_and_transcription_of_a_log_are_together_the_longer_of_the_two(
    wait_ms, final_ms, total_ms
):
    found = run(wait_ms, llm=asked(), transcription=text(final_ms=[final_ms], waited_ms=None))
    assert found.samples[0].total_ms == total_ms
    figure = part(found, "transcription").ms
    assert figure.status is Status.ESTIMATED
    assert "pipeline.endpointing_wait_ms" in figure.reason
    assert f"transcription is an estimate ({figure.reason})" in found.total_ms.reason


def test_a_text_that_is_final_before_it_was_due_costs_no_wait():
    found = run(0.0, llm=asked(), transcription=text(final_ms=[460.0], waited_ms=500.0))
    assert found.samples[0].total_ms == 0.0


def test_a_replayed_stream_is_simulated_too():
    replayed = text(final_ms=[505.0], waited_ms=500.0, status=Status.SIMULATED)
    found = run(llm=asked(), transcription=replayed)
    assert found.simulated == ("transcription",)
    assert found.total_ms.status is Status.SIMULATED
    assert part(found, "transcription").ms.reason == "a replay"


def test_an_engine_of_whole_windows_needs_those_that_an_utterance_begins():
    heard = text(inference_ms=3000.0, windows=3, window_s=30.0)
    found = run(0.0, llm=asked(6), transcription=heard, conversation=call(1.0, 2.0, 30.0, 31.0))
    chosen = {item.parts_ms["transcription"] for item in found.samples}
    assert chosen == {1000.0, 2000.0}
    figure = part(found, "transcription").ms
    assert (figure.value, figure.status, figure.n) == (1000.0, Status.ESTIMATED, 4)
    assert "1,000 ms for each window of 30 s" in figure.method
    assert "median of 4 utterances of the caller" in figure.method


def test_another_engine_needs_its_time_for_speech_which_silence_does_not_thin_out():
    found = run(
        0.0,
        llm=asked(6),
        transcription=text(inference_ms=500.0),
        conversation=call(1.0, 2.0, 4.0),
        signal=spoken(1.0, 2.0, 2.0),
    )
    chosen = {item.parts_ms["transcription"] for item in found.samples}
    assert chosen == {100.0, 200.0, 400.0}
    figure = part(found, "transcription").ms
    assert (figure.value, figure.n) == (200.0, 3)
    assert "100 ms of inference for each of 5.0 s of speech" in figure.method
    assert (
        "transcription is an estimate (the engine is taken to start when an utterance is over)"
        in found.total_ms.reason
    )


def test_a_part_counts_the_utterances_behind_it_and_not_the_requests():
    found = run(llm=asked(6), transcription=text(final_ms=[600.0, 700.0]))
    assert part(found, "transcription").ms.n == 2
    found = run(llm=asked(2), transcription=text(final_ms=[600.0, 700.0, 800.0, 900.0]))
    assert part(found, "transcription").ms.n == 2


def test_how_much_speech_was_heard_is_known_from_the_turns_or_the_lines_too():
    lines = (line("caller", 3.0), line("agent", 60.0, channel=1))
    heard = text(inference_ms=300.0, dialogue=lines)
    found = run(0.0, llm=asked(), transcription=heard)
    assert found.samples[0].total_ms == 300.0
    talked = replace(call(3.0), summary=call_report().conversation.summary)
    (talk_s,) = [item.talk_s.value for item in talked.summary.channels if item.index == 0]
    found = run(0.0, llm=asked(), transcription=heard, conversation=talked)
    assert found.samples[0].total_ms == pytest.approx(3.0 * 300.0 / talk_s, abs=1e-2)
    elsewhere = run(
        0.0, llm=asked(), transcription=heard, conversation=talked, signal=spoken(1.0, channel=1)
    )
    assert elsewhere.samples[0].total_ms == found.samples[0].total_ms


def test_a_service_says_that_a_request_of_its_own_takes_longer_than_its_share():
    sent = (SentAudio(to="api.groq.com", channel_index=0, audio_s=5.0, bytes=1),)
    heard = text(inference_ms=500.0, engine="groq:whisper-large-v3", sent=sent)
    found = run(llm=asked(), transcription=heard, conversation=call(1.0), signal=spoken(5.0))
    assert "spread over the recording" in part(found, "transcription").ms.reason


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"transcription": text(inference_ms=100.0)}, "no utterance of the caller is known"),
        (
            {"transcription": text(inference_ms=100.0), "conversation": call(1.0)},
            "how much speech the engine heard is not known",
        ),
        ({"transcription": text()}, "brought along"),
        (
            {
                "transcription": text(
                    timing=SttTiming(inference_ms=Measurement.unavailable("ms", "it broke"))
                )
            },
            "it broke",
        ),
        (
            {"transcription": text(final_ms=[5.0], status=Status.NOT_MEASURABLE)},
            "brought along",
        ),
    ],
)
def test_transcription_that_is_not_known_says_why(parts, why):
    found = run(llm=asked(), **parts)
    assert "transcription" in found.missing
    assert why in part(found, "transcription").ms.reason


def test_a_report_of_before_the_wait_was_kept_still_loads():
    streamed = text(final_ms=[646.0], waited_ms=500.0)
    document = json.loads(dumps(replace(complete_report(), transcription=streamed)))
    (utterance,) = document["transcription"]["streaming"]["utterances"]
    assert utterance.pop("endpoint_wait_ms") == 500.0
    (read,) = loads(json.dumps(document)).transcription.streaming.utterances
    assert (read.final_ms, read.endpoint_wait_ms) == (646.0, None)


@given(st.lists(st.floats(0, 5000), min_size=1, max_size=30), st.integers(1, 40))
@settings(max_examples=40)
def test_samples_take_measured_times_only_and_show_their_spread(finals, n):
    found = run(0.0, llm=asked(n), transcription=text(final_ms=finals))
    chosen = [item.parts_ms["transcription"] for item in found.samples]
    known = {round(value, 3) for value in finals}
    assert set(chosen) <= known
    if n >= 3 * len(finals):
        assert set(chosen) == known


def test_a_few_samples_have_short_and_long_transcriptions_in_no_order():
    finals = [float(value) for value in range(100)]
    found = run(0.0, llm=asked(5), transcription=text(final_ms=finals))
    chosen = [item.total_ms for item in found.samples]
    assert (min(chosen) < 20, max(chosen) > 80) == (True, True)
    assert chosen not in (sorted(chosen), sorted(chosen, reverse=True))
    assert 30 < found.total_ms.value < 70
