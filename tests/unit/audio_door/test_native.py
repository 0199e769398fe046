from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.audio.native import NativeMeter
from tests.fakes.audio_files import tone, voice

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
    longest = RATE // 20 if samples.max() < 0.999 else samples.size
    level = 0.999 * min(float(samples.max()), 1.0)
    total = length = 0
    for sample in [*samples.tolist(), -9.0]:
        if sample >= level:
            length += 1
            continue
        total += length if 3 <= length <= longest else 0
        length = 0
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


def test_a_channel_stuck_at_full_scale_is_clipped():
    (stats,) = measure(np.full(RATE, -1.0)).finish()
    assert stats.clipping_ratio == 1.0
    assert stats.clipped_runs == 1


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
    independent = np.stack([voice(1.0), np.random.default_rng(1).standard_normal(RATE) * 0.1])
    assert abs(measure(independent).correlation()) < 0.05
