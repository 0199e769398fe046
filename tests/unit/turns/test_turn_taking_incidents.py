from __future__ import annotations

from dataclasses import replace

import pytest

from echotrace.config.thresholds import Thresholds
from tests.fakes.talk import LIMITS, edge, incidents, outline, side, taken

ESTIMATED = "estimated"


def test_a_barge_in_counts_from_the_callers_onset_to_the_agents_last_sound():
    found = taken([(4.0, 6.0)], [(1.0, 4.45), (6.7, 8.0)])
    assert outline(found) == [
        ("greeting", None, (1.0, 4.45), None),
        ("barge_in", (4.0, 6.0), (6.7, 8.0), 700.0),
    ]
    assert found.turns[1].yield_ms.value == 450.0
    assert incidents(found, "barge_in", "talk_over") == [
        ("barge_in", 4.0, 450.0, "info"),
        ("talk_over", 4.0, 450.0, "info"),
    ]
    assert [item.turn_id for item in found.incidents] == [2, 2]


@pytest.mark.parametrize(
    ("stop_s", "severity"),
    [(4.5, "info"), (4.5001, "warning"), (5.0, "warning"), (5.0001, "critical"), (9.0, "critical")],
)
def test_severity_of_a_barge_in_follows_the_yield(stop_s, severity):
    found = taken([(4.0, 10.0)], [(1.0, stop_s)])
    ((_, _, _, got),) = incidents(found, "barge_in")
    assert got == severity


def test_the_bands_of_the_yield_are_the_profiles():
    patient = Thresholds(yield_good_ms=2000.0, yield_critical_ms=4000.0)
    for stop_s, severity in ((5.9, "info"), (6.1, "warning"), (8.1, "critical")):
        found = taken([(4.0, 10.0)], [(1.0, stop_s)], limits=patient)
        assert incidents(found, "barge_in")[0][3] == severity


def test_a_yield_is_critical_only_when_even_its_low_bound_is():
    stop = edge(5.1, early=0.15, late=0.1)
    found = taken(side((4.0, 7.0)), side((1.0, stop)))
    ((_, _, value, severity),) = incidents(found, "barge_in")
    assert (value, severity) == (1100.0, "warning")


def test_a_yield_that_cannot_be_measured_is_never_critical():
    stop = edge(7.0, early=0.3, late=0.3, doubt="hidden in noise")
    found = taken(side((4.0, 9.0)), side((1.0, stop)))
    (barge_in,) = (item for item in found.incidents if item.type == "barge_in")
    assert barge_in.duration_ms.value is None
    assert barge_in.duration_ms.reason == (
        "the agent's last word ends somewhere between 6.70 and 7.30 s: hidden in noise"
    )
    assert barge_in.severity.value == "warning"
    assert found.turns[1].yield_ms == barge_in.duration_ms


def test_a_voice_in_a_crowd_makes_no_critical_barge_in():
    spans = [(4.0, 9.0)], [(1.0, 7.0)]
    quiet = taken(side(*spans[0]), side(*spans[1]))
    crowd = taken(side(*spans[0], surroundings="crowd"), side(*spans[1]))
    assert incidents(quiet, "barge_in")[0][3] == "critical"
    assert incidents(crowd, "barge_in")[0][3] == "warning"


def test_an_agent_that_finishes_its_sentence_yields_late():
    found = taken([(4.0, 4.5)], [(1.0, 4.2), (4.35, 9.0), (9.8, 11.0)])
    assert incidents(found, "barge_in") == [("barge_in", 4.0, 5000.0, "critical")]
    assert outline(found)[1] == ("barge_in", (4.0, 4.5), (9.8, 11.0), 5300.0)


def test_a_short_sound_is_a_barge_in_when_the_agent_stops_within_a_second_and_a_half():
    short = [(4.0, 4.3)]
    stopped = taken(short, [(1.0, 5.5)])
    assert incidents(stopped, "barge_in", "backchannel") == [("barge_in", 4.0, 1500.0, "warning")]
    went_on = taken(short, [(1.0, 5.5001)])
    assert incidents(went_on, "barge_in", "backchannel") == [("backchannel", 4.0, 300.0, "info")]
    assert outline(went_on) == [("greeting", None, (1.0, 5.5001), None)]


