"""The README's commands do what it says: each console block is run, each snippet used.

They share one cache, as a reader's commands do: the first hears the call, the others find it.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import soundfile

from echotrace.config.loader import load_settings
from echotrace.errors import ExitCode
from echotrace.tui.keymap import keymap_of
from echotrace.tui.theme import theme_named
from tests.fakes.cli import DEMO, REPOSITORY, echotrace, environment

README = (REPOSITORY / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line.removeprefix("$ ").partition("#")[0].strip()
    for kind, block in BLOCKS
    if kind == "console"
    for line in block.splitlines()
    if line.startswith("$ ")
]
OURS = [shlex.split(command)[1:] for command in COMMANDS if command.startswith("echotrace ")]


def hears(arguments):
    """Whether this command makes an engine transcribe the call."""
    if arguments[0] != "analyze" or "--transcript" in arguments:
        return False
    return "--stages" not in arguments or "transcription" in shlex.join(arguments)


CHAIN_BEGINS, CHAIN_ENDS = ("generate-fixtures", "markdown=new.md")
_BEGIN = next(at for at, item in enumerate(OURS) if item[0] == CHAIN_BEGINS)
_END = next(at for at, item in enumerate(OURS) if CHAIN_ENDS in item)
CHAIN = OURS[_BEGIN : _END + 1]
"""The commands of a benchmark, each on what the one before it wrote."""
del OURS[_BEGIN : _END + 1]

WHATIF = [item for item in OURS if item[0] == "whatif"]
FIRST, *OTHERS = [item for item in OURS if item[0] not in ("open", "whatif")]
assert hears(FIRST)
IN_TURN = [FIRST, *sorted(OTHERS, key=hears)]
"""The command that hears the call first, and those that find what it heard last."""

SAID = {
    "caller": ((4.3, 9.25), (13.5, 16.8), (21.3, 24.4), (30.7, 32.8), (40.1, 43.1)),
    "agent": ((0.2, 4.2), (9.2, 12.9), (18.1, 21.8), (24.7, 28.5), (38.4, 40.1)),
}
"""Where each side of the bundled call says something, in seconds."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache for this module, also where several workers run it."""
    folder = tmp_path_factory.mktemp("readme-cache")
    if run := os.environ.get("PYTEST_XDIST_TESTRUNUID"):
        folder = tmp_path_factory.getbasetemp().parent / f"readme-cache-{run}"
    return {"XDG_CACHE_HOME": str(folder)}


def trace_of_the_call(path):
    """Let the example of a home-made pipeline write what it believes of the bundled call."""
    example = REPOSITORY / ".extras/examples/live_agent.py"
    subprocess.run([sys.executable, "-W", "error", example, path], check=True)


@pytest.fixture
def folder(tmp_path):
    shutil.copy(DEMO / "call.wav", tmp_path / "call.wav")
    samples, rate_hz = soundfile.read(DEMO / "call.wav")
    for index, side in enumerate(("caller", "agent")):
        soundfile.write(tmp_path / f"{side}.wav", samples[:, index], rate_hz)
        (tmp_path / "speech" / side).mkdir(parents=True)
        for number, (start_s, end_s) in enumerate(SAID[side]):
            clip = samples[int(start_s * rate_hz) : int(end_s * rate_hz), index]
            soundfile.write(tmp_path / "speech" / side / f"{number}.wav", clip, rate_hz)
    (tmp_path / "heard.txt").write_text("hello i lost my wallet and i need to cancel my credit car")
    (tmp_path / "said.txt").write_text("hello i lost my wallet and i need to cancel my credit card")
    (tmp_path / "terms.txt").write_text("credit card\nwallet\n")
    trace_of_the_call(tmp_path / "agent.trace.jsonl")
    return tmp_path


def test_the_two_commands_open_the_readme_and_are_all_that_ci_calls():
    assert COMMANDS[:2] == ["make demo", "make test"]
    script = (REPOSITORY / ".ci/run").read_text("utf-8").splitlines()
    assert [line for line in script if line.startswith("make")] == ["make test", "make demo"]
    assert len(OURS) >= 7


