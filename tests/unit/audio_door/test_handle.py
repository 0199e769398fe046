from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echotrace.audio import decode_av, decode_sndfile
from echotrace.audio.handle import AudioOptions, open_audio
from echotrace.audio.spool import Spool
from echotrace.errors import EchoTraceError, InputError, StorageError, UsageError
from echotrace.telemetry import TelemetryCollector
from tests.fakes.audio_files import (
    NoFeatures,
    encode,
    encode_av,
    flac_total_samples,
    mkv_video,
    pcm16,
    tone,
    voice,
    wav,
)

RATE = 16_000
FILES = {
    "wav": encode(voice(2.0, 44_100), 44_100, "WAV"),
    "aiff": encode(voice(1.0), RATE, "AIFF"),
    "flac": encode(voice(2.0), RATE, "FLAC"),
    "ogg": encode(voice(2.0), RATE, "OGG", "VORBIS"),
    "opus": encode(voice(2.0), RATE, "OGG", "OPUS"),
    "mp3": encode(voice(2.0), RATE, "MP3"),
    "m4a": encode_av(voice(2.0), RATE, "mp4", "aac"),
    "webm": encode_av(voice(2.0, 48_000), 48_000, "webm", "libopus"),
    "film": mkv_video(audio=voice(0.5, 48_000)),
    "caf": encode(voice(0.5), RATE, "CAF"),
    "rf64": encode(voice(0.5), RATE, "RF64"),
}


def listen(path, **options):
    return open_audio(path, options=AudioOptions(**options), make_extractor=NoFeatures)


def codes(audio) -> list[str]:
    return [finding.code for finding in audio.findings]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    paths = {}
    for name, data in FILES.items():
        paths[name] = folder / f"x.{name}"
        paths[name].write_bytes(data)
    paths["scratch"] = folder / "scratch.dat"
    return paths


def whole(audio) -> np.ndarray:
    return np.concatenate([block.samples for block in audio.blocks(0.7)], axis=1)


@pytest.mark.parametrize("name", ["wav", "flac", "ogg", "mp3", "m4a", "webm"])
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(size=st.integers(1_000, 80_000))
def test_block_size_never_changes_the_samples(files, name, size):
    with listen(files[name]) as audio:
        truth, native = whole(audio), audio.native
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode_sndfile, "BLOCK_FRAMES", size)
        patch.setattr(decode_av, "BLOCK_FRAMES", size)
        with listen(files[name]) as audio:
            assert np.allclose(whole(audio), truth, atol=1e-6)
            assert audio.native[0].clipped_samples == native[0].clipped_samples
            assert audio.native[0].samples == native[0].samples


@pytest.mark.parametrize("name", ["wav", "flac", "ogg", "mp3", "m4a", "webm"])
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(start=st.integers(0, 170), length=st.integers(15, 250))
def test_a_cut_is_that_slice_of_the_whole(files, name, start, length):
    # In steps of 10 ms, which is a whole number of samples at every rate here.
    start_s, end_s = start / 100, (start + length) / 100
    with listen(files[name]) as audio:
        truth, rate = audio.read(0, start_s, end_s), audio.source.sample_rate_hz
        last_s = audio.duration_s
    with listen(files[name], start_s=start_s, end_s=end_s) as audio:
        heard = audio.read(0, start_s, end_s)
        assert (audio.source.start_s, audio.source.end_s) == (start_s, end_s)
        assert audio.duration_s == pytest.approx(min(end_s, last_s) - start_s, abs=1 / rate)
        assert ("CUT_SHORTENED" in codes(audio)) == (end_s > last_s)
    if rate == RATE:
        assert np.array_equal(heard, truth)
        return
    assert abs(heard.size - truth.size) <= 1
    inner = slice(800, min(heard.size, truth.size) - 800)  # the filter rings at a cut's edges
    assert np.max(np.abs(heard[inner] - truth[inner]), initial=0) < 1e-3


@pytest.mark.parametrize("name", list(FILES))
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damage_anywhere_is_an_answer_or_a_clear_error(files, name, data):
    whole_file = FILES[name]
    broken = bytearray(whole_file[: data.draw(st.integers(1, len(whole_file)))])
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(
            st.integers(0, len(broken) - 1) | st.integers(0, min(200, len(broken) - 1))
        )
        broken[place] = data.draw(st.integers(0, 255))
    path = files["scratch"]
    path.write_bytes(broken)
    try:
        audio = listen(path, max_duration_s=600)
    except EchoTraceError as error:
        clear = error.what and error.hint and error.code.isupper()
    else:
        with audio:
            clear = audio.duration_s > 0
            assert all(np.isfinite(block.samples).all() for block in audio.blocks())
            assert all(math.isfinite(stats.sum_squares) for stats in audio.native)
    assert clear


