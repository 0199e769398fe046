"""What each block must say, whatever it looks like."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from echotrace.model.measure import Finding, Measurement, Severity
from echotrace.model.report import DiffOp, SpanRecord
from echotrace.render.console import render_console
from echotrace.render.console.tree import rows_of
from tests.fakes.reports import (
    HOSTILE,
    SAMPLES,
    complete_report,
    hostile_report,
    long_report,
    minimal_report,
    mock_report,
    partial_report,
    unreadable_report,
)


def block(shown, title):
    """Return one block's text: from its heading to the next empty line before a heading."""
    found = re.search(rf"^{title} ?─.*?(?=\n\n\S+.* ?─|\Z)", shown, re.MULTILINE | re.DOTALL)
    assert found, f"no block {title}"
    return found.group()


def with_diff(*ops):
    whole = complete_report()
    assert whole.transcription is not None
    changed = replace(whole.transcription, diff=ops, gold_engine_transcript=None)
    return replace(whole, transcription=changed)


def span(number, parent=None, start_ms=0.0, duration_ms=10.0, **changes):
    plain = SpanRecord(
        id=number,
        name=f"span{number}",
        parent=None,
        parent_id=parent,
        start_ms=start_ms,
        duration_ms=duration_ms,
        cpu_ms=None,
        status="ok",
    )
    return replace(plain, **changes)


def with_spans(*spans):
    whole = complete_report()
    assert whole.latency is not None
    return replace(whole, latency=replace(whole.latency, spans=spans))


def test_score_shows_value_grade_and_every_deduction():
    shown = render_console(complete_report())
    assert "75 / 100  WARNING" in shown
    assert re.search(r"-10 +snr_db +14\.2 dB +noisy", shown)
    assert re.search(r"-15 +wer +8\.3 % +degraded", shown)


def test_partial_score_lists_what_was_not_scored_and_why():
    shown = render_console(partial_report())
    assert "90 / 100  HEALTHY  partial" in shown
    assert "ttft_ms  unavailable: api.groq.com answered 429" in shown


def test_a_score_that_could_not_be_had_is_no_number():
    shown = render_console(minimal_report())
    assert "n/a / 100  NOT MEASURABLE" in shown
    assert "0 / 100" not in shown.replace("n/a / 100", "")


def test_status_words_are_text():
    for name, word in (("complete", "COMPLETE"), ("partial", "PARTIAL"), ("failed", "FAILED")):
        assert re.search(rf"^  status +{word}$", render_console(SAMPLES[name]()), re.MULTILINE)


def test_synthetic_audio_is_labelled():
    assert "SYNTHETIC" in render_console(mock_report())
    assert "SYNTHETIC" not in render_console(complete_report())


def test_parts_that_did_not_run_say_so():
    shown = render_console(minimal_report())
    for title in ("Conversation", "Signal", "Transcription", "LLM probe"):
        assert re.search(rf"^{title} ─+ not run$", shown, re.MULTILINE)
    assert re.search(r"^Warnings ─+ none$", shown, re.MULTILINE)
    assert "Gates" not in shown


def test_a_stage_that_failed_gives_its_reason_in_its_place():
    shown = render_console(SAMPLES["failed"]())
    assert "the model folder holds no model.bin" in block(shown, "Transcription")
    assert re.search(r"^Transcription ─+ unavailable$", shown, re.MULTILINE)


def test_unreadable_file_shows_only_what_is_known():
    shown = render_console(unreadable_report())
    assert re.search(r"^  audio +unknown$", shown, re.MULTILINE)
    assert "0.00 s" not in shown
    assert "CRITICAL  EMPTY_FILE" in shown


def test_every_simulated_figure_is_labelled():
    shown = block(render_console(mock_report(), width=120), "LLM probe")
    figures = [line for line in shown.splitlines() if re.search(r"\d ms|tokens/s", line)]
    assert len(figures) == 4
    assert all("[MOCK]" in line for line in figures)
    assert "[MOCK]" not in render_console(complete_report())


