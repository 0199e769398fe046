from __future__ import annotations

import numpy as np
import pytest

from echotrace.analyzers.turn_taking import with_snr
from echotrace.analyzers.turn_taking.sounds import audible, caller_utterances
from echotrace.audio.snr import SegmentSnr, SnrResult
from echotrace.audio.vad import SpeechSpan
from echotrace.model.measure import Measurement
from tests.fakes.talk import edge, incidents, outline, side, taken


def test_a_turn_is_what_the_caller_said_and_what_answered_it():
    found = taken([(1.0, 3.0), (10.0, 12.0)], [(3.6, 6.0), (13.25, 15.0)])
    assert outline(found) == [
        ("response", (1.0, 3.0), (3.6, 6.0), 600.0),
        ("response", (10.0, 12.0), (13.25, 15.0), 1250.0),
    ]
    assert [turn.id for turn in found.turns] == [1, 2]
    assert [turn.first for turn in found.turns] == [True, False]
    assert all(turn.yield_ms is None for turn in found.turns)


def test_a_gap_carries_the_uncertainty_of_both_edges():
    caller = side((1.0, edge(3.0, early=0.03, late=0.12)))
    agent = side((edge(3.5, early=0.05, late=0.04), 5.0))
    (turn,) = taken(caller, agent).turns
    gap = turn.heard_gap_ms
    assert (gap.value, gap.low, gap.high, gap.method) == (500.0, 370.0, 550.0, "edges")
    assert (turn.user.end_low_s, turn.user.end_high_s) == (2.97, 3.12)
    assert (turn.agent.start_low_s, turn.agent.start_high_s) == (3.45, 3.54)


@pytest.mark.parametrize(("width", "measured"), [(0.4, True), (0.4002, False)])
def test_a_gap_open_by_more_than_400_ms_is_not_measurable(width, measured):
    late = edge(3.0, early=width / 2, late=width / 2, doubt="a crowd speaks too")
    (turn,) = taken(side((1.0, late)), side((4.0, 6.0))).turns
    assert (turn.heard_gap_ms.value is not None) is measured
    if not measured:
        assert turn.heard_gap_ms.reason == (
            "the caller's last word ends somewhere between 2.80 and 3.20 s: a crowd speaks too"
        )
        assert turn.agent is not None
        assert turn.kind == "response"


def test_the_reason_names_the_wider_edge():
    caller = side((1.0, edge(3.0, early=0.1, late=0.1)))
    agent = side((edge(4.0, early=0.5), 6.0))
    (turn,) = taken(caller, agent).turns
    reason = "the agent's first word begins somewhere between 3.50 and 4.00 s"
    assert turn.heard_gap_ms.reason == reason


def test_pauses_under_3_s_without_the_agent_stay_inside_a_turn():
    found = taken([(1.0, 2.0), (2.5, 3.0), (5.9, 7.0)], [(7.5, 8.0), (10.9, 12.0)])
    assert outline(found) == [("response", (1.0, 7.0), (7.5, 12.0), 500.0)]


def test_a_caller_who_speaks_again_after_3_s_was_not_answered():
    found = taken([(1.0, 2.0), (6.2, 7.0)], [(7.5, 8.0)])
    assert outline(found) == [
        ("missed_response", (1.0, 2.0), None, None),
        ("response", (6.2, 7.0), (7.5, 8.0), 500.0),
    ]
    assert found.turns[0].heard_gap_ms.reason == "the caller spoke again after 4.2 s"
    assert incidents(found, "missed_response") == [("missed_response", 2.0, 4200.0, "warning")]


def test_an_answer_after_15_s_is_a_missed_response():
    found = taken([(1.0, 2.0)], [(17.5, 18.0)])
    assert outline(found) == [
        ("missed_response", (1.0, 2.0), None, None),
        ("follow_up", None, (17.5, 18.0), None),
    ]
    assert found.turns[0].heard_gap_ms.reason == "no answer within 15 s"
    assert incidents(found, "missed_response") == [("missed_response", 2.0, 15500.0, "critical")]
    assert outline(taken([(1.0, 2.0)], [(17.0, 18.0)]))[0][3] == 15_000.0


