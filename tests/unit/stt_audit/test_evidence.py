from __future__ import annotations

import numpy as np
import pytest

from echotrace.analyzers.stt_audit.evidence import Evidence
from echotrace.audio.vad import speech_mask, speech_spans
from echotrace.fixtures.mixing import active_power, add_noise, bleed
from echotrace.fixtures.noises import make_noise
from echotrace.model.report import Word

RATE = 16_000


def hiss(frames, level=0.002, seed=3):
    return (np.random.default_rng(seed).standard_normal(frames) * level).astype(np.float32)


def speech_of(audio, row):
    return speech_spans(speech_mask(audio.features[row].speech_probability))


@pytest.mark.parametrize("start_s", [None, 3.0])
def test_clipping_is_seen_under_the_words_that_hold_it(call, opened, start_s):
    samples = call[0, : 12 * RATE] * 0.5
    loud = slice(round(7.0 * RATE), round(7.4 * RATE))
    samples[loud] = np.clip(samples[loud] * 30, -1, 1)
    evidence = Evidence(opened(samples + hiss(len(samples)), start_s=start_s), 0)
    hit = evidence.under(6.9, 7.5)
    assert hit.clipped_samples > 200
    assert hit.clipped_share == pytest.approx(hit.clipped_samples / (0.6 * RATE))
    assert evidence.under(5.0, 6.5).clipped_samples == 0
    assert evidence.under(7.6, 9.0).clipped_samples == 0


@pytest.mark.parametrize("rate", [16_000, 8_000])
def test_a_lost_packet_is_seen_under_its_word(call, opened, rate):
    import soxr

    samples = soxr.resample(call[0, : 12 * RATE], RATE, rate).astype(np.float32)
    samples += hiss(len(samples))
    frames = round(0.04 * rate)
    power = np.convolve(samples**2, np.ones(frames), "same")
    span = slice(round(7.0 * rate), round(8.0 * rate))
    at = span.start + int(np.argmax(power[span]))
    samples[at : at + frames] = 0.0
    evidence = Evidence(opened(samples, rate=rate), 0)
    hit = evidence.under(at / rate - 0.2, at / rate + 0.2)
    assert hit.dropouts == 1
    assert hit.lost_s == pytest.approx(0.04, abs=0.003)
    assert evidence.under(5.0, 6.0).dropouts == 0


def test_the_other_side_counts_when_it_speaks_and_only_then(call, opened):
    caller, agent = call[0, 4 * RATE : 12 * RATE].copy(), np.zeros(8 * RATE, np.float32)
    agent[2 * RATE : 4 * RATE] = call[1, RATE // 2 : RATE // 2 + 2 * RATE]
    audio = opened(np.stack([caller + hiss(len(caller)), agent + hiss(len(agent), seed=4)]))
    evidence = Evidence(audio, 0)
    assert evidence.under(2.4, 3.4).talk_over_s > 0.7
    assert evidence.under(4.6, 5.6).talk_over_s == 0.0


@pytest.mark.parametrize("gain_db", [-12.0, -30.0])
def test_bleed_of_the_own_voice_is_no_talk_over(call, opened, gain_db):
    caller = call[0, : 26 * RATE]
    leak = bleed(caller, RATE, gain_db=gain_db, delay_ms=20.0)
    own = np.zeros_like(caller)
    agent = call[1, : 26 * RATE]
    quiet = np.flatnonzero(np.convolve(np.abs(caller), np.ones(1600), "same") < 1.0)
    own[quiet] = agent[quiet]
    both = np.stack([caller + hiss(len(caller), 5e-4), own + leak + hiss(len(own), 5e-4, seed=4)])
    audio = opened(both)
    spans = speech_of(audio, 0)
    over_s = sum(Evidence(audio, 0).under(s.start_s, s.end_s).talk_over_s for s in spans)
    assert speech_mask(audio.features[1].speech_probability).any()
    assert over_s < 0.12 * sum(span.end_s - span.start_s for span in spans)


def test_both_detectors_hear_silence_between_the_words_only(spoken):
    evidence = Evidence(spoken, 0)
    assert evidence.holds_speech
    assert evidence.is_silent(1.0, 1.4)
    for span in speech_of(spoken, 0):
        for at_s in np.arange(span.start_s, span.end_s - 0.3, 0.1):
            assert not evidence.is_silent(at_s, at_s + 0.3)
        # a word that overhangs by 50 ms, and a short one just beside the speech
        assert not evidence.is_silent(span.end_s - 0.15, span.end_s + 0.05)
        assert not evidence.is_silent(span.end_s, span.end_s + 0.03)
    assert evidence.silent_s == pytest.approx(
        14.0 - sum(s.end_s - s.start_s for s in speech_of(spoken, 0)), abs=1.5
    )


def test_a_second_detector_that_calls_noise_speech_has_no_say(call, opened):
    speech = call[0, : 14 * RATE]
    noise = make_noise("office", len(speech), RATE, np.random.default_rng(1))
    audio = opened(speech + add_noise(active_power(speech, RATE), noise, 5.0))
    flags = audio.features[0].webrtc_speech
    assert flags[: 4 * 100].mean() > 0.9
    evidence = Evidence(audio, 0)
    assert evidence.is_silent(1.0, 1.4)
    assert not evidence.is_silent(7.0, 7.4)


def test_words_get_the_snr_under_them(spoken):
    words = (
        Word(text="a", start_s=5.3, end_s=5.7),
        Word(text="b"),
        Word(text="c", start_s=4.0, end_s=9.0, time_source="segment"),
    )
    first, *others = Evidence(spoken, 0).with_snr(words)
    assert 5.0 < first.snr_db < 20.0
    assert [word.snr_db for word in others] == [None, None]


def test_a_channel_that_nobody_listened_to_gives_no_evidence(spoken):
    evidence = Evidence(spoken, 7)
    under = evidence.under(1.0, 2.0)
    assert under.snr_db is None
    assert under.is_silent is None
    assert evidence.holds_speech is None
    assert evidence.silent_s is None