def test_times_are_those_of_the_recording(opened):
    ramp = (np.arange(4 * RATE) / (4 * RATE)).astype(np.float32)
    data = encode(ramp, RATE, "WAV", "FLOAT")
    audio = opened(data, start_s=1.0, end_s=3.0)
    assert audio.duration_s == 2.0
    assert np.array_equal(audio.read(0, 1.5, 2.0), ramp[24_000:32_000])
    assert np.array_equal(audio.read(0, 0.0, 9.0), ramp[16_000:48_000])
    assert audio.read(0, 3.5, 4.0).size == 0
    blocks = list(audio.blocks(0.75))
    assert [block.start_s for block in blocks] == [1.0, 1.75, 2.5]
    assert [block.samples.shape for block in blocks] == [(1, 12_000), (1, 12_000), (1, 8_000)]
    assert audio.features[0].start_s == 1.0
    assert audio.features[0].frames == 2 * RATE
    copy = audio.read(0, 1.0, 2.0)
    copy[:] = 0
    assert audio.read(0, 1.5, 1.6).any()


@pytest.mark.parametrize(
    ("cut", "kind", "code"),
    [
        ({"start_s": 2.0, "end_s": 2.0}, UsageError, "CUT_EMPTY"),
        ({"start_s": 3.0, "end_s": 2.0}, UsageError, "CUT_EMPTY"),
        ({"start_s": -1.0}, UsageError, "CUT_INVALID"),
        ({"end_s": math.nan}, UsageError, "CUT_INVALID"),
        ({"start_s": math.inf}, UsageError, "CUT_INVALID"),
        ({"start_s": 60.0}, InputError, "CUT_OUTSIDE"),
        ({"start_s": 60.0, "end_s": 61.0}, InputError, "CUT_OUTSIDE"),
    ],
)
@pytest.mark.parametrize("name", ["wav", "ogg", "m4a"])
def test_a_cut_that_cannot_be_is_refused(files, name, cut, kind, code):
    with pytest.raises(kind) as caught:
        listen(files[name], **cut)
    assert caught.value.code == code


def test_caps_hold_while_streaming(opened):
    flac = flac_total_samples(encode(np.zeros(300 * RATE, np.float32), RATE, "FLAC"), 0)
    with pytest.raises(InputError) as caught:
        opened(flac, max_duration_s=60)
    assert caught.value.code == "TOO_LONG"
    assert "--max-duration" in caught.value.hint
    with pytest.raises(InputError) as caught:
        opened(flac, max_decoded_mib=10)
    assert caught.value.code == "TOO_LARGE"
    assert "--max-decoded-mib" in caught.value.hint
    assert opened(flac, start_s=100, end_s=150, max_duration_s=60).duration_s == 50


def test_identical_channels_count_as_one(opened):
    mono = voice(1.0)
    audio = opened(encode(np.stack([mono, 0.5 * mono], axis=1), RATE, "WAV"), caller_channel=1)
    assert audio.identical_channels
    assert (audio.channels, len(audio.native), len(audio.features)) == (1, 1, 1)
    assert [channel.role for channel in audio.source.channels] == ["mixed"]
    assert codes(audio) == ["IDENTICAL_CHANNELS"]
    assert audio.scored_channel == 0
    assert next(audio.blocks()).samples.shape[0] == 1
    with pytest.raises(IndexError):
        audio.read(1, 0, 1)


@pytest.mark.parametrize("caller", [-1, 2, 5])
def test_a_caller_on_a_channel_that_is_not_there_is_refused_also_on_identical_ones(opened, caller):
    mono = voice(1.0)
    with pytest.raises(UsageError) as caught:
        opened(encode(np.stack([mono, mono], axis=1), RATE, "WAV"), caller_channel=caller)
    assert caught.value.code == "NO_SUCH_CHANNEL"
    assert "channels 0 to 1" in caught.value.why
    assert opened(encode(np.stack([mono, mono], axis=1), RATE, "WAV"), caller_channel=0).channels


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("frames", "is_told"), [(3, False), (1_599, False), (1_600, True)])
def test_a_few_samples_do_not_tell_how_two_channels_go_together(opened, sign, frames, is_told):
    mono = voice(1.0)[2_000:]
    data = encode(np.stack([mono, sign * mono], axis=1), RATE, "WAV")
    audio = opened(data, end_s=frames / RATE)
    told = {"IDENTICAL_CHANNELS", "ANTI_PHASE"} & set(codes(audio))
    assert bool(told) == is_told
    assert audio.channels == (1 if is_told and sign > 0 else 2)


