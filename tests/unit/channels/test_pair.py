"""Two mono files are one call on one clock."""

from __future__ import annotations

import hashlib
import io
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echotrace.audio.features import FeatureExtractor
from echotrace.audio.handle import AudioOptions, open_audio
from echotrace.audio.pair import open_pair
from echotrace.audio.spool import Spool
from echotrace.audio.stop import Stopped
from echotrace.errors import InputError, UsageError
from echotrace.telemetry import TelemetryCollector
from tests.fakes.audio_files import NoFeatures, encode, pcm16, tone, voice, wav

RATE = 16_000
CALLER, AGENT = voice(2.0, seed=1), voice(3.0, seed=2, level=0.4)[::-1].copy()

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def pair(tmp_path):
    """Write two files' bytes and open them as one; everything is closed in the end."""
    handles = []

    def open_them(caller, agent, *, offset=0.0, extractor=NoFeatures, names=("c", "a"), **options):
        paths = []
        for name, data in zip(names, (caller, agent), strict=True):
            paths.append(tmp_path / name)
            paths[-1].write_bytes(data)
        handles.append(
            open_pair(
                *paths,
                agent_offset_ms=offset,
                options=AudioOptions(**options),
                make_extractor=extractor,
            )
        )
        return handles[-1]

    yield open_them
    for handle in handles:
        handle.close()


def mono(samples, rate=RATE, container="WAV"):
    return encode(samples, rate, container, "FLOAT" if container == "WAV" else None)


def codes(audio) -> list[str]:
    return [finding.code for finding in audio.findings]


def message(audio, code) -> str:
    (found,) = [item for item in audio.findings if item.code == code]
    return found.message


def whole(audio) -> np.ndarray:
    return np.concatenate([block.samples for block in audio.blocks(0.7)], axis=1)


def laid_out(offset_ms: int) -> np.ndarray:
    """What the two rows have to be, by the definition of the offset."""
    lead = offset_ms * RATE // 1000
    begins = (max(0, -lead), max(0, lead))
    rows = np.zeros((2, max(begins[0] + CALLER.size, begins[1] + AGENT.size)), np.float32)
    for row, begin, samples in zip(rows, begins, (CALLER, AGENT), strict=True):
        row[begin : begin + samples.size] = samples
    return rows


@pytest.mark.parametrize("offset", [0, 250, -250, 2_500, -3_500])
@pytest.mark.parametrize("keep", [True, False])
def test_both_lie_on_one_clock_and_the_rest_is_silence(pair, offset, keep):
    audio = pair(mono(CALLER), mono(AGENT), offset=offset, keep_samples=keep)
    assert np.array_equal(whole(audio), laid_out(offset))
    assert audio.duration_s == laid_out(offset).shape[1] / RATE
    assert [(c.index, c.role, c.role_source) for c in audio.source.channels] == [
        (0, "caller", "files"),
        (1, "agent", "files"),
    ]
    assert audio.scored_channel == 0
    assert ("CLOCK_FROM_AGENT" in codes(audio)) == (offset < 0)
    assert ("NO_OVERLAP" in codes(audio)) == (offset in (2_500, -3_500))
    assert [file.offset_ms for file in audio.source.files] == [max(0, -offset), max(0, offset)]


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    offset=st.integers(-3_200, 3_200),
    start=st.integers(0, 600),
    length=st.integers(1, 700),
)
def test_a_cut_is_that_slice_of_the_whole(tmp_path, offset, start, length):
    (tmp_path / "c").write_bytes(mono(CALLER))
    (tmp_path / "a").write_bytes(mono(AGENT))
    truth = laid_out(offset)[:, start * 160 : (start + length) * 160]
    held = [max(0, -offset) / 1000, max(0, offset) / 1000]
    ends = [held[0] + 2.0, held[1] + 3.0]
    begin_s, end_s = start / 100, (start + length) / 100
    options = AudioOptions(start_s=begin_s, end_s=end_s)

    def opened():
        return open_pair(
            tmp_path / "c",
            tmp_path / "a",
            agent_offset_ms=offset,
            options=options,
            make_extractor=NoFeatures,
        )

    inside = [a < end_s and begin_s < b for a, b in zip(held, ends, strict=True)]
    if not any(inside):
        with pytest.raises(InputError) as caught:
            opened()
        assert caught.value.code == "CUT_OUTSIDE"
        return
    with opened() as audio:
        assert np.array_equal(whole(audio), truth)
        assert audio.features[0].start_s == begin_s
        assert audio.features[0].frames == truth.shape[1]
        assert ("SIDE_SILENT" in codes(audio)) == (not all(inside))
        assert ("CUT_SHORTENED" in codes(audio)) == (end_s > max(ends))
        last = min(max(ends), end_s)
        assert audio.read(1, begin_s, last).size == truth.shape[1]


