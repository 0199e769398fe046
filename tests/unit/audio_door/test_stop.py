"""Whoever waits for a recording can stop waiting: nothing goes on, nothing stays open."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from typing import TYPE_CHECKING

import pytest

from echotrace.audio.door import open_recording
from echotrace.audio.handle import AudioOptions, open_audio
from echotrace.audio.spool import Spool
from echotrace.audio.stop import Stopped
from echotrace.config.settings import Settings
from echotrace.model.run import RunRequest
from echotrace.orchestrator import run
from tests.fakes.audio_files import NoFeatures, encode, pcm16, sparse_wav, tone, wav

if TYPE_CHECKING:
    import numpy as np

RATE = 16_000
WATCHDOG_S = 60.0


class After:
    """Says stop when it is asked for the ``times``-th time."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self) -> bool:
        self.left -= 1
        return self.left <= 0


@pytest.fixture
def live_pipe():
    """The reading end of a pipe whose writer has sent something and never closes."""
    read, write = os.pipe()
    os.write(write, wav(pcm16(tone(0.1))))
    with os.fdopen(read, "rb") as source:
        yield source
        os.close(write)


def test_a_flag_that_is_already_set_stops_before_anything_is_read(tmp_path):
    path = sparse_wav(tmp_path / "x.wav", 10)
    with open_recording(path, max_bytes=1) as recording, pytest.raises(Stopped):
        recording.sha256(lambda: True)
    with pytest.raises(Stopped):
        open_audio("-", options=AudioOptions(), stdin=io.BytesIO(b"RIFF"), should_stop=lambda: True)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_hashing_stops_between_two_pieces(tmp_path, times):
    path = tmp_path / "x"
    path.write_bytes(bytes(5 << 20))
    stop = After(times)
    with open_recording(path, max_bytes=1) as recording, pytest.raises(Stopped):
        recording.sha256(stop)
    assert stop.left == 0


@pytest.mark.parametrize("buffered", [True, False])
def test_a_live_pipe_is_not_waited_for(live_pipe, buffered):
    stop = After(3)
    with pytest.raises(Stopped):
        open_audio(
            "-",
            options=AudioOptions(),
            stdin=live_pipe if buffered else live_pipe.raw,
            make_extractor=NoFeatures,
            should_stop=stop,
        )
    assert stop.left == 0


def test_what_a_pipe_sends_in_pieces_is_all_there():
    read, write = os.pipe()
    data = wav(pcm16(tone(3.0)))

    def send() -> None:
        with os.fdopen(write, "wb", buffering=0) as target:
            for begin in range(0, len(data), 5_000):
                target.write(data[begin : begin + 5_000])

    sender = threading.Thread(target=send)
    sender.start()
    with (
        os.fdopen(read, "rb") as source,
        open_audio("-", options=AudioOptions(), stdin=source, make_extractor=NoFeatures) as audio,
    ):
        assert audio.duration_s == 3.0
        assert audio.source.size_bytes == len(data)
    sender.join()


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_decoding_stops_after_the_block_at_hand(tmp_path, monkeypatch, blocks):
    """An hour of audio, spooled to disk; the fixture of this folder sees that it is closed."""
    monkeypatch.setattr("echotrace.audio.ingest.Spool", lambda n: Spool(n, memory_bytes=1_000))
    heard = []

    class Counting(NoFeatures):
        def push(self, samples: np.ndarray) -> None:
            heard.append(samples.shape[1])

    path = tmp_path / "x.wav"
    path.write_bytes(wav(bytes(2 * 3600 * RATE)))
    hashing = -(-path.stat().st_size // (1 << 20))
    with pytest.raises(Stopped):
        open_audio(
            path,
            options=AudioOptions(),
            make_extractor=Counting,
            should_stop=After(hashing + blocks + 1),
        )
    assert heard == [65_536] * blocks


@pytest.mark.parametrize(("container", "name"), [("OGG", "x.ogg"), ("MP3", "x.mp3")])
def test_what_lies_before_the_cut_can_be_stopped_too(tmp_path, container, name):
    path = tmp_path / name
    path.write_bytes(encode(tone(15.0, 48_000), 48_000, container))
    stop = After(1 + 5)  # one piece is hashed; 15 s are 11 blocks, of which the cut needs the last
    with pytest.raises(Stopped):
        open_audio(
            path,
            options=AudioOptions(start_s=14.9),
            make_extractor=NoFeatures,
            should_stop=stop,
        )
    assert stop.left == 0


def test_decoding_a_second_time_can_be_stopped(tmp_path):
    path = sparse_wav(tmp_path / "x.wav", 60)
    flag = threading.Event()
    options = AudioOptions(keep_samples=False)
    with open_audio(
        path, options=options, make_extractor=NoFeatures, should_stop=flag.is_set
    ) as audio:
        flag.set()
        with pytest.raises(Stopped):
            audio.read(0, 0, 1)


def cancelled_run(request: RunRequest) -> bool:
    """Cancel a run as soon as its audio stage has begun; whether it said that it was cancelled."""

    async def main() -> bool:
        begun = asyncio.Event()
        task = asyncio.create_task(run(request, Settings(), on_event=lambda _: begun.set()))
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    return asyncio.run(main())


def ends(work, request: RunRequest) -> bool:
    """Run it in a thread, so that a run that never ends fails the test instead of holding it up."""
    results = []
    thread = threading.Thread(target=lambda: results.append(work(request)), daemon=True)
    thread.start()
    thread.join(WATCHDOG_S)
    return results == [True]


def test_a_cancelled_run_does_not_wait_for_its_pipe(live_pipe):
    request = RunRequest(path="-", stages=("signal",), stdin=live_pipe)
    assert ends(cancelled_run, request)


@pytest.mark.parametrize("seconds", [0.2, 3 * 3600])
def test_a_cancelled_run_leaves_no_recording_open(tmp_path, seconds):
    """Whether the thread stops or has just finished: the fixture of this folder looks for both."""
    path = sparse_wav(tmp_path / "x.wav", seconds)
    assert ends(cancelled_run, RunRequest(path=str(path), stages=("signal",)))
