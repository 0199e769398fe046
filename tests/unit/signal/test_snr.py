from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.audio.levels import active_level
from echotrace.audio.snr import estimate_snr
from echotrace.model.measure import Status

RATE = 16_000
SHARED = Path(__file__).resolve().parents[3] / "../shared"


def coloured(slope, frames, rng):
    spectrum = np.fft.rfft(rng.standard_normal(frames))
    hertz = np.maximum(np.fft.rfftfreq(frames, 1 / RATE), 20)
    noise = np.fft.irfft(spectrum / hertz**slope, frames)
    return noise / np.sqrt(np.mean(noise**2))


def mixed(speech, snr_db, *, slope=0.0, seed=0):
    level = active_level(speech)
    assert level is not None
    noise = coloured(slope, len(speech), np.random.default_rng(seed))
    return (speech + noise * 10 ** ((level.level_dbfs - snr_db) / 20)).astype(np.float32)


def sounds():
    """What is no speech, by name: a function of time, noise source and seconds."""
    return {
        "white": lambda t, rng: coloured(0.0, len(t), rng),
        "pink": lambda t, rng: coloured(0.5, len(t), rng),
        "brown": lambda t, rng: coloured(1.0, len(t), rng),
        "hum": lambda t, _: sum(np.sin(2 * np.pi * 50 * h * t) / h for h in range(1, 9)),
        "tone": lambda t, rng: np.sin(2 * np.pi * rng.uniform(80, 3000) * t),
        "silence": lambda t, _: np.zeros(len(t)),
        "dc": lambda t, _: np.ones(len(t)),
        "dc and white": lambda t, rng: 0.5 + 0.1 * coloured(0.0, len(t), rng),
        "tone and white": lambda t, rng: (
            np.sin(2 * np.pi * rng.uniform(80, 3000) * t) + 0.05 * coloured(0.0, len(t), rng)
        ),
        "bursts": lambda t, rng: coloured(0.0, len(t), rng) * (np.mod(t, 0.7) < 0.2),
        "bursts over noise": lambda t, rng: (
            coloured(0.0, len(t), rng) * ((np.mod(t, 0.7) < 0.2) + 0.01)
        ),
        "beeps": lambda t, rng: (
            np.sin(2 * np.pi * rng.uniform(150, 300) * t) * (np.mod(t, 0.7) < 0.2)
            + 0.003 * coloured(0.0, len(t), rng)
        ),
    }


REASONS = {
    "white": "steady noise",
    "pink": "noise",
    "brown": "noise",
    "hum": "tone or hum",
    "tone": "tone or hum",
    "silence": "digital silence",
    "dc": "constant (DC) offset",
    "dc and white": "steady noise",
    "tone and white": "tone or hum",
}


@pytest.mark.parametrize("seconds", [0.5, 2.0, 8.0])
@pytest.mark.parametrize("name", sorted(sounds()))
def test_what_is_no_speech_never_gets_a_number(extract, name, seconds):
    t = np.arange(int(seconds * RATE)) / RATE
    for seed in range(3 if seconds < 8 else 1):
        for level_db in (-50, -12):
            rng = np.random.default_rng([seed, -level_db])
            samples = sounds()[name](t, rng) * 10 ** (level_db / 20)
            found = estimate_snr(extract(samples)[0])
            assert found.snr_db.status is Status.NOT_MEASURABLE
            assert found.snr_db.value is None
            assert found.segments == ()
            if seconds > 1:
                assert REASONS.get(name, "no speech") in (found.snr_db.reason or "")


@pytest.mark.parametrize("length", [0, 1, 160, 1600, 2047])
def test_too_little_to_say_anything(extract, length):
    found = estimate_snr(extract(np.full(length, 0.1, np.float32))[0])
    assert found.snr_db.status is Status.NOT_MEASURABLE
    assert found.snr_db.reason


@pytest.mark.parametrize("slope", [0.0, 0.5], ids=["white", "pink"])
@pytest.mark.parametrize("snr_db", [5, 10, 15, 20, 25])
def test_steady_noise_is_measured_within_a_decibel_and_a_half(speech, extract, slope, snr_db):
    mix = mixed(speech, snr_db, slope=slope, seed=snr_db)
    found = estimate_snr(extract(mix)[0])
    assert found.snr_db.status is Status.MEASURED
    assert found.snr_db.value == pytest.approx(snr_db, abs=1.5)
    level = active_level(speech)
    assert level is not None
    assert found.noise_floor_dbfs.value == pytest.approx(level.level_dbfs - snr_db, abs=1.0)
    assert found.speech_level_dbfs.value == pytest.approx(level.level_dbfs, abs=1.0)


@given(gain_db=st.floats(-12, 6), snr_db=st.sampled_from([8, 15, 22]))
@settings(max_examples=15)
def test_a_gain_leaves_the_ratio_and_moves_the_levels(speech, extract, gain_db, snr_db):
    mix = mixed(speech[: 12 * RATE], snr_db, seed=1)
    before = estimate_snr(extract(mix)[0])
    after = estimate_snr(extract(mix * np.float32(10 ** (gain_db / 20)))[0])
    assert after.snr_db.value == pytest.approx(before.snr_db.value, abs=0.1)
    for name in ("noise_floor_dbfs", "speech_level_dbfs"):
        moved = getattr(after, name).value - getattr(before, name).value
        assert moved == pytest.approx(gain_db, abs=0.15)