def test_a_figure_of_a_mock_is_labelled_even_when_its_status_is_not():
    whole = mock_report()
    assert whole.probes is not None
    assert whole.probes.llm is not None
    probe = replace(whole.probes.llm, total_ms=Measurement.measured(1910.0, "ms"))
    shown = render_console(replace(whole, probes=replace(whole.probes, llm=probe)))
    assert "[MOCK] 1,910 ms" in shown


def test_p99_of_few_samples_says_that_it_is_their_maximum():
    assert re.search(r"P99 +455 ms .*max of n=5, estimated", render_console(complete_report()))
    assert re.search(
        r"P99 +\[MOCK\] 1,240 ms .*max of n=1, simulated", render_console(mock_report())
    )


def test_what_was_not_measured_reads_na_with_its_reason():
    shown = block(render_console(partial_report()), "LLM probe")
    assert re.search(r"TTFT +n/a +unavailable: api\.groq\.com answered 429", shown)
    assert " 0 ms" not in shown


def test_transcript_diff_marks_each_kind_without_colour():
    shown = render_console(complete_report(), width=120)
    assert (
        "Gold:    i am going to cancel my [comprehensive] credit card        insurance [-please-]"
        in shown
    )
    assert "Actual:  i am going to cancel my [compassion]    credit card [+uh+] insurance" in shown
    assert '"comprehensive" -> "compassion"\n' in shown
    assert re.search(r'missed +"please"', shown)
    assert re.search(r'added +"uh"', shown)


def test_repeated_substitutions_are_counted():
    swap = DiffOp(op="substitute", gold=("their",), actual=("there",))
    shown = render_console(with_diff(swap, DiffOp(op="equal", gold=("a",), actual=("a",)), swap))
    assert '"their" -> "there" (2 times)' in shown


def test_columns_of_the_diff_stay_in_step_with_wide_characters():
    shown = render_console(
        with_diff(
            DiffOp(op="substitute", gold=("中文",), actual=("a",)),
            DiffOp(op="equal", gold=("end",), actual=("end",)),
        )
    )
    gold, actual = (
        next(line for line in shown.splitlines() if line.startswith(f"  {side}"))
        for side in ("Gold:", "Actual:")
    )
    assert cell_len(gold[: gold.index("end")]) == cell_len(actual[: actual.index("end")])


def test_a_long_transcript_is_cut_to_its_errors_and_counts_what_it_leaves_out():
    shown = render_console(long_report())
    body = block(shown, "Transcription")
    assert len(body.splitlines()) < 70
    for wrong in ("[word100]", "[ward]", "[-word5000-]", "[+uh+]", "[word19999]", "[bye]"):
        assert wrong in body
    assert "19,966 of 20,001 aligned words are left out above" in body
    gaps = [int(found.replace(",", "")) for found in re.findall(r"…\(([\d,]+) words\)…", body)]
    upper = gaps[:1] + gaps[2:3] + gaps[4:5]
    assert sum(upper) == 19_966


def test_a_transcript_full_of_errors_is_cut_too():
    said, heard = tuple(f"a{n}" for n in range(20_000)), tuple(f"b{n}" for n in range(20_000))
    shown = render_console(with_diff(DiffOp(op="substitute", gold=said, actual=heard)))
    assert len(shown.splitlines()) < 250
    assert re.search(
        r"19,\d\d\d of 20,000 aligned words are left out above, with\s+19,\d\d\d more", shown
    )
    assert "and 19,988 more" in shown


def test_gold_engine_stands_beside_a_reference_but_is_not_told_twice():
    assert "Gold engine: I'm going" in render_console(complete_report())
    whole = complete_report()
    assert whole.transcription is not None
    same = replace(whole.transcription, gold=whole.transcription.gold_engine_transcript)
    assert "Gold engine:" not in render_console(replace(whole, transcription=same))


