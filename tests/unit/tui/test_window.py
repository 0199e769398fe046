"""Laws of the window of a timeline, whatever the recording."""

import math
from dataclasses import replace

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from echotrace.tui.window import SHORTEST_S, fitted, ticks

FACTOR = 2.0


@st.composite
def windows(draw):
    first_s = draw(st.floats(-100, 20_000))
    length_s = draw(st.floats(0.05, 12_000))
    window = fitted(first_s, first_s + length_s, draw(st.integers(1, 300)))
    for share in draw(st.lists(st.floats(0, 1), max_size=4)):
        there_s = window.first_s + share * (window.last_s - window.first_s)
        window = window.at(there_s).zoomed(draw(st.sampled_from([FACTOR, 1 / FACTOR, 3.0])))
    return window


def assert_sound(window):
    close = 1e-6
    assert window.first_s - close <= window.start_s
    assert window.start_s < window.end_s
    assert window.end_s <= window.last_s + close
    assert window.start_s - close <= window.cursor_s <= window.end_s + close
    assert 0 <= window.cursor < window.columns


@given(windows())
@example(fitted(1.0, 3.00001, 1).at(3.00001))
def test_zooming_in_and_out_returns(window):
    assume(window.width_s / FACTOR >= SHORTEST_S)
    back = window.zoomed(FACTOR).zoomed(1 / FACTOR)
    assert back.start_s == pytest.approx(window.start_s, abs=1e-6)
    assert back.end_s == pytest.approx(window.end_s, abs=1e-6)
    assert back.cursor_s == window.cursor_s


@given(windows(), st.floats(0, 1))
def test_zooming_keeps_what_it_is_about_in_its_column(window, share):
    about_s = window.start_s + share * window.width_s
    inside = window.zoomed(FACTOR, about_s)
    assert_sound(inside)
    assert abs(inside.cell(about_s) - window.cell(about_s)) < 0.01


@given(windows(), st.floats(-30, 30))
def test_panning_stays_inside_and_keeps_the_width(window, share):
    there = window.panned(share)
    assert_sound(there)
    assert there.width_s == pytest.approx(window.width_s, abs=1e-6)


@given(windows(), st.floats(-2_000, 2_000))
def test_the_cursor_stays_inside(window, columns):
    assert_sound(window.moved(columns))


@given(windows())
def test_a_column_further_is_one_column_or_the_window_follows(window):
    there = window.moved(1)
    if there.start_s == window.start_s and there.cursor_s < there.last_s:
        assert there.cursor == window.cursor + 1
    else:
        assert there.cursor == there.columns - 1


@given(windows(), st.data())
def test_a_column_and_its_time_agree(window, data):
    column = data.draw(st.integers(0, window.columns - 1))
    assert window.column_of(window.time_of(column)) == column
    assert window.column_of(window.time_of(column + 0.5)) == column


@given(windows(), st.floats(-200, 40_000), st.floats(0, 500))
def test_a_place_is_whole_and_the_cursor_at_its_begin(window, at_s, length_s):
    there = window.centred(at_s, at_s + length_s, 5.0)
    assert_sound(there)
    begin_s = min(max(at_s, window.first_s), window.last_s)
    end_s = min(max(at_s + length_s, begin_s), window.last_s)
    assert there.cursor_s == pytest.approx(begin_s, abs=1e-6)
    assert there.start_s - 1e-6 <= begin_s <= end_s <= there.end_s + 1e-6


def test_a_place_too_small_to_see_narrows_the_window_once():
    whole = fitted(0.0, 3_600.0, 100)
    near = whole.centred(1_000.0, 1_000.3, 5.0)
    assert (near.start_s, near.end_s) == pytest.approx((997.65, 1_002.65))
    other = near.centred(2_000.0, 2_000.0, 5.0)
    assert other.width_s == pytest.approx(5.0)
    wide = whole.centred(1_000.0, 1_400.0, 5.0)
    assert wide.width_s == 3_600.0


def test_the_window_follows_the_cursor_over_its_edge():
    window = fitted(0.0, 100.0, 10).zoomed(2.0, 0.0)
    assert (window.start_s, window.end_s) == (0.0, 50.0)
    there = window.at(45.0)
    assert (there.start_s, there.cursor) == (0.0, 9)
    further = there.moved(1)
    assert (further.start_s, further.cursor_s, further.cursor) == (5.0, 50.0, 9)
    assert further.at(0.0).start_s == 0.0


def test_nothing_is_shorter_than_the_shortest():
    window = fitted(0.0, 60.0, 80)
    for _ in range(20):
        window = window.zoomed(FACTOR)
    assert window.width_s == pytest.approx(SHORTEST_S)
    assert fitted(5.0, 5.0, 80).width_s == pytest.approx(SHORTEST_S)


@given(windows())
def test_ticks_are_in_order_and_apart(window):
    found = ticks(window)
    columns = [column for column, _ in found]
    assert columns == sorted(columns)
    assert len(found) <= window.columns + 1


def test_ticks_are_round_times():
    assert ticks(fitted(0.0, 60.0, 60)) == [
        (0, "0:00"),
        (10, "0:10"),
        (20, "0:20"),
        (30, "0:30"),
        (40, "0:40"),
        (50, "0:50"),
    ]
    near = replace(fitted(0.0, 60.0, 60), start_s=7.93, end_s=8.53)
    assert [label for _, label in ticks(near)] == [
        "0:08.0",
        "0:08.1",
        "0:08.2",
        "0:08.3",
        "0:08.4",
        "0:08.5",
    ]
    assert not math.isnan(near.step_s)
