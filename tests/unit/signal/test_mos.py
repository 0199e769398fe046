from __future__ import annotations

import sys
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.audio.mos import MOST_WINDOWS, WINDOW_S, MosModel, missing_mos, mos_windows
from echotrace.audio.vad import SpeechSpan
from echotrace.errors import ExitCode, MissingDependencyError
from echotrace.model.measure import Status

RATE = 16_000

needs_model = pytest.mark.skipif(
    find_spec("speechmos") is None, reason="the optional package speechmos is not installed"
)


class Session:
    """Stands in for the model: its scores are 3, 2 and the mean of what it was given."""

    def __init__(self):
        self.taken = []

    def run(self, _, inputs):
        ((name, samples),) = inputs.items()
        assert (name, samples.shape, samples.dtype) == ("input_1", (1, 144_160), np.float32)
        assert np.abs(samples).max() <= 1
        self.taken.append(samples)
        return [np.array([[3.0, 2.0, samples.mean()]], np.float32)]


@pytest.fixture
def model():
    made = MosModel.__new__(MosModel)
    made._session, made._input = Session(), "input_1"
    return made


def test_scores_are_calibrated_and_averaged_over_windows(model):
    def read(start_s, end_s):
        return np.full(round((end_s - start_s) * RATE), start_s, np.float32)

    scores = model.rate(read, (0.0, 1.0))
    assert scores.sig.value == pytest.approx(-0.08397278 * 9 + 1.22083953 * 3 + 0.0052439)
    assert scores.bak.value == pytest.approx(-0.13166888 * 4 + 1.60915514 * 2 - 0.39604546)
    at_0, at_1 = 0.04602535, -0.06766283 + 1.11546468 + 0.04602535
    assert scores.ovrl.value == pytest.approx((at_0 + at_1) / 2, abs=1e-4)
    assert {item.status for item in (scores.sig, scores.bak, scores.ovrl)} == {Status.MEASURED}
    assert scores.sig.n == 2


def test_a_short_recording_is_repeated_and_a_loud_one_cut(model):
    model.rate(lambda *_: np.linspace(-2, 2, 16_000, dtype=np.float32), (0.0,))
    (taken,) = model._session.taken
    assert np.array_equal(taken[0, :16_000], taken[0, 16_000:32_000])


def test_telephone_audio_is_only_estimated_and_no_speech_is_nothing(model):
    scores = model.rate(lambda *_: np.zeros(9, np.float32), (0.0,), is_telephone=True)
    assert scores.ovrl.status is Status.ESTIMATED
    assert "telephone" in scores.ovrl.reason
    assert model.rate(lambda *_: np.zeros(9, np.float32), ()).sig.status is Status.NOT_MEASURABLE


spans = st.lists(st.tuples(st.floats(0, 600), st.floats(0.1, 30)), min_size=1, max_size=30).map(
    lambda parts: tuple(SpeechSpan(at, at + length) for at, length in sorted(parts))
)


@given(spans=spans)
def test_windows_are_few_ordered_and_hold_speech(spans):
    end_s = max(span.end_s for span in spans) + 5
    windows = mos_windows(spans, end_s=end_s)
    assert 1 <= len(windows) <= MOST_WINDOWS
    assert all(later - earlier >= 2.99 for earlier, later in pairwise(windows))
    for at in windows:
        assert at >= spans[0].start_s
        assert any(span.start_s < at + WINDOW_S and at < span.end_s for span in spans)


def test_without_speech_there_is_no_window():
    assert mos_windows((), end_s=100.0) == ()


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "speechmos", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError) as caught:
        MosModel()
    error = caught.value
    assert error.code == "SPEECHMOS_MISSING"
    assert error.exit_code is ExitCode.MISSING
    assert "echotrace[mos]" in error.hint
    scores = missing_mos(error)
    assert scores.ovrl.status is Status.UNAVAILABLE
    assert "echotrace[mos]" in scores.ovrl.reason


@needs_model
def test_the_model_hears_noise(speech):
    model = MosModel()
    noise = np.random.default_rng(0).normal(0, 0.02, len(speech)).astype(np.float32)

    def scores(samples):
        return model.rate(lambda a, b: samples[round(a * RATE) : round(b * RATE)], (0.0, 5.0))

    clean, noisy = scores(speech), scores(speech + noise)
    assert clean.bak.value > noisy.bak.value + 1
    assert clean.ovrl.value > noisy.ovrl.value + 0.3
    assert 1 <= noisy.ovrl.value <= clean.ovrl.value <= 5
