"""The app in a real terminal: when it opens, how it leaves, what it leaves behind."""

import io
import json
import os
import signal
import subprocess
import sys

import pytest

from echotrace.cli.interactive import opens_app
from echotrace.errors import ExitCode
from echotrace.tui.driver import terminal_stream
from tests.fakes.cli import environment
from tests.fakes.reports import complete_report
from tests.fakes.terminal import CTRL_C, Terminal
from tests.fakes.tui_apps import DEMO

RECORDING = DEMO / "demo_voice_1_mixed_with_noise_1_snr10.wav"
QUICK = ("--stages", "signal")
LEFT_SCREEN = "\x1b[?1049l"


class Tty(io.StringIO):
    def isatty(self):
        return True


def terminal(*arguments, home, **extra):
    env = environment(home, LANG="C.UTF-8", **extra)
    return Terminal(*arguments, env=env, cwd=home)


@pytest.mark.parametrize(
    ("printed", "path", "environ", "expected"),
    [
        (False, "call.wav", {"TERM": "xterm"}, True),
        (True, "call.wav", {"TERM": "xterm"}, False),
        (False, "-", {"TERM": "xterm"}, False),
        (False, "call.wav", {"TERM": "dumb"}, False),
        (False, "call.wav", {"TERM": ""}, False),
        (False, "call.wav", {}, False),
        (False, "call.wav", {"TERM": "xterm", "CI": "true"}, False),
        (False, "call.wav", {"TERM": "xterm", "CI": "1"}, False),
        (False, "call.wav", {"TERM": "xterm", "CI": "false"}, True),
        (False, "call.wav", {"TERM": "xterm", "CI": ""}, True),
    ],
)
def test_when_the_app_opens(printed, path, environ, expected):
    streams = (Tty(), Tty())
    assert opens_app(printed=printed, path=path, environ=environ, streams=streams) is expected


def test_it_takes_two_terminals():
    environ = {"TERM": "xterm"}
    for streams in ((Tty(), io.StringIO()), (io.StringIO(), Tty())):
        assert not opens_app(printed=False, environ=environ, streams=streams)
    closed = Tty()
    closed.close()
    assert not opens_app(printed=False, environ=environ, streams=(closed, None))


def test_the_app_opens_shows_the_report_and_leaves_the_terminal_as_it_was(tmp_path):
    with terminal("analyze", RECORDING, *QUICK, home=tmp_path) as app:
        app.expect("EchoTrace", "Reliability")
        app.expect("COMPLETE")
        app.type("q", enter=False)
        assert app.wait() == ExitCode.PASS
        assert LEFT_SCREEN.encode() in app.raw
        assert "Traceback" not in app.text
    assert list(tmp_path.iterdir()) == []


def test_exit_codes_are_those_of_the_gates_and_output_is_written_but_never_over_a_file(tmp_path):
    path = tmp_path / "report.json"
    gate = ("--min-snr-db", "30")
    with terminal("analyze", RECORDING, *QUICK, *gate, "-o", path, home=tmp_path) as app:
        app.expect("COMPLETE")
        app.type("q", enter=False)
        assert app.wait() == ExitCode.GATE_FAILED
    assert json.loads(path.read_text("utf-8"))["status"] == "complete"
    with terminal("analyze", RECORDING, *QUICK, "-o", path, home=tmp_path) as app:
        assert app.wait() == ExitCode.USAGE
        assert "exists already" in app.text
        assert "Reliability" not in app.text


def test_a_recording_that_is_not_there_is_told_without_an_app(tmp_path):
    with terminal("analyze", "missing.wav", home=tmp_path) as app:
        assert app.wait() == ExitCode.INPUT
        assert "echotrace: error:" in app.text
        assert LEFT_SCREEN.encode() not in app.raw


def test_a_recording_that_cannot_be_decoded_is_told_again_after_the_app(tmp_path):
    path = tmp_path / "noise.wav"
    path.write_bytes(b"this is no recording" * 50)
    with terminal("analyze", path, home=tmp_path) as app:
        app.expect("FAILED")
        app.type("q", enter=False)
        assert app.wait() == ExitCode.INPUT
        after = app.raw[app.raw.rindex(LEFT_SCREEN.encode()) :].decode()
        assert "echotrace: error:" in after
        assert "Traceback" not in app.text


def test_a_saved_report_opens_again(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(complete_report().to_json(), "utf-8")
    with terminal("open", path, home=tmp_path) as app:
        app.expect("7f3c21d09a4e", "comprehensive")
        app.type("q", enter=False)
        assert app.wait() == ExitCode.PASS


@pytest.mark.slow  # as with a run: that is in the suite, and so is `open` without a terminal
def test_a_saved_report_is_printed_without_the_app(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(complete_report().to_json(), "utf-8")
    with terminal("open", path, "--no-tui", home=tmp_path) as app:
        assert app.wait() == ExitCode.PASS
        assert LEFT_SCREEN.encode() not in app.raw
        assert "Transcription" in app.text


@pytest.mark.parametrize("flags", [("--no-tui",), ("--quiet",)])
def test_the_printed_report_stays_one_flag_away(tmp_path, flags):
    with terminal("analyze", RECORDING, *QUICK, *flags, home=tmp_path) as app:
        assert app.wait() == ExitCode.PASS
        assert LEFT_SCREEN.encode() not in app.raw
        assert "Waterfall" in app.text


@pytest.mark.parametrize(
    "extra", [{"CI": "true"}, pytest.param({"TERM": "dumb"}, marks=pytest.mark.slow)]
)
def test_ci_and_a_dumb_terminal_get_the_printed_report(tmp_path, extra):
    with terminal("analyze", RECORDING, *QUICK, home=tmp_path, **extra) as app:
        assert app.wait() == ExitCode.PASS
        assert LEFT_SCREEN.encode() not in app.raw


@pytest.mark.parametrize("key", [pytest.param("q", marks=pytest.mark.slow), CTRL_C])
def test_leaving_a_run_early_is_an_interruption(tmp_path, key):
    output = tmp_path / "call.json"
    recording = DEMO / "call.wav"
    with terminal("analyze", recording, "--llm", "mock", "-o", output, home=tmp_path) as app:
        app.expect("stt_audit")
        app.type(key, enter=False)
        assert app.wait() == ExitCode.INTERRUPTED
        assert "Traceback" not in app.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, ExitCode.TERMINATED),
        pytest.param(signal.SIGINT, ExitCode.INTERRUPTED, marks=pytest.mark.slow),
    ],
)
def test_signals_leave_the_terminal_as_it_was(tmp_path, number, code):
    with terminal("demo", home=tmp_path) as app:
        app.expect("stt_audit", "measuring")
        app.process.send_signal(number)
        assert app.wait() == code
        assert LEFT_SCREEN.encode() in app.raw


