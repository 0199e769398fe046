"""What the conversation's block says: the gap, the worst turns, and why something is missing."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from echotrace.model.conversation import Conversation, Incident, Turn, TurnSide
from echotrace.model.measure import Measurement, Severity
from echotrace.model.report import AnalyzerResult, Channel, Report
from echotrace.render.console import render_console
from echotrace.render.console.timeline import counted, named, stamp
from echotrace.render.console.turns import worst_first
from tests.fakes.reports import (
    HOSTILE,
    call_report,
    complete_report,
    many_turns_report,
    minimal_report,
    mono_report,
    two_files_report,
)

LETTERS = {
    "barge_in": "B",
    "backchannel": "b",
    "talk_over": "T",
    "dead_air": "D",
    "missed_response": "M",
    "early_start": "E",
}


def block(report: Report, **options: object) -> str:
    """Return the conversation's block."""
    shown = render_console(report, **options)
    found = re.search(r"^Conversation ?[─-].*?(?=^Signal )", shown, re.MULTILINE | re.DOTALL)
    assert found
    return found.group()


def heard(report: Report) -> Conversation:
    assert report.conversation is not None
    return report.conversation


def changed(**parts: object) -> Report:
    report = call_report()
    return replace(report, conversation=replace(heard(report), **parts))


def row_of(shown: str, turn_id: int) -> str:
    return next(line for line in shown.splitlines() if re.match(rf"^ +{turn_id}  ", line))


def turn(number: int, **parts: object) -> Turn:
    plain = Turn(
        id=number,
        kind="response",
        user=TurnSide(start_s=number * 10.0, end_s=number * 10.0 + 2),
        agent=TurnSide(start_s=number * 10.0 + 3, end_s=number * 10.0 + 5),
        heard_gap_ms=Measurement.measured(1000.0, "ms", band="warning"),
    )
    return replace(plain, **parts)


def test_the_gap_stands_first_in_the_words_of_the_metrics():
    lines = block(call_report()).splitlines()
    assert lines[1] == "  heard p50 (n=7) 700 ms [610, 1,120] good, worst 2,340 ms critical"
    assert lines[2] == "  1 turn could not be measured"


def test_too_few_turns_have_a_worst_gap_and_say_why_they_have_no_median():
    shown = block(two_files_report())
    assert "heard p50 (n=3) n/a, worst 1,120 ms warning" in shown
    assert "p50 not measurable: 3 turns were measured; a median needs 5" in shown


def test_tails_are_told_where_there_are_enough_turns():
    shown = " ".join(block(many_turns_report()).split())
    assert "p95 1,790 ms [1,730, 1,833], p99 1,840 ms [1,820, 1,846]" in shown
    assert "p95" not in block(call_report()).split("opening")[0]


def test_an_estimated_median_says_so():
    report = call_report()
    summary = heard(report).summary
    gap = replace(
        summary.heard_gap_ms,
        p50=Measurement.estimated(700.0, "ms", reason="fewer than half of the turns"),
    )
    shown = block(changed(summary=replace(summary, heard_gap_ms=gap)))
    assert "p50 estimated: fewer than half of the turns" in shown


def test_a_recording_that_allows_no_turns_says_why_and_what_to_do_and_shows_no_number():
    shown = block(mono_report())
    assert re.search(r"^Conversation ─+ not measurable$", shown, re.MULTILINE)
    assert "both voices are on one channel" in shown
    assert "try: record the caller and the agent on two channels" in shown
    assert "1 dead air, longest 3.40 s warning" in shown
    assert re.search(r"0:21\.1 +dead air +3,400 ms +warning", shown)
    assert not re.search(r"\b0 ms", shown)
    assert "heard p50" not in shown


def test_a_run_without_the_stage_says_not_run_and_one_that_failed_why():
    assert re.search(r"^Conversation ─+ not run$", render_console(minimal_report()), re.MULTILINE)
    failed = replace(
        minimal_report(),
        analyzers={"turns": AnalyzerResult(status="unavailable", reason="the VAD is not there")},
    )
    shown = render_console(failed)
    assert re.search(r"^Conversation ─+ unavailable$", shown, re.MULTILINE)
    assert shown.count("the VAD is not there") == 1


def test_the_worst_turns_come_first():
    order = [item.id for item in worst_first(heard(call_report()))]
    assert order == [7, 8, 10, 4, 5, 6, 9, 11, 2, 3, 1]


