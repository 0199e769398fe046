"""The pytest plug-in without pytest: what it loads, and how reports are made and kept."""

import asyncio
import json
import subprocess
import sys
from importlib.metadata import entry_points

import numpy as np
import pytest
import soundfile

from echotrace.errors import ConfigError, InputError, UsageError
from echotrace.testing import ReportMaker, assert_voice
from tests.fakes.reports import call_report


@pytest.fixture(scope="module")
def tone(tmp_path_factory):
    """A second of a tone, which is enough of a recording for the signal stage."""
    path = tmp_path_factory.mktemp("tone") / "tone.wav"
    time_s = np.arange(16_000) / 16_000
    soundfile.write(path, 0.25 * np.sin(2 * np.pi * 440 * time_s), 16_000)
    return path


def test_it_is_registered_and_loads_nothing_heavy():
    (point,) = entry_points(group="pytest11", name="echotrace")
    code = (
        "import json, sys, pytest; before = set(sys.modules)\n"
        f"import {point.value}\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {"echotrace", "echotrace._version", "echotrace.testing", point.value}
    assert set(json.loads(run.stdout)) == ours


def test_a_recording_is_analysed_once_until_it_is_another(tone, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.wav").write_bytes(tone.read_bytes())
    make = ReportMaker()
    first = make("a.wav", stages=["signal"])
    assert make("a.wav", stages="signal") is first
    assert make("a.wav", stages=["signal"], settings={}) is first
    assert make(tmp_path / "a.wav", stages=["signal"]).source.sha256 == first.source.sha256
    cut = make("a.wav", stages=["signal"], settings={"audio.max_duration_s": 100})
    assert cut is not first
    monkeypatch.setenv("ECHOTRACE_AUDIO_MAX_DURATION_S", "0.5")
    with pytest.raises(InputError):
        make("a.wav", stages=["signal"])
    monkeypatch.delenv("ECHOTRACE_AUDIO_MAX_DURATION_S")
    assert make("a.wav", stages=["signal"]) is first
    (tmp_path / "a.wav").write_bytes(tone.read_bytes() + b"\0" * 100)
    assert make("a.wav", stages=["signal"]).source.sha256 != first.source.sha256


def test_in_an_event_loop_it_is_analysed_all_the_same(tone):
    async def test():
        return ReportMaker()(tone, stages=["signal"])

    assert_voice(asyncio.run(test()), "clipping = 0")


def test_a_relative_path_is_looked_for_in_the_folders_too(tone, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = []
    make = ReportMaker(folders=[tone.parent], fail=lambda line: told.append(line))
    assert make("tone.wav", stages=["signal"]).signal is not None
    make("gone.wav", stages=["signal"])
    looked = f"looked in {tmp_path} and {tone.parent}"
    hint = "try: check the spelling and the folder"
    assert told == [f"echotrace_report: gone.wav does not exist; {looked}; {hint}"]


def test_a_saved_report_is_opened(tmp_path):
    saved = tmp_path / "call.json"
    saved.write_text(call_report().to_json(), "utf-8")
    make = ReportMaker()
    assert make(saved) == call_report()
    assert make(saved) is make(str(saved))
    with pytest.raises(UsageError, match="a saved report, on which reference= has no effect"):
        make(saved, reference="hello")
    saved.write_text("{}", "utf-8")
    with pytest.raises(InputError):
        make(saved)


def test_a_reference_may_be_a_file(tone, tmp_path):
    transcript = tmp_path / "heard.txt"
    transcript.write_text("please come", "utf-8")
    said = tmp_path / "said.txt"
    said.write_bytes(b"\xef\xbb\xbfplease come back soon")
    make = ReportMaker()
    report = make(tone, reference=said, transcript=transcript, stages=["transcription"])
    assert report.transcription.counts.reference_words == 4
    assert_voice(report, "wer = 0.5")
    said.write_bytes(b"\xff")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        make(tone, reference=said)
    said.unlink()
    with pytest.raises(InputError, match="does not exist"):
        make(tone, reference=said)


@pytest.mark.parametrize(
    ("path", "options", "error"),
    [
        ("", {}, UsageError),
        ("a\0b", {}, InputError),
        ("x" * 5000, {}, InputError),
        (".", {}, InputError),
        ("tone.wav", {"stages": ["signl"]}, UsageError),
        ("tone.wav", {"settings": {"stt.enginee": "x"}}, ConfigError),
        ("gone.json", {}, InputError),
    ],
)
def test_what_cannot_be_used_is_one_line(tone, path, options, error, monkeypatch):
    monkeypatch.chdir(tone.parent)
    with pytest.raises(error):
        ReportMaker()(path, **options)
    told = []
    ReportMaker(fail=lambda line: told.append(line))(path, **options)
    assert len(told) == 1
    assert told[0].startswith("echotrace_report: ")
    assert told[0].isprintable()