def test_a_terminal_that_is_closed_in_the_middle_leaves_nothing_behind(tmp_path):
    output = tmp_path / "call.json"
    app = terminal("analyze", DEMO / "call.wav", "--llm", "mock", "-o", output, home=tmp_path)
    app.expect("stt_audit")
    os.close(app._master)
    try:
        assert app.process.wait(20) == ExitCode.TERMINATED
    finally:
        app.process.kill()
        app.process.wait()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What a run writes to a terminal that wants no colour and knows no Unicode."""
    colour = {"NO_COLOR": "1", "COLORTERM": "truecolor"}
    extra = {**colour, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    home = tmp_path_factory.mktemp("plain")
    with terminal("analyze", RECORDING, *QUICK, home=home, **extra) as app:
        app.expect("COMPLETE")
        app.type("q", enter=False)
        assert app.wait() == ExitCode.PASS
        return app.raw


def test_without_colour_there_is_none(plain):
    colours = _colours(plain)
    assert colours
    for colour in colours:
        assert len(set(colour)) == 1, "only greys are left"


def _colours(raw):
    import re

    return [
        tuple(int(part) for part in found.groups())
        for found in re.finditer(rb"[34]8;2;(\d+);(\d+);(\d+)", raw)
    ]


def test_without_unicode_every_byte_is_ascii(plain):
    assert plain.isascii()
    assert b"###" in plain


def test_what_an_engine_prints_waits_until_the_app_has_closed(tmp_path):
    code = (
        "import os, sys\n"
        "from echotrace.cli.interactive import _own_terminal\n"
        "with _own_terminal(debug=False) as screen:\n"
        "    os.write(1, b'to stdout\\n'); os.write(2, b'to stderr\\n')\n"
        "    screen.write('SCREEN'); screen.flush()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=tmp_path, timeout=60, check=True
    )
    assert done.stdout == b"SCREEN"
    assert b"to stdout" in done.stderr
    assert b"to stderr" in done.stderr


def test_a_stream_whose_terminal_is_gone_takes_everything():
    read, write = os.pipe()
    stream = terminal_stream(write, "utf-8")
    os.close(read)
    for _ in range(50):
        stream.write("x" * 10_000)
        stream.flush()
    stream.close()


def test_the_first_frame_loads_no_engine():
    code = (
        "import sys\n"
        "import echotrace.tui.app, echotrace.tui.driver, echotrace.cli.execute\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    loaded = set(done.stdout.decode().split())
    heavy = {
        *("numpy", "onnxruntime", "faster_whisper", "ctranslate2", "pocketsphinx", "soundfile"),
        *("av", "soxr", "librosa", "jiwer", "httpx", "groq", "ollama", "pydantic"),
        *("whisper_normalizer", "webrtcvad", "huggingface_hub"),
    }
    assert not heavy & loaded
    assert "echotrace.orchestrator" not in loaded


def test_the_command_line_loads_no_textual_without_the_app(tmp_path):
    code = (
        "import sys\n"
        "from echotrace.cli.main import main\n"
        "try:\n"
        "    main(['analyze', '--help'])\n"
        "except SystemExit: pass\n"
        "print('textual' in sys.modules, 'rich' in sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stderr.decode().split()[-2:] == ["False", "False"]


def test_theme_and_keys_come_from_the_configuration(tmp_path):
    report = tmp_path / "report.json"
    report.write_text(complete_report().to_json(), "utf-8")
    (tmp_path / ".echotrace.toml").write_text(
        '[tui]\ntheme = "textual-light"\n[tui.keymap]\n"app.quit" = "Q"\n', "utf-8"
    )
    with terminal("open", report, home=tmp_path) as app:
        app.expect("Q Quit").type("q?", enter=False).expect("escape closes").type("q", enter=False)
        assert app.leave("Q") == ExitCode.PASS


@pytest.mark.parametrize(
    ("table", "what", "hint"),
    [
        ('keymap = "view.tuns=T"', "tui.keymap: there is no action view.tuns", "view.turns"),
        ('theme = "norf"', "tui.theme: there is no theme norf", "did you mean nord?"),
    ],
)
def test_a_wrong_key_or_theme_is_told_before_the_app_opens(tmp_path, table, what, hint):
    report = tmp_path / "report.json"
    report.write_text(complete_report().to_json(), "utf-8")
    (tmp_path / ".echotrace.toml").write_text(f"[tui]\n{table}\n", "utf-8")
    with terminal("open", report, home=tmp_path) as app:
        assert app.wait() == ExitCode.USAGE
        assert what in app.text
        assert hint in app.text
        assert LEFT_SCREEN not in app.raw.decode("utf-8", "replace")
