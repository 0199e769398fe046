import asyncio
import contextvars
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from echotrace.model.trace import OWNER_KINDS, PARTS
from echotrace.telemetry import PipelineTracker, TelemetryCollector, timed, use_collector
from echotrace.telemetry import pipeline_tracker as module
from echotrace.traces.read import read_trace

ROOT = Path(__file__).resolve().parents[3]


class Clock:
    """A time of its own, in seconds."""

    now_s = 100.0

    def __call__(self):
        return round(self.now_s * 1e9)

    def wait(self, seconds):
        self.now_s += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tracker(tmp_path, clock):
    tracker = PipelineTracker("call", "s-1", path=tmp_path / "t.jsonl", clock=clock)
    yield tracker
    tracker.close()


def lines(tracker, kind=None):
    text = Path(tracker.path).read_text("ascii")
    assert text.endswith("\n")
    found = [json.loads(line) for line in text.splitlines()]
    return [line for line in found if kind in (None, line["type"])]


def spans(tracker):
    return {line["name"]: line for line in lines(tracker, "span")}


def trace(tracker):
    return read_trace(tracker.path)


@timed("retrieval")
def retrieval():
    pass


@timed("retrieval")
async def retrieval_in_a_task():
    await asyncio.sleep(0)


def test_a_turn_in_the_ten_lines_of_the_manual(tracker, clock):
    tracker.user_started(ago_s=0.1)
    clock.wait(2.0)
    tracker.user_stopped(ago_s=0.5)
    tracker.start_stage("stt", owner="deepgram:nova-3")
    clock.wait(0.125)
    tracker.end_stage("stt", ok=True)
    with tracker.stage("llm_inference", owner="groq:llama") as stage:
        clock.wait(0.25)
        stage.first_output()
        clock.wait(1.0)
    with tracker.stage("speech_synthesis", owner="cartesia:sonic") as stage:
        clock.wait(0.0625)
        stage.first_output()
    tracker.agent_started()
    clock.wait(3.0)
    tracker.agent_stopped()
    (turn,) = trace(tracker).turns
    assert turn.user.edge == "speech"
    assert turn.user.end_s - turn.user.start_s == pytest.approx(1.6, abs=2e-6)
    assert turn.agent.end_s - turn.agent.start_s == pytest.approx(3.0, abs=2e-6)
    assert turn.claimed_gap_ms == pytest.approx(500 + 125 + 1250 + 62.5, abs=2e-3)
    parts = [(part.key, pytest.approx(part.ms, abs=2e-3), part.owner) for part in turn.parts]
    assert parts == [
        ("endpointing_wait", 500, "config: detector's wait"),
        ("transcription", 125, "deepgram:nova-3"),
        ("llm_inference", 250, "groq:llama"),
        ("sentence_aggregation", 1000, "first sentence"),
        ("speech_synthesis", 62.5, "cartesia:sonic"),
    ]


def test_every_line_is_in_the_file_when_it_happened(tracker):
    assert [line["type"] for line in lines(tracker)] == ["session"]
    tracker.user_started()
    assert lines(tracker)[-1]["mark"] == "user_started"
    with tracker.stage("llm"):
        with tracker.stage("tool", owner="search"):
            pass
        assert lines(tracker)[-1]["name"] == "tool"
    assert lines(tracker)[-1]["name"] == "llm"
    assert spans(tracker)["tool"]["parent_id"] == spans(tracker)["llm"]["id"]