@pytest.mark.parametrize("arguments", IN_TURN, ids=shlex.join)
def test_a_command_works_as_written(folder, cache, arguments):
    if "espeak-ng" in shlex.join(arguments) and not shutil.which("espeak-ng"):
        pytest.skip("espeak-ng, a program of the system, is not here")
    result = echotrace(*arguments, home=folder, fresh=True, **cache)
    assert result.code == 0, result.stderr
    if arguments[0] == "generate-calls":
        calls = sorted(path.name for path in (folder / "calls").glob("*.wav"))
        assert calls == ["call-0001.wav", "call-0002.wav"]
        return
    if arguments[0] == "models":
        assert "sphinx" in result.stdout
        return
    assert "EchoTrace" in result.stdout or "config.toml" in result.stdout or result.document
    if "--output" in arguments:
        written = arguments[arguments.index("--output") + 1]
        opened = echotrace("open", written, home=folder, fresh=True)
        assert opened.stdout == result.stdout


def test_the_commands_of_a_benchmark_work_one_after_the_other(folder, cache):
    first, second, *others = sorted((folder / "speech").rglob("*.wav"))
    for clip in others:
        clip.unlink()
    for clip in (first, second):
        samples, rate_hz = soundfile.read(clip)
        soundfile.write(clip, samples[: int(1.5 * rate_hz)], rate_hz)
        clip.with_suffix(".txt").write_text("hello i lost my wallet and need to cancel my card")
    for arguments in CHAIN:
        result = echotrace(*arguments, home=folder, **cache)
        assert result.code == 0, (arguments, result.stdout, result.stderr)
    names = {"main.jsonl", "new.jsonl", "new.html", "new.md", "new.xml"}
    assert names <= {path.name for path in folder.iterdir()}
    assert {item[0] for item in CHAIN} >= {"benchmark", "baseline", "compare"}


def test_what_if_is_asked_of_the_report_that_the_command_before_it_wrote(folder):
    (asked,) = WHATIF
    (made,) = (item for item in OURS if "--trace" in item)
    assert echotrace(*made, home=folder).code == 0
    result = echotrace(*asked, home=folder)
    assert result.code == 0, result.stderr
    assert "cut" in result.stdout


def test_a_command_that_opens_reports_names_those_that_other_commands_wrote():
    opened = [name for item in OURS if item[0] == "open" for name in item[1:]]
    written = {item[item.index("--output") + 1] for item in OURS if "--output" in item}
    written -= {item[1] for item in WHATIF}
    assert opened
    assert set(opened) == written


def test_every_exit_code_is_in_the_table():
    for code in ExitCode:
        assert re.search(rf"^\|.*\b{code.value}\b.*\|", README, re.MULTILINE), code


def test_the_python_snippets_run(folder, cache):
    snippets = [block for kind, block in BLOCKS if kind == "python" and "assert_voice" not in block]
    assert len(snippets) == 2
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(snippets)],
        cwd=folder,
        env=environment(folder, **cache),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Measurement(" in done.stdout


def test_the_test_of_a_call_passes(folder, cache):
    (snippet,) = (block for kind, block in BLOCKS if kind == "python" and "assert_voice" in block)
    (folder / "test_call.py").write_text(snippet)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=folder,
        env=environment(folder, **cache),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_the_gates_of_a_project_load(folder):
    (block,) = (text for kind, text in BLOCKS if kind == "toml" and "[gates]" in text)
    (folder / ".echotrace.toml").write_text(block)
    gates = load_settings({}, environ={"HOME": str(folder)}, cwd=folder).settings.gates
    assert len(gates.fail_on) == 3
    assert (gates.baseline, gates.tolerance) == ("main", 0.1)


def test_the_configuration_loads(folder):
    (block,) = (text for kind, text in BLOCKS if kind == "toml" and "[stt]" in text)
    (folder / ".echotrace.toml").write_text(block)
    arguments = ("analyze", "call.wav", "--stages", "signal", "--json")
    result = echotrace(*arguments, home=folder, fresh=True)
    assert result.document["score"]["profile"] == "telephony"


def test_the_apps_theme_and_keys_are_ones_that_it_has(folder):
    (block,) = (text for kind, text in BLOCKS if kind == "toml" and "[tui]" in text)
    (folder / ".echotrace.toml").write_text(block)
    look = load_settings({}, environ={"HOME": str(folder)}, cwd=folder).settings.tui
    assert theme_named(look.theme)
    assert len(keymap_of(look.keymap)) == 2


def test_the_example_runs(folder):
    example = REPOSITORY / ".extras/examples/weakest_speech.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", example, "call.wav"],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" dB  channel") == 5


def test_the_pictures_are_there():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert len(pictures) == 2
    for picture in pictures:
        assert (REPOSITORY / picture).read_text("utf-8").startswith("<svg")
