import json
import math
import re

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from echotrace.audio.vad import SAMPLE_RATE_HZ, SpeechSpan
from echotrace.model.report import TranscriptSegment, Word
from echotrace.providers.stt import sphinx_align
from echotrace.providers.stt.base import SttStopped
from echotrace.providers.stt.guide_model import guide_model
from echotrace.providers.stt.segment_times import from_segments
from echotrace.providers.stt.sphinx_align import align_text
from tests.fakes.array_reader import ArrayReader
from tests.fakes.speech_models import shared

sphinx = pytest.mark.skipif(
    sphinx_align.find_spec("pocketsphinx") is None,
    reason="pocketsphinx has no wheel for this Python",
)


@pytest.fixture(scope="module")
def clips():
    """Three clean recordings of one to three voices: samples, speech, words with times."""
    folder = shared("models/demo")
    truth = json.loads((folder / "ground_truth.json").read_text())["clips"][:3]
    read = []
    for clip in truth:
        samples, _ = soundfile.read(folder / clip["file"], dtype="float32")
        words = [(word["word"], word["start"], word["end"]) for word in clip["words"]]
        read.append((samples, SpeechSpan(*clip["speech"]), words))
    return read


@pytest.fixture(scope="module")
def joined(clips):
    """The three clips after one another, as one recording."""
    samples, spans, words, begin_s = [], [], [], 0.0
    for part, span, said in clips:
        samples.append(part)
        spans.append(SpeechSpan(span.start_s + begin_s, span.end_s + begin_s))
        words += [(word, start + begin_s, end + begin_s) for word, start, end in said]
        begin_s += len(part) / SAMPLE_RATE_HZ
    return ArrayReader(np.concatenate(samples)), spans, words


def errors_ms(places, words):
    pairs = [(place, word) for place, word in zip(places, words, strict=True) if place]
    return [
        abs(found - true) * 1e3
        for place, (_, start, end) in pairs
        for found, true in zip(place, (start, end), strict=True)
    ]


@sphinx
def test_words_of_a_short_recording_lie_where_they_were_said(clips, collector):
    samples, span, words = clips[0]
    reader = ArrayReader(np.concatenate([np.zeros(SAMPLE_RATE_HZ * 7), samples]))
    span = SpeechSpan(span.start_s + 7, span.end_s + 7)
    words = [(word, start + 7, end + 7) for word, start, end in words]
    written = [word.upper() + "," for word, _, _ in words]
    found = align_text(reader, 0, [span], written, collector=collector)
    assert found.reason is None
    assert None not in found.places
    assert max(errors_ms(found.places, words)) < 150
    (taken,) = [item for item in collector.spans if item.name == "forced_alignment"]
    assert taken.cpu_ms > 0
    assert taken.attributes["placed"] == len(words)


@sphinx
def test_longer_speech_is_anchored_first_and_a_wrong_word_harms_only_itself(
    joined, collector, monkeypatch
):
    reader, spans, words = joined
    monkeypatch.setattr(sphinx_align, "_LIMITS", sphinx_align.PieceLimits(max_s=8.0, pad_s=0.2))
    written = [word for word, _, _ in words]
    for index in (5, 20, 33):
        written[index] = "elephants"
    found = align_text(reader, 0, spans, written, collector=collector)
    assert sum(place is None for place in found.places) <= 4
    errors = errors_ms(found.places, words)
    assert np.median(errors) < 40
    assert np.mean(np.array(errors) < 150) > 0.95
    placed = [place for place in found.places if place]
    assert placed == sorted(placed)
    assert all(start <= end for start, end in placed)


def clip_at(index):
    folder = shared("models/demo")
    clip = json.loads((folder / "ground_truth.json").read_text())["clips"][index - 1]
    samples, _ = soundfile.read(folder / clip["file"], dtype="float32")
    words = [(word["word"], word["start"], word["end"]) for word in clip["words"]]
    return ArrayReader(samples), [SpeechSpan(*clip["speech"])], words


