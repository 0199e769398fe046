from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.audio import edge_features
from echotrace.audio.levels import active_level
from echotrace.fixtures.codec import mu_law, telephone_band

RATE = 16_000
NOISES = ("white", "pink", "brown", "office", "car", "hum")


def pairs(speech):
    return [(stretch.start.at_s, stretch.end.at_s) for stretch in speech.stretches]


def joined(truth):
    """True intervals whose pauses are clearly longer than what a stretch may hold."""
    found = [truth[0]]
    for start, end in truth[1:]:
        if start - found[-1][1] < 0.4:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def gap_errors(speech, truth):
    """Errors in ms of the edges of each true interval, taken from the stretches touching it."""
    errors = []
    for start, end in truth:
        touching = [s for s in speech.stretches if s.start.at_s < end and s.end.at_s > start]
        assert touching, f"nothing found in {start:.2f} to {end:.2f}"
        errors += [touching[0].start.at_s - start, touching[-1].end.at_s - end]
    return 1000 * np.abs(errors)


@pytest.mark.parametrize("channel", [0, 1])
def test_in_clean_audio_the_definition_decides(call, speech_of, defined, channel):
    found = speech_of(call[channel])
    truth = defined(call[channel])
    np.testing.assert_allclose(pairs(found), truth, atol=0.0081)
    assert np.mean(np.abs(np.subtract(pairs(found), truth))) < 0.001
    assert found.level_dbfs == pytest.approx(active_level(call[channel]).level_dbfs, abs=0.3)
    assert found.surroundings == "quiet"
    for stretch in found.stretches:
        for edge in (stretch.start, stretch.end):
            assert edge.high_s - edge.low_s <= 0.1


@pytest.mark.parametrize(
    ("kind", "snr_db", "mean_ms", "worst_ms"),
    [
        ("white", 20, 15, 80),
        pytest.param("white", 10, 30, 150, marks=pytest.mark.slow),
        ("pink", 10, 30, 150),
        ("office", 10, 30, 150),
        ("car", 10, 30, 150),
        ("white", 5, 40, 200),
    ],
)
def test_edges_stay_true_in_noise(call, speech_of, noisy, defined, kind, snr_db, mean_ms, worst_ms):
    errors, held, widths = [], [], []
    for channel in (0, 1):
        truth = joined(defined(call[channel]))
        found = speech_of(noisy(call[channel], kind, snr_db, seed=channel))
        errors += list(gap_errors(found, truth))
        assert found.surroundings != "quiet"
        assert found.snr_db == pytest.approx(snr_db, abs=1.5)
        for start, end in truth:
            touching = [s for s in found.stretches if s.start.at_s < end and s.end.at_s > start]
            for edge, true in ((touching[0].start, start), (touching[-1].end, end)):
                held.append(edge.low_s - 0.008 <= true <= edge.high_s + 0.008)
                widths.append(edge.high_s - edge.low_s)
        assert not [
            s
            for s in found.stretches
            if not any(s.start.at_s < end and s.end.at_s > start for start, end in truth)
        ]
    assert np.mean(errors) <= mean_ms
    assert np.max(errors) <= worst_ms
    assert np.mean(held) >= 0.85
    assert np.median(widths) <= 0.2


def test_edges_stay_true_on_a_noisy_telephone_line(call, speech_of, noisy, defined):
    stem = telephone_band(call[0], RATE)
    truth = joined(defined(stem))
    line = soxr.resample(noisy(stem, "white", 15), RATE, 8000)
    heard = soxr.resample(mu_law(line.astype(np.float32)), 8000, RATE)
    found = speech_of(heard)
    errors = gap_errors(found, truth)
    assert np.mean(errors) <= 35
    assert np.max(errors) <= 150
    assert found.level_dbfs == pytest.approx(active_level(stem).level_dbfs, abs=1)


def test_another_voice_leaking_in_starts_nothing(call, speech_of, defined):
    leak = np.roll(call[1], 1200) * np.float32(0.08)
    found = speech_of(call[0] + leak)
    errors = gap_errors(found, joined(defined(call[0])))
    assert len(found.stretches) <= len(defined(call[0])) + 1
    assert np.mean(errors) <= 30


@given(
    kind=st.sampled_from(NOISES),
    snr_db=st.floats(0, 40),
    seed=st.integers(0, 9999),
    at=st.integers(0, 30 * RATE),
    channel=st.integers(0, 1),
)
@settings(max_examples=15)
def test_stretches_are_ordered_and_disjoint(
    call, speech_of, noisy, kind, snr_db, seed, at, channel
):
    whole = call[channel]
    found = speech_of(noisy(whole[at : at + 12 * RATE], kind, snr_db, seed, whole=whole))
    edges = [edge for stretch in found.stretches for edge in (stretch.start, stretch.end)]
    for edge in edges:
        assert edge.low_s <= edge.at_s <= edge.high_s
    times = [edge.at_s for edge in edges]
    assert times == sorted(times)
    assert all(start < end for start, end in pairs(found))
    if edges:
        assert times[0] >= -0.1
        assert times[-1] <= 12.1