def test_400_ms_make_a_barge_in_of_a_sound_that_the_agent_talks_through():
    agent = [(1.0, 9.0)]
    assert incidents(taken([(4.0, 4.4)], agent), "barge_in", "backchannel")[0][0] == "barge_in"
    assert (
        incidents(taken([(4.0, 4.3999)], agent), "barge_in", "backchannel")[0][0] == "backchannel"
    )


def test_a_caller_who_begins_in_the_agents_last_100_ms_takes_the_turn():
    found = taken([(3.9001, 6.0)], [(1.0, 4.0), (6.5, 7.0)])
    assert outline(found)[1] == ("response", (3.9001, 6.0), (6.5, 7.0), 500.0)
    assert incidents(found, "barge_in", "talk_over") == []
    found = taken([(3.9, 6.0)], [(1.0, 4.0), (6.5, 7.0)])
    assert incidents(found, "barge_in", "talk_over") == [
        ("barge_in", 3.9, 100.0, "info"),
        ("talk_over", 3.9, 100.0, "info"),
    ]


def test_a_barge_in_needs_an_agent_that_began_100_ms_before():
    together = taken([(4.0, 6.0)], [(3.9001, 5.0), (6.5, 7.0)])
    assert incidents(together, "barge_in") == []
    after = taken([(4.0, 6.0)], [(3.9, 5.0), (6.5, 7.0)])
    assert incidents(after, "barge_in") == [("barge_in", 4.0, 1000.0, "warning")]


def test_an_agents_pause_under_the_callers_voice_is_no_yield():
    found = taken([(4.0, 6.0)], [(1.0, 4.5), (4.9, 5.5), (7.0, 8.0)])
    assert found.turns[1].yield_ms.value == 1500.0
    stopped = taken([(4.0, 6.0)], [(1.0, 4.5), (5.2, 5.5), (7.0, 8.0)])
    assert stopped.turns[1].yield_ms.value == 500.0


def test_an_answer_soon_after_the_interruption_is_not_the_rest_of_the_sentence():
    inside = taken([(4.0, 4.7)], [(1.0, 4.5), (5.1, 7.0)])
    assert outline(inside)[1] == ("barge_in", (4.0, 4.7), (5.1, 7.0), 400.0)
    assert inside.turns[1].yield_ms.value == 500.0
    after = taken([(4.0, 4.7)], [(1.0, 4.9), (5.2, 7.0)])
    assert outline(after)[1] == ("barge_in", (4.0, 4.7), (5.2, 7.0), 500.0)
    assert after.turns[1].yield_ms.value == 900.0


def test_a_pause_long_after_an_interruption_is_no_reaction_to_it():
    found = taken([(4.0, 4.7)], [(1.0, 6.1), (6.5, 8.0)])
    assert found.turns[1].yield_ms.value == 4000.0


def test_an_mhm_in_the_agents_pause_is_a_backchannel():
    found = taken([(4.1, 4.35)], [(1.0, 4.0), (4.5, 8.0)])
    assert incidents(found, "backchannel", "talk_over") == [("backchannel", 4.1, 250.0, "info")]
    across = taken([(3.9, 4.15)], [(1.0, 4.0), (4.5, 8.0)])
    assert incidents(across, "backchannel", "talk_over") == [
        ("backchannel", 3.9, 250.0, "info"),
        ("talk_over", 3.9, 100.0, "info"),
    ]


def test_a_short_answer_between_two_sentences_is_a_turn():
    found = taken([(4.1, 4.35)], [(1.0, 4.0), (4.6, 8.0)])
    assert outline(found)[1] == ("response", (4.1, 4.35), (4.6, 8.0), 250.0)


