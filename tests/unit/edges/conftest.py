"""Channels for the edge tests: the package's demo call, and noises made by the fixtures room."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from echotrace.audio.edges import find_speech
from echotrace.audio.features import FeatureExtractor
from echotrace.audio.levels import active_level
from echotrace.fixtures.noises import make_noise

RATE = 16_000
HOP = 128
CALL = Path(str(files("echotrace"))) / "demo/call.wav"


@pytest.fixture(scope="session")
def call():
    """The demo call (2, frames) at 16 kHz, read-only: caller, agent; a faint dither, no noise."""
    samples, rate = sf.read(CALL, dtype="float32", always_2d=True)
    assert rate == RATE
    samples = np.ascontiguousarray(samples.T)
    samples.flags.writeable = False
    return samples


@pytest.fixture(scope="session")
def speech_of():
    """Run the finder on one channel (frames,)."""

    def find(samples, *, start_s=0.0):
        samples = np.array(samples, np.float32)
        extractor = FeatureExtractor(1, start_s=start_s)
        extractor.push(samples[None, :])
        (features,) = extractor.finish()
        samples.flags.writeable = False

        def read(begin_s, end_s):
            begin, end = (round((at - start_s) * RATE) for at in (begin_s, end_s))
            return samples[max(begin, 0) : max(end, 0)]

        return find_speech(read, features)

    return find


@pytest.fixture(scope="session")
def noisy():
    """Add noise of a kind at an SNR against the active speech level, of ``whole`` if given."""

    def mix(stem, kind, snr_db, seed=1, *, whole=None):
        level = active_level(stem if whole is None else whole).level_dbfs
        noise = make_noise(kind, len(stem), RATE, np.random.default_rng(seed))
        return stem + noise * np.float32(10 ** ((level - snr_db) / 20))

    return mix


@pytest.fixture(scope="session")
def defined():
    """The definition, written anew: intervals in seconds, pauses below 0.2 s filled."""

    def intervals(stem):
        threshold = 10 ** ((active_level(stem).level_dbfs - 20) / 10)
        frames = stem[: len(stem) // HOP * HOP].reshape(-1, HOP).astype(np.float64)
        above = np.flatnonzero((frames**2).mean(axis=1) > threshold)
        cuts = np.flatnonzero(np.diff(above) > 25)
        first = above[np.concatenate([[0], cuts + 1])]
        last = above[np.concatenate([cuts, [len(above) - 1]])] + 1
        return [
            (a * HOP / RATE, b * HOP / RATE)
            for a, b in zip(first.tolist(), last.tolist(), strict=True)
        ]

    return intervals
