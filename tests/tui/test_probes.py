"""The probes in the app: the table of requests, the sheet of one, a run without a recording."""

from dataclasses import replace

import pytest

from echotrace.model.report import AnalyzerResult, Probes
from echotrace.render.console.lane import brief_lane
from echotrace.tui.lines import page_of
from echotrace.tui.requests import LISTED, requests_of
from echotrace.tui.screens.request import RequestScreen
from echotrace.tui.widgets.request_table import RequestTable
from tests.fakes.probe_reports import (
    hostile_probe_report,
    llm_probe,
    llm_sample,
    mock_probe_report,
    probe_only_report,
    probed_report,
)
from tests.fakes.reports import call_report, complete_report
from tests.fakes.tui_apps import (
    drive,
    panel_text,
    saved_app,
    screen_text,
    settled,
    still_app,
    table_rows,
    tell_still,
)

WIDE = (160, 48)


def rows(app):
    return [[cell.strip() for cell in row] for row in table_rows(app, RequestTable)]


def panels(app):
    """Return by name the whole text of each panel that is shown."""
    return {
        type(panel).__name__: panel.query_one("PanelBody").render().plain
        for panel in app.screen.query("Panel")
        if panel.display and panel.parent.display
    }


def one_line(text):
    return " ".join(text.split())


def opened(report, size):
    """Return the rows, the panels and the screen."""
    app = saved_app(report)

    async def steps(pilot):
        return rows(app), panels(app), screen_text(app)

    return drive(app, steps, size)


@pytest.fixture(scope="module")
def probed():
    """A call with both probes, the estimate and the cost, on a large screen."""
    return opened(probed_report(), WIDE)


def test_every_request_is_a_row_with_its_figures(probed):
    found, shown, screen = probed
    assert [row[:6] for row in found[:5]] == [
        ["cold", "LLM", "ok", "421 ms", "884 ms", "1,045 ms"],
        ["1", "LLM", "ok", "302 ms", "765 ms", "926 ms"],
        ["2", "LLM", "ok", "303 ms", "766 ms", "927 ms"],
        ["3", "LLM", "ok", "1,692 ms", "2,155 ms", "2,316 ms"],
        ["4", "LLM", "LLM_RATE_LIMIT", "-", "-", "-"],
    ]
    assert found[7][:6] == ["cold", "TTS", "ok", "340 ms", "-", "766 ms"]
    assert len(found) == 13
    assert "Probes  13 requests, 1 failed" in screen
    assert "a Probes" in screen
    assert "reasoning" in shown["ProbesPanel"]
    assert "api.groq.com" in shown["ProbesPanel"]


def test_the_bars_of_all_requests_share_one_axis(probed):
    found, _, _ = probed
    lengths = [len(row[-1].rstrip(" ┊")) for row in found]
    assert lengths[3] == max(lengths)
    assert lengths[1] == pytest.approx(lengths[3] * 927 / 2_317, abs=1.5)
    assert "░" in found[3][-1]
    assert "╳" in found[4][-1]  # noqa: RUF001 - drawn, not read


def test_the_estimate_and_the_cost_stand_in_the_latency_and_above_the_spans(probed):
    _, shown, _ = probed
    for part in ("TTFA   344 ms  good", "reply  1,851 ms  warning", "cost   $0.000"):
        assert part in shown["LatencyPanel"]
    lane, _, spans = shown["WaterfallPanel"].partition("This run")
    assert "1,851 ms" in lane
    assert "audio_decode" in spans
    assert "unknown" in shown["AnalyzerPanel"]


def test_the_lane_in_brief_says_whose_parts_it_shows_where_they_are_no_sum_of_the_total():
    pipeline = probed_report().pipeline
    page = page_of(80, ascii_only=False)

    def head(**changes):
        return next(brief_lane(replace(pipeline, **changes), page)).plain

    assert head().endswith("1,851 ms  warning; parts of answer 1: 1,850 ms")
    middle = replace(pipeline.samples[0], total_ms=pipeline.total_ms.value)
    assert head(samples=(middle,)).endswith("1,851 ms  warning")
    assert head(samples=()).endswith("; parts: medians of their own")


def test_a_and_enter_open_the_anatomy_and_n_and_p_go_from_request_to_request():
    app = saved_app(probed_report())

    async def steps(pilot):
        table = app.screen.query_one(RequestTable)
        await pilot.press("a", "j")
        assert app.focused is table
        assert table.cursor_row == 1
        table.move_cursor(row=3)
        await pilot.press("enter")
        await settled(pilot)
        first, titles = screen_text(app), []
        assert isinstance(app.screen, RequestScreen)
        for key in ("p", "G", "n", "p"):
            await pilot.press(key)
            titles.append(str(app.screen.query_one(".dialog").border_title))
        await pilot.press("escape")
        await settled(pilot)
        return first, titles, table.cursor_row, app.focused is table

    first, titles, at, focused = drive(app, steps, WIDE)
    for part in ("Request 4 of 13", "waiting", "1,584 ms", "reasoning", "req_01jh0003"):
        assert part in first, part
    assert titles == [
        "Request 3 of 13",
        "Request 13 of 13",
        "Request 13 of 13",
        "Request 12 of 13",
    ]
    assert at == 11
    assert focused