def test_each_file_keeps_its_own_rate_in_the_native_figures(pair):
    caller, agent = voice(2.0, 8_000), voice(3.0, 44_100)
    audio = pair(mono(caller, 8_000), mono(agent, 44_100))
    assert [(s.index, s.sample_rate_hz, s.samples) for s in audio.native] == [
        (0, 8_000, 16_000),
        (1, 44_100, 132_300),
    ]
    assert audio.native[1].peak == pytest.approx(float(np.abs(agent).max()))
    assert audio.source.sample_rate_hz == 44_100
    assert audio.duration_s == pytest.approx(3.0, abs=1e-3)
    assert "c: telephone bandwidth" in message(audio, "NARROWBAND")


def test_the_source_names_both_files(pair, tmp_path):
    data = mono(CALLER), mono(AGENT, container="FLAC")
    source = pair(*data, names=("left\n.wav", "right.flac"), offset=120).source
    assert source.path == f"{tmp_path}/left\\x0a.wav + {tmp_path}/right.flac"
    assert source.sha256 is None
    assert [file.sha256 for file in source.files] == [hashlib.sha256(d).hexdigest() for d in data]
    assert [file.role for file in source.files] == ["caller", "agent"]
    assert source.size_bytes == sum(map(len, data))
    assert source.container == "wav + flac"


def test_the_features_are_those_of_the_stereo_file(pair, tmp_path):
    rows = laid_out(400)
    (tmp_path / "stereo").write_bytes(mono(rows.T))
    audio = pair(mono(CALLER), mono(AGENT), offset=400, extractor=FeatureExtractor)
    with open_audio(tmp_path / "stereo", options=AudioOptions()) as stereo:
        for one, other in zip(audio.features, stereo.features, strict=True):
            assert np.array_equal(one.speech_probability, other.speech_probability)
            assert np.array_equal(one.variance, other.variance)
            assert one.duration_s == other.duration_s


def test_a_stereo_file_with_one_signal_is_taken_for_mono(pair):
    both = np.stack([CALLER, CALLER], axis=1)
    audio = pair(mono(both), mono(AGENT))
    assert audio.channels == 2
    assert np.array_equal(audio.read(0, 0, 2), CALLER)
    assert codes(audio) == ["DOUBLED_MONO"]


@pytest.mark.parametrize("side", [0, 1])
def test_a_stereo_file_with_two_signals_is_refused_and_named(pair, tmp_path, side):
    stereo = mono(np.stack([CALLER, CALLER[::-1]], axis=1))
    files = [mono(CALLER), mono(AGENT)]
    files[side] = stereo
    with pytest.raises(InputError) as caught:
        pair(*files, names=("one.wav", "two.wav"))
    assert caught.value.code == "NOT_MONO"
    assert ("one.wav", "two.wav")[side] in caught.value.what
    assert ("caller", "agent")[side] in caught.value.why


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(
    "bad", [b"", b"<html>404</html>", wav(b""), b"RIFF\x24\0\0\0WAVEfmt ", None]
)
def test_a_bad_file_fails_as_it_does_alone(pair, tmp_path, side, bad):
    name = ("bad.wav", "missing.wav")[bad is None]
    if bad is not None:
        (tmp_path / name).write_bytes(bad)
    with pytest.raises(InputError) as alone:
        open_audio(tmp_path / name, options=AudioOptions(), make_extractor=NoFeatures)
    (tmp_path / "good.wav").write_bytes(mono(CALLER))
    paths = [tmp_path / "good.wav", tmp_path / "good.wav"]
    paths[side] = tmp_path / name
    with pytest.raises(InputError) as caught:
        open_pair(*paths, options=AudioOptions(), make_extractor=NoFeatures)
    assert (caught.value.code, caught.value.what) == (alone.value.code, alone.value.what)
    assert name in caught.value.what


def test_findings_name_their_file_and_the_common_clock(pair):
    cut_off = wav(pcm16(AGENT), declared=2 * AGENT.size + 64_000)
    audio = pair(mono(CALLER), cut_off, names=("one.wav", "two.wav"))
    assert "two.wav: the file promises 5.00 s" in message(audio, "TRUNCATED")


def test_the_same_recording_on_both_sides_is_one_signal(pair):
    audio = pair(mono(CALLER), mono(CALLER))
    assert (audio.channels, audio.identical_channels) == (1, True)
    assert [channel.role for channel in audio.source.channels] == ["mixed"]
    assert codes(audio) == ["IDENTICAL_CHANNELS"]
    assert "ANTI_PHASE" in codes(pair(mono(CALLER), mono(-CALLER)))


def test_a_silent_side_is_a_dead_channel(pair):
    audio = pair(mono(CALLER), mono(0 * AGENT))
    assert codes(audio) == ["DEAD_CHANNEL"]
    assert audio.channels == 2


def test_a_pause_of_one_side_in_a_cut_is_no_dead_channel(pair):
    late = np.concatenate([np.zeros(12 * RATE, np.float32), AGENT])
    long = np.tile(CALLER, 8)
    assert codes(pair(mono(long), mono(late), start_s=2.0, end_s=4.0)) == []
    assert codes(pair(mono(long), mono(late), end_s=11.0)) == ["DEAD_CHANNEL"]