@sphinx
@pytest.mark.parametrize(
    ("number", "at", "wrong", "within_ms"),
    [
        (5, 3, "seven", 450),  # a voice that the recogniser hears badly: its end is hard to find
        (9, 7, "sore", 250),  # the word that stands there too is heard once
        (7, 6, "tickets", 150),
        (1, 9, "this", 150),  # the word before is heard with the audio of the wrong one
    ],
)
def test_a_wrong_word_takes_no_place_from_others(number, at, wrong, within_ms, collector):
    reader, spans, words = clip_at(number)
    written = [word for word, _, _ in words]
    written[at] = wrong
    found = align_text(reader, 0, spans, written, collector=collector)
    assert None not in found.places
    others = [index for index in range(len(words)) if index != at]
    errors = errors_ms([found.places[i] for i in others], [words[i] for i in others])
    assert np.median(errors) < 40
    assert max(errors) < within_ms, sorted(errors)[-4:]


@sphinx
def test_a_word_that_was_heard_too_long_makes_room_for_the_next(collector):
    reader, spans, words = clip_at(10)
    found = align_text(reader, 0, spans, [word for word, _, _ in words], collector=collector)
    assert None not in found.places
    assert list(found.places) == sorted(found.places)
    _, (_, the_end), (hotel_start, _), *_ = found.places
    assert the_end <= hotel_start + 0.01


@sphinx
def test_words_that_the_text_lacks_are_not_shared_out_among_its_others(clips, collector):
    samples, span, words = clips[0]
    kept = [words[index] for index in (0, 1, 2, 3, 4, 14, 15, 16)]
    kept.insert(5, ("elephant", 0.0, 0.0))
    written = [word for word, _, _ in kept]
    found = align_text(ArrayReader(samples), 0, [span], written, collector=collector)
    assert found.places[5] is None
    assert max(errors_ms(found.places, kept)) < 300


@sphinx
def test_names_numbers_and_signs(clips, collector):
    samples, span, words = clips[0]
    written = [word for word, _, _ in words]
    at = written.index("wallet")
    written[at] = "Wollitt's"
    written.insert(0, "\u2014")
    found = align_text(ArrayReader(samples), 0, [span], written, collector=collector)
    assert found.places[0] is None
    assert found.places[at + 1] == pytest.approx(words[at][1:], abs=0.15)


@sphinx
def test_another_text_gets_no_places(clips, collector):
    samples, span, _ = clips[0]
    other = [word for word, _, _ in clips[1][2]]
    found = align_text(ArrayReader(samples), 0, [span], other, collector=collector)
    assert set(found.places) == {None}
    assert "does not fit" in found.reason


@sphinx
@pytest.mark.parametrize("seconds", [0.0, 0.01, 1.0])
def test_silence_and_scraps_have_no_places(seconds, spans, collector):
    reader = ArrayReader(np.zeros(round(seconds * SAMPLE_RATE_HZ)))
    found = align_text(reader, 0, spans((0.0, seconds)), ["many"] * 40, collector=collector)
    assert set(found.places) == {None}
    assert found.reason


@sphinx
def test_it_stops_while_it_computes(spans, collector):
    reader = ArrayReader(np.random.default_rng(1).normal(0, 0.05, 30 * SAMPLE_RATE_HZ))
    words = ["one", "two", "three"] * 20
    with pytest.raises(SttStopped):
        align_text(reader, 0, spans((0, 30)), words, collector=collector, is_stopped=lambda: True)


