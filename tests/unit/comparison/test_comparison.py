"""What two reports differ in: pairing is a matching, swapping negates, one alone has nothing."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echotrace.comparison.figures import FigureChange
from echotrace.comparison.reports import Section, compare
from echotrace.comparison.score import DeductionChange
from echotrace.comparison.turns import pair_by_time
from echotrace.comparison.verdict import Verdict, judged
from echotrace.comparison.words import word_changes
from echotrace.model.conversation import Turn, TurnSide
from echotrace.model.measure import Measurement
from echotrace.model.report import DiffOp, NotScored, SourceFile
from echotrace.render.console.compare import signed
from tests.fakes.audit_reports import audited_report
from tests.fakes.large_reports import three_hour_report
from tests.fakes.report_strategy import measurements, reports
from tests.fakes.reports import SAMPLES, call_report, complete_report, failed_report, mock_report

measured = Measurement.measured


@st.composite
def sides(draw):
    start_s = draw(st.floats(0, 60))
    return TurnSide(start_s=start_s, end_s=start_s + draw(st.floats(0, 20)))


@st.composite
def calls(draw):
    """Turns with numbers of their own, in any order, some of them on top of each other."""
    numbers = draw(st.lists(st.integers(1, 30), unique=True, max_size=8))
    return tuple(
        Turn(
            id=number,
            kind=draw(st.sampled_from(["response", "barge_in"])),
            user=draw(st.none() | sides()),
            agent=draw(st.none() | sides()),
            heard_gap_ms=measured(draw(st.floats(-500, 5_000)), "ms"),
        )
        for number in numbers
    )


def ids(pairs):
    return sorted((a.id if a else 0, b.id if b else 0) for a, b in pairs)


@given(calls(), calls(), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_pairing_is_a_matching_that_neither_order_nor_side_changes(a, b, random):
    pair = pair_by_time
    pairs = ids(pair(a, b))
    assert sorted(one for one, _ in pairs if one) == sorted(turn.id for turn in a)
    assert sorted(other for _, other in pairs if other) == sorted(turn.id for turn in b)
    shuffled = [random.sample(turns, len(turns)) for turns in (a, b)]
    assert ids(pair(*shuffled)) == pairs
    assert sorted((other, one) for one, other in ids(pair(b, a))) == pairs
    assert all(one == other for one, other in ids(pair(a, a)))


def turn(number, begin_s, gap_ms=500.0, length_s=2.0):
    return Turn(
        id=number,
        kind="response",
        user=TurnSide(start_s=begin_s, end_s=begin_s + length_s),
        agent=None,
        heard_gap_ms=measured(gap_ms, "ms"),
    )


def test_turns_are_the_same_where_they_share_most_time_whatever_their_numbers():
    a = (turn(1, 0.0), turn(2, 10.0), turn(3, 20.0))
    b = (turn(1, 10.1), turn(2, 20.2), turn(3, 40.0))
    assert ids(pair_by_time(a, b)) == [(0, 3), (1, 0), (2, 1), (3, 2)]
    close = (turn(1, 0.0, length_s=10.0), turn(2, 9.0, length_s=10.0))
    assert ids(pair_by_time(close, (turn(7, 8.0, length_s=10.0),))) == [(1, 0), (2, 7)]


def test_so_many_turns_at_one_place_are_not_all_looked_at(monkeypatch):
    monkeypatch.setattr("echotrace.comparison.turns._MOST_CANDIDATES", 8)
    whole = call_report()
    crowd = tuple(turn(number, 1.0) for number in range(1, 4))
    one = replace(whole, conversation=replace(whole.conversation, turns=crowd))
    found = compare(one, one)
    assert found.turns == ()
    assert "too many turns overlap" in found.why_nothing(Section.TURNS)


@pytest.mark.parametrize("name", SAMPLES)
def test_no_sample_differs_from_itself(name):
    report = SAMPLES[name]()
    found = compare(report, report)
    assert not any(found.differences(section) for section in Section)
    assert not any(getattr(row, "difference", None) for row in found.rows(Section.FIGURES))


def facts(found, *, swap):
    """The rows as what they compare and find, as seen from the other side where ``swap`` is."""
    seen = []
    for section in Section:
        for row in found.rows(section):
            sides = (repr(row.b), repr(row.a)) if swap else (repr(row.a), repr(row.b))
            verdict = row.verdict.mirrored if swap else row.verdict
            moved = getattr(row, "difference", None)
            moved = None if moved is None else (-moved if swap else moved) + 0.0
            seen.append((section.value, *sides, verdict.value, repr(moved)))
    return sorted(seen)


@given(reports())
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
def test_any_report_is_like_itself_and_to_swap_it_with_another_negates_what_is_found(report):
    found = compare(report, report)
    assert not any(found.differences(section) for section in Section)
    other = call_report()
    assert facts(compare(report, other), swap=False) == facts(compare(other, report), swap=True)


@pytest.mark.parametrize("other", [complete_report, mock_report, failed_report])
def test_to_swap_two_samples_negates_what_is_found(other):
    a, b = call_report(), other()
    assert facts(compare(a, b), swap=False) == facts(compare(b, a), swap=True)
    assert any(compare(a, b).differences(section) for section in Section)


@given(measurements(), measurements(), st.booleans())
def test_a_verdict_is_mirrored_and_turns_with_what_is_better(a, b, more):
    verdict, _ = judged(a, b, more_is_better=more)
    assert judged(b, a, more_is_better=more)[0] is verdict.mirrored
    if verdict in (Verdict.BETTER, Verdict.WORSE):
        assert judged(a, b, more_is_better=not more)[0] is verdict.mirrored
    if a.value is None and b.value is None:
        assert verdict is Verdict.UNKNOWN


LOST = Measurement.not_measurable("ms", "too noisy")
MOCK = Measurement.simulated(5.0, "ms", reason="mock")


@pytest.mark.parametrize(
    ("a", "b", "verdict", "why"),
    [
        (measured(5.0, "ms"), measured(4.0, "ms"), "better", "neither has an interval"),
        (measured(5.0, "ms"), measured(9.0, "ms", low=8.0, high=10.0), "worse", "A has no"),
        (measured(8.5, "ms"), measured(9.0, "ms", low=8.0, high=10.0), "could be chance", "within"),
        (
            measured(5.0, "ms", low=4.0, high=6.0),
            measured(7.0, "ms", low=6.0, high=8.0),
            "could be chance",
            "could be chance",
        ),
        (
            measured(5.0, "ms", low=4.0, high=6.0),
            measured(7.0, "ms", low=6.1, high=8.0),
            "worse",
            "do not overlap",
        ),
        (measured(5.0, "ms"), measured(5.0, "ms"), "same", ""),
        (LOST, measured(0.0, "ms"), "only in B", "nothing to compare"),
        (measured(0.0, "ms"), LOST, "only in A", "nothing to compare"),
        (LOST, LOST, "n/a", "neither"),
        (measured(5.0, "ms"), measured(5.0, "s"), "not alike", "units"),
        (measured(5.0, "ms"), MOCK, "not alike", "simulated"),
        (MOCK, replace(MOCK, value=6.0), "changed", "simulated"),
    ],
)
def test_which_way_a_figure_went(a, b, verdict, why):
    found, told = judged(a, b, more_is_better=False)
    assert found.value == verdict
    assert why in told


def sure(value, half):
    return measured(value, "ms", low=value - half, high=value + half)


@pytest.mark.parametrize(
    ("a", "b", "verdict", "why"),
    [
        (sure(500.0, 20.0), sure(530.0, 20.0), "uncertain", "within the measuring uncertainty"),
        (sure(500.0, 20.0), sure(600.0, 20.0), "worse", "does not rule out chance"),
        (measured(5.0, "ms"), measured(4.0, "ms"), "better", "neither tells how sure its edges"),
    ],
)
def test_the_edges_of_one_length_are_no_sample(a, b, verdict, why):
    found, told = judged(a, b, more_is_better=False, by_edges=True)
    assert (found.value, why in told) == (verdict, True)


def test_only_the_figures_of_one_stretch_are_judged_by_its_edges():
    a = call_report()
    summary = a.conversation.summary
    gaps = replace(summary.heard_gap_ms, p50=sure(700.0, 90.0), worst=sure(2_340.0, 45.0))
    moved = replace(summary.heard_gap_ms, p50=sure(720.0, 90.0), worst=sure(2_350.0, 45.0))
    one, other = (
        replace(
            a,
            conversation=replace(a.conversation, summary=replace(summary, heard_gap_ms=item)),
        )
        for item in (gaps, moved)
    )
    found = figures(compare(one, other))
    assert found["heard gap p50"].verdict is Verdict.CHANCE
    assert found["worst gap"].verdict is Verdict.UNCERTAIN
    edges = {label for label, row in found.items() if row.by_edges}
    assert edges == {"worst gap", "first gap", "worst yield", "dead air"}


def figures(found):
    return {row.label: row for row in found.figures}


def test_a_figure_that_one_report_lacks_is_never_0():
    found = figures(compare(call_report(), complete_report()))
    gap = found["worst gap"]
    assert (gap.verdict, gap.difference, gap.b.value) == (Verdict.ONLY_A, None, None)
    assert gap.b.reason == "not part of this run"
    assert found["missed answers"].a.value == 1
    assert found["missed answers"].b.value is None


def score_rows(a, b):
    rows = compare(a, b).score
    return rows[0], [row for row in rows if isinstance(row, DeductionChange)]


def test_deductions_are_gone_new_changed_or_the_same():
    a = call_report()
    snr, wer, dead = a.score.deductions
    b = replace(
        a,
        score=replace(
            a.score,
            value=60.0,
            deductions=(snr, replace(wer, points=20.0), replace(dead, metric="heard_gap_ms")),
        ),
    )
    score, rows = score_rows(a, b)
    assert (score.verdict, score.difference) == (Verdict.CHANGED, -5.0)
    assert "its limits are not in the report" in score.why
    assert [(row.metric, row.difference, row.verdict.value) for row in rows] == [
        ("dead_air_s", 10.0, "only in A"),
        ("heard_gap_ms", -10.0, "only in B"),
        ("wer", -5.0, "changed"),
        ("snr_db", 0.0, "same"),
    ]
    assert rows[0].b is None
    assert rows[1].a is None


def test_scores_by_other_thresholds_or_of_other_metrics_are_not_alike():
    a = call_report()
    b = replace(a, score=replace(a.score, value=80.0, profile="strict"))
    score, rows = score_rows(a, b)
    assert {score.verdict, *(row.verdict for row in rows)} == {Verdict.UNLIKE}
    assert len(rows) == 3
    left_out = (NotScored(metric="wer", reason="no reference"),)
    c = replace(a, score=replace(a.score, value=80.0, not_scored=left_out))
    found = compare(a, c).score
    assert found[0].verdict is Verdict.UNLIKE
    assert (found[-1].metric, found[-1].a, found[-1].b) == ("wer", None, "no reference")


def test_what_cannot_be_compared_is_named():
    a = call_report()
    b = replace(
        a,
        source=replace(a.source, sha256="0" * 64, start_s=2.0),
        tool=replace(a.tool, version="9.9.9"),
        score=replace(a.score, profile="strict"),
        transcription=replace(a.transcription, engine="sphinx"),
    )
    found = compare(a, b)
    unlike = {row.label for row in found.conditions if row.verdict.is_difference}
    assert unlike == {"recording", "cut", "engine", "thresholds", "EchoTrace"}
    (limits,) = (row for row in compare(a, a).conditions if row.label == "thresholds")
    assert limits.verdict is Verdict.UNKNOWN
    assert limits.why == "both name the profile default; its limits are not in the report"


ELSEWHERE = {"sha256": "0" * 64}
NEVER_READ = {"sha256": None}


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ({}, ELSEWHERE, "different recordings: their turns and words are not the same ones"),
        (NEVER_READ, {}, "it is not known whether the recordings are the same"),
        (NEVER_READ, NEVER_READ, "it is not known whether the recordings are the same"),
    ],
)
def test_turns_and_words_of_different_recordings_are_not_compared(one, other, why):
    whole = call_report()
    without_gold = replace(whole.transcription, gold=None, diff=())
    a, b = (
        replace(whole, source=replace(whole.source, **item), transcription=without_gold)
        for item in (one, other)
    )
    found = compare(a, b)
    for section in (Section.TURNS, Section.WORDS):
        assert found.rows(section) == ()
        assert why in found.why_nothing(section)
    assert figures(found)["worst gap"].verdict is Verdict.SAME


def test_words_of_different_recordings_are_compared_against_one_gold_text():
    a = call_report()
    rest = a.transcription.diff[:-1]
    heard_all = replace(
        a.transcription, diff=(*rest, DiffOp(op="equal", gold=("please",), actual=("please",)))
    )
    b = replace(a, source=replace(a.source, **ELSEWHERE), transcription=heard_all)
    found = compare(a, b).words
    assert (found.fixed, found.new, found.reason) == (1, 0, "")


def test_words_of_another_channel_are_not_compared():
    plain = replace(call_report().transcription, gold=None, diff=())
    found = word_changes(plain, replace(plain, channel_index=plain.channel_index + 1))
    assert "their words are not the same ones" in found.reason


def with_gold(report, text):
    """The report as measured against another text of as many words."""
    words = report.transcription
    diff = tuple(replace(op, gold=tuple(map(str.upper, op.gold))) for op in words.diff)
    return replace(report, transcription=replace(words, gold=text, diff=diff))


def test_error_rates_against_another_text_or_by_other_rules_are_not_alike():
    a = audited_report()
    words = a.transcription.gold.split()
    b = with_gold(a, " ".join([*words[:2], "other", *words[3:]]))
    found = compare(a, b)
    (gold,) = (row for row in found.conditions if row.label == "gold")
    assert gold.verdict is Verdict.CHANGED
    assert gold.a.endswith(f"word 3 {words[2]!r}")
    assert gold.b.endswith("word 3 'other'")
    ruled = replace(a.transcription.normalizer, repairs=("a repair that only B has",))
    c = replace(a, transcription=replace(a.transcription, normalizer=ruled))
    for other, why in ((b, "different gold texts"), (c, "normalised in different ways")):
        rows = figures(compare(a, other))
        for label in ("WER", "CER", "entity recall"):
            assert rows[label].verdict is Verdict.UNLIKE
            assert why in rows[label].why
        assert rows["SNR"].verdict is Verdict.SAME


def test_two_files_are_the_same_recording_by_both_of_them():
    caller = SourceFile(path="caller.wav", sha256="a" * 64, role="caller")
    agent = SourceFile(path="agent.wav", sha256="b" * 64, role="agent")
    a = call_report()
    a = replace(a, source=replace(a.source, files=(caller, agent)))
    b = replace(a, source=replace(a.source, files=(caller, replace(agent, sha256="c" * 64))))
    assert compare(a, a).conditions[0].verdict is Verdict.SAME
    assert compare(a, b).conditions[0].verdict is Verdict.CHANGED


def test_turns_are_listed_by_how_far_their_gap_moved():
    a = call_report()
    turns = list(a.conversation.turns)
    turns[2] = replace(turns[2], heard_gap_ms=measured(630.0, "ms"))
    turns[7] = replace(turns[7], heard_gap_ms=measured(1_000.0, "ms"))
    turns[4] = replace(turns[4], yield_ms=measured(100.0, "ms"))
    turns[5] = replace(turns[5], heard_gap_ms=measured(-100.0, "ms"))
    turns[1] = replace(turns[1], heard_gap_ms=LOST)
    turns[9] = replace(turns[9], yield_ms=None)
    del turns[3]
    b = replace(a, conversation=replace(a.conversation, turns=tuple(turns)))
    rows = compare(a, b).turns
    assert [(row.a.id, row.verdict.value) for row in rows[:7]] == [
        (8, "better"),
        (6, "changed"),
        (3, "uncertain"),
        (2, "gap only in A"),
        (5, "better"),
        (10, "changed"),
        (4, "only in A"),
    ]
    assert rows[0].difference == -1_340
    assert rows[5].why == "the caller barged in in A only"
    assert not any(row.verdict.is_difference for row in rows[7:])
    assert facts(compare(a, b), swap=False) == facts(compare(b, a), swap=True)


def heard(gold, actual):
    """A transcription with this alignment: a word for each, "" for none."""
    diff = [
        DiffOp(
            op="equal" if one == other else "delete" if not other else "substitute",
            gold=(one,),
            actual=(other,) if other else (),
        )
        for one, other in zip(gold.split(), actual.split("/"), strict=True)
    ]
    return replace(complete_report().transcription, gold=gold, diff=tuple(diff))


def test_errors_are_fixed_new_or_others_against_one_gold():
    a = heard("cancel my card now please", "cancel/the/cart/now/")
    b = heard("cancel my card now please", "cancel/my/cord//")
    found = word_changes(a, b)
    assert (found.fixed, found.new, found.other) == (1, 1, 1)
    assert [(row.gold, row.a, row.b, row.verdict.value) for row in found.rows] == [
        (("my",), ("the",), ("my",), "better"),
        (("card",), ("cart",), ("cord",), "changed"),
        (("now",), ("now",), (), "worse"),
    ]
    assert [found.base[row.at : row.end] for row in found.rows] == [row.gold for row in found.rows]


def test_words_that_were_added_are_errors_of_their_own():
    whole = complete_report().transcription
    without = replace(whole, diff=tuple(op for op in whole.diff if op.op != "insert"))
    (row,) = word_changes(whole, without).rows
    assert (row.a, row.b, row.verdict) == (("uh", "insurance"), ("insurance",), Verdict.BETTER)


@pytest.mark.parametrize(
    ("a", "b", "rows"),
    [
        ("I lost my card.", "i lost MY card", []),
        ("I lost my card", "I lost the red card", [(("my",), ("the", "red"))]),
        ("one big red car", "big red car gone", [(("one",), ()), ((), ("gone",))]),
        ("", "well", [((), ("well",))]),
        ("我丢了卡", "我丢了车", [(("卡",), ("车",))]),
    ],
)
def test_without_one_gold_the_texts_are_aligned_with_each_other(a, b, rows):
    plain = replace(complete_report().transcription, diff=(), words=(), gold=None)
    found = word_changes(replace(plain, actual=a), replace(plain, actual=b))
    assert [(row.a, row.b) for row in found.rows] == rows
    assert "no gold text of both" in found.note


@given(st.lists(st.sampled_from("abc"), max_size=9), st.lists(st.sampled_from("abc"), max_size=9))
def test_aligned_texts_replay_to_both_sides(a, b):
    plain = replace(complete_report().transcription, diff=(), words=(), gold=None)
    found = word_changes(replace(plain, actual=" ".join(a)), replace(plain, actual=" ".join(b)))
    replayed, at = [], 0
    for row in found.rows:
        assert list(row.a) == a[row.at : row.end]
        replayed += [*a[at : row.at], *row.b]
        at = row.end
    if found.base:
        assert [*replayed, *a[at:]] == b


def test_no_words_to_compare_are_told():
    whole = complete_report().transcription
    assert word_changes(None, None).reason == "neither report has a transcript"
    assert word_changes(whole, None).reason == "report B has no transcript"
    assert (
        "too many"
        in word_changes(
            replace(whole, diff=(), words=(), actual="word " * 70_000),
            replace(whole, diff=(), words=(), actual="ward " * 70_000),
        ).reason
    )


def test_two_large_reports_differ_only_where_they_do():
    a = three_hour_report()
    turns = list(a.conversation.turns)
    turns[999] = replace(turns[999], heard_gap_ms=measured(9_000.0, "ms"))
    b = replace(a, conversation=replace(a.conversation, turns=tuple(turns)))
    found = compare(a, b)
    assert found.differences(Section.TURNS) == (0,)
    assert found.turns[0].a.id == 1_000
    assert not found.differences(Section.WORDS)


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (120.0, "ms", "+120 ms"),
        (-0.0123, "ratio", "-1.2 pp"),
        (0.0, "dB", "0.0 dB"),
        (-0.004, "dB", "-0.004 dB"),
        (None, "ms", ""),
        (float("inf"), "ms", "n/a"),
        (-0.00002, "USD", "-$0.00002"),
    ],
)
def test_differences_carry_sign_and_unit(value, unit, shown):
    assert signed(value, unit) == shown


def test_every_figure_has_a_name_of_its_own():
    found = compare(call_report(), call_report())
    assert len(figures(found)) == len(found.figures)
    assert all(isinstance(row, FigureChange) for row in found.figures)
