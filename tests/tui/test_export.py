"""Exporting asks for the path, says what is wrong with it, and never replaces a file silently."""

import asyncio

from textual.widgets import Input

from echotrace.model.report import Report
from tests.fakes.reports import complete_report
from tests.fakes.tui_apps import saved_app, screen_text, settled, still_app, until


def export(path, *, after=(), app=None):
    """Open the dialog, type a path, press enter and then some keys; return the screen's text."""
    app = app or saved_app(complete_report())

    async def drive():
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            await pilot.press("e")
            await until(pilot, lambda: app.screen.is_modal, "the dialog opens")
            app.screen.query_one(Input).value = str(path)
            await pilot.press("enter")
            await until(pilot, lambda: answered(app), "the dialog answers")
            await pilot.press(*after)
            if after[-1:] in (("enter",), ("escape",)):
                await until(pilot, lambda: answered(app), "the dialog answers again")
            await pilot.pause()
            told = [item.message for item in app._notifications]
            told += [str(item.content) for item in app.screen.query("#problem")]
            return screen_text(app) + "\n".join(told), app.screen.is_modal

    return asyncio.run(drive())


def answered(app):
    """Whether the dialog has closed or says what is wrong."""
    return not app.screen.is_modal or any(
        str(item.content) for item in app.screen.query("#problem")
    )


def test_the_report_is_written_whole(tmp_path):
    path = tmp_path / "a report.json"
    shown, still_open = export(path)
    assert not still_open
    assert Report.from_json(path.read_bytes()) == complete_report()
    assert "wrote" in shown
    assert [item.name for item in tmp_path.iterdir()] == ["a report.json"]


def test_a_file_that_exists_is_refused_and_stays(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("mine", "utf-8")
    shown, still_open = export(path)
    assert still_open
    assert "exists already" in shown
    assert "Replace the file" in shown
    assert path.read_text("utf-8") == "mine"


def test_pressing_enter_again_still_replaces_nothing(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("mine", "utf-8")
    export(path, after=("enter", "enter"))
    assert path.read_text("utf-8") == "mine"


def test_replacing_takes_the_button_that_says_so(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("mine", "utf-8")
    _, still_open = export(path, after=("tab", "tab", "enter"))
    assert not still_open
    assert Report.from_json(path.read_bytes()) == complete_report()


def test_another_name_takes_the_offer_back(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("mine", "utf-8")
    shown, _ = export(path, after=("2",))
    assert "Replace the file" not in shown


def test_a_path_that_cannot_be_used_says_why(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = saved_app(complete_report())
    wrong = (
        ("", "name a file"),
        ("x" * 300 + ".json", "annot be"),
        (".", "is a folder"),
        ("a\0b.json", "cannot be"),
        ("missing/report.json", "there is no folder"),
        ("~nobody-of-this-name/x.json", "cannot be used"),
    )

    async def drive():
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            await pilot.press("e")
            await until(pilot, lambda: app.screen.is_modal, "the dialog opens")
            for name, told in wrong:
                assert told not in problem(app)
                app.screen.query_one(Input).value = name
                await pilot.press("enter")
                await until(pilot, lambda told=told: told in problem(app), told)
                assert app.screen.is_modal
                assert list(tmp_path.iterdir()) == []

    asyncio.run(drive())


def problem(app):
    """What the dialog says of the path."""
    return "\n".join(str(item.content) for item in app.screen.query("#problem"))


def test_escape_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, still_open = export("", after=("escape",))
    assert not still_open
    assert list(tmp_path.iterdir()) == []


def test_there_is_nothing_to_export_while_the_run_is_on():
    app = still_app()

    async def drive():
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await pilot.press("e")
            await pilot.pause()
            return app.screen.is_modal

    assert asyncio.run(drive()) is False
