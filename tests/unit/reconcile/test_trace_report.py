"""A trace and a recording in one report: figures of the call, turns of one side, bad traces."""

import random
from dataclasses import replace

import numpy as np
import pytest

from echotrace.aggregator.traced import with_trace
from echotrace.fixtures.traced_call import trace_of
from echotrace.fixtures.truth import CallTruth, Span, TrueTurn
from echotrace.model.measure import Finding, Measurement, Severity
from echotrace.model.pipeline import Pipeline
from echotrace.model.report import Channel
from echotrace.model.trace import Trace, TraceSpan
from echotrace.reconcile.leading_silence import agent_channel, leading_silence
from echotrace.reconcile.trace_report import MOST_SPANS, reconcile
from tests.fakes.traced_turns import conversation, heard

RATE_HZ = 16_000


def truth_of(count, seed=3):
    """A call whose answers come 1.3 to 2.6 s after the caller's end."""
    draw = random.Random(seed)
    turns, at_s = [], 2.0
    for number in range(1, count + 1):
        end_s = at_s + draw.uniform(1.0, 4.0)
        answer_s = end_s + draw.uniform(1.3, 2.6)
        done_s = answer_s + draw.uniform(1.0, 5.0)
        turns.append(
            TrueTurn(
                id=number,
                kind="response",
                user=Span(start_s=at_s, end_s=end_s),
                agent=Span(start_s=answer_s, end_s=done_s),
                heard_gap_ms=(answer_s - end_s) * 1000,
            )
        )
        at_s = done_s + draw.uniform(0.4, 2.5)
    return CallTruth(
        sample_rate_hz=RATE_HZ,
        duration_s=at_s,
        seed=seed,
        index=0,
        condition={},
        voices={},
        caller=(),
        agent=(),
        turns=tuple(turns),
        incidents=(),
        versions={},
        levels_dbfs={},
        floors_dbfs={},
        crowd=(),
    )


def recorded(truth, edge_ms=20.0, seed=1):
    """What would be heard of a call: edges a few ms off, within their bounds."""
    draw = random.Random(seed)
    turns = []
    for true in truth.turns:
        end_s = round(true.user.end_s + draw.uniform(-0.008, 0.008), 4)
        gap_ms = round((true.agent.start_s - end_s) * 1000 + draw.uniform(-8, 8), 1)
        turn = heard(gap_ms, edge_ms=edge_ms, number=true.id, end_s=end_s)
        user = replace(turn.user, start_s=true.user.start_s)
        turns.append(replace(turn, user=user, agent=replace(turn.agent, end_s=true.agent.end_s)))
    return conversation(*turns)


def laid(trace, heard_call, **options):
    given = {"path": "spans.json", "sha256": None, "offset_ms": None} | options
    return reconcile(trace, heard_call, **given)


def codes(findings):
    return [item.code for item in findings]


@pytest.fixture(scope="module")
def truth():
    return truth_of(30)


@pytest.fixture(scope="module")
def call(truth):
    return recorded(truth)


@pytest.fixture(scope="module")
def made(truth):
    return trace_of(truth, seed=5)


@pytest.fixture(scope="module")
def both(made, call):
    return laid(made.trace, call)


def test_parts_of_a_generated_call_are_those_that_were_drawn(made, call, both):
    trace, _ = both
    assert trace.clock.status == "fitted"
    assert trace.clock.drift_ppm.value == pytest.approx(150.0, abs=40.0)
    checked = 0
    for turn in trace.turns:
        if not turn.counted:
            continue
        known = next(item for item in made.turns if item.turn_id == turn.trace_turn_id)
        own = [part for part in turn.parts if part.inside is None]
        assert sum(round(part.ms.value * 10) for part in own) == round(turn.heard_gap_ms.value * 10)
        found = {part.key: part.ms for part in own}
        for part in known.parts:
            if part.key in ("turn_detection", "llm_inference", "speech_synthesis"):
                assert part.ms < 0.5 or found[part.key].value == pytest.approx(part.ms, abs=25.0)
            if part.key == "endpointing_wait":
                ms = found[part.key]
                assert ms.low <= part.ms <= ms.high
                checked += 1
        tail = sum(
            part.ms
            for part in known.parts
            if part.key in ("output_transport", "tts_leading_silence")
        )
        assert found["tts_leading_silence"].low <= tail <= found["tts_leading_silence"].high
        assert (
            turn.bottleneck
            == max(
                (part for part in known.parts if part.inside is None), key=lambda part: part.ms
            ).key
        )
    assert checked > 20


def test_heard_less_claimed_is_what_the_pipeline_cannot_know(both):
    trace, findings = both
    assert trace.difference_ms.p50.value == pytest.approx(270.0, abs=10.0)
    assert trace.difference_ms.p50.low <= 270.0 <= trace.difference_ms.p50.high + 5.0
    assert trace.difference_ms.n == trace.claimed_gap_ms.n == trace.heard_gap_ms.n
    turn = next(item for item in trace.turns if item.counted)
    taken = turn.heard_gap_ms.value - turn.claimed_gap_ms.value
    assert turn.difference_ms.value == pytest.approx(taken, abs=0.06)
    assert turn.difference_ms.low == pytest.approx(
        turn.heard_gap_ms.low - turn.claimed_gap_ms.value, abs=0.06
    )
    assert "CLAIMED_NOT_HEARD" in codes(findings)
    said = next(item for item in findings if item.code == "CLAIMED_NOT_HEARD")
    assert "ms longer" in said.message


