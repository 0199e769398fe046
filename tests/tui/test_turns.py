"""The turns and the timeline in the app: what is in sight at once, the cursor, the empty states."""

from dataclasses import replace

import pytest
from textual.widgets import Input, Static

from echotrace.model.report import AnalyzerResult
from echotrace.tui.screens.turn import TurnScreen
from echotrace.tui.turn_order import Order
from echotrace.tui.widgets.latency import heard_gap, worst_gap
from echotrace.tui.widgets.turns import TurnsPanel, TurnTable
from tests.fakes.large_reports import three_hour_report
from tests.fakes.reports import (
    HOSTILE,
    call_report,
    complete_report,
    many_turns_report,
    mono_report,
    two_files_report,
)
from tests.fakes.tui_apps import (
    SIZES,
    SMALL_FIRST,
    drive,
    look,
    panel_text,
    read_in_turn,
    saved_app,
    screen_text,
    settled,
    still_app,
)


def rows(app):
    table = app.screen.query_one(TurnTable)
    count = table.virtual_size.height - 1  # its head
    return [[str(cell) for cell in table.get_row_at(number)] for number in range(count)]


@pytest.fixture(scope="module")
def wide():
    """The call on a large screen: the screen, and the whole text of two panels."""
    app = saved_app(call_report())

    async def steps(pilot):
        return screen_text(app), panel_text(app, "TimelinePanel"), panel_text(app, "SignalPanel")

    return drive(app, steps, (160, 48))


def without_turns():
    report = call_report()
    return replace(report, conversation=replace(report.conversation, turns=(), incidents=()))


@pytest.fixture(scope="module")
def small():
    """On a small screen: a call in which nobody takes a turn, and one with few turns."""

    def read(app):
        return screen_text(app), panel_text(app, "TurnsPanel")

    return read_in_turn([without_turns(), two_files_report()], read)


@pytest.mark.parametrize("size", [(80, 24), pytest.param((200, 30), marks=pytest.mark.slow)])
def test_score_worst_gap_and_misheard_word_are_seen_at_first_sight(size):
    assert_all_is_seen(look(call_report(), size))


def test_score_worst_gap_and_misheard_word_are_seen_at_first_sight_on_a_large_screen(wide):
    assert_all_is_seen(wide[0])


def assert_all_is_seen(shown):
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


def test_the_worst_turn_is_the_first_row_and_t_leads_there_from_anywhere():
    app = saved_app(call_report())

    async def steps(pilot):
        table = app.screen.query_one(TurnTable)
        assert app.focused is table
        first = rows(app), table.cursor_row
        await pilot.press("tab", "tab")
        assert not isinstance(app.focused, TurnTable)
        await pilot.press("t")
        await pilot.pause()
        assert app.focused is table
        places = []
        for key in ("j", "down", "k", "end", "home"):
            await pilot.press(key)
            places.append(table.cursor_row)
        await pilot.press(*"jjjjjj")
        await settled(pilot)
        return first, places, screen_text(app)

    (found, at), places, shown = drive(app, steps, (160, 48))
    assert [row[0].strip() for row in found] == [
        *("7", "8", "10", "4", "5", "6", "9", "11", "2", "3", "1")
    ]
    assert found[1][1:4] == ["0:55.7", "response", "2,340 ±12 critical"]
    assert at == 0
    assert places == [1, 2, 1, 10, 0]
    told_in_full = (
        "turn 9: not measurable: the caller's last word is hidden in noise: between 69.02"
    )
    assert told_in_full in shown


def test_z_lets_the_turns_fill_the_screen_and_gives_it_back():
    app = saved_app(call_report())

    async def steps(pilot):
        seen = [screen_text(app)]
        for key in ("z", "z", "z", "escape"):
            await pilot.press(key)
            await settled(pilot)
            seen.append(screen_text(app))
        return seen

    before, whole, back, again, left = drive(app, steps)
    assert "turn 7: the caller spoke again after 6.2 s" in whole
    assert "unanswered" in whole
    assert "unanswered" not in before
    assert again == whole
    assert back == left == before
    assert "/ Filter" in before
    assert "o Sort" in look(call_report(), (100, 24))


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


