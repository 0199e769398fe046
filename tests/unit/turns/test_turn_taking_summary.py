from __future__ import annotations

import pytest

from echotrace.analyzers.turn_taking import silence_only
from echotrace.model.measure import Status
from tests.fakes.talk import LIMITS, edge, side, summary


def conversation(gaps_ms, *, period_s=10.0):
    """Caller turns of 2 s, each answered after one of the gaps by 3 s of the agent."""
    caller = [(at * period_s, at * period_s + 2.0) for at in range(len(gaps_ms))]
    starts = [end_s + gap / 1000.0 for (_, end_s), gap in zip(caller, gaps_ms, strict=True)]
    return caller, [(start_s, start_s + 3.0) for start_s in starts]


def gaps(gaps_ms):
    return summary(*conversation(gaps_ms), end_s=10.0 * len(gaps_ms)).heard_gap_ms


def test_a_median_needs_five_turns():
    few = gaps([500, 700, 900, 1100])
    assert (few.n, few.not_measured) == (4, 0)
    assert few.p50.status is Status.NOT_MEASURABLE
    assert few.p50.reason == "4 turns were measured; a median needs 5"
    assert few.worst.value == 1100.0
    five = gaps([500, 700, 900, 1100, 2340])
    assert (five.p50.value, five.p50.n, five.p50.status) == (900.0, 5, Status.MEASURED)
    assert 500.0 <= five.p50.low <= 900.0 <= five.p50.high <= 2340.0
    assert five.p95.reason == "5 turns were measured; p95 needs 20"
    assert (five.worst.value, five.worst.n) == (2340.0, 5)


def test_one_turn_has_a_worst_and_nothing_else():
    one = gaps([640])
    assert one.worst.value == 640.0
    assert one.p50.reason == "1 turn was measured; a median needs 5"


def test_p95_needs_twenty_and_p99_a_hundred():
    twenty = gaps([100.0 * k for k in range(1, 21)])
    assert (twenty.p50.value, twenty.p95.value) == (1050.0, 1905.0)
    assert twenty.p99.reason == "20 turns were measured; p99 needs 100"
    hundred = gaps([10.0 * k for k in range(1, 101)])
    assert hundred.p99.value == 990.1
    assert hundred.p99.low <= 990.1 <= hundred.p99.high


def test_negative_gaps_are_kept():
    found = gaps([-400, -300, 500, 600, 700])
    assert found.p50.value == 500.0
    assert gaps([-400]).worst.value == -400.0


def test_turns_that_cannot_be_measured_are_counted_and_make_the_rest_estimates():
    caller, agent = conversation([500, 600, 700])
    vague = [(start, edge(end, early=0.3, late=0.3)) for start, end in caller]
    half = summary(caller[:1] + vague[1:2], agent[:2], end_s=20.0).heard_gap_ms
    assert (half.n, half.not_measured, half.worst.status) == (1, 1, Status.MEASURED)
    third = summary(caller[:1] + vague[1:], agent, end_s=30.0).heard_gap_ms
    assert (third.n, third.not_measured, third.worst.value) == (1, 2, 500.0)
    assert third.worst.status is Status.ESTIMATED
    assert third.worst.reason == "only 1 of 3 turns could be measured"
    none = summary(vague, agent, end_s=30.0).heard_gap_ms
    assert (none.n, none.not_measured) == (0, 3)
    assert none.worst.reason.startswith("none of 3 turns could be measured: the caller's last")


def test_turns_without_an_answer_are_no_gaps():
    found = summary([(1.0, 2.0), (6.0, 7.0)], [(7.5, 8.0)])
    assert (found.heard_gap_ms.n, found.heard_gap_ms.not_measured) == (1, 0)
    assert found.missed_responses == 1
    lonely = summary([(1.0, 2.0)], [], end_s=3.0).heard_gap_ms
    assert (lonely.n, lonely.not_measured) == (0, 0)
    assert lonely.p50.reason == lonely.worst.reason == "no turn was answered"
    greeted = summary([], [(1.0, 2.0)], end_s=3.0).heard_gap_ms
    assert greeted.p50.reason == "the caller took no turn"


def test_yields_are_a_distribution_of_their_own():
    caller = [(10.0 * k + 4.0, 10.0 * k + 6.0) for k in range(5)]
    agent = [(10.0 * k + 1.0, 10.0 * k + 4.2 + 0.1 * k) for k in range(5)]
    found = summary(caller, agent)
    assert (found.yield_ms.n, found.yield_ms.p50.value, found.yield_ms.worst.value) == (5, 400, 600)
    assert found.barge_ins == 5
    calm = summary(*conversation([500])).yield_ms
    assert calm.worst.reason == "there was no barge-in to measure"


def test_a_yield_that_is_only_a_bound_makes_estimates():
    caller = [(10.0 * k + 4.0, 10.0 * k + 6.0) for k in range(5)]
    agent = [(10.0 * k + 1.0, 10.0 * k + 4.2) for k in range(4)]
    found = summary(caller, [*agent, (41.0, 47.0)], end_s=47.0).yield_ms
    assert (found.n, found.not_measured, found.worst.value) == (5, 0, 3000.0)
    assert found.worst.status is found.p50.status is Status.ESTIMATED
    assert "at least 3,000 ms" in found.worst.reason
    assert found.p50.reason == "1 of 5 barge-ins is known by a lower bound only"
    longer = summary([*caller[:4], (41.5, 46.0)], [(1.0, 5.9), *agent[1:], (40.9, 43.0)])
    assert longer.yield_ms.worst.status is Status.MEASURED


