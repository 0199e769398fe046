"""The pytest plug-in in a run of pytest of its own, as a team that installed EchoTrace has it."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.metadata import entry_points

import pytest

from tests.fakes.cli import REPOSITORY, environment

EXAMPLE = REPOSITORY / ".extras/examples/test_calls.py"

TEAM = """
import asyncio

import pytest

import test_calls
from echotrace.testing import assert_voice

NOISY = test_calls.CALLS / test_calls.TRUTHS["recording"]["file"]


def analysed(make):
    return make(
        NOISY,
        reference=test_calls.TRUTHS["recording"]["reference"],
        stages=["signal", "transcription"],
        settings=test_calls.SETTINGS,
    )


def test_words(echotrace_report):
    assert_voice(analysed(echotrace_report), "snr > 5", "wer < 0.1", "heard.p95 < 1500")


def test_it_is_kept(echotrace_report):
    assert analysed(echotrace_report) is analysed(echotrace_report)


def test_in_a_loop(echotrace_report):
    async def call():
        return echotrace_report(NOISY, stages=["signal"])

    assert_voice(asyncio.run(call()), "snr > 5")


def test_missing(echotrace_report):
    echotrace_report("calls/gone.wav")


@pytest.fixture
def junk(echotrace_report):
    return echotrace_report("notes.wav")


def test_junk(junk):
    assert_voice(junk, "wer < 1")
"""


def run_pytest(folder, *arguments, autoload=False):
    """Run pytest in a folder; without ``autoload`` it loads the plug-ins that are named."""
    extra = {} if autoload else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    words = [sys.executable, "-W", "error", "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        words,
        env=environment(folder, **extra),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def team(tmp_path):
    """A project with its tests and a file that is no recording."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "notes.wav").write_text("call them back on Monday\n")
    (tmp_path / "test_calls.py").write_bytes(EXAMPLE.read_bytes())
    (tmp_path / "test_team.py").write_text(TEAM)
    return tmp_path


def test_the_example_passes_and_what_does_not_hold_is_told(team):
    run = run_pytest(team, "-p", "echotrace", "--junitxml=out.xml")
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout + run.stderr
    cases = {
        case.get("name"): {child.tag: child for child in case}
        for case in ET.parse(team / "out.xml").iter("testcase")
    }
    bad = {name for name, parts in cases.items() if parts.keys() & {"failure", "error"}}
    assert len(cases) == 9
    assert bad == {"test_words", "test_missing", "test_junk"}
    words = cases["test_words"]["failure"].text
    told = [line[1:].strip() for line in words.splitlines() if line.startswith("E ")]
    assert told[0].endswith(".wav: wer < 0.1 is false, and 1 more of 3 do not hold")
    assert told[1].startswith("wer is 0.")
    assert " -> " in told[2]
    assert " s: " in told[2]
    assert "heard.p95 < 1500 is not known, for want of evidence" in told
    assert ">       assert_voice(analysed(echotrace_report)," in words
    assert "echotrace/testing" not in words
    (missing,) = cases["test_missing"]["failure"].text.splitlines()
    assert missing.startswith("echotrace_report: calls/gone.wav does not exist; looked in ")
    (junk,) = cases["test_junk"]["error"].text.splitlines()
    assert junk.startswith("echotrace_report: notes.wav ")
    assert "warning" not in run.stdout


def test_a_run_that_does_not_use_it_loads_next_to_nothing(team):
    """Nothing of EchoTrace but the plug-in's own module is there."""
    (team / "test_plain.py").write_text(
        "import sys\n"
        "def test_it():\n"
        "    print(sorted(name for name in sys.modules if name.startswith('echotrace')))\n"
        "    assert 'numpy' not in sys.modules\n"
    )
    run = run_pytest(team, "-p", "echotrace", "-rP", "-q", "test_plain.py")
    assert run.returncode == pytest.ExitCode.OK, run.stdout
    loaded = ["echotrace", "echotrace._version", "echotrace.testing"]
    assert str([*loaded, "echotrace.testing.pytest_plugin"]) in run.stdout


def test_it_is_found_without_being_named_and_can_be_kept_out(team):
    """Where plug-ins load by themselves; the others that are installed stay out of it."""
    others = {point.name for point in entry_points(group="pytest11")} - {"echotrace"}
    flags = [word for name in sorted(others) for word in ("-p", f"no:{name}")]
    command = (*flags, "--fixtures", "-q", "test_calls.py")
    listed = run_pytest(team, *command, autoload=True).stdout
    assert "echotrace_report [session scope]" in listed
    assert "Analyse a recording, once in a session" in listed
    listed = run_pytest(team, *command, "-p", "no:echotrace", autoload=True).stdout
    assert "tmp_path" in listed
    assert "echotrace_report" not in listed
