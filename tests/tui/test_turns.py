"""The turns and the timeline in the app: what is in sight at once, the cursor, the empty states."""

from dataclasses import replace

import pytest

from echotrace.model.report import AnalyzerResult
from echotrace.tui.widgets.latency import heard_gap, worst_gap
from echotrace.tui.widgets.turns import TurnsPanel, TurnTable
from tests.fakes.reports import (
    HOSTILE,
    call_report,
    complete_report,
    many_turns_report,
    mono_report,
    two_files_report,
)
from tests.fakes.tui_apps import (
    drive,
    look,
    panel_text,
    saved_app,
    screen_text,
    settled,
    still_app,
    table_rows,
)


def rows(app):
    return table_rows(app, TurnTable)


@pytest.mark.parametrize("size", [(80, 24), (160, 48), (200, 30)])
def test_score_worst_gap_and_misheard_word_are_seen_at_first_sight(size):
    shown = look(call_report(), size)
    for part in (
        "65 / 100  WARNING",
        "heard  700 ms  good",
        "worst  2,340 ms  critical",
        '"comprehensive" -> "compassion"',
        "heard p50 (n=7) 700 ms [610, 1,120] good, worst 2,340 ms critical",
        "missed response",
        "GATE FAILED",
        "caller  ",
        "agent  ",
        "t Turns",
    ):
        assert part in shown, part


def test_the_worst_turn_is_the_first_row_and_has_the_cursor():
    app = saved_app(call_report())

    async def steps(pilot):
        table = app.screen.query_one(TurnTable)
        return rows(app), table.cursor_row, app.focused is table

    found, at, focused = drive(app, steps, (160, 48))
    assert [row[0].strip() for row in found] == [
        *("7", "8", "10", "4", "5", "6", "9", "11", "2", "3", "1")
    ]
    assert found[1][1:4] == ["0:55.7", "response", "2,340 ±12 critical"]
    assert at == 0
    assert focused


def test_t_leads_to_the_turns_from_anywhere_and_the_keys_move_the_cursor():
    app = saved_app(call_report())

    async def steps(pilot):
        await pilot.press("tab", "tab")
        assert not isinstance(app.focused, TurnTable)
        await pilot.press("t")
        await pilot.pause()
        table = app.screen.query_one(TurnTable)
        assert app.focused is table
        places = []
        for key in ("j", "down", "k", "end", "home"):
            await pilot.press(key)
            places.append(table.cursor_row)
        return places

    assert drive(app, steps) == [1, 2, 1, 10, 0]


def test_the_note_of_the_turn_under_the_cursor_is_told_in_full():
    shown = look(call_report(), (160, 48), *("j" for _ in range(6)))
    assert (
        "turn 9: not measurable: the caller's last word is hidden in noise: between 69.02 and"
        in shown
    )


def test_enter_lets_the_turns_fill_the_screen_and_gives_it_back():
    before = look(call_report())
    whole = look(call_report(), (80, 24), "enter")
    assert "turn 7: the caller spoke again after 6.2 s" in whole
    assert "unanswered" in whole
    assert "unanswered" not in before
    assert look(call_report(), (80, 24), "enter", "enter") == before


def test_very_many_turns_scroll_and_stay_in_order():
    app = saved_app(many_turns_report(2_000))

    async def steps(pilot):
        await pilot.press("t", "end")
        await settled(pilot)
        return rows(app), screen_text(app)

    found, shown = drive(app, steps)
    assert len(found) == 2_000
    assert found[-1][0].strip() in shown
    gaps = [float(row[3].split()[0].replace(",", "")) for row in found]
    assert gaps == sorted(gaps, reverse=True)


def test_resizing_keeps_the_cursor_on_its_turn():
    app = saved_app(call_report())

    async def steps(pilot):
        await pilot.press("t", "j", "j", "j")
        for size in ((40, 30), (200, 60), (10, 5), (80, 24)):
            await pilot.resize_terminal(*size)
            await settled(pilot)
        return app.screen.query_one(TurnTable).cursor_row

    assert drive(app, steps) == 3


def test_a_mono_recording_says_why_it_has_no_turns_and_what_to_do():
    app = saved_app(mono_report())

    async def steps(pilot):
        await pilot.press("t")
        await pilot.pause()
        panel = app.screen.query_one(TurnsPanel)
        assert app.focused is panel
        assert not app.screen.query_one(TurnTable).display
        assert not app.screen.query_one("TimelinePanel").display
        return screen_text(app), panel_text(app, "TurnsPanel")

    shown, panel = drive(app, steps)
    assert "Turns  not measurable" in shown
    assert "both voices are on one channel" in shown
    assert "try: record the caller and the agent" in shown
    assert "heard  n/a" in shown
    assert "1 dead air, longest 3.40 s warning" in panel
    assert "0 ms" not in panel


