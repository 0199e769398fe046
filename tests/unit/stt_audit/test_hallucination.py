from __future__ import annotations

import numpy as np
import pytest

from echotrace.analyzers.stt_audit.evidence import Evidence
from echotrace.analyzers.stt_audit.hallucination import find_hallucinations
from echotrace.fixtures.noises import NOISES, make_noise
from echotrace.model.measure import Severity, Status
from echotrace.model.report import TranscriptSegment, Word
from tests.fakes.speech_models import mini_model

RATE = 16_000


def words_at(text, start_s, step_s=0.4):
    return tuple(
        Word(text=word, start_s=start_s + index * step_s, end_s=start_s + (index + 1) * step_s)
        for index, word in enumerate(text.split())
    )


def look(audio, words, segments=(), *, empty_reference=False):
    return find_hallucinations(
        audio=audio,
        channel=0,
        words=words,
        segments=segments,
        empty_reference=empty_reference,
    )


def codes(findings):
    return [finding.code for finding in findings]


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("kind", [*NOISES, "silence", "faint"])
def test_every_word_over_noise_or_silence_is_counted_and_flagged(opened, kind, timed):
    level = {"silence": 0.0, "faint": 1e-4}.get(kind, 0.05)
    noise_kind = kind if kind in NOISES else "white"
    noise = make_noise(noise_kind, 6 * RATE, RATE, np.random.default_rng(2)) * level
    words = words_at("thank you for watching please subscribe", 1.0)
    if not timed:
        words = tuple(Word(text=word.text) for word in words)
    found, findings = look(opened(noise), words)
    assert found.words.value == 6
    assert found.words.status is Status.MEASURED
    assert found.per_silent_minute.value == pytest.approx(60.0, rel=0.35)
    (flag,) = found.flags
    assert (flag.kind, flag.words) == ("no_speech", 6)
    assert flag.text == "thank you for watching please subscribe"
    assert codes(findings) == ["HALLUCINATED_WORDS"]
    assert findings[0].severity is Severity.WARNING
    assert findings[0].at_s == (1.0 if timed else None)
    assert "6 words" in findings[0].message
    assert '"thank you for watching' in findings[0].message


def test_what_a_small_model_makes_up_over_an_office_is_all_counted(opened):
    from faster_whisper import WhisperModel

    noise = make_noise("office", 8 * RATE, RATE, np.random.default_rng(1)) * np.float32(0.05)
    model = WhisperModel(
        str(mini_model("whisper-mini-fast")), device="cpu", compute_type="int8", cpu_threads=1
    )
    found, _ = model.transcribe(
        noise, word_timestamps=True, beam_size=1, temperature=0.0, no_speech_threshold=None
    )
    segments = list(found)
    words = tuple(
        Word(text=word.word.strip(), start_s=float(word.start), end_s=float(word.end))
        for segment in segments
        for word in segment.words
    )
    assert len(words) > 5
    heard = tuple(
        TranscriptSegment(
            text=segment.text,
            start_s=segment.start,
            end_s=segment.end,
            avg_logprob=float(segment.avg_logprob),
            no_speech_prob=float(segment.no_speech_prob),
            compression_ratio=float(segment.compression_ratio),
            temperature=segment.temperature,
        )
        for segment in segments
    )
    result, findings = look(opened(noise), words, heard)
    assert result.words.value == len(words)
    assert sum(flag.words for flag in result.flags if flag.kind == "no_speech") == len(words)
    assert "HALLUCINATED_WORDS" in codes(findings)


def test_words_that_were_said_are_not_counted_and_those_between_are(spoken):
    evidence = Evidence(spoken, 0)
    said = tuple(
        word
        for word in words_at("a b c d e f g h i j k l", 4.5)
        if not evidence.is_silent(word.start_s, word.end_s)
    )
    made_up = words_at("thank you", 1.0)
    found, findings = look(spoken, (*made_up, *said))
    assert len(said) >= 8
    assert found.words.value == 2
    assert found.words.n == len(said) + 2
    assert [(flag.kind, flag.text) for flag in found.flags] == [("no_speech", "thank you")]
    assert found.per_silent_minute.value == pytest.approx(120.0 / evidence.silent_s, rel=0.01)
    assert findings[0].message == '2 words where nobody speaks: "thank you" at 1.0 s'
    found, findings = look(spoken, said)
    assert (found.words.value, found.flags, findings) == (0.0, (), ())


