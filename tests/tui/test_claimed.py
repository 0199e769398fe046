"""The pipeline's own trace in the app: the lane of a timeline, the turn's sheet, the waterfall."""

import asyncio

import pytest
from textual.app import App

from echotrace.render.console.pipeline_trace_bar import look_of
from echotrace.tui.app import EchoTraceApp
from echotrace.tui.lane_index import CallIndex
from echotrace.tui.lane_rows import part_row
from echotrace.tui.lane_words import found_at, parts_of
from echotrace.tui.lines import page_of
from echotrace.tui.screens.turn import TurnScreen
from echotrace.tui.screens.waterfall import WaterfallScreen
from echotrace.tui.window import fitted
from tests.fakes.reports import call_report
from tests.fakes.traced_reports import (
    claimed_only_report,
    hostile_trace_report,
    refused_trace_report,
    traced_and_probed_report,
    traced_report,
)
from tests.fakes.tui_apps import SIZES, saved_app, screen_text, settled, until

BOTH = [pytest.param(size, id=f"{size[0]}x{size[1]}") for size in SIZES]


class SheetApp(App[None]):
    """Nothing but one screen, in the app's own styles."""

    CSS_PATH = EchoTraceApp.CSS_PATH

    def __init__(self, make):
        super().__init__()
        self.make = make

    def on_mount(self):
        self.push_screen(self.make())


def cells(report, start_s, end_s, columns, *, ascii_only=False):
    """The lane's characters and colours over a stretch of the call."""
    index = CallIndex(report)
    window = fitted(index.first_s, index.last_s, columns)
    shown = window._shown(start_s, end_s - start_s, start_s)
    row = part_row(index.parts, shown, page_of(columns, ascii_only=ascii_only))
    return "".join(char for char, _ in row), [role for _, role in row]


def test_parts_lie_at_their_places_and_have_their_names_where_there_is_room():
    text, roles = cells(traced_report(), 57.0, 60.0, 100)
    assert text[:11].strip() == "e"
    assert " endpointing wait" not in text
    assert " LLM inference 750 " in text
    assert " tool call 640 " in text
    assert roles[10] == "part-endpointing_wait"
    assert roles[99] == ""
    assert text.index("l") < text.index("c", text.index("l")) < text.index("q")


def test_of_several_parts_in_one_column_the_longest_is_seen():
    text, roles = cells(traced_report(), 0.0, 83.0, 83)
    assert set(roles) - {""} <= {
        f"part-{key}"
        for key in (
            *("endpointing_wait", "llm_inference", "tool_call", "speech_synthesis"),
            *("tts_leading_silence", "output_transport"),
        )
    }
    assert text[57] == look_of("llm_inference").letter or text[57] == "e"
    assert len(text) == 83


def test_without_a_trace_or_a_fit_there_is_no_lane():
    for make in (call_report, refused_trace_report):
        assert len(CallIndex(make()).parts) == 0
    assert len(CallIndex(claimed_only_report()).parts) == 0
    text, _ = cells(hostile_trace_report(), 0.0, 83.0, 83, ascii_only=True)
    assert text.isascii()


def shown(app, *keys, size=(120, 30)):
    async def go():
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            for key in keys:
                await pilot.press(key)
                await settled(pilot)
            return screen_text(app)

    return asyncio.run(go())


def test_the_cursor_on_a_part_is_told_with_its_owner():
    index = CallIndex(traced_report())
    window = fitted(index.first_s, index.last_s, 80).at(58.0)
    page = page_of(80, ascii_only=False)
    told = parts_of(found_at(index, window, None), index, window, page, detail=None)
    assert "l LLM inference 750 ms openai gpt-4o-mini" in [text.plain for text in told]


def test_a_trace_without_a_recording_leads_with_what_is_claimed():
    text = shown(saved_app(claimed_only_report()), size=(100, 40))
    assert "the platform says 470 ms" in text
    assert "claim  470 ms" in text
    assert "reply" not in text


@pytest.mark.parametrize("size", BOTH)
def test_the_sheet_of_a_turn(snap_compare, size):
    app = SheetApp(lambda: TurnScreen(traced_report(), 8))
    assert snap_compare(app, terminal_size=size, press=["pagedown"] if size == SIZES[0] else [])


@pytest.mark.parametrize("size", BOTH)
def test_the_waterfall_begins_with_the_trace(snap_compare, size):
    run = saved_app(traced_and_probed_report()).shown_run()
    app = SheetApp(lambda: WaterfallScreen(run))
    assert snap_compare(app, terminal_size=size)


@pytest.mark.parametrize("size", BOTH)
def test_the_lane_of_the_timeline(snap_compare, size):
    async def open_it(pilot):
        await settled(pilot)
        await pilot.press("down", "enter", "l", "plus", "plus", "plus")
        await settled(pilot)
        await until(pilot, lambda: not pilot.app.screen.is_reading, "the recording is read")
        await settled(pilot)

    assert snap_compare(saved_app(traced_report()), terminal_size=size, run_before=open_it)