def test_medians_of_the_parts_have_owners_and_counts(both):
    trace, _ = both
    medians = {part.key: part for part in trace.parts}
    assert list(medians)[:2] == ["endpointing_wait", "turn_detection"]
    assert medians["llm_inference"].owner == "acme:llm-1"
    assert medians["endpointing_wait"].owner_kind == "setting"
    counted = sum(turn.counted for turn in trace.turns)
    assert medians["unaccounted"].ms.n == counted
    assert medians["tts_leading_silence"].ms.status == "estimated"


def test_broken_off_and_aborted_turns_are_counted_apart(made, call):
    turns = list(made.trace.turns)
    turns[4] = replace(turns[4], interrupted=True)
    turns[5] = replace(turns[5], aborted=True, agent=None, parts=(), claimed_gap_ms=None)
    trace, _ = laid(replace(made.trace, turns=tuple(turns)), call)
    why = {turn.trace_turn_id: turn.why_not for turn in trace.turns}
    assert why[turns[4].id] == "the caller broke the answer off"
    assert why[turns[5].id] == "the answer never came to be heard"
    assert (trace.interrupted, trace.aborted) == (1, 1)
    assert trace.heard_gap_ms.n == len(turns) - 2


def test_turns_of_one_side_are_listed_and_not_counted(made, call):
    fewer = replace(made.trace, turns=made.trace.turns[3:])
    heard_call = replace(call, turns=call.turns[:-2])
    trace, findings = laid(fewer, heard_call)
    lonely = [turn for turn in trace.turns if not turn.counted]
    assert [turn.why_not for turn in lonely] == ["not in the trace"] * 3 + [
        "not in the recording"
    ] * 2
    assert lonely[0].heard_gap_ms.value is not None
    assert lonely[-1].claimed_gap_ms.value is not None
    told = next(item for item in findings if item.code == "TRACE_TURNS_UNMATCHED")
    assert told.message.startswith("2 turns of the trace not in the recording, 3 turns")


def test_the_trace_of_another_call_is_refused_and_still_told(made):
    other = recorded(truth_of(30, seed=77))
    trace, findings = laid(made.trace, other)
    assert trace.clock.status == "refused"
    assert codes(findings)[0] == "CLOCK_REFUSED"
    assert trace.claimed_gap_ms.p50.value is not None
    assert trace.difference_ms.p50.value is None
    assert all(turn.difference_ms.value is None for turn in trace.turns)
    assert all("laid over" in turn.difference_ms.reason for turn in trace.turns if turn.turn_id)
    claimed = next(turn for turn in trace.turns if turn.trace_turn_id and turn.parts)
    known = sum(round(part.ms.value * 10) for part in claimed.parts if part.inside is None)
    assert known == round(claimed.claimed_gap_ms.value * 10)


def test_an_offset_that_is_given_is_taken(made, call):
    first_s = min(turn.user.start_s for turn in made.trace.turns if turn.user)
    given = made.to_recording(first_s) * 1000
    trace, _ = laid(made.trace, call, offset_ms=given)
    assert trace.clock.status == "given"
    assert trace.clock.offset_ms.value == pytest.approx(given, abs=0.01)


def test_a_trace_alone_tells_what_it_claims(made):
    note = Finding(code="TRACE_NOTE", severity=Severity.INFO, message="an importer's note")
    trace, findings = laid(replace(made.trace, findings=(note,)), None)
    assert (trace.has_recording, trace.clock.status) == (False, "none")
    assert trace.heard_gap_ms.p50.status == "not_run"
    assert trace.claimed_gap_ms.p50.value is not None
    assert findings == (note,)
    for turn in trace.turns:
        if turn.parts:
            own = [part for part in turn.parts if part.inside is None]
            assert sum(round(part.ms.value * 10) for part in own) == round(
                turn.claimed_gap_ms.value * 10
            )


def test_a_latency_that_nobody_states_comes_from_the_times(made):
    silent = tuple(replace(turn, claimed_gap_ms=None, claimed_by=None) for turn in made.trace.turns)
    trace, _ = laid(replace(made.trace, turns=silent), None)
    turn = next(item for item in trace.turns if item.counted)
    assert turn.claimed_gap_ms.status == "estimated"
    assert trace.difference_ms.p50.status == "not_run"


def test_an_empty_trace_has_no_figures(call):
    trace, findings = laid(Trace(kind="minimal", clock="session"), call)
    assert trace.clock.status == "refused"
    assert trace.claimed_gap_ms.n == 0
    assert codes(findings) == ["CLOCK_REFUSED"]
    alone, findings = laid(Trace(kind="minimal", clock="session"), None)
    assert (alone.turns, findings) == ((), ())