def test_a_program_that_is_killed_leaves_what_had_ended(tmp_path):
    path = tmp_path / "t.jsonl"
    program = (
        "import os, signal, sys\n"
        "from echotrace.telemetry import PipelineTracker\n"
        "tracker = PipelineTracker('call', path=sys.argv[1])\n"
        "tracker.user_started()\n"
        "with tracker.stage('stt'): pass\n"
        "tracker.start_stage('llm')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    found = read_trace(str(path))
    assert [span.name for span in found.spans] == ["stt"]
    assert found.findings == ()


def test_how_a_stage_ended_is_written(tracker):
    with pytest.raises(ValueError, match="boom"), tracker.stage("llm"):
        raise ValueError("boom")
    with tracker.stage("tool") as stage:
        stage.set(status_code=500)
        stage.fail("HTTP_500")
    tracker.start_stage("tts")
    tracker.end_stage("tts", ok=False, reason="quota")
    tracker.start_stage("stt")
    tracker.close()
    found = spans(tracker)
    assert {name: line["status"] for name, line in found.items()} == {
        "llm": "failed",
        "tool": "failed",
        "tts": "failed",
        "stt": "cancelled",
    }
    assert found["llm"]["attributes"]["error"] == "ValueError"
    assert "boom" not in Path(tracker.path).read_text()
    assert found["tool"]["attributes"]["status_code"] == 500
    assert found["tts"]["attributes"]["reason"] == "quota"


def test_a_cancelled_task_is_a_cancelled_stage(tracker):
    async def main():
        async def answer():
            with tracker.stage("llm"):
                await asyncio.Event().wait()

        task = asyncio.create_task(answer())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert spans(tracker)["llm"]["status"] == "cancelled"


def test_timed_functions_land_in_the_file(tmp_path):
    with PipelineTracker("call", path=tmp_path / "t.jsonl") as tracker:
        tracker.user_started()
        retrieval()
        with tracker.stage("llm"):
            asyncio.run(retrieval_in_a_task())
    first, second, llm = lines(tracker, "span")
    assert [first["name"], second["name"], llm["name"]] == ["retrieval", "retrieval", "llm"]
    assert first["turn"] == second["turn"] == 1
    assert second["parent_id"] == llm["id"]
    retrieval()
    assert len(lines(tracker, "span")) == 3


def test_a_collector_that_is_there_already_is_listened_to(tmp_path):
    collector = TelemetryCollector()
    with collector.span("before"):
        pass
    tracker = PipelineTracker("call", path=tmp_path / "t.jsonl", collector=collector)
    with use_collector(collector):
        retrieval()
        with tracker.stage("llm"):
            pass
    tracker.close()
    with collector.span("after"):
        pass
    assert spans(tracker).keys() == {"retrieval", "llm"}
    assert {span.name for span in collector.spans} == {"before", "retrieval", "llm", "after"}


def test_threads_and_tasks_write_whole_lines_of_their_own_turns(tmp_path):
    tracker = PipelineTracker("call", path=tmp_path / "t.jsonl")

    def work():
        with tracker.turn() as number:
            for _ in range(25):
                with tracker.stage("llm", text="x" * 200):
                    retrieval()
                tracker.start_stage("tts", wanted=number)
                tracker.end_stage("tts")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    async def main():
        await asyncio.gather(*(asyncio.to_thread(work) for _ in range(4)))

    asyncio.run(main())
    tracker.close()
    found = lines(tracker, "span")
    assert len(found) == 12 * 75
    by_id = {line["id"]: line for line in found}
    assert len(by_id) == len(found)
    for line in found:
        if "parent_id" in line:
            assert line["turn"] == by_id[line["parent_id"]]["turn"]
    assert {line["turn"] for line in found} == set(range(1, 13))


def test_a_stage_may_end_in_another_task_than_it_began_in(tracker):
    tracker.user_started()
    contextvars.copy_context().run(tracker.start_stage, "llm", owner="a:b")
    tracker.first_output("llm")
    thread = threading.Thread(target=tracker.end_stage, args=("llm",))
    thread.start()
    thread.join()
    line = spans(tracker)["llm"]
    assert (line["turn"], line["owner"]) == (1, "a:b")
    assert line["start_s"] <= line["first_output_s"] <= line["end_s"]


def test_marks_begin_turns_and_tell_who_was_broken_off(tracker, clock):
    tracker.agent_started()  # 1: the greeting
    clock.wait(1.0)
    tracker.agent_stopped()
    tracker.user_started()  # 2
    tracker.user_stopped()
    tracker.user_started()  # goes on: still 2
    clock.wait(0.5)
    tracker.user_stopped()
    tracker.agent_started()
    clock.wait(2.0)
    tracker.user_started()  # 3: a "mm-hm" that the agent talks through
    clock.wait(0.2)
    tracker.user_stopped()
    clock.wait(3.0)
    tracker.user_started()  # 4: breaks in
    clock.wait(0.4)
    tracker.agent_stopped()
    clock.wait(1.0)
    tracker.user_stopped()
    tracker.agent_started()
    tracker.agent_stopped()
    found = trace(tracker).turns
    assert [turn.id for turn in found] == [1, 2, 3, 4]
    assert [turn.interrupted for turn in found] == [False, True, False, False]
    assert [turn.aborted for turn in found] == [False] * 4
    assert found[0].user is None
    assert found[1].user.end_s - found[1].user.start_s == pytest.approx(0.5, abs=2e-6)
    assert found[1].agent.end_s - found[1].agent.start_s == pytest.approx(5.6, abs=2e-6)
    assert found[2].agent is None
    assert found[1].user.edge == "detected"


def test_a_turn_whose_code_raises_is_aborted(tracker):
    def broken():
        tracker.user_stopped()
        raise RuntimeError

    with pytest.raises(RuntimeError), tracker.turn():
        broken()
    with tracker.turn():
        tracker.agent_started()
    assert [turn.aborted for turn in trace(tracker).turns] == [True, False]


def test_words_and_usage(tracker):
    tracker.user_started()
    tracker.word("hello", role="user", start_s=1.0, end_s=float("nan"))
    tracker.usage(llm_input_tokens=12, note="no number")
    found = trace(tracker)
    assert found.turns[0].user.words[0].text == "hello"
    assert found.usage == {"llm_input_tokens": 12}


class Unwilling:
    def __str__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "value", [float("nan"), b"\xff", {1: {2}}, "\ud800", object(), Path("/x"), "x" * 50_000]
)
def test_any_attribute_makes_a_line_that_is_read(tracker, value):
    with tracker.stage("llm", held=value, part="no such part", turn="first", owner=7):
        pass
    tracker.user_started(ago_s="soon")
    (span,) = trace(tracker).spans
    assert span.owner == "7"
    assert span.attributes["part"] == "no such part"
    assert len(Path(tracker.path).read_bytes()) < 20_000