@sphinx
def test_a_process_that_fails_is_a_reason_and_no_error(spans, collector, monkeypatch, tmp_path):
    (tmp_path / "pocketsphinx.py").write_text("raise RuntimeError('no model here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = align_text(ArrayReader(np.zeros(16_000)), 0, spans((0, 1)), ["a"], collector=collector)
    assert found.places == (None,)
    assert "no model here" in found.reason


def test_what_cannot_be_aligned_says_why(spans, collector, monkeypatch):
    reader, speech = ArrayReader(np.zeros(16_000)), spans((0.0, 1.0))

    def reason(words, speech=speech, **kwargs):
        found = align_text(reader, 0, speech, words, collector=collector, **kwargs)
        assert found.places == (None,) * len(words)
        return found.reason

    assert "English only" in reason(["hallo"], language="de")
    assert "no word" in reason(["\u65e5\u672c", "\u2014"])
    assert "no word" in reason([])
    assert "no speech" in reason(["hello"], speech=[])
    assert "longer than" in reason(["hello"] * 20_001)
    monkeypatch.setattr(sphinx_align, "find_spec", lambda name: None)
    assert "missing" in reason(["hello"])
    assert collector.spans == ()


@given(st.lists(st.sampled_from(["a", "b", "c", "don't"]), max_size=20))
def test_the_guide_is_a_language_model(words):
    """Of each context the probabilities of the words that follow it in the text are below 1."""
    sections = re.split(r"\\(\d)-grams:\n", guide_model(words).removesuffix("\\end\\\n"))
    after = {}
    for size, body in zip(map(int, sections[1::2]), sections[2::2], strict=True):
        lines = body.split("\n")[: _grams(words, size)]
        for line in lines:
            share, *gram = line.split()[: size + 1]
            assert float(share) <= 0.0
            after.setdefault(tuple(gram[:-1]), []).append(10 ** float(share))
    assert after
    for context, shares in after.items():
        total = math.fsum(shares)
        assert total == pytest.approx(1.0, abs=0.01) if not context else total < 1.0
    counts = re.findall(r"ngram \d=(\d+)", sections[0])
    assert [int(count) for count in counts] == [_grams(words, size) for size in (1, 2, 3)]


def _grams(words, size):
    text = ["<s>", *words, "</s>"]
    return len({tuple(text[at : at + size]) for at in range(len(text) - size + 1)})


SEGMENTS = (
    TranscriptSegment(text="Hello there, Anna.", start_s=1.0, end_s=2.5),
    TranscriptSegment(text="Bye now.", start_s=4.0, end_s=5.0),
    TranscriptSegment(text="Wait."),
)


def test_words_without_times_get_those_of_their_segment():
    words = [Word(text=text) for text in ["hello", "there,", "Hanna.", "Bye", "now.", "Wait."]]
    words[1] = Word(text="there,", start_s=1.5, end_s=1.9)
    found = from_segments(words, SEGMENTS)
    assert [(word.start_s, word.end_s, word.time_source) for word in found] == [
        (1.0, 2.5, "segment"),
        (1.5, 1.9, None),
        (1.0, 2.5, "segment"),
        (4.0, 5.0, "segment"),
        (4.0, 5.0, "segment"),
        (None, None, None),
    ]
    assert [word.text for word in found] == [word.text for word in words]


def test_a_word_between_two_of_one_segment_is_of_it_and_others_stay_without():
    words = [Word(text=text) for text in ["Hello", "um", "there,", "Anna.", "um", "Bye", "now."]]
    found = from_segments(words, SEGMENTS)
    assert [word.start_s for word in found] == [1.0, 1.0, 1.0, 1.0, None, 4.0, 4.0]


def test_a_word_of_two_words_and_a_list_of_nothing():
    (word, *_) = from_segments([Word(text="Hello there,"), Word(text="Anna.")], SEGMENTS)
    assert word.start_s == 1.0
    assert from_segments([], SEGMENTS) == ()
    assert from_segments([Word(text="a")], []) == (Word(text="a"),)
    assert from_segments([Word(text="")], SEGMENTS) == (Word(text=""),)


@given(st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=4), min_size=1, max_size=5))
def test_the_same_text_gets_the_times_of_its_own_segment(texts):
    segments = [
        TranscriptSegment(text=" ".join(text), start_s=float(at), end_s=at + 0.5)
        for at, text in enumerate(texts)
    ]
    words = [Word(text=word) for text in texts for word in text]
    found = from_segments(words, segments)
    assert [word.start_s for word in found] == [
        float(at) for at, text in enumerate(texts) for _ in text
    ]