def test_the_failure_under_the_cursor_is_told_and_a_small_screen_keeps_the_cursor():
    app = saved_app(probed_report())

    async def steps(pilot):
        app.screen.query_one(RequestTable).move_cursor(row=4)
        await settled(pilot)
        told, columns = panel_text(app, "ProbesPanel"), []
        for size in ((40, 24), (80, 24)):
            await pilot.resize_terminal(*size)
            await settled(pilot)
            columns.append(len(app.screen.query_one(RequestTable).columns))
        return told, columns, app.screen.query_one(RequestTable).cursor_row

    told, columns, at = drive(app, steps)
    assert one_line(told).startswith("api.groq.com answered 429: rate limit reached")
    assert columns[0] < 6
    assert columns[1] == 7
    assert at == 4


def test_a_mock_is_labelled_everywhere_and_ascii_terminals_get_ascii():
    app = saved_app(mock_probe_report(), ascii_only=True)

    async def steps(pilot):
        found, shown = rows(app), panels(app)
        await pilot.press("enter")
        await pilot.pause()
        sheet = app.screen.query_one("_Sheet").render().plain
        await pilot.press("escape")
        app.screen.query_one("WaterfallPanel").focus()
        await pilot.press("z")
        await settled(pilot)
        return found, shown, sheet, panel_text(app, "WaterfallPanel")

    found, shown, sheet, lane = drive(app, steps)
    assert "".join([str(found), *shown.values(), sheet, lane]).isascii()
    assert "[MOCK] 550 ms" in sheet
    assert [row[1] for row in found] == ["LLM [MOCK]"] * 6
    assert "TTFT   [MOCK] 243 ms" in shown["LatencyPanel"]
    assert "reply  at least [MOCK] 924 ms" in shown["LatencyPanel"]
    assert "e speech synthesis missing" in one_line(shown["WaterfallPanel"])
    assert "no speech synthesiser was named" in one_line(lane)


def test_of_a_thousand_requests_the_cold_the_failed_and_the_slowest_are_listed():
    many = [llm_sample(index) for index in range(1, 1_001)]
    many[400] = replace(many[400], total_ms=99_999.0)
    probe = llm_probe()
    samples = (probe.samples[0], *many, replace(probe.samples[4], index=1_001))
    report = replace(probe_only_report(), probes=Probes(llm=replace(probe, samples=samples)))
    listed = [request.sample.index for request in requests_of(report)]
    assert listed == [0, 401, *range(804, 1_002)]
    assert len(listed) == LISTED
    found, shown, screen = opened(report, (80, 24))
    assert len(found) == LISTED
    assert "802 more are in the JSON report" in one_line(shown["ProbesPanel"])
    assert "1,002 requests, 1 failed" in screen


def test_a_run_without_a_recording_shows_its_probes_and_leaves_no_layout_behind():
    app = saved_app(call_report(), probe_only_report())

    async def steps(pilot):
        before = screen_text(app)
        app.screen.query_one("WaterfallPanel").focus()
        await pilot.press("right_square_bracket")
        await settled(pilot)
        between, shown, focused = screen_text(app), panels(app), app.focused
        await pilot.press("right_square_bracket")
        await settled(pilot)
        return before, between, shown, focused, screen_text(app)

    before, between, shown, focused, after = drive(app, steps, WIDE)
    assert isinstance(focused, RequestTable)
    assert set(shown) == {
        "LatencyPanel",
        "ProbesPanel",
        "WaterfallPanel",
        "WarningsPanel",
        "AnalyzerPanel",
    }
    for part in ("(no recording)", "TTFT   306 ms", "TTFA   344 ms", "at least 1,610 ms"):
        assert part in between, part
    titles = ("Reliability", "Signal quality", "Timeline", "Turns", "Waterfall", "Transcript")
    places = [[text.find(title) for title in titles] for text in (before, after)]
    assert places[0] == places[1]
    assert -1 not in places[0]


def test_probes_without_one_request_say_why():
    why = "no key for [b]groq[/b]: export GROQ_API_KEY=..."
    lost = {"llm": AnalyzerResult(status="unavailable", reason=why)}
    alone = replace(probe_only_report(), probes=None, pipeline=None, cost=None, analyzers=lost)
    found, shown, _ = opened(alone, (80, 24))
    assert found == []
    assert shown["ProbesPanel"] == f"LLM unavailable: {why}"
    app = saved_app(replace(complete_report(), probes=None, analyzers=lost))

    async def steps(pilot):
        await pilot.press("a")
        return [item.message for item in app._notifications], panels(app)

    told, beside = drive(app, steps)
    assert told == [f"no request was made: LLM unavailable: {why}"]
    assert "ProbesPanel" not in beside


def test_a_run_that_is_on_has_neither_probes_nor_lane():
    app = still_app(("signal", "llm", "tts"))

    async def steps(pilot):
        tell_still(app)
        await settled(pilot)
        return app.check_action("probes", ()), panels(app), screen_text(app)

    allowed, shown, screen = drive(app, steps)
    assert allowed is False
    assert "TTFA   waiting" in shown["LatencyPanel"]
    assert "ProbesPanel" not in shown
    assert "tts_ttfa  waiting" in screen


def test_hostile_answers_are_data_and_an_unknown_cost_is_no_number():
    app = saved_app(hostile_probe_report())

    async def steps(pilot):
        await pilot.press("a")
        await settled(pilot)
        seen, shown = [screen_text(app), str(rows(app))], panels(app)
        await pilot.press("enter")
        await settled(pilot)
        return "".join([*seen, *shown.values(), screen_text(app)]), shown["LatencyPanel"]

    shown, latency = drive(app, steps, (40, 24))
    for char in "\x1b\x07\x08\x9b\u202e\u2066\u200b\ufeff\udc80":
        assert char not in shown
    assert "[bol" in shown
    assert "cost" not in latency
    assert "$0" not in shown
