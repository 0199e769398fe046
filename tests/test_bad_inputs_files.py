"""Hostile files, by the row numbers of the project's table of bad inputs.

Each case is opened for real, with features, under a guard: at most 1 GiB of new address space, at
most 60 seconds, no file descriptor and no temporary file left, no word on stdout or stderr. A case
either gives a recording whose numbers are all finite, with the findings named here, or an
EchoTraceError with the exit code and the stable code named here.
"""

from __future__ import annotations

import math
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest

from echotrace.audio.handle import Audio, AudioOptions, open_audio
from echotrace.errors import EchoTraceError, ExitCode
from tests.fakes.audio_files import (
    NoFeatures,
    encode,
    encode_av,
    flac_total_samples,
    id3_claiming,
    mkv_video,
    pcm16,
    sparse_wav,
    tagged_wav,
    tone,
    vbr_header_free_mp3,
    voice,
    wav,
)

resource = pytest.importorskip("resource", reason="limits on memory need POSIX")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # see tests/unit/audio_door/conftest.py

RATE = 16_000
VOICE = voice(2.0, RATE)
GOOD = wav(pcm16(VOICE))
FLAC = encode(VOICE, RATE, "FLAC")
MP3 = encode(VOICE, RATE, "MP3")
STEREO = np.stack([VOICE, 0.5 * voice(2.0, RATE, seed=5)[::-1]], axis=1)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
ZIP = b"PK\x03\x04" + bytes(range(256)) * 8
HTML = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>\n"

Build = Callable[[Path], Path]


@dataclass(frozen=True)
class Case:
    row: str
    build: Build
    code: str | None = None  # of the error; None: the file is opened
    exit_code: ExitCode = ExitCode.INPUT
    has: tuple[str, ...] = ()  # findings there must be
    only: bool = True  # and no others
    says: str = ""  # a word in the error
    check: Callable[[Audio], object] | None = None
    options: AudioOptions = field(default_factory=AudioOptions)
    features: bool = True


def named(name: str, data: bytes) -> Build:
    def build(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data)
        return path

    return build


def flipped(data: bytes) -> bytes:
    broken = bytearray(data)
    broken[len(broken) // 2] ^= 0x10
    return bytes(broken)


def refusal(row: str, data: bytes, code: str, name: str = "call.wav", says: str = "") -> Case:
    return Case(row, named(name, data), code=code, says=says)


def recording(row: str, data: bytes, *has: str, name: str = "call.wav", **more) -> Case:
    return Case(row, named(name, data), has=has, **more)


def float_wav(samples: np.ndarray) -> bytes:
    return wav(np.asarray(samples, "<f4").tobytes(), tag=3, bits=32)


def spoiled(**at: float) -> bytes:
    samples = VOICE.copy()
    for index, value in enumerate(at.values()):
        samples[100 + index] = value
    return float_wav(samples)


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "call.wav")
    return folder / "call.wav"


def unix_socket(folder: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(folder / "call.wav"))
    return folder / "call.wav"


def link(target: str) -> Build:
    def build(folder: Path) -> Path:
        (folder / "real.wav").write_bytes(GOOD)
        (folder / "call.wav").symlink_to(target)
        return folder / "call.wav"

    return build


def directory(folder: Path) -> Path:
    (folder / "x.wav").mkdir()
    return folder / "x.wav"


def non_utf8(folder: Path) -> Path:
    path = os.fsencode(folder) + b"/\xff\xfe.wav"
    with open(path, "wb") as file:  # noqa: PTH123 - a name in bytes
        file.write(GOOD)
    return Path(os.fsdecode(path))


def shows(text: str) -> Callable[[Audio], object]:
    def check(audio: Audio) -> None:
        assert text in audio.source.path
        audio.source.path.encode("utf-8")

    return check


def at_least(seconds: float) -> Callable[[Audio], object]:
    def check(audio: Audio) -> None:
        assert audio.duration_s >= seconds

    return check


def no_title(audio: Audio) -> None:
    shown = repr(audio.source) + repr(audio.findings)
    assert "script" not in shown
    assert "\x1b" not in shown


def clipped(audio: Audio) -> None:
    assert audio.native[0].clipping_ratio > 0.2


def live_channels(count: int) -> Callable[[Audio], object]:
    def check(audio: Audio) -> None:
        assert audio.channels == count

    return check


