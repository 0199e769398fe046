"""How the conversation enters the score, the bands, the P99 line and the gates."""

from dataclasses import replace

import pytest

from echotrace.aggregator import aggregate
from echotrace.cli.options import read_gates, recording_path
from echotrace.config.thresholds import Thresholds
from echotrace.errors import UsageError
from echotrace.gates import evaluate_gates
from echotrace.model.conversation import Incident
from echotrace.model.measure import Measurement, Severity, Status
from echotrace.model.report import AnalyzerResult
from tests.fakes.reports import call_report
from tests.unit.test_aggregator import parts, points

HEARD = call_report().conversation
STAGES = ("signal", "turns", "transcription")
FEW = Measurement.not_measurable("ms", "too few turns")


def heard(
    *,
    n=6,
    p50=700.0,
    p95=None,
    p99=None,
    worst=900.0,
    dead_air_s=0.0,
    barge_ins=0,
    slow=None,
    incidents=(),
):
    def figure(value):
        return FEW if value is None else Measurement.measured(value, "ms", n=n)

    gaps = replace(
        HEARD.summary.heard_gap_ms,
        n=n,
        p50=figure(p50),
        p95=figure(p95),
        p99=figure(p99),
        worst=figure(worst),
    )
    summary = replace(
        HEARD.summary,
        heard_gap_ms=gaps,
        yield_ms=replace(HEARD.summary.yield_ms, worst=figure(slow)),
        dead_air_s=Measurement.measured(dead_air_s, "s"),
        barge_ins=barge_ins,
    )
    loud = tuple(item for item in HEARD.incidents if item.type != "dead_air")
    return replace(HEARD, summary=summary, incidents=(*loud, *incidents))


def aggregated(**figures):
    thresholds = figures.pop("thresholds", None)
    stages = figures.pop("stages", STAGES)
    return aggregate(parts(stages=stages, thresholds=thresholds, conversation=heard(**figures)))


def test_a_measured_silence_costs_its_points_by_its_length():
    length = Measurement.measured(3.05, "s", low=2.98, high=3.1)
    conversation = replace(HEARD, summary=replace(heard().summary, dead_air_s=length), incidents=())
    score = aggregate(parts(stages=STAGES, conversation=conversation)).score
    assert points(score)["dead_air_s"] == 10


@pytest.mark.parametrize(
    ("figures", "taken", "which"),
    [
        ({"p50": 800.0}, {}, ""),
        ({"p50": 801.0}, {"heard_gap_ms": 10}, "median of 6 turns"),
        ({"p50": 1500.0}, {"heard_gap_ms": 10}, "median"),
        ({"p50": 1501.0}, {"heard_gap_ms": 20}, "median"),
        ({"n": 20, "p50": 700.0, "p95": 1600.0}, {"heard_gap_ms": 20}, "95th percentile of 20"),
        ({"dead_air_s": 3.0}, {"dead_air_s": 10}, "3.0 s"),
        ({"dead_air_s": 2.9}, {}, ""),
        ({"p50": 1600.0, "dead_air_s": 6.0}, {"heard_gap_ms": 20, "dead_air_s": 10}, "median"),
    ],
)
def test_a_slow_call_loses_the_points_of_the_metrics_page(figures, taken, which):
    score = aggregated(**figures).score
    assert points(score) == taken
    assert score.value == 100 - sum(taken.values())
    assert which in " ".join(item.message for item in score.deductions)


def silence(value_s, low_s, high_s, *, severity=Severity.WARNING):
    duration = Measurement.estimated(
        value_s * 1000, "ms", reason="vague", low=low_s * 1000, high=high_s * 1000
    )
    return Incident(type="dead_air", at_s=9.0, duration_ms=duration, severity=severity)


