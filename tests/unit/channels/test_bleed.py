"""Leaks between the channels: found, measured, taken off; and none found where there is none."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile as sf
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echotrace.audio.bleed import Canceller, find_bleed
from echotrace.audio.bleed_fit import Samples, _solved
from echotrace.audio.stop import Stopped
from tests.fakes.array_reader import ArrayReader

RATE = 16_000


def db(power: float) -> float:
    return float(10 * np.log10(max(power, 1e-20)))


def power(samples) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def filtered(samples, response):
    size = 1 << (len(samples) + len(response)).bit_length()
    product = np.fft.rfft(samples, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[: len(samples)]


def path(delay_ms, *, band=None, room_s=0.0, seed=0):
    """An impulse response of power 1: a delay, a band limit, a room that fades."""
    delay = delay_ms * RATE / 1000
    time_n = np.arange(round(delay) + 4_000)
    response = np.sinc(time_n - delay) * (np.abs(time_n - delay) < 40)
    if room_s:
        after = (time_n - delay) / RATE
        tail = np.random.default_rng(seed).standard_normal(len(time_n))
        tail *= np.exp(-6.9 * after / room_s) * (after > 0.002)
        response = response + 0.7 * tail / np.sqrt(np.sum(tail**2))
    if band:
        m = np.arange(-200, 201)
        low, high = (2 * hz / RATE * np.sinc(2 * hz / RATE * m) for hz in band)
        response = np.convolve(response, (high - low) * np.hamming(401))[200:-200]
    return response / np.sqrt(np.sum(response**2))


def leak_of(source, attenuation_db, response):
    leak = filtered(source, response)
    return leak * 10 ** (-attenuation_db / 20) * np.sqrt(power(source) / power(leak))


def noise(frames, level_dbfs, *, seed, slope=0.5):
    """Noise whose power falls with frequency to the power of 2 * slope; white for 0."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(frames))
    spectrum /= np.maximum(np.fft.rfftfreq(frames, 1 / RATE), 20.0) ** slope
    samples = np.fft.irfft(spectrum, frames)
    return samples * 10 ** (level_dbfs / 20) / np.sqrt(power(samples))


def telephone(samples):
    target = io.BytesIO()
    sf.write(target, soxr.resample(samples, RATE, 8_000), 8_000, "ULAW", format="WAV")
    target.seek(0)
    back = soxr.resample(sf.read(target, dtype="float32")[0], 8_000, RATE)
    return np.resize(back, len(samples))


@pytest.fixture(scope="module")
def look(extract):
    def find(samples, *, start_s=0.0):
        samples = np.asarray(samples, np.float32)
        reader = Shifted(samples, start_s)
        end_s = start_s + samples.shape[1] / RATE
        found = find_bleed(reader.read, start_s, end_s, extract(samples, start_s=start_s))
        return found, Canceller(reader.read, found, start_s=start_s, end_s=end_s)

    return find


class Shifted:
    """A recording whose cut begins at ``start_s``."""

    def __init__(self, samples, start_s) -> None:
        self._reader = ArrayReader(samples)
        self._start_s = start_s

    def read(self, channel, start_s, end_s):
        return self._reader.read(channel, start_s - self._start_s, end_s - self._start_s)


STRAIGHT, LINE = (12, 0.0, {}), (20, 120.3, {"band": (300, 3_400)})
ROOM, LATE = (20, 41.0, {"room_s": 0.15}), (30, 300.0, {"band": (100, 3_000)})


@pytest.mark.parametrize(
    ("attenuation", "delay", "shape", "noisy"),
    [
        *((*leak, False) for leak in (STRAIGHT, LINE, ROOM, LATE)),
        *((*leak, True) for leak in (STRAIGHT, ROOM)),
        *(pytest.param(*leak, True, marks=pytest.mark.slow) for leak in (LINE, LATE)),
    ],
)
def test_a_leak_is_found_measured_and_taken_off(call, look, attenuation, delay, shape, noisy):
    leak = leak_of(call[1], attenuation, path(delay, **shape))
    heard = call.astype(np.float64)
    heard[0] += leak
    if noisy:
        heard[0] += noise(len(leak), -34.0, seed=attenuation)  # 10 dB below the caller
    (found,), canceller = look(heard)
    assert (found.from_channel, found.into_channel) == (1, 0)
    assert found.delay_ms == pytest.approx(delay, abs=2.0)
    assert found.attenuation_db == pytest.approx(attenuation, abs=1.5)
    assert 0.8 <= found.confidence <= 1.0
    left = heard[0] - leak - canceller.read(0, 0.0, 99.0)
    # The agent speaks for 20 s: a filter of 128 ms is as good as the noise in them allows, which is
    # 40 dB below the agent on this call as it is.
    assert db(power(leak)) - db(power(left)) > (9 if noisy else min(20, 43 - attenuation))
    assert db(power(left)) - db(power(call[1])) < found.residual_db + 3
    # The caller's own words are as they were.
    assert db(power(call[0])) - db(power(left)) > (25 if noisy else 40)


