"""Run B beside run A: what is paired, what is judged, and what is not comparable."""

from dataclasses import replace

import numpy as np
import pytest

from echotrace.benchmark.compare import compare_reports, compare_runs
from echotrace.benchmark.regression import METRICS, Judged, judge, margin, overall
from echotrace.benchmark.summary import summarise
from echotrace.model.benchmark import ClipCondition, EngineInfo, RunItem
from echotrace.model.run_codec import dumps_comparison
from echotrace.stats.paired import Difference
from tests.fakes.reports import complete_report
from tests.fakes.runs import example_header, example_item, example_items, failed_item
from tests.fakes.simulated_runs import gaps, header, one_run, run_items, run_of, two_runs


def run(found, engines=("sphinx",), **changes):
    values = {"items": len(found)} | changes
    return summarise(example_header(engines=engines, **values), found)


def clips(count=30, *, more=0, engine="sphinx", prefix="", **changes):
    return [
        example_item(f"{prefix}clip-{at:03}", engine, words=12, edits=at % 3 + more, **changes)
        for at in range(count)
    ]


def compared(a, b, **options):
    return compare_runs(a, b, a_name="A", b_name="B", **options)


def figure(result, metric, subject=None):
    return next(
        each for each in result.figures if each.metric == metric and subject in (None, each.subject)
    )


def test_a_run_beside_itself_passes():
    a = run(example_items(), engines=("sphinx", "faster-whisper:tiny"))
    result = compared(a, a)
    assert result.outcome == "pass"
    assert (result.clips_in_both, result.only_in_a, result.only_in_b) == (60, 0, 0)
    assert {each.outcome for each in result.figures} == {"pass"}
    assert all(each.paired and each.improvement_probability == 0.5 for each in result.figures)
    assert result.moved == ()
    dumps_comparison(result)


def test_one_more_error_in_each_clip_is_a_regression_and_back_again_a_pass():
    a, b = run(clips()), run(clips(more=1))
    worse, better = compared(a, b), compared(b, a)
    wer = figure(worse, "wer")
    assert worse.outcome == wer.outcome == "regression"
    assert "WER of sphinx" in worse.reason
    assert (wer.paired, wer.n) == (True, 30)
    assert wer.difference.value == pytest.approx(1 / 12)
    assert wer.difference.low <= wer.difference.value <= wer.difference.high
    assert figure(better, "wer").outcome == "pass"
    assert "got better" in figure(better, "wer").reason


def test_the_clips_that_moved_begin_with_the_worst_and_hold_both_diffs():
    a, b = clips(40), clips(40)
    for at, edits in ((3, 9), (4, 0), (5, 7)):
        b[at] = example_item(a[at].clip, "sphinx", words=12, edits=edits)
    moved = compared(run(a), run(b)).moved
    assert [(each.clip, each.edits_a, each.edits_b) for each in moved] == [
        ("clip-003", 0, 9),
        ("clip-005", 2, 7),
        ("clip-004", 1, 0),
    ]
    assert (moved[0].diff_a, moved[0].diff_b) == (a[3].diff, b[3].diff)
    assert len(compared(run(clips(40)), run(clips(40, more=1))).moved) == 20


def test_other_recordings_under_the_same_names_are_no_pairs():
    result = compared(run(clips()), run(clips(sha256="0" * 64)))
    wer = figure(result, "wer")
    assert not wer.paired
    assert "30 clips of one name hold different recordings" in wer.reason
    assert result.moved == ()
    assert "NOT_PAIRED" in [each.code for each in result.warnings]
    assert (result.clips_in_both, result.only_in_a, result.only_in_b) == (0, 30, 30)


def test_only_clips_of_both_are_compared():
    """B has ten clips more that it all gets wrong: no reason to call it worse."""
    more = [example_item(f"new-{at}", "sphinx", words=12, edits=12) for at in range(10)]
    result = compared(run(clips()), run([*clips(), *more]))
    wer = figure(result, "wer")
    assert (wer.paired, wer.n, wer.difference.value) == (True, 30, 0.0)
    assert (result.outcome, result.clips_in_both, result.only_in_b) == ("pass", 30, 10)


def test_a_few_clips_in_common_do_not_make_pairs():
    b = [*clips(4), *clips(30, prefix="other-")]
    assert "only 4 clips in common" in figure(compared(run(clips()), run(b)), "wer").reason


