"""Two reports side by side in the app, and the line that names several."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len
from textual.app import App

from echotrace.comparison.reports import Section
from echotrace.model.conversation import TurnSide
from echotrace.model.measure import Measurement
from echotrace.model.report import DiffOp
from echotrace.tui.app import EchoTraceApp
from echotrace.tui.job import Saved
from echotrace.tui.screens.compare import CompareScreen
from echotrace.tui.screens.full import FullScreen
from echotrace.tui.state import RunLog
from echotrace.tui.views import Views
from echotrace.tui.widgets.compare import CompareDetail, SectionBar, SectionHead
from echotrace.tui.widgets.row_list import RowList
from echotrace.tui.widgets.tabs import ReportTabs
from tests.fakes.audit_reports import audited_report
from tests.fakes.large_reports import three_hour_report
from tests.fakes.reports import (
    HOSTILE,
    call_report,
    cjk_report,
    failed_report,
    hostile_report,
    minimal_report,
    mock_report,
)
from tests.fakes.tui_apps import SIZES, drive, saved_app, screen_text, settled, until

if TYPE_CHECKING:
    from echotrace.model.report import Report
    from echotrace.tui.state import RunState

measured = Measurement.measured


def changed_report() -> Report:
    """The call after a change: a late turn is quicker, another slower, other words are wrong."""
    a = call_report()
    assert a.conversation
    assert a.transcription
    turns = list(a.conversation.turns)
    turns[3] = replace(
        turns[3], heard_gap_ms=measured(700.0, "ms", low=690.0, high=720.0, band="good")
    )
    turns[7] = replace(
        turns[7], heard_gap_ms=measured(2_600.0, "ms", low=2_500.0, high=2_700.0, band="critical")
    )
    turns[9] = replace(
        turns[9], id=12, user=TurnSide(start_s=90.0, end_s=91.0), agent=None, kind="unanswered"
    )
    summary = a.conversation.summary
    gaps = replace(
        summary.heard_gap_ms,
        p50=measured(820.0, "ms", low=640.0, high=1_300.0, n=7, band="warning"),
        worst=measured(2_600.0, "ms", low=2_500.0, high=2_700.0, n=7, band="critical"),
    )
    before = ("i", "am", "going", "to", "cancel", "my", "comprehensive", "credit")
    return replace(
        a,
        job_id="c0ffee4711ab",
        conversation=replace(
            a.conversation, turns=tuple(turns), summary=replace(summary, heard_gap_ms=gaps)
        ),
        score=replace(a.score, value=75.0, deductions=a.score.deductions[:2]),
        transcription=replace(
            a.transcription,
            engine="sphinx",
            wer=measured(0.182, "ratio", band="critical"),
            diff=(
                DiffOp(op="equal", gold=before, actual=before),
                DiffOp(op="substitute", gold=("card",), actual=("cart",)),
                DiffOp(op="equal", gold=("insurance",), actual=("insurance",)),
                DiffOp(op="delete", gold=("please",)),
            ),
        ),
    )


def elsewhere_report() -> Report:
    """The changed call on another recording."""
    other = changed_report()
    return replace(other, source=replace(other.source, path="calls/other.wav", sha256="e" * 64))


@cache
def large() -> Report:
    return three_hour_report()


def slower_large() -> Report:
    whole = large()
    assert whole.conversation
    turns = tuple(
        replace(turn, heard_gap_ms=measured((turn.heard_gap_ms.value or 0) + turn.id % 7, "ms"))
        for turn in whole.conversation.turns
    )
    return replace(whole, conversation=replace(whole.conversation, turns=turns))


def state(report: Report, name: str) -> RunState:
    return RunLog(Saved(name=name, report=report)).snapshot()


def bare(steps, *, ascii_only: bool = False, size=(80, 24)):
    """What these steps return in an app that has nothing else to draw."""

    async def go():
        async with Bare(ascii_only=ascii_only).run_test(size=size) as pilot:
            return await steps(pilot)

    return asyncio.run(go())


async def compared(pilot) -> CompareScreen:
    app = pilot.app
    await until(
        pilot,
        lambda: isinstance(app.screen, CompareScreen) and app.screen.comparison is not None,
        "compared",
    )
    return app.screen


async def opened(pilot, a: Report, b: Report, *keys: str) -> CompareScreen:
    await pilot.app.push_screen(CompareScreen(state(a, "before.json"), state(b, "after.json")))
    screen = await compared(pilot)
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
    return screen


class Bare(Views):
    """The app's keys and styles over nothing, so that one screen is all there is to draw."""

    CSS_PATH = EchoTraceApp.CSS_PATH
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, *, ascii_only: bool = False) -> None:
        super().__init__()
        self.logs: list[RunLog] = []
        self.set_class(ascii_only, "-ascii")

    def shown_run(self) -> RunState:
        return state(call_report(), "shown")

    def other_run(self) -> RunState | None:
        return None