def test_what_cannot_be_written_is_lost_and_told_once(tracker, caplog):
    for _ in range(3):
        with tracker.stage("llm", held=Unwilling()):
            pass
    tracker.end_stage("never begun")
    tracker.end_stage("never begun either")
    tracker.first_output("nothing")
    assert tracker.lost == 3
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3
    tracker.close()
    tracker.user_started()
    assert tracker.lost == 4


@pytest.mark.parametrize("path", ["/dev/full", "/no/such/folder/t.jsonl", "nul\0byte", "."])
def test_a_file_that_cannot_be_written_harms_nobody(path, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    if path == "/dev/full" and not Path(path).exists():
        pytest.skip("there is no /dev/full here")
    with PipelineTracker("call", path=path) as tracker:
        tracker.user_started()
        with tracker.stage("llm"):
            pass
    assert tracker.lost == 3
    (record,) = caplog.records
    assert "cannot be written" in record.getMessage()


def test_a_full_disk_tears_no_line_that_comes_after(tmp_path, caplog):
    path = tmp_path / "t.jsonl"
    tracker = PipelineTracker("call", "s", path=path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, before[1]))
        tracker.user_started()
        tracker.user_stopped()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    tracker.agent_started()
    tracker.close()
    assert tracker.lost == 2
    assert len(caplog.records) == 1
    last = path.read_text().splitlines()[-1]
    assert json.loads(last)["mark"] == "agent_started"
    found = read_trace(str(path))
    assert [note.code for note in found.findings] == ["TRACE_LINES_UNREAD"]


def test_two_trackers_may_share_a_file(tmp_path):
    path = tmp_path / "t.jsonl"
    one, two = (PipelineTracker("call", name, path=path) for name in ("a", "b"))
    one.user_started()
    two.user_started()
    two.user_stopped()
    one.close()
    two.close()
    found = read_trace(str(path))
    assert (found.session_id, len(found.turns)) == ("b", 1)
    assert [note.code for note in found.findings] == ["TRACE_SEVERAL_CALLS"]


def test_the_usual_file_is_named_after_the_session(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    PipelineTracker("my bot", "../../a b").close()
    (made,) = tmp_path.iterdir()
    assert made.name == "my-bot-------a-b.trace.jsonl"
    assert made.stat().st_mode & 0o077 == 0
    other, another = PipelineTracker(), PipelineTracker()
    assert other.path != another.path
    other.close()
    another.close()


def test_a_tracker_that_is_forgotten_closes_its_file(tmp_path):
    tracker = PipelineTracker("call", path=tmp_path / "t.jsonl")
    held = tracker._file._file
    tracker.close()
    tracker.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(held)


def test_its_words_are_those_of_the_model():
    assert module._KNOWN["part"] == PARTS
    assert module._KNOWN["inside"] == PARTS
    assert module._KNOWN["owner_kind"] == OWNER_KINDS


def test_the_standard_library_is_enough():
    program = (
        "import sys; before = set(sys.modules)\n"
        "from echotrace.telemetry import PipelineTracker, timed\n"
        "print('\\n'.join(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    roots = {name.partition(".")[0] for name in done.stdout.split()}
    assert roots - {"echotrace"} <= sys.stdlib_module_names
    assert not roots & {"asyncio", "logging"}
    assert "echotrace.model" not in done.stdout


def test_the_warning_goes_to_the_library_s_logger(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="echotrace.telemetry"):
        PipelineTracker("call", path=tmp_path / "no" / "t.jsonl").close()
    assert caplog.records[0].name.startswith("echotrace.telemetry")


@pytest.mark.parametrize("ago_s", [1e300, 10**400, 1e18, float("nan"), float("-inf"), "soon"])
def test_an_ago_that_is_no_time_is_left_out(tmp_path, tracker, ago_s):
    tracker.user_started()
    tracker.user_stopped(ago_s=ago_s)
    tracker.close()
    turn = read_trace(str(tmp_path / "t.jsonl")).turns[0]
    assert turn.user.edge == "detected"


def test_names_and_amounts_of_a_wrong_type_raise_nothing(tracker):
    tracker.first_output(["llm"])
    tracker.end_stage(["llm"])
    tracker.start_stage(7)
    tracker.end_stage(7)
    tracker.usage(tokens=10**400)
    assert tracker.lost == 0
