"""The transcript on its own screen: reading, searching, entities, and the ways out of it."""

import asyncio
import re
from dataclasses import replace

import pytest
from textual.app import App

from echotrace.tui.app import EchoTraceApp
from echotrace.tui.job import Saved
from echotrace.tui.messages import Jump, PlaySpan
from echotrace.tui.places import PlaceKind
from echotrace.tui.screens.transcript import TranscriptScreen
from echotrace.tui.screens.word import WordScreen
from echotrace.tui.state import RunLog
from echotrace.tui.widgets.aligned import AlignedText
from echotrace.tui.widgets.key_bar import KeyBar
from echotrace.tui.widgets.row_list import RowList
from echotrace.tui.widgets.transcript import TranscriptPanel
from tests.fakes.audit_reports import (
    AUDITS,
    audited_call_report,
    audited_report,
    faultless_report,
    unreferenced_report,
)
from tests.fakes.reports import call_report, complete_report, hostile_report, long_report
from tests.fakes.tui_apps import at_sizes, drive, saved_app, screen_text, settled


def empty_report():
    """Nothing was heard, and there is nothing to compare it with."""
    whole = unreferenced_report()
    bare = replace(
        whole.transcription, actual="", words=(), segments=(), entities=None, hallucination=None
    )
    return replace(whole, transcription=bare)


class Bare(App):
    """An app with the text and nothing below it, which starts faster than the whole program."""

    CSS_PATH = EchoTraceApp.CSS_PATH

    def __init__(self, report, *, ascii_only=False):
        super().__init__()
        self._report = report
        self.set_class(ascii_only, "-ascii")

    def on_mount(self):
        log = RunLog(Saved(name="call", report=self._report))
        self.push_screen(TranscriptScreen(log.snapshot()))


class Seen:
    """The screen with the text on it, and what it has asked the app for or said."""

    def __init__(self, pilot):
        self.app, self.pilot = pilot.app, pilot
        self.screen = pilot.app.screen
        self.asked = []
        post = self.screen.post_message

        def note(message):
            if not isinstance(message, (Jump, PlaySpan)):
                return post(message)
            self.asked.append(message)
            return True

        self.screen.post_message = note
        self.said = []
        self.screen.notify = lambda what, **_: self.said.append(what)

    @property
    def text(self):
        return self.screen.query_one(AlignedText)

    @property
    def word(self):
        """The word under the cursor, as it is drawn."""
        return "/".join(filter(None, self.text.words.shown(self.text.cursor)))

    async def press(self, *keys):
        """Press keys, let the app answer, and return the word under the cursor."""
        await self.pilot.press(*keys)
        await self.pilot.pause()
        return self.word

    def told(self):
        return " ".join(screen_text(self.app).split())


def on_text(report, steps, size=(80, 24), **options):
    """Open the text of a report and do the steps on it."""

    async def go():
        async with Bare(report, **options).run_test(size=size) as pilot:
            await pilot.pause()
            await pilot.pause()
            return await steps(Seen(pilot))

    return asyncio.run(go())


def test_the_keys_move_word_by_word_line_by_line_and_error_by_error():
    async def steps(seen):
        keys = ("right", "left", "n", "n", "p", "end", "home", "down", "j", "up", "k")
        words = [seen.word, *[await seen.press(key) for key in keys]]
        await seen.press("end", "right", "down", "n", "pagedown")
        last, heads = seen.text.cursor, [seen.told()]
        await seen.press("home", "left", "up", "p", "pageup")
        heads.append(seen.told())
        first = seen.text.cursor
        await seen.press("right")
        return words, last, first, [*heads, seen.told()]

    words, last, first, (after, before, between) = on_text(audited_report(), steps)
    assert "Transcript no wrong word further on WER" in after
    assert "Transcript no wrong word before this one WER" in before
    assert "Transcript WER" in between
    assert "esc Back" in between
    assert words == [
        "[comprehensive]/[compassion]",
        "credit/credit",
        "[comprehensive]/[compassion]",
        "[+uh+]",
        "[-please-]",
        "[+uh+]",
        "[+watching+]",
        "i/i",
        "insurance/insurance",
        "thirty/thirty",
        "insurance/insurance",
        "i/i",
    ]
    assert (last, first) == (32, 0)


def test_what_is_known_of_the_word_is_told_and_enter_opens_it():
    async def steps(seen):
        told = [seen.told()]
        await seen.press("n", "n")
        told.append(seen.told())
        await seen.press("enter")
        assert isinstance(seen.app.screen, WordScreen)
        await seen.press("n", "n", "escape")
        assert isinstance(seen.app.screen, TranscriptScreen)
        after = seen.word
        await seen.press("right", "enter")
        told += seen.said
        stays = isinstance(seen.app.screen, TranscriptScreen)
        await seen.pilot.press("escape")
        return told, after, stays, isinstance(seen.app.screen, TranscriptScreen)

    (first, missed, right), word, stays, still = on_text(audited_report(), steps, (100, 30))
    assert '"comprehensive" -> "compassion" at 0:02.82-0:03.22 probability 0.41 SNR 4.1' in first
    assert "low SNR, strong: local SNR 4 dB (clip 14 dB); low confidence" in first
    assert '"please" missed at not known' in missed
    assert word == "[six]/[sick]"
    assert "heard rightly" in right
    assert stays
    assert not still