def test_sounds_after_a_barge_in_belong_to_its_turn():
    found = taken([(4.0, 4.6), (6.0, 6.3)], [(1.0, 9.0), (10.0, 11.0)])
    assert outline(found)[1] == ("barge_in", (4.0, 6.3), (10.0, 11.0), 3700.0)
    assert incidents(found, "backchannel") == []


def test_an_agent_that_talks_over_the_caller_has_not_missed_his_turn():
    found = taken([(4.0, 4.6), (9.5, 11.0)], [(1.0, 9.0), (11.5, 12.0)])
    assert outline(found)[1] == ("barge_in", (4.0, 4.6), None, None)
    reason = "the agent talked on, and the caller spoke again after 4.9 s"
    assert found.turns[1].heard_gap_ms.reason == reason
    assert incidents(found, "missed_response") == []


def test_a_barge_in_that_stays_without_an_answer_is_missed_too():
    found = taken([(4.0, 5.0), (9.0, 10.0)], [(1.0, 4.4), (10.5, 11.0)])
    assert outline(found)[1] == ("barge_in", (4.0, 5.0), None, None)
    assert incidents(found, "missed_response") == [("missed_response", 5.0, 4000.0, "warning")]


def test_a_yield_is_unknown_where_the_recording_ends_first():
    found = taken([(4.0, 4.8)], [(1.0, 4.9)], end_s=4.9)
    assert found.turns[1].yield_ms.reason == "the recording ends while the agent talks on"
    assert found.turns[1].heard_gap_ms.reason == (
        "the agent talked on, and the recording ends after 0.1 s"
    )
    assert incidents(found, "barge_in") == [("barge_in", 4.0, None, "warning")]


@pytest.mark.parametrize("said_until_s", [5.0, 8.0])
def test_an_agent_that_never_yields_is_judged_by_the_least_that_is_known(said_until_s):
    found = taken([(4.0, said_until_s)], [(1.0, 8.0)], end_s=8.0)
    slow = found.turns[1].yield_ms
    assert (slow.value, slow.low, slow.high, slow.status.value) == (4000.0, 4000.0, None, ESTIMATED)
    reason = "the agent had not stopped by the end of the recording: at least 4,000 ms"
    assert slow.reason == reason
    assert incidents(found, "barge_in") == [("barge_in", 4.0, 4000.0, "critical")]


def test_a_vague_stop_after_the_callers_turn_leaves_a_bound():
    onset, stop = edge(4.0, early=0.05, late=0.05), edge(7.0, early=0.3, late=0.3)
    found = taken(side((onset, 6.0)), side((1.0, stop)))
    slow = found.turns[1].yield_ms
    assert (slow.value, slow.status.value) == (1950.0, ESTIMATED)
    reason = "the agent had not stopped by the end of the caller's turn: at least 1,950 ms"
    assert slow.reason == reason
    assert incidents(found, "barge_in")[0][3] == "critical"
    short = taken(side((onset, 5.0)), side((1.0, stop)))
    assert short.turns[1].yield_ms.value is None
    assert incidents(short, "barge_in")[0][3] == "warning"


def test_a_voice_in_a_crowd_leaves_no_bound():
    crowd = side((4.0, 5.0), surroundings="crowd")
    found = taken(crowd, side((1.0, 8.0)), end_s=8.0)
    assert found.turns[1].yield_ms.value is None
    assert incidents(found, "barge_in") == [("barge_in", 4.0, None, "warning")]


def test_a_vague_last_sound_before_the_end_leaves_no_bound():
    stop = edge(8.0, early=0.5)
    found = taken(side((4.0, 8.0)), side((1.0, stop)), end_s=8.0)
    assert incidents(found, "barge_in") == [("barge_in", 4.0, None, "warning")]


def test_talk_over_leaves_pauses_out_and_warns_from_a_second():
    found = taken([(2.0, 4.0)], [(1.0, 2.6), (2.9, 3.2)])
    assert incidents(found, "talk_over") == [("talk_over", 2.0, 900.0, "info")]
    found = taken([(2.0, 4.0)], [(1.0, 3.0)])
    assert incidents(found, "talk_over") == [("talk_over", 2.0, 1000.0, "warning")]