@pytest.mark.parametrize("offset", [math.nan, math.inf, -math.inf])
def test_an_offset_that_is_no_time_is_refused(pair, offset):
    with pytest.raises(UsageError) as caught:
        pair(mono(CALLER), mono(AGENT), offset=offset)
    assert caught.value.code == "OFFSET_INVALID"


@pytest.mark.parametrize("offset", [1e7, -1e7, 1e15])
def test_an_offset_beyond_the_cap_is_too_long_and_costs_no_memory(pair, offset):
    with pytest.raises(InputError) as caught:
        pair(mono(CALLER), mono(AGENT), offset=offset, max_duration_s=3_600)
    assert caught.value.code == "TOO_LONG"
    assert f"--agent-offset-ms {offset:.12g}" in caught.value.what
    assert ("after" if offset > 0 else "before") in caught.value.why
    assert "milliseconds" in caught.value.hint


@pytest.mark.parametrize(
    ("caller_s", "agent_s", "offset_s", "said"),
    [
        (40.0, 20.0, 0.0, ["the agent's recording ends 20.0 s before the caller's: 50% "]),
        (20.0, 40.0, 0.0, ["the caller's recording ends 20.0 s before the agent's: 50% "]),
        (40.0, 20.0, 20.0, ["the agent's recording begins 20.0 s after the caller's: 50% "]),
        (30.0, 30.0, -15.0, ["the caller's recording begins 15.0 s", "the agent's recording ends"]),
        (40.0, 31.0, 0.0, []),
        (60.0, 49.0, 0.0, []),
        (8.0, 2.0, 0.0, []),
        (20.0, 20.0, 30.0, []),
    ],
)
def test_a_side_that_lacks_much_of_the_call_is_named(pair, caller_s, agent_s, offset_s, said):
    audio = pair(
        mono(voice(caller_s, 8_000, seed=1), 8_000),
        mono(voice(agent_s, 8_000, seed=2), 8_000),
        offset=offset_s * 1000,
    )
    found = [item.message for item in audio.findings if item.code == "SIDE_SHORT"]
    assert len(found) == len(said)
    for message_, words in zip(found, said, strict=True):
        assert message_.startswith(words)


def test_a_cut_inside_both_sides_lacks_nothing(pair):
    sides = [mono(voice(seconds, 8_000, seed=3), 8_000) for seconds in (40.0, 20.0)]
    assert "SIDE_SHORT" not in codes(pair(*sides, end_s=19.0))
    assert "SIDE_SHORT" in codes(pair(*sides, end_s=35.0))


@pytest.mark.parametrize("side", [0, 1])
def test_one_of_them_may_come_from_standard_input(tmp_path, side):
    (tmp_path / "x.wav").write_bytes(mono(CALLER))
    paths = [tmp_path / "x.wav", tmp_path / "x.wav"]
    paths[side] = "-"
    with open_pair(
        *paths,
        options=AudioOptions(),
        stdin=io.BytesIO(mono(AGENT)),
        make_extractor=NoFeatures,
    ) as audio:
        assert np.array_equal(audio.read(side, 0, 3), AGENT)
        assert audio.source.files[side].path == "-"


def test_both_from_standard_input_is_refused():
    with pytest.raises(UsageError) as caught:
        open_pair("-", "-", options=AudioOptions())
    assert caught.value.code == "STDIN_TWICE"


class Flag:
    """Says stop from the ``times``-th question on."""

    def __init__(self, times):
        self.left = times

    def __call__(self):
        self.left -= 1
        return self.left < 0


def is_stopped(path, times) -> bool:
    """Whether the opening broke off; it may not, when it asks less often than ``times``."""
    try:
        audio = open_pair(
            path,
            path,
            agent_offset_ms=5_000,
            options=AudioOptions(),
            make_extractor=NoFeatures,
            should_stop=Flag(times),
        )
    except Stopped:
        return True
    audio.close()
    return False


def open_files() -> int | None:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else None


def test_it_can_be_stopped_at_every_step_and_leaves_nothing(tmp_path, monkeypatch):
    """The samples go to disk, where the fixture of this module would see what is left of them."""
    monkeypatch.setattr("echotrace.audio.ingest.Spool", lambda n: Spool(n, memory_bytes=1_000))
    path = tmp_path / "x.wav"
    path.write_bytes(mono(tone(10.0)))
    before = open_files()
    stopped = [is_stopped(path, times) for times in range(30)]
    count = sum(stopped)
    assert stopped == [True] * count + [False] * (30 - count)
    assert count == 2 * (1 + 4) + 4  # a piece hashed, three blocks and the end each; the rows
    assert open_files() == before


def test_one_span_holds_the_parts_of_both(tmp_path):
    (tmp_path / "x.wav").write_bytes(mono(CALLER))
    collector = TelemetryCollector()
    with open_pair(
        tmp_path / "x.wav",
        tmp_path / "x.wav",
        options=AudioOptions(),
        collector=collector,
        make_extractor=NoFeatures,
    ):
        names = [span.name for span in collector.spans]
    assert sorted(names) == ["audio_decode", "decode", "features", "hash", "resample"]