def test_resizing_keeps_the_cursor_on_its_turn_and_every_column_whole():
    app = saved_app(call_report())

    async def steps(pilot):
        await pilot.press("t", "j", "j", "j")
        table, heads = app.screen.query_one(TurnTable), {}
        for size in ((40, 30), (120, 36), (10, 5), (80, 24)):
            await pilot.resize_terminal(*size)
            await settled(pilot)
            if size[0] > 10:
                assert table.virtual_size.width - 1 <= table.size.width
                heads[size[0]] = table.render_line(0).text.split()
            if size[0] in (40, 80):
                await ask_for_names(pilot)
        return table.cursor_row, heads

    async def ask_for_names(pilot):
        """The names under the line of a filter are told to their end."""
        await pilot.press("slash")
        await pilot.pause()
        text = told(app)
        assert text.endswith(("enter applies", "escape gives up"))
        there = app.screen.query_one("#turn-told", Static).size
        assert len(text.splitlines()) <= there.height <= 2
        assert "/ Filter" not in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()

    row, heads = drive(app, steps)
    assert row == 3
    assert heads[40] == ["turn", "at", "heard", "gap", "ms"]
    assert heads[120][-2:] == ["yield", "ms"]
    assert heads[80][-1] == "SNR"


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


def test_a_recording_in_which_nobody_takes_a_turn_says_so(small):
    assert "nobody took one" in small[0][1]


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
        there = app.screen.query_one("TimelinePanel").display
        return screen_text(app), there, app.focused is focused

    shown, timeline, stayed = drive(app, steps)
    assert "t Turns" not in shown
    assert not timeline
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
        await pilot.press("right_square_bracket")
        await settled(pilot)
        second = screen_text(app)
        await pilot.press("left_square_bracket")
        await settled(pilot)
        return first, second, screen_text(app)

    first, second, third = drive(app, steps)
    assert "2 barge-ins" in first
    assert "2 barge-ins" not in second
    assert "stt_audit" in second
    assert third == first


def test_the_timeline_has_the_other_figures_below_its_lanes(wide):
    shown = wide[1]
    lines = shown.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["caller", "agent", "marks"]
    assert "roles    caller = channel 0 (left), inferred, 92 % sure" in shown
    assert "2 backchannels at 0:11.4, 1:02.8" in shown


def test_too_few_turns_for_a_median_still_show_the_worst_gap(small):
    shown = small[1][0]
    assert "heard  n/a" in shown
    assert "worst  1,120 ms  warning" in shown


def test_the_latency_reads_the_summary():
    report = call_report()
    assert heard_gap(report) is report.conversation.summary.heard_gap_ms.p50
    assert worst_gap(report) is report.conversation.summary.heard_gap_ms.worst
    assert heard_gap(None) is None
    assert worst_gap(complete_report()) is None


def test_the_finer_points_of_the_signal_are_below_the_waveform(wide):
    shown = wide[2]
    assert shown.index("speech") < shown.index("crest")
    for part in ("3,400 Hz", "50 Hz", "3, 62 ms", "MOS sig       3.41"):
        assert part in shown
    assert "gated" not in shown


def test_hostile_turns_are_data():
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
        seen = []
        for size in ((80, 24), (40, 60), (160, 48)):
            await pilot.resize_terminal(*size)
            await settled(pilot)
            seen.append(screen_text(app) + str(rows(app)) + panel_text(app, "TurnsPanel"))
        return seen

    for shown in drive(app, steps):
        for char in "\x1b\x07\x08\x9b\u202e\u2066\u200b\ufeff\udc80":
            assert char not in shown
        assert "[bol" in shown


def test_turns_that_share_an_id_all_have_a_row_and_the_table_takes_the_colours_of_the_theme():
    report = call_report()
    twice = (*report.conversation.turns, *report.conversation.turns)
    app = saved_app(replace(report, conversation=replace(report.conversation, turns=twice)))

    async def steps(pilot):
        assert len(rows(app)) == 22
        table = app.screen.query_one(TurnTable)

        def colours():
            return {str(span.style) for span in table.get_row_at(1)[3].spans}

        dark = colours()
        app.action_dark_light()
        await settled(pilot)
        return dark, colours()

    dark, light = drive(app, steps)
    assert dark != light


def ids(app):
    return [row[0].strip() for row in rows(app)]


def told(app):
    return str(app.screen.query_one("#turn-told", Static).content)


async def ask(pilot, text):
    """Type a filter, into the line that may be open already, and send it."""
    if not pilot.app.screen.query_one("#turn-filter", Input).has_focus:
        await pilot.press("slash")
    pilot.app.screen.query_one("#turn-filter", Input).value = text
    await pilot.press("enter")
    await pilot.pause()


