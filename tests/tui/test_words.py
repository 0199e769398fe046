"""The misheard words in the app: the table, the sheet of a word, what stands below them."""

from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from echotrace.tui.screens.word import WordScreen
from echotrace.tui.widgets.entities import EntitiesPanel
from echotrace.tui.widgets.misheard import LISTED, MisheardTable
from echotrace.tui.widgets.request_table import RequestTable
from echotrace.tui.widgets.row_list import RowList
from echotrace.tui.widgets.score import ScorePanel
from echotrace.tui.widgets.timeline import TimelinePanel
from echotrace.tui.widgets.transcript import TranscriptPanel
from echotrace.tui.widgets.waterfall import WaterfallPanel
from tests.fakes.audit_reports import (
    audited_call_report,
    audited_report,
    faultless_report,
    hostile_audit_report,
    many_errors_report,
    silent_report,
    unreferenced_report,
    wide_report,
)
from tests.fakes.reports import complete_report, failed_report
from tests.fakes.tui_apps import (
    drive,
    hand,
    panel_text,
    read_in_turn,
    saved_app,
    screen_text,
    settled,
    table_rows,
)

SIZES = [(40, 24), (160, 48)]


def rows(app):
    return table_rows(app, MisheardTable)


def sheet(text):
    """Return the text inside the dialog, as one line."""
    inside = [line.split("│")[1] for line in text.splitlines() if line.count("│") >= 2]
    return " ".join(" ".join(inside).split())


@pytest.fixture(scope="module")
def small():
    """By its name, what each of some reports puts on a small screen: rows, two panels, all."""
    made = {
        "audited": audited_report(),
        "unreferenced": unreferenced_report(),
        "silent": silent_report(),
        "wide": wide_report(),
    }
    return dict(zip(made, read_in_turn(made.values(), read), strict=True))


@pytest.fixture(scope="module")
def large():
    """The same of some reports on a large screen."""
    made = {
        "audited": audited_report(),
        "complete": complete_report(),
        "audited_call": audited_call_report(),
    }
    return dict(zip(made, read_in_turn(made.values(), read, (160, 48)), strict=True))


class Read(NamedTuple):
    rows: list
    cursor: int
    words: str
    entities: str
    screen: str
    entities_region: Any
    words_region: Any


def read(app):
    find = app.screen.query_one
    return Read(
        rows(app),
        find(MisheardTable).cursor_row,
        panel_text(app, "TranscriptPanel"),
        panel_text(app, "EntitiesPanel"),
        screen_text(app),
        find(EntitiesPanel).region if find(EntitiesPanel).display else None,
        find(TranscriptPanel).region,
    )


@pytest.mark.parametrize("report", [audited_report, audited_call_report])
def test_the_misheard_word_and_its_cause_are_seen_at_first_sight(report):
    app = saved_app(report())

    async def steps(pilot):
        small = screen_text(app)
        await pilot.resize_terminal(160, 48)
        await settled(pilot)
        return small, screen_text(app)

    for shown in drive(app, steps):
        found = (line for line in shown.splitlines() if '"comprehensive" -> "compassion"' in line)
        assert "low SNR" in next(found)
        assert "x Text" in shown


def test_tables_and_lists_name_their_keys_alike():
    def named(owner):
        return {(binding.id, binding.description) for binding in vars(owner)["BINDINGS"]}

    assert named(MisheardTable) == named(RequestTable) < named(RowList)
    panels = (ScorePanel, TimelinePanel, TranscriptPanel, WaterfallPanel)
    assert [named(panel) for panel in panels] == [{("panel.open", "Open")}] * 4


def test_the_best_explained_error_is_the_first_row(small):
    found, at = small["audited"].rows, small["audited"].cursor
    assert [row[1] for row in found] == [
        '"comprehensive" -> "compassion"',
        '"for" added',
        '"watching" added',
        '"not" missed',
        '"uh" added',
        '"six" -> "sick"',
        '"third" -> "bird"',
        '"please" missed',
    ]
    assert [cell.strip() for cell in found[3]] == [
        "~0:06.0",
        '"not" missed',
        "low SNR, moderate",
        "7.2 dB",
    ]
    assert at == 0


def test_w_leads_to_the_words_and_keys_move_the_cursor_and_the_error_under_it_is_told():
    app = saved_app(audited_call_report())

    async def steps(pilot):
        await pilot.press("t")
        assert not isinstance(app.focused, MisheardTable)
        await pilot.press("w")
        await pilot.pause()
        table = app.screen.query_one(MisheardTable)
        assert app.focused is table
        places = []
        for key in ("j", "down", "k", "end", "home"):
            await pilot.press(key)
            places.append(table.cursor_row)
        await hand(pilot, audited_report())
        await pilot.press(*"jjjj")
        await settled(pilot)
        return places, screen_text(app)

    places, shown = drive(app, steps, (160, 48))
    assert places == [1, 2, 1, 7, 0]
    assert "the other side speaks over 62 % of it" in shown


