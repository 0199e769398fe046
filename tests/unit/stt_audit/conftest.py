"""Real speech in known noise for the audit's tests: the package's demo call."""

from __future__ import annotations

import dataclasses
import hashlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import soundfile

from echotrace.audio.features import FeatureExtractor
from echotrace.audio.handle import AudioOptions, open_audio
from tests.fakes.speech_models import SHARED

RATE = 16_000


@pytest.fixture(scope="session")
def call():
    """(2, frames) at 16 kHz: the caller and the agent of a call with pauses, nearly no noise."""
    for path in (Path(str(files("echotrace"))) / "demo/call.wav", SHARED / "models/demo/call.wav"):
        if path.is_file():
            samples, rate = soundfile.read(path, dtype="float32")
            assert rate == RATE
            samples = np.ascontiguousarray(samples.T)
            samples.flags.writeable = False
            return samples
    pytest.skip("no demo call: neither in the package nor beside the repository")


@pytest.fixture(scope="session")
def features_of():
    """Extract features; the same samples are listened to once, and nobody can write to these."""
    known = {}

    def extract(samples, *, start_s=0.0):
        samples = np.asarray(samples, np.float32)
        key = (hashlib.sha256(samples.tobytes()).digest(), start_s)
        if key not in known:
            extractor = FeatureExtractor(1, start_s=start_s)
            extractor.push(samples[None])
            (known[key],) = extractor.finish()
            for item in dataclasses.fields(known[key]):
                value = getattr(known[key], item.name)
                if isinstance(value, np.ndarray):
                    value.flags.writeable = False
        return known[key]

    return extract


@pytest.fixture
def opened(tmp_path):
    """Write samples to a file and open it with features; closed after the test."""
    handles = []

    def open_samples(samples, *, rate=RATE, **options):
        path = tmp_path / f"{len(handles)}.wav"
        soundfile.write(path, np.asarray(samples, np.float32).T, rate, subtype="PCM_16")
        handles.append(open_audio(path, options=AudioOptions(**options)))
        return handles[-1]

    yield open_samples
    for handle in handles:
        handle.close()


@pytest.fixture(scope="session")
def spoken(tmp_path_factory, call):
    """14 s of the caller in pink noise of 12 dB, opened once: speech from about 4.4 s on."""
    from echotrace.fixtures.mixing import active_power, add_noise
    from echotrace.fixtures.noises import make_noise

    speech = call[0, : 14 * RATE]
    noise = make_noise("pink", len(speech), RATE, np.random.default_rng(5))
    path = tmp_path_factory.mktemp("spoken") / "spoken.wav"
    soundfile.write(path, speech + add_noise(active_power(speech, RATE), noise, 12.0), RATE)
    with open_audio(path, options=AudioOptions()) as audio:
        yield audio