@pytest.mark.parametrize("gain_db", [-20.0, 6.0])
def test_gain_changes_nothing(call, speech_of, noisy, gain_db):
    mixed = noisy(call[0], "pink", 12)
    plain = speech_of(mixed)
    moved = speech_of(mixed * np.float32(10 ** (gain_db / 20)))
    np.testing.assert_allclose(pairs(moved), pairs(plain), atol=0.03)
    assert moved.level_dbfs == pytest.approx(plain.level_dbfs + gain_db, abs=0.1)


def test_a_later_clock_moves_every_edge_as_far(call, speech_of, noisy):
    mixed = noisy(call[0], "white", 12)[: 20 * RATE]
    plain = speech_of(mixed)
    later = speech_of(mixed, start_s=64.0)
    np.testing.assert_allclose(np.array(pairs(later)) - 64.0, pairs(plain), atol=1e-6)


def test_silence_before_the_call_moves_every_edge_as_far(call, speech_of):
    silence = np.zeros(round(4.096 * RATE), np.float32)
    moved = speech_of(np.concatenate([silence, call[0]]))
    np.testing.assert_allclose(np.array(pairs(moved)) - 4.096, pairs(speech_of(call[0])), atol=1e-6)


def test_where_the_blocks_are_cut_never_shows(call, speech_of, noisy, monkeypatch):
    mixed = noisy(call[1], "pink", 10)
    whole = speech_of(mixed)
    monkeypatch.setattr(edge_features, "BLOCK_FRAMES", 5 * edge_features.KNOT)
    cut = speech_of(mixed)
    assert len(whole.stretches) == len(cut.stretches) > 3
    for one, other in zip(whole.stretches, cut.stretches, strict=True):
        for edge, same in ((one.start, other.start), (one.end, other.end)):
            assert edge.low_s == pytest.approx(same.low_s, abs=1e-4)
            assert edge.at_s == pytest.approx(same.at_s, abs=1e-4)
            assert edge.high_s == pytest.approx(same.high_s, abs=1e-4)


@pytest.mark.parametrize("seconds", [0, 0.001, 0.02, 0.5, 20])
def test_digital_silence_holds_no_speech(speech_of, seconds):
    found = speech_of(np.zeros(round(seconds * RATE), np.float32))
    assert found.stretches == ()
    assert found.level_dbfs is None


@pytest.mark.parametrize("kind", NOISES)
def test_noise_alone_holds_no_speech(speech_of, noisy, kind):
    rng = np.random.default_rng(3)
    silence = rng.standard_normal(20 * RATE).astype(np.float32) * np.float32(1e-4)
    assert speech_of(noisy(silence, kind, -40, seed=7)).stretches == ()


def test_a_tone_is_no_speech(speech_of):
    time_s = np.arange(10 * RATE) / RATE
    tone = 0.2 * np.sin(2 * np.pi * 220 * time_s) * (time_s % 2 < 0.4)
    assert speech_of(tone).stretches == ()


@pytest.mark.parametrize("snr_db", [40, 10])
def test_a_short_word_alone_is_found(call, speech_of, noisy, defined, snr_db):
    start, _ = defined(call[0])[1]
    word = call[0, round(start * RATE) : round((start + 0.25) * RATE)].copy()
    word[-160:] *= np.linspace(1, 0, 160, dtype=np.float32)
    stem = call[0].copy()
    at = round(11.5 * RATE)
    stem[at : at + len(word)] += word
    found = speech_of(noisy(stem, "pink", snr_db))
    near = [s for s in found.stretches if abs(s.start.at_s - 11.5) < 0.1]
    assert len(near) == 1
    assert near[0].end.at_s == pytest.approx(11.75, abs=0.1)


def test_speech_up_to_the_last_sample_ends_there(call, speech_of, defined):
    start, end = defined(call[0])[0]
    cut = call[0, : round((start + end) / 2 * RATE)]
    found = speech_of(cut)
    assert found.stretches[-1].end.at_s == pytest.approx(len(cut) / RATE, abs=0.03)


def test_damaged_samples_do_no_harm(call, speech_of, defined):
    hurt = call[0].copy()
    hurt[2 * RATE : 2 * RATE + 5] = np.nan
    hurt[2 * RATE + 5] = np.inf
    found = speech_of(hurt)
    assert len(found.stretches) == len(defined(call[0]))