def test_waterfall_nests_and_marks_slow_simulated_and_failed():
    shown = block(render_console(mock_report()), "Waterfall")
    assert re.search(r"^    stt_audit .*█.*<- SLOW$", shown, re.MULTILINE)
    assert re.search(r"^      first_token .*\u2571{2}.*\[MOCK\]$", shown, re.MULTILINE)
    assert re.search(r"bottleneck +stt_audit", shown)
    assert re.search(r"llm_ttft .*\u2573{2}.*FAILED", render_console(partial_report()))


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_bars_share_one_time_axis(width):
    spans = (span(1, None, 0.0, 1000.0), span(2, 1, 0.0, 500.0), span(3, 1, 500.0, 500.0))
    shown = render_console(with_spans(*spans), width=width)
    whole, first, second = (
        next(line for line in shown.splitlines() if f"span{number} " in line)
        for number in (1, 2, 3)
    )
    assert whole.index("█") == first.index("█")
    assert abs(second.index("█") - (first.rindex("█") + 1)) <= 1
    assert whole.rindex("█") == second.rindex("█")
    assert abs(first.count("█") - second.count("█")) <= 1


def test_flags_keep_their_words_at_forty_columns():
    shown = render_console(mock_report(), width=40)
    assert "<- SLOW" in shown
    assert "<- SLOW [MOCK]" in shown


def test_lost_parents_and_circles_lose_no_span():
    spans = (span(1, 99), span(2, 3), span(3, 2), span(4, 4), span(5, 2))
    rows, hidden = rows_of(spans, 60)
    assert sorted(row.span.id for row in rows) == [1, 2, 3, 4, 5]
    assert hidden == 0


def test_of_very_many_spans_the_longest_are_shown():
    spans = tuple(span(number, None, 0.0, float(number)) for number in range(1, 501))
    shown = render_console(with_spans(*spans))
    assert "440 shorter spans are not shown" in shown
    assert "span500 " in shown
    assert "span1 " not in shown


def test_warnings_come_worst_first_with_hint_and_time():
    shown = render_console(complete_report())
    places = [
        shown.index(word)
        for word in ("CRITICAL  CLIPPING at 0:12.30", "WARNING   DAMAGED", "INFO ")
    ]
    assert places == sorted(places)
    assert "try: lower the gain" in shown


def test_gates_show_their_outcomes_in_words():
    shown = block(render_console(complete_report()), "Gates")
    assert re.search(r"PASS +wer > 0\.10 +value 0\.083", shown)
    assert re.search(r"FAIL +snr < 15", shown)
    assert re.search(r"NOT ENOUGH EVIDENCE +heard\.p95 > 1500", shown)


def test_contributed_analyzers_have_a_block():
    shown = render_console(partial_report())
    assert re.search(r"^Analyzer politeness ─+ ok$", shown, re.MULTILINE)
    assert "tone.words  please, thanks" in shown
    assert re.search(r"^Analyzer compliance ─+ unavailable$", shown, re.MULTILINE)


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_hostile_strings_stay_data(width, color):
    shown = render_console(hostile_report(), width=width, color=color)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert plain.replace("\n", "").isprintable()
    assert "\\x1b" in plain
    assert "\\u202e" in plain
    assert ":smile:" in plain
    assert "[/]" in plain
    if color:
        allowed = {"0", "1", "2", "31", "32", "33", "35", "36"}
        assert {
            code for run in re.findall(r"\x1b\[([0-9;]*)m", shown) for code in run.split(";")
        } <= allowed


def test_a_very_long_name_is_cut_in_its_middle():
    whole = complete_report()
    path = "start-" + "x" * 5_000 + "-end.wav"
    shown = render_console(replace(whole, source=replace(whole.source, path=path)))
    assert "start-" in shown
    assert "-end.wav" in shown
    assert len(shown.splitlines()) == len(render_console(whole).splitlines()) + 1


def test_environment_does_not_change_the_text(monkeypatch):
    plain = render_console(complete_report())
    for name, value in (
        ("COLUMNS", "33"),
        ("FORCE_COLOR", "1"),
        ("TTY_COMPATIBLE", "1"),
        ("TERM", "dumb"),
    ):
        monkeypatch.setenv(name, value)
    assert render_console(complete_report()) == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" in render_console(complete_report(), color=True)


def test_hint_of_a_hostile_finding_cannot_forge_a_line():
    finding = Finding(
        code="X", severity=Severity.INFO, message="a\n\n  CRITICAL  FORGED", hint=HOSTILE
    )
    shown = render_console(replace(minimal_report(), warnings=(finding,)))
    assert not re.search(r"^  CRITICAL", shown, re.MULTILINE)
