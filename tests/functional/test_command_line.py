import json
import os
import signal
import subprocess
import sys

import pytest

from echotrace.errors import ExitCode
from tests.fakes.cli import COMMAND, DEMO, SHORT_MOCK, echotrace, environment
from tests.fakes.distribution import install
from tests.fakes.report_schema import VALIDATOR

CLIP = DEMO / "demo_voice_1_mixed_with_noise_1_snr10.wav"
FAST = f"faster-whisper:{DEMO / 'models/whisper-mini-fast'}"
TEXT = "I am going to cancel my credit card"


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def analyze(*arguments, home, **extra):
    return echotrace("analyze", *arguments, home=home, **(SHORT_MOCK | extra))


def test_bare_command_says_what_to_do_first(home):
    result = echotrace(home=home, fresh=True)
    assert result.code == 0
    assert "echotrace demo" in result.stdout
    assert list(home.iterdir()) == []


def test_version_and_help(home):
    assert echotrace("--version", home=home, fresh=True).stdout.startswith("echotrace ")
    assert "Python" in echotrace("version", home=home, fresh=True).stdout
    text = " ".join(echotrace("analyze", "--help", home=home, fresh=True).stdout.split())
    for code in ExitCode:
        assert f"{code.value} " in text
    assert "--fail-under" in text
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("kind", ["empty", "read-only", "none"])
def test_the_first_run_gives_one_valid_document_whatever_the_home(home, kind):
    if kind == "read-only":
        home.chmod(0o500)
    result = analyze(
        CLIP,
        "--reference",
        TEXT,
        "--stt",
        FAST,
        "--export-only",
        home=None if kind == "none" else home,
        cwd=home.parent,
        fresh=kind == "empty",
    )
    home.chmod(0o700)
    assert (result.code, "Traceback" in result.stderr) == (0, False), result.stderr
    report = result.document
    VALIDATOR.validate(report)
    assert report["status"] == "complete"
    assert report["signal"]["channels"][0]["snr_db"]["value"] == pytest.approx(10, abs=2)
    assert report["transcription"]["engine"].startswith("faster-whisper:")
    assert report["transcription"]["wer"]["status"] == "measured"
    assert report["probes"]["llm"]["ttft_ms"]["status"] == "simulated"
    assert report["score"]["status"] == "partial"
    assert [item["metric"] for item in report["score"]["not_scored"]] == [
        "heard_gap_ms",
        "ttft_ms",
    ]
    kept = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
    assert kept == ([".cache/echotrace/transcripts-1.sqlite3"] if home_is_used(home, kind) else [])


def home_is_used(home, kind):
    """Only a home that is there and can be written to; a read-only one does not bind root."""
    return kind == "empty" or (kind == "read-only" and os.geteuid() == 0)


def test_the_spans_nest_under_the_run_and_keep_their_names(home):
    report = analyze(CLIP, "--stt", FAST, "--json", home=home).document
    spans = {item["name"]: item for item in report["latency"]["spans"]}
    for name in ("audio_decode", "signal_analysis", "stt_audit", "llm_ttft"):
        assert spans[name]["parent"] == "analyze"
        assert spans[name]["status"] == "ok"
    assert spans["inference"]["parent"] == "stt_audit"
    end = spans["analyze"]["duration_ms"]
    assert all(item["start_ms"] + item["duration_ms"] <= end + 0.01 for item in spans.values())


def test_no_reference_means_no_wer_and_says_what_to_pass(home):
    arguments = ("--stages", "transcription", "--stt", FAST, "--json")
    report = analyze(CLIP, *arguments, home=home).document
    figure = report["transcription"]["wer"]
    assert figure["status"] == "not_measurable"
    assert "value" not in figure
    assert "--reference" in figure["reason"]


def test_the_reader_gets_a_report_and_stderr_the_progress(home):
    result = analyze(CLIP, "--reference", TEXT, "--stt", FAST, home=home)
    assert result.code == 0
    for word in ("EchoTrace", "SNR", "WER", "[MOCK]", "Gold:", "Actual:"):
        assert word in result.stdout
    assert "\x1b" not in result.stdout
    assert "analysing" in result.stderr
    assert analyze(CLIP, "--stt", FAST, "--stages", "signal", "-q", home=home).stderr == ""


