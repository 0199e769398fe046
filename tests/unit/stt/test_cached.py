import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.audio.vad import SpeechSpan
from echotrace.model.measure import Finding, Severity
from echotrace.model.transcription import TranscriptSegment, Word
from echotrace.providers.stt.base import Transcript
from echotrace.providers.stt.cached import dump_transcript, load_transcript, transcript_key
from echotrace.providers.stt.pieces import Piece

TIMES = st.none() | st.floats(0, 1e5)
TEXTS = st.text(max_size=20)
WORDS = st.builds(
    Word, text=TEXTS, start_s=TIMES, end_s=TIMES, probability=st.none() | st.floats(0, 1)
)
SEGMENTS = st.builds(
    TranscriptSegment, text=TEXTS, start_s=TIMES, avg_logprob=st.none() | st.floats(-9, 0)
)
FINDINGS = st.builds(
    Finding, code=TEXTS, severity=st.sampled_from(Severity), message=TEXTS, hint=st.none() | TEXTS
)
TRANSCRIPTS = st.builds(
    Transcript,
    text=TEXTS,
    words=st.lists(WORDS, max_size=3).map(tuple),
    segments=st.lists(SEGMENTS, max_size=3).map(tuple),
    audio_s=st.floats(0, 1e5),
    inference_ms=st.floats(0, 1e7),
    language=st.none() | TEXTS,
    windows=st.none() | st.integers(0, 10**6),
    window_s=st.none() | st.floats(0, 100),
    sent_bytes=st.integers(0, 2**40),
    findings=st.lists(FINDINGS, max_size=2).map(tuple),
)
ONE = Transcript(
    text="hello there",
    words=(Word(text="hello", start_s=0.5, end_s=0.9, probability=0.75), Word(text="there")),
    segments=(TranscriptSegment(text="hello there", temperature=0.0),),
    findings=(Finding(code="X", severity=Severity.WARNING, message="m", at_s=2.0),),
)


def dumped(transcript=ONE):
    return dump_transcript(transcript, load_ms=12.5, made_at="2026-11-21T12:00:00+00:00")


@given(TRANSCRIPTS)
def test_what_was_written_is_read_again_whole(transcript):
    stored = load_transcript(dumped(transcript))
    assert stored.transcript == transcript
    assert (stored.load_ms, stored.made_at) == (12.5, "2026-11-21T12:00:00+00:00")


def test_a_figure_that_is_no_number_is_not_written():
    with pytest.raises(ValueError, match="JSON"):
        dumped(replace(ONE, inference_ms=math.nan))


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_byte_is_a_miss_or_another_right_document(place, byte):
    data = bytearray(dumped())
    data[place % len(data)] = byte
    stored = load_transcript(bytes(data))
    if stored is not None:
        again = dump_transcript(stored.transcript, load_ms=stored.load_ms, made_at=stored.made_at)
        assert load_transcript(again) == stored


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_a_miss_and_no_error(data):
    assert load_transcript(data) is None


def test_half_a_document_is_a_miss():
    data = dumped()
    assert all(load_transcript(data[:end]) is None for end in range(len(data)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), "echotrace.transcript/2"),
        (("load_ms",), "12"),
        (("load_ms",), True),
        (("load_ms",), 10**400),
        (("made_at",), None),
        (("transcript",), []),
        (("transcript", "text"), None),
        (("transcript", "new_field"), 1),
        (("transcript", "windows"), 1.5),
        (("transcript", "words"), None),
        (("transcript", "words", 0, "start_s"), "0.5"),
        (("transcript", "words", 0, "colour"), "red"),
        (("transcript", "segments", 0), None),
        (("transcript", "findings", 0, "severity"), "awful"),
    ],
)
def test_anything_unexpected_is_a_miss(path, value):
    document = json.loads(dumped())
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert load_transcript(json.dumps(document).encode()) is None


class Engine:
    """The part of an engine that a key asks for."""

    def __init__(self, name="fake:one", **identity):
        self.name = name
        self._identity = identity

    def identity(self):
        return self._identity


class Reader:
    def __init__(self, samples):
        self.samples = samples
        self.reads = 0

    def read(self, channel, start_s, end_s):
        self.reads += 1
        return self.samples[round(start_s * 16_000) : round(end_s * 16_000)]


SAMPLES = np.random.default_rng(1).normal(0, 0.1, 32_000).astype(np.float32)


def pieces(*spans, samples=SAMPLES, speech_bounded=True, channel=0):
    reader = Reader(samples)
    return [
        Piece(
            reader=reader,
            channel=channel,
            spans=tuple(SpeechSpan(*pair) for pair in group),
            speech_bounded=speech_bounded,
        )
        for group in spans
    ]


USUAL = [(0.0, 0.5), (1.0, 1.5)]


def test_the_key_is_that_of_the_content_and_not_of_the_order_of_the_options():
    key = transcript_key(Engine(beam=5, model="a"), pieces(USUAL))
    assert key == transcript_key(Engine(model="a", beam=5), pieces(USUAL, samples=SAMPLES.copy()))
    assert len(key) == 64
    assert key == transcript_key(Engine(beam=5, model="a"), pieces(USUAL, channel=1))


def _one_sample_less_by_a_hair():
    changed = SAMPLES.copy()
    changed[100] = np.nextafter(changed[100], np.float32(1))
    return pieces(USUAL, samples=changed)


@pytest.mark.parametrize(
    ("engine", "audio"),
    [
        (Engine(beam=6), pieces(USUAL)),
        (Engine(beam=5, more=None), pieces(USUAL)),
        (Engine("fake:two", beam=5), pieces(USUAL)),
        (Engine(beam=5), _one_sample_less_by_a_hair()),
        (Engine(beam=5), pieces([(0.0, 0.5)], [(1.0, 1.5)])),
        (Engine(beam=5), pieces([(0.0, 0.5)])),
        (Engine(beam=5), pieces()),
        (Engine(beam=5), pieces(USUAL, speech_bounded=False)),
        (Engine(beam=5), pieces([(0.0, 0.25), (0.25, 0.5), (1.0, 1.5)])),
    ],
)
def test_whatever_could_change_the_transcript_changes_the_key(engine, audio):
    assert transcript_key(engine, audio) != transcript_key(Engine(beam=5), pieces(USUAL))


def test_the_version_of_the_program_is_in_the_key(monkeypatch):
    before = transcript_key(Engine(), pieces(USUAL))
    monkeypatch.setattr("echotrace.providers.stt.cached.__version__", "99")
    assert transcript_key(Engine(), pieces(USUAL)) != before


def test_silence_moved_to_another_place_is_another_key():
    quiet = np.zeros(32_000, np.float32)
    assert transcript_key(Engine(), pieces([(0, 1)], samples=quiet)) != transcript_key(
        Engine(), pieces([(1, 2)], samples=quiet)
    )
