"""Levels over time and frequency: calibrated, no power counted twice, bounded for any length."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.audio.spectrogram import FLOOR_DB, band_edges_hz, lay_out, levels_db, top_hz
from echotrace.errors import MissingDependencyError

ROWS = 24


def levels(signal, rate, *, rows=ROWS, columns=10, start_s=0.0, end_s=None):
    """The levels of an array, its windows cut out by hand."""
    layout = lay_out(start_s, end_s or len(signal) / rate, columns=columns, rate_hz=rate)
    behind = max(0, int(layout.starts[-1]) - len(signal))
    padded = np.pad(signal, (layout.size * 2, layout.size * 2 + behind))
    windows = np.stack([padded[at + layout.size * 2 :][: layout.size] for at in layout.starts])
    held = (layout.starts + layout.size > 0) & (layout.starts < len(signal))
    edges = band_edges_hz(rows, top_hz(rate))
    found = levels_db(
        windows.astype(np.float32), held, edges, rate_hz=rate, per_column=layout.per_column
    )
    return found, edges


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("amplitude", [1.0, 0.01])
def test_a_sine_has_its_level_in_its_band(rate, amplitude):
    time_s = np.arange(rate) / rate
    edges = band_edges_hz(ROWS, top_hz(rate))
    row = 8
    hertz = edges[row : row + 2].mean()
    found, _ = levels(amplitude * np.sin(2 * np.pi * hertz * time_s), rate)
    inner = 10 * np.log10(np.sum(10 ** (found[:, 2:-2] / 10), axis=0))
    assert inner == pytest.approx(20 * np.log10(amplitude), abs=0.3)
    assert set(found[:, 2:-2].argmax(axis=0)) == {row}
    assert edges[-1] == pytest.approx(min(rate / 2, 24_000))


def test_the_bands_are_those_of_librosa():
    edges = band_edges_hz(40, 8_000.0)
    assert edges[0] == 0.0
    assert edges[-1] == pytest.approx(8_000.0)
    assert np.all(np.diff(edges) > 0)
    # Slaney's scale: linear below 1 kHz, 27 steps of a factor of 6.4 above it (Auditory Toolbox).
    mels = np.where(
        edges < 1_000,
        edges * 3 / 200,
        15 + 27 * np.log(np.maximum(edges, 1_000) / 1_000) / np.log(6.4),
    )
    assert np.diff(mels) == pytest.approx(mels[-1] / 40)


@settings(max_examples=25)
@given(rate=st.sampled_from([8_000, 16_000, 48_000]), rows=st.integers(1, 80), seed=st.integers(0))
def test_no_power_is_lost_or_counted_twice(rate, rows, seed):
    noise = 0.1 * np.random.default_rng(seed).standard_normal(rate // 4)
    found, _ = levels(noise, rate, rows=rows, columns=40)
    mean = np.sum(10 ** (found / 10), axis=0)[2:-2].mean()
    assert 10 * np.log10(mean) == pytest.approx(20 * np.log10(0.1) + 3.01, abs=0.8)


def test_silence_is_the_floor_and_no_recording_is_nothing():
    found, _ = levels(np.zeros(8_000), 8_000, columns=20, end_s=2.0)
    assert (found[:, :9] == FLOOR_DB).all()
    assert np.isnan(found[:, 11:]).all()


def test_what_a_lower_rate_cannot_hold_is_nothing():
    layout = lay_out(0.0, 1.0, columns=4, rate_hz=8_000)
    windows = np.ones((len(layout.starts), layout.size), np.float32)
    held = np.ones(len(layout.starts), np.bool_)
    edges = band_edges_hz(10, 24_000.0)
    found = levels_db(windows, held, edges, rate_hz=8_000, per_column=layout.per_column)
    assert np.isnan(found).all(axis=1).tolist() == (edges[:-1] >= 4_000).tolist()


@given(
    seconds=st.floats(0.001, 20_000),
    columns=st.integers(1, 300),
    rate=st.sampled_from([8_000, 44_100, 48_000, 192_000]),
)
def test_any_length_costs_the_same(seconds, columns, rate):
    layout = lay_out(0.0, seconds, columns=columns, rate_hz=rate)
    assert len(layout.starts) == columns * layout.per_column
    assert layout.per_column <= 4
    assert layout.size <= 0.04 * rate + 1
    assert np.all(np.diff(layout.starts) >= 0)
    middles = layout.starts + layout.size / 2
    assert middles[0] >= -1
    assert middles[-1] <= seconds * rate + 1


def test_a_long_column_is_the_mean_of_its_windows():
    rate = 8_000
    signal = np.zeros(rate * 100)
    layout = lay_out(0.0, 100.0, columns=10, rate_hz=rate)
    assert layout.per_column == 4
    begin = layout.starts[5]
    signal[begin : begin + layout.size] = np.sin(np.arange(layout.size) * 2 * np.pi / 8)
    found, _ = levels(signal, rate, columns=10)
    total = 10 * np.log10(np.sum(10 ** (found / 10), axis=0))
    assert total[1] == pytest.approx(-6.02, abs=0.3)
    assert total[2] < -100


def test_without_librosa_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(MissingDependencyError) as raised:
        band_edges_hz(4, 8_000.0)
    assert raised.value.hint == "pip install librosa"
