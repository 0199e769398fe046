from __future__ import annotations

import numpy as np
import pytest

from echotrace.audio.gate import find_gate, has_own_silence
from echotrace.audio.snr import estimate_snr

RATE = 16_000


@pytest.fixture(scope="module")
def clean(call):
    """One speaker of the call, its background silenced, with the samples of its own speech."""
    row = call[1, : 26 * RATE].copy()
    envelope = np.sqrt(np.convolve(row**2, np.full(320, 1 / 320), "same"))
    speaking = envelope > 0.05 * envelope.max()
    near = np.convolve(speaking, np.ones(1_600), "same") > 0
    return np.where(near, row, 0.0), speaking


def with_noise(samples, speaking, snr_db, seed=0):
    level = np.sqrt(np.mean(samples[speaking] ** 2))
    noise = np.random.default_rng(seed).normal(0, level * 10 ** (-snr_db / 20), samples.size)
    return samples + noise


def gated(samples, speaking, *, hold_s=0.15, release_s=0.02, range_db=35.0):
    """A gate that opens with speech, stays open for ``hold_s`` and then closes."""
    place = np.arange(samples.size)
    last = np.maximum.accumulate(np.where(speaking, place, -(10**9)))
    after_s = (place - last) / RATE - hold_s
    fall_db = np.clip(range_db * after_s / release_s, 0, range_db)
    return samples * 10 ** (-fall_db / 20)


def stored(samples):
    return (np.round(np.clip(samples, -1, 1) * 32767) / 32768).astype(np.float32)


def look(extract, samples, *, start_s=0.0, begin_s=0.0, end_s=None):
    (features,) = extract(stored(samples), start_s=start_s)
    estimate = estimate_snr(features)
    return find_gate(
        features,
        estimate.spans,
        level_dbfs=estimate.speech_level_dbfs.value,
        begin_s=begin_s,
        end_s=start_s + samples.size / RATE if end_s is None else end_s,
    )


@pytest.mark.parametrize("snr_db", [18, 25, 32])
@pytest.mark.parametrize("hold_s", [0.1, 0.25])
def test_a_noise_gate_is_found_by_the_background_that_it_cuts_off(extract, clean, snr_db, hold_s):
    samples, speaking = clean
    noisy = with_noise(samples, speaking, snr_db)
    found = look(extract, gated(noisy, speaking, hold_s=hold_s), start_s=5.0)
    assert found.is_gated is True
    assert not found.is_digital
    place = round((found.at_s - 5.0) * RATE)
    assert not speaking[place : place + 1_600].any()
    assert look(extract, noisy).is_gated is False


@pytest.mark.parametrize("snr_db", [10, 20, 30, 40, 50])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_background_that_stays_is_no_gate(extract, clean, snr_db, seed):
    samples, speaking = clean
    assert look(extract, with_noise(samples, speaking, snr_db, seed)).is_gated is False


def test_both_sides_of_a_plain_call_are_not_gated(extract, call):
    assert [look(extract, row).is_gated for row in call] == [False, False]


def test_a_closed_gate_of_silence_is_digital(extract, clean):
    samples, speaking = clean
    for silenced in (samples, gated(with_noise(samples, speaking, 25), speaking, range_db=200)):
        found = look(extract, silenced)
        assert (found.is_gated, found.is_digital) == (True, True)
        assert has_own_silence(extract(stored(silenced))[0])
        place = round(found.at_s * RATE)
        assert not stored(silenced)[place + 512 : place + 1_024].any()


def test_silence_behind_the_channels_end_is_not_looked_at(extract, call):
    samples = np.concatenate([call[1, : 20 * RATE], np.zeros(20 * RATE, np.float32)])
    assert look(extract, samples).is_gated is True
    assert look(extract, samples, end_s=20.0).is_gated is False


def test_silence_before_the_channels_beginning_is_not_looked_at(extract, call):
    samples = np.concatenate([np.zeros(20 * RATE, np.float32), call[1, : 20 * RATE]])
    assert look(extract, samples).is_gated is True
    assert look(extract, samples, begin_s=20.0).is_gated is False


@pytest.mark.parametrize("samples", [np.zeros(RATE), np.zeros(0), np.full(3 * RATE, 0.2)])
def test_without_pauses_of_speech_nothing_is_known(extract, samples):
    assert look(extract, samples).is_gated is None
    assert look(extract, samples).at_s is None


def test_a_lost_packet_is_no_silence_of_the_channels_own(extract, call):
    samples = call[1].copy()
    at = int(np.argmax(np.abs(samples)))
    samples[at : at + 3_200] = 0
    assert not has_own_silence(extract(samples)[0])
