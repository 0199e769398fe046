"""The reusable workflow: what it may do, what reaches its shell, and that its commands exist."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from echotrace.benchmark.run_file import read_run
from echotrace.errors import ExitCode
from tests.fakes.cli import DEMO, REPOSITORY, echotrace, environment

PATH = REPOSITORY / ".github/workflows/voice-benchmark.yml"
WORKFLOW = yaml.safe_load(PATH.read_text("utf-8"))
TRIGGERS = WORKFLOW[True]  # YAML 1.1 reads the key `on` so
(JOB,) = WORKFLOW["jobs"].values()
SCRIPTS = [step["run"] for step in JOB["steps"] if "run" in step]


def commands():
    """Every use of echotrace in the scripts: its words up to the end of the line."""
    for script in SCRIPTS:
        for line in script.splitlines():
            if line.split()[:1] == ["echotrace"]:
                yield shlex.split(line)[1:]


def test_it_can_be_called_and_started_by_hand_with_the_same_inputs():
    called, started = (TRIGGERS[name]["inputs"] for name in ("workflow_call", "workflow_dispatch"))
    assert TRIGGERS.keys() == {"workflow_call", "workflow_dispatch"}
    assert started == called | {"package": called["package"] | {"default": "."}}
    used = set(re.findall(r"\binputs\.([a-z-]+)", PATH.read_text("utf-8")))
    assert used == called.keys()


def test_it_may_only_read_and_pins_what_it_uses():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "permissions" not in JOB
    used = [step["uses"] for step in JOB["steps"] if "uses" in step]
    assert len(used) == 3
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", name) for name in used)
    assert JOB["steps"][0]["with"] == {"persist-credentials": False}


def test_no_input_is_text_of_a_script():
    assert SCRIPTS
    assert not any("${{" in script for script in SCRIPTS)
    names = {name for name, value in JOB["env"].items() if "inputs." in value}
    for script in SCRIPTS:
        bare = re.sub(r'"[^"]*"', "", script)  # a variable outside quotes is split and globbed
        bare = re.sub(r"<<< \S*", "", bare)
        assert not [name for name in names if f"${name}" in bare or f"${{{name}" in bare]


def test_what_a_run_leaves_is_kept_also_when_a_gate_fails():
    steps = {step.get("name", step.get("uses")): step for step in JOB["steps"]}
    for name in ("Summary", "actions/upload-artifact@v4"):
        assert steps[name]["if"] == "${{ !cancelled() }}"
    assert "GITHUB_STEP_SUMMARY" in steps["Summary"]["run"]
    assert steps["actions/upload-artifact@v4"]["with"]["path"] == "benchmark"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.split("\n")[0][:30])
def test_the_scripts_are_bash(script):
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_each_command_and_option_is_one_that_echotrace_has(tmp_path):
    found = list(commands())
    assert [words[0] for words in found] == ["--version", "models", "benchmark"]
    for words in found:
        names = [word for word in words if re.fullmatch(r"[a-z-]+", word) and word[0] != "-"]
        listed = echotrace(*names, "--help", home=tmp_path)
        assert listed.code == 0, listed.stderr
        options = {word for word in words if re.fullmatch(r"--[a-z-]+", word)}
        if names == ["benchmark"]:
            script = next(text for text in SCRIPTS if "echotrace benchmark" in text)
            options |= set(re.findall(r"(?<=[( ])--[a-z-]+", script))
            assert len(options) > 5
        offered = set(re.findall(r"--[a-z-]+", listed.stdout))
        assert options <= offered


def run_step(name, folder, **variables):
    """Run a step's script as the workflow does, with the real command line."""
    (script,) = (step["run"] for step in JOB["steps"] if step.get("name") == name)
    given = environment(folder, **(dict.fromkeys(JOB["env"], "") | variables))
    given["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{given['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        env=given,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def project(tmp_path):
    """A folder of two clips, each with what was said in it."""
    (tmp_path / "my clips").mkdir()
    sound = (DEMO / "demo_voice_1_mixed_with_noise_1_snr10.wav").read_bytes()
    for name in ("a", "b"):
        (tmp_path / f"my clips/{name}.wav").write_bytes(sound)
        (tmp_path / f"my clips/{name}.txt").write_text("I am going to cancel my credit card\n")
    return tmp_path


ENGINE = f"faster-whisper:{DEMO / 'models' / 'whisper-mini-fast'}"


def test_the_benchmark_runs_and_what_it_leaves_is_there_also_when_a_gate_fails(project):
    gates = "wer > 0.10\r\n\n  wer > 0.90\n"
    run = run_step("Benchmark", project, CLIPS="my clips", ENGINES=ENGINE, FAIL_ON=gates)
    assert run.returncode == ExitCode.GATE_FAILED, run.stderr
    left = {path.name for path in (project / "benchmark").iterdir()}
    assert left == {"run.jsonl", "junit.xml", "summary.md", "report.html"}
    assert len(re.findall(r"^::error .*wer > 0\.10", run.stdout, re.MULTILINE)) == 1
    stored = read_run(project / "benchmark/run.jsonl")
    assert [item.status for item in stored.items] == ["ok", "ok"]
    summary = run_step("Summary", project, GITHUB_STEP_SUMMARY="told.md")
    assert summary.returncode == 0, summary.stderr
    assert (project / "told.md").read_bytes() == (project / "benchmark/summary.md").read_bytes()


@pytest.mark.slow
def test_it_compares_with_a_baseline_of_the_repository(project):
    first = run_step("Benchmark", project, CLIPS="my clips", ENGINES=ENGINE)
    assert first.returncode == ExitCode.PASS, first.stderr
    kept = echotrace("baseline", "set", "main", "benchmark/run.jsonl", home=project)
    assert kept.code == ExitCode.PASS, kept.stderr
    (project / ".echotrace.toml").write_text('[gates]\nfail_on = ["wer > 0.10"]\n')
    given = {"CLIPS": "my clips", "ENGINES": ENGINE, "BASELINE": "main"}
    second = run_step("Benchmark", project, **given, FAIL_ON="wer regression\n")
    assert second.returncode == ExitCode.GATE_FAILED, second.stderr
    assert "wer > 0.10" in second.stdout  # the file's gate beside the input's
    assert "wer regression" in second.stdout
    wrong = run_step("Benchmark", project, **given | {"BASELINE": "mian"})
    assert wrong.returncode == ExitCode.USAGE
    assert "did you mean main?" in wrong.stderr
