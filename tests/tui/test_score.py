"""The score's screen: each deduction with its limit, and from it the way to its places."""

from dataclasses import replace

import pytest
from textual.widgets import Digits

from echotrace.model.measure import Measurement
from echotrace.model.report import Deduction, GateResult, Score, SttTiming
from echotrace.tui.lines import page_of
from echotrace.tui.screens.request import RequestScreen
from echotrace.tui.screens.score import LISTED, ScoreScreen, score_rows, verdict_lines
from tests.fakes.audit_reports import audited_call_report, audited_report
from tests.fakes.large_reports import three_hour_report
from tests.fakes.probe_reports import probed_report
from tests.fakes.reports import (
    SAMPLES,
    call_report,
    complete_report,
    failed_report,
    hostile_report,
    minimal_report,
    mock_report,
    partial_report,
)
from tests.fakes.tui_apps import Watched, at_sizes, drive, saved_app, screen_text, settled


def cost(metric, points=10.0, value=1.0, unit="ms", band="warning"):
    return Deduction(
        metric=metric, value=value, unit=unit, band=band, points=points, message="too much"
    )


def scored(report, *deductions, **more):
    value = max(0.0, 100.0 - sum(item.points for item in deductions))
    score = Score(value=value, grade="warning", status="complete", deductions=deductions)
    return replace(report, score=replace(score, **more))


def opened(report, *keys):
    """Open the score and press keys; the app, the screen and what was told."""
    app = Watched(report)

    async def steps(pilot):
        await pilot.press("s")
        await settled(pilot)
        assert isinstance(app.screen, ScoreScreen)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await settled(pilot)
        return screen_text(app), [item.message for item in app._notifications]

    return app, *drive(app, steps, (80, 60))


def text_of(report, width=76, *, ascii_only=False):
    """All lines of the screen at a width."""
    page = page_of(width, ascii_only=ascii_only)
    lines = [*verdict_lines(report, page)]
    lines += [line for row in score_rows(report) for line in row.draw(page)]
    assert all(line.cell_len <= page.width for line in lines)
    return "\n".join(line.plain for line in lines)


def test_the_screen_tells_how_the_score_came_to_be():
    shown = text_of(call_report())
    for part in (
        "65 / 100  WARNING",
        "100 - 10 SNR - 15 WER - 10 dead air = 65",
        "-10  SNR  14.2 dB  noisy  SNR 14.2 dB is noisy: below SNR 20.0 dB",
        "0:01.67  speech  SNR 14.2 dB",
        "the report has no times for its misheard words",
        "0:49.50  dead air  6.20 s  critical",
        "heard gap  700 ms  good",
        "GATE FAILED  snr < 15  value 14.2",
        "healthy, warning, critical: the limits are those of the profile default",
        "the report does not hold them; built in are 85 and 60",
    ):
        assert part in shown, part


def test_of_a_profile_of_ones_own_no_limit_is_told():
    report = mock_report()
    shown = text_of(replace(report, score=replace(report.score, profile="strict")))
    assert "those of the profile strict, the report does not hold them" in " ".join(shown.split())
    assert "built" not in shown


def test_enter_on_the_panel_opens_it_and_enter_on_a_place_shows_it_on_the_timeline():
    app = Watched(audited_report())

    async def steps(pilot):
        app.screen.query_one("ScorePanel").focus()
        await pilot.press("enter")
        await settled(pilot)
        there = type(app.screen)
        await pilot.press("enter", "n", "n", "enter", "p", "enter", "space", "escape")
        await settled(pilot)
        return there, type(app.screen).__name__

    assert drive(app, steps) == (ScoreScreen, "OverviewScreen")
    places = [item[1] for item in app.asked if item[0] == "timeline"]
    assert [round(place.at_s, 1) for place in places] == [1.7, 22.5, 1.7]
    assert {place.about.snr_db.value for place in places} == {14.2}
    assert app.asked[-1] == ("play", places[0].at_s, places[0].end_s, 0)


def test_a_turn_opens_its_sheet_and_l_shows_it_on_the_timeline():
    report = scored(call_report(), cost("heard_gap_ms", value=2_340.0))
    app, shown, _ = opened(report, "enter", "p", "n", "n", "enter", "l")
    assert "no place" not in shown
    assert "turn 8  gap 2,340 ms  critical" in shown
    first, second, (kind, place) = app.asked
    assert first[:2] == ("turn", 8)
    assert second[:2] == ("turn", 4)
    assert set(first[2]) == set(second[2])
    assert second[2][0] == 4
    assert (kind, place.turn_id) == ("timeline", 4)


def test_a_late_first_token_opens_the_slowest_request():
    report = scored(probed_report(), cost("ttft_ms", value=1_200.0, band="high"))
    slowest = max(sample.ttft_ms or 0.0 for sample in report.probes.llm.samples if not sample.cold)
    app = Watched(report)

    async def steps(pilot):
        await pilot.press("s")
        await settled(pilot)
        listed = screen_text(app)
        await pilot.press("enter")
        await settled(pilot)
        return listed, app.screen

    listed, screen = drive(app, steps, (100, 40))
    assert f"TTFT {slowest:,.0f} ms" in listed
    assert isinstance(screen, RequestScreen)
    assert screen._requests[0].sample.ttft_ms == slowest


