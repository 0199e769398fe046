"""Playing a stretch: by a real process with sound systems good and bad, or as a file."""

from __future__ import annotations

import ctypes.util
import hashlib
import importlib.util
import os
import re
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from echotrace.errors import InputError, StorageError
from echotrace.model.report import Channel, Source
from echotrace.tui import play as playing
from echotrace.tui.play import CLIPS_KEPT, clips_folder, play
from echotrace.tui.recording import Recording

RATE = 8_000

_FAKE = """
import os, sys, time
class PortAudioError(Exception): pass
def query_devices(kind): return {"max_output_channels": CHANNELS}
class RawOutputStream:
    def __init__(self, samplerate, channels, dtype, blocksize):
        self.file = open(os.environ["HEARD"], "ab")
        self.head = f"{samplerate} {channels} {dtype}\\n".encode()
        OPEN
        self.file.write(self.head)
    def __enter__(self): return self
    def __exit__(self, *_): self.file.close()
    def write(self, data):
        self.file.write(data)
        self.file.flush()
        WRITE
"""


@pytest.fixture
def samples():
    whole = np.random.default_rng(0).integers(-30_000, 30_000, (10 * RATE, 2))
    return (whole / 32_768).astype(np.float32)


@pytest.fixture
def recording(tmp_path, samples):
    path = tmp_path / "My call (1).wav"
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    made = Recording(
        Source(
            path=str(path),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            codec="pcm_16",
            decoder="libsndfile 1",
            sample_rate_hz=RATE,
            channels=(Channel(index=0, role="caller"), Channel(index=1, role="agent")),
        )
    )
    yield made
    made.close()


@pytest.fixture
def sound(tmp_path, monkeypatch):
    """Put a sound system in the place of sounddevice; return the file of what it was given."""
    heard = tmp_path / "heard"
    monkeypatch.setenv("HEARD", str(heard))

    def install(channels=2, opens="pass", writes="pass", whole=None):
        folder = tmp_path / "fake"
        folder.mkdir(exist_ok=True)
        text = _FAKE.replace("CHANNELS", str(channels))
        text = text.replace("OPEN", opens).replace("WRITE", writes)
        (folder / "sounddevice.py").write_text(whole or text)
        monkeypatch.syspath_prepend(folder)
        return heard

    return install