def test_l_shows_the_word_on_the_timeline_and_space_plays_it():
    async def steps(seen):
        await seen.press("l", "space", "right", "l", "n", "n", "l", "space", "home", "space")
        return seen.asked, seen.said

    asked, said = on_text(audited_call_report(), steps)
    error, right = (item.place for item in asked if isinstance(item, Jump))
    assert (error.kind, error.at_s, error.end_s) == (PlaceKind.ERROR, 2.82, pytest.approx(3.22))
    assert (error.channel, error.about.gold) == (0, "comprehensive")
    assert (right.kind, right.at_s, right.channel) == (PlaceKind.WORD, pytest.approx(3.24), 0)
    assert (right.about.text, right.about.snr_db) == ("credit", 15.0)
    word, begin = (item for item in asked if isinstance(item, PlaySpan))
    assert (word.start_s, word.end_s) == (2.82, pytest.approx(3.22))
    assert word.channel == 0
    assert (begin.start_s, begin.end_s) == (0.3, pytest.approx(0.7))
    assert said == ["nothing gives the time of this word"] * 2


def test_search_goes_from_match_to_match_and_escape_ends_it():
    async def steps(seen):
        await seen.press("slash")
        places = [await seen.press(*"T", "o")]
        counted = [seen.told()]
        places += [await seen.press(key) for key in ("enter", "n", "p")]
        counted.append(seen.told())
        await seen.press("slash", *"zzz")
        counted.append(seen.told())
        await seen.press("escape")
        ended = not seen.screen.has_class("-searching"), seen.text.search
        places.append(await seen.press("n"))
        return places, counted, ended, seen.app.focused is seen.text

    places, counted, ended, focused = on_text(audited_report(), steps)
    assert places[:4] == ["to/to"] * 4
    assert "2 of 2" in counted[0]
    assert "1 of 2" in counted[1]
    assert "no match" in counted[2]
    assert ended == (True, None)
    assert "[" in places[4]
    assert focused


def test_search_runs_across_words_and_takes_hostile_text_as_it_is():
    async def steps(seen):
        found = []
        for query in ("credit card", "card insurance", "uh insurance", "[a-z]+(", "\\", ".*", "  "):
            seen.screen.query_one("#query").value = query
            await seen.pilot.pause()
            found.append(seen.text.search and len(seen.text.search.places))
        return found

    assert on_text(audited_report(), steps) == [1, 1, 1, 0, 0, 0, None]


def test_matches_are_marked_and_the_cursor_is_seen():
    async def steps(seen):
        await seen.press("slash", *"ewal o", "enter", "right")
        lines = map(seen.text.render_line, range(seen.text.size.height))
        return {segment.text: segment.style for line in lines for segment in line}

    styles = on_text(audited_report(), steps)
    assert styles["ewal"].underline
    assert not styles["ren"].underline
    assert styles["of"].reverse


def test_entities_begin_with_the_wrong_ones_and_lead_to_their_place():
    async def steps(seen):
        await seen.press("e")
        told, rows = seen.told(), seen.screen.query_one(RowList)
        outcomes = [row.about.outcome for row in rows.rows]
        held = seen.app.focused is rows
        words = []
        for keys in (("enter",), ("e", "e", "j", "enter"), ("e", "e", "end", "enter")):
            words.append(await seen.press(*keys))
            assert seen.app.focused is seen.text
        around = seen.told()
        await seen.press("escape")
        return told, outcomes, held, words, around, seen.screen.has_class("-entities")

    told, outcomes, held, words, around, shown = on_text(audited_report(), steps)
    assert "Entities 3 of 4 wrong" in told
    assert 'money wrong "thirty six dollars" -> "thirty sick dollars"' in told
    assert outcomes == ["wrong", "wrong", "missed", "found"]
    assert held
    assert words == ["thirty/thirty", "may/may", "renewal/renewal"]
    assert "entity: key term found" in around
    assert not shown


def test_v_shows_both_sides_and_keeps_the_place():
    async def steps(seen):
        both = [await seen.press("v"), seen.told()]
        line = await seen.press("n")
        await seen.press("space", "l")
        back = await seen.press("v")
        return both, line, seen.asked, back, len(seen.text.words.sides)

    (word, told), line, asked, back, sides = on_text(audited_call_report(), steps)
    assert "agent Thank you for calling" in told
    assert "v one side" in told
    assert word == "compassion"
    assert line == "Mhm."
    assert (asked[0].channel, asked[1].place.at_s) == (1, 11.4)
    assert "[" in back or "/" in back
    assert sides == 2


def test_without_a_second_side_there_is_no_such_view():
    async def steps(seen):
        before = seen.text.words
        await seen.press("v")
        return seen.text.words is before

    assert on_text(audited_report(), steps)


