"""The screen of the spans: fold, walk, zoom, and what it tells of one; pictures at two sizes."""

import asyncio
import gc
import math
from dataclasses import replace
from typing import ClassVar

import pytest
from textual.app import App
from textual.binding import Binding

from echotrace.model.report import SpanRecord
from echotrace.tui.app import EchoTraceApp
from echotrace.tui.screens.waterfall import WaterfallScreen
from echotrace.tui.widgets.span_tree import SpanTreeView
from tests.fakes.probe_reports import probed_report
from tests.fakes.reports import (
    HOSTILE,
    complete_report,
    failed_report,
    hostile_report,
    minimal_report,
)
from tests.fakes.tui_apps import (
    at_sizes,
    drive,
    saved_app,
    screen_text,
    settled,
    still_app,
    tell_still,
    until,
)

WIDE = (160, 48)
SMALL = (80, 24)


class Alone(App):
    """Nothing but the screen: the overview behind it would only cost time."""

    CSS_PATH = EchoTraceApp.CSS_PATH
    TITLE = EchoTraceApp.TITLE
    BINDINGS: ClassVar = [Binding("question_mark", "help", "Help", key_display="?")]

    def __init__(self, report, ascii_only=False):
        super().__init__()
        self.set_class(ascii_only, "-ascii")
        self.run_shown = saved_app(report).shown_run()


def alone(report, steps, size=SMALL, ascii_only=False):
    """Open the screen on a report; what the steps return."""

    async def go():
        app = Alone(report, ascii_only)
        async with app.run_test(size=size) as pilot:
            screen = WaterfallScreen(app.run_shown)
            await app.push_screen(screen)
            await until(pilot, lambda: not screen.is_loading, "laid out")
            return await steps(pilot, screen)

    return asyncio.run(go())


def told(app):
    """What the app has told in passing."""
    return [note.message for note in app._notifications]


async def press(pilot, *keys):
    """Press keys; what is on the screen then."""
    await pilot.press(*keys)
    await pilot.pause()
    return screen_text(pilot.app)


def texts(report, *chords, size=SMALL, **options):
    """What is on the screen at first, and after each of these chords of keys."""

    async def steps(pilot, screen):
        return [screen_text(pilot.app), *[await press(pilot, *keys) for keys in chords]]

    return alone(report, steps, size, **options)


def walked(report, *keys):
    """The name under the cursor after each key, and the last screen."""

    async def steps(pilot, screen):
        names = []
        for key in keys:
            await pilot.press(key)
            folded = screen.view.folded
            names.append(folded.tree.spans[folded.cursor].name)
        return names, await press(pilot)

    return alone(report, steps)


def with_spans(*spans, bottleneck=None, **changes):
    whole = complete_report()
    latency = replace(whole.latency, spans=tuple(spans), bottleneck=bottleneck)
    return replace(whole, latency=latency, **changes)


def span(number, inside=None, **changes):
    plain = SpanRecord(
        id=number,
        name=f"step_{number}",
        parent=None,
        parent_id=inside,
        start_ms=number * 0.5,
        duration_ms=40_000 / number,
        cpu_ms=None,
        status="ok",
    )
    return replace(plain, **changes)


