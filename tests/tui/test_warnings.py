"""The warnings as rows: the worst first, and enter leads to what one is about."""

from dataclasses import replace

import pytest

from echotrace.model.measure import Finding, Severity
from echotrace.model.report import AnalyzerResult, GateResult
from echotrace.tui.leads import Goal, of_gate, of_warning
from echotrace.tui.screens.request import RequestScreen
from echotrace.tui.widgets.request_table import RequestTable
from echotrace.tui.widgets.row_list import UNFOLDED, RowList
from echotrace.tui.widgets.warnings import WarningsPanel
from tests.fakes.probe_reports import probed_report
from tests.fakes.reports import call_report, complete_report, hostile_report, minimal_report
from tests.fakes.tui_apps import SMALL_FIRST, Watched, drive, saved_app, screen_text, settled


class Asked(Watched):
    """Opens no score either."""

    async def action_score(self):
        self.asked.append("score")


def warned(code, **more):
    return Finding(code=code, severity=Severity.WARNING, message="something is wrong", **more)


def pressed(app, *keys, size=(80, 24)):
    """Press keys in the warnings panel; the rows, the screen and what was told."""

    async def steps(pilot):
        app.screen.query_one(WarningsPanel).focus()
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await settled(pilot)
        return screen_text(app), [item.message for item in app._notifications]

    return drive(app, steps, size)


def only(report, *findings):
    return replace(report, warnings=findings, gates=())


def test_the_worst_comes_first_and_enter_shows_its_time():
    app = Asked(call_report())

    async def steps(pilot):
        panel = app.screen.query_one(WarningsPanel)
        rows = panel.query_one(RowList)
        codes = [getattr(row.about, "code", "gate") for row in rows.rows]
        titles = [str(panel.border_title)]
        panel.focus()
        await pilot.press("j")
        assert app.focused is rows
        await settled(pilot)
        titles.append(str(panel.border_title))
        await pilot.press("down", "enter", "end", "k")
        panel.run = app.shown_run()
        await settled(pilot)
        cursors = [rows.cursor]
        app.logs[0].report = only(app.logs[0].report, warned("A"), warned("B"))
        panel.run = app.shown_run()
        cursors.append(rows.cursor)
        app.logs[0].report = only(app.logs[0].report)
        panel.run = app.shown_run()
        await pilot.pause()
        assert app.focused is panel
        await pilot.press("j", "enter", "end", "pagedown")
        await settled(pilot)
        return codes, titles, cursors, screen_text(app)

    codes, (before, after), cursors, last = drive(app, steps)
    assert codes == ["gate", "CLIPPING", "DAMAGED", "GOLD_ENGINE", "gate", "gate"]
    assert "enter" not in before
    assert "1 critical, 1 warning, 1 info" in before
    assert "enter: timeline at 0:12.3" in after
    [(_, place)] = app.asked
    assert (place.at_s, place.about.code) == (71.25, "DAMAGED")
    assert cursors == [4, 0], "the same report keeps the cursor, another one begins anew"
    assert "nothing to warn about" in last


def test_a_click_goes_to_a_row_and_a_second_one_opens_it():
    app = Asked(call_report())

    async def steps(pilot):
        rows = app.screen.query_one(WarningsPanel).query_one(RowList)
        await pilot.click(rows, offset=(3, 3))
        first = rows.cursor, list(app.asked)
        await pilot.click(rows, offset=(3, 3))
        await pilot.pause()
        return first

    assert drive(app, steps, (160, 48)) == (1, [])
    assert app.asked[0][1].about.code == "CLIPPING"


@pytest.mark.parametrize(
    ("code", "goal"),
    [
        ("TRANSCRIPT_MISMATCH", Goal.TEXT),
        ("STT_EMBEDDED", Goal.TEXT),
        ("NO_SPEECH", Goal.SIGNAL),
        ("BLEED", Goal.TURNS),
        ("LLM_MOCK", Goal.PROBES),
        ("CONNECTION_NOT_KEPT", Goal.PROBES),
        ("LLM_PROBES_LOST", Goal.REQUEST),
        ("LLM_COLD_FAILED", Goal.PROBES),
        ("MY_STAGE_BROKE", Goal.SPANS),
        ("PLUGIN_CLASH", Goal.NOWHERE),
    ],
)
def test_a_warning_without_a_time_leads_to_what_it_is_about(code, goal):
    report = replace(
        probed_report(),
        conversation=call_report().conversation,
        analyzers={"mine": AnalyzerResult(status="unavailable", code="MY_STAGE_BROKE")},
    )
    assert of_warning(warned(code), report).goal is goal
    assert of_warning(warned(code), minimal_report()).goal is Goal.NOWHERE
    assert of_warning(warned(code, at_s=3.0), None).goal is Goal.NOWHERE
    timed = of_warning(warned(code, at_s=3.0), report)
    assert (timed.goal, timed.place.at_s) == (Goal.TIMELINE, 3.0)
    assert of_warning(warned(code, at_s=float("nan")), report).goal is goal


