"""What a call in a fork of a process that is kept ready has in common with a fresh interpreter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.cli import COMMAND, DEMO, echotrace, environment, warm
from tests.fakes.warm_cli import WarmCli, may_change

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="calls are forked on Linux only")

CLIP = DEMO / "demo_voice_1_mixed_with_noise_1_snr10.wav"

ACTS = """
import atexit, gc, json, locale, os, resource, signal, socket, sys, threading, time, warnings

def state():
    streams = (sys.stdin, sys.stdout, sys.stderr)
    signals = {one.name: str(signal.getsignal(one)) for one in signal.valid_signals()
               if isinstance(one, signal.Signals)}
    print(json.dumps({
        "path": sys.path, "argv": sys.argv, "orig_argv": sys.orig_argv, "flags": str(sys.flags),
        "warnings": sys.warnoptions, "name": __name__, "file": __file__, "doc": __doc__,
        "main": sorted(vars(sys.modules["__main__"])), "loader": type(__loader__).__name__,
        "streams": [[one.encoding, one.errors, one.name, one.mode, one.newlines,
                     one.line_buffering, one.write_through, str(one.buffer), one.fileno()]
                    for one in streams],
        "same": [sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__,
                 sys.stderr is sys.__stderr__],
        "locale": [str(locale.getlocale()), sys.getfilesystemencoding()],
        "environment": dict(os.environ), "folder": os.getcwd(), "umask": os.umask(0o22),
        "signals": signals, "mask": str(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "group": [os.getpgrp(), os.getsid(0), os.nice(0)], "collector": gc.get_threshold(),
        "limits": [resource.getrlimit(one) for one in range(16)],
        "descriptors": sorted(os.listdir("/proc/self/fd")), "threads": threading.active_count(),
        "tasks": len(os.listdir("/proc/self/task")), "stdin": os.fstat(0).st_mode,
    }))

def streams(): print([sys.stdin is None, sys.stdout is None, sys.stderr is None], file=sys.stderr)
def echo(): sys.stdout.buffer.write(sys.stdin.buffer.read())
def big(): print("a line\\n" * 500_000); print("another\\n" * 300_000, file=sys.stderr)
def unread(): os.close(0); print("done")
def full(): os.dup2(os.open("/dev/full", os.O_WRONLY), 1); print("lost")
def returns(): print("unflushed", end="")
def exits(): sys.exit(300)
def says(): sys.exit("what to say")
def nothing(): sys.exit(None)
def raises(): raise ValueError("uncaught")
def interrupted(): raise KeyboardInterrupt
def killed(): print("flushed", flush=True); os.kill(os.getpid(), signal.SIGKILL)
def terminated(): os.kill(os.getpid(), signal.SIGTERM)
def aborted(): os.kill(os.getpid(), signal.SIGINT)
def left(): os._exit(7)
def warned(): warnings.warn("a warning", UserWarning)
def unclosed():
    a = socket.socket(); b = [a]; b.append(b)
def late():
    atexit.register(print, "last")
    threading.Thread(target=lambda: (time.sleep(0), print("thread"))).start()
def changes():
    os.environ["CHANGED"] = "1"; os.chdir("/"); json.changed = 1; os.umask(0o77); sys.path.clear()
def changed(): print("CHANGED" in os.environ, os.getcwd(), hasattr(json, "changed"), sys.path)
def parent(): print(os.getpid(), os.getppid())
def used(): print(time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime)
def large(): block = b"x" * (200 << 20); peak()
def peak(): print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
def waits(): signal.pause()

if __name__ == "__main__":
    globals()[sys.argv[1]]()
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "acts.py"
    path.write_text(ACTS)
    return path


@pytest.fixture(scope="module")
def kept(script):
    with WarmCli(script, environment(Path("/nowhere"))) as running:
        yield running


@pytest.fixture
def act(kept, tmp_path):
    def go(*arguments, **more):
        return kept.call(arguments, environment=environment(tmp_path), folder=tmp_path, **more)

    return go


def fresh(script, home, *arguments, stdin=None, closed=()):
    done = subprocess.run(
        [*COMMAND[:-1], script, *arguments],
        env=environment(home),
        cwd=home,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        check=False,
        preexec_fn=lambda: [os.close(number) for number in closed],
    )
    return done.returncode, done.stdout, done.stderr


def test_a_call_begins_as_a_fresh_interpreter_does(act, script, tmp_path):
    """Its path, arguments, streams, signals, descriptors, limits, environment, folder, threads."""
    code, told, errors = act("state", "a b", "\udcff")
    assert (code, errors) == (0, b"")
    assert json.loads(told) == json.loads(fresh(script, tmp_path, "state", "a b", "\udcff")[1])


@pytest.mark.parametrize("name", ["returns", "exits", "says", "nothing", "killed", "terminated"])
def test_a_call_ends_with_the_code_and_the_words_of_a_fresh_interpreter(
    act, script, tmp_path, name
):
    assert act(name) == fresh(script, tmp_path, name)


@pytest.mark.parametrize("name", ["big", "late", "left", "unread"])
def test_a_call_tells_all_that_a_fresh_interpreter_tells(act, script, tmp_path, name):
    code, told, errors = act(name)
    assert (code, told, errors) == fresh(script, tmp_path, name)
    assert told or name == "left"


@pytest.mark.parametrize("name", ["raises", "warned", "interrupted", "aborted", "full", "unclosed"])
def test_what_nobody_caught_is_told_with_the_same_code(act, script, tmp_path, name):
    """Only the frames between the interpreter and the script are others."""
    code, told, errors = act(name)
    fresh_code, fresh_told, fresh_errors = fresh(script, tmp_path, name)
    assert (code, told) == (fresh_code, fresh_told)
    assert errors.splitlines()[-1] == fresh_errors.splitlines()[-1]


def test_what_is_on_stdin_is_read_to_its_end(act, script, tmp_path):
    data = bytes(range(256)) * 4_000
    assert act("echo", stdin=data) == fresh(script, tmp_path, "echo", stdin=data) == (0, data, b"")
    assert act("echo", stdin=b"") == (0, b"", b"")
    assert act("unread", stdin=data) == (0, b"done\n", b""), "nobody has to read it"


@pytest.mark.parametrize("closed", [(0,), (1,), (0, 1)])
def test_a_closed_stream_is_closed(act, script, tmp_path, closed):
    told = act("streams", closed=closed)
    assert told == fresh(script, tmp_path, "streams", closed=closed)
    assert b"True" in told[2]


def test_a_call_sees_nothing_of_the_one_before(act, tmp_path):
    before = act("changed")
    assert act("changes")[0] == 0
    assert act("changed") == before
    assert before[1].startswith(f"False {tmp_path} False ".encode())


def test_a_call_is_a_process_of_its_own(act, kept):
    (one, parent), (other, _) = (act("parent")[1].split() for _ in range(2))
    assert int(parent) == kept.pid != os.getpid()
    assert len({one, other, parent}) == 3


def test_a_call_has_its_own_time_and_memory(act, kept):
    ticks = Path(f"/proc/{kept.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    loading_s = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    own_s, children_s = map(float, act("used")[1].split())
    assert own_s < loading_s
    assert children_s == 0
    large, peak = (int(act(name)[1]) for name in ("large", "peak"))
    assert large - peak > 150_000


def test_a_call_that_takes_too_long_is_killed(act):
    with pytest.raises(subprocess.TimeoutExpired):
        act("waits", timeout_s=0.1)
    assert act("returns")[0] == 0


def test_a_call_that_is_broken_off_leaves_nothing_for_the_next_one(act, monkeypatch):
    def over(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tests.fakes.warm_cli._exchange", over)
        with pytest.raises(KeyboardInterrupt):
            act("waits")
    assert act("returns") == (0, b"unflushed", b"")


def test_the_process_ends_when_it_is_closed(script):
    with WarmCli(script, environment(Path("/nowhere"))) as running:
        folder = Path(f"/proc/{running.pid}")
        assert folder.exists()
    assert not folder.exists()


def test_a_process_that_cannot_start_says_why(script):
    with pytest.raises(RuntimeError, match="No module named"):
        WarmCli(script, environment(Path("/nowhere"), PYTHONSAFEPATH="1", PYTHONHOME="/nowhere"))


READS = """
import os, sys, threading
sys.path[0] = sys.argv[1]
seen = set()
variables = type(os.environ)
of, all_of = variables.__getitem__, variables.__iter__
def one(self, name):
    seen.add(name)
    return of(self, name)
def each(self):
    seen.add("every one")
    return all_of(self)
variables.__getitem__, variables.__iter__ = one, each
from warm_cli_server import preload
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
preload()
print(*seen, sep="\\n")
print(len(os.listdir("/proc/self/task")), threading.active_count(), file=sys.stderr)
"""


def test_what_is_loaded_before_reads_no_variable_that_a_call_may_set_and_starts_no_thread(tmp_path):
    done = subprocess.run(
        [*COMMAND[:-1], "-c", READS, Path(__file__).parent / "fakes"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    seen = done.stdout.split("\n")
    assert "NPY_PROMOTION_STATE" in seen, "this shows that they are seen at all"
    assert [name for name in seen if name == "every one" or may_change(name)] == []
    assert done.stderr.split() == ["1", "1"]


@pytest.mark.parametrize(
    ("variables", "fit"),
    [
        ({"HOME": "/x", "ECHOTRACE_STT_ENGINE": "sphinx", "GROQ_API_KEY": "k"}, True),
        ({"HF_HUB_OFFLINE": "1", "XDG_CACHE_HOME": "/x", "COLUMNS": "20"}, True),
        ({"PYTHONPATH": "/x"}, False),
        ({"LC_ALL": "C"}, False),
        ({"TZ": "UTC"}, False),
        ({"OPENBLAS_NUM_THREADS": "2"}, False),
        ({"SOMETHING_NEW": "1"}, False),
    ],
)
def test_a_call_with_variables_that_are_read_at_the_start_does_not_fit(kept, variables, fit):
    assert kept.fits(environment(None, **variables)) == fit


def both(tmp_path, *arguments, **more):
    """Run a command fresh and warm, each in a new home of the same name."""
    results = []
    for name in ("fresh", "warm"):
        home = tmp_path / "home"
        home.mkdir()
        result = echotrace(*arguments, home=home, fresh=name == "fresh", **more)
        written = {file.name: file.read_bytes() for file in home.rglob("*") if file.is_file()}
        results.append((result, written))
        home.rename(tmp_path / name)
    return results


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 0),
        (("version",), 0),
        (("analyze", "--help"), 0),
        (("models", "list"), 0),
        (("analyze", "--bogus"), 2),
        (("analyze", "nowhere.wav"), 3),
        (("open", "missing.json"), 3),
        (("probe", "llm", "--provider", "grok"), 2),
        (("models", "path", "tiny"), 5),
        (("setup", "--yes", "--provider", "groq"), 4),
        (("setup", "--yes", "--provider", "mock"), 0),
    ],
)
def test_a_command_says_the_same(tmp_path, arguments, code):
    assert warm().fits(environment(tmp_path)), "otherwise both are fresh"
    one, other = both(tmp_path, *arguments)
    assert one == other
    assert one[0].code == code


@pytest.mark.parametrize(("gate", "code"), [("snr > 60", 0), ("snr < 60", 1), ("snr.p95 < 60", 2)])
def test_a_recording_on_stdin_is_judged_the_same(tmp_path, gate, code):
    arguments = ("analyze", "-", "--stages", "signal", "--json", "--fail-on", gate)
    (one, _), (other, _) = both(tmp_path, *arguments, stdin=CLIP.read_bytes())
    assert (one.code, other.code, other.stderr) == (code, code, one.stderr)
    for part in ("status", "signal", "score", "gates", "warnings", "source"):
        assert one.document[part] == other.document[part]