def test_words_without_a_time_lead_to_the_text_and_a_slow_recogniser_to_the_spans():
    slow = cost("rtf", value=1.2, unit="ratio", band="slow")
    report = scored(call_report(), cost("wer", unit="ratio"), slow, cost("ttft_ms"))
    gate = GateResult(expression="score < 80", outcome="fail", value=65.0)
    report = replace(report, gates=(gate,))
    keys = ("enter", "j", "enter", "space", "l", "j", "enter", "end", "enter", "n")
    app, shown, told = opened(report, *keys)
    assert app.asked == ["transcript", "waterfall"]
    assert told == [
        "there is nothing to play here",
        "this has no place on the recording",
        "the report keeps no request of the probe",
        "this screen is what the gate is about",
    ]
    assert "no place further on" in shown.splitlines()[2]
    assert "GATE FAILED  score < 80  value 65  " in shown
    assert "STT time  1.20 x" in shown


def long_call():
    return three_hour_report(turns=60, words=2_000)


def test_of_many_places_some_are_listed_and_the_others_are_counted():
    app, shown, _ = opened(long_call(), *["n"] * (LISTED + 1), "enter")
    assert f"and {60 - LISTED:,} more: the JSON report has them" in shown
    assert f"and {100 - LISTED:,} more: n and p on the timeline" in shown
    assert app.asked[0][1].about.gold == "word187"


@pytest.mark.parametrize(
    ("report", "parts"),
    [
        (scored(complete_report(), grade="healthy"), ("100, and nothing was", "no deductions")),
        (minimal_report(), ("NOT MEASURABLE", "nothing could be scored", "not asked for")),
        (
            failed_report(),
            ("the run failed, so there is nothing to score", "--stt sphinx", "no model.bin"),
        ),
        (
            partial_report(),
            ("partial: 2 not scored", "TTFT  unavailable: api.groq.com", "profile strict"),
        ),
        (
            mock_report(),
            ("8.3 % degraded: the built-in limits take 15", "1,240 ms high: the built-in limits"),
        ),
        (
            scored(complete_report(), cost("wer", 60.0), cost("snr_db", 55.0)),
            ("0 / 100", "= -15, which counts as 0"),
        ),
    ],
    ids=["none", "not measurable", "failed", "partial", "simulated", "below zero"],
)
def test_every_other_end_of_a_run_is_said_in_words(report, parts):
    flat = " ".join(text_of(report).split())
    for part in parts:
        assert " ".join(part.split()) in flat, part


def test_a_good_recogniser_and_a_short_silence_cost_nothing():
    report = call_report()
    fast = replace(
        report.transcription,
        timing=replace(
            report.transcription.timing or SttTiming(), rtf=Measurement.measured(0.2, "ratio")
        ),
    )
    shown = text_of(scored(replace(report, transcription=fast)))
    free = shown.partition("What cost nothing")[2].partition("Gates")[0]
    for part in ("SNR  14.2 dB", "WER  8.3 %", "TTFT  412 ms", "STT time  0.20 x", "dead air"):
        assert part in free, part


@pytest.mark.parametrize("name", sorted(SAMPLES))
@pytest.mark.parametrize("ascii_only", [False, True], ids=["unicode", "ascii"])
def test_every_report_keeps_to_its_width_and_data_is_data(name, ascii_only):
    for width in (40, 80, 200):
        shown = text_of(SAMPLES[name](), width, ascii_only=ascii_only)
        assert not ascii_only or shown.isascii()
        for char in "\x1b\x07\x9b\u202e\u200b":
            assert char not in shown


def test_it_is_drawn_at_any_size_and_an_ascii_terminal_gets_no_drawn_digits():
    app = Watched(hostile_report(), ascii_only=True)

    async def steps(pilot):
        await pilot.press("s")
        await settled(pilot)
        digits = len(app.screen.query(Digits))
        for size in ((40, 24), (1, 1), (20, 8)):
            await pilot.resize_terminal(*size)
            await pilot.press("j", "n", "end", "pageup", "k")
            await pilot.pause()
        return digits, screen_text(app)

    digits, last = drive(app, steps, (80, 24))
    assert digits == 0
    assert len(last.splitlines()) == 8


PICTURES = {
    "deductions": lambda: scored(
        audited_call_report(),
        cost("heard_gap_ms", 20.0, 1_620.0, "ms", "critical"),
        cost("wer", 15.0, 0.083, "ratio", "degraded"),
    ),
    "none": lambda: scored(complete_report(), grade="healthy"),
    "not_measurable": failed_report,
    "many": long_call,
    "hostile": hostile_report,
}


@pytest.mark.parametrize(("name", "size"), at_sizes(PICTURES, both=("deductions",)))
def test_pictures(snap_compare, name, size):
    async def go(pilot):
        await settled(pilot)
        await pilot.press("s", "n", "n")
        await settled(pilot)

    assert snap_compare(saved_app(PICTURES[name]()), terminal_size=size, run_before=go)