def test_a_turn_is_as_bad_as_its_gravest_incident():
    calm = turn(1, heard_gap_ms=Measurement.measured(300.0, "ms", band="good"))
    late = turn(2)
    talk = Incident(
        type="talk_over",
        at_s=11.0,
        duration_ms=Measurement.measured(4000.0, "ms"),
        severity=Severity.CRITICAL,
        turn_id=1,
    )
    ordered = worst_first(replace(heard(call_report()), turns=(late, calm), incidents=(talk,)))
    assert [item.id for item in ordered] == [1, 2]
    shown = block(changed(turns=(late, calm), incidents=(talk,)))
    assert "talk-over 4,000 ms critical" in shown


@given(st.permutations(heard(call_report()).turns))
def test_the_order_does_not_depend_on_the_order_in_the_report(turns):
    told = replace(heard(call_report()), turns=tuple(turns))
    assert worst_first(told) == worst_first(heard(call_report()))


def test_rows_hold_place_kind_gap_yield_and_snr():
    shown = block(call_report())
    assert re.search(r"0:55\.7 +response +2,340 ±12 critical +12 dB$", row_of(shown, 8))
    assert re.search(r"1:12\.1 +barge-in +610 ±12 good +1,240 critical +14 dB$", row_of(shown, 10))
    assert re.search(r"0:38\.9 +early start +-240 ±12 good", row_of(shown, 6))


def test_a_turn_that_could_not_be_measured_gives_its_reason_and_no_number():
    shown = block(call_report(), width=132)
    assert re.search(
        r"1:06\.9 +response +n/a +4 dB +not measurable: the caller's", row_of(shown, 9)
    )
    assert re.search(
        r"missed response +n/a critical +14 dB +the caller spoke again", row_of(shown, 7)
    )
    assert re.search(r"unanswered +n/a +14 dB +the recording ends first", row_of(shown, 11))


def test_an_interval_that_is_not_even_is_told_by_both_its_ends():
    wide = block(call_report(), width=132)
    assert "620 [611, 661] good" in wide
    assert "1,240 [1,205, 1,290] critical" in wide
    narrow = block(call_report())
    assert "gap in [611, 661]" in narrow
    assert "yield in [1,205, 1,290]" in narrow


@pytest.mark.parametrize("low_high", [(900.0, 950.0), (1100.0, 1200.0)])
def test_an_interval_that_does_not_hold_its_value_is_shown_as_it_is(low_high):
    low, high = low_high
    odd = turn(1, heard_gap_ms=Measurement.measured(1000.0, "ms", low=low, high=high))
    assert f"[{low:,.0f}, {high:,.0f}]" in block(changed(turns=(odd,)))


def test_a_page_holds_ten_turns_and_says_where_the_others_are():
    shown = block(many_turns_report())
    assert "and 190 more: --export-only has them" in shown
    assert len(re.findall(r"^ +\d+  \d+:\d\d\.\d ", shown, re.MULTILINE)) == 10
    assert "and" not in block(two_files_report()).rpartition("turn  at")[2]


def test_incidents_of_no_turn_have_rows_and_backchannels_are_counted():
    shown = block(call_report())
    assert re.search(r"^  0:49\.5 +dead air +6,200 ms +critical$", shown, re.MULTILINE)
    assert "  2 backchannels at 0:11.4, 1:02.8" in shown
    airs = tuple(
        replace(heard(call_report()).incidents[5], at_s=float(second)) for second in range(12)
    )
    assert "and 4 more incidents" in block(changed(incidents=airs))


def test_the_call_is_told_in_a_few_rows():
    shown = block(call_report(), width=132)
    for told in (
        "opening  greeting after 1,120 ms, first turn 780 ms good",
        "yield    2 barge-ins: p50 (n=2) n/a, worst 1,240 ms critical",
        "silence  1 dead air, longest 6.20 s critical, 1 missed response",
        "talk     caller 40.2 %, agent 59.8 %, talk-over 3,360 ms (4.9 %)",
        "pace     caller 148 words a minute, 4 pauses up to 980 ms; agent 9 pauses up to 760 ms",
        "bleed    agent heard in caller's channel, 31.2 dB down, 118 ms late",
    ):
        assert told in shown
    assert "no dead air" in block(two_files_report())