@pytest.mark.parametrize(("name", "value"), [("--start", -1.0), ("--end", math.inf)])
def test_the_hint_names_the_flag_that_was_wrong(files, name, value):
    with pytest.raises(UsageError) as caught:
        listen(files["wav"], **{f"{name[2:]}_s": value})
    assert name in caught.value.what
    assert f"such as {name} " in caught.value.hint


def two_tracks(container: str, codec: str, first_s: float, other_s: float) -> bytes:
    import av

    target = io.BytesIO()
    with av.open(target, "w", format=container) as output:
        streams = [output.add_stream(codec, rate=RATE, layout="mono") for _ in range(2)]
        for stream, seconds in zip(streams, (first_s, other_s), strict=True):
            samples = np.frombuffer(pcm16(voice(seconds)), "<i2")
            for begin in range(0, samples.size, 1_024):
                piece = np.ascontiguousarray(samples[None, begin : begin + 1_024])
                frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
                frame.sample_rate, frame.pts = RATE, begin
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    return target.getvalue()


@pytest.mark.parametrize(
    ("container", "codec"),
    [("matroska", "pcm_s16le"), ("mp4", "flac"), ("mov", "pcm_s16le"), ("avi", "pcm_s16le")],
)
def test_a_short_track_beside_a_long_one_is_not_called_cut_off(opened, container, codec):
    audio = opened(two_tracks(container, codec, 2.0, 5.0), name="call.dat")
    assert audio.duration_s == pytest.approx(2.0, abs=0.1)
    assert codes(audio) == ["AUDIO_TRACKS"]


def test_a_film_longer_than_its_sound_is_not_called_cut_off(opened):
    data = mkv_video(audio=voice(0.05, 48_000))
    assert codes(opened(data, name="film.mkv")) == ["TOO_SHORT"]


