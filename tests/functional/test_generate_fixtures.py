"""`echotrace generate-fixtures`: real files, processes, signals and limits of the system."""

import hashlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from echotrace.errors import ExitCode
from echotrace.fixtures.manifest import MANIFEST_FILE
from echotrace.fixtures.manifest_file import check_clip, read_manifest
from tests.fakes.audio_files import voice
from tests.fakes.cli import COMMAND, echotrace, environment

STATE = ".echotrace-fixtures.jsonl"
GRID = ("--noise", "white,hum", "--snr", "20,5")
FILES = 3 * 5


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    quiet = np.zeros(4_000, np.float32)
    for number, name in enumerate(("anna/1.wav", "anna/2.flac", "bert/1.wav")):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        samples = np.concatenate([quiet, voice(0.6 + 0.3 * number, seed=number), quiet])
        soundfile.write(path, samples, 16_000)
    (folder / "anna/1.txt").write_text("hello anna\n", "utf-8")
    return folder


def generate(*arguments, home, **extra):
    return echotrace("generate-fixtures", *arguments, home=home, **extra)


def everything(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(speech, tmp_path_factory):
    """A set made by one process, in one go."""
    folder = tmp_path_factory.mktemp("whole")
    arguments = ("--speech-dir", speech, "--out-dir", folder / "out", *GRID, "--jobs", "1")
    result = generate(*arguments, home=folder)
    assert result.code == 0, result.stderr
    assert result.stdout == ""
    assert f"3 clips under 5 conditions: {FILES} files, " in result.stderr
    assert f"{FILES} files made: " in result.stderr
    return folder / "out"


def test_a_set_is_what_its_manifest_says_and_each_snr_is_right(whole, speech):
    manifest = read_manifest(whole)
    audios = [clip.audio for clip in manifest.clips]
    assert audios[:4] == ["clean/anna/1.wav", "clean/anna/2.wav", "clean/bert/1.wav",
                          "white-snr20/anna/1.wav"]  # fmt: skip
    assert sorted([*audios, MANIFEST_FILE]) == sorted(everything(whole))
    assert len({clip.id for clip in manifest.clips}) == FILES
    for clip in manifest.clips:
        assert check_clip(whole, clip) is None
        info = soundfile.info(whole / clip.audio)
        assert (info.channels, info.samplerate, info.subtype) == (1, 16_000, "PCM_16")
        assert info.duration == pytest.approx(clip.duration_s)
        assert clip.reference == ("hello anna" if clip.audio.endswith("anna/1.wav") else None)
        target = clip.condition.snr_db
        assert (clip.achieved_snr_db is None) == (target is None)
        if target is not None:
            assert clip.achieved_snr_db == pytest.approx(target, abs=0.1)
            assert clip.achieved_snr_rms_db < clip.achieved_snr_db
    assert [(each.kind, each.path) for each in manifest.sources] == [
        ("speech", name) for name in ("anna/1.wav", "anna/2.flac", "bert/1.wav")
    ]
    for source in manifest.sources:
        data = (speech / source.path).read_bytes()
        assert source.sha256 == hashlib.sha256(data).hexdigest()


def test_more_processes_make_the_same_bytes(whole, speech, home):
    result = generate(
        "--speech-dir", speech, "--out-dir", home / "out", *GRID, "--jobs", "2", home=home,
        fresh=True,
    )  # fmt: skip
    assert result.code == 0, result.stderr
    assert everything(home / "out") == everything(whole)


def test_a_further_clip_changes_no_other_and_only_it_is_made(whole, speech, home):
    out, more = home / "out", home / "more"
    for path in (path for path in speech.rglob("*") if path.is_file()):
        copy = more / path.relative_to(speech)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    arguments = ("--speech-dir", more, "--out-dir", out, *GRID, "--jobs", "1")
    assert generate(*arguments, home=home).code == 0
    assert everything(out) == everything(whole)
    soundfile.write(more / "anna/0.wav", voice(0.5, seed=9), 16_000)
    result = generate(*arguments, home=home)
    assert result.code == 0, result.stderr
    assert f"5 files made, {FILES} were there already" in result.stderr
    grown = everything(out)
    assert len(grown) == FILES + 5 + 1
    old = {name: data for name, data in everything(whole).items() if name != MANIFEST_FILE}
    assert {name: grown[name] for name in old} == old
    again = generate(*arguments, "--json", home=home)
    assert (again.document["made"], again.document["kept"]) == (0, FILES + 5)
    assert again.document["status"] == "complete"
    assert everything(out) == grown


def test_what_was_damaged_is_made_again_and_other_settings_are_refused(whole, speech, home):
    out = home / "out"
    arguments = ("--speech-dir", speech, "--out-dir", out, *GRID, "--jobs", "1")
    assert generate(*arguments, home=home).code == 0
    (out / "clean/bert/1.wav").write_bytes(b"RIFF")
    (out / "hum-snr5/anna/1.wav").unlink()
    result = generate(*arguments, home=home)
    assert f"2 files made, {FILES - 2} were there already" in result.stderr
    assert everything(out) == everything(whole)
    refused = generate(*arguments, "--seed", "1", home=home)
    assert refused.code == ExitCode.USAGE
    assert "made with other settings" in refused.stderr
    assert "--seed 0" in refused.stderr
    assert everything(out) == everything(whole)
    forced = generate(*arguments, "--seed", "1", "--force", home=home)
    assert forced.code == 0, forced.stderr
    changed = {name for name, data in everything(out).items() if data != everything(whole)[name]}
    assert {name for name in changed if name != MANIFEST_FILE} == {
        name for name in everything(whole) if "-snr" in name
    }


def children(pid):
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Speech that keeps two processes busy for longer than a test looks at them."""
    folder = tmp_path_factory.mktemp("many")
    for at in range(16):
        samples = np.roll(voice(2.0, seed=1), 1_000 * at)
        soundfile.write(folder / f"{at}.wav", samples, 16_000)
    return folder


class Running:
    """The command in a process group of its own; waits until it has made something."""

    def __init__(self, speech, out, home, *arguments):
        self.out = out
        self.process = subprocess.Popen(
            [*COMMAND, "generate-fixtures", "--speech-dir", speech, "--out-dir", out, *arguments],
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def __enter__(self):
        while len(self.lines()) < 12:
            assert self.process.poll() is None, self.process.stderr.read()
            select.select([], [], [], 0.005)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def lines(self):
        try:
            return (self.out / STATE).read_bytes().splitlines()
        except OSError:
            return []


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
def test_a_run_that_was_killed_leaves_no_process_and_is_gone_on_with(many, home):
    grid = ("--noise", "white,pink,hum", "--snr", "20,15,10,5,0")
    with Running(many, home / "out", home, *grid, "--jobs", "2") as run:
        family = children(run.process.pid)
        assert len(family) >= 2
        run.process.kill()
        run.process.wait(10)
        while any(map(is_running, family)):  # or the test's time is over
            select.select([], [], [], 0.01)
    torn = home / "out" / STATE
    torn.write_bytes(torn.read_bytes()[:-7])
    assert not (home / "out" / MANIFEST_FILE).exists()
    arguments = ("--speech-dir", many, *grid, "--jobs", "2", "--json")
    gone_on = generate("--out-dir", home / "out", *arguments, home=home)
    assert gone_on.code == 0, (gone_on.stderr, gone_on.document["failed"])
    assert gone_on.document["kept"] >= 9
    assert gone_on.document["made"] == 16 * 16 - gone_on.document["kept"] > 0
    assert not list((home / "out").rglob(".*"))
    manifest = read_manifest(home / "out")
    assert len(manifest.clips) == 16 * 16
    assert all(check_clip(home / "out", clip) is None for clip in manifest.clips)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_a_run_that_is_stopped_says_how_to_go_on(many, home, number, code):
    with Running(many, home / "out", home, "--jobs", "2", "--json") as run:
        os.killpg(run.process.pid, number) if code == 130 else run.process.send_signal(number)
        stdout, stderr = run.process.communicate(timeout=20)
        assert run.process.returncode == code, stderr
        assert json.loads(stdout)["status"] == "interrupted"
        assert b"run the same command again to go on" in stderr
        assert b"Traceback" not in stderr
        left = everything(home / "out")
        assert not [name for name in left if name.endswith(".part")]
        assert MANIFEST_FILE not in left


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_full_disk_stops_the_run_and_what_is_there_stays(speech, home, jobs):
    """No file may grow beyond 48 kB here: the longest clip is larger, the others fit."""
    out = home / "out"
    arguments = ["--speech-dir", speech, "--out-dir", out, *GRID, "--jobs", jobs]
    done = subprocess.run(
        [*COMMAND, "generate-fixtures", *arguments],
        env=environment(home),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (48_000, 48_000)),
        capture_output=True,
        timeout=60,
        check=False,
    )
    stderr = done.stderr.decode()
    assert done.returncode == ExitCode.STORAGE, stderr
    assert "cannot be written" in stderr
    assert "File too large" in stderr
    assert "run the same command again to go on" in stderr
    assert not list(out.rglob("*.part"))
    assert not (out / MANIFEST_FILE).exists()
    for path in out.rglob("*.wav"):
        assert soundfile.info(path).frames > 0
    after = generate(*arguments, "--json", home=home)
    assert after.code == 0, after.stderr
    assert after.document["kept"] + after.document["made"] == FILES
    assert all(check_clip(out, clip) is None for clip in read_manifest(out).clips)


def test_junk_and_silence_are_told_and_the_rest_is_made(speech, home):
    mixed = home / "mixed"
    mixed.mkdir()
    soundfile.write(mixed / "good.wav", voice(0.8), 16_000)
    soundfile.write(mixed / "silent.wav", np.zeros(16_000), 16_000)
    for at in range(12):
        (mixed / f"junk_{at}\n.wav").write_bytes(b"RIFF no more")
    result = generate(
        "--speech-dir", mixed, "--out-dir", home / "out", "--noise", "white", "--snr", "10",
        "--jobs", "1", "--json", home=home,
    )  # fmt: skip
    assert result.code == ExitCode.BATCH, result.stderr
    assert result.stderr.count("echotrace: skipped junk_") == 10
    assert "skipped 12 files in all" in result.stderr
    assert "skipped silent.wav: " in result.stderr
    assert result.document["status"] == "partial"
    assert len(result.document["skipped"]) == 12
    assert [each["name"] for each in result.document["failed"]] == ["silent.wav"]
    made = [clip.id for clip in read_manifest(home / "out").clips]
    assert made == ["clean/good", "white-snr10/good"]


def test_recordings_of_noise_are_looped_and_those_that_are_silent_passed_over(speech, home):
    noise = home / "noise"
    (noise / "street").mkdir(parents=True)
    random = np.random.default_rng(1)
    soundfile.write(noise / "cafe.wav", 0.1 * random.standard_normal(5_000), 16_000)
    soundfile.write(noise / "street/a.flac", 0.1 * random.standard_normal(44_100), 44_100)
    soundfile.write(noise / "street/silent.wav", np.zeros(9_000), 16_000)
    arguments = ("--speech-dir", speech, "--noise-dir", noise, "--jobs", "1")
    result = generate(
        *arguments, "--out-dir", home / "out", "--noise", "cafe,street,recorded", "--snr", "5",
        home=home,
    )  # fmt: skip
    assert result.code in (ExitCode.PASS, ExitCode.BATCH), result.stderr
    assert ("street/silent.wav" in result.stderr) == (result.code == ExitCode.BATCH)
    manifest = read_manifest(home / "out")
    assert len(manifest.clips) == 4 * 3
    named = {clip.condition.noise: set() for clip in manifest.clips}
    for clip in manifest.clips:
        named[clip.condition.noise].add(clip.noise_source)
        if clip.condition.noise is not None:
            assert clip.achieved_snr_db == pytest.approx(5.0, abs=0.1)
    assert named[None] == {None}
    assert named["cafe"] == {"cafe.wav"}
    assert named["street"] == {"street/a.flac"}
    (noise / "cafe.wav").unlink()
    (noise / "street/a.flac").unlink()
    refused = generate(*arguments, "--out-dir", home / "other", home=home)
    assert refused.code == ExitCode.INPUT
    assert "street/silent.wav" in refused.stderr
    assert everything(home / "other") == {}


def test_a_dry_run_lists_what_would_be_made_and_writes_nothing(speech, home):
    arguments = ("--speech-dir", speech, "--out-dir", home / "out", *GRID, "--dry-run")
    result = generate(*arguments, home=home)
    assert result.code == 0
    lines = result.stdout.splitlines()
    assert lines[:2] == ["clean/  clean", "white-snr20/  white 20 dB"]
    assert lines[5:7] == ["anna/1  hello anna", "anna/2  without text"]
    assert f"{FILES} files" in result.stderr
    assert "nothing is written" in result.stderr
    document = generate(*arguments, "--json", "--max-clips", "2", home=home).document
    assert (document["status"], document["files"], len(document["clips"])) == ("planned", 10, 2)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--speech-dir", "{empty}", "--out-dir", "out"), 3, "holds no recording of speech"),
        (("--speech-dir", "gone", "--out-dir", "out"), 3, "the folder gone does not exist"),
        (("--speech-dir", "{speech}", "--out-dir", "{speech}/out"), 2, "lies inside"),
        (("--speech-dir", "{speech}", "--out-dir", "full"), 2, "is not empty"),
        (("--speech-dir", "{speech}", "--out-dir", "full/mine"), 2, "is not a folder"),
        (("--speech-dir", "{speech}", "--out-dir", "full/mine/x"), 6, "cannot be"),
        (("--speech-dir", "{speech}", "--out-dir", "out", "--noise", "grey"), 2, "grey"),
        (("--speech-dir", "{speech}", "--out-dir", "out", "--codec", "mp9"), 2, "mp9"),
        (("--speech-dir", "{speech}", "--out-dir", "out", "--snr-definition", "x"), 2, "active"),
        (("--speech-dir", "{speech}", "--out-dir", "out", "--noise-dir", "{empty}"), 3, "of noise"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line_and_nothing_is_written(
    speech, home, arguments, code, told
):
    (home / "empty").mkdir()
    (home / "full").mkdir()
    (home / "full/mine").write_text("mine")
    places = {"empty": home / "empty", "speech": speech}
    result = generate(*(word.format(**places) for word in arguments), "--json", home=home)
    assert result.code == code, result.stderr
    errors = [line for line in result.stderr.splitlines() if "echotrace: error: " in line]
    assert len(errors) == 1
    assert told in result.stderr
    assert result.document["status"] == "failed"
    assert everything(home) == {"full/mine": b"mine"}
    assert not (home / "out").exists()


def test_every_kind_of_damage_in_one_set_is_the_same_twice(speech, home):
    grid = ("--noise", "babble", "--snr", "10", "--codec", "none,mulaw,opus:16k")
    more = ("--packet-loss", "0,10", "--reverb", "0.3", "--max-clips", "1", "--jobs", "1")
    for name in ("a", "b"):
        result = generate("--speech-dir", speech, "--out-dir", home / name, *grid, *more, home=home)
        assert result.code == 0, result.stderr
    assert everything(home / "a") == everything(home / "b")
    clips = read_manifest(home / "a").clips
    assert len(clips) == 1 + 2 * 3 * 2
    frames = {soundfile.info(home / "a" / clip.audio).frames for clip in clips}
    assert len(frames) == 1
    assert len({clip.sha256 for clip in clips}) == len(clips)


def test_real_speech_becomes_a_set_with_its_words(home):
    folder = Path(__file__).resolve().parents[3] / "shared/audio/librispeech"
    if not folder.is_dir():
        pytest.skip("the recordings of real speech are not here")
    result = generate(
        "--speech-dir", folder, "--out-dir", home / "out", "--snr", "10", "--jobs", "1", home=home
    )
    assert result.code == 0, result.stderr
    manifest = read_manifest(home / "out")
    assert len(manifest.clips) == 3 * 6
    assert all(clip.reference for clip in manifest.clips)
    for clip in manifest.clips:
        if clip.condition.snr_db is not None:
            assert clip.achieved_snr_db == pytest.approx(10.0, abs=0.1)
