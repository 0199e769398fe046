from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.audio.levels import (
    ActiveLevelMeter,
    active_level,
    amplitude_dbfs,
    power_dbfs,
    power_from_db,
)

RATE = 16_000


def talk(seed: int, seconds: float = 3.0) -> np.ndarray:
    """Noise that is switched on and off like words, with 0.4 s of silence at the end."""
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal(int(seconds * RATE)).astype(np.float32) * np.float32(0.05)
    at = 0
    while at < len(samples):
        on, off = rng.uniform(0.2, 0.6), rng.uniform(0.3, 0.8)
        at += int(on * RATE)
        samples[at : at + int(off * RATE)] *= np.float32(1e-4)
        at += int(off * RATE)
    samples[-int(0.4 * RATE) :] = 0
    return samples


def reference_level(samples: np.ndarray) -> float:
    """P.56 method B sample by sample, as the recommendation writes it."""
    decay, hangover, margin = math.exp(-1 / (RATE * 0.03)), int(0.2 * RATE), 15.9
    thresholds = [2.0**-j for j in range(15, -1, -1)]
    active, since = [0] * len(thresholds), [hangover] * len(thresholds)
    p = q = 0.0
    for value in np.abs(samples.astype(np.float64)).tolist():
        p = decay * p + (1 - decay) * value
        q = decay * q + (1 - decay) * p
        for j, threshold in enumerate(thresholds):
            if q >= threshold:
                active[j] += 1
                since[j] = 0
            elif since[j] < hangover:
                active[j] += 1
                since[j] += 1
    energy = float((samples.astype(np.float64) ** 2).sum())
    previous = None
    for count, threshold in zip(active, thresholds, strict=True):
        level = 10 * math.log10(energy / count)
        excess = level - 20 * math.log10(threshold) - margin
        if excess <= 0:
            assert previous is not None
            share = previous[1] / (previous[1] - excess)
            return previous[0] + share * (level - previous[0])
        previous = (level, excess)
    raise AssertionError("no threshold fits")


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_the_sample_by_sample_form(seed):
    samples = talk(seed)
    found = active_level(samples)
    assert found is not None
    assert found.level_dbfs == pytest.approx(reference_level(samples), abs=0.03)


@given(seed=st.integers(0, 50), halvings=st.integers(-4, 6))
@settings(max_examples=30)
def test_the_level_follows_a_gain_of_whole_thresholds_exactly(seed, halvings):
    samples = talk(seed)
    before = active_level(samples)
    after = active_level(samples * np.float32(2.0**-halvings))
    assert before is not None
    assert after is not None
    expected = -halvings * 20 * math.log10(2)
    assert after.level_dbfs - before.level_dbfs == pytest.approx(expected, abs=1e-3)


@given(seed=st.integers(0, 50), gain_db=st.floats(-30, 20))
@settings(max_examples=40)
def test_the_level_follows_any_gain_within_the_interpolation(seed, gain_db):
    """P.56 interpolates between thresholds 6 dB apart, which costs up to 0.2 dB."""
    samples = talk(seed)
    before = active_level(samples)
    after = active_level(samples * np.float32(10 ** (gain_db / 20)))
    assert before is not None
    assert after is not None
    assert after.level_dbfs - before.level_dbfs == pytest.approx(gain_db, abs=0.3)


@given(seed=st.integers(0, 50), seconds=st.floats(0, 30))
@settings(max_examples=30)
def test_appended_silence_changes_the_activity_and_not_the_level(seed, seconds):
    samples = talk(seed)
    longer = np.concatenate([samples, np.zeros(int(seconds * RATE), np.float32)])
    before, after = active_level(samples), active_level(longer)
    assert before is not None
    assert after is not None
    assert after.level_dbfs == pytest.approx(before.level_dbfs, abs=0.01)
    share = len(samples) / len(longer)
    assert after.activity == pytest.approx(before.activity * share, rel=0.01)


@given(seed=st.integers(0, 20), cuts=st.lists(st.integers(1, 700), max_size=8))
@settings(max_examples=30)
def test_a_stream_gives_what_the_whole_gives(seed, cuts):
    samples = talk(seed)
    meter, at = ActiveLevelMeter(), 0
    for cut in cuts:
        meter.push(samples[at : at + cut * 64])
        at += cut * 64
    meter.push(samples[at:])
    whole, streamed = active_level(samples), meter.result()
    assert whole is not None
    assert streamed is not None
    assert streamed.level_dbfs == pytest.approx(whole.level_dbfs, abs=1e-6)
    assert streamed.activity == pytest.approx(whole.activity, abs=1e-6)


def test_a_steady_sound_is_active_all_the_time_at_its_rms():
    samples = np.random.default_rng(1).standard_normal(10 * RATE).astype(np.float32) * 0.1
    found = active_level(samples.astype(np.float32))
    assert found is not None
    assert found.level_dbfs == pytest.approx(-20, abs=0.1)
    assert found.activity == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("samples", [np.zeros(0, np.float32), np.zeros(9_999, np.float32)])
def test_digital_silence_has_no_level(samples):
    assert active_level(samples) is None


@given(st.floats(-140, 60))
def test_conversions_undo_each_other(level):
    power = power_from_db(level)
    assert power_dbfs(power) == pytest.approx(level, abs=1e-9)
    assert amplitude_dbfs(math.sqrt(power)) == pytest.approx(level, abs=1e-9)


def test_conversions_of_nothing_are_finite():
    assert power_dbfs(0.0) == amplitude_dbfs(0.0) == pytest.approx(-150)
