import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echotrace.benchmark.run_file import RunFile, check_unused, read_run
from echotrace.errors import InputError, SchemaError, StorageError, UsageError
from echotrace.model.run_codec import dumps_run, header_line, item_line
from tests.fakes.runs import example_header, example_item, example_run, failed_item

HEADER = example_header(clips=3)
ITEMS = [example_item(f"clip-{at}", "sphinx") for at in range(3)]


def whole():
    return (header_line(HEADER) + "".join(item_line(item) for item in ITEMS)).encode()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.jsonl"


def test_what_is_appended_is_read_back_in_its_order(path):
    with RunFile.create(path, HEADER) as file:
        for item in ITEMS:
            file.append(item)
        stored = read_run(path)
    assert path.read_bytes() == whole()
    assert (stored.header, stored.items, stored.torn) == (HEADER, tuple(ITEMS), False)
    assert [each.name for each in path.parent.iterdir()] == ["run.jsonl"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(whole())))
def test_a_file_cut_anywhere_is_gone_on_with_and_becomes_the_whole_one(tmp_path, size):
    """Cut in the header it is begun anew; else only the torn line is lost."""
    path = tmp_path / f"{size}.jsonl"
    path.write_bytes(whole()[:size])
    with RunFile.resume(path, HEADER) as file:
        done = len(file.items)
        assert done == max(0, whole()[:size].count(b"\n") - 1)
        for item in ITEMS[done:]:
            file.append(item)
    assert path.read_bytes() == whole()


def test_a_torn_line_is_told_and_left_out_of_what_is_read(path):
    path.write_bytes(whole()[:-5])
    stored = read_run(path)
    assert stored.torn
    assert stored.items == tuple(ITEMS[:2])


@pytest.mark.parametrize("torn", [b'{"clip": "x"}\n', b"\0" * 50, b"\xff\n"])
def test_a_last_line_that_says_nothing_is_torn(path, torn):
    path.write_bytes(whole() + torn)
    assert read_run(path).torn
    with RunFile.resume(path, HEADER) as file:
        assert len(file.items) == 3
    assert path.read_bytes() == whole()


def test_a_damaged_line_in_the_middle_is_named_and_nothing_is_changed(path):
    data = whole().replace(b'"hits":11', b'"hits":"x"', 1)
    path.write_bytes(data)
    with pytest.raises(SchemaError, match="line 2 is damaged") as caught:
        RunFile.resume(path, HEADER)
    assert caught.value.code == "RUN_DAMAGED"
    with pytest.raises(SchemaError, match=r"run\.jsonl: line 2"):
        read_run(path)
    assert path.read_bytes() == data


def test_the_last_line_of_a_key_counts_and_what_failed_is_tried_again(path):
    failed = failed_item("clip-1", "sphinx")
    with RunFile.create(path, HEADER) as file:
        file.append(ITEMS[0])
        file.append(failed)
    assert read_run(path).items == (ITEMS[0], failed)
    with RunFile.resume(path, HEADER) as file:
        assert list(file.items) == [ITEMS[0].key]
        file.append(ITEMS[1])
    assert read_run(path).items == (ITEMS[0], ITEMS[1])


def test_another_plan_is_refused_and_the_difference_is_told(path):
    RunFile.create(path, HEADER).close()
    changes = {
        "its engines are sphinx, faster-whisper:tiny; now sphinx": {"engines": HEADER.engines[:1]},
        "it repeats 1 times; now 3": {"repeat": 3},
        "its language is en; now de": {"settings": {**HEADER.settings, "language": "de"}},
        "it has 15 clips; now 2": {"clips": 2},
        "clips, what they hold or their references changed": {},
        "an engine, its model or its options changed": {
            "engines": tuple(replace(each, identity={"version": "2"}) for each in HEADER.engines)
        },
    }
    for why, change in changes.items():
        with pytest.raises(UsageError) as caught:
            RunFile.resume(path, replace(HEADER, plan_sha256="other", **change))
        assert why in caught.value.why
        assert "--force" in caught.value.hint
    RunFile.resume(path, replace(HEADER, settings={**HEADER.settings, "jobs": 2})).close()