@pytest.mark.parametrize(
    ("attenuation", "delay"), [pytest.param(40, 7.0, marks=pytest.mark.slow), (45, 80.0)]
)
def test_a_leak_below_the_noise_of_the_line_is_found(call, look, attenuation, delay):
    heard = call.astype(np.float64)
    heard[0] += leak_of(call[1], attenuation, path(delay))
    (found,), _ = look(heard)
    assert found.delay_ms == pytest.approx(delay, abs=0.2)
    assert found.attenuation_db == pytest.approx(attenuation, abs=4)


def test_the_caller_leaks_into_the_agents_channel_too(call, look):
    heard = call.astype(np.float64)
    heard[0] += leak_of(call[1], 15, path(60.0))
    heard[1] += leak_of(call[0], 25, path(20.0))
    found, canceller = look(heard)
    assert {(leak.from_channel, round(leak.delay_ms)) for leak in found} == {(1, 60), (0, 20)}
    for channel, most in ((0, 20), (1, 15)):
        left = canceller.read(channel, 0.0, 99.0) - call[channel]
        leaked = heard[channel] - call[channel]
        assert db(power(leaked)) - db(power(left)) > most


def test_a_leak_through_a_telephone_line(call, look):
    leak = leak_of(call[1], 20, path(90.0))
    heard = np.stack([telephone(call[0] + leak), telephone(call[1])])
    (found,), canceller = look(heard)
    assert found.attenuation_db == pytest.approx(20, abs=1)
    left = canceller.read(0, 0.0, 99.0) - telephone(call[0])
    assert db(power(leak)) - db(power(left)) > 12  # its own quantisation noise is counted as left


def test_the_gain_of_a_leak_is_followed(call, look):
    leak = leak_of(call[1], 20, path(90.0))
    swing_db = 3 * np.sin(2 * np.pi * np.arange(len(leak)) / RATE / 20)
    leak *= 10 ** (swing_db / 20)
    heard = call.astype(np.float64)
    heard[0] += leak
    (found,), canceller = look(heard)
    left = canceller.read(0, 0.0, 99.0) - call[0]
    assert db(power(leak)) - db(power(left)) > 20
    assert found.residual_db < -30


def test_a_caller_who_talks_over_the_agent_is_not_harmed(call, look):
    heard = call.astype(np.float64)
    heard[0] = np.roll(call[0], -2 * RATE) + call[0]  # into the agent's turns
    leak = leak_of(call[1], 12, path(70.0, room_s=0.1))
    own = heard[0].copy()
    heard[0] += leak
    (_,), canceller = look(heard)
    left = canceller.read(0, 0.0, 99.0) - own
    assert db(power(own)) - db(power(left)) > 30


HAZARDS = {
    "nothing": lambda call, seed: call,
    "own noise": lambda call, seed: call + [noise(call.shape[1], -40, seed=s) for s in (seed, 99)],
    "hum": lambda call, seed: (
        call
        + sum(np.sin(2 * np.pi * 50 * k * np.arange(call.shape[1]) / RATE) for k in (1, 2, 3, 5))
        * 0.01
    ),
    "one noise in both": lambda call, seed: call + noise(call.shape[1], -45, seed=seed),
    "one hiss, later in one": lambda call, seed: (
        call + [np.roll(noise(call.shape[1], -50, seed=seed, slope=0), lag) for lag in (0, 48)]
    ),
    "a tone in both": lambda call, seed: (
        call + 0.02 * np.sin(2 * np.pi * 440 * np.arange(call.shape[1]) / RATE)
    ),
    "an offset": lambda call, seed: call + 0.01,
    "telephone": lambda call, seed: np.stack([telephone(row) for row in call]),
    "coarse steps": lambda call, seed: np.round(call * 128) / 128,
}