NOT_AUDIO = [
    ("text", b"hello world, this is no audio\n" * 50, "text"),
    ("html", HTML, "HTML"),
    ("json", b'{"error": "not found"}\n', "JSON"),
    ("zip", ZIP, "ZIP"),
    ("png", PNG, "PNG"),
    ("random", np.random.default_rng(0).bytes(100_000), "no format"),
    ("random like mp3", b"\xff\xfb" + np.random.default_rng(1).bytes(100_000), "no format"),
    ("zeros", bytes(100_000), "zero bytes"),
    ("utf-16", "hello".encode("utf-16") * 20, "UTF-16"),
]

CASES = [
    refusal("1 empty", b"", "EMPTY_FILE", says="empty file"),
    refusal("2 one byte", b"R", "TRUNCATED_HEADER"),
    refusal("2 RIFF only", b"RIFF", "TRUNCATED_HEADER"),
    refusal("2 header cut at 30 bytes", GOOD[:30], "TRUNCATED_HEADER"),
    refusal("3 header only", wav(b""), "NO_AUDIO"),
    refusal(
        "3 header and tags only", wav(b"LIST\x0c\0\0\0INFOINAM\0\0\0\0", declared=0), "NO_AUDIO"
    ),
    recording("4 one sample", wav(b"\1\2"), "TOO_SHORT"),
    recording("4 odd byte count", wav(b"\1\2\3"), "TOO_SHORT"),
    recording("5 data cut to half", GOOD[: len(GOOD) // 2], "TRUNCATED", check=at_least(0.9)),
    recording("6 streaming size", wav(pcm16(VOICE), declared=0xFFFFFFFF), check=at_least(2.0)),
    recording("7 size 0", wav(pcm16(VOICE), declared=0), "HEADER_REPAIRED", check=at_least(2.0)),
    recording("8 claims 4 GB", wav(b"ab", declared=0xFFFFFFF0), "TRUNCATED", "TOO_SHORT"),
    refusal("9 no channels", wav(pcm16(VOICE), channels=0), "NO_CHANNELS"),
    refusal("9 65535 channels", wav(pcm16(VOICE), channels=65_535), "TOO_MANY_CHANNELS"),
    refusal("10 rate 0", wav(pcm16(VOICE), rate=0), "IMPLAUSIBLE_RATE"),
    refusal("10 rate 4 GHz", wav(pcm16(VOICE), rate=4_000_000_000), "IMPLAUSIBLE_RATE"),
    refusal("11 rate 1 Hz", wav(pcm16(VOICE), rate=1), "IMPLAUSIBLE_RATE", says="1 Hz"),
    refusal("12 0 bits", wav(pcm16(VOICE), bits=0), "UNSUPPORTED_CODING"),
    refusal("12 7 bits", wav(pcm16(VOICE), bits=7), "UNSUPPORTED_CODING"),
    refusal("12 coding ffff", wav(pcm16(VOICE), tag=0xFFFF), "UNSUPPORTED_CODING"),
    recording("13 mu-law 8 kHz", encode(voice(2.0, 8_000), 8_000, "WAV", "ULAW"), "NARROWBAND"),
    *(
        refusal(f"14 {what} named {suffix}", data, "NOT_AUDIO", name=f"x.{suffix}", says=says)
        for what, data, says in NOT_AUDIO
        for suffix in ("wav", "mp3", "flac")
    ),
    recording("15 all NaN", float_wav(np.full(RATE, np.nan)), "NON_FINITE"),
    recording("15 one NaN", spoiled(a=math.nan), "NON_FINITE"),
    recording("15 one Inf", spoiled(a=math.inf), "NON_FINITE"),
    recording(
        "15 NaN as doubles",
        encode(VOICE.astype("f8") * np.nan, RATE, "WAV", "DOUBLE"),
        "NON_FINITE",
    ),
    recording("16 1e30", spoiled(a=1e30), "OUT_OF_RANGE"),
    recording("16 all 1e38", float_wav(np.full(RATE, 1e38)), "OUT_OF_RANGE"),
    recording(
        "16 beyond float32", encode(np.full(RATE, 1e300), RATE, "WAV", "DOUBLE"), "NON_FINITE"
    ),
    recording("16 denormals", float_wav(np.full(RATE, 1e-40))),
    recording("17 digital silence", wav(bytes(2 * 3 * RATE)), check=at_least(3.0)),
    recording("18 pure DC", float_wav(np.full(RATE, 0.25))),
    recording("19 white noise", float_wav(np.random.default_rng(0).normal(0, 0.1, RATE))),
    recording("20 clipped 20 times", wav(pcm16(20 * VOICE)), check=clipped),
    recording("21 10 ms", wav(pcm16(VOICE[:160])), "TOO_SHORT"),
    recording(
        "22 dead channel",
        encode(STEREO * [1, 0], RATE, "WAV"),
        "DEAD_CHANNEL",
        check=live_channels(2),
    ),
    recording(
        "22 anti-phase",
        encode(np.stack([VOICE, -VOICE], 1), RATE, "WAV"),
        "ANTI_PHASE",
        check=live_channels(2),
    ),
    recording("23 8 channels", encode(np.tile(STEREO, 4), RATE, "WAV"), check=live_channels(8)),
    recording("23 split stereo", encode(STEREO, RATE, "WAV"), check=live_channels(2)),
    *(
        recording(f"24 {container} {coding}", encode(VOICE, RATE, container, coding))
        for container, coding in [
            ("WAV", "PCM_U8"),
            ("WAV", "DOUBLE"),
            ("WAV", "FLOAT"),
            ("WAV", "PCM_24"),
            ("WAV", "PCM_32"),
            ("WAV", "IMA_ADPCM"),
            ("WAV", "MS_ADPCM"),
            ("WAV", "ALAW"),
            ("RF64", "PCM_16"),
            ("W64", "PCM_16"),
            ("AIFF", "PCM_16"),
            ("CAF", "PCM_16"),
        ]
    ),
    *(
        Case(
            f"25 {rate} Hz",
            named("call.wav", encode(voice(1.0, rate), rate, "WAV")),
            has=("NARROWBAND",) if rate <= 8_000 else (),
            check=at_least(0.99),
        )
        for rate in (8_000, 44_100, 192_000)
    ),
    recording(
        "26 FLAC bit flip",
        flipped(FLAC),
        "DAMAGED",
        only=False,
        check=at_least(1.5),
        name="call.flac",
    ),
    recording(
        "27 FLAC cut to a third",
        FLAC[: len(FLAC) // 3],
        "DAMAGED",
        only=False,
        check=at_least(0.4),
        name="call.flac",
    ),
    recording(
        "28 FLAC claims 2^36 samples",
        flac_total_samples(FLAC, 2**36 - 1),
        "TRUNCATED",
        check=at_least(2.0),
        name="call.flac",
    ),
    Case(
        "29 small file, long audio",
        named("call.flac", encode(np.zeros(600 * RATE), RATE, "FLAC")),
        code="TOO_LONG",
        says="--max-duration",
        options=AudioOptions(max_duration_s=300),
        features=False,
    ),
    Case(
        "29 small file, much data",
        named("call.flac", encode(np.zeros(600 * RATE), RATE, "FLAC")),
        code="TOO_LARGE",
        says="--max-decoded-mib",
        options=AudioOptions(max_decoded_mib=8),
        features=False,
    ),
    recording("30 MP3 truncated", MP3[: len(MP3) // 2], "TRUNCATED", name="call.mp3"),
    recording(
        "30 ID3 claims 256 MB",
        id3_claiming(2**28 - 1, MP3),
        "DAMAGED_TAG",
        check=at_least(2.0),
        name="call.mp3",
    ),
    recording(
        "30 VBR without Xing", vbr_header_free_mp3(VOICE), check=at_least(2.0), name="call.mp3"
    ),
    Case(
        "31 OGG truncated",
        named("call.ogg", encode(voice(8.0), RATE, "OGG", "VORBIS")[:-9_000]),
        check=at_least(1.0),
        only=False,
    ),
    recording(
        "31 chained OGG",
        encode(VOICE, RATE, "OGG", "VORBIS") * 2,
        "CHAINED",
        only=False,
        check=at_least(3.9),
        name="call.ogg",
    ),
    recording(
        "31 rate change mid-stream",
        encode(VOICE, RATE, "OGG", "VORBIS") + encode(voice(2.0, 8_000), 8_000, "OGG"),
        "CHAINED",
        "DAMAGED",
        check=at_least(1.9),
        name="call.ogg",
    ),
    recording("32 m4a", encode_av(VOICE, RATE, "mp4", "aac"), check=at_least(1.9)),
    recording(
        "32 webm", encode_av(voice(2.0, 48_000), 48_000, "webm", "libopus"), check=at_least(1.9)
    ),
    refusal("33 video without sound", mkv_video(), "NO_AUDIO_STREAM", name="x.mkv"),
    refusal("33 MP4 without sound", mkv_video(container="mp4"), "NO_AUDIO_STREAM", name="x.mp4"),
    recording(
        "34 two audio tracks", encode_av(VOICE, RATE, "matroska", "aac", tracks=2), "AUDIO_TRACKS"
    ),
    refusal(
        "35 HLS",
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "NOT_AUDIO",
        says="playlist",
    ),
    refusal(
        "35 ffconcat", b"ffconcat version 1.0\nfile '/etc/passwd'\n", "NOT_AUDIO", says="playlist"
    ),
    refusal(
        "36 200 000 empty chunks",
        b"RIFF\xff\xff\xff\x7fWAVE" + b"JUNK\0\0\0\0" * 200_000,
        "NO_AUDIO",
    ),
    recording(
        "37 title with markup",
        tagged_wav(VOICE, RATE, b"<script>alert(1)</script>\x1b[31m"),
        check=no_title,
    ),
    recording("37 1 MB title", tagged_wav(VOICE, RATE, b"x" * (1 << 20)), check=at_least(2.0)),
    recording("38 spaces", GOOD, name="my call, take 2.wav", check=shows("my call, take 2.wav")),
    recording("38 emoji and CJK", GOOD, name="通話 📞.wav", check=shows("通話 📞.wav")),
    recording("38 right to left", GOOD, name="مكالمة.wav", check=shows("مكالمة.wav")),
    recording("38 255 bytes", GOOD, name="x" * 251 + ".wav", check=shows("xxxx.wav")),
    Case("39 non-UTF-8 name", non_utf8, check=shows("\\xff\\xfe.wav")),
    recording("40 newline in name", GOOD, name="a\nb.wav", check=shows("a\\x0ab.wav")),
    recording("40 leading dash", GOOD, name="-call.wav", check=shows("-call.wav")),
    recording("40 markup in name", GOOD, name="[bold red]x.wav", check=shows("[bold red]x.wav")),
    Case("41 directory", directory, code="IS_DIRECTORY", says="benchmark"),
    Case("42 symbolic link", link("real.wav"), check=at_least(2.0)),
    Case("42 link loop", link("call.wav"), code="NOT_FOUND", says="circle"),
    Case("42 dangling link", link("nowhere.wav"), code="NOT_FOUND", says="link"),
    Case("42 link to /etc/passwd", link("/etc/passwd"), code="NOT_AUDIO"),
    Case("43 FIFO", fifo, code="NOT_REGULAR"),
    Case("44 /dev/zero", lambda _: Path("/dev/zero"), code="NOT_REGULAR"),
    Case("44 socket", unix_socket, code="NOT_REGULAR"),
    Case("44 /proc/self/status", lambda _: Path("/proc/self/status"), code="NOT_REGULAR"),
    *(
        Case(
            f"46 {hours} h sparse WAV",
            lambda folder, hours=hours: sparse_wav(folder / "x.wav", hours * 3600),
            check=at_least(hours * 3600),
            options=AudioOptions(keep_samples=False),
            features=False,
        )
        for hours in (1, 3)
    ),
]
SLOW = ("46 3 h sparse WAV",)


@pytest.fixture(scope="module", autouse=True)
def _models_loaded(tmp_path_factory):
    """Load what stays loaded, so that the guard sees only what a case needs."""
    folder = tmp_path_factory.mktemp("warm")
    for name, data in (("x.wav", encode(voice(0.5, 8_000), 8_000, "WAV")), ("x.mp3", MP3)):
        with open_audio(named(name, data)(folder), options=AudioOptions()):
            pass


@contextmanager
def guarded(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> Iterator[None]:
    """Bound memory and time, and compare descriptors and temporary files before and after."""
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        now = next(int(line.split()[1]) for line in lines if line.startswith("VmSize"))
        resource.setrlimit(resource.RLIMIT_AS, (now * 1024 + (1 << 30), hard))
    before = _descriptors()
    old = signal.signal(signal.SIGALRM, _too_slow)
    signal.alarm(60)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert _descriptors() == before
    assert list(temporary.iterdir()) == []


def _too_slow(*_: object) -> None:
    raise TimeoutError("the case took more than 60 seconds")


def _descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def all_finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, np.ndarray):
        return value.dtype.kind != "f" or bool(np.isfinite(value).all())
    if isinstance(value, (tuple, list)):
        return all(map(all_finite, value))
    if is_dataclass(value):
        return all(all_finite(getattr(value, item.name)) for item in fields(value))
    return True


def answer(case: Case, path: Path) -> EchoTraceError | None:
    """Open the recording and check it; the error when there is one."""
    extractor = {} if case.features else {"make_extractor": NoFeatures}
    try:
        audio = open_audio(path, options=case.options, **extractor)
    except EchoTraceError as error:
        return error
    with audio:
        found = {finding.code for finding in audio.findings}
        assert set(case.has) <= found
        assert not case.only or found == set(case.has)
        assert all_finite((audio.source, audio.native, audio.duration_s))
        assert not case.features or all_finite(audio.features)
        if audio.duration_s < 60:
            assert all(np.isfinite(block.samples).all() for block in audio.blocks())
        if case.check:
            case.check(audio)
    return None


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"row {case.row}", marks=pytest.mark.slow if case.row in SLOW else ())
        for case in CASES
    ],
)
def test_row(case, tmp_path, monkeypatch, capfd):
    folder, temporary = tmp_path / "files", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    path = case.build(folder)
    if str(path).startswith("/proc") and not path.exists():
        pytest.skip("there is no /proc here")
    with guarded(monkeypatch, temporary):
        error = answer(case, path)
    if case.code is None:
        if error is not None:
            raise error
    else:
        assert error is not None, "this file should have been refused"
        assert (error.code, error.exit_code) == (case.code, case.exit_code)
        sentences = f"{error.what}\n{error.why}\n{error.hint}"
        assert case.says in sentences
        assert error.hint
        assert sentences.count("\n") == 2
        assert "root:" not in sentences
        assert all(letter.isprintable() or letter == "\n" for letter in sentences)
    assert tuple(capfd.readouterr()) == ("", "")


def test_row_45_no_permission(tmp_path, monkeypatch):
    path = named("call.wav", GOOD)(tmp_path)
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    try:
        with pytest.raises(EchoTraceError) as caught:
            open_audio(path, options=AudioOptions())
    finally:
        if user == 0:
            os.seteuid(0)
    assert (caught.value.code, caught.value.exit_code) == ("PERMISSION", ExitCode.INPUT)


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(3_200))


def _replace(path: Path) -> None:
    path.with_suffix(".new").write_bytes(wav(pcm16(tone(1.0))))
    path.with_suffix(".new").replace(path)


@pytest.mark.parametrize("change", [_grow, _replace, Path.unlink])
def test_row_45_changes_during_analysis(change, tmp_path):
    path = named("call.wav", GOOD)(tmp_path)

    class Meddler(NoFeatures):
        def finish(self) -> tuple:
            change(path)
            return super().finish()

    with open_audio(path, options=AudioOptions(), make_extractor=Meddler) as audio:
        assert [finding.code for finding in audio.findings] == ["CHANGED"]
        assert audio.duration_s == 2.0
        assert np.array_equal(audio.read(0, 0, 2), np.frombuffer(GOOD[44:], "<i2") / 32768)


@pytest.mark.parametrize("demuxer", ["hls", "concat", "dash", "sdp"])
def test_row_35_no_demuxer_opens_another_file(demuxer, tmp_path):
    """Even FFmpeg's playlist readers, which are never chosen, could not leave the file."""
    from echotrace.audio.decode_av import AvDecoder
    from echotrace.audio.decoder import Rejected
    from echotrace.audio.door import open_recording
    from echotrace.audio.sniff import Looks

    secret = named("secret.wav", GOOD)(tmp_path)
    texts = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{secret}'\n",
        "dash": f"<MPD><BaseURL>file://{secret}</BaseURL></MPD>",
        "sdp": "v=0\nm=audio 9 RTP/AVP 0\nc=IN IP4 127.0.0.1\n",
    }
    playlist = named("x.m3u8", texts[demuxer].encode())(tmp_path)
    with (
        open_recording(playlist, max_bytes=1) as opened,
        pytest.raises((Rejected, EchoTraceError)),
    ):
        AvDecoder(opened, Looks(what="a playlist", demuxer=demuxer))
