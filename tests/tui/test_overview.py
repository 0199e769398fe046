"""What the overview says of a report, at every size and whatever the report holds."""

import asyncio
import os
from dataclasses import replace

import pytest
from rich.cells import cell_len
from textual.content import Content

from echotrace.model.report import AnalyzerResult
from echotrace.tui.driver import terminal_stream
from echotrace.tui.widgets.panel import Panel
from tests.fakes.probe_reports import cost
from tests.fakes.reports import (
    HOSTILE,
    SAMPLES,
    complete_report,
    failed_report,
    hostile_report,
    long_report,
    mock_report,
    no_speech_report,
    partial_report,
)
from tests.fakes.tui_apps import (
    hand,
    read_in_turn,
    saved_app,
    screen_text,
    settled,
)


def look(app, size=(80, 24), *keys):
    """Return the screen's text, and the app, after some keys."""

    async def drive():
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            await pilot.press(*keys)
            await settled(pilot)
            return screen_text(app)

    return asyncio.run(drive())


def test_a_complete_report_fits_on_80_by_24_without_scrolling():
    shown = look(saved_app(complete_report()))
    for part in (
        "EchoTrace 0.1.0",
        "job 7f3c21d09a4e",
        "COMPLETE",
        "75 / 100",
        "WARNING",
        "SNR    14.2 dB  noisy",
        "WER    8.3 %  degraded",
        "TTFT   412 ms  good",
        "P99",
        "stt_audit",
        "<- SLOW",
        "[comprehensive]",
        "[compassion]",
        '"comprehensive" -> "compassion"',
        "1 critical, 1 warning, 1 info",
        "GATE FAILED  snr < 15",
        "CRITICAL  CLIPPING",
        "l Timeline",
        "s Score",
        "q Quit",
        "? Help",
    ):
        assert part in shown, part


@pytest.fixture(scope="module")
def small():
    """The first screen of a mock's report, then of a long one."""
    return read_in_turn([mock_report(), long_report()], screen_text)


def test_a_mock_is_labelled_in_the_latency_and_on_the_waterfall(small):
    shown = small[0]
    assert "TTFT   [MOCK] 1,240 ms" in shown
    row = next(line for line in shown.splitlines() if "llm_ttft" in line)
    assert "╱╱╱" in row  # noqa: RUF001 - the hatching itself
    assert "[MOCK]" in row
    assert "SYNTHETIC" in shown.splitlines()[0]


ODD = {"deep": {"a": {"b": [{"c": None}, {"c": 1.5}]}}, "x": [1, True, "[b]"], "": 0}


@pytest.fixture(scope="module")
def wide():
    """On a large screen: a partial run, a cost, an odd result; the screen and the generic panels.

    They are shown by one app, one after the other.
    """
    odd = {"odd": AnalyzerResult(status="ok", data=ODD)}

    def read(app):
        return screen_text(app), {
            panel.analyzer: panel.query_one("PanelBody").render().plain
            for panel in app.screen.query("AnalyzerPanel")
        }

    return read_in_turn(
        [
            partial_report(),
            replace(complete_report(), cost=cost()),
            replace(complete_report(), analyzers=odd),
        ],
        read,
        (160, 60),
    )


def test_a_stage_that_failed_shows_its_error_under_its_row_and_the_rest_stays(wide):
    shown, _ = wide[0]
    lines = shown.splitlines()
    at = next(number for number, line in enumerate(lines) if "llm_ttft" in line)
    assert "FAILED" in lines[at]
    assert "api.groq.com answered 429" in lines[at + 1]
    assert "TTFT   n/a  unavailable" in shown
    assert "SNR    14.2 dB" in shown
    assert "PARTIAL" in lines[0]


def test_nothing_measured_is_never_a_number():
    shown = look(saved_app(no_speech_report()), (240, 48))
    assert "n/a / 100" in shown
    assert "SNR    n/a  not measurable: no speech was found on this channel" in shown
    assert "WER    n/a  not measurable: the reference is empty" in shown
    assert "NO_SPEECH" in shown


def test_a_failed_run_names_the_failure():
    shown = look(saved_app(failed_report()), (80, 40))
    assert "FAILED" in shown.splitlines()[0]
    assert "the model folder holds no model.bin" in shown
    assert "try: echotrace analyze FILE --stt sphinx" in shown


def test_the_wrong_words_of_a_long_transcript_come_before_it(small):
    assert '"word100" -> "ward"' in small[1]


@pytest.mark.parametrize(
    "size",
    [
        (40, 24),
        (20, 8),
        (1, 1),
        *(pytest.param(size, marks=pytest.mark.slow) for size in ((80, 24), (200, 50))),
    ],
)
def test_a_report_is_drawn_first_at_any_size(size):
    app = saved_app(SAMPLES["hostile"]())
    shown = look(app, size)
    assert app.return_code in (None, 0)
    assert [cell_len(line) for line in shown.splitlines()] == [size[0]] * size[1]


@pytest.mark.parametrize(
    "size",
    [
        (80, 24),
        *(
            pytest.param(size, marks=pytest.mark.slow)
            for size in ((20, 8), (200, 50), (40, 24), (1, 1))
        ),
    ],
)
def test_every_report_is_drawn_at_every_size_and_no_line_is_wider_than_its_panel(size):
    """One app is handed one report after the other, which is also how a run ends in it."""
    app = saved_app(complete_report())

    async def drive():
        async with app.run_test(size=size) as pilot:
            for name in sorted(SAMPLES):
                await hand(pilot, SAMPLES[name]())
                panels = app.screen.query("Panel")
                assert panels
                for panel in panels:
                    assert panel.run.report is app.logs[0].report, name
                    body = panel.query_one("PanelBody")
                    room = max(body.size.width, 16)
                    if size[0] < 40:
                        continue  # there is no room; the panel cuts what does not fit
                    for line in body.render().plain.split("\n"):
                        assert Content(line).cell_length <= room, (name, panel, line)

    asyncio.run(drive())
    assert app.return_code in (None, 0)