@pytest.mark.parametrize("seed", [pytest.param(1, marks=pytest.mark.slow), 2, 3])
@pytest.mark.parametrize("name", list(HAZARDS))
def test_channels_without_a_leak_have_none(call, look, name, seed):
    moved = np.stack([call[0], np.roll(call[1], 3 * RATE * (seed - 1))])
    moved = moved[:, : (44, 30, 20)[seed - 1] * RATE]
    assert look(HAZARDS[name](moved.astype(np.float64), seed))[0] == ()


def test_digital_silence_and_one_channel_have_none(call, extract, look):
    assert look(np.stack([call[0], 0 * call[0]]))[0] == ()
    assert find_bleed(ArrayReader(call[:1]).read, 0.0, 9.0, extract(call[:1])) == ()


@pytest.fixture(scope="module")
def leaky(call):
    heard = call.astype(np.float64)
    heard[0] += leak_of(call[1], 20, path(90.0, room_s=0.3))
    return heard.astype(np.float32)


@pytest.fixture(scope="module")
def looked(leaky, look):
    """What was found in the leaky call, and the canceller of it."""
    return look(leaky)


@pytest.fixture(scope="module")
def cancelled(looked):
    """The caller's channel without the leak, read in one piece."""
    samples = looked[1].read(0, 0.0, 99.0)
    samples.flags.writeable = False
    return samples


def test_a_cut_that_begins_later_changes_nothing(leaky, look, looked):
    (plain,), at_zero = looked
    (late,), shifted = look(leaky, start_s=100.5)
    assert late.attenuation_db == pytest.approx(plain.attenuation_db)
    assert np.allclose(shifted.read(0, 103.5, 107.5), at_zero.read(0, 3.0, 7.0), atol=1e-7)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(start=st.integers(-RATE, 45 * RATE), count=st.integers(0, 5 * RATE))
def test_how_it_is_read_changes_nothing(leaky, looked, cancelled, start, count):
    found, _ = looked
    truth = cancelled[max(0, start) : max(0, start + count)]
    fresh = Canceller(ArrayReader(leaky).read, found, start_s=0.0, end_s=leaky.shape[1] / RATE)
    heard = fresh.read(0, start / RATE, (start + count) / RATE)
    assert heard.dtype == np.float32
    assert heard.shape == truth.shape
    assert np.allclose(heard, truth, atol=1e-6)
    assert np.array_equal(fresh.read(1, 1.0, 2.0), leaky[1, RATE : 2 * RATE])


def test_what_is_left_of_a_leak_is_explained_and_speech_is_not(looked):
    _, canceller = looked
    for start_s, end_s in ((0.5, 2.5), (9.4, 12.0), (25.0, 28.0)):  # the agent alone
        assert canceller.explained(0, start_s, end_s) > 0.5
    for start_s, end_s in ((5.3, 9.0), (14.0, 16.5), (31.0, 32.4)):  # the caller
        assert canceller.explained(0, start_s, end_s) < 0.05
    assert canceller.explained(1, 0.5, 2.5) == 0.0
    assert 0.0 <= canceller.explained(0, 0.5, 0.51) <= 1.0
    assert canceller.explained(0, 5.0, 5.0) == 0.0


def test_it_can_be_stopped(leaky, extract):
    def stop():
        return True

    with pytest.raises(Stopped):
        find_bleed(ArrayReader(leaky).read, 0.0, 40.0, extract(leaky), should_stop=stop)


@given(seed=st.integers(0, 1_000), size=st.sampled_from([8, 64, 256]))
@settings(max_examples=30)
def test_the_equations_are_solved(seed, size):
    random = np.random.default_rng(seed)
    signal = np.convolve(random.standard_normal(8 * size), [1.0, -0.8, 0.3])
    auto = np.correlate(signal, signal, "full")[len(signal) - 1 :][:size]
    ridge = random.uniform(0.5, 2.0, size) * auto[0] * 1e-3
    cross = random.standard_normal(size)
    order = np.arange(size)
    matrix = auto[np.abs(order[:, None] - order)] + np.diag(ridge)
    truth = np.linalg.solve(matrix, cross)
    assert np.linalg.norm(_solved(auto, cross, ridge) - truth) < 1e-3 * np.linalg.norm(truth)


def test_samples_outside_the_recording_are_zero(call):
    samples = Samples(ArrayReader(call).read, 0.0, call.shape[1] / RATE)
    assert np.array_equal(samples.at(0, -5, 10), np.append(np.zeros(5), call[0, :5]))
    assert np.array_equal(samples.at(1, samples.frames - 3, 6)[:3], call[1, -3:])
    assert not samples.at(1, samples.frames, 6).any()