def test_a_file_that_is_no_run_is_neither_gone_on_with_nor_touched(path):
    for text in ("dear diary", '{"schema": "something"}\n', "[]\n"):
        path.write_text(text)
        with pytest.raises(SchemaError):
            RunFile.resume(path, HEADER)
        assert path.read_text() == text
    for text, why in (("", "it is empty"), ('{"schema":"ech', "its first line was cut off")):
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            read_run(path)
        assert caught.value.why == why
    with pytest.raises(InputError, match="cannot be read"):
        read_run(path.parent)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_lines_that_another_program_has_written_again_are_read(path, mark):
    spaced = [json.dumps(json.loads(line)) for line in whole().splitlines()]
    path.write_bytes(mark + "\n".join(spaced).encode() + b"\n")
    assert read_run(path).items == tuple(ITEMS)
    with RunFile.resume(path, HEADER) as file:
        assert len(file.items) == 3


def test_a_file_of_a_newer_version_is_told_as_that_and_not_touched(path):
    data = whole().replace(b"echotrace.run/1", b"echotrace.run/2", 1)
    path.write_bytes(data)
    for reading in (read_run, lambda path: RunFile.resume(path, HEADER)):
        with pytest.raises(SchemaError, match=r"echotrace\.run/2") as caught:
            reading(path)
        assert caught.value.code == "SCHEMA_NEWER"
    assert path.read_bytes() == data


def test_the_document_of_a_run_is_read_like_its_file(path):
    run = example_run()
    path.write_text(dumps_run(run))
    stored = read_run(path)
    assert (stored.header, stored.items) == (run.header, run.items)


def test_an_existing_file_is_refused_unless_forced(path):
    path.write_text("mine")
    for refused in (
        lambda: check_unused(path, resume=False, force=False),
        lambda: RunFile.create(path, HEADER),
    ):
        with pytest.raises(UsageError) as caught:
            refused()
        assert caught.value.code == "OUTPUT_EXISTS"
        assert "--resume" in caught.value.hint
    assert path.read_text() == "mine"
    RunFile.create(path, HEADER, force=True).close()
    assert read_run(path).header == HEADER
    with pytest.raises(UsageError, match="no regular file"):
        check_unused(path.parent, resume=True, force=False)
    with pytest.raises(StorageError, match="cannot be written"):
        check_unused(path / "a" / "b", resume=False, force=False)


HOLD = """
import sys
from echotrace.benchmark.run_file import RunFile
from tests.fakes.runs import example_header
with RunFile.resume(__import__("pathlib").Path(sys.argv[1]), example_header(clips=3)):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_file_that_another_run_writes_is_refused_and_the_process_named(path):
    RunFile.create(path, HEADER).close()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path.cwd(),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    ) as other:
        assert other.stdout.readline() == b"held\n"
        for attempt in (
            lambda: RunFile.resume(path, HEADER),
            lambda: RunFile.create(path, HEADER, force=True),
        ):
            with pytest.raises(StorageError, match="being written by another run") as caught:
                attempt()
            assert caught.value.code == "RUN_IN_USE"
            if sys.platform == "linux":
                assert caught.value.why == f"process {other.pid} holds it"
        other.stdin.close()
        other.wait()
    RunFile.resume(path, HEADER).close()


def test_a_full_disk_leaves_whole_lines(path, monkeypatch):
    with RunFile.create(path, HEADER) as file:
        file.append(ITEMS[0])
        before = path.read_bytes()
        real, sizes = os.write, iter((10,))

        def write(descriptor, data):
            for size in sizes:
                return real(descriptor, data[:size])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", write)
        with pytest.raises(StorageError) as caught:
            file.append(ITEMS[1])
        assert caught.value.why == "No space left on device"
        assert "--resume" in caught.value.hint
    assert path.read_bytes() == before


def test_at_its_end_the_file_is_in_the_order_of_the_plan(path):
    with RunFile.create(path, HEADER) as file:
        for item in reversed(ITEMS):
            file.append(item)
        file.finish(HEADER, ITEMS)
    assert path.read_bytes() == whole()
