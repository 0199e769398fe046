"""`echotrace benchmark`: whole runs with real processes, killed, resumed, stopped, refused."""

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from echotrace.benchmark.run_file import read_run
from echotrace.model.run_codec import header_line
from tests.fakes.cli import COMMAND, echotrace, environment
from tests.fakes.quick_stt import install_quick_stt
from tests.fakes.run_kills import TIMES, killed_runs
from tests.fakes.runs import example_header
from tests.fakes.short_clips import write_clips
from tests.fakes.terminal import Terminal

QUICK = ("--engines", "quick,quick:x", "--no-cache")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    return str(install_quick_stt(tmp_path_factory.mktemp("quick") / "site"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    names = [f"clip-{at:02}" for at in range(6)]
    return write_clips(tmp_path_factory.mktemp("clips"), names)


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def whole(clips, plugin, tmp_path_factory):
    """The lines of a run that nobody disturbed, and what it printed."""
    home = tmp_path_factory.mktemp("home")
    result = echotrace("benchmark", clips, *QUICK, "-o", "run.jsonl", "--json", home=home, PYTHONPATH=plugin)  # fmt: skip # noqa: E501
    assert result.code == 0, result.stderr
    return home / "run.jsonl", result


def untimed(path):
    """A run file without its times: all that two equal runs have in common."""
    header, *items = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    header.pop("created_at")
    return [header, *({k: v for k, v in item.items() if k not in TIMES} for item in items)]


def test_a_run_has_a_line_for_each_clip_and_engine_and_one_document(whole, clips):
    path, result = whole
    run = result.document
    assert run["schema"] == "echotrace.benchmark/1"
    assert run["status"] == "complete"
    stored = read_run(path)
    assert [(item.clip, item.engine) for item in stored.items] == [
        (f"clip-{at:02}", engine) for engine in ("quick", "quick:x") for at in range(6)
    ]
    assert stored.header.items == len(stored.items) == 12
    assert {item.status for item in stored.items} == {"ok"}
    assert len(run["items"]) == 12
    assert "12/12 items" in result.stderr
    assert "the run is in run.jsonl" in result.stderr


def test_another_run_with_more_workers_is_the_same_but_for_its_times(whole, clips, plugin, home):
    arguments = ("benchmark", clips, *QUICK, "--jobs", "2", "-o", "two.jsonl", "-q", "--json")
    result = echotrace(*arguments, home=home, PYTHONPATH=plugin)
    assert result.code == 0, result.stderr
    assert result.stderr == ""
    one, two = untimed(whole[0]), untimed(home / "two.jsonl")
    assert two[0]["settings"].pop("jobs") == 2
    assert one[0]["settings"].pop("jobs") == 1
    assert one == two
    run = result.document
    assert {cell["rtf"]["status"] for cell in run["cells"]} == {"estimated"}
    assert "2 workers shared" in next(
        each["message"] for each in run["warnings"] if each["code"] == "SHARED_CORES"
    )


def kills(whole, clips, plugin, home, *, count, seed):
    run_file = home / "run.jsonl"
    command = ("benchmark", clips, *QUICK, "-q")
    died = killed_runs(command, run_file, home=home, kills=count, seed=seed, PYTHONPATH=plugin)
    assert died == count
    result = echotrace(*command, "-o", run_file, "--resume", home=home, PYTHONPATH=plugin)
    assert result.code == 0, result.stderr
    assert untimed(run_file) == untimed(whole[0])
    assert [path.name for path in home.glob("*.jsonl")] == ["run.jsonl"]


def test_after_kills_every_item_is_there_once_as_if_nothing_had_been(whole, clips, plugin, home):
    kills(whole, clips, plugin, home, count=3, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(5))
def test_after_fifty_kills_too(whole, clips, plugin, home, seed):
    kills(whole, clips, plugin, home, count=10, seed=100 + seed)


@contextmanager
def started(home, plugin, *arguments):
    """A run that is on; it is ended with the block at the latest."""
    process = subprocess.Popen(
        [*COMMAND, "benchmark", *arguments],
        env=environment(
            home,
            PYTHONPATH=plugin,
            QUICK_STT_LOG=str(home / "log"),
            QUICK_STT_GO=str(home / "go"),
        ),
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def until_it_hears(home, process):
    while process.poll() is None:
        if (home / "log").exists() and "hears" in (home / "log").read_text():
            return
        time.sleep(0.01)
    raise AssertionError(process.stderr.read().decode())


def test_ctrl_c_stops_at_once_and_another_run_cannot_write_meanwhile(clips, plugin, home):
    arguments = (clips / "clip-00.wav", "--engines", "quick:waits", "-o", "run.jsonl", "--json")
    with started(home, plugin, *arguments) as process:
        until_it_hears(home, process)
        second = echotrace("benchmark", *arguments, "--resume", home=home, PYTHONPATH=plugin)
        assert second.code == 6
        assert "being written by another run" in second.stderr
        assert f"process {process.pid} holds it" in second.stderr
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate()
    assert process.returncode == 130
    assert "stopped; 0 of 1 items are in run.jsonl: run again with --resume" in stderr.decode()
    document = json.loads(stdout)
    assert (document["schema"], document["status"]) == ("echotrace.benchmark/1", "failed")
    assert document["warnings"][0]["code"] == "INTERRUPTED"
    assert read_run(home / "run.jsonl").items == ()


TWICE = """
import os, select, signal
from echotrace.cli.benchmark_live import signals_heard
with signals_heard() as stop:
    os.kill(os.getpid(), signal.SIGTERM)
    assert select.select([stop.wake], [], [], 60)[0], "the first is told"
    print(int(stop.code), flush=True)
    os.kill(os.getpid(), signal.SIGINT)
    print("still here", flush=True)
"""


def test_a_second_signal_leaves_at_once():
    done = subprocess.run([sys.executable, "-c", TWICE], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (130, b"143\n")


def test_on_a_terminal_progress_is_one_line(clips, plugin, home):
    arguments = ("benchmark", clips, "--engines", "quick", "-o", "run.jsonl", "--json")
    with Terminal(*arguments, env=environment(home, PYTHONPATH=plugin), cwd=home) as terminal:
        assert terminal.wait() == 0
        assert b"\r\x1b[K6/6 items, " in terminal.raw
        assert b"echotrace: 6/6 items" not in terminal.raw


def test_junk_and_failures_are_told_and_the_exit_code_says_so(clips, plugin, home):
    folder = write_clips(home / "clips", ("a", "b"))
    (folder / "junk.wav").write_bytes(b"not a sound " * 9)
    result = echotrace(
        *("benchmark", folder, "--engines", "quick:dies", "-o", "run.jsonl", "--json"),
        home=home,
        PYTHONPATH=plugin,
        QUICK_STT_LOG=str(home / "log"),
        QUICK_STT_DEADLY="1",
    )
    assert result.code == 7, result.stderr
    assert "skipped clips/junk.wav" in result.stderr.replace(f"{home}/", "")
    assert "a with quick:dies failed: its worker process ended: it was killed" in result.stderr
    run = result.document
    assert run["status"] == "partial"
    assert [item["status"] for item in run["items"]] == ["failed", "ok"]
    again = echotrace(
        *("benchmark", folder, "--engines", "quick:dies", "-o", "run.jsonl", "--resume"),
        *("--fail-on", "wer > 0.01"),
        home=home,
        PYTHONPATH=plugin,
        QUICK_STT_LOG=str(home / "log"),
        QUICK_STT_DEADLY="1",
    )
    assert "2 items, 1 of them done before" in again.stderr
    assert [item.status for item in read_run(home / "run.jsonl").items] == ["ok", "ok"]
    assert again.code == 1, again.stderr  # the junk is still there, and a gate that fails is worse


def test_a_model_alone_is_probed(home):
    result = echotrace(
        *("benchmark", "--llm", "mock", "--repeat", "2", "-o", "run.jsonl", "--json"),
        home=home,
        ECHOTRACE_LLM_PROBES="1",
        ECHOTRACE_LLM_SPACING_S="0",
        ECHOTRACE_LLM_MOCK_SEED="8916",
    )
    assert result.code == 0, result.stderr
    (cell,) = result.document["llm_cells"]
    assert (cell["engine"], cell["ttft_ms"]["n"], cell["simulated"]) == ("mock", 2, True)


@pytest.mark.parametrize("option", ["-o", "--export"])
def test_no_output_takes_the_place_of_what_is_read(home, option):
    """Not of a clip that only its folder was named for, and not of the baseline."""
    folder = write_clips(home / "clips", ("a",))
    clip, baseline = folder / "a.wav", home / "main.jsonl"
    baseline.write_bytes(header_line(example_header(engines=("quick",), items=0)).encode())
    before = clip.read_bytes(), baseline.read_bytes()
    for target in (clip, baseline):
        value = f"csv={target}" if option == "--export" else target
        result = echotrace(
            *("benchmark", folder, "--engines", "sphinx", "--baseline", baseline, "--force"),
            *(option, value),
            home=home,
        )
        assert result.code == 2, result.stderr
        assert f"{target} is read by this run" in result.stderr
    assert (clip.read_bytes(), baseline.read_bytes()) == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "there is nothing to benchmark"),
        (("CLIPS", "--engines", "nobody"), 2, "no speech recogniser 'nobody'"),
        (("CLIPS", "--engines", ","), 2, "--engines names nothing"),
        (("--llm", "mock", "--engines", "sphinx"), 2, "--engines has no meaning without a clip"),
        (("CLIPS", "--resume"), 2, "--resume needs --output"),
        (("CLIPS", "--resume", "--force", "-o", "x"), 2, "give one of them"),
        (("CLIPS", "-o", "mine"), 2, "mine exists already"),
        (("CLIPS", "-o", "mine", "--resume"), 3, "mine is no run file"),
        (("CLIPS", "-o", "no/where"), 6, "there is no folder no"),
        (("nowhere", "-o", "x"), 3, "there is no clip that can be used"),
        (("CLIPS", "--baseline", "gone.jsonl", "-o", "x"), 2, "gone.jsonl"),
        (("CLIPS", "--export", "pdf=x.pdf", "-o", "x"), 2, "pdf"),
        (("CLIPS", "--llm", "nobody", "-o", "x"), 2, "nobody"),
    ],
)
def test_what_cannot_be_run_is_one_error_and_leaves_nothing(clips, home, arguments, code, words):
    pytest.importorskip("pocketsphinx")
    (home / "mine").write_text("mine")
    named = [clips / "clip-00.wav" if each == "CLIPS" else each for each in arguments]
    result = echotrace("benchmark", *named, "--json", home=home)
    assert result.code == code, result.stderr
    assert words in result.stderr
    assert result.stderr.count("error:") == 1
    assert result.document["status"] == "failed"
    assert result.document["schema"] == "echotrace.benchmark/1"
    assert {path.name for path in home.iterdir()} - {".cache"} == {"mine"}
    assert (home / "mine").read_text() == "mine"


def test_the_first_run_of_a_project_can_do_without_the_baseline_that_it_names(clips, plugin, home):
    gates = '[gates]\nfail_on = ["failed > 0", "wer regression"]\nbaseline = "main"\n'
    (home / ".echotrace.toml").write_text(gates)
    command = ("benchmark", clips, "--engines", "quick", "-q", "--json")
    refused = echotrace(*command, "-o", "run.jsonl", home=home, PYTHONPATH=plugin)
    assert refused.code == 2
    assert "main" in refused.stderr
    first = echotrace(*command, "--no-baseline", "-o", "run.jsonl", home=home, PYTHONPATH=plugin)
    assert first.code == 0, first.stderr
    assert [gate["expression"] for gate in first.document["gates"]] == ["failed > 0"]
    assert echotrace("baseline", "set", "main", "run.jsonl", home=home).code == 0
    second = echotrace(*command, "-o", "two.jsonl", home=home, PYTHONPATH=plugin)
    assert {gate["expression"]: gate["outcome"] for gate in second.document["gates"]} == {
        "failed > 0": "pass",
        "wer regression": "pass",
    }
    assert second.code == 0