def test_o_goes_through_the_orders_and_the_head_and_heading_tell_which():
    app = saved_app(call_report())

    async def steps(pilot):
        seen = []
        for key in ("o", "O", *"ooooo"):
            await pilot.press(key)
            await pilot.pause()
            shown = screen_text(app)
            head = next(line for line in shown.splitlines() if "heard gap ms" in line)
            seen.append((ids(app), shown, head, rows(app)))
        return seen

    found = drive(app, steps, (160, 48))
    for (_, shown, head, _), title, column in zip(
        found,
        (
            "by heard gap, the longest first",
            "by heard gap, the shortest first",
            "by yield, the longest first",
            "by talk-over, the longest first",
            "by SNR, the noisiest first",
            "by time, the earliest first",
            "the worst first",
        ),
        ("heard gap ms ▼", "heard gap ms ▲", "yield ms ▼", "talk-over ms ▼", "SNR ▲", "at ▲", ""),
        strict=True,
    ):
        assert title in shown
        assert column in head
        assert column or not {"▲", "▼"} & set(head)
        assert ("talk-over" in head) == ("talk-over" in title)
    without = ["1", "7", "9", "11"]
    assert found[0][0] == [*("8", "4", "2", "5", "3", "10", "6"), *without]
    assert found[1][0] == [*("6", "10", "3", "5", "2", "4", "8"), *without]
    assert found[2][0][:2] == ["10", "5"]
    assert found[3][0][0] == "6"
    assert found[3][3][0][3].strip() == "240"
    assert found[4][0][:2] == ["9", "8"]
    assert found[5][0] == [str(number) for number in range(1, 12)]


def test_an_order_that_no_turn_has_a_figure_for_is_left_out_and_signs_are_ascii():
    app = saved_app(many_turns_report(30), ascii_only=True)

    async def steps(pilot):
        seen = []
        for _ in range(4):
            await pilot.press("o")
            await pilot.pause()
            seen.append((app.screen.query_one(TurnsPanel).order, screen_text(app)))
        return seen

    found = drive(app, steps)
    assert [order for order, _ in found] == [Order.HEARD, Order.SNR, Order.TIME, Order.WORST]
    assert "heard gap ms v" in found[0][1]
    assert "SNR ^" in found[1][1]


def test_a_click_on_a_head_sorts_by_it_and_on_a_row_goes_there_then_opens_it():
    app = saved_app(call_report())

    async def steps(pilot):
        panel, table = app.screen.query_one(TurnsPanel), app.screen.query_one(TurnTable)
        column = screen_text(app).splitlines()[table.region.y].index("heard gap ms")
        seen = []
        for _ in range(2):
            await pilot.click(TurnTable, offset=(column - table.region.x + 2, 0))
            await pilot.pause()
            seen.append((panel.order, panel.is_reversed))
        for _ in range(2):
            await pilot.click(TurnTable, offset=(4, 2))
            await pilot.pause()
            seen.append((table.cursor_row, isinstance(app.screen, TurnScreen)))
        return seen

    assert drive(app, steps, (160, 48)) == [
        (Order.HEARD, False),
        (Order.HEARD, True),
        (1, False),
        (1, True),
    ]


def test_a_filter_keeps_its_turns_says_how_many_and_escape_clears_it():
    app = saved_app(call_report(), many_turns_report(20))

    async def steps(pilot):
        table, panel = app.screen.query_one(TurnTable), app.screen.query_one(TurnsPanel)
        seen = {}
        await ask(pilot, "heard > 650 and kind = barge-in")
        seen["kept"] = ids(app), told(app), app.focused is table
        assert told(app) in screen_text(app)
        await pilot.press("slash", "q", "o", "z", "escape")
        seen["given up"] = ids(app), told(app), app.focused is table
        await ask(pilot, "yield > 1000")
        seen["without"] = ids(app), told(app), None
        await ask(pilot, "kind = bargein")
        await pilot.press("j", "k", "end", "enter", "o")
        await pilot.pause()
        seen["empty"] = ids(app), told(app), "no turn fits" in screen_text(app)
        await pilot.press("escape")
        seen["cleared"] = len(ids(app)), told(app), None
        await ask(pilot, "heard > 1 and yield > 1")
        await ask(pilot, "  ")
        seen["emptied"] = len(ids(app)), told(app), None
        await ask(pilot, "heard > 1 and yield > 1")
        seen["unknown"] = ids(app), told(app), None
        await pilot.press("right_square_bracket")
        await settled(pilot)
        seen["another"] = len(ids(app)), told(app), (panel.order, panel.filter)
        return seen

    seen = drive(app, steps, (120, 40))
    said = "1 of 11 turns: heard > 650 and kind = barge-in; escape clears"
    assert seen["kept"] == seen["given up"] == (["5"], said, True)
    assert seen["without"][:2] == (
        ["10"],
        "1 of 11 turns: yield > 1000; 9 have no yield; escape clears",
    )
    assert seen["empty"][0] == []
    assert seen["empty"][1].startswith("none of 11 turns: kind = bargein; the kinds here: barge_in")
    assert seen["empty"][2]
    assert seen["cleared"] == seen["emptied"] == (11, "", None)
    for part in ("have no yield; ", "1 has no heard gap and no yield; ", "3 could not be told: "):
        assert part in seen["unknown"][1]
    assert seen["another"] == (20, "", (Order.HEARD, None))