PICTURES = {
    "score": (call_report, changed_report, ("n",)),
    "figures": (call_report, changed_report, ("2", "n")),
    "turns": (call_report, changed_report, ("3",)),
    "words": (call_report, changed_report, ("4",)),
    "the_same_twice": (call_report, call_report, ("3",)),
    "other_recordings": (call_report, elsewhere_report, ("3",)),
    "large": (large, slower_large, ("3", "end")),
    "hostile": (hostile_report, call_report, ("end", "up", "up", "up")),
    "one_failed": (call_report, failed_report, ("2",)),
}


WIDE_TOO = ("score", "turns", "words")
"""Of figures the columns are those of the score; data changes no layout."""


@pytest.mark.parametrize(
    ("name", "size"),
    [(name, size) for name in PICTURES for size in SIZES[: 2 if name in WIDE_TOO else 1]],
    ids=lambda value: value if isinstance(value, str) else f"{value[0]}x{value[1]}",
)
def test_pictures(snap_compare, name, size):
    a, b, keys = PICTURES[name]

    async def steps(pilot):
        await opened(pilot, a(), b(), *keys)
        await pilot.pause()

    assert snap_compare(Bare(), terminal_size=size, run_before=steps)


@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_width_and_no_data_break_it(ascii_only):
    cjk = cjk_report()
    other = replace(cjk, source=hostile_report().source)  # so that turns and words are compared

    async def steps(pilot):
        screen = await opened(pilot, hostile_report(), other)
        for width in (200, 64, 40):
            await pilot.resize_terminal(width, 30)
            for section in Section:
                screen.section = section
                await pilot.pause()
                lines = screen_text(pilot.app).splitlines()
                assert max(map(cell_len, lines)) == width
                text = "".join(line[:-2] for line in lines[:-1])  # the bar and keys are Textual's
                assert "\x1b" not in text
                assert "\u202e" not in text
                assert text.isascii() or not ascii_only

    bare(steps, ascii_only=ascii_only, size=(200, 30))


def test_d_opens_it_brackets_choose_another_b_and_escape_leads_back_to_the_tabs():
    app = saved_app(call_report(), changed_report(), mock_report())

    async def steps(pilot):
        await pilot.press("d")
        screen = await compared(pilot)
        text = screen_text(app)
        names = [screen.other.name]
        for key in ("]", "]", "["):
            await pilot.press(key)
            names.append((await compared(pilot)).other.name)
        await pilot.press("escape")
        assert app.screen is not screen
        line = app.screen.query_one(ReportTabs).render().plain
        await pilot.click(ReportTabs, offset=(1 + line.index("report 3"), 0))
        await settled(pilot)
        return text, names, app.shown

    text, names, shown = drive(app, steps, (160, 48))
    assert "A  report 1  65 / 100 WARNING" in text
    assert "B  report 2  75 / 100 WARNING" in text
    assert "not the same: engine" in text
    assert "changed: both name the profile default; its limits are not in the report" in text
    assert "] Other B" in text
    assert names == ["report 2", "report 3", "report 2", "report 3"]
    assert shown == 2


