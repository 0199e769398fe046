"""Every action has a key, an entry in the palette, a line on the help page; keys can be moved."""

import asyncio

import pytest
from textual.widgets import Input

from echotrace.tui.app import EchoTraceApp
from echotrace.tui.commands import COMMANDS
from echotrace.tui.key_help import key_shown
from echotrace.tui.keymap import bound_here, owners
from echotrace.tui.screens.help import HelpScreen
from echotrace.tui.screens.score import ScoreScreen
from echotrace.tui.widgets.waterfall import WaterfallPanel
from tests.fakes.reports import call_report, complete_report, mock_report
from tests.fakes.tui_apps import saved_app, screen_text, settled, until


def drive(app, steps, size=(80, 40)):
    async def go():
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            return await steps(pilot)

    return asyncio.run(go())


def test_every_action_is_in_the_palette():
    named = {command.action for command in COMMANDS}
    bound = {binding.action for binding in EchoTraceApp.__dict__["BINDINGS"]}
    assert bound - {"suspend_process"} <= named


def test_the_help_page_lists_every_key():
    app = saved_app(call_report(), mock_report())

    async def steps(pilot):
        await pilot.press("tab")
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the help page")
        return screen_text(app)

    shown = drive(app, steps, (120, 300))
    for owner in owners():
        for binding in bound_here(owner):
            key = key_shown(binding.key.split(",")[0])
            lines = [line for line in shown.splitlines() if binding.id in line.split()]
            assert any(key in line for line in lines), binding
    assert "[-word-]" in shown


def test_the_help_page_closes_and_the_app_stays():
    app = saved_app(complete_report())

    async def steps(pilot):
        for key in ("escape", "question_mark", "q"):
            await pilot.press("question_mark")
            await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the help page")
            await pilot.press(key)
            await until(pilot, lambda: not app.screen.is_modal, f"the overview after {key}")
            assert app.is_running, key

    drive(app, steps)


def test_a_key_can_be_moved():
    app = saved_app(complete_report(), mock_report())

    async def steps(pilot):
        app.set_keymap({"report.next": "x"})
        await pilot.press("x")
        await settled(pilot)
        return screen_text(app)

    assert "demo-0001" in drive(app, steps)


def test_the_palette_runs_an_action():
    app = saved_app(complete_report(), mock_report())

    async def steps(pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: app.screen.is_modal, "the palette")
        app.screen.query_one(Input).value = "report: next"
        await until(
            pilot,
            lambda: app.screen.query_one("CommandList").option_count == 1,
            "the palette finds it",
        )
        await pilot.press("enter")
        await until(pilot, lambda: app.shown == 1, "the next report")

    drive(app, steps)


def test_over_a_full_screen_the_palette_offers_what_that_screen_can_do():
    app = saved_app(complete_report(), mock_report())

    async def steps(pilot):
        overview = {command.title for command in app.get_system_commands(app.screen)}
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ScoreScreen), "the score")
        return overview, {command.title for command in app.get_system_commands(app.screen)}

    overview, score = drive(app, steps)
    assert {"report: next", "view: score", "help: keys", "app: quit"} <= overview
    assert {"help: keys", "app: quit", "view: theme"} <= score
    assert not [title for title in score if title.startswith("report: ")]


def test_a_saved_report_cannot_be_run_again():
    app = saved_app(complete_report())

    async def steps(pilot):
        assert app.check_action("rerun", ()) is None
        await pilot.press("r")
        await settled(pilot)
        return app.runner

    assert drive(app, steps) is None


def test_a_wrong_key_does_nothing():
    app = saved_app(complete_report())

    async def steps(pilot):
        before = screen_text(app)
        await pilot.press("y", "f7", "ctrl+e", "1")
        await settled(pilot)
        return before == screen_text(app)

    assert drive(app, steps)


def test_every_theme_draws_the_same_words():
    app = saved_app(mock_report())
    themes = [
        name for name in ("textual-light", "ansi-dark", "nord") if name in app.available_themes
    ]
    assert "textual-light" in themes

    async def steps(pilot):
        first = screen_text(app)
        colours = {str(app.screen.styles.background)}
        for name in themes:
            app.theme = name
            await settled(pilot)
            assert screen_text(app) == first, name
            colours.add(str(app.screen.styles.background))
        return len(colours)

    assert drive(app, steps) > 1, "no theme was put on"


def test_dark_or_light_is_one_action():
    app = saved_app(complete_report())

    async def steps(pilot):
        assert app.current_theme.dark
        app.action_dark_light()
        await settled(pilot)
        light = not app.current_theme.dark
        app.action_dark_light()
        return light and app.current_theme.dark

    assert drive(app, steps)


@pytest.mark.parametrize(
    "keys",
    [
        ("question_mark",),
        ("e",),
        ("ctrl+p",),
        pytest.param(("t", "enter"), marks=pytest.mark.slow),  # a dialog like the help
        ("l",),
    ],
)
def test_ctrl_c_leaves_from_every_screen_and_dialog(keys):
    app = saved_app(call_report())

    async def steps(pilot):
        await pilot.press(*keys)
        await pilot.pause()
        assert app.screen is not app._overview
        await pilot.press("ctrl+c")
        await until(pilot, lambda: app._exit, "the end")

    drive(app, steps, (80, 24))


def test_nothing_is_drawn_while_nothing_happens():
    app = saved_app(call_report())
    drawn = []

    async def steps(pilot):
        await until(pilot, lambda: app._overview.query_one(WaterfallPanel).now_ns, "a tick")
        for widget in app.screen.query("*"):
            make = widget.render
            widget.render = lambda make=make: drawn.append(1) or make()
        before = app._overview.query_one(WaterfallPanel).now_ns
        await until(
            pilot,
            lambda: app._overview.query_one(WaterfallPanel).now_ns - before > 300e6,
            "three ticks more",
        )

    drive(app, steps, (160, 48))
    assert not drawn