def test_no_answer_at_all_is_missed_after_15_s_and_else_unanswered():
    missed = taken([(1.0, 2.0)], [], end_s=17.1)
    assert outline(missed) == [("missed_response", (1.0, 2.0), None, None)]
    assert incidents(missed, "missed_response") == [("missed_response", 2.0, 15100.0, "critical")]
    open_end = taken([(1.0, 2.0)], [], end_s=4.1)
    assert outline(open_end) == [("unanswered", (1.0, 2.0), None, None)]
    assert open_end.turns[0].heard_gap_ms.reason == "the recording ends after 2.1 s"
    assert incidents(open_end, "missed_response") == []


def test_a_recording_that_ends_in_the_callers_speech_says_so():
    (turn,) = taken([(1.0, 2.0)], [], end_s=2.0).turns
    assert turn.kind == "unanswered"
    assert turn.heard_gap_ms.reason == "the recording ends while the caller speaks"


def test_what_the_agent_says_first_is_the_greeting():
    found = taken([(5.0, 6.0)], [(0.5, 2.0), (3.0, 4.0), (6.5, 7.0)])
    assert outline(found) == [
        ("greeting", None, (0.5, 4.0), None),
        ("response", (5.0, 6.0), (6.5, 7.0), 500.0),
    ]
    assert found.turns[0].heard_gap_ms.reason == "the agent spoke first"
    assert [turn.first for turn in found.turns] == [False, True]


def test_an_agent_that_speaks_again_by_itself_gets_a_turn_without_a_caller():
    found = taken([(1.0, 2.0)], [(2.5, 4.0), (9.2, 11.0), (12.0, 13.0)])
    assert outline(found) == [
        ("response", (1.0, 2.0), (2.5, 4.0), 500.0),
        ("follow_up", None, (9.2, 13.0), None),
    ]
    reason = "the agent spoke again by itself, 5.2 s after its last word"
    assert found.turns[1].heard_gap_ms.reason == reason


def test_sounds_under_60_ms_start_nothing():
    found = taken([(1.0, 2.0), (4.0, 4.059)], [(2.3, 2.359), (2.8, 4.5), (20.0, 20.05)])
    assert outline(found) == [("response", (1.0, 2.0), (2.8, 4.5), 800.0)]
    assert incidents(found, "backchannel", "talk_over") == []
    assert outline(taken([(1.0, 2.0)], [(2.3, 2.36)]))[0][3] == 300.0


def test_a_short_sound_right_after_a_word_is_its_last_consonant():
    assert outline(taken([(1.0, 2.0), (2.3, 2.33)], [(3.0, 4.0)]))[0][3] == 670.0
    assert outline(taken([(1.0, 2.0), (2.31, 2.34)], [(3.0, 4.0)]))[0][3] == 1000.0


def test_an_agent_that_begins_inside_the_callers_turn_starts_early():
    found = taken([(1.0, 4.0)], [(3.6, 6.0)])
    assert outline(found) == [("early_start", (1.0, 4.0), (3.6, 6.0), -400.0)]
    assert incidents(found, "early_start") == [("early_start", 3.6, 400.0, "warning")]


@pytest.mark.parametrize(
    ("begin_s", "kind", "gap_ms"), [(3.9, "early_start", -100.0), (3.9001, "response", -99.9)]
)
def test_below_100_ms_of_overlap_a_negative_gap_is_an_ordinary_response(begin_s, kind, gap_ms):
    found = taken([(1.0, 4.0)], [(begin_s, 6.0)])
    assert outline(found) == [(kind, (1.0, 4.0), (begin_s, 6.0), gap_ms)]
    assert len(incidents(found, "early_start")) == (kind == "early_start")


def test_an_agent_that_gives_up_inside_the_callers_turn_has_not_answered_it():
    found = taken([(1.0, 6.0)], [(3.0, 3.8), (6.7, 8.0)])
    assert outline(found) == [("response", (1.0, 6.0), (6.7, 8.0), 700.0)]
    assert incidents(found, "early_start") == [("early_start", 3.0, 800.0, "warning")]


def test_an_agents_mhm_splits_no_turn():
    for said in ([(1.0, 6.0)], [(1.0, 2.9), (3.4, 6.0)]):
        found = taken(said, [(3.0, 3.3), (6.7, 8.0)])
        assert outline(found) == [("response", (1.0, 6.0), (6.7, 8.0), 700.0)]
        assert incidents(found, "early_start") == []