@pytest.mark.parametrize("offset", [-0.1, 0.02, 0.2])
def test_an_offset_is_found_and_changes_nothing_else(speech, extract, offset):
    mix = mixed(speech, 15)
    before = estimate_snr(extract(mix)[0])
    after = estimate_snr(extract(mix + np.float32(offset))[0])
    assert after.dc_offset.value == pytest.approx(offset, abs=1e-3)
    assert after.snr_db.value == pytest.approx(before.snr_db.value, abs=0.5)
    assert after.noise_floor_dbfs.value == pytest.approx(before.noise_floor_dbfs.value, abs=0.2)
    assert after.speech_level_dbfs.value == pytest.approx(before.speech_level_dbfs.value, abs=0.5)


def pauses_of(features, frames):
    return np.repeat(features.speech_probability < 0.35, 512)[:frames]


def test_the_offset_is_measured_only_on_half_a_second_of_pauses(speech, extract):
    quiet = pauses_of(extract(speech)[0], len(speech))
    short = np.concatenate([speech[~quiet][: 2 * RATE], np.zeros(RATE // 5, np.float32)])
    found = estimate_snr(extract(short + np.float32(0.02))[0]).dc_offset
    assert found.status is Status.ESTIMATED
    assert "pauses" in (found.reason or "")
    assert found.value == pytest.approx(float(short.mean()) + 0.02, abs=1e-4)


def test_pauses_of_digital_silence_count_for_the_offset(speech, extract):
    """Speech clipped on one side has a mean of its own, exact zeros around it have none."""
    quiet = pauses_of(extract(speech)[0], len(speech))
    one_sided = np.where(quiet, 0, np.clip(speech * 8, -0.05, 1)).astype(np.float32)
    found = estimate_snr(extract(one_sided)[0]).dc_offset
    assert abs(float(one_sided.mean())) > 0.005
    assert found.status is Status.MEASURED
    assert found.value == pytest.approx(0.0, abs=5e-4)


def test_rumble_in_the_pauses_leaves_the_offset_an_estimate(speech, extract):
    piece = speech[: 6 * RATE]
    rumble = 0.01 * np.sin(2 * np.pi * 0.8 * np.arange(len(piece)) / RATE)
    found = estimate_snr(extract(piece + np.float32(0.006) + rumble)[0]).dc_offset
    assert found.status is Status.ESTIMATED
    assert "rumble" in (found.reason or "")
    assert found.value == pytest.approx(0.006, abs=2e-3)


@pytest.mark.parametrize("number", ["0870", "0880", "0890", "0920", "0930"])
def test_a_recording_with_little_pause_keeps_the_offset_that_all_of_it_has(extract, number):
    path = SHARED / f"audio/librivox/austen-{number}.wav"
    if not path.is_file():
        pytest.skip("no recordings beside the repository")
    samples, _ = sf.read(path, dtype="float32")
    found = estimate_snr(extract(samples)[0]).dc_offset
    assert found.status is Status.ESTIMATED
    assert found.value == pytest.approx(float(samples.mean()), abs=1e-4)


def test_gated_pauses_have_no_ratio(speech, extract):
    features = extract(mixed(speech, 20))[0]
    quiet = np.repeat(features.speech_probability < 0.35, 512)[: len(speech)]
    found = estimate_snr(extract(np.where(quiet, 0, speech).astype(np.float32))[0])
    assert found.snr_db.status is Status.NOT_MEASURABLE
    assert "digital silence" in (found.snr_db.reason or "")
    assert found.noise_floor_dbfs.status is Status.NOT_MEASURABLE
    assert found.speech_level_dbfs.status is Status.MEASURED
    assert found.segments
    assert {item.snr_db.status for item in found.segments} == {Status.NOT_MEASURABLE}


def test_other_voices_in_the_pauses_are_never_measured_at_a_low_ratio(call, extract):
    """Eight shifted copies of the other speaker, pauses cut out, stand for babble at 5 dB."""
    speech, other = call[1, : 20 * RATE], call[0]
    talking = extract(other)[0].speech_probability > 0.5
    other = other[np.repeat(talking, 512)[: len(other)]]
    other = np.tile(other, 3)[: len(speech)]
    babble = sum(np.roll(other, shift * 39_991) for shift in range(8))
    level = active_level(speech)
    assert level is not None
    babble *= 10 ** ((level.level_dbfs - 5) / 20) / np.sqrt(np.mean(babble**2))
    found = estimate_snr(extract(speech + babble)[0])
    assert found.snr_db.status is not Status.MEASURED


def test_speech_without_pauses_is_only_estimated(speech, extract):
    features = extract(speech)[0]
    talking = np.repeat(features.speech_probability > 0.8, 512)[: len(speech)]
    tight = mixed(np.ascontiguousarray(speech[talking]), 15)
    found = estimate_snr(extract(tight)[0])
    assert found.snr_db.status is Status.ESTIMATED
    assert found.snr_db.reason
    assert found.snr_db.value == pytest.approx(15, abs=8)


def test_each_segment_has_the_ratio_of_its_own_place(speech, extract):
    """The second half is 12 dB noisier, and its segments say so."""
    half = len(speech) // 2
    quiet, noisy = mixed(speech, 25), mixed(speech, 13)
    mix = np.concatenate([quiet[:half], noisy[half:]])
    found = estimate_snr(extract(mix, start_s=100.0)[0])
    middle = 100.0 + half / RATE
    early = [s.snr_db.value for s in found.segments if s.span.end_s < middle - 3]
    late = [s.snr_db.value for s in found.segments if s.span.start_s > middle + 3]
    assert early
    assert late
    assert np.median(early) - np.median(late) == pytest.approx(12, abs=5)
    for item, after in zip(found.segments, found.segments[1:], strict=False):
        assert 100 <= item.span.start_s < item.span.end_s <= after.span.start_s
