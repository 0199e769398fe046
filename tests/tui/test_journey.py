"""From the first screen to the cause: what a new user does with the demo, key by key."""

import asyncio

from echotrace.tui.app import EchoTraceApp
from echotrace.tui.screens.timeline import TimelineScreen
from echotrace.tui.screens.turn import TurnScreen
from echotrace.tui.widgets.turn_table import TurnTable
from tests.fakes.tui_apps import demo_jobs, screen_text, until

MOST_KEYS = 6


def test_the_cause_of_the_worst_turn_is_two_keys_from_the_demo():
    app = EchoTraceApp(demo_jobs())
    pressed = []

    async def go():
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: all(log.phase.is_over for log in app.logs), "both runs")

            async def press(key, reached, what):
                pressed.append(key)
                await pilot.press(key)
                await until(pilot, reached, what)

            assert "] next" in screen_text(app)
            await press("right_square_bracket", lambda: isinstance(app.focused, TurnTable), "call")
            assert "Open" in screen_text(app).splitlines()[-1]
            await press("enter", lambda: isinstance(app.screen, TurnScreen), "the worst turn")
            cause = " ".join(screen_text(app).replace("│", " ").split())
            await press("l", lambda: isinstance(app.screen, TimelineScreen), "its place")
            return cause, screen_text(app)

    cause, place = asyncio.run(go())
    worst = max(
        (turn for turn in app.logs[1].report.conversation.turns if turn.heard_gap_ms.value),
        key=lambda turn: turn.heard_gap_ms.value,
    )
    gap = f"{worst.heard_gap_ms.value:,.0f} ms"
    assert f"the caller waited {gap}" in cause
    assert "silence on both channels" in cause
    assert len(pressed) <= MOST_KEYS
    assert f"turn {worst.id} response" in place
    assert f"heard gap {gap} critical" in place
