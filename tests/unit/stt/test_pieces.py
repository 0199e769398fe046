from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.audio.vad import SAMPLE_RATE_HZ, SpeechSpan
from echotrace.errors import InternalError
from echotrace.providers.stt.pieces import PieceLimits, cut_pieces
from tests.fakes.array_reader import ArrayReader

LIMITS = PieceLimits(max_s=3.0, pad_s=0.2, search_s=1.0)
DURATION_S = 20.0


def noise(seconds):
    return np.random.default_rng(1).normal(0, 0.1, round(seconds * SAMPLE_RATE_HZ))


RECORDING = ArrayReader(noise(DURATION_S))


def pieces_of(spans, reader=RECORDING, limits=LIMITS):
    end_s = reader.duration_s
    return list(cut_pieces(reader, 0, begin_s=0.0, end_s=end_s, limits=limits, spans=spans))


@st.composite
def speech(draw):
    """Ordered, disjoint stretches of speech inside the recording, in whole milliseconds."""
    edges = sorted(draw(st.lists(st.integers(0, 20_000), unique=True, max_size=16)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return [SpeechSpan(start / 1e3, end / 1e3) for start, end in pairs]


@given(speech())
def test_all_speech_is_in_exactly_one_piece_and_no_piece_is_too_long(spans):
    pieces = pieces_of(spans)
    given_s = [(span.start_s, span.end_s) for piece in pieces for span in piece.spans]
    assert all(before[1] <= after[0] for before, after in pairwise(given_s))
    assert all(0.0 <= start < end <= DURATION_S for start, end in given_s)
    for piece in pieces:
        assert piece.speech_bounded
        assert sum(s.end_s - s.start_s for s in piece.spans) <= LIMITS.max_s + 1e-6
    for span in spans:
        inside = sum(
            max(0.0, min(end, span.end_s) - max(start, span.start_s)) for start, end in given_s
        )
        assert inside == pytest.approx(span.end_s - span.start_s)


@given(speech(), st.floats(0.0, 1.0), st.floats(0.05, 0.5))
def test_a_joined_interval_maps_back_to_where_its_samples_come_from(spans, place, length):
    for piece in pieces_of(spans):
        joined = piece.read()
        assert len(joined.samples) == sum(joined.lengths)
        start_s = place * joined.duration_s
        end_s = min(joined.duration_s, start_s + length)
        begin, end = joined.on_recording(start_s, end_s)
        assert begin <= end
        span = joined.spans[joined.span_at(start_s, end_s)]
        assert span.start_s - 1e-3 <= begin <= end <= span.end_s + 1e-3
        middle = round((start_s + end_s) / 2 * SAMPLE_RATE_HZ)
        first = sum(joined.lengths[: joined.span_at(start_s, end_s)])
        source = round(span.start_s * SAMPLE_RATE_HZ) + min(middle, len(joined.samples) - 1) - first
        assert joined.samples[min(middle, len(joined.samples) - 1)] == RECORDING.samples[0, source]


def test_a_pause_inside_a_piece_is_jumped_over():
    joined = pieces_of([SpeechSpan(1.0, 2.0), SpeechSpan(8.0, 9.0)])[0].read()
    assert joined.on_recording(0.2, 0.5) == (1.0, 1.3)
    assert joined.on_recording(1.6, 2.0) == (8.0, 8.4)
    assert joined.on_recording(1.0, 1.5) == (1.8, 2.2), "a word never lasts through the pause"


def test_words_in_the_silence_behind_one_span_open_the_next_when_their_segment_goes_on_there():
    limits = PieceLimits(max_s=60.0, pad_s=0.3)
    (piece,) = pieces_of([SpeechSpan(1.0, 2.0), SpeechSpan(8.0, 9.0)], limits=limits)
    joined = piece.read()
    assert joined.lengths == (25_600, 25_600)
    places = joined.words_on_recording([(1.35, 1.5), (1.5, 2.3), (2.3, 2.6)], pad_s=0.3)
    assert places == [(8.0, 8.15), (8.0, 8.4), (8.4, 8.7)]
    spoken = joined.words_on_recording([(0.9, 1.3), (1.3, 1.5), (1.7, 2.3)], pad_s=0.3)
    assert spoken[:2] == [(1.6, 2.0), (2.0, 2.2)], "a word that was said before the pause stays"
    alone = joined.words_on_recording([(1.35, 1.5)], pad_s=0.3)
    assert alone == [(2.05, 2.2)], "and so does one whose segment ends there"
    assert joined.words_on_recording([], pad_s=0.3) == []


@given(speech(), st.lists(st.floats(0.0, 1.0), min_size=2, max_size=12))
def test_words_of_a_segment_stay_in_order_and_inside_their_spans(spans, cuts):
    for piece in pieces_of(spans):
        joined = piece.read()
        times = sorted(cut * joined.duration_s for cut in cuts)
        found = joined.words_on_recording(list(pairwise(times)), pad_s=LIMITS.pad_s)
        starts = [start for start, _ in found]
        assert starts == sorted(starts)
        for start, end in found:
            assert start <= end
            assert any(s.start_s - 1e-3 <= start <= end <= s.end_s + 1e-3 for s in joined.spans)


def test_without_speech_detection_the_whole_channel_goes_and_the_cut_is_in_silence():
    samples = noise(7.0)
    for quiet_s in (2.5, 4.9):
        at = round(quiet_s * SAMPLE_RATE_HZ)
        samples[at - 1_600 : at + 1_600] = 0.0
    pieces = pieces_of(None, ArrayReader(samples))
    edges = [(span.start_s, span.end_s) for piece in pieces for span in piece.spans]
    assert [edge for pair in edges for edge in pair] == pytest.approx(
        [0.0, 2.5, 2.5, 4.9, 4.9, 7.0], abs=0.11
    )
    assert not any(piece.speech_bounded for piece in pieces)


def test_no_speech_gives_no_piece_and_nothing_is_read():
    class Unread:
        duration_s = 9.0

    assert pieces_of([], Unread()) == []


def test_a_cut_of_the_recording_is_respected():
    pieces = list(
        cut_pieces(
            RECORDING,
            0,
            begin_s=5.0,
            end_s=7.0,
            limits=LIMITS,
            spans=[SpeechSpan(5.05, 6.95)],
        )
    )
    assert [(s.start_s, s.end_s) for s in pieces[0].spans] == [(5.0, 7.0)]


def test_pieces_are_made_as_they_are_asked_for():
    reads = []

    class Counting(ArrayReader):
        def read(self, channel, start_s, end_s):
            reads.append((start_s, end_s))
            return super().read(channel, start_s, end_s)

    reader = Counting(noise(20.0))
    pieces = cut_pieces(reader, 0, begin_s=0.0, end_s=20.0, limits=LIMITS, spans=None)
    next(pieces)
    assert len(reads) <= 2, "reading ahead would take the memory of the whole recording"


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(100, np.int16),
        np.zeros((2, 100), np.float32),
        np.zeros(100, np.float64),
        np.array([0.0, np.nan], np.float32),
        np.array([0.0, np.inf], np.float32),
    ],
    ids=["int16", "two axes", "float64", "nan", "inf"],
)
def test_what_engines_would_read_wrongly_is_refused(samples):
    class Wrong:
        def read(self, channel, start_s, end_s):
            return samples

    piece = next(
        cut_pieces(Wrong(), 0, begin_s=0.0, end_s=1.0, limits=LIMITS, spans=[SpeechSpan(0.0, 1.0)])
    )
    with pytest.raises(InternalError):
        piece.read()