def test_with_an_empty_reference_every_word_is_made_up(spoken):
    words = words_at("i lost my card", 5.3)
    found, findings = look(spoken, words, empty_reference=True)
    assert found.words.value == 4
    assert found.per_silent_minute.value == pytest.approx(60 * 4 / 14.0, rel=0.01)
    assert codes(findings) == ["HALLUCINATED_WORDS"]


def test_words_without_times_of_their_own_cannot_be_placed(spoken):
    untimed = (Word(text="hello"), Word(text="there"))
    aligned = (Word(text="hello", start_s=5.0, end_s=5.4, time_source="aligned"),)
    for words in (untimed, aligned):
        found, findings = look(spoken, words)
        assert found.words.status is Status.NOT_MEASURABLE
        assert found.per_silent_minute.status is Status.NOT_MEASURABLE
        assert findings == ()
    found, _ = look(spoken, (*untimed, *words_at("uh", 1.0)))
    assert found.words.status is Status.ESTIMATED
    assert found.words.value == 1
    assert "2 of 3 words" in found.words.reason


def test_an_empty_transcript_makes_nothing_up(spoken):
    found, findings = look(spoken, ())
    assert found.words.value == 0
    assert findings == ()


@pytest.mark.parametrize(
    ("figures", "kind", "value", "limit"),
    [
        ({"compression_ratio": 2.5}, "compression_ratio", 2.5, 2.4),
        ({"avg_logprob": -1.2}, "log_probability", -1.2, -1.0),
        ({"no_speech_prob": 0.7}, "no_speech_prob", 0.7, 0.6),
        ({"temperature": 0.2}, "fallback_temperature", 0.2, 0.0),
    ],
)
def test_the_engines_own_doubts_are_flagged(spoken, figures, kind, value, limit):
    calm = {
        "compression_ratio": 2.4,
        "avg_logprob": -1.0,
        "no_speech_prob": 0.6,
        "temperature": 0.0,
    }
    segments = (
        TranscriptSegment(text="i lost my card", start_s=5.0, end_s=7.0, **{**calm, **figures}),
        TranscriptSegment(text="yes", start_s=8.0, end_s=9.0, **calm),
        TranscriptSegment(text="no", start_s=9.0, end_s=9.5),
    )
    found, findings = look(spoken, (), segments)
    (flag,) = found.flags
    assert (flag.kind, flag.value, flag.limit, flag.words) == (kind, value, limit, 4)
    assert (flag.start_s, flag.end_s) == (5.0, 7.0)
    assert codes(findings) == ["LOW_CONFIDENCE_SEGMENTS"]
    assert findings[0].severity is Severity.INFO
    assert findings[0].message.startswith("the engine doubts 1 of 3 segments: ")


def test_a_loop_is_flagged_with_how_often_it_goes_round(spoken):
    words = words_at("so " + "thank you " * 5 + "bye", 4.6, 0.25)
    found, findings = look(spoken, words)
    flag = next(flag for flag in found.flags if flag.kind == "repetition")
    assert (flag.value, flag.limit, flag.words) == (5.0, 4.0, 10)
    assert (flag.start_s, flag.end_s) == (pytest.approx(4.85), pytest.approx(7.35))
    assert "REPETITION_LOOP" in codes(findings)


def test_a_long_list_of_places_is_cut_short(opened):
    words = tuple(
        Word(text=text, start_s=index, end_s=index + 0.4)
        for index, text in enumerate(["x" * 300, "..."] * 8)
    )
    _, findings = look(opened(np.zeros(18 * RATE)), words)
    assert findings[0].message.startswith("8 words")
    assert findings[0].message.endswith(" and in 3 more places")
    assert len(findings[0].message) < 600
