"""The demo in the app: how its first run fills the screen, then, key by key, the way to a cause."""

import asyncio

import pytest

from echotrace.tui.app import EchoTraceApp
from echotrace.tui.screens.timeline import TimelineScreen
from echotrace.tui.screens.turn import TurnScreen
from echotrace.tui.state import Phase
from echotrace.tui.widgets.turn_table import TurnTable
from tests.fakes.tui_apps import demo_jobs, panel_text, screen_text, until

MOST_KEYS = 6


class Demo:
    """The demo from its start to the cause of the worst turn, in one app; what was seen."""

    def __init__(self):
        self.app = EchoTraceApp(demo_jobs())
        self.seen = []
        self.pressed = []
        asyncio.run(self._drive())

    async def _drive(self):
        async with self.app.run_test(size=(80, 24)) as pilot:
            self.first = screen_text(self.app)
            await until(pilot, self._look, "the first run ends")
            self.phase = self.app.logs[0].phase
            self.last = screen_text(self.app)
            await until(pilot, lambda: all(log.phase.is_over for log in self.app.logs), "both")
            await self._walk(pilot)

    def _look(self):
        """Note the stages, whether there is a score, and the spans of the run."""
        spans = panel_text(self.app, "WaterfallPanel").rpartition("This run")[2]
        score = panel_text(self.app, "ScorePanel")
        stages = tuple(self.app.logs[0].snapshot().stages)
        self.seen.append((stages, "CRITICAL" in score, spans))
        return self.app.logs[0].phase.is_over

    async def _walk(self, pilot):
        app = self.app

        async def press(key, reached, what):
            self.pressed.append(key)
            await pilot.press(key)
            await until(pilot, reached, what)

        assert "] next" in screen_text(app)
        await press("right_square_bracket", lambda: isinstance(app.focused, TurnTable), "call")
        assert "Open" in screen_text(app).splitlines()[-1]
        await press("enter", lambda: isinstance(app.screen, TurnScreen), "the worst turn")
        self.cause = " ".join(screen_text(app).replace("│", " ").split())
        await press("l", lambda: isinstance(app.screen, TimelineScreen), "its place")
        self.place = screen_text(app)


@pytest.fixture(scope="module")
def demo():
    return Demo()


def test_the_demo_fills_the_screen_and_the_score_comes_last(demo):
    """Both runs of the demo wait; the first is on the screen, its misheard word no key away."""
    assert "the score comes when the" in demo.first
    assert demo.phase is Phase.DONE
    assert '"going" -> "golding"' in demo.last
    assert "45 / 100" in demo.last
    assert "[MOCK]" in demo.last
    running = [entry for entry in demo.seen if "stt_audit" in entry[2] and "░" in entry[2]]
    assert running, "the transcription was never seen growing"
    assert not any(scored for _, scored, spans in demo.seen if "░" in spans)


def test_the_cause_of_the_worst_turn_is_two_keys_from_the_demo(demo):
    worst = max(
        (turn for turn in demo.app.logs[1].report.conversation.turns if turn.heard_gap_ms.value),
        key=lambda turn: turn.heard_gap_ms.value,
    )
    gap = f"{worst.heard_gap_ms.value:,.0f} ms"
    assert f"the caller waited {gap}" in demo.cause
    assert "silence on both channels" in demo.cause
    assert len(demo.pressed) <= MOST_KEYS
    assert f"turn {worst.id} response" in demo.place
    assert f"heard gap {gap} critical" in demo.place
