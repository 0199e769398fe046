import json
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echotrace.model.reconciled import PipelineSpan
from echotrace.render.base import RenderOptions, get_renderer
from echotrace.render.chrome_trace import ChromeTraceRenderer
from tests.fakes.report_strategy import reports
from tests.fakes.reports import call_report, complete_report, minimal_report
from tests.fakes.traced_reports import TRACED, hostile_trace_report, traced_report

moments = st.floats(-3.0, 60.0, allow_nan=False)


def rendered(report):
    text = ChromeTraceRenderer().render(report, RenderOptions())
    assert text.endswith("\n")
    return json.loads(text)


def events(report, sign):
    return [each for each in rendered(report)["traceEvents"] if each["ph"] == sign]


def names(report, what):
    return {
        (each["pid"], each["tid"]): each["args"]["name"]
        for each in events(report, "M")
        if each["name"] == what
    }


def check(document):
    """Whole microseconds, never negative; complete events of a thread nest; pairs are pairs."""
    threads = defaultdict(list)
    pairs = defaultdict(list)
    for event in document["traceEvents"]:
        assert isinstance(event["ts"], int)
        assert event["ts"] >= 0
        if event["ph"] == "X":
            assert event["dur"] >= 0
            threads[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
        elif event["ph"] in "be":
            pairs[event["pid"], event["cat"], event["id2"]["local"]].append(event)
    for found in threads.values():
        assert [start for start, _ in found] == sorted(start for start, _ in found)
        open_until = []
        for start, end in found:
            while open_until and open_until[-1] <= start:
                open_until.pop()
            assert not open_until or end <= open_until[-1]
            open_until.append(end)
    for begin, end in pairs.values():
        assert (begin["ph"], end["ph"]) == ("b", "e")
        assert begin["ts"] <= end["ts"]


@pytest.mark.parametrize("make", [*TRACED.values(), call_report, complete_report, minimal_report])
def test_every_state_of_a_report_nests(make):
    check(rendered(make()))


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
@given(report=reports())
def test_any_report_can_be_drawn(report):
    check(rendered(report))


@given(ends=st.lists(st.tuples(moments, moments), max_size=30))
@settings(deadline=None)
def test_overlapping_spans_never_misnest_and_none_is_lost(ends):
    report = minimal_report()
    base = traced_report()
    spans = tuple(
        PipelineSpan(id=str(at), name="stage", start_s=min(pair), end_s=max(pair))
        for at, pair in enumerate(ends)
    )
    trace = replace(base.pipeline.trace, spans=spans, turns=())
    document = rendered(replace(report, pipeline=replace(base.pipeline, trace=trace)))
    check(document)
    drawn = [
        event["args"]["id"]
        for event in document["traceEvents"]
        if event["ph"] in "Xb" and event["cat"] == "pipeline"
    ]
    assert sorted(drawn) == sorted(str(at) for at in range(len(ends)))


def test_each_channel_is_a_process_with_its_speech_and_turns():
    report = call_report()
    processes = set(names(report, "process_name").values())
    assert {f"channel {each.index}: {each.role}" for each in report.source.channels} <= processes
    drawn = events(report, "X")
    segments = sum(len(channel.segments) for channel in report.signal.channels)
    assert sum(each["name"] == "speech" for each in drawn) == segments
    sides = sum(
        (turn.user is not None) + (turn.agent is not None) for turn in report.conversation.turns
    )
    assert sum(each["cat"] == "turn" for each in drawn) == sides


def test_an_arrow_leads_from_the_caller_s_end_to_the_agent_s_start():
    report = call_report()
    turns = [
        turn
        for turn in report.conversation.turns
        if turn.user and turn.agent and turn.agent.start_s >= turn.user.end_s
    ]
    begins, ends = events(report, "s"), events(report, "f")
    assert len(begins) == len(ends) == len(turns) > 0
    slices = {(each["pid"], each["tid"]): [] for each in begins + ends}
    for each in events(report, "X"):
        slices.setdefault((each["pid"], each["tid"]), []).append(each)
    for arrow in begins + ends:
        held = slices[arrow["pid"], arrow["tid"]]
        assert any(each["ts"] <= arrow["ts"] < each["ts"] + each["dur"] for each in held)


def test_parts_and_spans_of_the_pipeline_are_drawn_a_thread_for_each():
    report = traced_report()
    trace = report.pipeline.trace
    placed = [
        part
        for turn in trace.turns
        for part in turn.parts
        if part.start_s is not None and part.end_s is not None
    ]
    drawn = [each for each in rendered(report)["traceEvents"] if each["ph"] in "Xb"]
    assert sum(each["cat"] == "part" for each in drawn) == len(placed)
    assert sum(each["cat"] == "pipeline" for each in drawn) == len(trace.spans)
    threads = set(names(report, "thread_name").values())
    assert {part.key for part in placed} | {span.name for span in trace.spans} <= threads


def test_what_lies_before_the_recording_moves_everything():
    report = traced_report()
    early = PipelineSpan(id="x", name="early", start_s=-2.5, end_s=-1.0)
    trace = replace(report.pipeline.trace, spans=(early,))
    document = rendered(replace(report, pipeline=replace(report.pipeline, trace=trace)))
    assert document["otherData"]["recording_starts_at_us"] == 2_500_000
    (span,) = [each for each in document["traceEvents"] if each["name"] == "early"]
    assert (span["ts"], span["dur"]) == (0, 1_500_000)


def test_the_envelope_becomes_counters():
    report = call_report()
    columns = report.signal.envelope.channels[0]
    found = events(report, "C")
    chances = [each["args"]["probability"] for each in found if each["name"] == "speech"]
    assert 0 < len(chances) <= len(report.signal.envelope.channels) * len(columns.min)
    assert {0.0 <= chance <= 1.0 for chance in chances} == {True}
    levels = [each["args"]["dB"] for each in found if each["name"].startswith("level")]
    assert min(levels) >= 0
    assert max(levels) <= 101


def test_the_run_is_a_process_of_its_own():
    report = call_report()
    drawn = [each for each in rendered(report)["traceEvents"] if each.get("cat") == "run"]
    assert sum(each["ph"] in "Xb" for each in drawn) == len(report.latency.spans)


def test_hostile_text_stays_text():
    text = ChromeTraceRenderer().render(hostile_trace_report(), RenderOptions())
    assert "\x1b" not in text
    text.encode("utf-8")


def test_it_is_found_by_its_name():
    assert get_renderer("perfetto").name == "perfetto"


def test_a_trace_that_fits_nowhere_is_drawn_from_the_beginning_of_its_own_clock():
    report = traced_report()
    trace = report.pipeline.trace
    later = tuple(
        replace(span, start_s=span.start_s + 1.7e9, end_s=span.end_s + 1.7e9)
        for span in trace.spans
    )
    lost = replace(trace, spans=later, turns=(), clock=replace(trace.clock, status="refused"))
    document = rendered(replace(report, pipeline=replace(report.pipeline, trace=lost)))
    drawn = [each for each in document["traceEvents"] if each.get("cat") == "pipeline"]
    assert min(each["ts"] for each in drawn) == 0
    assert max(each["ts"] for each in drawn) < 1e9
    processes = [
        each["args"]["name"] for each in document["traceEvents"] if each["name"] == "process_name"
    ]
    assert any("on the trace's own clock" in str(name) for name in processes)
