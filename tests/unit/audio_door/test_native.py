from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from echotrace.audio.native import NativeMeter
from tests.fakes.audio_files import encode, tone, voice

RATE = 16_000


def measure(samples: np.ndarray, *, blocks: list[int] | None = None, **options):
    rows = np.atleast_2d(np.asarray(samples, np.float32))
    meter = NativeMeter(len(rows), RATE, **options)
    begin = 0
    for size in blocks or [rows.shape[1]]:
        meter.push(rows[:, begin : begin + size].copy())
        begin += size
    meter.push(rows[:, begin:].copy())
    return meter


def runs_at_top(samples: np.ndarray) -> int:
    """The definition, written down plainly for one polarity."""
    values = samples.tolist()
    top = max(values)
    at_full_scale = top >= 0.999
    level = 0.999 if at_full_scale else top - 4e-5
    step = max(4e-5, top - max((value for value in values if value < level), default=-9.0))
    total = begin = 0
    for place in range(len(values) + 1):
        if place < len(values) and values[place] >= level:
            continue
        run, length = values[begin:place], place - begin
        beside = min(max(length // 3, 1), 32)
        around = [values[max(0, begin - beside) : begin], values[place : place + beside]]
        begin = place + 1
        if length < 3 or (length > RATE // 20 and not at_full_scale):
            continue
        drop = min((min(run) - min(side) for side in around if side), default=0.0)
        if at_full_scale or drop > (16 if length == 3 else 10) * step:
            total += length
    return total


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.11])
def test_clipping_is_found_also_after_it_was_turned_down(scale):
    loud = np.clip(20 * voice(2.0), -1, 1) * np.float32(scale)
    share = float(np.mean(np.abs(loud) >= 0.999 * scale))
    (stats,) = measure(loud).finish()
    assert stats.clipping_ratio == pytest.approx(share, rel=0.02)
    assert stats.peak == pytest.approx(scale)


@pytest.mark.parametrize(
    "samples",
    [voice(2.0), tone(2.0), np.full(RATE, 0.3), np.zeros(RATE), 1e-4 * voice(1.0)],
    ids=["voice", "tone", "constant voltage", "silence", "very quiet"],
)
def test_what_is_not_clipped_is_not_called_so(samples):
    (stats,) = measure(samples).finish()
    assert stats.clipped_samples == 0


def quantised(samples: np.ndarray, coding: str) -> np.ndarray:
    """The samples as a file of that coding gives them back."""
    data, _ = soundfile.read(
        io.BytesIO(encode(samples, 48_000, "WAV", coding)), dtype="float32", always_2d=False
    )
    return data


CODINGS = ["FLOAT", "PCM_24", "PCM_16", "PCM_U8", "ULAW", "ALAW"]


@given(
    hz=st.floats(20, 1_000),
    harmonic=st.sampled_from([0.0, 1 / 9, 0.3, 0.8]),
    rate=st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000]),
    level=st.floats(0.02, 0.96),
    phase=st.floats(0, 6.3),
    coding=st.sampled_from(CODINGS),
)
@settings(max_examples=150)
@example(hz=50, harmonic=0.0, rate=16_000, level=0.1, phase=0.0, coding="PCM_16")
@example(hz=50, harmonic=1 / 3, rate=48_000, level=0.3, phase=0.0, coding="PCM_16")
@example(hz=425, harmonic=0.0, rate=96_000, level=0.1, phase=0.0, coding="FLOAT")
@example(hz=20, harmonic=1 / 9, rate=96_000, level=0.9, phase=0.0, coding="PCM_U8")
def test_a_round_crest_is_no_clipping_however_long_it_lasts(
    hz, harmonic, rate, level, phase, coding
):
    angle = 2 * np.pi * hz * np.arange(round(0.3 * rate)) / rate + phase
    wave = np.sin(angle) + harmonic * np.sin(3 * angle)
    samples = quantised(level * wave / np.max(np.abs(wave)), coding)
    meter = NativeMeter(1, rate)
    meter.push(samples[None, :].copy())
    assert meter.finish()[0].clipped_samples == 0


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("scale", [1.0, 0.5, 0.2])
@pytest.mark.parametrize("coding", CODINGS)
def test_a_voice_that_was_cut_off_is_found_in_every_coding(coding, scale, rate):
    clean = quantised(scale * voice(2.0, rate, level=0.95), coding)
    loud = quantised(scale * np.clip(voice(2.0, rate, level=4.0), -0.99, 0.99), coding)
    ratios = []
    for samples in (clean, loud):
        meter = NativeMeter(1, rate)
        meter.push(samples[None, :].copy())
        ratios.append(meter.finish()[0].clipping_ratio)
    assert ratios[0] == 0
    assert ratios[1] > 0.01


