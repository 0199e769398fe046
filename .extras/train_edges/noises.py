"""Noises for training: none of them is a recording, all come from a random generator."""

import numpy as np

RATE = 16_000


def shaped(rng, size, gain_of_hz):
    """White noise filtered by a gain per frequency."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    hz = np.fft.rfftfreq(size, 1 / RATE)
    return unit(np.fft.irfft(spectrum * gain_of_hz(np.maximum(hz, 10.0)), size))


def unit(x):
    return (x / max(np.sqrt(np.mean(x**2)), 1e-12)).astype(np.float32)


def tilted(rng, size, exponent):
    return shaped(rng, size, lambda hz: (hz / 1000.0) ** -exponent)


def random_shape(rng, size):
    knots = np.sort(rng.uniform(np.log(40), np.log(8000), 8))
    level = np.cumsum(rng.normal(0, 5, 8)) + np.linspace(0, rng.uniform(-25, 5), 8)
    return shaped(rng, size, lambda hz: 10 ** (np.interp(np.log(hz), knots, level) / 20))


def swaying(rng, x):
    t = np.arange(len(x)) / RATE
    depth_db = rng.uniform(2, 8)
    sway = np.sin(2 * np.pi * rng.uniform(0.05, 0.8) * t + rng.uniform(0, 6.28))
    return unit(x * 10 ** (depth_db * sway / 20))


def hum(rng, size):
    t = np.arange(size) / RATE
    f0 = rng.choice([50.0, 60.0]) * rng.choice([1.0, 1.0, 2.0])
    tone = sum(
        rng.uniform(0.1, 1) / k * np.sin(2 * np.pi * f0 * k * t + rng.uniform(0, 6.28))
        for k in range(1, int(rng.integers(3, 12)))
    )
    return unit(unit(tone) + 10 ** (rng.uniform(-25, -3) / 20) * tilted(rng, size, 0.5))


def fan(rng, size):
    t = np.arange(size) / RATE
    f0 = rng.uniform(60, 260)
    drift = np.cumsum(tilted(rng, size, 1.5)) * 1e-4
    tone = sum(
        rng.uniform(0.2, 1) / k**0.7 * np.sin(2 * np.pi * f0 * k * (t + drift) + rng.uniform(0, 6))
        for k in range(1, 9)
    )
    return unit(unit(tone) * rng.uniform(0.1, 0.8) + tilted(rng, size, rng.uniform(0.3, 1.2)))


def clicks(rng, size, rate_hz, low_ms, high_ms, low_hz, high_hz):
    """Short bursts at random times: keys, raindrops, dishes."""
    out = np.zeros(size, np.float32)
    for _ in range(int(rng.poisson(rate_hz * size / RATE))):
        length = int(rng.uniform(low_ms, high_ms) * RATE / 1000)
        at = int(rng.integers(0, max(size - length, 1)))
        t = np.arange(length) / RATE
        body = rng.standard_normal(length) * 0.5 + np.sin(
            2 * np.pi * np.exp(rng.uniform(np.log(low_hz), np.log(high_hz))) * t
        )
        burst = body * np.exp(-t * 1000 * 4 / (low_ms + high_ms)) * np.exp(rng.normal(0, 0.6))
        out[at : at + length] += burst[: size - at].astype(np.float32)
    return out


def knocks(rng, size):
    """Dishes, doors, keys out of silence, or nearly so."""
    low = rng.uniform(5, 60)
    loud = clicks(rng, size, rng.uniform(0.5, 8), low, low * rng.uniform(2, 6), 100, 6000)
    return unit(unit(loud + 1e-6) + 10 ** (-rng.uniform(10, 60) / 20) * tilted(rng, size, 0.5))


def typing(rng, size):
    """Keys in bouts of a few seconds."""
    keys = clicks(rng, size, rng.uniform(4, 10), 8, 35, 900, 5000)
    bouts = np.repeat(rng.random(size // RATE + 2) < 0.5, RATE)[:size]
    return keys * bouts


def office(rng, size, talkers):
    parts = unit(tilted(rng, size, rng.uniform(0.7, 1.6)))
    parts = parts + 10 ** (rng.uniform(-12, 0) / 20) * hum(rng, size)
    parts = parts + 10 ** (rng.uniform(-14, -2) / 20) * babble(rng, size, talkers, 6)
    parts = parts + rng.uniform(0.5, 3.0) * typing(rng, size)
    parts = parts + rng.uniform(0.5, 4.0) * clicks(rng, size, 0.25, 60, 200, 50, 200)
    return unit(parts)


def babble(rng, size, talkers, count):
    """``talkers()`` returns one clip of a random other voice."""
    out = np.zeros(size, np.float32)
    for _ in range(count):
        at = -int(rng.integers(0, 3 * RATE))
        gain = 10 ** (rng.uniform(-6, 3) / 20)
        while at < size:
            clip = unit(talkers())
            part = clip[max(-at, 0) : size - at]
            out[max(at, 0) : max(at, 0) + len(part)] += gain * part
            at += len(clip) + int(rng.uniform(0.05, 0.8) * RATE)
    return unit(out)


def music(rng, size):
    """Chords with a beat: nothing one would listen to, but tonal and rhythmic."""
    out = np.zeros(size)
    beat = int(rng.uniform(0.25, 0.7) * RATE)
    root = rng.uniform(90, 220)
    for at in range(0, size, beat):
        length = min(int(beat * rng.uniform(0.8, 3)), size - at)
        t = np.arange(length) / RATE
        for step in rng.choice([0, 3, 4, 5, 7, 9, 12, 16, 19, 24], 3):
            f = root * 2 ** (step / 12)
            for k in range(1, 5):
                out[at : at + length] += np.sin(2 * np.pi * f * k * t) / k**1.3 * np.exp(-2.5 * t)
    return unit(unit(out) + 0.3 * unit(clicks(rng, size, RATE / beat, 20, 80, 100, 7000) + 1e-6))


def draw(rng, size, talkers):
    """One random noise: (kind, samples of power 1)."""
    kinds = {
        "white": 0.15, "pink": 0.12, "brown": 0.05, "tilted": 0.08, "shape": 0.09, "hum": 0.04,
        "clicks": 0.05, "fan": 0.04, "rain": 0.03, "office": 0.14, "babble": 0.30, "music": 0.04,
    }  # fmt: skip
    kind = str(rng.choice(list(kinds), p=np.array(list(kinds.values())) / sum(kinds.values())))
    make = {
        "white": lambda: tilted(rng, size, 0.0),
        "pink": lambda: tilted(rng, size, 0.5),
        "brown": lambda: tilted(rng, size, 1.0),
        "tilted": lambda: tilted(rng, size, rng.uniform(-0.3, 1.2)),
        "shape": lambda: random_shape(rng, size),
        "hum": lambda: hum(rng, size),
        "fan": lambda: fan(rng, size),
        "rain": lambda: unit(
            0.6 * tilted(rng, size, 0.2) + unit(clicks(rng, size, 80, 3, 20, 800, 7000))
        ),
        "clicks": lambda: knocks(rng, size),
        "office": lambda: office(rng, size, talkers),
        "babble": lambda: babble(rng, size, talkers, int(rng.integers(3, 13))),
        "music": lambda: music(rng, size),
    }[kind]
    noise = make()
    if kind not in ("babble", "music", "office") and rng.random() < 0.2:
        noise = swaying(rng, noise)
    return kind, noise
