"""The figures of a run: what is pooled, what is counted once, and what is not told."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.benchmark.summary import summarise
from echotrace.benchmark.worst import MOST
from echotrace.model.benchmark import ClipCondition, EngineInfo, RunItem, SkippedFile
from echotrace.model.measure import Measurement, RunStatus, Status
from echotrace.model.run_codec import dumps_run, loads_run
from tests.fakes.runs import (
    CONDITIONS,
    ENGINES,
    example_header,
    example_item,
    example_items,
    failed_item,
)


def run_of(*found, engines=("sphinx",), llm=(), **changes):
    values = {"items": len(found)} | changes
    return summarise(example_header(engines=engines, llm=llm, **values), found)


def items(count, *, edits=1, words=10, **changes):
    return [
        example_item(f"clip-{at}", "sphinx", words=words + at % 3, edits=edits, **changes)
        for at in range(count)
    ]


def test_cells_of_each_engine_are_all_clips_first_then_clean_then_noise_falling():
    run = summarise(example_header(), example_items())
    assert [each.engine for each in run.cells] == [ENGINES[0]] * 6 + [ENGINES[1]] * 6
    labels = [each.condition and each.condition.label for each in run.cells[:6]]
    assert labels == [None, "clean", "mulaw", "white 20 dB", "white 10 dB", "white 5 dB"]
    assert [each.clips for each in run.cells[:6]] == [60, 12, 12, 12, 12, 12]
    assert (run.status, run.missing) == (RunStatus.COMPLETE, 0)
    assert loads_run(dumps_run(run)) == run


def test_error_rates_are_pooled_over_clips():
    run = run_of(
        example_item("a", "sphinx", words=1, edits=1), example_item("b", "sphinx", words=9, edits=0)
    )
    wer = run.cells[0].wer
    assert (wer.value, wer.n, wer.low) == (0.1, 2, None)
    assert run.cells[0].entity_recall.value == 0.75
    assert [each.code for each in run.warnings] == ["FEW_CLIPS"]


def test_repeats_are_pooled_but_a_clip_is_drawn_whole():
    once = items(12, edits=2, true_snr_db=40.0)
    thrice = [replace(item, repeat=turn) for item in once for turn in (1, 2, 3)]
    one, other = run_of(*once).cells[0], run_of(*thrice, repeat=3).cells[0]
    assert (one.wer.value, one.wer.low, one.wer.high) == pytest.approx(
        (other.wer.value, other.wer.low, other.wer.high), rel=0.2
    )
    assert other.wer.n == one.wer.n == other.clips == 12
    assert other.snr_error_db.n == 12
    assert other.entity_recall.n == 72


def test_one_text_under_several_conditions_is_one_unit():
    """A text that is hard to hear is hard in any noise: 60 clips of 12 texts say what 12 do."""
    conditions = CONDITIONS
    crossed = [
        example_item(f"{at}-{label}", "sphinx", condition, words=8 + at, edits=at % 4)
        for at in range(12)
        for label, condition in enumerate(conditions)
    ]
    wer = run_of(*crossed).cells[0].wer
    assert wer.n == 12
    assert "over 12 texts" in wer.method
    alike = [replace(item, condition=ClipCondition()) for item in crossed]
    assert run_of(*alike).cells[0].wer.n == 60, "many voices with one sentence are many clips"


def test_failed_items_are_counted_and_enter_no_figure():
    run = run_of(*items(12), failed_item("broken"))
    cell = run.cells[0]
    assert (cell.clips, cell.failed, cell.wer.n) == (13, 1, 12)
    assert run.status is RunStatus.PARTIAL
    assert "1 of 13 items failed (NO_AUDIO 1)" in run.warnings[0].message


def test_a_run_without_any_result_is_failed_and_says_why_everywhere():
    run = run_of(failed_item("a"), failed_item("b"))
    cell = run.cells[0]
    assert run.status is RunStatus.FAILED
    for figure in (
        cell.wer,
        cell.entity_recall,
        cell.rtf,
        cell.snr_error_db,
        cell.heard_gap_ms.p50,
    ):
        assert figure.status is Status.UNAVAILABLE
        assert "all 2 items failed" in figure.reason
    assert run.worst == run.frontiers == ()


def test_what_was_never_written_is_missing():
    run = run_of(*items(3), items=10)
    assert (run.missing, run.status) == (7, RunStatus.PARTIAL)
    assert "7 of 10 items are missing" in run.warnings[0].message
    nothing = summarise(example_header(), ())
    assert nothing.status is RunStatus.FAILED
    assert [each.wer.status for each in nothing.cells] == [Status.NOT_RUN] * 2


def test_an_item_that_was_written_twice_counts_once_and_the_last_one_holds():
    first, second = failed_item("clip-0"), example_item("clip-0", "sphinx", words=10, edits=3)
    run = run_of(first, second, items=1)
    assert run.items == (second,)
    assert (run.cells[0].wer.value, run.status, run.missing) == (0.3, RunStatus.COMPLETE, 0)


def test_a_doubt_makes_rates_estimates():
    doubt = "sphinx stood in for an engine that is not installed"
    by_item = run_of(*items(12, doubt=doubt))
    by_engine = summarise(
        replace(example_header(items=12), engines=(EngineInfo(name="sphinx", doubt=doubt),)),
        items(12),
    )
    for run in (by_item, by_engine):
        assert run.cells[0].wer.status is run.cells[0].entity_recall.status is Status.ESTIMATED
        assert run.cells[0].wer.reason == doubt
        assert any(doubt in each.message for each in run.warnings)


def test_the_snr_error_is_of_clips_whose_truth_is_known():
    off = [
        example_item(
            f"c{at}",
            "sphinx",
            snr_db=Measurement.measured(10.0 + (-1) ** at * 2.0, "dB"),
            true_snr_db=10.0,
        )
        for at in range(12)
    ]
    lost = example_item(
        "lost", "sphinx", snr_db=Measurement.not_measurable("dB", "gated"), true_snr_db=10.0
    )
    unknown = example_item("unknown", "sphinx", true_snr_db=None)
    cell = run_of(*off, lost, unknown).cells[0]
    assert (cell.snr_error_db.value, cell.snr_error_db.n) == (2.0, 12)
    assert cell.snr_bias_db.value == 0.0
    assert cell.snr_bias_db.low < 0.0 < cell.snr_bias_db.high
    assert "1 more could not be measured" in cell.snr_error_db.method
    assert run_of(unknown).cells[0].snr_error_db.status is Status.NOT_MEASURABLE
    assert run_of(lost).cells[0].snr_error_db.reason == "gated"


def test_turns_of_calls_are_counted_once_whatever_the_repeats():
    calls = [
        example_item(
            f"call-{at}",
            "sphinx",
            is_call=True,
            repeat=turn,
            heard_gaps_ms=(500.0 + at, 700.0 + at),
            turns_unmeasured=1,
            missed_responses=at % 2,
        )
        for at in range(10)
        for turn in (1, 2)
    ]
    cell = run_of(*calls, repeat=2).cells[0]
    assert (cell.heard_gap_ms.n, cell.heard_gap_ms.not_measured) == (20, 10)
    assert cell.heard_gap_ms.worst.value == 709.0
    assert cell.heard_gap_ms.p95.value is not None
    assert cell.missed_responses.value == 5
    none = run_of(*items(3)).cells[0]
    assert none.heard_gap_ms.p50.reason == none.missed_responses.reason
    assert "no clip is a call" in none.missed_responses.reason


def test_times_from_the_cache_are_not_those_of_this_run():
    spent = example_item("a", "sphinx", words=10, inference_ms=1000.0, audio_s=10.0)
    old = example_item("b", "sphinx", words=10, inference_ms=9000.0, audio_s=10.0, cached=True)
    assert run_of(spent, old).cells[0].rtf.value == 0.1
    assert "PARTLY_CACHED" in [each.code for each in run_of(spent, old).warnings]
    assert "cache" in run_of(old).cells[0].rtf.reason


def test_what_it_cost_and_what_the_price_leaves_out():
    paid = [example_item(f"c{at}", "sphinx", cost_usd=0.1) for at in range(3)]
    assert run_of(*paid).cells[0].cost_usd.value == pytest.approx(0.3)
    partly = replace(paid[0], cost_leaves_out=("the price of model x",))
    lower = run_of(partly, *paid[1:]).cells[0].cost_usd
    assert (lower.status, lower.value) == (Status.ESTIMATED, pytest.approx(0.3))
    assert "the price of model x" in lower.reason
    assert run_of(*items(2)).cells[0].cost_usd.status is Status.NOT_RUN


def test_words_made_up_are_summed_and_none_looked_for_is_not_none_found():
    found = run_of(*(replace(item, hallucinated_words=2) for item in items(4))).cells[0]
    assert (found.hallucinated_words.value, found.hallucinated_words.n) == (8.0, 4)
    unknown = run_of(*(replace(item, hallucinated_words=None) for item in items(4))).cells[0]
    assert unknown.hallucinated_words.value is None


def test_without_a_reference_there_is_no_rate_and_the_items_say_why():
    silent = items(3, counts=None, why_no_wer="no reference: put what is said into clip.txt")
    wer = run_of(*silent).cells[0].wer
    assert (wer.status, wer.reason) == (Status.NOT_MEASURABLE, silent[0].why_no_wer)


def test_models_are_told_apart_and_a_simulated_one_stays_simulated():
    probe = RunItem(clip="", engine="mock", kind="llm", ttft_ms=(300.0,) * 6, simulated=True)
    lost = RunItem(clip="", engine="mock", kind="llm", repeat=2, ttft_not_measured=3)
    run = run_of(probe, lost, engines=(), llm=("mock", "unasked"))
    mock, unasked = run.llm_cells
    assert (mock.ttft_ms.n, mock.ttft_ms.not_measured, mock.simulated) == (6, 3, True)
    assert mock.ttft_ms.p50.status is Status.SIMULATED
    assert unasked.ttft_ms.p50.status is Status.NOT_RUN
    assert run.cells == ()
    down = replace(probe, status="failed", error=failed_item().error, ttft_ms=())
    assert run_of(down, engines=(), llm=("mock",)).llm_cells[0].ttft_ms.p50.status is (
        Status.UNAVAILABLE
    )


def test_the_worst_are_those_with_most_errors_above_the_average_and_calls_in_turn():
    clips = [example_item(f"c{at:02}", "sphinx", words=10, edits=at % 5) for at in range(30)]
    short = example_item("one-word", "sphinx", words=1, edits=1)
    long = example_item("long", "sphinx", words=100, edits=18)
    run = run_of(*clips, short, long)
    assert len(run.worst) <= MOST
    assert run.worst[0].clip == "c04"
    assert (run.worst[0].edits, run.worst[0].words, run.worst[0].wer) == (4, 10, 0.4)
    assert "long" not in [each.clip for each in run.worst], "18 of 100 is below the average"
    assert "more than the engine's average" in run.worst[0].why
    fewer = run_of(*(example_item(f"c{at}", "sphinx", words=4, edits=4 + 4 * at) for at in (0, 1)))
    assert [each.why[:15] for each in fewer.worst] == ["2.0 errors more", "2.0 errors fewe"]
    call = example_item("call", "sphinx", edits=0, is_call=True, heard_gaps_ms=(400.0, 2600.0))
    assert [each.clip for each in run_of(*clips, call).worst[:2]] == ["call", "c04"]
    assert run_of(*items(5, edits=0)).worst == ()


def test_files_that_were_skipped_and_mixed_rules_are_told():
    run = run_of(*items(12), skipped=(SkippedFile(path="notes.txt", reason="no audio"),))
    assert "notes.txt: no audio" in run.warnings[0].message
    other = replace(items(1)[0], clip="x", normalizer=None)
    named = replace(items(1)[0].normalizer, version="2")
    mixed = run_of(*items(12), replace(other, normalizer=named))
    assert "NORMALIZERS_MIXED" in [each.code for each in mixed.warnings]


def test_a_loss_of_0_is_none():
    clean = example_item("a", "sphinx", ClipCondition())
    nil = example_item("b", "sphinx", ClipCondition(packet_loss_percent=0.0, reverb_s=0.0))
    assert len(run_of(clean, nil).cells) == 2


@settings(max_examples=6)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_lines_changes_no_figure(rng):
    lines = [*example_items(clips=3, llm=("m",)), failed_item()]
    header = example_header(clips=3, llm=("m",))
    one = summarise(header, lines)
    rng.shuffle(lines)
    other = summarise(header, lines)
    assert (one.cells, one.frontiers, one.worst) == (other.cells, other.frontiers, other.worst)
    assert (one.llm_cells, one.warnings) == (other.llm_cells, other.warnings)


def test_few_texts_are_few_however_many_conditions_they_stand_under():
    noisy = ClipCondition(noise="white", snr_db=20.0)
    found = [
        example_item(f"{at}-{of.label}", "sphinx", of, words=8 + at, edits=1)
        for at in range(6)
        for of in (ClipCondition(), noisy)
    ]
    run = run_of(*found)
    assert run.cells[0].wer.low is None
    assert [each.message for each in run.warnings] == [
        "sphinx: 6 texts with a reference are too few for an interval"
    ]


def test_words_of_clips_that_no_engine_was_asked_about_are_told():
    heard = items(12)
    unheard = replace(
        heard[0],
        counts=replace(
            heard[0].counts, hypothesis_words=0, hits=0, substitutions=0, deletions=10, insertions=0
        ),
        inference_ms=None,
        audio_s=None,
    )
    told = [each.message for each in run_of(unheard, *heard[1:]).warnings]
    assert any("no speech was found for 1 of 12 transcripts" in each for each in told)
    assert not run_of(*heard).warnings
