"""The sheet of a turn in the app: its keys, what it walks through, and how it looks."""

import asyncio
from dataclasses import replace

import pytest
from textual.app import App

from echotrace.tui.app import EchoTraceApp
from echotrace.tui.messages import Jump, PlaySpan
from echotrace.tui.places import PlaceKind
from echotrace.tui.screens.turn import TurnScreen
from tests.fakes.audit_reports import audited_call_report
from tests.fakes.reports import HOSTILE, call_report, complete_report
from tests.fakes.tui_apps import at_sizes, drive, saved_app, screen_text


class SheetApp(App[None]):
    """Nothing but the sheet, in the app's own styles."""

    CSS_PATH = EchoTraceApp.CSS_PATH

    def __init__(self, screen):
        super().__init__()
        self.sheet = screen
        self.heard = []

    def on_mount(self):
        self.push_screen(self.sheet)

    def on_jump(self, message: Jump):
        self.heard.append(message)

    def on_play_span(self, message: PlaySpan):
        self.heard.append(message)


def pressed(screen, *keys, size=(110, 40)):
    """What the app was told after some keys, and the text on the screen at the end."""

    async def go():
        app = SheetApp(screen)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await pilot.press(*keys)
            await pilot.pause()
            warned = [item.message for item in app._notifications]
            return [*app.heard, *warned], screen_text(app)

    return asyncio.run(go())


def test_l_and_space_ask_for_the_place_of_the_turn():
    heard, shown = pressed(TurnScreen(call_report(), 8), "l", "space")
    jump, play = heard
    assert (jump.place.kind, jump.place.turn_id) == (PlaceKind.TURN, 8)
    assert (play.start_s, play.end_s, play.channel) == (55.7, 66.0, None)
    assert "n next  p previous  l timeline  space plays  escape closes" in shown
    assert "Turn 8: 2 of 11" in shown


def test_a_turn_that_is_nowhere_says_so():
    report = call_report()
    lost = replace(report.conversation.turns[0], user=None, agent=None)
    report = replace(report, conversation=replace(report.conversation, turns=(lost,)))
    heard, _ = pressed(TurnScreen(report, 1), "l", "space")
    assert heard == ["nothing gives the place of this turn"] * 2


def test_n_and_p_walk_through_the_order_that_was_given():
    screen = TurnScreen(call_report(), 10, (5, 10, 99, 8))
    assert screen.turn.id == 10
    _, shown = pressed(screen, "n")
    assert screen.turn.id == 8
    assert "Turn 8: 3 of 3" in shown
    assert "the caller waited 2,340 ms" in shown
    screen = TurnScreen(call_report(), 10, (5, 10, 8))
    pressed(screen, "p", "p")
    assert screen.turn.id == 5


def test_without_an_order_or_with_one_of_other_turns_it_is_the_worst_first():
    for order in ((), (1, 2), (99,)):
        screen = TurnScreen(call_report(), 8, order)
        assert (screen.turn.id, screen.at) == (8, 1)
    assert TurnScreen(call_report(), 77).at == 0
    with pytest.raises(ValueError, match="needs a report with turns"):
        TurnScreen(complete_report(), 1)


def test_from_the_first_screen_one_key_opens_the_worst_turn_and_one_closes_it():
    app = saved_app(call_report())

    async def steps(pilot):
        seen = []
        for key in ("escape", "enter", "q"):
            await pilot.press("enter")
            await pilot.pause()
            assert isinstance(app.screen, TurnScreen)
            seen.append(app.screen.turn.id)
            shown = screen_text(app) if key == "q" else ""
            await pilot.press(key)
            await pilot.pause()
            assert not app.screen.is_modal
        return seen, shown

    seen, shown = drive(app, steps)
    assert seen == [7, 7, 7]
    assert "the agent never answered" in shown


def hostile_report():
    """A turn with everything hostile in it that may come from outside."""
    report = audited_call_report()
    words = report.transcription
    errors = tuple(replace(error, gold=HOSTILE, message=HOSTILE) for error in words.errors)
    turns = tuple(
        replace(turn, kind=HOSTILE, heard_gap_ms=replace(turn.heard_gap_ms, band=HOSTILE))
        if turn.heard_gap_ms.value is not None
        else replace(turn, kind=HOSTILE)
        for turn in report.conversation.turns
    )
    return replace(
        report,
        transcription=replace(words, errors=errors, engine=HOSTILE),
        conversation=replace(report.conversation, turns=turns),
    )


SHEETS = {
    "late": (call_report, 8),
    "barge_in": (call_report, 10),
    "missed": (call_report, 7),
    "unanswered": (call_report, 11),
    "greeting": (call_report, 1),
    "unclear": (call_report, 9),
    "misheard": (audited_call_report, 2),
    "hostile": (hostile_report, 2),
}


WIDE_TOO = ("late", "barge_in", "misheard")
"""The others are laid out as the first; their large size waits for `slow`."""


@pytest.mark.parametrize(("name", "size"), at_sizes(SHEETS, both=WIDE_TOO))
def test_sheet(snap_compare, name, size):
    make, number = SHEETS[name]
    assert snap_compare(SheetApp(TurnScreen(make(), number)), terminal_size=size)