@pytest.mark.parametrize("coding", ["PCM_U8", "ULAW", "ALAW"])
def test_the_largest_number_of_a_coarse_coding_is_full_scale(opened, coding):
    rate = 8_000
    slow = np.clip(tone(1.0, rate, hz=100, level=1.1), -1, 1)
    audio = opened(encode(slow, rate, "WAV", coding))
    heard = np.abs(quantised(slow, coding))
    assert heard.max() < 1 or coding == "PCM_U8"
    share = float(np.mean(heard >= 0.999 * min(heard.max(), 127 / 128)))
    assert share > 0.2
    assert audio.native[0].clipping_ratio == pytest.approx(share)


@pytest.mark.parametrize("scale", [1.0, 0.4])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("blocks", [[], [100, 7_000, 61, 800]])
def test_the_first_clipped_sample_is_told(scale, sign, blocks):
    quiet, loud = voice(1.0, level=0.5), np.clip(10 * voice(1.0, level=0.5), -1, 1)
    samples = sign * scale * np.concatenate([quiet, loud])
    (stats,) = measure(samples, blocks=blocks).finish()
    runs = np.convolve(np.abs(samples) >= 0.999 * scale, np.ones(3), "valid") == 3
    assert stats.first_clipped == int(np.argmax(runs))
    assert measure(quiet).finish()[0].first_clipped is None


def test_a_channel_stuck_at_full_scale_is_clipped():
    (stats,) = measure(np.full(RATE, -1.0)).finish()
    assert stats.clipping_ratio == 1.0
    assert (stats.clipped_runs, stats.first_clipped) == (1, 0)


@given(
    seed=st.integers(0, 2**16),
    limit=st.sampled_from([0.05, 0.3, 0.7, 1.0, 1.5]),
    blocks=st.lists(st.integers(1, 700), max_size=12),
)
def test_block_size_never_changes_the_counts(seed, limit, blocks):
    random = np.random.default_rng(seed)
    walk = np.cumsum(random.standard_normal(2_000)) * 0.05
    walk = np.clip(walk * np.linspace(0.2, 1.5, walk.size), -limit, limit).astype(np.float32)
    rows = np.stack([walk, np.roll(walk, 7)])
    whole, pieces = measure(rows).finish(), measure(rows, blocks=blocks).finish()
    for one, other in zip(whole, pieces, strict=True):
        assert one.clipped_samples == other.clipped_samples
        assert one.clipped_runs == other.clipped_runs
        assert one.first_clipped == other.first_clipped
        assert one.stills == other.stills
        assert (one.highest, one.lowest) == (other.highest, other.lowest)
        assert other.sum == pytest.approx(one.sum, abs=1e-2)
        assert other.sum_squares == pytest.approx(one.sum_squares, rel=1e-4)
    if min(walk.max(), -walk.min()) > 0.02:
        plain = runs_at_top(walk) + runs_at_top(-walk)
        assert abs(whole[0].clipped_samples - plain) <= 3  # a run within 0.001 % of the edge


def test_broken_numbers_are_counted_and_made_safe():
    samples = voice(1.0).copy()
    samples[10], samples[11], samples[12] = np.nan, np.inf, -np.inf
    samples[20], samples[21] = 1e30, -1e30
    samples[30:40] = 1e-42
    samples[13:14] = np.array([0x7FA00000], np.uint32).view(np.float32)  # a signalling NaN
    meter = NativeMeter(1, RATE)
    safe = meter.push(samples[None, :].copy())
    (stats,) = meter.finish()
    assert (stats.non_finite_samples, stats.out_of_range_samples) == (4, 2)
    assert np.isfinite(safe).all()
    assert np.max(np.abs(safe)) == 8.0
    assert np.all(safe[0, 30:40] == 0)
    assert np.array_equal(safe[0, 50:], samples[50:])
    assert np.isfinite([stats.rms, stats.dc_offset, stats.peak]).all()


def test_dc_and_level_are_those_of_the_samples():
    samples = tone(1.0) + np.float32(0.1)
    (stats,) = measure(samples, integer=True).finish()
    assert stats.dc_offset == pytest.approx(0.1, abs=1e-5)
    assert stats.ac_rms == pytest.approx(0.3 / 2**0.5, rel=1e-4)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [(1.0, 0.4, 1.0), (1.0, -1.0, -1.0), (1.0, 0.0, None), (0.0, 0.0, None)],
)
def test_correlation_between_two_channels(left, right, expected):
    rows = np.stack([voice(1.0) * left + 0.05, voice(1.0) * right - 0.02])
    found = measure(rows, blocks=[333, 4_000]).correlation()
    assert found == (expected if expected is None else pytest.approx(expected, abs=1e-3))
    short = measure(rows[:, : RATE // 10 - 1]).correlation()
    assert short is None
    independent = np.stack([voice(1.0), np.random.default_rng(1).standard_normal(RATE) * 0.1])
    assert abs(measure(independent).correlation()) < 0.05
