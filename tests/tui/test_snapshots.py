"""Pictures of every state at two sizes; `pytest --snapshot-update` draws them anew.

State is asserted elsewhere; these catch what a state test cannot see: a layout that moved.
"""

import pytest

from tests.fakes.audit_reports import AUDITS
from tests.fakes.probe_reports import probe_only_report, probed_report
from tests.fakes.reports import SAMPLES
from tests.fakes.tui_apps import (
    SIZES,
    SMALL_FIRST,
    at_sizes,
    saved_app,
    settled,
    still_app,
    tell_still,
)

STATES = ("complete", "call", "mono", "many", "mock", "failed", "no_speech", "long", "hostile")
AT_BOTH_SIZES = ("complete", "call", "unreferenced", "audited")
"""States whose layout is another one where there is more room; the others wait for `slow`."""


@pytest.mark.parametrize(("state", "size"), at_sizes(STATES, both=AT_BOTH_SIZES))
def test_state(snap_compare, state, size):
    app = saved_app(SAMPLES[state]())
    assert snap_compare(app, terminal_size=size, run_before=settled)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_running(snap_compare, size, monkeypatch):
    monkeypatch.setattr("echotrace.tui.widgets.title.__version__", "0.1.0")

    async def tell(pilot):
        tell_still(pilot.app)
        await settled(pilot)

    assert snap_compare(still_app(), terminal_size=size, run_before=tell)


@pytest.mark.parametrize("size", SMALL_FIRST)
def test_help(snap_compare, size):
    app = saved_app(SAMPLES["complete"](), SAMPLES["mock"]())

    async def open_help(pilot):
        await settled(pilot)
        await pilot.press("question_mark")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=open_help)


@pytest.mark.parametrize("size", SMALL_FIRST)
def test_light(snap_compare, size):
    app = saved_app(SAMPLES["complete"]())

    async def light(pilot):
        pilot.app.theme = "textual-light"
        await settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=light)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_turns_on_the_whole_screen(snap_compare, size):
    async def zoom(pilot):
        await settled(pilot)
        await pilot.press("t", "end", "z")
        await settled(pilot)

    assert snap_compare(saved_app(SAMPLES["call"]()), terminal_size=size, run_before=zoom)


@pytest.mark.parametrize(("state", "size"), at_sizes(AUDITS, both=AT_BOTH_SIZES))
def test_words(snap_compare, state, size):
    async def go_to_the_words(pilot):
        await settled(pilot)
        await pilot.press("w")
        await settled(pilot)

    app = saved_app(AUDITS[state]())
    assert snap_compare(app, terminal_size=size, run_before=go_to_the_words)


@pytest.mark.parametrize(
    ("state", "size"), at_sizes(("audited", "wide", "hostile_audit"), both=AT_BOTH_SIZES)
)
def test_one_word(snap_compare, state, size):
    async def open_it(pilot):
        await settled(pilot)
        await pilot.press("w", "enter")
        await settled(pilot)

    app = saved_app(AUDITS[state]())
    assert snap_compare(app, terminal_size=size, run_before=open_it)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_probes_without_a_recording(snap_compare, size):
    app = saved_app(probe_only_report())
    assert snap_compare(app, terminal_size=size, run_before=settled)


def test_one_request(snap_compare):
    async def open_it(pilot):
        await settled(pilot)
        await pilot.press("a", "enter")
        await settled(pilot)

    assert snap_compare(saved_app(probed_report()), terminal_size=(80, 24), run_before=open_it)


@pytest.mark.parametrize("width", [40, 200])
def test_a_call_narrow_and_wide(snap_compare, width):
    assert snap_compare(saved_app(SAMPLES["call"]()), terminal_size=(width, 30), run_before=settled)


@pytest.mark.parametrize("width", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_narrow_and_wide(snap_compare, width):
    assert snap_compare(saved_app(SAMPLES["mock"]()), terminal_size=(width, 40), run_before=settled)