@pytest.mark.parametrize(
    ("silences", "taken"),
    [
        ([(5.13, 5.04, 5.46)], ("critical", 5.13)),
        ([(5.13, 4.9, 5.46)], ("warning", 5.13)),
        ([(3.2, 2.9, 3.5)], None),
        ([(4.5, 2.9, 6.0), (3.5, 3.1, 3.6)], ("warning", 3.5)),
    ],
)
def test_an_estimated_silence_costs_its_points_where_its_low_end_is_dead_air(silences, taken):
    incidents = tuple(silence(*item) for item in silences)
    longest = incidents[0].duration_ms
    conversation = heard(incidents=incidents)
    in_s = {name: getattr(longest, name) / 1000 for name in ("value", "low", "high")}
    summary = replace(
        conversation.summary, dead_air_s=Measurement.estimated(unit="s", reason="vague", **in_s)
    )
    given = parts(stages=STAGES, conversation=replace(conversation, summary=summary))
    report = aggregate(given)
    cost = [item for item in report.score.deductions if item.metric == "dead_air_s"]
    assert [(item.band, item.value, item.points) for item in cost] == (
        [(*taken, 10)] if taken else []
    )
    if taken and len(silences) == 1:
        assert report.conversation.summary.dead_air_s.band == taken[0]


@pytest.mark.parametrize(
    ("severity", "band"),
    [(Severity.INFO, "good"), (Severity.WARNING, "warning"), (Severity.CRITICAL, "critical")],
)
def test_the_word_of_a_yield_is_that_of_its_barge_in(severity, band):
    slow = Measurement.measured(1100.0, "ms", low=950.0, high=1200.0)
    turn = replace(HEARD.turns[-1], id=99, yield_ms=slow)
    barge_in = Incident(type="barge_in", at_s=1.0, duration_ms=slow, severity=severity, turn_id=99)
    conversation = heard(slow=1100.0, barge_ins=1, incidents=(barge_in,))
    conversation = replace(conversation, turns=(*conversation.turns, turn))
    report = aggregate(parts(stages=STAGES, conversation=conversation))
    assert report.conversation.turns[-1].yield_ms.band == band
    assert report.conversation.summary.yield_ms.worst.band == band


@pytest.mark.parametrize(("gap_ms", "band"), [(-100.0, None), (-99.9, "good")])
def test_an_early_start_is_no_good_gap(gap_ms, band):
    gap = Measurement.measured(gap_ms, "ms")
    conversation = heard(p50=gap_ms)
    turns = (replace(HEARD.turns[-1], heard_gap_ms=gap),)
    summary = replace(conversation.summary, first_heard_gap_ms=gap)
    conversation = replace(conversation, turns=turns, summary=summary)
    found = aggregate(parts(stages=STAGES, conversation=conversation)).conversation
    figures = (found.turns[0].heard_gap_ms, found.summary.first_heard_gap_ms)
    assert [item.band for item in (*figures, found.summary.heard_gap_ms.p50)] == [band] * 3


def test_a_gate_on_the_yield_shows_the_yield():
    report = aggregated(barge_ins=4, slow=1262.0)
    for bound, outcome in ((1000.0, "fail"), (2000.0, "pass")):
        (result,) = evaluate_gates(report, read_gates({"--max-yield-ms": bound}, []))
        assert (result.outcome, result.value) == (outcome, 1262.0)


def test_a_call_with_too_few_turns_is_scored_without_them_and_says_so():
    score = aggregated(n=4, p50=None).score
    assert score.status == "partial"
    assert [(item.metric, "too few turns" in item.reason) for item in score.not_scored] == [
        ("heard_gap_ms", True)
    ]


def test_turns_that_failed_are_listed_and_not_scored():
    gone = AnalyzerResult(status="unavailable", reason="it broke", code="X")
    report = aggregate(parts(stages=STAGES, analyzers={"turns": gone}))
    assert [item.reason for item in report.score.not_scored] == ["it broke"]
    assert report.conversation is None


def test_every_figure_of_the_conversation_gets_its_band():
    report = aggregated(p50=700.0, worst=1501.0, dead_air_s=5.0, barge_ins=1, slow=700.0)
    summary = report.conversation.summary
    assert summary.heard_gap_ms.p50.band == "good"
    assert summary.heard_gap_ms.worst.band == "critical"
    assert summary.yield_ms.worst.band == "warning"
    assert summary.dead_air_s.band == "critical"
    assert aggregated(dead_air_s=3.0).conversation.summary.dead_air_s.band == "warning"
    for turn in report.conversation.turns:
        gap_ms = turn.heard_gap_ms.value
        assert (turn.heard_gap_ms.band is None) == (gap_ms is None or gap_ms <= -100.0)