def test_talk_over_is_shorter_than_the_yield_by_the_pauses_of_either_side():
    for caller, agent in (
        ([(2.0, 5.0)], [(1.0, 2.5), (2.89, 3.26)]),
        ([(2.0, 2.5), (2.89, 5.0)], [(1.0, 3.26)]),
    ):
        found = taken(caller, agent)
        assert found.turns[1].yield_ms.value == 1260.0
        assert [item[2] for item in incidents(found, "talk_over")] == [870.0]


def test_talk_over_has_the_uncertainty_of_its_outer_edges():
    found = taken(side((edge(2.0, early=0.03), 4.0)), side((1.0, edge(2.5, early=0.4, late=0.04))))
    (item,) = (item for item in found.incidents if item.type == "talk_over")
    duration = item.duration_ms
    assert (duration.value, duration.low, duration.high) == (500.0, 100.0, 550.0)
    assert duration.status.value == "estimated"
    assert duration.reason == "one end lies somewhere between 2.10 and 2.54 s"


@pytest.mark.parametrize(
    ("answer_s", "severity"),
    [(4.9999, None), (5.0, "warning"), (6.9999, "warning"), (7.0, "critical")],
)
def test_dead_air_begins_at_3_s_and_is_critical_at_5_s(answer_s, severity):
    found = taken([(1.0, 2.0)], [(answer_s, 9.0)])
    air = incidents(found, "dead_air")
    assert [item[3] for item in air] == ([severity] if severity else [])
    assert [item[1] for item in air] == ([2.0] if severity else [])
    assert all(item.turn_id == 1 for item in found.incidents)


def test_the_caller_waits_for_a_greeting():
    found = taken([], [(13.5, 15.0)], start_s=10.0, end_s=30.0)
    assert incidents(found, "dead_air") == [("dead_air", 10.0, 3500.0, "warning")]
    assert found.incidents[0].turn_id is None


def test_silence_at_the_end_is_dead_air_only_after_the_caller():
    asked = taken([(1.0, 2.0)], [(2.5, 3.0)], end_s=10.0)
    assert incidents(asked, "dead_air") == []
    waiting = taken([(1.0, 2.0), (5.0, 6.0)], [(2.5, 3.0)], end_s=10.0)
    assert incidents(waiting, "dead_air") == [("dead_air", 6.0, 4000.0, "warning")]


def test_an_uncertain_end_makes_no_dead_air():
    agent = side((6.0, 9.0))
    vague = edge(2.5, early=0.2, late=0.9, doubt="a crowd speaks too")
    assert incidents(taken(side((1.0, vague)), agent), "dead_air") == []
    longer = taken(side((1.0, replace(vague, high_s=2.95))), agent)
    (air,) = (item for item in longer.incidents if item.type == "dead_air")
    assert (air.duration_ms.value, air.duration_ms.low) == (3500.0, 3050.0)
    assert air.duration_ms.status.value == "estimated"
    assert "a crowd speaks too" in air.duration_ms.reason


def test_silence_lasts_only_since_the_latest_that_either_side_may_have_ended():
    caller, answer = side((1.0, 2.0)), (5.2, 9.0)
    assert len(incidents(taken(caller, side((1.2, 1.9), answer)), "dead_air")) == 1
    agent = side((1.2, edge(1.9, late=1.1)), answer)
    assert incidents(taken(caller, agent), "dead_air") == []


def test_the_profile_says_what_dead_air_is():
    eager = replace(LIMITS, dead_air_warning_s=1.0, dead_air_critical_s=2.0)
    found = taken([(1.0, 2.0)], [(3.0, 4.0), (6.0, 7.0)], end_s=7.0, limits=eager)
    assert incidents(found, "dead_air") == [
        ("dead_air", 0.0, 1000.0, "warning"),
        ("dead_air", 2.0, 1000.0, "warning"),
        ("dead_air", 4.0, 2000.0, "critical"),
    ]
