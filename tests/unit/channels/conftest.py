from __future__ import annotations

import os
import tempfile
from importlib.resources import files

import numpy as np
import pytest
import soundfile as sf

from echotrace.audio.features import FeatureExtractor

# onnxruntime 1.31 opens a database for Microsoft's telemetry when it is imported without this.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


@pytest.fixture
def nothing_left(tmp_path_factory, monkeypatch):
    """Every test must leave no temporary file behind."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="session")
def call():
    """The demo call: the caller on channel 0, the agent on channel 1, (2, frames), read-only."""
    samples, rate = sf.read(str(files("echotrace") / "demo/call.wav"), dtype="float32")
    assert rate == 16_000
    samples = np.ascontiguousarray(samples.T)
    samples.flags.writeable = False
    return samples


@pytest.fixture(scope="session")
def extract():
    def features_of(samples, *, start_s=0.0):
        extractor = FeatureExtractor(len(samples), start_s=start_s)
        extractor.push(np.ascontiguousarray(samples, np.float32))
        return extractor.finish()

    return features_of
