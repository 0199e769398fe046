from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf
import soxr

from echotrace.audio.bandwidth import measure_bandwidth
from echotrace.audio.spectrum import SpectrumMeter
from echotrace.model.measure import Status
from tests.fakes.audio_files import tone, voice

RATE = 16_000


def bandwidth(samples, rate=RATE):
    meter = SpectrumMeter(rate)
    meter.push(np.asarray(samples, np.float32))
    return measure_bandwidth(meter.result())


def resampled(samples, start, end):
    return soxr.resample(np.asarray(samples, np.float32), start, end)


@pytest.fixture(scope="module")
def clips(call):
    """Both sides of the call in pieces of 4 s, those that hold sound."""
    pieces = [row[at : at + 4 * RATE] for row in call for at in range(0, row.size, 4 * RATE)]
    return [piece for piece in pieces if np.abs(piece).max() > 0.05]


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
def test_telephone_audio_at_a_higher_rate_is_named_and_wideband_is_not(clips, rate):
    assert len(clips) > 8
    for clip in clips:
        native = bandwidth(resampled(clip, RATE, rate) if rate != RATE else clip, rate)
        assert not native.is_upsampled
        assert not native.is_telephone
        telephone = bandwidth(resampled(resampled(clip, RATE, 8_000), 8_000, rate), rate)
        assert telephone.is_upsampled
        assert 3_400 <= telephone.bandwidth_hz.value <= 4_000


@pytest.mark.parametrize("coding", ["PCM_16", "ULAW", "ALAW"])
def test_a_telephone_coding_before_the_higher_rate_changes_nothing(tmp_path, clips, coding):
    found = []
    for clip in clips:
        sf.write(tmp_path / "t.wav", resampled(clip, RATE, 8_000), 8_000, subtype=coding)
        heard, _ = sf.read(tmp_path / "t.wav", dtype="float32")
        found.append(bandwidth(resampled(heard, 8_000, RATE)).is_upsampled)
    assert all(found)


def test_a_telephone_file_is_telephone_audio_but_not_upsampled(clips):
    for clip in clips:
        found = bandwidth(resampled(clip, RATE, 8_000), 8_000)
        assert found.is_telephone
        assert not found.is_upsampled
        assert 3_000 <= found.bandwidth_hz.value <= 4_000


def test_noise_above_the_telephone_band_is_sound_of_the_channel(clips):
    clip = resampled(resampled(clips[0], RATE, 8_000), 8_000, RATE)
    hiss = np.random.default_rng(0).normal(0, 0.003, clip.size)
    found = bandwidth(clip + hiss)
    assert not found.is_upsampled
    assert found.bandwidth_hz.value > 7_000


@pytest.mark.parametrize("top_hz", [2_000, 3_400, 5_000, 7_000])
def test_the_highest_band_in_use_is_found(top_hz):
    noise = np.random.default_rng(1).normal(0, 0.1, 4 * RATE)
    spectrum = np.fft.rfft(noise)
    spectrum[np.fft.rfftfreq(noise.size, 1 / RATE) > top_hz] = 0
    found = bandwidth(np.fft.irfft(spectrum, noise.size)).bandwidth_hz
    assert found.value == pytest.approx(top_hz, abs=201)
    assert found.method
    assert found.n > 100


def test_a_quiet_hiss_between_loud_words_does_not_count(clips):
    hiss = np.random.default_rng(0).normal(0, 1e-5, 20 * RATE)
    hiss[: clips[0].size] = resampled(resampled(clips[0], RATE, 8_000), 8_000, RATE)
    assert bandwidth(hiss).is_upsampled


@pytest.mark.parametrize("samples", [np.zeros(RATE), np.zeros(0), np.full(RATE, 0.3)])
def test_without_sound_there_is_no_bandwidth(samples):
    found = bandwidth(samples)
    assert found.bandwidth_hz.status is Status.NOT_MEASURABLE
    assert not found.is_upsampled
    assert not found.is_telephone


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 96_000, 384_000])
def test_every_plausible_rate_has_an_answer(rate):
    found = bandwidth(tone(1.0, rate, hz=1_000) + voice(1.0, rate) * 0.01, rate)
    assert 900 < found.bandwidth_hz.value <= rate / 2 + 1
