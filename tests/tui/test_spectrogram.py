"""The spectrogram widget: what it draws, what it says while and when it cannot, and its order."""

from __future__ import annotations

import asyncio
import hashlib
import threading

import numpy as np
import pytest
import soundfile
from textual.app import App
from textual.color import Color, rgb_to_lab

from echotrace.errors import MissingDependencyError
from echotrace.model.report import Channel, Source
from echotrace.tui.recording import Recording
from echotrace.tui.widgets.lanes import LEFT
from echotrace.tui.widgets.spectrogram import Spectrogram, _ramp
from tests.fakes.audio_files import tone
from tests.fakes.tui_apps import SIZES, screen_text, until

RATE = 16_000


class _App(App):
    def __init__(self, recording, **options):
        super().__init__(**options)
        self.picture = Spectrogram(recording, 0)

    def compose(self):
        yield self.picture


class _Drawn(Recording):
    """A recording of which only a drawing is known; its levels lie in the middle of a shade."""

    def __init__(self, source):
        super().__init__(source)
        self.asked = []
        self.gate = threading.Event()
        self.gate.set()

    def spectrogram(self, channel, start_s, end_s, *, columns, rows, should_stop=None):
        self.asked.append((start_s, end_s, columns, rows))
        self.gate.wait(10)
        row, column = np.arange(rows)[:, None], np.arange(columns)[None, :]
        step = 23 - (np.abs(row * columns - column * rows) * 40 // (rows * columns))
        levels = -80 + (step.clip(0, 23) + 0.5) * 70 / 24
        levels[:, columns - columns // 8 :] = np.nan
        return levels.astype(np.float32)


SOURCE = Source(path="call.wav", sample_rate_hz=RATE, channels=(Channel(index=0, role="caller"),))


@pytest.fixture
def recorded(tmp_path):
    """Two seconds: silence, then a tone of 1 kHz."""
    path = tmp_path / "call.wav"
    signal = np.concatenate([np.zeros(RATE, np.float32), tone(1.0, hz=1_000, level=0.9)])
    soundfile.write(path, signal, RATE)
    made = Recording(
        Source(
            path=str(path),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            sample_rate_hz=RATE,
            channels=SOURCE.channels,
        )
    )
    yield made
    made.close()


def shown(app, *, size=(80, 24), stretch=(0.0, 2.0, 1.5), steps=None):
    """What is on the screen once the picture is there."""

    async def go():
        async with app.run_test(size=size) as pilot:
            app.picture.show(*stretch)
            if size[1] > 1:
                await until(pilot, lambda: is_answered(app.picture), "a picture or why not")
            await pilot.pause()
            if steps is not None:
                return await steps(pilot)
            return screen_text(app)

    return asyncio.run(go())


def is_answered(picture):
    """Whether it has what it shows, or why not; before it has a size it does not even ask."""
    return not picture.is_loading and (picture._picture or picture.why_not) is not None


def backgrounds(app, y):
    """The background of each cell of a line, by the segments of the screen."""
    cells = []
    for segment in app.screen._compositor.render_strips()[y]:
        cells += [segment.style and segment.style.bgcolor] * len(segment.text)
    return cells


def is_drawn(app):
    """Whether the picture and its legend are on the screen, in the colours of the theme."""
    ground = Color.parse(
        app.current_theme.to_color_system().generate()["background"]
    ).rich_color.triplet
    return " dB" in screen_text(app)[-app.size.width :] and backgrounds(app, 0)[0].triplet == ground


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
def test_picture(snap_compare, size, theme):
    app = _App(_Drawn(SOURCE))

    async def show(pilot):
        app.theme = theme
        app.picture.show(0.0, 16.0, 4.0)
        await until(pilot, lambda: is_drawn(app), "a picture in the theme's colours")

    assert snap_compare(app, terminal_size=size, run_before=show)


def test_a_tone_is_seen_where_it_is(recorded):
    text = shown(_App(recorded))
    lines = text.splitlines()
    assert "ch 0 caller  -70 dB " in lines[-1]
    assert " 0 dB  0:01.50: loudest near 1.02 kHz, -2 dB" in lines[-1]
    labels = [line[: LEFT - 1].strip() for line in lines[:-1] if line[: LEFT - 1].strip()]
    assert labels == ["4 kHz", "2 kHz", "1 kHz", "500 Hz", "250 Hz"]
    assert [line.index("│") for line in lines[:-1]] == [LEFT + 53] * 23


def test_loud_is_far_from_the_background(recorded):
    app = _App(recorded)

    async def look(pilot):
        lines = screen_text(app).splitlines()
        y = next(y for y, line in enumerate(lines) if "1 kHz" in line[:LEFT])
        return backgrounds(app, y), backgrounds(app, y + 1), backgrounds(app, y - 1)

    rows = shown(app, steps=look)
    ground = Color.parse(app.theme_variables["background"]).rich_color.triplet
    assert all(cells[LEFT + 10].triplet == ground for cells in rows), "silence"
    light = [rgb_to_lab(Color(*cells[70].triplet)).L for cells in rows]
    assert max(light) > rgb_to_lab(Color(*ground)).L + 40


@pytest.mark.parametrize(
    ("ground", "ink"), [("#121212", "#e0e0e0"), ("#e0e0e0", "#1f1f1f"), ("#272822", "#d6d6d6")]
)
@pytest.mark.parametrize("tint", ["#0178d4", "#004578", "#ae81ff", "#ffffff"])
def test_the_shades_are_in_order_without_colour(ground, ink, tint):
    ramp = _ramp(Color.parse(ground), Color.parse(ink), Color.parse(tint))
    steps = np.diff([colour.brightness for colour in ramp])
    sign = 1 if Color.parse(ink).brightness > Color.parse(ground).brightness else -1
    assert (steps * sign > -0.01).all()
    assert abs(ramp[-1].brightness - ramp[0].brightness) > 0.5


def test_ascii(recorded):
    app = _App(recorded)
    app.add_class("-ascii")
    text = shown(app)
    assert text.isascii()
    assert "  -70 dB  .:-=+*#%@ 0 dB" in text
    loud = [line for line in text.splitlines()[:-1] if "@" in line]
    assert loud
    assert all(not line[LEFT : LEFT + 30].strip() for line in loud)
    assert all(line[LEFT + 53] == "|" for line in text.splitlines()[:-1])


def test_colours_of_the_terminal_are_not_mixed(recorded):
    app = _App(recorded, ansi_color=True)
    app.theme = "ansi-dark"
    text = shown(app)
    assert "-70 dB  ░▒▓█ 0 dB" in text
    assert any("█" in line[70:] for line in text.splitlines()[:-1])


class _Noisy(_Drawn):
    def spectrogram(self, channel, start_s, end_s, *, columns, rows, **_):
        levels = np.full((rows, columns), -52.0, np.float32)
        levels[0, 0] = -15.0
        return levels


def test_steady_noise_gets_the_weak_shades():
    assert "  -60 dB " in shown(_App(_Noisy(SOURCE))).splitlines()[-1]


@pytest.mark.parametrize("size", [(40, 10), (60, 4), (200, 60), (12, 5), (80, 1)])
def test_every_size_is_filled(size):
    lines = shown(_App(_Drawn(SOURCE)), size=size).splitlines()
    assert len(lines) == size[1]
    assert {len(line) for line in lines} == {size[0]}


def test_why_there_is_none_stands_in_its_place(recorded, tmp_path):
    (tmp_path / "call.wav").write_bytes(b"another [bold]file[/]")
    text = " ".join(shown(_App(recorded)).split())
    assert "has changed since it was analysed: its content (sha256) is another" in text


def test_a_hostile_name_is_shown_as_data():
    source = Source(path="[red]x\x1b[31m\u202e.wav", sha256="0" * 64, sample_rate_hz=RATE)
    text = shown(_App(Recording(source)))
    assert "[red]x" in text
    assert "does not exist" in " ".join(text.split())
    assert "\x1b" not in text


class _Broken(_Drawn):
    def spectrogram(self, channel, start_s, end_s, **_):
        if start_s == 0.0:
            raise MissingDependencyError("the spectrogram needs librosa", why="no librosa")
        raise RuntimeError("what nobody thought of")


def test_what_fails_is_told_and_the_next_window_is_tried():
    app = _App(_Broken(SOURCE))

    async def next_window(pilot):
        first = screen_text(app)
        app.picture.show(1.0, 2.0, 1.0)
        await until(pilot, lambda: not app.picture.is_loading, "an answer")
        return first, screen_text(app)

    first, second = shown(app, steps=next_window)
    assert "the spectrogram needs librosa: no librosa" in first
    assert "the spectrogram failed: what nobody thought of" in second


def test_only_the_last_window_is_drawn_and_no_other_is_worked_out():
    recording = _Drawn(SOURCE)
    app = _App(recording)

    async def hurry(pilot):
        recording.asked.clear()
        recording.gate.clear()
        for number in range(20):
            app.picture.show(float(number), number + 4.0, number + 1.0)
        await until(pilot, lambda: len(recording.asked) == 1, "the thread at work")
        during = screen_text(app)
        app.picture.show(30.0, 34.0, 31.0)
        await until(pilot, lambda: len(recording.asked) == 2, "the thread at work again")
        recording.gate.set()
        await until(pilot, lambda: not app.picture.is_loading, "a picture")
        return during, app.picture._picture.window

    during, window = shown(app, steps=hurry)
    assert [asked[:2] for asked in recording.asked] == [(19.0, 23.0), (30.0, 34.0)]
    assert "reading the recording" in during
    assert window[:2] == (30.0, 34.0)


def test_while_a_window_is_worked_out_the_old_picture_moves_along():
    recording = _Drawn(SOURCE)
    app = _App(recording)

    async def pan(pilot):
        before = backgrounds(app, 5)
        recording.gate.clear()
        app.picture.show(0.5, 2.5, 9.0)
        await until(pilot, lambda: len(recording.asked) == 2, "the thread at work")
        after = backgrounds(app, 5)
        recording.gate.set()
        return before, after

    before, after = shown(app, size=(LEFT + 80, 12), stretch=(0.0, 2.0, 9.0), steps=pan)
    assert after[LEFT : LEFT + 60] == before[LEFT + 20 : LEFT + 80]


def test_moving_the_cursor_works_nothing_out_anew():
    recording = _Drawn(SOURCE)
    app = _App(recording)

    async def move(pilot):
        places = []
        for cursor_s in (0.0, 1.0, 1.9999, 2.0, 5.0):
            app.picture.show(0.0, 2.0, cursor_s)
            await pilot.pause()
            places.append(screen_text(app).splitlines()[3].find("│"))
        return places

    places = shown(app, size=(LEFT + 40, 12), stretch=(0.0, 2.0, 0.0), steps=move)
    assert places == [LEFT, LEFT + 20, LEFT + 39, LEFT + 39, -1]
    assert len(recording.asked) == 1


def test_a_new_size_and_a_new_theme_are_followed():
    recording = _Drawn(SOURCE)
    app = _App(recording)

    async def change(pilot):
        dark = backgrounds(app, 3)[LEFT]
        await pilot.resize_terminal(60, 12)
        await until(pilot, lambda: len(recording.asked) == 2, "asked anew")
        await until(pilot, lambda: not app.picture.is_loading, "a picture")
        app.theme = "textual-light"
        app.picture.render_line(3)  # as a frame does that comes before the theme's colours do
        await pilot.pause()
        return dark, backgrounds(app, 3)

    dark, light = shown(app, steps=change)
    assert recording.asked[-1][2:] == (60 - LEFT, 22)
    ground = Color.parse(app.theme_variables["background"]).rich_color.triplet
    assert dark.triplet != ground
    assert light[0].triplet == light[-1].triplet == ground


def test_leaving_stops_the_thread():
    recording = _Drawn(SOURCE)
    app = _App(recording)
    begun, told = threading.Event(), []

    def slow(channel, start_s, end_s, *, should_stop, **_):
        begun.set()
        recording.gate.wait(10)
        told.append(should_stop())
        return np.zeros((2, 2), np.float32)

    async def leave(pilot):
        recording.spectrogram = slow
        recording.gate.clear()
        app.picture.show(1.0, 2.0, 1.0)
        await until(pilot, begun.is_set, "the thread at work")
        await app.picture.remove()
        recording.gate.set()
        await until(pilot, lambda: told != [], "its end")

    shown(app, steps=leave)
    assert told == [True]