def many(count):
    """A tree of so many spans, seven under each."""
    parents = [None, *((at - 2) // 7 + 1 for at in range(2, count + 1))]
    return with_spans(*(span(at, inside) for at, inside in enumerate(parents, start=1)))


def row_of(text, name):
    return next((line for line in text.splitlines() if name in line), "")


def test_rows_nest_on_one_axis_with_the_critical_path_marked_and_a_detail_of_one():
    text, worst = texts(complete_report(), ("b",))
    assert sum(line.startswith(" ┃ ") for line in text.splitlines()) == 10
    assert row_of(text, "llm_ttft").startswith("     ▾ llm_ttft")
    assert row_of(text, "▾ stt_audit").startswith(" ┃   ▾ stt_audit")
    assert "<- SLOW" in row_of(text, "▾ stt_audit")
    begins = [row_of(text, name).index("█") for name in ("▾ analyze", "▾ stt_audit", "inference")]
    assert begins == sorted(set(begins))
    assert "longest: stt_audit" in text
    ruler = row_of(text, "0 ms ─ 2,830 ms").strip()
    assert (ruler[0], ruler[-1]) == ("├", "┤")
    assert len(ruler) == row_of(text, "▾ analyze").count("█")
    for part in ("2,600 ms (91.9 % of the run)", "CPU 2,080 ms", "end 2,768 ms", "parent analyze"):
        assert part in worst


def test_keys_walk_fold_and_climb():
    keys = ("down", "j", "k", "up", "up", "end", "home", "pagedown", "pageup", "G", "g")
    there = "audio_decode hash audio_decode analyze analyze first_token analyze first_token analyze"
    names, _ = walked(complete_report(), *keys)
    assert names == [*there.split(), "first_token", "analyze"]
    keys = ("down", "right", "left", "left", "l", "l", "right", "h", "left", "left")
    there = "audio_decode hash audio_decode audio_decode audio_decode hash hash audio_decode"
    names, _ = walked(complete_report(), *keys)
    assert names == [*there.split(), "audio_decode", "analyze"]


def test_n_p_and_b_go_also_into_what_is_folded():
    names, text = walked(complete_report(), "c", "n", "n", "p", "p", "p", "c", "b", *"nnnn")
    there = "analyze audio_decode hash audio_decode analyze analyze analyze stt_audit model_load"
    assert names == [*there.split(), "inference", "inference", "inference"]
    assert "llm_ttft +1" in text


def test_a_key_that_can_do_nothing_says_why():
    async def steps(pilot, screen):
        heads = [(await press(pilot, *keys)).splitlines()[1] for keys in ("p", "n", ("end", "n"))]
        await pilot.press("v", "enter", "plus", "plus")
        return heads, told(pilot.app)

    (before, between, after), notes = alone(complete_report(), steps)
    assert "no span of the critical path before this one" in before
    assert "no span" not in between
    assert "no span of the critical path further on" in after
    assert notes == [
        "this report holds no estimate of the pipeline",
        "first_token has no spans inside",
        "this span fills the axis already",
    ]


def test_a_folded_row_says_how_many_it_hides_and_where_they_run():
    whole, folded, opened, once = texts(complete_report(), ("c",), ("o", "down"), ("enter",))
    assert "▸ audio_decode +4" in folded
    assert "inference" not in folded
    bar = row_of(folded, "llm_ttft +1").split("ms", 1)[1]
    assert bar.index("█") < bar.index("━")
    assert [line for line in opened.splitlines() if "▾" in line] == [
        line for line in whole.splitlines() if "▾" in line
    ]
    assert "▸ audio_decode +4" in once
    assert "inference" in once
    failing = with_spans(span(1), span(2, 1), span(3, 2, status="failed", name="gone"))
    _, text = texts(failing, ("down", "enter"))
    assert "gone" not in text
    assert "+1!" in row_of(text, "▸ step_2")
    assert "inside 1 span, 1 failed" in text


def test_a_failed_span_tells_the_reason_of_its_stage():
    text, worst = texts(failed_report(), ("n", "n"))
    assert "FAILED" in row_of(text, "stt_audit")
    assert "the model folder holds no model.bin" not in text
    assert "the model folder holds no model.bin" in worst


def test_plus_lets_the_span_fill_the_axis_and_back():
    whole, hash_, beyond, back, twice, once, fit = texts(
        complete_report(),
        ("down", "down", "plus"),
        ("end",),
        ("0",),
        ("home", "down", "plus", "down", "plus"),
        ("minus",),
        ("minus", "minus"),
    )
    assert "█" not in row_of(whole, " hash")
    assert "the axis shows 1.3 ms to 3.7 ms" in hash_
    assert row_of(hash_, " hash").count("█") > 20
    assert "→" in row_of(hash_, "inference")
    assert "171 ms ─ 626 ms →" in beyond
    assert row_of(back, "inference") == row_of(whole, "inference") == row_of(fit, "inference")
    assert "1.3 ms to 3.7 ms" in twice
    assert "1.2 ms to 47 ms" in once
    instant = with_spans(span(1), span(2, 1, start_ms=30_000.0, duration_ms=0.0))
    _, text = texts(instant, ("down", "plus"))
    assert "▏" in row_of(text, "step_2 ")
    assert "30,000" in text


def test_the_lane_of_the_pipeline_stands_above_and_v_hides_it():
    text, without, again = texts(probed_report(), ("v",), ("v",))
    assert -1 < text.index("Caller's wait") < text.index("Waterfall")
    assert "Caller's wait" not in without
    assert again == text
    tall, none = texts(probed_report(), ("v",), size=WIDE)
    assert "put together from probes" in tall
    assert "first_token" in tall
    assert "put together from probes" not in none


def test_a_report_without_spans_says_why_and_has_no_keys_for_them():
    keys = (*"jkhlnpboc", "plus", "minus", "0", "enter", "end", "pagedown", "J")
    text, after = texts(minimal_report(), keys)
    assert "holds no latency" in text
    assert "Bottleneck" not in text
    assert after == text
    assert "recorded no spans" in texts(with_spans())[0]


def test_attributes_nest_wrap_scroll_and_are_data():
    attributes = {"engine": {"name": HOSTILE, "beam": 5}, "long": "[bold]word[/bold] " * 30}
    report = with_spans(span(1, attributes=attributes))
    (text,) = texts(report, size=WIDE)
    assert "engine.beam" in text
    assert "[bold]word[/bold]" in text
    assert "\x1b" not in text
    short, down, up = texts(report, ("J",), ("K",))
    assert "J K scroll" in short
    assert down != short
    assert up == short


DAMAGED = with_spans(
    span(1, 2, name="circle a"),
    span(2, 1, name="circle b"),
    span(3, 3, name="of itself"),
    span(4, 99, name="lost", parent="gone"),
    span(4, 1, name="twice"),
    span(5, 1, name="no time", duration_ms=math.nan, start_ms=math.inf),
    span(6, 1, name="endless", duration_ms=1e300),
    span(7, 1, name="negative", duration_ms=-3.0, cpu_ms=math.nan),
    bottleneck="nobody",
)


def test_a_damaged_tree_is_drawn_whole():
    _, text = texts(DAMAGED, ("n", "b", "c", "o", "end"), size=WIDE)
    for item in DAMAGED.latency.spans:
        assert item.name in text, item.name
    assert "n/a" in row_of(text, "no time")


@pytest.mark.parametrize("plain", [False, True])
def test_every_width_and_terminal_gets_whole_lines(plain):
    async def steps(pilot, screen):
        seen = [await press(pilot, "o", "n", "plus")]
        for width in (200, 57):
            await pilot.resize_terminal(width, 20)
            seen.append(await press(pilot, "c", "b"))
            rows = [screen.view.render_line(at) for at in range(screen.view.size.height)]
            wide = screen.view.scrollable_content_region.width
            assert {row.cell_length for row in rows} == {wide}, width
        return "".join(seen)

    text = alone(hostile_report(), steps, (40, 20), ascii_only=plain)
    assert "Waterfall" in text
    assert plain != any(sign in text for sign in "┃├▾▸━←→…")


def test_of_many_spans_only_what_is_seen_is_drawn():
    async def steps(pilot, screen):
        counts = []
        for key in ("home", "o", "end", "pageup", "plus"):
            await press(pilot, key)
            counts.append((len(screen.view.folded.visible), len(screen.view._strips)))
        return counts, screen_text(pilot.app)

    counts, text = alone(many(20_000), steps)
    assert [visible for visible, _ in counts] == [8, 20_000, 20_000, 20_000, 20_000]
    assert max(drawn for _, drawn in counts) < 60
    assert "20,000 spans" in text


def test_while_many_spans_are_laid_out_the_screen_says_so_and_answers():
    app = Alone(many(2_500))

    async def steps(pilot):
        screen = WaterfallScreen(app.run_shown)
        screen._load = asyncio.Event().wait
        await app.push_screen(screen)
        told = await press(pilot, "n", "enter", "o", "c", "plus", "b", "left", "end")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen, "closed")
        return told

    async def go():
        async with app.run_test(size=SMALL) as pilot:
            return await steps(pilot)

    assert "laying out 2,500 spans" in asyncio.run(go())


def test_a_layout_that_is_replaced_before_it_begins_leaves_nothing_behind():
    async def steps(pilot, screen):
        screen.on_mount()
        screen.on_mount()
        await until(pilot, lambda: not screen.is_loading, "laid out")
        return len(screen.view.folded.tree)

    assert alone(many(2_001), steps) == 2_001
    gc.collect()


def test_a_click_goes_to_a_row_and_folds_it_and_beyond_the_rows_does_nothing():
    async def steps(pilot, screen):
        seen = []
        for offset in ((6, 1), (6, 1), (6, 1), (6, 20)):
            await pilot.click(SpanTreeView, offset=offset)
            seen.append((screen.view.folded.cursor, len(screen.view.folded.visible)))
        return seen

    assert alone(complete_report(), steps, WIDE) == [(1, 12), (1, 8), (1, 12), (1, 12)]


def test_another_size_and_theme_keep_the_cursor_in_sight():
    async def steps(pilot, screen):
        await press(pilot, "o", "end")
        last = f"{screen.view.folded.tree.spans[299].name} "
        for size in ((40, 15), (160, 48), SMALL):
            await pilot.resize_terminal(*size)
            assert last in await press(pilot), size
        before = screen.view.render_line(2)
        pilot.app.theme = "textual-light"
        await pilot.pause()
        return before, screen.view.render_line(2)

    before, after = alone(many(300), steps)
    assert before.text == after.text
    assert list(before) != list(after)


def test_enter_on_the_panel_opens_the_spans_and_q_goes_back():
    app = saved_app(complete_report())

    async def steps(pilot):
        overview = app.screen
        app.screen.query_one("WaterfallPanel").focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is not overview, "opened")
        kind = type(app.screen)
        await pilot.press("q")
        await until(pilot, lambda: app.screen is overview, "closed")
        return kind, screen_text(app)

    kind, text = drive(app, steps)
    assert kind is WaterfallScreen
    assert "┃ critical path; enter: all 12" in text
    assert row_of(text, "stt_audit  ").startswith(" ┃ ")
    assert row_of(text, "llm_ttft").startswith("     llm")


def test_while_a_run_is_on_enter_fills_the_screen_with_the_panel():
    app = still_app()

    async def steps(pilot):
        tell_still(app)
        await settled(pilot)
        app.screen.query_one("WaterfallPanel").focus()
        await pilot.press("enter")
        await settled(pilot)
        return app.screen.maximized is not None, screen_text(app)

    maximized, text = drive(app, steps)
    assert maximized
    assert "critical path" not in text


PICTURES = {
    "full": (complete_report, ("b",)),
    "folded": (complete_report, ("c", "end")),
    "failed": (failed_report, ("n", "n")),
    "pipeline": (probed_report, ("down",)),
    "empty": (minimal_report, ()),
}
WIDE_TOO = ("full", "pipeline")
"""The others are laid out as the first; their large size waits for `slow`."""


@pytest.mark.parametrize(("name", "size"), at_sizes(PICTURES, both=WIDE_TOO))
def test_picture(snap_compare, name, size):
    report, keys = PICTURES[name]

    async def show(pilot):
        await pilot.app.push_screen(WaterfallScreen(pilot.app.run_shown))
        await press(pilot, *keys)

    assert snap_compare(Alone(report()), terminal_size=size, run_before=show)
