import json
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from echotrace.audio.vad import SAMPLE_RATE_HZ, SpeechSpan
from echotrace.model.measure import Status
from echotrace.providers.stt import streaming
from echotrace.providers.stt.base import SttStopped
from echotrace.providers.stt.faster_whisper import FasterWhisperEngine
from echotrace.providers.stt.sphinx import SphinxEngine
from echotrace.providers.stt.streaming import TAIL_S, replay
from echotrace.providers.stt.streaming_log import streaming_of_log
from echotrace.telemetry import TelemetryCollector
from echotrace.text.partials import Partial
from tests.fakes.array_reader import ArrayReader
from tests.fakes.speech_models import mini_model, shared


class Clock:
    """A clock that only work moves on."""

    def __init__(self, monkeypatch):
        self.ns = 0
        monkeypatch.setattr(streaming, "perf_counter_ns", lambda: self.ns)


class Scripted:
    """Writes one word per second of audio; ``takes_ms`` is what it computes on each chunk."""

    name = "scripted"

    def __init__(self, clock, takes_ms=20.0, finish_ms=30.0, words="one two three four five six"):
        self.clock, self.takes_ms, self.finish_ms = clock, takes_ms, finish_ms
        self.words = words.split()
        self.chunks = []

    def open_stream(self, is_stopped):
        self.chunks.append([])
        self.cpu_ns = 1_000_000
        return self

    def feed(self, samples):
        self.clock.ns += round(self.takes_ms * 1e6)
        self.chunks[-1].append(len(samples))
        return " ".join(self.words[: sum(self.chunks[-1]) // SAMPLE_RATE_HZ])

    def finish(self):
        self.clock.ns += round(self.finish_ms * 1e6)
        return " ".join(self.words[: sum(self.chunks[-1]) // SAMPLE_RATE_HZ])


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def silence(seconds):
    return ArrayReader(np.zeros(round(seconds * SAMPLE_RATE_HZ)))


def test_times_follow_from_the_definition(clock, spans, collector):
    engine = Scripted(clock)
    found = replay(engine, silence(20), 0, spans((2.0, 4.5)), collector=collector)
    (one,) = found.utterances
    # heard from 1.7 s on: a second of it is complete at 2.7 s, and 20 ms later computed
    assert one.first_partial_ms == pytest.approx(720)
    assert one.final_ms == pytest.approx(TAIL_S * 1e3 + 20 + 30)
    assert one.endpoint_wait_ms == TAIL_S * 1e3
    assert (one.text, one.partials) == ("one two three", 3)
    assert set(engine.chunks[0]) == {1_600}
    assert sum(engine.chunks[0]) == 3.3 * SAMPLE_RATE_HZ
    assert found.first_partial_ms.status is Status.MEASURED
    assert (found.first_partial_ms.n, found.first_partial_ms.low) == (1, None)
    assert found.rewritten_ratio.value == 0.0
    assert found.chunk_ms == 100


def test_an_engine_that_falls_behind_is_handed_all_that_came_meanwhile(clock, spans, collector):
    engine = Scripted(clock, takes_ms=350.0)
    found = replay(engine, silence(20), 0, spans((2.0, 4.5)), collector=collector)
    (sizes,) = engine.chunks
    assert sum(sizes) == 3.3 * SAMPLE_RATE_HZ, "nothing is skipped"
    assert set(sizes[1:-1]) <= {4_800, 6_400}, "what 350 ms bring, in whole chunks"
    assert len(sizes) < 33 / 3 + 2
    assert found.final_ms.value < TAIL_S * 1e3 + 2 * 350 + 30 + 1


@given(
    takes=st.floats(0, 400),
    start=st.floats(0.0, 3.0),
    length=st.floats(0.1, 3.0),
    chunk=st.just(80),
)
def test_no_result_is_out_before_its_audio(takes, start, length, chunk):
    with pytest.MonkeyPatch.context() as patch:
        engine = Scripted(Clock(patch), takes_ms=takes)
        found = replay(
            engine,
            silence(8),
            0,
            [SpeechSpan(start, start + length)],
            chunk_ms=chunk,
            collector=TelemetryCollector(),
        )
    (one,) = found.utterances
    if one.first_partial_ms is not None:
        lead = min(0.3, start)
        assert one.first_partial_ms >= (1.0 - lead) * 1e3 + takes - 1
    if one.final_ms is not None:
        assert one.final_ms >= TAIL_S * 1e3 + 30 - 1


def test_short_pauses_do_not_end_an_utterance(clock, spans, collector):
    engine = Scripted(clock)
    found = replay(
        engine, silence(20), 0, spans((1, 2), (2.4, 3), (3.6, 5), (9, 10)), collector=collector
    )
    assert [(item.start_s, item.end_s) for item in found.utterances] == [(1, 3), (3.6, 5), (9, 10)]
    assert "3 of 3 utterances" in found.method


def test_an_utterance_that_is_parted_at_a_short_pause_waits_for_that_pause(clock, spans, collector):
    found = replay(Scripted(clock), silence(40), 0, spans((0, 20), (20.2, 32)), collector=collector)
    parted, last = found.utterances
    assert (parted.end_s, parted.endpoint_wait_ms) == (20, 200)
    assert parted.final_ms == pytest.approx(200 + 20 + 30)
    assert last.endpoint_wait_ms == TAIL_S * 1e3


def test_a_final_text_is_waited_for_where_the_recording_ends(clock, spans, collector):
    found = replay(Scripted(clock), silence(3), 0, spans((1.0, 3.0)), collector=collector)
    assert found.final_ms.value == pytest.approx(TAIL_S * 1e3 + 30)


def test_the_utterances_replayed_are_bounded_and_spread(clock, spans, collector):
    speech = spans(*((at, at + 1.2) for at in range(0, 200, 2)), (200, 240))
    found = replay(Scripted(clock), silence(240), 0, speech, collector=collector)
    starts = [item.start_s for item in found.utterances]
    assert starts == [float(at) for at in range(0, 200, 10)]
    assert "20 of 101 utterances" in found.method
    assert found.final_ms.n == 20
    assert found.final_ms.low <= found.final_ms.value <= found.final_ms.high


def test_computing_is_bounded_and_what_was_done_is_still_spread(clock, spans, collector):
    speech = spans(*((at, at + 1.2) for at in range(0, 80, 5)))
    slow = Scripted(clock, takes_ms=5_000.0)
    found = replay(slow, silence(80), 0, speech, collector=collector)
    starts = [item.start_s for item in found.utterances]
    assert 1 < len(starts) < 16
    assert max(after - before for before, after in pairwise(starts)) <= 40


def test_one_utterance_without_end_is_not_replayed(clock, spans, collector):
    found = replay(Scripted(clock), silence(60), 0, spans((1, 40)), collector=collector)
    assert found.final_ms.status is Status.NOT_MEASURABLE
    assert "longer than 30 s" in found.final_ms.reason


def test_no_speech_and_no_text_are_not_zero(clock, spans, collector):
    for speech in ((), ((1.0, 2.0),)):
        engine = Scripted(clock, words="")
        found = replay(engine, silence(5), 0, spans(*speech), collector=collector)
        for figure in (
            found.first_partial_ms,
            found.final_ms,
            found.rewritten_ratio,
            found.rewritten_per_character,
        ):
            assert figure.status is Status.NOT_MEASURABLE
            assert figure.reason


def test_an_engine_of_whole_recordings_is_said_to_be_one(spans, collector):
    class Whole:
        name = "groq:whisper-large"

    found = replay(Whole(), silence(5), 0, spans((1, 2)), collector=collector)
    assert found.source == "groq:whisper-large"
    assert "whole recordings" in found.first_partial_ms.reason
    assert found.utterances == ()


def test_it_stops_between_two_chunks(clock, spans, collector):
    engine = Scripted(clock)
    with pytest.raises(SttStopped):
        replay(
            engine,
            silence(9),
            0,
            spans((1, 5)),
            collector=collector,
            is_stopped=lambda: len(engine.chunks[0]) == 4,
        )
    assert len(engine.chunks[0]) == 4


def test_rewritten_words_are_counted_over_all_utterances(clock, spans, collector):
    class Wavering(Scripted):
        def feed(self, samples):
            super().feed(samples)
            return ["we wreck", "we recognise"][len(self.chunks[-1]) > 5]

        def finish(self):
            return "we recognise"

    found = replay(Wavering(clock), silence(9), 0, spans((1, 2), (4, 6)), collector=collector)
    assert found.rewritten_ratio.value == pytest.approx(2 / 6)
    assert found.rewritten_per_character.value == pytest.approx(5 / 12)
    assert found.rewritten_ratio.n == 2


@pytest.fixture(scope="module")
def clip():
    folder = shared("models/demo")
    truth = json.loads((folder / "ground_truth.json").read_text())["clips"][0]
    samples, _ = soundfile.read(folder / truth["file"], dtype="float32")
    return ArrayReader(samples), [SpeechSpan(*truth["speech"])], truth["text"]


def test_sphinx_really_streams(clip, collector):
    pytest.importorskip("pocketsphinx", reason="pocketsphinx has no wheel for this Python")
    reader, speech, text = clip
    engine = SphinxEngine()
    engine.load(collector)
    try:
        found = replay(engine, reader, 0, speech, collector=collector)
        whole = engine.ask(b"\0\0" * 1_600)["words"]
    finally:
        engine.close()
    (one,) = found.utterances
    assert found.final_ms.status is Status.MEASURED
    assert one.partials > 5
    assert len(set(one.text.split()) & set(text.split())) > 8
    assert 0 < one.first_partial_ms < 5_000
    assert TAIL_S * 1e3 < one.final_ms < TAIL_S * 1e3 + 5_000
    (span,) = [span for span in collector.spans if span.name == "streaming_replay"]
    assert span.cpu_ms > 50
    assert isinstance(whole, list), "it takes whole pieces again afterwards"


def test_whisper_is_a_simulation_and_says_so(clip, collector, make_settings):
    reader, speech, text = clip
    engine = FasterWhisperEngine(
        str(mini_model("whisper-mini-fast")), make_settings().stt, offline=True
    )
    engine.load(collector)
    found = replay(engine, reader, 0, speech, collector=collector)
    engine.close()
    (one,) = found.utterances
    assert one.text == text
    assert 5 < one.partials <= 14
    assert found.first_partial_ms.status is Status.SIMULATED
    assert "decoded again every 500 ms" in found.first_partial_ms.reason
    assert one.first_partial_ms > 200
    assert one.words_rewritten <= one.words_shown
    assert one.final_ms > TAIL_S * 1e3
    (span,) = [span for span in collector.spans if span.name == "streaming_replay"]
    assert span.cpu_ms > 50


def result(at, text, *, final=False):
    return Partial(at_s=at, text=text, is_final=final)


SPEECH = ((1.0, 3.0), (5.0, 6.0), (10.0, 12.0))
LOG = (
    result(1.4, "hel"),
    result(2.0, "yellow"),
    result(3.6, "hello there", final=True),
    result(5.5, "yes"),
    result(6.3, "yes", final=True),
    result(10.3, "good"),
    result(12.9, "good bye", final=True),
)


def test_a_log_is_measured_against_the_speech_it_is_of(spans):
    found = streaming_of_log(LOG, spans(*SPEECH), "transcript:log.json")
    assert [item.first_partial_ms for item in found.utterances] == pytest.approx([400, 500, 300])
    assert [item.final_ms for item in found.utterances] == pytest.approx([600, 300, 900])
    assert (found.first_partial_ms.value, found.final_ms.value) == pytest.approx((400, 600))
    assert (found.source, found.chunk_ms) == ("transcript:log.json", None)
    assert {item.endpoint_wait_ms for item in found.utterances} == {None}
    assert found.rewritten_ratio.value == pytest.approx(2 / 4)
    assert found.final_ms.status is Status.MEASURED
    assert "3 utterances, 3 first partial and 3 final results fit it" in found.method


def test_a_detectors_late_end_makes_a_time_negative_and_it_stays_so(spans):
    found = streaming_of_log(LOG[:3], spans((1.0, 3.8)), "log")
    assert found.final_ms.value == pytest.approx(-200)


def test_a_result_made_final_while_speech_goes_on_has_no_time_to_final(spans):
    found = streaming_of_log(LOG[:5], spans((1.0, 6.0)), "log")
    first, second = found.utterances
    assert (first.first_partial_ms, first.final_ms) == (pytest.approx(400), None)
    assert (second.first_partial_ms, second.final_ms) == (None, None), "its speech began before"
    assert "2 utterances, 1 first partial and 0 final results fit it" in found.method
    assert found.final_ms.status is Status.NOT_MEASURABLE


def test_a_log_on_another_clock_is_not_measured_but_its_rewrites_are(spans):
    late = [result(item.at_s + 1e6, item.text, final=item.is_final) for item in LOG]
    found = streaming_of_log(late, spans(*SPEECH), "log")
    assert found.first_partial_ms.status is found.final_ms.status is Status.NOT_MEASURABLE
    assert "fits the speech" in found.final_ms.reason
    assert found.rewritten_ratio.value == pytest.approx(2 / 4)


def test_a_log_of_final_results_alone_has_no_partial_figures(spans):
    found = streaming_of_log([item for item in LOG if item.is_final], spans(*SPEECH), "log")
    assert "no partial result before a final one" in found.first_partial_ms.reason
    assert found.rewritten_ratio.status is Status.NOT_MEASURABLE
    assert found.final_ms.value == pytest.approx(600)


def test_what_is_never_final_is_left_out_and_said(spans):
    found = streaming_of_log([*LOG, result(13, "and"), result(14, "so")], spans(*SPEECH), "log")
    assert "2 results without a final one left out" in found.method
    nothing = streaming_of_log(LOG[:2], spans(*SPEECH), "log")
    assert "marked as final" in nothing.final_ms.reason
    assert "2 results" in nothing.method


@pytest.mark.parametrize(
    ("texts", "is_measured"),
    [
        (["今天天气很", "今天天气很好我们去公园"], False),
        (["วันนี้อากาศดี", "วันนี้อากาศดีมาก"], False),
        (["今天 天气", "今天 天气 很 好 我们 去 公园"], True),
        (["はい", "はいはい"], True),
        (["internationalization", "Internationalization"], True),
        (["안녕하세요여러분반갑", "안녕하세요여러분반갑습니다 네"], True),
    ],
)
def test_words_are_not_counted_where_nothing_parts_them(spans, texts, is_measured):
    log = [result(1.4, "x"), result(2.0, texts[0]), result(3.6, texts[1], final=True)]
    found = streaming_of_log(log, spans(*SPEECH), "log")
    assert (found.rewritten_ratio.status is Status.MEASURED) is is_measured
    assert is_measured or "no spaces" in found.rewritten_ratio.reason
    assert found.rewritten_per_character.status is Status.MEASURED
    assert found.final_ms.status is Status.MEASURED


def test_a_few_short_answers_do_not_make_sentences_words(spans):
    log = [result(2.0, "今天天气很"), result(3.6, "今天天气很好我们去公园", final=True)]
    log += [result(5.5, "は"), result(6.3, "はい", final=True)]
    found = streaming_of_log(log, spans(*SPEECH), "log")
    assert found.rewritten_ratio.status is Status.NOT_MEASURABLE


def test_without_speech_only_the_rewrites_are_known():
    found = streaming_of_log(LOG, [], "log")
    assert found.final_ms.status is Status.NOT_MEASURABLE
    assert found.rewritten_ratio.value is not None


@given(
    st.lists(st.integers(0, 400), unique=True, min_size=2, max_size=12).map(sorted),
    st.lists(st.tuples(st.integers(0, 500), st.booleans()), max_size=12).map(sorted),
)
def test_times_of_any_log_are_bounded_and_no_speech_is_used_twice(edges, rows):
    pairs = zip(edges[::2], edges[1::2], strict=False)
    speech = [SpeechSpan(start / 10, end / 10) for start, end in pairs]
    log = [result(at / 10, "word", final=final) for at, final in rows]
    found = streaming_of_log(log, speech, "log")
    ends = [item.end_s for item in found.utterances if item.end_s is not None]
    assert ends == sorted(set(ends))
    for item in found.utterances:
        assert item.first_partial_ms is None or item.first_partial_ms >= 0
        assert item.final_ms is None or -300.001 <= item.final_ms <= 10_000.001
