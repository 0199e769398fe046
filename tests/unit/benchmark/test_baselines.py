"""Baselines: whole runs under a name, found again by name or path, and refused where not whole."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.benchmark.baselines import (
    FOLDER,
    check_name,
    list_baselines,
    read_baseline,
    resolve_baseline,
    set_baseline,
)
from echotrace.benchmark.run_file import read_run
from echotrace.errors import EchoTraceError, InputError, StorageError, UsageError
from echotrace.model.run_codec import dumps_run, header_line, item_line
from tests.fakes.runs import example_header, example_items, example_run, failed_item

ITEMS = example_items(clips=2)
HEADER = example_header(clips=2)


def write_run(path, items=ITEMS, *, header=HEADER, tail=""):
    path.write_text(header_line(header) + "".join(map(item_line, items)) + tail, "utf-8")
    return path


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run.jsonl")


def test_a_run_is_kept_whole_and_found_by_its_name(run, tmp_path):
    path = set_baseline("main", run, tmp_path)
    assert path == tmp_path / FOLDER / "main.jsonl"
    assert path.read_bytes() == run.read_bytes()
    assert resolve_baseline("main", tmp_path) == path
    assert resolve_baseline(".echotrace/baselines/main.jsonl", tmp_path) == path
    assert resolve_baseline(str(path), tmp_path / "elsewhere") == path
    assert [each.name for each in path.parent.iterdir()] == ["main.jsonl"]


def test_a_file_comes_before_a_name_and_a_folder_does_not(run, tmp_path):
    kept = set_baseline("run.jsonl", run, tmp_path)
    assert resolve_baseline("run.jsonl", tmp_path) == run
    run.unlink()
    assert resolve_baseline("run.jsonl", tmp_path) == kept
    run.mkdir()
    assert resolve_baseline("run.jsonl", tmp_path) == kept


def test_a_document_of_a_run_is_kept_as_a_run_file(tmp_path):
    run = dataclasses.replace(example_run(), header=HEADER, items=ITEMS)
    (tmp_path / "run.json").write_text(dumps_run(run), "utf-8")
    stored = read_run(set_baseline("main", tmp_path / "run.json", tmp_path))
    assert (stored.header, stored.items, stored.torn) == (HEADER, ITEMS, False)


def test_a_name_that_is_taken_is_only_replaced_when_asked(run, tmp_path):
    path = set_baseline("main", run, tmp_path)
    before = path.read_bytes()
    other = write_run(tmp_path / "other.jsonl", header=example_header(clips=2, run_id="f" * 16))
    with pytest.raises(UsageError) as raised:
        set_baseline("main", other, tmp_path)
    assert raised.value.hint == "pass --force to replace it"
    assert path.read_bytes() == before
    set_baseline("main", other, tmp_path, force=True)
    assert path.read_bytes() == other.read_bytes()
    set_baseline("main", path, tmp_path, force=True)  # onto itself
    assert path.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("items", "tail", "why"),
    [
        (ITEMS[:-1], "", "19 of 20 results are there"),
        (ITEMS, '{"clip":"a', "20 of 20 results are there, and its last line was cut off"),
        ((), "", "0 of 20 results are there"),
        (tuple(failed_item(clip=f"c{n}") for n in range(20)), "", "each of its 20 items failed"),
    ],
    ids=["one missing", "torn", "none", "all failed"],
)
def test_what_is_no_whole_run_is_refused_and_nothing_is_written(tmp_path, items, tail, why):
    run = write_run(tmp_path / "run.jsonl", items, tail=tail)
    with pytest.raises(InputError) as raised:
        set_baseline("main", run, tmp_path)
    assert raised.value.why == why
    assert "echotrace " in raised.value.hint
    assert [each.name for each in tmp_path.iterdir()] == ["run.jsonl"]


def test_a_run_whose_items_failed_in_part_is_kept(tmp_path):
    run = write_run(tmp_path / "run.jsonl", (*ITEMS[:-1], failed_item()))
    assert read_baseline(set_baseline("main", run, tmp_path)).missing == 0


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("mian", "did you mean main"),
        ("mains", "did you mean main"),
        ("baselines/main.jsonl", "did you mean main?"),
        ("quux", "the baselines are main, release-1.2"),
        ("", "the baselines are main, release-1.2"),
        ("a\0b", "the baselines are main, release-1.2"),
        ("x" * 5000, "the baselines are main, release-1.2"),
        ("..", "the baselines are main, release-1.2"),
        ("\x1b[31m", "the baselines are main, release-1.2"),
    ],
    ids=["turned", "longer", "path", "other", "empty", "NUL", "long", "dots", "escape"],
)
def test_an_unknown_name_is_refused_with_those_that_are_near(run, tmp_path, text, hint):
    for name in ("main", "release-1.2"):
        set_baseline(name, run, tmp_path)
    with pytest.raises(UsageError) as raised:
        resolve_baseline(text, tmp_path)
    assert raised.value.code == "UNKNOWN_BASELINE"
    assert raised.value.hint.startswith(hint)
    assert raised.value.what.isprintable()
    assert len(raised.value.what) < 100


def test_without_any_baseline_the_hint_says_how_to_make_one(tmp_path):
    with pytest.raises(UsageError) as raised:
        resolve_baseline("main", tmp_path)
    assert "echotrace baseline set main" in raised.value.hint


@pytest.mark.parametrize("name", ["main", "v1.2_rc-3", "-x", "A" * 64, "a..b"])
def test_names_that_fit(name):
    assert check_name(name) == name


@given(
    st.text(max_size=70)
    | st.sampled_from([".x", "a/b", "..", "a\n", "main\0", "A" * 65, "\u00e9", "a b"])
)
def test_a_name_never_leaves_the_folder(name):
    try:
        check_name(name)
    except UsageError:
        return
    assert name == Path(name).name != ""
    assert name.isascii()
    assert not name.startswith(".")
    assert len(name) <= 64


def test_a_folder_that_cannot_be_made_is_told(run, tmp_path):
    (tmp_path / ".echotrace").write_text("a file")
    with pytest.raises(StorageError, match="cannot be made") as raised:
        set_baseline("main", run, tmp_path)
    assert raised.value.why


def test_all_are_listed_and_one_that_is_damaged_with_its_reason(run, tmp_path):
    assert list_baselines(tmp_path) == ()
    path = set_baseline("main", run, tmp_path)
    (path.parent / "broken.jsonl").write_text("{}\n")
    write_run(path.parent / "cut.jsonl", ITEMS[:3])
    (path.parent / ".hidden.jsonl").write_text("")
    (path.parent / "notes.txt").write_text("")
    broken, cut, main = list_baselines(tmp_path)
    assert [each.name for each in (broken, cut, main)] == ["broken", "cut", "main"]
    assert isinstance(broken.problem, EchoTraceError)
    assert cut.problem.code == "RUN_INCOMPLETE"
    assert main.problem is None
    assert main.run.header == HEADER
    whole = [cell for cell in main.run.cells if cell.condition is None]
    assert [cell.engine for cell in whole] == [engine.name for engine in HEADER.engines]