EVERYTHING = ("--reference", TEXT, "--stt", FAST)
HEARD_ALONE = (*EVERYTHING, "--stages", "signal,transcription")
SIGNAL = ("--stages", "signal")


@pytest.mark.parametrize(
    ("run", "gates", "code"),
    [
        (HEARD_ALONE, ["--max-wer", "5"], 0),
        (HEARD_ALONE, ["--max-wer", "0", "--min-snr-db", "60"], 1),
        (EVERYTHING, ["--fail-under", "1"], 8),
        (SIGNAL, ["--min-snr-db", "60"], 1),
        (SIGNAL, ["--fail-on", "snr < 60 and clipping > 1"], 0),
        (("--stages", "llm"), ["--max-ttft-ms", "1"], 8),
        (("--stages", "signal,llm"), ["--fail-under", "1", "--min-snr-db", "60"], 1),
        (SIGNAL, ["--fail-on", "status = complete"], 1),
        (EVERYTHING, ["--fail-on", "werr > 1"], 2),
        (EVERYTHING, ["--fail-on", "signal.snr_dbb > 1"], 2),
        (EVERYTHING, ["--fail-on", "signal.channels.² > 1"], 2),
        (EVERYTHING, ["--min-snr-db", "nan"], 2),
        (EVERYTHING, ["--fail-under", "inf"], 2),
        (EVERYTHING, ["--fail-on", "wer >"], 2),
    ],
)
def test_gates_decide_the_exit_code(home, run, gates, code):
    result = analyze(CLIP, *run, "--json", *gates, home=home)
    assert result.code == code, result.stderr
    if code != 2:
        outcomes = {item["outcome"] for item in result.document["gates"]}
        worst = next(item for item in ("fail", "not_enough_evidence", "pass") if item in outcomes)
        assert {"pass": 0, "fail": 1, "not_enough_evidence": 8}[worst] == code


def test_a_complete_score_can_be_gated(home):
    arguments = (CLIP, "--stages", "signal", "--json", "--fail-under")
    assert analyze(*arguments, "50", home=home).code == 0
    assert analyze(*arguments, "95", home=home).code == 1


HEARD = (str(CLIP), "--stages", "transcription")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere.wav"], 3, "does not exist"),
        ([str(CLIP), "--stages", "signal,llmm"], 2, "did you mean 'llm'"),
        ([str(CLIP), "--stt", "whisperr"], 2, "whisper"),
        ([*HEARD, "--stt", "faster-whisper:tiny", "--offline"], 5, "tiny"),
        ([*HEARD, "--stt", "faster-whisper:/no/such/folder"], 5, "/no/such/folder"),
        ([str(CLIP), "--caller-channel", "middle"], 2, "left"),
        ([str(CLIP), "--caller-channel", "7"], 2, "channel"),
        ([str(CLIP), "--start", "3", "--end", "1"], 2, "--start"),
        ([str(CLIP), "--start", "999"], 3, "999"),
        ([str(CLIP), "--reference", "a", "--reference-file", "b"], 2, "exclude"),
        ([str(CLIP), "--reference-file", "missing.txt"], 3, "missing.txt"),
        ([str(CLIP), "--profile", "defualt"], 2, "default"),
        ([str(CLIP), "--config", "missing.toml"], 2, "missing.toml"),
        ([str(CLIP), "--bogus"], 2, "--bogus"),
        ([], 2, "there is no recording"),
        ([str(CLIP), "-o", "/nowhere/at/all/x.json"], 6, "/nowhere/at/all"),
    ],
)
def test_what_does_not_fit_gets_one_clear_line_and_its_code(home, arguments, code, words):
    result = analyze(*arguments, home=home)
    assert result.code == code, result.stderr
    assert words.lower() in result.stderr.lower()
    assert "Traceback" not in result.stderr
    assert result.stderr.count("echotrace: error:") == 1


def test_an_unusable_recording_still_gives_one_document(home):
    (home / "empty.wav").touch()
    result = analyze("empty.wav", "--export-only", home=home)
    assert result.code == 3
    VALIDATOR.validate(result.document)
    assert result.document["status"] == "failed"
    assert result.document["warnings"][0]["code"] == "EMPTY_FILE"


