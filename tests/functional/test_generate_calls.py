import hashlib
import json

import numpy as np
import pytest
import soundfile

from tests.fakes.audio_files import voice
from tests.fakes.cli import echotrace


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    quiet = np.zeros(4_000, np.float32)
    for number, name in enumerate(("anna", "bert", "cleo")):
        (folder / name).mkdir()
        for at, seconds in enumerate((0.9, 1.8, 2.6, 3.5)):
            samples = np.concatenate([quiet, voice(seconds, seed=9 * number + at), quiet])
            soundfile.write(folder / name / f"{at}.wav", samples, 16_000)
    return folder


def generate(*arguments, home, **extra):
    return echotrace("generate-calls", *arguments, home=home, **extra)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_set_is_written_and_is_the_same_bytes_whatever_its_size(home, speech):
    result = generate(
        "--speech-dir", speech, "--out-dir", home / "a/b", "--calls", "2", "--seed", "5",
        home=home, fresh=True,
    )  # fmt: skip
    assert result.code == 0, result.stderr
    assert result.stdout == ""
    for index, name in enumerate(("clean", "white20"), 1):
        assert f"{index}/2 call-{index:04d}.wav: {name}, " in result.stderr
    assert names(home / "a/b") == [
        f"call-{at:04d}.{suffix}" for at in (1, 2) for suffix in ("json", "wav")
    ]
    for path in (home / "a/b").glob("*.json"):
        truth = json.loads(path.read_text("utf-8"))
        recording = path.with_suffix(".wav")
        assert truth["sha256"] == hashlib.sha256(recording.read_bytes()).hexdigest()
        info = soundfile.info(recording)
        assert (info.channels, info.samplerate) == (2, truth["sample_rate_hz"])
        assert info.frames == round(truth["duration_s"] * info.samplerate)
        assert truth["turns"]

    second = generate(
        "--speech-dir", speech, "--out-dir", home / "c", "--calls", "1", "--seed", "5", "-q",
        home=home,
    )  # fmt: skip
    assert (second.code, second.stdout, second.stderr) == (0, "", "")
    for name in names(home / "c"):
        assert (home / "c" / name).read_bytes() == (home / "a/b" / name).read_bytes()


def test_named_conditions_take_turns_and_the_telephone_is_8_khz(home, speech):
    result = generate(
        "--speech-dir", speech, "--out-dir", home / "out", "--calls", "2",
        "--condition", "telephone15", "--condition", "babble10", "--sample-rate", "24000",
        home=home,
    )  # fmt: skip
    assert result.code == 0, result.stderr
    rates = [soundfile.info(home / "out" / f"call-000{at}.wav").samplerate for at in (1, 2)]
    assert rates == [8_000, 24_000]


def test_a_dry_run_lists_the_calls_and_writes_nothing(home, speech):
    result = generate(
        "--speech-dir", speech, "--out-dir", home / "out", "--calls", "15", "--dry-run", home=home
    )
    assert result.code == 0
    lines = result.stdout.splitlines()
    assert len(lines) == 15
    assert lines[0].startswith("call-0001.wav  clean  caller ")
    assert lines[14].split()[:2] == ["call-0015.wav", "clean"]
    assert "12 clips of 3 voices" in result.stderr
    assert names(home) == []


def test_a_folder_with_something_in_it_is_refused_unless_forced(home, speech):
    out = home / "out"
    out.mkdir()
    (out / "call-0009.wav").write_text("mine")
    arguments = ("--speech-dir", speech, "--out-dir", out, "--calls", "1")
    refused = generate(*arguments, home=home)
    assert refused.code == 2
    assert "is not empty" in refused.stderr
    assert names(out) == ["call-0009.wav"]
    forced = generate(*arguments, "--force", home=home)
    assert forced.code == 0
    assert names(out) == ["call-0001.json", "call-0001.wav", "call-0009.wav"]
    assert "1 other call is in" in forced.stderr
    assert (out / "call-0009.wav").read_text() == "mine"


