import json

import pytest
from hypothesis import HealthCheck, given, settings

from echotrace.render.base import RenderOptions, get_renderer
from echotrace.render.otlp import OtlpRenderer
from echotrace.traces.document import parse_document
from echotrace.traces.otlp import raw_spans
from tests.fakes.report_strategy import reports
from tests.fakes.reports import call_report, minimal_report
from tests.fakes.traced_reports import TRACED, hostile_trace_report, traced_report


def rendered(report):
    text = OtlpRenderer().render(report, RenderOptions())
    assert text.endswith("\n")
    return json.loads(text)


def spans_of(document, scope="echotrace"):
    (resource,) = document["resourceSpans"]
    return next(
        group["spans"] for group in resource["scopeSpans"] if group["scope"]["name"] == scope
    )


def attributes(span):
    return {item["key"]: next(iter(item["value"].values()), None) for item in span["attributes"]}


def of_kind(document, kind):
    return [
        (span, attributes(span))
        for span in spans_of(document)
        if attributes(span)["echotrace.kind"] == kind
    ]


def check(document):
    """What every reader of OTLP relies on."""
    for scope in ("echotrace", "echotrace.run"):
        spans = spans_of(document, scope)
        ids = [span["spanId"] for span in spans]
        assert len(set(ids)) == len(ids)
        assert len({span["traceId"] for span in spans}) <= 1
        for span in spans:
            assert len(span["spanId"]) == 16
            assert len(span["traceId"]) == 32
            assert int(span["spanId"], 16) > 0
            assert span.get("parentSpanId") in {None, *ids}
            assert 0 <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) < 2**64
            assert isinstance(span["startTimeUnixNano"], str)
    roots = [span for span in spans_of(document) if "parentSpanId" not in span]
    assert [span["name"] for span in roots] == ["echotrace.call"]


@pytest.mark.parametrize("make", [*TRACED.values(), call_report, minimal_report])
def test_every_state_of_a_report_is_a_document_that_our_own_reader_reads_whole(make):
    report = make()
    document = rendered(report)
    check(document)
    text = json.dumps(document)
    count = sum(1 for _ in raw_spans(parse_document(text, name="x")))
    trace = report.pipeline.trace if report.pipeline else None
    assert count == len(spans_of(document)) + len(spans_of(document, "echotrace.run"))
    own = {attributes(span).get("echotrace.span_id", span["spanId"]) for span in spans_of(document)}
    assert {span.id for span in (trace.spans if trace else ())} <= own


def test_turns_carry_what_was_heard_and_claimed():
    report = traced_report()
    found = of_kind(rendered(report), "turn")
    told = {turn.trace_turn_id: turn for turn in report.pipeline.trace.turns}
    assert len(found) >= len(report.conversation.turns)
    assert {span["name"] for span, _ in found} == {"invoke_agent"}
    for _, held in found:
        turn = told.get(int(held["echotrace.turn.number"]))
        if turn is None:
            continue
        for name in ("heard_gap_ms", "claimed_gap_ms", "difference_ms"):
            assert held.get(f"echotrace.{name}") == getattr(turn, name).value
        rest = next((part.ms.value for part in turn.parts if part.key == "unaccounted"), None)
        assert held.get("echotrace.unaccounted_ms") == rest


def test_parts_have_the_names_of_the_conventions():
    report = traced_report()
    found = of_kind(rendered(report), "part")
    operations = {held["echotrace.part"]: held.get("gen_ai.operation.name") for _, held in found}
    wanted = {
        "transcription": "speech_to_text",
        "llm_inference": "chat",
        "speech_synthesis": "text_to_speech",
    }
    assert operations.items() >= wanted.items()
    assert operations["endpointing_wait"] is None
    by_part = {held["echotrace.part"]: span["name"] for span, held in found}
    assert by_part["llm_inference"].startswith("chat ")


def test_the_same_report_gives_the_same_document():
    assert rendered(traced_report()) == rendered(traced_report())


def test_it_is_found_by_its_name():
    assert get_renderer("otlp").file_suffix == ".otlp.json"


def test_hostile_text_stays_text():
    text = OtlpRenderer().render(hostile_trace_report(), RenderOptions())
    assert "\x1b" not in text
    text.encode("utf-8")
    check(json.loads(text))


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
@given(report=reports())
def test_any_report_can_be_written(report):
    document = rendered(report)
    for span in spans_of(document):
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
