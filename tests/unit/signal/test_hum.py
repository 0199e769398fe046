from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.audio.hum import LINES, MIN_FRAMES, HumMeter, find_hum, with_sound
from tests.fakes.audio_files import tone

RATE = 16_000


def power(samples, rate=RATE, *, block=None):
    meter = HumMeter(rate)
    samples = np.asarray(samples, np.float32)
    for at in range(0, len(samples), block or max(1, len(samples))):
        meter.push(samples[at : at + (block or len(samples))])
    return meter.result()


def hum(frames, rate, hz, dbfs):
    """A line and half as much of its double, as a power supply leaves it; RMS in dBFS."""
    time_s = np.arange(frames) / rate
    wave = np.sin(2 * np.pi * hz * time_s) + 0.5 * np.sin(4 * np.pi * hz * time_s + 1)
    return wave / np.sqrt(0.625) * 10 ** (dbfs / 20)


@pytest.fixture(scope="module")
def clips(call):
    """Both sides of the call in pieces of 6 s with sound."""
    pieces = [row[at : at + 6 * RATE] for row in call for at in range(0, row.size, 6 * RATE)]
    return [piece for piece in pieces if len(piece) > 4 * RATE and np.abs(piece).max() > 0.05]


@pytest.mark.parametrize("hz", [50, 60])
@pytest.mark.parametrize("dbfs", [-40, -50])
def test_a_hum_is_found_with_its_frequency_and_level(clips, hz, dbfs):
    assert len(clips) >= 8
    for clip in clips:
        found = find_hum(power(clip + hum(clip.size, RATE, hz, dbfs)))
        assert found is not None
        assert found.mains_hz == hz
        assert found.level_dbfs == pytest.approx(dbfs - 1, abs=2)


def test_speech_alone_has_no_hum(clips):
    assert [find_hum(power(clip)) for clip in clips] == [None] * len(clips)


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("line", LINES)
def test_each_line_is_found_at_each_rate(rate, line):
    noise = np.random.default_rng(0).normal(0, 0.001, 5 * rate)
    found = find_hum(power(noise + tone(5.0, rate, hz=line, level=0.01), rate))
    assert found.mains_hz == (line if line < 100 else line // 2)
    assert found.level_dbfs == pytest.approx(-43.0, abs=0.5)
    assert found.prominence_db > 15


@pytest.mark.parametrize("hz", [440, 941, 950, 1_000, 3_950, 4_050, 70, 85, 25])
def test_other_tones_are_no_hum(hz):
    noise = np.random.default_rng(0).normal(0, 1e-4, 5 * RATE)
    assert find_hum(power(noise + tone(5.0, hz=hz, level=0.1))) is None


def test_what_comes_and_goes_is_no_hum():
    held = tone(10.0, hz=120, level=0.2) * (np.arange(10 * RATE) % (2 * RATE) < RATE // 2)
    noise = np.random.default_rng(0).normal(0, 0.001, held.size)
    assert find_hum(power(held + noise)) is None


@pytest.mark.parametrize(
    "samples", [np.zeros(5 * RATE), np.full(5 * RATE, 0.3), tone(2.0, hz=50), np.zeros(0)]
)
def test_too_little_sound_tells_nothing(samples):
    frames = power(samples)
    assert len(with_sound(frames)) < MIN_FRAMES
    assert find_hum(frames) is None


@given(seed=st.integers(0, 2**16), rate=st.sampled_from([8_000, 11_025, 48_000]), data=st.data())
@settings(max_examples=25)
def test_the_block_size_never_changes_the_powers(seed, rate, data):
    samples = np.random.default_rng(seed).normal(0, 0.1, 3 * rate)
    block = data.draw(st.integers(300, 4 * rate))
    assert np.array_equal(power(samples, rate), power(samples, rate, block=block))


def test_hours_take_no_more_room_than_minutes():
    meter = HumMeter(4_000)
    second = hum(4_000, 4_000, 50, -40).astype(np.float32)
    for _ in range(1_500):
        meter.push(second)
    frames = meter.result()
    assert len(frames) <= 1_024
    assert find_hum(frames).mains_hz == 50
