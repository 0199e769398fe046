from dataclasses import replace

import pytest

from echotrace.benchmark.inputs import find_clips
from echotrace.benchmark.plan import find_engines, find_models, make_plan
from echotrace.benchmark.progress import Progress, duration_text
from echotrace.benchmark.run import do_run, failed_run, finish_run
from echotrace.benchmark.run_file import RunFile, read_run
from echotrace.benchmark.shared_cores import with_shared_cores
from echotrace.config.settings import CacheSettings, Settings
from echotrace.errors import InputError, StorageError
from echotrace.model.measure import RunStatus, Status
from echotrace.model.run_codec import dumps_run, loads_run
from tests.fakes.quick_stt import install_quick_stt
from tests.fakes.runs import example_header, example_run

SETTINGS = Settings(cache=CacheSettings(enabled=False))


@pytest.fixture
def plan(tmp_path, monkeypatch, clips):
    monkeypatch.syspath_prepend(str(install_quick_stt(tmp_path / "site")))
    found = find_clips([str(clips)])
    return make_plan(found, find_engines(("quick",), SETTINGS), (), SETTINGS)


def test_only_what_is_missing_is_done_and_the_end_is_in_order(plan, tmp_path):
    path = tmp_path / "run.jsonl"
    with RunFile.create(path, plan.header) as file:
        done = []
        do_run(plan, file, SETTINGS, on_item=done.append)
        assert [item.clip for item in done] == ["a", "b", "deep/c"]
        whole, problem = finish_run(plan, file)
    assert problem is None
    assert whole.status is RunStatus.COMPLETE
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[3], lines[2][:40]]))
    with RunFile.resume(path, replace(plan.header, created_at="later")) as file:
        done = []
        do_run(plan, file, SETTINGS, on_item=done.append)
        assert [item.clip for item in done] == ["a", "b"]
        finish_run(plan, file)
    stored = read_run(path)
    assert stored.header == plan.header
    assert [item.clip for item in stored.items] == ["a", "b", "deep/c"]


def test_each_item_is_in_the_file_before_it_is_told_and_a_full_disk_ends_the_run(
    plan, tmp_path, monkeypatch
):
    path = tmp_path / "run.jsonl"
    with RunFile.create(path, plan.header) as file:

        def told(item):
            assert item in read_run(path).items
            monkeypatch.setattr(file, "append", full)

        def full(_):
            raise StorageError("full", why="No space left on device")

        with pytest.raises(StorageError, match="full"):
            do_run(plan, file, SETTINGS, on_item=told)
    assert len(read_run(path).items) == 1


def test_a_file_that_cannot_be_put_in_order_costs_no_figure(plan, tmp_path, monkeypatch):
    full = StorageError("full", why="No space left on device")

    def refused(*_):
        raise full

    path = tmp_path / "run.jsonl"
    with RunFile.create(path, plan.header) as file:
        do_run(plan, file, SETTINGS, on_item=lambda _: None)
        monkeypatch.setattr(file, "finish", refused)
        run, problem = finish_run(plan, file)
    assert problem is full
    assert run.status is RunStatus.COMPLETE
    assert len(read_run(path).items) == len(run.items) == 3


def test_models_are_probed_before_the_clips_and_alone(plan, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "echotrace.benchmark.run.work_through",
        lambda tasks, setup, **how: asked.append((tasks, setup, how["jobs"])),
    )
    both = make_plan(
        find_clips([str(plan.tasks[0].clip.path)]),
        find_engines(("quick",), SETTINGS),
        find_models(("mock",), SETTINGS),
        SETTINGS,
    )
    file = type("File", (), {"items": {}})()
    do_run(both, file, SETTINGS, jobs=2, on_item=lambda _: None)
    (probes, _, one), (clips, setup, two) = asked
    assert ([task.clip for task in probes], one) == ([None], 1)
    assert (len(clips), two) == (1, 2)
    assert setup.settings.stt.cpu_threads >= 1


def test_figures_of_shared_cores_are_estimates_that_say_so():
    run = example_run()
    assert with_shared_cores(run) is run
    shared = with_shared_cores(replace(run, header=example_header(settings={"jobs": 2})))
    assert {cell.rtf.status for cell in shared.cells} == {Status.ESTIMATED}
    assert shared.cells[0].rtf.value == run.cells[0].rtf.value
    assert shared.warnings[-1].code == "SHARED_CORES"
    assert [cell.wer for cell in shared.cells] == [cell.wer for cell in run.cells]


def test_a_run_that_never_began_is_a_document_too():
    run = failed_run(InputError("no clip", why="none", code="NO_CLIPS"))
    assert loads_run(dumps_run(run)) == run
    assert run.status is RunStatus.FAILED
    assert (run.warnings[0].code, run.warnings[0].message) == ("NO_CLIPS", "no clip: none")


def test_progress_tells_the_pace_of_this_run_and_not_of_an_earlier_one():
    now = [100.0]
    progress = Progress(20, 8, clock=lambda: now[0])
    assert progress.text() == "8/20 items"
    for at in range(4):
        now[0] += 2.5
        progress.add(failed=at == 3)
    assert progress.rate == 0.4
    assert progress.left_s == 20
    assert progress.text() == "12/20 items, 24.0/min, 20 s left, 1 failed"
    now[0] -= 8
    assert progress.text() == "12/20 items, 2.0/s, 4 s left, 1 failed"
    assert [duration_text(each) for each in (0.4, 59.6, 134, 11_100)] == [
        "0 s",
        "1 min 0 s",
        "2 min 14 s",
        "3 h 5 min",
    ]