def test_junk_is_reported_and_skipped_and_the_exit_code_says_so(home, speech, tmp_path):
    folder = tmp_path / "mixed"
    (folder / "anna").mkdir(parents=True)
    for path in (speech / "anna").iterdir():
        (folder / "anna" / path.name).symlink_to(path)
    for at in range(12):
        (folder / "anna" / f"junk_{at}\n.wav").write_bytes(b"RIFF no more")
    result = generate("--speech-dir", folder, "--out-dir", home / "out", "--calls", "1", home=home)
    assert result.code == 7
    assert result.stderr.count("echotrace: skipped anna/junk_") == 10
    assert "skipped 12 files in all" in result.stderr
    assert names(home / "out") == ["call-0001.json", "call-0001.wav"]


def test_one_voice_is_named_and_warned_of(home, speech):
    for index, extra in enumerate(([], ["--dry-run"])):
        result = generate(
            "--speech-dir", speech / "anna", "--out-dir", home / f"out{index}", "--calls", "1",
            *extra, home=home,
        )  # fmt: skip
        assert result.code == 0
        assert result.stderr.count("warning: only one voice") == 1
        assert "roles cannot be told apart by sound" in result.stderr
    truth = json.loads((home / "out0/call-0001.json").read_text("utf-8"))
    assert truth["voices"] == {"caller": "anna", "agent": "anna"}


def test_clips_that_are_not_clean_are_skipped_and_no_junk(home, speech, tmp_path):
    folder = tmp_path / "mixed"
    for name in ("anna", "bert"):
        (folder / name).mkdir(parents=True)
        for path in (speech / name).iterdir():
            samples, rate = soundfile.read(path, dtype="float32")
            soundfile.write(folder / name / path.name, samples, rate)
            if name == "bert":
                noise = np.random.default_rng(1).normal(0, 0.005, len(samples))
                soundfile.write(folder / name / path.name, samples + noise, rate)
    arguments = ("--speech-dir", folder, "--calls", "1", "--out-dir")
    result = generate(*arguments, home / "out", "--clean-only", home=home)
    assert result.code == 0
    assert result.stderr.count("skipped bert/") == 4
    assert "not clean: its own noise is " in result.stderr
    assert "warning: only one voice" in result.stderr
    kept = generate(*arguments, home / "kept", home=home)
    assert kept.code == 0
    assert "skipped" not in kept.stderr
    assert "clips are not clean: its own noise is " in kept.stderr
    assert "--clean-only leaves such clips out" in kept.stderr
    truth = json.loads((home / "kept" / "call-0001.json").read_text("utf-8"))
    assert truth["noisy"]
    assert all(name.startswith("bert/") for name in truth["noisy"])
    nothing = generate(
        *("--speech-dir", folder / "bert", "--out-dir", home / "none", "--calls", "1"),
        "--clean-only",
        home=home,
    )
    assert nothing.code == 3
    assert "4 of the clips are not clean" in nothing.stderr
    assert "--clean-only" in nothing.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--calls", "0"], 2, "--calls"),
        (["--seed", "-1"], 2, "--seed"),
        (["--condition", "fog"], 2, "no condition 'fog'"),
        (["--sample-rate", "11025"], 2, "11025 Hz"),
        (["--speech-dir", "nowhere"], 3, "does not exist"),
        (["--speech-dir", "."], 3, "no voice with at least two clips"),
        (["--out-dir", "file"], 2, "not a folder"),
        (["--out-dir", "file/below"], 6, "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_clear_error_and_leaves_nothing(
    home, speech, tmp_path, arguments, code, said
):
    work = tmp_path / "work"
    work.mkdir()
    (work / "file").write_text("mine")
    given = {"--speech-dir": speech, "--out-dir": home / "out", "--calls": "1"}
    given.update(zip(arguments[::2], arguments[1::2], strict=True))
    result = generate(*(part for pair in given.items() for part in pair), home=home, cwd=work)
    assert result.code == code, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert names(home) == []
    assert names(work) == ["file"]


def test_calls_do_not_go_among_the_clean_speech(home, speech):
    result = generate("--speech-dir", speech, "--out-dir", speech / "out", home=home)
    assert result.code == 2
    assert "inside the folder of speech" in result.stderr
    assert names(speech) == ["anna", "bert", "cleo"]
