"""The recording as sound in a page: only the very same file, at its place, and not too much."""

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from echotrace.errors import InputError, UsageError
from echotrace.model.report import NO_RECORDING, Channel, SourceFile
from echotrace.render.embed import embed_recording
from tests.fakes.reports import call_report


def tone(seconds, rate_hz, hertz=440.0):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate_hz)) / rate_hz)


def written(path, samples, rate_hz):
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def report_of(path, samples, rate_hz, **changes):
    sha256 = written(path, samples, rate_hz)
    count = 1 if samples.ndim == 1 else samples.shape[1]
    values = {
        "path": str(path),
        "sha256": sha256,
        "size_bytes": path.stat().st_size,
        "decoder": "libsndfile",
        "duration_s": len(samples) / rate_hz,
        "sample_rate_hz": rate_hz,
        "channels": tuple(Channel(index=at) for at in range(count)),
        "start_s": 0.0,
        "end_s": None,
        "files": (),
    }
    whole = call_report()
    return replace(whole, source=replace(whole.source, **(values | changes)))


def heard(audio):
    samples, rate_hz = soundfile.read(io.BytesIO(audio.data), always_2d=True)
    return samples, rate_hz


@pytest.mark.parametrize(
    ("rate_hz", "coded_hz"), [(8_000, 8_000), (11_025, 12_000), (44_100, 48_000)]
)
def test_the_channels_come_back_in_their_places(tmp_path, rate_hz, coded_hz):
    left = tone(1.2, rate_hz)
    right = np.concatenate([np.zeros(rate_hz // 2), tone(1.2, rate_hz)[: -(rate_hz // 2)]])
    report = report_of(tmp_path / "a.wav", np.stack([left, right], axis=1), rate_hz)
    audio = embed_recording(report)
    assert audio.mime == "audio/ogg"
    samples, found_hz = heard(audio)
    # A decoder gives Opus of a rate that it does not know the name of at 48,000 Hz.
    assert found_hz in (coded_hz, 48_000)
    assert samples.shape[1] == 2
    assert len(samples) / found_hz == pytest.approx(1.2, abs=0.03)
    quiet = samples[: round(0.45 * found_hz), 1]
    loud = samples[round(0.6 * found_hz) : round(1.1 * found_hz)]
    assert np.sqrt((quiet**2).mean()) < 0.05
    assert np.sqrt((loud**2).mean(axis=0)) == pytest.approx([0.35, 0.35], abs=0.06)
    assert embed_recording(report) == audio


def test_a_cut_begins_where_it_was_analysed(tmp_path):
    samples = np.concatenate([np.zeros(16_000), tone(1.0, 16_000)])
    report = report_of(tmp_path / "a.wav", samples, 16_000, start_s=1.0, end_s=2.0, duration_s=1.0)
    audio = embed_recording(report)
    found, rate_hz = heard(audio)
    assert audio.start_s == 1.0
    assert found.shape[1] == 1
    assert len(found) / rate_hz == pytest.approx(1.0, abs=0.03)
    assert np.sqrt((found[rate_hz // 10 : -rate_hz // 10] ** 2).mean()) > 0.3


def test_two_files_are_two_sides_and_the_later_one_is_silent_first(tmp_path):
    files = []
    for name, role, offset_ms in (("a.wav", "caller", 0.0), ("b.wav", "agent", 500.0)):
        sha256 = written(tmp_path / name, tone(1.0, 16_000), 16_000)
        files.append(
            SourceFile(path=str(tmp_path / name), sha256=sha256, role=role, offset_ms=offset_ms)
        )
    report = report_of(
        tmp_path / "c.wav",
        np.zeros((16, 2)),
        16_000,
        files=tuple(files),
        duration_s=1.5,
        sha256=None,
        size_bytes=None,
    )
    samples, rate_hz = heard(embed_recording(report))
    assert samples.shape[1] == 2
    assert len(samples) / rate_hz == pytest.approx(1.5, abs=0.03)
    early, late = samples[: round(0.4 * rate_hz)], samples[round(1.1 * rate_hz) :]
    assert np.abs(early[:, 1]).max() < 0.05 < np.abs(early[:, 0]).max()
    assert np.abs(late[:, 0]).max() < 0.05 < np.abs(late[:, 1]).max()


def test_a_file_that_changed_is_not_embedded(tmp_path):
    path = tmp_path / "a.wav"
    report = report_of(path, tone(0.5, 16_000), 16_000)
    written(path, tone(0.5, 16_000, 880.0), 16_000)
    with pytest.raises(InputError) as caught:
        embed_recording(report)
    assert caught.value.code == "CHANGED"
    path.unlink()
    with pytest.raises(InputError) as caught:
        embed_recording(report)
    assert caught.value.code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("path", "sha256", "code"),
    [
        (NO_RECORDING, "0" * 64, "NO_RECORDING"),
        ("-", "0" * 64, "FROM_STDIN"),
        ("a", None, "NO_SHA256"),
    ],
)
def test_what_cannot_be_opened_says_why(path, sha256, code):
    whole = call_report()
    source = replace(whole.source, path=path, sha256=sha256, files=())
    with pytest.raises(InputError) as caught:
        embed_recording(replace(whole, source=source))
    assert caught.value.code == code


def test_too_much_sound_is_refused(tmp_path):
    report = report_of(tmp_path / "a.wav", tone(2.0, 16_000), 16_000)
    with pytest.raises(UsageError) as caught:
        embed_recording(report, most_bytes=2_000)
    assert caught.value.code == "TOO_LONG_TO_EMBED"
    assert "--end" in caught.value.hint