def test_samples_under_different_conditions_say_nothing():
    noisy = clips(prefix="b-", condition=ClipCondition(noise="white", snr_db=5.0))
    wer = figure(compared(run(clips()), run(noisy)), "wer")
    assert wer.outcome == "not_enough_evidence"
    assert "different conditions" in wer.reason
    assert wer.difference.low is None


def test_other_references_or_rules_are_not_comparable():
    other = [
        replace(item, diff=tuple(replace(op, gold=("another",) * len(op.gold)) for op in item.diff))
        for item in clips()
    ]
    reason = figure(compared(run(clips()), run(other)), "wer").reason
    assert "30 clips were compared with another reference" in reason
    rules = [
        replace(item, normalizer=replace(item.normalizer, version="9")) for item in clips(more=3)
    ]
    result = compared(run(clips()), run(rules))
    assert "normalised in different ways" in figure(result, "wer").reason
    assert (result.outcome, result.moved) == ("not_enough_evidence", result.moved)
    assert figure(result, "hallucinated").outcome == "pass", "made-up words need no reference"


@pytest.mark.parametrize("count", [1, 9])
def test_too_few_clips_are_told_and_not_judged(count):
    wer = figure(compared(run(clips(count)), run(clips(count, more=3))), "wer")
    assert wer.outcome == "not_enough_evidence"
    assert f"{count} clip" in wer.reason
    assert "it takes 10" in wer.reason
    assert wer.difference.value > 0.0


def test_what_failed_in_b_cannot_pass():
    """The clips that an engine dies of may be those that it would have got wrong."""
    whole = clips()
    b = [*whole[2:], *(failed_item(item.clip) for item in whole[:2])]
    result = compared(run(whole), run(b))
    assert result.outcome == "not_enough_evidence"
    assert "2 clips have a result in A and failed in B" in figure(result, "wer").reason
    assert compared(run(b), run(whole)).outcome == "pass"
    stopped = compared(run(whole), run(whole[:20], items=30))
    assert "10 of its items are missing" in figure(stopped, "wer").reason


def test_two_engines_of_one_run_each_are_compared_with_each_other():
    result = compared(run(clips()), run(clips(more=2, engine="whisper"), engines=("whisper",)))
    wer = figure(result, "wer")
    assert (wer.subject, wer.paired, wer.outcome) == ("sphinx -> whisper", True, "regression")
    assert result.moved[0].subject == "sphinx -> whisper"


def test_engines_in_one_run_only_are_told_and_left_out():
    both = run([*clips(), *clips(engine="x")], engines=("sphinx", "x"))
    result = compared(both, run(clips()))
    assert {each.subject for each in result.figures} == {"sphinx"}
    assert "x (only in A)" in result.warnings[0].message
    none = compared(both, run(clips(engine="y"), engines=("y",)))
    assert none.outcome == "not_enough_evidence"
    assert "no engine is in both" in none.warnings[0].message


def test_estimates_decide_nothing():
    doubted = run(clips(more=3, doubt="sphinx stood in"))
    wer = figure(compared(run(clips()), doubted), "wer")
    assert wer.outcome == "not_enough_evidence"
    assert "B is estimated: sphinx stood in" in wer.reason


def test_repeats_are_one_clip():
    a = [replace(item, repeat=turn) for item in clips() for turn in (1, 2, 3)]
    wer = figure(compared(run(a, repeat=3), run(clips(more=1))), "wer")
    assert (wer.n, wer.paired) == (30, True)
    assert wer.difference.value == pytest.approx(1 / 12)


def test_times_and_prices_are_shown_and_decide_nothing():
    slow = [replace(item, inference_ms=9e5, cost_usd=1.0) for item in clips()]
    cheap = [replace(item, cost_usd=0.1) for item in clips()]
    result = compared(run(cheap), run(slow))
    assert figure(result, "rtf").outcome == "regression"
    assert figure(result, "cost").outcome == "regression"
    assert "decides nothing" in figure(result, "rtf").reason
    assert result.outcome == "pass"
    shared = compared(run(cheap, settings={"jobs": 4}), run(slow))
    assert "4 and 1 workers shared" in figure(shared, "rtf").reason


