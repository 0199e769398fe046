import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from echotrace.benchmark import work
from echotrace.benchmark.inputs import find_clips
from echotrace.benchmark.plan import Setup, Task, find_engines, find_models
from echotrace.benchmark.pool import StoppedError, Worker, work_through
from echotrace.benchmark.work import READY, read_frame, serve, write_frame
from echotrace.config.settings import CacheSettings, LlmSettings, Settings
from echotrace.errors import InternalError
from tests.fakes.quick_stt import install_quick_stt

SETUP = Setup(
    settings=Settings(
        cache=CacheSettings(enabled=False), llm=LlmSettings(probes=1, spacing_s=0, mock_seed=8916)
    )
)
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """The plug-in, and what its engines did: pairs of a word and a process."""
    monkeypatch.syspath_prepend(str(install_quick_stt(tmp_path / "site")))
    monkeypatch.setenv("QUICK_STT_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("QUICK_STT_GO", str(tmp_path / "go"))

    def read():
        path = tmp_path / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(line.split()[0], line.split()[2]) for line in lines]

    return read


def tasks_of(clips, *engines):
    found = find_clips([str(clips)]).clips
    columns = find_engines(engines, SETUP.settings)
    return [Task(column=column, clip=clip) for column in columns for clip in found]


def ended(pid):
    """Whether a process is gone, or is only still to be waited for by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def until(condition):
    while not condition():
        time.sleep(0.005)


def test_frames_come_back_and_half_a_frame_is_the_end():
    stream = io.BytesIO()
    write_frame(stream, {"a": (1, None)})
    data = stream.getvalue()
    assert read_frame(io.BytesIO(data)) == {"a": (1, None)}
    for size in range(len(data)):
        with pytest.raises(EOFError):
            read_frame(io.BytesIO(data[:size]))


def test_a_worker_loads_each_engine_once_and_holds_one_at_a_time(quick, clips):
    tasks = tasks_of(clips, "quick", "quick:x")
    items, waiting = [], iter([*tasks, None])
    assert serve(SETUP, lambda: next(waiting), items.append) == 2
    assert [item.key for item in items] == [task.key for task in tasks]
    assert {item.status for item in items} == {"ok"}
    assert [what for what, _ in quick() if what != "hears"] == ["load", "close"] * 2


def test_every_task_is_answered_once_by_as_many_processes_as_are_asked_for(quick, clips):
    tasks = tasks_of(clips, "quick", "quick:x")
    items = []
    work_through(tasks, SETUP, jobs=2, on_item=items.append)
    assert sorted(item.key for item in items) == sorted(task.key for task in tasks)
    assert {item.status for item in items} == {"ok"}
    processes = {pid for _, pid in quick()}
    assert 1 <= len(processes) <= 2
    assert os.getpid() not in processes
    loads = [each for each in quick() if each[0] == "load"]
    assert len(loads) <= 2 * len(processes)
    work_through([], SETUP, jobs=2, on_item=items.append)


def test_what_an_engine_prints_stands_between_no_answers(quick, clips, capfd):
    items = []
    work_through(tasks_of(clips, "quick:prints"), SETUP, jobs=1, on_item=items.append)
    assert [item.status for item in items] == ["ok"] * 3
    assert capfd.readouterr().out == ""


def test_a_model_is_probed_in_a_worker(quick):
    (column,) = find_models(("mock",), SETUP.settings)
    items = []
    task = Task(column=column, clip=None)
    work_through([task], SETUP, jobs=1, on_item=items.append)
    assert [(item.kind, item.status, len(item.ttft_ms)) for item in items] == [("llm", "ok", 1)]


def test_a_worker_that_dies_costs_its_item_and_is_replaced(quick, clips, monkeypatch):
    monkeypatch.setenv("QUICK_STT_DEADLY", "2")
    items = []
    work_through(tasks_of(clips, "quick:dies"), SETUP, jobs=1, on_item=items.append)
    by_clip = {item.clip: item for item in items}
    assert {name: item.status for name, item in by_clip.items()} == {
        "a": "ok",
        "b": "failed",
        "deep/c": "ok",
    }
    error = by_clip["b"].error
    assert error.code == "WORKER_DIED"
    assert (
        error.why == "it was killed by SIGKILL (out of memory?); its last words: quick: a bad day"
    )
    assert len({pid for what, pid in quick() if what == "load"}) == 2


def test_a_worker_that_does_not_start_is_no_clip_s_fault(quick, clips, tmp_path, monkeypatch):
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no such library')")
    monkeypatch.setattr(work, "__file__", str(broken))
    items = []
    with pytest.raises(InternalError, match="does not start") as caught:
        work_through(tasks_of(clips, "quick"), SETUP, jobs=2, on_item=items.append)
    assert "no such library" in caught.value.why
    assert items == []


def test_a_stopped_pool_ends_its_workers_in_the_middle_of_their_work(quick, clips):
    read, write = os.pipe()
    started = []

    def stop():
        until(lambda: "hears" in [what for what, _ in quick()])
        started.extend(int(pid) for what, pid in quick() if what == "hears")
        os.write(write, b"\0")

    import threading

    stopper = threading.Thread(target=stop)
    stopper.start()
    try:
        with pytest.raises(StoppedError):
            work_through(
                tasks_of(clips, "quick:waits"), SETUP, jobs=1, on_item=lambda _: None, wake=read
            )
    finally:
        stopper.join()
        os.close(read)
        os.close(write)
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


PARENT = """
import pickle, sys, time
from echotrace.benchmark.pool import work_through
tasks, setup = pickle.loads(bytes.fromhex(sys.argv[1]))
work_through(tasks, setup, jobs=1, on_item=print)
"""


@needs_proc
def test_a_worker_ends_when_its_parent_is_killed(quick, clips):
    import pickle

    tasks = tasks_of(clips, "quick:waits")
    argument = pickle.dumps((tasks, SETUP)).hex()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    with subprocess.Popen([sys.executable, "-c", PARENT, argument], env=env) as parent:
        until(lambda: "hears" in [what for what, _ in quick()] or parent.poll() is not None)
        (worker,) = {pid for what, pid in quick() if what == "hears"}
        assert not ended(worker)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    until(lambda: ended(worker))


def test_a_worker_that_is_not_needed_leaves_by_itself(quick):
    worker = Worker(SETUP)
    assert worker.take() == READY
    worker.end()
    worker.kill()
    with pytest.raises(ProcessLookupError):
        os.killpg(worker.pid, 0)
