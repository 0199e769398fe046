"""What sounds or breaks under one word alone, which the pauses and the whole file do not show."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.analyzers.stt_audit.causes import count_causes
from echotrace.analyzers.stt_audit.errors import find_errors
from echotrace.analyzers.stt_audit.evidence import Evidence
from echotrace.audio.close_look import LEAST_NOISE_S, SURE_DB, flat_samples, held_runs, noise_db
from echotrace.audio.vad import speech_mask, speech_spans
from echotrace.fixtures.noises import make_noise
from echotrace.model.report import Word
from echotrace.text.align import align_words

RATE = 16_000
AT, LENGTH = 7.1, 0.35


def loud_power(samples):
    """The louder half of the frames of 32 ms."""
    frames = samples[: len(samples) // 512 * 512].reshape(-1, 512).astype(np.float64)
    power = np.sort((frames**2).mean(axis=1))
    return power[len(power) // 2 :].mean()


def under_noise(speech, start_s, end_s, snr_db, kind, seed=1):
    """The speech with noise from ``start_s`` to ``end_s`` alone."""
    first, last = round(start_s * RATE), round(end_s * RATE)
    noise = make_noise(kind, last - first, RATE, np.random.default_rng(seed))
    mixed = speech.copy()
    mixed[first:last] += noise * np.sqrt(
        loud_power(speech[first:last]) / 10 ** (snr_db / 10) / np.mean(noise.astype(float) ** 2)
    )
    return mixed


def coded(samples, coding):
    if coding == "8 bit":
        return (np.round(samples * 127) / 128).astype(np.float32)
    if coding == "mu-law at 8 kHz":
        narrow = soxr.resample(samples, RATE, 8_000)
        level = np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256)
        level = np.round(level * 127) / 127
        narrow = np.sign(level) * (256.0 ** np.abs(level) - 1) / 255
        return soxr.resample(narrow, 8_000, RATE).astype(np.float32)
    return (np.round(samples * 32767) / 32768).astype(np.float32)


@pytest.fixture(scope="module")
def places(call, features_of):
    """(channel, start_s) of spans of 0.35 s within the speech of both sides."""
    found = []
    for row in (0, 1):
        spans = speech_spans(speech_mask(features_of(call[row]).speech_probability))
        found += [
            (row, at)
            for span in spans
            for at in np.arange(span.start_s, span.end_s - LENGTH, LENGTH)
        ]
    assert len(found) > 60
    return found


def cut(samples, at_s, length_s=LENGTH):
    return samples[round(at_s * RATE) : round((at_s + length_s) * RATE)]


def test_clean_words_have_no_floor_that_passes_for_noise(call, places):
    found = [noise_db(cut(call[row], at)) for row, at in places]
    assert np.mean([value < SURE_DB for value in found]) <= 0.03
    short = [noise_db(cut(call[row], at, LEAST_NOISE_S)) for row, at in places]
    assert np.mean([value < SURE_DB for value in short]) <= 0.05


@pytest.mark.parametrize("kind", ["white", "pink", "office"])
@pytest.mark.parametrize("snr_db", [-3, 0, 5])
def test_noise_under_one_word_is_measured_in_the_word(call, places, kind, snr_db):
    found = np.array(
        [
            noise_db(cut(under_noise(call[row], at, at + LENGTH, snr_db, kind), at))
            for row, at in places[::2]
        ]
    )
    assert np.mean(found < SURE_DB) > 0.9
    assert np.median(np.abs(found - snr_db)) < 1.5


@settings(max_examples=60)
@given(st.integers(0, 6_000), st.floats(0.0, 1.0), st.floats(-0.5, 0.5), st.integers(0, 99))
def test_any_samples_have_an_answer(frames, level, offset, seed):
    noise = np.random.default_rng(seed).uniform(-1, 1, frames)
    samples = np.clip(noise * level + offset, -1, 1).astype(np.float32)
    found = noise_db(samples)
    assert found is None or np.isfinite(found)
    assert (found is not None) <= (frames >= 1024)
    assert 0 <= flat_samples(samples) <= frames
    assert all(0 <= run.first < run.end <= frames for run in held_runs(samples))


def test_digital_silence_tells_nothing():
    silence = np.zeros(8_000, np.float32)
    assert noise_db(silence) is None
    assert flat_samples(silence) == 0
    assert held_runs(silence) == ()
    assert held_runs(silence + np.float32(0.1), zero=0.1) == ()


@pytest.mark.parametrize("coding", ["16 bit", "8 bit", "mu-law at 8 kHz"])
@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_whole_words_have_no_flat_tops_and_no_frozen_samples(call, places, coding, gain):
    sides = [coded(side * np.float32(gain), coding) for side in call]
    for row, at in places:
        word = cut(sides[row], at)
        assert flat_samples(word) <= 0.002 * len(word)
        assert held_runs(word) == ()


def test_a_word_clipped_below_the_files_peak_has_flat_tops(call, places):
    shares = []
    for row, at in places:
        word = coded(cut(call[row], at), "16 bit")
        bound = np.abs(word).max() / 4.0
        shares.append(flat_samples(np.clip(word, -bound, bound)) / len(word))
    assert np.mean(np.array(shares) > 0.02) > 0.95


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_a_frozen_sample_is_found_where_it_is_no_silence(call, rate):
    at = round((AT + 0.1) * rate)
    samples = soxr.resample(call[0, : 12 * RATE], RATE, rate).astype(np.float32)
    at += int(np.argmax(np.abs(samples[at : at + rate // 50])))
    samples[at : at + round(0.06 * rate)] = samples[at]
    heard = soxr.resample(samples, rate, RATE).astype(np.float32)
    (run,) = held_runs(cut(heard, AT, 0.4))
    assert run.first / RATE + AT == pytest.approx(at / rate, abs=0.012)
    assert (run.end - run.first) / RATE == pytest.approx(0.06, abs=0.02)


@pytest.fixture(scope="module")
def clean(call):
    hiss = np.random.default_rng(2).standard_normal(14 * RATE).astype(np.float32)
    return call[0, : 14 * RATE] + hiss * np.float32(2e-4)


def words_at(*starts):
    return [
        Word(text=f"w{index}", start_s=at, end_s=at + LENGTH, probability=0.9)
        for index, at in enumerate(starts)
    ]


def errors_of(words, wrong, evidence):
    heard = [word.text for word in words]
    gold = [f"not{text}" if index in wrong else text for index, text in enumerate(heard)]
    ranges = [(index, index + 1) for index in range(len(words))]
    diff = align_words(gold, heard).diff
    errors = find_errors(diff=diff, words=words, ranges=ranges, evidence=evidence)
    return errors, count_causes(errors, words=words, ranges=ranges, evidence=evidence)


@pytest.mark.parametrize("kind", ["white", "pink"])
@pytest.mark.parametrize("snr_db", [0.0, -5.0])
def test_noise_under_one_word_is_blamed_and_not_the_model(clean, opened, kind, snr_db):
    evidence = Evidence(opened(under_noise(clean, AT, AT + LENGTH, snr_db, kind)), 0)
    words = words_at(AT - LENGTH, AT, AT + LENGTH)
    (error,), counts = errors_of(words, {1}, evidence)
    cause = error.causes[0]
    assert (cause.kind, cause.strength) == ("low_snr", "strong")
    assert cause.evidence.endswith("noise under it alone")
    assert error.snr_db == pytest.approx(snr_db, abs=2.5)
    before, under, after = (word.snr_db for word in evidence.with_snr(words))
    assert under == error.snr_db
    assert min(before, after) > 20.0
    (low,) = [count for count in counts if count.kind == "low_snr"]
    assert (low.words_exposed, low.wrong_exposed, low.words_other) == (1, 1, 2)


def test_noise_over_several_words_is_found_under_each(clean, opened):
    evidence = Evidence(opened(under_noise(clean, AT, AT + 1.5, 0.0, "pink")), 0)
    starts = np.arange(AT, AT + 1.5 - LENGTH, LENGTH)
    assert all(evidence.under(at, at + LENGTH).is_own_noise for at in starts)
    assert not evidence.under(AT - 2 * LENGTH, AT - LENGTH).is_own_noise


def test_noise_that_the_pauses_know_stays_theirs(spoken):
    evidence = Evidence(spoken, 0)
    spans = speech_spans(speech_mask(spoken.features[0].speech_probability))
    found = [
        evidence.under(at, at + LENGTH)
        for span in spans
        for at in np.arange(span.start_s, span.end_s - LENGTH, 0.1)
    ]
    assert len(found) > 20
    assert np.mean([under.is_own_noise for under in found]) <= 0.03


def test_a_gate_that_opens_onto_noise_hides_it_no_more(clean, opened):
    gated = np.zeros_like(clean)
    first, last = round(6.0 * RATE), round(8.6 * RATE)
    gated[first:last] = under_noise(clean, 6.0, 8.6, 0.0, "pink")[first:last]
    evidence = Evidence(opened(gated), 0)
    assert evidence.clip_db is None
    assert evidence.under(AT, AT + LENGTH).snr_db < SURE_DB


def test_a_frozen_sample_and_a_clipped_word_are_blamed(clean, opened):
    samples = clean.copy()
    at = round((AT + 0.1) * RATE)
    at += int(np.argmax(np.abs(samples[at : at + RATE // 50])))
    samples[at : at + round(0.06 * RATE)] = samples[at]
    word = slice(round((AT + LENGTH) * RATE), round((AT + 2 * LENGTH) * RATE))
    bound = np.abs(samples[word]).max() / 4.0
    samples[word] = np.clip(samples[word], -bound, bound)
    audio = opened(samples)
    assert audio.native[0].clipped_samples == 0
    assert audio.native[0].stills == ()
    evidence = Evidence(audio, 0)
    (frozen, clipped), _ = errors_of(words_at(AT, AT + LENGTH), {0, 1}, evidence)
    assert (frozen.causes[0].kind, frozen.causes[0].strength) == ("dropout", "strong")
    assert frozen.causes[0].value == pytest.approx(60.0, abs=10.0)
    assert (clipped.causes[0].kind, clipped.causes[0].strength) == ("clipped", "strong")


def test_a_span_that_is_no_word_is_not_read(spoken):
    evidence = Evidence(spoken, 0)
    assert evidence.snr_db(4.5, 13.5) is not None
    assert not evidence.under(4.5, 13.5).is_own_noise
    assert evidence.under(50.0, 50.3).snr_db is None
    assert evidence.under(-3.0, -2.7).snr_db is None


def test_every_word_of_a_long_transcript_is_looked_at(spoken):
    evidence = Evidence(spoken, 0)
    words = words_at(*(index % 10_000 / 1_000 + 3.0 for index in range(0, 10_000, 20)))
    for word, found in zip(words, evidence.with_snr(words), strict=True):
        under = evidence.under(word.start_s, word.end_s)
        assert found.snr_db == pytest.approx(under.snr_db, abs=0.06)