@pytest.fixture
def missing(monkeypatch):
    """Nothing that plays is installed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def written(told):
    """The path in a sentence about a clip that was written."""
    found = re.search(r" to\n(\S+\.wav)\Z", told)
    assert found, told
    return Path(found[1]).expanduser()


def test_the_device_gets_the_samples_of_the_stretch(recording, samples, sound):
    heard = sound()
    assert play(recording, 1.0, 2.5) == "played 0:01.00 to 0:02.50"
    head, _, data = heard.read_bytes().partition(b"\n")
    assert head == b"8000 2 float32"
    assert np.array_equal(np.frombuffer(data, "<f4").reshape(-1, 2), samples[RATE : 5 * RATE // 2])
    assert not clips_folder().path.exists() or not list(clips_folder().path.iterdir())


def test_one_channel_is_played_alone(recording, samples, sound):
    heard = sound()
    assert play(recording, 0.0, 1.0, channel=1) == "played 0:00.00 to 0:01.00"
    head, _, data = heard.read_bytes().partition(b"\n")
    assert head == b"8000 1 float32"
    assert np.array_equal(np.frombuffer(data, "<f4"), samples[:RATE, 1])


def test_a_device_with_one_channel_gets_the_mean(recording, samples, sound):
    heard = sound(channels=1)
    assert play(recording, 0.0, 1.0).startswith("played")
    head, _, data = heard.read_bytes().partition(b"\n")
    assert head == b"8000 1 float32"
    assert np.frombuffer(data, "<f4") == pytest.approx(samples[:RATE].mean(axis=1), abs=1e-6)


def test_a_device_that_refuses_the_rate_gets_another(recording, sound):
    refuse = "if samplerate != 48_000: raise PortAudioError('Invalid rate [PaErrorCode -9997]')"
    heard = sound(opens=refuse)
    assert play(recording, 0.0, 0.5) == "played 0:00.00 to 0:00.75"
    head, _, data = heard.read_bytes().partition(b"\n")
    assert head == b"48000 2 float32"
    assert len(data) == 36_000 * 2 * 4


@pytest.mark.parametrize(
    ("asked", "cut", "told"),
    [
        ((5.0, 5.0), None, "0:04.50 to 0:05.50"),
        ((5.0, 5.4), None, "0:04.70 to 0:05.70"),
        ((5.0, 6.0), None, "0:05.00 to 0:06.00"),
        ((0.0, 0.0), None, "0:00.00 to 0:00.50"),
        ((1.0, 3_600.0), None, "0:01.00 to 0:10.00"),
        ((2.0, 2.0), (2.0, 3.0), "0:02.00 to 0:02.50"),
        ((5.0, 5.0), (2.0, 3.0), "0:04.50 to 0:05.00"),
    ],
)
def test_what_is_short_becomes_a_second_and_an_hour_a_minute(recording, missing, asked, cut, told):
    if cut is not None:
        start_s, duration_s = cut
        recording.source = replace(recording.source, start_s=start_s, duration_s=duration_s)
    assert f"\nwrote {told} to\n" in play(recording, *asked)


def test_what_is_longer_than_a_minute_is_cut_and_says_so(recording, missing, monkeypatch):
    monkeypatch.setattr(playing, "LONGEST_S", 4.0)
    told = play(recording, 1.0, 9.0)
    assert "\nwrote 0:01.00 to 0:05.00, the first 4 s to\n" in told
    found, rate = soundfile.read(written(told))
    assert len(found) == 4 * rate


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"whole": "raise ImportError('no')"}, "pip install 'echotrace[play]' adds that"),
        ({"whole": "raise OSError('no PortAudio')"}, "apt install libportaudio2"),
        ({"whole": "import os\nos.abort()"}, "the sound system failed"),
        ({"opens": "raise ValueError('No device')"}, "the audio device refused (No device)"),
        ({"opens": "raise PortAudioError('Error querying device -1')"}, "there is no audio device"),
        ({"opens": "os.abort()"}, "the sound system failed"),
        ({"writes": "raise PortAudioError('Broken\\npipe')"}, "the audio device refused (Broken p"),
    ],
)
def test_what_cannot_be_played_is_written(recording, samples, sound, broken, why):
    sound(**broken)
    told = play(recording, 1.0, 2.0)
    assert why in told
    assert told.count("\n") == 2
    found, rate = soundfile.read(written(told), dtype="float32")
    assert rate == RATE
    assert np.array_equal(found, samples[RATE : 2 * RATE])


def test_a_sound_system_that_hangs_is_given_up(recording, sound, monkeypatch):
    monkeypatch.setattr(playing, "_PATIENCE_S", 0.5)
    sound(writes="time.sleep(60)")
    assert "the sound system does not answer" in play(recording, 0.0, 0.2)


def test_without_the_extra_nothing_is_started(recording, missing, monkeypatch):
    monkeypatch.setattr(playing.subprocess, "Popen", None)
    told = play(recording, 1.23, 4.56)
    assert told.startswith("not played: pip install 'echotrace[play]' adds that\n")
    path = written(told)
    assert path.name == "echotrace-My-call-1-0001.23-0004.56.wav"
    assert path.parent == clips_folder().path
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_clip_is_never_overwritten_and_the_oldest_go(recording, missing, monkeypatch):
    first = written(play(recording, 0.0, 1.0, channel=0))
    second = written(play(recording, 0.0, 1.0, channel=0))
    assert [first.name, second.name] == [
        "echotrace-My-call-1-0000.00-0001.00-ch0.wav",
        "echotrace-My-call-1-0000.00-0001.00-ch0-2.wav",
    ]
    other = first.parent / "notes.txt"
    other.write_text("mine")
    for number in range(CLIPS_KEPT + 5):
        path = first.parent / f"echotrace-old-{number:03d}.wav"
        path.touch()
        os.utime(path, ns=(number + 1, number + 1))
    newest = written(play(recording, 0.0, 0.1))
    kept = sorted(path.name for path in first.parent.glob("*.wav"))
    assert len(kept) == CLIPS_KEPT
    assert {first.name, second.name, newest.name, "echotrace-old-054.wav"} < set(kept)
    assert "echotrace-old-007.wav" not in kept
    assert other.exists()


def test_without_a_cache_the_clip_goes_to_a_folder_of_its_own(
    recording, missing, monkeypatch, tmp_path
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(playing.tempfile, "tempdir", str(tmp_path))
    path = written(play(recording, 0.0, 0.1))
    assert path.parent.parent == tmp_path
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert written(play(recording, 0.0, 0.1)).parent == path.parent, (
        "one folder, so that it is kept"
    )
    monkeypatch.setattr(playing, "_temporary", None)
    monkeypatch.setattr(playing.tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(StorageError, match="no folder for the clip"):
        play(recording, 0.0, 0.1)


def in_thread(found, *arguments, **options):
    thread = threading.Thread(target=lambda: found.append(play(*arguments, **options)))
    thread.start()
    return thread


def wait_for(heard):
    deadline = time.monotonic() + 30
    while not (heard.exists() and heard.stat().st_size > 100):
        assert time.monotonic() < deadline, "it never began"
        time.sleep(0.005)


def test_a_second_call_stops_the_first(recording, sound):
    heard = sound(writes="time.sleep(0.05)")
    told = []
    first = in_thread(told, recording, 0.0, 10.0)
    wait_for(heard)
    second = in_thread(told, recording, 0.0, 0.06, channel=0)
    first.join(30)
    second.join(30)
    assert told == ["stopped", "played 0:00.00 to 0:00.53"]
    assert heard.stat().st_size < 10 * RATE * 8


def test_closing_the_recording_stops_what_plays(recording, sound):
    heard = sound(writes="time.sleep(60)")
    told = []
    thread = in_thread(told, recording, 0.0, 10.0)
    wait_for(heard)
    recording.close()
    thread.join(10)
    assert told == ["stopped"]


def test_a_recording_that_changed_is_neither_played_nor_written(recording, sound):
    heard = sound()
    Path(recording.source.path).write_bytes(b"another")
    with pytest.raises(InputError, match="has changed"):
        play(recording, 0.0, 1.0)
    assert not heard.exists()


def test_a_module_in_the_working_folder_is_not_loaded(recording, monkeypatch, tmp_path):
    (tmp_path / "sounddevice.py").write_text("open('loaded', 'w')")
    (tmp_path / "struct.py").write_text("open('loaded', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    play(recording, 0.0, 0.1)
    assert not (tmp_path / "loaded").exists()


@pytest.mark.skipif(
    importlib.util.find_spec("sounddevice") is None or not ctypes.util.find_library("portaudio"),
    reason="needs the extra play (sounddevice) and PortAudio (apt install libportaudio2)",
)
@pytest.mark.skipif(sys.platform != "linux", reason="the device that writes a file is ALSA's")
def test_a_real_device_gets_the_samples(recording, samples, tmp_path, monkeypatch):
    heard = tmp_path / "heard.raw"
    config = tmp_path / "asound.conf"
    config.write_text(
        'pcm.!default { type file\n slave.pcm "null"\n'
        f' file "{heard}"\n format "raw" }}\npcm.null {{ type null }}\n'
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))
    assert play(recording, 2.0, 3.0) == "played 0:02.00 to 0:03.00"
    found = np.fromfile(heard, "<f4").reshape(-1, 2)
    assert np.array_equal(found[:RATE], samples[2 * RATE : 3 * RATE])
    assert not found[RATE:].any(), "behind the stretch the last buffer is silent"
