from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.audio.local_snr import LOWEST_DB, LocalSnr
from echotrace.audio.vad import FRAME_S, speech_mask, speech_spans
from echotrace.fixtures.mixing import active_power, add_noise
from echotrace.fixtures.noises import make_noise

RATE = 16_000
FRAME = 512


def noise_for(speech, snr_db, *, kind="pink", seed=1):
    noise = make_noise(kind, len(speech), RATE, np.random.default_rng(seed))
    return add_noise(active_power(speech, RATE), noise, snr_db)


def pieces_of_speech(features):
    """Spans of 0.35 s inside the speech, as long as words."""
    spans = speech_spans(speech_mask(features.speech_probability))
    return [
        (at, at + 0.35)
        for span in spans
        for at in np.arange(span.start_s + 0.05, span.end_s - 0.4, 0.35)
    ]


def truth(speech, noise, start_s, end_s):
    """The louder half of the clean frames over the noise within 3 s."""
    first, last = round(start_s * RATE / FRAME), round(end_s * RATE / FRAME)
    frames = speech[: len(speech) // FRAME * FRAME].reshape(-1, FRAME)[first:last]
    power = np.sort((frames.astype(np.float64) ** 2).mean(axis=1))
    near = noise[max(0, int((start_s - 3) * RATE)) : int((end_s + 3) * RATE)]
    ratio = power[len(power) // 2 :].mean() / np.mean(near.astype(np.float64) ** 2)
    return max(LOWEST_DB, 10 * np.log10(ratio))


@pytest.mark.parametrize(
    ("snr_db", "kind"),
    [
        pytest.param(snr_db, kind, marks=pytest.mark.slow)
        if kind == "office" and snr_db in (20, 10)
        else (snr_db, kind)
        for snr_db in (20, 10, 5, 0)
        for kind in ("white", "pink", "office")
    ],
)
def test_the_snr_under_words_is_that_of_the_mix(call, features_of, kind, snr_db):
    speech = call[1, : 20 * RATE]
    noise = noise_for(speech, snr_db, kind=kind)
    places = pieces_of_speech(features_of(speech))
    local = LocalSnr(features_of(speech + noise))
    errors = [local.at(*place) - truth(speech, noise, *place) for place in places]
    assert len(errors) > 15
    assert np.mean(np.abs(errors)) < 1.5
    assert local.clip_db == pytest.approx(snr_db, abs=1.5)


def test_a_noise_that_begins_in_the_middle_counts_only_there(call, features_of):
    speech = np.concatenate([call[0, 4 * RATE : 14 * RATE]] * 2)
    noise = noise_for(speech, 5.0)
    noise[: 10 * RATE] *= 0.03
    features = features_of(speech + noise)
    local = LocalSnr(features)
    before = [local.at(*at) for at in pieces_of_speech(features_of(speech)) if at[1] < 6.0]
    after = [local.at(*at) for at in pieces_of_speech(features_of(speech)) if at[0] > 14.0]
    assert np.median(before) > 25.0
    assert np.median(after) < 12.0


def test_a_time_stamp_that_reaches_into_a_pause_hardly_matters(call, features_of):
    speech = call[0, : 14 * RATE]
    local = LocalSnr(features_of(speech + noise_for(speech, 15.0)))
    spans = speech_spans(speech_mask(features_of(speech).speech_probability))
    for span in spans:
        exact = local.at(span.end_s - 0.4, span.end_s)
        assert local.at(span.end_s - 0.4, span.end_s + 0.2) == pytest.approx(exact, abs=4.0)


def test_what_cannot_be_told_is_none(call, features_of):
    gated = np.concatenate([np.zeros(2 * RATE), call[0, 5 * RATE : 8 * RATE], np.zeros(2 * RATE)])
    assert LocalSnr(features_of(gated)).at(2.5, 2.9) is None
    assert LocalSnr(features_of(np.zeros(0))).at(0.0, 1.0) is None
    speech = call[0, : 14 * RATE]
    local = LocalSnr(features_of(speech + noise_for(speech, 15.0), start_s=10.0))
    assert local.at(5.0, 5.4) is None
    assert local.at(30.0, 30.4) is None
    assert local.at(15.0, 15.4) is not None


def test_no_answer_without_pauses(call, features_of):
    tight = np.tile(call[0, round(4.5 * RATE) : round(6.2 * RATE)], 3)
    features = features_of(tight + noise_for(tight, 10.0))
    assert speech_mask(features.speech_probability).mean() > 0.85
    assert LocalSnr(features).at(1.0, 1.4) is None


@pytest.fixture(scope="module")
def noisy(call, features_of):
    speech = call[0, : 14 * RATE]
    return LocalSnr(features_of(speech + noise_for(speech, 10.0)))


@settings(max_examples=200)
@given(st.floats(-5.0, 20.0), st.floats(0.0, 6.0))
def test_any_span_has_a_finite_answer_or_none(noisy, start_s, length_s):
    found = noisy.at(start_s, start_s + length_s)
    if start_s + length_s > FRAME_S and start_s < 14.0 - FRAME_S:
        assert found is not None
    if start_s + length_s < 0.0 or start_s > 14.0:
        assert found is None
    if found is not None:
        assert LOWEST_DB <= found < 40.0