def test_what_the_agent_said_inside_the_callers_words_splits_no_turn():
    found = taken([(1.0, 6.0), (7.0, 8.0)], [(3.0, 3.8), (8.6, 9.0)])
    assert outline(found) == [("response", (1.0, 8.0), (8.6, 9.0), 600.0)]
    caller, agent = audible(side((1.0, 4.0), (4.4, 6.0))), audible(side((2.0, 3.0)))
    assert [item.end.at_s for item in caller_utterances(caller, agent)] == [6.0]


def test_an_answer_in_the_callers_pause_ends_the_turn():
    found = taken([(1.0, 2.0), (2.6, 5.0)], [(2.3, 3.0), (5.5, 6.0)])
    assert outline(found) == [
        ("response", (1.0, 2.0), (2.3, 3.0), 300.0),
        ("barge_in", (2.6, 5.0), (5.5, 6.0), 500.0),
    ]
    assert found.turns[1].yield_ms.value == 400.0


def test_the_last_word_after_a_pause_belongs_to_a_turn_that_the_agent_cut_into():
    found = taken([(1.0, 4.0), (4.25, 4.5)], [(3.9, 6.0)])
    assert outline(found) == [("early_start", (1.0, 4.5), (3.9, 6.0), -600.0)]


def test_a_caller_who_goes_on_after_an_early_start_takes_the_turn_back():
    found = taken([(1.0, 4.0), (4.25, 6.0)], [(3.7, 5.0), (6.5, 7.0)])
    assert outline(found) == [
        ("early_start", (1.0, 4.0), (3.7, 5.0), -300.0),
        ("barge_in", (4.25, 6.0), (6.5, 7.0), 500.0),
    ]
    assert found.turns[1].yield_ms.value == 750.0
    hesitating = taken([(1.0, 4.0), (4.25, 4.5), (4.8, 6.0)], [(3.7, 5.0), (6.5, 7.0)])
    assert outline(hesitating) == outline(found)


def test_a_greeting_that_begins_with_the_caller_comes_first():
    found = taken([(1.0, 2.0)], [(1.05, 1.5), (2.5, 3.0)])
    assert outline(found) == [
        ("greeting", None, (1.05, 1.5), None),
        ("response", (1.0, 2.0), (2.5, 3.0), 500.0),
    ]


def test_sides_that_begin_together_interrupt_and_answer_nothing():
    for onset in (6.92, 7.0, 7.08):
        found = taken([(1.0, 2.0), (onset, 9.0)], [(7.0, 8.0), (9.8, 11.0)])
        assert outline(found) == [
            ("response", (1.0, 2.0), (7.0, 8.0), 5000.0),
            ("response", (onset, 9.0), (9.8, 11.0), 800.0),
        ]
        assert incidents(found, "barge_in", "early_start") == []


def test_the_snr_of_a_turn_is_the_lowest_under_its_own_speech():
    turns = taken([(1.0, 2.0), (6.0, 7.0)], [(2.5, 3.0), (7.5, 9.0)]).turns
    caller = noise((0.9, 1.4, 12.0), (1.5, 2.1, 9.04), (3.5, 4.0, 1.0), (5.9, 7.1, None))
    agent = noise((2.4, 3.1, 30.0), (7.4, 9.1, None))
    assert [turn.snr_db for turn in with_snr(turns, caller, agent)] == [9.0, None]
    assert [turn.snr_db for turn in with_snr(turns, noise(), agent)] == [30.0, None]


def noise(*segments):
    """What the SNR of a channel is, in stretches of a start, an end and dB, None for unknown."""
    unknown = Measurement.not_measurable("dB", "too little speech")
    return SnrResult(
        snr_db=unknown,
        noise_floor_dbfs=unknown,
        speech_level_dbfs=unknown,
        dc_offset=unknown,
        speech=np.zeros(0, bool),
        segments=tuple(
            SegmentSnr(
                span=SpeechSpan(start_s, end_s),
                snr_db=unknown if snr_db is None else Measurement.measured(snr_db, "dB"),
            )
            for start_s, end_s, snr_db in segments
        ),
    )


def test_nobody_speaks():
    found = taken([], [], end_s=10.0)
    assert found.turns == ()
    assert incidents(found, "dead_air") == [("dead_air", 0.0, 10_000.0, "critical")]


def test_figures_are_plain_numbers_whatever_the_edges_are():
    (turn,) = taken([(1.0, np.float64(2.0))], [(np.float32(2.5), 3.0)]).turns
    for number in (turn.user.end_s, turn.agent.start_s, turn.heard_gap_ms.value):
        assert type(number) is float