def simulated(seed, *, factor=1.0, calls=30):
    rng = np.random.default_rng(seed)
    rows = one_run(rng, calls, 0.1, "beta 5", "even")
    waits = gaps(np.random.default_rng(5), calls)
    slower = [[gap * factor for gap in each] for each in waits]
    return run_of(run_items(rng, rows, gaps_of=slower))


def test_waits_of_calls_are_compared_by_call():
    result = compared(simulated(1), simulated(1, factor=1.5))
    median, tail = figure(result, "heard.p50"), figure(result, "heard.p95")
    assert (median.subject, median.n, median.paired) == ("calls", 30, True)
    assert median.outcome == tail.outcome == result.outcome == "regression"
    assert median.difference.value == pytest.approx(0.5 * median.a.value, rel=1e-3)
    assert figure(compared(simulated(1), simulated(1)), "heard.p95").outcome == "pass"


def test_few_calls_are_not_judged():
    few = compared(simulated(1, calls=6), simulated(1, factor=2.0, calls=6))
    assert "6 calls are too few" in figure(few, "heard.p50").reason


def probes(base, count=30, **changes):
    times = tuple(base + 10.0 * (at % 5) for at in range(count))
    return run(
        [RunItem(clip="", engine="m", kind="llm", ttft_ms=times, **changes)], engines=(), llm=("m",)
    )


def test_models_are_compared_by_their_requests():
    slower = compared(probes(400.0), probes(900.0))
    assert figure(slower, "ttft.p50").outcome == "regression"
    assert slower.outcome == "not_enough_evidence", "nothing in it decides"
    mock = compared(probes(400.0), probes(900.0, simulated=True))
    assert "simulated" in figure(mock, "ttft.p50").reason
    assert figure(mock, "ttft.p50").outcome == "not_enough_evidence"


def test_what_is_not_the_same_in_both_is_told():
    a, b = run(clips()), run(clips())
    changed = replace(
        b,
        header=replace(
            b.header,
            engines=(EngineInfo(name="sphinx", identity={"version": "2"}),),
            tool=replace(b.header.tool, version="9.9"),
        ),
    )
    codes = [each.code for each in compared(a, changed).warnings]
    assert codes == ["ENGINE_CHANGED", "TOOL_CHANGED"]


def difference(low, value, high, chance=0.5):
    return Difference(
        value=value, low=low, high=high, improvement=0.5, chance=chance, detectable=0.1, how=""
    )


@pytest.mark.parametrize(
    ("low", "value", "high", "chance", "outcome"),
    [
        (0.02, 0.05, 0.08, 0.001, "regression"),
        (0.02, 0.05, 0.08, 0.2, "not_enough_evidence"),
        (-0.02, 0.05, 0.08, 0.02, "not_enough_evidence"),
        (-0.02, 0.00, 0.015, 0.5, "pass"),
        (0.001, 0.005, 0.015, 0.001, "pass"),
        (-0.09, -0.05, -0.01, 1.0, "pass"),
        (-0.09, -0.02, 0.05, 0.9, "not_enough_evidence"),
    ],
)
def test_an_outcome_needs_the_interval_and_the_chance(low, value, high, chance, outcome):
    """Of a WER of 20 % a tenth is 2 points."""
    found = difference(low, value, high, chance)
    assert judge(METRICS["wer"], 0.2, found, 0.1)[0] == outcome
    mirrored = difference(-high, -value, -low, chance)
    assert judge(METRICS["entity_recall"], 0.8, mirrored, 0.1)[0] == outcome


def test_without_a_tolerance_any_sure_loss_is_a_regression():
    found = difference(0.011, 0.012, 0.013, 0.001)
    assert judge(METRICS["wer"], 0.2, found, 0.1)[0] == "pass"
    assert judge(METRICS["wer"], 0.2, found, 0.0)[0] == "regression"


def test_the_tolerance_is_a_share_but_never_less_than_the_floor():
    assert margin(METRICS["wer"], 0.5, 0.1) == pytest.approx(0.05)
    assert margin(METRICS["wer"], 0.0, 0.1) == 0.01
    assert margin(METRICS["entity_recall"], 0.5, 0.1) == pytest.approx(0.05), "of what is missed"
    assert margin(METRICS["heard.p95"], 2000.0, 0.1) == 200.0


def judged(metric, outcome, chance):
    return Judged(metric=METRICS[metric], subject="x", outcome=outcome, reason="why", chance=chance)