FAILING = [
    ["analyze", "--json"],
    ["analyze", "x.wav", "--json", "--bogus"],
    ["analyze", "x.wav", "--json", "--start", "soon"],
    ["analyze", "x.wav", "--json", "--fail-on", "wer >"],
    ["analyze", "x.wav", "--json", "--profile", "nope"],
    ["analyze", "x.wav", "--json", "--stages", ""],
    ["analyze", "x.wav", "--json", "--reference-file", "missing"],
    ["analyze", "x.wav", "--json", "--caller-channel", "middle"],
    ["analyze", "x.wav", "--json", "--min-snr-db", "nan"],
    ["analyze", "x.wav", "--json", "--llm", ":x"],
    ["analyze", "x.wav", "--json", "--transcript", "a", "--stt", "sphinx"],
    ["analyze", "x.wav", "--json", "-o", "-"],
    ["analyze", "x.wav", "--json", "-o", "y" * 300],
    ["open", "missing.json", "--json"],
]


@pytest.mark.parametrize("arguments", FAILING, ids=" ".join)
def test_export_only_prints_one_document_whatever_goes_wrong(home, arguments):
    result = echotrace(*arguments, home=home)
    assert result.code in (2, 3, 6)
    VALIDATOR.validate(result.document)
    assert result.document["status"] == "failed"
    assert result.stderr.count("echotrace: error:") == 1


def test_a_report_never_replaces_what_the_run_reads(home):
    recording = home / "in.wav"
    recording.write_bytes(CLIP.read_bytes())
    (home / "said.txt").write_text(TEXT)
    (home / "link.json").symlink_to("said.txt")
    for target in ("in.wav", "said.txt", "link.json"):
        arguments = ("--stages", "signal", "--reference-file", "said.txt", "--force", "-o", target)
        result = analyze("in.wav", *arguments, home=home)
        assert result.code == 2
        assert "cannot be its output" in result.stderr
    assert recording.read_bytes() == CLIP.read_bytes()
    assert (home / "said.txt").read_text() == TEXT


def test_a_failed_run_replaces_the_report_of_the_last_one(home):
    (home / "report.json").write_text("old")
    result = analyze("missing.wav", "-o", "report.json", "--force", "-q", home=home)
    assert result.code == 3
    report = json.loads((home / "report.json").read_text())
    assert (report["status"], report["source"]["path"]) == ("failed", "missing.wav")


def test_a_pipe_that_nobody_reads_is_no_output(home):
    os.mkfifo(home / "pipe")
    result = analyze(CLIP, "--stages", "signal", "--json", "-o", "pipe", home=home)
    assert result.code == 6
    assert result.document["signal"]


CLOSED = {
    "stdout": (">&-", 0),
    "stderr": ("2>&-", 0),
    "stdin": ("<&-", 0),
    "all three": ("<&- >&- 2>&-", 0),
    "stdout full": (">/dev/full", 6),
}


