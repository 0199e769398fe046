from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.audio import vad
from echotrace.audio.vad import SileroVad, SpeechSpan, runs, speech_mask, speech_spans
from echotrace.audio.webrtc import WebrtcVad
from echotrace.errors import MissingDependencyError

probabilities = st.lists(st.floats(0, 1, width=32), max_size=200).map(
    lambda values: np.array(values, np.float32)
)


@given(cuts=st.lists(st.integers(0, 90), max_size=8))
@settings(max_examples=15)
def test_the_block_size_does_not_change_the_probabilities(speech, cuts):
    frames = speech[: 300 * 512].reshape(-1, 512)
    whole = SileroVad().probabilities(frames)
    stream, parts, at = SileroVad(), [], 0
    for cut in cuts:
        parts.append(stream.probabilities(frames[at : at + cut]))
        at += cut
    parts.append(stream.probabilities(frames[at:]))
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)
    assert whole.max() > 0.9
    assert whole.min() < 0.1


def test_the_callers_array_is_left_alone(speech):
    frames = speech[: 200 * 512].reshape(-1, 512).copy()
    before = frames.copy()
    SileroVad().probabilities(frames)
    np.testing.assert_array_equal(frames, before)


def test_speech_is_told_from_noise(speech):
    noise = np.random.default_rng(0).standard_normal((200, 512)).astype(np.float32) * 0.05
    assert not speech_mask(SileroVad().probabilities(noise.astype(np.float32))).any()
    share = speech_mask(SileroVad().probabilities(speech[: 600 * 512].reshape(-1, 512))).mean()
    assert 0.2 < share < 0.9


@given(probabilities)
def test_speech_and_pauses_are_never_too_short(probability):
    mask = speech_mask(probability)
    for first, last in runs(mask):
        assert last - first >= 4
    for first, last in runs(~mask):
        assert last - first >= 4 or first == 0 or last == len(mask)


@given(probabilities)
def test_speech_begins_above_the_entry_and_leaves_no_loud_stretch_out(probability):
    mask = speech_mask(probability)
    for first, _ in runs(mask):
        assert probability[first] > vad.ENTER_PROBABILITY
    for first, last in runs(probability > vad.ENTER_PROBABILITY):
        assert mask[first:last].all() or last - first < 4


def test_hysteresis_enters_high_and_leaves_low():
    probability = np.array([0.4] * 5 + [0.6] + [0.4] * 6 + [0.3] * 6, np.float32)
    assert runs(speech_mask(probability)) == [(5, 12)]
    assert not speech_mask(np.full(50, 0.45, np.float32)).any()


def test_spans_are_on_the_recordings_clock_and_end_with_it():
    mask = np.array([False] * 10 + [True] * 10)
    assert speech_spans(mask, start_s=5.0, end_s=5.63) == (SpeechSpan(5.32, 5.63),)
    assert speech_spans(mask[:10]) == ()


@given(st.lists(st.booleans(), max_size=50))
def test_runs_rebuild_the_mask(values):
    mask = np.array(values, np.bool_)
    again = np.zeros_like(mask)
    for first, last in runs(mask):
        assert first < last
        again[first:last] = True
    np.testing.assert_array_equal(again, mask)


@pytest.mark.parametrize("missing", ["package", "file"])
def test_a_missing_model_says_what_to_install(monkeypatch, tmp_path, missing):
    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(
        importlib.util, "find_spec", lambda _name: None if missing == "package" else Spec()
    )
    with pytest.raises(MissingDependencyError) as caught:
        vad.silero_model_path()
    assert caught.value.code == "VAD_MODEL_MISSING"
    assert "faster-whisper" in caught.value.hint


def test_the_engine_is_not_imported_for_its_model():
    code = (
        "import sys; from echotrace.audio.vad import SileroVad; SileroVad();"
        "sys.exit('faster_whisper' in sys.modules or 'ctranslate2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(cuts=st.lists(st.integers(0, 200), max_size=6))
@settings(max_examples=15)
def test_the_second_opinion_streams(speech, cuts):
    samples = speech[: 16_000 * 8]
    whole = WebrtcVad().push(samples)
    stream, parts, at = WebrtcVad(), [], 0
    for cut in cuts:
        parts.append(stream.push(samples[at : at + cut * 160]))
        at += cut * 160
    parts.append(stream.push(samples[at:]))
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert whole.dtype == np.bool_
    assert len(whole) == 800
    assert whole.any()
    assert not whole.all()
