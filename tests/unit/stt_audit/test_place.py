from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.analyzers.stt_audit.place import LEAST_MOVE_S, refine
from echotrace.audio.vad import speech_mask, speech_spans
from echotrace.model.report import Word


@pytest.fixture(scope="module")
def features(spoken):
    return spoken.features[0]


@pytest.fixture(scope="module")
def span(features):
    return max(
        speech_spans(speech_mask(features.speech_probability)),
        key=lambda item: item.end_s - item.start_s,
    )


def test_a_first_word_is_pulled_to_the_speech_and_a_last_one_back_to_it(features, span):
    onset_s = speech_spans(speech_mask(features.speech_probability))[0].start_s
    first = Word(text="a", start_s=onset_s - 0.35, end_s=onset_s + 0.3)
    last = Word(text="b", start_s=span.end_s - 0.3, end_s=span.end_s + 0.4)
    first, last = refine((first, last), features)
    assert first.start_s == pytest.approx(onset_s, abs=0.07)
    assert first.end_s == round(onset_s + 0.3, 3)
    assert last.start_s == round(span.end_s - 0.3, 3)
    assert last.end_s == pytest.approx(span.end_s, abs=0.1)


def test_a_little_silence_and_a_word_without_speech_are_left(features, span):
    words = (
        Word(text="a", start_s=1.0, end_s=1.5),
        Word(text="b", start_s=round(span.start_s - 0.05, 3), end_s=round(span.end_s, 3)),
        Word(text="c"),
    )
    assert refine(words, features) == words


@settings(max_examples=200)
@given(st.floats(-2.0, 16.0), st.floats(0.0, 5.0))
def test_words_only_shrink_never_turn_around_and_refining_again_changes_little(
    features, start_s, length_s
):
    word = Word(text="a", start_s=round(start_s, 3), end_s=round(start_s + length_s, 3))
    (once,) = refine((word,), features)
    assert word.start_s <= once.start_s <= once.end_s <= word.end_s
    (twice,) = refine((once,), features)
    assert twice.start_s - once.start_s <= LEAST_MOVE_S
    assert once.end_s - twice.end_s <= LEAST_MOVE_S