def test_n_and_p_walk_through_all_differences_of_all_sections():
    async def steps(pilot):
        screen = await opened(pilot, call_report(), changed_report())
        found = screen.comparison
        expected = [(section, at) for section in Section for at in found.differences(section)]
        seen = [(screen.section, screen.query_one(RowList).cursor)]

        async def walk(key):
            for _ in expected[1:]:
                await screen.run_action({"n": "next", "p": "previous"}[key] + "_difference")
                await pilot.pause()
                seen.append((screen.section, screen.query_one(RowList).cursor))
            await pilot.press(key)
            await pilot.pause()
            return screen.query_one(SectionHead).render().plain

        ends = [await walk("n"), await walk("p")]
        assert expected[-2::-1] == seen[len(expected) :]
        await pilot.press("n")
        await pilot.pause()
        assert "no difference" not in screen.query_one(SectionHead).render().plain
        assert not pilot.app._notifications
        return expected, seen, ends

    expected, seen, ends = bare(steps)
    assert len(expected) > 8
    assert seen[: len(expected)] == expected
    assert ends[0].startswith("no difference after this one: ")
    assert ends[1].startswith("no difference before this one: ")


def test_keys_and_clicks_choose_the_section_and_it_keeps_its_cursor():
    async def steps(pilot):
        screen = await opened(pilot, call_report(), changed_report(), "2")
        first = screen.query_one(CompareDetail).render().plain
        await pilot.press("down")
        await pilot.pause()
        second = screen.query_one(CompareDetail).render().plain
        await pilot.press("down", "tab")
        seen = [screen.section]
        await pilot.press("shift+tab")
        await pilot.pause()
        seen.append((screen.section, screen.query_one(RowList).cursor))
        third = screen.query_one(CompareDetail).render().plain
        bar = screen.query_one(SectionBar)
        line = bar.render().plain
        await pilot.click(SectionBar, offset=(1 + line.index("4 Words"), 0))
        await pilot.pause()
        return [*seen, screen.section], (first, second, third), screen_text(pilot.app)

    seen, (first, second, third), text = bare(steps, size=(160, 48))
    assert seen == [Section.TURNS, (Section.FIGURES, 2), Section.WORDS]
    assert "95 % interval 610 to 1,120 ms" in first
    assert "within the intervals: could be chance" in first
    assert "n/a  not measurable: 7 turns were measured" in second
    assert "neither report has it" in second
    assert "2,600 ms critical  [2,500, 2,700] by its edges, n=7" in third
    assert "worse: A has no interval" in third
    assert "Other B" not in text


def test_what_cannot_be_compared_says_why_in_its_place():
    async def steps(pilot):
        await opened(pilot, minimal_report(), failed_report(), "3")
        turns = screen_text(pilot.app)
        await pilot.press("4")
        await pilot.pause()
        return turns, screen_text(pilot.app)

    turns, words = bare(steps)
    assert "4 Words n/a" in words
    assert "neither report has a transcript" in words
    assert "A: the turns were not analysed; B: the turns were not analysed" in turns


def test_x_swaps_the_two_however_fast_it_is_pressed(monkeypatch):
    named = []
    monkeypatch.setattr(FullScreen, "on_mount", lambda screen: named.append(screen))

    async def steps(pilot):
        screen = await opened(pilot, call_report(), changed_report())
        before = [row.verdict for row in screen.comparison.figures]
        for _ in range(3):
            screen.action_swap()
        screen = await compared(pilot)
        after = [row.verdict for row in screen.comparison.figures]
        return before, after, screen.run.name, screen_text(pilot.app)

    before, after, name, text = bare(steps)
    gc.collect()  # a coroutine that was never awaited tells so when it goes
    assert [verdict.mirrored for verdict in before] == after != before
    assert name == "after.json"
    assert text.index("A  after.json") < text.index("B  before.json")
    assert len(named) == 1


