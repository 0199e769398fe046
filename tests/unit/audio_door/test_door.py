from __future__ import annotations

import errno
import io
import os
import socket
import subprocess
from pathlib import Path

import pytest

from echotrace.audio.door import open_recording
from echotrace.audio.handle import AudioOptions, open_audio
from echotrace.errors import EchoTraceError, InputError, StorageError, UsageError
from echotrace.printable import printable
from tests.fakes.audio_files import NoFeatures, encode, pcm16, tone, wav

GOOD = wav(pcm16(tone(1.0)))


def refused(path, **kwargs) -> EchoTraceError:
    with pytest.raises(EchoTraceError) as caught:
        open_recording(path, max_bytes=1 << 20, **kwargs)
    return caught.value


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"caf\xc3\xa9.wav", "café.wav"),
        (b"\xff\xfe.wav", "\\xff\\xfe.wav"),
        (b"a\nb\x1b[31m.wav", "a\\x0ab\\x1b[31m.wav"),
        ("evil\u202egnp.wav".encode(), "evil\\u202egnp.wav"),
        ("\u2028x\u0085.wav".encode(), "\\u2028x\\x85.wav"),
        ("通話 📞 مكالمة.wav".encode(), "通話 📞 مكالمة.wav"),
    ],
)
def test_names_are_shown_safely(name, shown):
    assert printable(name) == shown
    printable(name).encode("utf-8")


def test_a_missing_file_names_its_nearest_neighbour(tmp_path):
    (tmp_path / "meeting.wav").write_bytes(GOOD)
    error = refused(tmp_path / "meetin.wav")
    assert error.code == "NOT_FOUND"
    assert str(tmp_path / "meeting.wav") in error.hint
    assert refused("https://example.invalid/x.wav").hint.startswith("download")
    assert refused(tmp_path / "a\0b.wav").code == "NOT_FOUND"
    assert refused(tmp_path / ("x" * 300)).code == "NOT_OPENED"
    assert isinstance(refused(""), UsageError)


def test_links_are_followed_and_their_faults_told_apart(tmp_path):
    (tmp_path / "real.wav").write_bytes(GOOD)
    (tmp_path / "good.wav").symlink_to("real.wav")
    (tmp_path / "dangling.wav").symlink_to("nowhere.wav")
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    with open_recording(tmp_path / "good.wav", max_bytes=1) as recording:
        assert recording.size_bytes == len(GOOD)
    assert "does not exist" in refused(tmp_path / "dangling.wav").why
    assert "circle" in refused(tmp_path / "loop.wav").why


def test_what_is_no_regular_file_is_refused_without_reading(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket.wav"))
    for path, word in [
        (tmp_path / "pipe.wav", "pipe"),
        (tmp_path / "socket.wav", "socket"),
        ("/dev/zero", "device"),
    ]:
        error = refused(path)
        assert error.code == "NOT_REGULAR"
        assert word in error.what
    assert refused(tmp_path).code == "IS_DIRECTORY"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc here")
def test_virtual_files_are_refused():
    assert refused("/proc/self/status").code == "NOT_REGULAR"


def test_an_unreadable_file_is_a_matter_of_permission(tmp_path):
    path = tmp_path / "secret.wav"
    path.write_bytes(GOOD)
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    try:
        error = refused(path)
    finally:
        if user == 0:
            os.seteuid(0)
    assert error.code == "PERMISSION"


def test_standard_input_is_copied_and_capped():
    with open_audio(
        "-", options=AudioOptions(), stdin=io.BytesIO(GOOD), make_extractor=NoFeatures
    ) as audio:
        assert audio.source.path == "-"
        assert audio.duration_s == 1.0
        assert audio.source.size_bytes == len(GOOD)
    assert refused("-", stdin=io.BytesIO(b"x" * (1 << 21))).code == "TOO_LARGE"
    assert refused("-", stdin=io.BytesIO(b"")).code == "EMPTY_FILE"


def test_standard_input_from_a_real_pipe():
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        out, _ = cat.communicate(encode(tone(0.5), 16_000, "FLAC"))
    read, write = os.pipe()
    os.write(write, out)
    os.close(write)
    with (
        os.fdopen(read, "rb") as pipe,
        open_audio("-", options=AudioOptions(), stdin=pipe, make_extractor=NoFeatures) as audio,
    ):
        assert audio.source.container == "flac"
        assert audio.duration_s == 0.5


def test_standard_input_that_cannot_be_read(monkeypatch, tmp_path):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError(errno.EIO, "broken")

    assert refused("-", stdin=Broken()).code == "READ_FAILED"
    monkeypatch.setattr("sys.stdin", None)
    assert refused("-").code == "STDIN_IS_CLOSED"


def test_a_terminal_is_not_waited_for():
    primary, secondary = os.openpty()
    try:
        with os.fdopen(secondary, "rb", buffering=0) as terminal:
            assert refused("-", stdin=terminal).code == "STDIN_IS_TERMINAL"
    finally:
        os.close(primary)


def test_a_full_disk_is_a_storage_error(monkeypatch):
    class Full(io.RawIOBase):
        def write(self, data):
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("echotrace.audio.door.temporary_file", Full)
    error = refused("-", stdin=io.BytesIO(GOOD))
    assert isinstance(error, StorageError)
    assert error.code == "TEMP_FULL"


def test_the_hash_is_that_of_the_file(tmp_path):
    import hashlib

    data = os.urandom(3_000_001)
    (tmp_path / "x").write_bytes(data)
    with open_recording(tmp_path / "x", max_bytes=1) as recording:
        assert recording.sha256() == hashlib.sha256(data).hexdigest()
        assert recording.changed() is None


def test_every_change_during_analysis_is_noticed(tmp_path):
    path = tmp_path / "x.wav"

    def after(change) -> str | None:
        path.write_bytes(GOOD)
        with open_recording(path, max_bytes=1) as recording:
            change()
            return recording.changed()

    def grow():
        with path.open("ab") as file:
            file.write(b"more")

    def rewrite():
        path.write_bytes(GOOD)
        os.utime(path, ns=(1, 1))

    def replace():
        (tmp_path / "y").write_bytes(GOOD)
        (tmp_path / "y").replace(path)

    assert after(lambda: None) is None
    assert "grew" in (after(grow) or "")
    assert "shrank" in (after(lambda: os.truncate(path, 10)) or "")
    assert "written" in (after(rewrite) or "")
    assert "another file" in (after(replace) or "")
    assert "deleted" in (after(path.unlink) or "")


def test_the_first_error_leaves_nothing_open(tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    with pytest.raises(InputError, match="empty") as caught:
        open_audio(tmp_path / "empty.wav", options=AudioOptions(), make_extractor=NoFeatures)
    assert caught.value.code == "EMPTY_FILE"