def test_a_recording_in_which_nobody_takes_a_turn_says_so():
    report = call_report()
    empty = replace(report.conversation, turns=(), incidents=())
    app = saved_app(replace(report, conversation=empty))

    async def steps(pilot):
        return panel_text(app, "TurnsPanel")

    assert "nobody took one" in drive(app, steps)


def test_a_stage_that_failed_says_why_in_the_place_of_the_turns():
    failed = {"turns": AnalyzerResult(status="unavailable", reason="the speech model is not there")}
    shown = look(replace(complete_report(), analyzers=failed), (120, 40))
    assert "unavailable: the speech model is not there" in shown


def test_without_the_stage_there_is_neither_panel_nor_key():
    app = saved_app(complete_report())

    async def steps(pilot):
        assert app.check_action("turns", ()) is False
        focused = app.focused
        await pilot.press("t")
        await pilot.pause()
        return screen_text(app), app.focused is focused

    shown, stayed = drive(app, steps)
    assert "t Turns" not in shown
    assert "Timeline" not in shown
    assert stayed


def test_while_the_run_is_on_the_turns_wait():
    app = still_app(stages=("signal", "turns"))

    async def steps(pilot):
        return screen_text(app)

    shown = drive(app, steps)
    assert "turns  waiting" in shown
    assert "heard  waiting" in shown


def test_from_a_call_to_a_report_without_turns_and_back():
    app = saved_app(call_report(), complete_report())

    async def steps(pilot):
        first = screen_text(app)
        await pilot.press("n")
        await settled(pilot)
        second = screen_text(app)
        await pilot.press("p")
        await settled(pilot)
        return first, second, screen_text(app)

    first, second, third = drive(app, steps)
    assert "Timeline" in first
    assert "Timeline" not in second
    assert "stt_audit" in second
    assert third == first


def test_the_timeline_has_the_other_figures_below_its_lanes():
    app = saved_app(call_report())

    async def steps(pilot):
        return panel_text(app, "TimelinePanel")

    shown = drive(app, steps, (160, 48))
    lines = shown.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["caller", "agent", "marks"]
    assert "roles    caller = channel 0 (left), inferred, 92 % sure" in shown
    assert "2 backchannels at 0:11.4, 1:02.8" in shown


def test_too_few_turns_for_a_median_still_show_the_worst_gap():
    shown = look(two_files_report())
    assert "heard  n/a" in shown
    assert "worst  1,120 ms  warning" in shown


def test_the_latency_reads_the_summary():
    report = call_report()
    assert heard_gap(report) is report.conversation.summary.heard_gap_ms.p50
    assert worst_gap(report) is report.conversation.summary.heard_gap_ms.worst
    assert heard_gap(None) is None
    assert worst_gap(complete_report()) is None


def test_the_finer_points_of_the_signal_are_below_the_waveform():
    app = saved_app(call_report())

    async def steps(pilot):
        return panel_text(app, "SignalPanel")

    shown = drive(app, steps, (160, 48))
    assert shown.index("speech") < shown.index("crest")
    for part in ("3,400 Hz", "50 Hz", "3, 62 ms", "MOS sig       3.41"):
        assert part in shown
    assert "gated" not in shown


@pytest.mark.parametrize("size", [(40, 60), (80, 24), (160, 48)])
def test_hostile_turns_are_data(size):
    report = call_report()
    turns = tuple(
        replace(
            turn,
            kind=HOSTILE,
            heard_gap_ms=replace(turn.heard_gap_ms, band=HOSTILE)
            if turn.heard_gap_ms.value is not None
            else replace(turn.heard_gap_ms, reason=HOSTILE),
        )
        for turn in report.conversation.turns
    )
    app = saved_app(replace(report, conversation=replace(report.conversation, turns=turns)))

    async def steps(pilot):
        return screen_text(app) + str(rows(app)) + panel_text(app, "TurnsPanel")

    shown = drive(app, steps, size)
    for char in "\x1b\x07\x08\x9b\u202e\u2066\u200b\ufeff\udc80":
        assert char not in shown
    assert "[bol" in shown


def test_turns_that_share_an_id_all_have_a_row():
    report = call_report()
    twice = (*report.conversation.turns, *report.conversation.turns)
    app = saved_app(replace(report, conversation=replace(report.conversation, turns=twice)))

    async def steps(pilot):
        return len(rows(app))

    assert drive(app, steps) == 22


def test_the_table_takes_the_colours_of_the_theme():
    app = saved_app(call_report())

    async def steps(pilot):
        table = app.screen.query_one(TurnTable)

        def colours():
            return {str(span.style) for span in table.get_row_at(1)[3].spans}

        dark = colours()
        app.action_dark_light()
        await settled(pilot)
        return dark, colours(), table.cursor_row

    dark, light, _ = drive(app, steps)
    assert dark != light
