from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.audio.features import MAX_COLUMNS, MAX_SPECTRA, FeatureExtractor

RATE = 16_000


def assert_same(one, other):
    for item in fields(one):
        first, second = getattr(one, item.name), getattr(other, item.name)
        if isinstance(first, np.ndarray):
            assert first.dtype == second.dtype
            np.testing.assert_array_equal(first, second, err_msg=item.name)
        else:
            assert first == second, item.name


@given(cuts=st.lists(st.integers(0, 75_000), max_size=8), rest=st.integers(0, 5000))
@settings(max_examples=12)
def test_how_the_samples_come_changes_nothing(call, extract, cuts, rest):
    samples = call[:, : 5 * RATE + rest]
    whole = extract(samples)
    extractor, at = FeatureExtractor(2), 0
    for cut in cuts:
        extractor.push(samples[:, at : at + cut])
        at += cut
    extractor.push(samples[:, at:])
    for one, other in zip(extractor.finish(), whole, strict=True):
        assert_same(one, other)


def test_channels_do_not_mix(call, extract):
    samples = call[:, : 10 * RATE]
    for row, both in zip(samples, extract(samples), strict=True):
        assert_same(extract(row)[0], both)


@given(length=st.integers(0, 40_000), seed=st.integers(0, 99))
@settings(max_examples=25)
def test_frames_hold_the_moments_of_their_samples(extract, length, seed):
    samples = np.random.default_rng(seed).normal(0.01, 0.1, length).astype(np.float32)
    found = extract(samples)[0]
    frames = -(-length // 512)
    assert len(found.mean) == len(found.variance) == len(found.speech_probability) == frames
    assert len(found.webrtc_speech) == length // 160
    assert found.duration_s == length / RATE
    for at in range(frames):
        part = samples[at * 512 : (at + 1) * 512].astype(np.float64)
        assert found.mean[at] == pytest.approx(part.mean(), abs=1e-6)
        assert found.variance[at] == pytest.approx(part.var(), rel=1e-4, abs=1e-9)
        assert found.mean_square[at] == pytest.approx((part**2).mean(), rel=1e-4, abs=1e-9)


@given(length=st.integers(1, 30_000), seed=st.integers(0, 99))
@settings(max_examples=25)
def test_the_envelope_bounds_every_column(extract, length, seed):
    samples = np.random.default_rng(seed).uniform(-1, 1, length).astype(np.float32)
    found = extract(samples)[0]
    width = round(found.column_s * RATE)
    assert len(found.envelope_min) == len(found.envelope_max) == -(-length // width)
    assert len(found.column_probability()) == len(found.envelope_min)
    for at in range(len(found.envelope_min)):
        part = samples[at * width : (at + 1) * width]
        assert found.envelope_min[at] == part.min()
        assert found.envelope_max[at] == part.max()


@pytest.mark.parametrize("seconds", [15.99, 16.0, 17.0, 63.97, 64.0, 130.0])
def test_spectra_and_envelope_stay_bounded_however_long(extract, seconds):
    samples = np.zeros(int(seconds * RATE), np.float32)
    spots = np.random.default_rng(3).integers(0, len(samples), 40)
    samples[spots] = np.linspace(-0.9, 0.9, 40, dtype=np.float32)
    found = extract(samples)[0]
    width = round(found.column_s * RATE)
    columns = -(-len(samples) // width)
    assert columns <= MAX_COLUMNS
    assert len(found.envelope_min) == columns
    padded = np.zeros(columns * width, np.float32)
    padded[: len(samples)] = samples
    np.testing.assert_array_equal(found.envelope_min, padded.reshape(-1, width).min(axis=1))
    np.testing.assert_array_equal(found.envelope_max, padded.reshape(-1, width).max(axis=1))
    assert MAX_SPECTRA // 2 <= len(found.power_spectra) <= MAX_SPECTRA or seconds < 100
    stride = found.spectra_frames[1]
    assert found.spectra_frames[-1] // stride == len(found.spectra_frames) - 1
    at = int(found.spectra_frames[-1])
    frame = samples[at * 512 : (at + 1) * 512]
    window = np.hanning(513)[:-1]
    expected = np.abs(np.fft.rfft((frame - frame.mean()) * window)) ** 2
    np.testing.assert_allclose(found.power_spectra[-1], expected, rtol=1e-3, atol=1e-6)


def test_column_probability_is_the_highest_it_covers(call, extract):
    found = extract(call[1])[0]
    probability, columns = found.speech_probability, found.column_probability()
    assert found.column_s == 0.016
    np.testing.assert_array_equal(columns[: 2 * len(probability)][::2], probability)
    short = extract(call[1][: 2 * RATE])[0]
    assert short.column_s == 0.004
    assert short.column_probability().max() == short.speech_probability.max()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -3e38])
def test_damaged_samples_leave_every_feature_finite(extract, value):
    samples = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    samples[5000:5010] = value
    before = samples.copy()
    found = extract(samples)[0]
    for item in fields(found):
        array = getattr(found, item.name)
        if isinstance(array, np.ndarray):
            assert np.isfinite(array).all(), item.name
    np.testing.assert_array_equal(samples, before)


def test_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="expected"):
        FeatureExtractor(2).push(np.zeros((1, 5), np.float32))
    with pytest.raises(ValueError, match="expected"):
        FeatureExtractor(1).push(np.zeros(5, np.float32))
