from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.audio.loudness import k_weights, loudness_lufs
from echotrace.audio.spectrum import SpectrumMeter
from echotrace.model.measure import Status

RATES = [8_000, 11_025, 16_000, 44_100, 48_000, 96_000]


def clock(seconds, rate):
    return np.arange(round(seconds * rate)) / rate


def sine(seconds, rate, *, hz=997.0, dbfs=0.0):
    return 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * clock(seconds, rate))


@functools.cache
def syllables(rate):
    time_s = clock(6, rate)
    buzz = sum(np.sin(2 * np.pi * 140 * k * time_s + k) / k for k in range(1, 24))
    samples = 0.1 * buzz * np.clip(np.sin(2 * np.pi * 1.7 * time_s), 0, 1)
    samples.flags.writeable = False
    return samples


def mixture(rate):
    return (
        sine(4, rate, hz=60, dbfs=20 * np.log10(0.2))
        + sine(4, rate, hz=900, dbfs=-20)
        + sine(4, rate, hz=3_300, dbfs=20 * np.log10(0.05))
    )


def fading(rate):
    time_s = clock(8, rate)
    return 0.5 * 10 ** (-3 * time_s / 8) * np.sin(2 * np.pi * 250 * time_s)


def spectrum_of(samples, rate, *, block=None):
    meter = SpectrumMeter(rate)
    samples = np.asarray(samples, np.float32)
    for at in range(0, len(samples), block or max(1, len(samples))):
        meter.push(samples[at : at + (block or len(samples))])
    return meter.result()


def loudness(samples, rate):
    spectrum = spectrum_of(samples, rate)
    return loudness_lufs(spectrum.k_power, spectrum.step_s)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("dbfs", [0.0, -23.0, -60.0])
def test_a_tone_has_the_loudness_that_the_standard_gives_it(rate, dbfs):
    assert loudness(sine(5, rate, dbfs=dbfs), rate).value == pytest.approx(dbfs - 3.01, abs=0.02)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    ("signal", "expected"), [(syllables, -27.877), (mixture, -17.924), (fading, -17.797)]
)
def test_loudness_is_that_of_another_implementation_at_48_khz(signal, expected, rate):
    assert loudness(signal(rate), rate).value == pytest.approx(expected, abs=0.04)


def test_quiet_stretches_are_gated_out():
    """The third and fourth test signals of EBU Tech 3341, on one channel (3.01 LU less)."""
    parts = [(10, -36), (60, -23), (10, -36)]
    third = np.concatenate([sine(s, 16_000, hz=1_000, dbfs=level) for s, level in parts])
    fourth = np.concatenate(
        [sine(10, 16_000, hz=1_000, dbfs=-72), third, sine(10, 16_000, hz=1_000, dbfs=-72)]
    )
    for samples in (third, fourth):
        assert loudness(samples, 16_000).value == pytest.approx(-26.01, abs=0.1)


def test_silence_does_not_count_and_a_constant_voltage_is_none():
    alone = loudness(syllables(16_000), 16_000)
    padded = loudness(np.concatenate([syllables(16_000), np.zeros(160_000)]), 16_000)
    offset = loudness(syllables(16_000) + 0.2, 16_000)
    assert padded.value == pytest.approx(alone.value, abs=0.2)  # blocks over its end count
    assert offset.value == pytest.approx(alone.value, abs=0.05)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(16_000), "-70 LUFS"),
        (np.full(16_000, 0.25), "-70 LUFS"),
        (sine(0.39, 16_000), "400 ms"),
        (np.zeros(0), "400 ms"),
    ],
)
def test_where_there_is_no_loudness_it_says_why(samples, reason):
    figure = loudness(samples, 16_000)
    assert figure.status is Status.NOT_MEASURABLE
    assert reason in figure.reason


def test_the_curve_is_the_standards():
    low, reference, high, beyond = k_weights(np.array([38.0, 997.0, 10_000.0, 40_000.0]))
    assert 10 * np.log10(reference) == pytest.approx(0.691, abs=0.01)
    assert 10 * np.log10(high) == pytest.approx(4.0, abs=0.1)
    assert 10 * np.log10(low) == pytest.approx(-6.0, abs=0.3)
    assert beyond == pytest.approx(float(k_weights(np.array([24_000.0]))[0]))


@given(
    seed=st.integers(0, 2**16),
    rate=st.sampled_from([4_000, 8_000, 11_025, 16_000, 22_050]),
    length=st.integers(0, 90_000),
    block=st.integers(1, 30_000),
)
@settings(max_examples=30)
def test_the_block_size_never_changes_a_spectrum(seed, rate, length, block):
    samples = np.random.default_rng(seed).normal(0, 0.1, length)
    whole, pieces = spectrum_of(samples, rate), spectrum_of(samples, rate, block=max(block, 200))
    assert np.array_equal(whole.k_power, pieces.k_power)
    assert np.array_equal(whole.frames, pieces.frames)
    assert np.array_equal(whole.band_power, pieces.band_power)


@given(gain_db=st.floats(-30, 0), rate=st.sampled_from([8_000, 16_000, 48_000]))
@settings(max_examples=20)
def test_turning_down_by_a_decibel_takes_one_unit_of_loudness(gain_db, rate):
    loud = loudness(syllables(rate), rate).value
    soft = loudness(syllables(rate) * 10 ** (gain_db / 20), rate).value
    assert soft - loud == pytest.approx(gain_db, abs=0.01)


def test_the_power_of_the_bands_is_that_of_the_samples():
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000 * 5)
    spectrum = spectrum_of(noise, 16_000)
    frames = int(spectrum.frames.sum())
    assert frames == 5 * 40 - 1
    assert spectrum.band_power.sum() / frames == pytest.approx(0.01, rel=0.02)