@pytest.mark.parametrize(
    "size", [(40, 60), (160, 48), pytest.param((80, 24), marks=pytest.mark.slow)]
)
def test_hostile_text_is_data(size):
    app = saved_app(hostile_report())

    async def drive():
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            whole = screen_text(app)
            panels = {
                type(panel).__name__: panel.query_one("PanelBody").render().plain
                for panel in app.screen.query("Panel")
            }
            return whole, panels

    whole, panels = asyncio.run(drive())
    everything = whole + "".join(panels.values())
    for char in "\x1b\x07\x08\x9b\u202e\u2066\u200b\ufeff\udc80":
        assert char not in everything
    assert "[bold red]x[/]" in "".join(panels.values())
    assert "</script>" in "".join(panels.values())
    assert HOSTILE not in everything


def test_where_the_encoding_has_only_ascii_the_drawing_stays_a_drawing():
    shown = look(saved_app(mock_report(), ascii_only=True))
    read, write = os.pipe()
    with terminal_stream(write, "ascii") as stream:
        stream.write(shown)
    with os.fdopen(read, encoding="ascii") as pipe:
        drawn = pipe.read()
    assert "/////" in drawn
    assert "#####" in drawn
    assert [len(line) for line in drawn.splitlines()] == [len(line) for line in shown.splitlines()]
    assert "?" not in drawn.replace("? Help", "")


def test_a_contributors_result_gets_a_table_without_ui_code_of_theirs(wide):
    _, panels = wide[0]
    assert set(panels) == {"politeness", "compliance"}
    assert "greeted" in panels["politeness"]
    assert "yes" in panels["politeness"]
    assert "tone.mean" in panels["politeness"]
    assert "please, thanks" in panels["politeness"]
    assert "it took longer than 120 s" in panels["compliance"]


def test_a_result_of_any_shape_is_flattened(wide):
    shown = wide[2][1]["odd"]
    assert "deep.a.b[0].c  n/a" in shown
    assert "deep.a.b[1].c  1.5" in shown
    assert "1, yes, [b]" in shown


def test_parts_of_a_report_without_a_panel_of_their_own_are_shown_too(wide):
    shown, panels = wide[1]
    assert set(panels) == {"Cost"}
    assert "Cost" in shown
    assert "$0.0000634" in shown


def after_each(app, *chords):
    """Return what is on a screen of 80 by 24 at first and after each of these steps in one app."""

    async def drive():
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            seen = [screen_text(app)]
            for chord in chords:
                if isinstance(chord, str):
                    await pilot.press(chord)
                else:
                    await pilot.resize_terminal(*chord)
                await settled(pilot)
                seen.append(screen_text(app))
            return seen

    return asyncio.run(drive())


def test_resizing_keeps_everything_in_place():
    seen = after_each(saved_app(complete_report()), (40, 24), (200, 60), (10, 5), (80, 24))
    assert seen[-1] == seen[0]


def test_two_reports_are_a_key_apart():
    app = saved_app(complete_report(), mock_report())
    keys = ("right_square_bracket", "left_square_bracket")
    _, second, again = after_each(app, *keys)
    assert "demo-0001" in second
    assert "7f3c21d09a4e" in again


def test_z_lets_a_panel_fill_the_screen_and_gives_it_back():
    before, whole, after = after_each(saved_app(complete_report()), "z", "z")
    assert "features" not in before
    assert "features" in whole
    assert after == before


def test_tab_and_arrows_reach_the_last_line_of_every_panel():
    app = saved_app(complete_report())
    app.animation_level = "none"

    async def drive():
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            seen = set()
            for _ in range(6):
                await pilot.press("tab")
                panel = app.focused
                seen.add(type(panel).__name__)
                await pilot.press("end")
                await pilot.pause()
                await until_still(pilot, panel)
                assert panel.scroll_y == panel.max_scroll_y
            return seen

    async def until_still(pilot, panel):
        for _ in range(100):
            if panel.scroll_y == panel.max_scroll_y:
                return
            await pilot.pause(0.02)

    assert len(asyncio.run(drive())) == 6


def test_what_was_handed_in_last_stays_when_an_earlier_hand_in_is_held_up(monkeypatch):
    """A panel of a contributor's analyzer takes its time to come in; the run may end meanwhile."""
    odd = {"odd": AnalyzerResult(status="ok", data=ODD)}
    early = saved_app(partial_report()).shown_run()
    late = saved_app(replace(complete_report(), analyzers=odd)).shown_run()
    app = saved_app(partial_report())

    async def drive():
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            fit, held = app.screen._fit_analyzers, asyncio.Event()

            async def slow(names):
                await fit(names)
                await held.wait()

            monkeypatch.setattr(app.screen, "_fit_analyzers", slow)
            first = asyncio.create_task(app.screen.show(early))
            await asyncio.sleep(0)
            monkeypatch.setattr(app.screen, "_fit_analyzers", fit)
            second = asyncio.create_task(app.screen.show(late))
            await pilot.pause()
            held.set()
            await asyncio.gather(first, second)
            return [panel.run is late for panel in app.screen.query(Panel)]

    assert all(asyncio.run(drive()))
