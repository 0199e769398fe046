"""Annotations: one command a line, escaped, the worst first, no more than GitHub shows."""

from collections import Counter
from dataclasses import replace

from hypothesis import given

from echotrace.model.measure import Finding, Severity
from echotrace.printable import printable_line
from echotrace.render.base import RenderOptions
from echotrace.render.github import SHOWN, GithubRenderer
from tests.fakes.audit_reports import audited_call_report
from tests.fakes.poison import TEXTS, poisoned
from tests.fakes.reports import SAMPLES, complete_report, failed_report
from tests.fakes.runs import example_comparison, example_run, failed_item


def read(text):
    """Return kind, title and message of each line as GitHub's runner reads it."""
    assert text.endswith("\n")
    found = []
    for line in text[:-1].split("\n"):
        assert "\r" not in line
        command, _, message = line.removeprefix("::").partition("::")
        kind, _, properties = command.partition(" ")
        assert line.startswith("::")
        assert kind in ("error", "warning", "notice")
        (title,) = properties.split(",")  # a comma would begin another property
        assert title.startswith("title=")
        assert ":" not in title
        title = title.removeprefix("title=")
        for sign, code in ((":", "%3A"), (",", "%2C")):
            title = title.replace(code, sign)
        for sign, code in (("\r", "%0D"), ("\n", "%0A"), ("%", "%25")):
            title, message = title.replace(code, sign), message.replace(code, sign)
        found.append((kind, title, message))
    return found


def of_run(run):
    return read(GithubRenderer().render_run(run, RenderOptions()))


def of_report(report):
    return read(GithubRenderer().render(report, RenderOptions()))


def test_a_run_tells_its_verdict_gates_failures_and_findings():
    found = of_run(example_run())
    assert found[0] == (
        "error",
        "EchoTrace: FAIL",
        "1 of 3 gates failed, 1 not decided; 1 of 121 items failed; 1 file skipped",
    )
    assert ("error", "gate failed: wer > 0.10 (sphinx)", "the value is 0.374") in found
    assert ("error", "NO_AUDIO: clip-9999") in [item[:2] for item in found]
    undecided = "not enough evidence: heard.p95 > 1500 (sphinx)"
    assert ("warning", undecided, "no clip is a call of two channels") in found
    assert next(item for item in found if item[1] == "skipped: notes.wav")[0] == "notice"
    hint = "1 of 121 items failed (try: run again with --resume)"
    assert ("warning", "ITEMS_FAILED", hint) in found


def test_a_regression_is_told_beside_the_verdict():
    found = of_run(example_run(gates=(), comparison=example_comparison()))
    assert found[0][1] == "EchoTrace: REGRESSION"
    assert ("warning", "regression: WER of sphinx") in [item[:2] for item in found]


def test_no_more_than_github_shows_and_the_rest_is_counted():
    failed = tuple(failed_item(f"clip-{number}") for number in range(30))
    found = of_run(example_run(items=failed, gates=()))
    kinds = Counter(kind for kind, _, _ in found)
    assert kinds["error"] == SHOWN
    errors = [title for kind, title, _ in found if kind == "error"]
    shown = [title for title in errors if title.startswith("NO_AUDIO")]
    assert errors[-1] == f"and {30 - len(shown)} more"
    exact = of_run(example_run(items=failed[:SHOWN], gates=(), warnings=()))
    assert len([1 for kind, title, _ in exact if kind == "error" and "NO_AUDIO" in title]) == SHOWN


def test_a_report_tells_its_findings_by_severity():
    report = audited_call_report()
    found = of_report(report)
    kinds = {Severity.CRITICAL: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
    for item in report.warnings:
        assert (kinds[item.severity], item.code) in [entry[:2] for entry in found]
    assert of_report(failed_report())[0][:2] == ("error", "EchoTrace: FAILED")


def test_text_of_others_neither_forges_a_line_nor_a_property():
    for text in (
        *(GithubRenderer().render(make(), RenderOptions()) for make in SAMPLES.values()),
        GithubRenderer().render(poisoned(audited_call_report()), RenderOptions()),
        GithubRenderer().render_run(poisoned(example_run()), RenderOptions()),
    ):
        for _, _, message in read(text):
            assert message == printable_line(message) or not message


@given(TEXTS, TEXTS)
def test_titles_and_messages_come_back(code, message):
    finding = Finding(code=code, severity=Severity.WARNING, message=message)
    report = replace(complete_report(), warnings=(finding,), gates=())
    assert ("warning", printable_line(code), printable_line(message)) in of_report(report)
