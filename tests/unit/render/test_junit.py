"""JUnit XML: valid, complete, and honest about what could not be told."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given

from echotrace.model.benchmark import RunItem
from echotrace.model.report import GateResult
from echotrace.printable import printable_line
from echotrace.render.base import RenderOptions
from echotrace.render.junit import JunitRenderer
from tests.fakes.audit_reports import audited_call_report
from tests.fakes.poison import TEXTS, poisoned
from tests.fakes.reports import SAMPLES, complete_report, failed_report
from tests.fakes.runs import example_header, example_item, example_run, failed_item

ATTRIBUTES = {
    "testsuites": {"name", "time", "tests", "failures", "errors", "disabled"},
    "testsuite": {
        *("name", "tests", "failures", "errors", "time", "disabled", "skipped", "timestamp"),
        *("hostname", "id", "package"),
    },
    "testcase": {"name", "assertions", "time", "classname", "status"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"message"},
    "system-out": set(),
}
"""Those of the schema that Jenkins publishes, which other readers follow."""
CHILDREN = {
    "testsuites": ["testsuite"],
    "testsuite": ["testcase"],
    "testcase": ["skipped", "error", "failure", "system-out"],
}


def parsed(text):
    """Return the root of a document that keeps to the schema."""
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
    root = ET.fromstring(text.encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        assert set(element.attrib) <= ATTRIBUTES[element.tag], element.tag
        assert [child.tag for child in element if child.tag not in CHILDREN[element.tag]] == []
        for name in ("tests", "failures", "errors", "skipped"):
            assert element.get(name, "0").isdecimal()
        assert re.fullmatch(r"\d+\.\d{3}", element.get("time", "0.000"))
    for suite in [*root, root]:
        cases = list(suite.iter("testcase"))
        assert int(suite.get("tests")) == len(cases)
        assert int(suite.get("failures")) == len(list(suite.iter("failure")))
        assert int(suite.get("errors")) == len(list(suite.iter("error")))
    for suite in root:
        assert int(suite.get("skipped")) == len(list(suite.iter("skipped")))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp", "")) or (
            "timestamp" not in suite.attrib
        )
    return root


def of_run(run):
    return parsed(JunitRenderer().render_run(run, RenderOptions()))


def case(root, name):
    (found,) = [item for item in root.iter("testcase") if item.get("name") == name]
    return found


def test_a_run_has_a_case_for_each_gate_and_each_item():
    run = example_run()
    root = of_run(run)
    assert [suite.get("name") for suite in root] == [
        "gates",
        "sphinx",
        "faster-whisper:tiny",
        "files",
    ]
    assert len(list(root.iter("testcase"))) == len(run.items) + len(run.gates) + 1
    failed = case(root, "wer > 0.10 (sphinx)")
    assert failed.find("failure").get("message") == "the value is 0.374"
    assert case(root, "wer > 0.10 (faster-whisper:tiny)").find("failure") is None
    undecided = case(root, "heard.p95 > 1500 (sphinx)")
    assert undecided.find("skipped").get("message") == "no clip is a call of two channels"
    broken = case(root, "clip-9999")
    assert broken.find("error").get("type") == "NO_AUDIO"
    assert "holds no audio" in broken.find("error").text
    assert case(root, "notes.wav").find("skipped") is not None


def test_what_has_nothing_to_be_judged_by_is_skipped_and_says_why():
    items = (
        example_item("measured", "sphinx"),
        example_item("bare", "sphinx", counts=None, why_no_wer="the manifest has no reference"),
        example_item("call", "sphinx", counts=None, heard_gaps_ms=(700.0, 1234.0)),
        example_item("twice", "sphinx", repeat=2),
        RunItem(clip="", engine="mock", kind="llm"),
    )
    root = of_run(example_run(items=items, gates=(), missing=3, header=example_header()))
    skipped = {
        item.get("name"): item.find("skipped").get("message")
        for item in root.iter("testcase")
        if item.find("skipped") is not None
    }
    assert skipped == {
        "bare": "not measurable: the manifest has no reference",
        "probe": "no time to the first token could be measured",
    }
    assert case(root, "call").find("system-out").text == "worst heard gap 1,234 ms"
    assert case(root, "measured").find("system-out").text == "WER 8.3 %, 1 edit in 12 words"
    assert case(root, "twice (2)") is not None
    assert "3 items" in case(root, "completeness").find("error").text


def test_a_failed_item_without_any_error_is_an_error_all_the_same():
    items = (failed_item(error=None),)
    assert case(of_run(example_run(items=items)), "clip-9999").find("error").get("message")


@pytest.mark.parametrize("name", SAMPLES)
def test_every_report_makes_a_valid_document(name):
    parsed(JunitRenderer().render(SAMPLES[name](), RenderOptions()))


def test_a_report_has_its_gates_its_recording_and_its_stages():
    report = audited_call_report()
    root = parsed(JunitRenderer().render(report, RenderOptions()))
    assert [suite.get("name") for suite in root] == ["gates", "recording", "stages"]
    stages = {item.get("name") for item in root.findall("testsuite[@name='stages']/testcase")}
    assert stages == set(report.analyzers)
    outcomes = {gate.expression: gate.outcome for gate in report.gates}
    for expression, outcome in outcomes.items():
        tags = [child.tag for child in case(root, expression)]
        assert (
            tags == {"fail": ["failure"], "not_enough_evidence": ["skipped"], "pass": []}[outcome]
        )


def test_a_failed_report_is_an_error_with_its_reason():
    report = failed_report()
    root = parsed(JunitRenderer().render(report, RenderOptions()))
    error = case(root, printable_line(report.source.path)).find("error")
    assert error.get("type") in {item.code for item in report.warnings}


def test_text_of_others_stays_text():
    for run in (example_run(), poisoned(example_run())):
        of_run(run)
    parsed(JunitRenderer().render(poisoned(audited_call_report()), RenderOptions()))


@given(TEXTS)
def test_names_come_back_as_they_are_shown(text):
    gate = GateResult(expression=text, outcome="fail", reason=text)
    report = replace(complete_report(), gates=(gate,))
    root = parsed(JunitRenderer().render(report, RenderOptions()))
    first = next(root.iter("testcase"))
    assert first.get("name") == printable_line(text)
    assert first.find("failure").get("message") == printable_line(text) or not text.strip()