def test_a_profile_moves_the_bands_of_the_gap():
    strict = Thresholds(heard_gap_good_ms=300.0, heard_gap_critical_ms=600.0)
    assert points(aggregated(p50=700.0, thresholds=strict).score) == {"heard_gap_ms": 20}


def test_the_p99_line_is_the_heard_gap_before_any_probe():
    line = aggregated(worst=900.0).latency.p99_ms
    assert (line.value, line.status, line.method) == (900.0, Status.ESTIMATED, "heard gap")
    assert line.reason == "max of n=6, which is below 100"
    many = aggregated(n=120, p95=1.0, p99=850.0).latency.p99_ms
    assert (many.value, many.status) == (850.0, Status.MEASURED)
    none = aggregated(n=0, p50=None, worst=None).latency.p99_ms
    assert none.method == "LLM time to first token"


def test_words_per_minute_need_a_transcript_of_that_channel():
    report = aggregated()
    talk = {item.index: item for item in report.conversation.summary.channels}
    text = report.transcription
    rate = talk[text.channel_index].words_per_minute
    expected = len(text.actual.split()) / talk[text.channel_index].talk_s.value * 60
    assert rate.value == pytest.approx(expected, abs=0.06)
    others = set(talk) - {text.channel_index, *(c.channel_index for c in text.other_channels)}
    assert others
    assert {talk[index].words_per_minute.status for index in others} == {Status.NOT_RUN}


@pytest.mark.parametrize(
    ("bounds", "figures", "outcome"),
    [
        ({"--max-heard-gap-ms": 900.0}, {"worst": 900.0}, "pass"),
        ({"--max-heard-gap-ms": 899.0}, {"worst": 900.0}, "fail"),
        ({"--max-heard-p50-ms": 600.0}, {"p50": 700.0}, "fail"),
        ({"--max-heard-p50-ms": 600.0}, {"n": 3, "p50": None}, "not_enough_evidence"),
        ({"--max-heard-p95-ms": 600.0}, {"p50": 700.0}, "not_enough_evidence"),
        ({"--max-heard-p95-ms": 600.0}, {"n": 20, "p95": 500.0}, "pass"),
        ({"--max-yield-ms": 800.0}, {"barge_ins": 0}, "pass"),
        ({"--max-yield-ms": 800.0}, {"barge_ins": 1}, "not_enough_evidence"),
        ({"--max-yield-ms": 800.0}, {"barge_ins": 1, "slow": 801.0}, "fail"),
        ({"--max-dead-air-s": 3.0}, {"dead_air_s": 3.5}, "fail"),
        ({"--max-dead-air-s": 4.0}, {"dead_air_s": 3.5}, "pass"),
    ],
)
def test_each_flag_is_a_gate_over_the_call(bounds, figures, outcome):
    (result,) = evaluate_gates(aggregated(**figures), read_gates(bounds, []))
    assert result.outcome == outcome


def test_a_gate_on_turns_that_did_not_run_has_not_enough_evidence():
    report = aggregate(parts(stages=("signal",)))
    (result,) = evaluate_gates(report, read_gates({"--max-yield-ms": 1.0}, []))
    assert result.outcome == "not_enough_evidence"
    assert "barge_ins: not run" in result.reason


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_bound_must_be_a_number(value):
    with pytest.raises(UsageError, match="is no bound"):
        read_gates({"--max-heard-gap-ms": value}, [])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((None, None, None, None), "no recording"),
        (("x.wav", "a.wav", None, None), "exclude each other"),
        (("x.wav", None, None, 5.0), "needs --caller and --agent"),
        ((None, "a.wav", None, None), "--agent is missing"),
        ((None, None, "b.wav", None), "--caller is missing"),
    ],
)
def test_one_recording_or_both_sides(given, said):
    with pytest.raises(UsageError, match=said):
        recording_path(*given)
    assert recording_path("x.wav", None, None, None) == "x.wav"
    assert recording_path(None, "a.wav", "b.wav", -3.0) == "a.wav"