@pytest.fixture(scope="module")
def sheets():
    """The sheets of the first, of a missed and of the last word; then a small terminal's."""
    app = saved_app(audited_report())

    async def steps(pilot):
        await pilot.press("w")
        told = []
        for keys in ((), ("j", "j", "j"), ("end",)):
            await pilot.press(*keys, "enter")
            await settled(pilot)
            told.append(sheet(screen_text(app)))
            await pilot.press("escape")
        await pilot.resize_terminal(40, 16)
        await pilot.press("home", "enter")
        await settled(pilot)
        told.append(screen_text(app))
        await pilot.press("pagedown", "pagedown")
        return [*told, screen_text(app)]

    return drive(app, steps)


def test_enter_opens_the_word_with_its_figures_and_every_cause(sheets):
    for part in (
        '"comprehensive" -> "compassion"',
        "i am going to cancel my [compassion] credit card uh insurance and i",
        "place 0:02.82 to 0:03.22 the word's own times",
        "probability 0.41",
        "local SNR 4.1 dB the channel's 14.2 dB",
        "1. low SNR, strong: local SNR 4 dB (clip 14 dB)",
        "2. low confidence, weak: the engine gives it 0.41",
    ):
        assert part in sheets[0], part


def test_a_missed_word_stands_between_its_neighbours(sheets):
    assert "uh insurance and i do [-not-] want the renewal of thirty sick" in sheets[1]
    assert "0:06.00 to 0:06.40 between its neighbours" in sheets[1]
    assert "none: the word was not heard" in sheets[1]


def test_an_error_without_a_place_says_so(sheets):
    assert '"please" missed' in sheets[2]
    assert "place not known" in sheets[2]
    assert "local SNR cannot be told here" in sheets[2]


def test_a_small_terminal_scrolls_the_sheet(sheets):
    assert "low confidence" not in sheets[3]
    assert "low confidence" in sheets[4]


def test_keys_go_from_word_to_word_stop_at_the_ends_and_turn_no_report():
    app = saved_app(audited_report(), complete_report())

    async def steps(pilot):
        await pilot.press("w", "enter")
        await pilot.pause()
        shown = []
        for key in ("p", "n", "down", "up", "j", "k", "right", "left", *["n"] * 9):
            await pilot.press(key)
            shown.append(app.screen.at)
        await pilot.press("r", "e", "t", "w")
        await pilot.pause()
        return shown, screen_text(app), (app.shown, app.screen.at, len(app.screen_stack))

    shown, text, stayed = drive(app, steps)
    assert stayed == (0, 7, 3)
    assert shown == [0, 1, 2, 1, 2, 1, 2, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7]
    assert "Misheard word 8 of 8" in text
    assert '"please" missed' in text


def test_the_sheet_closes_and_the_cursor_is_on_the_word_shown_last():
    app = saved_app(audited_report())

    async def steps(pilot):
        table = app.screen.query_one(MisheardTable)
        places = []
        await pilot.press("w")
        for key in ("escape", "enter", "q"):
            await pilot.press("enter")
            await pilot.pause()
            assert isinstance(app.screen, WordScreen)
            await pilot.press("n", "n", key)
            await settled(pilot)
            assert app.focused is table
            places.append(table.cursor_row)
        return places, app.is_running, app.screen.is_modal

    assert drive(app, steps) == ([2, 4, 6], True, False)


def test_entities_and_made_up_words_stand_below_the_words(large):
    text = large["audited"].entities
    assert large["audited"].entities_region.y > large["audited"].words_region.bottom - 1
    for part in (
        "Entities  recall 50.0 %",
        "Hallucination  2 words where nobody speaks",
        "Streaming  faster-whisper:base",
    ):
        assert part in text
    assert text.count("\n\n") == 2


def test_a_report_without_these_parts_has_no_panel_for_them(large):
    found = large["complete"]
    assert found.entities_region is None
    assert found.rows == []
    assert "Entities" not in found.screen
    assert "Analyzer" not in found.screen


def test_without_an_error_w_leads_to_the_transcript():
    app = saved_app(faultless_report())

    async def steps(pilot):
        await pilot.press("w")
        await pilot.pause()
        panel = app.screen.query_one(TranscriptPanel)
        table = app.screen.query_one(MisheardTable)
        return app.focused is panel, table.display, panel_text(app, "TranscriptPanel")

    focused, table, text = drive(app, steps)
    assert focused
    assert not table
    assert "0 wrong, 0 missed, 0 added; 30 of 30 right" in text


def test_without_a_transcription_there_is_no_such_key():
    app = saved_app(failed_report())

    async def steps(pilot):
        focused = app.focused
        await pilot.press("w")
        await pilot.pause()
        return app.check_action("words", ()), app.focused is focused, screen_text(app)

    allowed, stayed, text = drive(app, steps)
    assert allowed is False
    assert stayed
    assert "w Words" not in text