def test_enter_opens_the_turn_of_a_or_tells_that_only_b_has_it(monkeypatch):
    got = []
    monkeypatch.setattr(Views, "on_open_turn", lambda _, message: got.append(message))

    async def steps(pilot):
        screen = await opened(pilot, call_report(), changed_report(), "3", "enter")
        only_b = next(at for at, row in enumerate(screen.comparison.turns) if row.a is None)
        screen.query_one(RowList).go(only_b)
        await pilot.press("enter")
        await pilot.pause()
        return [item.message for item in pilot.app._notifications]

    told = bare(steps)
    (message,) = got
    assert message.turn_id == 4
    assert set(message.order) == set(range(1, 12))
    assert told == ["this turn is only in B: x swaps the two"]


def test_enter_on_a_word_leads_to_its_place(monkeypatch):
    got = []
    monkeypatch.setattr(Views, "on_jump", lambda _, message: got.append(message.place))
    a = audited_report()
    faultless = tuple(
        DiffOp(op="equal", gold=op.gold, actual=op.gold) for op in a.transcription.diff if op.gold
    )
    b = replace(a, transcription=replace(a.transcription, diff=faultless, errors=()))

    async def steps(pilot):
        screen = await opened(pilot, a, b, "4", "enter")
        return screen.comparison.words.rows[0], screen.query_one(CompareDetail).render().plain

    row, detail = bare(steps)
    assert got[0].about is row.error_a
    assert got[0].at_s == row.at_a_s is not None
    assert row.error_a.message[:30] in detail


class TabsApp(App[None]):
    """Only the line, and which tabs were chosen."""

    def __init__(self, names: list[str], shown: int) -> None:
        super().__init__()
        self.names, self.shown = names, shown
        self.chosen: list[int] = []

    def compose(self):
        tabs = ReportTabs()
        tabs.styles.height = 1
        tabs.entries, tabs.shown = tuple((name, "65 / 100") for name in self.names), self.shown
        yield tabs

    def on_report_tabs_chosen(self, message: ReportTabs.Chosen) -> None:
        self.chosen.append(message.at)


def tabs_at(names, shown, width, *clicks):
    """The line of these reports, and which of them clicks on these texts choose."""
    app = TabsApp(names, shown)

    async def go():
        async with app.run_test(size=(width, 3)) as pilot:
            line = app.query_one(ReportTabs).render().plain
            for text in clicks:
                await pilot.click(ReportTabs, offset=(line.index(text), 0))
            await pilot.pause()
            return line, app.chosen

    return asyncio.run(go())


@pytest.mark.parametrize(("shown", "width"), [(0, 40), (6, 80), (11, 60)])
def test_the_shown_report_is_among_the_tabs_that_fit(shown, width):
    names = [f"a rather long name of a report {at}.json" for at in range(12)]
    line, _ = tabs_at(names, shown, width)
    assert f"[{shown + 1} " in line
    assert line.startswith(f"{shown + 1} of 12")
    assert len(line) <= width


def test_few_tabs_stand_whole_beside_their_keys():
    line, _ = tabs_at(["a.json", "b.json"], 1, 80)
    assert line.startswith(" 1 a.json  65 / 100  [2 b.json] 65 / 100")
    assert line.endswith("] next  [ previous")
    assert "\x1b" not in tabs_at([HOSTILE, "b.json"], 0, 60)[0]


def test_a_click_chooses_the_tab_under_it_and_beside_them_none():
    names = [f"file {at}" for at in range(1, 13)]
    line, chosen = tabs_at(names, 7, 80, "file 9", "8 of 12", "[8 file 8]")
    assert line.startswith("8 of 12")
    assert chosen == [8, 7]