def test_roles_say_which_channel_and_how_sure():
    assert "roles    caller = channel 0 (left), inferred, 92 % sure\n" in render_console(
        call_report()
    )
    report = call_report()
    flagged = tuple(
        Channel(index=index, role=role, role_source="flag")
        for index, role in enumerate(("agent", "caller"))
    )
    told = render_console(replace(report, source=replace(report.source, channels=flagged)))
    assert "roles    caller = channel 1 (right), as you said\n" in told
    files = render_console(two_files_report())
    assert "caller   calls/caller.wav\n" in files
    assert "agent    calls/agent.wav, begins 120 ms earlier\n" in files
    assert not re.search(r"^  roles", render_console(complete_report()), re.MULTILINE)


def lane(shown: str, name: str) -> str:
    return next(line for line in shown.splitlines() if line.startswith(f"  {name.ljust(8)}"))[10:]


@pytest.mark.parametrize("width", [40, 80, 132])
def test_the_lanes_share_one_clock(width):
    sides = (
        turn(1, user=TurnSide(start_s=0.0, end_s=25.0), agent=TurnSide(start_s=50.0, end_s=75.0)),
    )
    report = changed(turns=sides, incidents=())
    report = replace(report, source=replace(report.source, duration_s=100.0))
    shown = block(report, width=width)
    cells = width - 10
    caller, agent = lane(shown, "caller"), lane(shown, "agent")
    assert abs(caller.count("█") - cells / 4) <= 1
    assert abs(agent.index("█") - cells / 2) <= 1
    assert abs(len(agent) - cells * 3 / 4) <= 1
    assert agent.count("░") == pytest.approx(cells / 4, abs=2)
    assert set(agent[: agent.index("░")]) <= {" "}


def test_marks_stand_where_incidents_happen_and_the_legend_counts_them():
    shown = block(call_report())
    marks = lane(shown, "marks")
    for item in heard(call_report()).incidents:
        at = int(item.at_s / 83.42 * 70)
        assert LETTERS[item.type] in marks[max(0, at - 1) : at + 2]
    for told in ("B 2 barge-ins", "b 2 backchannels", "T 1 talk-over", "D 1 dead air", "E 1 early"):
        assert told in shown


def test_a_place_outside_the_recording_and_a_turn_of_no_length_are_still_drawn():
    odd = (
        turn(1, user=TurnSide(start_s=-5.0, end_s=-5.0), agent=TurnSide(start_s=1e9, end_s=2e9)),
        turn(2, user=TurnSide(start_s=40.0, end_s=40.0), agent=None),
    )
    shown = block(changed(turns=odd))
    assert cell_len(max(shown.splitlines(), key=cell_len)) <= 80


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "0:00.0"),
        (41.24, "0:41.2"),
        (59.96, "1:00.0"),
        (3723.44, "1:02:03.4"),
        (-3.21, "-3.2 s"),
        (float("nan"), "n/a"),
    ],
)
def test_places_read_as_a_clock(seconds, expected):
    assert stamp(seconds) == expected


def test_kinds_and_counts_read_as_words():
    assert [named(key) for key in ("barge_in", "missed_response")] == [
        "barge-in",
        "missed response",
    ]
    assert [counted(1, "talk_over"), counted(2, "talk_over")] == ["1 talk-over", "2 talk-overs"]


def test_what_a_trace_or_a_person_wrote_is_data():
    bad = Measurement.not_measurable("ms", HOSTILE)
    report = changed(
        reason=HOSTILE,
        hint=HOSTILE,
        method=HOSTILE,
        turns=(turn(1, kind=HOSTILE, heard_gap_ms=bad),),
        incidents=(Incident(type=HOSTILE, at_s=1.0, duration_ms=bad, severity=Severity.CRITICAL),),
    )
    for width in (40, 80, 132):
        shown = block(report, width=width, color=False)
        assert "\x1b" not in shown
        assert "[bold red]" in shown
        assert all(cell_len(line) <= width for line in shown.splitlines())


def test_new_figures_of_the_signal_are_compact():
    shown = render_console(call_report())
    for row in (
        r"^  loudness +-24\.6 LUFS +-24\.6 LUFS$",
        r"^  crest factor +17\.8 dB +15\.1 dB$",
        r"^  dropouts +3, 62 ms +none$",
        r"^  noise gate +none +yes$",
        r"^  mains hum +50 Hz +none$",
        r"^  bandwidth +3,400 Hz  narrow +7,800 Hz$",
        r"^  MOS, sig/bak +2\.74  3\.41/2\.87 +n/a$",
    ):
        assert re.search(row, shown, re.MULTILINE), row
    plain = render_console(complete_report())
    for absent in ("dropouts", "noise gate", "mains hum", "MOS"):
        assert absent not in plain