def test_the_more_figures_are_looked_at_the_surer_one_must_be():
    alone = [judged("wer", "regression", 0.02)]
    others = [judged("heard.p50", "pass", 0.5)] * 4
    assert overall(alone)[0] == "regression"
    outcome, reason = overall([*alone, *others])
    assert outcome == "not_enough_evidence"
    assert "chance makes one of 5 figures look so" in reason
    assert overall([judged("wer", "regression", 0.009), *others])[0] == "regression"


def test_every_figure_that_decides_must_pass():
    passed = judged("wer", "pass", 0.5)
    assert overall([passed, judged("rtf", "regression", 0.001)])[0] == "pass"
    assert overall([passed, judged("entity_recall", "not_enough_evidence", None)])[0] == (
        "not_enough_evidence"
    )
    assert overall([])[0] == "not_enough_evidence"


def test_a_small_simulated_change_is_no_regression_and_a_large_one_is():
    rng = np.random.default_rng(3)
    a, b = two_runs(rng, 50, 0.1, "gamma 1", "even", paired=True, factor=2.5)
    runs = [run_of(run_items(np.random.default_rng(1), rows)) for rows in (a, b)]
    assert figure(compared(*runs), "wer").outcome == "regression"
    assert header(3).items == 3


def long_report(edits, *, gap=700.0):
    """A report of 240 words, so many of them wrong, and of 24 turns."""
    report = complete_report()
    item = example_item("x", "sphinx", words=240, edits=edits)
    words = replace(
        report.transcription,
        gold=" ".join(word for op in item.diff for word in op.gold),
        diff=item.diff,
        counts=item.counts,
        wer=replace(report.transcription.wer, value=edits / 240),
    )
    return replace(report, transcription=words, conversation=None)


def test_two_reports_are_compared_by_stretches_of_words():
    result = compare_reports(long_report(10), long_report(200), a_name="a", b_name="b")
    wer = figure(result, "wer")
    assert (wer.paired, wer.n, wer.outcome) == (True, 20, "regression")
    assert wer.difference.value == pytest.approx(190 / 240)
    same = compare_reports(long_report(10), long_report(10), a_name="a", b_name="b")
    assert same.outcome == "pass"


def test_reports_against_other_texts_are_shown_side_by_side():
    a, b = long_report(10), long_report(10)
    other = replace(b, transcription=replace(b.transcription, gold="something else", diff=()))
    result = compare_reports(a, other, a_name="a", b_name="b")
    wer = figure(result, "wer")
    assert wer.outcome == result.outcome == "not_enough_evidence"
    assert "different gold texts" in wer.reason
    assert "CONDITIONS_DIFFER" in [each.code for each in result.warnings]


def test_figures_that_a_recording_has_once_decide_nothing():
    result = compare_reports(complete_report(), complete_report(), a_name="a", b_name="b")
    assert "says nothing of chance" in figure(result, "rtf").reason
    dumps_comparison(result)


def test_texts_are_counted_where_each_stands_under_several_conditions():
    """As in ``n`` of the WER itself: 24 clips of 12 texts say what 12 do."""
    noisy = ClipCondition(noise="white", snr_db=20.0)

    def items(more):
        return [
            example_item(f"{at}-{of.label}", "sphinx", of, words=8 + at, edits=at % 3 + more)
            for at in range(12)
            for of in (ClipCondition(), noisy)
        ]

    wer = figure(compared(run(items(0)), run(items(1))), "wer")
    assert (wer.n, wer.difference.n, wer.a.n) == (12, 12, 12)
    assert "over 12 texts" in wer.difference.method


def test_two_clips_that_came_out_the_same_pass_and_say_so():
    result = compared(run(clips(2)), run(clips(2)))
    assert result.outcome == "pass"
    assert result.reason == "nothing changed: every clip came out the same"
    changed = compared(run(clips(1)), run(clips(1, more=1)))
    assert "1 clip is too few" in figure(changed, "wer").reason


def test_a_run_that_failed_is_not_said_to_lack_references():
    failed = [failed_item(f"clip-{at:03}", "sphinx") for at in range(30)]
    wer = figure(compared(run(clips()), run(failed)), "wer")
    assert wer.outcome == "not_enough_evidence"
    assert wer.reason.startswith("B has none: no clip has a result")