def test_one_of_two_tracks_that_was_cut_off_is_still_found_by_its_own_length(opened):
    data = two_tracks("matroska", "pcm_s16le", 4.0, 4.0)
    audio = opened(data[: len(data) // 4], name="call.mka")
    assert "TRUNCATED" in codes(audio)
    (message,) = [item.message for item in audio.findings if item.code == "TRUNCATED"]
    assert "4.00 s" in message


def test_dead_and_inverted_channels_are_named_and_stay(opened):
    mono = voice(1.0)
    dead = opened(encode(np.stack([mono, 0 * mono], axis=1), RATE, "WAV"))
    assert (dead.channels, codes(dead)) == (2, ["DEAD_CHANNEL"])
    assert "channel 1" in dead.findings[0].message
    inverted = opened(encode(np.stack([mono, -mono], axis=1), RATE, "WAV"))
    assert (inverted.channels, codes(inverted)) == (2, ["ANTI_PHASE"])
    silent = opened(encode(np.zeros((RATE, 2), np.float32), RATE, "WAV"))
    assert (silent.channels, codes(silent)) == (2, [])


@pytest.mark.parametrize(
    ("seconds", "level", "cut", "said"),
    [
        (4.0, 0.0, {}, "channel 1 carries no signal while another does"),
        (4.0, 1e-4, {}, None),
        (11.0, 1e-4, {}, "channel 1 carries nearly no signal (-80 dBFS) while another does"),
        (11.0, 0.0, {"start_s": 4.0, "end_s": 6.0}, None),
        (30.0, 0.0, {"start_s": 4.0, "end_s": 15.0}, "channel 1 carries no signal"),
        (11.0, 1e-3, {}, None),
    ],
)
def test_a_short_pause_is_no_dead_channel(opened, seconds, level, cut, said):
    mono = voice(seconds)
    faint = np.random.default_rng(1).normal(0, 1, len(mono)) * level
    audio = opened(encode(np.stack([mono, faint], axis=1), RATE, "WAV", "FLOAT"), **cut)
    messages = [item.message for item in audio.findings if item.code == "DEAD_CHANNEL"]
    assert len(messages) == (said is not None)
    assert said is None or messages[0].startswith(said)


def test_the_callers_channel_is_scored(opened):
    data = encode(np.stack([voice(1.0), tone(1.0)], axis=1), RATE, "WAV")
    audio = opened(data, caller_channel=1)
    assert [channel.role for channel in audio.source.channels] == ["agent", "caller"]
    assert audio.scored_channel == 1
    assert opened(data).scored_channel == 0
    with pytest.raises(UsageError) as caught:
        opened(data, caller_channel=2)
    assert caught.value.code == "NO_SUCH_CHANNEL"


def test_samples_that_were_not_kept_are_decoded_again(opened):
    signal = encode(np.stack([voice(1.0), tone(1.0)], axis=1), RATE, "FLAC")
    kept, dropped = opened(signal), opened(signal, keep_samples=False)
    assert np.array_equal(whole(kept), whole(dropped))
    assert np.array_equal(kept.read(1, 0.2, 0.4), dropped.read(1, 0.2, 0.4))
    dropped.close()
    dropped.close()
    with pytest.raises(ValueError, match="closed"):
        dropped.read(0, 0, 1)


@given(
    sizes=st.lists(st.integers(0, 90), max_size=30),
    memory=st.sampled_from([0, 200, 3_000, 1 << 20]),
    span=st.tuples(st.integers(-5, 3_000), st.integers(-5, 3_000)),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_spool_gives_back_what_it_took(sizes, memory, span):
    spool = Spool(2, memory_bytes=memory)
    try:
        total = sum(sizes)
        truth = np.random.default_rng(0).standard_normal((2, total)).astype(np.float32)
        begin = 0
        for size in sizes:
            spool.append(truth[:, begin : begin + size].copy())
            begin += size
        assert spool.frames == total
        assert spool.in_memory == (total * 8 <= memory)
        for channel in range(2):
            first, last = max(0, span[0]), max(0, span[1])
            assert np.array_equal(spool.read(channel, *span), truth[channel, first:last])
    finally:
        spool.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_while_spooling_is_a_storage_error(opened, monkeypatch):
    monkeypatch.setattr("echotrace.audio.ingest.Spool", lambda n: Spool(n, memory_bytes=1_000))
    monkeypatch.setattr(
        "echotrace.audio.spool.temporary_file",
        lambda: Path("/dev/full").open("r+b", buffering=0),  # noqa: SIM115 - the spool closes it
    )
    with pytest.raises(StorageError) as caught:
        opened(encode(voice(1.0), RATE, "WAV"))
    assert caught.value.code == "TEMP_FULL"
    assert "0.1 MiB so far" in caught.value.what


def test_unscaled_floats_are_brought_back_into_range(opened):
    signal = voice(1.0, level=0.8)
    audio = opened(encode(signal * 32768, RATE, "WAV", "FLOAT"))
    assert codes(audio) == ["OUT_OF_RANGE"]
    assert np.allclose(audio.read(0, 0, 1), signal, atol=1e-5)
    assert audio.native[0].peak == pytest.approx(0.8, rel=1e-3)


def test_the_parts_of_decoding_lie_end_to_end_in_its_span(files):
    collector = TelemetryCollector()
    with open_audio(
        files["wav"], options=AudioOptions(), collector=collector, make_extractor=NoFeatures
    ):
        pass
    spans = {span.name: span for span in collector.spans}
    parent = spans["audio_decode"]
    at = parent.start_ns
    for name in ("hash", "decode", "resample", "features"):
        part = spans[name]
        assert part.parent_id == parent.id
        assert part.attributes["accumulated"] is True
        assert part.start_ns >= at
        at = part.end_ns
    assert at <= parent.end_ns
    assert spans["decode"].end_ns > spans["decode"].start_ns


def test_a_failed_decode_is_a_failed_span(opened, tmp_path):
    collector = TelemetryCollector()
    (tmp_path / "x.wav").write_bytes(b"<html>404</html>")
    with pytest.raises(InputError):
        open_audio(tmp_path / "x.wav", options=AudioOptions(), collector=collector)
    assert [(span.name, span.status) for span in collector.spans] == [("audio_decode", "failed")]


def test_the_real_features_are_computed_by_default(tmp_path):
    (tmp_path / "x.wav").write_bytes(wav(pcm16(voice(2.0))))
    with open_audio(tmp_path / "x.wav", options=AudioOptions(start_s=0.5)) as audio:
        assert audio.features[0].start_s == 0.5
        assert len(audio.features[0].speech_probability) >= 46
