"""A program as a synthesiser: it gets the text, is timed, and leaves nothing behind."""

import asyncio
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from echotrace.errors import UsageError
from echotrace.providers.tts import command as command_module
from echotrace.providers.tts.choose import build, choose
from tests.fakes.tts_servers import voice, wav
from tests.unit.tts.conftest import TEXT
from tests.unit.tts.test_failures import said

pytestmark = pytest.mark.on_a_clock

WRITES = "sys.stdout.buffer.write(open({path!r}, 'rb').read())\n"


@pytest.fixture
def body(tmp_path):
    path = tmp_path / "sound.wav"
    path.write_bytes(wav(voice(22_050, lead_s=0.18), 22_050))
    return WRITES.format(path=str(path))


@pytest.fixture
def tell(tmp_path):
    """A line of a script that leaves what it saw in a file, and how to read it."""
    path = tmp_path / "told.json"

    def read():
        return json.loads(path.read_text())

    return f"import json\njson.dump({{}}, open({str(path)!r}, 'w'))\n", read


def leaves(tell, expression):
    line, read = tell
    return line.replace("{}", expression), read


def is_told(read):
    try:
        read()
    except (OSError, ValueError):
        return False
    return True


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # a killed process that init has not reaped yet is no process any more
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def wait_until_gone(pid):
    end = time.monotonic() + 10
    while not is_gone(pid):
        assert time.monotonic() < end
        time.sleep(0.005)


def test_the_text_goes_in_and_the_sound_comes_out(speak, script, body, tell):
    told, read = leaves(tell, "[sys.stdin.buffer.read().decode(), sys.argv[1:]]")
    sample = speak(script(told + body) + " --rate 'two words'", text="Grüße, you").sample
    assert (sample.status, sample.code) == ("ok", None)
    assert read() == ["Grüße, you\n", ["--rate", "two words"]]
    assert sample.audio_format == "wav, 22,050 Hz, 1 channel"
    assert sample.leading_silence_ms == pytest.approx(180.0, abs=10.0)
    assert sample.ttfa_ms == sample.ttfb_ms + sample.leading_silence_ms
    assert sample.audio_s == pytest.approx(1.18, abs=0.001)
    assert (sample.reused, sample.http_status) == (None, None)
    names = [part.name for part in sample.phases]
    assert names == ["queued", "request_sent", "waiting", "first_audio", "streaming", "done"]


def test_the_times_are_those_of_the_program(speak, script, body, tell):
    told, read = leaves(tell, "[asked, time.monotonic_ns()]")
    source = f"sys.stdin.read()\nasked = time.monotonic_ns()\ntime.sleep(0.08)\n{told}{body}"
    sample = speak(script(source)).sample
    asked_ns, written_ns = read()
    # Python's own start lies before the first stamp, so only a lower limit is known of the whole
    assert sample.ttfb_ms >= (written_ns - asked_ns) / 1e6
    waiting = next(part for part in sample.phases if part.name == "waiting")
    assert waiting.duration_ms >= (written_ns - asked_ns) / 1e6


@pytest.mark.parametrize(
    ("arguments", "text", "words"),
    [
        ("-t {text}", 'say it\'s "$(id)"; rm x', ["-t", 'say it\'s "$(id)"; rm x']),
        ("--text {text} {text}", "a b", ["--text", "a b", "a b"]),
        ("{text}", "-w out.wav", [" -w out.wav"]),
        ("{text}", "one\ntwo\0three", ["one two three"]),
    ],
)
def test_the_text_is_one_argument_and_no_option(speak, script, body, tell, arguments, text, words):
    told, read = leaves(tell, "[sys.argv[1:], sys.stdin.read()]")
    sample = speak(f"{script(told + body)} {arguments}", text=text).sample
    assert (sample.status, sample.code) == ("ok", None)
    assert read() == [words, ""]


def test_a_program_that_ignores_its_input_is_fine(speak, script, body):
    sample = speak(script(f"os.close(0)\n{body}"), text="long " * 50_000).sample
    assert (sample.status, sample.code) == ("ok", None)


def test_a_program_that_writes_before_it_reads_is_fine(speak, script, body):
    source = "sys.stdout.buffer.write(b'RIFF')\nsys.stdout.flush()\nlast = sys.stdin.read()[-6:]\n"
    source += body.replace(".read())", ".read()[4:])") + "sys.exit(last != 'long \\n')\n"
    sample = speak(script(source), text="long " * 50_000).sample
    assert (sample.status, sample.code) == ("ok", None)