def test_a_wrong_filter_says_what_and_where_and_the_table_stays():
    app = saved_app(call_report())
    wrong = {
        "herd > 1500": ("no turn has 'herd'", "did you mean heard"),
        "heard >": ("does not fit at its end", "a number or a word is expected"),
        "heard > 1 \x07": ("characters that cannot be shown",),
        "heard > 1 or " * 100: ("longer than 1000",),
    }

    async def steps(pilot):
        line = app.screen.query_one("#turn-filter", Input)
        for text, parts in wrong.items():
            await ask(pilot, text)
            assert len(ids(app)) == 11
            for part in parts:
                assert part in told(app)
            assert app.focused is line
            assert app.screen.query_one(TurnsPanel).has_class("-wrong")
            line.value = "heard > 1"
            await pilot.pause()
            assert not app.screen.query_one(TurnsPanel).has_class("-wrong")
            assert told(app).startswith("heard, yield")

    drive(app, steps, (120, 40))


def test_enter_opens_the_turn_with_the_order_of_the_table_and_escape_leaves_zoom_and_filter():
    app = saved_app(call_report())

    async def steps(pilot):
        table, panel = app.screen.query_one(TurnTable), app.screen.query_one(TurnsPanel)
        await pilot.press("z", "o", "j", "enter")
        await pilot.pause()
        first = [turn.id for turn in app.screen._turns], app.screen.turn.id
        await pilot.press("n", "escape")
        await pilot.pause()
        followed = table.cursor_row
        await ask(pilot, "kind = barge_in")
        await pilot.press("enter")
        await pilot.pause()
        second = [turn.id for turn in app.screen._turns], app.screen.turn.id
        await pilot.press("escape", "escape", "escape")
        await pilot.pause()
        panel.go_to(11)
        at = table.cursor_row
        panel.go_to(99)
        left = app.screen.maximized, panel.filter
        return first, followed, second, left, at, table.cursor_row

    first, followed, second, (maximized, kept), at, still = drive(app, steps)
    assert followed == 2  # the sheet went on to the next turn
    assert first == ([8, 4, 2, 5, 3, 10, 6, 1, 7, 9, 11], 4)
    assert second == ([5, 10], 5)
    assert (maximized, kept) == (None, None)
    assert at == still == 10


def test_moving_the_cursor_draws_two_rows_and_no_other_panel():
    app = saved_app(three_hour_report())

    async def steps(pilot):
        table = app.screen.query_one(TurnTable)
        drawn, others = [], []
        render = table.render_line
        table.render_line = lambda y: drawn.append(y) or render(y)
        for panel in app.screen.query("Panel"):
            if not isinstance(panel, TurnsPanel):
                panel.redraw = lambda **how: others.append(how)
        await pilot.press("j")
        await pilot.pause()
        moved = sorted(set(drawn))
        drawn.clear()
        await pilot.press("end")
        await pilot.pause()
        return moved, len(set(drawn)), table.size.height, others

    moved, lines, height, others = drive(app, steps, (160, 48))
    assert moved == [1, 2]
    assert 1 < lines <= height
    assert others == []


def pictured(snap_compare, report, size, *keys, filtered=None):
    async def before(pilot):
        await settled(pilot)
        await pilot.press("t", *keys)
        if filtered is not None:
            await ask(pilot, filtered)
        await settled(pilot)

    return snap_compare(saved_app(report), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SMALL_FIRST)
def test_sorted(snap_compare, size):
    assert pictured(snap_compare, call_report(), size, "o", "o", "o")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_filtered(snap_compare, size):
    assert pictured(snap_compare, call_report(), size, filtered="yield > 500")


@pytest.mark.parametrize("size", SMALL_FIRST)
def test_filter_error(snap_compare, size):
    assert pictured(snap_compare, call_report(), size, filtered="herd > 1500")


@pytest.mark.parametrize("size", SMALL_FIRST)
def test_two_thousand_turns_on_the_whole_screen(snap_compare, size):
    report = three_hour_report()
    text = "heard > 1500 and kind = barge_in"
    assert pictured(snap_compare, report, size, "z", "o", filtered=text)
