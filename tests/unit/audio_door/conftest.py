from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from echotrace.audio.handle import Audio, AudioOptions, open_audio
from tests.fakes.audio_files import NoFeatures

# onnxruntime 1.31 opens a database for Microsoft's telemetry when it is imported without this.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


@pytest.fixture(autouse=True)
def nothing_left(tmp_path_factory, monkeypatch):
    """Every test must close what it opens and leave no temporary file behind."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    before = _open_files()
    yield
    assert list(folder.iterdir()) == []
    assert _open_files() <= before


def _open_files() -> set[str]:
    if sys.platform != "linux":
        return set()
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith("/") and not target.startswith(("/dev", "/proc")):
            found.add(f"{entry.name} {target}")
    return found


@pytest.fixture
def opened(tmp_path):
    """Write bytes to a file and open it through the door, without features."""
    handles: list[Audio] = []

    def open_bytes(data: bytes, name: str = "call.wav", **options) -> Audio:
        path = tmp_path / name
        path.write_bytes(data)
        audio = open_audio(path, options=AudioOptions(**options), make_extractor=NoFeatures)
        handles.append(audio)
        return audio

    yield open_bytes
    for handle in handles:
        handle.close()
