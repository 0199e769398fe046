"""`echotrace compare`: two runs or two reports, and files that are neither."""

import json

import pytest

from echotrace.benchmark.summary import summarise
from echotrace.errors import ExitCode
from echotrace.model.run_codec import dumps_run, header_line, item_line
from tests.fakes.cli import echotrace
from tests.fakes.reports import complete_report
from tests.fakes.runs import example_header, example_items


def save(path, items, *, document=False):
    """Write a run as its lines, or as the document that `benchmark --json` prints."""
    header = example_header(clips=12)
    if document:
        path.write_text(dumps_run(summarise(header, items)) + "\n", "utf-8")
    else:
        path.write_text(header_line(header) + "".join(map(item_line, items)), "utf-8")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    save(folder / "a.jsonl", example_items())
    save(folder / "same.json", example_items(), document=True)
    save(folder / "worse.jsonl", example_items(worse=0.1))
    (folder / "report.json").write_text(complete_report().to_json(), "utf-8")
    torn = (folder / "a.jsonl").read_bytes()
    (folder / "torn.jsonl").write_bytes(torn[:-40])
    (folder / "notes.txt").write_text("these are notes\n", "utf-8")
    (folder / "list.json").write_text("[1, 2]", "utf-8")
    (folder / "newer.json").write_text('{"schema": "echotrace.benchmark/2"}', "utf-8")
    (folder / "other.json").write_text('{"schema": "their.schema/1"}', "utf-8")
    (folder / "empty.jsonl").touch()
    return folder


def test_equal_runs_pass_and_a_document_is_a_run_too(runs):
    result = echotrace("compare", "a.jsonl", "same.json", home=runs)
    assert result.code == ExitCode.PASS, result.stderr
    assert "PASS" in result.stdout
    assert result.stderr == ""


def test_a_regression_leaves_with_1_and_tells_which_clips_moved(runs):
    result = echotrace("compare", "a.jsonl", "worse.jsonl", home=runs)
    assert result.code == ExitCode.GATE_FAILED
    assert "REGRESSION" in result.stdout
    assert "got worse beyond chance" in " ".join(result.stdout.split())
    assert "white-5-dB/clip-0010" in result.stdout
    back = echotrace("compare", "worse.jsonl", "a.jsonl", home=runs)
    assert back.code == ExitCode.PASS


def test_a_tolerance_allows_what_is_surely_within_it(runs):
    words = ("compare", "a.jsonl", "worse.jsonl", "--tolerance", "5")
    result = echotrace(*words, "--json", home=runs)
    assert result.code == ExitCode.EVIDENCE, "one recall could still be worse by its floor"
    wer = result.document["figures"][0]
    assert (wer["metric"], wer["outcome"]) == ("wer", "pass")
    assert "by no more than the tolerance" in wer["reason"]


def test_a_report_beside_itself_has_lost_nothing_however_short_the_call(runs):
    result = echotrace("compare", "report.json", "report.json", "--json", home=runs)
    assert result.code == ExitCode.PASS
    assert result.document["schema"] == "echotrace.comparison/1"
    assert result.document["outcome"] == "pass"
    assert any("came out the same" in each["reason"] for each in result.document["figures"])


def test_exports_are_written_beside_what_is_shown(runs, tmp_path):
    exports = ("--export", f"markdown={tmp_path}/c.md", "--export", f"json={tmp_path}/c.json")
    result = echotrace("compare", "a.jsonl", "worse.jsonl", "--json", *exports, home=runs)
    assert result.code == ExitCode.GATE_FAILED
    assert json.loads((tmp_path / "c.json").read_text("utf-8")) == result.document
    assert "REGRESSION" in (tmp_path / "c.md").read_text("utf-8")
    again = echotrace("compare", "a.jsonl", "worse.jsonl", *exports[:2], home=runs)
    assert again.code == ExitCode.USAGE
    assert "exists already" in again.stderr
    over = echotrace("compare", "a.jsonl", "same.json", "--export", "json=same.json", home=runs)
    assert over.code == ExitCode.USAGE


def test_a_torn_last_line_is_left_out_and_told(runs):
    result = echotrace("compare", "torn.jsonl", "a.jsonl", home=runs)
    assert result.code == ExitCode.PASS
    assert "torn.jsonl: its last line was cut off" in result.stderr
    assert "1 are missing" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("a.jsonl", "report.json"), ExitCode.USAGE, "a.jsonl is a run and report.json a report"),
        (("report.json", "a.jsonl"), ExitCode.USAGE, "a.jsonl is a run and report.json a report"),
        (("a.jsonl", "gone.jsonl"), ExitCode.INPUT, "gone.jsonl cannot be read"),
        (("a.jsonl", "."), ExitCode.INPUT, "cannot be read"),
        (("notes.txt", "a.jsonl"), ExitCode.INPUT, "notes.txt is neither a run nor a report"),
        (("a.jsonl", "list.json"), ExitCode.INPUT, "list.json is neither a run nor a report"),
        (("a.jsonl", "other.json"), ExitCode.INPUT, "'their.schema/1'"),
        (("a.jsonl", "newer.json"), ExitCode.INPUT, "newer.json"),
        (("a.jsonl", "empty.jsonl"), ExitCode.INPUT, "empty.jsonl holds no run"),
        (("a.jsonl", "a\x1b[2J.jsonl"), ExitCode.INPUT, "cannot be read"),
        (("a.jsonl",), ExitCode.USAGE, "B"),
        (("a.jsonl", "a.jsonl", "--tolerance", "nan"), ExitCode.USAGE, "--tolerance is nan"),
        (("a.jsonl", "a.jsonl", "--tolerance", "-1"), ExitCode.USAGE, "--tolerance is -1"),
        (("a.jsonl", "a.jsonl", "--export", "html=x.html"), ExitCode.USAGE, "html"),
    ],
)
def test_what_cannot_be_compared_is_told_in_a_line(runs, words, code, told):
    result = echotrace("compare", *words, home=runs)
    assert result.code == code
    assert result.stdout == ""
    assert told in result.stderr
    assert result.stderr.count("error:") == 1
    assert "Traceback" not in result.stderr
    assert "\x1b" not in result.stderr


def test_json_owes_a_document_whatever_happens(runs):
    result = echotrace("compare", "--json", "a.jsonl", "gone.jsonl", home=runs)
    assert result.code == ExitCode.INPUT
    assert result.document["outcome"] == "not_enough_evidence"
    assert result.document["warnings"][0]["code"] == "NOT_FOUND"
    assert "gone.jsonl cannot be read" in result.document["reason"]
