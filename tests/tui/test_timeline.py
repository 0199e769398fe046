"""The timeline: from place to place, nearer and farther, and what is under the cursor in words."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from rich.cells import cell_len

from echotrace.audio.handle import AudioOptions, open_audio
from echotrace.model.conversation import Incident
from echotrace.model.measure import Measurement, Severity
from echotrace.model.report import Channel, EnvelopeChannel, WordError
from echotrace.tui.app import EchoTraceApp
from echotrace.tui.job import Saved
from echotrace.tui.lane_index import CallIndex
from echotrace.tui.lane_rows import head_row, snr_row
from echotrace.tui.lane_wave import Detail
from echotrace.tui.lane_words import found_at, parts_of
from echotrace.tui.lines import page_of
from echotrace.tui.messages import Jump
from echotrace.tui.places import of_incident, of_turn, of_word, places_of
from echotrace.tui.recording import Recording
from echotrace.tui.screens.full import FullScreen
from echotrace.tui.screens.timeline import TimelineScreen
from echotrace.tui.screens.turn import TurnScreen
from echotrace.tui.screens.word import WordScreen
from echotrace.tui.views import Views
from echotrace.tui.widgets.lanes import LEFT, Lanes
from echotrace.tui.window import fitted
from tests.fakes.audio_files import NoFeatures
from tests.fakes.audit_reports import AUDITS, audited_call_report
from tests.fakes.large_reports import three_hour_report
from tests.fakes.reports import SAMPLES, call_report, minimal_report, mono_report
from tests.fakes.tui_apps import SIZES, drive, saved_app, screen_text, until

WORST_GAP_S = 49.5
"""Where the caller of the worst turn of the call stops speaking."""


class Bare(EchoTraceApp):
    """The app without the overview, which is not needed here and takes its time."""

    async def on_mount(self, event):
        event.prevent_default()


def bare(report, **options):
    return Bare([Saved(name="report", report=report)], **options)


def on(report, steps, size=(80, 24), place=None, recording=None, **options):
    """Open the timeline of a report and take steps; what they return."""
    app = bare(report, **options)

    async def go():
        async with app.run_test(size=size) as pilot:
            if recording is not None:
                app._recordings = {id(report): (report, recording)}
            await app.show_timeline(place)
            await quiet(pilot)
            return await steps(pilot, app.screen)

    return asyncio.run(go())


async def quiet(pilot):
    """Let the app draw, and read what it wants to read."""
    await pilot.pause()
    screen = pilot.app.screen
    if isinstance(screen, TimelineScreen) and screen.is_reading:
        await until(pilot, lambda: not screen.is_reading, "the recording is read")
    await pilot.pause()


async def press(pilot, *keys):
    for key in keys:
        await pilot.press(key)
    await quiet(pilot)


def seen(report, size=(80, 24), *keys, **options):
    async def steps(pilot, _):
        await press(pilot, *keys)
        return screen_text(pilot.app)

    return on(report, steps, size, **options)


def row(text, name):
    """The cells of the first row of this name."""
    return next(line[LEFT:] for line in text.splitlines() if line.startswith(name))


def test_it_opens_on_the_whole_with_the_cursor_on_the_worst_gap(monkeypatch):
    mount, mounted = FullScreen.on_mount, []
    monkeypatch.setattr(
        FullScreen, "on_mount", lambda screen: (mounted.append(screen), mount(screen))
    )

    async def steps(pilot, screen):
        assert mounted == [screen]
        return screen.window, screen_text(pilot.app)

    window, text = on(call_report(), steps)
    assert window.is_whole
    assert window.cursor_s == WORST_GAP_S
    assert "the whole 1:23.4" in text
    assert "0:49.50   nobody speaks   turn 7 missed response" in text
    assert "no heard gap: the caller spoke again after 6.2 s" in text
    assert "M missed response critical 6,200 ms" in text
    assert row(text, "marks").split() == ["b", "B", "ET", "MD────", "b", "B─"]


def test_the_cursor_moves_by_a_column_and_the_mouse_sets_it():
    async def steps(pilot, screen):
        column = screen.window.cursor
        await press(pilot, "right", "l", "left")
        moved = screen.window.cursor - column
        await pilot.click(Lanes, offset=(LEFT + 20, 5))
        await quiet(pilot)
        clicked = screen.window.cursor
        await press(pilot, "end")
        last = screen.window.cursor_s
        await press(pilot, "g")
        return moved, clicked, last, screen.window.cursor_s

    assert on(call_report(), steps) == (1, 20, pytest.approx(83.42), 0.0)


def test_next_and_previous_visit_incidents_and_errors_in_order_and_wrap():
    report = audited_call_report()
    expected = [place.at_s for place in places_of(report)]

    async def steps(pilot, screen):
        await press(pilot, "home")
        found = []
        for _ in expected:
            screen.action_next_place()
            assert screen.chosen is not None
            assert screen.selected == (screen.chosen.at_s, screen.chosen.end_s)
            assert screen.window.holds(screen.chosen.at_s)
            found.append(screen.window.cursor_s)
        await quiet(pilot)
        assert "place 15 of 15" in screen_text(pilot.app)
        await press(pilot, "n")
        assert "from the first again" in screen_text(pilot.app)
        found.append(screen.window.cursor_s)
        await press(pilot, "p")
        assert "from the last again" in screen_text(pilot.app)
        found.append(screen.window.cursor_s)
        return found

    assert {place.kind.value for place in places_of(report)} == {"incident", "error"}
    assert on(report, steps) == pytest.approx([*expected, expected[0], expected[-1]])


def test_what_is_visited_can_be_narrowed():
    async def steps(pilot, screen):
        told = []
        for _ in range(3):
            await press(pilot, "i")
            told.append((screen_text(pilot.app).splitlines()[1].split("  ")[1], screen.places))
        return told

    told = on(audited_call_report(), steps)
    assert [words for words, _ in told] == [
        "n, p: 8 incidents",
        "n, p: 7 misheard words",
        "n, p: 15 places",
    ]
    assert all(isinstance(place.about, Incident) for place in told[0][1])
    assert all(isinstance(place.about, WordError) for place in told[1][1])


def test_a_place_too_small_to_see_is_zoomed_to_and_its_words_are_legible():
    text = seen(audited_call_report(), (120, 36), "home", "n", "n", "n", "n")
    assert "x six -> sick" in row(text, "errors")
    assert row(text, "words").split()[5:8] == ["thirty", "sick", "dollars"]
    assert any("780 ms" in line for line in text.splitlines() if line.startswith("turns"))
    assert '"six" -> "sick"' in text
    assert "model: local SNR 24 dB: nothing in the signal" in text


def test_zoom_keeps_the_cursor_and_fit_shows_the_whole():
    async def steps(pilot, screen):
        whole = screen.window
        await press(pilot, "plus", "equals_sign")
        near = screen.window
        await press(pilot, "minus")
        back = screen.window
        await press(pilot, "0", "minus")
        fit, text = screen.window, screen_text(pilot.app)
        screen.go_to(silence)
        assert screen.window.is_whole, "it is large enough to be seen"
        await press(pilot, "plus")
        begin_s, end_s = screen.selected
        assert screen.window.start_s + screen.window.end_s == pytest.approx(begin_s + end_s)
        assert screen.window.cursor_s == begin_s
        return whole, near, back, fit, text

    report = call_report()
    assert report.conversation
    silence = next(
        of_incident(item)
        for item in report.conversation.incidents
        if item.type == "missed_response"
    )
    whole, near, back, fit, text = on(report, steps)
    assert near.width_s == pytest.approx(whole.width_s / 4)
    assert back.width_s == pytest.approx(whole.width_s / 2)
    assert whole.cursor_s == near.cursor_s == back.cursor_s == fit.cursor_s
    assert near.cursor == whole.cursor
    assert fit.is_whole
    assert "as far as it goes" in text


def test_the_wheel_zooms_about_the_pointer():
    async def steps(pilot, screen):
        lanes = screen.query_one(Lanes)
        there_s = screen.window.time_of(10)
        lanes.post_message(Lanes.Wheeled(there_s, into=True))
        await quiet(pilot)
        near = screen.window
        lanes.post_message(Lanes.Wheeled(there_s, into=False))
        await quiet(pilot)
        return there_s, near, screen.window

    there_s, near, back = on(call_report(), steps)
    assert near.column_of(there_s) == 10
    assert not near.is_whole
    assert back.is_whole


def test_the_window_pans_by_half_and_stays_inside():
    async def steps(pilot, screen):
        await press(pilot, "home", "plus", "plus")
        first = screen.window
        await press(pilot, "shift+right")
        second = screen.window
        await press(pilot, *["shift+left"] * 3)
        return first, second, screen.window

    first, second, third = on(call_report(), steps)
    assert second.start_s == pytest.approx(first.start_s + first.width_s / 2)
    assert third.start_s == 0.0


def test_a_jump_goes_to_its_place_and_closes_a_dialog():
    report = audited_call_report()
    assert report.conversation
    assert report.transcription
    incident = of_incident(report.conversation.incidents[-1])
    turn = of_turn(report.conversation.turns[3])
    assert turn

    async def steps(pilot, screen):
        await press(pilot, "home", "n", "enter")
        assert isinstance(pilot.app.screen, WordScreen)
        pilot.app.screen.post_message(Jump(incident))
        await until(pilot, lambda: pilot.app.screen is screen, "the dialog is closed")
        await quiet(pilot)
        assert screen.window.cursor_s == incident.at_s
        assert screen.selected == (incident.at_s, incident.end_s)
        screen.post_message(Jump(turn))
        await quiet(pilot)
        return screen.window

    window = on(report, steps)
    assert window.cursor_s == turn.at_s
    assert window.holds(turn.at_s)
    assert window.holds(turn.end_s)


def test_it_opens_at_a_place_with_its_name_in_words():
    report = call_report()
    assert report.conversation
    place = of_incident(report.conversation.incidents[1])

    async def steps(pilot, screen):
        return screen.window, screen_text(pilot.app)

    window, text = on(report, steps, place=place)
    assert window.cursor_s == place.at_s
    assert "B barge-in warning" in text
    assert not window.is_whole


def test_enter_opens_the_turn_or_the_misheard_word():
    async def steps(pilot, screen):
        await press(pilot, "enter")
        turn = pilot.app.screen
        await press(pilot, "escape", "home", "n", "enter")
        word = pilot.app.screen
        await press(pilot, "n", "escape")
        return turn, word, screen.chosen

    report = audited_call_report()
    turn, word, chosen = on(report, steps)
    assert isinstance(turn, TurnScreen)
    assert isinstance(word, WordScreen)
    assert chosen is not None
    assert chosen.about is [place.about for place in places_of(report)][1]


def test_enter_where_nothing_is_says_so():
    assert "there is no turn and no misheard word here" in seen(minimal_report(), (80, 24), "enter")


def test_space_plays_the_place_then_the_selection_then_the_window(monkeypatch):
    heard = []
    monkeypatch.setattr(Views, "on_play_span", lambda _, message: heard.append(message))
    report = audited_call_report()
    assert report.transcription
    error = report.transcription.errors[0]

    async def steps(pilot, screen):
        await press(pilot, "0", "space")
        await press(pilot, "home", "n", "space")
        await press(pilot, "0", "v", *["right"] * 5, "space")
        assert screen.selected == (pytest.approx(error.start_s), screen.window.cursor_s)
        await press(pilot, "shift+right")
        assert screen.selected[1] == screen.window.cursor_s
        assert screen.window.is_whole
        await press(pilot, "v")
        assert screen.selected is None

    on(report, steps)
    whole, place, marked = heard
    assert (whole.start_s, whole.end_s, whole.channel) == (0.0, pytest.approx(83.42), None)
    assert (place.start_s, place.end_s) == (error.start_s, error.end_s)
    assert place.channel == report.transcription.channel_index
    assert marked.start_s == pytest.approx(error.start_s)
    assert marked.end_s == pytest.approx(error.start_s + 5 * 83.42 / 71)
    assert marked.channel is None


def test_mono_has_one_lane_and_says_why_there_are_no_turns():
    text = seen(mono_report())
    assert text.splitlines()[3].startswith("mixed")
    assert "caller" not in text
    assert "no turns: both voices are on one channel" in text


def test_what_is_not_there_is_told_with_the_reason():
    text = seen(minimal_report(), (80, 24), "n")
    for told in (
        "no levels: the signal stage was not part of this run",
        "no turns: the turns stage was not part of this run",
        "no words: the transcription stage was not part of this run",
        "there are no incidents and no misheard words",
        "nothing tells who speaks",
    ):
        assert told in text
    assert "no words: the model folder holds no model.bin" in seen(SAMPLES["failed"]())
    nothing = seen(SAMPLES["unreadable"](), (80, 24), "n", "plus", "right", "enter", "space")
    assert "nothing in this report has a time" in nothing


def test_a_role_that_only_the_turns_know_has_a_lane():
    report = call_report()
    bare = replace(
        report, signal=None, transcription=None, source=replace(report.source, channels=())
    )
    text = seen(bare)
    assert row(text, "caller").strip()
    assert row(text, "agent").strip()


@pytest.mark.parametrize("channels", [3, 9])
def test_lanes_without_room_are_counted(channels):
    report = call_report()
    assert report.signal
    assert report.signal.envelope
    some = report.signal.envelope.channels[0]
    envelope = replace(
        report.signal.envelope,
        channels=tuple(replace(some, index=index) for index in range(channels)),
    )
    more = tuple(Channel(index=index) for index in range(2, channels))
    report = replace(
        report,
        signal=replace(report.signal, envelope=envelope),
        source=replace(report.source, channels=(*report.source.channels, *more)),
    )
    text = seen(report)
    assert row(text, "caller").strip()
    assert ("no room for" in text) == (channels > 3)
    assert row(text, "marks").strip()


def test_a_cut_begins_where_it_begins_in_the_file():
    report = call_report()
    cut = replace(report, source=replace(report.source, start_s=10.0, duration_s=30.0))

    async def steps(pilot, screen):
        await press(pilot, "home")
        return screen.window, screen_text(pilot.app)

    window, text = on(cut, steps)
    assert (window.first_s, window.last_s) == (10.0, 40.0)
    assert "0:10.00   agent speaks" in text


VARIED = (
    "call",
    "minimal",
    "mono",
    "hostile",
    "cjk",
    "unreadable",
    "failed",
    "hostile_audit",
    "wide",
)


@pytest.mark.parametrize(("width", "names"), [(40, VARIED), (200, VARIED[-3:])])
def test_no_report_breaks_it(width, names):
    ascii_only = width == 40
    reports = [{**SAMPLES, **AUDITS}[name]() for name in names]

    async def steps(pilot, _):
        for report in reports:
            run = replace(pilot.app.shown_run(), report=report)
            screen = TimelineScreen(run, pilot.app.recording_of(report))
            await pilot.app.push_screen(screen)
            screen.action_next_place()
            screen.action_zoom_in()
            screen.action_last()
            screen.action_previous_place()
            await quiet(pilot)
            text = screen_text(pilot.app)
            assert "\x1b" not in text
            assert all(cell_len(line) <= width for line in text.splitlines())
            if ascii_only:
                assert all(line.isascii() for line in text.splitlines()[1:-1])
            await pilot.app.pop_screen()

    on(reports[0], steps, (width, 24), ascii_only=ascii_only)


def test_times_of_a_damaged_report_do_no_harm():
    report = call_report()
    assert report.conversation
    far = Measurement.measured(1e300, "ms")
    bad = tuple(
        Incident(type="dead_air", at_s=at_s, duration_ms=far, severity=Severity.CRITICAL)
        for at_s in (-1e300, 1e300, -5.0, 12.0)
    )
    broken = replace(
        report,
        conversation=replace(report.conversation, incidents=bad),
        source=replace(report.source, duration_s=1e300),
    )

    async def steps(pilot, screen):
        await press(pilot, "n", "n", "n", "n", "n", "minus", "end", "plus", "0")
        return screen.window

    window = on(broken, steps)
    assert window.is_whole
    assert window.last_s < 1e10


def recorded(tmp_path, report=None):
    """A report on a file that is there: a click at 41 s in the agent's channel of silence."""
    rate = 8_000
    samples = np.zeros((int(83.42 * rate), 2), dtype=np.float32)
    samples[41 * rate, 1] = 0.5
    path = tmp_path / "call.wav"
    soundfile.write(path, samples, rate, subtype="PCM_16")
    with open_audio(path, options=AudioOptions(), make_extractor=NoFeatures) as audio:
        source = audio.source
    report = report or call_report()
    return path, replace(report, source=replace(source, channels=report.source.channels))