def test_a_program_that_complains_at_length_is_heard_to_the_end(speak, script, body):
    source = f"sys.stderr.write('warning\\n' * 50_000)\n{body}"
    assert speak(script(source)).sample.status == "ok"
    taken = speak(script("sys.stderr.write('noise\\n' * 50_000 + 'no voice\\n')\nsys.exit(3)\n"))
    assert taken.error.code == "TTS_COMMAND_FAILED"
    assert "exit status 3" in said(taken)
    assert taken.error.why == "it says: noise; noise; no voice"


@pytest.mark.parametrize(
    ("source", "code", "fragment"),
    [
        ("sys.exit(7)\n", "TTS_COMMAND_FAILED", "exit status 7"),
        ("os.kill(os.getpid(), 15)\n", "TTS_COMMAND_FAILED", "ended by SIGTERM"),
        ("sys.stdout.write('RIFF')\nsys.exit(1)\n", "TTS_COMMAND_FAILED", "exit status 1"),
        ("sys.stderr.write('played it')\n", "TTS_EMPTY", "played it"),
        ("", "TTS_EMPTY", "wrote nothing to standard output"),
        ("print('usage: speak')\n", "TTS_NOT_AUDIO", "a text file"),
        ("print('{}')\n", "TTS_NOT_AUDIO", "a JSON document"),
        ("sys.stdout.buffer.write(bytes(range(128, 256)))\n", "TTS_NOT_AUDIO", "128 bytes of no"),
        (
            "while True: sys.stdout.buffer.write(b'RIFF' + bytes(1 << 20))\n",
            "TTS_REPLY_TOO_LARGE",
            "more than 64 MiB",
        ),
    ],
)
def test_a_fault_of_the_program_is_one_clear_line(speak, script, source, code, fragment):
    taken = speak(script(source))
    assert fragment in said(taken)
    assert taken.error.code == code


CHILD = """
import subprocess
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
"""


@pytest.mark.parametrize(
    "stalls",
    [
        "time.sleep(600)\n",
        "sys.stdout.close(); os.close(1); time.sleep(600)\n",
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)\n",
        "while True: sys.stderr.write('x' * 10_000)\n",
    ],
    ids=["silent", "closed its output", "ignores SIGTERM", "floods standard error"],
)
def test_a_stall_ends_at_the_limit_and_leaves_no_process(speak, script, tell, stalls):
    told, read = leaves(tell, "[os.getpid(), child.pid, os.getsid(0)]")
    for limit_s in (0.3, 6.0):  # a busy machine may need longer to start two programs
        taken = speak(script(CHILD + told + stalls), timeout_s=limit_s)
        assert f"{Path(sys.executable).name} sent no sound within {limit_s:g} s" in said(taken)
        assert taken.error.code == "TTS_STALL"
        if is_told(read):
            break
    program, child, session = read()
    assert session == program != os.getsid(0)
    wait_until_gone(child)
    with pytest.raises(ChildProcessError):  # reaped: no child of ours is left
        os.waitpid(program, os.WNOHANG)


def test_a_program_that_has_spoken_and_does_not_end_keeps_its_figures(
    speak, make_settings, script, tell, body, monkeypatch
):
    told, read = leaves(tell, "os.getpid()")
    command = script(f"{told}{body}sys.stdout.flush(); os.close(1); time.sleep(600)\n")
    sample = speak(command, timeout_s=1.0).sample  # less than what it may take to end
    assert (sample.status, sample.code) == ("ok", "TTS_NOT_ENDED")
    assert "did not end" in sample.reason
    assert sample.leading_silence_ms == pytest.approx(180.0, abs=10.0)
    assert sample.audio_s == pytest.approx(1.18, abs=0.001)
    wait_until_gone(read())
    monkeypatch.setattr(command_module, "_END_LIMIT_S", 0.05)
    provider = _provider(make_settings, command)
    events = asyncio.run(_events(provider))
    assert events[-1].kind == "done"
    assert provider.exchange.ended_ns == events[-1].at_ns
    code, words = provider.remark
    assert code == "TTS_NOT_ENDED"
    assert "did not end" in words
    wait_until_gone(read())


async def _events(provider):
    return [event async for event in provider.synthesize(TEXT)]


def test_a_program_that_ends_leaves_no_remark(make_settings, script, body):
    provider = _provider(make_settings, script(f"{body}sys.stdout.flush(); os.close(1)\n"))
    asyncio.run(_events(provider))
    assert provider.remark is None


def test_what_a_program_leaves_behind_is_killed_with_it(speak, script, tell, body):
    told, read = leaves(tell, "child.pid")
    source = CHILD.replace("])", "], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)")
    sample = speak(script(source + told + body)).sample
    assert (sample.status, sample.code) == ("ok", None)
    wait_until_gone(read())


def _provider(make_settings, command):
    settings = make_settings(command)
    return build(choose(settings), settings)


