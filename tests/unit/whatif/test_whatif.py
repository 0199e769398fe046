"""A whole question: the distribution, the targets, the price of a shorter wait, what is told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.errors import InputError
from echotrace.model.measure import Measurement, Status
from echotrace.model.report import Report
from echotrace.stats.quantiles import quantile
from echotrace.whatif.ask import failed_what_if, what_if
from echotrace.whatif.change import read_changes
from echotrace.whatif.distribution import wilson
from echotrace.whatif.endpointing import cut_offs, pauses_of
from tests.fakes.estimates import llm, run, tts
from tests.fakes.reports import call_report, complete_report, mono_report
from tests.fakes.whatif_reports import LENGTHS, part, traced, turn, with_pauses


def ask(report, *, sets=(), scales=(), targets=()):
    return what_if(report, read_changes(sets, scales), path="r.json", targets_ms=targets)


def many(count=24, **lengths):
    """Turns whose model takes 100 ms more in each, from 100 ms."""
    parts = LENGTHS | lengths
    return [turn(n, parts | {"llm_inference": 100.0 * n}) for n in range(1, count + 1)]


def codes(found):
    return {finding.code for finding in found.warnings}


def test_the_distribution_is_that_of_each_turn_recomputed():
    found = ask(traced(many()), sets=["endpointing_wait=300"], scales=["llm_inference=0.5"])
    before = [800.0 + 100.0 * n for n in range(1, 25)]
    after = [500.0 + 50.0 * n for n in range(1, 25)]
    assert [item.before_ms for item in found.turns] == before
    assert [item.after_ms for item in found.turns] == after
    gap = found.gap_ms
    for q, ours, moved in (
        (0.5, (gap.before.p50, gap.after.p50), gap.p50_ms),
        (0.95, (gap.before.p95, gap.after.p95), gap.p95_ms),
    ):
        assert ours[0].value == round(quantile(before, q), 1)
        assert ours[1].value == round(quantile(after, q), 1)
        assert moved.value == pytest.approx(ours[1].value - ours[0].value, abs=0.11)
        assert moved.low <= moved.value <= moved.high < 0
    assert (gap.before.worst.value, gap.after.worst.value) == (3200.0, 1700.0)
    assert gap.worst_ms.value == -1500.0
    assert (gap.before.p50.status, gap.after.p50.status) == (Status.MEASURED, Status.ESTIMATED)
    assert "recomputed from its parts" in gap.after.p50.reason


def test_pairing_by_turn_makes_the_difference_surer_than_the_gaps_are():
    gap = ask(traced(many()), sets=["endpointing_wait=300"]).gap_ms
    assert (gap.p50_ms.low, gap.p50_ms.value, gap.p50_ms.high) == (-300.0, -300.0, -300.0)
    assert gap.before.p50.high - gap.before.p50.low > 500.0


def test_where_no_turn_gets_slower_the_interval_does_not_say_so_either():
    lengths = [100.0, 150.0, 200.0, 4000.0, 120.0, 90.0, 3000.0, 80.0, 5000.0]
    turns = [turn(n, LENGTHS | {"llm_inference": ms}) for n, ms in enumerate(lengths, start=1)]
    faster = ask(traced(turns), scales=["llm_inference=0.5"]).gap_ms.p50_ms
    slower = ask(traced(turns), scales=["llm_inference=2"]).gap_ms.p50_ms
    assert faster.low < faster.value < faster.high <= 0.0
    assert 0.0 <= slower.low < slower.value < slower.high


def test_the_share_within_a_target_is_paired_and_has_an_interval_at_its_ends():
    found = ask(traced(many()), sets=["endpointing_wait=300"], targets=[1300.0, 60_000.0])
    first, last = found.targets
    assert (first.before.value, first.after.value) == (round(5 / 24, 6), round(8 / 24, 6))
    assert (first.gained, first.lost, first.difference.value) == (3, 0, 0.125)
    assert -0.1 < first.difference.low < 0.125 < first.difference.high < 0.4
    assert (last.before.value, last.difference.value) == (1.0, 0.0)
    assert last.before.low < 0.9
    assert last.difference.low < 0.0 < last.difference.high
    bands = ask(traced(many()), sets=["endpointing_wait=300"]).targets
    assert [share.target_ms for share in bands] == [800.0, 1500.0]


def test_a_few_turns_have_a_worst_gap_and_say_what_a_median_needs():
    gap = ask(traced(many(3)), scales=["llm_inference=0"]).gap_ms
    assert gap.before.p50.reason == "3 turns were measured; a median needs 5"
    assert gap.p50_ms.reason == "3 of the 5 turns that it needs"
    assert (gap.worst_ms.value, gap.after.worst.value) == (-300.0, 800.0)


def test_turns_that_do_not_take_part_are_counted_with_their_reason():
    turns = [
        *many(5),
        turn(6, LENGTHS, counted=False, why_not="interrupted"),
        turn(7, LENGTHS, heard_gap_ms=Measurement.not_measurable("ms", "noise")),
        turn(8, LENGTHS, parts=()),
    ]
    found = ask(traced(turns), scales=["llm_inference=2"])
    assert len(found.turns) == 5
    assert found.left_out == {"interrupted": 1, "without a heard gap": 1, "without parts": 1}
    assert found.gap_ms.before.not_measured == 3


def test_turns_that_lack_the_part_stay_and_are_told():
    turns = [*many(5), turn(6, {"speech_synthesis": 200.0})]
    found = ask(traced(turns), sets=["endpointing_wait=300"], scales=["llm_inference=0.5"])
    assert found.turns[-1].lacks == ("endpointing_wait", "llm_inference")
    assert found.turns[-1].after_ms == found.turns[-1].before_ms == 200.0
    endpointing, model = found.changes
    assert (endpointing.turns, endpointing.lacking) == (5, 1)
    assert (endpointing.before_ms.value, endpointing.after_ms.value) == (600.0, 300.0)
    assert endpointing.owners == ("vad.stop_secs",)
    assert (model.before_ms.value, model.after_ms.value) == (300.0, 150.0)
    told = [item.message for item in found.warnings if item.code == "PART_LACKING"]
    assert told[0] == "no endpointing_wait in 1 of 6 turns, which stay as they were"


def test_parts_below_zero_and_parts_inside_others_are_told():
    negative = turn(1, LENGTHS)
    negative = replace(negative, parts=(*negative.parts, part("tool_call", -50.0, None)))
    inner = turn(2, LENGTHS)
    inner = replace(
        inner, parts=(*inner.parts, part("tool_call", 90.0, None, inside="llm_inference"))
    )
    found = ask(traced([negative, inner]), sets=["tool_call=0"])
    assert (found.changes[0].negative, found.changes[0].inside) == (1, 1)
    assert [item.after_ms for item in found.turns] == [1200.0, 1200.0]
    assert {"PART_NEGATIVE", "PART_INSIDE"} <= codes(found)


def test_without_spans_a_shorter_wait_is_a_lower_bound_and_says_in_how_many_turns():
    found = ask(traced(many(6), spans=[]), sets=["endpointing_wait=300"])
    assert all(item.is_bound for item in found.turns)
    assert "a lower bound in 6 of 6 turns" in found.gap_ms.after.p50.reason
    assert "LOWER_BOUND" in codes(found)
    assert "LOWER_BOUND" not in codes(ask(traced(many(6)), sets=["endpointing_wait=300"]))
    assert "LOWER_BOUND" not in codes(ask(traced(many(6), spans=[]), sets=["endpointing_wait=900"]))


def test_without_a_recording_the_pipelines_own_figures_are_changed_and_labelled():
    gap = Measurement.measured(1000.0, "ms")
    turns = [replace(item, claimed_gap_ms=gap) for item in many(5)]
    found = ask(traced(turns, has_recording=False), sets=["endpointing_wait=300"])
    assert found.basis == "claimed"
    assert "CLAIMED_ONLY" in codes(found)
    assert [item.after_ms for item in found.turns] == [700.0] * 5
    assert found.gap_ms.before.p50.status is Status.ESTIMATED


@pytest.mark.parametrize("simulated", [False, True])
def test_an_estimate_is_changed_sample_by_sample_and_keeps_its_label(simulated):
    pipeline = run(
        llm=llm(*[(300, 350)] * 6, simulated=simulated),
        tts=tts(*[(200, 180)] * 6),
    )
    report = replace(complete_report(), pipeline=pipeline)
    found = ask(report, sets=["endpointing_wait=200"], scales=["llm_inference=0.5"])
    assert found.basis == "estimate"
    assert [item.before_ms - item.after_ms for item in found.turns] == [300.0 + 150.0] * 6
    status = Status.SIMULATED if simulated else Status.ESTIMATED
    assert found.gap_ms.after.p50.status is status
    assert found.gap_ms.p50_ms.status is status
    assert "ESTIMATE" in codes(found)
    assert "LOWER_BOUND" not in codes(found)


def test_a_report_without_parts_says_what_to_run():
    with pytest.raises(InputError) as raised:
        ask(replace(call_report(), pipeline=None), sets=["endpointing_wait=300"])
    assert raised.value.code == "NO_PARTS"
    assert "--trace" in raised.value.hint
    gone = [turn(1, LENGTHS, counted=False, why_not="aborted")]
    with pytest.raises(InputError, match="no turn of the report has parts") as raised:
        ask(traced(gone), sets=["endpointing_wait=300"])
    assert raised.value.why == "1 aborted"


def test_a_part_that_no_turn_has_is_refused_with_those_that_there_are():
    with pytest.raises(InputError) as raised:
        ask(traced(many(5)), sets=["tool_call=300"])
    assert raised.value.code == "NO_SUCH_PART"
    assert raised.value.hint == "the report has: endpointing_wait, llm_inference, speech_synthesis"


PAUSES = [(), (250.0,), (400.0, 150.0), (), (900.0,)]


def test_a_pause_longer_than_the_wait_cuts_its_turn_off_once():
    pauses = pauses_of(with_pauses(call_report(), PAUSES))
    assert sorted(pauses.turns_ms) == sorted([(), (250.0,), (400.0, 150.0), (), (900.0,)])
    told = {
        wait: (cut.turns, cut.pauses, cut.per_100.value)
        for wait in (0.0, 149.0, 250.0, 399.0, 900.0)
        for cut in [cut_offs(pauses, wait)]
    }
    assert told == {
        0.0: (3, 4, 60.0),
        149.0: (3, 4, 60.0),
        250.0: (2, 2, 40.0),
        399.0: (2, 2, 40.0),
        900.0: (0, 0, 0.0),
    }
    never = cut_offs(pauses, 900.0).per_100
    assert (never.low, never.status) == (0.0, Status.ESTIMATED)
    assert never.high == pytest.approx(43.45, abs=0.01)
    assert "lower bound" in cut_offs(pauses, 100.0).per_100.reason


def test_a_shorter_wait_has_its_price_and_the_frontier_both_ends():
    report = with_pauses(traced(many()), PAUSES * 4)
    found = ask(report, sets=["endpointing_wait=300"], scales=["llm_inference=0.5"])
    price = found.endpointing
    assert (price.status, price.turns, price.pauses) == ("estimated", 20, 16)
    assert (price.present_ms, price.asked_ms, price.longest_pause_ms) == (600.0, 300.0, 900.0)
    assert price.more_per_100.value == 20.0
    assert 0.0 < price.more_per_100.low < 20.0 < price.more_per_100.high
    waits = [point.wait_ms for point in price.frontier]
    assert (waits[0], waits[-1], len(waits)) == (0.0, 1500.0, 31)
    marked = {point.mark: point for point in price.frontier if point.mark}
    assert (marked["present"].wait_ms, marked["asked"].wait_ms) == (600.0, 300.0)
    assert marked["asked"].gap_p50_ms.value == found.gap_ms.after.p50.value
    assert marked["present"].gap_p50_ms.value == found.gap_ms.after.p50.value + 300.0
    cut = [point.cut_offs_per_100.value for point in price.frontier]
    gaps = [point.gap_p50_ms.value for point in price.frontier]
    assert cut == sorted(cut, reverse=True)
    assert gaps == sorted(gaps)
    assert "PAUSES_ONLY" in codes(found)


def test_a_longer_wait_saves_cut_offs_and_says_what_it_cannot_see():
    report = with_pauses(traced(many()), PAUSES * 4)
    found = ask(report, sets=["endpointing_wait=2000"])
    assert found.endpointing.more_per_100.value == -20.0
    assert found.endpointing.more_per_100.high < 0.0
    assert found.endpointing.frontier[-1].wait_ms == 2000.0
    assert "LONGER_WAIT" in codes(found)
    same = ask(report, scales=["endpointing_wait=1"])
    assert [point.mark for point in same.endpointing.frontier if point.mark] == ["both"]
    assert same.endpointing.more_per_100.value == 0.0
    assert "SHORT_PAUSES" in codes(ask(report, sets=["endpointing_wait=100"]))


def test_only_a_changed_wait_has_a_price():
    report = with_pauses(traced(many()), PAUSES)
    assert ask(report, scales=["llm_inference=0.5"]).endpointing is None


def test_without_turns_or_segments_the_price_is_not_measurable_and_says_why():
    whole = with_pauses(traced(many()), PAUSES)
    reasons = {
        "not analysed": replace(whole, signal=None),
        "has no turns": replace(whole, conversation=None),
        "both voices": replace(whole, conversation=mono_report().conversation),
        "no speech segments": replace(
            whole,
            signal=replace(
                whole.signal,
                channels=tuple(replace(item, segments=()) for item in whole.signal.channels),
            ),
        ),
        "caller has no turn": replace(whole, conversation=replace(whole.conversation, turns=())),
    }
    for reason, report in reasons.items():
        found = ask(report, sets=["endpointing_wait=300"])
        assert found.endpointing.status == "not_measurable"
        assert reason in found.endpointing.reason
        assert "NO_PAUSES" in codes(found)
        assert found.gap_ms.after.p50.value is not None


def test_the_document_is_plain_json_and_so_is_a_failure():
    found = ask(with_pauses(traced(many()), PAUSES), sets=["endpointing_wait=300"])
    document = json.loads(found.to_json())
    assert document["schema"] == "echotrace.whatif/1"
    assert document["source"]["path"] == "r.json"
    assert document["endpointing"]["frontier"][0]["cut_offs_per_100"]["unit"] == "per 100 turns"
    failed = json.loads(failed_what_if(InputError("no", why="so", code="X")).to_json())
    assert (failed["status"], failed["gap_ms"]) == ("failed", None)
    assert failed["warnings"][0]["message"] == "no: so"
    assert list(document) == list(failed)


def test_a_saved_report_gives_the_same_answer_as_the_one_in_memory():
    report = with_pauses(traced(many(6)), PAUSES)
    again = Report.from_json(report.to_json())
    assert ask(report, sets=["endpointing_wait=300"]) == ask(again, sets=["endpointing_wait=300"])


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (1, 50, 0.0035, 0.105)],
)
def test_wilsons_interval_is_the_published_one(hits, count, low, high):
    assert wilson(hits, count) == pytest.approx((low, high), abs=1e-4)


@given(st.lists(st.lists(st.floats(130.0, 3000.0), max_size=3), min_size=1, max_size=8))
def test_a_longer_wait_never_cuts_more_turns_off(pauses):
    found = pauses_of(with_pauses(call_report(), pauses))
    told = [cut_offs(found, float(wait)) for wait in range(0, 3001, 250)]
    assert [cut.turns for cut in told] == sorted((cut.turns for cut in told), reverse=True)
    assert all(cut.per_100.low <= cut.per_100.value <= cut.per_100.high for cut in told)