def test_the_sum_of_silences_is_as_sure_as_its_parts():
    vague = edge(2.0, early=0.2, late=0.3, doubt="hidden in noise")
    found = summary([(1.0, vague)], [(6.0, 8.0), (12.0, 14.0)])
    total = found.dead_air_total_s
    assert (total.value, total.n, total.status) == (8.0, 2, Status.ESTIMATED)
    assert total.reason.startswith("1 of 2 silences is estimated: one end lies somewhere")
    assert total.reason.endswith("hidden in noise")


def test_greeting_and_first_turn_stand_apart():
    found = summary([(4.0, 5.0)], [(edge(0.8, early=0.02, late=0.01), 3.0), (5.75, 7.0)])
    greeting = found.greeting_ms
    assert (greeting.value, greeting.low, greeting.high) == (800.0, 780.0, 810.0)
    assert found.first_heard_gap_ms.value == 750.0
    first = summary([(1.0, 2.0)], [(2.5, 3.0)])
    assert first.greeting_ms.reason == "the caller spoke first"
    assert summary([], []).greeting_ms.reason == "nobody spoke"
    assert summary([], [(1.0, 2.0)]).first_heard_gap_ms.reason == "the caller took no turn"


def test_a_greeting_that_was_cut_off_is_not_measured():
    heard = summary([], [(0.004, 2.0)])
    reason = "the agent was already speaking when the recording began"
    assert heard.greeting_ms.reason == reason
    cut = summary([], [(13.0, 15.0)], start_s=12.0)
    assert cut.greeting_ms.reason == "the analysed part begins 12.0 s into the recording"


def test_silence_and_overlap_in_sum():
    found = summary([(3.5, 5.0), (15.0, 17.0)], [(9.5, 12.0), (16.5, 18.0)], end_s=18.0)
    assert (found.dead_airs, found.dead_air_s.value, found.dead_air_total_s.value) == (3, 4.5, 11.0)
    assert (found.talk_over_ms.value, found.talk_over_ms.n) == (500.0, 1)
    assert found.overlap_ratio.value == round(0.5 / 7.0, 6)
    calm = summary([(1.0, 2.0)], [(2.5, 3.0)])
    assert (calm.dead_airs, calm.dead_air_s.value, calm.talk_over_ms.value) == (0, 0.0, 0.0)
    assert calm.overlap_ratio.value == 0.0
    assert summary([], []).overlap_ratio.status is Status.NOT_MEASURABLE


def test_how_each_side_talked():
    caller = [(1.0, 2.0), (2.4, 3.0), (3.2, 4.0), (4.199, 5.0)]
    agent = [(5.5, 7.0), (7.5, 8.5), (12.0, 13.0)]
    first, second = summary(caller, agent, indices=(1, 0)).channels
    assert [(item.index, item.role) for item in (first, second)] == [(0, "agent"), (1, "caller")]
    assert (first.talk_s.value, second.talk_s.value) == (3.5, 3.201)
    assert first.talk_ratio.value == round(3.5 / 6.701, 6)
    assert (first.pauses, first.longest_pause_ms.value) == (1, 500.0)
    assert (second.pauses, second.longest_pause_ms.value) == (2, 400.0)
    assert second.pause_p50_ms.reason == "2 pauses were measured; a median needs 5"
    assert first.words_per_minute.status is Status.NOT_RUN
    assert first.words_per_minute.reason == "no transcript yet"


def test_five_pauses_have_a_median():
    caller = [(1.0 + k, 1.9 - 0.1 * k + k) for k in range(7)]
    (talk, _) = summary(caller, []).channels
    assert talk.pauses == 5
    assert talk.pause_p50_ms.value == 400.0
    assert summary([], []).channels[0].talk_ratio.reason == "nobody spoke"
    assert summary([], []).channels[0].longest_pause_ms.reason == "there was no pause of 200 ms"


def mono(*spans, end_s=30.0, reason="the recording has one channel"):
    return silence_only(
        side(*spans),
        reason=reason,
        index=0,
        role="mixed",
        start_s=0.0,
        end_s=end_s,
        thresholds=LIMITS,
    )


def test_one_voice_track_has_silence_and_pauses_only():
    figures, incidents = mono((3.5, 5.0), (5.3, 6.0), (10.0, 12.0))
    assert [(item.type, item.at_s, item.duration_ms.value) for item in incidents] == [
        ("dead_air", 0.0, 3500.0),
        ("dead_air", 6.0, 4000.0),
    ]
    assert (figures.dead_airs, figures.dead_air_s.value, figures.dead_air_total_s.value) == (
        2,
        4,
        7.5,
    )
    (talk,) = figures.channels
    assert (talk.role, talk.talk_s.value, talk.pauses) == ("mixed", 4.2, 1)
    assert talk.longest_pause_ms.value == 300.0


@pytest.mark.parametrize(
    "read",
    [
        lambda figures: figures.heard_gap_ms.p50,
        lambda figures: figures.heard_gap_ms.worst,
        lambda figures: figures.yield_ms.p50,
        lambda figures: figures.greeting_ms,
        lambda figures: figures.first_heard_gap_ms,
        lambda figures: figures.talk_over_ms,
        lambda figures: figures.overlap_ratio,
        lambda figures: figures.channels[0].talk_ratio,
    ],
)
def test_the_rest_of_one_voice_track_gives_the_reason(read):
    figures, _ = mono((3.5, 5.0))
    figure = read(figures)
    assert figure.status is Status.NOT_MEASURABLE
    assert figure.reason == "the recording has one channel"