def test_without_a_reference_the_words_heard_and_their_entities_are_shown(small):
    found = small["unreferenced"]
    assert "WER n/a: no reference was given" in found.words
    assert 'heard: money "thirty sick dollars", date "May bird"' in found.entities


def test_words_on_silence_are_rows_and_flags(small):
    found, text = small["silent"].rows, small["silent"].entities
    assert [row[1] for row in found] == [
        f'"{word}" added' for word in ("thank", "you", "for", "watching.", "please", "subscribe.")
    ]
    assert all("no speech" in row[2] for row in found)
    assert "6 words where nobody speaks" in text
    assert "repetition 6 (limit 4)" in text


def test_the_dialogue_and_what_was_sent_are_in_the_panel(large):
    text = large["audited_call"].words
    assert "0:11.4  agent   Mhm." in text
    assert "from the cache of 2025-01-01T09:08:07Z" in " ".join(text.split())
    assert "of audio sent to api.groq.com" in " ".join(text.split())


def test_where_cer_leads_the_title_says_so(small):
    shown = small["wide"].screen
    assert "Transcript  CER 14.8 %" in shown
    assert "CER    14.8 %" in shown
    assert "26.7 %" not in shown


def test_many_errors_scroll_and_stay_in_order():
    app = saved_app(many_errors_report(500))

    async def steps(pilot):
        await pilot.press("w", "end")
        await settled(pilot)
        return rows(app), screen_text(app)

    found, shown = drive(app, steps)
    assert len(found) == 500
    assert found[-1][1] in shown
    told = [row[2].split(", ")[1] for row in found if ", " in row[2]]
    ranks = [("strong", "moderate", "weak").index(strength) for strength in told]
    assert ranks == sorted(ranks)
    assert set(told) == {"strong", "moderate", "weak"}


def test_more_errors_than_a_table_holds_are_counted():
    app = saved_app(many_errors_report(LISTED + 1))

    async def steps(pilot):
        told = app.screen.query_one("TranscriptPanel").query_one("DrawnLines")
        return len(rows(app)), told.render().plain

    found, text = drive(app, steps)
    assert found == LISTED
    assert "the table ends after 1,000 of them" in text


def test_resizing_keeps_the_cursor_on_its_word():
    app = saved_app(audited_report())

    async def steps(pilot):
        await pilot.press("w", "j", "j")
        for size in ((40, 30), (200, 60), (10, 5), (80, 24)):
            await pilot.resize_terminal(*size)
            await settled(pilot)
        return app.screen.query_one(MisheardTable).cursor_row

    assert drive(app, steps) == 2


def test_another_report_has_its_own_words():
    app = saved_app(audited_report(), silent_report(), complete_report())

    async def steps(pilot):
        await pilot.press("w", "j", "j", "right_square_bracket")
        await settled(pilot)
        second = rows(app), app.screen.query_one(MisheardTable).cursor_row
        await pilot.press("right_square_bracket")
        await settled(pilot)
        third = rows(app), screen_text(app)
        await pilot.press("right_square_bracket")
        await settled(pilot)
        return second, third, rows(app)

    (second, at), (third, text), first = drive(app, steps)
    assert len(second) == 6
    assert at == 0
    assert third == []
    assert "[compassion]" in text
    assert len(first) == 8


@pytest.mark.parametrize("size", SIZES)
def test_hostile_words_are_data(size):
    app = saved_app(hostile_audit_report())

    async def steps(pilot):
        await pilot.press("w")
        seen = [screen_text(app), str(rows(app)), panel_text(app, "EntitiesPanel")]
        await pilot.press("enter")
        for _ in range(5):
            await pilot.pause()
            seen.append(screen_text(app))
            await pilot.press("right_square_bracket")
        return "".join(seen)

    shown = drive(app, steps, size)
    for char in "\x1b\x07\x08\x9b\u202e\u2066\u200b\ufeff\udc80":
        assert char not in shown
    assert "[bol" in shown


def test_ascii_terminals_get_ascii():
    app = saved_app(replace(audited_report(), source=complete_report().source), ascii_only=True)

    async def steps(pilot):
        await pilot.press("w", "enter")
        await pilot.pause()
        return sheet(screen_text(app))

    assert drive(app, steps).isascii()


def test_the_table_takes_the_colours_of_the_theme():
    app = saved_app(audited_report())

    async def steps(pilot):
        table = app.screen.query_one(MisheardTable)

        def colours():
            return {str(span.style) for span in table.get_row_at(0)[1].spans}

        dark = colours()
        app.action_dark_light()
        await settled(pilot)
        return dark, colours()

    dark, light = drive(app, steps)
    assert dark != light