def test_without_gold_the_words_heard_are_shown_and_why_nothing_is_compared():
    async def steps(seen):
        told = seen.told()
        await seen.press("n", "enter")
        return told, seen.told(), seen.said

    told, after, said = on_text(unreferenced_report(), steps, (120, 24))
    assert "WER n/a" in told
    assert "no reference was given" in told
    assert "may be made up: both detectors hear" in after
    assert "nothing to compare this word with" in said[0]


def test_an_empty_text_says_why_and_answers_every_key():
    async def steps(seen):
        keys = ("n", "p", "left", "down", "end", "enter", "l", "space", "slash", "e", "v", "j")
        await seen.pilot.press(*keys)
        await seen.pilot.pause()
        return seen.told(), seen.screen.has_class("-searching")

    told, searching = on_text(empty_report(), steps)
    assert "no words: " in told
    assert "no reference was given" in told
    assert not searching


@pytest.mark.parametrize("report", [AUDITS["hostile_audit"], AUDITS["wide"], hostile_report])
def test_any_width_and_any_data_are_drawn_as_they_are(report):
    async def steps(seen):
        shown = []
        for size in ((40, 12), (200, 50)):
            await seen.pilot.resize_terminal(*size)
            await seen.press("slash", "[", "escape", "n", "v", "end")
            shown.append(screen_text(seen.app))
        return "".join(shown)

    shown = on_text(report(), steps)
    for char in "\x1b\x07\x08\x9b\u202e\u2066\u200b\ufeff\udc80":
        assert char not in shown


def test_ascii_terminals_get_ascii():
    report = replace(audited_report(), source=call_report().source)

    async def steps(seen):
        seen.screen.query_one(KeyBar).display = False
        await seen.press("e")
        drawn = screen_text(seen.app).splitlines()[2:]
        return re.sub("[─━▁▂▃▄▅▆▇█]", "", "\n".join(drawn))

    assert on_text(report, steps, ascii_only=True).isascii()


def test_a_click_puts_the_cursor_on_a_word():
    async def steps(seen):
        area = seen.text
        column = area.words.sides[0].index("renewal")
        line = area._lines.line_of(column) * 3
        x = 1 + area._gutter + area._lines.x_of(column) + 2
        await seen.pilot.click(area, offset=(x, line))
        await seen.pilot.pause()
        return seen.word

    assert on_text(audited_report(), steps) == "renewal/renewal"


def test_resizing_keeps_the_word_in_sight():
    async def steps(seen):
        await seen.press("n", "n", "n")
        seen_words = []
        for size in ((40, 24), (160, 48), (80, 24)):
            await seen.pilot.resize_terminal(*size)
            await seen.pilot.pause()
            await seen.pilot.pause()
            top = seen.text._lines.line_of(seen.text.cursor) * seen.text._height
            seen_words.append((seen.word, 0 <= top - seen.text.scroll_y < seen.text.size.height))
        return seen_words

    found = on_text(long_report(6_000), steps)
    assert found == [(found[0][0], True)] * 3


def test_twenty_thousand_words_are_drawn_line_by_line():
    async def steps(seen):
        drawn = []
        render = seen.text.render_line
        seen.text.render_line = lambda y: drawn.append(y) or render(y)
        await seen.press("end")
        last = screen_text(seen.app)
        return seen.word, len(seen.text.words), len(drawn), last

    word, count, drawn, last = on_text(long_report(), steps)
    assert word == "[word19999]/[bye]"
    assert count == 20_001
    assert drawn < 100
    assert "[word19999]" in last


def test_x_opens_the_text_and_so_does_enter_on_a_panel_without_a_table():
    async def steps(pilot):
        opened = []
        await pilot.press("x")
        await pilot.pause()
        opened.append(type(pilot.app.screen))
        await pilot.press("q")
        await settled(pilot)
        pilot.app.screen.query_one(TranscriptPanel).focus()
        await pilot.press("enter")
        await pilot.pause()
        opened.append(type(pilot.app.screen))
        return opened

    assert drive(saved_app(faultless_report()), steps) == [TranscriptScreen] * 2


def test_words_without_sheets_say_that_the_report_has_no_causes():
    async def steps(seen):
        await seen.press("enter")
        return seen.said[0]

    assert "holds no causes" in on_text(complete_report(), steps)


PICTURES = {
    "full": (audited_call_report, ("n",)),
    "search": (audited_report, ("slash", *"to", "enter")),
    "entities": (audited_report, ("e",)),
    "both_sides": (audited_call_report, ("v",)),
    "no_gold": (unreferenced_report, ("n",)),
    "empty": (empty_report, ()),
    "long": (long_report, ("n",)),
    "hostile": (hostile_report, ("n",)),
    "wide": (AUDITS["wide"], ("n",)),
}


WIDE_TOO = ("full", "both_sides", "entities")
"""The others are laid out as the first; their large size waits for `slow`."""


@pytest.mark.parametrize(("picture", "size"), at_sizes(PICTURES, both=WIDE_TOO))
def test_picture(snap_compare, picture, size):
    report, keys = PICTURES[picture]

    async def open_text(pilot):
        await pilot.pause()
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
        pilot.app.screen.query_one("#query").cursor_blink = False

    assert snap_compare(Bare(report()), terminal_size=size, run_before=open_text)