@pytest.mark.parametrize("name", CLOSED)
def test_closed_and_full_streams(home, name):
    redirection, code = CLOSED[name]
    script = f'"$@" {redirection}'
    command = ["sh", "-c", script, "sh", *COMMAND]
    for arguments in (
        ["version"],
        ["analyze", str(CLIP), "--stages", "signal", "--json", "-o", "report.json", "--force"],
    ):
        done = subprocess.run(
            [*command, *arguments],
            cwd=home,
            env=environment(home),
            capture_output=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert b"Traceback" not in done.stderr
        if "stdout" not in name and "all" not in name:
            assert done.stdout
    VALIDATOR.validate(json.loads((home / "report.json").read_text()))


def test_a_reference_that_is_not_utf_8_is_refused(home):
    result = analyze(CLIP, "--reference", os.fsdecode(b"caf\xe9"), home=home)
    assert result.code == 3
    assert "UTF-8" in result.stderr


def test_the_error_rates_of_a_stand_in_engine_decide_no_gate(home):
    arguments = ("--stages", "transcription", "--end", "1.2", "--reference", "I am going to cancel")
    result = analyze(CLIP, *arguments, "--max-wer", "0", "--json", home=home)
    assert result.document["transcription"]["wer"]["status"] == "estimated"
    assert result.document["gates"][0]["outcome"] == "not_enough_evidence"
    assert result.code == 8


def test_a_missing_model_leaves_the_other_stages_results(home):
    arguments = ("--stages", "signal,transcription", "--stt", "faster-whisper:tiny", "--json")
    result = analyze(CLIP, *arguments, home=home)
    assert result.code == 5
    report = result.document
    assert report["status"] == "partial"
    assert report["signal"]["channels"]
    assert report["transcription"] is None
    assert report["analyzers"]["transcription"]["status"] == "unavailable"


def test_standard_input_is_a_recording_too(home):
    result = analyze("-", "--stages", "signal", "--json", home=home, stdin=CLIP.read_bytes())
    assert result.code == 0, result.stderr
    assert result.document["source"]["path"] == "-"


def test_a_report_is_written_whole_never_over_another_and_opens_again(home):
    arguments = (CLIP, "--stages", "signal", "--output", "report.json")
    first = analyze(*arguments, home=home)
    assert first.code == 0
    saved = (home / "report.json").read_text("utf-8")
    assert analyze(*arguments, home=home).code == 2
    assert (home / "report.json").read_text("utf-8") == saved
    assert analyze(*arguments, "--force", home=home).code == 0
    (home / "report.json").write_text(saved, "utf-8")
    assert echotrace("open", "report.json", home=home, fresh=True).stdout == first.stdout
    assert echotrace("open", "report.json", "--json", home=home).stdout == saved
    assert [path.name for path in home.iterdir()] == ["report.json"]


@pytest.mark.parametrize("name", ["missing.json", "folder", "pipe", "newer.json", "text.json"])
def test_what_cannot_be_opened_is_refused(home, name):
    (home / "folder").mkdir()
    os.mkfifo(home / "pipe")
    (home / "newer.json").write_text('{"schema": "echotrace.report/99"}')
    (home / "text.json").write_text("hello")
    result = echotrace("open", name, home=home)
    assert result.code == 3
    assert result.stderr.count("echotrace: error:") == 1


def test_a_reader_that_leaves_early_is_no_error(home):
    process = subprocess.Popen(
        [*COMMAND, "analyze", str(CLIP), "--stages", "signal", "--json"],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    stderr = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() == 0
    assert "Traceback" not in stderr
    assert "Broken" not in stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_run_and_writes_nothing(home, number, code):
    install(
        home / "plugins",
        "waiting",
        "analyzers",
        {"waiting": "Waiting"},
        "import asyncio, sys\n"
        "class Waiting:\n"
        "    def __init__(self, collector): pass\n"
        "    async def analyze(self, audio_path, **kwargs):\n"
        "        print('now waiting', file=sys.stderr, flush=True)\n"
        "        await asyncio.Event().wait()\n",
    )
    process = subprocess.Popen(
        [*COMMAND, "analyze", str(CLIP), "--stages", "waiting", "--json", "-o", "report.json"],
        env=environment(home, PYTHONPATH=str(home / "plugins")),
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    for line in process.stderr:
        if b"now waiting" in line:
            break
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == code
    VALIDATOR.validate(json.loads(stdout))
    assert json.loads(stdout)["warnings"][0]["code"] == "INTERRUPTED"
    assert b"Traceback" not in stderr
    assert not (home / "report.json").exists()


def test_signal_handlers_survive_a_run():
    import asyncio

    from echotrace.cli.runner import run_until_signal

    before = signal.getsignal(signal.SIGTERM)

    def mine(*_):
        raise AssertionError

    signal.signal(signal.SIGTERM, mine)
    try:
        assert run_until_signal(asyncio.sleep(0, "done")) == "done"
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)


PLUGIN = """
import numpy as np, sys
class Base:
    requires = ()
    def __init__(self, collector): self._collector = collector
class Good(Base):
    requires = ("signal",)
    async def analyze(self, audio_path, *, audio, settings, results, **kwargs):
        print("a line on stdout that must not be there")
        samples = audio.read(0, 0.0, 0.5)
        return {"frames": len(samples), "level": np.float32(0.5), "bad": float("nan"),
                "channels": len(results["signal"].channels), "_collector": self._collector}
class Plain:
    def __init__(self, collector): pass
    def analyze(self, audio_path, **kwargs): return {"path": audio_path}
class Raises(Base):
    async def analyze(self, audio_path, **kwargs): raise RuntimeError("it [bold]broke[/bold]")
class Mutates(Base):
    async def analyze(self, audio_path, *, audio, **kwargs):
        audio.features[0].speech_probability[:] = 0
class Needs(Base):
    requires = ("raises",)
    async def analyze(self, audio_path, **kwargs): return {}
class Hangs(Base):
    def analyze(self, audio_path, **kwargs):
        import threading; threading.Event().wait()
"""


def test_contributed_analyzers_run_at_arms_length(home):
    """Bad inputs, row 66: import error, raises, hangs, NaN, mutates its input, prints to stdout."""
    points = {
        name.lower(): name for name in ("Good", "Plain", "Raises", "Mutates", "Needs", "Hangs")
    }
    install(home / "a", "contributed", "analyzers", points, PLUGIN)
    install(home / "b", "unimportable", "analyzers", {"unimportable": "X"}, "import nothing_here\n")
    result = analyze(
        CLIP,
        "--stt",
        FAST,
        "--json",
        home=home,
        PYTHONPATH=f"{home / 'a'}:{home / 'b'}",
        ECHOTRACE_ANALYZER_TIMEOUT_S="0.5",
    )
    assert result.code == 0, result.stderr
    report = result.document
    VALIDATOR.validate(report)
    entries = report["analyzers"]
    assert entries["good"]["data"] == {
        "frames": 8000,
        "level": 0.5,
        "bad": None,
        "channels": 1,
    }
    assert entries["plain"]["data"] == {"path": str(CLIP)}
    assert entries["raises"]["status"] == "unavailable"
    assert "RuntimeError" in entries["raises"]["reason"]
    assert "read-only" in entries["mutates"]["reason"]
    assert entries["needs"]["status"] == "not_run"
    assert entries["hangs"]["code"] == "ANALYZER_TIMEOUT"
    assert "nothing_here" in entries["unimportable"]["reason"]
    assert {entries[name]["status"] for name in ("signal", "transcription", "llm")} == {"ok"}
    assert report["status"] == "partial"
    assert report["signal"]["channels"][0]["snr_db"]["status"] == "measured"
    assert {"good", "raises", "hangs"} <= {item["name"] for item in report["latency"]["spans"]}
    assert "NON_FINITE_RESULT" in {item["code"] for item in report["warnings"]}


NO_NETWORK = """
import socket
def refuse(*args, **kwargs): raise AssertionError("a connection was tried")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


def test_demo_runs_without_any_network_and_says_that_it_is_synthetic(home):
    (home / "sitecustomize.py").write_text(NO_NETWORK)
    result = echotrace("demo", home=home, PYTHONPATH=str(home), **SHORT_MOCK)
    assert result.code == 0, result.stderr
    assert result.stdout.lower().count("synthetic") >= 2
    assert "cancel my credit card" in result.stdout
    assert "Traceback" not in result.stderr
    again = echotrace("demo", "--json", home=home, PYTHONPATH=str(home), **SHORT_MOCK)
    report = again.document
    assert report["source"]["synthetic"] is True
    assert report["transcription"]["gold_source"] == "reference"
    assert report["transcription"]["gold_engine_transcript"]


HYGIENE = """
import sys
from echotrace.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
HEAVY = {
    "numpy",
    "scipy",
    "textual",
    "rich",
    "soundfile",
    "soxr",
    "av",
    "librosa",
    "onnxruntime",
    "faster_whisper",
    "ctranslate2",
    "pocketsphinx",
    "huggingface_hub",
    "webrtcvad",
    "jiwer",
    "whisper_normalizer",
    "groq",
    "ollama",
    "httpx",
    "pydantic",
    "platformdirs",
    "asyncio",
}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["analyze", "--help"],
        ["demo", "--help"],
        ["open", "--help"],
        ["version"],
        [],
    ],
)
def test_light_commands_load_no_engine(home, arguments):
    done = subprocess.run(
        [sys.executable, "-c", HYGIENE, *arguments],
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(eval(done.stderr.strip().splitlines()[-1]))
    assert loaded & HEAVY == set()


def test_a_json_run_loads_neither_pydantic_nor_a_renderer_nor_an_sdk(home):
    done = subprocess.run(
        [sys.executable, "-c", HYGIENE, "analyze", str(CLIP), "--stt", FAST, "--json", "-q"],
        env=environment(home, **SHORT_MOCK),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(eval(done.stderr.strip().splitlines()[-1]))
    assert (
        loaded & {"pydantic", "textual", "librosa", "scipy", "groq", "ollama", "av.video"} == set()
    )
