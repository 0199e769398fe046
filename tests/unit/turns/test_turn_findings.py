from __future__ import annotations

from echotrace.analyzers.turn_taking.findings import turn_findings
from echotrace.model.conversation import Conversation, Incident
from echotrace.model.measure import Measurement, Severity
from tests.fakes.talk import LIMITS, edge, side, summary, taken

UNKNOWN = Measurement.not_measurable("ms", "the edges are vague")


def findings(caller, agent, *, incidents=None, end_s=60.0):
    found = taken(caller, agent, end_s=end_s)
    heard = Conversation(
        status="measured",
        turns=found.turns,
        incidents=found.incidents if incidents is None else tuple(incidents),
        summary=summary(caller, agent, end_s=end_s),
    )
    return turn_findings(heard, LIMITS)


def listed(*incidents):
    return findings([], [], incidents=incidents)


def incident(kind, at_s, duration_ms, severity=Severity.WARNING):
    duration = UNKNOWN if duration_ms is None else Measurement.measured(duration_ms, "ms")
    return Incident(type=kind, at_s=at_s, duration_ms=duration, severity=severity)


def test_a_duration_that_is_unknown_leaves_a_whole_sentence():
    known = listed(
        incident("dead_air", 1.0, 3200.0),
        incident("barge_in", 1.0, 1262.0),
        incident("early_start", 1.0, 400.0),
        incident("missed_response", 1.0, 4000.0),
    )
    assert {item.code: item.message for item in known} == {
        "MISSED_RESPONSE": "the agent never answered",
        "DEAD_AIR": "nobody was heard for 3.2 s",
        "SLOW_YIELD": "the agent talked on for 1.3 s after the caller began",
        "EARLY_START": "the agent began 0.4 s before the caller had finished",
    }
    kinds = ("dead_air", "barge_in", "early_start", "missed_response")
    unknown = listed(*(incident(kind, 1.0, None) for kind in kinds))
    assert {item.code: item.message for item in unknown} == {
        "MISSED_RESPONSE": "the agent never answered",
        "DEAD_AIR": "nobody was heard",
        "SLOW_YIELD": "the agent talked on after the caller began",
        "EARLY_START": "the agent began before the caller had finished",
    }


def test_the_worst_places_are_listed_in_order_of_time():
    lengths_ms = (700.0, 2900.0, None, 800.0, 900.0)
    items = [incident("barge_in", 10.0 * at, value) for at, value in enumerate(lengths_ms)]
    sure = incident("barge_in", 50.0, 1100.0, Severity.CRITICAL)
    found = listed(*items, sure)
    assert [item.at_s for item in found] == [10.0, 40.0, 50.0]
    assert [item.severity.value for item in found] == ["warning", "warning", "critical"]
    assert [item.message.partition(" (")[2] for item in found] == ["", "", "3 more like it)"]
    assert "more" not in "".join(item.message for item in listed(*items[:3]))


def test_the_gravest_come_before_longer_ones():
    items = [incident("barge_in", 10.0 * at, 3000.0) for at in range(3)]
    sure = [incident("barge_in", 50.0 + at, 1100.0, Severity.CRITICAL) for at in range(3)]
    assert [item.at_s for item in listed(*items, *sure)] == [50.0, 51.0, 52.0]


def test_an_agent_that_never_yields_is_a_critical_finding_with_its_bound():
    found = findings([(4.0, 7.98)], [(1.0, 7.98)], end_s=7.98)
    slow = next(item for item in found if item.code == "SLOW_YIELD")
    assert slow.severity is Severity.CRITICAL
    assert slow.message == "the agent talked on for at least 3.9 s after the caller began"


def test_a_slow_answer_is_one_whose_gap_is_in_the_critical_band():
    for late_s, slow in ((1.5, False), (1.501, True)):
        agent = side((edge(3.0 + late_s, early=0.1, late=0.1), 6.0))
        codes = [item.code for item in findings(side((1.0, 3.0)), agent)]
        assert ("SLOW_RESPONSE" in codes) is slow


def vague(begin_s, doubt):
    return (begin_s, edge(begin_s + 2.0, early=0.3, late=0.3, doubt=doubt))


def uncertain(*doubts):
    caller = side(*(vague(10.0 * at, doubt) for at, doubt in enumerate(doubts)))
    agent = side(*((10.0 * at + 3.0, 10.0 * at + 4.0) for at in range(len(doubts))))
    return next(item for item in findings(caller, agent) if item.code == "TURNS_UNCERTAIN")


def test_the_commonest_reason_stands_for_turns_that_could_not_be_measured():
    one = uncertain("noise")
    assert one.message == (
        "1 of 1 answered turns could not be measured: "
        "the caller's last word ends somewhere between 1.70 and 2.30 s: noise"
    )
    alike = uncertain("noise", "noise")
    same = "the caller's last word ends at a moment that is not clear"
    assert alike.message == f"2 of 2 answered turns could not be measured: {same}: noise"
    mixed = uncertain("noise", "a crowd", "a crowd", "a hum")
    assert mixed.message == (
        f"4 of 4 answered turns could not be measured: 2 because {same}: a crowd, "
        "and 2 for other reasons"
    )
    assert mixed.at_s == 12.0