def test_too_many_spans_are_counted_and_those_of_parts_are_kept(made):
    noise = tuple(
        TraceSpan(
            id=f"n{at}", name="noise", start_s=made.epoch_s + at / 100, end_s=made.epoch_s + 1
        )
        for at in range(MOST_SPANS + 500)
    )
    own = sum(span.part is not None for span in made.trace.spans)
    trace, findings = laid(replace(made.trace, spans=(*noise, *made.trace.spans)), None)
    assert len(trace.spans) == MOST_SPANS
    assert trace.spans_left_out == len(noise) + len(made.trace.spans) - MOST_SPANS
    assert sum(span.part is not None for span in trace.spans) == own
    assert codes(findings) == ["TRACE_SPANS_LEFT_OUT"]
    starts = [span.start_s for span in trace.spans]
    assert starts == sorted(starts)


def test_long_texts_of_spans_are_cut():
    attributes = {"input": "<script>" * 1000, "deep": [[[[[[["x"]]]]]]], "many": list(range(100))}
    span = TraceSpan(id="1", name="llm", start_s=1.0, end_s=2.0, attributes=attributes)
    trace, _ = laid(Trace(kind="minimal", clock="session", spans=(span,)), None)
    kept = trace.spans[0].attributes
    assert len(kept["input"]) < 2100
    assert kept["input"].endswith("(8,000 characters)")
    assert kept["many"][-1] == "(36 more)"


def test_figures_of_few_turns_are_estimates(made, call):
    few = replace(made.trace, turns=made.trace.turns[:4])
    trace, _ = laid(few, replace(call, turns=call.turns[:4]))
    assert trace.heard_gap_ms.p50.status == "not_measurable"
    medians = {part.key: part.ms for part in trace.parts}
    assert medians["llm_inference"].status == "estimated"
    assert medians["llm_inference"].n == 4


def test_a_trace_stands_alone_where_no_real_service_was_probed(made, both):
    trace, _ = both
    alone = with_trace(None, trace)
    assert (alone.kind, alone.trace) == ("trace", trace)
    assert alone.total_ms == trace.heard_gap_ms.p50
    assert [part.key for part in alone.parts] == [part.key for part in trace.parts]
    probed = Pipeline(
        total_ms=Measurement.estimated(900.0, "ms", reason="probed"),
        percentiles=trace.heard_gap_ms,
        parts=(),
    )
    assert with_trace(probed, trace) == replace(probed, trace=trace)
    mock = replace(probed, total_ms=Measurement.simulated(900.0, "ms", reason="[MOCK]"))
    assert with_trace(mock, trace) == alone
    assert with_trace(probed, None) is probed
    refused, _ = laid(made.trace, recorded(truth_of(30, seed=77)))
    assert with_trace(None, refused).parts == ()
    few, _ = laid(replace(made.trace, turns=made.trace.turns[:4]), recorded(truth_of(30)))
    assert with_trace(None, few).total_ms.status == "estimated"


class Tape:
    """A recording of two rows: nothing, then another silence, then a word."""

    def __init__(self, floor, padding, arrives_s=1.0, speaks_s=1.19):
        draw = np.random.default_rng(4)
        rows = draw.normal(0.0, 1.0, (2, 2 * RATE_HZ)).astype(np.float32)
        levels = np.full(2 * RATE_HZ, floor, np.float32)
        levels[round(arrives_s * RATE_HZ) :] = padding
        levels[round(speaks_s * RATE_HZ) :] = 0.1
        self.rows = rows * levels

    def read(self, channel, start_s, end_s):
        return self.rows[channel, round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]


@pytest.mark.parametrize(("floor", "padding"), [(0.0, 1e-5), (1e-4, 1e-3), (1e-3, 0.0)])
def test_a_silence_of_another_kind_is_measured(floor, padding):
    found = leading_silence(Tape(floor, padding), 1, playout_s=0.92, audible_s=1.19)
    assert found.value == pytest.approx(190.0, abs=7.5)


@pytest.mark.parametrize(("floor", "padding"), [(0.0, 0.0), (1e-4, 1e-4), (1e-4, 1.5e-4)])
def test_the_same_silence_cannot_be_told_apart(floor, padding):
    found = leading_silence(Tape(floor, padding), 1, playout_s=0.92, audible_s=1.19)
    assert found.status == "not_measurable"
    assert "cannot be told" in found.reason


def test_there_must_be_room_for_a_silence():
    tape = Tape(0.0, 1e-5)
    for playout_s in (1.15, 1.19, 1.5):
        found = leading_silence(tape, 1, playout_s=playout_s, audible_s=1.19)
        assert found.status == "not_measurable"
    assert isinstance(found, Measurement)


def test_the_agents_row_is_not_the_callers():
    roles = [Channel(index=0, role="agent"), Channel(index=1, role="caller")]
    assert agent_channel(roles) == 0
    assert agent_channel(roles[::-1]) == 1
    assert agent_channel([Channel(index=0), Channel(index=1)]) == 1