def test_finer_than_the_envelope_comes_from_the_recording(tmp_path):
    _, report = recorded(tmp_path)

    async def steps(pilot, screen):
        screen._show(screen.window.at(41.0))
        await press(pilot, *["plus"] * 8)
        assert screen.query_one(Lanes).detail is not None
        return screen_text(pilot.app), screen.window

    text, window = on(report, steps)
    assert "peak in 0.1 s caller silent, agent -6.0 dBFS" in text
    assert f"0:40.{round(window.start_s * 100) % 100:02d} to 0:41." in text
    assert "zoom beyond" not in text
    rows = text.splitlines()
    at = next(number for number, line in enumerate(rows) if line.startswith("agent"))
    assert window.step_s < 0.01
    loud = {
        column
        for line in rows[at : at + 3]
        for column, char in enumerate(line[LEFT:])
        if char not in " ⠤│"
    }
    assert loud == {window.cursor}


def test_a_changed_recording_is_told_and_all_else_goes_on(tmp_path):
    path, report = recorded(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    whole = seen(report)
    assert "no finer sound" not in whole
    small = seen(report, (80, 24), *["plus"] * 4, "n")
    assert "no finer sound: " in small
    assert "has 2,669,384" in small
    text = seen(report, (160, 48), *["plus"] * 4, "n")
    assert "zoom beyond the report's envelope needs the recording:" in text
    assert "has changed since it was analysed" in " ".join(text.split())
    assert row(text, "caller").strip()


class Slow(Recording):
    """Answers when it is let; counts what it was asked."""

    def __init__(self, source):
        super().__init__(source)
        self.asked = []
        self.dropped = []
        self.go = threading.Event()

    def why_not(self):
        return None

    def envelope(self, start_s, end_s, columns, *, should_stop=lambda: False):
        self.asked.append((start_s, end_s))
        assert self.go.wait(20)
        self.dropped.append(should_stop())
        return ()


def test_of_many_windows_only_the_first_and_the_last_are_read():
    report = call_report()
    slow = Slow(report.source)

    async def steps(pilot, screen):
        await pilot.press(*["plus"] * 4)
        await until(pilot, lambda: slow.asked, "the first is asked for")
        await pilot.press(*["plus"] * 3, "right", "right")
        await pilot.pause()
        slow.go.set()
        await quiet(pilot)
        return screen.window

    window = on(report, steps, recording=slow)
    assert len(slow.asked) <= 4
    assert slow.asked[-1] == (window.start_s, window.end_s)
    assert slow.dropped[0]
    assert not slow.dropped[-1]


def test_three_hours_are_walked_without_holding_more_than_is_drawn():
    async def steps(pilot, screen):
        await press(pilot, "n", "n", "n", "0", "plus", "end", "p", "0")
        lanes = screen.query_one(Lanes)
        text = screen_text(pilot.app)
        for at in range(12):
            lanes.window = screen.window.zoomed(1.5**at)
            for y in range(lanes.size.height):
                lanes.render_line(y)
        assert len(lanes._seen) == 8, "the windows drawn last, and no more"
        kept = [cells for rows in lanes._seen.values() for cells in rows.values()]
        assert len(kept) <= 8 * lanes.size.height
        assert {len(cells) for cells in kept} == {screen.window.columns}
        return text

    text = on(three_hour_report(), steps)
    assert "of 29 here" in text or "of 28 here" in text
    assert "the whole 3:00:00" in text


def told(report, at_s, *, columns=71, chosen=None, width_s=None, detail=None):
    """What stands below the lanes about a time."""
    index = CallIndex(report)
    window = fitted(index.first_s, index.last_s, columns).at(at_s)
    if width_s is not None:
        window = window.zoomed(window.width_s / width_s)
    found = found_at(index, window, chosen)
    page = page_of(200, ascii_only=False)
    return [part.plain for part in parts_of(found, index, window, page, detail=detail)]


def heard_words(*words, **changes):
    """The call with these words, each a begin, an end and an SNR, and the rest of its report."""
    report = audited_call_report()
    some = report.transcription.words[0]
    made = tuple(
        replace(some, text=f"w{at}", start_s=begin_s, end_s=end_s, snr_db=snr_db)
        for at, (begin_s, end_s, snr_db) in enumerate(words)
    )
    return replace(
        report, transcription=replace(report.transcription, words=made, errors=(), **changes)
    )


def test_where_one_word_ends_and_the_next_begins_the_next_is_meant():
    report = heard_words((29.0, 29.5, 39.2), (29.5, 30.0, 36.04), (30.2, 30.2, 11.0))
    some = audited_call_report().transcription.errors[0]
    errors = tuple(
        replace(some, word=at, start_s=begin_s, end_s=end_s)
        for at, begin_s, end_s in ((0, 29.0, 29.5), (1, 29.5, 30.0))
    )
    wrong = replace(report, transcription=replace(report.transcription, errors=errors))
    assert "word SNR caller 36.0 dB" in told(report, 29.5, width_s=1.0)
    assert 'word "w1" 0.90 sure' in told(report, 29.5, width_s=1.0)
    assert "2 misheard words here" not in told(wrong, 29.5, width_s=1.0)
    assert "2 misheard words here" in told(wrong, 29.5, columns=50), "both begin in a column"
    assert "word SNR caller 11.0 dB" in told(report, 30.2, width_s=1.0), "a word without a length"
    assert "speech SNR caller 14.2 dB" in told(report, 30.1, width_s=1.0)
    assert not any("SNR" in part for part in told(report, 30.45, width_s=1.0))


def test_a_place_about_a_right_word_names_the_word():
    report = heard_words((29.0, 29.6, 20.0), (29.5, 30.0, 21.0))
    word = report.transcription.words[0]
    place = of_word(word, 0)
    assert 'word "w0" 0.90 sure' in told(report, 29.55, width_s=1.0, chosen=place)
    assert 'word "w1" 0.90 sure' in told(report, 29.55, width_s=1.0)
    assert 'word "w1" 0.90 sure' in told(report, 29.8, width_s=1.0, chosen=place)


def peaks_told(report, at_s, **options):
    return next(part for part in told(report, at_s, **options) if part.startswith("peak"))


def test_the_peak_is_that_of_a_stretch_that_no_window_changes():
    report = call_report()
    envelope = report.signal.envelope
    fine = tuple(
        EnvelopeChannel(
            index=at,
            min=(0.0,) * 4_000,
            max=tuple(0.5 if column == 1_000 else at * 0.1 for column in range(4_000)),
            speech_probability=(),
        )
        for at in (0, 1)
    )

    def with_columns(column_s):
        drawn = replace(envelope, column_s=column_s, channels=fine)
        return replace(report, signal=replace(report.signal, envelope=drawn))

    sharp, coarse = with_columns(0.02), with_columns(0.2)
    near = {
        peaks_told(sharp, 20.03, columns=at, width_s=by) for at in (71, 111) for by in (None, 1)
    }
    assert near == {"peak in 0.1 s caller -6.0 dBFS, agent -6.0 dBFS"}
    assert peaks_told(sharp, 20.2) == "peak in 0.1 s caller silent, agent -20.0 dBFS"
    replaced = replace(coarse, source=replace(coarse.source, duration_s=800.0))
    detail = Detail(
        start_s=199.0,
        end_s=201.0,
        channels=tuple(replace(item, min=(0.0,) * 200, max=(0.25,) * 200) for item in fine),
    )
    for at_s, shown in (
        (200.1, "peak in 0.1 s caller -12.0 dBFS, agent -12.0 dBFS"),
        (200.99, "peak in 0.2 s caller silent, agent -20.0 dBFS"),
    ):
        assert peaks_told(replaced, at_s, detail=detail) == shown
    assert peaks_told(replaced, 200.1) == "peak in 0.2 s caller -6.0 dBFS, agent -6.0 dBFS"
    end_s = replaced.source.duration_s
    assert peaks_told(replaced, end_s) == "peak in 0.2 s caller silent, agent -20.0 dBFS"


def test_the_colour_of_the_snr_is_the_band_of_the_report():
    report = heard_words((45.0, 46.0, 29.0), (60.0, 61.0, 3.0))
    first, *others = report.signal.channels
    bands = {43.3784: ("critical", 22.0), 64.2334: (None, 25.0)}
    segments = tuple(
        replace(item, snr_db=Measurement.measured(snr_db, "dB", band=band))
        for item in first.segments
        for band, snr_db in [bands.get(round(item.start_s, 4), ("good", 5.0))]
    )
    signal = replace(report.signal, channels=(replace(first, segments=segments), *others))
    index = CallIndex(replace(report, signal=signal))
    window = fitted(0.0, 84.0, 84)
    row = snr_row(index.lanes[0], window, page_of(84, ascii_only=False))
    assert {role for char, role in row[44:51]} == {"critical"}
    assert row[45][0] > row[47][0], "the word is as high as its own"
    assert {row[60][1], row[66][1]} == {"dim"}
    assert row[24][1] == "good"


@pytest.mark.parametrize(
    ("begin_s", "end_s", "cursor_s", "head"),
    [
        (0.0, 9.0, 0.0, "▼0:00.00"),
        (0.0, 10.0, 0.0, "▼0:00.00─]"),
        (0.0, 8.0, 0.0, "▼0:00.00"),
        (20.0, 23.0, 40.0, " " * 20 + "[─]" + " " * 17 + "▼0:40.00"),
        (71.0, 79.0, 79.0, " " * 72 + "1:19.00▼"),
    ],
)
def test_no_bracket_hangs_on_the_time_of_the_cursor(begin_s, end_s, cursor_s, head):
    window = fitted(0.0, 80.0, 80).at(cursor_s)
    row = head_row(window, (begin_s, end_s), page_of(80, ascii_only=False))
    assert "".join(char for char, _ in row).rstrip() == head


def test_the_spectrogram_takes_the_place_of_the_envelopes(tmp_path):
    _, report = recorded(tmp_path)

    async def steps(pilot, screen):
        before = screen_text(pilot.app)
        await pilot.press("s")
        await until(pilot, lambda: screen.query("Spectrogram"), "the spectrogram is there")
        shown = [screen.query_one("Spectrogram").channel]
        await pilot.press("c")
        await pilot.pause()
        shown.append(screen.query_one("Spectrogram").channel)
        await pilot.press("s")
        await quiet(pilot)
        await until(pilot, lambda: not screen.query("Spectrogram"), "it is gone")
        await quiet(pilot)
        return shown, before, screen_text(pilot.app)

    shown, before, after = on(report, steps)
    assert shown == [0, 1]
    assert before == after


@pytest.mark.parametrize("how", ["enter", "click"])
def test_the_panel_of_the_overview_opens_it(how):
    async def steps(pilot):
        panel = pilot.app.screen.query_one("TimelinePanel")
        if how == "enter":
            panel.focus()
            await pilot.press("enter")
        else:
            await pilot.click("TimelinePanel", offset=(20, 2))
        await pilot.pause()
        return type(pilot.app.screen)

    assert drive(saved_app(call_report()), steps) is TimelineScreen


SMALL, LARGE = SIZES
VIEWS = {
    "full": (audited_call_report, (), SMALL),
    "full_large": (audited_call_report, (), LARGE),
    "incident": (audited_call_report, ("home", "i", "n", "n"), SMALL),
    "incident_large": (audited_call_report, ("home", "i", "n", "n"), LARGE),
    "error_large": (audited_call_report, ("home", "n", "n", "n", "n"), LARGE),
    "mono": (mono_report, (), SMALL),
    "minimal": (minimal_report, (), SMALL),
    "three_hours": (three_hour_report, (), SMALL),
    "three_hours_large": (three_hour_report, (), LARGE),
}


@pytest.mark.parametrize("view", VIEWS)
def test_view(snap_compare, view):
    make, keys, size = VIEWS[view]
    app, before = pictured(make, keys)
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_light(snap_compare):
    app, before = pictured(*VIEWS["incident"][:2])

    async def light(pilot):
        pilot.app.theme = "textual-light"
        await before(pilot)

    assert snap_compare(app, terminal_size=(160, 48), run_before=light)


def pictured(make, keys):
    async def before(pilot):
        await pilot.app.show_timeline(None)
        await quiet(pilot)
        await press(pilot, *keys)

    return bare(make()), before
