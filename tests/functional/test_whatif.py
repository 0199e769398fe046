"""`echotrace whatif`: a saved report asked on the real command line."""

import json

import pytest

from echotrace.errors import ExitCode
from tests.fakes.cli import echotrace
from tests.fakes.reports import call_report
from tests.fakes.whatif_reports import LENGTHS, traced, turn, with_pauses

SET = ("--set", "endpointing_wait=300")


@pytest.fixture
def home(tmp_path):
    turns = [turn(n, LENGTHS | {"llm_inference": 100.0 * n}) for n in range(1, 9)]
    report = with_pauses(traced(turns), [(250.0,), (), (400.0,), ()] * 2)
    (tmp_path / "r.json").write_text(report.to_json(), "utf-8")
    (tmp_path / "heard.json").write_text(call_report().to_json(), "utf-8")
    (tmp_path / "noise.json").write_text('{"schema": "other/1"}', "utf-8")
    return tmp_path


def test_the_answer_goes_to_stdout_for_a_reader(home):
    scale = ("--scale", "llm_inference=0.5")
    result = echotrace("whatif", "r.json", *SET, *scale, "--target-ms", "900", home=home)
    assert (result.code, result.stderr) == (ExitCode.PASS, "")
    assert "  endpointing wait  = 300 ms  600 ms -> 300 ms" in result.stdout
    assert "  <= 900" in result.stdout
    assert "asked" in result.stdout
    assert "\x1b" not in result.stdout


def test_or_as_one_document(home):
    result = echotrace("whatif", "r.json", *SET, "--json", home=home)
    assert (result.code, result.stderr) == (ExitCode.PASS, "")
    document = result.document
    assert (document["schema"], document["status"]) == ("echotrace.whatif/1", "complete")
    assert document["gap_ms"]["p50_ms"]["value"] == -300.0
    assert document["endpointing"]["more_per_100"]["value"] == 25.0
    assert [turn["after_ms"] for turn in document["turns"]] == [
        500.0 + 100.0 * n for n in range(1, 9)
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "name", "told"),
    [
        (("r.json",), ExitCode.USAGE, "NO_CHANGE", "nothing is changed"),
        (("r.json", "--set", "endpoint=3"), ExitCode.USAGE, "UNKNOWN_PART", "endpointing_wait"),
        (("r.json", "--set", "llm_inference=-1"), ExitCode.USAGE, "BAD_VALUE", "from 0 to"),
        (("r.json", "--scale", "llm_inference=nan"), ExitCode.USAGE, "BAD_VALUE", "a factor"),
        (("r.json", *SET, "--target-ms", "nan"), ExitCode.USAGE, "BAD_VALUE", "--target-ms"),
        (("r.json", "--set", "tool_call=1"), ExitCode.INPUT, "NO_SUCH_PART", "the report has:"),
        (("heard.json", *SET), ExitCode.INPUT, "NO_PARTS", "--trace"),
        (("gone.json", *SET), ExitCode.INPUT, "NOT_FOUND", "gone.json cannot be read"),
        ((".", *SET), ExitCode.INPUT, "NOT_FOUND", ". cannot be read"),
        (("noise.json", *SET), ExitCode.INPUT, "NOT_A_REPORT", "no EchoTrace report"),
    ],
)
def test_what_cannot_be_answered_is_one_error_and_still_one_document(
    home, arguments, code, name, told
):
    result = echotrace("whatif", *arguments, "--json", home=home)
    assert result.code == code
    assert result.stderr.count("echotrace: error:") == 1
    assert told in result.stderr
    document = result.document
    assert (document["schema"], document["status"]) == ("echotrace.whatif/1", "failed")
    assert document["warnings"][0]["code"] == name
    plain = echotrace("whatif", *arguments, home=home)
    assert (plain.code, plain.stdout) == (code, "")


def test_options_that_typer_refuses_owe_the_document_too(home):
    result = echotrace("whatif", "r.json", "--target-ms", "fast", "--json", home=home)
    assert result.code == ExitCode.USAGE
    assert json.loads(result.stdout)["status"] == "failed"