@pytest.mark.parametrize(
    ("expression", "goal", "turns", "at_s"),
    [
        ("heard > 1500", Goal.TURN, 8, None),
        ("heard.p95 > 1500 and wer > 0.1", Goal.TURN, 8, None),
        ("yield > 800", Goal.TURN, 10, None),
        ("greeting > 800", Goal.TURN, 1, None),
        ("dead_air > 3", Goal.TIMELINE, None, 49.48),
        ("missed_responses > 0", Goal.TIMELINE, None, 49.48),
        ("wer > 0.1", Goal.TEXT, None, None),
        ("snr < 15", Goal.SIGNAL, None, None),
        ("score < 80", Goal.SCORE, None, None),
        ("p99 > 1", Goal.SPANS, None, None),
        ("ttfa > 1", Goal.NOWHERE, None, None),
        ("(((", Goal.NOWHERE, None, None),
    ],
)
def test_a_gate_leads_to_its_figure(expression, goal, turns, at_s):
    lead = of_gate(GateResult(expression=expression, outcome="fail"), call_report())
    assert lead.goal is goal
    assert (lead.turns[0] if lead.turns else None) == turns
    assert (lead.place is None) == (at_s is None)
    if at_s is not None:
        assert lead.place.at_s == pytest.approx(at_s, abs=0.1)


def test_a_gate_on_the_first_token_leads_to_the_slowest_request():
    lead = of_gate(GateResult(expression="ttft.p95 > 1", outcome="fail"), probed_report())
    found = [request.sample.ttft_ms for request in lead.requests]
    assert lead.goal is Goal.REQUEST
    assert len(found) > 2
    assert found == sorted(found, reverse=True)


def test_enter_opens_what_a_row_is_about_or_says_that_there_is_no_place():
    lost = {"mine": AnalyzerResult(status="unavailable", code="MY_STAGE_BROKE")}
    codes = ("TRANSCRIPT_EMPTY", "MY_STAGE_BROKE", "DAMAGED_HEADER", "CACHE_TROUBLE")
    gate = GateResult(expression="heard > 1500", outcome="fail", value=2340.0)
    report = only(replace(call_report(), analyzers=lost), *map(warned, codes))
    app = Asked(replace(report, gates=(gate,)))
    _, told = pressed(app, "enter", *["j", "enter"] * 4)
    (_, turn, order), *others = app.asked
    assert turn == order[0] == 8
    assert len(order) > 3
    assert others == ["transcript", "waterfall"]
    assert told == [
        "no single place: it is about the whole recording",
        "no single place: it is about the whole run",
    ]


def test_a_warning_about_the_signal_fills_the_screen_with_its_figures():
    app = Asked(only(call_report(), warned("SNR_ESTIMATED")))

    async def steps(pilot):
        shown = []
        for zoomed in (False, True):
            app.screen.query_one(WarningsPanel).focus()
            if zoomed:
                await pilot.press("z")
                assert isinstance(app.screen.maximized, WarningsPanel)
            await pilot.press("enter")
            await settled(pilot)
            shown.append((type(app.screen.maximized).__name__, type(app.focused).__name__))
            app.screen.minimize()
        return shown

    assert drive(app, steps) == [("SignalPanel", "SignalPanel")] * 2


def test_warnings_about_the_probes_go_to_their_requests():
    report = only(probed_report(), warned("LLM_PROBES_LOST"), warned("TTFT_SLOW_FOR_VOICE"))
    app = saved_app(report)

    async def steps(pilot):
        app.screen.query_one(WarningsPanel).focus()
        await pilot.press("enter")
        await settled(pilot)
        sheet = type(app.screen), screen_text(app)
        await pilot.press("escape", "j", "enter")
        await settled(pilot)
        return sheet, type(app.focused)

    (kind, shown), focused = drive(app, steps)
    assert kind is RequestScreen
    assert "failed" in shown
    assert focused is RequestTable


def test_of_ten_thousand_only_those_in_sight_are_drawn():
    found = [warned("LOW_SNR", at_s=float(at), hint="come closer") for at in range(10_000)]
    app = Asked(only(complete_report(), *found))

    async def steps(pilot):
        panel = app.screen.query_one(WarningsPanel)
        rows = panel.query_one(RowList)
        panel.focus()
        await pilot.press("j", "pagedown", "pageup", "end", "up")
        await settled(pilot)
        height = rows.virtual_size.height
        return rows.cursor, len(rows._made), height, len(rows._lines(rows.cursor)), screen_text(app)

    cursor, drawn, height, own, shown = drive(app, steps, (160, 48))
    assert cursor == 9_998
    assert drawn < UNFOLDED
    assert height == 9_999 + own
    assert "come closer" in shown
    assert shown.count("come closer") == 1
    assert "at 2:46:39.00" in shown


def test_hostile_warnings_are_drawn_at_any_size_and_in_ascii():
    app = Asked(hostile_report(), ascii_only=True)

    async def steps(pilot):
        shown = ""
        app.screen.query_one(WarningsPanel).focus()
        for size in ((40, 24), (1, 1), (200, 50)):
            await pilot.resize_terminal(*size)
            await pilot.press("j", "end", "pageup", "z")
            await pilot.pause()
            shown += screen_text(app)
        return shown

    shown = drive(app, steps, (1, 1))
    assert "GATE UNDECIDED" in shown
    assert "at 0:01.00 ->" in shown
    assert "\u2192" not in shown
    for char in "\x1b\x07\x9b\u202e\u200b":
        assert char not in shown


@pytest.mark.parametrize("size", SMALL_FIRST)
def test_warnings_with_a_cursor(snap_compare, size):
    async def go(pilot):
        await settled(pilot)
        pilot.app.screen.query_one(WarningsPanel).focus()
        await pilot.press("z", "j")
        await settled(pilot)

    assert snap_compare(saved_app(call_report()), terminal_size=size, run_before=go)
