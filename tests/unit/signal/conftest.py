"""Speech for the signal tests: the package's demo call, else the one beside the repository."""

from __future__ import annotations

import dataclasses
import hashlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from echotrace.audio.features import FeatureExtractor

SHARED = Path(__file__).resolve().parents[3] / "../shared"


@pytest.fixture(scope="session")
def call_path():
    """A two-channel call at 16 kHz: real speech-like content with pauses and a low noise floor."""
    for path in (Path(str(files("echotrace"))) / "demo/call.wav", SHARED / "models/demo/call.wav"):
        if path.is_file():
            return path
    pytest.skip("no demo call: neither in the package nor beside the repository")


@pytest.fixture(scope="session")
def call(call_path):
    samples, rate = sf.read(call_path, dtype="float32", always_2d=True)
    assert rate == 16_000
    samples = np.ascontiguousarray(samples.T)
    samples.flags.writeable = False
    return samples


@pytest.fixture(scope="session")
def speech(call):
    """20 s of one speaker with pauses, mono, read-only."""
    return call[1, : 20 * 16_000]


def frozen(features):
    """Nobody can write to features that several tests share."""
    for item in dataclasses.fields(features):
        value = getattr(features, item.name)
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return features


@pytest.fixture(scope="session")
def extract():
    """Extract features; the same samples in one piece are listened to once."""
    known = {}

    def features_of(samples, *, block=None, start_s=0.0):
        samples = np.atleast_2d(np.asarray(samples, np.float32))
        if block:
            return heard(samples, block, start_s)
        key = (hashlib.sha256(samples.tobytes()).digest(), samples.shape, start_s)
        if key not in known:
            known[key] = tuple(frozen(one) for one in heard(samples, block, start_s))
        return known[key]

    def heard(samples, block, start_s):
        extractor = FeatureExtractor(len(samples), start_s=start_s)
        size = block or max(1, samples.shape[1])
        for at in range(0, samples.shape[1], size):
            extractor.push(samples[:, at : at + size])
        return extractor.finish()

    return features_of