@pytest.mark.parametrize("way", ["cancel", "close"])
def test_whoever_goes_away_takes_the_program_along(make_settings, script, tell, way):
    told, read = leaves(tell, "[os.getpid(), child.pid]")
    source = f"{CHILD}{told}sys.stdout.write('RIFF')\nsys.stdout.flush()\ntime.sleep(600)\n"
    provider = _provider(make_settings, script(source))

    async def run():
        came = asyncio.Event()

        async def listen():
            async for event in provider.synthesize(TEXT):
                if event.kind == "audio":
                    came.set()

        task = asyncio.create_task(listen())
        await came.wait()
        if way == "cancel":
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            stream = provider.synthesize(TEXT)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await anext(stream)
            await provider.close()
            await stream.aclose()

    asyncio.run(run())
    program, child = read()
    for pid in (program, child):
        wait_until_gone(pid)
    with pytest.raises(ChildProcessError):
        os.waitpid(program, os.WNOHANG)  # reaped already


def test_ctrl_c_ends_the_program_too(script, tell):
    """A real interpreter that is interrupted while its program makes no sound.

    It takes the signal anew: a suite that a shell runs in the background was started without it.
    """
    told, read = leaves(tell, "[os.getpid(), child.pid]")
    command = script(f"{CHILD}{told}time.sleep(600)\n")
    source = f"""
import asyncio, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from dataclasses import replace
from echotrace.config.settings import Settings, TtsSettings
from echotrace.providers.tts.choose import build, choose
settings = replace(Settings(), tts=TtsSettings(provider={command!r}))
async def run():
    async for _ in build(choose(settings), settings).synthesize("Yes."):
        print("started", flush=True)
asyncio.run(run())
"""
    outer = subprocess.Popen(
        [sys.executable, "-c", source],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with outer:
        assert outer.stdout.readline() == b"started\n"
        end = time.monotonic() + 20
        while not is_told(read):
            assert time.monotonic() < end
            time.sleep(0.005)
        outer.send_signal(signal.SIGINT)
        outer.communicate(timeout=20)
    for pid in read():
        wait_until_gone(pid)


@pytest.mark.parametrize(
    "command",
    ["command", "command:", "command:   ", "command:''", "command:say 'it", "command:a\0b"],
)
def test_a_command_that_is_none_is_refused_before_anything_runs(make_settings, command):
    with pytest.raises(UsageError) as caught:
        choose(make_settings(command))
    assert caught.value.code == "TTS_COMMAND"


def test_a_shell_may_get_the_text_as_an_argument(speak, tmp_path, body, script):
    speaker = script(body).removeprefix("command:")
    quoted = shlex.quote(f'test "$1" = "\\$(id)" && exec {speaker}')
    taken = speak(f"command:sh -c {quoted} sh {{text}}", text="$(id)")
    assert taken.sample.code is None


def test_a_program_that_is_not_there_is_told_at_once(make_settings, tmp_path):
    plain = tmp_path / "plain.wav"
    plain.write_bytes(b"")
    for command, fragment in (
        ("no-such-speaker --stdout", "no folder of PATH"),
        (f"{tmp_path}/nothing", "does not exist"),
        (shlex.quote(str(plain)), "may be executed"),
        (str(tmp_path), "may be executed"),
    ):
        choice = choose(make_settings(f"command:{command}"))
        assert choice.blocked.code == "TTS_COMMAND_MISSING"
        assert fragment in choice.blocked.why
        with pytest.raises(type(choice.blocked)):
            build(choice, make_settings(f"command:{command}"))


def test_a_program_that_the_system_refuses_is_a_failed_sample(speak, tmp_path):
    path = tmp_path / "speaker"
    path.write_bytes(b"\x00no program")
    path.chmod(0o755)
    taken = speak(f"command:{path}")
    assert "'speaker' cannot be started" in said(taken)
    assert taken.error.code == "TTS_NOT_EXECUTABLE"


@pytest.mark.parametrize("command", ["espeak-ng --stdout", "espeak-ng --stdout {text}"])
def test_espeak(speak, command):
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not on this machine")
    taken = speak(f"command:{command}", times=2)
    for item in taken:
        sample = item.sample
        assert (sample.status, sample.code) == ("ok", None)
        assert sample.audio_format == "wav, 22,050 Hz, 1 channel"
        assert 1.0 < sample.audio_s < 4.0
        assert 0 <= sample.leading_silence_ms < 300


def test_flite(speak):
    if shutil.which("flite") is None:
        pytest.skip("flite is not on this machine")
    sample = speak("command:flite -t {text} -o /dev/stdout").sample
    assert (sample.status, sample.code) == ("ok", None)
    assert sample.ttfa_ms > 0
