from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.audio.native import NativeMeter
from tests.fakes.audio_files import voice


def cells_of(samples, *, rate=16_000, blocks=()):
    meter = NativeMeter(1, rate)
    begin = 0
    for size in blocks:
        meter.push(samples[None, begin : begin + size].copy())
        begin += size
    meter.push(samples[None, begin:].copy())
    return meter.finish()[0]


@pytest.mark.parametrize("scale", [1.0, 0.4])
@pytest.mark.parametrize("rate", [8_000, 11_025, 48_000])
def test_clipping_is_kept_with_its_place(scale, rate):
    samples = 0.3 * voice(6.0, rate)
    loud = slice(2 * rate, 3 * rate)
    samples[loud] = np.clip(40.0 * samples[loud], -1.0, 1.0)
    stats = cells_of((samples * scale).astype(np.float32), rate=rate)
    assert stats.clipped_samples > 0.05 * rate
    places = stats.clipped_cells[:, 0] / rate
    assert places.min() >= 1.98
    assert places.max() < 3.0
    # Below full scale a cell's verdict is that of its sharpest run.
    assert stats.clipped_cells[:, 1].sum() == pytest.approx(stats.clipped_samples, rel=0.05)


@settings(max_examples=40)
@given(
    st.integers(0, 5),
    st.lists(st.integers(1, 9_000), max_size=6),
    st.floats(1.0, 30.0),
)
def test_the_cells_add_up_to_the_count_however_the_samples_come(seed, blocks, drive):
    samples = np.clip(drive * voice(1.0, seed=seed), -1.0, 1.0)
    whole, pieces = cells_of(samples), cells_of(samples, blocks=blocks)
    assert whole.clipped_cells[:, 1].sum() == whole.clipped_samples
    np.testing.assert_array_equal(whole.clipped_cells, pieces.clipped_cells)


def test_a_plateau_of_full_scale_fills_all_its_cells():
    samples = np.zeros(16_000, np.float32)
    samples[3_210:9_600] = 1.0
    stats = cells_of(samples)
    assert stats.clipped_cells[:, 0].tolist() == list(range(3_200, 9_600, 320))
    assert stats.clipped_cells[0, 1] == 310
    assert stats.clipped_cells[:, 1].sum() == 6_390
