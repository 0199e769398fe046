"""What the report says of an STT audit: errors under their causes, entities, made-up words."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from echotrace.model.measure import Measurement
from echotrace.model.report import Cause, CauseCount, WordError
from echotrace.providers.stt.streaming_summary import not_streamed
from echotrace.render.console import render_console
from echotrace.render.console.errors import worst_first
from tests.fakes.audit_reports import (
    AUDITS,
    audited_call_report,
    audited_report,
    faultless_report,
    hostile_audit_report,
    many_errors_report,
    silent_report,
    unreferenced_report,
    wide_report,
)
from tests.fakes.reports import complete_report


def shown(report, width=120, **options):
    """Return the block of the transcription with all its parts."""
    whole = render_console(report, width=width, **options)
    found = re.search(r"^Transcription [─-].*?(?=\n\n\S+.* [─-]{3})", whole, re.S | re.M)
    assert found, whole
    return found.group()


def unwrapped(report):
    """Return the same with every run of white space as one space."""
    return " ".join(shown(report).split())


def changed(report, **fields):
    return replace(report, transcription=replace(report.transcription, **fields))


def error(kind="low_snr", strength="strong", **fields):
    plain = {"op": "substitute", "gold": "a", "actual": "b", "message": "a was heard as b"}
    cause = Cause(kind=kind, strength=strength, evidence="found")
    return WordError(**(plain | {"causes": (cause,), "start_s": 1.0, "place": "word"} | fields))


def test_an_error_is_one_line_with_time_words_evidence_and_strength():
    line = '0:02.8  "comprehensive" -> "compassion"  local SNR 4 dB (clip 14 dB), strong'
    assert line in shown(audited_report())


def test_a_missed_and_an_added_word_say_which_they_are():
    text = shown(audited_report())
    assert re.search(r'~0:06\.0  "not" missed  +local SNR 7 dB', text)
    assert re.search(r'0:12\.5  "for" added  +no speech there', text)


def test_errors_stand_under_their_first_cause_the_commonest_first_in_time_order():
    text = shown(audited_report())
    part = text[text.index("Misheard") : text.index("Gold engine")]
    heads = re.findall(r"^  (\S[^:\n]*): (\d+) errors?", part, re.M)
    assert heads == [
        ("low SNR", "3"),
        ("no speech", "2"),
        ("talk-over", "1"),
        ("model", "1"),
        ("unknown", "1"),
    ]
    low = part[part.index("low SNR:") : part.index("no speech:")]
    assert re.findall(r"0:\d\d\.\d", low) == ["0:02.8", "0:06.0", "0:10.0"]


def test_a_cause_says_whether_words_under_it_fail_more_often():
    text = shown(audited_report())
    assert "low SNR: 3 errors; wrong are 3 of 9 words at low SNR, 5 of 22 others" in text
    assert "talk-over: 1 error; wrong are 1 of 2 words under talk-over, 7 of 29 others" in text
    assert re.search(r"^  model: 1 error$", text, re.M)


def test_local_snr_is_told_also_where_another_cause_comes_first():
    assert "the other side speaks over 62 % of it, local SNR 13.0 dB" in shown(audited_report())


def test_where_the_places_come_from_is_told_only_where_they_are_not_the_words_own():
    assert "places: 1 between the neighbours (~), 1 unknown" in shown(audited_report())
    assert "places:" not in shown(wide_report())
    aligned = changed(audited_report(), errors=(error(place="aligned"),))
    assert "places: 1 by forced alignment" in shown(aligned)


def test_of_many_errors_some_of_each_cause_are_shown_and_the_rest_is_counted():
    text = shown(many_errors_report(500))
    listed = re.findall(r'^ +\d+:\d\d\.\d  "word\d+" -> "ward\d+"', text, re.M)
    assert len(listed) == 12
    assert "and 488 more errors: --export-only has them" in text
    assert text.count("errors") >= 4


def test_every_error_is_listed_when_there_are_few():
    report = changed(audited_report(), errors=(error(),) * 12, causes=())
    assert shown(report).count("found, strong") == 12
    assert "more error" not in shown(report)


def test_no_error_no_part():
    text = shown(faultless_report())
    for part in ("Misheard", "hypothesis", "wrong are", "[word]", "more error"):
        assert part not in text
    assert "recall 100.0 %" in text
    assert "none where nobody speaks" in text


def test_an_older_report_looks_as_it_did():
    text = shown(complete_report())
    assert 'wrong   "comprehensive" -> "compassion"' in text
    for part in ("Misheard", "Entities", "Hallucination", "Streaming", "Dialogue", "cached"):
        assert part not in text


def test_without_a_reference_nothing_is_compared_and_entities_are_only_heard():
    text = shown(unreferenced_report())
    assert "recall n/a: no reference was given" in text
    assert 'heard: money "thirty sick dollars", date "May bird"' in text
    assert "0.0 %" not in text


def test_wrong_entities_come_before_missed_ones_and_types_are_counted():
    text = shown(audited_report())
    lines = [
        r'0:07\.6  money +wrong +"thirty six dollars" -> "thirty sick dollars"',
        r'0:09\.2  date +wrong +"May third" -> "May bird"',
        r'0:06\.0  negation +missed +"not"',
        r"heard rightly: money 0 of 1, date 0 of 1, negation 0 of 1, key term 2 of 2",
    ]
    assert re.search(r"\n *".join(lines), text)
    assert "Entities  recall 50.0 %, precision 66.7 %" in text


def test_made_up_words_are_counted_and_every_reason_of_a_place_stands_together():
    text = unwrapped(silent_report())
    assert "Hallucination 6 words where nobody speaks, 14.4 per silent minute" in text
    assert (
        '0:00.0-0:02.5 "Thank you for watching. Please subscribe." (6 words): both detectors hear '
        "no speech; no-speech probability 0.93 (limit 0.60)"
    ) in text
    assert text.count("Please subscribe.") == 1
    assert '"you you you you you you" (6 words): repetition 6 (limit 4)' in text


def test_every_figure_of_a_simulated_stream_says_so_and_why_once():
    text = shown(audited_report())
    part = text[text.index("Streaming") :]
    assert len(re.findall(r"  simulated$", part, re.M)) == 4
    assert part.count("the engine does not stream") == 1
    for figure in ("820 ms after the start", "640 ms after the end", "21.4 %", "0.31 characters"):
        assert figure in part


def test_a_stream_that_was_not_measured_is_not_zero():
    lost = Measurement.unavailable("ms", "the log has no times")
    streaming = replace(audited_report().transcription.streaming, final_ms=lost)
    text = shown(changed(audited_report(), streaming=streaming))
    assert "final text     n/a  unavailable: the log has no times" in text


def test_an_engine_that_does_not_stream_gets_one_line():
    reason = "this engine takes whole recordings and does not stream"
    text = shown(changed(audited_report(), streaming=not_streamed("openai:m", reason)))
    part = text[text.index("  Streaming") :]
    assert part == f"  Streaming  openai:m  n/a  {reason}", "the block ends there"


def test_reasons_that_differ_are_all_told_where_nothing_was_measured():
    lost = Measurement.unavailable("ms", "the log has no times")
    streaming = replace(not_streamed("mine", "no final", method="a log"), final_ms=lost)
    text = unwrapped(changed(audited_report(), streaming=streaming))
    assert "Streaming mine, a log n/a no final; the log has no times" in text


def test_the_last_figure_is_named_where_it_is_not_there():
    lost = Measurement.not_measurable("ratio", "nothing was shown")
    streaming = replace(audited_report().transcription.streaming, rewritten_per_character=lost)
    text = unwrapped(changed(audited_report(), streaming=streaming))
    assert "n/a characters per final character not measurable: nothing was shown" in text


def test_a_call_is_shown_as_a_dialogue_and_long_lines_lose_their_middle():
    text = shown(audited_call_report(), 80)
    part = text[text.index("Dialogue") :]
    assert re.search(r"0:01\.1  agent   Thank you for calling", part)
    assert re.search(r"0:11\.4  agent   Mhm\.", part)
    assert len(part.splitlines()) <= 1 + 2 * 5
    assert "…" in part


def test_one_side_alone_is_no_dialogue():
    report = audited_call_report()
    lines = tuple(line for line in report.transcription.dialogue if line.role == "agent")
    assert "Dialogue" not in shown(changed(report, dialogue=lines))


def test_what_was_sent_where_and_what_came_from_the_cache_stands_at_the_top():
    text = shown(audited_call_report())
    assert re.search(r"sent +41\.5\d? s of channel 0 \(1,328 kB\) to api\.groq\.com", text)
    assert "from the cache of 2025-01-01T09:08:07Z; --no-cache measures again" in text


def test_the_leading_rate_comes_first():
    assert shown(audited_report()).index("  WER ") < shown(audited_report()).index("  CER ")
    assert shown(wide_report()).index("  CER ") < shown(wide_report()).index("  WER ")


def test_repairs_and_windows_are_told():
    text = unwrapped(audited_report())
    assert "whisper-en 0.1.12 with 3 repairs of its faults" in text
    assert "0.10 x over 3 windows of 30 s" in text
    assert "decode 46 ms, VAD 31 ms" in text


def test_wide_characters_keep_the_columns():
    lines = [line for line in shown(wide_report()).splitlines() if "local SNR 4 dB" in line]
    starts = {cell_len(line[: line.index("local SNR")]) for line in lines}
    assert len(lines) == 4
    assert len(starts) == 1


@pytest.mark.parametrize("name", AUDITS)
@pytest.mark.parametrize("width", [40, 57, 80, 160])
def test_every_audit_fits_the_page_and_is_safe_in_ascii_too(name, width):
    for ascii_only in (False, True):
        text = render_console(AUDITS[name](), width=width, ascii_only=ascii_only)
        for line in text.splitlines():
            assert cell_len(line) <= min(width, 132), line
            assert line.isprintable(), ascii(line)
            assert line.isascii() or not ascii_only, ascii(line)


def test_a_word_of_ten_thousand_characters_does_not_fill_the_report():
    text = shown(hostile_audit_report(), 80)
    assert len(text) < 12_000
    assert "x" * 100 not in text


@given(
    st.lists(
        st.builds(
            error,
            kind=st.sampled_from(("low_snr", "model", "unknown", "odd")),
            strength=st.sampled_from(("strong", "moderate", "weak", "odd")),
            snr_db=st.none() | st.floats(-20, 60),
            start_s=st.none() | st.floats(0, 3600),
        ),
        max_size=40,
    )
)
def test_worst_first_keeps_every_error_and_orders_by_strength_then_snr(errors):
    order = worst_first(errors)
    assert sorted(map(id, order)) == sorted(map(id, errors))
    ranks = {"strong": 0, "moderate": 1, "weak": 2, "odd": 3}
    keys = [
        (
            item.causes[0].kind == "unknown",
            ranks[item.causes[0].strength],
            float("inf") if item.snr_db is None else item.snr_db,
        )
        for item in order
    ]
    assert keys == sorted(keys)


@given(st.dictionaries(st.sampled_from(("low_snr", "model", "unknown", "odd")), st.integers(1, 40)))
def test_the_listed_and_the_left_out_errors_add_up_whatever_the_causes(sizes):
    errors = tuple(error(kind=kind) for kind, size in sizes.items() for _ in range(size))
    counts = tuple(CauseCount(kind=kind, errors=size) for kind, size in sizes.items())
    text = shown(changed(audited_report(), errors=errors, causes=counts))
    listed = len(re.findall(r"\bfound(?:, strong)?$", text, re.MULTILINE))
    left = re.search(r"and ([\d,]+) more error", text)
    assert listed == min(12, len(errors))
    assert listed + (int(left.group(1)) if left else 0) == len(errors)
    assert all(re.search(rf"{size} errors?", text) for size in sizes.values())
