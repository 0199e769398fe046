import json
from dataclasses import replace

import pytest

from echotrace.errors import InputError
from echotrace.model.reconciled import PipelineSpan
from echotrace.render.base import RenderOptions
from echotrace.render.otlp import OtlpRenderer
from echotrace.telemetry import PipelineTracker
from echotrace.traces.own import SCHEMA, SCHEMA_MAJOR, SPAN_KEYS
from echotrace.traces.read import read_trace
from tests.fakes.reports import call_report
from tests.fakes.traced_reports import TRACED, hostile_trace_report, traced_report

STATES = [make for make in TRACED.values() if make is not hostile_trace_report]


def exported(folder, report):
    path = folder / "report.otlp.json"
    path.write_text(OtlpRenderer().render(report, RenderOptions()), "utf-8")
    return read_trace(str(path))


def test_a_tracker_s_file_is_told_by_its_schema(tmp_path):
    path = tmp_path / "t.jsonl"
    with PipelineTracker("call", "s-1", path=path) as tracker:
        tracker.user_started()
        tracker.user_stopped()
        with tracker.stage("llm_inference", owner="groq:llama"):
            pass
        tracker.agent_started()
    trace = read_trace(str(path))
    assert (trace.kind, trace.clock, trace.session_id) == ("echotrace", "unix", "s-1")
    assert trace.producer == "echotrace"
    assert [part.owner for part in trace.turns[0].parts] == ["groq:llama"]


def test_a_newer_schema_is_refused(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"type": "session", "schema": f"{SCHEMA}{SCHEMA_MAJOR + 1}"}))
    with pytest.raises(InputError) as caught:
        read_trace(str(path))
    assert caught.value.code == "TRACE_SCHEMA"


@pytest.mark.parametrize("make", STATES)
def test_an_export_gives_back_every_span(tmp_path, make):
    report = make()
    wanted = report.pipeline.trace
    found = exported(tmp_path, report)
    assert found.kind == "echotrace"
    assert found.producer == (wanted.producer or "echotrace")
    by_id = {span.id: span for span in found.spans}
    assert by_id.keys() == {span.id for span in wanted.spans}
    kept = {span.id for span in wanted.spans}
    for span in wanted.spans:
        got = by_id[span.id]
        assert (got.name, got.part, got.owner, got.turn) == (
            span.name,
            span.part,
            span.owner,
            span.turn,
        )
        assert got.attributes == span.attributes
        assert got.status == span.status
        assert got.parent_id == (span.parent_id if span.parent_id in kept else None)
        assert got.end_s - got.start_s == pytest.approx(span.end_s - span.start_s, abs=1e-6)


@pytest.mark.parametrize("make", STATES)
def test_an_export_gives_back_every_turn_and_part(tmp_path, make):
    wanted = make().pipeline.trace
    found = {turn.id: turn for turn in exported(tmp_path, make()).turns}
    for turn in wanted.turns:
        if turn.trace_turn_id is None:
            continue
        got = found[turn.trace_turn_id]
        assert got.claimed_gap_ms == turn.claimed_gap_ms.value
        measured = [part for part in turn.parts if part.ms.value is not None]
        assert sorted((part.key, part.ms, part.owner, part.inside) for part in got.parts) == sorted(
            (part.key, part.ms.value, part.owner, part.inside) for part in measured
        )


def test_times_are_those_of_the_recording_on_the_trace_s_clock(tmp_path):
    report = traced_report()
    found = exported(tmp_path, report)
    turns = {turn.id: turn for turn in report.conversation.turns}
    began = found.recording_start_s
    placed = 0
    for told in report.pipeline.trace.turns:
        heard = turns.get(told.turn_id)
        if heard is None or told.trace_turn_id is None or heard.user is None:
            continue
        got = next(turn for turn in found.turns if turn.id == told.trace_turn_id)
        assert got.user.end_s - began == pytest.approx(heard.user.end_s, abs=1e-5)
        placed += 1
    assert placed > 0


def test_the_run_that_measured_it_is_kept_apart(tmp_path):
    report = traced_report()
    found = exported(tmp_path, report)
    (run,) = found.left_over["run"]
    assert [span["name"] for span in run["spans"]] == [span.name for span in report.latency.spans]
    assert not {span.name for span in found.spans} & {"analyze"}


def test_a_report_without_a_trace_gives_its_turns(tmp_path):
    report = call_report()
    found = exported(tmp_path, report)
    assert found.spans == ()
    assert len(found.turns) == len(report.conversation.turns)


def test_ids_and_attributes_of_any_kind_come_back(tmp_path):
    report = traced_report()
    odd = {
        "none": None,
        "deep": {"a": [1, -2, 2**62, 0.5, True, None, {}], "b": ""},
        "text": "<script>\u2028\x00é",
        "empty": [],
    }
    assert not odd.keys() & SPAN_KEYS
    spans = tuple(
        PipelineSpan(id=name, name="n", start_s=1.0, end_s=2.0, attributes=odd)
        for name in ("a", "00000000000000ff", "0" * 16, "é" * 40)
    )
    trace = replace(report.pipeline.trace, spans=spans)
    report = replace(report, pipeline=replace(report.pipeline, trace=trace))
    found = exported(tmp_path, report)
    assert sorted(span.id for span in found.spans) == sorted(span.id for span in spans)
    assert all(span.attributes == odd for span in found.spans)
