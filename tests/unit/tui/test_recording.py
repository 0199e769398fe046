"""The recording behind a report: the same samples, or one clear line about why not."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.audio.handle import AudioOptions, open_audio
from echotrace.audio.pair import open_pair
from echotrace.audio.reread import extremes
from echotrace.audio.stop import Stopped
from echotrace.errors import InputError, StorageError, UsageError
from echotrace.model.report import NO_RECORDING, Source
from echotrace.tui.recording import Recording
from tests.fakes.audio_files import NoFeatures, encode, encode_av, pcm16, tone, voice, wav

RATE = 8_000


@pytest.fixture
def opened():
    """Recordings that are closed in the end."""
    made = []

    def open_it(source: Source) -> Recording:
        made.append(Recording(source))
        return made[-1]

    yield open_it
    for recording in made:
        recording.close()


def analysed(path: Path, **options) -> Source:
    """What a report says of a file."""
    with open_audio(path, options=AudioOptions(**options), make_extractor=NoFeatures) as audio:
        return audio.source


def noise(frames: int, channels: int = 2, seed: int = 0) -> np.ndarray:
    """Samples that 16 bits hold exactly, (frames, channels)."""
    whole = np.random.default_rng(seed).integers(-30_000, 30_000, (frames, channels))
    return (whole / 32_768).astype(np.float32)


def put(folder: Path, samples: np.ndarray, rate: int = RATE, name: str = "call.wav") -> Path:
    path = folder / name
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


def test_the_envelope_is_that_of_the_samples_across_blocks(tmp_path, opened):
    samples = noise(200_000)
    recording = opened(analysed(put(tmp_path, samples)))
    assert recording.why_not() is None
    channels = recording.envelope(1.0, 21.0, 100)
    assert [channel.index for channel in channels] == [0, 1]
    for channel in channels:
        parts = samples[RATE : 21 * RATE, channel.index].reshape(100, -1)
        assert channel.min == tuple(parts.min(axis=1).tolist())
        assert channel.max == tuple(parts.max(axis=1).tolist())
        assert channel.speech_probability == ()


def test_columns_finer_than_a_sample_show_the_sample_that_was_there(tmp_path, opened):
    samples = noise(RATE, 1)
    recording = opened(analysed(put(tmp_path, samples)))
    (channel,) = recording.envelope(0.5, 0.5 + 5 / RATE, 20)
    assert channel.min == channel.max
    assert channel.min == tuple(np.repeat(samples[RATE // 2 :, 0][:5], 4).tolist())


def test_behind_the_end_and_before_the_beginning_there_is_nothing(tmp_path, opened):
    recording = opened(analysed(put(tmp_path, noise(RATE, 1))))
    (channel,) = recording.envelope(-1.0, 2.0, 3)
    assert channel.min[0] == channel.max[0] == channel.min[2] == channel.max[2] == 0.0
    assert channel.min[1] < -0.8


class _Blocks:
    """Stands for a reader that gives an array in pieces of any size."""

    def __init__(self, samples, size):
        self.samples, self.size = samples, size

    def blocks(self, begin, end, should_stop):
        for at in range(max(0, begin), min(end, self.samples.shape[1]), self.size):
            yield at, self.samples[:, at : min(at + self.size, end)]


@settings(max_examples=150)
@given(
    frames=st.integers(1, 60),
    size=st.integers(1, 60),
    edges=st.lists(st.integers(-10, 70), min_size=2, max_size=40).map(sorted),
)
def test_extremes_do_not_depend_on_the_blocks(frames, size, edges):
    samples = noise(frames, 1, seed=frames).T
    low, high = extremes(_Blocks(samples, size), 0, np.array(edges))
    for at in range(len(edges) - 1):
        begin, end = edges[at], edges[at + 1]
        found = samples[0, max(0, begin) : max(0, end, begin + 1)] if begin < frames else []
        if begin < 0 and end <= 0:
            found = []
        expected = (min(found), max(found)) if len(found) else (0.0, 0.0)
        assert (low[at], high[at]) == expected, (at, begin, end)


def test_a_cut_keeps_the_clock_of_its_file(tmp_path, opened):
    samples = noise(3 * RATE, 1)
    source = analysed(put(tmp_path, samples), start_s=1.0, end_s=2.0)
    assert source.start_s == 1.0
    excerpt = opened(source).excerpt(1.25, 1.5)
    assert excerpt.start_s == 1.25
    assert excerpt.end_s == 1.5
    assert np.array_equal(excerpt.samples, samples[10_000:12_000])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("call.flac", lambda signal: encode(signal, RATE, "FLAC")),
        ("call.mp3", lambda signal: encode_av(signal, RATE, "mp3", "libmp3lame")),
        ("call.m4a", lambda signal: encode_av(signal, RATE, "mp4", "aac")),
        ("call.ogg", lambda signal: encode(signal, RATE, "OGG")),
        ("call.ulaw.wav", lambda signal: encode(signal, RATE, "WAV", "ULAW")),
    ],
)
def test_other_formats_are_read_on_the_clock_of_the_analysis(tmp_path, opened, name, data):
    path = tmp_path / name
    path.write_bytes(data(voice(20.0, RATE)))
    with open_audio(path, options=AudioOptions(), make_extractor=NoFeatures) as audio:
        source, at_16_khz = audio.source, audio.read(0, 12.0, 12.4)
    recording = opened(source)
    found = recording.excerpt(12.0, 12.4, channel=0).samples[:, 0]
    whole = recording.excerpt(0.0, 20.0, channel=0).samples[:, 0]
    assert np.array_equal(found, whole[12 * RATE :][: len(found)])
    # The analysis resamples; every second of its samples is near one of the file's.
    assert np.abs(at_16_khz[::2][100:-100] - found[100:-100]).max() < 0.02
    assert np.abs(found).max() > 0.05


def test_a_long_stretch_of_a_compressed_file_is_streamed(tmp_path, opened, monkeypatch):
    path = tmp_path / "call.mp3"
    path.write_bytes(encode_av(voice(20.0, RATE), RATE, "mp3", "libmp3lame"))
    source = analysed(path)
    kept = opened(source).envelope(2.0, 19.0, 50)
    monkeypatch.setattr("echotrace.audio.reread._KEPT_BYTES", 40_000)
    assert opened(source).envelope(2.0, 19.0, 50) == kept


def test_two_files_lie_on_one_clock(tmp_path, opened):
    caller = put(tmp_path, noise(2 * RATE, 1), RATE, "caller.wav")
    agent = put(tmp_path, noise(2 * 16_000, 1, seed=1), 16_000, "agent.wav")
    with open_pair(
        caller,
        agent,
        agent_offset_ms=500,
        options=AudioOptions(),
        make_extractor=lambda channels, start_s: NoFeatures(channels, start_s=start_s),
    ) as audio:
        source = audio.source
    recording = opened(source)
    assert recording.why_not() is None
    first, second = recording.envelope(0.0, 3.0, 6)
    assert [value < -0.8 for value in first.min] == [True, True, True, True, False, False]
    assert [value < -0.8 for value in second.min] == [False, True, True, True, True, False]
    excerpt = recording.excerpt(0.25, 2.75)
    assert excerpt.rate_hz == 16_000
    assert excerpt.end_s == pytest.approx(2.5)
    agents = noise(2 * 16_000, 1, seed=1)[:, 0]
    assert np.array_equal(excerpt.samples[4_000:, 1], agents)
    assert not excerpt.samples[:4_000, 1].any()
    alone = recording.excerpt(0.0, 1.0, channel=0)
    assert (alone.rate_hz, alone.samples.shape) == (RATE, (RATE, 1))


def test_twice_the_same_signal_is_one_channel(tmp_path, opened):
    path = put(tmp_path, np.stack([voice(1.0, RATE)] * 2, axis=1))
    recording = opened(analysed(path))
    assert len(recording.envelope(0.0, 1.0, 4)) == 1
    with pytest.raises(InputError, match="no channel 1"):
        recording.spectrogram(1, 0.0, 1.0, columns=4, rows=4)


def _gone(path):
    path.unlink()


def _longer(path):
    path.write_bytes(path.read_bytes() + b"\0\0")


def _other(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _pipe(path):
    path.unlink()
    os.mkfifo(path)


def _folder(path):
    path.unlink()
    path.mkdir()


def _empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_gone, "does not exist"),
        (_longer, "has changed since it was analysed: it had 8,044 bytes and has 8,046"),
        (_other, "has changed since it was analysed: its content (sha256) is another"),
        (_pipe, "is a pipe, not a regular file: reading it might never end"),
        (_folder, "is a directory"),
        (_empty, "is an empty file: it has 0 bytes"),
    ],
)
def test_what_is_not_the_same_file_is_told_and_not_read(tmp_path, opened, change, told):
    path = put(tmp_path, noise(4_000, 1))
    recording = opened(analysed(path))
    kept = path.read_bytes()
    change(path)
    why = recording.why_not()
    assert why is not None
    assert told in why
    with pytest.raises(InputError, match=told.partition(":")[0]):
        recording.envelope(0.0, 0.5, 10)
    if path.is_file():
        path.write_bytes(kept)
        assert recording.why_not() == why, "the answer is kept"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (Source(path=NO_RECORDING), "the report has no recording"),
        (Source(path="-", sha256="0" * 64), "standard input: nothing of it was kept"),
        (Source(path="call.wav"), "holds no sha256"),
    ],
)
def test_a_report_without_a_file_says_so(opened, source, told):
    assert told in opened(source).why_not()


def test_a_name_that_moved_on_changes_nothing(tmp_path, opened):
    path = put(tmp_path, noise(RATE, 1))
    recording = opened(analysed(path))
    before = recording.envelope(0.0, 1.0, 10)
    put(tmp_path, noise(RATE, 1, seed=5), name="new.wav").replace(path)
    assert recording.envelope(0.0, 1.0, 10) == before
    path.unlink()
    assert recording.envelope(0.0, 1.0, 10) == before
    assert recording.why_not() is None


def test_a_file_written_to_while_it_is_open_is_noticed(tmp_path, opened):
    path = put(tmp_path, noise(RATE, 1))
    recording = opened(analysed(path))
    assert recording.why_not() is None
    os.utime(path, ns=(1, 1))
    assert recording.why_not() is None, "it was only touched"
    _other(path)
    os.utime(path, ns=(2, 2))
    with pytest.raises(InputError, match="has changed"):
        recording.excerpt(0.0, 1.0)
    assert "has changed" in recording.why_not()


def test_a_name_that_is_no_text_is_found_again(tmp_path, opened):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 \xe2\x80\xae\x1b.wav"))
    path.write_bytes(wav(pcm16(tone(1.0))))
    source = analysed(path)
    assert source.path.endswith("/caf\\xe9 \\u202e\\x1b.wav")
    assert opened(source).why_not() is None


def test_numbers_beyond_full_scale_are_shown_as_the_analysis_read_them(tmp_path, opened):
    path = tmp_path / "call.wav"
    samples = np.round(voice(2.0, RATE) * 32_768).astype(np.float32)
    samples[5] = np.nan
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    recording = opened(analysed(path))
    (channel,) = recording.envelope(0.0, 2.0, 40)
    assert max(channel.max) == pytest.approx(np.nanmax(samples) / 32_768)
    assert np.isfinite(channel.min).all()


def test_a_clip_has_the_samples_of_the_file_and_is_private(tmp_path, opened):
    samples = noise(RATE)
    recording = opened(analysed(put(tmp_path, samples)))
    target = tmp_path / "clip.wav"
    recording.write_clip(target, 0.25, 0.5)
    found, rate = soundfile.read(target, dtype="float32")
    assert (rate, soundfile.info(target).subtype) == (RATE, "PCM_16")
    assert np.array_equal(found, samples[2_000:4_000])
    assert target.stat().st_mode & 0o777 == 0o600
    with pytest.raises(StorageError, match="cannot be written"):
        recording.write_clip(target, 0.0, 0.5)
    recording.write_clip(tmp_path / "one.wav", 0.25, 0.5, channel=1)
    assert np.array_equal(soundfile.read(tmp_path / "one.wav")[0], samples[2_000:4_000, 1])


def test_a_clip_keeps_24_bits(tmp_path, opened):
    path = tmp_path / "call.wav"
    samples = np.random.default_rng(0).integers(-(2**23), 2**23, RATE) / 2.0**23
    soundfile.write(path, samples, RATE, subtype="PCM_24")
    opened(analysed(path)).write_clip(tmp_path / "clip.wav", 0.0, 1.0)
    assert np.array_equal(soundfile.read(tmp_path / "clip.wav")[0], samples)


def test_a_clip_ends_where_the_recording_does(tmp_path, opened):
    recording = opened(analysed(put(tmp_path, noise(RATE))))
    assert recording.excerpt(0.5, 99.0).end_s == 1.0
    with pytest.raises(InputError, match="nothing to hear"):
        recording.excerpt(5.0, 6.0)
    with pytest.raises(UsageError, match="no stretch"):
        recording.excerpt(0.5, 0.5)
    with pytest.raises(UsageError, match="no stretch"):
        recording.envelope(0.0, float("nan"), 10)


def test_a_full_disk_leaves_no_half_clip(tmp_path, opened):
    recording = opened(analysed(put(tmp_path, noise(RATE))))
    with pytest.raises(StorageError, match="cannot be written"):
        recording.write_clip(tmp_path / "missing" / "clip.wav", 0.0, 0.5)
    assert [path.name for path in tmp_path.iterdir()] == ["call.wav"]


def test_many_threads_see_the_same(tmp_path, opened):
    recording = opened(analysed(put(tmp_path, noise(200_000))))
    starts = [1.0, 9.0, 17.0, 3.0]
    found, failed = {}, []

    def look(start_s):
        try:
            for _ in range(3):
                found.setdefault(start_s, set()).add(recording.envelope(start_s, start_s + 4, 7))
        except Exception as error:  # noqa: BLE001 - it is asserted on below
            failed.append(error)

    threads = [threading.Thread(target=look, args=(start_s,)) for start_s in starts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert {start_s: len(seen) for start_s, seen in found.items()} == dict.fromkeys(starts, 1)


def test_a_look_that_nobody_wants_any_more_stops(tmp_path, opened):
    recording = opened(analysed(put(tmp_path, noise(200_000))))
    assert recording.why_not() is None
    with pytest.raises(Stopped):
        recording.envelope(0.0, 25.0, 10, should_stop=lambda: True)
    assert recording.why_not() is None


def test_closing_ends_the_look_that_is_on(tmp_path, opened):
    recording = opened(analysed(put(tmp_path, noise(200_000))))
    recording.why_not()
    ended = []

    def nobody_asks():
        if not recording.is_closed:
            closing.start()
            while not recording.is_closed:
                pass
        return False

    closing = threading.Thread(target=recording.close)
    try:
        recording.envelope(0.0, 25.0, 10, should_stop=nobody_asks)
    except Stopped:
        ended.append(True)
    closing.join()
    assert ended == [True]
    recording.close()
    with pytest.raises(InputError, match="closed"):
        recording.envelope(0.0, 1.0, 10)


def test_nothing_stays_open(tmp_path):
    path = put(tmp_path, noise(RATE))
    recording = Recording(analysed(path))
    recording.envelope(0.0, 1.0, 4)
    held = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.exists()]
    assert held.count(str(path)) == 1
    recording.close()
    held = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.exists()]
    assert str(path) not in held


def test_the_spectrogram_shows_where_a_tone_is(tmp_path, opened):
    signal = np.concatenate([np.zeros(RATE, np.float32), tone(1.0, RATE, hz=1_000, level=1.0)])
    recording = opened(analysed(put(tmp_path, signal)))
    levels = recording.spectrogram(0, 0.0, 4.0, columns=40, rows=20)
    assert levels.shape == (20, 40)
    assert levels[:, 15].max() == pytest.approx(0.0, abs=0.5)
    assert levels[:, 5].max() < -100
    assert np.isnan(levels[:, 25:]).all(), "behind the end is no recording"


def test_the_hash_is_that_of_the_file(tmp_path):
    path = put(tmp_path, noise(RATE))
    assert analysed(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
