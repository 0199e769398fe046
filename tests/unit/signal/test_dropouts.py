from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.audio.dropouts import Still, StillMeter, inside_speech
from echotrace.audio.gate import has_own_silence
from echotrace.audio.snr import estimate_snr
from echotrace.audio.vad import SpeechSpan
from tests.fakes.audio_files import voice

RATE = 16_000
PACKET = 320


def stills(samples, rate=RATE, *, blocks=None):
    meter = StillMeter(rate)
    samples = np.asarray(samples, np.float32)
    begin = 0
    for size in blocks or []:
        meter.push(samples[begin : begin + size])
        begin += size
    meter.push(samples[begin:])
    return meter.result()


def level_dbfs(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12)


def heard_losses(samples, spans, packets, share=0.06, seed=0):
    """Sample numbers of packets in the speech whose loss is heard: at -45 dBFS and above."""
    random = np.random.default_rng(seed)
    found = []
    for span in spans:
        first = round(span.start_s * RATE)
        for at in range(first + PACKET, round(span.end_s * RATE) - PACKET, PACKET):
            if random.random() > share or (found and at < found[-1] + (packets + 2) * PACKET):
                continue
            if min(level_dbfs(samples[at - 160 : at]), level_dbfs(samples[at : at + 320])) > -45:
                found.append(at)
    return found


@pytest.mark.parametrize(("packets", "share"), [(1, 0.85), (2, 0.8), (5, 0.65)])
def test_lost_packets_in_speech_are_found_where_they_are(call, extract, packets, share):
    for row in call:
        spans = estimate_snr(extract(row)[0]).spans
        lost = heard_losses(row, spans, packets)
        damaged = row.copy()
        for at in lost:
            damaged[at : at + packets * PACKET] = 0
        spans = estimate_snr(extract(damaged)[0]).spans
        found = inside_speech(stills(damaged), spans, rate_hz=RATE, start_s=0)
        near = [any(abs(place * RATE - at) < 32 for place, _ in found) for at in lost]
        assert len(lost) > 15
        # What is missed lies at the end of a word: the stretch of speech ends before it.
        assert np.mean(near) >= share


def test_speech_with_pauses_of_digital_silence_has_no_dropouts(call, extract):
    for row in call:
        features = extract(row)[0]
        silenced = row.copy()
        spans = estimate_snr(features).spans
        for one, other in pairwise(spans):
            silenced[round((one.end_s + 0.1) * RATE) : round((other.start_s - 0.1) * RATE)] = 0
        assert has_own_silence(extract(silenced)[0])
        assert not inside_speech(stills(row), spans, rate_hz=RATE, start_s=0)
        assert not inside_speech(stills(silenced), spans, rate_hz=RATE, start_s=0)


def test_a_loss_lies_on_the_recordings_clock():
    samples = voice(2.0, level=0.5)
    at = int(np.argmax(np.abs(samples[8_000:]))) + 8_000
    samples[at : at + PACKET] = 0
    (still,) = stills(samples)
    assert abs(still.first - at) <= 2
    assert abs(still.end - at - PACKET) <= 2
    ((at_s, duration_s),) = inside_speech(
        [still], [SpeechSpan(10.0, 12.0)], rate_hz=RATE, start_s=10.0
    )
    assert at_s == pytest.approx(10.0 + at / RATE, abs=1e-3)
    assert duration_s == pytest.approx(0.02, abs=1e-3)


@pytest.mark.parametrize(
    ("first", "end", "counts"),
    [
        (1.5, 1.52, True),
        (0.98, 1.0, True),  # 20 ms before a stretch: its edges are known to 30 ms
        (0.9, 0.93, False),
        (1.95, 2.1, True),  # a stretch that was split: the next one begins 0.2 s later
        (2.95, 3.2, False),
        (1.95, 2.04, False),
    ],
)
def test_only_what_interrupts_speech_counts(first, end, counts):
    spans = [SpeechSpan(1.0, 2.0), SpeechSpan(2.3, 3.0)]
    still = Still(round(first * RATE), round(end * RATE))
    assert bool(inside_speech([still], spans, rate_hz=RATE, start_s=0)) is counts


@pytest.mark.parametrize(("ms", "counts"), [(20, True), (30.4, True), (12.5, False), (5, False)])
def test_in_a_channel_with_silence_of_its_own_only_packets_count(ms, counts):
    still = Still(RATE, RATE + round(ms * RATE / 1000))
    found = inside_speech(
        [still], [SpeechSpan(0.5, 2.0)], rate_hz=RATE, start_s=0, only_packets=True
    )
    assert bool(found) is counts


def faded(samples, at, length):
    """Silence that the wave sinks into and rises from within 4 ms, as a voice's own stop."""
    silenced = samples.copy()
    silenced[at : at + length] = 0
    ramp = np.linspace(1, 0, 64) ** 2
    silenced[at - 64 : at] *= ramp
    silenced[at + length : at + length + 64] *= ramp[::-1]
    return np.round(silenced * 32768) / 32768


@pytest.mark.parametrize(
    "change",
    [
        lambda x: np.where(np.arange(x.size) >= 9_600, 0, x),  # silence that never ends
        lambda x: faded(x, 9_000, 400),
        lambda x: x * 0.01,  # too quiet to be heard
        lambda x: np.where((np.arange(x.size) // 60) % 40 == 7, 0, x),  # 3.75 ms
        lambda x: np.where((np.arange(x.size) > 8_000) & (np.arange(x.size) < 14_000), 0, x),
    ],
    ids=["to the end", "faded", "quiet", "short", "a pause"],
)
def test_what_is_no_loss_is_not_called_one(change):
    samples = change(voice(1.2, level=0.5))
    assert not stills(samples)


def test_a_voice_in_8_bits_fades_in_few_steps():
    fading = voice(4.0, level=0.3) * np.linspace(1, 0, 4 * RATE)
    assert not stills(np.round(fading * 128) / 128)


def test_silence_that_is_no_zero_is_silence():
    samples = voice(1.0, level=0.5)
    at = int(np.argmax(samples[4_000:])) + 4_000
    samples[at : at + PACKET] = np.float32(8 / 32_768)  # what A-law makes of zero
    assert len(stills(samples)) == 1


@given(
    seed=st.integers(0, 2**16),
    blocks=st.lists(st.integers(1, 900), max_size=20),
    rate=st.sampled_from([8_000, 16_000, 44_100]),
)
@settings(max_examples=60)
def test_the_block_size_never_changes_the_places(seed, blocks, rate):
    random = np.random.default_rng(seed)
    samples = random.normal(0, 0.1, 9_000).astype(np.float32)
    for at in random.integers(0, 9_000, 8):
        samples[at : at + random.integers(1, rate // 20)] = 0
    whole = stills(samples, rate)
    assert whole == stills(samples, rate, blocks=blocks)
    assert list(whole) == sorted(whole, key=lambda still: still.first)
    for still in whole:
        assert not samples[still.first : still.end].any()
        assert samples[still.first - 1] != 0
        assert still.end == samples.size or samples[still.end] != 0
